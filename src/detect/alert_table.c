/* Alerts as rows of a table. */
#include <stdio.h>

#include "base/encode.h"
#include "detect/alert.h"

static void show_time(struct buf *out, const struct alert *a) {
    char text[TIME_TEXT_SIZE];
    if (a->hit->time == TIME_NONE)
        buf_add_char(out, '-');
    else
        buf_add(out, span_first(span_cstr(time_format_us(a->hit->time, text)), 19));
}
static void show_count(struct buf *out, const struct alert *a) {
    buf_printf(out, "%llu", (unsigned long long)(a->count ? a->count : 1));
}
static void show_seen(struct buf *out, const struct alert *a) {
    buf_add(out, a->hit->value.len ? a->hit->value : SPAN("-"));
}
static void show_end(struct buf *out, struct span host, int32_t port) {
    buf_add(out, host.len ? host : SPAN("?"));
    if (host.len && port >= 0) buf_printf(out, ":%d", port);
}
static void show_flow(struct buf *out, const struct alert *a) {
    if (!a->hit->src.len && !a->hit->dst.len) {
        buf_add_char(out, '-');
        return;
    }
    show_end(out, a->hit->src, a->ports_vary ? -1 : a->hit->src_port);
    buf_add_cstr(out, " > ");
    show_end(out, a->hit->dst, a->hit->dst_port);
}
static void show_names(struct buf *out, const struct alert *a) {
    if (a->warning.list.len)
        buf_printf(out, "(%s: %.*s) ", validity_name(VALIDITY_WARNED), SPAN_ARG(a->warning.list));
    else if (a->validity != VALIDITY_ALERT)
        buf_printf(out, "(%s) ", validity_name(a->validity));
    buf_add(out, a->indicator->names.len   ? a->indicator->names
                 : a->indicator->title.len ? a->indicator->title
                                           : SPAN("-"));
}
static void show_source(struct buf *out, const struct alert *a) {
    buf_add(out, a->indicator->source.len ? a->indicator->source : SPAN("-"));
    if (a->confidence != DETECT_CONFIDENCE_NONE) buf_printf(out, " %u", a->confidence);
}
enum { PLACES_SHOWN = 20 };

static void add_place(struct buf *out, const char *file, uint64_t line) {
    const char *slash = file ? strrchr(file, '/') : NULL;
    buf_printf(out, "%s:%llu", slash ? slash + 1 : file ? file : "-", (unsigned long long)line);
}
static void show_place(struct buf *out, const struct alert *a) {
    const struct detect_hit *hit = a->hit;
    if (!hit->places) add_place(out, hit->file, hit->line);
    for (uint32_t i = 0; hit->places && i < hit->place_count && i < PLACES_SHOWN; i++) {
        if (i) buf_add_cstr(out, ", ");
        add_place(out, hit->places[i].file, hit->places[i].line);
    }
    uint32_t shown = !hit->places ? 1 : hit->place_count < PLACES_SHOWN ? hit->place_count : PLACES_SHOWN;
    if (hit->place_count > shown) buf_printf(out, " and %u more", hit->place_count - shown);
}

/* A column: its heading; its width; the width it is cut to on a narrow terminal; what it shows. FLOW holds two IPv4
 * addresses with ports. */
static const struct column {
    const char *heading;
    unsigned width, least;
    void (*show)(struct buf *, const struct alert *);
} columns[] = {
    {"TIME", 19, 19, show_time},   {"HITS", 5, 5, show_count},        {"SEEN", 36, 12, show_seen},
    {"FLOW", 45, 36, show_flow},   {"INDICATES", 24, 10, show_names}, {"SOURCE", 12, 6, show_source},
    {"WHERE", 30, 10, show_place},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns, HITS = 1, FLOW = 3, GAP = 2 };

/* ---- characters ---- */

static uint32_t code_point(struct span text, size_t len) {
    const unsigned char *c = (const unsigned char *)text.at;
    return len == 1   ? c[0]
           : len == 2 ? (uint32_t)(c[0] & 0x1f) << 6 | (c[1] & 0x3f)
           : len == 3 ? (uint32_t)(c[0] & 0x0f) << 12 | (uint32_t)(c[1] & 0x3f) << 6 | (c[2] & 0x3f)
                      : (uint32_t)(c[0] & 0x07) << 18 | (uint32_t)(c[1] & 0x3f) << 12 | (uint32_t)(c[2] & 0x3f) << 6 |
                            (c[3] & 0x3f);
}

/* Ranges that steer a terminal (C0, DEL, C1), turn the direction of writing, or cannot be seen (zero-width characters,
 * tags, variation selectors, fillers): a name may not look like another. */
static const struct {
    uint32_t first, last;
} unseen[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x034f, 0x034f},    {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},    {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},    {0xffa0, 0xffa0},
    {0xfff0, 0xfffb}, {0xe000, 0xf8ff}, {0xe0000, 0xe0fff}, {0xf0000, 0x10ffff},
};
static bool is_unseen(uint32_t c) {
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++)
        if (c >= unseen[i].first && c <= unseen[i].last) return true;
    return false;
}

