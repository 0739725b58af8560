/* Writing a ledger: sequence, record, salt, tree, tiles and checkpoint, in one store transaction. */
#ifndef RENKEI_SHARE_LEDGERLOG_H
#define RENKEI_SHARE_LEDGERLOG_H

#include "base/buf.h"
#include "ledger/record.h"
#include "ledger/tile.h"
#include "share/context.h"
#include "store/store.h"

enum { LEDGERLOG_SALTS = 128 }; /* drawn from the kernel at a time */

/* The TAXII collection's UUID: from the realm's secret, so that nobody else can compute it. */
void share_ledger_collection(const struct share_context *c, struct span recipient, struct span lineage, char out[40]);

/* 60 kB: not for small stacks. */
struct ledgerlog {
    const struct share_context *context;
    struct store_tx *tx;
    struct arena arena;
    struct store_ledger ledger; /* spans in the arena */
    struct ledger_edge edge;
    uint8_t salts[LEDGERLOG_SALTS][STORE_SALT_SIZE];
    unsigned salts_left;
    struct buf record;
};

/* Loads the ledger's right edge. The transaction must be the writer's until ledgerlog_close(). ERR_BUSY when the ledger
 * is on hold (share/hold.h). */
MUST_CHECK enum err ledgerlog_open(struct ledgerlog *log, const struct share_context *c, struct store_tx *tx,
                                   int64_t ledger, struct diag *d);
/* One release: `body` are the exact bytes that go out (those of the holding, or of a derived object under its own id).
 */
struct ledgerlog_release {
    struct span stix_id, version; /* version: `modified` as spelt; empty if the object has none */
    time_us modified, decided;
    int64_t holding;
    struct span body;
    bool derived;
    bool unreleased;          /* as struct store_entry's */
    struct store_place place; /* the holding's, or zeros */
    struct sha256 agreement;
    struct span clause;
};
MUST_CHECK enum err ledgerlog_release(struct ledgerlog *log, const struct ledgerlog_release *r, struct diag *d);
/* Takes a release back: because its terms do not hold any more, and then the record names the clauses under which it
 * was released; because somebody said so, and it names none; or because it is erased, whether it is served still or
 * not. */
enum ledgerlog_why { LEDGERLOG_SAID, LEDGERLOG_BY_POLICY, LEDGERLOG_ERASED };
MUST_CHECK enum err ledgerlog_withdraw(struct ledgerlog *log, const struct store_entry *released,
                                       const struct sha256 *agreement, enum ledgerlog_why why, struct diag *d);
/* ---- after a restore: entries that its recipient still has ---- */

/* Opens it although it is on hold. */
MUST_CHECK enum err ledgerlog_open_held(struct ledgerlog *log, const struct share_context *c, struct store_tx *tx,
                                        int64_t ledger, struct diag *d);
/* Appends a record as it once was. A release comes back with its salt and body; without them it is kept as withdrawn.
 * ERR_VERIFY when it does not follow, or the body is not the one it commits to. */
MUST_CHECK enum err ledgerlog_recover(struct ledgerlog *log, struct span record, struct span salt, struct span body,
                                      struct diag *d);
/* Writes what was appended without signing anything; the caller commits. Frees what it holds. */
MUST_CHECK enum err ledgerlog_pause(struct ledgerlog *log, struct diag *d);

/* Writes tiles, frontier and, if anything was appended, a newly signed checkpoint; the caller commits. Frees what it
 * holds. */
MUST_CHECK enum err ledgerlog_close(struct ledgerlog *log, struct diag *d);
/* Frees without writing. */
void ledgerlog_abandon(struct ledgerlog *log);

#endif
