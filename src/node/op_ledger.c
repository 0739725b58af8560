/* Ledgers: shown, verified from the first entry to the checkpoint, proved entry by entry. */
#include <stdio.h>

#include "base/encode.h"
#include "ledger/merkle.h"
#include "ledger/note.h"
#include "ledger/record.h"
#include "node/op_all.h"
#include "node/op_ledger.h"
#include "share/ledgercheck.h"

enum { VERIFY_PAGE = 2000, VERIFY_ARENA_MAX = 1 << 30, ENTRIES_LIMIT = 50 };

static const char *const entry_states[] = {"current", "superseded", "withdrawn", "record"};

/* ---- show
 * ----------------------------------------------------------------------------------------------------------------- */

static void emit_ledger(struct op_call *call, const struct store_ledger *l) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "publisher", l->publisher);
    json_member(&w, "recipient", l->recipient);
    json_member(&w, "origin", l->origin);
    json_member(&w, "collection", l->collection);
    json_member(&w, "lineage", l->lineage);
    json_member_number(&w, "size", (int64_t)l->size);
    json_member_time(&w, "last", l->last_time);
    json_member_number(&w, "cosigned_size", (int64_t)l->cosigned_size);
    json_member_time(&w, "cosigned", l->cosigned_size ? l->cosigned_time : TIME_NONE);
    json_member(&w, "checkpoint", l->checkpoint);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

enum err op_each_ledger(struct op_call *call, struct span recipient,
                        enum err (*each)(struct op_call *, struct store_reader *, const struct store_ledger *,
                                         struct diag *),
                        struct diag *d) {
    struct store_reader *r = NULL;
    struct store_ledger *ledgers;
    size_t count = 0, found = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = store_reader_snapshot(r, d); /* a running server goes on writing */
    if (!e) e = store_ledger_list(r, call->arena, &ledgers, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        if (recipient.len && !span_equal(recipient, ledgers[i].recipient)) continue;
        found++;
        e = each(call, r, &ledgers[i], d);
    }
    if (!e && found == 0 && recipient.len)
        e = diag_set(d, ERR_NOT_FOUND, "there is no ledger to %.*s: an agreement with it makes one",
                     SPAN_ARG(recipient));
    store_reader_close(&r);
    return e;
}

static enum err show_one(struct op_call *call, struct store_reader *r, const struct store_ledger *l, struct diag *d) {
    emit_ledger(call, l);
    return ERR_NONE;
}

/* {"to"}: ledgers this node publishes. */
enum err op_ledger_show(struct op_call *call, struct diag *d) {
    return op_each_ledger(call, op_text(call, "to"), show_one, d);
}

static void emit_entry(struct op_call *call, const struct store_entry *e) {
    struct buf out = BUF_EMPTY;
    char text[TIME_TEXT_SIZE];
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_number(&w, "seq", (int64_t)e->seq);
    json_member_cstr(&w, "time", time_format_us(e->time, text));
    json_member_cstr(&w, "state", entry_states[e->state]);
    json_member(&w, "id", e->stix_id);
    json_key(&w, "record");
    json_splice(&w, e->record);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static enum err entries_one(struct op_call *call, struct store_reader *r, const struct store_ledger *l,
                            struct diag *d) {
    struct store_entry_query q = {.ledger = l->id,
                                  .from_seq = (uint64_t)op_number(call, "from", 0),
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .records = true,
                                  .limit = (size_t)op_number(call, "limit", ENTRIES_LIMIT),
                                  .with_record = true};
    struct store_entry *entries;
    size_t count = 0;
    if (q.limit > STORE_PAGE_MAX) q.limit = STORE_PAGE_MAX;
    enum err e = store_entry_scan(r, &q, call->arena, &entries, &count, d);
    for (size_t i = 0; !e && i < count; i++) emit_entry(call, &entries[i]);
    return e;
}

/* {"to","from": first seq,"limit"}. */
enum err op_ledger_entries(struct op_call *call, struct diag *d) {
    return op_each_ledger(call, op_text(call, "to"), entries_one, d);
}

/* ---- alarms ---- */

/* What partners' ledgers were caught at, with both signed heads: the evidence. */
enum err op_ledger_alarms(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_document *docs;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = store_document_list(r, NODE_CONFLICT_KIND, call->arena, &docs, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct buf out = BUF_EMPTY;
        buf_add(&out, docs[i].body);
        op_emit(call, &out);
        buf_free(&out);
    }
    store_reader_close(&r);
    return e;
}

/* ---- verify
 * ----------------------------------------------------------------------------------------------------------------- */

static void emit_verdict(struct op_call *call, struct span origin, uint64_t size, enum err e, const struct diag *d) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "origin", origin);
    json_member_number(&w, "size", (int64_t)size);
    json_member_truth(&w, "verified", e == ERR_NONE);
    if (e) json_member_cstr(&w, "message", d->message);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

