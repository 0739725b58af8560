#include "taxii/sync_state.h"

#include <stdio.h>

#include "base/encode.h"
#include "node/node.h"
#include "json/write.h"

enum { STATE_ARENA_MAX = 4 << 20 };

static const char state_kind[] = "sync", head_kind[] = "received-checkpoint";

void sync_state_free(struct sync_state *s) {
    buf_free(&s->seen_note);
    *s = (struct sync_state){.last_time = TIME_NONE};
}

/* ---- writing -------------------------------------------------------------------------------------------------------
 */

static void member_base64(struct json_writer *w, const char *name, struct span bytes) {
    struct buf text = BUF_EMPTY;
    buf_add_base64(&text, bytes);
    json_member(w, name, buf_span(&text));
    buf_free(&text);
}

static void write_state(const struct sync_state *s, struct buf *out) {
    struct json_writer w = json_writer(out);
    struct buf tree = BUF_EMPTY;
    ledger_tree_write(&s->tree, &tree);
    json_begin_object(&w);
    json_member_number(&w, "v", 1);
    json_member_number(&w, "size", (int64_t)s->size);
    member_base64(&w, "tree", buf_span(&tree));
    member_base64(&w, "leaves", span_of(s->leaves, s->size % LEDGER_TILE_WIDTH * SHA256_SIZE));
    if (s->last_time != TIME_NONE) json_member_number(&w, "last_time_us", s->last_time);
    json_member_number(&w, "seen_size", (int64_t)s->seen_size);
    member_base64(&w, "seen_root", span_of(s->seen_root.b, SHA256_SIZE));
    json_member(&w, "seen_note", buf_span(&s->seen_note));
    if (s->cosigned) json_member_number(&w, "cosigned_size", (int64_t)s->cosigned_size);
    json_end_object(&w);
    if (!buf_ok(&tree)) out->failed = true;
    buf_free(&tree);
}

enum err sync_state_put(struct store_tx *tx, struct span origin, const struct sync_state *s, time_us now,
                        struct diag *d) {
    struct buf body = BUF_EMPTY;
    write_state(s, &body);
    struct store_document doc = {.kind = span_cstr(state_kind), .key = origin, .body = buf_span(&body), .time = now};
    enum err e = buf_ok(&body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory left for a sync");
    buf_free(&body);
    return e;
}

enum err sync_state_put_with_head(struct store_tx *tx, struct span origin, const struct sync_state *s, time_us now,
                                  struct diag *d) {
    struct store_document doc = {
        .kind = span_cstr(head_kind), .key = origin, .body = buf_span(&s->seen_note), .time = now};
    enum err e = sync_state_put(tx, origin, s, now, d);
    if (e) return e;
    if (s->size == s->seen_size) return store_document_put(tx, &doc, d);
    e = store_document_delete(tx, head_kind, origin, d);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* ---- reading -------------------------------------------------------------------------------------------------------
 */

static bool read_number(struct json_value root, const char *name, uint64_t *out) {
    int64_t n;
    if (!json_int(json_get(root, name), &n) || n < 0) return false;
    *out = (uint64_t)n;
    return true;
}

static bool read_bytes(struct json_value root, const char *name, struct arena *a, void *out, size_t len) {
    struct span bytes;
    if (!base64_read(a, json_text(json_get(root, name), a), &bytes) || bytes.len != len) return false;
    if (len) memcpy(out, bytes.at, len);
    return true;
}

static bool read_state(struct json_value root, struct arena *a, struct sync_state *s) {
    struct span tree;
    int64_t time;
    if (!read_number(root, "size", &s->size) || s->size > LEDGER_TREE_SIZE_MAX ||
        !base64_read(a, json_text(json_get(root, "tree"), a), &tree) || ledger_tree_read(tree, &s->tree, NULL) ||
        s->tree.size != s->size / LEDGER_TILE_WIDTH * LEDGER_TILE_WIDTH ||
        !read_bytes(root, "leaves", a, s->leaves, s->size % LEDGER_TILE_WIDTH * SHA256_SIZE) ||
        !read_number(root, "seen_size", &s->seen_size) || s->seen_size < s->size ||
        !read_bytes(root, "seen_root", a, s->seen_root.b, SHA256_SIZE))
        return false;
    buf_add(&s->seen_note, json_text(json_get(root, "seen_note"), a));
    if (json_int(json_get(root, "last_time_us"), &time)) s->last_time = time;
    s->cosigned = read_number(root, "cosigned_size", &s->cosigned_size);
    return buf_ok(&s->seen_note);
}

enum err sync_state_load(struct store_reader *r, struct span origin, struct sync_state *out, struct diag *d) {
    struct arena a;
    struct store_document doc;
    struct json_doc json;
    *out = (struct sync_state){.last_time = TIME_NONE};
    ledger_tree_init(&out->tree);
    out->seen_root = ledger_tree_root(&out->tree);
    arena_init(&a, STATE_ARENA_MAX);
    enum err e = store_document_get(r, state_kind, origin, &a, &doc, d);
    if (!e) {
        e = json_parse(&a, doc.body, &json, d);
        if (!e && !read_state(json_root(&json), &a, out))
            e = diag_set(d, ERR_INTERNAL, "what was kept of the ledger %.*s is damaged", SPAN_ARG(origin));
        if (e) sync_state_free(out);
    } else if (e == ERR_NOT_FOUND) {
        e = ERR_NONE;
    }
    arena_free(&a);
    return e;
}

void sync_state_add(struct sync_state *s, const struct sha256 *leaf, time_us time) {
    s->leaves[s->size % LEDGER_TILE_WIDTH] = *leaf;
    s->size++;
    s->last_time = time;
    if (s->size % LEDGER_TILE_WIDTH) return;
    struct sha256 root = ledger_tile_hash(s->leaves, LEDGER_TILE_WIDTH);
    (void)!ledger_tree_append_subtree(&s->tree, LEDGER_TILE_HEIGHT, &root); /* aligned, as leaves come in order */
}

/* ---- conflicts -----------------------------------------------------------------------------------------------------
 */

enum err sync_conflict_keep(struct store *store, struct span origin, struct span ours, struct span theirs,
                            const char *why, time_us now, struct diag *d) {
    struct store_tx *tx = NULL;
    struct buf body = BUF_EMPTY, key = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    char time[TIME_TEXT_SIZE];
    struct sha256 hash = sha256_of(theirs);
    buf_add(&key, origin);
    buf_add_char(&key, '/');
    buf_add_hex(&key, span_of(hash.b, 8)); /* the same evidence again is one document */
    json_begin_object(&w);
    json_member(&w, "origin", origin);
    json_member_cstr(&w, "time", time_format_us(now, time));
    json_member_cstr(&w, "why", why);
    json_member(&w, "seen_before", ours);
    json_member(&w, "served_now", theirs);
    json_end_object(&w);
    struct store_document doc = {
        .kind = SPAN(NODE_CONFLICT_KIND), .key = buf_span(&key), .body = buf_span(&body), .time = now};
    enum err e = buf_ok(&body) && buf_ok(&key) ? store_begin(store, &tx, d)
                                               : diag_set(d, ERR_NOMEM, "no memory left for evidence");
    if (!e) e = store_document_put(tx, &doc, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    buf_free(&body);
    buf_free(&key);
    return e;
}
