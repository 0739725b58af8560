/* Zeek's own format: header lines that start with '#', then fields split by a separator (a tab, nearly always). */
#include "detect/fields.h"
#include "detect/reader.h"

void reader_header_init(struct reader_header *h) {
    *h = (struct reader_header){
        .settings = h->settings, .separator = '\t', .set_separator = ',', .empty_field = "(empty)", .unset_field = "-"};
}

/* "\x09" or one character. */
static bool read_separator(struct span text, char *out) {
    static const char digits[] = "0123456789abcdef";
    if (text.len == 4 && span_starts(text, SPAN("\\x"))) {
        const char *high = strchr(digits, text.at[2] | 0x20), *low = strchr(digits, text.at[3] | 0x20);
        if (!high || !low || !*high || !*low) return false;
        *out = (char)((high - digits) << 4 | (low - digits));
        return *out != '\n' && *out != '\0';
    }
    if (text.len != 1 || text.at[0] == '\n') return false;
    *out = text.at[0];
    return true;
}

static void copy_word(char *out, size_t size, struct span word) {
    size_t len = word.len < size - 1 ? word.len : size - 1;
    if (len) memcpy(out, word.at, len);
    out[len] = '\0';
}

/* The columns' names, spelt as the tables do. */
static void read_fields(struct reader_header *h, struct span names) {
    size_t used = 0;
    h->column_count = 0;
    while (names.len > 0 && h->column_count < READER_COLUMNS_MAX) {
        struct span name = span_cut(&names, h->separator);
        if (name.len >= FIELD_NAME_MAX || used + name.len + 1 > sizeof h->names) name.len = 0;
        if (used + 1 > sizeof h->names) return;
        h->name_at[h->column_count++] = (uint16_t)used;
        for (size_t i = 0; i < name.len; i++) h->names[used++] = name.at[i] == '.' ? '_' : name.at[i];
        h->names[used++] = '\0';
    }
}

void reader_header_line(struct reader_header *h, struct span line) {
    if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
    struct span key = line, value = {0};
    size_t blank = span_find_char(line, ' ');
    if (span_starts(line, SPAN("#separator")) && blank != SIZE_MAX) {
        read_separator(span_from(line, blank + 1), &h->separator);
        return;
    }
    value = line;
    key = span_cut(&value, h->separator);
    if (span_is(key, "#set_separator"))
        read_separator(value, &h->set_separator);
    else if (span_is(key, "#empty_field"))
        copy_word(h->empty_field, sizeof h->empty_field, value);
    else if (span_is(key, "#unset_field"))
        copy_word(h->unset_field, sizeof h->unset_field, value);
    else if (span_is(key, "#path"))
        copy_word(h->path, sizeof h->path, value);
    else if (span_is(key, "#fields"))
        read_fields(h, value);
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* Undoes "\x2c" and "\\". */
static struct span unescape(struct arena *a, struct span text) {
    if (!text.len || !memchr(text.at, '\\', text.len)) return text;
    char *out = arena_alloc(a, text.len);
    size_t n = 0;
    if (!out) return span_of(NULL, 0);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool hex = c == '\\' && i + 3 < text.len && text.at[i + 1] == 'x' && hex_digit(text.at[i + 2]) >= 0 &&
                   hex_digit(text.at[i + 3]) >= 0;
        if (hex) {
            c = (char)(hex_digit(text.at[i + 2]) << 4 | hex_digit(text.at[i + 3]));
            i += 3;
        } else if (c == '\\' && i + 1 < text.len && text.at[i + 1] == '\\') {
            i++;
        }
        out[n++] = c;
    }
    return span_of(out, n);
}

/* Whether a column holds a set or vector: those, and only those, are split. Names suffice: the tables know which. */
static bool is_set(const struct field_row *row) {
    static const char *const sets[] = {"answers",
                                       "cert_chain_fps",
                                       "client_cert_chain_fps",
                                       "san_dns",
                                       "san_ip",
                                       "san_uri",
                                       "san_email",
                                       "tx_hosts",
                                       "rx_hosts",
                                       "rcptto",
                                       "to",
                                       "cc",
                                       "path",
                                       "proxied",
                                       "orig_filenames",
                                       "resp_filenames",
                                       "service"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (strcmp(row->name, sets[i]) == 0) return true;
    return false;
}

static void column(struct event_builder *b, const struct reader_header *h, unsigned at, struct span text) {
    const struct field_row *row = field_find(&zeek_fields, h->names + h->name_at[at], span_cstr(h->path));
    if (text.len == 0 || span_is(text, h->unset_field) || span_is(text, h->empty_field)) return;
    if (!row) {
        if (!zeek_log_is_known(span_cstr(h->path))) event_add_by_shape(b, 0, unescape(b->arena, text));
        return;
    }
    if (!is_set(row)) {
        field_apply(b, row, unescape(b->arena, text));
        return;
    }
    while (text.len > 0) field_apply(b, row, unescape(b->arena, span_cut(&text, h->set_separator)));
}

static enum err read_line(struct span line, const struct reader_header *h, struct arena *a,
                          const struct detect_event **out, struct diag *d) {
    *out = NULL;
    if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
    if (line.len == 0 || line.at[0] == '#') return ERR_NONE;
    if (!h || h->column_count == 0)
        return diag_set(d, ERR_SYNTAX, "a line before any #fields line: no telling its columns");
    struct event_builder b;
    event_begin(&b, a);
    if (h->settings) b.zone_us = h->settings->zone_us;
    struct span name = arena_printf(a, "zeek.%s", h->path);
    b.event.log = name.at ? name.at : "zeek";
    unsigned count = 0;
    while (line.at) {
        struct span text = span_cut(&line, h->separator);
        if (count < h->column_count) column(&b, h, count, text);
        count++;
    }
    if (count != h->column_count)
        return diag_set(d, ERR_SYNTAX, "%u fields where the header names %u", count, h->column_count);
    field_log_protocol(&b, span_cstr(h->path));
    *out = event_end(&b);
    return *out ? ERR_NONE : diag_set(d, ERR_NOMEM, "the line is too large for memory");
}

static int recognise(struct span sample) {
    return span_starts(sample, SPAN("#separator")) || span_find(span_first(sample, 4096), SPAN("#fields\t")) == 0 ||
                   span_find(span_first(sample, 4096), SPAN("\n#fields\t")) != SIZE_MAX
               ? 100
               : 0;
}

const struct detect_reader detect_reader_zeek_tsv = {
    .name = "zeek-tsv", .shape = READER_TABLE, .recognise = recognise, .read = read_line};
