/* The observables inside a 2.0 observed-data as objects of their own (STIX 2.1 §2.9, §6). */
#include <stdio.h>

#include "base/map.h"
#include "interchange/stix20.h"
#include "interchange/stix20_words.h"
#include "stix/id.h"
#include "stix/object.h"
#include "stix/schema.h"

enum stage { STAGE_NEW = 0, STAGE_BUSY, STAGE_DONE };

struct member {
    struct json_value value; /* missing: a file that stands for a process's name */
    struct span key, type, name, id;
    enum stage stage;
    size_t image; /* of a process: the member that stands for its name; 0 = none (it comes behind its process) */
    struct json_value *marks; /* of granular markings */
    size_t mark_count;
};

struct splitting {
    struct json_value observed;
    struct span observed_id, modified;
    struct arena *a;
    struct losses *losses;
    struct map index; /* key → number */
    struct member *at;
    size_t count;
    bool circle; /* an id was asked for that hangs on the one at hand */
    bool failed;
};

static struct span text_of(struct splitting *s, struct json_value v) {
    struct span text = json_text(v, s->a);
    if (!text.at && json_type(v) == JSON_STRING) s->failed = true;
    return text;
}

static struct span id_of(struct splitting *s, size_t n, unsigned depth);

/* ---- writing one, in the words of 2.1 ---- */

struct writing {
    struct splitting *s;
    struct json_writer *w;
    const struct member *member;
    unsigned depth; /* of the chain of ids */
};

static bool is_ref(struct span key) {
    return span_ends(key, SPAN("_ref")) || span_ends(key, SPAN("_refs"));
}

/* The id of what is referred to; empty when it is not there. */
static struct span target_of(const struct writing *x, struct json_value ref) {
    uint64_t n;
    struct span key = text_of(x->s, ref);
    if (!key.at || !map_get(&x->s->index, key, &n)) return (struct span){0};
    return id_of(x->s, n, x->depth + 1);
}

static void tell_nothing_there(const struct writing *x, struct span key) {
    losses_add(x->s->losses, "references to what is not in the observed-data", "%.*s: %.*s",
               SPAN_ARG(x->s->observed_id), SPAN_ARG(span_first(key, 60)));
}

/* References are written by the id of what they name. Those to nothing are left out, and counted. */
static void write_ref(const struct writing *x, struct span key, struct json_value value) {
    struct span id = target_of(x, value);
    if (!id.len) {
        tell_nothing_there(x, key);
        return;
    }
    json_key_span(x->w, key);
    json_string(x->w, id);
}

static void write_refs(const struct writing *x, struct span key, struct json_value list) {
    bool begun = false;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct span id = target_of(x, it.value);
        if (!id.len) {
            tell_nothing_there(x, key);
            continue;
        }
        if (!begun) {
            json_key_span(x->w, key);
            json_begin_array(x->w);
        }
        begun = true;
        json_string(x->w, id);
    }
    if (begun) json_end_array(x->w);
}

/* A header field is always a list in 2.1. */
static void write_header(const struct writing *x, struct json_value fields) {
    json_begin_object(x->w);
    for (struct json_iter it = json_iter(fields); json_next(&it);) {
        json_key_span(x->w, text_of(x->s, it.key));
        bool single = json_type(it.value) == JSON_STRING;
        if (single) json_begin_array(x->w);
        json_splice(x->w, json_raw(it.value));
        if (single) json_end_array(x->w);
    }
    json_end_object(x->w);
}

/* ssdeep is spelt SSDEEP in 2.1's vocabulary. */
static void write_hashes(const struct writing *x, struct json_value hashes) {
    bool both = json_exists(json_get(hashes, "SSDEEP"));
    json_begin_object(x->w);
    for (struct json_iter it = json_iter(hashes); json_next(&it);) {
        struct span name = text_of(x->s, it.key);
        json_key_span(x->w, !both && span_is(name, "ssdeep") ? SPAN("SSDEEP") : name);
        json_splice(x->w, json_raw(it.value));
    }
    json_end_object(x->w);
}

static void write_value(const struct writing *x, struct json_value v);

