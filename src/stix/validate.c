#include <stdarg.h>
#include <stdio.h>

#include "base/encode.h"
#include "stix/id.h"
#include "stix/object.h"
#include "stix/schema.h"

enum { PROPERTIES_MAX = 64, SELECTOR_MAX = 1024, EXTERNAL_ID_MAX = 4096 };

struct validation {
    struct arena *a;
    struct stix_object *object;
    struct stix_report *report;
};

/* ---- findings
 * ----------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void find(struct validation *x, enum stix_severity severity,
                                                       struct json_value at, const char *format, ...) {
    struct stix_report *r = x->report;
    if (severity == STIX_ERROR)
        r->errors++;
    else
        r->warnings++;
    if (r->count == STIX_FINDINGS_MAX) return;
    struct stix_finding *f = &r->findings[r->count++];
    f->severity = severity;
    json_path(at, f->path, sizeof f->path);
    va_list args;
    va_start(args, format);
    vsnprintf(f->message, sizeof f->message, format, args);
    va_end(args);
}

#define ERROR(...)   find(x, STIX_ERROR, __VA_ARGS__)
#define WARNING(...) find(x, STIX_WARNING, __VA_ARGS__)

static bool listed(const char *words, struct span word) {
    if (word.len == 0 || span_find_char(word, ' ') != SIZE_MAX) return false;
    for (const char *at = words; (at = strstr(at, " ")) && at[1]; at++)
        if (strlen(at + 1) > word.len && memcmp(at + 1, word.at, word.len) == 0 && at[1 + word.len] == ' ') return true;
    return false;
}

/* ---- kinds of values
 * -------------------------------------------------------------------------------------------------------- */

static bool is_text(struct validation *x, struct json_value v, struct span *text) {
    if (json_type(v) != JSON_STRING) {
        ERROR(v, "must be a string");
        return false;
    }
    *text = json_text(v, x->a);
    return true;
}

static void check_word(struct validation *x, struct json_value v, const struct property *p) {
    struct span text;
    if (!is_text(x, v, &text) || listed(p->words, text)) return;
    if (p->kind == PROPERTY_ENUM && strcmp(p->name, "spec_version") == 0)
        ERROR(v, "\"%.*s\" is not read here: this is for STIX 2.1", SPAN_ARG(span_first(text, 20)));
    else if (p->kind == PROPERTY_ENUM)
        ERROR(v, "\"%.*s\" is none of:%s", SPAN_ARG(span_first(text, 40)), p->words);
    else if (text.len == 0)
        ERROR(v, "must not be empty");
    else
        WARNING(v, "\"%.*s\" is not in the open vocabulary of %s", SPAN_ARG(span_first(text, 60)), p->name);
}

static void check_number(struct validation *x, struct json_value v, const struct property *p) {
    int64_t whole = 0;
    double real = 0;
    if (p->kind == PROPERTY_INTEGER ? !json_int(v, &whole) : !json_double(v, &real)) {
        ERROR(v, p->kind == PROPERTY_INTEGER ? "must be a whole number" : "must be a number");
        return;
    }
    if (p->kind == PROPERTY_INTEGER) real = (double)whole;
    if ((p->low || p->high) && (real < (double)p->low || real > (double)p->high))
        ERROR(v, "must be from %lld to %lld", (long long)p->low, (long long)p->high);
}

static void check_time(struct validation *x, struct json_value v) {
    struct span text;
    time_us t;
    if (is_text(x, v, &text) && !time_parse_stix(text, &t))
        ERROR(v, "must be a timestamp such as 2016-01-20T12:31:12.123Z");
}

