/* What the operations on ledgers share. */
#ifndef RENKEI_NODE_OP_LEDGER_H
#define RENKEI_NODE_OP_LEDGER_H

#include "ledger/merkle.h"
#include "node/op.h"

/* Calls each() for the ledgers to `recipient` (all when empty), in one snapshot. ERR_NOT_FOUND when there is none to a
 * recipient that was named. */
MUST_CHECK enum err op_each_ledger(struct op_call *call, struct span recipient,
                                   enum err (*each)(struct op_call *, struct store_reader *,
                                                    const struct store_ledger *, struct diag *),
                                   struct diag *d);
/* Whether an error is a verdict on a ledger, and not trouble on the way to one. */
bool op_ledger_is_verdict(enum err e);
/* The signed checkpoint must be of this size and root, by the log key of `name`. */
MUST_CHECK enum err op_ledger_check_head(struct op_call *call, struct span note, struct span origin, struct span name,
                                         const uint8_t *log_key, uint64_t size, const struct sha256 *root,
                                         struct diag *d);
/* The same of a partner's, by the log key of any card it has had. Whose ledger it is, its origin says. */
MUST_CHECK enum err op_ledger_check_received(struct op_call *call, struct store_reader *r, struct span note,
                                             struct span origin, const struct ledger_tree *tree, struct diag *d);

#endif
