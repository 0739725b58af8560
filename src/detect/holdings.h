/* From a realm's holdings to the index: every indicator that counts, the newest version of each. */
#ifndef RENKEI_DETECT_HOLDINGS_H
#define RENKEI_DETECT_HOLDINGS_H

#include "detect/index.h"
#include "store/store.h"

/* The index, and which of its indicators were superseded by a newer version held (they never count). */
struct detect_holdings {
    struct detect_index *index; /* owned */
    uint8_t *superseded;        /* owned; a byte an indicator */
};

/* Reads all indicators the reader sees. progress may be NULL: called with holdings read and how many there are about.
 */
MUST_CHECK enum err detect_holdings_load(struct store_reader *r,
                                         void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                                         struct detect_holdings *out, struct diag *d);
void detect_holdings_free(struct detect_holdings *h);
/* What an indicator indicates, by the relationships held: "Emotet, TA505"; empty if nothing. In `a`. */
MUST_CHECK enum err detect_holdings_names(struct store_reader *r, struct span indicator, struct arena *a,
                                          struct span *out, struct diag *d);

#endif
