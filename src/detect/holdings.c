#include "detect/holdings.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "stix/marking.h"
#include "stix/object.h"
#include "json/json.h"

enum { PAGE = 2000, PAGE_ARENA_MAX = 1 << 30, NAMES_MAX = 8 };

struct loading {
    struct store_reader *reader;
    struct detect_builder *builder;
    struct map newest; /* id → index of the version that counts so far */
    time_us *modified;
    uint8_t *superseded;
    size_t count, size;
    struct arena page;
    struct span sources[64]; /* names by number, as they are met; in `names` */
    struct arena names;
};

static bool grow(struct loading *l) {
    if (l->count < l->size) return true;
    size_t size = l->size ? l->size * 2 : 4096;
    time_us *modified = realloc(l->modified, size * sizeof *modified);
    if (modified) l->modified = modified;
    uint8_t *superseded = modified ? realloc(l->superseded, size) : NULL;
    if (superseded) l->superseded = superseded;
    if (superseded) l->size = size;
    return superseded != NULL;
}

static enum err source_name(struct loading *l, uint32_t number, struct span *out, struct diag *d) {
    *out = SPAN("own");
    if (number == STORE_SOURCE_OWN) return ERR_NONE;
    if (number < 64 && l->sources[number].at) {
        *out = l->sources[number];
        return ERR_NONE;
    }
    enum err e = store_source_name(l->reader, number, number < 64 ? &l->names : &l->page, out, d);
    if (!e && number < 64) l->sources[number] = *out;
    return e;
}

static enum stix_marking no_lookup(void *context, struct span id, enum stix_tlp *level) {
    (void)context;
    (void)id;
    (void)level;
    return STIX_MARKING_STATEMENT; /* only the TLP level is wanted here */
}

/* Of two versions the one modified last counts; the other stays in the index, marked. */
static enum err judge(struct loading *l, const struct store_holding *h, struct diag *d) {
    uint64_t other;
    l->modified[l->count] = h->modified;
    l->superseded[l->count] = 0;
    if (map_get(&l->newest, h->stix_id, &other)) {
        bool older = h->modified < l->modified[other];
        l->superseded[older ? l->count : other] = 1;
        if (older) return ERR_NONE;
    }
    return map_set(&l->newest, h->stix_id, l->count, NULL) ? ERR_NONE
                                                           : diag_set(d, ERR_NOMEM, "no memory for the indicators");
}

static enum err take(struct loading *l, const struct store_holding *h, struct diag *d) {
    struct json_doc doc;
    struct stix_object o;
    struct stix_marking_summary marking;
    if (h->state != STORE_CURRENT) return ERR_NONE;
    enum err e = json_parse(&l->page, h->body, &doc, d);
    if (!e) e = stix_object_view(&l->page, json_root(&doc), &o, d);
    if (e) return e;
    stix_marking_effective(&o, no_lookup, NULL, &marking);
    if (h->handling.tlp > (int)marking.tlp) marking.tlp = (enum stix_tlp)h->handling.tlp;
    int confidence = h->handling.confidence >= 0 ? h->handling.confidence : o.confidence;
    struct detect_indicator in = {.id = h->stix_id,
                                  .pattern = json_text(json_get(o.json, "pattern"), &l->page),
                                  .pattern_type = json_text(json_get(o.json, "pattern_type"), &l->page),
                                  .valid_from = TIME_NONE,
                                  .valid_until = TIME_NONE,
                                  .revoked = h->revoked,
                                  .confidence = confidence < 0 ? DETECT_CONFIDENCE_NONE : (uint8_t)confidence};
    if (marking.tlp) in.marking = span_cstr(stix_tlp_name(marking.tlp));

    (void)time_parse_stix(json_text(json_get(o.json, "valid_from"), &l->page), &in.valid_from);
    (void)time_parse_stix(json_text(json_get(o.json, "valid_until"), &l->page), &in.valid_until);
    if ((e = source_name(l, h->source, &in.source, d))) return e;
    if (!grow(l)) return diag_set(d, ERR_NOMEM, "no memory for the indicators");
    if ((e = judge(l, h, d)) || (e = detect_builder_add(l->builder, &in, d))) return e;
    l->count++;
    return ERR_NONE;
}

static enum err take_all(struct loading *l, void (*progress)(void *context, uint64_t done, uint64_t total),
                         void *context, struct diag *d) {
    int64_t after = 0, visible;
    enum err e = store_holding_visible(l->reader, &visible, d);
    for (size_t count = 1; !e && count > 0;) {
        struct store_holding *holdings;
        arena_reset(&l->page);
        e = store_holding_scan(l->reader, after, SPAN("indicator"), PAGE, &l->page, &holdings, &count, d);
        for (size_t i = 0; !e && i < count; i++) e = take(l, &holdings[i], d);
        if (!e && count > 0) after = holdings[count - 1].id;
        if (progress) progress(context, (uint64_t)after, (uint64_t)visible);
    }
    return e;
}

enum err detect_holdings_load(struct store_reader *r, void (*progress)(void *context, uint64_t done, uint64_t total),
                              void *context, struct detect_holdings *out, struct diag *d) {
    struct loading l = {.reader = r};
    *out = (struct detect_holdings){0};
    arena_init(&l.page, PAGE_ARENA_MAX);
    arena_init(&l.names, 1 << 20);
    map_init(&l.newest);
    enum err e = detect_builder_new(&l.builder, d);
    if (!e) e = take_all(&l, progress, context, d);
    map_free(&l.newest);
    free(l.modified);
    if (!e)
        e = detect_builder_finish(&l.builder, &out->index, d);
    else
        detect_builder_free(&l.builder);
    if (!e && !l.superseded) l.superseded = calloc(1, 1); /* no indicators: nothing will be asked */
    if (e)
        free(l.superseded);
    else
        out->superseded = l.superseded;
    arena_free(&l.page);
    arena_free(&l.names);
    return e;
}

void detect_holdings_free(struct detect_holdings *h) {
    detect_index_free(&h->index);
    free(h->superseded);
    h->superseded = NULL;
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
