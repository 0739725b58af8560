#include "detect/holdings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/file.h"
#include "detect/index_file.h"
#include "detect/indicator_rows.h"
#include "detect/newest.h"
#include "stix/marking.h"
#include "stix/object.h"
#include "json/json.h"

enum { NAMES_MAX = 8, SCRATCH_MAX = 1 << 30, AHEAD = 8 /* rows whose places are on their way from memory */ };

struct loading {
    struct detect_builder *builder;
    struct newest newest;
    struct arena scratch;      /* of the markings being read */
    struct indicator_row last; /* whose markings were read last, copied */
    enum stix_tlp last_tlp;
    struct arena last_text;
};

static enum stix_marking no_lookup(void *context, struct span id, enum stix_tlp *level) {
    (void)context;
    (void)id;
    (void)level;
    return STIX_MARKING_STATEMENT; /* only the TLP level is wanted here */
}

/* Neighbours are mostly marked alike. */
static enum err marking_of(struct loading *l, const struct indicator_row *row, enum stix_tlp *out, struct diag *d) {
    struct stix_object o;
    struct stix_marking_summary marking;
    if (!span_equal(row->marking_refs, l->last.marking_refs) ||
        !span_equal(row->granular_markings, l->last.granular_markings)) {
        arena_reset(&l->scratch);
        arena_reset(&l->last_text);
        enum err e = indicator_markings(row, &l->scratch, &o, d);
        if (e) return e;
        stix_marking_effective(&o, no_lookup, NULL, &marking);
        l->last_tlp = marking.tlp;
        l->last.marking_refs = arena_copy(&l->last_text, row->marking_refs);
        l->last.granular_markings = arena_copy(&l->last_text, row->granular_markings);
    }
    *out = l->last_tlp;
    if (row->handling_tlp > (int)*out) *out = (enum stix_tlp)row->handling_tlp;
    return ERR_NONE;
}

static enum err take(struct loading *l, const struct indicator_row *row, struct diag *d) {
    enum stix_tlp tlp;
    uint32_t superseded;
    enum err e = marking_of(l, row, &tlp, d);
    if (e) return e;
    struct detect_indicator in = {.id = row->id,
                                  .source = row->source,
                                  .pattern = row->pattern,
                                  .pattern_type = row->pattern_type,
                                  .valid_from = row->valid_from,
                                  .valid_until = row->valid_until,
                                  .revoked = row->revoked,
                                  .confidence =
                                      row->confidence < 0 ? DETECT_CONFIDENCE_NONE : (uint8_t)row->confidence};
    if (tlp) in.marking = span_cstr(stix_tlp_name(tlp));
    e = detect_builder_add(l->builder, &in, d);
    if (!e) e = newest_add(&l->newest, row->id, row->modified, &superseded, d);
    if (!e && superseded != NEWEST_NONE) e = detect_builder_supersede(l->builder, superseded, d);
    return e;
}

static enum err take_all(struct loading *l, struct indicator_rows *rows, detect_progress *progress, void *context,
                         struct diag *d) {
    const struct indicator_row *at;
    size_t count;
    uint64_t done, total;
    enum err e;
    while (!(e = indicator_rows_next(rows, &at, &count, d)) && count > 0) {
        for (size_t i = 0; !e && i < count; i++) {
            if (i + AHEAD < count) newest_expect(&l->newest, at[i + AHEAD].id);
            e = take(l, &at[i], d);
        }
        if (e) break;
        indicator_rows_progress(rows, &done, &total);
        if (progress) progress(context, done, total);
    }
    return e;
}

/* *state: of the rows it was built from. */
static enum err load(struct store_reader *r, detect_progress *progress, void *context, struct detect_holdings *out,
                     struct sha256 *state, struct diag *d) {
    struct loading l = {0};
    struct indicator_rows *rows = NULL;
    *out = (struct detect_holdings){0};
    arena_init(&l.scratch, SCRATCH_MAX);
    arena_init(&l.last_text, SCRATCH_MAX);
    enum err e = detect_builder_new(&l.builder, d);
    if (!e) e = indicator_rows_open(r, INDICATOR_WHOLE, &rows, state, d);
    if (!e) e = take_all(&l, rows, progress, context, d);
    indicator_rows_close(&rows); /* before the tables are made: its memory is wanted for them */
    newest_free(&l.newest);
    if (!e)
        e = detect_builder_finish(&l.builder, &out->index, d);
    else
        detect_builder_free(&l.builder);
    arena_free(&l.last_text);
    arena_free(&l.scratch);
    return e;
}

enum err detect_holdings_load(struct store_reader *r, detect_progress *progress, void *context,
                              struct detect_holdings *out, struct diag *d) {
    struct sha256 state;
    return load(r, progress, context, out, &state, d);
}

enum err detect_holdings_state(struct store_reader *r, struct sha256 *out, struct diag *d) {
    return indicator_rows_state(r, out, d);
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
        e = load(r, progress, context, out, &state, d);
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
