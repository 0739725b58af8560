#include "policy/decide.h"

static const char *tlp_name(enum stix_tlp tlp) {
    return tlp == STIX_TLP_NONE ? "no TLP" : stix_tlp_label(tlp);
}

static void article(struct buf *out, struct span type) {
    bool vowel = type.len && strchr("aeiou", type.at[0]);
    buf_printf(out, "%s %.*s", vowel ? "an" : "a", SPAN_ARG(type));
}

/* "STIX types a, b", at most a few. */
static void list_spans(struct buf *out, const struct span *items, size_t count) {
    enum { SHOWN = 8 };
    for (size_t i = 0; i < count && i < SHOWN; i++) buf_printf(out, "%s%.*s", i ? ", " : "", SPAN_ARG(items[i]));
    if (count > SHOWN) buf_printf(out, " and %zu more", count - SHOWN);
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

static void why_not(const struct policy_decision *d, struct buf *out) {
    const struct agreement_rule *rule = d->nearest;
    switch (d->failed) {
    case POLICY_CONDITION_TYPE:
        buf_add_cstr(out, "releases other types: ");
        list_spans(out, rule->types, rule->type_count);
        break;
    case POLICY_CONDITION_TLP:
        buf_add_cstr(out, "releases ");
        list_levels(out, rule->tlp);
        buf_add_cstr(out, ", and this is ");
        level_of(d, out);
        break;
    case POLICY_CONDITION_LABEL_ANY:
        buf_add_cstr(out, "asks for one of the labels ");
        list_spans(out, rule->labels_any, rule->any_count);
        break;
    case POLICY_CONDITION_LABEL_NONE:
        buf_add_cstr(out, "leaves out what carries one of the labels ");
        list_spans(out, rule->labels_none, rule->none_count);
        break;
    case POLICY_CONDITION_CONFIDENCE:
        buf_printf(out, "asks for a confidence of at least %d, and this has ", rule->confidence_min);
        if (d->confidence < 0)
            buf_add_cstr(out, "none");
        else
            buf_printf(out, "%d", d->confidence);
        break;
    case POLICY_CONDITION_NONE:
        break;
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
        buf_printf(out, "Withheld: the agreement ended at %s.", time_format_us(d->agreement->ends, time));
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
    case POLICY_REASON_COUNT:
        break;
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
    if ((unsigned)d->reason < POLICY_REASON_COUNT && changes[d->reason][0]) buf_printf(out, " %s", changes[d->reason]);
}
