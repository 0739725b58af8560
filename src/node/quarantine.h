/* Quarantine: what came into an inbox and waits until somebody of this party accepts or refuses it. National policy
 * says whose objects wait, or the collection does. While it waits, and when it was refused, the holding is kept and
 * counts for nothing. Documents of the live realm's store, by the holding's number. */
#ifndef RENKEI_NODE_QUARANTINE_H
#define RENKEI_NODE_QUARANTINE_H

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"

#define QUARANTINE_KIND "quarantine"

enum { QUARANTINE_MAX = 100000 /* that wait; beyond, posts are answered "busy": somebody has to look first */ };

struct quarantine_item {
    int64_t holding;
    struct span from;       /* who sent it: a caller's key */
    struct span collection; /* the id of the one it was written into; empty: a partner's own inbox */
    time_us since;
};

MUST_CHECK enum err quarantine_put(struct store_tx *tx, const struct quarantine_item *item, struct diag *d);
/* By holding; spans in `a`. */
MUST_CHECK enum err quarantine_list(struct store_reader *r, struct arena *a, struct quarantine_item **out,
                                    size_t *count, struct diag *d);
MUST_CHECK enum err quarantine_delete(struct store_tx *tx, int64_t holding, struct diag *d);

#endif