static void check_id(struct validation *x, struct json_value v, const struct property *p) {
    struct span text, type;
    if (!is_text(x, v, &text)) return;
    if (!stix_id_valid(text)) {
        ERROR(v, "must be an identifier: a type, \"--\" and a UUID");
        return;
    }
    type = stix_id_type(text);
    if (!p->words || listed(p->words, type)) return;
    const struct schema *schema = stix_schema(type);
    bool sco = listed(p->words, SPAN("sco"));
    if (!schema || (sco && schema->kind == STIX_SCO)) return; /* custom types may stand in for any */
    ERROR(v, "must name one of:%snot %.*s", sco ? " a cyber-observable object, " : p->words, SPAN_ARG(type));
}

static void check_hashes(struct validation *x, struct json_value v) {
    static const struct {
        const char *name;
        size_t digits;
    } known[] = {{"MD5", 32}, {"SHA-1", 40}, {"SHA-256", 64}, {"SHA-512", 128}, {"SHA3-256", 64}, {"SHA3-512", 128}};
    if (json_type(v) != JSON_OBJECT) {
        ERROR(v, "must be a dictionary of hashes");
        return;
    }
    if (json_count(v) == 0) ERROR(v, "must not be empty");
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span name = json_text(it.key, x->a), text;
        if (name.len < 3 || name.len > 250) ERROR(it.value, "the name of a hash has 3 to 250 characters");
        if (!is_text(x, it.value, &text)) continue;
        bool found = span_is(name, "SSDEEP") || span_is(name, "TLSH");
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (!span_is(name, known[i].name)) continue;
            found = true;
            uint8_t bytes[64];
            if (text.len != known[i].digits || !hex_read(text, bytes, known[i].digits / 2))
                ERROR(it.value, "a %s has %zu hexadecimal digits", known[i].name, known[i].digits);
        }
        if (!found)
            WARNING(it.value, "\"%.*s\" is not in the open vocabulary of hashes", SPAN_ARG(span_first(name, 40)));
    }
}

static bool key_valid(struct span key, bool dictionary) {
    if (key.len < (dictionary ? 1u : 3u) || key.len > 250) return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
                    (dictionary && ((c >= 'A' && c <= 'Z') || c == '-'));
        if (!fits) return false;
    }
    return true;
}

static void check_dictionary(struct validation *x, struct json_value v, const struct property *p) {
    if (json_type(v) != JSON_OBJECT) {
        ERROR(v, "must be a dictionary");
        return;
    }
    if (json_count(v) == 0 && p->kind != PROPERTY_OBJECT) ERROR(v, "must not be empty");
    if (p->kind != PROPERTY_DICTIONARY) return;
    for (struct json_iter it = json_iter(v); json_next(&it);)
        if (!key_valid(json_text(it.key, x->a), true))
            ERROR(it.value, "a dictionary's key has 1 to 250 of a-z, A-Z, 0-9, '-' and '_'");
}

static void check_extensions(struct validation *x, struct json_value v) {
    static const char kinds[] = " new-sdo new-sco new-sro property-extension toplevel-property-extension ";
    if (json_type(v) != JSON_OBJECT || json_count(v) == 0) {
        ERROR(v, "must be a dictionary that is not empty");
        return;
    }
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span key = json_text(it.key, x->a);
        if (json_type(it.value) != JSON_OBJECT) ERROR(it.value, "an extension must be an object");
        bool definition = span_starts(key, SPAN("extension-definition--"));
        if (definition && !stix_id_valid(key))
            ERROR(it.value, "the extension's key is no identifier of an extension definition");
        struct json_value kind = json_get(it.value, "extension_type");
        if (definition && !json_exists(kind)) ERROR(it.value, "extension_type is missing");
        if (json_exists(kind) && !listed(kinds, json_text(kind, x->a))) ERROR(kind, "must be one of:%s", kinds);
    }
}

static void check_base64(struct validation *x, struct json_value v) {
    struct span text, raw;
    if (is_text(x, v, &text) && (text.len == 0 || !base64_read(x->a, text, &raw))) ERROR(v, "must be base64");
}

