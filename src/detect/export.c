#include "detect/export.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "detect/decay_seen.h"
#include "detect/indicator_rows.h"
#include "detect/newest.h"

enum { PAGE = 2000, PAGE_ARENA_MAX = 1 << 30, WRITE_AT = 1 << 20, PASSES_TRIED = 10 };

const char *export_reason_text(enum export_reason reason) {
    static const char *const texts[] = {
#define X(name, text) text,
        EXPORT_REASONS(X)
#undef X
    };
    return texts[reason];
}

struct exporting {
    struct store_reader *reader;
    struct sha256 state; /* of the holdings, in the first pass */
    bool changed;        /* they are others in the second */
    const struct export_options *o;
    struct export_result *result;
    struct newest newest;
    uint32_t version;   /* the number of the row at hand among all versions */
    struct map written; /* what went out: the hash of kind, port and value */
    struct map numbers; /* that are taken */
    struct map seen;    /* indicator → when it was last seen; only when something decays */
    struct export_markings markings;
    struct warninglists *lists;
    struct suppressions suppressions;
    struct arena page, kept;
    struct buf out;
    int fd;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
};

/* Calls one() for each indicator, in the order of rows; pass 0 or 1, for the progress. */
static enum err each_indicator(struct exporting *x, enum indicator_what what, unsigned pass,
                               enum err (*one)(struct exporting *x, const struct indicator_row *row, struct diag *d),
                               struct diag *d) {
    struct indicator_rows *rows = NULL;
    const struct indicator_row *at;
    size_t count;
    uint64_t done, total;
    struct sha256 state;
    enum err e = indicator_rows_open(x->reader, what, &rows, &state, d);
    /* Both passes are of one moment, or their numbers of versions would not agree. */
    x->changed = !e && pass == 1 && !sha256_equal(&state, &x->state);
    if (x->changed) e = diag_set(d, ERR_BUSY, "the holdings change faster than they can be exported; try again");
    x->state = state;
    while (!e && !(e = indicator_rows_next(rows, &at, &count, d)) && count > 0) {
        for (size_t i = 0; !e && i < count; i++) e = one(x, &at[i], d);
        indicator_rows_progress(rows, &done, &total);
        if (x->progress) x->progress(x->progress_context, done + pass * total, 2 * total);
    }
    indicator_rows_close(&rows);
    return e;
}

static enum err note_version(struct exporting *x, const struct indicator_row *row, struct diag *d) {
    uint32_t superseded;
    return newest_add(&x->newest, row->id, row->modified, &superseded, d);
}

static enum err note_sighting(struct exporting *x, const struct store_holding *h, struct diag *d) {
    struct json_doc doc;
    uint64_t held;
    time_us seen = TIME_NONE;
    struct diag ignored;
    if (h->revoked || json_parse(&x->page, h->body, &doc, &ignored)) return ERR_NONE;
    struct span of = json_text(json_get(json_root(&doc), "sighting_of_ref"), &x->page);
    seen = detect_sighting_seen(h, json_root(&doc), &x->page);
    if (seen == TIME_NONE || (map_get(&x->seen, of, &held) && (time_us)held >= seen)) return ERR_NONE;
    return map_set(&x->seen, of, (uint64_t)seen, NULL) ? ERR_NONE
                                                       : diag_set(d, ERR_NOMEM, "no memory for the sightings");
}

/* When something was last seen, for what decays by it. */
static enum err each_sighting(struct exporting *x, struct diag *d) {
    int64_t after = 0;
    enum err e = ERR_NONE;
    for (size_t count = 1; !e && count > 0;) {
        struct store_holding *holdings;
        arena_reset(&x->page);
        e = store_holding_scan(x->reader, after, SPAN("sighting"), PAGE, &x->page, &holdings, &count, d);
        for (size_t i = 0; !e && i < count; i++)
            if (holdings[i].state == STORE_CURRENT) e = note_sighting(x, &holdings[i], d);
        if (!e && count > 0) after = holdings[count - 1].id;
    }
    return e;
}

/* ---- one value ---- */

