/* The reader: cuts the stream into lines, finds out whether they are text or CSV, and tells the caller of each. */
#include "share/list.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/file.h"
#include "share/list_parts.h"

enum { CHUNK = 256 << 10 };

/* What the lines have shown themselves to be: undecided until one of them holds a value. */
enum form { FORM_UNDECIDED = 0, FORM_TEXT, FORM_CSV };

struct reader {
    const struct list_events *events;
    struct list_summary *out;
    struct diag *d;
    struct list_comments comments;
    struct list_csv csv, hidden; /* hidden: a header seen behind a comment sign */
    bool has_hidden;
    struct list_row row;
    enum form form;
    struct buf scratch, normal;
    bool skipping; /* the rest of a line that is too long */
};

static enum err no_memory(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "no memory for an indicator list");
}

static enum err value_event(struct reader *r, enum list_kind kind) {
    list_comments_value(&r->comments);
    r->out->values++;
    r->out->kinds[kind]++;
    struct list_value v = {.kind = kind,
                           .value = buf_span(&r->normal),
                           .line = r->out->lines,
                           .references = r->comments.group.at,
                           .reference_count = r->comments.group.count,
                           .row = r->form == FORM_CSV && r->csv.has_fields ? &r->row : NULL,
                           .group = r->comments.group_number};
    return r->events->value(r->events->context, &v, r->d);
}

static enum err reject_event(struct reader *r, struct span line, const char *reason) {
    list_comments_value(&r->comments); /* it stands among the values, although it is none */
    r->out->rejected++;
    if (!r->events->reject) return ERR_NONE;
    return r->events->reject(r->events->context, r->out->lines, span_first(line, LIST_VALUE_MAX), reason, r->d);
}

/* ---- one line
 * -------------------------------------------------------------------------------------------------------- */

/* The sign's length when the line (trimmed) is a comment, else 0. */
static size_t comment_sign(struct span line) {
    if (line.at[0] == '#' || line.at[0] == ';') return 1;
    return span_starts(line, SPAN("//")) ? 2 : 0;
}

/* Cuts a comment, or a comma, off the end; quotes off both ends. False when something else follows the value. */
static bool value_of_line(struct span *line) {
    size_t end = 0;
    while (end < line->len && line->at[end] != ' ' && line->at[end] != '\t') end++;
    struct span rest = span_trim(span_from(*line, end));
    if (rest.len && !comment_sign(rest)) return false;
    *line = span_first(*line, end);
    if (line->at[0] == '/') return true; /* in a path every character counts */
    if (line->at[line->len - 1] == ',') line->len--;
    if (line->len >= 2 && (line->at[0] == '"' || line->at[0] == '\'') && line->at[line->len - 1] == line->at[0])
        *line = span_of(line->at + 1, line->len - 2);
    return true;
}

static enum list_kind text_value(struct reader *r, struct span line, const char **reason) {
    if (value_of_line(&line)) return list_recognise(line, &r->normal, reason);
    *reason = "more than one word";
    buf_clear(&r->normal);
    return LIST_NONE;
}

static enum err header_read(struct reader *r, struct span line) {
    struct span *names;
    if (!list_csv_unread(&r->csv, line, &r->scratch, r->comments.keep, &names, &r->out->unread_count))
        return no_memory(r->d);
    r->out->unread = names;
    return ERR_NONE;
}

/* The first lines decide. A whole line that is a value makes a text; a header, or a row with a value in it, makes a
 * CSV. */
static enum err undecided_line(struct reader *r, struct span line) {
    const char *reason;
    enum list_kind kind = text_value(r, line, &reason);
    if (kind) {
        r->form = FORM_TEXT;
        return value_event(r, kind);
    }
    struct list_csv csv;
    bool header = list_csv_header(line, &r->scratch, &csv);
    if (header && span_find_char(line, csv.delimiter) == SIZE_MAX) { /* one column with its name above it is a text */
        r->form = FORM_TEXT;
        return ERR_NONE;
    }
    if (header || (!r->has_hidden && list_csv_row(line, &r->scratch, &r->normal, &csv))) {
        r->csv = csv;
        r->form = FORM_CSV;
    } else if (r->has_hidden && list_csv_value(&r->hidden, line, &r->scratch, &r->normal, &r->row, &reason)) {
        r->csv = r->hidden;
        r->form = FORM_CSV;
    }
    if (r->form == FORM_UNDECIDED) return reject_event(r, line, reason);
    r->out->csv = true;
    if (header) return header_read(r, line);
    kind = list_csv_value(&r->csv, line, &r->scratch, &r->normal, &r->row, &reason);
    return kind ? value_event(r, kind) : reject_event(r, line, reason);
}