/* A property of an observable, of an extension (type), or of something inside them (empty type). */
static void write_property(const struct writing *x, struct span type, struct span key, struct json_value value) {
    const char *now = NULL;
    struct span name = key;
    if (type.len && stix20_renamed(type, key, &now)) {
        if (!now) {
            losses_add(x->s->losses, "properties of observables that 2.1 does not have", "%.*s: %.*s.%.*s",
                       SPAN_ARG(x->s->observed_id), SPAN_ARG(type), SPAN_ARG(key));
            return;
        }
        name = span_cstr(now);
    }
    enum json_type kind = json_type(value);
    if (is_ref(name) && !span_starts(name, SPAN("x_")) && (kind == JSON_STRING || kind == JSON_ARRAY)) {
        (kind == JSON_ARRAY ? write_refs : write_ref)(x, name, value);
        return;
    }
    json_key_span(x->w, name);
    if (kind == JSON_OBJECT && span_is(name, "hashes"))
        write_hashes(x, value);
    else if (kind == JSON_OBJECT && stix20_is_header(name))
        write_header(x, value);
    else
        write_value(x, value);
}

static void write_value(const struct writing *x, struct json_value v) {
    enum json_type kind = json_type(v);
    if (kind == JSON_OBJECT) {
        json_begin_object(x->w);
        for (struct json_iter it = json_iter(v); json_next(&it);)
            write_property(x, SPAN(""), text_of(x->s, it.key), it.value);
        json_end_object(x->w);
    } else if (kind == JSON_ARRAY) {
        json_begin_array(x->w);
        for (struct json_iter it = json_iter(v); json_next(&it);) write_value(x, it.value);
        json_end_array(x->w);
    } else {
        json_splice(x->w, json_raw(v));
    }
}

static void write_extensions(const struct writing *x, struct json_value extensions) {
    json_key(x->w, "extensions");
    json_begin_object(x->w);
    for (struct json_iter it = json_iter(extensions); json_next(&it);) {
        struct span key = text_of(x->s, it.key);
        json_key_span(x->w, key);
        if (json_type(it.value) != JSON_OBJECT) {
            write_value(x, it.value);
            continue;
        }
        json_begin_object(x->w);
        for (struct json_iter in = json_iter(it.value); json_next(&in);)
            write_property(x, key, text_of(x->s, in.key), in.value);
        json_end_object(x->w);
    }
    json_end_object(x->w);
}

/* The observable's own properties; only those of `words`, if that is given. */
static void write_properties(const struct writing *x, const char *words) {
    const struct member *m = x->member;
    if (!json_exists(m->value)) {
        json_member(x->w, "name", m->name);
        return;
    }
    for (struct json_iter it = json_iter(m->value); json_next(&it);) {
        struct span key = text_of(x->s, it.key);
        const char *now = NULL;
        struct span name = stix20_renamed(m->type, key, &now) && now ? span_cstr(now) : key;
        if (span_is(key, "type") || span_is(key, "id") || span_is(key, "spec_version") ||
            span_is(key, "object_marking_refs") || span_is(key, "granular_markings") ||
            (words && !stix_words_have(words, name)) || (name.at != key.at && json_exists(json_get(m->value, now))) ||
            (m->image && span_is(key, "name")))
            continue;
        if (span_is(key, "extensions") && json_type(it.value) == JSON_OBJECT)
            write_extensions(x, it.value);
        else
            write_property(x, m->type, key, it.value);
    }
    if (!words && m->image) json_member(x->w, "image_ref", id_of(x->s, m->image, x->depth + 1));
}

/* ---- ids ---- */

/* Of what contributes nothing to an id there is one observable a place: it gets an id of where it stands. */
static void id_of_place(struct splitting *s, const struct member *m, char id[STIX_ID_SIZE]) {
    struct buf name = BUF_EMPTY;
    buf_add_cstr(&name, "stix20\n");
    buf_add(&name, s->observed_id);
    buf_add_char(&name, '\n');
    buf_add(&name, s->modified);
    buf_add_char(&name, '\n');
    buf_add(&name, m->key);
    if (!buf_ok(&name)) s->failed = true;
    struct sha256 hash = sha256_of(buf_span(&name));
    stix_id_from_hmac(&hash, m->type, id);
    buf_free(&name);
}