enum err op_ledger_check_head(struct op_call *call, struct span note, struct span origin, struct span name,
                              const uint8_t *log_key, uint64_t size, const struct sha256 *root, struct diag *d) {
    struct ledger_checkpoint head;
    struct ledger_key key;
    enum err e = ledger_key_make(LEDGER_KEY_LOG, name, log_key, &key, d);
    if (!e) e = ledger_note_open(call->arena, note, &key, origin, &head, d);
    if (e) return e;
    if (head.size != size)
        return diag_set(d, ERR_VERIFY, "the checkpoint is of %llu entries, but there are %llu",
                        (unsigned long long)head.size, (unsigned long long)size);
    if (!sha256_equal(root, &head.root))
        return diag_set(d, ERR_VERIFY, "the entries do not make the root that the checkpoint signs");
    return ERR_NONE;
}

struct verifying {
    struct op_call *call;
    uint64_t total;
};

static void verified(void *context, uint64_t done) {
    const struct verifying *v = context;
    op_progress(v->call, "verifying", "entries", done, v->total);
}

bool op_ledger_is_verdict(enum err e) {
    return e == ERR_NONE || e == ERR_VERIFY || e == ERR_SYNTAX || e == ERR_INVALID || e == ERR_LIMIT;
}

static enum err verify_one(struct op_call *call, struct store_reader *r, const struct store_ledger *l, struct diag *d) {
    struct node_view *v = node_view(call->node);
    struct verifying progress = {call, l->size};
    struct sha256 root;
    enum err e = ledgercheck_run(r, l, verified, &progress, NULL, &root, d);
    if (!e) e = op_ledger_check_head(call, l->checkpoint, l->origin, l->publisher, v->own.log_key, l->size, &root, d);
    node_view_release(call->node, &v);
    if (!op_ledger_is_verdict(e)) return e;
    emit_verdict(call, l->origin, l->size, e, d);
    return ERR_NONE; /* the verdict is the result */
}

/* Signed with the log key of any card the party has had: its keys may have rotated since it was seen. */
enum err op_ledger_check_received(struct op_call *call, struct store_reader *r, struct span note, struct span origin,
                                  const struct ledger_tree *tree, struct diag *d) {
    struct span rest = origin, party;
    (void)span_cut(&rest, '/');
    party = span_cut(&rest, '/');
    struct sha256 root = ledger_tree_root(tree);
    struct store_document *docs;
    size_t count;
    enum err e = store_document_list(r, "card", call->arena, &docs, &count, d);
    if (e) return e;
    e = diag_set(d, ERR_VERIFY, "no card of %.*s is kept", SPAN_ARG(party));
    for (size_t i = count; i > 0 && e; i--) {
        struct card card;
        if (card_read(call->arena, docs[i - 1].body, &card, d) || !span_equal_nocase(card.party, party)) continue;
        e = op_ledger_check_head(call, note, origin, card.party, card.log_key, tree->size, &root, d);
    }
    return e;
}

/* A partner's ledger, from the records kept of it, against the checkpoint last seen and checked. */
static enum err verify_received(struct op_call *call, struct store_reader *r, struct span party, struct diag *d) {
    struct store_document *docs;
    size_t count, found = 0;
    struct arena a;
    char head[80];
    struct node_view *v = node_view(call->node);
    bool trusted = false;
    for (size_t i = 0; i < v->partner_count; i++) trusted = trusted || span_equal(v->partners[i].party, party);
    int len = snprintf(head, sizeof head, "renkei/%.*s/", SPAN_ARG(party));
    for (int i = 7; i < len; i++)
        if (head[i] >= 'A' && head[i] <= 'Z') head[i] = (char)(head[i] + 32);
    enum err e = trusted
                     ? store_document_list(r, "received-checkpoint", call->arena, &docs, &count, d)
                     : diag_set(d, ERR_NOT_FOUND, "%.*s is not a trusted party (renkei party list)", SPAN_ARG(party));
    arena_init(&a, VERIFY_ARENA_MAX);
    for (size_t i = 0; !e && i < count; i++) {
        struct ledger_tree tree;
        if (!span_starts(docs[i].key, span_cstr(head))) continue;
        found++;
        ledger_tree_init(&tree);
        for (size_t got = 1; !e && got > 0;) {
            struct store_received *records;
            arena_reset(&a);
            e = store_received_scan(r, docs[i].key, tree.size, VERIFY_PAGE, &a, &records, &got, d);
            for (size_t k = 0; !e && k < got; k++) {
                struct sha256 leaf = ledger_leaf_hash(records[k].record);
                if (records[k].seq != tree.size)
                    e = diag_set(d, ERR_VERIFY, "entry %llu is missing", (unsigned long long)tree.size);
                ledger_tree_append(&tree, &leaf);
            }
        }
        if (!e) e = op_ledger_check_received(call, r, docs[i].body, docs[i].key, &tree, d);
        if (!op_ledger_is_verdict(e)) break;
        emit_verdict(call, docs[i].key, tree.size, e, d);
        e = ERR_NONE;
    }
    if (!e && found == 0) e = diag_set(d, ERR_NOT_FOUND, "nothing was synced from %.*s yet", SPAN_ARG(party));
    arena_free(&a);
    node_view_release(call->node, &v);
    return e;
}

/* {"to"} or {"from"}. */
enum err op_ledger_verify(struct op_call *call, struct diag *d) {
    struct span from = op_text(call, "from");
    if (!from.at) return op_each_ledger(call, op_text(call, "to"), verify_one, d);
    struct store_reader *r = NULL;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = store_reader_snapshot(r, d);
    if (!e) e = verify_received(call, r, from, d);
    store_reader_close(&r);
    return e;
}
