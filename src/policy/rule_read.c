#include "policy/rule_read.h"

#include "base/buf.h"
#include "policy/expression.h"

/* ---- the file as it stands ---- */

static const cyaml_schema_field_t words_fields[] = {
    LIST("any", struct raw_words, any, &reading_text_schema, POLICY_ITEMS_MAX),
    LIST("none", struct raw_words, none, &reading_text_schema, POLICY_ITEMS_MAX), CYAML_FIELD_END};

static const cyaml_schema_field_t confidence_fields[] = {
    TEXT("min", struct raw_confidence, min), TEXT("max", struct raw_confidence, max),
    TEXT("absent", struct raw_confidence, absent), CYAML_FIELD_END};

static const cyaml_schema_field_t age_fields[] = {TEXT("min", struct raw_age, min), TEXT("max", struct raw_age, max),
                                                  CYAML_FIELD_END};

static const cyaml_schema_field_t mark_fields[] = {
    LIST("properties", struct raw_mark, properties, &reading_text_schema, POLICY_ITEMS_MAX),
    TEXT("tlp", struct raw_mark, tlp), CYAML_FIELD_END};
static const cyaml_schema_value_t mark_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_mark, mark_fields)};

static const cyaml_schema_field_t redaction_fields[] = {
    TEXT("creator", struct raw_redaction, creator),
    TEXT("external_references", struct raw_redaction, external_references),
    TEXT("descriptions", struct raw_redaction, descriptions),
    TEXT("times", struct raw_redaction, times),
    LIST("properties", struct raw_redaction, properties, &reading_text_schema, POLICY_ITEMS_MAX),
    LIST("mark", struct raw_redaction, mark, &mark_schema, POLICY_MARKS_MAX),
    CYAML_FIELD_END};

const cyaml_schema_field_t purpose_fields[] = {
    TEXT("pap", struct raw_purpose, pap),
    TEXT("permitted_actions", struct raw_purpose, permitted_actions),
    TEXT("affected_party_notifications", struct raw_purpose, affected_party_notifications),
    TEXT("provider_attribution", struct raw_purpose, provider_attribution),
    TEXT("unmodified_resale", struct raw_purpose, unmodified_resale),
    CYAML_FIELD_END};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("clause", struct raw_rule, clause),
    TEXT("outcome", struct raw_rule, outcome),
    TEXT("when", struct raw_rule, when),
    TEXT("embargo", struct raw_rule, embargo),
    TEXT("expiry", struct raw_rule, expiry),
    TEXT("hops", struct raw_rule, hops),
    TEXT("approvals", struct raw_rule, approvals),
    LIST("types", struct raw_rule, types, &reading_text_schema, POLICY_ITEMS_MAX),
    LIST("tlp", struct raw_rule, tlp, &reading_text_schema, POLICY_ITEMS_MAX),
    LIST("pap", struct raw_rule, pap, &reading_text_schema, POLICY_ITEMS_MAX),
    LIST("sources", struct raw_rule, sources, &reading_text_schema, POLICY_ITEMS_MAX),
    LIST("to", struct raw_rule, to, &reading_text_schema, POLICY_ITEMS_MAX),
    PART("labels", struct raw_rule, labels, words_fields),
    PART("markings", struct raw_rule, markings, words_fields),
    PART("creators", struct raw_rule, creators, words_fields),
    PART("sectors", struct raw_rule, sectors, words_fields),
    PART("indicator_types", struct raw_rule, indicator_types, words_fields),
    PART("observes", struct raw_rule, observes, words_fields),
    PART("attack", struct raw_rule, attack, words_fields),
    PART("languages", struct raw_rule, languages, words_fields),
    PART("confidence", struct raw_rule, confidence, confidence_fields),
    PART("age", struct raw_rule, age, age_fields),
    PART("redact", struct raw_rule, redact, redaction_fields),
    PART("purpose", struct raw_rule, purpose, purpose_fields),
    CYAML_FIELD_END};
const cyaml_schema_value_t rule_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_rule, rule_fields)};

/* ---- outcomes ---- */