static void check_hex(struct validation *x, struct json_value v) {
    struct span text;
    if (!is_text(x, v, &text)) return;
    bool fits = text.len % 2 == 0 && text.len > 0;
    uint8_t byte;
    for (size_t i = 0; fits && i < text.len; i += 2) fits = hex_read(span_of(text.at + i, 2), &byte, 1);
    if (!fits) ERROR(v, "must be hexadecimal, two digits a byte");
}

static void need_text(struct validation *x, struct json_value v, const char *name) {
    struct json_value member = json_get(v, name);
    if (!json_exists(member))
        ERROR(v, "%s is missing", name);
    else if (json_type(member) != JSON_STRING)
        ERROR(member, "must be a string");
}

static void check_kill_chain(struct validation *x, struct json_value v) {
    if (json_type(v) != JSON_OBJECT)
        ERROR(v, "must be a kill chain phase");
    else {
        need_text(x, v, "kill_chain_name");
        need_text(x, v, "phase_name");
    }
}

static void check_reference(struct validation *x, struct json_value v) {
    if (json_type(v) != JSON_OBJECT) {
        ERROR(v, "must be an external reference");
        return;
    }
    need_text(x, v, "source_name");
    if (!json_exists(json_get(v, "description")) && !json_exists(json_get(v, "url")) &&
        !json_exists(json_get(v, "external_id")))
        WARNING(v, "should have a description, url or external_id");
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (json_is(it.key, SPAN("hashes")))
            check_hashes(x, it.value);
        else if ((json_is(it.key, SPAN("url")) || json_is(it.key, SPAN("description")) ||
                  json_is(it.key, SPAN("external_id"))) &&
                 json_type(it.value) != JSON_STRING)
            ERROR(it.value, "must be a string");
    }
}

/* ---- granular markings (§7.2.3)
 * --------------------------------------------------------------------------------------------------- */

/* Follows a selector: property names and [n], joined by dots. False when its form or the object says no. */
static bool selector_leads(struct validation *x, struct span selector) {
    struct json_value at = x->object->json;
    bool first = true;
    if (selector.len == 0 || selector.len > SELECTOR_MAX) return false;
    while (selector.at) {
        struct span step = span_cut(&selector, '.');
        uint64_t index;
        if (step.len >= 3 && step.at[0] == '[' && step.at[step.len - 1] == ']') {
            if (first || !span_u64(span_of(step.at + 1, step.len - 2), &index) || index > UINT32_MAX) return false;
            at = json_at(at, (uint32_t)index);
        } else {
            char *name = arena_cstr(x->a, step);
            if (step.len == 0 || !name) return false;
            at = json_get(at, name);
        }
        if (!json_exists(at)) return false;
        first = false;
    }
    return true;
}

static void check_granular(struct validation *x, struct json_value v) {
    if (json_type(v) != JSON_OBJECT) {
        ERROR(v, "must be a granular marking");
        return;
    }
    struct json_value lang = json_get(v, "lang"), ref = json_get(v, "marking_ref"),
                      selectors = json_get(v, "selectors");
    if (json_exists(lang) == json_exists(ref)) ERROR(v, "needs exactly one of lang and marking_ref");
    if (json_exists(ref) && !span_is(stix_id_type(json_text(ref, x->a)), "marking-definition"))
        ERROR(ref, "must name a marking definition");
    if (json_exists(lang) && json_type(lang) != JSON_STRING) ERROR(lang, "must be a string");
    if (json_type(selectors) != JSON_ARRAY || json_count(selectors) == 0) {
        ERROR(v, "selectors must be a list that is not empty");
        return;
    }
    for (struct json_iter it = json_iter(selectors); json_next(&it);) {
        struct span text;
        if (is_text(x, it.value, &text) && !selector_leads(x, text))
            ERROR(it.value, "the selector \"%.*s\" leads to nothing in this object", SPAN_ARG(span_first(text, 100)));
    }
}

