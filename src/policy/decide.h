/* The decision: may this holding go to that party now, and why. Deny by default. Pure and without allocation: an
 * agreement, facts and a time in, a decision out; hundreds of thousands a second. docs/agreements.md says exactly what
 * is compared with what; the order is this, and the first that applies decides:
 *
 *  1. What every implementation holds already (the TLP marking objects) is never sent; references to it are no
 * obstacle.
 *  2. Outside effective..ends nothing goes out.
 *  3. What came from another party goes on only where the direction's rules name that source, every agreement it came
 *     under permits it onward (policy_subject.came_under), within its hops and with its originator's consent if asked.
 *  4. A marking that is altered, or that neither Renkei nor the agreement knows: stricter than any rule can name.
 *  5. ACS and IEP markings: their own conditions on the recipient and the time.
 *  6. A sighting (opinion, note) of what the recipient itself gave goes back when the opposite direction says so,
 * unless it is marked AMBER+STRICT or RED, which only a rule can release.
 *  7. Without a direction from → to nothing goes out. The effective TLP is the strictest of the object's markings
 *     (granular ones count for the whole object), IEP's and the local handling's; without any, what no_tlp says.
 *  8. The first rule of the direction that matches decides; if none does: withheld.
 *  9. A rule that releases may still hold back until its embargo is over, and from its expiry on.
 * Revoked versions follow the same rules.
 *
 * National policy then takes away, and never adds: policy_decide_national(). */
#ifndef RENKEI_POLICY_DECIDE_H
#define RENKEI_POLICY_DECIDE_H

#include "policy/agreement.h"
#include "policy/facts.h"
#include "policy/national.h"

enum policy_outcome { POLICY_WITHHOLD = 0, POLICY_RELEASE, POLICY_REFER };

/* One row a reason: name in C, name for machines (stable: stored and shown), what would have to change. The sentences
 * are policy_explain()'s. */
#define POLICY_REASONS(X)                                                                                              \
    X(RULE_RELEASES, "rule-releases", "")                                                                              \
    X(RULE_WITHHOLDS, "rule-withholds",                                                                                \
      "An amendment would have to change that clause, or put one that releases it before it.")                         \
    X(NO_RULE, "no-rule", "")                                                                                          \
    X(NO_DIRECTION, "no-direction", "An amendment would have to add that direction under `release`.")                  \
    X(NOT_EFFECTIVE, "not-effective", "It will be decided again when the agreement takes effect.")                     \
    X(ENDED, "ended", "An amendment with a later `ends` would have to be signed.")                                     \
    X(NOT_OWN, "not-own", "Ask the party it came from; a rule would have to name it under `sources`.")                 \
    X(ONWARD_FORBIDDEN, "onward-forbidden",                                                                            \
      "The agreement under which it came would have to permit it under `onward`.")                                     \
    X(CONSENT_NEEDED, "consent-needed", "Ask its originator, and record the consent.")                                 \
    X(TOO_MANY_HOPS, "too-many-hops", "Ask its originator to share it directly.")                                      \
    X(UNKNOWN_MARKING, "unknown-marking",                                                                              \
      "Its creator would have to mark it with the exact TLP objects of STIX 2.1, or send the marking it names.")       \
    X(ACS, "acs", "Its originator would have to change that marking.")                                                 \
    X(IEP, "iep", "Its originator would have to change that marking.")                                                 \
    X(NO_TLP, "no-tlp", "Give it a TLP by local handling, or amend `no_tlp`.")                                         \
    X(SIGHTINGS_RETURN, "sightings-return", "")                                                                        \
    X(SIGHTINGS_KEPT, "sightings-kept", "An amendment would have to say `sightings: {return: true}` there.")           \
    X(OPINIONS_RETURN, "opinions-return", "")                                                                          \
    X(REQUESTS_RETURN, "requests-return", "")                                                                          \
    X(EMBARGO, "embargo", "It will be decided again when the embargo is over.")                                        \
    X(EXPIRED, "expired", "A new version of it would go out.")                                                         \
    X(NATIONAL_WITHHOLDS, "national-withholds", "The national policy would have to change.")                           \
    X(NATIONAL_REFERS, "national-refers", "Releasing officers decide (renkei release queue).")                         \
    X(BUILTIN, "builtin", "Nothing: references to it may go out.")

enum policy_reason {
#define X(name, machine, change) POLICY_REASON_##name,
    POLICY_REASONS(X)
#undef X
        POLICY_REASON_COUNT
};

/* Borrows from the agreement and the subject. */
struct policy_decision {
    enum policy_outcome outcome;
    enum policy_reason reason;
    struct span clause;                       /* the agreement's rule, or section, that decided; empty when none did */
    unsigned redactions;                      /* POLICY_REDACT_…, of what is released or referred */
    const struct policy_redaction *redaction; /* the rule's; NULL when it states none */
    const struct policy_purpose *purpose;     /* that binds the receiver; NULL: not limited */
    enum stix_tlp tlp;           /* the effective level, STIX_TLP_NONE when there is none or it was not needed */
    int confidence;              /* the effective one, -1 = none */
    time_us again;               /* when time alone will decide it otherwise; TIME_NONE = never */
    unsigned approvals;          /* of REFER: how many officers must approve, 1 or 2 */
    struct span national_clause; /* the national rule; never leaves the node */
    /* For the explanation: */
    const struct agreement *agreement;
    struct span from, to, type, source_party;
    const struct policy_rule *nearest; /* of NO_RULE: the releasing rule that came nearest, NULL when there is none */
    enum policy_condition failed;      /* and what it failed on */
    const char *marking;               /* of ACS and IEP: what in it stands in the way. Static */
};

/* The agreement alone. */
void policy_decide(const struct agreement *g, struct span from, struct span to, time_us now,
                   const struct policy_subject *s, struct policy_decision *out);
/* What national policy takes away from that: the strictest of all its rules that match (withhold, then two approvals,
 * then one). Looks at nothing but what the agreement releases. `n` may be NULL. */
void policy_decide_national(const struct national_policy *n, time_us now, const struct policy_subject *s,
                            struct policy_decision *d);

/* Appends one or two sentences in plain English: what was decided under which clause, and what would have to change for
 * a withheld object. Holds no content of the object but its type, level and confidence. For national users: it names
 * national clauses. */
void policy_explain(const struct policy_decision *d, struct buf *out);

const char *policy_outcome_name(enum policy_outcome o); /* "withhold", "release", "refer" */
const char *policy_reason_name(enum policy_reason r);   /* "no-rule", …; "" for a number that is none */
/* Appends "member, creator, …"; nothing when nothing is redacted. */
void policy_redactions_name(unsigned redactions, struct buf *out);

#endif