static bool carried(const struct export_options *o, const struct detect_value *v) {
    uint32_t kinds = o->kinds ? o->kinds : UINT32_MAX;
    if (!(o->format->kinds & kinds & UINT32_C(1) << v->kind)) return false;
    if (v->port >= 0 && !o->format->ports) return false;
    if (v->kind == ATOM_HASH && o->hash_digits && v->value.len != o->hash_digits) return false;
    return v->kind != ATOM_ADDRESS || o->format->networks || address_is_single(&v->address);
}

/* A number nobody has yet, from the value's hash. */
static bool assign_number(struct exporting *x, const struct sha256 *hash, uint32_t *number) {
    uint32_t at;
    bool taken = true;
    memcpy(&at, hash->b, sizeof at);
    while (taken) {
        *number = EXPORT_NUMBER_FIRST + at++ % EXPORT_NUMBERS;
        if (!map_set(&x->numbers, span_of(number, sizeof *number), 1, &taken)) return false;
    }
    return true;
}

/* True the first time; then the value has its number, too. */
static enum err first_time(struct exporting *x, struct export_item *item, bool *first, struct diag *d) {
    const struct detect_value *v = item->value;
    const int32_t head[] = {(int32_t)v->kind, v->port, v->certificate};
    const struct span parts[] = {span_of(head, sizeof head), v->value};
    struct sha256 hash = sha256_of_parts(parts, 2);
    bool known = false, ok = map_set(&x->written, span_of(hash.b, 16), 1, &known);
    *first = !known;
    if (ok && *first && x->o->format->numbered) ok = assign_number(x, &hash, &item->number);
    return ok ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for the values");
}

static enum err judge_value(struct exporting *x, struct export_item *item, enum export_reason *reason, struct diag *d) {
    const struct export_options *o = x->o;
    const struct detect_value *v = item->value;
    struct warning warning = {0};
    uint64_t seen;
    *reason = EXPORT_KIND;
    if (!carried(o, v)) return ERR_NONE;
    time_us last = x->seen.count && map_get(&x->seen, item->id, &seen) ? (time_us)seen : TIME_NONE;
    struct decayed decayed =
        decay_judge(o->models, o->model_count, item->source, v->kind, item->confidence, item->valid_from, last, o->now);
    item->confidence = decayed.confidence;
    *reason = EXPORT_DECAYED;
    if (decayed.gone) return ERR_NONE;
    *reason = EXPORT_SUPPRESSED;
    if (suppressions_find(&x->suppressions, item->id, v->kind, v->value, (struct span){0}, o->now)) return ERR_NONE;
    *reason = EXPORT_WARNED;
    enum err e = warninglists_find(x->lists, v->kind, v->value, 0, &warning, NULL, d);
    if (e || warning.list.len) return e;
    bool first = false;
    *reason = EXPORT_AGAIN;
    e = first_time(x, item, &first, d);
    if (e || !first) return e;
    *reason = EXPORT_REASON_COUNT;
    return ERR_NONE;
}

static enum err write_value(struct exporting *x, struct export_item item, struct diag *d) {
    enum export_reason reason;
    enum err e = judge_value(x, &item, &reason, d);
    if (e) return e;
    size_t before = x->out.len;
    if (reason == EXPORT_REASON_COUNT && !x->o->format->write(&x->out, x->o, &item)) {
        x->out.len = before;
        reason = EXPORT_UNWRITABLE;
    }
    if (reason == EXPORT_REASON_COUNT)
        x->result->written++;
    else
        x->result->left_out[reason]++;
    if (!buf_ok(&x->out)) return diag_set(d, ERR_NOMEM, "no memory to write");
    if (x->out.len < WRITE_AT) return ERR_NONE;
    e = file_write_all(x->fd, buf_span(&x->out), d);
    buf_clear(&x->out);
    return e;
}

/* ---- one indicator ---- */

