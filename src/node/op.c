#include "node/op.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "node/audit.h"
#include "node/op_all.h"
#include "node/socket.h"
#include "node/token.h"

enum { CALL_ARENA_MAX = 1 << 30, AUDIT_DETAIL_MAX = 4096 };

static const struct op operations[] = {
    {"card", NODE_READ, op_card},
    {"party.add", NODE_WRITE, op_party_add, ROLE_ADMINISTRATOR},
    {"party.list", NODE_READ, op_party_list},
    {"party.remove", NODE_WRITE, op_party_remove, ROLE_ADMINISTRATOR},
    {"key.rotate", NODE_WRITE, op_key_rotate, ROLE_ADMINISTRATOR},
    {"agreement.sign", NODE_WRITE, op_agreement_sign, ROLE_POLICY},
    {"agreement.add", NODE_WRITE, op_agreement_add, ROLE_POLICY},
    {"agreement.diff", NODE_READ, op_agreement_diff},
    {"agreement.list", NODE_READ, op_agreement_list},
    {"agreement.show", NODE_READ, op_agreement_show},
    {"agreement.consent.give", NODE_WRITE, op_consent_give, ROLE_RELEASING},
    {"agreement.consent.add", NODE_WRITE, op_consent_add, ROLE_RELEASING},
    {"agreement.consent.remove", NODE_WRITE, op_consent_remove, ROLE_RELEASING},
    {"agreement.consent.list", NODE_READ, op_consent_list},
    {"agreement.consent.wanted", NODE_READ, op_consent_wanted},
    {"agreement.terminate", NODE_WRITE, op_agreement_terminate, ROLE_POLICY},
    {"agreement.terminated", NODE_WRITE, op_agreement_terminated, ROLE_POLICY},
    {"import.stix", NODE_WRITE, op_import_stix, ROLE_ANALYST},
    {"import.list", NODE_WRITE, op_import_list, ROLE_ANALYST},
    {"import.misp", NODE_WRITE, op_import_misp, ROLE_ANALYST},
    {"search", NODE_WRITE, op_search},
    {"show", NODE_READ, op_show},
    {"release", NODE_WRITE, op_release, ROLE_RELEASING},
    {"why", NODE_READ, op_why},
    {"withdraw", NODE_WRITE, op_withdraw, ROLE_RELEASING},
    {"withdraw.no_longer", NODE_WRITE, op_withdraw_no_longer, ROLE_RELEASING},
    {"erase", NODE_WRITE, op_erase, ROLE_RELEASING},
    {"erase.accept", NODE_WRITE, op_erase_accept, ROLE_RELEASING},
    {"erase.refuse", NODE_WRITE, op_erase_refuse, ROLE_RELEASING},
    {"erase.lift", NODE_WRITE, op_erase_lift, ROLE_RELEASING},
    {"erase.scrub", NODE_WRITE, op_erase_scrub, ROLE_RELEASING | ROLE_ADMINISTRATOR},
    {"erase.list", NODE_READ, op_erase_list},
    {"erase.requests", NODE_READ, op_erase_requests},
    {"disclosed", NODE_READ, op_disclosed},
    {"ledger.show", NODE_READ, op_ledger_show},
    {"ledger.entries", NODE_READ, op_ledger_entries},
    {"ledger.verify", NODE_READ, op_ledger_verify},
    {"ledger.prove", NODE_READ, op_ledger_prove},
    {"ledger.alarms", NODE_READ, op_ledger_alarms},
    {"ledger.audit", NODE_READ, op_ledger_audit},
    {"ledger.check_receipt", NODE_READ, op_ledger_check_receipt},
    {"sighting.add", NODE_WRITE, op_sighting_add, ROLE_ANALYST},
    {"warninglist.add", NODE_WRITE, op_warninglist_add, ROLE_ANALYST},
    {"warninglist.list", NODE_READ, op_warninglist_list},
    {"warninglist.show", NODE_READ, op_warninglist_show},
    {"warninglist.remove", NODE_WRITE, op_warninglist_remove, ROLE_ANALYST},
    {"warninglist.check", NODE_READ, op_warninglist_check},
    {"suppress.add", NODE_WRITE, op_suppress_add, ROLE_ANALYST},
    {"suppress.list", NODE_READ, op_suppress_list},
    {"suppress.remove", NODE_WRITE, op_suppress_remove, ROLE_ANALYST},
    {"account.add", NODE_WRITE, op_account_add, ROLE_ADMINISTRATOR},
    {"account.change", NODE_WRITE, op_account_change, ROLE_ADMINISTRATOR},
    {"account.password", NODE_WRITE, op_account_password},
    {"account.list", NODE_READ, op_account_list},
    {"token.add", NODE_WRITE, op_token_add},
    {"token.list", NODE_READ, op_token_list},
    {"token.revoke", NODE_WRITE, op_token_revoke},
    {"policy.install", NODE_WRITE, op_policy_install, ROLE_POLICY},
    {"policy.show", NODE_READ, op_policy_show},
    {"queue.list", NODE_WRITE, op_queue_list},
    {"queue.approve", NODE_WRITE, op_queue_approve, ROLE_RELEASING},
    {"queue.refuse", NODE_WRITE, op_queue_refuse, ROLE_RELEASING},
    {"collection.create", NODE_WRITE, op_collection_create, ROLE_ADMINISTRATOR},
    {"collection.list", NODE_READ, op_collection_list},
    {"collection.show", NODE_READ, op_collection_show},
    {"collection.grant", NODE_WRITE, op_collection_grant, ROLE_ADMINISTRATOR},
    {"collection.revoke", NODE_WRITE, op_collection_revoke, ROLE_ADMINISTRATOR},
    {"collection.delete", NODE_WRITE, op_collection_delete, ROLE_ADMINISTRATOR},
    {"quarantine.list", NODE_READ, op_quarantine_list},
    {"quarantine.accept", NODE_WRITE, op_quarantine_accept, ROLE_RELEASING},
    {"quarantine.refuse", NODE_WRITE, op_quarantine_refuse, ROLE_RELEASING},
    {"audit.list", NODE_READ, op_audit_list},
    {"audit.verify", NODE_READ, op_audit_verify},
    {"backup", NODE_READ, op_backup},
    {"restore.status", NODE_READ, op_restore_status},
    {"restore.close", NODE_WRITE, op_restore_close, ROLE_ADMINISTRATOR},
    {"export", NODE_READ, op_export},
    {"status", NODE_READ, op_status},
};

