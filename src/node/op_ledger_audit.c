/* The whole record gone through: every ledger published and received, with bodies and salts, and the audit's chain. */
#include <stdio.h>

#include "ledger/merkle.h"
#include "ledger/record.h"
#include "node/audit.h"
#include "node/op_all.h"
#include "node/op_ledger.h"
#include "share/ledgercheck.h"

enum { AUDIT_ARENA_MAX = 1 << 30, AUDIT_PAGE = 1000 };

/* What was found out about one ledger. */
struct audited {
    const char *role; /* "published", "received" */
    struct span origin;
    uint64_t size, releases, served, withdrawn, erased;
};

static void emit(struct op_call *call, const struct audited *x, enum err e, const struct diag *d) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "role", x->role);
    json_member(&w, "origin", x->origin);
    json_member_number(&w, "size", (int64_t)x->size);
    json_member_number(&w, "releases", (int64_t)x->releases);
    json_member_number(&w, "opened", (int64_t)x->served);
    json_member_number(&w, "withdrawn", (int64_t)x->withdrawn);
    json_member_number(&w, "erased", (int64_t)x->erased);
    json_member_truth(&w, "verified", e == ERR_NONE);
    if (e) json_member_cstr(&w, "message", d->message);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* ---- published ---- */

struct auditing {
    struct op_call *call;
    uint64_t total;
};

static void show_progress(void *context, uint64_t done) {
    const struct auditing *x = context;
    op_progress(x->call, "auditing", "entries", done, x->total);
}

static enum err audit_own(struct op_call *call, struct store_reader *r, const struct store_ledger *l, struct diag *d) {
    struct share_context c;
    struct sha256 root;
    struct node_view *v = node_view(call->node);
    struct auditing progress = {call, l->size};
    struct ledgercheck_audit audit = {.context = &c};
    node_share_context(call->node, call->realm, v, &c);
    enum err e = ledgercheck_run(r, l, show_progress, &progress, &audit, &root, d);
    if (!e) e = op_ledger_check_head(call, l->checkpoint, l->origin, l->publisher, v->own.log_key, l->size, &root, d);
    node_view_release(call->node, &v);
    if (!op_ledger_is_verdict(e)) return e;
    struct audited x = {"published", l->origin, l->size, audit.releases, audit.served, audit.withdrawn, audit.erased};
    emit(call, &x, e, d);
    return ERR_NONE;
}

/* ---- received ---- */

struct received {
    struct store_reader *reader;
    struct ledger_tree tree;
    time_us last;
    struct arena *a;
    struct audited *x;
};

static enum err wrong(uint64_t seq, const char *what, struct diag *d) {
    return diag_set(d, ERR_VERIFY, "entry %llu: %s", (unsigned long long)seq, what);
}

/* The object held must be the one that the record commits to, as long as it is held and its salt is. */
static enum err open_release(struct received *c, const struct store_received *e, const struct ledger_record *record,
                             struct diag *d) {
    struct store_holding h;
    c->x->releases++;
    c->x->withdrawn += e->withdrawn;
    if (e->holding == 0) return ERR_NONE; /* rejected here, or taken back before it came */
    enum err err = store_holding_get(c->reader, e->holding, c->a, &h, d);
    if (err == ERR_NOT_FOUND || (!err && e->salt.len == 0)) {
        c->x->erased++;
        return e->salt.len == 0 ? ERR_NONE : wrong(e->seq, "what it brought is gone, but its salt is not", d);
    }
    if (err) return err;
    if (e->salt.len != LEDGER_SALT_SIZE) return wrong(e->seq, "its salt is damaged", d);
    struct sha256 commitment = ledger_commitment((const uint8_t *)e->salt.at, h.body);
    c->x->served++;
    if (!sha256_equal(&commitment, &record->commitment))
        return wrong(e->seq, "the object held is not the one that was received", d);
    return span_equal(h.stix_id, record->object_id) ? ERR_NONE
                                                    : wrong(e->seq, "it is filed under another object's id", d);
}

static enum err take(struct received *c, const struct store_received *e, struct diag *d) {
    struct ledger_record record;
    struct sha256 leaf = ledger_leaf_hash(e->record);
    if (e->seq != c->tree.size) return wrong(c->tree.size, "it is missing", d);
    enum err err = ledger_record_read(c->a, e->record, &record, d);
    if (err) return err == ERR_NOMEM ? err : wrong(e->seq, "its record cannot be read", d);
    if (record.seq != e->seq) return wrong(e->seq, "its record is of another place", d);
    if (c->last != TIME_NONE && record.time <= c->last)
        return wrong(e->seq, "its time does not come after the one before", d);
    c->last = record.time;
    ledger_tree_append(&c->tree, &leaf);
    return record.kind == LEDGER_RELEASE ? open_release(c, e, &record, d) : ERR_NONE;
}

static enum err walk(struct op_call *call, struct received *c, struct diag *d) {
    enum err e = ERR_NONE;
    for (size_t got = 1; !e && got > 0;) {
        struct store_received *records;
        arena_reset(c->a);
        e = store_received_scan(c->reader, c->x->origin, c->tree.size, AUDIT_PAGE, c->a, &records, &got, d);
        for (size_t k = 0; !e && k < got; k++) e = take(c, &records[k], d);
        op_progress(call, "auditing what was received", "entries", c->tree.size, 0);
    }
    return e;
}

/* A partner's log key may have rotated since, and the partner may not be trusted any more: any card of it will do. */
static enum err audit_received(struct op_call *call, struct store_reader *r, const struct store_document *head,
                               struct diag *d) {
    struct arena a;
    struct audited x = {.role = "received", .origin = head->key};
    struct received c = {.reader = r, .last = TIME_NONE, .a = &a, .x = &x};
    arena_init(&a, AUDIT_ARENA_MAX);
    ledger_tree_init(&c.tree);
    enum err e = walk(call, &c, d);
    if (!e) e = op_ledger_check_received(call, r, head->body, head->key, &c.tree, d);
    x.size = c.tree.size;
    arena_free(&a);
    if (!op_ledger_is_verdict(e)) return e;
    emit(call, &x, e, d);
    return ERR_NONE;
}

static enum err audit_all_received(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_document *docs;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = store_reader_snapshot(r, d);
    if (!e) e = store_document_list(r, "received-checkpoint", call->arena, &docs, &count, d);
    for (size_t i = 0; !e && i < count; i++) e = audit_received(call, r, &docs[i], d);
    store_reader_close(&r);
    return e;
}

/* ---- all ---- */

/* What everybody did: the audit log's own chain. */
static enum err audit_chain(struct op_call *call, struct diag *d) {
    struct audit_head known = {0};
    struct audit_report report = {0};
    enum err e = audit_verify(call->node, call->realm, &known, &report, d);
    struct audited x = {.role = "audit log", .origin = SPAN("audit"), .size = report.newest.number};
    if (e && e != ERR_VERIFY) return e;
    emit(call, &x, e, d);
    return ERR_NONE;
}

/* {}: each verdict is a result. */
enum err op_ledger_audit(struct op_call *call, struct diag *d) {
    enum err e = op_each_ledger(call, (struct span){0}, audit_own, d);
    if (!e) e = audit_all_received(call, d);
    return e ? e : audit_chain(call, d);
}
