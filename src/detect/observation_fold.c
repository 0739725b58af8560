/* The one spelling that match compares in, by what a value is. */
#include "detect/normalise.h"
#include "detect/observation.h"

static struct span lower(struct arena *a, struct span text) {
    size_t first = 0;
    while (first < text.len && !(text.at[first] >= 'A' && text.at[first] <= 'Z')) first++;
    if (first == text.len) return text;
    char *copy = arena_alloc(a, text.len);
    if (!copy) return text;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        copy[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return span_of(copy, text.len);
}

/* Hexadecimal digits without colons: serial numbers. */
static struct span digits(struct arena *a, struct span text) {
    char *copy = arena_alloc(a, text.len);
    size_t len = 0;
    if (!copy) return text;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != ':') copy[len++] = text.at[i];
    return lower(a, span_of(copy, len));
}

static struct span fold_mac(struct arena *a, struct span text) {
    char *copy = arena_alloc(a, text.len);
    if (!copy) return text;
    for (size_t i = 0; i < text.len; i++) copy[i] = text.at[i] == '-' ? ':' : text.at[i];
    return lower(a, span_of(copy, text.len));
}

static struct span fold_address(struct arena *a, struct span text) {
    struct address address;
    char spelt[ADDRESS_TEXT_SIZE];
    if (!address_parse_network(text, &address)) return lower(a, text);
    struct span copy = arena_copy(a, span_cstr(address_format(&address, spelt)));
    return copy.at ? copy : text;
}

static struct span fold_kind(struct arena *a, enum atom_kind kind, struct span text) {
    struct span out;
    if (normalise_value(a, kind, text, &out)) return out;
    return kind == ATOM_DOMAIN || kind == ATOM_HASH ? lower(a, text) : text;
}

/* The value at the end of a reference: whatever it looks like. */
static struct span fold_by_look(struct arena *a, struct span text) {
    struct address address;
    if (address_parse_network(text, &address)) return fold_address(a, text);
    if (url_scheme_end(text) != SIZE_MAX) return fold_kind(a, ATOM_URL, text);
    if (span_find_char(text, '@') != SIZE_MAX) return fold_kind(a, ATOM_EMAIL, text);
    return fold_kind(a, ATOM_DOMAIN, text);
}

static bool is_hash_name(struct span property) {
    return span_starts(property, SPAN("MD5")) || span_starts(property, SPAN("SHA")) ||
           span_starts(property, SPAN("md5")) || span_starts(property, SPAN("sha"));
}

struct span observation_fold(struct arena *a, struct span type, struct span property, struct span text) {
    if (text.len == 0) return text;
    if (span_is(property, "value")) {
        if (span_is(type, "mac-addr")) return fold_mac(a, text);
        if (span_is(type, "url")) return fold_kind(a, ATOM_URL, text);
        return fold_by_look(a, text); /* of other types, too: it may stand behind a reference */
    }
    if (is_hash_name(property)) return fold_kind(a, ATOM_HASH, text);
    if (span_is(property, "Host")) return fold_by_look(a, text);
    if (span_is(property, "serial_number")) return digits(a, text);
    if (span_is(property, "protocols") || span_is(property, "request_method") || span_is(property, "request_version") ||
        span_is(property, "mime_type"))
        return lower(a, text);
    return text;
}

bool observation_caseless(struct span type, struct span property) {
    (void)type;
    return span_is(property, "value") || is_hash_name(property) || span_is(property, "Host") ||
           span_is(property, "serial_number") || span_is(property, "protocols") ||
           span_is(property, "request_method") || span_is(property, "request_version") ||
           span_is(property, "mime_type");
}