static const struct {
    enum rule_flavour flavour;
    const char *word;
    enum policy_rule_outcome outcome;
} outcomes[] = {
    {RULE_OF_RELEASE, "release", POLICY_RULE_RELEASE}, {RULE_OF_RELEASE, "withhold", POLICY_RULE_WITHHOLD},
    {RULE_ONWARD, "permit", POLICY_RULE_RELEASE},      {RULE_ONWARD, "consent", POLICY_RULE_CONSENT},
    {RULE_ONWARD, "forbid", POLICY_RULE_WITHHOLD},     {RULE_NATIONAL, "withhold", POLICY_RULE_WITHHOLD},
    {RULE_NATIONAL, "refer", POLICY_RULE_REFER},
};

static const char *const outcome_choices[] = {"release or withhold", "permit, consent or forbid", "withhold or refer"};

static enum err outcome_read(struct reading *r, const struct path *where, const char *raw, enum rule_flavour flavour,
                             struct policy_rule *out) {
    struct path at = path_of(where, ".outcome");
    if (!raw) return fault(r, where, "this rule has no `outcome`: %s", outcome_choices[flavour]);
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if (outcomes[i].flavour == flavour && strcmp(raw, outcomes[i].word) == 0) {
            out->outcome = outcomes[i].outcome;
            return ERR_NONE;
        }
    return fault(r, &at, "`outcome` must be %s, not \"%.20s\"", outcome_choices[flavour], raw);
}

