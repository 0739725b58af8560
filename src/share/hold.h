/* Ledgers on hold. A store that was put back to an older state may lack entries that a recipient has seen: signing on
 * from there would fork the ledger. So a restore puts each ledger on hold: nothing is appended to it, signed for it or
 * served of it until its recipient has said how far it has seen it and what was missing is back (taxii/sync_restore.c),
 * or until somebody closes it for good. Kept as documents (kind "ledger-hold", key origin). */
#ifndef RENKEI_SHARE_HOLD_H
#define RENKEI_SHARE_HOLD_H

#include "store/store.h"

struct share_hold {
    struct span origin;
    bool closed;   /* for good: what is to be released from now on needs a new agreement, and so a new ledger */
    uint64_t size; /* entries the ledger had when it was put on hold */
    time_us since;
};

/* Puts every ledger of the store on hold. Those that are closed stay so. *count: how many ledgers there are. */
MUST_CHECK enum err share_hold_all(struct store_tx *tx, time_us now, size_t *count, struct diag *d);
/* ERR_NOT_FOUND when the ledger is not on hold. */
MUST_CHECK enum err share_hold_get(struct store_reader *r, struct span origin, struct arena *a, struct share_hold *out,
                                   struct diag *d);
MUST_CHECK enum err share_hold_list(struct store_reader *r, struct arena *a, struct share_hold **out, size_t *count,
                                    struct diag *d);
/* ERR_BUSY, saying what to do, when the ledger is on hold; for whoever would sign or serve it. */
MUST_CHECK enum err share_hold_check(struct store_reader *r, struct span origin, struct diag *d);
MUST_CHECK enum err share_hold_close(struct store_tx *tx, const struct share_hold *hold, time_us now, struct diag *d);
MUST_CHECK enum err share_hold_lift(struct store_tx *tx, struct span origin, struct diag *d);

#endif