/* ---- properties
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void check_one(struct validation *x, struct json_value v, const struct property *p) {
    struct span text;
    switch (p->kind) {
    case PROPERTY_STRING:
        (void)is_text(x, v, &text);
        return;
    case PROPERTY_ENUM:
    case PROPERTY_VOCABULARY:
        check_word(x, v, p);
        return;
    case PROPERTY_BOOLEAN:
        if (json_type(v) != JSON_TRUE && json_type(v) != JSON_FALSE) ERROR(v, "must be true or false");
        return;
    case PROPERTY_INTEGER:
    case PROPERTY_NUMBER:
        check_number(x, v, p);
        return;
    case PROPERTY_TIME:
        check_time(x, v);
        return;
    case PROPERTY_ID:
        check_id(x, v, p);
        return;
    case PROPERTY_HASHES:
        check_hashes(x, v);
        return;
    case PROPERTY_DICTIONARY:
    case PROPERTY_OBJECT:
        check_dictionary(x, v, p);
        return;
    case PROPERTY_EXTENSIONS:
        check_extensions(x, v);
        return;
    case PROPERTY_BASE64:
        check_base64(x, v);
        return;
    case PROPERTY_HEX:
        check_hex(x, v);
        return;
    case PROPERTY_KILL_CHAIN:
        check_kill_chain(x, v);
        return;
    case PROPERTY_REFERENCE:
        check_reference(x, v);
        return;
    case PROPERTY_GRANULAR:
        check_granular(x, v);
        return;
    }
}

static void check_property(struct validation *x, struct json_value v, const struct property *p) {
    if (!(p->flags & LIST)) {
        check_one(x, v, p);
        return;
    }
    if (json_type(v) != JSON_ARRAY) {
        ERROR(v, "must be a list");
        return;
    }
    if (json_count(v) == 0) ERROR(v, "must not be an empty list: leave the property out");
    for (struct json_iter it = json_iter(v); json_next(&it);) check_one(x, it.value, p);
}

static const struct property *find_property(const struct property *list, struct span name, unsigned *index) {
    for (*index = 0; list && list[*index].name; ++*index)
        if (list[*index].name[0] == name.at[0] && span_is(name, list[*index].name)) return &list[*index];
    return NULL;
}

static void check_required(struct validation *x, const struct property *list, const struct property *before,
                           uint64_t seen) {
    for (unsigned i = 0, unused; list && list[i].name; i++)
        if ((list[i].flags & REQUIRED) && !(seen >> i & 1) &&
            !(before && find_property(before, span_cstr(list[i].name), &unused)))
            ERROR(x->object->json, "%s is missing", list[i].name);
}

static void check_properties(struct validation *x, const struct schema *schema) {
    const struct property *own = schema ? schema->properties : NULL, *common = stix_common(x->object->kind);
    uint64_t seen_own = 0, seen_common = 0;
    for (struct json_iter it = json_iter(x->object->json); json_next(&it);) {
        struct span key = json_text(it.key, x->a);
        unsigned index;
        const struct property *p = key.len ? find_property(own, key, &index) : NULL;
        if (p)
            seen_own |= UINT64_C(1) << index;
        else if (key.len && (p = find_property(common, key, &index)))
            seen_common |= UINT64_C(1) << index;
        if (json_type(it.value) == JSON_NULL)
            ERROR(it.value, "null is no value in STIX: leave the property out");
        else if (p)
            check_property(x, it.value, p);
        else if (!key_valid(key, false))
            ERROR(it.value, "a property's name has 3 to 250 of a-z, 0-9 and '_'");
        else if (json_type(it.value) == JSON_ARRAY && json_count(it.value) == 0)
            ERROR(it.value, "must not be an empty list: leave the property out");
    }
    check_required(x, own, NULL, seen_own);
    check_required(x, common, own, seen_common);
}

/* ---- the object as a whole
 * -------------------------------------------------------------------------------------------------------------- */

static bool time_of(struct validation *x, const char *name, time_us *out) {
    return time_parse_stix(json_text(json_get(x->object->json, name), x->a), out);
}

