#include "share/hold.h"

#include "json/json.h"
#include "json/write.h"

enum { HOLD_ARENA_MAX = 64 << 20, CHECK_ARENA_MAX = 1 << 20 };

static const char kind[] = "ledger-hold";

static enum err put(struct store_tx *tx, const struct share_hold *h, time_us now, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member_truth(&w, "closed", h->closed);
    json_member_number(&w, "size", (int64_t)h->size);
    json_end_object(&w);
    struct store_document doc = {.kind = span_cstr(kind), .key = h->origin, .body = buf_span(&body), .time = now};
    enum err e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory for a hold");
    buf_free(&body);
    return e;
}

static enum err read_hold(const struct store_document *doc, struct arena *a, struct share_hold *out, struct diag *d) {
    struct json_doc *json = arena_alloc(a, sizeof *json);
    int64_t size = 0;
    bool closed = false;
    if (!json) return diag_set(d, ERR_NOMEM, "no memory for a hold");
    enum err e = json_parse(a, doc->body, json, d);
    if (e) return e;
    if (!json_int(json_get(json_root(json), "size"), &size) || size < 0 ||
        !json_bool(json_get(json_root(json), "closed"), &closed))
        return diag_set(d, ERR_INVALID, "what the store says of the hold on %.*s cannot be read", SPAN_ARG(doc->key));
    *out = (struct share_hold){.origin = doc->key, .closed = closed, .size = (uint64_t)size, .since = doc->time};
    return ERR_NONE;
}

enum err share_hold_all(struct store_tx *tx, time_us now, size_t *count, struct diag *d) {
    struct arena a;
    struct store_ledger *ledgers;
    arena_init(&a, HOLD_ARENA_MAX);
    *count = 0;
    enum err e = store_ledger_list(store_tx_reader(tx), &a, &ledgers, count, d);
    for (size_t i = 0; !e && i < *count; i++) {
        struct share_hold hold = {.origin = ledgers[i].origin, .size = ledgers[i].size}, before;
        e = share_hold_get(store_tx_reader(tx), hold.origin, &a, &before, d);
        if (!e && before.closed) continue;
        if (!e || e == ERR_NOT_FOUND) e = put(tx, &hold, now, d);
    }
    arena_free(&a);
    return e;
}

enum err share_hold_get(struct store_reader *r, struct span origin, struct arena *a, struct share_hold *out,
                        struct diag *d) {
    struct store_document doc;
    enum err e = store_document_get(r, kind, origin, a, &doc, d);
    return e ? e : read_hold(&doc, a, out, d);
}

enum err share_hold_list(struct store_reader *r, struct arena *a, struct share_hold **out, size_t *count,
                         struct diag *d) {
    struct store_document *docs;
    enum err e = store_document_list(r, kind, a, &docs, count, d);
    if (e) return e;
    *out = arena_zalloc(a, *count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the ledgers on hold");
    for (size_t i = 0; !e && i < *count; i++) e = read_hold(&docs[i], a, &(*out)[i], d);
    return e;
}

enum err share_hold_check(struct store_reader *r, struct span origin, struct diag *d) {
    struct arena a;
    struct share_hold hold;
    arena_init(&a, CHECK_ARENA_MAX);
    enum err e = share_hold_get(r, origin, &a, &hold, d);
    if (e == ERR_NOT_FOUND)
        e = ERR_NONE;
    else if (!e && hold.closed)
        e = diag_set(d, ERR_BUSY, "%.*s was closed after a restore: what is to be released needs a new agreement",
                     SPAN_ARG(origin));
    else if (!e)
        e = diag_set(d, ERR_BUSY,
                     "%.*s is on hold since a restore, until its recipient has said how far it has seen it: "
                     "`renkei sync` asks, `renkei restore status` tells",
                     SPAN_ARG(origin));
    arena_free(&a);
    return e;
}

enum err share_hold_close(struct store_tx *tx, const struct share_hold *hold, time_us now, struct diag *d) {
    struct share_hold closed = *hold;
    closed.closed = true;
    return put(tx, &closed, now, d);
}

enum err share_hold_lift(struct store_tx *tx, struct span origin, struct diag *d) {
    return store_document_delete(tx, kind, origin, d);
}
