/* Whether a rule matches an object. The object's facts are put against a direction's vocabulary once
 * (policy_view_make), then every rule is asked. Pure, without allocation. */
#ifndef RENKEI_POLICY_MATCH_H
#define RENKEI_POLICY_MATCH_H

#include "policy/facts.h"
#include "policy/rule.h"

/* An object as the rules of one direction see it. */
struct policy_view {
    uint64_t words[POLICY_WORDS_MAX / 64]; /* a bit for each word that it carries; only the first `blocks` are set */
    unsigned spaces;                       /* 1u << space: it carries some word of it */
    enum stix_tlp tlp;                     /* what it counts as */
    enum stix_pap pap;
    int confidence; /* -1 = none */
    int64_t age;    /* microseconds, >= 0; -1 = none */
    bool revoked, own;
};

/* tlp: what the object counts as here; now: for its age. */
void policy_view_make(const struct policy_vocabulary *v, const struct policy_subject *s, enum stix_tlp tlp, time_us now,
                      struct policy_view *out);

bool policy_node_holds(const struct policy_node *n, const struct policy_view *v);
/* The first condition of the rule that does not hold; POLICY_CONDITION_NONE when it matches. */
enum policy_condition policy_rule_fails(const struct policy_rule *r, const struct policy_view *v);
/* Whether the rule speaks of this party. */
bool policy_rule_for(const struct policy_rule *r, struct span party);

#endif
