/* Checking a ledger this node publishes, from its first entry to its last: every record against its place, its tile and
 * what the store keeps beside it. Whether the root is the one that was signed is the caller's to compare. */
#ifndef RENKEI_SHARE_LEDGERCHECK_H
#define RENKEI_SHARE_LEDGERCHECK_H

#include "base/err.h"
#include "base/hash.h"
#include "store/store.h"

/* Called now and then with the number of entries checked. */
typedef void (*ledgercheck_progress)(void *context, uint64_t done);

struct share_context;
/* What a thorough check goes through besides. */
struct ledgercheck_audit {
    const struct share_context *context; /* to derive ids again */
    uint64_t releases, served, withdrawn, erased;
};

/* Walks the ledger as `r` sees it: give it a snapshot (store_reader_snapshot()). *root is that of the entries.
 * ERR_VERIFY names the first entry that is not as it must be; other errors are trouble, not verdicts. progress may be
 * NULL. With `audit` (may be NULL) it counts, and looks at what a look at each object costs: that what is current is
 * the newest release of its object, that older ones are superseded, and that derived objects have the ids that only
 * this node can make. Memory: two bits an entry. */
MUST_CHECK enum err ledgercheck_run(struct store_reader *r, const struct store_ledger *ledger,
                                    ledgercheck_progress progress, void *context, struct ledgercheck_audit *audit,
                                    struct sha256 *root, struct diag *d);

#endif
