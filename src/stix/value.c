/* Checks of single values by their kind (STIX 2.1 §2, §7.2.3). */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/encode.h"
#include "stix/id.h"
#include "stix/validate.h"

enum {
    SELECTOR_LEN_MAX = 1024, /* longer than any path into an object needs */
    EXCERPT = 60             /* bytes of a value that a message shows */
};

#define ERROR(at, ...)   stix_find(x, STIX_ERROR, at, NULL, __VA_ARGS__)
#define WARNING(at, ...) stix_find(x, STIX_WARNING, at, NULL, __VA_ARGS__)
#define SHOWN(text)      SPAN_ARG(stix_excerpt(text, EXCERPT))

static bool is_text(struct validation *x, struct json_value v, struct span *text) {
    if (json_type(v) != JSON_STRING) {
        ERROR(v, "must be a string");
        return false;
    }
    *text = json_text(v, x->a);
    return true;
}

static bool is_object(struct validation *x, struct json_value v, const char *what) {
    if (json_type(v) == JSON_OBJECT) return true;
    ERROR(v, "must be %s", what);
    return false;
}

/* ---- words and numbers ---- */

static void check_word_list(struct validation *x, struct json_value v, const struct property *p) {
    struct span text;
    if (!is_text(x, v, &text) || stix_words_have(p->words, text)) return;
    if (p->kind == PROPERTY_VOCABULARY && text.len)
        WARNING(v, "\"%.*s\" is not in the open vocabulary of %s", SHOWN(text), p->name);
    else if (text.len == 0)
        ERROR(v, "must not be empty");
    else if (strcmp(p->name, "spec_version") == 0)
        ERROR(v, "\"%.*s\": only objects of STIX 2.1 are read", SHOWN(text));
    else
        ERROR(v, "\"%.*s\" is none of:%s", SHOWN(text), p->words);
}

static void check_integer(struct validation *x, struct json_value v, const struct property *p) {
    int64_t n, most = (INT64_C(1) << 53) - 1; /* §2.10 */
    bool limits = p->low || p->high;
    if (!json_int(v, &n))
        ERROR(v, "must be a whole number");
    else if (limits && (n < p->low || n > p->high))
        ERROR(v, "must be from %lld to %lld", (long long)p->low, (long long)p->high);
    else if (n < -most || n > most)
        ERROR(v, "must be between -(2^53) and 2^53");
}

static void check_number(struct validation *x, struct json_value v, const struct property *p) {
    double n;
    if (!json_double(v, &n))
        ERROR(v, "must be a number");
    else if ((p->low || p->high) && (n < (double)p->low || n > (double)p->high))
        ERROR(v, "must be from %lld to %lld", (long long)p->low, (long long)p->high);
}

static void check_time(struct validation *x, struct json_value v, const struct property *p) {
    struct span text;
    time_us t;
    if (!is_text(x, v, &text)) return;
    if (!time_parse_stix(text, &t))
        ERROR(v, "\"%.*s\" must be a timestamp such as 2016-01-20T12:31:12.123Z", SHOWN(text));
    else if ((p->flags & PROPERTY_PRECISE) && text.len < sizeof "2016-01-20T12:31:12.123Z" - 1)
        WARNING(v, "\"%.*s\" must have milliseconds (STIX 2.1 §3.2)", SHOWN(text));
}

static void check_language(struct validation *x, struct json_value v, struct span text) {
    size_t len = 0, parts = 0;
    bool fits = text.len >= 2;
    for (size_t i = 0; fits && i <= text.len; i++) {
        char c = i < text.len ? text.at[i] : '-', small = (char)(c | 32);
        if (c == '-') {
            fits = len >= (parts ? 1u : 2u) && len <= 8;
            parts++;
            len = 0;
        } else {
            fits = (small >= 'a' && small <= 'z') || (parts && c >= '0' && c <= '9');
            len++;
        }
    }
    if (!fits) ERROR(v, "\"%.*s\" must be a language code of RFC 5646 such as en or pt-BR", SHOWN(text));
}

static void check_ascii_word(struct validation *x, struct json_value v) {
    struct span text;
    if (!is_text(x, v, &text)) return;
    if (text.len == 0) ERROR(v, "must not be empty");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-') continue;
        WARNING(v, "\"%.*s\" must have only a-z, 0-9 and '-' (STIX 2.1 §5.1.2)", SHOWN(text));
        return;
    }
}

/* ---- identifiers ---- */

