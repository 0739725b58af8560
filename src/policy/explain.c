#include "policy/decide.h"

static const char *tlp_name(enum stix_tlp tlp) {
    return tlp == STIX_TLP_NONE ? "no TLP" : stix_tlp_label(tlp);
}

static void article(struct buf *out, struct span type) {
    bool vowel = type.len && strchr("aeiou", type.at[0]);
    buf_printf(out, "%s %.*s", vowel ? "an" : "a", SPAN_ARG(type));
}

static void list_levels(struct buf *out, unsigned set) {
    bool first = true;
    for (enum stix_tlp level = STIX_TLP_CLEAR; level <= STIX_TLP_RED; level++) {
        if (!(set & 1u << (unsigned)level)) continue;
        buf_printf(out, "%s%s", first ? "" : ", ", tlp_name(level));
        first = false;
    }
}

static void level_of(const struct policy_decision *d, struct buf *out) {
    const struct agreement_direction *dir = agreement_direction(d->agreement, d->from, d->to);
    buf_add_cstr(out, tlp_name(d->tlp));
    if (d->tlp == STIX_TLP_NONE && dir && !dir->no_tlp_withhold)
        buf_printf(out, ", which counts as %s here", tlp_name((enum stix_tlp)dir->no_tlp));
}

/* The words of a condition as a list; a few of them. */
static void list_words(const struct policy_vocabulary *v, const struct policy_node *n, struct buf *out) {
    enum { SHOWN = 8 };
    if (n->kind == POLICY_NODE_NOT && n->count) n = n->children[0];
    for (size_t i = 0; n->kind == POLICY_NODE_WORDS && i < n->count && i < SHOWN; i++)
        buf_printf(out, "%s%.*s", i ? ", " : "", SPAN_ARG(v->words[n->words[i]].text));
    if (n->count > SHOWN) buf_printf(out, " and %zu more", n->count - SHOWN);
}

static void number_wanted(const struct policy_node *n, int confidence, struct buf *out) {
    if (n->high >= 100)
        buf_printf(out, "asks for a confidence of at least %d, and this has ", (int)n->low);
    else
        buf_printf(out, "asks for a confidence from %d to %d, and this has ", (int)n->low, (int)n->high);
    if (confidence < 0)
        buf_add_cstr(out, "none");
    else
        buf_printf(out, "%d", confidence);
}

static void why_not(const struct policy_decision *d, struct buf *out) {
    const struct policy_rule *rule = d->nearest;
    const struct agreement_direction *dir = agreement_direction(d->agreement, d->from, d->to);
    const struct policy_node *n = policy_rule_test(rule, d->failed);
    const char *name = policy_condition_name(d->failed), *end = name + strlen(name);
    switch (n ? d->failed : POLICY_CONDITION_SOURCE) {
    case POLICY_CONDITION_TYPE:
        buf_add_cstr(out, "releases other types: ");
        list_words(&dir->words, n, out);
        break;
    case POLICY_CONDITION_TLP:
        buf_add_cstr(out, "releases ");
        list_levels(out, rule->tlp);
        buf_add_cstr(out, ", and this is ");
        level_of(d, out);
        break;
    case POLICY_CONDITION_LABEL_ANY:
        buf_add_cstr(out, "asks for one of the labels ");
        list_words(&dir->words, n, out);
        break;
    case POLICY_CONDITION_LABEL_NONE:
        buf_add_cstr(out, "leaves out what carries one of the labels ");
        list_words(&dir->words, n, out);
        break;
    case POLICY_CONDITION_CONFIDENCE:
        number_wanted(n, d->confidence, out);
        break;
    case POLICY_CONDITION_SOURCE:
        buf_add_cstr(out, "covers other sources");
        break;
    case POLICY_CONDITION_WHEN:
        buf_printf(out, "asks that %.*s", SPAN_ARG(rule->when));
        break;
    default:
        buf_printf(out, "states `%s`, which this does not meet", name);
        if (end - name > 4 && strcmp(end - 4, ".any") == 0) {
            buf_add_cstr(out, ": ");
            list_words(&dir->words, n, out);
        }
    }
}

static void no_rule(const struct policy_decision *d, struct buf *out) {
    buf_printf(out, "Withheld: no rule for %.*s → %.*s covers ", SPAN_ARG(d->from), SPAN_ARG(d->to));
    article(out, d->type);
    buf_add_cstr(out, " of ");
    buf_add_cstr(out, tlp_name(d->tlp));
    buf_add_cstr(out, ".");
    if (!d->nearest) {
        buf_add_cstr(out, " The direction has no rule that releases anything.");
        return;
    }
    buf_printf(out, " The nearest, clause %.*s, ", SPAN_ARG(d->nearest->clause));
    why_not(d, out);
    buf_add_cstr(out, ".");
}

static void at_time(struct buf *out, const char *text, time_us t) {
    char written[TIME_TEXT_SIZE];
    if (t == TIME_NONE)
        buf_add_cstr(out, "Withheld: the clause counts from its version, and it has none.");
    else
        buf_printf(out, "%s %s.", text, time_format_us(t, written));
}

/* A clause of the agreement it came under, where there is one. */
static void passed_on(const struct policy_decision *d, struct buf *out, const char *text) {
    buf_printf(out, "Withheld: it came from %.*s, %s", SPAN_ARG(d->source_party), text);
    if (d->clause.len) buf_printf(out, " (clause %.*s)", SPAN_ARG(d->clause));
    buf_add_cstr(out, ".");
}

