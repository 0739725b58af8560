/* Erasure for a legal reason: an object's bytes and salts are destroyed on this node, its records stay, and partners
 * are asked, by a record in their ledgers, to do the same. What they answer is a signed statement (policy/statement.h).
 *
 * Kept as documents of the realm, JSON each:
 *   erasure           by object id: what was erased here, why and by whom, and the records that asked partners
 *   erasure-request   by ORIGIN/SEQ of a partner's record: what it asks, and what was answered
 *   erasure-answer    by ORIGIN/SEQ of an own record: the recipient's statement
 *   erasure-due       by object id: what a restore brought back, or kept from a ledger on hold (share/hold.h) */
#ifndef RENKEI_SHARE_ERASE_H
#define RENKEI_SHARE_ERASE_H

#include "ledger/record.h"
#include "policy/statement.h"
#include "share/context.h"
#include "store/store.h"

#define ERASURE_KIND         "erasure"
#define ERASURE_REQUEST_KIND "erasure-request"
#define ERASURE_ANSWER_KIND  "erasure-answer"
#define ERASURE_DUE_KIND     "erasure-due"
/* A named value of the realm: there once anything was erased; an intake looks only then. */
#define SHARE_META_ERASURES "erasures"
/* There while deleted bytes may still stand in the store's files. */
#define SHARE_META_SCRUB "scrub-wanted"

enum { ERASURE_REASON_MAX = 500 /* bytes; a statement's field */ };

/* One record that asks a recipient. */
struct erasure_asked {
    struct span origin, recipient;
    uint64_t seq;
};
struct erasure {
    struct span object, reason, by;
    struct span from; /* a partner's request: only what came from it; empty: everything */
    time_us time;
    uint64_t versions;
    bool lifted; /* it may come in again */
    struct erasure_asked *asked;
    size_t asked_count;
};

/* Destroys what is held of e->object and writes the records, in one transaction, and keeps the document. Fills versions
 * and asked (in `a`). Waits for an intake under way. *taken counts releases taken back, those of what names it too.
 * ERR_NOT_FOUND when nothing is held of it. The files are clean only after erase_scrub(). A ledger that is on hold gets
 * its records by erase_again(), one that is closed none. */
MUST_CHECK enum err erase_object(const struct share_context *c, struct erasure *e, struct arena *a, uint64_t *taken,
                                 struct diag *d);
/* ---- after a restore ---- */

/* Of a record that came back with its ledger (ledgerlog_recover), in the same transaction: if it is of an erasure, that
 * is known again and its object is due, whatever the backup holds of it: all of it, for the record does not say from
 * whom it was to go, nor whether the erasure was lifted since. */
MUST_CHECK enum err erasure_recovered(const struct share_context *c, struct store_tx *tx,
                                      const struct store_ledger *ledger, const struct ledger_record *record,
                                      struct diag *d);
MUST_CHECK enum err erasure_due_list(struct store_reader *r, struct arena *a, struct span **objects, size_t *count,
                                     struct diag *d);
/* Erases once more what is held of an object whose erasure is known, and writes the records that are missing. It stays
 * due while a ledger is on hold. */
MUST_CHECK enum err erase_again(const struct share_context *c, struct span object, struct arena *a, struct diag *d);

/* Cleans the files if an erasure wants it. */
MUST_CHECK enum err erase_scrub(struct store *store, bool *done, struct diag *d);

MUST_CHECK enum err erasure_get(struct store_reader *r, struct span object, struct arena *a, struct erasure *out,
                                struct diag *d); /* ERR_NOT_FOUND */
MUST_CHECK enum err erasure_list(struct store_reader *r, struct arena *a, struct erasure **out, size_t *count,
                                 struct diag *d);
/* Lets the object come in again. ERR_NOT_FOUND. */
MUST_CHECK enum err erasure_lift(struct store_tx *tx, struct span object, time_us now, struct diag *d);

/* What a partner asks. */
struct erasure_request {
    struct span origin, party, object, reason;
    uint64_t seq;
    time_us time;
    struct span answer; /* "erased", "refused"; empty: none yet */
    bool sent;
};
MUST_CHECK enum err erasure_request_put(struct store_tx *tx, const struct erasure_request *q, time_us now,
                                        struct diag *d);
/* By origin and seq. */
MUST_CHECK enum err erasure_request_list(struct store_reader *r, struct arena *a, struct erasure_request **out,
                                         size_t *count, struct diag *d);

/* Keeps a recipient's answer, verified by the caller but for this: that the record it answers is one, of a ledger to
 * that party. ERR_INVALID. */
MUST_CHECK enum err erasure_answer_put(struct store_tx *tx, const struct statement *s, struct span file, time_us now,
                                       struct diag *d);
/* The statement that answered a record; *found false: none came yet. */
MUST_CHECK enum err erasure_answer_get(struct store_reader *r, const struct erasure_asked *asked, struct arena *a,
                                       bool *found, struct statement *out, struct diag *d);

#endif