/* False when its id hangs on itself, or when nothing contributes. */
static bool id_of_content(struct splitting *s, const struct member *m, unsigned depth, char id[STIX_ID_SIZE]) {
    const struct schema *schema = stix_schema(m->type);
    struct buf text = BUF_EMPTY;
    struct json_writer w = json_writer(&text);
    struct writing x = {.s = s, .w = &w, .member = m, .depth = depth};
    struct losses unheard = {0}, *heard = s->losses; /* the second writing tells */
    struct json_doc doc;
    struct diag ignored;
    bool outer = s->circle, good = false;
    if (!schema || !schema->contributing) return false;
    s->circle = false;
    s->losses = &unheard;
    json_begin_object(&w);
    json_member(&w, "type", m->type);
    write_properties(&x, schema->contributing);
    json_end_object(&w);
    s->losses = heard;
    if (!buf_ok(&text)) s->failed = true;
    if (!s->failed && !s->circle && json_parse(s->a, buf_span(&text), &doc, &ignored) == ERR_NONE)
        good = stix_sco_id(s->a, json_root(&doc), id, &ignored) == ERR_NONE;
    s->circle = outer;
    buf_free(&text);
    return good;
}

static struct span id_of(struct splitting *s, size_t n, unsigned depth) {
    struct member *m = &s->at[n];
    char id[STIX_ID_SIZE];
    if (m->stage == STAGE_DONE) return m->id;
    if (m->stage == STAGE_BUSY || depth > STIX20_CHAIN_MAX) {
        s->circle = true;
        return SPAN("");
    }
    m->stage = STAGE_BUSY;
    if (!id_of_content(s, m, depth, id)) id_of_place(s, m, id);
    m->id = arena_copy(s->a, span_cstr(id));
    m->stage = STAGE_DONE;
    if (!m->id.at) s->failed = true;
    return m->id;
}

/* ---- markings ---- */

/* An observable was a part of the observed-data and carries its markings. One on a part of it marks the whole. */
static void write_markings(const struct writing *x) {
    const struct member *m = x->member;
    struct json_value refs = json_get(x->s->observed, "object_marking_refs");
    if (json_count(refs) == 0 && m->mark_count == 0) return;
    json_key(x->w, "object_marking_refs");
    json_begin_array(x->w);
    for (struct json_iter it = json_iter(refs); json_next(&it);) json_splice(x->w, json_raw(it.value));
    for (size_t i = 0; i < m->mark_count; i++) json_splice(x->w, json_raw(m->marks[i]));
    json_end_array(x->w);
}

static bool marked_already(struct splitting *s, const struct member *m, struct json_value mark) {
    struct span id = text_of(s, mark);
    for (struct json_iter it = json_iter(json_get(s->observed, "object_marking_refs")); json_next(&it);)
        if (json_is(it.value, id)) return true;
    for (size_t i = 0; i < m->mark_count; i++)
        if (json_is(m->marks[i], id)) return true;
    return false;
}

static void mark(struct splitting *s, struct member *m, struct json_value ref) {
    enum { MARKS_MAX = 64 }; /* as STIX_MARKINGS_MAX: more is no way to mark */
    if (json_type(ref) != JSON_STRING || m->mark_count == MARKS_MAX || marked_already(s, m, ref)) return;
    if (!m->marks && !(m->marks = arena_zalloc(s->a, MARKS_MAX, sizeof *m->marks))) {
        s->failed = true;
        return;
    }
    m->marks[m->mark_count++] = ref;
}

/* A selector such as "objects", "objects.0" or "objects.0.value". */
static void mark_selected(struct splitting *s, struct span selector, struct json_value ref) {
    uint64_t n;
    struct span rest = selector;
    if (!span_is(span_cut(&rest, '.'), "objects")) return;
    if (rest.len) {
        losses_add(s->losses, "granular markings of observables (they mark the whole)", "%.*s: %.*s",
                   SPAN_ARG(s->observed_id), SPAN_ARG(span_first(selector, 60)));
        struct span key = span_cut(&rest, '.');
        if (map_get(&s->index, key, &n)) {
            mark(s, &s->at[n], ref);
            if (s->at[n].image) mark(s, &s->at[s->at[n].image], ref);
            return;
        }
    }
    for (size_t i = 0; i < s->count; i++) mark(s, &s->at[i], ref);
}

static void mark_all(struct splitting *s) {
    for (struct json_iter it = json_iter(json_get(s->observed, "granular_markings")); json_next(&it);)
        for (struct json_iter in = json_iter(json_get(it.value, "selectors")); json_next(&in);)
            mark_selected(s, text_of(s, in.value), json_get(it.value, "marking_ref"));
}

/* ---- the whole ---- */

