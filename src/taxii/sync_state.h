/* What we have seen of a partner's ledger: kept in the store as one document (kind "sync", key origin), written in the
 * same transaction as the holdings it speaks of.
 *
 *   size                the entries stored, verified
 *   tree, leaves        their hashes: the frontier of the first size/256 × 256, and the leaf hashes of the rest
 *   seen                the newest checkpoint verified; at least `size`, more when a sync was interrupted
 */
#ifndef RENKEI_TAXII_SYNC_STATE_H
#define RENKEI_TAXII_SYNC_STATE_H

#include "ledger/merkle.h"
#include "ledger/note.h"
#include "ledger/tile.h"
#include "store/store.h"

struct sync_state {
    uint64_t size;
    struct ledger_tree tree;
    struct sha256 leaves[LEDGER_TILE_WIDTH];
    time_us last_time; /* of the last entry stored; TIME_NONE when there is none */
    uint64_t seen_size;
    struct sha256 seen_root;
    struct buf seen_note;   /* owned */
    uint64_t cosigned_size; /* the largest size whose cosignature the partner took */
    bool cosigned;          /* whether any was */
};

void sync_state_free(struct sync_state *s);
/* The state kept under an origin; an empty one if nothing was seen yet. */
MUST_CHECK enum err sync_state_load(struct store_reader *r, struct span origin, struct sync_state *out, struct diag *d);
MUST_CHECK enum err sync_state_put(struct store_tx *tx, struct span origin, const struct sync_state *s, time_us now,
                                   struct diag *d);
/* The same, and beside it the checkpoint that covers exactly what is stored (kind "received-checkpoint", key origin),
 * as long as there is one: between the ranges of a long sync there is none. */
MUST_CHECK enum err sync_state_put_with_head(struct store_tx *tx, struct span origin, const struct sync_state *s,
                                             time_us now, struct diag *d);
/* One more entry stored. */
void sync_state_add(struct sync_state *s, const struct sha256 *leaf, time_us time);
/* Keeps two signed heads that cannot both be of one ledger (kind "sync-conflict"), in a transaction of its own. */
MUST_CHECK enum err sync_conflict_keep(struct store *store, struct span origin, struct span ours, struct span theirs,
                                       const char *why, time_us now, struct diag *d);

#endif
