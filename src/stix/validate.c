/* Objects against their tables: which properties there are, what they owe each other, and the object as a whole. */
#include "stix/validate.h"

#include <stdarg.h>
#include <stdio.h>

#include "stix/id.h"

#define ERROR(at, ...)   stix_find(x, STIX_ERROR, at, NULL, __VA_ARGS__)
#define WARNING(at, ...) stix_find(x, STIX_WARNING, at, NULL, __VA_ARGS__)
#define SHOWN(text)      SPAN_ARG(stix_excerpt(text, 60))

/* ---- findings ---- */

struct span stix_excerpt(struct span text, size_t most) {
    if (text.len <= most) return text;
    while (most && ((unsigned char)text.at[most] & 0xc0) == 0x80) most--;
    return span_first(text, most);
}

/* A finding quotes hostile bytes and ends up on terminals: no control characters (C0, DEL, C1), no half character at
 * the cut. */
static void make_printable(char *text) {
    size_t len = strlen(text), cut = len;
    while (cut && ((unsigned char)text[cut - 1] & 0xc0) == 0x80) cut--;
    if (cut && (unsigned char)text[cut - 1] >= 0xc0) {
        unsigned char lead = (unsigned char)text[cut - 1];
        size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (len - (cut - 1) < need) text[cut - 1] = 0;
    }
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) *c = '?';
        if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) c[0] = c[1] = '?';
    }
}

/* The path from the object, not from the document it stands in. */
static void path_of(struct validation *x, struct json_value at, const char *name, char path[JSON_PATH_SIZE]) {
    char whole[JSON_PATH_SIZE], to_object[JSON_PATH_SIZE];
    json_path(at, whole, sizeof whole);
    json_path(x->object->json, to_object, sizeof to_object);
    size_t skip = strlen(to_object);
    const char *rest = strncmp(whole, to_object, skip) == 0 ? whole + skip : whole;
    if (*rest == '.') rest++;
    if (snprintf(path, JSON_PATH_SIZE, "%s%s%s", rest, name && *rest ? "." : "", name ? name : "") < 0) path[0] = 0;
    make_printable(path);
}

void stix_find(struct validation *x, enum stix_severity severity, struct json_value at, const char *name,
               const char *format, ...) {
    struct stix_report *r = x->report;
    size_t *of_kind = severity == STIX_ERROR ? &r->errors : &r->warnings;
    ++*of_kind;
    if (r->count == STIX_FINDINGS_MAX) {
        /* An error is what the reader needs: it takes the place of the last warning. */
        size_t i = r->count;
        while (severity == STIX_ERROR && i && r->findings[i - 1].severity == STIX_ERROR) i--;
        if (severity != STIX_ERROR || i == 0) return;
        memmove(&r->findings[i - 1], &r->findings[i], (r->count - i) * sizeof *r->findings);
        r->count--;
    }
    struct stix_finding *f = &r->findings[r->count++];
    f->severity = severity;
    path_of(x, at, name, f->path);
    va_list args;
    va_start(args, format);
    vsnprintf(f->message, sizeof f->message, format, args);
    va_end(args);
    make_printable(f->message);
}

/* ---- names ---- */

static bool name_valid(struct span name, char joint) {
    if (name.len < 3 || name.len > 250) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != joint) return false;
    }
    return true;
}

bool stix_property_name_valid(struct span name) {
    return name_valid(name, '_');
}

bool stix_type_name_valid(struct span name) {
    return name_valid(name, '-') && span_find(name, SPAN("--")) == SIZE_MAX && name.at[name.len - 1] != '-';
}

/* ---- depths ---- */

void stix_check_depths(struct validation *x, struct json_value v, enum stix_severity severity) {
    const struct json_doc *doc = v.doc;
    for (uint32_t i = v.index; i < doc->nodes[v.index].next; i++) {
        const struct json_node *n = &doc->nodes[i];
        struct json_value at = {doc, i};
        if (n->type == JSON_NULL)
            stix_find(x, severity, at, NULL, "null is no value in STIX: leave the property out");
        else if (n->type == JSON_ARRAY && n->count == 0)
            stix_find(x, severity, at, NULL, "must not be an empty list: leave the property out (STIX 2.1 §2.12)");
    }
}

