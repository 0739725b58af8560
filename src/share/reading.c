#include "share/reading.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/ahead.h"
#include "stix/marking.h"

/* ---- one object -------------------------------------------------------------------------------------------------- */

static time_us observed_at(const struct stix_object *o, struct arena *a) {
    static const char *const names[] = {"last_observed", "last_seen", "valid_from"};
    time_us t;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (time_parse_stix(json_text(json_get(o->json, names[i]), a), &t)) return t;
    return TIME_NONE;
}

static bool is_altered_marking(const struct stix_object *o) {
    enum stix_tlp level;
    return span_is(o->type, "marking-definition") && stix_marking_classify(o, &level) == STIX_MARKING_ALTERED;
}

/* Objects point into their document, so it lives as long as they. */
static enum err parse(struct arena *a, struct span bytes, struct json_doc **out, struct diag *d) {
    *out = arena_alloc(a, sizeof **out);
    return *out ? json_parse(a, bytes, *out, d) : diag_set(d, ERR_NOMEM, "no memory for an object");
}

static void *keep(struct arena *a, const void *what, size_t size) {
    void *kept = arena_alloc(a, size);
    if (kept) memcpy(kept, what, size);
    return kept;
}

static enum reading_outcome outcome_of(enum err e) {
    switch (e) {
    case ERR_NONE:
        return READING_GOOD;
    case ERR_INVALID:
        return READING_INVALID;
    case ERR_LIMIT:
        return READING_TOO_MANY_NAMES;
    default:
        return READING_TOO_BIG;
    }
}

void intake_read(struct arena *a, struct span bytes, const char *place, struct stix_report *scratch,
                 struct intake_object *out) {
    struct json_doc *doc;
    struct diag wrong = {0};
    *out = (struct intake_object){.bytes = bytes, .place = place, .observed = TIME_NONE};
    enum err e = parse(a, bytes, &doc, &wrong);
    if (e && e != ERR_NOMEM) {
        out->wrong = keep(a, &wrong, sizeof wrong);
        out->outcome = out->wrong ? READING_NO_JSON : READING_TOO_BIG;
        return;
    }
    scratch->count = 0;
    if (!e) e = stix_object_read(a, json_root(doc), NULL, &out->object, scratch);
    if ((e == ERR_NONE || e == ERR_INVALID) && scratch->count > 0) {
        out->report = keep(a, scratch, sizeof *scratch);
        if (!out->report) e = ERR_NOMEM;
    }
    if (!e) e = stix_object_refs(&out->object, a, &out->refs, &out->ref_count);
    out->outcome = outcome_of(e);
    if (e) return;
    out->altered_marking = is_altered_marking(&out->object);
    out->observed = observed_at(&out->object, a);
    out->hash = sha256_of(bytes);
}

enum err intake_read_own(struct arena *a, struct span bytes, struct intake_object *out, struct diag *d) {
    struct json_doc *doc;
    *out = (struct intake_object){.bytes = bytes, .place = ""};
    enum err e = parse(a, bytes, &doc, d);
    if (!e) e = stix_object_view(a, json_root(doc), &out->object, d);
    if (!e && (e = stix_object_refs(&out->object, a, &out->refs, &out->ref_count)))
        diag_set(d, e, "no memory for an object");
    out->observed = observed_at(&out->object, a);
    out->hash = sha256_of(bytes);
    return e;
}

/* ---- ahead of the writer ------------------------------------------------------------------------------------------
 */

struct slot {
    struct arena arena;
    struct intake_object objects[READING_BATCH];
    size_t count, bytes;
};

struct reading {
    struct stix_stream stream;
    struct stix_report report;
    reading_convert convert;
    void *convert_context;
    struct converted {
        struct arena arena;
        struct span *texts;
        size_t count, next;
        char place[READING_PLACE_SIZE];
    } converted; /* what one object became: more than one may be, and more than fit into a slot */
    bool ended;
    enum err error; /* the thread's until it handed over an empty batch */
    struct diag diag;
    struct ahead ahead;
    struct slot slots[AHEAD_SLOTS];
};

static bool no_room(struct reading *r) {
    r->error = diag_set(&r->diag, ERR_NOMEM, "no memory for an object");
    return false;
}