enum fit { FITS, FITS_MAYBE, FITS_NOT };

static enum fit type_fits(const char *words, struct span type) {
    static const char *const kinds[] = {"sdo", "sro", "sco"}; /* by enum stix_kind */
    if (!words || stix_words_have(words, type)) return FITS;
    const struct schema *schema = stix_schema(type);
    if (schema && schema->kind <= STIX_SCO)
        return stix_words_have(words, span_cstr(kinds[schema->kind])) ? FITS : FITS_NOT;
    if (schema || strcmp(words, " identity ") == 0 || strcmp(words, " marking-definition ") == 0) return FITS_NOT;
    for (size_t i = 0; i < 3; i++) /* a custom type may be any of them */
        if (stix_words_have(words, span_cstr(kinds[i]))) return FITS;
    return FITS_MAYBE;
}

static void check_id(struct validation *x, struct json_value v, const struct property *p) {
    struct span text;
    if (!is_text(x, v, &text)) return;
    struct span type = stix_id_type(text);
    enum fit fit = type.len ? type_fits(p->words, type) : FITS;
    if (type.len == 0)
        ERROR(v, "\"%.*s\" must be an identifier: a type, \"--\" and a UUID", SHOWN(text));
    else if (span_is(type, "bundle"))
        ERROR(v, "must not name a bundle, which is no object");
    else if (fit == FITS_NOT)
        ERROR(v, "must name an object of:%snot of %.*s", p->words, SHOWN(type));
    else if (fit == FITS_MAYBE)
        WARNING(v, "should name an object of:%snot of the custom type %.*s", p->words, SHOWN(type));
}

/* ---- spelt bytes ---- */

static bool is_hex(struct span text, bool *upper) {
    *upper = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c >= 'A' && c <= 'F')
            *upper = true;
        else if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return text.len > 0;
}

static void check_hex(struct validation *x, struct json_value v) {
    struct span text;
    bool upper;
    if (!is_text(x, v, &text)) return;
    if (!is_hex(text, &upper) || text.len % 2)
        ERROR(v, "must be hexadecimal, two digits a byte");
    else if (upper)
        WARNING(v, "must be in lower case (STIX 2.1 §2.8)");
}

static void check_base64(struct validation *x, struct json_value v) {
    struct span text, raw;
    if (is_text(x, v, &text) && (text.len == 0 || !base64_read(x->a, text, &raw))) ERROR(v, "must be base64");
}

static bool key_valid(struct span key, size_t least) {
    if (key.len < least || key.len > 250) return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i], small = (char)(c | 32);
        if (!(small >= 'a' && small <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
    }
    return true;
}

static void check_hash(struct validation *x, struct span name, struct json_value v) {
    static const struct {
        struct span name;
        size_t digits;
    } known[] = {{SPAN("MD5"), 32},      {SPAN("SHA-1"), 40},     {SPAN("SHA-256"), 64}, {SPAN("SHA-512"), 128},
                 {SPAN("SHA3-256"), 64}, {SPAN("SHA3-512"), 128}, {SPAN("SSDEEP"), 0},   {SPAN("TLSH"), 0}};
    struct span text;
    bool upper;
    if (!is_text(x, v, &text)) return;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!span_equal(name, known[i].name)) continue;
        if (text.len == 0)
            ERROR(v, "must not be empty");
        else if (known[i].digits && (text.len != known[i].digits || !is_hex(text, &upper)))
            ERROR(v, "%.*s has %zu hexadecimal digits", SHOWN(name), known[i].digits);
        return;
    }
    WARNING(v, "\"%.*s\" is not in the open vocabulary of hashes", SHOWN(name));
}

static void check_hashes(struct validation *x, struct json_value v) {
    if (!is_object(x, v, "a dictionary of hashes")) return;
    if (json_count(v) == 0) ERROR(v, "must not be empty: leave the property out");
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span name = json_text(it.key, x->a);
        if (!key_valid(name, 3)) ERROR(it.value, "a hash's name has 3 to 250 of a-z, A-Z, 0-9, '-' and '_' (§2.7)");
        check_hash(x, name, it.value);
    }
}

/* ---- addresses ---- */

