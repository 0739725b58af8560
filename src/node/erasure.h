/* Erasure between nodes: what a partner asks is done or refused here, and answered; what partners answer is kept. */
#ifndef RENKEI_NODE_ERASURE_H
#define RENKEI_NODE_ERASURE_H

#include "node/node.h"
#include "share/erase.h"

/* What `by` decided about the requests of `party` (empty: of anyone) for an object that have no answer yet: erases what
 * came from that party, or refuses. *count: how many requests. The files are to be scrubbed by the caller. */
MUST_CHECK enum err node_erasure_decide(struct node *n, struct span object, struct span party, bool refuse,
                                        struct span reason, struct span by, size_t *count, struct diag *d);
/* Does what a party asks at once, where renkei.yaml says `erasures: obey`. */
MUST_CHECK enum err node_erasures_obey(struct node *n, struct span party, struct diag *d);

/* What a restore brought back although it was erased (share/erase.h) is erased again, and the files are scrubbed. */
MUST_CHECK enum err node_erasures_again(struct node *n, struct diag *d);

/* The signed answers to a party that it has not got yet, each given to send(); what that took counts as sent. */
MUST_CHECK enum err node_erasures_answer(struct node *n, struct span party,
                                         enum err (*send)(void *context, struct span statement, struct diag *d),
                                         void *context, struct diag *d);
/* A party's answer, verified and kept. ERR_VERIFY, ERR_INVALID. */
MUST_CHECK enum err node_erasure_answered(struct node *n, struct span party, struct span statement, struct diag *d);

/* Removes what was deleted from the store's files, and the index file with it, if an erasure wants that. */
MUST_CHECK enum err node_scrub(struct node *n, bool *done, struct diag *d);

#endif
