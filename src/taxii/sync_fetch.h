/* The fetching half of a sync: two threads, each with a connection of its own, run ahead of the verification: one with
 * the ledger's entries and salts, one with TAXII pages of objects. What they hold is bounded. */
#ifndef RENKEI_TAXII_SYNC_FETCH_H
#define RENKEI_TAXII_SYNC_FETCH_H

#include "base/time.h"
#include "ledger/tile.h"
#include "taxii/envelope.h"
#include "taxii/link.h"

enum {
    FETCH_BUNDLES_AHEAD = 48, /* of 256 entries: 4 MB */
    FETCH_PAGES_AHEAD = 6     /* of at most a few MB each */
};

/* The entries under one tile of level 0. */
struct fetch_bundle {
    uint64_t index;
    unsigned width;
    struct buf entries, salts;
};
/* One page of objects, in ledger order. */
struct fetch_page {
    struct buf body;
    struct arena arena;
    struct envelope envelope;
};

struct fetch;
struct fetch_plan {
    const struct link_config *links; /* borrowed until fetch_stop() */
    const char *collection;          /* its UUID */
    uint64_t from, to;               /* entries [from, to) */
    time_us added_after;             /* of entry from − 1; TIME_NONE from the beginning */
};
MUST_CHECK enum err fetch_start(const struct fetch_plan *plan, struct fetch **out, struct diag *d);
/* Stops the threads and frees what they hold. */
void fetch_stop(struct fetch **f);

/* The next one in order, waiting for it; NULL in *out behind the last. Free it with the function below. */
MUST_CHECK enum err fetch_next_bundle(struct fetch *f, struct fetch_bundle **out, struct diag *d);
MUST_CHECK enum err fetch_next_page(struct fetch *f, struct fetch_page **out, struct diag *d);
void fetch_bundle_free(struct fetch_bundle **b);
void fetch_page_free(struct fetch_page **p);

/* One bundle now, over a link of the caller's; with_salts false leaves them empty. */
MUST_CHECK enum err fetch_bundle_get(struct link *l, const char *collection, uint64_t index, unsigned width,
                                     bool with_salts, struct fetch_bundle **out, struct diag *d);

#endif
