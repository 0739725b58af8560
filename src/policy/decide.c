#include "policy/decide.h"

#include "policy/match.h"
#include "policy/vocabulary.h"

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

/* A decision being made. */
struct deciding {
    const struct agreement *g;
    const struct agreement_direction *dir, *back; /* from → to, and the opposite; NULL when there is none */
    time_us now;
    const struct policy_subject *s;
    struct policy_decision *out;
};

/* Each step returns true when it has decided. */
static bool withheld(const struct deciding *q, enum policy_reason reason) {
    q->out->outcome = POLICY_WITHHOLD;
    q->out->reason = reason;
    return true;
}

static bool released(const struct deciding *q, enum policy_reason reason, struct span clause) {
    q->out->outcome = POLICY_RELEASE;
    q->out->reason = reason;
    q->out->clause = clause;
    return true;
}

/* ---- what came from others ---- */

static bool onward_of(const struct deciding *q, const struct agreement *under) {
    const struct agreement_direction *dir = agreement_direction(under, q->s->source_party, q->out->from);
    struct policy_view view;
    if (!dir) return withheld(q, POLICY_REASON_ONWARD_FORBIDDEN);
    policy_view_make(&dir->words, q->s, q->out->tlp, q->now, &view);
    for (size_t i = 0; i < dir->onward.count; i++) {
        const struct policy_rule *rule = &dir->onward.at[i];
        if (!policy_rule_for(rule, q->out->to) || policy_rule_fails(rule, &view) != POLICY_CONDITION_NONE) continue;
        q->out->clause = rule->clause;
        if (rule->outcome == POLICY_RULE_WITHHOLD) return withheld(q, POLICY_REASON_ONWARD_FORBIDDEN);
        if (q->s->hops > rule->hops) return withheld(q, POLICY_REASON_TOO_MANY_HOPS);
        if (rule->outcome == POLICY_RULE_CONSENT && !q->s->consented) return withheld(q, POLICY_REASON_CONSENT_NEEDED);
        q->out->clause = (struct span){0};
        return false;
    }
    return withheld(q, POLICY_REASON_ONWARD_FORBIDDEN);
}

/* The third-party rule: both what it came under and what it would go under must allow it. */
static bool by_source(const struct deciding *q) {
    if (q->s->source_party.len == 0) return false;
    if (!q->dir || span_equal(q->s->source_party, q->out->to) ||
        policy_word_find(&q->dir->words, POLICY_SPACE_SOURCE, q->s->source_party) < 0)
        return withheld(q, POLICY_REASON_NOT_OWN);
    if (q->s->came_under_count == 0) return withheld(q, POLICY_REASON_ONWARD_FORBIDDEN);
    for (size_t i = 0; i < q->s->came_under_count; i++)
        if (onward_of(q, q->s->came_under[i])) return true;
    return false;
}

/* ---- markings ---- */

static bool recognised(const struct agreement *g, struct span id) {
    for (size_t i = 0; i < g->marking_count; i++)
        if (span_equal_nocase(g->markings[i].id, id)) return true;
    return false;
}

static bool by_unknown_marking(const struct deciding *q) {
    bool known = !q->s->marking_unknown;
    for (size_t i = 0; known && i < q->s->unknown_markings.count; i++)
        known = recognised(q->g, q->s->unknown_markings.at[i]);
    return !known && withheld(q, POLICY_REASON_UNKNOWN_MARKING);
}

static bool listed(const struct stix_words *words, struct span word) {
    for (size_t i = 0; word.len && i < words->count; i++)
        if (span_equal_nocase(span_trim(words->at[i]), word)) return true;
    return false;
}

/* What in the marking keeps the object from another party; NULL when nothing does. */
static const char *acs_objects(const struct stix_acs *acs, const struct agreement_party *to) {
    static const struct span all = SPAN("ALL"), foreign = SPAN("FOREIGNGOV");
    if (!acs->unclassified) return "its classification is not U";
    if (acs->no_foreign) return "it is marked NF, not for foreign release";
    if (acs->caveated) return "it carries a caveat";
    if (acs->use_denied) return "it denies access";
    if (acs->nationalities.count && !listed(&acs->nationalities, all) && !listed(&acs->nationalities, to->country))
        return "its permitted nationalities do not include the recipient's";
    if (acs->organizations.count && !listed(&acs->organizations, all) && !listed(&acs->organizations, to->id))
        return "its permitted organizations do not include the recipient";
    if (listed(&acs->share_deny, all) || listed(&acs->share_deny, foreign) || listed(&acs->share_deny, to->id))
        return "it denies further sharing with the recipient";
    if (acs->public || listed(&acs->share_permit, all) || listed(&acs->share_permit, foreign) ||
        listed(&acs->share_permit, to->id))
        return NULL;
    return "it does not permit further sharing with the recipient";
}

