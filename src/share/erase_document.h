/* How erasures are kept: share/erase.h. */
#ifndef RENKEI_SHARE_ERASE_DOCUMENT_H
#define RENKEI_SHARE_ERASE_DOCUMENT_H

#include "share/erase.h"

MUST_CHECK enum err erasure_put(struct store_tx *tx, const struct erasure *e, time_us now, struct diag *d);
/* Puts an object on the list of what is to be erased again, or takes it off; either may be so already. */
MUST_CHECK enum err erasure_due_put(struct store_tx *tx, struct span object, time_us now, struct diag *d);
MUST_CHECK enum err erasure_due_drop(struct store_tx *tx, struct span object, struct diag *d);

#endif
