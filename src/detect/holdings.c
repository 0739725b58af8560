#include "detect/holdings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"
#include "detect/holding_pages.h"
#include "detect/index_file.h"
#include "stix/marking.h"
#include "stix/object.h"
#include "json/json.h"

enum { NAMES_MAX = 8, SCRATCH_MAX = 1 << 30 };

struct loading {
    struct detect_builder *builder;
    struct map newest; /* id → index of the version that counts so far */
    time_us *modified;
    size_t count, size;
    struct arena scratch; /* of the indicator being read */
};

static bool grow(struct loading *l) {
    if (l->count < l->size) return true;
    size_t size = l->size ? l->size * 2 : 4096;
    time_us *modified = realloc(l->modified, size * sizeof *modified);
    if (!modified) return false;
    l->modified = modified;
    l->size = size;
    return true;
}

static enum stix_marking no_lookup(void *context, struct span id, enum stix_tlp *level) {
    (void)context;
    (void)id;
    (void)level;
    return STIX_MARKING_STATEMENT; /* only the TLP level is wanted here */
}

/* Of two versions the one modified last counts; the other stays in the index, marked. After adding. */
static enum err judge(struct loading *l, const struct store_holding *h, struct diag *d) {
    uint64_t other;
    uint32_t number = (uint32_t)l->count;
    l->modified[l->count++] = h->modified;
    if (map_get(&l->newest, h->stix_id, &other)) {
        bool older = h->modified < l->modified[other];
        enum err e = detect_builder_supersede(l->builder, older ? number : (uint32_t)other, d);
        if (e || older) return e;
    }
    return map_set(&l->newest, h->stix_id, number, NULL) ? ERR_NONE
                                                         : diag_set(d, ERR_NOMEM, "no memory for the indicators");
}

static enum err take(struct loading *l, const struct store_holding *h, struct span source, struct diag *d) {
    struct json_doc doc;
    struct stix_object o;
    struct stix_marking_summary marking;
    if (h->state != STORE_CURRENT) return ERR_NONE;
    arena_reset(&l->scratch);
    enum err e = json_parse(&l->scratch, h->body, &doc, d);
    if (!e) e = stix_object_view(&l->scratch, json_root(&doc), &o, d);
    if (e) return e;
    stix_marking_effective(&o, no_lookup, NULL, &marking);
    if (h->handling.tlp > (int)marking.tlp) marking.tlp = (enum stix_tlp)h->handling.tlp;
    int confidence = h->handling.confidence >= 0 ? h->handling.confidence : o.confidence;
    struct detect_indicator in = {.id = h->stix_id,
                                  .pattern = json_text(json_get(o.json, "pattern"), &l->scratch),
                                  .pattern_type = json_text(json_get(o.json, "pattern_type"), &l->scratch),
                                  .valid_from = TIME_NONE,
                                  .valid_until = TIME_NONE,
                                  .revoked = h->revoked,
                                  .confidence = confidence < 0 ? DETECT_CONFIDENCE_NONE : (uint8_t)confidence};
    if (marking.tlp) in.marking = span_cstr(stix_tlp_name(marking.tlp));

    (void)time_parse_stix(json_text(json_get(o.json, "valid_from"), &l->scratch), &in.valid_from);
    (void)time_parse_stix(json_text(json_get(o.json, "valid_until"), &l->scratch), &in.valid_until);
    in.source = source;
    if (!grow(l)) return diag_set(d, ERR_NOMEM, "no memory for the indicators");
    e = detect_builder_add(l->builder, &in, d);
    return e ? e : judge(l, h, d);
}

static enum err take_all(struct loading *l, struct store_reader *r, detect_progress *progress, void *context,
                         struct diag *d) {
    struct holding_pages pages;
    struct holding_page *page = NULL;
    int64_t visible;
    enum err e = store_holding_visible(r, &visible, d);
    if (e) return e;
    e = pages_open(&pages, r, d);
    while (!e && !(e = pages_next(&pages, &page, d)) && page->count > 0) {
        for (size_t i = 0; !e && i < page->count; i++) e = take(l, &page->rows[i], page->sources[i], d);
        if (progress) progress(context, (uint64_t)page->rows[page->count - 1].id, (uint64_t)visible);
    }
    pages_close(&pages);
    return e;
}

enum err detect_holdings_load(struct store_reader *r, detect_progress *progress, void *context,
                              struct detect_holdings *out, struct diag *d) {
    struct loading l = {0};
    *out = (struct detect_holdings){0};
    arena_init(&l.scratch, SCRATCH_MAX);
    map_init(&l.newest);
    enum err e = detect_builder_new(&l.builder, d);
    if (!e) e = take_all(&l, r, progress, context, d);
    map_free(&l.newest);
    free(l.modified);
    if (!e)
        e = detect_builder_finish(&l.builder, &out->index, d);
    else
        detect_builder_free(&l.builder);
    arena_free(&l.scratch);
    return e;
}

