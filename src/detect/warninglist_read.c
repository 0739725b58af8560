/* MISP's JSON to a header and sorted lines. */
#include <stdlib.h>

#include "detect/normalise.h"
#include "detect/warninglist.h"

static const char *const type_names[] = {[WARNINGLIST_STRING] = "string",
                                         [WARNINGLIST_SUBSTRING] = "substring",
                                         [WARNINGLIST_HOSTNAME] = "hostname",
                                         [WARNINGLIST_CIDR] = "cidr",
                                         [WARNINGLIST_REGEX] = "regex"};

const char *warninglist_type_name(enum warninglist_type type) {
    return type_names[type];
}

#define KIND(name) (UINT32_C(1) << ATOM_##name)
/* MISP's attribute types that are values here: a composite type ("domain|ip") is both its parts. What is not listed
 * speaks of nothing that is looked for in telemetry. */
static const struct {
    const char *attribute;
    uint32_t kinds;
} attributes[] = {
    {"ALL", UINT32_MAX},
    {"ip-src", KIND(ADDRESS)},
    {"ip-dst", KIND(ADDRESS)},
    {"ip-src|port", KIND(ADDRESS)},
    {"ip-dst|port", KIND(ADDRESS)},
    {"domain|ip", KIND(DOMAIN) | KIND(ADDRESS)},
    {"domain", KIND(DOMAIN)},
    {"hostname", KIND(DOMAIN)},
    {"hostname|port", KIND(DOMAIN)},
    {"url", KIND(URL)},
    {"link", KIND(URL)},
    {"uri", KIND(URL) | KIND(PATH)},
    {"email", KIND(EMAIL)},
    {"email-src", KIND(EMAIL)},
    {"email-dst", KIND(EMAIL)},
    {"email-reply-to", KIND(EMAIL)},
    {"target-email", KIND(EMAIL)},
    {"whois-registrant-email", KIND(EMAIL)},
    {"filename", KIND(FILE_NAME)},
    {"filename|md5", KIND(FILE_NAME) | KIND(HASH)},
    {"filename|sha1", KIND(FILE_NAME) | KIND(HASH)},
    {"filename|sha256", KIND(FILE_NAME) | KIND(HASH)},
    {"filename|sha512", KIND(FILE_NAME) | KIND(HASH)},
    {"malware-sample", KIND(FILE_NAME) | KIND(HASH)},
    {"md5", KIND(HASH)},
    {"sha1", KIND(HASH)},
    {"sha256", KIND(HASH)},
    {"sha512", KIND(HASH)},
    {"x509-fingerprint-md5", KIND(HASH)},
    {"x509-fingerprint-sha1", KIND(HASH)},
    {"x509-fingerprint-sha256", KIND(HASH)},
};

static enum err read_type(struct json_value v, enum warninglist_type *out, struct diag *d) {
    if (json_type(v) == JSON_ARRAY) v = json_at(v, 0);
    *out = WARNINGLIST_STRING;
    if (!json_exists(v)) return ERR_NONE;
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (!json_is(v, span_cstr(type_names[i]))) continue;
        *out = (enum warninglist_type)i;
        return ERR_NONE;
    }
    return diag_set(d, ERR_INVALID, "type: a warning list is of type string, substring, hostname, cidr or regex");
}

static enum err read_attributes(struct arena *a, struct json_value v, struct warninglist_header *h, struct diag *d) {
    uint32_t count = json_count(v);
    h->kinds = UINT32_MAX;
    if (json_type(v) != JSON_ARRAY || count == 0) return ERR_NONE;
    struct span *names = arena_zalloc(a, count, sizeof *names);
    if (!names) return diag_set(d, ERR_NOMEM, "no memory for a warning list");
    h->kinds = 0;
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span name = json_text(it.value, a);
        names[h->attribute_count++] = name;
        for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
            if (span_is(name, attributes[i].attribute)) h->kinds |= attributes[i].kinds;
    }
    h->attributes = names;
    return ERR_NONE;
}

static enum err read_header(struct arena *a, struct json_value list, struct warninglist_header *h, struct diag *d) {
    struct json_value version = json_get(list, "version");
    *h = (struct warninglist_header){.name = span_trim(json_text(json_get(list, "name"), a)),
                                     .description = json_text(json_get(list, "description"), a)};
    if (json_type(list) != JSON_OBJECT || h->name.len == 0)
        return diag_set(d, ERR_INVALID, "this is no warning list: it has no name");
    if (h->name.len > WARNINGLIST_NAME_LENGTH_MAX)
        return diag_set(d, ERR_LIMIT, "name: at most %d bytes", WARNINGLIST_NAME_LENGTH_MAX);
    h->version = json_type(version) == JSON_STRING   ? json_text(version, a)
                 : json_type(version) == JSON_NUMBER ? json_raw(version)
                                                     : (struct span){0};
    enum err e = read_type(json_get(list, "type"), &h->type, d);
    return e ? e : read_attributes(a, json_get(list, "matching_attributes"), h, d);
}

/* ---- entries ---- */