static void check_order(struct validation *x, const char *earlier, const char *later, bool strictly) {
    time_us from, to;
    if (!earlier || !time_of(x, earlier, &from) || !time_of(x, later, &to)) return;
    if (to < from || (strictly && to == from))
        ERROR(json_get(x->object->json, later), strictly ? "must be later than %s" : "must not be before %s", earlier);
}

static void check_one_of(struct validation *x, const char *words) {
    struct span rest = span_trim(span_cstr(words ? words : ""));
    if (rest.len == 0) return;
    struct span all = rest;
    while (rest.at) {
        char *name = arena_cstr(x->a, span_cut(&rest, ' '));
        if (name && json_exists(json_get(x->object->json, name))) return;
    }
    ERROR(x->object->json, "needs at least one of: %.*s", SPAN_ARG(all));
}

static void check_identity(struct validation *x) {
    const struct stix_object *o = x->object;
    struct json_value id = json_get(o->json, "id");
    char expected[STIX_ID_SIZE];
    struct diag ignored;
    if (!stix_id_valid(o->id)) return; /* told by its property */
    if (!span_equal(stix_id_type(o->id), o->type))
        ERROR(id, "the identifier must begin with the object's type, %.*s", SPAN_ARG(span_first(o->type, 60)));
    if (o->kind == STIX_SCO && stix_id_version(o->id) == 5 &&
        stix_sco_id(x->a, o->json, expected, &ignored) == ERR_NONE && !span_is(o->id, expected))
        WARNING(id, "is a UUIDv5, but not the one its properties make: %s", expected);
}

static bool type_name_valid(struct span type) {
    bool fits = type.len >= 3 && type.len <= STIX_TYPE_MAX && type.at[0] != '-' && type.at[type.len - 1] != '-';
    for (size_t i = 0; fits && i < type.len; i++) {
        char c = type.at[i];
        fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && type.at[i - 1] != '-');
    }
    return fits;
}

static void check_whole(struct validation *x, const struct schema *schema) {
    const struct stix_object *o = x->object;
    check_identity(x);
    check_order(x, "created", "modified", false);
    for (size_t i = 0; schema && i < 2; i++)
        check_order(x, schema->orders[i].earlier, schema->orders[i].later, schema->orders[i].strictly);
    if (schema) check_one_of(x, schema->one_of);
    if (!schema && !type_name_valid(o->type))
        ERROR(json_get(o->json, "type"), "a type's name has 3 to 250 of a-z, 0-9 and single '-'");
    if (!schema && json_exists(json_get(o->json, "modified")) != json_exists(json_get(o->json, "created")))
        ERROR(o->json, "created and modified go together");
    bool embedded = span_is(o->type, "observed-data") && json_exists(json_get(o->json, "objects"));
    if (embedded && json_exists(json_get(o->json, "object_refs")))
        ERROR(o->json, "objects and object_refs exclude each other");
    else if (embedded)
        WARNING(json_get(o->json, "objects"), "is deprecated: SCOs stand on their own and are named by object_refs");
}

enum err stix_object_read(struct arena *a, struct json_value v, const struct stix_options *options,
                          struct stix_object *out, struct stix_report *report) {
    struct validation at = {a, out, report}, *x = &at;
    struct diag d;
    report->count = report->errors = report->warnings = 0;
    if (json_type(v) != JSON_OBJECT) {
        *out = (struct stix_object){.json = v};
        ERROR(v, "must be a STIX object");
        return ERR_INVALID;
    }
    if (stix_object_view(a, v, out, &d)) {
        ERROR(v, "%s", d.message);
        return ERR_INVALID;
    }
    const struct schema *schema = stix_schema(out->type);
    check_properties(x, schema);
    check_whole(x, schema);
    if (a->overflow) return ERR_NOMEM;
    return report->errors || (options && options->strict && report->warnings) ? ERR_INVALID : ERR_NONE;
}