/* What `renkei export --format csv` has and a list does not: "setup.exe" would be read as a domain. */
static bool is_of_no_kind(struct span type) {
    return span_is(type, "file-name") || span_is(type, "certificate-hash");
}

static enum err data_line(struct reader *r, struct span line) {
    const char *reason = "";
    if (r->form == FORM_UNDECIDED) return undecided_line(r, line);
    enum list_kind kind = r->form == FORM_CSV ? list_csv_value(&r->csv, line, &r->scratch, &r->normal, &r->row, &reason)
                                              : text_value(r, line, &reason);
    if (!buf_ok(&r->scratch) || !buf_ok(&r->normal)) return no_memory(r->d);
    if (r->form == FORM_CSV && is_of_no_kind(r->row.type)) {
        if (r->out->skipped++ == 0) r->out->first_skipped = r->out->lines;
        return ERR_NONE;
    }
    return kind ? value_event(r, kind) : reject_event(r, line, reason);
}

static enum err comment_line(struct reader *r, struct span text) {
    struct list_csv csv;
    /* A header may stand behind a comment sign. Only remembered: prose may name columns, too. */
    if (r->form == FORM_UNDECIDED && span_find_char(text, ',') != SIZE_MAX &&
        list_csv_header(span_trim(text), &r->scratch, &csv)) {
        r->hidden = csv;
        r->has_hidden = true;
    }
    return list_comments_take(&r->comments, text) ? ERR_NONE : no_memory(r->d);
}

static enum err line_read(struct reader *r, struct span line) {
    if (r->out->lines++ == 0 && span_starts(line, SPAN("\xef\xbb\xbf"))) line = span_from(line, 3);
    struct span whole = line;
    line = span_trim(line);
    if (!line.len) return ERR_NONE;
    /* A semicolon at the start of a CSV row is an empty field before it. */
    bool empty_field = r->form == FORM_CSV && line.at[0] == r->csv.delimiter;
    size_t sign = empty_field ? 0 : comment_sign(line);
    if (sign) return comment_line(r, span_from(line, sign));
    /* A tab at the edge of a CSV row bounds an empty field. */
    return data_line(r, r->form == FORM_CSV && r->csv.delimiter == '\t' ? whole : line);
}

/* ---- the stream
 * ------------------------------------------------------------------------------------------------------ */

static enum err too_long(struct reader *r, struct span line) {
    r->out->lines++;
    return reject_event(r, line, "a line longer than 64 KiB");
}

/* All whole lines of `text`; *used says how far they go. */
static enum err lines_read(struct reader *r, struct span text, size_t *used) {
    *used = 0;
    while (*used < text.len) {
        const char *at = text.at + *used, *end = memchr(at, '\n', text.len - *used);
        if (!end) break;
        struct span line = span_of(at, (size_t)(end - at));
        *used += line.len + 1;
        enum err e = ERR_NONE;
        if (r->skipping)
            r->skipping = false;
        else
            e = line.len > LIST_LINE_MAX ? too_long(r, line) : line_read(r, line);
        if (e) return e;
    }
    return ERR_NONE;
}

/* What is left behind the last line's end. */
static enum err tail_read(struct reader *r, struct span tail) {
    if (!tail.len || r->skipping) return ERR_NONE;
    return tail.len > LIST_LINE_MAX ? too_long(r, tail) : line_read(r, tail);
}

