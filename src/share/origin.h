/* From what went out back to what it was made of. */
#ifndef RENKEI_SHARE_ORIGIN_H
#define RENKEI_SHARE_ORIGIN_H

#include "store/store.h"

/* A named value of the realm that is there once a derived object was released: until then nobody needs to look. */
#define SHARE_META_DERIVATIONS "derivations"

/* The object from which what was released to `recipient` (empty: to anybody) under this id was derived; empty if `id`
 * is no derived object's. *out lives in `a`. */
MUST_CHECK enum err share_original_of(struct store_reader *r, struct span id, struct span recipient, struct arena *a,
                                      struct span *out, struct diag *d);

#endif
