/* The release queue: what agreements would release and national policy refers to releasing officers. */
#ifndef RENKEI_SHARE_QUEUE_H
#define RENKEI_SHARE_QUEUE_H

#include "share/subject.h"

/* One decision in the queue. Borrowed for the call. */
struct queue_item {
    const struct store_holding *holding;
    const struct share_question *question;
    const struct policy_decision *decision; /* of the outcome POLICY_REFER */
    struct approval_of of;
    unsigned approved, refused;
    time_us deadline; /* approvals come too late from here on */
    bool expired;
};

typedef enum err queue_each(void *context, const struct queue_item *item, struct diag *d);

/* Everything in the queue, ledger by ledger. `tx` is the caller's, who takes it back: listing empties what is listed.
 */
MUST_CHECK enum err queue_list(const struct share_context *c, struct store_tx *tx, queue_each *each, void *context,
                               struct diag *d);
/* The decisions about one object that are in the queue: for one recipient, or (empty) all. */
MUST_CHECK enum err queue_of(const struct share_context *c, struct store_tx *tx, struct span object,
                             struct span recipient, queue_each *each, void *context, struct diag *d);

#endif
