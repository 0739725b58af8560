#include "detect/fields.h"

#include <stdio.h>
#include <time.h>

#include "stix/schema.h"

static bool row_fits(const struct field_row *row, struct span log) {
    return !row->log || log.len == 0 || span_is(log, row->log);
}

const struct field_row *field_find(const struct field_table *table, const char *name, struct span log) {
    size_t low = 0, high = table->count;
    while (low < high) { /* the first row that is not below */
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->rows[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct field_row *found = NULL;
    for (; low < table->count && strcmp(table->rows[low].name, name) == 0; low++) {
        if (!row_fits(&table->rows[low], log)) continue;
        if (log.len || !table->rows[low].log) return &table->rows[low];
        if (!found)
            found = &table->rows[low]; /* the log is not known: the row for any, which is last, if there is one */
    }
    return found;
}

/* "23/Nov/2026:08:46:15 +0900" as web servers write it, "Mon, 23 Nov 2026 08:46:15 +0900" as e-mail has it, and
 * OpenSSL's "Nov 23 08:46:15 2026 GMT". */
static bool time_of_words(struct span text, time_us *out) {
    static const char *const formats[] = {"%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z",
                                          "%b %d %H:%M:%S %Y GMT"};
    char copy[64];
    if (text.len == 0 || text.len >= sizeof copy) return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (strlen(copy) != text.len) return false;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, formats[i], &tm);
        if (!end || (*end != '\0' && strncmp(end, " (", 2) != 0)) continue; /* a comment: "+0900 (JST)" */
        long east = tm.tm_gmtoff;
        tm.tm_gmtoff = 0;
        time_t seconds = timegm(&tm);
        if (tm.tm_year < 0 || tm.tm_year > 8099) return false;
        *out = ((time_us)seconds - east) * TIME_US_PER_S;
        return true;
    }
    return false;
}

/* "2026-11-23 08:46:15.5", "2026/11/23T08:46:15": without a zone. */
static bool time_without_zone(struct span text, int64_t zone_us, time_us *out) {
    char copy[48];
    if (text.len < 16 || text.len >= sizeof copy - 4) return false;
    memcpy(copy, text.at, text.len);
    if (copy[4] == '/' && copy[7] == '/') copy[4] = copy[7] = '-';
    if (copy[4] != '-') return false;
    size_t len = text.len;
    for (size_t i = 0; i < len; i++) /* some write a comma before the fraction */
        if (copy[i] == ',') copy[i] = '.';
    if (len == 16) { /* no seconds, as OpenSSL's and spreadsheets' short forms */
        memcpy(copy + len, ":00", 3);
        len += 3;
    }
    copy[len++] = 'Z';
    if (!time_parse_rfc3339(span_of(copy, len), out)) return false;
    *out -= zone_us;
    return true;
}

bool field_time(struct span text, int64_t zone_us, time_us *out) {
    uint64_t n;
    if (text.len >= 13 && span_u64(text, &n)) { /* seconds have 10 digits until the year 2286 */
        uint64_t us = text.len >= 19 ? n / 1000 : text.len >= 16 ? n : n * 1000;
        if (us > (uint64_t)INT64_MAX) return false;
        *out = (time_us)us;
        return true;
    }
    return time_parse_unix(text, out) || time_parse_rfc3339(text, out) || time_without_zone(text, zone_us, out) ||
           time_of_words(text, out);
}

static void set_port(int32_t *port, struct span text) {
    uint64_t n;
    if (span_u64(text, &n) && n <= 65535) *port = (int32_t)n;
}

/* Where a path leads through references: the last object's type and its property; empty where nobody can say. */
static void path_end(struct span path, struct span *type, struct span *property) {
    *property = path;
    *type = span_cut(property, ':');
    for (size_t end; (end = span_find(*property, SPAN("_ref"))) != SIZE_MAX;) {
        const struct schema *schema = stix_schema(*type);
        const struct property *p = schema ? schema->properties : NULL;
        while (p && p->name && !(span_starts(*property, span_cstr(p->name)) && p->kind == PROPERTY_ID)) p++;
        if (!p || !p->name || !p->words) break; /* within an extension, or of any type */
        struct span words = span_trim(span_cstr(p->words));
        *type = span_cut(&words, ' ');
        *property = span_from(*property, p->name_len);
        if (span_starts(*property, SPAN("[*]"))) *property = span_from(*property, 3);
        if (property->len) *property = span_from(*property, 1); /* the dot */
    }
}

/* What is set as a property by its path is looked up as well, whose it is. */
static void add_property_atoms(struct event_builder *b, const char *path, struct span text) {
    static const struct {
        const char *type, *property;
        enum atom_kind kind;
        enum atom_root root;
    } rows[] = {{"file", "name", ATOM_FILE_NAME, ROOT_FILE},
                {"file", "hashes", ATOM_HASH, ROOT_FILE},
                {"artifact", "hashes", ATOM_HASH, ROOT_ARTIFACT},
                {"x509-certificate", "hashes", ATOM_HASH, ROOT_CERTIFICATE},
                {"url", "value", ATOM_URL, ROOT_URL},
                {"email-addr", "value", ATOM_EMAIL, ROOT_EMAIL}};
    struct span type, property;
    path_end(span_cstr(path), &type, &property);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (span_is(type, rows[i].type) && span_starts(property, span_cstr(rows[i].property)))
            event_add(b, rows[i].kind, rows[i].root, 0, text);
    bool host = span_is(type, "ipv4-addr") || span_is(type, "ipv6-addr") || span_is(type, "domain-name");
    if (host && span_is(property, "value")) event_add_host(b, 0, text);
}

