#include "ledger/tile.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- paths ---- */

enum { GROUPS_MAX = 6 }; /* three digits each: LEDGER_TREE_SIZE_MAX has 16 */

const char *ledger_tile_path_write(const struct ledger_tile_ref *ref, char text[LEDGER_TILE_PATH_SIZE]) {
    unsigned groups[GROUPS_MAX + 1];
    size_t count = 0;
    uint64_t rest = ref->index;
    do {
        groups[count++] = (unsigned)(rest % 1000);
        rest /= 1000;
    } while (rest && count <= GROUPS_MAX);
    size_t size = LEDGER_TILE_PATH_SIZE, len = 0;
    if (ref->entries)
        len += (size_t)snprintf(text, size, "tile/entries");
    else
        len += (size_t)snprintf(text, size, "tile/%u", ref->level);
    while (count-- > 0 && len < size)
        len += (size_t)snprintf(text + len, size - len, count ? "/x%03u" : "/%03u", groups[count]);
    if (ref->width < LEDGER_TILE_WIDTH && len < size) snprintf(text + len, size - len, ".p/%u", ref->width);
    return text;
}

/* Reads what is roughly a path; the caller compares with how it should be spelt. */
static bool path_parts(struct span path, struct ledger_tile_ref *out) {
    if (!span_starts(path, SPAN("tile/"))) return false;
    path = span_from(path, 5);
    uint64_t number;
    struct span level = span_cut(&path, '/');
    *out = (struct ledger_tile_ref){.entries = span_is(level, "entries"), .width = LEDGER_TILE_WIDTH};
    if (!out->entries) {
        if (!span_u64(level, &number) || number > LEDGER_TILE_LEVEL_MAX) return false;
        out->level = (unsigned)number;
    }
    size_t partial = span_find(path, SPAN(".p/"));
    if (partial != SIZE_MAX) {
        if (!span_u64(span_from(path, partial + 3), &number) || number < 1 || number >= LEDGER_TILE_WIDTH) return false;
        out->width = (unsigned)number;
        path = span_first(path, partial);
    }
    for (unsigned groups = 0; path.len > 0; groups++) {
        struct span group = span_cut(&path, '/');
        if (group.len == 4 && group.at[0] == 'x') group = span_from(group, 1);
        if (groups == GROUPS_MAX || group.len != 3 || !span_u64(group, &number)) return false;
        out->index = out->index * 1000 + number;
    }
    return out->index <= LEDGER_TREE_SIZE_MAX;
}

bool ledger_tile_path_read(struct span path, struct ledger_tile_ref *out) {
    char text[LEDGER_TILE_PATH_SIZE];
    return path.len < LEDGER_TILE_PATH_SIZE && path_parts(path, out) &&
           span_is(path, ledger_tile_path_write(out, text));
}

unsigned ledger_tile_width(uint64_t size, unsigned level, uint64_t index) {
    uint64_t nodes = level < 64 / LEDGER_TILE_HEIGHT ? size >> (LEDGER_TILE_HEIGHT * level) : 0;
    uint64_t full = nodes / LEDGER_TILE_WIDTH;
    if (index == full) return (unsigned)(nodes % LEDGER_TILE_WIDTH);
    return index < full ? LEDGER_TILE_WIDTH : 0;
}

struct sha256 ledger_tile_hash(const struct sha256 *hashes, size_t count) {
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    for (size_t i = 0; i < count; i++) ledger_tree_append(&tree, &hashes[i]);
    return ledger_tree_root(&tree);
}

/* ---- bundles ---- */

enum err ledger_bundle_add(struct buf *out, struct span entry, struct diag *d) {
    if (entry.len > UINT16_MAX)
        return diag_set(d, ERR_LIMIT, "an entry of %zu bytes; the limit is %d", entry.len, UINT16_MAX);
    buf_add_char(out, (char)(entry.len >> 8));
    buf_add_char(out, (char)(entry.len & 0xff));
    buf_add(out, entry);
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no room for a bundle of entries");
}

enum err ledger_bundle_read(struct span bytes, struct span *entries, size_t count, struct diag *d) {
    size_t at = 0;
    if (count > LEDGER_TILE_WIDTH)
        return diag_set(d, ERR_LIMIT, "a bundle of %zu entries; the limit is %d", count, LEDGER_TILE_WIDTH);
    for (size_t i = 0; i < count; i++) {
        struct span rest = span_from(bytes, at);
        size_t len = rest.len < 2 ? 0 : (size_t)(unsigned char)rest.at[0] << 8 | (unsigned char)rest.at[1];
        if (rest.len < 2 || rest.len - 2 < len)
            return diag_set(d, ERR_SYNTAX, "a bundle ends within entry %zu of %zu", i + 1, count);
        entries[i] = span_of(rest.at + 2, len);
        at += 2 + len;
    }
    if (at != bytes.len)
        return diag_set(d, ERR_SYNTAX, "a bundle has %zu bytes after its %zu entries", bytes.len - at, count);
    return ERR_NONE;
}

/* ---- the right edge ---- */

static unsigned edge_width(uint64_t size, unsigned level) {
    return (unsigned)(size >> (LEDGER_TILE_HEIGHT * level) & 0xff);
}