static void check_address(struct validation *x, struct json_value v, int family) {
    struct span rest, address;
    uint64_t bits = 0;
    char text[INET6_ADDRSTRLEN], raw[sizeof(struct in6_addr)];
    if (!is_text(x, v, &rest)) return;
    struct span all = rest;
    address = span_cut(&rest, '/');
    bool fits = address.len < sizeof text && !memchr(address.at, 0, address.len);
    if (fits) {
        memcpy(text, address.at, address.len);
        text[address.len] = 0;
        fits = inet_pton(family, text, raw) == 1;
    }
    if (rest.at) fits = fits && span_u64(rest, &bits) && bits <= (family == AF_INET ? 32 : 128);
    if (!fits) /* the specification does not say MUST */
        WARNING(v, "\"%.*s\" is no IPv%d address, with or without a prefix length", SHOWN(all),
                family == AF_INET ? 4 : 6);
}

static void check_mac(struct validation *x, struct json_value v) {
    struct span text;
    bool upper, any_upper = false, fits;
    if (!is_text(x, v, &text)) return;
    fits = text.len == 17;
    for (size_t i = 0; fits && i < 17; i += 3) {
        fits = is_hex(span_of(text.at + i, 2), &upper) && (i == 15 || text.at[i + 2] == ':');
        any_upper = any_upper || upper;
    }
    if (!fits)
        ERROR(v, "\"%.*s\" must be a MAC address such as 00:00:ab:cd:ef:01", SHOWN(text));
    else if (any_upper)
        WARNING(v, "must be in lower case (STIX 2.1 §6.10)");
}

/* ---- dictionaries ---- */

static void check_dictionary(struct validation *x, struct json_value v) {
    if (!is_object(x, v, "a dictionary")) return;
    if (json_count(v) == 0) ERROR(v, "must not be empty: leave the property out");
    for (struct json_iter it = json_iter(v); json_next(&it);)
        if (!key_valid(json_text(it.key, x->a), 1))
            ERROR(it.value, "a dictionary's key has 1 to 250 of a-z, A-Z, 0-9, '-' and '_' (§2.3)");
    stix_check_depths(x, v, STIX_ERROR);
}

static void check_translations(struct validation *x, struct json_value v) {
    if (!is_object(x, v, "a dictionary by language")) return;
    if (json_count(v) == 0) ERROR(v, "must not be empty");
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        check_language(x, it.value, json_text(it.key, x->a));
        if (is_object(x, it.value, "a dictionary of translated properties") && json_count(it.value) == 0)
            ERROR(it.value, "must not be empty");
    }
}

/* Its observables have keys instead of ids, and are not validated further: nobody is to write them any more. */
static void check_container(struct validation *x, struct json_value v) {
    if (!is_object(x, v, "a dictionary of observables")) return;
    if (json_count(v) == 0) ERROR(v, "must not be empty");
    WARNING(v, "is deprecated: observables stand on their own and are named by object_refs");
    for (struct json_iter it = json_iter(v); json_next(&it);)
        if (is_object(x, it.value, "an observable") && json_type(json_get(it.value, "type")) != JSON_STRING)
            stix_find(x, STIX_ERROR, it.value, "type", "must be there, as a string");
}

static void check_extension_definition(struct validation *x, struct span key, struct json_value v) {
    static const char kinds[] = " property-extension toplevel-property-extension new-sdo new-sco new-sro ";
    struct json_value kind = json_get(v, "extension_type");
    if (!stix_id_valid(key)) ERROR(v, "the key must be the identifier of an extension definition");
    if (!json_exists(kind))
        stix_find(x, STIX_ERROR, v, "extension_type", "is missing (STIX 2.1 §7.3)");
    else if (!stix_words_have(kinds, json_text(kind, x->a)))
        ERROR(kind, "must be one of:%s", kinds);
}

static void check_extensions(struct validation *x, struct json_value v) {
    if (!is_object(x, v, "a dictionary of extensions")) return;
    if (json_count(v) == 0) ERROR(v, "must not be empty: leave the property out");
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span key = json_text(it.key, x->a);
        const char *of;
        const struct schema *known = stix_schema_extension(key, &of);
        if (!is_object(x, it.value, "an object")) continue;
        if (known && span_is(x->object->type, of)) {
            stix_check_members(x, it.value, known, NULL);
            continue;
        }
        if (known)
            WARNING(it.value, "%.*s is an extension of %s", SHOWN(key), of);
        else if (span_starts(key, SPAN("extension-definition--")))
            check_extension_definition(x, key, it.value);
        else
            WARNING(it.value, "\"%.*s\" should be the identifier of an extension definition", SHOWN(key));
        stix_check_depths(x, it.value, STIX_WARNING);
    }
}

