/* `sync`, the client: pulls from a partner's Renkei, or from any TAXII 2.1 server.
 *
 * From a Renkei, nothing is stored that was not verified. The checkpoint must be signed by the log key on the partner's
 * card, name the ledger that the agreement stands for, and continue every checkpoint seen before; each record must hash
 * to the tree of that checkpoint, be made under an agreement held here and commit to the object's bytes. What holds is
 * stored range by range, so that an interrupted sync goes on where it stopped; what does not is refused with the
 * reason. In the end the checkpoint is cosigned and the partner told.
 *
 * From another server (a source in renkei.yaml), objects are validated and kept as "taxii:NAME", from where the last
 * sync stopped. */
#ifndef RENKEI_TAXII_SYNC_H
#define RENKEI_TAXII_SYNC_H

#include "node/node.h"

enum {
    TAXII_SYNC_RANGE = 20480,  /* entries stored in one go: large for the store, little to repeat after a crash */
    TAXII_SYNC_RANGE_MS = 700, /* …or what came in so long, where the machine or the line is slow */
    /* …or as many bytes of objects, which take up to thirty times as much when they are read. */
    TAXII_SYNC_RANGE_BYTES = 16 << 20,
    TAXII_SYNC_LEDGERS_MAX = 64,     /* ledgers of one partner: one an agreement lineage */
    TAXII_SYNC_ENTRIES_MAX = 1 << 30 /* of one ledger; the tree's hashes for it take 128 MB */
};

struct taxii_sync_options {
    /* Asked now and then, from any thread; true abandons the sync (ERR_BUSY). What was stored stays. May be NULL. */
    bool (*stop)(void *context);
    /* Called on the caller's thread. what: "pulling"; unit: "entries" or "objects"; total 0 = not known. May be NULL.
     */
    void (*progress)(void *context, const char *what, const char *unit, uint64_t done, uint64_t total);
    /* As struct intake_options: objects that are no valid STIX, or wait in quarantine. May be NULL. */
    void (*finding)(void *context, bool error, const char *place, struct span object_id, const char *path,
                    const char *message);
    void *context;
};

struct taxii_sync_ledger {
    char origin[256];
    uint64_t size_before, size; /* entries held before and now */
    bool verified;              /* the checkpoint, and all up to `size` */
    bool cosigned;              /* the partner has our cosignature of `size` */
    char trouble[512];          /* why not; "" if nothing is wrong */
};

struct taxii_sync_result {
    bool renkei;        /* a partner's Renkei, not a plain TAXII server */
    bool card_received; /* the partner has rotated its keys: the successor card was accepted */
    bool card_sent;     /* ours was given to the partner */
    bool restarted;     /* a plain server that tells no dates: everything is read anew each time */
    uint64_t read, added, known, rejected, quarantined; /* objects */
    uint64_t withdrawn;                                 /* releases taken back by the partner */
    uint64_t restored;                                  /* own ledgers that were on hold since a restore, */
    uint64_t recovered;                                 /* and the entries of them that the partner gave back */
    uint64_t bytes;                                     /* received */
    double seconds;
    struct taxii_sync_ledger ledgers[TAXII_SYNC_LEDGERS_MAX];
    size_t ledger_count;
};

/* `name` is a trusted party's id or the name of a source in renkei.yaml. The result is filled as far as it went, also
 * on error. ERR_NOT_FOUND: no such party or source; ERR_VERIFY: something did not hold (d says what); ERR_NETWORK,
 * ERR_DENIED, ERR_BUSY. Blocks. ERR_BUSY also when a sync of this name is under way; others may run beside it. The
 * node must be open for writing. */
MUST_CHECK enum err taxii_sync(struct node *n, const char *name, const struct taxii_sync_options *options,
                               struct taxii_sync_result *result, struct diag *d);

#endif
