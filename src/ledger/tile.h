/* Tiles: how a tree and its entries are served as immutable files (C2SP tlog-tiles).
 *
 * Tile (level L, index N) holds 256 consecutive nodes of tree level 8 × L; a partial tile (width 1 to 255) is the right
 * edge. A bundle holds the entries under a tile of level 0. Pure functions; any thread may call, an edge by one thread
 * at a time. */
#ifndef RENKEI_LEDGER_TILE_H
#define RENKEI_LEDGER_TILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "ledger/merkle.h"

enum {
    LEDGER_TILE_WIDTH = 256,
    LEDGER_TILE_HEIGHT = 8,     /* tree levels from one tile level to the next */
    LEDGER_TILE_LEVEL_MAX = 63, /* in a path; trees here need no more than LEDGER_TILE_LEVELS levels */
    LEDGER_TILE_LEVELS = 7,     /* 256^7 > LEDGER_TREE_SIZE_MAX */
    LEDGER_TILE_SIZE = LEDGER_TILE_WIDTH * SHA256_SIZE,
    LEDGER_TILE_PATH_SIZE = 64, /* room for every path and a NUL */
    LEDGER_BUNDLE_SIZE_MAX = LEDGER_TILE_WIDTH * (2 + 65535)
};

struct ledger_tile_ref {
    unsigned level; /* 0 for bundles */
    bool entries;   /* a bundle of entries, not hashes */
    uint64_t index; /* at most LEDGER_TREE_SIZE_MAX */
    unsigned width; /* 1 to 256; 256 = full */
};

/* "tile/<L>/<N>[.p/<W>]" or "tile/entries/<N>[.p/<W>]", N spelt x001/x234/067. Returns text. */
const char *ledger_tile_path_write(const struct ledger_tile_ref *ref, char text[LEDGER_TILE_PATH_SIZE]);
/* Strict: exactly one spelling per tile. False otherwise. */
bool ledger_tile_path_read(struct span path, struct ledger_tile_ref *out);

/* How wide tile (level, index) is in a tree of `size`: 256, the partial width, or 0 when it has none of it. */
unsigned ledger_tile_width(uint64_t size, unsigned level, uint64_t index);

/* Root over 1 to 256 hashes: of a full tile, the hash that stands for it one level up. */
struct sha256 ledger_tile_hash(const struct sha256 *hashes, size_t count);

/* ---- bundles ---------------------------------------------------------------------------------------------------- */

/* Appends one entry: its length as big-endian uint16, then its bytes. ERR_LIMIT over 65,535 bytes. */
MUST_CHECK enum err ledger_bundle_add(struct buf *out, struct span entry, struct diag *d);
/* Takes apart a bundle of exactly `count` entries (at most 256): spans borrowed from bytes, into entries[count].
 * ERR_SYNTAX when there are fewer, more, or half an entry. */
MUST_CHECK enum err ledger_bundle_read(struct span bytes, struct span *entries, size_t count, struct diag *d);

/* ---- the right edge: what an appender keeps ---------------------------------------------------------------------- */

/* Takes a tile of `ref->width` hashes to keep; borrowed during the call. */
typedef enum err ledger_tile_put(void *context, const struct ledger_tile_ref *ref, struct span hashes, struct diag *d);
/* Gives a tile's hashes: at least 32 × ref->width bytes (a fuller tile may answer), valid until the next call. */
typedef enum err ledger_tile_get(void *context, const struct ledger_tile_ref *ref, struct span *hashes, struct diag *d);

/* The partial tiles of all levels while entries are appended (56 kB: not for small stacks). */
struct ledger_edge {
    uint64_t size;
    struct sha256 rows[LEDGER_TILE_LEVELS][LEDGER_TILE_WIDTH]; /* the first (size >> 8 × level) % 256 of each count */
    bool dirty[LEDGER_TILE_LEVELS];                            /* changed since it was last put */
};

void ledger_edge_init(struct ledger_edge *e);
/* Loads the partial tiles of a tree of `size`. ERR_INVALID when a tile is too short. */
MUST_CHECK enum err ledger_edge_load(struct ledger_edge *e, uint64_t size, ledger_tile_get *get, void *context,
                                     struct diag *d);
/* Appends a leaf hash; puts each tile that becomes full. After an error the edge is not to be used further. */
MUST_CHECK enum err ledger_edge_append(struct ledger_edge *e, const struct sha256 *leaf_hash, ledger_tile_put *put,
                                       void *context, struct diag *d);
/* Puts the partial tiles that changed: once per checkpoint. */
MUST_CHECK enum err ledger_edge_flush(struct ledger_edge *e, ledger_tile_put *put, void *context, struct diag *d);
/* The root, from the edge alone. */
struct sha256 ledger_edge_root(const struct ledger_edge *e);

/* ---- proofs from tiles --------------------------------------------------------------------------------------------
 */

/* A source of nodes over tiles: (struct ledger_nodes){ledger_tiles_node, &tiles}. Asks only for tiles that exist in the
 * tree of `size`, and for one tile several times in a row: get() may keep the last it gave. */
struct ledger_tiles {
    ledger_tile_get *get;
    void *context;
    uint64_t size;
};
enum err ledger_tiles_node(void *tiles, unsigned level, uint64_t index, struct sha256 *out, struct diag *d);

#endif