static enum err stream_read(struct reader *r, struct input *in) {
    enum { ROOM = CHUNK + LIST_LINE_MAX };
    char *room = malloc(ROOM);
    size_t len = 0, got, used;
    enum err e = room ? ERR_NONE : no_memory(r->d);
    while (!e) {
        e = input_read(in, room + len, ROOM - len, &got, r->d);
        if (e || got == 0) break;
        len += got;
        e = lines_read(r, span_of(room, len), &used);
        len -= used;
        if (len) memmove(room, room + used, len);
        if (!e && len > LIST_LINE_MAX) {
            if (!r->skipping) e = too_long(r, span_of(room, len));
            r->skipping = true;
            len = 0;
        }
    }
    if (!e) e = tail_read(r, span_of(room, len));
    free(room);
    return e;
}

/* ---- the file's name
 * -------------------------------------------------------------------------------------------------- */

static struct span stem_of(struct span name) {
    static const char *const endings[] = {".gz",  ".zst", ".bz2",  ".xz",  ".txt",
                                          ".csv", ".tsv", ".list", ".ioc", ".iocs"};
    for (size_t i = name.len; i-- > 0;)
        if (name.at[i] == '/') {
            name = span_from(name, i + 1);
            break;
        }
    for (bool cut = true; cut;) {
        cut = false;
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
            if (name.len > strlen(endings[i]) && span_ends(name, span_cstr(endings[i]))) {
                name.len -= strlen(endings[i]);
                cut = true;
            }
    }
    return name;
}

/* "apt_turla" → turla, an intrusion set; "apt_12" → apt12; "lockbit_ransomware" → lockbit ransomware, a malware. */
static enum err subject_of(struct span name, struct arena *a, struct list_summary *out, struct diag *d) {
    struct span stem = stem_of(name);
    size_t bad;
    if (!stem.len || span_is(name, "-") || span_is(name, "standard input") || !utf8_valid(stem, &bad)) return ERR_NONE;
    bool actor = stem.len > 4 && span_starts(stem, SPAN("apt_"));
    uint64_t number;
    if (actor) stem = span_from(stem, 4);
    out->subject = actor ? LIST_SUBJECT_INTRUSION_SET : LIST_SUBJECT_MALWARE;
    out->name = arena_printf(a, "%s%.*s", actor && span_u64(stem, &number) ? "apt" : "", SPAN_ARG(stem));
    if (!out->name.at) return no_memory(d);
    char *text = arena_cstr(a, out->name);
    if (!text) return no_memory(d);
    for (char *c = text; *c; c++)
        if (*c == '_') *c = ' ';
    out->name.at = text;
    return ERR_NONE;
}

static void summary_fill(struct reader *r) {
    struct list_comments *c = &r->comments;
    size_t kept = 0;
    for (size_t i = 0; i < c->alias_count; i++)
        if (!span_equal_nocase(c->aliases[i], r->out->name)) c->aliases[kept++] = c->aliases[i];
    r->out->aliases = c->aliases;
    r->out->alias_count = kept;
    r->out->references = c->references;
    r->out->reference_count = c->reference_count;
    r->out->groups = c->group_number + 1;
}

/* Exactly one of `in` and `text` is read. */
static enum err read_all(struct input *in, struct span text, struct span name, struct arena *a,
                         const struct list_events *events, struct list_summary *out, struct diag *d) {
    struct reader *r = calloc(1, sizeof *r);
    size_t used = 0;
    *out = (struct list_summary){0};
    if (!r) return no_memory(d);
    r->events = events;
    r->out = out;
    r->d = d;
    enum err e = list_comments_init(&r->comments, a) ? subject_of(name, a, out, d) : no_memory(d);
    if (!e && in) e = stream_read(r, in);
    if (!e && !in) e = lines_read(r, text, &used);
    if (!e && !in) e = tail_read(r, span_from(text, used));
    if (!e) summary_fill(r);
    list_comments_free(&r->comments);
    buf_free(&r->scratch);
    buf_free(&r->normal);
    free(r);
    return e;
}

enum err list_read(struct input *in, struct arena *a, const struct list_events *events, struct list_summary *out,
                   struct diag *d) {
    return read_all(in, SPAN(""), span_cstr(input_name(in)), a, events, out, d);
}

enum err list_read_span(struct span text, struct span name, struct arena *a, const struct list_events *events,
                        struct list_summary *out, struct diag *d) {
    return read_all(NULL, text, name, a, events, out, d);
}
