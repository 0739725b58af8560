/* Release: holdings → ledgers. Decides what is new (or what something unlocked) for every ledger this node publishes,
 * appends what policy releases, and makes a signed checkpoint durable before anything of it is served. */
#ifndef RENKEI_SHARE_RELEASE_H
#define RENKEI_SHARE_RELEASE_H

#include "base/buf.h"
#include "share/context.h"
#include "store/store.h"

/* A named value of the realm that is there once anything was withdrawn from any ledger: until then nobody needs to
 * look. */
#define SHARE_META_WITHDRAWALS "withdrawals"

/* Holdings wait for this, which is no object's id, until the next run: what this party put on them has changed. */
#define SHARE_WAITING_CHANGED "changed"
/* Likewise, for releasing officers: what national policy referred to them when it was decided last. */
#define SHARE_WAITING_OFFICERS "officers"

enum {
    RELEASE_BATCH = 10000, /* holdings decided, and entries appended, in one transaction with one checkpoint */
    RELEASE_CLOSURE_MAX =
        100000, /* objects that one release may draw in by reference (a bundle's index object names thousands) */
};

struct release_totals {
    uint64_t decided, released, withheld, waiting, withdrawn;
    uint64_t no_longer; /* is out, but new terms would not release it, or not so: release_no_longer() */
};

/* Creates a ledger for every partner of every complete agreement in force that has none, then decides all holdings it
 * has not decided yet (all of them again after an amendment). progress may be NULL: called with (done, total). */
MUST_CHECK enum err release_run(const struct share_context *c,
                                void (*progress)(void *context, uint64_t done, uint64_t total), void *progress_context,
                                struct release_totals *totals, struct diag *d);
/* Has a holding decided again for every ledger by the next run: something happened to it. */
MUST_CHECK enum err share_reconsider(struct store_tx *tx, int64_t holding, struct diag *d);
/* Takes back every current release of the object, and of what names it, from the party's ledgers. ERR_NOT_FOUND when
 * none is out. */
MUST_CHECK enum err release_withdraw(const struct share_context *c, struct span stix_id, struct span recipient,
                                     struct release_totals *totals, struct diag *d);
/* What is out to a party (empty: to all) although the terms as they are would not release it, or only redacted. With
 * `take` it is taken back by policy, with what names it; the next run releases what of it may go in another form. */
struct policy_decision;
struct release_narrowed {
    struct span id, out_id; /* the object, and what it is out as */
    const struct policy_decision *decision;
};
MUST_CHECK enum err release_no_longer(const struct share_context *c, struct span recipient, bool take,
                                      void (*each)(void *context, const struct release_narrowed *n), void *context,
                                      struct release_totals *totals, struct diag *d);
/* Explains as JSON, appended to out: {"id","to","agreements":[{"agreement","decision":{"outcome","clause","reason",
 * "text"},"released":{…}},…]}. At another time than now (TIME_NONE): by the version that was held then, the agreements
 * and national policy that were in force, and what was out. Local handling and who is a partner are as they are now. */
MUST_CHECK enum err release_why(const struct share_context *c, struct span stix_id, struct span recipient, time_us at,
                                struct buf *out, struct diag *d);
/* What a partner's records say of an object it gave: {"id","from","records":[{"ledger","entry","released","version",
 * "agreement","title","clauses","state"}]}. ERR_NOT_FOUND. */
MUST_CHECK enum err release_why_received(const struct share_context *c, struct span stix_id, struct span giver,
                                         struct buf *out, struct diag *d);
/* Signs the current size of every ledger again (after the log key was rotated). */
MUST_CHECK enum err release_checkpoint_all(const struct share_context *c, struct diag *d);
/* The same if the checkpoint of one is not by the log key in use; otherwise writes nothing. */
MUST_CHECK enum err release_checkpoint_stale(const struct share_context *c, struct diag *d);

#endif