struct op_table node_operations(void) {
    return (struct op_table){operations, sizeof operations / sizeof *operations};
}

const struct op *op_find(struct op_table table, struct span name) {
    for (size_t i = 0; i < table.count; i++)
        if (span_is(name, table.ops[i].name)) return &table.ops[i];
    return NULL;
}

static void audit(const struct op *op, const struct op_call *call, enum err outcome, const struct diag *d) {
    struct diag trouble;
    struct store_audit entry = {.time = clock_now(call->realm->clock),
                                .actor = span_cstr(call->actor),
                                .operation = span_cstr(op->name),
                                .detail = span_first(json_raw(call->args), AUDIT_DETAIL_MAX),
                                .outcome = outcome ? span_cstr(d->message) : SPAN("done")};
    enum err e = audit_add(call->node, call->realm, &entry, &trouble);
    if (e) log_error("no audit entry for %s by %s: %s", op->name, call->actor, trouble.message);
}

static enum err prove_token(struct op_call *call, struct account *account, struct diag *d) {
    struct store_reader *r = NULL;
    struct token token;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = token_prove(r, clock_now(call->realm->clock), call->as->token, call->arena, &token, account, d);
    store_reader_close(&r);
    if (!e) call->token = token.id;
    struct span actor = e ? arena_printf(call->arena, "%s with a token that does not hold", call->actor)
                          : arena_printf(call->arena, "%s as %.*s by token %.*s", call->actor, SPAN_ARG(account->name),
                                         SPAN_ARG(token.id));
    if (actor.at) call->actor = actor.at;
    return e;
}

static enum err prove_password(struct op_call *call, struct account *account, struct diag *d) {
    enum err e = account_prove(call->realm->store, clock_now(call->realm->clock), call->as->name, call->as->password,
                               call->arena, account, d);
    struct span actor = arena_printf(call->arena, e ? "%s, not proven to be %.*s" : "%s as %.*s", call->actor,
                                     SPAN_ARG(span_first(call->as->name, ACCOUNT_NAME_MAX)));
    if (actor.at) call->actor = actor.at;
    return e;
}

