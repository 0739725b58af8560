#include "detect/export.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "detect/decay_seen.h"

enum { PAGE = 2000, PAGE_ARENA_MAX = 1 << 30, WRITE_AT = 1 << 20, SOURCES_KEPT = 64 };

const char *export_reason_text(enum export_reason reason) {
    static const char *const texts[] = {
#define X(name, text) text,
        EXPORT_REASONS(X)
#undef X
    };
    return texts[reason];
}

/* The row that counts of each indicator: the newest version, of equal ones the newest row. */
struct version {
    time_us modified;
    int64_t row;
};

struct exporting {
    struct store_reader *reader;
    const struct export_options *o;
    struct export_result *result;
    struct map newest; /* id → index into versions */
    struct version *versions;
    size_t count, size;
    struct map written; /* what went out: the hash of kind, port and value */
    struct map numbers; /* that are taken */
    struct map seen;    /* indicator → when it was last seen; only when something decays */
    struct export_markings markings;
    struct warninglists *lists;
    struct suppressions suppressions;
    struct arena page, kept;
    struct span sources[SOURCES_KEPT];
    struct buf out;
    int fd;
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *progress_context;
    int64_t visible;
    unsigned pass;
};

/* Calls one() for each current holding of a type. */
static enum err each(struct exporting *x, const char *type,
                     enum err (*one)(struct exporting *x, const struct store_holding *h, struct diag *d),
                     struct diag *d) {
    int64_t after = 0;
    enum err e = ERR_NONE;
    for (size_t count = 1; !e && count > 0;) {
        struct store_holding *holdings;
        arena_reset(&x->page);
        e = store_holding_scan(x->reader, after, span_cstr(type), PAGE, &x->page, &holdings, &count, d);
        for (size_t i = 0; !e && i < count; i++)
            if (holdings[i].state == STORE_CURRENT) e = one(x, &holdings[i], d);
        if (!e && count > 0) after = holdings[count - 1].id;
        if (x->progress)
            x->progress(x->progress_context, (uint64_t)(after + x->pass * x->visible), (uint64_t)x->visible * 2);
    }
    return e;
}

