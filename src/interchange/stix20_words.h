/* What the two versions call things, and the parts of the conversion as they see each other. Private to stix20*.c. */
#ifndef RENKEI_INTERCHANGE_STIX20_WORDS_H
#define RENKEI_INTERCHANGE_STIX20_WORDS_H

#include "base/map.h"
#include "interchange/losses.h"
#include "stix/marking.h"

/* The types of STIX 2.0 (parts 2 and 3). */
struct stix20_type {
    const char *name;
    const char *words;      /* where 2.1 keeps what 2.0 kept in labels; NULL when labels meant nothing in particular */
    const char *properties; /* in 2.0, besides the common ones; separated and enclosed by single spaces */
    bool labelled;          /* 2.0 requires labels */
};
extern const struct stix20_type stix20_types[];
extern const size_t stix20_type_count;
const struct stix20_type *stix20_type_named(struct span name); /* NULL: there is none */

/* Whether a property of an observable, or of an observable's extension, was renamed; *now is its name in 2.1, NULL when
 * it was removed. */
bool stix20_renamed(struct span type, struct span old, const char **now);
/* The other way: the name in 2.0, NULL when 2.1 introduced it. */
bool stix20_renamed_back(struct span type, struct span now, const char **old);
/* Whether values are lists in 2.1 where 2.0 had strings: header fields. */
bool stix20_is_header(struct span property);

/* The pattern in the words of 2.1 (`back`: of 2.0). In `a`; {NULL,0} when memory ran out. Names that are gone stay, and
 * are counted. `id` is for the example. */
struct span stix20_pattern(struct span pattern, bool back, struct span id, struct arena *a, struct losses *l);

/* The observables of a 2.0 observed-data as objects of their own. refs and the texts live in `a`. */
struct stix20_observables {
    struct span *texts, *ids;
    size_t count;
};
MUST_CHECK enum err stix20_split(struct json_value observed, struct arena *a, struct losses *l,
                                 struct stix20_observables *out, struct diag *d);

/* ---- back ---- */

/* What a fold asks for: an observable by its id, as it may go out. *there is false when it may not, or is not held. */
struct stix20_fetch {
    void *context;
    enum err (*get)(void *context, struct span id, struct json_value *out, bool *there, struct diag *d);
};
/* The observables that an observed-data names, and those they name, as the `objects` of 2.0: appended to `out`, a JSON
 * object. *all are those in it; none when *count is 0. Everything lives in `a`. */
MUST_CHECK enum err stix20_fold(struct json_value observed, const struct stix20_fetch *fetch, struct arena *a,
                                struct losses *l, struct buf *out, struct json_value **all, size_t *count,
                                struct diag *d);

/* TLP as 2.0 knows it: the id of TLP 1.0's marking for a level; AMBER+STRICT, which it has not, is RED. Static. */
struct span stix20_tlp_id(enum stix_tlp level);
struct span stix20_tlp_object(enum stix_tlp level); /* as 2.0 spells it */

struct stix20_more {
    const struct span *marks; /* ids of markings besides its own */
    size_t mark_count;
    struct span objects; /* of an observed-data: its dictionary of observables */
};
/* Appends the object (not an observable) in the words of 2.0. False when 2.0 cannot say it: that is counted, and
 * nothing is written. Scratch in `a`. */
bool stix20_downgrade(struct json_value object, const struct stix20_more *more, struct arena *a, struct losses *l,
                      struct buf *out);

#endif