/* The tile that is the right edge of a tree of `size` at a level. */
static struct ledger_tile_ref edge_ref(uint64_t size, unsigned level) {
    return (struct ledger_tile_ref){
        .level = level,
        .index = size >> (LEDGER_TILE_HEIGHT * (level + 1)),
        .width = edge_width(size, level),
    };
}

void ledger_edge_init(struct ledger_edge *e) {
    e->size = 0;
    memset(e->dirty, 0, sizeof e->dirty);
}

enum err ledger_edge_load(struct ledger_edge *e, uint64_t size, ledger_tile_get *get, void *context, struct diag *d) {
    ledger_edge_init(e);
    if (size > LEDGER_TREE_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a tree of %" PRIu64 " leaves; the limit is %" PRIu64, size,
                        LEDGER_TREE_SIZE_MAX);
    for (unsigned level = 0; level < LEDGER_TILE_LEVELS; level++) {
        struct ledger_tile_ref ref = edge_ref(size, level);
        if (ref.width == 0) continue;
        struct span hashes = {0};
        enum err err = get(context, &ref, &hashes, d);
        if (err) return err;
        size_t want = (size_t)ref.width * SHA256_SIZE;
        if (hashes.len < want)
            return diag_set(d, ERR_INVALID, "tile %u/%" PRIu64 " has %zu bytes; a tree of %" PRIu64 " needs %zu", level,
                            ref.index, hashes.len, size, want);
        memcpy(e->rows[level], hashes.at, want);
    }
    e->size = size;
    return ERR_NONE;
}

enum err ledger_edge_append(struct ledger_edge *e, const struct sha256 *leaf_hash, ledger_tile_put *put, void *context,
                            struct diag *d) {
    if (e->size >= LEDGER_TREE_SIZE_MAX)
        return diag_set(d, ERR_LIMIT, "a ledger holds at most %" PRIu64 " entries", LEDGER_TREE_SIZE_MAX);
    struct sha256 hash = *leaf_hash;
    for (unsigned level = 0; level < LEDGER_TILE_LEVELS; level++) {
        struct ledger_tile_ref ref = edge_ref(e->size, level);
        e->rows[level][ref.width++] = hash;
        e->dirty[level] = ref.width < LEDGER_TILE_WIDTH;
        if (e->dirty[level]) break;
        enum err err = put(context, &ref, span_of(e->rows[level], LEDGER_TILE_SIZE), d);
        if (err) return err;
        hash = ledger_tile_hash(e->rows[level], LEDGER_TILE_WIDTH);
    }
    e->size++;
    return ERR_NONE;
}

enum err ledger_edge_flush(struct ledger_edge *e, ledger_tile_put *put, void *context, struct diag *d) {
    for (unsigned level = 0; level < LEDGER_TILE_LEVELS; level++) {
        struct ledger_tile_ref ref = edge_ref(e->size, level);
        if (!e->dirty[level]) continue;
        enum err err = put(context, &ref, span_of(e->rows[level], (size_t)ref.width * SHA256_SIZE), d);
        if (err) return err;
        e->dirty[level] = false;
    }
    return ERR_NONE;
}

struct sha256 ledger_edge_root(const struct ledger_edge *e) {
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    bool whole = true;
    for (unsigned level = LEDGER_TILE_LEVELS; level-- > 0;)
        for (unsigned i = 0; i < edge_width(e->size, level); i++)
            whole = ledger_tree_append_subtree(&tree, LEDGER_TILE_HEIGHT * level, &e->rows[level][i]) && whole;
    /* Wider subtrees go first and size is within its limit, so every one of them fits. */
    return whole ? ledger_tree_root(&tree) : (struct sha256){0};
}

/* ---- proofs from tiles ---- */

enum err ledger_tiles_node(void *tiles, unsigned level, uint64_t index, struct sha256 *out, struct diag *d) {
    const struct ledger_tiles *t = tiles;
    if (level >= LEDGER_TREE_LEVELS || index >= t->size >> level)
        return diag_set(d, ERR_NOT_FOUND, "a tree of %" PRIu64 " leaves has no complete node %u/%" PRIu64, t->size,
                        level, index);
    unsigned within = level % LEDGER_TILE_HEIGHT, count = 1u << within;
    uint64_t first = index << within; /* among the hashes of the tile level; no overflow: below size */
    struct ledger_tile_ref ref = {.level = level / LEDGER_TILE_HEIGHT, .index = first / LEDGER_TILE_WIDTH};
    ref.width = ledger_tile_width(t->size, ref.level, ref.index);
    struct span hashes = {0};
    enum err e = t->get(t->context, &ref, &hashes, d);
    if (e) return e;
    if (hashes.len < (size_t)ref.width * SHA256_SIZE)
        return diag_set(d, ERR_INVALID, "tile %u/%" PRIu64 " has %zu bytes instead of %d hashes", ref.level, ref.index,
                        hashes.len, ref.width);
    struct ledger_tree tree;
    ledger_tree_init(&tree);
    const char *at = hashes.at + first % LEDGER_TILE_WIDTH * SHA256_SIZE;
    for (unsigned i = 0; i < count; i++) {
        struct sha256 hash;
        memcpy(hash.b, at + (size_t)i * SHA256_SIZE, SHA256_SIZE);
        ledger_tree_append(&tree, &hash);
    }
    *out = ledger_tree_root(&tree);
    return ERR_NONE;
}