/* Whoever asks for what writes has an account and a role, once there are accounts. */
static enum err permit(const struct op *op, struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_document *accounts;
    struct account *account;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = store_document_list(r, ACCOUNT_KIND, call->arena, &accounts, &count, d);
    store_reader_close(&r);
    if (e || count == 0) return e;
    if (!call->as || (call->as->name.len == 0 && call->as->token.len == 0))
        return diag_set(d, ERR_DENIED, "this node has accounts: --as NAME says who you are, or `renkei login NAME`");
    account = arena_zalloc(call->arena, 1, sizeof *account);
    if (!account) return diag_set(d, ERR_NOMEM, "no memory for an account");
    e = call->as->name.len ? prove_password(call, account, d) : prove_token(call, account, d);
    if (e) return e;
    call->account = account;
    if (op->roles == 0 || account->roles & op->roles) return ERR_NONE;
    struct buf needed = BUF_EMPTY;
    account_roles_write(op->roles, &needed);
    e = diag_set(d, ERR_DENIED, "%s needs the role of %.*s, which %s%.*s does not have", op->name,
                 SPAN_ARG(buf_span(&needed)), call->token.len ? "this token of " : "", SPAN_ARG(account->name));
    buf_free(&needed);
    return e;
}

enum err op_run(const struct op *op, struct op_call *call, struct diag *d) {
    enum err e = op->mode == NODE_WRITE ? permit(op, call, d) : ERR_NONE;
    if (!e) e = op->run(call, d);
    if (op->mode == NODE_WRITE) audit(op, call, e, d);
    return e;
}

static enum err run_here(const char *home, const struct op *op, struct span args, const int *fds, size_t fd_count,
                         const struct op_listener *listener, struct diag *d) {
    struct node *n = NULL;
    struct arena a;
    struct json_doc doc;
    char actor[32];
    arena_init(&a, CALL_ARENA_MAX);
    snprintf(actor, sizeof actor, "uid:%u", (unsigned)getuid());
    enum err e = node_open(home, op->mode, &n, d);
    if (!e) e = json_parse(&a, args, &doc, d);
    if (!e) {
        struct op_call call = {.node = n,
                               .realm = &n->live,
                               .args = json_root(&doc),
                               .fds = fds,
                               .fd_count = fd_count,
                               .actor = actor,
                               .arena = &a,
                               .listener = listener};
        e = op_run(op, &call, d);
    }
    node_close(&n);
    arena_free(&a);
    return e;
}

enum err op_dispatch(const char *home, struct op_table table, const char *name, struct span args,
                     const struct op_credentials *as, const int *fds, size_t fd_count,
                     const struct op_listener *listener, struct diag *d) {
    const struct op *op = op_find(table, span_cstr(name));
    bool reached = false;
    if (!op) return diag_set(d, ERR_INTERNAL, "no operation %s", name);
    if (op->mode == NODE_WRITE) {
        enum err e = socket_call(home, name, args, as, fds, fd_count, listener, &reached, d);
        return reached ? e : socket_call_child(home, table, op, args, as, fds, fd_count, listener, d);
    }
    return run_here(home, op, args, fds, fd_count, listener, d);
}

struct span op_text(const struct op_call *call, const char *name) {
    return json_text(json_get(call->args, name), call->arena);
}

bool op_flag(const struct op_call *call, const char *name) {
    bool flag = false;
    return json_bool(json_get(call->args, name), &flag) && flag;
}

int64_t op_number(const struct op_call *call, const char *name, int64_t absent) {
    int64_t n;
    return json_int(json_get(call->args, name), &n) ? n : absent;
}

void op_emit(const struct op_call *call, const struct buf *json) {
    if (call->listener && call->listener->result && buf_ok(json))
        call->listener->result(call->listener->context, buf_span(json));
}

void op_progress(const struct op_call *call, const char *what, const char *unit, uint64_t done, uint64_t total) {
    if (call->listener && call->listener->progress)
        call->listener->progress(call->listener->context, what, unit, done, total);
}
