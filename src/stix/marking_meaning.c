#include "stix/marking_meaning.h"

#define ACS_EXTENSION "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce"
#define IEP_EXTENSION "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"

/* ---- PAP ---- */

static const char *const pap_names[STIX_PAP_COUNT] = {"none", "clear", "green", "amber", "red"};

bool stix_pap_parse(struct span text, enum stix_pap *out) {
    if (text.len > 4 && span_equal_nocase(span_first(text, 4), SPAN("pap:"))) text = span_from(text, 4);
    if (span_equal_nocase(text, SPAN("white"))) text = SPAN("clear");
    for (int i = 0; i < STIX_PAP_COUNT; i++)
        if (span_equal_nocase(text, span_cstr(pap_names[i]))) {
            *out = (enum stix_pap)i;
            return true;
        }
    return false;
}

const char *stix_pap_name(enum stix_pap level) {
    return (unsigned)level < STIX_PAP_COUNT ? pap_names[level] : "red";
}

#define PAP_EXTENSION "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"

/* Whether a text begins as a PAP label does; *colour is what follows. "PAPER" does not. */
static bool says_pap(struct span text, struct span *colour) {
    text = span_trim(text);
    if (text.len < 4 || !span_equal_nocase(span_first(text, 3), SPAN("pap")) || !strchr(" :_-=", text.at[3]))
        return false;
    text = span_from(text, 3);
    while (text.len && strchr(" :_-=\"", text.at[0])) text = span_from(text, 1);
    while (text.len && text.at[text.len - 1] == '"') text.len--;
    *colour = text;
    return true;
}

bool stix_pap_of_label(struct span label, enum stix_pap *out) {
    struct span colour;
    *out = STIX_PAP_NONE;
    label = span_trim(label);
    if (!says_pap(label, &colour)) return false;
    if (stix_pap_parse(colour, out) && *out != STIX_PAP_NONE) return true;
    *out = strchr(":=", label.at[3]) ? STIX_PAP_RED : STIX_PAP_NONE;
    return *out != STIX_PAP_NONE;
}

/* OASIS's marking definitions of PAP; what they mean is known whatever somebody sent under their ids. */
static const struct stix_meaning *builtin_pap(struct span id) {
#define BUILTIN(uuid, level)                                                                                           \
    { .id = {"marking-definition--" uuid, 56}, .kind = STIX_MEANING_PAP, .pap = level }
    static const struct stix_meaning builtin[] = {
        BUILTIN("ad15a0cd-55b6-4588-a14c-a66105329b92", STIX_PAP_CLEAR),
        BUILTIN("a3bea94c-b469-41dc-9cfe-d6e7daba7730", STIX_PAP_CLEAR), /* as PAP:WHITE */
        BUILTIN("c43594d1-4b11-4c59-93ab-1c9b14d53ce9", STIX_PAP_GREEN),
        BUILTIN("60f8932b-e51e-4458-b265-a2e8be9a80ab", STIX_PAP_AMBER),
        BUILTIN("740d36e5-7714-4c30-961a-3ae632ceee0e", STIX_PAP_RED),
    };
#undef BUILTIN
    for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
        if (span_equal_nocase(id, builtin[i].id)) return &builtin[i];
    return NULL;
}

static void read_colour(struct span colour, struct stix_meaning *out) {
    out->kind =
        stix_pap_parse(colour, &out->pap) && out->pap != STIX_PAP_NONE ? STIX_MEANING_PAP : STIX_MEANING_ALTERED;
}

static bool read_pap(struct json_value object, struct arena *a, struct stix_meaning *out) {
    struct json_value definition = json_get(object, "definition");
    struct json_value extension = json_get(json_get(object, "extensions"), PAP_EXTENSION);
    struct span type = json_text(json_get(object, "definition_type"), a), colour = {0};
    if (json_exists(extension)) {
        read_colour(json_text(json_get(extension, "pap"), a), out);
        return true;
    }
    if (span_equal_nocase(type, SPAN("pap")) || json_exists(json_get(definition, "pap"))) {
        read_colour(json_text(json_get(definition, "pap"), a), out);
        return true;
    }
    bool by_statement = says_pap(json_text(json_get(definition, "statement"), a), &colour);
    if (!by_statement && !says_pap(json_text(json_get(object, "name"), a), &colour)) return false;
    read_colour(colour, out);
    return true;
}

/* ---- lists of words ---- */

/* A string or a list of strings; false for anything else. Appends to *out. */
static bool words_add(struct json_value v, struct arena *a, struct stix_words *out) {
    bool single = json_type(v) == JSON_STRING;
    if (!json_exists(v)) return true;
    if (!single && json_type(v) != JSON_ARRAY) return false;
    struct span *all = arena_zalloc(a, out->count + (single ? 1u : json_count(v)) + 1u, sizeof *all);
    if (!all) return false;
    if (out->count) memcpy(all, out->at, out->count * sizeof *all);
    if (single) all[out->count++] = json_text(v, a);
    for (struct json_iter it = json_iter(single ? JSON_MISSING : v); json_next(&it);) {
        if (json_type(it.value) != JSON_STRING) return false;
        all[out->count++] = json_text(it.value, a);
    }
    out->at = all;
    return true;
}

