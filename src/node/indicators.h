/* The compiled indicators of a running node. A newer set is built beside the one in use and put in its place at once:
 * nobody waits, and whoever took the older one keeps it until he gives it back. The set's file in the node's folder is
 * renewed with it, so that `renkei match` starts without building. */
#ifndef RENKEI_NODE_INDICATORS_H
#define RENKEI_NODE_INDICATORS_H

#include "detect/holdings.h"
#include "node/node.h"

struct node_indicators;
/* A set of one moment: immutable, counted. */
struct indicator_set {
    struct detect_holdings holdings;
    struct sha256 state; /* what of the store it was built from */
    int references;      /* under the lock of its node_indicators */
};

/* Holds none yet. The node must outlive it. */
MUST_CHECK enum err node_indicators_new(struct node *node, struct node_indicators **out, struct diag *d);
/* All sets must have been given back. */
void node_indicators_free(struct node_indicators **indicators);
/* Builds a new set when the store has changed since the last; *renewed tells. Takes as long as that takes: for a thread
 * of its own. One caller at a time. On an error the set in use stays. */
MUST_CHECK enum err node_indicators_renew(struct node_indicators *indicators, bool *renewed, struct diag *d);
/* The set in use, NULL before the first; any thread. */
struct indicator_set *node_indicators_take(struct node_indicators *indicators);
void node_indicators_give_back(struct node_indicators *indicators, struct indicator_set **set);

#endif
