#include "json/write.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"

struct json_writer json_writer(struct buf *out) {
    return (struct json_writer){.out = out};
}

/* A comma before everything but the first in its container and a key's value. */
static void separate(struct json_writer *w) {
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    uint64_t bit = UINT64_C(1) << (w->depth & 63);
    if (w->depth && (w->filled & bit)) buf_add_char(w->out, ',');
    w->filled |= bit;
}

static void open_container(struct json_writer *w, char c) {
    separate(w);
    buf_add_char(w->out, c);
    if (++w->depth > JSON_DEPTH_MAX) w->out->failed = true; /* our own bug: nothing we write nests so deep */
    w->filled &= ~(UINT64_C(1) << (w->depth & 63));
}

static void close_container(struct json_writer *w, char c) {
    w->depth--;
    buf_add_char(w->out, c);
}

void json_begin_object(struct json_writer *w) {
    open_container(w, '{');
}
void json_end_object(struct json_writer *w) {
    close_container(w, '}');
}
void json_begin_array(struct json_writer *w) {
    open_container(w, '[');
}
void json_end_array(struct json_writer *w) {
    close_container(w, ']');
}

static void add_escaped(struct buf *out, char c) {
    switch (c) {
    case '"':
        buf_add_cstr(out, "\\\"");
        return;
    case '\\':
        buf_add_cstr(out, "\\\\");
        return;
    case '\b':
        buf_add_cstr(out, "\\b");
        return;
    case '\f':
        buf_add_cstr(out, "\\f");
        return;
    case '\n':
        buf_add_cstr(out, "\\n");
        return;
    case '\r':
        buf_add_cstr(out, "\\r");
        return;
    case '\t':
        buf_add_cstr(out, "\\t");
        return;
    default:
        buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

/* text must be UTF-8. */
static void add_quoted(struct buf *out, struct span text) {
    buf_add_char(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        buf_add(out, span_of(text.at + from, i - from));
        add_escaped(out, (char)c);
        from = i + 1;
    }
    buf_add(out, span_of(text.at + from, text.len - from));
    buf_add_char(out, '"');
}

void json_string(struct json_writer *w, struct span text) {
    size_t bad;
    separate(w);
    if (text.len == 0) {
        buf_add_cstr(w->out, "\"\"");
    } else if (utf8_valid(text, &bad)) {
        add_quoted(w->out, text);
    } else {
        struct buf clean = BUF_EMPTY;
        for (; text.len && !utf8_valid(text, &bad); text = span_from(text, bad + 1)) {
            buf_add(&clean, span_first(text, bad));
            buf_add_utf8(&clean, 0xfffd);
        }
        buf_add(&clean, text);
        add_quoted(w->out, buf_span(&clean));
        buf_free(&clean);
    }
}

void json_key_span(struct json_writer *w, struct span key) {
    json_string(w, key);
    buf_add_char(w->out, ':');
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key) {
    json_key_span(w, span_cstr(key));
}
void json_cstr(struct json_writer *w, const char *text) {
    json_string(w, span_cstr(text));
}

void json_splice(struct json_writer *w, struct span raw) {
    separate(w);
    buf_add(w->out, raw);
}

void json_number(struct json_writer *w, int64_t n) {
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    json_splice(w, span_of(text, (size_t)len));
}

void json_truth(struct json_writer *w, bool b) {
    json_splice(w, b ? SPAN("true") : SPAN("false"));
}
void json_null(struct json_writer *w) {
    json_splice(w, SPAN("null"));
}

void json_time(struct json_writer *w, time_us t) {
    char text[TIME_TEXT_SIZE];
    if (t == TIME_NONE)
        json_null(w);
    else
        json_cstr(w, time_format_stix(t, text));
}

void json_member(struct json_writer *w, const char *key, struct span text) {
    json_key(w, key);
    json_string(w, text);
}
void json_member_cstr(struct json_writer *w, const char *key, const char *text) {
    json_member(w, key, span_cstr(text));
}
void json_member_number(struct json_writer *w, const char *key, int64_t n) {
    json_key(w, key);
    json_number(w, n);
}
void json_member_truth(struct json_writer *w, const char *key, bool b) {
    json_key(w, key);
    json_truth(w, b);
}
void json_member_time(struct json_writer *w, const char *key, time_us t) {
    json_key(w, key);
    json_time(w, t);
}

/* ---- canonical form (RFC 8785) ---- */

#define EXACT_MAX 9007199254740991.0 /* up to here (2^53 - 1) a double counts without gaps */

/* Makes "1.25e+10" the next larger of as many digits. False if the carry would go past the first. */
static bool next_digits(char *text) {
    char *c = strchr(text, 'e') - 1;
    for (; *c == '9' || *c == '.'; c--) {
        if (c == text) return false;
        if (*c == '9') *c = '0';
    }
    ++*c;
    return true;
}

/* The fewest digits that read back as n, n > 0, as "%e" spells them. Fifteen digits survive a normal double, so that
 * fewer are those with zeros behind. Beside a power of two doubles are denser below than above: there the nearest
 * decimal may read back as another double while the next larger one does not. */
static void shortest_digits(double n, char *text, size_t size) {
    int exponent;
    bool lopsided = frexp(n, &exponent) == 0.5;
    for (int digits = n < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, size, "%.*e", digits - 1, n);
        if (strtod(text, NULL) == n) return;
        if (lopsided && next_digits(text) && strtod(text, NULL) == n) return;
    }
}

/* As ECMAScript's Number::toString: the shortest digits that read back the same, and its choice of notation. */
static void add_ecmascript_number(struct buf *out, double n) {
    char shortest[40] = "";
    if (fabs(n) <= EXACT_MAX && n == floor(n)) { /* the usual case, and far quicker; also -0, which loses its sign */
        buf_printf(out, "%lld", (long long)n);
        return;
    }
    shortest_digits(fabs(n), shortest, sizeof shortest);
    char digits[20];
    int count = 0, exponent = atoi(strchr(shortest, 'e') + 1) + 1; /* n = 0.digits × 10^exponent */
    for (const char *c = shortest; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9') digits[count++] = *c;
    while (count > 1 && digits[count - 1] == '0') count--;
    if (n < 0) buf_add_char(out, '-');
    if (exponent > 0 && exponent <= 21) {
        for (int i = 0; i < count || i < exponent; i++) {
            if (i == exponent) buf_add_char(out, '.');
            buf_add_char(out, i < count ? digits[i] : '0');
        }
    } else if (exponent <= 0 && exponent > -6) {
        buf_add_cstr(out, "0.");
        for (int i = exponent; i < 0; i++) buf_add_char(out, '0');
        buf_add(out, span_of(digits, (size_t)count));
    } else {
        buf_add_char(out, digits[0]);
        if (count > 1) buf_add_char(out, '.');
        buf_add(out, span_of(digits + 1, (size_t)count - 1));
        buf_printf(out, "e%+d", exponent - 1);
    }
}

void json_real(struct json_writer *w, double n) {
    separate(w);
    if (isfinite(n))
        add_ecmascript_number(w->out, n);
    else
        buf_add_cstr(w->out, "null");
}

struct member {
    struct span key;
    struct json_value value;
};

static uint32_t next_code_point(const uint8_t **at) {
    uint32_t c = *(*at)++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    if (more) c &= 0x3fu >> more;
    while (more--) c = c << 6 | (*(*at)++ & 63);
    return c;
}

/* By UTF-16 code units: as by code point, but that U+E000..U+FFFF come after the surrogates of what is beyond. */
static int compare_members(const void *left, const void *right) {
    struct span a = ((const struct member *)left)->key, b = ((const struct member *)right)->key;
    size_t same = 0, shorter = a.len < b.len ? a.len : b.len;
    while (same < shorter && a.at[same] == b.at[same]) same++;
    if (same == shorter) return (a.len > b.len) - (a.len < b.len);
    while (same > 0 && ((uint8_t)a.at[same] & 0xc0) == 0x80) same--;
    const uint8_t *x = (const uint8_t *)a.at + same, *y = (const uint8_t *)b.at + same;
    uint32_t c = next_code_point(&x), e = next_code_point(&y);
    if ((c >= 0x10000) != (e >= 0x10000)) {
        if (c >= 0x10000)
            c = 0xd800;
        else
            e = 0xd800;
    }
    return (c > e) - (c < e);
}

static enum err add_canonical(struct buf *out, struct json_value v, struct arena *a, struct diag *d);

static enum err add_canonical_object(struct buf *out, struct json_value v, struct arena *a, struct diag *d) {
    uint32_t count = json_count(v);
    struct member *members = arena_zalloc(a, count + 1u, sizeof *members);
    if (!members) return diag_set(d, ERR_NOMEM, "no memory for canonical JSON");
    struct json_iter it = json_iter(v);
    while (json_next(&it)) members[it.index] = (struct member){json_text(it.key, a), it.value};
    qsort(members, count, sizeof *members, compare_members);
    buf_add_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (i) buf_add_char(out, ',');
        add_quoted(out, members[i].key);
        buf_add_char(out, ':');
        enum err e = add_canonical(out, members[i].value, a, d);
        if (e) return e;
    }
    buf_add_char(out, '}');
    return ERR_NONE;
}

static enum err add_canonical(struct buf *out, struct json_value v, struct arena *a, struct diag *d) {
    double n;
    struct json_iter it;
    enum err e;
    switch (json_type(v)) {
    case JSON_OBJECT:
        return add_canonical_object(out, v, a, d);
    case JSON_ARRAY:
        buf_add_char(out, '[');
        for (it = json_iter(v); json_next(&it);) {
            if (it.index) buf_add_char(out, ',');
            if ((e = add_canonical(out, it.value, a, d))) return e;
        }
        buf_add_char(out, ']');
        return ERR_NONE;
    case JSON_STRING:
        add_quoted(out, json_text(v, a));
        return ERR_NONE;
    case JSON_NUMBER:
        if (!json_double(v, &n))
            return diag_set(d, ERR_INVALID, "%.*s is a number no double holds", SPAN_ARG(span_first(json_raw(v), 40)));
        add_ecmascript_number(out, n);
        return ERR_NONE;
    default:
        buf_add(out, json_raw(v));
        return ERR_NONE;
    }
}

enum err json_canonical(struct buf *out, struct json_value v, struct arena *a, struct diag *d) {
    enum err e = add_canonical(out, v, a, d);
    if (!e && (!buf_ok(out) || a->overflow)) e = diag_set(d, ERR_NOMEM, "no memory for canonical JSON");
    return e;
}