/* Columns of a terminal: two for the wide letters of East Asia, none for marks above and below. */
static unsigned columns_of(uint32_t c) {
    if (c >= 0x0300 && c <= 0x036f) return 0;
    bool wide = (c >= 0x1100 && c <= 0x115e) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) ||
                (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
    return wide ? 2 : 1;
}

/* The text as it is shown. */
static void make_visible(struct buf *out, struct span text) {
    while (text.len > 0) {
        size_t len = utf8_length(text);
        if (len == 0 || is_unseen(code_point(text, len)))
            buf_add_char(out, '?');
        else
            buf_add(out, span_first(text, len));
        text = span_from(text, len ? len : 1);
    }
}

static unsigned width_of(struct span text) {
    unsigned width = 0;
    for (size_t len; text.len > 0; text = span_from(text, len)) {
        len = utf8_length(text);
        width += len ? columns_of(code_point(text, len)) : 1;
        len = len ? len : 1;
    }
    return width;
}

/* Adds what fits into `width` columns, with an ellipsis where it is cut. Returns the columns used. */
static unsigned add_cut(struct buf *out, struct span text, unsigned width) {
    unsigned used = 0;
    if (width_of(text) <= width) {
        buf_add(out, text);
        return width_of(text);
    }
    for (size_t len; text.len > 0; text = span_from(text, len)) {
        len = utf8_length(text);
        unsigned more = len ? columns_of(code_point(text, len)) : 1;
        len = len ? len : 1;
        if (used + more + 1 > width) break;
        buf_add(out, span_first(text, len));
        used += more;
    }
    if (width > 0) buf_add_cstr(out, "…");
    return used + (width > 0);
}

/* ---- widths ---- */

static bool shown(const struct alert_table *t, unsigned column) {
    return column != HITS || t->counts;
}

/* The columns' widths fitted to the terminal: what is missing is taken from the widest in turn; of a very narrow one
 * the rest from FLOW. */
static void fit(const struct alert_table *t, unsigned fitted[COLUMN_COUNT]) {
    unsigned total = 0;
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        fitted[i] = shown(t, i) ? columns[i].width : 0;
        total += shown(t, i) ? columns[i].width + GAP : 0;
    }
    for (total -= GAP; t->width && total > t->width; total--) {
        unsigned widest = COLUMN_COUNT;
        for (unsigned i = 0; i < COLUMN_COUNT; i++)
            if (fitted[i] > columns[i].least && (widest == COLUMN_COUNT || fitted[i] > fitted[widest])) widest = i;
        if (widest == COLUMN_COUNT) widest = FLOW;
        if (fitted[widest] == 1) return;
        fitted[widest]--;
    }
}

/* Where from and where to are worth more than straight columns: a FLOW that is too long takes what the row's others
 * leave, from the right. Without a limit every cell takes what it needs. */
static void lend(const struct alert_table *t, const unsigned need[COLUMN_COUNT], unsigned fitted[COLUMN_COUNT]) {
    for (unsigned j = COLUMN_COUNT; t->width && j-- > 0 && need[FLOW] > fitted[FLOW];) {
        if (!shown(t, j) || need[j] >= fitted[j]) continue;
        unsigned slack = fitted[j] - need[j], more = need[FLOW] - fitted[FLOW];
        if (more > slack) more = slack;
        fitted[j] -= more;
        fitted[FLOW] += more;
    }
    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        if (t->width == 0 && shown(t, i) && need[i] > fitted[i]) fitted[i] = need[i];
}

static void write_cells(struct buf *out, const struct alert_table *t, struct buf cells[COLUMN_COUNT]) {
    unsigned fitted[COLUMN_COUNT], need[COLUMN_COUNT], last = COLUMN_COUNT - 1;
    fit(t, fitted);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) need[i] = width_of(buf_span(&cells[i]));
    lend(t, need, fitted);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        if (!shown(t, i)) continue;
        unsigned used = add_cut(out, buf_span(&cells[i]), fitted[i]);
        for (; i < last && used < fitted[i] + GAP; used++) buf_add_char(out, ' ');
    }
    buf_add_char(out, '\n');
}

void alert_write_header(struct buf *out, const struct alert_table *t) {
    struct buf cells[COLUMN_COUNT] = {0};
    for (unsigned i = 0; i < COLUMN_COUNT; i++) buf_add_cstr(&cells[i], columns[i].heading);
    write_cells(out, t, cells);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) buf_free(&cells[i]);
}

void alert_write_row(struct buf *out, const struct alert_table *t, const struct alert *alert) {
    struct buf cells[COLUMN_COUNT] = {0}, raw = BUF_EMPTY;
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        buf_clear(&raw);
        columns[i].show(&raw, alert);
        make_visible(&cells[i], buf_span(&raw));
    }
    write_cells(out, t, cells);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) buf_free(&cells[i]);
    buf_free(&raw);
}

const char *alert_heading(enum validity validity) {
    static const char *const headings[VALIDITY_COUNT] = {
        [VALIDITY_OUTSIDE] = "Outside their indicators' validity",
        [VALIDITY_DECAYED] = "Of decayed confidence",
        [VALIDITY_WARNED] = "Of values on a warning list",
    };
    return headings[validity];
}