static bool word_among(const struct stix_words *words, const char *word) {
    for (size_t i = 0; i < words->count; i++)
        if (span_equal_nocase(span_trim(words->at[i]), span_cstr(word))) return true;
    return false;
}

/* ---- ACS 3.0 ---- */

static bool read_effect(struct json_value rule, bool *permit) {
    struct json_value effect = json_get(rule, "rule_effect");
    *permit = json_is(effect, SPAN("permit"));
    return *permit || json_is(effect, SPAN("deny"));
}

static bool read_privileges(struct json_value list, struct arena *a, struct stix_acs *out) {
    bool source_denied = false;
    if (json_exists(list) && json_type(list) != JSON_ARRAY) return false;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct stix_words action = {0};
        bool permit;
        if (!read_effect(it.value, &permit) || !words_add(json_get(it.value, "privilege_action"), a, &action) ||
            action.count == 0)
            return false;
        bool all = word_among(&action, "ALL"), source = word_among(&action, "IDSRC");
        if (permit && (all || source)) out->names_source = true;
        if (!permit && (all || source)) source_denied = true;
        if (!permit && (all || word_among(&action, "DSPLY") || word_among(&action, "CISAUSES"))) out->use_denied = true;
    }
    out->names_source = out->names_source && !source_denied;
    return true;
}

static bool read_sharing(struct json_value list, struct arena *a, struct stix_acs *out) {
    if (json_exists(list) && json_type(list) != JSON_ARRAY) return false;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        bool permit;
        if (!read_effect(it.value, &permit) ||
            !words_add(json_get(it.value, "sharing_scope"), a, permit ? &out->share_permit : &out->share_deny))
            return false;
    }
    return true;
}

static bool read_acs(struct json_value acs, struct arena *a, struct stix_acs *out) {
    struct json_value set = json_get(acs, "control_set"), classification = json_get(set, "classification");
    struct stix_words determinations = {0}, caveats = {0};
    if (json_type(set) != JSON_OBJECT || json_type(classification) != JSON_STRING) return false;
    if (!words_add(json_get(set, "formal_determination"), a, &determinations) ||
        !words_add(json_get(set, "caveat"), a, &caveats) ||
        !words_add(json_get(set, "permitted_nationalities"), a, &out->nationalities) ||
        !words_add(json_get(set, "permitted_organizations"), a, &out->organizations))
        return false;
    out->unclassified = json_is(classification, SPAN("U"));
    out->public = word_among(&determinations, "PUBREL");
    out->no_foreign = word_among(&determinations, "NF") || word_among(&determinations, "NOFORN") ||
                      word_among(&caveats, "NF") || word_among(&caveats, "NOFORN");
    out->caveated = caveats.count > 0 && !out->no_foreign;
    return read_privileges(json_get(acs, "access_privilege"), a, out) &&
           read_sharing(json_get(acs, "further_sharing"), a, out);
}

/* ---- IEP 2.0 ---- */

