/* Taking releases back, within one transaction on one ledger. What names a thing that is taken back goes with it, for
 * nothing that is served may name what is not: breadth first over the index of dependencies. */
#ifndef RENKEI_SHARE_RECALL_H
#define RENKEI_SHARE_RECALL_H

#include "share/ledgerlog.h"
#include "share/subject.h"

struct recall {
    const struct share_question *question;
    struct store_tx *tx;
    struct ledgerlog *log;
    bool by_policy;      /* LEDGERLOG_BY_POLICY */
    struct arena *arena; /* scratch */
    uint64_t taken;      /* entries so far */
    /* Of recall_object(): the object itself is erased: what is served no more, too; of `source` only, unless that is
     * STORE_SOURCE_ANY. `alone`: what names it stays, for something of the object does. */
    bool erases, alone;
    int64_t source;
    /* Whether a release has its record of erasure already. NULL: that is so if it was taken back and has no salt. */
    bool (*erased_before)(void *context, uint64_t seq);
    enum err (*erased)(void *context, const struct store_entry *released, uint64_t seq, struct diag *d);
    /* Called for every holding whose release is taken back. May be NULL. */
    enum err (*each)(void *context, int64_t holding, struct diag *d);
    void *context;
};

/* Takes back every release of the object that is served, in whatever form and version, and what names it. An id under
 * which a derived object went out stands for its original. Nothing is out: nothing happens. */
MUST_CHECK enum err recall_object(struct recall *r, struct span stix_id, struct diag *d);
/* One entry that is served, alone: an older version that no longer may be. */
MUST_CHECK enum err recall_entry(struct recall *r, const struct store_entry *entry, struct diag *d);

#endif
