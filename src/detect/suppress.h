/* Suppression: rules of an officer that what matches them does not alert, for a while or for good.
 *
 * Rules are documents of kind "suppression" under a number; each names an indicator or an observed value, perhaps a
 * member, perhaps an end, and a reason. A value that is a network covers the addresses in it. What is suppressed is
 * counted; it is no sighting, unless the rule says so: a rule says that a hit means nothing here, and partners should
 * not hear of it as if it did.
 *
 * Asking is pure; any thread. */
#ifndef RENKEI_DETECT_SUPPRESS_H
#define RENKEI_DETECT_SUPPRESS_H

#include "base/buf.h"
#include "detect/values.h"
#include "store/store.h"

enum { SUPPRESSIONS_MAX = 10000 }; /* each is asked for each hit */
#define SUPPRESSION_KIND "suppression"

struct suppression {
    uint64_t number;           /* its name for people */
    struct span indicator;     /* an id; empty: any */
    struct detect_value value; /* value.len 0: any; not both empty */
    struct span member;        /* empty: all */
    time_us until;             /* exclusive; TIME_NONE: for good */
    bool keep_sightings;
    struct span reason, by;
    time_us made;
};
struct suppressions {
    struct suppression *rules;
    size_t count;
};

/* Appends the rule as JSON: the document's body. */
void suppression_write(struct buf *out, const struct suppression *rule);
/* Reads a body back. Spans in `a` or the body. */
MUST_CHECK enum err suppression_read(struct arena *a, uint64_t number, struct span body, struct suppression *out,
                                     struct diag *d);
/* All rules, by number, in `a`. */
MUST_CHECK enum err suppressions_load(struct store_reader *r, struct arena *a, struct suppressions *out,
                                      struct diag *d);
/* The first rule in force at `now` that covers a hit; NULL if none does. value is normalised, as values.h says. An
 * empty member is covered by rules for all members only. */
const struct suppression *suppressions_find(const struct suppressions *s, struct span indicator, enum atom_kind kind,
                                            struct span value, struct span member, time_us now);

#endif
