/* CSV (RFC 4180), one record a line: a quoted field may hold separators and doubled quotes, but no line feed. The
 * columns are those a mapping names, else those of the file's first line; what they mean says the mapping, else the
 * table of well-known names. */
#include "detect/fields.h"
#include "detect/reader.h"

/* The next field of the line; false when a quoted one does not end. *rest.at is NULL behind the last. */
static bool next_field(struct span *rest, char separator, struct arena *a, struct span *field) {
    if (rest->len == 0 || rest->at[0] != '"') {
        *field = span_cut(rest, separator);
        return true;
    }
    size_t i = 1, doubled = 0;
    for (; i < rest->len; i++) {
        if (rest->at[i] != '"') continue;
        if (i + 1 == rest->len || rest->at[i + 1] != '"') break;
        doubled++;
        i++;
    }
    if (i >= rest->len) return false;
    *field = span_of(rest->at + 1, i - 1);
    *rest = span_from(*rest, i + 1);
    span_cut(rest, separator); /* what stands between the quote and the separator is nothing */
    if (doubled == 0) return true;
    char *copy = arena_alloc(a, field->len);
    size_t len = 0;
    if (!copy) return false;
    for (i = 0; i < field->len; i++) {
        copy[len++] = field->at[i];
        if (field->at[i] == '"') i++;
    }
    *field = span_of(copy, len);
    return true;
}

static struct span without_return(struct span line) {
    if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
    return line;
}

static void add_column(struct reader_header *h, size_t *used, struct span name) {
    if (h->column_count == READER_COLUMNS_MAX || *used + 1 > sizeof h->names) return;
    if (name.len >= FIELD_NAME_MAX || *used + name.len + 1 > sizeof h->names) name.len = 0;
    h->name_at[h->column_count++] = (uint16_t)*used;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (c == '.' || c == '-') c = '_';
        h->names[(*used)++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    h->names[(*used)++] = '\0';
}

static bool begin(struct reader_header *h, struct span line) {
    const struct reader_settings *s = h->settings;
    struct arena a;
    struct span name, rest = without_return(line);
    size_t used = 0;
    h->column_count = 0;
    h->separator = s && s->separator ? s->separator : ',';
    for (unsigned i = 0; s && i < s->column_count; i++) add_column(h, &used, span_cstr(s->columns[i]));
    if (h->column_count) return false; /* the line is data */
    arena_init(&a, 1 << 20);
    while (rest.at && next_field(&rest, h->separator, &a, &name)) add_column(h, &used, span_trim(name));
    arena_free(&a);
    return true;
}

static void column(struct event_builder *b, const struct field_table *table, const char *name, struct span text) {
    const struct field_row *row = field_find(table, name, span_of(NULL, 0));
    if (text.len == 0 || span_is(text, "-")) return;
    if (row) field_apply(b, row, text);
    if (table->by_shape && (!row || field_targets[row->target].shape)) event_add_by_shape(b, 0, text);
}

static enum err read_line(struct span line, const struct reader_header *h, struct arena *a,
                          const struct detect_event **out, struct diag *d) {
    const struct reader_settings *s = h ? h->settings : NULL;
    const struct field_table *table = s && s->table ? s->table : &generic_fields;
    struct event_builder b;
    struct span text;
    unsigned count = 0;
    *out = NULL;
    line = without_return(line);
    if (line.len == 0 || line.at[0] == '\0') return ERR_NONE; /* the header line is blanked out */
    if (!h || h->column_count == 0) return diag_set(d, ERR_SYNTAX, "the columns have no names");
    event_begin(&b, a);
    b.event.log = s && s->log ? s->log : "csv";
    b.zone_us = s ? s->zone_us : 0;
    b.host_has_port = true;
    while (line.at) {
        if (!next_field(&line, h->separator, a, &text))
            return diag_set(d, ERR_SYNTAX, "the quoted field %u does not end on its line", count + 1);
        if (count < h->column_count) column(&b, table, h->names + h->name_at[count], span_trim(text));
        count++;
    }
    if (count != h->column_count)
        return diag_set(d, ERR_SYNTAX, "%u fields where the header names %u", count, h->column_count);
    *out = event_end(&b);
    return *out ? ERR_NONE : diag_set(d, ERR_NOMEM, "the line is too large for memory");
}

/* Never by itself: any text may hold commas. */
static int recognise(struct span sample) {
    (void)sample;
    return 0;
}

const struct detect_reader detect_reader_csv = {
    .name = "csv", .shape = READER_TEXT, .recognise = recognise, .begin = begin, .read = read_line, .parse_all = true};
