/* Observables back into the observed-data that names them (STIX 2.0 part 3). */
#include <stdio.h>

#include "interchange/stix20.h"
#include "interchange/stix20_words.h"
#include "stix/id.h"
#include "stix/schema.h"

struct folding {
    const struct stix20_fetch *fetch;
    struct span observed_id;
    struct arena *a;
    struct losses *losses;
    struct map index; /* id → key; REFUSED for what does not go out */
    struct json_value *at;
    size_t count, size;
    struct diag *d;
};
enum { REFUSED = UINT32_MAX };

static bool is_ref(struct span key) {
    return span_ends(key, SPAN("_ref")) || span_ends(key, SPAN("_refs"));
}

/* What 2.0 requires and 2.1 does not. */
static bool is_complete(struct json_value o) {
    static const struct {
        const char *type, *property;
    } required[] = {{"user-account", "user_id"}, {"windows-registry-key", "key"}};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (json_is(json_get(o, "type"), span_cstr(required[i].type)) &&
            !json_exists(json_get(o, required[i].property)))
            return false;
    return true;
}

static void tell(const struct folding *f, const char *kind, struct span what) {
    losses_add(f->losses, kind, "%.*s: %.*s", SPAN_ARG(f->observed_id), SPAN_ARG(span_first(what, 90)));
}

/* Takes an observable into the dictionary, once. */
static enum err take(struct folding *f, struct span id) {
    const struct schema *schema = stix_schema(stix_id_type(id));
    struct json_value o;
    uint64_t known;
    bool there = false;
    enum err e = ERR_NONE;
    if (map_get(&f->index, id, &known)) return ERR_NONE;
    const char *why = "references to what is no observable";
    if (schema && schema->kind == STIX_SCO) {
        why = "observables beyond ten thousand of one observed-data";
        if (f->count < f->size) {
            e = f->fetch->get(f->fetch->context, id, &o, &there, f->d);
            why = "observables that are not held, or too strictly marked";
        }
        if (there && !is_complete(o)) {
            there = false;
            why = "observables without a property that 2.0 requires";
        }
    }
    if (e) return e;
    if (!there) tell(f, why, id);
    if (!map_set(&f->index, id, there ? f->count : REFUSED, NULL))
        return diag_set(f->d, ERR_NOMEM, "no memory for an observed-data");
    if (there) f->at[f->count++] = o;
    return ERR_NONE;
}

/* Everything at any depth that stands in a property named …_ref or …_refs. */
static enum err take_named(struct folding *f, struct json_value v, bool ref) {
    enum json_type kind = json_type(v);
    enum err e = ERR_NONE;
    if (ref && kind == JSON_STRING) {
        struct span id = json_text(v, f->a);
        return stix_id_valid(id) ? take(f, id) : ERR_NONE;
    }
    if (kind != JSON_OBJECT && kind != JSON_ARRAY) return ERR_NONE;
    for (struct json_iter it = json_iter(v); !e && json_next(&it);) {
        struct span key = json_text(it.key, f->a);
        if (span_is(key, "object_marking_refs") || span_is(key, "granular_markings")) continue;
        e = take_named(f, it.value, kind == JSON_OBJECT ? is_ref(key) : ref);
    }
    return e;
}

/* ---- writing ---- */

static void write_value(const struct folding *f, struct json_writer *w, struct json_value v);

static bool key_of(const struct folding *f, struct json_value ref, char key[24]) {
    uint64_t n;
    if (!map_get(&f->index, json_text(ref, f->a), &n) || n == REFUSED) return false;
    snprintf(key, 24, "%llu", (unsigned long long)n);
    return true;
}

/* References that lead nowhere are left out; they were counted when they were not taken. */
static void write_ref(const struct folding *f, struct json_writer *w, struct span name, struct json_value value) {
    char key[24];
    bool begun = false;
    if (json_type(value) == JSON_STRING) {
        if (!key_of(f, value, key)) return;
        json_key_span(w, name);
        json_cstr(w, key);
        return;
    }
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        if (!key_of(f, it.value, key)) continue;
        if (!begun) {
            json_key_span(w, name);
            json_begin_array(w);
        }
        begun = true;
        json_cstr(w, key);
    }
    if (begun) json_end_array(w);
}

/* A header field that stands once is a text in 2.0. */
static void write_header(const struct folding *f, struct json_writer *w, struct json_value fields) {
    json_begin_object(w);
    for (struct json_iter it = json_iter(fields); json_next(&it);) {
        json_key_span(w, json_text(it.key, f->a));
        bool single = json_type(it.value) == JSON_ARRAY && json_count(it.value) == 1;
        json_splice(w, json_raw(single ? json_at(it.value, 0) : it.value));
    }
    json_end_object(w);
}

