#include "interchange/stix20.h"

#include "interchange/stix20_words.h"
#include "stix/marking.h"

struct upgrading {
    struct json_value object;
    struct span type, id;
    struct arena *a;
    struct losses *losses;
    struct json_writer w;
    struct stix20_observables observables;
    bool split; /* it had observables, which stand alone now */
};

static const struct stix20_type *type_of(struct json_value object) {
    struct json_value type = json_get(object, "type");
    for (size_t i = 0; i < stix20_type_count; i++)
        if (json_is(type, span_cstr(stix20_types[i].name))) return &stix20_types[i];
    return NULL;
}

bool stix20_is(struct json_value object) {
    return json_type(object) == JSON_OBJECT && !json_exists(json_get(object, "spec_version")) && type_of(object);
}

/* ---- markings ---- */

/* TLP's definitions have a name in 2.1. Whoever sends 2.0's, as it stands in 2.0's specification, means the same. */
static struct span known_marking(const struct upgrading *u) {
    struct span exact = stix_marking_object(u->id);
    struct json_doc doc;
    struct diag ignored;
    if (!span_is(u->type, "marking-definition") || !exact.at || json_parse(u->a, exact, &doc, &ignored))
        return (struct span){0};
    for (struct json_iter it = json_iter(u->object); json_next(&it);) {
        char *key = arena_cstr(u->a, json_text(it.key, u->a));
        struct json_value same = key ? json_get(json_root(&doc), key) : JSON_MISSING;
        time_us mine, theirs;
        struct json_value tlp = json_get(it.value, "tlp");
        bool equal =
            span_equal(json_raw(it.value), json_raw(same)) ||
            (json_count(it.value) == 1 && json_exists(tlp) && json_is(tlp, json_text(json_get(same, "tlp"), u->a))) ||
            (time_parse_stix(json_text(it.value, u->a), &mine) && time_parse_stix(json_text(same, u->a), &theirs) &&
             mine == theirs);
        if (!json_exists(same) || !equal) return (struct span){0};
    }
    return exact;
}

/* What marked the dictionary of observables, or something in it, marks the list of their ids, which tell their values.
 */
static void write_selectors(struct upgrading *u, struct json_value selectors) {
    bool inside = false;
    json_begin_array(&u->w);
    for (struct json_iter it = json_iter(selectors); json_next(&it);) {
        struct span text = json_text(it.value, u->a), rest = text;
        if (!span_is(span_cut(&rest, '.'), "objects"))
            json_splice(&u->w, json_raw(it.value));
        else if (!inside)
            json_cstr(&u->w, "object_refs"), inside = true;
    }
    json_end_array(&u->w);
}

static void write_granular(struct upgrading *u, struct json_value granular) {
    json_begin_array(&u->w);
    for (struct json_iter it = json_iter(granular); json_next(&it);) {
        if (json_type(it.value) != JSON_OBJECT) {
            json_splice(&u->w, json_raw(it.value));
            continue;
        }
        json_begin_object(&u->w);
        for (struct json_iter in = json_iter(it.value); json_next(&in);) {
            json_key_span(&u->w, json_text(in.key, u->a));
            if (json_is(in.key, SPAN("selectors")) && json_type(in.value) == JSON_ARRAY)
                write_selectors(u, in.value);
            else
                json_splice(&u->w, json_raw(in.value));
        }
        json_end_object(&u->w);
    }
    json_end_array(&u->w);
}

/* ---- members ---- */

static void write_refs(struct upgrading *u) {
    json_key(&u->w, "object_refs");
    json_begin_array(&u->w);
    for (size_t i = 0; i < u->observables.count; i++) json_string(&u->w, u->observables.ids[i]);
    json_end_array(&u->w);
}

static void write_member(struct upgrading *u, struct json_value key, struct json_value value) {
    if (u->split && json_is(key, SPAN("objects"))) {
        write_refs(u);
        return;
    }
    json_key_span(&u->w, json_text(key, u->a));
    if (json_is(key, SPAN("pattern")) && span_is(u->type, "indicator") && json_type(value) == JSON_STRING) {
        struct span pattern = stix20_pattern(json_text(value, u->a), false, u->id, u->a, u->losses);
        json_string(&u->w, pattern);
    } else if (u->split && json_is(key, SPAN("granular_markings")) && json_type(value) == JSON_ARRAY) {
        write_granular(u, value);
    } else {
        json_splice(&u->w, json_raw(value));
    }
    if (json_is(key, SPAN("type"))) json_member_cstr(&u->w, "spec_version", "2.1");
}

static void write_object(struct upgrading *u) {
    const char *words = type_of(u->object)->words;
    struct json_value labels = json_get(u->object, "labels");
    json_begin_object(&u->w);
    for (struct json_iter it = json_iter(u->object); json_next(&it);) write_member(u, it.key, it.value);
    if (words && json_count(labels) > 0 && !json_exists(json_get(u->object, words))) {
        json_key(&u->w, words);
        json_splice(&u->w, json_raw(labels));
    }
    if (span_is(u->type, "indicator") && !json_exists(json_get(u->object, "pattern_type")))
        json_member_cstr(&u->w, "pattern_type", "stix");
    if (span_is(u->type, "malware") && !json_exists(json_get(u->object, "is_family")))
        json_member_truth(&u->w, "is_family", true);
    json_end_object(&u->w);
}

enum err stix20_upgrade(void *losses, struct json_value object, struct arena *a, struct span **out, size_t *count,
                        struct diag *d) {
    struct buf text = BUF_EMPTY;
    struct upgrading u = {.object = object, .a = a, .losses = losses, .w = json_writer(&text)};
    enum err e = ERR_NONE;
    *count = 0;
    if (!stix20_is(object)) return ERR_NONE;
    u.type = json_text(json_get(object, "type"), a);
    u.id = json_text(json_get(object, "id"), a);
    u.split = span_is(u.type, "observed-data") && json_count(json_get(object, "objects")) > 0 &&
              json_type(json_get(object, "objects")) == JSON_OBJECT && !json_exists(json_get(object, "object_refs"));
    if (u.split) e = stix20_split(object, a, u.losses, &u.observables, d);
    if (e) return e;
    struct span exact = known_marking(&u);
    if (!exact.at) write_object(&u);
    *out = arena_zalloc(a, u.observables.count + 1, sizeof **out);
    struct span copy = exact.at ? exact : buf_ok(&text) ? arena_copy(a, buf_span(&text)) : (struct span){0};
    buf_free(&text);
    if (!*out || !copy.at || a->overflow) return diag_set(d, ERR_NOMEM, "no memory for an object of STIX 2.0");
    for (size_t i = 0; i < u.observables.count; i++) (*out)[i] = u.observables.texts[i];
    (*out)[u.observables.count] = copy;
    *count = u.observables.count + 1;
    return ERR_NONE;
}
