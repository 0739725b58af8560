#include "taxii/filter.h"

#include "base/encode.h"
#include "stix/id.h"

enum { MAC_SIZE = 16, TYPE_LENGTH_MAX = STIX_TYPE_MAX };

static const char *const bound_parameters[] = {"added_after", "match[id]", "match[type]", "match[version]",
                                               "match[spec_version]"};

/* The one value of a parameter; empty and absent are the same (clients send "next=" when there was none). */
static enum err read_value(const struct http_query *q, const char *name, struct span *out, struct diag *d) {
    *out = (struct span){0};
    if (http_query_count(q, name) > 1)
        return diag_set(d, ERR_INVALID, "%s is given more than once; separate values with commas", name);
    if (!http_query_find(q, name, out)) *out = (struct span){0};
    return ERR_NONE;
}

static void add_framed(struct buf *out, struct span s) {
    buf_printf(out, "%zu:", s.len);
    buf_add(out, s);
}

static enum err bind(const struct http_query *q, const struct taxii_scope *scope, struct sha256 *out, struct diag *d) {
    struct buf text = BUF_EMPTY;
    add_framed(&text, scope->party);
    add_framed(&text, scope->collection);
    add_framed(&text, scope->resource);
    add_framed(&text, scope->object);
    for (size_t i = 0; i < sizeof bound_parameters / sizeof *bound_parameters; i++) {
        struct span value = {0};
        if (!http_query_find(q, bound_parameters[i], &value)) value = (struct span){0};
        add_framed(&text, value);
    }
    bool ok = buf_ok(&text);
    *out = sha256_of(buf_span(&text));
    buf_free(&text);
    return ok ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory left for this request");
}

/* ---- cursors ----------------------------------------------------------------------------------------------------- */

static void cursor_mac(const struct taxii_scope *scope, const struct sha256 *binding, const uint8_t place[8],
                       uint8_t out[MAC_SIZE]) {
    static const char domain[] = "taxii cursor v1\n";
    uint8_t message[sizeof domain - 1 + SHA256_SIZE + 8];
    memcpy(message, domain, sizeof domain - 1);
    memcpy(message + sizeof domain - 1, binding->b, SHA256_SIZE);
    memcpy(message + sizeof domain - 1 + SHA256_SIZE, place, 8);
    struct sha256 mac = hmac_sha256(scope->secret, span_of(message, sizeof message));
    memcpy(out, mac.b, MAC_SIZE);
}

void taxii_cursor_write(const struct taxii_scope *scope, const struct sha256 *binding, uint64_t from,
                        char out[TAXII_CURSOR_SIZE]) {
    uint8_t raw[8 + MAC_SIZE];
    for (int i = 0; i < 8; i++) raw[i] = (uint8_t)(from >> (56 - 8 * i));
    cursor_mac(scope, binding, raw, raw + 8);
    hex_write(span_of(raw, sizeof raw), out);
}

