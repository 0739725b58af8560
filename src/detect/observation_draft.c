#include "detect/observation_draft.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/hash.h"
#include "detect/observation.h"
#include "stix/id.h"
#include "stix/object.h"

enum { RANKS = 8, TEXT_FIRST = 1024 };

void draft_begin(struct draft *d, struct arena *a, bool folded, uint32_t values) {
    *d = (struct draft){.arena = a, .folded = folded, .bucket_count = 16};
    while (d->bucket_count < values && d->bucket_count < OBSERVATION_OBJECTS_MAX) d->bucket_count *= 2;
    d->buckets = arena_zalloc(a, d->bucket_count, sizeof(struct draft_object *));
}

struct draft_object *draft_object(struct draft *d, const char *type, uint8_t rank) {
    if (d->count == OBSERVATION_OBJECTS_MAX) return NULL;
    struct draft_object *o = arena_alloc(d->arena, sizeof *o);
    if (!o) return NULL;
    *o = (struct draft_object){.type = type, .rank = rank};
    if (d->last)
        d->last->next = o;
    else
        d->first = o;
    d->last = o;
    d->count++;
    return o;
}

/* As it will be written: bytes that are no UTF-8 become U+FFFD, each. Two values that are then the same are one. */
static struct span as_written(struct draft *d, struct span value) {
    static const struct span replacement = {"\xef\xbf\xbd", 3};
    size_t len = 0;
    if (utf8_valid(value, NULL)) return value;
    char *text = arena_alloc(d->arena, value.len * replacement.len);
    if (!text) return (struct span){0};
    while (value.len > 0) {
        size_t good = utf8_length(value);
        struct span next = good ? span_first(value, good) : replacement;
        memcpy(text + len, next.at, next.len);
        len += next.len;
        value = span_from(value, good ? good : 1);
    }
    return span_of(text, len);
}

struct draft_object *draft_value(struct draft *d, const char *type, struct span value) {
    value = as_written(d, value);
    if (value.len == 0 || !d->buckets) return NULL;
    uint64_t hash = hash64(value, (uint64_t)(unsigned char)type[0] << 8 | (unsigned char)type[1]);
    struct draft_object **bucket = &d->buckets[hash & (d->bucket_count - 1)];
    for (struct draft_object *o = *bucket; o; o = o->same_bucket)
        if (strcmp(o->type, type) == 0 && span_equal(o->value, value)) return o;
    struct draft_object *o = draft_object(d, type, 0);
    if (!o) return NULL;
    o->value = value;
    o->same_bucket = *bucket;
    *bucket = o;
    draft_text(d, o, "value", value);
    return o;
}

static bool same_keys(const struct draft_property *p, const struct span *keys, unsigned depth) {
    for (unsigned i = 0; i < depth; i++)
        if (!span_equal(p->keys[i], keys[i])) return false;
    return true;
}

/* Whether the keys lead where something else stands already: a scalar twice, or a scalar above or below another. */
static bool is_taken(const struct draft_object *o, const struct span *keys, unsigned depth, bool list) {
    for (const struct draft_property *p = o->first; p; p = p->next) {
        unsigned shared = p->depth < depth ? p->depth : depth;
        if (same_keys(p, keys, shared) && (p->depth != depth || !list || !p->list)) return true;
    }
    return false;
}

static struct draft_property *add(struct draft *d, struct draft_object *o, const struct span *keys, unsigned depth,
                                  bool list) {
    if (!o || depth > DRAFT_DEPTH_MAX || o->properties == OBSERVATION_PROPERTIES_MAX || is_taken(o, keys, depth, list))
        return NULL;
    struct draft_property *p = arena_alloc(d->arena, sizeof *p);
    if (!p) return NULL;
    *p = (struct draft_property){.depth = (uint8_t)depth, .list = list};
    for (unsigned i = 0; i < depth; i++) p->keys[i] = keys[i];
    if (o->last)
        o->last->next = p;
    else
        o->first = p;
    o->last = p;
    o->properties++;
    return p;
}

