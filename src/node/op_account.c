/* Accounts: made, changed, listed; passwords. */
#include <string.h>

#include "base/encode.h"
#include "node/caller.h"
#include "node/op_all.h"
#include "node/token.h"

static void emit(struct op_call *call, const struct account *account) {
    struct buf out = BUF_EMPTY, held = BUF_EMPTY, key = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    account_roles_write(account->roles, &held);
    buf_add_cstr(&key, "ed25519:");
    buf_add_base64(&key, span_of(account->key, sizeof account->key));
    json_begin_object(&w);
    json_member(&w, "name", account->name);
    json_member(&w, "roles", buf_span(&held));
    if (account->acts_for.len) json_member(&w, "acts_for", account->acts_for);
    json_member(&w, "key", buf_span(&key));
    json_member_truth(&w, "disabled", account->disabled);
    if (account->locked_until != TIME_NONE && account->locked_until > clock_now(call->realm->clock))
        json_member_time(&w, "locked_until", account->locked_until);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&key);
    buf_free(&held);
    buf_free(&out);
}

static enum err read_roles(struct op_call *call, unsigned *out, struct diag *d) {
    *out = 0;
    for (struct json_iter it = json_iter(json_get(call->args, "roles")); json_next(&it);) {
        struct span name = json_text(it.value, call->arena);
        unsigned role = account_role(name);
        if (!role)
            return diag_set(d, ERR_INVALID, "'%.*s' is no role: analyst, releasing, policy, auditor, administrator",
                            SPAN_ARG(span_first(name, 64)));
        *out |= role;
    }
    return ERR_NONE;
}

/* "own" (a tool of this party's), "party:ID" or "member:ID": an account that speaks TAXII and does nothing else. */
static enum err read_acts_for(struct op_call *call, bool *tool, struct span *out, struct diag *d) {
    const struct config *config = call->node->config;
    struct span whom = op_text(call, "acts_for");
    *tool = whom.len > 0;
    *out = (struct span){0};
    if (!*tool || span_is(whom, "own")) return ERR_NONE;
    *out = whom;
    struct span name = whom, kind = span_cut(&name, ':');
    if (name.len == 0 || name.len > CALLER_NAME_MAX || !(span_is(kind, "party") || span_is(kind, "member")))
        return diag_set(d, ERR_INVALID, "--for takes own, party:ID or member:ID");
    if (span_is(kind, "party") && span_is(name, config->party))
        return diag_set(d, ERR_INVALID, "%.*s is this party: --for own", SPAN_ARG(name));
    bool known = span_is(kind, "party");
    for (unsigned i = 0; i < config->members_count; i++)
        known |= span_is(name, config->members[i].id);
    return known ? ERR_NONE : diag_set(d, ERR_NOT_FOUND, "renkei.yaml names no member %.*s", SPAN_ARG(name));
}

enum { TOKENS_STAY, SESSIONS_END, TOKENS_END };

static enum err keep(struct op_call *call, const struct account *account, int tokens, struct diag *d) {
    struct store_tx *tx = NULL;
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = account_store(tx, account, clock_now(call->realm->clock), d);
    if (!e && tokens != TOKENS_STAY) e = token_delete_of(tx, account->name, tokens == TOKENS_END, call->arena, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) emit(call, account);
    return e;
}

static enum err load(struct op_call *call, struct span name, struct account *out, size_t *count, bool *last,
                     struct diag *d) {
    struct store_reader *r = NULL;
    struct account *all = NULL;
    unsigned administrators = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = account_list(r, call->arena, &all, count, d);
    store_reader_close(&r);
    bool found = false;
    for (size_t i = 0; !e && i < *count; i++) {
        administrators += all[i].roles & ROLE_ADMINISTRATOR && !all[i].disabled;
        if (!span_equal(all[i].name, name)) continue;
        *out = all[i];
        found = true;
    }
    *last = found && administrators == 1 && out->roles & ROLE_ADMINISTRATOR && !out->disabled;
    return e || found ? e : diag_set(d, ERR_NOT_FOUND, "there is no account %.*s", SPAN_ARG(span_first(name, 64)));
}

/* {"name", "roles": […] or "acts_for"}; the password is the credentials'. */
enum err op_account_add(struct op_call *call, struct diag *d) {
    struct account account, other;
    size_t count = 0;
    bool last, tool;
    unsigned held;
    struct span name = op_text(call, "name"), acts_for;
    enum err e = read_roles(call, &held, d);
    if (!e) e = read_acts_for(call, &tool, &acts_for, d);
    if (e) return e;
    e = load(call, name, &other, &count, &last, d);
    if (!e) return diag_set(d, ERR_EXISTS, "there is an account %.*s already", SPAN_ARG(name));
    if (e != ERR_NOT_FOUND) return e;
    if (held == 0 && !tool)
        return diag_set(d, ERR_INVALID, "--role says what the account may do, or --for whose TAXII client it is");
    if (held && tool) return diag_set(d, ERR_INVALID, "an account has roles, or is a TAXII client: --role or --for");
    if (count == 0 && !(held & ROLE_ADMINISTRATOR))
        return diag_set(d, ERR_INVALID, "the first account is an administrator's: it makes the others");
    e = account_make(name, call->as ? call->as->new_password : (struct span){0}, &account, d);
    account.roles = held;
    account.acts_for = acts_for;
    return e ? e : keep(call, &account, TOKENS_END, d); /* of one of that name before, if any */
}

/* {"name", "roles": […] or none, "disabled": true, false or none, "reset": true}. */
enum err op_account_change(struct op_call *call, struct diag *d) {
    struct account account;
    size_t count;
    bool last, disabled;
    unsigned held;
    enum err e = read_roles(call, &held, d);
    if (!e) e = load(call, op_text(call, "name"), &account, &count, &last, d);
    if (e) return e;
    if (held && account.acts_for.len)
        return diag_set(d, ERR_INVALID, "%.*s is somebody else's TAXII client: it has no roles",
                        SPAN_ARG(account.name));
    if (held) account.roles = held;
    if (json_bool(json_get(call->args, "disabled"), &disabled)) {
        account.disabled = disabled;
        account.failures = 0;
        account.locked_until = TIME_NONE; /* enabled again, it is not locked either */
    }
    if (last && (account.disabled || !(account.roles & ROLE_ADMINISTRATOR)))
        return diag_set(d, ERR_DENIED, "it is the last administrator: nobody could change it back");
    if (op_flag(call, "reset")) /* another key, too: what was signed with the old one stays signed */
        e = account_set_password(&account, (struct span){0}, call->as ? call->as->new_password : (struct span){0}, d);
    return e ? e : keep(call, &account, op_flag(call, "reset") ? TOKENS_END : TOKENS_STAY, d);
}

/* One's own. Logins end with it: who changes a password may have lost it. */
enum err op_account_password(struct op_call *call, struct diag *d) {
    if (!call->account) return diag_set(d, ERR_DENIED, "this node has no accounts yet: account add makes the first");
    if (call->token.len) return diag_set(d, ERR_DENIED, "--as NAME: changing a password needs the one before");
    struct account account = *call->account;
    enum err e = account_set_password(&account, call->as->password, call->as->new_password, d);
    return e ? e : keep(call, &account, SESSIONS_END, d);
}

enum err op_account_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct account *all = NULL;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = account_list(r, call->arena, &all, &count, d);
    store_reader_close(&r);
    for (size_t i = 0; !e && i < count; i++) emit(call, &all[i]);
    return e;
}
