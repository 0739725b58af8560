/* What the two versions call things, and the parts of the conversion as they see each other. Private to stix20*.c. */
#ifndef RENKEI_INTERCHANGE_STIX20_WORDS_H
#define RENKEI_INTERCHANGE_STIX20_WORDS_H

#include "interchange/losses.h"

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

#endif
