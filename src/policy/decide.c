#include "policy/decide.h"

void policy_subject_init(struct policy_subject *s) {
    *s = (struct policy_subject){
        .tlp = STIX_TLP_NONE, .confidence = -1, .handling_tlp = STIX_TLP_NONE, .handling_confidence = -1};
}

const char *policy_outcome_name(enum policy_outcome o) {
    switch (o) {
    case POLICY_RELEASE:
        return "release";
    case POLICY_REFER:
        return "refer";
    default:
        return "withhold";
    }
}

const char *policy_reason_name(enum policy_reason r) {
    static const char *const names[] = {
#define X(name, machine, change) machine,
        POLICY_REASONS(X)
#undef X
    };
    return (unsigned)r < POLICY_REASON_COUNT ? names[r] : "";
}

/* ---- one rule -------------------------------------------------------------------------------------------------------
 */

static bool type_listed(const struct agreement_rule *rule, struct span type) {
    for (size_t i = 0; i < rule->type_count; i++)
        if (span_equal(rule->types[i], type)) return true;
    return rule->all_types;
}

static bool label_carried(const struct policy_subject *s, struct span label) {
    for (size_t i = 0; i < s->label_count; i++)
        if (span_equal_nocase(s->labels[i], label)) return true;
    for (struct span rest = s->handling_labels; rest.len;)
        if (span_equal_nocase(span_cut(&rest, '\n'), label)) return true;
    return false;
}

static bool any_carried(const struct policy_subject *s, const struct span *labels, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (label_carried(s, labels[i])) return true;
    return false;
}

/* The first condition that does not hold, POLICY_CONDITION_NONE when all do. `tlp` is what the object counts as. */
static enum policy_condition rule_fails(const struct agreement_rule *rule, const struct policy_subject *s,
                                        enum stix_tlp tlp, int confidence) {
    if (!type_listed(rule, s->type)) return POLICY_CONDITION_TYPE;
    if (!(rule->tlp & 1u << (unsigned)tlp)) return POLICY_CONDITION_TLP;
    if (rule->any_count && !any_carried(s, rule->labels_any, rule->any_count)) return POLICY_CONDITION_LABEL_ANY;
    if (any_carried(s, rule->labels_none, rule->none_count)) return POLICY_CONDITION_LABEL_NONE;
    if (rule->has_confidence && (confidence < 0 ? !rule->confidence_absent_enough : confidence < rule->confidence_min))
        return POLICY_CONDITION_CONFIDENCE;
    return POLICY_CONDITION_NONE;
}

/* ---- the decision ---------------------------------------------------------------------------------------------------
 */

static void withhold(struct policy_decision *out, enum policy_reason reason) {
    out->outcome = POLICY_WITHHOLD;
    out->reason = reason;
}

static void by_rules(const struct agreement_direction *dir, const struct policy_subject *s,
                     struct policy_decision *out) {
    enum stix_tlp counts_as = out->tlp == STIX_TLP_NONE ? (enum stix_tlp)dir->no_tlp : out->tlp;
    for (size_t i = 0; i < dir->rule_count; i++) {
        const struct agreement_rule *rule = &dir->rules[i];
        enum policy_condition failed = rule_fails(rule, s, counts_as, out->confidence);
        if (failed == POLICY_CONDITION_NONE) {
            bool release = rule->outcome == AGREEMENT_RELEASE;
            out->outcome = release ? POLICY_RELEASE : POLICY_WITHHOLD;
            out->reason = release ? POLICY_REASON_RULE_RELEASES : POLICY_REASON_RULE_WITHHOLDS;
            out->clause = rule->clause;
            return;
        }
        /* The rule that got furthest says best what would have to change. */
        if (rule->outcome == AGREEMENT_RELEASE && failed > out->failed) {
            out->nearest = rule;
            out->failed = failed;
        }
    }
    withhold(out, POLICY_REASON_NO_RULE);
}

/* Whether the opposite direction's `sightings` decides: a sighting of the recipient's own intelligence, not marked for
 * fewer eyes than the parties'. */
static bool by_sightings(const struct agreement_direction *back, const struct policy_subject *s,
                         struct policy_decision *out) {
    if (!s->sighting_of_recipient || out->tlp >= STIX_TLP_AMBER_STRICT || !back) return false;
    out->outcome = back->sightings_return ? POLICY_RELEASE : POLICY_WITHHOLD;
    out->reason = back->sightings_return ? POLICY_REASON_SIGHTINGS_RETURN : POLICY_REASON_SIGHTINGS_KEPT;
    out->clause = back->sightings_clause;
    return true;
}

static void decide(const struct agreement *g, time_us now, const struct policy_subject *s,
                   struct policy_decision *out) {
    const struct agreement_direction *back =
        s->sighting_of_recipient ? agreement_direction(g, out->to, out->from) : NULL;
    if (s->builtin) return withhold(out, POLICY_REASON_BUILTIN);
    if (now < g->effective) return withhold(out, POLICY_REASON_NOT_EFFECTIVE);
    if (now >= g->ends) return withhold(out, POLICY_REASON_ENDED);
    if (s->source_party.len) return withhold(out, POLICY_REASON_NOT_OWN);
    if (s->marking_unknown) return withhold(out, POLICY_REASON_UNKNOWN_MARKING);
    if (by_sightings(back, s, out)) return;
    const struct agreement_direction *dir = agreement_direction(g, out->from, out->to);
    if (!dir) return withhold(out, POLICY_REASON_NO_DIRECTION);
    if (out->tlp == STIX_TLP_NONE && dir->no_tlp_withhold) return withhold(out, POLICY_REASON_NO_TLP);
    by_rules(dir, s, out);
}

static bool names_member(const struct agreement *g, const struct policy_subject *s, const struct policy_decision *out) {
    const struct agreement_direction *back =
        s->sighting_of_recipient ? agreement_direction(g, out->to, out->from) : NULL;
    return back && back->sightings_name_member;
}

void policy_decide(const struct agreement *g, struct span from, struct span to, time_us now,
                   const struct policy_subject *s, struct policy_decision *out) {
    *out = (struct policy_decision){.agreement = g,
                                    .from = from,
                                    .to = to,
                                    .type = s->type,
                                    .source_party = s->source_party,
                                    .tlp = s->tlp > s->handling_tlp ? s->tlp : s->handling_tlp,
                                    .confidence = s->handling_confidence >= 0 ? s->handling_confidence : s->confidence};
    decide(g, now, s, out);
    if (out->outcome == POLICY_RELEASE && span_is(s->type, "sighting") && !names_member(g, s, out))
        out->redactions |= POLICY_REDACT_MEMBER;
}