static enum err note_version(struct exporting *x, const struct store_holding *h, struct diag *d) {
    uint64_t at;
    if (map_get(&x->newest, h->stix_id, &at)) {
        if (h->modified >= x->versions[at].modified) x->versions[at] = (struct version){h->modified, h->id};
        return ERR_NONE;
    }
    if (x->count == x->size) {
        size_t size = x->size ? x->size * 2 : 4096;
        struct version *bigger = realloc(x->versions, size * sizeof *bigger);
        if (!bigger) return diag_set(d, ERR_NOMEM, "no memory for the indicators");
        x->versions = bigger;
        x->size = size;
    }
    x->versions[x->count] = (struct version){h->modified, h->id};
    return map_set(&x->newest, h->stix_id, x->count++, NULL) ? ERR_NONE
                                                             : diag_set(d, ERR_NOMEM, "no memory for the indicators");
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

static enum err source_name(struct exporting *x, uint32_t number, struct span *out, struct diag *d) {
    *out = SPAN("own");
    if (number == STORE_SOURCE_OWN) return ERR_NONE;
    if (number < SOURCES_KEPT && x->sources[number].at) {
        *out = x->sources[number];
        return ERR_NONE;
    }
    enum err e = store_source_name(x->reader, number, number < SOURCES_KEPT ? &x->kept : &x->page, out, d);
    if (!e && number < SOURCES_KEPT) x->sources[number] = *out;
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
    char head[32];
    struct buf key = BUF_EMPTY;
    int len = snprintf(head, sizeof head, "%d:%d:%d:", (int)v->kind, v->port, v->certificate);
    buf_add(&key, span_of(head, (size_t)len));
    buf_add(&key, v->value);
    bool known = false, ok = buf_ok(&key);
    struct sha256 hash = sha256_of(buf_span(&key));
    buf_free(&key);
    ok = ok && map_set(&x->written, span_of(hash.b, 16), 1, &known);
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
    time_us last = map_get(&x->seen, item->id, &seen) ? (time_us)seen : TIME_NONE;
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
static enum export_reason judge_whole(const struct exporting *x, const struct store_holding *h,
                                      const struct export_item *item) {
    const struct export_options *o = x->o;
    if (h->revoked) return EXPORT_REVOKED;
    if (item->valid_until != TIME_NONE && o->now >= item->valid_until) return EXPORT_EXPIRED;
    if (item->valid_from != TIME_NONE && o->now < item->valid_from) return EXPORT_EARLY;
    if (item->marking.unknown && (o->tlp < STIX_TLP_RED || export_blocks(o))) return EXPORT_UNKNOWN_MARKING;
    if (item->marking.tlp > o->tlp) return EXPORT_TLP;
    if (item->marking.pap >= PAP_AMBER && export_blocks(o)) return EXPORT_PAP;
    return EXPORT_REASON_COUNT;
}

static enum err read_item(struct exporting *x, const struct store_holding *h, const struct stix_object *o,
                          struct export_item *out, struct diag *d) {
    int confidence = h->handling.confidence >= 0 ? h->handling.confidence : o->confidence;
    *out = (struct export_item){.id = h->stix_id,
                                .name = json_text(json_get(o->json, "name"), &x->page),
                                .marking = export_marking_of(&x->markings, o, &h->handling, &x->page),
                                .confidence = confidence < 0 ? DETECT_CONFIDENCE_NONE : (uint8_t)confidence,
                                .valid_from = TIME_NONE,
                                .valid_until = TIME_NONE};
    (void)time_parse_stix(json_text(json_get(o->json, "valid_from"), &x->page), &out->valid_from);
    (void)time_parse_stix(json_text(json_get(o->json, "valid_until"), &x->page), &out->valid_until);
    if (x->markings.failed) return diag_set(d, ERR_IO, "the marking definitions cannot be read");
    return source_name(x, h->source, &out->source, d);
}

static enum err take(struct exporting *x, const struct store_holding *h, struct diag *d) {
    struct json_doc doc;
    struct stix_object o;
    struct export_item item;
    const struct detect_value *values;
    uint64_t at;
    size_t count;
    bool complete;
    if (!map_get(&x->newest, h->stix_id, &at) || x->versions[at].row != h->id) return ERR_NONE;
    x->result->indicators++;
    enum err e = json_parse(&x->page, h->body, &doc, d);
    if (!e) e = stix_object_view(&x->page, json_root(&doc), &o, d);
    if (!e) e = read_item(x, h, &o, &item, d);
    if (e) return e;
    enum export_reason reason = judge_whole(x, h, &item);
    struct json_value type = json_get(o.json, "pattern_type");
    if (reason == EXPORT_REASON_COUNT && json_exists(type) && !json_is(type, SPAN("stix"))) reason = EXPORT_PATTERN;
    if (reason == EXPORT_REASON_COUNT) {
        detect_values(&x->page, json_text(json_get(o.json, "pattern"), &x->page), &values, &count, &complete);
        if (count == 0 || !complete) reason = EXPORT_PATTERN;
        for (size_t i = 0; !e && complete && i < count; i++) {
            item.value = &values[i];
            e = write_value(x, item, d);
        }
    }
    if (reason != EXPORT_REASON_COUNT) x->result->left_out[reason]++;
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
    map_init(&x.newest);
    map_init(&x.written);
    map_init(&x.seen);
    map_init(&x.numbers);
    export_markings_init(&x.markings, r);
    enum err e = store_reader_snapshot(r, d);
    if (!e) e = store_holding_visible(r, &x.visible, d);
    if (!e) e = warninglists_open(r, &x.lists, d);
    if (!e) e = suppressions_load(r, &x.kept, &x.suppressions, d);
    if (!e && o->model_count) e = each(&x, "sighting", note_sighting, d);
    if (!e) e = each(&x, "indicator", note_version, d);
    x.pass = 1;
    o->format->begin(&x.out, o);
    if (!e) e = each(&x, "indicator", take, d);
    if (!e) e = file_write_all(fd, buf_span(&x.out), d);
    store_reader_release(r);
    warninglists_close(&x.lists);
    export_markings_free(&x.markings);
    map_free(&x.seen);
    map_free(&x.numbers);
    map_free(&x.written);
    map_free(&x.newest);
    arena_free(&x.kept);
    arena_free(&x.page);
    free(x.versions);
    buf_free(&x.out);
    return e;
}