/* ---- granular markings (§7.2.3) ---- */

/* Follows a selector: property names and [n], joined by dots. False when its form or the object says no. */
static bool selector_leads(struct validation *x, struct span selector) {
    struct json_value at = x->object->json;
    bool first = true;
    if (selector.len == 0 || selector.len > SELECTOR_LEN_MAX || memchr(selector.at, 0, selector.len)) return false;
    while (selector.at) {
        struct span step = span_cut(&selector, '.');
        uint64_t index;
        if (step.len == 0) return false;
        if (step.at[0] == '[') {
            if (first || step.len < 3 || step.at[step.len - 1] != ']' ||
                !span_u64(span_of(step.at + 1, step.len - 2), &index) || index > UINT32_MAX)
                return false;
            at = json_at(at, (uint32_t)index);
        } else {
            char *name = arena_cstr(x->a, step);
            if (!name) return false;
            at = json_get(at, name);
        }
        if (!json_exists(at)) return false;
        first = false;
    }
    return true;
}

static void check_granular(struct validation *x, struct json_value v) {
    if (!is_object(x, v, "a granular marking")) return;
    struct json_value lang = json_get(v, "lang"), ref = json_get(v, "marking_ref"),
                      selectors = json_get(v, "selectors");
    struct span text;
    if (json_exists(lang) == json_exists(ref)) ERROR(v, "needs exactly one of lang and marking_ref");
    if (json_exists(ref) && is_text(x, ref, &text)) {
        if (!span_is(stix_id_type(text), "marking-definition"))
            ERROR(ref, "must name a marking definition");
        else if (span_equal(text, x->object->id))
            ERROR(ref, "a marking must not mark itself");
    }
    if (json_exists(lang) && is_text(x, lang, &text)) check_language(x, lang, text);
    if (json_type(selectors) != JSON_ARRAY || json_count(selectors) == 0) {
        stix_find(x, STIX_ERROR, v, "selectors", "must be a list that is not empty");
        return;
    }
    for (struct json_iter it = json_iter(selectors); json_next(&it);)
        if (is_text(x, it.value, &text) && !selector_leads(x, text))
            ERROR(it.value, "the selector \"%.*s\" leads to nothing in this object", SHOWN(text));
}

/* ---- one value ---- */

static void check_object(struct validation *x, struct json_value v, const struct property *p) {
    if (!is_object(x, v, p->inner ? p->inner->type : "an object")) return;
    if (p->inner)
        stix_check_members(x, v, p->inner, NULL);
    else
        stix_check_depths(x, v, STIX_ERROR);
}

void stix_check_value(struct validation *x, struct json_value v, const struct property *p) {
    struct span text;
    switch ((enum property_kind)p->kind) {
    case PROPERTY_STRING:
        if (json_type(v) != JSON_STRING) ERROR(v, "must be a string");
        return;
    case PROPERTY_ENUM:
    case PROPERTY_VOCABULARY:
        check_word_list(x, v, p);
        return;
    case PROPERTY_BOOLEAN:
        if (json_type(v) != JSON_TRUE && json_type(v) != JSON_FALSE) ERROR(v, "must be true or false");
        return;
    case PROPERTY_INTEGER:
        check_integer(x, v, p);
        return;
    case PROPERTY_NUMBER:
        check_number(x, v, p);
        return;
    case PROPERTY_TIME:
        check_time(x, v, p);
        return;
    case PROPERTY_ID:
        check_id(x, v, p);
        return;
    case PROPERTY_HASHES:
        check_hashes(x, v);
        return;
    case PROPERTY_DICTIONARY:
        check_dictionary(x, v);
        return;
    case PROPERTY_OBJECT:
        check_object(x, v, p);
        return;
    case PROPERTY_CONTAINER:
        check_container(x, v);
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
    case PROPERTY_LANGUAGE:
        if (is_text(x, v, &text)) check_language(x, v, text);
        return;
    case PROPERTY_TRANSLATIONS:
        check_translations(x, v);
        return;
    case PROPERTY_IPV4:
        check_address(x, v, AF_INET);
        return;
    case PROPERTY_IPV6:
        check_address(x, v, AF_INET6);
        return;
    case PROPERTY_MAC:
        check_mac(x, v);
        return;
    case PROPERTY_WORD:
        check_ascii_word(x, v);
        return;
    case PROPERTY_GRANULAR:
        check_granular(x, v);
        return;
    }
}
