/* Deciding ahead of a ledger's one writer: a thread of its own reads the holdings behind a ledger's cursor and decides
 * about them, while the writer appends what was decided before.
 *
 * It sees the store as the last commit left it, so all that it asks, and `known` of its holdings, must not depend on
 * what the writer's transaction does: a decision asks only for agreements, policies, approvals, markings and where
 * something came from; what has become known since is the closure's to remember (share/closure.h). */
#ifndef RENKEI_SHARE_DECIDING_H
#define RENKEI_SHARE_DECIDING_H

#include "share/subject.h"

/* A holding and what was decided about it. */
struct decided {
    const struct store_holding *holding;
    bool open;      /* it is not decided: it counts no more, or is too large to be held beside others */
    enum err error; /* of share_candidate_decide(); `wrong` says more */
    const struct diag *wrong;
    struct share_candidate candidate; /* for the caller to use up */
};
struct decided_slice {
    struct decided *items;
    size_t count;
};

struct deciding;
/* Begins with the holding after `after`, and decides about `limit` of them. The reader is that thread's until
 * deciding_close(); the question is asked again as its caller prepared it. *out is owned. */
MUST_CHECK enum err deciding_open(struct store_reader *reader, const struct share_question *question, int64_t after,
                                  size_t limit, struct deciding **out, struct diag *d);
/* The next holdings, in the order of their rows, borrowed until the next call; count 0 at the end. */
MUST_CHECK enum err deciding_next(struct deciding *g, struct decided_slice *out, struct diag *d);
/* Waits for the thread, which stops within one slice. */
void deciding_close(struct deciding **g);

#endif
