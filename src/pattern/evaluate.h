/* Patterns evaluated on observed-data, exactly as STIX 2.1 §9 says: every operator, literally (no case folding unless
 * the caller's fold asks for it).
 *
 *   pattern_parse() ──> pattern_program_build() ──> pattern_program_holds()   one [ ] on one observation
 *                                              └──> pattern_program_match()   the whole pattern on a list of them
 *
 * A program is immutable: any number of threads may evaluate it, each with a budget of its own. Pure. */
#ifndef RENKEI_PATTERN_EVALUATE_H
#define RENKEI_PATTERN_EVALUATE_H

#include "pattern/pattern.h"
#include "json/json.h"

enum {
    PATTERN_STEPS_DEFAULT = 10000000 /* comparisons, path steps and combinations tried; about a second */
};

struct pattern_program;

/* How to build a program. All of it may be zero: literal evaluation. */
struct pattern_settings {
    /* Brings a string to one spelling (domains without case, hashes in lower case): applied to the pattern's literals
     * when the program is built and to the values found, for =, !=, <, IN and LIKE without wildcards; MATCHES and LIKE
     * with wildcards become caseless where caseless() says so. NULL: nothing is folded. type and property as in the
     * object path ("domain-name", "value"). What =, IN, ISSUBSET and ISSUPERSET ask of ipv4-addr:value or
     * ipv6-addr:value is then asked of both: ::ffff:192.0.2.1 is 192.0.2.1. */
    struct span (*fold)(struct arena *a, struct span type, struct span property, struct span text);
    bool (*caseless)(struct span type, struct span property);
};

/* The program lives in the arena and borrows from the pattern (regular expressions are freed by
 * pattern_program_free). ERR_INVALID with column for what can mean nothing (a regular expression that does not
 * compile, an address that is none). */
MUST_CHECK enum err pattern_program_build(struct arena *a, const struct pattern *pattern,
                                          const struct pattern_settings *settings, struct pattern_program **out,
                                          struct diag *d);
void pattern_program_free(struct pattern_program **program);

/* An object a pattern can look at: a cyber-observable, or another object that references lead to. */
struct pattern_object {
    struct span id, type;
    struct json_value value;
    bool root; /* named in the observed-data's object_refs: the others are only reached through references */
};
/* One observed-data (STIX 2.1 §4.14) with what it refers to. Borrowed. */
struct pattern_observation {
    time_us first_observed, last_observed;
    uint32_t number_observed; /* at least 1 */
    const struct pattern_object *objects;
    uint32_t object_count;
};

/* Steps left to an evaluation; `spent_up` is set when they did not suffice and the answer is "no" for that reason. */
struct pattern_budget {
    uint64_t steps;
    bool spent_up;
};

/* The observations ([ ]) of a program, in the order of the text. */
uint32_t pattern_program_observation_count(const struct pattern_program *program);
/* Whether one [ ] holds on one observation. *object (may be NULL) is the root object it holds on. Scratch in `a`. */
bool pattern_program_holds(const struct pattern_program *program, uint32_t observation_number,
                           const struct pattern_observation *observation, struct arena *a,
                           struct pattern_budget *budget, uint32_t *object);

/* The whole pattern on a list of observations. *binding (in `a`): the indices of the first binding, ascending;
 * *binding_count 0 and false when nothing binds. ERR_LIMIT when the budget did not suffice. */
MUST_CHECK enum err pattern_program_match(const struct pattern_program *program,
                                          const struct pattern_observation *observations, uint32_t count,
                                          struct arena *a, struct pattern_budget *budget, bool *matched,
                                          uint32_t **binding, uint32_t *binding_count, struct diag *d);

#endif
