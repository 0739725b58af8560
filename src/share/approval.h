/* Approvals: what releasing officers say of a release that national policy referred to them. Each is an officer's
 * signature over exactly one decision: this version of this object, to this party, under this agreement, in this realm.
 * Another version, party or agreement needs another. They stay in the realm's store; no partner sees one.
 *
 * A referred object goes out when as many different officers approved as the rule asks for and none refused. */
#ifndef RENKEI_SHARE_APPROVAL_H
#define RENKEI_SHARE_APPROVAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/time.h"
#include "store/store.h"

#define SHARE_APPROVAL_KIND "approval" /* documents, by OBJECT/HASH/RECIPIENT/AGREEMENT/OFFICER */

enum {
    APPROVAL_REASON_MAX = 1000, /* bytes */
    APPROVAL_KEY_SIZE = 32,
    APPROVAL_SIGNATURE_SIZE = 64,
    APPROVAL_DAYS = 30, /* from the referral: the time officers have; then it stays withheld */
};

/* The decision that is approved. Borrowed. */
struct approval_of {
    struct span realm, object, recipient;
    struct sha256 content;   /* of the object's exact bytes */
    struct sha256 agreement; /* of the agreement's version */
};
struct approval {
    struct approval_of of;
    bool refuses;
    struct span officer, reason;
    time_us time;
    uint8_t key[APPROVAL_KEY_SIZE], signature[APPROVAL_SIGNATURE_SIZE];
};

/* What the officer signs: "renkei release approval v1\n" and a line for each member. */
void approval_message(const struct approval *a, struct buf *out);
MUST_CHECK enum err approval_store(struct store_tx *tx, const struct approval *a, struct diag *d);

/* All approvals of a store, looked up by decision. */
struct approvals {
    struct map by_decision; /* → approvals × 2³² + refusals */
};
/* Those put up to `until` (TIME_NONE: all) whose signatures hold. Free it, after a failure too. */
MUST_CHECK enum err approvals_load(struct store_reader *r, time_us until, struct arena *a, struct approvals *out,
                                   struct diag *d);
void approvals_free(struct approvals *all);
void approvals_count(const struct approvals *all, const struct approval_of *of, unsigned *approved, unsigned *refused);
/* Those of one decision, in `a`. */
MUST_CHECK enum err approvals_list(struct store_reader *r, const struct approval_of *of, struct arena *a,
                                   struct approval **out, size_t *count, struct diag *d);

#endif
