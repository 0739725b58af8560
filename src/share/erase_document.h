/* How erasures are kept: share/erase.h. */
#ifndef RENKEI_SHARE_ERASE_DOCUMENT_H
#define RENKEI_SHARE_ERASE_DOCUMENT_H

#include "share/erase.h"

MUST_CHECK enum err erasure_put(struct store_tx *tx, const struct erasure *e, time_us now, struct diag *d);

#endif
