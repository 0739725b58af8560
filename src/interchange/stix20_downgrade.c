/* One object of STIX 2.1 in the words of 2.0, less its observables. */
#include <stdio.h>

#include "interchange/stix20_words.h"
#include "pattern/pattern.h"
#include "stix/id.h"
#include "stix/schema.h"

struct downgrading {
    struct json_value object;
    const struct stix20_type *type;
    struct span id;
    const struct stix20_more *more;
    struct arena *a;
    struct losses *losses;
    struct json_writer w;
    struct span *marks;
    size_t mark_count, mark_size;
};

static void tell(const struct downgrading *g, const char *kind, struct span what) {
    losses_add(g->losses, kind, "%.*s%s%.*s", SPAN_ARG(g->id), what.len ? ": " : "", SPAN_ARG(span_first(what, 60)));
}

/* ---- TLP ---- */

static const struct {
    const char *id, *word;
} tlp[STIX_TLP_COUNT] = {
    [STIX_TLP_CLEAR] = {"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "white"},
    [STIX_TLP_GREEN] = {"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "green"},
    [STIX_TLP_AMBER] = {"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "amber"},
    [STIX_TLP_AMBER_STRICT] = {"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "red"},
    [STIX_TLP_RED] = {"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "red"},
};

struct span stix20_tlp_id(enum stix_tlp level) {
    return span_cstr(tlp[level].id);
}

struct span stix20_tlp_object(enum stix_tlp level) {
    static const struct span objects[STIX_TLP_COUNT] = {
#define TLP(n, uuid, colour)                                                                                           \
    [n] = SPAN(                                                                                                        \
        "{\"type\":\"marking-definition\",\"id\":\"marking-definition--" uuid                                          \
        "\",\"created\":\"2017-01-20T00:00:00.000Z\",\"definition_type\":\"tlp\",\"definition\":{\"tlp\":\"" colour    \
        "\"}}")
        TLP(STIX_TLP_CLEAR, "613f2e26-407d-48c7-9eca-b8e91df99dc9", "white"),
        TLP(STIX_TLP_GREEN, "34098fce-860f-48ae-8e50-ebd3cc5e41da", "green"),
        TLP(STIX_TLP_AMBER, "f88d31f6-486f-44da-b317-01333bde0b82", "amber"),
        TLP(STIX_TLP_RED, "5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "red"),
#undef TLP
    };
    return objects[level == STIX_TLP_AMBER_STRICT ? STIX_TLP_RED : level];
}

/* ---- markings ---- */

/* A marking that 2.0 cannot define stays named: what a reader does not know restricts it. */
static void add_mark(struct downgrading *g, struct span id) {
    enum stix_tlp level;
    if (stix_marking_builtin(id, &level)) {
        if (level == STIX_TLP_AMBER_STRICT) tell(g, "TLP:AMBER+STRICT (written as TLP:RED)", SPAN(""));
        id = stix20_tlp_id(level);
    }
    for (size_t i = 0; i < g->mark_count; i++)
        if (span_equal(g->marks[i], id)) return;
    if (id.len && g->mark_count < g->mark_size) g->marks[g->mark_count++] = id;
}

static bool writes(const struct downgrading *g, struct span property);

/* Whether every selector names something that stands in the object of 2.0 as well. */
static bool selects_what_stays(const struct downgrading *g, struct json_value granular) {
    struct json_value selectors = json_get(granular, "selectors");
    if (json_type(selectors) != JSON_ARRAY || json_count(selectors) == 0) return false;
    for (struct json_iter it = json_iter(selectors); json_next(&it);) {
        struct span rest = json_text(it.value, g->a), first = span_cut(&rest, '.');
        if (!writes(g, first) || stix_words_have(" labels object_refs where_sighted_refs object_marking_refs ", first))
            return false;
    }
    return true;
}

/* Of a part that 2.0 does not have, or has otherwise, it marks the whole. */
static bool gather_marks(struct downgrading *g) {
    struct json_value refs = json_get(g->object, "object_marking_refs"),
                      granular = json_get(g->object, "granular_markings");
    g->mark_size = (size_t)json_count(refs) + json_count(granular) + g->more->mark_count;
    g->marks = arena_zalloc(g->a, g->mark_size + 1, sizeof *g->marks);
    if (!g->marks) return false;
    for (struct json_iter it = json_iter(refs); json_next(&it);) add_mark(g, json_text(it.value, g->a));
    for (size_t i = 0; i < g->more->mark_count; i++) add_mark(g, g->more->marks[i]);
    for (struct json_iter it = json_iter(granular); json_next(&it);)
        if (!selects_what_stays(g, it.value)) add_mark(g, json_text(json_get(it.value, "marking_ref"), g->a));
    return true;
}

static void write_marks(struct downgrading *g) {
    if (!g->mark_count) return;
    json_key(&g->w, "object_marking_refs");
    json_begin_array(&g->w);
    for (size_t i = 0; i < g->mark_count; i++) json_string(&g->w, g->marks[i]);
    json_end_array(&g->w);
}

static void write_granular(struct downgrading *g, struct json_value granular) {
    bool begun = false;
    for (struct json_iter it = json_iter(granular); json_next(&it);) {
        struct span id = json_text(json_get(it.value, "marking_ref"), g->a);
        enum stix_tlp level;
        if (!id.len) {
            tell(g, "languages of properties", SPAN(""));
            continue;
        }
        if (!selects_what_stays(g, it.value)) continue;
        if (!begun) {
            json_key(&g->w, "granular_markings");
            json_begin_array(&g->w);
        }
        begun = true;
        json_begin_object(&g->w);
        json_member(&g->w, "marking_ref", stix_marking_builtin(id, &level) ? stix20_tlp_id(level) : id);
        json_key(&g->w, "selectors");
        json_splice(&g->w, json_raw(json_get(it.value, "selectors")));
        json_end_object(&g->w);
    }
    if (begun) json_end_array(&g->w);
}

/* ---- members ---- */

static bool writes(const struct downgrading *g, struct span property) {
    bool marking = span_is(span_cstr(g->type->name), "marking-definition");
    const char *common = marking ? " type id created_by_ref created external_references "
                                 : " type id created_by_ref created modified revoked labels external_references ";
    return stix_words_have(common, property) || stix_words_have(g->type->properties, property) ||
           span_starts(property, SPAN("x_"));
}

/* Words of 2.1's own property are labels in 2.0. */
static void write_labels(struct downgrading *g) {
    struct json_value labels = json_get(g->object, "labels"),
                      words = g->type->words ? json_get(g->object, g->type->words) : JSON_MISSING;
    if (json_count(labels) + json_count(words) == 0 && !g->type->labelled) return;
    json_key(&g->w, "labels");
    json_begin_array(&g->w);
    for (struct json_iter it = json_iter(labels); json_next(&it);) json_splice(&g->w, json_raw(it.value));
    for (struct json_iter it = json_iter(words); json_next(&it);) {
        struct span word = json_text(it.value, g->a);
        bool again = false;
        for (struct json_iter in = json_iter(labels); !again && json_next(&in);) again = json_is(in.value, word);
        if (!again) json_string(&g->w, word);
    }
    if (json_count(labels) + json_count(words) == 0) json_cstr(&g->w, "unknown");
    json_end_array(&g->w);
}

/* Of a list of references those to types that 2.0 has. */
static void write_refs(struct downgrading *g, struct span name, struct json_value refs) {
    bool begun = false;
    for (struct json_iter it = json_iter(refs); json_next(&it);) {
        struct span id = json_text(it.value, g->a), type = stix_id_type(id);
        bool fits = span_is(name, "where_sighted_refs") ? span_is(type, "identity") : stix20_type_named(type) != NULL;
        if (!fits) {
            tell(g, "references to types that 2.0 does not have", id);
            continue;
        }
        if (!begun) {
            json_key_span(&g->w, name);
            json_begin_array(&g->w);
        }
        begun = true;
        json_string(&g->w, id);
    }
    if (begun) json_end_array(&g->w);
}

static void write_member(struct downgrading *g, struct json_value key, struct json_value value) {
    struct span name = json_text(key, g->a);
    bool is_family;
    if (stix_words_have(" spec_version pattern_type labels object_marking_refs granular_markings ", name) ||
        (g->type->words && span_is(name, g->type->words)) || (g->more->objects.len && span_is(name, "object_refs")) ||
        (span_is(name, "is_family") && json_bool(value, &is_family) && is_family) ||
        (span_is(span_cstr(g->type->name), "marking-definition") && span_is(name, "name")))
        return;
    if (!writes(g, name)) {
        losses_add(g->losses, "properties that 2.0 does not have", "%.*s: %.*s", SPAN_ARG(g->id),
                   SPAN_ARG(span_first(name, 60)));
    } else if (span_is(name, "object_refs") || span_is(name, "where_sighted_refs")) {
        write_refs(g, name, value);
    } else if (span_is(name, "pattern")) {
        json_key(&g->w, "pattern");
        json_string(&g->w, stix20_pattern(json_text(value, g->a), true, g->id, g->a, g->losses));
    } else {
        json_key_span(&g->w, name);
        json_splice(&g->w, json_raw(value));
    }
}

/* ---- what 2.0 cannot say at all ---- */

static bool has_exists(const struct pattern_node *node) {
    for (; node; node = node->next)
        if ((node->kind == PATTERN_TEST && node->test->compare == PATTERN_EXISTS) ||
            (node->kind != PATTERN_TEST && has_exists(node->first)))
            return true;
    return false;
}

static bool fits_ref(const struct downgrading *g, const char *property) {
    return stix20_type_named(stix_id_type(json_text(json_get(g->object, property), g->a))) != NULL;
}

static bool any_ref_fits(const struct downgrading *g, const char *property) {
    for (struct json_iter it = json_iter(json_get(g->object, property)); json_next(&it);)
        if (stix20_type_named(stix_id_type(json_text(it.value, g->a)))) return true;
    return false;
}

/* NULL when it can. */
static const char *why_not(const struct downgrading *g) {
    struct span type = span_cstr(g->type->name);
    const struct pattern *p;
    struct diag ignored;
    if (span_is(type, "indicator")) {
        if (!json_is(json_get(g->object, "pattern_type"), SPAN("stix")))
            return "indicators in other languages than STIX's";
        struct span pattern = json_text(json_get(g->object, "pattern"), g->a);
        if (pattern_parse(g->a, pattern, &p, &ignored)) return "patterns that cannot be read";
        if (has_exists(p->root)) return "patterns with EXISTS";
    }
    if (span_is(type, "relationship") && !(fits_ref(g, "source_ref") && fits_ref(g, "target_ref")))
        return "relationships with types that 2.0 does not have";
    if (span_is(type, "sighting") && !fits_ref(g, "sighting_of_ref"))
        return "sightings of types that 2.0 does not have";
    if (span_is(type, "report") && !any_ref_fits(g, "object_refs"))
        return "reports about types alone that 2.0 does not have";
    if (span_is(type, "observed-data") && !g->more->objects.len) return "observed-data without observables";
    if (span_is(type, "marking-definition") && !json_exists(json_get(g->object, "definition")))
        return "marking definitions that 2.0 does not have (what they mark still names them)";
    return NULL;
}

bool stix20_downgrade(struct json_value object, const struct stix20_more *more, struct arena *a, struct losses *l,
                      struct buf *out) {
    struct span type = json_text(json_get(object, "type"), a);
    struct downgrading g = {.object = object,
                            .type = stix20_type_named(type),
                            .id = json_text(json_get(object, "id"), a),
                            .more = more,
                            .a = a,
                            .losses = l,
                            .w = json_writer(out)};
    const char *why = g.type ? why_not(&g) : "objects of types that 2.0 does not have";
    if (why) {
        tell(&g, why, SPAN(""));
        return false;
    }
    if (!gather_marks(&g)) {
        out->failed = true;
        return true;
    }
    json_begin_object(&g.w);
    for (struct json_iter it = json_iter(object); json_next(&it);) write_member(&g, it.key, it.value);
    if (more->objects.len) {
        json_key(&g.w, "objects");
        json_splice(&g.w, more->objects);
    }
    if (!span_is(type, "marking-definition")) write_labels(&g);
    if (span_is(type, "identity") && !json_exists(json_get(object, "identity_class")))
        json_member_cstr(&g.w, "identity_class", "unknown");
    if (span_is(type, "malware") && !json_exists(json_get(object, "name"))) json_member(&g.w, "name", g.id);
    write_marks(&g);
    write_granular(&g, json_get(object, "granular_markings"));
    json_end_object(&g.w);
    return true;
}
