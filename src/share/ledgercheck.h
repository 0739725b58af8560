/* Checking a ledger this node publishes, from its first entry to its last: every record against its place, its tile and
 * what the store keeps beside it. Whether the root is the one that was signed is the caller's to compare. */
#ifndef RENKEI_SHARE_LEDGERCHECK_H
#define RENKEI_SHARE_LEDGERCHECK_H

#include "base/err.h"
#include "base/hash.h"
#include "store/store.h"

/* Called now and then with the number of entries checked. */
typedef void (*ledgercheck_progress)(void *context, uint64_t done);

/* Walks the ledger as `r` sees it: give it a snapshot (store_reader_snapshot()). *root is that of the entries.
 * ERR_VERIFY names the first entry that is not as it must be; other errors are trouble, not verdicts. progress may be
 * NULL. Memory: two bits an entry. */
MUST_CHECK enum err ledgercheck_run(struct store_reader *r, const struct store_ledger *ledger,
                                    ledgercheck_progress progress, void *context, struct sha256 *root, struct diag *d);

#endif
