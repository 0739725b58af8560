/* What the operations on agreements have in common. */
#ifndef RENKEI_NODE_OP_AGREEMENT_H
#define RENKEI_NODE_OP_AGREEMENT_H

#include "node/op.h"
#include "policy/agreement.h"

/* Whether an agreement key is the party's: on the card that is trusted now, or on one that it succeeds. ERR_VERIFY. */
MUST_CHECK enum err op_agreement_key_known(struct op_call *call, struct store_reader *r, const struct node_view *v,
                                           struct span party, const uint8_t key[AGREEMENT_KEY_SIZE], struct diag *d);

#endif
