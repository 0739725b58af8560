#include "detect/alert.h"

#include <stdio.h>

#include "json/write.h"

/* --- the table --- */

/* A column: its heading, its width (the last one takes what is left), what it shows. */
static void show_time(struct buf *out, const struct alert *a) {
    char text[TIME_TEXT_SIZE];
    if (a->hit->time == TIME_NONE)
        buf_add_char(out, '-');
    else
        buf_add(out, span_first(span_cstr(time_format_us(a->hit->time, text)), 19));
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
    show_end(out, a->hit->src, a->hit->src_port);
    buf_add_cstr(out, " > ");
    show_end(out, a->hit->dst, a->hit->dst_port);
}
static void show_names(struct buf *out, const struct alert *a) {
    if (a->validity != VALIDITY_ALERT) buf_printf(out, "(%s) ", validity_name(a->validity));
    buf_add(out, a->indicator->names.len ? a->indicator->names : SPAN("-"));
}
static void show_source(struct buf *out, const struct alert *a) {
    buf_add(out, a->indicator->source.len ? a->indicator->source : SPAN("-"));
}
static void show_place(struct buf *out, const struct alert *a) {
    const char *slash = a->hit->file ? strrchr(a->hit->file, '/') : NULL;
    buf_printf(out, "%s:%llu", slash ? slash + 1 : a->hit->file ? a->hit->file : "-", (unsigned long long)a->hit->line);
}

static const struct column {
    const char *heading;
    unsigned width;
    void (*show)(struct buf *, const struct alert *);
} columns[] = {
    {"TIME", 19, show_time},       {"SEEN", 36, show_seen},     {"FLOW", 42, show_flow},
    {"INDICATES", 24, show_names}, {"SOURCE", 12, show_source}, {"WHERE", 30, show_place},
};
enum { COLUMN_COUNT = sizeof columns / sizeof *columns };

static bool continues(char c) {
    return ((unsigned char)c & 0xc0) == 0x80; /* inside a UTF-8 character */
}

/* Adds a cell: control characters out, cut to width with an ellipsis, padded unless last. Width counts characters. */
static void add_cell(struct buf *out, struct span text, unsigned width, bool last) {
    unsigned length = 0, shown = 0;
    for (size_t i = 0; i < text.len; i++) length += !continues(text.at[i]);
    bool cut = width && length > width;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (!continues(text.at[i]) && ++shown >= width && cut) break;
        buf_add_char(out, c < ' ' || c == 0x7f ? '?' : text.at[i]);
    }
    if (cut) buf_add_cstr(out, "…");
    for (unsigned i = cut ? width : length; !last && i < width; i++) buf_add_char(out, ' ');
}

/* The columns' widths fitted to the terminal: what is missing is taken from the wide ones in turn. */
static void fit(unsigned width, unsigned fitted[COLUMN_COUNT]) {
    unsigned total = 2 * (COLUMN_COUNT - 1);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) total += fitted[i] = width ? columns[i].width : 0;
    while (width && total > width) {
        unsigned widest = 1;
        for (unsigned i = 1; i < COLUMN_COUNT; i++)
            if (fitted[i] > fitted[widest]) widest = i;
        if (fitted[widest] <= 8) return;
        fitted[widest]--;
        total--;
    }
}

void alert_write_header(struct buf *out, unsigned width) {
    unsigned fitted[COLUMN_COUNT];
    fit(width, fitted);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        if (i) buf_add_cstr(out, "  ");
        add_cell(out, span_cstr(columns[i].heading), fitted[i] ? fitted[i] : columns[i].width, i + 1 == COLUMN_COUNT);
    }
    buf_add_char(out, '\n');
}

void alert_write_row(struct buf *out, const struct alert *alert, unsigned width) {
    unsigned fitted[COLUMN_COUNT];
    struct buf cell = BUF_EMPTY;
    fit(width, fitted);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        bool last = i + 1 == COLUMN_COUNT;
        buf_clear(&cell);
        columns[i].show(&cell, alert);
        if (i) buf_add_cstr(out, "  ");
        size_t start = out->len;
        add_cell(out, buf_span(&cell), fitted[i], last);
        size_t wide = out->len - start; /* without a limit, cells are at least as wide as their heading's column */
        for (; !width && !last && wide < columns[i].width; wide++) buf_add_char(out, ' ');
    }
    buf_add_char(out, '\n');
    buf_free(&cell);
}

/* --- ECS --- */

/* threat.indicator.type of ECS 8, by what was seen. */
static const char *ecs_type(const struct detect_hit *hit) {
    switch (hit->kind) {
    case ATOM_ADDRESS:
        return memchr(hit->value.at, ':', hit->value.len) ? "ipv6-addr" : "ipv4-addr";
    case ATOM_DOMAIN:
        return "domain-name";
    case ATOM_URL:
    case ATOM_PATH:
        return "url";
    case ATOM_HASH:
    case ATOM_FILE_NAME:
        return "file";
    case ATOM_EMAIL:
        return "email-addr";
    default:
        return "network-traffic";
    }
}

static void object(struct json_writer *w, const char *key) {
    json_key(w, key);
    json_begin_object(w);
}