/* Why none of it goes out; EXPORT_REASON_COUNT when it may. */
static enum export_reason judge_whole(const struct exporting *x, const struct indicator_row *row,
                                      const struct export_item *item) {
    const struct export_options *o = x->o;
    if (row->revoked) return EXPORT_REVOKED;
    if (item->valid_until != TIME_NONE && o->now >= item->valid_until) return EXPORT_EXPIRED;
    if (item->valid_from != TIME_NONE && o->now < item->valid_from) return EXPORT_EARLY;
    if (item->marking.unknown && (o->tlp < STIX_TLP_RED || export_blocks(o))) return EXPORT_UNKNOWN_MARKING;
    if (item->marking.tlp > o->tlp) return EXPORT_TLP;
    if (item->marking.pap >= STIX_PAP_AMBER && export_blocks(o)) return EXPORT_PAP;
    return EXPORT_REASON_COUNT;
}

static enum err take(struct exporting *x, const struct indicator_row *row, struct diag *d) {
    const struct detect_value *values;
    size_t count;
    bool complete;
    if (!newest_counts(&x->newest, x->version++)) return ERR_NONE;
    arena_reset(&x->page);
    x->result->indicators++;
    struct export_item item = {.id = row->id,
                               .name = row->name,
                               .source = row->source,
                               .pattern = row->pattern,
                               .labels = row->labels,
                               .created_by = row->created_by,
                               .description = row->description,
                               .confidence = row->confidence < 0 ? DETECT_CONFIDENCE_NONE : (uint8_t)row->confidence,
                               .valid_from = row->valid_from,
                               .valid_until = row->valid_until};
    enum err e = export_marking_of(&x->markings, row, &x->page, &item.marking, d);
    if (e) return e;
    enum export_reason reason = judge_whole(x, row, &item);
    if (reason == EXPORT_REASON_COUNT && row->pattern_type.len && !span_is(row->pattern_type, "stix"))
        reason = EXPORT_PATTERN;
    if (reason == EXPORT_REASON_COUNT) {
        detect_values(&x->page, row->pattern, &values, &count, &complete);
        if (count == 0 || !complete) reason = EXPORT_PATTERN;
        for (size_t i = 0; !e && complete && i < count; i++) {
            item.value = &values[i];
            e = write_value(x, item, d);
        }
    }
    if (reason != EXPORT_REASON_COUNT) x->result->left_out[reason]++;
    return e;
}

/* Which versions count, then those; from the beginning where a commit came between. */
static enum err both_passes(struct exporting *x, struct diag *d) {
    enum err e;
    int tried = 0;
    do {
        newest_free(&x->newest);
        e = each_indicator(x, INDICATOR_VERSIONS, 0, note_version, d);
        if (!e) e = each_indicator(x, x->o->format->described ? INDICATOR_DESCRIBED : INDICATOR_WHOLE, 1, take, d);
    } while (x->changed && ++tried < PASSES_TRIED);
    return e;
}

enum err export_run(struct store_reader *r, const struct export_options *o, int fd,
                    void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                    struct export_result *out, struct diag *d) {
    struct exporting x = {
        .reader = r, .o = o, .result = out, .fd = fd, .progress = progress, .progress_context = context};
    *out = (struct export_result){0};
    arena_init(&x.page, PAGE_ARENA_MAX);
    arena_init(&x.kept, 64 << 20);
    map_init(&x.written);
    map_init(&x.seen);
    map_init(&x.numbers);
    export_markings_init(&x.markings, r);
    enum err e = store_reader_snapshot(r, d);
    if (!e) e = warninglists_open(r, &x.lists, d);
    if (!e) e = suppressions_load(r, &x.kept, &x.suppressions, d);
    if (!e && o->model_count) e = each_sighting(&x, d);
    o->format->begin(&x.out, o);
    if (!e) e = both_passes(&x, d);
    if (!e) e = file_write_all(fd, buf_span(&x.out), d);
    store_reader_release(r);
    warninglists_close(&x.lists);
    export_markings_free(&x.markings);
    map_free(&x.seen);
    map_free(&x.numbers);
    map_free(&x.written);
    newest_free(&x.newest);
    arena_free(&x.kept);
    arena_free(&x.page);
    buf_free(&x.out);
    return e;
}
