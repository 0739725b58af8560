/* Referents go first. A holding is released only together with, or after, everything it names: this decides the set. A
 * candidate whose references the recipient has goes out at once; otherwise what it names is drawn in, and what that
 * names, until the set is closed or something in the way may not go. Objects that name each other go out together.
 * Whoever cannot go yet waits for what it misses. */
#ifndef RENKEI_SHARE_CLOSURE_H
#define RENKEI_SHARE_CLOSURE_H

#include "base/map.h"
#include "share/agreements.h"
#include "share/ledgerlog.h"
#include "share/release.h"
#include "share/subject.h"

struct closure {
    struct share_question question;
    const struct share_agreement *agreement;
    struct store_tx *tx;
    struct ledgerlog *log;
    struct map has; /* ids the recipient was found to have; of one transaction, for a withdrawal may come between two */
    struct release_totals *totals;
    bool withdrawals;   /* something was ever withdrawn from a ledger here */
    struct arena arena; /* of one decision */
    int64_t *unlocked;  /* holdings whose wait is over; owned */
    size_t unlocked_count, unlocked_size;
};

MUST_CHECK enum err closure_open(struct closure *cl, const struct share_context *c, struct store_tx *tx,
                                 struct ledgerlog *log, const struct share_agreement *agreement,
                                 struct release_totals *totals, struct diag *d);
/* Marks for closure_drain() the holdings that wait for `why`: an object's id, or SHARE_WAITING_CHANGED. */
MUST_CHECK enum err closure_reconsider(struct closure *cl, struct span why, struct diag *d);
/* Decides one holding, and releases it (and what it draws in) if it may go. */
MUST_CHECK enum err closure_consider(struct closure *cl, const struct store_holding *h, struct diag *d);
/* Decides again what the releases so far have unlocked, until nothing more is. */
MUST_CHECK enum err closure_drain(struct closure *cl, struct diag *d);
void closure_close(struct closure *cl);

#endif