static void member(struct json_writer *w, const char *key, struct span text) {
    if (text.len) json_member(w, key, text);
}

static void write_end(struct json_writer *w, const char *key, struct span host, int32_t port) {
    struct address address;
    if (!host.len) return;
    object(w, key);
    json_member(w, address_parse(host, &address) ? "ip" : "domain", host);
    if (port >= 0) json_member_number(w, "port", port);
    json_end_object(w);
}

/* ECS knows words only: the bands of STIX 2.1 appendix A, "None/Low/Med/High". */
static const char *confidence_name(uint8_t confidence) {
    if (confidence == DETECT_CONFIDENCE_NONE) return "Not Specified";
    return confidence == 0 ? "None" : confidence < 30 ? "Low" : confidence < 70 ? "Medium" : "High";
}

static void write_indicator(struct json_writer *w, const struct alert *a) {
    const struct detect_hit *hit = a->hit;
    object(w, "indicator");
    json_member_cstr(w, "type", ecs_type(hit));
    json_member(w, "id", a->indicator->id);
    member(w, "name", hit->value);
    switch (hit->kind) {
    case ATOM_ADDRESS:
        json_member(w, "ip", hit->value);
        break;
    case ATOM_EMAIL:
        object(w, "email");
        json_member(w, "address", hit->value);
        json_end_object(w);
        break;
    case ATOM_DOMAIN:
    case ATOM_URL:
    case ATOM_PATH:
        object(w, "url");
        json_member(w, hit->kind == ATOM_DOMAIN ? "domain" : hit->kind == ATOM_URL ? "full" : "path", hit->value);
        json_end_object(w);
        break;
    default:
        break;
    }
    member(w, "description", a->indicator->names);
    member(w, "provider", a->indicator->source);
    json_member_cstr(w, "confidence", confidence_name(a->indicator->confidence));
    if (a->indicator->marking.len) {
        object(w, "marking");
        json_member(w, "tlp", a->indicator->marking);
        json_end_object(w);
    }
    json_end_object(w);
}

static void write_threat(struct json_writer *w, const struct alert *a) {
    object(w, "threat");
    object(w, "feed");
    json_member(w, "name", a->indicator->source.len ? a->indicator->source : SPAN("renkei"));
    json_end_object(w);
    write_indicator(w, a);
    if (a->indicator->names.len) {
        object(w, "software");
        json_member(w, "name", a->indicator->names);
        json_end_object(w);
    }
    json_end_object(w);
}

static void write_event(struct json_writer *w, const struct alert *a) {
    object(w, "event");
    json_member_cstr(w, "kind", a->validity == VALIDITY_ALERT ? "alert" : "event");
    json_key(w, "category");
    json_begin_array(w);
    json_cstr(w, "threat");
    json_end_array(w);
    json_key(w, "type");
    json_begin_array(w);
    json_cstr(w, "indicator");
    json_end_array(w);
    json_member_cstr(w, "module", "renkei");
    json_member_cstr(w, "dataset", a->hit->log ? a->hit->log : "");
    json_member_cstr(w, "outcome", "unknown");
    if (a->validity != VALIDITY_ALERT) json_member_cstr(w, "reason", validity_name(a->validity));
    if (a->now != TIME_NONE) json_member_time(w, "created", a->now);
    json_member(w, "original", a->hit->text);
    json_end_object(w);
}

/* A hash tells its algorithm by its length. */
static void write_file(struct json_writer *w, const struct detect_hit *hit) {
    if (hit->kind == ATOM_FILE_NAME) {
        object(w, "file");
        json_member(w, "name", hit->value);
        json_end_object(w);
    }
    if (hit->kind != ATOM_HASH) return;
    const char *algorithm = hit->value.len == 32   ? "md5"
                            : hit->value.len == 40 ? "sha1"
                            : hit->value.len == 64 ? "sha256"
                                                   : "sha512";
    object(w, "file");
    object(w, "hash");
    json_member(w, algorithm, hit->value);
    json_end_object(w);
    json_end_object(w);
}

void alert_write_ecs(struct buf *out, const struct alert *a) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    if (a->hit->time != TIME_NONE)
        json_member_time(&w, "@timestamp", a->hit->time);
    else
        json_member_time(&w, "@timestamp", a->now);
    object(&w, "ecs");
    json_member_cstr(&w, "version", "8.11.0");
    json_end_object(&w);
    write_event(&w, a);
    write_threat(&w, a);
    write_end(&w, "source", a->hit->src, a->hit->src_port);
    write_end(&w, "destination", a->hit->dst, a->hit->dst_port);
    write_file(&w, a->hit);
    object(&w, "log");
    object(&w, "file");
    json_member_cstr(&w, "path", a->hit->file ? a->hit->file : "");
    json_end_object(&w);
    object(&w, "origin");
    object(&w, "file");
    json_member_number(&w, "line", (int64_t)a->hit->line);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    if (a->member.len) {
        object(&w, "organization");
        json_member(&w, "name", a->member);
        json_end_object(&w);
    }
    json_end_object(&w);
    buf_add_char(out, '\n');
}