/* ---- rules between properties ---- */

static bool time_of(struct validation *x, struct json_value v, const char *name, time_us *out) {
    return time_parse_stix(json_text(json_get(v, name), x->a), out);
}

static void check_order(struct validation *x, struct json_value v, const struct rule *r) {
    time_us from, to;
    if (!time_of(x, v, r->b, &to) || !time_of(x, v, r->a, &from)) return;
    bool later = r->kind == RULE_LATER;
    if (to > from || (!later && to == from)) return;
    stix_find(x, r->kind == RULE_ORDER_SHOULD ? STIX_WARNING : STIX_ERROR, json_get(v, r->b), NULL,
              later ? "must be later than %s" : "must not be before %s", r->a);
}

static void check_any(struct validation *x, struct json_value v, const char *words) {
    for (struct json_iter it = json_iter(v); json_next(&it);)
        if (stix_words_have(words, json_text(it.key, x->a))) return;
    ERROR(v, "needs at least one of:%s", words);
}

static void check_pair(struct validation *x, struct json_value v, const struct rule *r) {
    enum json_type a = json_type(json_get(v, r->a));
    if (a == JSON_NONE) return;
    struct json_value b = json_get(v, r->b);
    bool applies = r->kind == RULE_TRUE_EXCLUDES || r->kind == RULE_TRUE_NEEDS ? a == JSON_TRUE
                   : r->kind == RULE_FALSE_EXCLUDES                            ? a == JSON_FALSE
                                                                               : true;
    if (!applies) return;
    const char *is = r->kind == RULE_TRUE_EXCLUDES || r->kind == RULE_TRUE_NEEDS ? "is true"
                     : r->kind == RULE_FALSE_EXCLUDES                            ? "is false"
                                                                                 : "is there";
    bool needs = r->kind == RULE_NEEDS || r->kind == RULE_TRUE_NEEDS;
    if (needs && !json_exists(b))
        stix_find(x, STIX_ERROR, v, r->b, "is missing: it must be there where %s %s", r->a, is);
    else if (!needs && json_exists(b))
        ERROR(b, "must not be there where %s %s", r->a, is);
}

static void check_rules(struct validation *x, struct json_value v, const struct rule *rules, bool some) {
    for (const struct rule *r = rules; r && r->kind != RULE_END; r++) switch (r->kind) {
        case RULE_ORDER:
        case RULE_ORDER_SHOULD:
        case RULE_LATER:
            check_order(x, v, r);
            break;
        case RULE_ANY:
            check_any(x, v, r->a);
            break;
        case RULE_SOME:
            if (!some) ERROR(v, "must have at least one property of its own");
            break;
        default:
            check_pair(x, v, r);
        }
}

/* ---- members ---- */

static const struct property *find_property(const struct property *list, struct span name, uint64_t *seen) {
    for (const struct property *p = list; p && p->name; p++)
        if (p->name_len == name.len && memcmp(p->name, name.at, name.len) == 0) {
            *seen |= UINT64_C(1) << (p - list);
            return p;
        }
    return NULL;
}

/* What `before` has too is left to its own table. */
static void check_required(struct validation *x, struct json_value v, const struct property *list, uint64_t seen,
                           const struct property *before) {
    uint64_t unused = 0;
    for (const struct property *p = list; p && p->name; p++) {
        if (!(p->flags & PROPERTY_REQUIRED) || (seen >> (p - list) & 1)) continue;
        if (before && find_property(before, span_of(p->name, p->name_len), &unused)) continue;
        bool version = strcmp(p->name, "spec_version") == 0;
        stix_find(x, STIX_ERROR, v, p->name,
                  version ? "is missing: only objects of STIX 2.1 are read, which say \"2.1\"" : "is missing");
    }
}

