/* Referents go first. A holding is released only together with, or after, everything it names: this decides the set. A
 * candidate whose references the recipient has goes out at once; otherwise what it names is drawn in, and what that
 * names, until the set is closed or something in the way may not go. Objects that name each other go out together.
 * Whoever cannot go yet waits for what it misses. What names an object that the recipient has redacted names the
 * derived object, and so becomes a derived object itself: the receiver's graph holds together, and shows no id it was
 * not given. */
#ifndef RENKEI_SHARE_CLOSURE_H
#define RENKEI_SHARE_CLOSURE_H

#include "base/map.h"
#include "share/agreements.h"
#include "share/deciding.h"
#include "share/ledgerlog.h"
#include "share/release.h"
#include "share/subject.h"

struct closure {
    struct share_question question;
    const struct share_agreement *agreement;
    struct store_tx *tx;
    struct ledgerlog *log;
    struct map has;      /* id → the form in which the recipient was found to have it; of one transaction */
    struct map awaited;  /* ids that something came to wait for in this transaction */
    bool fresh;          /* nothing was taken back since the holdings at hand were read */
    struct map replaced; /* holdings that have taken the place of another form of their object */
    struct release_totals *totals;
    bool withdrawals;   /* something was ever withdrawn from a ledger here */
    bool kept_time;     /* the note how far time was kept is worth a commit */
    const uint8_t *out; /* of holdings < out_count: whether they were out as they are when the sweep began; borrowed */
    int64_t out_count;
    int64_t swept_to;   /* holdings up to this row are decided again for new terms, not for what happened to them */
    struct arena arena; /* of one decision */
    int64_t *unlocked;  /* holdings to decide again; owned */
    size_t unlocked_count, unlocked_size;
};

MUST_CHECK enum err closure_open(struct closure *cl, const struct share_context *c, struct store_tx *tx,
                                 struct ledgerlog *log, const struct share_agreement *agreement,
                                 struct release_totals *totals, struct diag *d);
/* Marks for closure_drain() the holdings that wait for `why`: an object's id, or SHARE_WAITING_CHANGED. */
MUST_CHECK enum err closure_reconsider(struct closure *cl, struct span why, struct diag *d);
/* Something waits for `needs`, which may be an object's id. */
MUST_CHECK enum err closure_wait(struct closure *cl, struct span needs, int64_t holding, struct diag *d);
/* Decides one holding, and releases it (and what it draws in) if it may go. When it may not, because of what happened
 * to it, what was released of it is taken back; new terms alone take nothing back. */
MUST_CHECK enum err closure_consider(struct closure *cl, const struct store_holding *h, struct diag *d);
/* The same for one that was decided ahead. */
MUST_CHECK enum err closure_conclude(struct closure *cl, struct decided *x, struct diag *d);
/* Marks for closure_drain() what time has decided otherwise since the last call: embargoes and expiries that are over.
 */
MUST_CHECK enum err closure_keep_time(struct closure *cl, struct diag *d);
/* Decides again what the releases so far have unlocked, until nothing more is. */
MUST_CHECK enum err closure_drain(struct closure *cl, struct diag *d);
void closure_close(struct closure *cl);

#endif