static enum err read_cursor(struct span text, const struct taxii_scope *scope, const struct sha256 *binding,
                            uint64_t *from, struct diag *d) {
    uint8_t raw[8 + MAC_SIZE], mac[MAC_SIZE], wrong = 0;
    *from = 0;
    if (!hex_read(text, raw, sizeof raw)) return diag_set(d, ERR_INVALID, "next is not a cursor of this server");
    cursor_mac(scope, binding, raw, mac);
    for (int i = 0; i < MAC_SIZE; i++) wrong |= (uint8_t)(mac[i] ^ raw[8 + i]);
    if (wrong)
        return diag_set(d, ERR_INVALID, "next does not belong to these filters: repeat those of the page it came with");
    for (int i = 0; i < 8; i++) *from = *from << 8 | raw[i];
    return ERR_NONE;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static enum err read_limit(struct span text, uint32_t *out, struct diag *d) {
    uint64_t number;
    *out = TAXII_LIMIT_DEFAULT;
    if (text.len == 0) return ERR_NONE;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9') return diag_set(d, ERR_INVALID, "limit is not a number above 0");
    if (!span_u64(text, &number)) number = TAXII_LIMIT_MAX; /* too many digits: as many as there may be */
    if (number == 0) return diag_set(d, ERR_INVALID, "limit is not a number above 0");
    *out = number > TAXII_LIMIT_MAX ? TAXII_LIMIT_MAX : (uint32_t)number;
    return ERR_NONE;
}

/* Splits a comma list and keeps the values that could be on an object; *given: there was a value at all. */
static enum err read_list(struct arena *a, struct span text, const char *name, bool ids, const struct span **out,
                          size_t *count, bool *given, struct diag *d) {
    *out = NULL;
    *count = 0;
    *given = text.len > 0;
    if (!*given) return ERR_NONE;
    size_t room = 1, seen = 0;
    for (size_t i = 0; i < text.len; i++) room += text.at[i] == ',';
    if (room > TAXII_MATCH_MAX) return diag_set(d, ERR_INVALID, "%s has more than %d values", name, TAXII_MATCH_MAX);
    struct span *list = arena_zalloc(a, room, sizeof *list);
    if (!list) return diag_set(d, ERR_NOMEM, "no memory left for this request");
    while (text.at && seen++ <= room) {
        struct span value = span_trim(span_cut(&text, ','));
        bool possible = ids ? stix_id_valid(value) : value.len > 0 && value.len <= TYPE_LENGTH_MAX;
        for (size_t i = 0; possible && i < *count; i++) possible = !span_equal(list[i], value);
        if (possible) list[(*count)++] = value;
    }
    *out = list;
    return ERR_NONE;
}

static enum err read_versions(struct arena *a, struct span text, struct taxii_filter *f, struct diag *d) {
    static const struct {
        const char *name;
        unsigned flag;
    } names[] = {{"last", TAXII_VERSION_LAST}, {"first", TAXII_VERSION_FIRST}, {"all", TAXII_VERSION_ALL}};
    if (text.len == 0) {
        f->versions = TAXII_VERSION_LAST;
        return ERR_NONE;
    }
    size_t room = 1;
    for (size_t i = 0; i < text.len; i++) room += text.at[i] == ',';
    if (room > TAXII_MATCH_MAX)
        return diag_set(d, ERR_INVALID, "match[version] has more than %d values", TAXII_MATCH_MAX);
    time_us *times = arena_zalloc(a, room, sizeof *times);
    if (!times) return diag_set(d, ERR_NOMEM, "no memory left for this request");
    while (text.at) {
        struct span value = span_trim(span_cut(&text, ','));
        unsigned flag = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (span_is(value, names[i].name)) flag = names[i].flag;
        bool again = (f->versions & flag) != 0;
        if (!flag && !time_parse_stix(value, &times[f->time_count++]))
            return diag_set(d, ERR_INVALID, "match[version] takes first, last, all and timestamps, not \"%.*s\"",
                            SPAN_ARG(span_first(value, 40)));
        for (size_t i = 0; !flag && i + 1 < f->time_count; i++) again |= times[i] == times[f->time_count - 1];
        if (again)
            return diag_set(d, ERR_INVALID, "match[version] has \"%.*s\" twice", SPAN_ARG(span_first(value, 40)));
        f->versions |= flag;
    }
    if (f->versions & TAXII_VERSION_ALL && (f->versions != TAXII_VERSION_ALL || f->time_count))
        return diag_set(d, ERR_INVALID, "match[version] takes all by itself or not at all");
    f->times = times;
    return ERR_NONE;
}

/* Where every object is STIX 2.1, a list of other versions matches nothing (§3.4.1). */
static bool wants_stix_21(struct span text) {
    if (text.len == 0) return true;
    while (text.at)
        if (span_is(span_trim(span_cut(&text, ',')), "2.1")) return true;
    return false;
}

static enum err read_match(struct arena *a, const struct http_query *q, bool mixed, struct taxii_filter *f,
                           struct diag *d) {
    struct span ids, types, versions, specs;
    bool ids_given = false, types_given = false, specs_given;
    enum err e;
    if ((e = read_value(q, "match[id]", &ids, d)) || (e = read_value(q, "match[type]", &types, d)) ||
        (e = read_value(q, "match[version]", &versions, d)) || (e = read_value(q, "match[spec_version]", &specs, d)) ||
        (e = read_list(a, ids, "match[id]", true, &f->ids, &f->id_count, &ids_given, d)) ||
        (e = read_list(a, types, "match[type]", false, &f->types, &f->type_count, &types_given, d)) ||
        (e = read_list(a, specs, "match[spec_version]", false, &f->specs, &f->spec_count, &specs_given, d)) ||
        (e = read_versions(a, versions, f, d)))
        return e;
    if (!mixed) f->spec_count = 0;
    f->nothing = (!mixed && !wants_stix_21(specs)) || (mixed && specs_given && f->spec_count == 0) ||
                 (ids_given && f->id_count == 0) || (types_given && f->type_count == 0);
    return ERR_NONE;
}

enum err taxii_filter_read(struct arena *a, const struct http_query *q, const struct taxii_scope *scope,
                           struct taxii_filter *out, struct diag *d) {
    struct span added_after, limit, next;
    enum err e;
    *out = (struct taxii_filter){.added_after = TIME_NONE};
    if ((e = read_value(q, "added_after", &added_after, d)) || (e = read_value(q, "limit", &limit, d)) ||
        (e = read_value(q, "next", &next, d)) || (e = read_limit(limit, &out->limit, d)) ||
        (e = read_match(a, q, scope->mixed, out, d)) || (e = bind(q, scope, &out->binding, d)))
        return e;
    if (added_after.len && !time_parse_stix(added_after, &out->added_after))
        return diag_set(d, ERR_INVALID, "added_after is not a timestamp such as 2026-01-02T03:04:05.000006Z");
    return next.len ? read_cursor(next, scope, &out->binding, &out->from, d) : ERR_NONE;
}
