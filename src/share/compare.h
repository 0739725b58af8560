/* What another version of an agreement would change, over the holdings as they are: nothing is released. */
#ifndef RENKEI_SHARE_COMPARE_H
#define RENKEI_SHARE_COMPARE_H

#include "policy/agreement.h"
#include "share/context.h"
#include "share/subject.h"

struct share_change {
    struct span id, type;
    bool released; /* newly; otherwise: no longer */
    const struct policy_decision *before, *after;
};

struct share_comparison {
    uint64_t compared, newly, no_longer;
};

/* Decides every holding that counts under both, each no earlier than it takes effect, and tells what differs to `take`.
 * What is named, or waits, or was withdrawn is not looked at: this is policy's part of a release alone. Borrowed spans
 * of a change are for the call. */
MUST_CHECK enum err share_compare(const struct share_context *c, struct store_reader *r, const struct agreement *before,
                                  const struct agreement *after, struct span lineage, struct span recipient,
                                  void (*take)(void *context, const struct share_change *change), void *context,
                                  struct share_comparison *out, struct diag *d);

#endif