/* "must-not", "MUST NOT" and "must_not" are one word. */
static bool same_word(struct span text, const char *word) {
    size_t i = 0;
    for (; i < text.len && word[i]; i++) {
        char c = text.at[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (c == ' ' || c == '_') c = '-';
        if (c != word[i]) return false;
    }
    return i == text.len && !word[i];
}

static bool read_time(struct json_value v, time_us *out) {
    *out = TIME_NONE;
    if (!json_exists(v) || json_type(v) == JSON_NULL) return true;
    return json_type(v) == JSON_STRING && time_parse_rfc3339(json_spelt(v), out);
}

static bool read_iep(struct json_value iep, struct arena *a, struct stix_meaning *out) {
    struct span tlp = json_text(json_get(iep, "tlp"), a), who = json_text(json_get(iep, "provider_attribution"), a);
    if (!stix_tlp_parse(tlp, &out->tlp) || out->tlp == STIX_TLP_NONE) return false;
    if (same_word(who, "must-not"))
        out->iep.attribution = STIX_ATTRIBUTION_MUST_NOT;
    else if (same_word(who, "must"))
        out->iep.attribution = STIX_ATTRIBUTION_MUST;
    else if (same_word(who, "may"))
        out->iep.attribution = STIX_ATTRIBUTION_MAY;
    else
        return false;
    return read_time(json_get(iep, "start_date"), &out->iep.start) &&
           read_time(json_get(iep, "end_date"), &out->iep.end);
}

/* ---- one marking definition ---- */

/* Of ACS and IEP, alone in `extensions` and without a definition beside. */
static bool read_extension(const struct stix_object *m, struct arena *a, struct stix_meaning *out) {
    struct json_value extensions = json_get(m->json, "extensions"), acs = json_get(extensions, ACS_EXTENSION),
                      iep = json_get(extensions, IEP_EXTENSION);
    if (!json_exists(acs) && !json_exists(iep)) return false;
    out->kind = json_exists(acs) ? STIX_MEANING_ACS : STIX_MEANING_IEP;
    if (json_count(extensions) != 1 || json_exists(json_get(m->json, "definition")) ||
        !(json_exists(acs) ? read_acs(acs, a, &out->acs) : read_iep(iep, a, out)))
        out->kind = STIX_MEANING_ALTERED;
    return true;
}

void stix_meaning_read(const struct stix_object *marking, struct arena *a, struct stix_meaning *out) {
    *out = (struct stix_meaning){.id = marking->id, .kind = STIX_MEANING_OTHER};
    enum stix_marking class = stix_marking_classify(marking, &out->tlp);
    if (class == STIX_MARKING_TLP)
        out->kind = STIX_MEANING_TLP;
    else if (class == STIX_MARKING_ALTERED)
        out->kind = STIX_MEANING_ALTERED;
    else if (!read_extension(marking, a, out) && !read_pap(marking->json, a, out) && class == STIX_MARKING_STATEMENT)
        out->kind = STIX_MEANING_STATEMENT;
    if (a->overflow) out->kind = STIX_MEANING_ALTERED;
}

/* ---- all that an object carries ---- */

static bool gathered(const struct stix_markings *out, struct span id) {
    for (size_t i = 0; i < out->id_count; i++)
        if (span_equal_nocase(out->ids[i], id)) return true;
    return false;
}

static void offend(struct stix_markings *out, struct span id) {
    if (out->offending.len == 0) out->offending = id;
}

static void take(const struct stix_meaning *m, struct span id, struct stix_markings *out) {
    enum stix_meaning_kind kind = m ? m->kind : STIX_MEANING_OTHER;
    switch (kind) {
    case STIX_MEANING_ALTERED:
        offend(out, id);
        out->altered = true;
        break;
    case STIX_MEANING_OTHER:
        offend(out, id);
        out->unknown[out->unknown_count++] = id;
        break;
    case STIX_MEANING_PAP:
    case STIX_MEANING_ACS:
    case STIX_MEANING_IEP:
        out->at[out->count++] = m;
        if (m->pap > out->pap) out->pap = m->pap;
        if (m->tlp > out->tlp) out->tlp = m->tlp;
        break;
    case STIX_MEANING_TLP:
        if (m->tlp > out->tlp) out->tlp = m->tlp;
        break;
    case STIX_MEANING_STATEMENT:
        break;
    }
}

static void carry(struct json_value ref, stix_meaning_lookup lookup, void *context, struct stix_markings *out) {
    struct span id = json_spelt(ref);
    struct stix_meaning tlp = {.kind = STIX_MEANING_TLP};
    if (gathered(out, id)) return;
    if (out->id_count == STIX_MARKINGS_MAX) {
        out->altered = true;
        return;
    }
    out->ids[out->id_count++] = id;
    const struct stix_meaning *known = stix_marking_builtin(id, &tlp.tlp) ? &tlp : builtin_pap(id);
    take(known ? known : lookup(context, id), id, out);
}

void stix_markings_gather(const struct stix_object *object, stix_meaning_lookup lookup, void *context, struct arena *a,
                          struct stix_markings *out) {
    struct json_value refs = json_get(object->json, "object_marking_refs"),
                      granular = json_get(object->json, "granular_markings");
    size_t most = (size_t)json_count(refs) + json_count(granular);
    *out = (struct stix_markings){0};
    if (most == 0 && !json_exists(refs) && !json_exists(granular)) return;
    if (most > STIX_MARKINGS_MAX) most = STIX_MARKINGS_MAX;
    out->at = arena_zalloc(a, most + 1, sizeof(*out->at));
    out->unknown = arena_zalloc(a, 2 * (most + 1), sizeof *out->unknown);
    if (!out->at || !out->unknown || (json_exists(refs) && json_type(refs) != JSON_ARRAY) ||
        (json_exists(granular) && json_type(granular) != JSON_ARRAY)) {
        out->altered = true; /* bytes that were never validated, or no memory to look at them */
        return;
    }
    out->ids = out->unknown + most + 1;
    for (struct json_iter it = json_iter(refs); json_next(&it);) carry(it.value, lookup, context, out);
    for (struct json_iter it = json_iter(granular); json_next(&it);) {
        struct json_value ref = json_get(it.value, "marking_ref");
        if (json_exists(ref)) carry(ref, lookup, context, out);
    }
}
