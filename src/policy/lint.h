/* Lint: what in an agreement cannot be meant: rules that can never match, rules that contradict each other, and where
 * it is wider than the version before. What it says is true; what it does not see, it does not say: one rule is held
 * against one other, not against several together, and an expression only against the same expression. Pure. */
#ifndef RENKEI_POLICY_LINT_H
#define RENKEI_POLICY_LINT_H

#include "base/buf.h"
#include "policy/agreement.h"

enum policy_lint_kind {
    POLICY_LINT_NEVER,         /* a rule that can never match */
    POLICY_LINT_CONTRADICTION, /* and that says the opposite of the one that covers it */
    POLICY_LINT_WIDER,         /* may release, or permit, what the version before did not */
    POLICY_LINT_STRICT         /* releases RED or AMBER+STRICT: to be meant */
};

struct policy_lint_finding {
    enum policy_lint_kind kind;
    struct span clause; /* or section; borrowed from the agreement */
    uint64_t line;      /* in the file; 0 = none */
    const char *text;   /* one sentence, for the call */
};

/* Tells every finding to `take`. before: the version it amends, or NULL. */
void policy_lint(const struct agreement *g, const struct agreement *before,
                 void (*take)(void *context, const struct policy_lint_finding *f), void *context);
const char *policy_lint_name(enum policy_lint_kind kind); /* "never-matches", "contradiction", "wider", "strict" */

#endif
