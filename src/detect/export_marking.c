#include "detect/export_marking.h"

enum { KEPT_MAX = 64 << 20 };

void export_markings_init(struct export_markings *m, struct store_reader *r) {
    *m = (struct export_markings){.reader = r};
    arena_init(&m->kept, KEPT_MAX);
    arena_init(&m->last_text, KEPT_MAX);
    map_init(&m->definitions);
}

void export_markings_free(struct export_markings *m) {
    map_free(&m->definitions);
    arena_free(&m->last_text);
    arena_free(&m->kept);
}

static const struct stix_meaning *look_up(struct export_markings *m, struct span id) {
    struct store_holding h;
    struct stix_object o;
    struct diag d;
    struct json_doc *doc = arena_alloc(&m->kept, sizeof *doc);
    struct stix_meaning *meaning = arena_alloc(&m->kept, sizeof *meaning);
    enum err e = store_holding_latest(m->reader, id, &m->kept, &h, &d);
    if (e && e != ERR_NOT_FOUND) m->failed = true;
    if (!doc || !meaning || e || json_parse(&m->kept, h.body, doc, &d) ||
        stix_object_view(&m->kept, json_root(doc), &o, &d))
        return NULL; /* as strict as can be */
    stix_meaning_read(&o, &m->kept, meaning);
    return meaning;
}

static const struct stix_meaning *lookup(void *context, struct span id) {
    struct export_markings *m = context;
    uint64_t known;
    if (map_get(&m->definitions, id, &known)) return (const struct stix_meaning *)(uintptr_t)known;
    const struct stix_meaning *meaning = look_up(m, id);
    if (!map_set(&m->definitions, id, (uint64_t)(uintptr_t)meaning, NULL)) m->failed = true;
    return meaning;
}

static void take_label(struct export_marking *out, struct span label) {
    enum stix_pap pap;
    if (stix_pap_of_label(label, &pap) && pap > out->pap) out->pap = pap;
}

static enum err read_markings(struct export_markings *m, const struct indicator_row *row, struct arena *a,
                              struct export_marking *out, struct diag *d) {
    struct stix_object o;
    struct stix_markings all;
    *out = (struct export_marking){0};
    if (row->marking_refs.len + row->granular_markings.len + row->labels.len == 0) return ERR_NONE;
    enum err e = indicator_markings(row, a, &o, d);
    if (e) return e;
    stix_markings_gather(&o, lookup, m, a, &all);
    if (m->failed) return diag_set(d, ERR_IO, "the marking definitions cannot be read");
    *out = (struct export_marking){all.tlp, all.pap, all.altered || all.unknown_count > 0};
    for (size_t i = 0; i < all.count; i++)
        if (all.at[i]->kind == STIX_MEANING_ACS) out->unknown = true;
    for (struct json_iter it = json_iter(json_get(o.json, "labels")); json_next(&it);)
        take_label(out, json_text(it.value, a));
    return ERR_NONE;
}

static bool same_as_last(const struct export_markings *m, const struct indicator_row *row) {
    return span_equal(row->marking_refs, m->last.marking_refs) &&
           span_equal(row->granular_markings, m->last.granular_markings) && span_equal(row->labels, m->last.labels);
}

enum err export_marking_of(struct export_markings *m, const struct indicator_row *row, struct arena *a,
                           struct export_marking *out, struct diag *d) {
    if (!same_as_last(m, row)) {
        enum err e = read_markings(m, row, a, &m->last_is, d);
        if (e) return e;
        arena_reset(&m->last_text);
        m->last.marking_refs = arena_copy(&m->last_text, row->marking_refs);
        m->last.granular_markings = arena_copy(&m->last_text, row->granular_markings);
        m->last.labels = arena_copy(&m->last_text, row->labels);
    }
    *out = m->last_is;
    if (row->handling_tlp > (int)out->tlp) out->tlp = (enum stix_tlp)row->handling_tlp;
    for (struct span rest = row->handling_labels; rest.len;) take_label(out, span_cut(&rest, '\n'));
    if (out->unknown) *out = (struct export_marking){STIX_TLP_RED, STIX_PAP_RED, true};
    return ERR_NONE;
}