static void write_hashes(const struct folding *f, struct json_writer *w, struct json_value hashes) {
    json_begin_object(w);
    for (struct json_iter it = json_iter(hashes); json_next(&it);) {
        struct span name = json_text(it.key, f->a);
        json_key_span(w, span_is(name, "SSDEEP") ? SPAN("ssdeep") : name);
        json_splice(w, json_raw(it.value));
    }
    json_end_object(w);
}

static void write_property(const struct folding *f, struct json_writer *w, struct span type, struct span key,
                           struct json_value value) {
    const char *old = NULL;
    bool changed = type.len && stix20_renamed_back(type, key, &old);
    if (changed && !old) {
        losses_add(f->losses, "properties of observables that 2.0 does not have", "%.*s: %.*s.%.*s",
                   SPAN_ARG(f->observed_id), SPAN_ARG(type), SPAN_ARG(key));
        return;
    }
    struct span name = changed ? span_cstr(old) : key;
    enum json_type kind = json_type(value);
    if (is_ref(key) && (kind == JSON_STRING || kind == JSON_ARRAY)) {
        write_ref(f, w, name, value);
        return;
    }
    json_key_span(w, name);
    if (kind == JSON_OBJECT && span_is(key, "hashes"))
        write_hashes(f, w, value);
    else if (kind == JSON_OBJECT && stix20_is_header(key))
        write_header(f, w, value);
    else
        write_value(f, w, value);
}

static void write_value(const struct folding *f, struct json_writer *w, struct json_value v) {
    if (json_type(v) == JSON_OBJECT) {
        json_begin_object(w);
        for (struct json_iter it = json_iter(v); json_next(&it);)
            write_property(f, w, SPAN(""), json_text(it.key, f->a), it.value);
        json_end_object(w);
    } else if (json_type(v) == JSON_ARRAY) {
        json_begin_array(w);
        for (struct json_iter it = json_iter(v); json_next(&it);) write_value(f, w, it.value);
        json_end_array(w);
    } else {
        json_splice(w, json_raw(v));
    }
}

/* 2.0 knows those of its own specification. */
static void write_extensions(const struct folding *f, struct json_writer *w, struct json_value extensions) {
    bool begun = false;
    for (struct json_iter it = json_iter(extensions); json_next(&it);) {
        struct span key = json_text(it.key, f->a);
        const char *of;
        if (!stix_schema_extension(key, &of)) {
            tell(f, "extensions of observables that 2.0 does not have", key);
            continue;
        }
        if (!begun) {
            json_key(w, "extensions");
            json_begin_object(w);
        }
        begun = true;
        json_key_span(w, key);
        json_begin_object(w);
        for (struct json_iter in = json_iter(it.value); json_next(&in);)
            write_property(f, w, key, json_text(in.key, f->a), in.value);
        json_end_object(w);
    }
    if (begun) json_end_object(w);
}

static void write_observable(const struct folding *f, struct json_writer *w, struct json_value o) {
    struct span type = json_text(json_get(o, "type"), f->a);
    json_begin_object(w);
    json_member(w, "type", type);
    for (struct json_iter it = json_iter(o); json_next(&it);) {
        struct span key = json_text(it.key, f->a);
        if (stix_words_have(" type id spec_version object_marking_refs granular_markings ", key)) continue;
        bool defanged;
        if (span_is(key, "defanged")) {
            if (json_bool(it.value, &defanged) && defanged) tell(f, "that a value is defanged", type);
        } else if (span_is(key, "extensions")) {
            write_extensions(f, w, it.value);
        } else {
            write_property(f, w, type, key, it.value);
        }
    }
    json_end_object(w);
}

enum err stix20_fold(struct json_value observed, const struct stix20_fetch *fetch, struct arena *a, struct losses *l,
                     struct buf *out, struct json_value **all, size_t *count, struct diag *d) {
    struct folding f = {.fetch = fetch, .a = a, .losses = l, .size = STIX20_OBSERVABLES_MAX, .d = d};
    struct json_writer w = json_writer(out);
    char key[24];
    f.observed_id = json_text(json_get(observed, "id"), a);
    f.at = arena_zalloc(a, f.size, sizeof *f.at);
    if (!f.at) return diag_set(d, ERR_NOMEM, "no memory for an observed-data");
    map_init(&f.index);
    enum err e = take_named(&f, json_get(observed, "object_refs"), true);
    for (size_t i = 0; !e && i < f.count; i++) e = take_named(&f, f.at[i], false);
    json_begin_object(&w);
    for (size_t i = 0; !e && i < f.count; i++) {
        snprintf(key, sizeof key, "%zu", i);
        json_key(&w, key);
        write_observable(&f, &w, f.at[i]);
    }
    json_end_object(&w);
    map_free(&f.index);
    *all = f.at;
    *count = f.count;
    return e;
}