static void check_known(struct validation *x, struct json_value v, const struct property *p) {
    if (!(p->flags & PROPERTY_LIST)) {
        stix_check_value(x, v, p);
        return;
    }
    if (json_type(v) != JSON_ARRAY) {
        ERROR(v, "must be a list");
        return;
    }
    if (json_count(v) == 0) ERROR(v, "must not be an empty list: leave the property out (STIX 2.1 §2.12)");
    for (struct json_iter it = json_iter(v); json_next(&it);) stix_check_value(x, it.value, p);
}

/* Whether one of the object's extensions is of these types (words). */
static bool has_extension(struct validation *x, const char *words) {
    struct json_value extensions = json_get(x->object->json, "extensions");
    for (struct json_iter it = json_iter(extensions); json_next(&it);)
        if (stix_words_have(words, json_text(json_get(it.value, "extension_type"), x->a))) return true;
    return false;
}

/* A property of the object itself that no table has. */
static void check_custom(struct validation *x, struct span key, struct json_value v) {
    static const char reserved[] = " severity username phone_number action "; /* §3.8 */
    if (!stix_property_name_valid(key))
        ERROR(v, "a property's name has 3 to 250 of a-z, 0-9 and '_' (STIX 2.1 §11.1.1)");
    else if (span_is(key, "defanged"))
        WARNING(v, "is only for cyber-observable objects (STIX 2.1 §3.2)");
    else if (stix_words_have(reserved, key))
        WARNING(v, "is a name that the specification keeps for itself (STIX 2.1 §3.8)");
    else if (x->object->kind != STIX_CUSTOM && !span_starts(key, SPAN("x_")) &&
             !has_extension(x, " toplevel-property-extension "))
        WARNING(v, "is no property of %.*s; a custom one should begin with x_ or come with an extension",
                SHOWN(x->object->type));
    if (json_type(v) == JSON_ARRAY && json_count(v) == 0)
        ERROR(v, "must not be an empty list: leave the property out (STIX 2.1 §2.12)");
    else
        stix_check_depths(x, v, STIX_WARNING);
}

void stix_check_members(struct validation *x, struct json_value v, const struct schema *schema,
                        const struct property *common) {
    const struct property *own = schema ? schema->properties : NULL;
    uint64_t seen = 0, seen_common = 0;
    bool extended = false;
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span key = json_text(it.key, x->a);
        const struct property *p = find_property(own, key, &seen);
        if (!p) p = find_property(common, key, &seen_common);
        if (p && p->kind == PROPERTY_EXTENSIONS) extended = true;
        if (json_type(it.value) == JSON_NULL)
            ERROR(it.value, "null is no value in STIX: leave the property out");
        else if (p)
            check_known(x, it.value, p);
        else if (common)
            check_custom(x, key, it.value);
    }
    check_required(x, v, own, seen, NULL);
    check_required(x, v, common, seen_common, own);
    if (schema) check_rules(x, v, schema->rules, seen != 0 || extended);
}

/* ---- the object as a whole ---- */

static void check_identity(struct validation *x) {
    const struct stix_object *o = x->object;
    struct json_value id = json_get(o->json, "id");
    char expected[STIX_ID_SIZE];
    struct diag ignored;
    struct span type = stix_id_type(o->id);
    if (type.len == 0) return; /* told by its property */
    if (!span_equal(type, o->type))
        ERROR(id, "the identifier must begin with the object's type, %.*s", SHOWN(o->type));
    else if (o->kind == STIX_SCO && stix_id_version(o->id) == 5 &&
             stix_sco_id(x->a, o->json, expected, &ignored) == ERR_NONE &&
             !span_equal_nocase(o->id, span_cstr(expected)))
        WARNING(id, "is a UUIDv5, but not the one that its properties make: %s", expected);
}

