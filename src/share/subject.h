/* From a holding to the question policy is asked: its object read, markings resolved, provenance looked up. */
#ifndef RENKEI_SHARE_SUBJECT_H
#define RENKEI_SHARE_SUBJECT_H

#include "policy/decide.h"
#include "share/context.h"
#include "stix/object.h"
#include "store/store.h"

/* Documents of the realm's store that decisions ask: a national policy under its version; that an object's originator
 * consented to a recipient, under OBJECT/RECIPIENT. */
#define SHARE_NATIONAL_KIND "national-policy"
#define SHARE_CONSENT_KIND  "consent"

/* What the decisions of one ledger have in common. Borrowed. */
struct share_question {
    const struct share_context *context;
    struct store_reader *reader;
    const struct agreement *agreement;
    struct span lineage; /* of the agreement: hash of its first version */
    struct span recipient;
    int64_t ledger;           /* its id; 0 when there is none yet */
    int64_t recipient_source; /* the source number of what came from the recipient; -1 if nothing did */
    time_us now;
    struct share_policy *policy; /* owned: what share_question_prepare() loaded */
};

/* A holding with all that a decision about it needs and gives. Lives in the arena it was read into. */
struct share_candidate {
    const struct store_holding *holding;
    struct stix_object object;
    struct policy_decision decision;
    bool member;                  /* the identity of a member of this party */
    struct span unknown;          /* the marking that makes it as strict as can be; empty if none does */
    struct span out_id, out_body; /* what would go out: the object itself, or, redacted, the one derived from it */
    bool derived;
    struct stix_ref *refs; /* what that names; of a release only */
    size_t ref_count;
};

/* Reads the holding's object and decides about it. ERR_INVALID when its bytes are no STIX object (a damaged store). */
MUST_CHECK enum err share_candidate_decide(const struct share_question *q, const struct store_holding *h,
                                           struct arena *a, struct share_candidate *out, struct diag *d);
/* Whether the recipient has the object: released to it and current, or received from it, or of the specification
 * itself, or this party's own identity, which its card names. */
MUST_CHECK enum err share_recipient_has(const struct share_question *q, struct span stix_id, bool *out, struct diag *d);
/* Whether the object's first release to the ledger was taken back: what was withdrawn stays withdrawn, in whatever
 * version. For objects none of whose versions is current. */
MUST_CHECK enum err share_was_withdrawn(const struct share_question *q, struct span out_id, struct arena *a, bool *out,
                                        struct diag *d);
/* Fills recipient_source, and loads what every decision asks: the national policy in force, and the agreements under
 * which things came from others. Release it with share_question_release(), after a failure too. */
MUST_CHECK enum err share_question_prepare(struct share_question *q, struct diag *d);
void share_question_release(struct share_question *q);

#endif