static struct span folded(struct arena *a, struct span text) {
    char *at = arena_alloc(a, text.len + 1);
    if (!at) return (struct span){0};
    for (size_t i = 0; i < text.len; i++)
        at[i] = text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] + 32) : text.at[i];
    return span_of(at, text.len);
}

/* The spelling an entry is compared in; empty when it can be nothing of the list's type. */
static struct span spelling(struct arena *a, enum warninglist_type type, struct span text) {
    struct span domain;
    struct address address;
    char canonical[ADDRESS_TEXT_SIZE];
    switch (type) {
    case WARNINGLIST_REGEX:
        return text;
    case WARNINGLIST_CIDR:
        if (!address_parse_network(text, &address)) return (struct span){0};
        return arena_copy(a, span_cstr(address_format(&address, canonical)));
    case WARNINGLIST_SUBSTRING:
        return folded(a, text);
    default:
        break;
    }
    if (address_parse_network(text, &address)) return arena_copy(a, span_cstr(address_format(&address, canonical)));
    bool below = text.at[0] == '.';
    while (text.len > 0 && text.at[0] == '.') text = span_from(text, 1);
    while (text.len > 0 && text.at[text.len - 1] == '.') text.len--;
    if (normalise_domain(a, text, &domain)) text = domain;
    if (!below || type == WARNINGLIST_HOSTNAME) return folded(a, text);
    return folded(a, arena_printf(a, ".%.*s", SPAN_ARG(text)));
}

static int by_bytes(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static enum err read_entry(struct arena *a, const struct warninglist_header *h, struct json_value v, struct span *out,
                           struct diag *d) {
    char path[JSON_PATH_SIZE];
    struct span text = span_trim(json_text(v, a));
    *out = (struct span){0};
    if (json_type(v) != JSON_STRING || text.len > WARNINGLIST_ENTRY_LENGTH_MAX ||
        span_find_char(text, '\n') != SIZE_MAX)
        return diag_set(d, ERR_INVALID, "%s: an entry is a text of one line and at most %d bytes",
                        json_path(v, path, sizeof path), WARNINGLIST_ENTRY_LENGTH_MAX);
    if (text.len == 0) return ERR_NONE; /* MISP leaves blank ones out, too */
    *out = spelling(a, h->type, text);
    if (a->overflow) return diag_set(d, ERR_NOMEM, "no memory for a warning list");
    if (out->len == 0 && h->type == WARNINGLIST_CIDR)
        return diag_set(d, ERR_INVALID, "%s: '%.*s' is no address or network", json_path(v, path, sizeof path),
                        SPAN_ARG(span_first(text, 64)));
    return ERR_NONE;
}

static enum err read_entries(struct arena *a, struct json_value list, struct warninglist_header *h, struct buf *out,
                             struct diag *d) {
    uint32_t count = json_count(list);
    uint32_t most = h->type == WARNINGLIST_REGEX ? WARNINGLIST_EXPRESSIONS_MAX : WARNINGLIST_ENTRIES_MAX;
    if (json_type(list) != JSON_ARRAY && json_type(list) != JSON_OBJECT)
        return diag_set(d, ERR_INVALID, "list: an array of entries, or an object of entries with comments");
    if (count > most) return diag_set(d, ERR_LIMIT, "list: more than %u entries", most);
    struct span *entries = malloc((count + (size_t)1) * sizeof *entries);
    enum err e = entries ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for a warning list");
    size_t kept = 0;
    for (struct json_iter it = json_iter(list); !e && json_next(&it);) {
        e = read_entry(a, h, json_type(list) == JSON_OBJECT ? it.key : it.value, &entries[kept], d);
        if (!e && entries[kept].len > 0) kept++;
    }
    if (!e) qsort(entries, kept, sizeof *entries, by_bytes);
    for (size_t i = 0; !e && i < kept; i++) {
        if (i > 0 && span_equal(entries[i], entries[i - 1])) continue;
        buf_add(out, entries[i]);
        buf_add_char(out, '\n');
        h->entry_count++;
    }
    free(entries);
    if (!e && h->entry_count == 0) e = diag_set(d, ERR_INVALID, "list: there is no entry");
    return e || buf_ok(out) ? e : diag_set(d, ERR_NOMEM, "no memory for a warning list");
}

enum err warninglist_read(struct arena *a, struct span json, struct warninglist_header *header, struct buf *entries,
                          struct diag *d) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    if (!doc) return diag_set(d, ERR_NOMEM, "no memory for a warning list");
    enum err e = json_parse(a, json, doc, d);
    if (!e) e = read_header(a, json_root(doc), header, d);
    if (!e) e = read_entries(a, json_get(json_root(doc), "list"), header, entries, d);
    /* Expressions are tried now, so that a bad one is told to who adds the list and not to who matches. */
    struct warninglist *tried = NULL;
    if (!e && header->type == WARNINGLIST_REGEX) e = warninglist_compile(header->type, buf_span(entries), &tried, d);
    warninglist_free(&tried);
    return e;
}
