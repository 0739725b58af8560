/* Looks a node over: everything that keeps it from working, or soon will, each with what to do about it. It changes
 * nothing, and works on a node that does not start. Whole ledgers and the audit are gone through by `ledger verify`,
 * `ledger audit` and `audit verify`, not here. */
#ifndef RENKEI_NODE_DOCTOR_H
#define RENKEI_NODE_DOCTOR_H

#include "node/node.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR };

struct doctor_finding {
    const char *check; /* "keys", "clock", … */
    enum doctor_level level;
    const char *message, *advice; /* advice: "" when there is nothing to do */
};

struct doctor_options {
    bool partners; /* call them, too: does each answer, with the key on its card, at about our time */
    void (*found)(void *context, const struct doctor_finding *f); /* borrowed during the call */
    void *context;
};

/* Every check tells at least one finding. Returns the worst. */
enum doctor_level doctor_run(const char *home, const struct doctor_options *options);

#endif