static bool by_meanings(const struct deciding *q) {
    const struct agreement_party *to = agreement_party(q->g, q->out->to);
    for (size_t i = 0; i < q->s->meaning_count; i++) {
        const struct stix_meaning *m = q->s->meanings[i];
        if (m->kind == STIX_MEANING_ACS) {
            q->out->marking = to ? acs_objects(&m->acs, to) : "the recipient is no party";
            if (q->out->marking) return withheld(q, POLICY_REASON_ACS);
            if (!m->acs.names_source) q->out->redactions |= POLICY_REDACT_CREATOR;
        } else if (m->kind == STIX_MEANING_IEP) {
            if (m->iep.start != TIME_NONE && q->now < m->iep.start) q->out->marking = "it is not valid yet";
            if (m->iep.end != TIME_NONE && q->now >= m->iep.end) q->out->marking = "it is not valid any more";
            if (q->out->marking) return withheld(q, POLICY_REASON_IEP);
            if (m->iep.attribution == STIX_ATTRIBUTION_MUST_NOT) q->out->redactions |= POLICY_REDACT_CREATOR;
        }
    }
    return false;
}

/* A marking that says its provider must be named forbids to leave the name out. */
static bool must_name(const struct policy_subject *s) {
    for (size_t i = 0; i < s->meaning_count; i++)
        if (s->meanings[i]->kind == STIX_MEANING_IEP && s->meanings[i]->iep.attribution == STIX_ATTRIBUTION_MUST)
            return true;
    return false;
}

/* ---- what comes back ---- */

static bool is_request(const struct policy_subject *s) {
    if (!span_is(s->type, "note")) return false;
    for (size_t i = 0; i < s->label_count; i++)
        if (span_equal_nocase(s->labels[i], SPAN("request"))) return true;
    return false;
}

/* Whether the opposite direction decides: it is about the recipient's own intelligence, and not marked for fewer eyes
 * than the parties'. */
static bool by_return(const struct deciding *q) {
    const struct agreement_direction *back = q->back;
    if (!back || q->out->tlp >= STIX_TLP_AMBER_STRICT || q->s->source_party.len) return false;
    if (q->s->sighting_of_recipient) {
        if (back->sightings_return) return released(q, POLICY_REASON_SIGHTINGS_RETURN, back->sightings_clause);
        q->out->clause = back->sightings_clause;
        return withheld(q, POLICY_REASON_SIGHTINGS_KEPT);
    }
    if (!q->s->about_recipient) return false;
    if (back->opinions_return && span_is(q->s->type, "opinion"))
        return released(q, POLICY_REASON_OPINIONS_RETURN, back->opinions_clause);
    if (back->requests_return && is_request(q->s))
        return released(q, POLICY_REASON_REQUESTS_RETURN, back->requests_clause);
    return false;
}

/* ---- the rules ---- */

static time_us after(time_us from, time_us span) {
    time_us out;
    return __builtin_add_overflow(from, span, &out) ? INT64_MAX : out;
}

/* A rule that releases matched: may it be now? Without a time of its own, a version is too new and too old. */
static bool by_time(const struct deciding *q, const struct policy_rule *rule) {
    time_us begin = after(q->s->version_time, rule->embargo), end = after(q->s->version_time, rule->expiry);
    bool timeless = q->s->version_time == TIME_NONE;
    if (rule->embargo && (timeless || q->now < begin)) {
        q->out->again = timeless ? TIME_NONE : begin;
        return withheld(q, POLICY_REASON_EMBARGO);
    }
    if (!rule->expiry) return false;
    if (timeless || q->now >= end) return withheld(q, POLICY_REASON_EXPIRED);
    q->out->again = end;
    return false;
}

static bool by_rule(const struct deciding *q, const struct policy_rule *rule) {
    q->out->clause = rule->clause;
    if (rule->outcome == POLICY_RULE_WITHHOLD) return withheld(q, POLICY_REASON_RULE_WITHHOLDS);
    if (by_time(q, rule)) return true;
    q->out->redaction = rule->redaction;
    if (rule->redaction) q->out->redactions |= rule->redaction->flags;
    if (rule->purpose) q->out->purpose = rule->purpose;
    return released(q, POLICY_REASON_RULE_RELEASES, rule->clause);
}

