/* The decision: may this holding go to that party now, and why. Deny by default. Pure and without allocation: an
 * agreement, facts and a time in, a decision out; millions a second.
 *
 * In this order:
 *  1. What every implementation holds already (the TLP marking objects) is never sent; references to it are no
 * obstacle.
 *  2. Outside effective..ends nothing goes out.
 *  3. What came from another party stays here: this version of agreements knows no onward rule.
 *  4. A marking that is unknown, altered or unresolvable counts as stricter than anything a rule can name: withheld.
 *  5. A sighting of something the recipient itself gave goes back when `sightings` of the opposite direction says so,
 *     unless it is marked AMBER+STRICT or RED, which only a rule can release.
 *  6. Without a direction from → to nothing goes out. The effective TLP is the stricter of the object's markings
 * (granular ones count for the whole object) and the local handling's; without either, what no_tlp says.
 *  7. The first rule of the direction that matches decides; if none does: withheld.
 * Revoked versions follow the same rules.
 *
 * A sighting that is released names its member only where the agreement says so: POLICY_REDACT_MEMBER otherwise. */
#ifndef RENKEI_POLICY_DECIDE_H
#define RENKEI_POLICY_DECIDE_H

#include "policy/agreement.h"
#include "stix/marking.h"

enum policy_outcome { POLICY_WITHHOLD = 0, POLICY_RELEASE, POLICY_REFER };

/* Redactions a release needs, a set. A redacted release is a derived object (the caller makes it). */
enum {
    POLICY_REDACT_MEMBER = 1u << 0, /* a sighting's where_sighted_refs may name the party, no member of it */
};

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
    X(NOT_OWN, "not-own", "Ask the party it came from: no agreement of this version permits passing it on.")           \
    X(UNKNOWN_MARKING, "unknown-marking",                                                                              \
      "Its creator would have to mark it with the exact TLP objects of STIX 2.1, or send the marking it names.")       \
    X(NO_TLP, "no-tlp", "Give it a TLP by local handling, or amend `no_tlp`.")                                         \
    X(SIGHTINGS_RETURN, "sightings-return", "")                                                                        \
    X(SIGHTINGS_KEPT, "sightings-kept", "An amendment would have to say `sightings: {return: true}` there.")           \
    X(BUILTIN, "builtin", "Nothing: references to it may go out.")

enum policy_reason {
#define X(name, machine, change) POLICY_REASON_##name,
    POLICY_REASONS(X)
#undef X
        POLICY_REASON_COUNT
};

/* Facts about a holding. Spans are borrowed for the call. policy_subject_init() gives one that claims nothing. */
struct policy_subject {
    struct span type;          /* STIX type: "indicator" */
    enum stix_tlp tlp;         /* strictest of object and granular markings, STIX_TLP_NONE if it has none */
    bool marking_unknown;      /* some marking is unknown, altered or unresolvable */
    bool builtin;              /* it is one of the specification's own marking objects, exact */
    const struct span *labels; /* the object's */
    size_t label_count;
    int confidence;              /* the object's; -1 = none */
    enum stix_tlp handling_tlp;  /* local handling: STIX_TLP_NONE = none, */
    int handling_confidence;     /* -1 = none, goes before the object's, */
    struct span handling_labels; /* '\n'-separated, added to the object's */
    struct span source_party;    /* whom it came from; empty = own */
    bool sighting_of_recipient;  /* a sighting of something that came from the recipient */
};

/* What a rule can fail on, in the order they are looked at. */
enum policy_condition {
    POLICY_CONDITION_NONE = 0,
    POLICY_CONDITION_TYPE,
    POLICY_CONDITION_TLP,
    POLICY_CONDITION_LABEL_ANY,
    POLICY_CONDITION_LABEL_NONE,
    POLICY_CONDITION_CONFIDENCE
};

/* Borrows from the agreement and the subject. */
struct policy_decision {
    enum policy_outcome outcome;
    enum policy_reason reason;
    struct span clause;  /* the rule or sightings clause that decided; empty when none did */
    unsigned redactions; /* of a release */
    enum stix_tlp tlp;   /* the effective level, STIX_TLP_NONE when there is none or it was not needed */
    int confidence;      /* the effective one, -1 = none */
    /* For the explanation: */
    const struct agreement *agreement;
    struct span from, to, type, source_party;
    const struct agreement_rule
        *nearest;                 /* of NO_RULE: the releasing rule that came nearest, NULL when there is none */
    enum policy_condition failed; /* and what it failed on */
};

void policy_subject_init(struct policy_subject *s);

void policy_decide(const struct agreement *g, struct span from, struct span to, time_us now,
                   const struct policy_subject *s, struct policy_decision *out);

/* Appends one or two sentences in plain English: what was decided under which clause, and what would have to change for
 * a withheld object. Holds no content of the object but its type, level and confidence. */
void policy_explain(const struct policy_decision *d, struct buf *out);

const char *policy_outcome_name(enum policy_outcome o); /* "withhold", "release", "refer" */
const char *policy_reason_name(enum policy_reason r);   /* "no-rule", …; "" for a number that is none */

#endif
