/* What Renkei's own sync reads besides TAXII: cards, checkpoints, tiles, entries and salts (C2SP tlog-tiles), and the
 * cosignature that comes back. */
#include <stdio.h>

#include "ledger/note.h"
#include "ledger/tile.h"
#include "node/erasure.h"
#include "share/agreements.h"
#include "share/hold.h"
#include "taxii/call.h"

enum err publish_text(struct taxii_call *c, const char *type, struct buf *body) {
    if (!buf_ok(body)) {
        buf_free(body);
        return diag_set(&c->diag, ERR_NOMEM, "no memory left for this answer");
    }
    http_response_take(c->res, 200, type, body);
    return ERR_NONE;
}

/* ---- cards ---------------------------------------------------------------------------------------------------------
 */

enum err publish_get_card(struct taxii_call *c) {
    struct buf body = BUF_EMPTY;
    enum err e = node_card_chain(c->server->node, &body, &c->diag);
    if (!e) return publish_text(c, "application/json", &body);
    buf_free(&body);
    return e;
}

enum err publish_post_card(struct taxii_call *c) {
    bool changed = false;
    enum err e = node_card_receive(c->server->node, c->req->body, &changed, &c->diag);
    if (e) return e;
    http_response_text(c->res, 200, "application/json",
                       changed ? SPAN("{\"changed\":true}") : SPAN("{\"changed\":false}"));
    return ERR_NONE;
}

/* ---- ledgers -------------------------------------------------------------------------------------------------------
 */

static void write_versions(struct json_writer *w, const struct share_agreement *all, size_t count,
                           struct span lineage) {
    json_key(w, "agreements");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        if (span_equal(all[i].lineage, lineage)) json_string(w, all[i].hash);
    json_end_array(w);
}

enum err publish_get_ledgers(struct taxii_call *c) {
    struct taxii_collection *list;
    struct share_agreement *agreements;
    size_t count, agreement_count;
    struct buf body = BUF_EMPTY;
    enum err e = taxii_collections(c, &list, &count);
    if (!e) e = share_agreements_load(c->reader, c->arena, &agreements, &agreement_count, &c->diag);
    if (e) return e;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_key(&w, "ledgers");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        const struct store_ledger *l = &list[i].ledger;
        if (list[i].kind != TAXII_FEED) continue;
        json_begin_object(&w);
        json_member(&w, "origin", l->origin);
        json_member(&w, "collection", list[i].id);
        json_member(&w, "lineage", l->lineage);
        json_member_number(&w, "size", (int64_t)l->size);
        write_versions(&w, agreements, agreement_count, l->lineage);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return publish_text(c, "application/json", &body);
}

static enum err find_feed(struct taxii_call *c, struct taxii_collection *out) {
    enum err e = taxii_collection_find(c, c->names[0], out);
    if (!e && out->kind == TAXII_FEED) e = share_hold_check(c->reader, out->ledger.origin, &c->diag);
    if (e || out->kind == TAXII_FEED) return e;
    return diag_set(&c->diag, ERR_NOT_FOUND, "there is no such ledger");
}

enum err publish_get_checkpoint(struct taxii_call *c) {
    struct taxii_collection feed;
    struct buf body = BUF_EMPTY;
    enum err e = find_feed(c, &feed);
    if (e) return e;
    if (feed.ledger.checkpoint.len == 0) return diag_set(&c->diag, ERR_NOT_FOUND, "this ledger has no checkpoint yet");
    buf_add(&body, feed.ledger.checkpoint);
    /* The newest cosignature is of this checkpoint only if nothing was appended since. */
    if (feed.ledger.cosigned_size == feed.ledger.size) buf_add(&body, feed.ledger.cosignature);
    return publish_text(c, "text/plain; charset=utf-8", &body);
}

/* ---- tiles, entries, salts --------------------------------------------------------------------------------------- */

enum { WHAT_ENTRIES, WHAT_SALTS };

struct bundle {
    struct buf body;
    unsigned what;
    uint64_t next; /* the sequence number that must come */
    struct diag *diag;
    enum err error;
};

static bool bundle_add(void *context, const struct store_entry *e) {
    static const char none[STORE_SALT_SIZE];
    struct bundle *b = context;
    if (e->seq != b->next++) {
        b->error =
            diag_set(b->diag, ERR_INTERNAL, "entry %llu of the ledger is missing", (unsigned long long)(b->next - 1));
    } else if (b->what == WHAT_ENTRIES) {
        b->error = ledger_bundle_add(&b->body, e->record, b->diag);
    } else {
        bool given = e->state != STORE_ENTRY_WITHDRAWN && e->salt.len == STORE_SALT_SIZE;
        buf_add(&b->body, given ? e->salt : span_of(none, sizeof none));
    }
    return !b->error;
}