void draft_set(struct draft *d, struct draft_object *o, const struct span *keys, unsigned depth, enum draft_kind kind,
               bool list, struct span text) {
    if (text.len == 0) return;
    struct draft_property *p = add(d, o, keys, depth, list);
    if (!p) return;
    p->kind = (uint8_t)kind;
    p->text = text;
}

void draft_required(struct draft *d, struct draft_object *o, const struct span *keys, unsigned depth,
                    struct span text) {
    struct draft_property *p = add(d, o, keys, depth, false);
    if (p) p->text = text;
}

void draft_text(struct draft *d, struct draft_object *o, const char *key, struct span text) {
    struct span k = span_cstr(key);
    draft_set(d, o, &k, 1, DRAFT_TEXT, false, text);
}

void draft_raw(struct draft *d, struct draft_object *o, const char *key, struct span text) {
    struct span k = span_cstr(key);
    draft_set(d, o, &k, 1, DRAFT_RAW, false, text);
}

void draft_time(struct draft *d, struct draft_object *o, const char *key, time_us time) {
    char text[TIME_TEXT_SIZE];
    if (time == TIME_NONE) return;
    draft_text(d, o, key, arena_copy(d->arena, span_cstr(time_format_stix(time, text))));
}

void draft_ref(struct draft *d, struct draft_object *o, const char *key, struct draft_object *to, bool list) {
    struct span k = span_cstr(key);
    if (!o || !to || o == to) return;
    for (const struct draft_property *p = o->first; p; p = p->next)
        if (p->ref == to && span_equal(p->keys[0], k)) return;
    struct draft_property *p = add(d, o, &k, 1, list);
    if (!p) return;
    p->kind = DRAFT_REF;
    p->ref = to;
}

bool draft_has(const struct draft_object *o, const char *key) {
    for (const struct draft_property *p = o ? o->first : NULL; p; p = p->next)
        if (span_is(p->keys[0], key)) return true;
    return false;
}

/* ---- writing ---- */

static void write_value(struct tape *t, const struct draft_property *p) {
    if (p->kind == DRAFT_REF)
        tape_text(t, p->ref->id);
    else if (p->kind == DRAFT_TEXT)
        tape_text(t, p->text);
    else
        tape_raw(t, p->text.at[0] == 't' ? JSON_TRUE : p->text.at[0] == 'f' ? JSON_FALSE : JSON_NUMBER, p->text);
}

static bool is_written(const struct draft_property *p) {
    return p->written || (p->kind == DRAFT_REF && p->ref->id.len == 0); /* of what was left out */
}

static void write_list(struct tape *t, struct draft_property *first) {
    tape_open(t, JSON_ARRAY);
    for (struct draft_property *p = first; p; p = p->next) {
        if (is_written(p) || p->depth != first->depth || !same_keys(p, first->keys, p->depth)) continue;
        write_value(t, p);
        p->written = true;
    }
    tape_close(t);
}

/* The members below the keys that `first` shares with others up to `level`. */
static void write_members(struct tape *t, struct draft_property *first, unsigned level) {
    const struct span *above = first ? first->keys : NULL;
    for (struct draft_property *p = first; p; p = p->next) {
        if (is_written(p) || p->depth <= level || !same_keys(p, above, level)) continue;
        tape_key(t, p->keys[level]);
        if (p->depth > level + 1) {
            tape_open(t, JSON_OBJECT);
            write_members(t, p, level + 1);
            tape_close(t);
        } else if (p->list) {
            write_list(t, p);
        } else {
            write_value(t, p);
        }
        p->written = true;
    }
}

