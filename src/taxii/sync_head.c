/* Is the checkpoint the partner serves the partner's, of this ledger, and does it continue what we saw before? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/log.h"
#include "ledger/record.h"
#include "taxii/sync_run.h"

enum { NOTE_ARENA_MAX = 4 << 20 };

void sync_head_free(struct sync_head *h) {
    buf_free(&h->note);
    arena_free(&h->arena);
    free(h->hashes);
    *h = (struct sync_head){0};
}

enum err sync_bundle_leaves(const struct fetch_bundle *b, struct span *entries, struct sha256 *leaves, struct diag *d) {
    enum err e = ledger_bundle_read(buf_span(&b->entries), entries, b->width, d);
    if (e) {
        diag_prefix(d, "entries from %" PRIu64, b->index * LEDGER_TILE_WIDTH);
        return d->code = ERR_VERIFY;
    }
    for (unsigned i = 0; i < b->width; i++) leaves[i] = ledger_leaf_hash(entries[i]);
    return ERR_NONE;
}

enum err sync_head_check(const struct sync_head *h, uint64_t bundle, const struct sha256 *leaves, unsigned width,
                         struct diag *d) {
    bool holds = false;
    if (bundle >= h->first && bundle - h->first < h->hash_count && width == LEDGER_TILE_WIDTH) {
        struct sha256 root = ledger_tile_hash(leaves, width);
        holds = sha256_equal(&root, &h->hashes[bundle - h->first]);
    } else if (bundle == h->checkpoint.size / LEDGER_TILE_WIDTH && width == h->tail_width) {
        holds = memcmp(leaves, h->tail, width * sizeof *leaves) == 0;
    }
    if (holds) return ERR_NONE;
    return diag_set(d, ERR_VERIFY,
                    "the entries %" PRIu64 " to %" PRIu64 " are not those of the signed tree of %" PRIu64,
                    bundle * LEDGER_TILE_WIDTH, bundle * LEDGER_TILE_WIDTH + width - 1, h->checkpoint.size);
}

/* ---- fetching ------------------------------------------------------------------------------------------------------
 */

