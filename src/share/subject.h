/* From a holding to the question policy is asked: its object read, markings resolved, provenance looked up. */
#ifndef RENKEI_SHARE_SUBJECT_H
#define RENKEI_SHARE_SUBJECT_H

#include "policy/decide.h"
#include "share/approval.h"
#include "share/context.h"
#include "share/derive.h"
#include "stix/object.h"
#include "store/store.h"

/* Documents of the realm's store that decisions ask, beside consents (share/consent.h): a national policy under its
 * version. */
#define SHARE_NATIONAL_KIND "national-policy"

/* What the decisions of one ledger have in common. Borrowed. */
struct share_question {
    const struct share_context *context;
    struct store_reader *reader;
    const struct agreement *agreement;
    struct span lineage; /* of the agreement: hash of its first version */
    struct span recipient;
    int64_t ledger;           /* its id; 0 when there is none yet */
    int64_t recipient_source; /* the source number of what came from the recipient; -1 if nothing did */
    bool derivations;         /* a derived object was released here before */
    time_us now;
    bool retrospective;          /* `now` was before: what came to be known since does not count */
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
    struct span out_version;      /* its `modified` as spelt; empty without */
    time_us out_modified;
    bool derived;
    struct stix_ref *refs; /* what that names; of a release only */
    size_t ref_count;
};

/* The form in which a recipient has an object. */
enum share_form { SHARE_FORM_NONE, SHARE_FORM_OWN, SHARE_FORM_DERIVED };

/* Reads the holding's object and decides about it. ERR_INVALID when its bytes are no STIX object (a damaged store). */
MUST_CHECK enum err share_candidate_decide(const struct share_question *q, const struct store_holding *h,
                                           struct arena *a, struct share_candidate *out, struct diag *d);
/* Derives what goes out anew: under other names for some of what it names, and with another `modified` (TIME_NONE: the
 * original's). What was no derived object becomes one. */
MUST_CHECK enum err share_candidate_derive(const struct share_question *q, struct share_candidate *c,
                                           const struct derive_rename *renames, size_t rename_count, time_us modified,
                                           struct arena *a, struct diag *d);
/* How the recipient has the object: under its own id, when it was released and is current, or received from the
 * recipient, or is of the specification itself, or the identity of a party of the agreement, which its card names; or
 * as the object derived from it. */
MUST_CHECK enum err share_recipient_form(const struct share_question *q, struct span stix_id, enum share_form *out,
                                         struct diag *d);
/* Whether somebody withdrew what went out under this id: it stays withdrawn, in whatever version. What policy took back
 * (ledgerlog_withdraw()) may go out again when policy says so. For objects none of whose versions is current. */
MUST_CHECK enum err share_was_withdrawn(const struct share_question *q, struct span out_id, struct arena *a, bool *out,
                                        struct diag *d);
/* What is decided of the version that counts in the holding's place, if that is a newer one; otherwise POLICY_RELEASE.
 * When that may not go, the older one tells what its creator, or somebody here, has taken back by marking it. */
MUST_CHECK enum err share_newest_outcome(const struct share_question *q, const struct store_holding *h, struct arena *a,
                                         enum policy_outcome *out, struct diag *d);
/* Fills recipient_source, and loads what every decision asks: the national policy in force, and the agreements under
 * which things came from others. Release it with share_question_release(), after a failure too. */
MUST_CHECK enum err share_question_prepare(struct share_question *q, struct diag *d);
void share_question_release(struct share_question *q);
/* The national policy in force, without a question; NULL: there is none. *out lives in `a`. */
MUST_CHECK enum err share_national_in_force(struct store_reader *r, time_us now, struct arena *a,
                                            struct national_policy **out, struct diag *d);
/* What officers would approve, and the national policy in force (NULL: none); of a prepared question. */
struct approval_of share_approval_of(const struct share_question *q, const struct store_holding *h);
const struct national_policy *share_national_policy(const struct share_question *q);
void share_approvals_count(const struct share_question *q, const struct approval_of *of, unsigned *approved,
                           unsigned *refused);

#endif
