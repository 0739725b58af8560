/* What a party was given between two times, and what became of it: from the ledgers, with totals. */
#ifndef RENKEI_SHARE_DISCLOSED_H
#define RENKEI_SHARE_DISCLOSED_H

#include "base/buf.h"
#include "base/map.h"
#include "share/context.h"
#include "store/store.h"

struct disclosed_query {
    struct span recipient;
    time_us since, until; /* since ≤ time of the record < until; TIME_NONE: from the beginning, to now */
};

/* One release, or one record that takes a release back. Borrowed for the call. */
struct disclosed_entry {
    const struct store_entry *entry;
    struct span object; /* the original's id, where what went out was derived */
    const char *kind;   /* "release", "withdraw", "erase" */
    const char *tlp;    /* of a release: strictest of the object and its handling here; "unknown" when it is gone */
    struct span clause;
    bool confirmed; /* the recipient has cosigned the ledger past it: it has seen the record */
};

struct disclosed {
    uint64_t released, taken_back, standing; /* standing: released in that time and served still */
    struct map types, markings, clauses;     /* of the releases: name → how many */
};

/* each may be NULL. Free *out with share_disclosed_free(), after a failure too. ERR_NOT_FOUND when there is no ledger
 * for the party. */
MUST_CHECK enum err share_disclosed(const struct share_context *c, const struct disclosed_query *q,
                                    void (*each)(void *context, const struct disclosed_entry *e), void *context,
                                    struct disclosed *out, struct diag *d);
void share_disclosed_free(struct disclosed *out);

#endif
