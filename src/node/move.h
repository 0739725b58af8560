/* Moving a node's store into another database: copied whole, the configuration pointed at the copy, and, once the copy
 * is found good, the old one taken out of use, so that no two of them go on under the same keys. */
#ifndef RENKEI_NODE_MOVE_H
#define RENKEI_NODE_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct move;
/* Copies the store of the stopped node at `home` to `to`: a PostgreSQL URL, or "file" for the file in its home. From
 * here on until move_end() nobody writes to the old one, and commands use the new one. ERR_BUSY: the node is running.
 * ERR_EXISTS: there is a store already. Whatever fails, the node is as it was. *out is owned. */
MUST_CHECK enum err move_begin(const char *home, const char *to, void (*progress)(void *context, uint64_t done),
                               void *context, struct move **out, struct diag *d);
/* keep: the old store is put aside (store_retire()). Otherwise the node goes on with it, and the copy is left. */
MUST_CHECK enum err move_end(struct move **m, bool keep, struct diag *d);

#endif