static enum err get_note(struct sync *s, struct span origin, const char *collection, struct sync_head *h,
                         struct diag *d) {
    char path[256];
    struct ledger_key key;
    snprintf(path, sizeof path, "/renkei/v1/ledgers/%s/checkpoint", collection);
    enum err e = link_get(&s->link, path, false, LEDGER_NOTE_SIZE_MAX, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE;
    if (e) return e;
    h->exists = true;
    h->note = s->link.reply.body;
    s->link.reply.body = BUF_EMPTY;
    e = ledger_key_make(LEDGER_KEY_LOG, s->peer->party, s->peer->log_key, &key, d);
    if (!e) e = ledger_note_open(&h->arena, buf_span(&h->note), &key, origin, &h->checkpoint, d);
    if (e && e != ERR_NOMEM) {
        diag_prefix(d, "the checkpoint of %.*s", SPAN_ARG(origin));
        return d->code = ERR_VERIFY;
    }
    if (!e && h->checkpoint.size > TAXII_SYNC_ENTRIES_MAX)
        e = diag_set(d, ERR_LIMIT, "the ledger %.*s has more than %d entries", SPAN_ARG(origin),
                     TAXII_SYNC_ENTRIES_MAX);
    return e;
}

/* The roots of the full bundles [first, size/256): level 1 of the tiles. */
static enum err get_hashes(struct sync *s, const char *collection, struct sync_head *h, struct diag *d) {
    uint64_t end = h->checkpoint.size / LEDGER_TILE_WIDTH;
    if (end <= h->first) return ERR_NONE;
    h->hash_count = (size_t)(end - h->first);
    h->hashes = calloc(h->hash_count, sizeof *h->hashes);
    if (!h->hashes) return diag_set(d, ERR_NOMEM, "no memory left for a ledger's hashes");
    for (uint64_t tile = h->first / LEDGER_TILE_WIDTH; tile * LEDGER_TILE_WIDTH < end; tile++) {
        char path[256], name[LEDGER_TILE_PATH_SIZE];
        struct ledger_tile_ref ref = {.level = 1, .index = tile};
        ref.width = ledger_tile_width(h->checkpoint.size, 1, tile);
        snprintf(path, sizeof path, "/renkei/v1/ledgers/%s/%s", collection, ledger_tile_path_write(&ref, name));
        enum err e = link_get(&s->link, path, false, LEDGER_TILE_SIZE, d);
        if (e) return e;
        struct span bytes = buf_span(&s->link.reply.body);
        if (bytes.len != (size_t)ref.width * SHA256_SIZE)
            return diag_set(d, ERR_VERIFY, "the tile %s has %zu bytes, not %u", name, bytes.len,
                            ref.width * SHA256_SIZE);
        for (unsigned i = 0; i < ref.width; i++) {
            uint64_t at = tile * LEDGER_TILE_WIDTH + i;
            if (at >= h->first && at < end) memcpy(h->hashes[at - h->first].b, bytes.at + i * SHA256_SIZE, SHA256_SIZE);
        }
    }
    return ERR_NONE;
}

static enum err get_leaves(struct sync *s, const char *collection, const struct sync_head *h, uint64_t bundle,
                           struct sha256 leaves[LEDGER_TILE_WIDTH], struct diag *d) {
    struct span entries[LEDGER_TILE_WIDTH];
    struct fetch_bundle *b;
    unsigned width = ledger_tile_width(h->checkpoint.size, 0, bundle);
    enum err e = fetch_bundle_get(&s->link, collection, bundle, width, false, &b, d);
    if (e) return e;
    e = sync_bundle_leaves(b, entries, leaves, d);
    fetch_bundle_free(&b);
    return e;
}

static enum err get_tail(struct sync *s, const char *collection, struct sync_head *h, struct diag *d) {
    h->tail_width = (unsigned)(h->checkpoint.size % LEDGER_TILE_WIDTH);
    if (h->tail_width == 0) return ERR_NONE;
    return get_leaves(s, collection, h, h->checkpoint.size / LEDGER_TILE_WIDTH, h->tail, d);
}

/* ---- comparing -----------------------------------------------------------------------------------------------------
 */

/* The root that our own prefix and the partner's hashes make at `size`, in a bundle from `first` on. */
static enum err root_at(struct sync *s, const char *collection, const struct sync_state *state,
                        const struct sync_head *h, uint64_t size, struct sha256 *root, struct diag *d) {
    struct ledger_tree tree = state->tree;
    struct sha256 leaves[LEDGER_TILE_WIDTH];
    uint64_t bundle = size / LEDGER_TILE_WIDTH;
    unsigned rest = (unsigned)(size % LEDGER_TILE_WIDTH);
    enum err e = ERR_NONE;
    for (uint64_t i = h->first; i < bundle; i++)
        if (!ledger_tree_append_subtree(&tree, LEDGER_TILE_HEIGHT, &h->hashes[i - h->first]))
            return diag_set(d, ERR_INTERNAL, "a tree out of step");
    if (rest && bundle == h->checkpoint.size / LEDGER_TILE_WIDTH) {
        memcpy(leaves, h->tail, sizeof leaves);
    } else if (rest) {
        e = get_leaves(s, collection, h, bundle, leaves, d);
        if (!e) e = sync_head_check(h, bundle, leaves, LEDGER_TILE_WIDTH, d);
    }
    for (unsigned i = 0; !e && i < rest; i++) ledger_tree_append(&tree, &leaves[i]);
    *root = ledger_tree_root(&tree);
    return e;
}

/* Whether the part of a bundle that we hold is the beginning of what is served for it now. */
static enum err own_leaves_hold(struct sync *s, const char *collection, const struct sync_state *state,
                                const struct sync_head *h, bool *holds, struct diag *d) {
    struct sha256 leaves[LEDGER_TILE_WIDTH];
    unsigned held = (unsigned)(state->size % LEDGER_TILE_WIDTH);
    const struct sha256 *served = h->tail;
    enum err e = ERR_NONE;
    *holds = true;
    if (held == 0) return ERR_NONE;
    if (h->first != h->checkpoint.size / LEDGER_TILE_WIDTH) {
        served = leaves;
        e = get_leaves(s, collection, h, h->first, leaves, d);
        if (!e) e = sync_head_check(h, h->first, leaves, LEDGER_TILE_WIDTH, d);
    }
    *holds = !e && memcmp(served, state->leaves, held * sizeof *leaves) == 0;
    return e;
}

static void root_text(const struct sha256 *root, char text[24]) {
    struct buf b = BUF_EMPTY;
    buf_add_base64(&b, span_of(root->b, SHA256_SIZE));
    snprintf(text, 24, "%.12s…", buf_cstr(&b) ? b.at : "?");
    buf_free(&b);
}

static enum err conflict(struct sync *s, struct span origin, const struct sync_state *state, const struct sync_head *h,
                         const char *why, struct diag *d) {
    char before[24], now[24], text[160];
    struct diag kept;
    struct sha256 none = {0};
    root_text(&state->seen_root, before);
    root_text(h->exists ? &h->checkpoint.root : &none, now);
    snprintf(text, sizeof text, "%" PRIu64 " entries, root %s; seen before: %" PRIu64 " entries, root %s",
             h->exists ? h->checkpoint.size : 0, now, state->seen_size, before);
    if (sync_conflict_keep(s->node->live.store, origin, buf_span(&state->seen_note), buf_span(&h->note), why,
                           clock_now(s->node->live.clock), &kept))
        log_error("the evidence against %.*s could not be kept: %s", SPAN_ARG(origin), kept.message);
    return diag_set(d, ERR_VERIFY, "%.*s %s: now %s. Nothing was taken; both signed heads are kept as evidence",
                    SPAN_ARG(origin), why, text);
}

/* Whether the partner's hashes, from the first entry on, make the root it signs. If they do and ours do not lead there,
 * it has signed two ledgers; if not, it contradicts itself. */
static enum err makes_its_root(struct sync *s, const char *collection, const struct sync_head *h, bool *makes,
                               struct diag *d) {
    struct sync_head whole = {.checkpoint = h->checkpoint, .tail_width = h->tail_width};
    struct sync_state nothing = {0};
    struct sha256 root;
    memcpy(whole.tail, h->tail, sizeof whole.tail);
    ledger_tree_init(&nothing.tree);
    enum err e = get_hashes(s, collection, &whole, d);
    if (!e) e = root_at(s, collection, &nothing, &whole, h->checkpoint.size, &root, d);
    *makes = !e && sha256_equal(&root, &h->checkpoint.root);
    free(whole.hashes);
    return e;
}

/* What the tree must agree with: our own entries, the newest checkpoint seen, and the one served. */
static enum err compare(struct sync *s, struct span origin, const char *collection, const struct sync_state *state,
                        struct sync_head *h, struct diag *d) {
    struct sha256 root;
    bool holds;
    enum err e = own_leaves_hold(s, collection, state, h, &holds, d);
    if (!e && !holds) return conflict(s, origin, state, h, "has changed entries it served before (a fork)", d);
    if (!e) e = root_at(s, collection, state, h, h->checkpoint.size, &root, d);
    if (e) return e;
    if (!sha256_equal(&root, &h->checkpoint.root)) {
        bool makes = false;
        if (state->size && (e = makes_its_root(s, collection, h, &makes, d))) return e;
        if (makes) return conflict(s, origin, state, h, "does not continue what it was before (a fork)", d);
        return diag_set(d, ERR_VERIFY, "the tiles of %.*s do not make the root that its checkpoint signs",
                        SPAN_ARG(origin));
    }
    if (state->seen_size <= state->size || state->seen_size == h->checkpoint.size) return ERR_NONE;
    e = root_at(s, collection, state, h, state->seen_size, &root, d);
    if (e || sha256_equal(&root, &state->seen_root)) return e;
    return conflict(s, origin, state, h, "does not continue what it was before (a fork)", d);
}

enum err sync_head_get(struct sync *s, struct span origin, const char *collection, const struct sync_state *state,
                       struct sync_head *out, struct diag *d) {
    struct sync_head *h = out;
    *h = (struct sync_head){.first = state->size / LEDGER_TILE_WIDTH};
    arena_init(&h->arena, NOTE_ARENA_MAX);
    enum err e = get_note(s, origin, collection, h, d);
    if (!e && (h->exists ? h->checkpoint.size : 0) < state->seen_size)
        e = conflict(s, origin, state, h, "has become shorter (a rollback)", d);
    if (!e && h->exists && h->checkpoint.size == state->seen_size &&
        !sha256_equal(&h->checkpoint.root, &state->seen_root))
        e = conflict(s, origin, state, h, "has two heads of one size (a fork)", d);
    if (!e && h->exists && h->checkpoint.size > state->size) {
        e = get_hashes(s, collection, h, d);
        if (!e) e = get_tail(s, collection, h, d);
        if (!e) e = compare(s, origin, collection, state, h, d);
    }
    if (e) sync_head_free(h);
    return e;
}