/* The atoms a value gives. */
static void add_atoms(struct event_builder *b, const struct field_target_row *target, struct span text) {
    time_us time;
    switch (target->meaning) {
    case FIELD_TIME:
        if (b->event.time == TIME_NONE && field_time(text, b->zone_us, &time)) b->event.time = time;
        return;
    case FIELD_HOST:
        event_add_host(b, target->roles, text);
        return;
    case FIELD_URL:
        event_add(b, ATOM_URL, ROOT_URL, target->roles, text);
        return;
    case FIELD_HTTP_HOST:
        event_set_host(b, text);
        return;
    case FIELD_REQUEST:
        event_set_request(b, text);
        return;
    case FIELD_URL_PORT:
        set_port(&b->url_port, text);
        return;
    case FIELD_FILE_HASH:
        event_add(b, ATOM_HASH, ROOT_FILE, 0, text);
        return;
    case FIELD_CERTIFICATE_HASH:
        event_add(b, ATOM_HASH, ROOT_CERTIFICATE, 0, text);
        return;
    case FIELD_FILE_NAME:
        event_add(b, ATOM_FILE_NAME, ROOT_FILE, 0, text);
        return;
    case FIELD_EMAIL:
        event_add(b, ATOM_EMAIL, ROOT_EMAIL, target->roles, text);
        return;
    case FIELD_SRC_PORT:
        set_port(&b->event.src_port, text);
        return;
    case FIELD_DST_PORT:
        set_port(&b->event.dst_port, text);
        return;
    case FIELD_PROTOCOL:
        event_add_protocol(b, text);
        return;
    case FIELD_SHAPE:
        event_add_by_shape(b, target->roles, text);
        return;
    case FIELD_NOTHING:
        return;
    }
}

void field_apply(struct event_builder *b, const struct field_row *row, struct span text) {
    if (text.len == 0 || row->target == TO_NOTHING) return;
    uint32_t first = b->event.count;
    add_atoms(b, &field_targets[row->target], text);
    if (row->target == TO_PROPERTY) add_property_atoms(b, row->key, text);
    event_add_fact(b, row->target, row->key, text, first);
}

void field_log_protocol(struct event_builder *b, struct span log) {
    static const struct {
        const char *log, *protocols; /* the transport only where there is no other and the log does not say */
    } rows[] = {{"dns", "dns"},         {"http", "tcp,http"}, {"ssl", "ssl"},           {"tls", "tls"},
                {"smtp", "tcp,smtp"},   {"ssh", "tcp,ssh"},   {"rdp", "rdp"},           {"kerberos", "kerberos"},
                {"krb5", "kerberos"},   {"smb", "tcp,smb"},   {"smb_files", "tcp,smb"}, {"smb_mapping", "tcp,smb"},
                {"ftp", "tcp,ftp"},     {"ntlm", "ntlm"},     {"dhcp", "udp,dhcp"},     {"quic", "udp,quic"},
                {"dce_rpc", "dce_rpc"}, {"snmp", "snmp"},     {"sip", "sip"},           {"irc", "irc"},
                {"dcerpc", "dcerpc"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!span_is(log, rows[i].log)) continue;
        struct span rest = span_cstr(rows[i].protocols), one = span_cut(&rest, ',');
        if (rest.at && b->event.protocol_count == 0) event_add_protocol(b, one);
        if (rest.at) one = rest;
        for (unsigned k = 0; k < b->event.protocol_count; k++)
            if (span_equal(b->event.protocols[k], one)) return;
        event_add_protocol(b, one);
        return;
    }
}

struct walk {
    struct event_builder *builder;
    const struct field_table *table;
    struct span log;
    char name[FIELD_NAME_MAX];
};

/* Appends a key to the name at `len`; returns the new length, SIZE_MAX when it does not fit. */
static size_t append_key(struct walk *w, size_t len, struct span key) {
    if (len + key.len + 2 > sizeof w->name) return SIZE_MAX;
    if (len) w->name[len++] = '_';
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];
        if (c == '.' || (c == '-' && w->table->fold)) c = '_';
        if (w->table->fold && c >= 'A' && c <= 'Z') c = (char)(c | 0x20);
        w->name[len++] = c;
    }
    w->name[len] = '\0';
    return len;
}

static void scalar(struct walk *w, struct json_value value, size_t len) {
    enum json_type type = json_type(value);
    const struct field_row *row = len == SIZE_MAX ? NULL : field_find(w->table, w->name, w->log);
    if (type == JSON_STRING) {
        struct span text = json_text(value, w->builder->arena);
        if (row) field_apply(w->builder, row, text);
        if (w->table->by_shape && (!row || field_targets[row->target].shape)) event_add_by_shape(w->builder, 0, text);
    } else if (type == JSON_NUMBER && row) {
        field_apply(w->builder, row, json_raw(value));
    }
}

/* Depth is bounded by JSON_DEPTH_MAX. Elements of a list go under the list's own name. */
static void walk(struct walk *w, struct json_value value, size_t len) {
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        size_t below = len;
        if (it.object)
            below = len == SIZE_MAX ? SIZE_MAX : append_key(w, len, json_text(it.key, w->builder->arena));
        else if (len != SIZE_MAX)
            w->name[len] = '\0';
        enum json_type type = json_type(it.value);
        if (type == JSON_OBJECT || type == JSON_ARRAY)
            walk(w, it.value, below);
        else
            scalar(w, it.value, below);
    }
}

void fields_walk(struct event_builder *b, struct json_value object, const struct field_table *table, struct span log) {
    struct walk w = {.builder = b, .table = table, .log = log};
    walk(&w, object, 0);
}