/* What is refused as STIX 2.1 may be of another form. If it is none of that either, it is told what it lacks itself. */
static void convert(struct reading *r, struct intake_object *refused) {
    struct converted *c = &r->converted;
    struct json_doc *doc;
    struct diag ignored;
    struct intake_object last;
    arena_reset(&c->arena);
    c->count = c->next = 0;
    if (!r->convert || refused->outcome != READING_INVALID) return;
    if (parse(&c->arena, refused->bytes, &doc, &ignored) ||
        r->convert(r->convert_context, json_root(doc), &c->arena, &c->texts, &c->count, &ignored)) {
        refused->outcome = READING_TOO_BIG;
        c->count = 0;
    }
    if (c->count == 0) return;
    intake_read(&c->arena, c->texts[c->count - 1], refused->place, &r->report, &last);
    if (last.outcome != READING_GOOD) c->count = 0;
    snprintf(c->place, sizeof c->place, "%s", refused->place);
}

static bool read_converted(struct reading *r, struct slot *s) {
    struct span kept = arena_copy(&s->arena, r->converted.texts[r->converted.next++]);
    char *place = arena_cstr(&s->arena, span_cstr(r->converted.place));
    if (!kept.at || !place) return no_room(r);
    intake_read(&s->arena, kept, place, &r->report, &s->objects[s->count++]);
    s->bytes += kept.len;
    return true;
}

/* Reads one object into the slot; false at the end, or when something ended it. Objects are copied: the stream's window
 * moves on. */
static bool read_one(struct reading *r, struct slot *s) {
    struct span bytes;
    uint64_t index, offset;
    if (r->converted.next < r->converted.count) return read_converted(r, s);
    r->error = stix_stream_next(&r->stream, &bytes, &index, &offset, &r->diag);
    if (r->error || !bytes.at) return false;
    struct span kept = arena_copy(&s->arena, bytes);
    char *place = arena_alloc(&s->arena, READING_PLACE_SIZE);
    if (!kept.at || !place) return no_room(r);
    snprintf(place, READING_PLACE_SIZE, "objects[%llu]", (unsigned long long)index);
    intake_read(&s->arena, kept, place, &r->report, &s->objects[s->count]);
    s->bytes += kept.len;
    convert(r, &s->objects[s->count]);
    if (r->converted.count) return read_converted(r, s);
    s->count++;
    return true;
}

/* The end, and an error, stand in an empty batch of their own. */
static bool fill(void *context, unsigned slot) {
    struct reading *r = context;
    struct slot *s = &r->slots[slot];
    arena_reset(&s->arena);
    s->count = s->bytes = 0;
    while (!r->ended && s->count < READING_BATCH && s->bytes < READING_BATCH_SIZE) r->ended = !read_one(r, s);
    return s->count > 0;
}

enum err reading_open(const struct reading_source *source, struct reading **out, struct diag *d) {
    struct reading *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return diag_set(d, ERR_NOMEM, "no memory to read objects");
    stix_stream_open(&r->stream, source->source, source->context);
    r->convert = source->convert;
    r->convert_context = source->convert_context;
    arena_init(&r->converted.arena, READING_CONVERTED_MAX);
    /* One object always fits beside a batch that is not full. */
    for (size_t i = 0; i < AHEAD_SLOTS; i++) arena_init(&r->slots[i].arena, (size_t)2 * READING_ARENA_MAX);
    if (ahead_start(&r->ahead, fill, r)) {
        *out = r;
        return ERR_NONE;
    }
    stix_stream_close(&r->stream);
    free(r);
    return diag_set(d, ERR_NOMEM, "no thread to read objects");
}

enum err reading_next(struct reading *r, struct reading_batch *out, struct diag *d) {
    const struct slot *s = &r->slots[ahead_next(&r->ahead)];
    *out = (struct reading_batch){.objects = s->objects, .count = s->count};
    if (s->count > 0 || !r->error) return ERR_NONE;
    *d = r->diag;
    return r->error;
}

void reading_close(struct reading **reading) {
    struct reading *r = *reading;
    if (!r) return;
    ahead_stop(&r->ahead);
    for (size_t i = 0; i < AHEAD_SLOTS; i++) arena_free(&r->slots[i].arena);
    arena_free(&r->converted.arena);
    stix_stream_close(&r->stream);
    free(r);
    *reading = NULL;
}