/* 2.0 named a process; 2.1 names the file it runs. */
static void add_image(struct splitting *s, size_t process) {
    struct member *m = &s->at[process];
    struct span name = text_of(s, json_get(m->value, "name"));
    if (!span_is(m->type, "process") || !name.len || json_exists(json_get(m->value, "binary_ref"))) return;
    m->image = s->count;
    s->at[s->count++] = (struct member){.key = m->key, .type = SPAN("file"), .name = name};
}

static enum err read_members(struct splitting *s, struct json_value objects, struct diag *d) {
    uint32_t count = json_count(objects);
    if (count > STIX20_OBSERVABLES_MAX)
        return diag_set(d, ERR_LIMIT, "an observed-data with more than %d observables", STIX20_OBSERVABLES_MAX);
    s->at = arena_zalloc(s->a, (size_t)count * 2 + 1, sizeof *s->at);
    if (!s->at) return diag_set(d, ERR_NOMEM, "no memory for an observed-data");
    for (struct json_iter it = json_iter(objects); json_next(&it);) {
        struct span key = text_of(s, it.key), type = text_of(s, json_get(it.value, "type"));
        if (type.len == 0 || type.len > STIX_TYPE_MAX) {
            losses_add(s->losses, "observables without a type", "%.*s: %.*s", SPAN_ARG(s->observed_id),
                       SPAN_ARG(span_first(key, 60)));
            continue;
        }
        if (!map_set(&s->index, key, s->count, NULL)) s->failed = true;
        s->at[s->count++] = (struct member){.value = it.value, .key = key, .type = type};
    }
    for (size_t i = 0, own = s->count; i < own; i++) add_image(s, i);
    return ERR_NONE;
}

static struct span write_member(struct splitting *s, const struct member *m) {
    struct buf text = BUF_EMPTY;
    struct json_writer w = json_writer(&text);
    struct writing x = {.s = s, .w = &w, .member = m};
    json_begin_object(&w);
    json_member(&w, "type", m->type);
    json_member_cstr(&w, "spec_version", "2.1");
    json_member(&w, "id", m->id);
    write_markings(&x);
    write_properties(&x, NULL);
    json_end_object(&w);
    struct span copy = buf_ok(&text) ? arena_copy(s->a, buf_span(&text)) : (struct span){0};
    buf_free(&text);
    if (!copy.at) s->failed = true;
    return copy;
}

/* Two that say the same are one; of two that only have the same id the first counts. */
static enum err write_all(struct splitting *s, struct stix20_observables *out, struct diag *d) {
    struct map seen;
    *out = (struct stix20_observables){.texts = arena_zalloc(s->a, s->count + 1, sizeof(struct span)),
                                       .ids = arena_zalloc(s->a, s->count + 1, sizeof(struct span))};
    if (!out->texts || !out->ids) return diag_set(d, ERR_NOMEM, "no memory for an observed-data");
    map_init(&seen);
    for (size_t i = 0; i < s->count && !s->failed; i++) (void)id_of(s, i, 0);
    for (size_t i = 0; i < s->count && !s->failed; i++) {
        struct member *m = &s->at[i];
        uint64_t first;
        struct span text = write_member(s, m);
        if (!s->failed && map_get(&seen, m->id, &first)) {
            if (!span_equal(out->texts[first], text))
                losses_add(s->losses, "observables that say another's value again, and more", "%.*s: %.*s",
                           SPAN_ARG(s->observed_id), SPAN_ARG(span_first(m->key, 60)));
            continue;
        }
        if (!map_set(&seen, m->id, out->count, NULL)) s->failed = true;
        out->ids[out->count] = m->id;
        out->texts[out->count++] = text;
    }
    map_free(&seen);
    return s->failed ? diag_set(d, ERR_NOMEM, "no memory for an observed-data") : ERR_NONE;
}

enum err stix20_split(struct json_value observed, struct arena *a, struct losses *l, struct stix20_observables *out,
                      struct diag *d) {
    struct splitting s = {.observed = observed, .a = a, .losses = l};
    s.observed_id = text_of(&s, json_get(observed, "id"));
    s.modified = text_of(&s, json_get(observed, "modified"));
    map_init(&s.index);
    enum err e = read_members(&s, json_get(observed, "objects"), d);
    if (!e) mark_all(&s);
    if (!e) e = write_all(&s, out, d);
    map_free(&s.index);
    return e;
}
