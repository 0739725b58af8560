#include "http/query.h"

#include "base/encode.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Undoes percent-encoding. Text without any is borrowed, not copied. */
static enum err percent_decode(struct arena *a, struct span raw, bool plus_is_blank, struct span *out, struct diag *d) {
    bool plain = span_find_char(raw, '%') == SIZE_MAX && (!plus_is_blank || span_find_char(raw, '+') == SIZE_MAX);
    struct span text = raw;
    if (!plain) {
        char *to = arena_alloc(a, raw.len);
        size_t len = 0;
        if (!to) return diag_set(d, ERR_NOMEM, "no memory left to decode the request's target");
        for (size_t i = 0; i < raw.len; i++) {
            char c = raw.at[i];
            if (c == '%') {
                int high = raw.len - i > 2 ? hex_digit(raw.at[i + 1]) : -1;
                int low = high >= 0 ? hex_digit(raw.at[i + 2]) : -1;
                if (low < 0)
                    return diag_set(d, ERR_SYNTAX, "'%%' at offset %zu is not followed by two hexadecimal digits", i);
                c = (char)(high * 16 + low);
                i += 2;
            } else if (c == '+' && plus_is_blank) {
                c = ' ';
            }
            to[len++] = c;
        }
        text = span_of(to, len);
    }
    size_t bad;
    if (span_find_char(text, '\0') != SIZE_MAX) return diag_set(d, ERR_INVALID, "NUL in the request's target");
    if (!utf8_valid(text, &bad)) return diag_set(d, ERR_INVALID, "the request's target is not UTF-8");
    *out = text;
    return ERR_NONE;
}

enum err http_query_parse(struct arena *a, struct span raw, struct http_query *out, struct diag *d) {
    size_t room = 0;
    *out = (struct http_query){0};
    for (struct span rest = raw; rest.len;) room += span_cut(&rest, '&').len > 0;
    if (room == 0) return ERR_NONE;
    if (room > HTTP_QUERY_PARAMS_MAX)
        return diag_set(d, ERR_LIMIT, "%zu query parameters; at most %d are read", room, HTTP_QUERY_PARAMS_MAX);
    struct http_param *params = arena_zalloc(a, room, sizeof *params);
    if (!params) return diag_set(d, ERR_NOMEM, "no memory left for the query's parameters");
    size_t count = 0;
    for (struct span rest = raw; rest.len;) {
        struct span value = span_cut(&rest, '&');
        if (value.len == 0) continue;
        struct span name = span_cut(&value, '=');
        enum err err = percent_decode(a, name, true, &params[count].name, d);
        if (!err) err = percent_decode(a, value, true, &params[count].value, d);
        if (err) return err;
        count++;
    }
    *out = (struct http_query){params, count};
    return ERR_NONE;
}

bool http_query_find(const struct http_query *q, const char *name, struct span *value) {
    for (size_t i = 0; i < q->count; i++) {
        if (!span_is(q->params[i].name, name)) continue;
        *value = q->params[i].value;
        return true;
    }
    return false;
}

size_t http_query_count(const struct http_query *q, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < q->count; i++) count += span_is(q->params[i].name, name);
    return count;
}

static bool has_encoded_slash(struct span raw) {
    for (size_t i = 0; i + 2 < raw.len; i++)
        if (raw.at[i] == '%' && raw.at[i + 1] == '2' && (raw.at[i + 2] | 0x20) == 'f') return true;
    return false;
}

enum err http_path_decode(struct arena *a, struct span raw, struct span *out, struct diag *d) {
    struct span path;
    if (raw.len == 0 || raw.at[0] != '/') return diag_set(d, ERR_INVALID, "the path does not begin with '/'");
    if (has_encoded_slash(raw)) return diag_set(d, ERR_INVALID, "an encoded '/' (%%2F) in the path");
    enum err err = percent_decode(a, raw, false, &path, d);
    if (err) return err;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.at[i];
        if (c < 0x20 || c == 0x7f) return diag_set(d, ERR_INVALID, "a control character in the path");
        if (c == '\\') return diag_set(d, ERR_INVALID, "a backslash in the path");
    }
    for (struct span rest = path; rest.len;) {
        struct span segment = span_cut(&rest, '/');
        if (span_is(segment, ".") || span_is(segment, ".."))
            return diag_set(d, ERR_INVALID, "a dot segment in the path");
    }
    *out = path;
    return ERR_NONE;
}

static bool unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void http_percent_encode(struct buf *out, struct span text) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (unreserved(text.at[i])) {
            buf_add_char(out, text.at[i]);
        } else {
            char spelt[3] = {'%', digits[c >> 4], digits[c & 15]};
            buf_add(out, span_of(spelt, sizeof spelt));
        }
    }
}

void http_query_add(struct buf *out, struct span name, struct span value) {
    buf_add_char(out, span_find_char(buf_span(out), '?') == SIZE_MAX ? '?' : '&');
    http_percent_encode(out, name);
    buf_add_char(out, '=');
    http_percent_encode(out, value);
}

bool http_header_name_valid(struct span name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
            (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return name.len > 0;
}

bool http_header_value_valid(struct span value) {
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}
