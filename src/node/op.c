#include "node/op.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "node/audit.h"
#include "node/op_all.h"
#include "node/socket.h"

enum { CALL_ARENA_MAX = 1 << 30, AUDIT_DETAIL_MAX = 4096 };

static const struct op operations[] = {
    {"card", NODE_READ, op_card},
    {"party.add", NODE_WRITE, op_party_add},
    {"party.list", NODE_READ, op_party_list},
    {"party.remove", NODE_WRITE, op_party_remove},
    {"key.rotate", NODE_WRITE, op_key_rotate},
    {"agreement.sign", NODE_WRITE, op_agreement_sign},
    {"agreement.add", NODE_WRITE, op_agreement_add},
    {"agreement.diff", NODE_READ, op_agreement_diff},
    {"agreement.list", NODE_READ, op_agreement_list},
    {"agreement.show", NODE_READ, op_agreement_show},
    {"agreement.consent.give", NODE_WRITE, op_consent_give},
    {"agreement.consent.add", NODE_WRITE, op_consent_add},
    {"agreement.consent.remove", NODE_WRITE, op_consent_remove},
    {"agreement.consent.list", NODE_READ, op_consent_list},
    {"agreement.consent.wanted", NODE_READ, op_consent_wanted},
    {"agreement.terminate", NODE_WRITE, op_agreement_terminate},
    {"agreement.terminated", NODE_WRITE, op_agreement_terminated},
    {"import.stix", NODE_WRITE, op_import_stix},
    {"import.list", NODE_WRITE, op_import_list},
    {"search", NODE_WRITE, op_search},
    {"show", NODE_READ, op_show},
    {"release", NODE_WRITE, op_release},
    {"why", NODE_READ, op_why},
    {"withdraw", NODE_WRITE, op_withdraw},
    {"withdraw.no_longer", NODE_WRITE, op_withdraw_no_longer},
    {"disclosed", NODE_READ, op_disclosed},
    {"ledger.show", NODE_READ, op_ledger_show},
    {"ledger.entries", NODE_READ, op_ledger_entries},
    {"ledger.verify", NODE_READ, op_ledger_verify},
    {"ledger.prove", NODE_READ, op_ledger_prove},
    {"sighting.add", NODE_WRITE, op_sighting_add},
    {"warninglist.add", NODE_WRITE, op_warninglist_add},
    {"warninglist.list", NODE_READ, op_warninglist_list},
    {"warninglist.show", NODE_READ, op_warninglist_show},
    {"warninglist.remove", NODE_WRITE, op_warninglist_remove},
    {"warninglist.check", NODE_READ, op_warninglist_check},
    {"suppress.add", NODE_WRITE, op_suppress_add},
    {"suppress.list", NODE_READ, op_suppress_list},
    {"suppress.remove", NODE_WRITE, op_suppress_remove},
    {"audit.list", NODE_READ, op_audit_list},
    {"audit.verify", NODE_READ, op_audit_verify},
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

enum err op_run(const struct op *op, struct op_call *call, struct diag *d) {
    enum err e = op->run(call, d);
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

enum err op_dispatch(const char *home, struct op_table table, const char *name, struct span args, const int *fds,
                     size_t fd_count, const struct op_listener *listener, struct diag *d) {
    const struct op *op = op_find(table, span_cstr(name));
    bool reached = false;
    if (!op) return diag_set(d, ERR_INTERNAL, "no operation %s", name);
    if (op->mode == NODE_WRITE) {
        enum err e = socket_call(home, name, args, fds, fd_count, listener, &reached, d);
        return reached ? e : socket_call_child(home, table, op, args, fds, fd_count, listener, d);
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
