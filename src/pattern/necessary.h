/* What must stand in a line of telemetry for a pattern to hold on it: of each [ ] of a pattern, values or texts of
 * which one at least is there whenever the [ ] holds. Whoever reads a billion lines looks for those first, and
 * evaluates (evaluate.h) only where it found one.
 *
 * Never misses: what cannot be told from values that are present (NOT, !=, <, EXISTS, ISSUPERSET, …) needs nothing, and
 * so does an OR of which one side needs nothing. Of an AND the side is chosen that is seen least by chance.
 *
 * Said of lines as match reads them: values folded as detect/normalise.h says, and texts without regard to case.
 *
 * Pure. */
#ifndef RENKEI_PATTERN_NECESSARY_H
#define RENKEI_PATTERN_NECESSARY_H

#include "base/buf.h"
#include "pattern/plan.h"

enum {
    PATTERN_TEXT_LENGTH_MIN = 3, /* letters and digits; shorter ones stand in every line */
};

enum pattern_need_kind {
    NEED_VALUE, /* a value: an address, a domain, a hash … */
    NEED_TEXT,  /* a text within a value: LIKE, MATCHES, or = on a property whose values cannot be looked up */
    NEED_TEST,  /* likewise, but nothing of it stands as such in the line: every value has to be tried */
};
struct pattern_need {
    enum pattern_need_kind kind;
    struct pattern_atom atom; /* NEED_VALUE */
    struct span text;         /* NEED_TEXT: ASCII letters and digits that stand together in the line, in any case */
    /* NEED_TEXT and NEED_TEST: LIKE, MATCHES, =, IN with strings; of IN, literal is the one that is needed. */
    const struct pattern_test *test;
    const struct pattern_literal *literal;
};

/* Of one [ ]. */
struct pattern_necessary {
    const struct pattern_need *needs; /* any one of them */
    uint32_t count;                   /* 0: nothing can be looked for; all observations have to be evaluated */
    const struct pattern_test *open;  /* then: a test because of which */
};

/* One a [ ], in the order of the text. Lives in the arena, borrows from the pattern. */
MUST_CHECK enum err pattern_necessary_find(struct arena *a, const struct pattern *pattern,
                                           const struct pattern_necessary **out, uint32_t *count, struct diag *d);

/* A line of plain English for each [ ]: what is looked for first, or why nothing is. */
void pattern_necessary_explain(struct buf *out, const struct pattern_necessary *list, uint32_t count);

/* The longest run of letters and digits that stands in every text the test's literal takes (LIKE, MATCHES, =); empty if
 * there is none of PATTERN_TEXT_LENGTH_MIN. */
struct span pattern_text_within(enum pattern_operator compare, struct span literal);

#endif
