/* Rows of CSV (RFC 4180, without line breaks inside fields): which column holds the value, and the value of a row. */
#include "share/list_parts.h"

/* Names of columns that hold values, best first: general ones before the several spellings of one object's facts. */
static const char *const value_columns[] = {"indicator",
                                            "ioc",
                                            "ioc_value",
                                            "ioc-value",
                                            "indicator_value",
                                            "indicator-value",
                                            "value",
                                            "observable",
                                            "url",
                                            "urls",
                                            "uri",
                                            "domain",
                                            "domains",
                                            "domain_name",
                                            "domain-name",
                                            "hostname",
                                            "host",
                                            "fqdn",
                                            "dns",
                                            "dst_ip",
                                            "dest_ip",
                                            "ip",
                                            "ips",
                                            "ip_address",
                                            "ip-address",
                                            "ipaddress",
                                            "ip address",
                                            "ipv4",
                                            "ipv6",
                                            "ip-src",
                                            "ip-dst",
                                            "src_ip",
                                            "address",
                                            "cidr",
                                            "network",
                                            "sha512",
                                            "sha512_hash",
                                            "sha256",
                                            "sha256_hash",
                                            "sha-256",
                                            "sha1",
                                            "sha1_hash",
                                            "sha-1",
                                            "md5",
                                            "md5_hash",
                                            "hash",
                                            "file_hash",
                                            "hashes",
                                            "email",
                                            "e-mail",
                                            "email_address",
                                            "sender"};
static const char *const field_columns[] = {
#define X(NAME, name) #name,
    LIST_FIELDS(X)
#undef X
};
/* What says nothing that an indicator made of the value would not say, or says it anew: not worth telling. */
static const char *const idle_columns[] = {"id", "kind", "pattern", "name", "created_by", "source"};
static const char *const port_columns[] = {"port", "dst_port", "dest_port", "ip_port"};

enum {
    VALUE_COLUMNS = sizeof value_columns / sizeof *value_columns,
    PORT_COLUMNS = sizeof port_columns / sizeof *port_columns,
    IDLE_COLUMNS = sizeof idle_columns / sizeof *idle_columns
};

static const char delimiters[] = {',', '\t', ';', '|'};

static int name_rank(struct span field, const char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (span_equal_nocase(field, span_cstr(names[i]))) return i;
    return -1;
}

/* The quoted field at the start of *rest, unescaped into scratch. */
static bool quoted_field(struct span *rest, char delimiter, struct buf *scratch, struct span *out) {
    size_t start = scratch->len, i = 1;
    for (;; i++) {
        if (i >= rest->len) return false;
        if (rest->at[i] == '"' && (i + 1 >= rest->len || rest->at[i + 1] != '"')) break;
        if (rest->at[i] == '"') i++;
        buf_add_char(scratch, rest->at[i]);
    }
    *out = span_from(buf_span(scratch), start);
    *rest = span_from(*rest, i + 1);
    struct span behind = span_cut(rest, delimiter);
    return span_trim(behind).len == 0 && buf_ok(scratch);
}

bool list_csv_split(struct span line, char delimiter, struct buf *scratch, struct span fields[LIST_COLUMNS_MAX],
                    size_t *count) {
    struct span rest = line;
    bool more = true;
    *count = 0;
    buf_clear(scratch);
    /* Reserved at once: fields point into it. */
    if (!buf_reserve(scratch, line.len + 1)) return false;
    while (more && *count < LIST_COLUMNS_MAX) {
        while (rest.len && (rest.at[0] == ' ' || (rest.at[0] == '\t' && delimiter != '\t'))) rest = span_from(rest, 1);
        struct span *field = &fields[(*count)++];
        if (rest.len && rest.at[0] == '"') {
            const char *end = rest.at + rest.len;
            if (!quoted_field(&rest, delimiter, scratch, field)) return false;
            more = rest.at != NULL && (rest.len || end[-1] == delimiter);
        } else {
            more = span_find_char(rest, delimiter) != SIZE_MAX;
            *field = span_trim(span_cut(&rest, delimiter));
        }
    }
    return true;
}

static void find_fields(const struct span *names, size_t count, struct list_csv *csv) {
    csv->has_fields = false;
    for (int f = 0; f < LIST_FIELD_COUNT; f++) csv->field_columns[f] = -1;
    for (size_t i = 0; i < count; i++) {
        int f = name_rank(names[i], field_columns, LIST_FIELD_COUNT);
        if (f < 0 || csv->field_columns[f] >= 0) continue;
        csv->field_columns[f] = (int)i;
        csv->has_fields = true;
    }
}

static void rank_columns(const struct span *fields, size_t count, struct list_csv *csv) {
    csv->ranked_count = 0;
    csv->port_column = -1;
    for (int rank = 0; rank < VALUE_COLUMNS; rank++)
        for (size_t i = 0; i < count; i++)
            if (name_rank(fields[i], value_columns, VALUE_COLUMNS) == rank)
                csv->ranked[csv->ranked_count++] = (uint8_t)i;
    for (size_t i = 0; i < count; i++)
        if (csv->port_column < 0 && name_rank(fields[i], port_columns, PORT_COLUMNS) >= 0) csv->port_column = (int)i;
    find_fields(fields, count, csv);
}