/* A value as it stands between the quotes, when that is the text itself: its canonical form. */
static struct span canonical_value(const struct draft_object *o) {
    for (size_t i = 0; i < o->value.len; i++) {
        unsigned char c = (unsigned char)o->value.at[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') return span_of(NULL, 0);
    }
    return o->value;
}

/* The id of a value object depends on its value alone, and is known before anything is written: values name values. */
static bool make_value_id(struct draft *d, struct draft_object *o) {
    struct span plain = canonical_value(o), name;
    struct tape t;
    struct diag ignored;
    char id[STIX_ID_SIZE];
    if (plain.len) {
        name = arena_printf(d->arena, "{\"value\":\"%.*s\"}", SPAN_ARG(plain));
        if (!name.at) return false;
        stix_id_uuid5(span_cstr(o->type), name, id);
    } else {
        if (!tape_begin(&t, d->arena, o->value.len + 64)) return false;
        tape_open(&t, JSON_OBJECT);
        tape_key(&t, SPAN("type"));
        tape_text(&t, span_cstr(o->type));
        tape_key(&t, SPAN("value"));
        tape_text(&t, o->value);
        tape_close(&t);
        if (t.failed || stix_sco_id(d->arena, json_root(t.doc), id, &ignored)) return false;
    }
    o->id = arena_copy(d->arena, span_cstr(id));
    return o->id.at != NULL;
}

static bool make_early_ids(struct draft *d) {
    uint32_t number = 0;
    for (struct draft_object *o = d->first; o; o = o->next) {
        if (o->left_out) continue;
        if (d->folded) {
            o->id = arena_printf(d->arena, "%u", number++);
            if (!o->id.at) return false;
        } else if (o->value.len && !make_value_id(d, o)) {
            return false;
        }
    }
    return true;
}

/* The id of §2.9 over the bytes that hold a place for it; of types that have none, one made from the content. */
static bool make_id(struct draft *d, struct tape *t, const struct draft_object *o, struct json_value v,
                    char id[STIX_ID_SIZE]) {
    struct diag ignored;
    enum err e = stix_sco_id(d->arena, v, id, &ignored);
    if (e == ERR_NOMEM) return false;
    if (e) {
        struct sha256 hash = sha256_of(span_from(t->doc->source, t->doc->nodes[v.index].at));
        stix_id_from_hmac(&hash, span_cstr(o->type), id);
    }
    return true;
}

/* Ids of two drafts can be the same: two files of one content. The second is the first. */
static bool is_second(const struct draft *d, const struct draft_object *o) {
    if (d->folded || o->value.len) return false;
    for (const struct draft_object *other = d->first; other; other = other->next)
        if (other != o && !other->left_out && !other->value.len && span_equal(other->id, o->id)) return true;
    return false;
}

static void write_object(struct draft *d, struct tape *t, struct draft_object *o) {
    char id[STIX_ID_SIZE];
    uint32_t index = t->doc->count;
    bool known = o->id.len > 0;
    tape_open(t, JSON_OBJECT);
    tape_key(t, SPAN("type"));
    tape_text(t, span_cstr(o->type));
    if (!d->folded) {
        tape_key(t, SPAN("spec_version"));
        tape_text(t, SPAN("2.1"));
    }
    tape_key(t, SPAN("id"));
    size_t at = t->len + 1;
    snprintf(id, sizeof id, "%s--00000000-0000-5000-8000-000000000000", o->type);
    tape_text(t, known ? o->id : span_cstr(id));
    write_members(t, o->first, 0);
    tape_close(t);
    if (known || t->failed) return;
    if (!make_id(d, t, o, (struct json_value){t->doc, index}, id)) {
        t->failed = true;
        return;
    }
    memcpy(t->text + at, id, strlen(id));
    o->id = arena_copy(d->arena, span_cstr(id));
}

bool draft_write(struct draft *d, struct pattern_object **objects, uint32_t *count) {
    struct tape t;
    *count = 0;
    *objects = arena_alloc(d->arena, (d->count ? d->count : 1) * sizeof **objects);
    if (!*objects || !make_early_ids(d) || !tape_begin(&t, d->arena, TEXT_FIRST)) return false;
    tape_open(&t, JSON_ARRAY);
    for (uint8_t rank = 0; rank < RANKS; rank++) {
        for (struct draft_object *o = d->first; o; o = o->next) {
            if (o->left_out || o->rank != rank) continue;
            uint32_t index = t.doc->count;
            write_object(d, &t, o);
            if (t.failed) return false;
            if (is_second(d, o)) {
                o->left_out = true;
                continue;
            }
            (*objects)[(*count)++] =
                (struct pattern_object){.id = o->id, .type = span_cstr(o->type), .value = {t.doc, index}, .root = true};
        }
    }
    tape_close(&t);
    return !t.failed && !d->arena->overflow;
}