/* The records or salts under a tile of level 0. */
static enum err send_bundle(struct taxii_call *c, const struct store_ledger *l, const struct ledger_tile_ref *ref,
                            unsigned what) {
    struct bundle b = {.what = what, .next = ref->index * LEDGER_TILE_WIDTH, .diag = &c->diag};
    struct store_entry_query query = {.ledger = l->id,
                                      .from_seq = b.next,
                                      .to_seq = b.next + ref->width,
                                      .added_after = TIME_NONE,
                                      .superseded = true,
                                      .withdrawn = true,
                                      .records = true,
                                      .modified = TIME_NONE,
                                      .limit = ref->width,
                                      .with_record = true};
    enum err e = store_entry_each(c->reader, &query, bundle_add, &b, &c->diag);
    if (!e) e = b.error;
    if (!e && b.next != query.to_seq)
        e = diag_set(&c->diag, ERR_INTERNAL, "the ledger is shorter than its checkpoint says");
    if (!e) return publish_text(c, "application/octet-stream", &b.body);
    buf_free(&b.body);
    return e;
}

static enum err send_tile(struct taxii_call *c, const struct store_ledger *l, const struct ledger_tile_ref *ref) {
    struct buf body = BUF_EMPTY;
    struct span hashes;
    size_t size = (size_t)ref->width * SHA256_SIZE;
    enum err e = store_tile_get(c->reader, l->id, ref->level, ref->index, c->arena, &hashes, &c->diag);
    if (e) return e;
    if (hashes.len < size)
        return diag_set(&c->diag, ERR_INTERNAL, "tile %u/%llu is shorter than the ledger's size asks for", ref->level,
                        (unsigned long long)ref->index);
    buf_add(&body, span_first(hashes, size));
    return publish_text(c, "application/octet-stream", &body);
}

/* Which tile of which ledger; only what the checkpoint covers exists. A tile that has grown since answers for its
 * narrower self: it begins with the same hashes. */
static enum err find_tile(struct taxii_call *c, const char *folder, struct taxii_collection *feed,
                          struct ledger_tile_ref *ref) {
    enum err e = find_feed(c, feed);
    if (e) return e;
    struct span path = arena_printf(c->arena, "%s%.*s", folder, SPAN_ARG(c->names[1]));
    if (!path.at) return diag_set(&c->diag, ERR_NOMEM, "no memory left for this request");
    if (ledger_tile_path_read(path, ref) && ref->index <= (uint64_t)STORE_SEQ_MAX &&
        ref->width <= ledger_tile_width(feed->ledger.size, ref->entries ? 0 : ref->level, ref->index))
        return ERR_NONE;
    return diag_set(&c->diag, ERR_NOT_FOUND, "this ledger has no such tile");
}

enum err publish_get_tile(struct taxii_call *c) {
    struct taxii_collection feed;
    struct ledger_tile_ref ref;
    enum err e = find_tile(c, "tile/", &feed, &ref);
    if (e) return e;
    return ref.entries ? send_bundle(c, &feed.ledger, &ref, WHAT_ENTRIES) : send_tile(c, &feed.ledger, &ref);
}

enum err publish_get_salts(struct taxii_call *c) {
    struct taxii_collection feed;
    struct ledger_tile_ref ref;
    enum err e = find_tile(c, "tile/entries/", &feed, &ref);
    return e ? e : send_bundle(c, &feed.ledger, &ref, WHAT_SALTS);
}

/* ---- cosignatures --------------------------------------------------------------------------------------------------
 */

enum err publish_post_cosignature(struct taxii_call *c) {
    struct taxii_collection feed;
    enum err e = find_feed(c, &feed);
    if (e) return e;
    if (c->req->body.len > LEDGER_NOTE_SIZE_MAX) return diag_set(&c->diag, ERR_LIMIT, "larger than any note");
    e = node_cosign_receive(c->server->node, c->caller.party, feed.ledger.id, c->req->body, &c->diag);
    if (e) return e;
    http_response_empty(c->res, 204);
    return ERR_NONE;
}

/* What the party says it did about a record of erasure in its feed. */
enum err publish_post_erasure(struct taxii_call *c) {
    enum err e = node_erasure_answered(c->server->node, c->caller.party, c->req->body, &c->diag);
    if (e) return e;
    http_response_empty(c->res, 204);
    return ERR_NONE;
}