static void check_custom_type(struct validation *x) {
    const struct stix_object *o = x->object;
    struct json_value type = json_get(o->json, "type");
    if (!stix_type_name_valid(o->type))
        ERROR(type, "a type's name has 3 to 250 of a-z, 0-9 and single '-' (STIX 2.1 §11.2.1)");
    else if (!span_starts(o->type, SPAN("x-")) && !has_extension(x, " new-sdo new-sco new-sro "))
        WARNING(type, "\"%.*s\" is no type of STIX 2.1; a custom one should begin with x- or come with an extension",
                SHOWN(o->type));
    if (json_exists(json_get(o->json, "modified")) && !json_exists(json_get(o->json, "created")))
        stix_find(x, STIX_ERROR, o->json, "created", "is missing: it must be there where modified is there");
}

static void check_self_marking(struct validation *x) {
    struct json_value refs = json_get(x->object->json, "object_marking_refs");
    for (struct json_iter it = json_iter(refs); json_next(&it);)
        if (json_is(it.value, x->object->id)) ERROR(it.value, "a marking must not mark itself");
}

/* The two kinds of definition that the specification has, and what each must hold (§7.2.1). */
static void check_definition(struct validation *x) {
    struct json_value o = x->object->json, definition = json_get(o, "definition");
    const char *member = json_is(json_get(o, "definition_type"), SPAN("statement")) ? "statement"
                         : json_is(json_get(o, "definition_type"), SPAN("tlp"))     ? "tlp"
                                                                                    : NULL;
    if (member && json_type(definition) == JSON_OBJECT && json_type(json_get(definition, member)) != JSON_STRING)
        stix_find(x, STIX_ERROR, definition, member, "must be there, as a string");
}

/* Only an extension that adds properties to the object itself has names of properties to tell (§7.3.1). */
static void check_extension_properties(struct validation *x) {
    struct json_value o = x->object->json, list = json_get(o, "extension_properties");
    bool toplevel = false;
    for (struct json_iter it = json_iter(json_get(o, "extension_types")); json_next(&it);)
        toplevel = toplevel || json_is(it.value, SPAN("toplevel-property-extension"));
    if (json_exists(list) && !toplevel)
        ERROR(list, "must not be there unless extension_types has toplevel-property-extension");
}

static void check_whole(struct validation *x, const struct schema *schema) {
    static const struct rule versions = {RULE_ORDER, "created", "modified"};
    const struct stix_object *o = x->object;
    check_identity(x);
    if (o->has_modified && o->created != TIME_NONE && o->modified < o->created) check_order(x, o->json, &versions);
    if (!schema)
        check_custom_type(x);
    else if (schema->kind == STIX_META && span_is(o->type, "marking-definition")) {
        check_self_marking(x);
        check_definition(x);
    } else if (schema->kind == STIX_META && span_is(o->type, "extension-definition"))
        check_extension_properties(x);
}

enum err stix_object_read(struct arena *a, struct json_value v, const struct stix_options *options,
                          struct stix_object *out, struct stix_report *report) {
    struct validation at = {a, out, report}, *x = &at;
    struct diag d;
    report->count = report->errors = report->warnings = 0;
    if (json_type(v) != JSON_OBJECT) {
        *out = (struct stix_object){.json = v, .created = TIME_NONE, .modified = TIME_NONE, .confidence = -1};
        ERROR(v, "must be a STIX object");
        return ERR_INVALID;
    }
    if (stix_object_view(a, v, out, &d)) {
        if (a->overflow) return ERR_NOMEM;
        if (out->type.len == 0) stix_find(x, STIX_ERROR, v, "type", "is missing, or no string");
        if (out->id.len == 0) stix_find(x, STIX_ERROR, v, "id", "is missing, or no string");
        return ERR_INVALID;
    }
    if (span_is(out->type, "bundle")) {
        ERROR(json_get(v, "type"), "a bundle is no object, and stands in no other one");
        return ERR_INVALID;
    }
    const struct schema *schema = stix_schema(out->type);
    const struct property *common = stix_common(out->kind);
    if (!schema && has_extension(x, " new-sdo new-sro ")) common = stix_common(STIX_SDO);
    stix_check_members(x, v, schema, common);
    check_whole(x, schema);
    if (a->overflow) return ERR_NOMEM;
    return report->errors || (options && options->strict && report->warnings) ? ERR_INVALID : ERR_NONE;
}