/* What the store holds: its newest holding, which names all before it, and whether one of those was altered since. */
enum err detect_holdings_state(struct store_reader *r, struct sha256 *out, struct diag *d) {
    struct arena a;
    struct store_holding newest = {0};
    struct span altered = {0};
    arena_init(&a, 64 << 20);
    enum err e = store_holding_visible(r, &newest.id, d);
    if (!e && newest.id > 0) e = store_holding_get(r, newest.id, &a, &newest, d);
    if (!e) e = store_meta_get(r, "holdings-altered", &a, &altered, d);
    if (!e) {
        const struct span parts[] = {SPAN("renkei/index/v3"), span_of(&newest.id, sizeof newest.id),
                                     span_of(&newest.imported, sizeof newest.imported),
                                     span_of(newest.hash.b, sizeof newest.hash.b), altered};
        *out = sha256_of_parts(parts, sizeof parts / sizeof *parts);
    }
    arena_free(&a);
    return e;
}

static void note(struct detect_holdings *h, const struct diag *problem) {
    snprintf(h->note, sizeof h->note, "%s", problem->message);
}

/* Opens the file if it is of this state. */
static bool open_prebuilt(const char *path, const struct sha256 *state, struct detect_holdings *out) {
    struct sha256 built_from;
    struct diag problem;
    enum err e = detect_index_open(path, &out->index, &built_from, &problem);
    if (!e && sha256_equal(&built_from, state)) return out->prebuilt = true;
    if (e && e != ERR_NOT_FOUND) note(out, &problem);
    detect_index_free(&out->index);
    return false;
}

/* Keeps what was built and goes on with the file, which takes less memory. */
static void keep(const char *folder, const char *path, const struct sha256 *state, struct detect_holdings *h) {
    struct diag problem;
    struct sha256 ignored;
    struct detect_index *mapped = NULL;
    enum err e = file_make_folder(folder, 0700, &problem);
    if (!e) e = detect_index_write(h->index, path, state, &problem);
    if (!e) e = detect_index_open(path, &mapped, &ignored, &problem);
    if (e) {
        note(h, &problem);
        return;
    }
    detect_index_free(&h->index);
    h->index = mapped;
}

enum err detect_holdings_open(struct store_reader *r, const char *folder, detect_progress *progress, void *context,
                              struct detect_holdings *out, struct diag *d) {
    char path[4096];
    struct sha256 state;
    *out = (struct detect_holdings){0};
    if (!folder) return detect_holdings_load(r, progress, context, out, d);
    int n = snprintf(path, sizeof path, "%s/indicators", folder);
    if (n < 0 || (size_t)n >= sizeof path) return diag_set(d, ERR_LIMIT, "the path %s is too long", folder);
    enum err e = store_reader_snapshot(r, d); /* the fingerprint and the rows are of one moment */
    if (e) return e;
    e = detect_holdings_state(r, &state, d);
    if (!e && !open_prebuilt(path, &state, out)) {
        char noted[sizeof out->note];
        memcpy(noted, out->note, sizeof noted);
        e = detect_holdings_load(r, progress, context, out, d);
        memcpy(out->note, noted, sizeof noted);
        if (!e) keep(folder, path, &state, out);
    }
    store_reader_release(r);
    return e;
}

void detect_holdings_free(struct detect_holdings *h) {
    detect_index_free(&h->index);
}

enum err detect_holdings_names(struct store_reader *r, struct span indicator, struct arena *a, struct span *out,
                               struct diag *d) {
    int64_t *naming;
    size_t count, named = 0;
    struct buf names = BUF_EMPTY;
    enum err e = store_holding_naming(r, indicator, 0, 100, a, &naming, &count, d);
    for (size_t i = 0; !e && i < count && named < NAMES_MAX; i++) {
        struct store_holding h, target;
        struct json_doc doc, subject;
        if ((e = store_holding_get(r, naming[i], a, &h, d))) break;
        if (!span_is(h.type, "relationship") || h.state != STORE_CURRENT || h.revoked || json_parse(a, h.body, &doc, d))
            continue;
        if (!json_is(json_get(json_root(&doc), "relationship_type"), SPAN("indicates"))) continue;
        struct span id = json_text(json_get(json_root(&doc), "target_ref"), a);
        if (store_holding_latest(r, id, a, &target, d) || json_parse(a, target.body, &subject, d)) continue;
        struct span name = json_text(json_get(json_root(&subject), "name"), a);
        if (name.len == 0 || span_find(buf_span(&names), name) != SIZE_MAX) continue;
        if (named++) buf_add_cstr(&names, ", ");
        buf_add(&names, name);
    }
    *out = arena_copy(a, buf_span(&names));
    buf_free(&names);
    return e;
}

enum err detect_holdings_title(struct store_reader *r, struct span indicator, struct arena *a, struct span *out,
                               struct diag *d) {
    struct store_holding h;
    struct json_doc doc;
    *out = (struct span){0};
    enum err e = store_holding_latest(r, indicator, a, &h, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE;
    if (!e) e = json_parse(a, h.body, &doc, d);
    if (!e) *out = json_text(json_get(json_root(&doc), "name"), a);
    return e;
}
