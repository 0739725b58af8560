#include "policy/facts.h"

void policy_subject_init(struct policy_subject *s) {
    *s = (struct policy_subject){.tlp = STIX_TLP_NONE,
                                 .confidence = -1,
                                 .handling_tlp = STIX_TLP_NONE,
                                 .handling_confidence = -1,
                                 .version_time = TIME_NONE};
}

/* The strings of a list; anything else in it is passed over (it was validated when it came in). */
static bool strings(struct json_value list, struct arena *a, struct stix_words *out) {
    *out = (struct stix_words){0};
    if (json_type(list) != JSON_ARRAY) return true;
    struct span *all = arena_zalloc(a, json_count(list), sizeof *all);
    if (!all) return json_count(list) == 0;
    for (struct json_iter it = json_iter(list); json_next(&it);)
        if (json_type(it.value) == JSON_STRING) all[out->count++] = json_text(it.value, a);
    out->at = all;
    return true;
}

/* ---- ATT&CK ids ---- */

static bool is_attack(struct json_value source) {
    return json_is(source, SPAN("mitre-attack")) || json_is(source, SPAN("mitre-mobile-attack")) ||
           json_is(source, SPAN("mitre-ics-attack"));
}

static bool attack_ids(struct json_value references, struct arena *a, struct stix_words *out) {
    *out = (struct stix_words){0};
    if (json_type(references) != JSON_ARRAY) return true;
    uint32_t most = json_count(references) < POLICY_ATTACK_MAX ? json_count(references) : POLICY_ATTACK_MAX;
    struct span *all = NULL;
    for (struct json_iter it = json_iter(references); json_next(&it);) {
        struct json_value id = json_get(it.value, "external_id");
        if (json_type(id) != JSON_STRING || out->count == most || !is_attack(json_get(it.value, "source_name")))
            continue;
        if (!all && !(all = arena_zalloc(a, most, sizeof *all))) return false;
        all[out->count++] = json_text(id, a);
    }
    out->at = all;
    return true;
}

/* ---- what a pattern observes ---- */

static bool type_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static void observe(struct span type, struct span *all, size_t *count) {
    for (size_t i = 0; i < *count; i++)
        if (span_equal(all[i], type)) return;
    if (*count < POLICY_OBSERVES_MAX) all[(*count)++] = type;
}

/* Every run of a-z, 0-9 and - directly before a colon, outside quotes: the object types of a pattern's paths. */
static bool observed_types(struct span pattern, struct arena *a, struct stix_words *out) {
    struct span *all = arena_zalloc(a, POLICY_OBSERVES_MAX, sizeof *all);
    size_t begin = 0;
    bool quoted = false;
    *out = (struct stix_words){.at = all};
    if (!all) return false;
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.at[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '\'')
            quoted = !quoted;
        if (quoted || !type_char(c)) {
            if (!quoted && c == ':' && i > begin) observe(span_of(pattern.at + begin, i - begin), all, &out->count);
            begin = i + 1;
        }
    }
    return true;
}

/* ---- the object ---- */

static void read_version(const struct stix_object *o, struct policy_subject *out) {
    out->version_time = o->has_modified ? o->modified : o->created;
    out->revoked = o->revoked;
    out->creator = o->created_by;
    out->confidence = o->confidence;
}

static void read_markings(const struct stix_object *o, const struct stix_markings *m, struct arena *a,
                          struct policy_subject *out) {
    out->tlp = m->tlp;
    out->pap = m->pap;
    out->marking_unknown = m->altered;
    out->unknown_markings = (struct stix_words){m->unknown, m->unknown_count};
    out->meanings = m->at;
    out->meaning_count = m->count;
    out->markings = (struct stix_words){m->ids, m->id_count};
    if (!span_is(o->type, "marking-definition")) return;
    struct stix_meaning self;
    stix_meaning_read(o, a, &self);
    out->builtin = self.kind == STIX_MEANING_TLP;
    out->marking_unknown = out->marking_unknown || self.kind == STIX_MEANING_ALTERED;
}

enum err policy_facts_read(const struct stix_object *object, stix_meaning_lookup lookup, void *context, struct arena *a,
                           struct policy_subject *out, struct span *offending) {
    struct json_value o = object->json;
    struct stix_markings markings;
    struct stix_words labels;
    policy_subject_init(out);
    out->type = object->type;
    read_version(object, out);
    stix_markings_gather(object, lookup, context, a, &markings);
    read_markings(object, &markings, a, out);
    *offending = markings.offending;
    bool ok = strings(json_get(o, "labels"), a, &labels) && strings(json_get(o, "sectors"), a, &out->sectors) &&
              strings(json_get(o, "indicator_types"), a, &out->indicator_types) &&
              attack_ids(json_get(o, "external_references"), a, &out->attack);
    out->labels = labels.at;
    out->label_count = labels.count;
    out->language = json_text(json_get(o, "lang"), a);
    if (ok && json_is(json_get(o, "pattern_type"), SPAN("stix")))
        ok = observed_types(json_text(json_get(o, "pattern"), a), a, &out->observes);
    return ok && !a->overflow ? ERR_NONE : ERR_NOMEM;
}
