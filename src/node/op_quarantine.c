/* The quarantine: listed, accepted, refused. */
#include "node/collection.h"
#include "node/op_all.h"
#include "node/quarantine.h"
#include "share/release.h"

static void emit(struct op_call *call, const struct quarantine_item *item, const struct store_holding *h,
                 const char *outcome) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "id", h->stix_id);
    json_member_time(&w, "modified", h->modified);
    json_member(&w, "from", item->from);
    json_member(&w, "collection", item->collection);
    json_member_time(&w, "since", item->since);
    if (outcome) json_member_cstr(&w, "outcome", outcome);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* {"from": only what this caller sent}. */
enum err op_quarantine_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct quarantine_item *items = NULL;
    struct store_holding h;
    struct span from = op_text(call, "from");
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = quarantine_list(r, call->arena, &items, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        if (from.len && !span_equal(from, items[i].from)) continue;
        e = store_holding_get(r, items[i].holding, call->arena, &h, d);
        if (!e) emit(call, &items[i], &h, NULL);
    }
    store_reader_close(&r);
    return e;
}

/* It counts from now on, is in the collection it was written into, and policy looks at it. */
static enum err accept(struct op_call *call, struct store_tx *tx, const struct quarantine_item *item,
                       const struct store_holding *h, struct diag *d) {
    struct collection c;
    struct collection_end end;
    bool added;
    struct collection_item object = {.stix_id = h->stix_id, .version = h->modified, .holding = h->id, .body = h->body};
    enum err e = store_holding_restore(tx, h->id, d);
    if (!e) e = share_reconsider(tx, h->id, d);
    if (e || item->collection.len == 0) return e;
    e = collection_find(store_tx_reader(tx), item->collection, call->arena, &c, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE; /* deleted since */
    if (!e) e = collection_end(tx, c.number, &end, d);
    return e ? e : collection_add(tx, &end, &object, clock_now(call->realm->clock), &added, d);
}

static bool wanted(struct op_call *call, const struct quarantine_item *item, const struct store_holding *h) {
    struct span from = op_text(call, "from");
    struct json_value ids = json_get(call->args, "ids");
    if (from.len && !span_equal(from, item->from)) return false;
    if (json_count(ids) == 0) return from.len > 0;
    for (struct json_iter it = json_iter(ids); json_next(&it);)
        if (json_is(it.value, h->stix_id)) return true;
    return false;
}

static enum err decide(struct op_call *call, bool accepted, struct diag *d) {
    struct store_tx *tx = NULL;
    struct quarantine_item *items = NULL;
    struct store_holding h;
    size_t count = 0, done = 0;
    if (json_count(json_get(call->args, "ids")) == 0 && op_text(call, "from").len == 0)
        return diag_set(d, ERR_INVALID, "name objects, or --from whom");
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = quarantine_list(store_tx_reader(tx), call->arena, &items, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        e = store_holding_get(store_tx_reader(tx), items[i].holding, call->arena, &h, d);
        if (e || !wanted(call, &items[i], &h)) continue;
        if (accepted) e = accept(call, tx, &items[i], &h, d);
        if (!e) e = quarantine_delete(tx, items[i].holding, d);
        if (!e) emit(call, &items[i], &h, accepted ? "accepted" : "refused");
        done++;
    }
    if (!e && done == 0) e = diag_set(d, ERR_NOT_FOUND, "nothing of that waits in quarantine");
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

/* {"ids": […] and/or "from"}. */
enum err op_quarantine_accept(struct op_call *call, struct diag *d) {
    return decide(call, true, d);
}

enum err op_quarantine_refuse(struct op_call *call, struct diag *d) {
    return decide(call, false, d);
}
