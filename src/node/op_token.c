/* Tokens: made by whoever has a password, listed, taken back; and logins, which are tokens for a few hours. */
#include <string.h>

#include "node/op_all.h"
#include "node/token.h"

static void emit(struct op_call *call, const struct token *token, struct span text) {
    struct buf out = BUF_EMPTY, held = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    account_roles_write(token->roles, &held);
    if (token->taxii) buf_add_cstr(&held, held.len ? ", taxii" : "taxii");
    json_begin_object(&w);
    json_member(&w, "id", token->id);
    json_member(&w, "account", token->account);
    json_member(&w, "scopes", buf_span(&held));
    json_member(&w, "note", token->note);
    json_member_truth(&w, "session", token->session);
    json_member_time(&w, "made", token->made);
    json_member_time(&w, "expires", token->expires);
    json_member_truth(&w, "ended", token->expires <= clock_now(call->realm->clock));
    if (text.len) json_member(&w, "token", text);
    json_end_object(&w);
    op_emit(call, &out);
    buf_wipe(&out);
    buf_free(&held);
}

/* "analyst", "taxii", …: of the caller's account. */
static enum err read_scopes(struct op_call *call, struct token *out, struct diag *d) {
    for (struct json_iter it = json_iter(json_get(call->args, "scopes")); json_next(&it);) {
        struct span name = json_text(it.value, call->arena);
        unsigned role = account_role(name);
        if (span_is(name, "taxii"))
            out->taxii = true;
        else if (!role)
            return diag_set(
                d, ERR_INVALID,
                "'%.*s' is no scope: analyst, releasing, policy, auditor and administrator, as far as one has them, "
                "and taxii",
                SPAN_ARG(span_first(name, 64)));
        else if (!(call->account->roles & role))
            return diag_set(d, ERR_DENIED, "%.*s does not have the role of %.*s", SPAN_ARG(call->account->name),
                            SPAN_ARG(name));
        out->roles |= role;
    }
    return ERR_NONE;
}

static enum err check_count(struct op_call *call, struct store_tx *tx, struct diag *d) {
    struct token *tokens = NULL;
    size_t count = 0, own = 0;
    time_us now = clock_now(call->realm->clock);
    enum err e = token_list(store_tx_reader(tx), call->arena, &tokens, &count, d);
    for (size_t i = 0; i < count && !e; i++) {
        if (!span_equal(tokens[i].account, call->account->name)) continue;
        if (tokens[i].expires <= now) /* nobody misses it; the audit remembers */
            e = token_delete(tx, tokens[i].id, d);
        else
            own++;
    }
    if (!e && own >= TOKEN_PER_ACCOUNT_MAX)
        e = diag_set(d, ERR_LIMIT, "%.*s has %d tokens already: `token revoke` those not needed",
                     SPAN_ARG(call->account->name), TOKEN_PER_ACCOUNT_MAX);
    return e;
}

/* {"scopes": […], "note", "seconds", "session": true for a login, of all the account's roles}: for the caller's own
 * account. The text is in the result, and nowhere else. */
enum err op_token_add(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct buf text = BUF_EMPTY;
    time_us now = clock_now(call->realm->clock);
    int64_t seconds = op_number(call, "seconds", 0);
    if (!call->account) return diag_set(d, ERR_DENIED, "this node has no accounts yet: account add makes the first");
    if (call->token.len) return diag_set(d, ERR_DENIED, "a token makes no tokens: --as NAME, with the password");
    if (seconds < 1 || seconds > 2 * (int64_t)TOKEN_DAYS_MAX * 86400)
        return diag_set(d, ERR_INVALID, "a token lives a second at least, and %d days at most", TOKEN_DAYS_MAX);
    struct token token = {.account = call->account->name,
                          .note = op_text(call, "note"),
                          .session = op_flag(call, "session"),
                          .expires = now + seconds * TIME_US_PER_S};
    if (token.session) token.roles = call->account->roles;
    enum err e = read_scopes(call, &token, d);
    if (!e) e = token_make(&token, now, call->arena, &text, d);
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = check_count(call, tx, d);
    if (!e) e = token_store(tx, &token, now, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) emit(call, &token, buf_span(&text));
    buf_wipe(&text);
    return e;
}

enum err op_token_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct token *all = NULL;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = token_list(r, call->arena, &all, &count, d);
    store_reader_close(&r);
    for (size_t i = 0; !e && i < count; i++) emit(call, &all[i], (struct span){0});
    return e;
}

/* {"id"}, or none for the token the caller came with. One's own; an administrator's, anybody's. */
enum err op_token_revoke(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct token *all = NULL, *found = NULL;
    size_t count = 0;
    struct span id = op_text(call, "id");
    if (id.len == 0) id = call->token;
    if (id.len == 0) return diag_set(d, ERR_INVALID, "which token? `token list` shows their ids");
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = token_list(store_tx_reader(tx), call->arena, &all, &count, d);
    for (size_t i = 0; !e && i < count; i++)
        if (span_equal(all[i].id, id)) found = &all[i];
    bool may = found && (!call->account || call->account->roles & ROLE_ADMINISTRATOR ||
                         span_equal(found->account, call->account->name));
    if (!e && !found) e = diag_set(d, ERR_NOT_FOUND, "there is no token %.*s", SPAN_ARG(span_first(id, 64)));
    if (!e && !may)
        e = diag_set(d, ERR_DENIED, "it is %.*s's: they or an administrator take it back", SPAN_ARG(found->account));
    if (!e) e = token_delete(tx, id, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) emit(call, found, (struct span){0});
    return e;
}
