/* The audit's signed head. The store chains the entries (store/store.h); this signs the number and hash of the newest
 * with the node's log key, so that a chain made anew, or cut short, by someone without the key does not go unseen.
 *
 * What it does not show: a store put back whole to an earlier state, head and all, is one that was true once. Only a
 * head kept elsewhere shows that: `renkei audit verify --head`. */
#ifndef RENKEI_NODE_AUDIT_H
#define RENKEI_NODE_AUDIT_H

#include "node/node.h"

struct audit_head {
    uint64_t number; /* of the newest entry it covers; 0: none */
    struct sha256 chain;
};

/* Adds an entry and signs the head that it makes, in one transaction. */
MUST_CHECK enum err audit_add(struct node *n, struct realm *realm, const struct store_audit *entry, struct diag *d);

struct audit_report {
    struct audit_head newest, signed_head;
};
/* Recomputes every entry, and checks the signed head and, unless its number is 0, a head that was `known` before.
 * ERR_VERIFY says what does not hold and where. */
MUST_CHECK enum err audit_verify(struct node *n, struct realm *realm, const struct audit_head *known,
                                 struct audit_report *out, struct diag *d);

#endif