static bool by_rules(const struct deciding *q) {
    const struct agreement_direction *dir = q->dir;
    struct policy_view view;
    if (!dir) return withheld(q, POLICY_REASON_NO_DIRECTION);
    if (q->out->tlp == STIX_TLP_NONE && dir->no_tlp_withhold) return withheld(q, POLICY_REASON_NO_TLP);
    enum stix_tlp counts_as = q->out->tlp == STIX_TLP_NONE ? (enum stix_tlp)dir->no_tlp : q->out->tlp;
    policy_view_make(&dir->words, q->s, counts_as, q->now, &view);
    for (size_t i = 0; i < dir->rules.count; i++) {
        const struct policy_rule *rule = &dir->rules.at[i];
        enum policy_condition failed = policy_rule_fails(rule, &view);
        if (failed == POLICY_CONDITION_NONE) return by_rule(q, rule);
        /* The rule that got furthest says best what would have to change. */
        if (rule->outcome == POLICY_RULE_RELEASE && failed > q->out->failed) {
            q->out->nearest = rule;
            q->out->failed = failed;
        }
    }
    return withheld(q, POLICY_REASON_NO_RULE);
}

/* ---- the decision ---- */

static void decide(const struct deciding *q) {
    if (q->s->builtin && withheld(q, POLICY_REASON_BUILTIN)) return;
    if (q->now < q->g->effective) {
        q->out->again = q->g->effective;
        withheld(q, POLICY_REASON_NOT_EFFECTIVE);
    } else if (q->now >= agreement_ends(q->g, q->out->from, q->out->to)) {
        withheld(q, POLICY_REASON_ENDED);
    } else if (!by_source(q) && !by_unknown_marking(q) && !by_meanings(q) && !by_return(q)) {
        by_rules(q);
    }
}

void policy_decide(const struct agreement *g, struct span from, struct span to, time_us now,
                   const struct policy_subject *s, struct policy_decision *out) {
    struct deciding q = {g, agreement_direction(g, from, to), agreement_direction(g, to, from), now, s, out};
    *out = (struct policy_decision){.agreement = g,
                                    .from = from,
                                    .to = to,
                                    .type = s->type,
                                    .source_party = s->source_party,
                                    .tlp = s->tlp > s->handling_tlp ? s->tlp : s->handling_tlp,
                                    .confidence = s->handling_confidence >= 0 ? s->handling_confidence : s->confidence,
                                    .again = TIME_NONE,
                                    .purpose = g->purpose};
    decide(&q);
    if (s->creator_stays) out->redactions &= ~(unsigned)POLICY_REDACT_CREATOR;
    if (span_is(s->type, "sighting") && !s->sighted_nowhere &&
        !(s->sighting_of_recipient && q.back && q.back->sightings_name_member))
        out->redactions |= POLICY_REDACT_MEMBER;
    /* What is redacted goes out as the giver's, whatever was taken from it. */
    if (out->outcome == POLICY_RELEASE && out->redactions && !s->creator_stays && must_name(s)) {
        out->marking = "it says that its provider must be named, and what is redacted names the giver";
        withheld(&q, POLICY_REASON_IEP);
    }
    if (out->outcome != POLICY_RELEASE) {
        out->redactions = 0;
        out->redaction = NULL;
    }
}

/* ---- national policy ---- */

void policy_decide_national(const struct national_policy *n, time_us now, const struct policy_subject *s,
                            struct policy_decision *d) {
    struct policy_view view;
    if (!n || d->outcome != POLICY_RELEASE) return;
    policy_view_make(&n->words, s, d->tlp, now, &view);
    for (size_t i = 0; i < n->rules.count; i++) {
        const struct policy_rule *rule = &n->rules.at[i];
        bool withholds = rule->outcome == POLICY_RULE_WITHHOLD;
        if (!withholds && rule->approvals <= d->approvals) continue; /* no stricter than what was found */
        if (!policy_rule_for(rule, d->to) || policy_rule_fails(rule, &view) != POLICY_CONDITION_NONE) continue;
        d->outcome = withholds ? POLICY_WITHHOLD : POLICY_REFER;
        d->reason = withholds ? POLICY_REASON_NATIONAL_WITHHOLDS : POLICY_REASON_NATIONAL_REFERS;
        d->national_clause = rule->clause;
        d->approvals = withholds ? 0 : rule->approvals;
        if (!withholds) continue;
        d->redactions = 0;
        d->redaction = NULL;
        return;
    }
}