static void because_of_rest(const struct policy_decision *d, struct buf *out) {
    switch (d->reason) {
    case POLICY_REASON_ONWARD_FORBIDDEN:
        passed_on(d, out, "and what it came under does not permit passing it on to this party");
        break;
    case POLICY_REASON_CONSENT_NEEDED:
        passed_on(d, out, "and its originator must consent before it is passed on");
        break;
    case POLICY_REASON_TOO_MANY_HOPS:
        passed_on(d, out, "and has been passed on as often as that permits");
        break;
    case POLICY_REASON_ACS:
    case POLICY_REASON_IEP:
        buf_printf(out, "Withheld by its %s marking: %s.", d->reason == POLICY_REASON_ACS ? "ACS" : "IEP",
                   d->marking ? d->marking : "");
        break;
    case POLICY_REASON_OPINIONS_RETURN:
    case POLICY_REASON_REQUESTS_RETURN:
        buf_printf(out, "Released to %.*s under \"%.*s\": it is about what that party gave.", SPAN_ARG(d->to),
                   SPAN_ARG(d->clause));
        break;
    case POLICY_REASON_EMBARGO:
        at_time(out, "Withheld: under embargo until", d->again);
        break;
    case POLICY_REASON_EXPIRED:
        buf_printf(out, "Withheld: clause %.*s releases it for a time, and that is over.", SPAN_ARG(d->clause));
        break;
    case POLICY_REASON_NATIONAL_WITHHOLDS:
        buf_printf(out,
                   "Withheld by clause %.*s of the national policy; clause %.*s of the agreement would release it.",
                   SPAN_ARG(d->national_clause), SPAN_ARG(d->clause));
        break;
    case POLICY_REASON_NATIONAL_REFERS:
        buf_printf(out,
                   "Referred by clause %.*s of the national policy: %s must approve what clause %.*s of the agreement "
                   "would release.",
                   SPAN_ARG(d->national_clause), d->approvals > 1 ? "two officers" : "an officer", SPAN_ARG(d->clause));
        break;
    default:
        break;
    }
}

static void because(const struct policy_decision *d, struct buf *out) {
    char time[TIME_TEXT_SIZE];
    switch (d->reason) {
    case POLICY_REASON_RULE_RELEASES:
        buf_printf(out, "Released to %.*s under clause %.*s: ", SPAN_ARG(d->to), SPAN_ARG(d->clause));
        article(out, d->type);
        buf_add_cstr(out, " of ");
        level_of(d, out);
        buf_add_cstr(out, ".");
        break;
    case POLICY_REASON_RULE_WITHHOLDS:
        buf_printf(out, "Withheld from %.*s by clause %.*s.", SPAN_ARG(d->to), SPAN_ARG(d->clause));
        break;
    case POLICY_REASON_NO_RULE:
        no_rule(d, out);
        break;
    case POLICY_REASON_NO_DIRECTION:
        buf_printf(out, "Withheld: the agreement releases nothing from %.*s to %.*s.", SPAN_ARG(d->from),
                   SPAN_ARG(d->to));
        break;
    case POLICY_REASON_NOT_EFFECTIVE:
        buf_printf(out, "Withheld: the agreement takes effect at %s.", time_format_us(d->agreement->effective, time));
        break;
    case POLICY_REASON_ENDED:
        buf_printf(out, "Withheld: the agreement ended at %s.",
                   time_format_us(agreement_ends(d->agreement, d->from, d->to), time));
        break;
    case POLICY_REASON_NOT_OWN:
        buf_printf(out, "Withheld: it came from %.*s and is not %.*s's to pass on.", SPAN_ARG(d->source_party),
                   SPAN_ARG(d->from));
        break;
    case POLICY_REASON_UNKNOWN_MARKING:
        buf_add_cstr(out, "Withheld: it carries a marking that is unknown or altered, which counts as the strictest.");
        break;
    case POLICY_REASON_NO_TLP:
        buf_printf(out, "Withheld: it carries no TLP, and for %.*s → %.*s the agreement withholds such objects.",
                   SPAN_ARG(d->from), SPAN_ARG(d->to));
        break;
    case POLICY_REASON_SIGHTINGS_RETURN:
        buf_printf(out, "Released to %.*s under \"%.*s\": a sighting of what it gave.", SPAN_ARG(d->to),
                   SPAN_ARG(d->clause));
        break;
    case POLICY_REASON_SIGHTINGS_KEPT:
        if (d->clause.len)
            buf_printf(out, "Withheld: \"%.*s\" lets no sightings return.", SPAN_ARG(d->clause));
        else
            buf_add_cstr(out, "Withheld: the agreement does not say that this member may be named.");
        break;
    case POLICY_REASON_BUILTIN:
        buf_add_cstr(out, "Not sent: it is one of the marking objects of the specification, which everybody has.");
        break;
    default:
        because_of_rest(d, out);
    }
}

void policy_explain(const struct policy_decision *d, struct buf *out) {
    static const char *const changes[] = {
#define X(name, machine, change) change,
        POLICY_REASONS(X)
#undef X
    };
    because(d, out);
    if (d->redactions & POLICY_REDACT_MEMBER) buf_add_cstr(out, " It names the party, not the member that saw it.");
    if (d->redactions & ~(unsigned)POLICY_REDACT_MEMBER) {
        buf_add_cstr(out, " Redacted: ");
        policy_redactions_name(d->redactions & ~(unsigned)POLICY_REDACT_MEMBER, out);
        buf_add_cstr(out, ".");
    }
    if ((unsigned)d->reason < POLICY_REASON_COUNT && changes[d->reason][0]) buf_printf(out, " %s", changes[d->reason]);
}

void policy_redactions_name(unsigned redactions, struct buf *out) {
    static const char *const names[] = {"member",     "creator", "external references", "descriptions",
                                        "properties", "times",   "markings added"};
    bool first = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(redactions & 1u << i)) continue;
        buf_printf(out, "%s%s", first ? "" : ", ", names[i]);
        first = false;
    }
}
