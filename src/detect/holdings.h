/* From a realm's holdings to the index: every indicator that counts, the newest version of each. */
#ifndef RENKEI_DETECT_HOLDINGS_H
#define RENKEI_DETECT_HOLDINGS_H

#include "detect/index.h"
#include "store/store.h"

struct detect_holdings {
    struct detect_index *index;   /* owned */
    bool prebuilt;                /* it was opened, not built */
    char note[DIAG_MESSAGE_SIZE]; /* why the file could not be used or kept; "" when there is nothing to say */
};

typedef void detect_progress(void *context, uint64_t done, uint64_t total);

/* The index of all indicators the reader sees. folder is where its file is kept ("HOME/realms/live/index", made when
 * missing); NULL: nowhere. A file of exactly this state of the store is opened; else the index is built and the file
 * replaced. A file that cannot be used or written is no error: see note. progress may be NULL: called while building
 * with holdings read and how many there are about. */
MUST_CHECK enum err detect_holdings_open(struct store_reader *r, const char *folder, detect_progress *progress,
                                         void *context, struct detect_holdings *out, struct diag *d);
/* Builds the index, whatever file there is, and keeps none. */
MUST_CHECK enum err detect_holdings_load(struct store_reader *r, detect_progress *progress, void *context,
                                         struct detect_holdings *out, struct diag *d);
/* A fingerprint of what the index would be built from: another one whenever an indicator came, went or changed. */
MUST_CHECK enum err detect_holdings_state(struct store_reader *r, struct sha256 *out, struct diag *d);
void detect_holdings_free(struct detect_holdings *h);
/* What an indicator indicates, by the relationships held: "Emotet, TA505"; empty if nothing. In `a`. */
MUST_CHECK enum err detect_holdings_names(struct store_reader *r, struct span indicator, struct arena *a,
                                          struct span *out, struct diag *d);
/* Its own name; empty if it has none, or is not held. In `a`. */
MUST_CHECK enum err detect_holdings_title(struct store_reader *r, struct span indicator, struct arena *a,
                                          struct span *out, struct diag *d);

#endif
