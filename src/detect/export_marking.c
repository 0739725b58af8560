#include "detect/export_marking.h"

#define PAP_EXTENSION "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
enum { LOOKUP_ARENA_MAX = 16 << 20 };

const char *pap_name(enum pap pap) {
    static const char *const names[] = {"", "clear", "green", "amber", "red"};
    return names[pap];
}

static enum pap pap_of_colour(struct span text) {
    if (span_equal_nocase(text, SPAN("white"))) return PAP_CLEAR;
    for (enum pap p = PAP_CLEAR; p <= PAP_RED; p++)
        if (span_equal_nocase(text, span_cstr(pap_name(p)))) return p;
    return PAP_NONE;
}

enum pap pap_of_text(struct span text) {
    text = span_trim(text);
    if (!span_equal_nocase(span_first(text, 3), SPAN("pap"))) return PAP_NONE;
    text = span_from(text, 3);
    if (text.len == 0 || !strchr(":=_- ", text.at[0])) return PAP_NONE;
    while (text.len && strchr(":=_- \"", text.at[0])) text = span_from(text, 1);
    while (text.len && text.at[text.len - 1] == '"') text.len--;
    return pap_of_colour(text);
}

/* OASIS's marking definitions of PAP; what they mean is known whatever somebody sent under their ids. */
static const struct {
    const char *id;
    enum pap pap;
} builtin[] = {
    {"marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92", PAP_CLEAR},
    {"marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730", PAP_CLEAR}, /* as PAP:WHITE */
    {"marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9", PAP_GREEN},
    {"marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab", PAP_AMBER},
    {"marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e", PAP_RED},
};

void export_markings_init(struct export_markings *m, struct store_reader *r) {
    *m = (struct export_markings){.reader = r};
    map_init(&m->known);
}

void export_markings_free(struct export_markings *m) {
    map_free(&m->known);
}

/* What is remembered of a marking definition: the STIX kind, the PAP, the TLP. */
static uint64_t pack(enum stix_marking what, enum pap pap, enum stix_tlp level) {
    return (uint64_t)what | (uint64_t)pap << 8 | (uint64_t)level << 16;
}

static enum pap pap_of_definition(struct json_value o, struct arena *a) {
    struct json_value extension = json_get(json_get(o, "extensions"), PAP_EXTENSION);
    enum pap pap = pap_of_colour(json_text(json_get(extension, "pap"), a));
    if (pap == PAP_NONE) pap = pap_of_text(json_text(json_get(o, "name"), a));
    if (pap == PAP_NONE) pap = pap_of_text(json_text(json_get(json_get(o, "definition"), "statement"), a));
    return pap;
}

static uint64_t look_up(struct export_markings *m, struct span id) {
    struct arena a;
    struct store_holding h;
    struct json_doc doc;
    struct stix_object o;
    struct diag d;
    enum stix_tlp level = STIX_TLP_NONE;
    uint64_t meaning = pack(STIX_MARKING_OTHER, PAP_NONE, STIX_TLP_NONE);
    arena_init(&a, LOOKUP_ARENA_MAX);
    enum err e = store_holding_latest(m->reader, id, &a, &h, &d);
    if (e && e != ERR_NOT_FOUND) m->failed = true;
    if (!e && !json_parse(&a, h.body, &doc, &d) && !stix_object_view(&a, json_root(&doc), &o, &d)) {
        enum stix_marking what = stix_marking_classify(&o, &level);
        enum pap pap = pap_of_definition(o.json, &a);
        /* A definition of PAP, whatever its form, says nothing of who may read. */
        if (pap != PAP_NONE && what == STIX_MARKING_OTHER) what = STIX_MARKING_STATEMENT;
        meaning = pack(what, pap, level);
    }
    arena_free(&a);
    return meaning;
}

static uint64_t meaning_of(struct export_markings *m, struct span id) {
    uint64_t meaning;
    for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
        if (span_is(id, builtin[i].id)) return pack(STIX_MARKING_STATEMENT, builtin[i].pap, STIX_TLP_NONE);
    if (map_get(&m->known, id, &meaning)) return meaning;
    meaning = look_up(m, id);
    if (!map_set(&m->known, id, meaning, NULL)) m->failed = true;
    return meaning;
}

static enum stix_marking lookup(void *context, struct span id, enum stix_tlp *level) {
    uint64_t meaning = meaning_of(context, id);
    *level = (enum stix_tlp)(meaning >> 16);
    return (enum stix_marking)(meaning & 0xff);
}

static void stricter(enum pap *pap, enum pap other) {
    if (other > *pap) *pap = other;
}

static void take_marking(struct export_markings *m, struct json_value id, enum pap *pap) {
    enum stix_tlp level;
    if (!stix_marking_builtin(json_spelt(id), &level))
        stricter(pap, (enum pap)(meaning_of(m, json_spelt(id)) >> 8 & 0xff));
}

struct export_marking export_marking_of(struct export_markings *m, const struct stix_object *o,
                                        const struct store_handling *handling, struct arena *a) {
    struct stix_marking_summary summary;
    struct export_marking out = {0};
    stix_marking_effective(o, lookup, m, &summary);
    out.tlp = summary.tlp;
    if (handling->tlp > (int)out.tlp) out.tlp = (enum stix_tlp)handling->tlp;
    for (struct json_iter it = json_iter(json_get(o->json, "object_marking_refs")); json_next(&it);)
        take_marking(m, it.value, &out.pap);
    for (struct json_iter it = json_iter(json_get(o->json, "granular_markings")); json_next(&it);)
        take_marking(m, json_get(it.value, "marking_ref"), &out.pap);
    for (struct json_iter it = json_iter(json_get(o->json, "labels")); json_next(&it);)
        stricter(&out.pap, pap_of_text(json_text(it.value, a)));
    for (struct span rest = handling->labels; rest.len;) stricter(&out.pap, pap_of_text(span_cut(&rest, '\n')));
    if (summary.strictest) out = (struct export_marking){STIX_TLP_RED, PAP_RED, true};
    return out;
}