bool list_csv_unread(const struct list_csv *csv, struct span header, struct buf *scratch, struct arena *keep,
                     struct span **out, size_t *count) {
    struct span fields[LIST_COLUMNS_MAX];
    size_t columns;
    *count = 0;
    *out = arena_zalloc(keep, LIST_COLUMNS_MAX, sizeof(**out));
    if (!*out || !list_csv_split(header, csv->delimiter, scratch, fields, &columns)) return *out != NULL;
    for (size_t i = 0; i < columns; i++)
        if (fields[i].len && name_rank(fields[i], value_columns, VALUE_COLUMNS) < 0 &&
            name_rank(fields[i], field_columns, LIST_FIELD_COUNT) < 0 &&
            name_rank(fields[i], port_columns, PORT_COLUMNS) < 0 &&
            name_rank(fields[i], idle_columns, IDLE_COLUMNS) < 0)
            (*out)[(*count)++] = arena_copy(keep, fields[i]);
    return !keep->overflow;
}

bool list_csv_header(struct span line, struct buf *scratch, struct list_csv *csv) {
    struct span fields[LIST_COLUMNS_MAX];
    size_t count;
    for (size_t i = 0; i < sizeof delimiters; i++) {
        if (span_find_char(line, delimiters[i]) == SIZE_MAX && i > 0) continue; /* one column: say it is a comma's */
        if (!list_csv_split(line, delimiters[i], scratch, fields, &count)) continue;
        rank_columns(fields, count, csv);
        if (!csv->ranked_count) continue;
        csv->delimiter = delimiters[i];
        csv->header = true;
        return true;
    }
    return false;
}

bool list_csv_row(struct span line, struct buf *scratch, struct buf *normal, struct list_csv *csv) {
    struct span fields[LIST_COLUMNS_MAX];
    size_t count;
    for (size_t i = 0; i < sizeof delimiters; i++) {
        if (!list_csv_split(line, delimiters[i], scratch, fields, &count) || count < 2) continue;
        for (size_t f = 0; f < count; f++) {
            enum list_kind kind = list_recognise(fields[f], normal, NULL);
            if (kind == LIST_NONE || kind == LIST_PATH) continue;
            *csv = (struct list_csv){
                .delimiter = delimiters[i], .ranked = {(uint8_t)f}, .ranked_count = 1, .port_column = -1};
            find_fields(NULL, 0, csv);
            return true;
        }
    }
    return false;
}

/* An address and the port of its own column belong together. */
static enum list_kind with_port(enum list_kind kind, struct span port, struct buf *normal) {
    uint64_t n;
    if (!span_u64(port, &n) || n == 0 || n > 65535) return kind;
    if (kind == LIST_IPV4 || kind == LIST_DOMAIN) {
        buf_printf(normal, ":%u", (unsigned)n);
        return kind == LIST_IPV4 ? LIST_IPV4_PORT : LIST_DOMAIN_PORT;
    }
    if (kind != LIST_IPV6) return kind;
    char address[64];
    size_t len = normal->len < sizeof address ? normal->len : sizeof address - 1;
    memcpy(address, normal->at, len);
    buf_clear(normal);
    buf_printf(normal, "[%.*s]:%u", (int)len, address, (unsigned)n);
    return LIST_IPV6_PORT;
}

/* Less the apostrophe that keeps a spreadsheet from taking a text for a formula. */
static struct span disarmed(struct span field) {
    if (field.len < 2 || field.at[0] != '\'') return field;
    struct span rest = span_from(field, 1), bare = rest.at[0] == '\'' ? span_from(rest, 1) : rest;
    return bare.len && bare.at[0] && strchr("=+-@\t\r", bare.at[0]) ? rest : field;
}

static void read_fields(const struct list_csv *csv, const struct span *fields, size_t count, struct list_row *row) {
    struct span *const at[] = {
#define X(NAME, name) &row->name,
        LIST_FIELDS(X)
#undef X
    };
    *row = (struct list_row){0};
    for (int f = 0; f < LIST_FIELD_COUNT; f++)
        if (csv->field_columns[f] >= 0 && (size_t)csv->field_columns[f] < count)
            *at[f] = span_trim(disarmed(fields[csv->field_columns[f]]));
}

enum list_kind list_csv_value(const struct list_csv *csv, struct span line, struct buf *scratch, struct buf *normal,
                              struct list_row *row, const char **reason) {
    struct span fields[LIST_COLUMNS_MAX];
    size_t count;
    *row = (struct list_row){0};
    *reason = "no value in its column";
    if (!list_csv_split(line, csv->delimiter, scratch, fields, &count)) {
        *reason = "a quoted field does not end on this line";
        return LIST_NONE;
    }
    read_fields(csv, fields, count, row);
    for (size_t i = 0; i < csv->ranked_count; i++) {
        if (csv->ranked[i] >= count || !fields[csv->ranked[i]].len) continue;
        enum list_kind kind = list_recognise(disarmed(fields[csv->ranked[i]]), normal, reason);
        if (kind && csv->port_column >= 0 && (size_t)csv->port_column < count)
            kind = with_port(kind, fields[csv->port_column], normal);
        return kind;
    }
    return LIST_NONE;
}