/* Keys that mean something only beside another outcome or in another file. */
static enum err keys_fit(struct reading *r, const struct path *where, const struct raw_rule *raw,
                         enum rule_flavour flavour, const struct policy_rule *rule) {
    bool releases = flavour == RULE_OF_RELEASE && rule->outcome == POLICY_RULE_RELEASE;
    bool passes_on = flavour == RULE_ONWARD && rule->outcome != POLICY_RULE_WITHHOLD;
    const struct {
        const char *key;
        bool stated, fits;
        const char *belongs;
    } keys[] = {
        {"redact", raw->redact, releases, "a rule that releases"},
        {"purpose", raw->purpose, releases, "a rule that releases"},
        {"embargo", raw->embargo, releases, "a rule that releases"},
        {"expiry", raw->expiry, releases, "a rule that releases"},
        {"hops", raw->hops, passes_on, "an onward rule that permits"},
        {"approvals", raw->approvals, rule->outcome == POLICY_RULE_REFER, "a national rule that refers"},
        {"to", raw->to_count, flavour != RULE_OF_RELEASE, "onward and national rules"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct path at = path_of(where, ".%s", keys[i].key);
        if (keys[i].stated && !keys[i].fits) return fault(r, &at, "`%s` belongs to %s", keys[i].key, keys[i].belongs);
    }
    return ERR_NONE;
}

static enum err number_read(struct reading *r, const struct path *where, const char *key, const char *raw,
                            unsigned most, unsigned *out) {
    struct path at = path_of(where, ".%s", key);
    uint64_t n = 1;
    if (raw && (!span_u64(span_cstr(raw), &n) || n < 1 || n > most))
        return fault(r, &at, "`%s` must be a whole number from 1 to %u, not \"%.20s\"", key, most, raw);
    *out = (unsigned)n;
    return ERR_NONE;
}

/* ---- redactions ---- */

/* Without these it would be no STIX object, or another one. */
static bool may_go(struct span property) {
    static const char *const kept[] = {"type",    "spec_version",   "id",
                                       "created", "modified",       "object_marking_refs",
                                       "revoked", "created_by_ref", "granular_markings",
                                       "pattern", "pattern_type",   "relationship_type",
                                       "lang",    "source_ref",     "target_ref",
                                       "value",   "defanged",       "sighting_of_ref",
                                       "name",    "extensions",     "valid_from"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (span_is(property, kept[i])) return false;
    return true;
}

static enum err properties_read(struct reading *r, const struct path *where, char *const *raw, unsigned count,
                                bool going, const struct span **out, size_t *out_count) {
    struct span *all = arena_zalloc(r->a, count, sizeof *all);
    if (count && !all) return reading_no_memory(r);
    for (unsigned i = 0; i < count; i++) {
        struct path at = path_of(where, "[%u]", i);
        enum err e = reading_text(r, &at, raw[i], "a property's name", POLICY_TEXT_MAX, &all[i]);
        if (e) return e;
        for (size_t k = 0; k < all[i].len; k++)
            if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_", all[i].at[k]))
                return fault(r, &at, "a property's name is a-z, 0-9 and _, for example x_case_number");
        if (going && !may_go(all[i]))
            return fault(r, &at, "`%s` cannot be left out of an object: withhold the object", raw[i]);
    }
    *out = all;
    *out_count = count;
    return ERR_NONE;
}

static enum err marks_read(struct reading *r, const struct path *where, const struct raw_redaction *raw,
                           struct policy_redaction *out) {
    struct policy_mark *marks = arena_zalloc(r->a, raw->mark_count, sizeof *marks);
    if (raw->mark_count && !marks) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->mark_count; i++) {
        struct path at = path_of(where, ".mark[%u]", i), list = path_of(&at, ".properties"), tlp = path_of(&at, ".tlp");
        int level;
        if (!raw->mark[i].properties_count || !raw->mark[i].tlp)
            return fault(r, &at, "a mark has properties: [...] and tlp: LEVEL");
        enum err e = properties_read(r, &list, raw->mark[i].properties, raw->mark[i].properties_count, false,
                                     &marks[i].selectors, &marks[i].count);
        if (!e) e = reading_tlp(r, &tlp, raw->mark[i].tlp, "", &level);
        if (e) return e;
        marks[i].tlp = (enum stix_tlp)level;
    }
    out->marks = marks;
    out->mark_count = raw->mark_count;
    return ERR_NONE;
}

static enum err switch_read(struct reading *r, const struct path *where, const char *key, const char *raw,
                            unsigned flag, struct policy_redaction *out) {
    struct path at = path_of(where, ".%s", key);
    bool on = false;
    if (!raw) return ERR_NONE;
    enum err e = reading_truth(r, &at, raw, key, &on);
    if (on) out->flags |= flag;
    return e;
}

static enum err redaction_read(struct reading *r, const struct path *where, const struct raw_redaction *raw,
                               const struct policy_redaction **out) {
    struct path top = path_of(where, ".redact"), list = path_of(&top, ".properties"), times = path_of(&top, ".times");
    if (!raw) return ERR_NONE;
    struct policy_redaction *made = arena_zalloc(r->a, 1, sizeof *made);
    if (!made) return reading_no_memory(r);
    enum err e = switch_read(r, &top, "creator", raw->creator, POLICY_REDACT_CREATOR, made);
    if (!e) e = switch_read(r, &top, "external_references", raw->external_references, POLICY_REDACT_REFERENCES, made);
    if (!e) e = switch_read(r, &top, "descriptions", raw->descriptions, POLICY_REDACT_DESCRIPTIONS, made);
    if (!e)
        e = properties_read(r, &list, raw->properties, raw->properties_count, true, &made->properties,
                            &made->property_count);
    if (!e) e = reading_span(r, &times, raw->times, "times", &made->times);
    if (!e) e = marks_read(r, &top, raw, made);
    if (e) return e;
    if (made->property_count) made->flags |= POLICY_REDACT_PROPERTIES;
    if (made->times) made->flags |= POLICY_REDACT_TIMES;
    if (made->mark_count) made->flags |= POLICY_REDACT_MARKS;
    if (!made->flags) return fault(r, &top, "`redact` says nothing to redact");
    *out = made;
    return ERR_NONE;
}

/* ---- purposes: PAP, and the words of FIRST's IEP 2.0 ---- */

static enum err iep_word(struct reading *r, const struct path *where, const char *key, const char *raw,
                         const char *const *allowed, struct span *out) {
    struct path at = path_of(where, ".%s", key);
    if (!raw) return ERR_NONE;
    for (const char *const *word = allowed; *word; word++)
        if (strcmp(raw, *word) == 0) {
            *out = span_cstr(*word);
            return ERR_NONE;
        }
    struct buf choices = BUF_EMPTY;
    for (const char *const *word = allowed; *word; word++)
        buf_printf(&choices, "%s%s", word == allowed ? "" : ", ", *word);
    enum err e = fault(r, &at, "`%s` is one of: %.*s", key, SPAN_ARG(buf_span(&choices)));
    buf_free(&choices);
    return e;
}

enum err purpose_read(struct reading *r, const struct path *where, const struct raw_purpose *raw,
                      const struct policy_purpose **out) {
    static const char *const actions[] = {"none",
                                          "contact-for-instruction",
                                          "internally-visible-actions",
                                          "externally-visible-indirect-actions",
                                          "externally-visible-direct-actions",
                                          NULL},
                             *const may_not[] = {"may", "must-not", NULL},
                             *const three[] = {"may", "must", "must-not", NULL};
    struct path top = path_of(where, where->text[0] ? ".purpose" : "purpose"), pap = path_of(&top, ".pap");
    if (!raw) return ERR_NONE;
    struct policy_purpose *made = arena_zalloc(r->a, 1, sizeof *made);
    if (!made) return reading_no_memory(r);
    if (raw->pap && (!stix_pap_parse(span_cstr(raw->pap), &made->pap) || made->pap == STIX_PAP_NONE))
        return fault(r, &pap, "`pap` is clear, green, amber or red");
    enum err e = iep_word(r, &top, "permitted_actions", raw->permitted_actions, actions, &made->actions);
    if (!e)
        e = iep_word(r, &top, "affected_party_notifications", raw->affected_party_notifications, may_not,
                     &made->notifications);
    if (!e) e = iep_word(r, &top, "provider_attribution", raw->provider_attribution, three, &made->attribution);
    if (!e) e = iep_word(r, &top, "unmodified_resale", raw->unmodified_resale, may_not, &made->resale);
    if (!e && !made->pap && !made->actions.len && !made->notifications.len && !made->attribution.len &&
        !made->resale.len)
        e = fault(r, &top, "`purpose` says nothing: pap, permitted_actions, …");
    *out = made;
    return e;
}

/* ---- a rule ---- */

static enum err rule_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                          enum rule_flavour flavour, struct policy_rule *out) {
    struct path to = path_of(where, ".to"), embargo = path_of(where, ".embargo"), expiry = path_of(where, ".expiry");
    yaml_place(r->places, where->text, &out->line, &out->column);
    enum err e = reading_clause(r, where, raw->clause, &out->clause);
    if (!e) e = outcome_read(r, where, raw->outcome, flavour, out);
    if (!e) e = keys_fit(r, where, raw, flavour, out);
    if (!e) e = rule_conditions_read(r, where, raw, flavour, out);
    if (!e && raw->to_count) e = reading_parties(r, &to, raw->to, raw->to_count, &out->to, &out->to_count);
    if (!e) e = number_read(r, where, "hops", raw->hops, 8, &out->hops);
    if (!e) e = number_read(r, where, "approvals", raw->approvals, 2, &out->approvals);
    if (!e) e = reading_span(r, &embargo, raw->embargo, "embargo", &out->embargo);
    if (!e) e = reading_span(r, &expiry, raw->expiry, "expiry", &out->expiry);
    if (!e && out->expiry && out->expiry <= out->embargo)
        e = fault(r, &expiry, "`expiry` is not later than `embargo`: nothing would ever go out");
    if (!e) e = redaction_read(r, where, raw->redact, &out->redaction);
    return e ? e : purpose_read(r, where, raw->purpose, &out->purpose);
}

enum err rules_read(struct reading *r, const struct path *where, const struct raw_rule *raw, unsigned count,
                    enum rule_flavour flavour, struct policy_rules *out) {
    struct policy_rule *rules = arena_zalloc(r->a, count, sizeof *rules);
    if (count && !rules) return reading_no_memory(r);
    for (unsigned i = 0; i < count; i++) {
        struct path at = path_of(where, "[%u]", i);
        enum err e = rule_read(r, &at, &raw[i], flavour, &rules[i]);
        if (e) return e;
    }
    *out = (struct policy_rules){rules, count};
    return ERR_NONE;
}
