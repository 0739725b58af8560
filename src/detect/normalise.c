#include "detect/normalise.h"

#include <idn2.h>
#include <stdio.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
static bool is_letter(char c) {
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

/* The text with ASCII letters folded; borrowed when there is nothing to fold. */
static struct span fold(struct arena *a, struct span text) {
    size_t first = 0;
    while (first < text.len && !is_upper(text.at[first])) first++;
    if (first == text.len) return text;
    char *copy = arena_alloc(a, text.len);
    if (!copy) return span_of(NULL, 0);
    for (size_t i = 0; i < text.len; i++) copy[i] = is_upper(text.at[i]) ? (char)(text.at[i] | 0x20) : text.at[i];
    return span_of(copy, text.len);
}

/* To punycode. A name that IDNA refuses is kept as it stands: equal bytes still match. */
static struct span punycode(struct arena *a, struct span text) {
    char *source = arena_cstr(a, text);
    uint8_t *ascii = NULL;
    if (!source || idn2_lookup_u8((const uint8_t *)source, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return fold(a, text);
    struct span result = fold(a, arena_copy(a, span_cstr((const char *)ascii)));
    idn2_free(ascii);
    return result;
}

/* What no domain name holds, however odd: blanks, controls, and what delimits it in URLs and e-mail addresses. */
static const bool no_domain[256] = {
    [0 ... ' '] = true, [0x7f] = true, ['/'] = true, ['\\'] = true, [':'] = true, ['@'] = true, ['?'] = true,
    ['#'] = true,       ['['] = true,  [']'] = true, ['<'] = true,  ['>'] = true, ['"'] = true,
};

bool normalise_domain(struct arena *a, struct span text, struct span *out) {
    if (text.len > 0 && text.at[text.len - 1] == '.') text.len--;
    if (text.len == 0 || text.len > DOMAIN_LENGTH_MAX) return false;
    bool ascii = true;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (no_domain[c]) return false;
        ascii &= c < 0x80;
    }
    *out = ascii ? fold(a, text) : punycode(a, text);
    return out->len > 0;
}

bool looks_like_domain(struct span text) {
    if (text.len > 0 && text.at[text.len - 1] == '.') text.len--;
    if (text.len < 3 || text.len > DOMAIN_LENGTH_MAX) return false;
    size_t label = 0, dots = 0;
    bool letters = false; /* in the label so far */
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '.') {
            if (label == 0) return false;
            dots++;
            label = 0;
            letters = false;
        } else {
            bool letter = is_letter(c) || (unsigned char)c >= 0x80;
            if (!letter && !is_digit(c) && c != '-' && c != '_') return false;
            letters |= letter;
            if (++label > 63) return false;
        }
    }
    return dots > 0 && label > 1 && letters;
}

bool looks_like_hash(struct span text) {
    if (text.len != 32 && text.len != 40 && text.len != 64 && text.len != 128) return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_hex(text.at[i])) return false;
    return true;
}

bool normalise_hash(struct arena *a, struct span text, struct span *out) {
    enum { DIGITS_MAX = 128 };
    if (text.len > 2 && text.at[2] == ':') { /* aa:bb:cc, as certificates are printed */
        if (text.len > DIGITS_MAX / 2 * 3) return false;
        char *digits = arena_alloc(a, text.len);
        size_t len = 0;
        if (!digits) return false;
        for (size_t i = 0; i < text.len; i++) {
            if ((i % 3 == 2) != (text.at[i] == ':')) return false;
            if (i % 3 != 2) digits[len++] = text.at[i];
        }
        text = span_of(digits, len);
    }
    if (!looks_like_hash(text)) return false;
    *out = fold(a, text);
    return out->len > 0;
}

bool normalise_email(struct arena *a, struct span text, struct span *out) {
    static const char prefix[] = "mailto:";
    text = span_trim(text);
    size_t open = span_find_char(text, '<');
    if (open != SIZE_MAX) { /* Some Name <some@where> */
        text = span_from(text, open + 1);
        size_t close = span_find_char(text, '>');
        if (close != SIZE_MAX) text = span_first(text, close);
    }
    if (span_equal_nocase(span_first(text, sizeof prefix - 1), SPAN("mailto:")))
        text = span_from(text, sizeof prefix - 1);
    if (text.len > EMAIL_LENGTH_MAX || text.len < 3) return false;
    size_t at = text.len;
    while (at > 0 && text.at[at - 1] != '@') at--;
    if (at < 2) return false;
    struct span local = span_first(text, at - 1), domain;
    for (size_t i = 0; i < local.len; i++)
        if ((unsigned char)local.at[i] <= ' ' || strchr("<>\",;", local.at[i])) return false;
    if (!normalise_domain(a, span_from(text, at), &domain)) return false;
    if (span_equal(domain, span_from(text, at))) {
        *out = text;
        return true;
    }
    *out = arena_printf(a, "%.*s@%.*s", SPAN_ARG(local), SPAN_ARG(domain));
    return out->len > 0;
}

bool split_host_port(struct span text, struct span *host, int32_t *port) {
    uint64_t number = 0;
    size_t colon = text.len;
    while (colon > 0 && text.len - colon <= 5 && text.at[colon - 1] != ':') colon--;
    bool bracket = text.len > 2 && text.at[0] == '[';
    if (bracket && text.at[text.len - 1] == ']') { /* [v6] */
        *host = span_of(text.at + 1, text.len - 2);
        *port = -1;
        return true;
    }
    if (colon < 2 || text.at[colon - 1] != ':') return false;
    bool empty = colon == text.len; /* RFC 3986 §3.2.3: an empty port is the default one */
    if (!empty && (!span_u64(span_from(text, colon), &number) || number > 65535)) return false;
    struct span name = span_first(text, colon - 1);
    if (bracket) {
        if (name.len < 3 || name.at[name.len - 1] != ']') return false;
        name = span_of(name.at + 1, name.len - 2);
    } else if (span_find_char(name, ':') != SIZE_MAX) {
        return false; /* IPv6 without brackets: no telling where it ends */
    }
    *host = name;
    *port = empty ? -1 : (int32_t)number;
    return name.len > 0;
}

static int32_t default_port(struct span scheme) {
    return span_is(scheme, "http") ? 80 : span_is(scheme, "https") ? 443 : span_is(scheme, "ftp") ? 21 : -1;
}

size_t url_scheme_end(struct span text) {
    enum { SCHEME_MAX = 15 };
    for (size_t i = 0; i < text.len && i <= SCHEME_MAX; i++) {
        char c = text.at[i];
        if (c == ':') return i > 0 && span_starts(span_from(text, i), SPAN("://")) ? i : SIZE_MAX;
        if (!is_letter(c) && !(i > 0 && (is_digit(c) || c == '+' || c == '-' || c == '.'))) return SIZE_MAX;
    }
    return SIZE_MAX;
}

/* "user@host:8080" to host and port. */
static bool read_authority(struct arena *a, struct span authority, struct url *out) {
    size_t user = authority.len;
    while (user > 0 && authority.at[user - 1] != '@') user--;
    struct span host = span_from(authority, user);
    struct address address;
    out->port = -1;
    split_host_port(host, &host, &out->port);
    if (address_parse(host, &address)) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(&address, text);
        out->host = address.v4 ? arena_copy(a, span_cstr(text)) : arena_printf(a, "[%s]", text);
        return out->host.len > 0;
    }
    return normalise_domain(a, host, &out->host);
}

/* Whether the authority of a URL without scheme can be one at all: "and/or" is no URL. */
static bool looks_like_authority(struct span text) {
    struct address address;
    int32_t port;
    split_host_port(text, &text, &port);
    return looks_like_domain(text) || address_parse(text, &address);
}

static int hex_value(char c) {
    return is_digit(c) ? c - '0' : is_hex(c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* Escapes as RFC 3986 §6.2.2 has them: none for what needs none, upper-case digits for the others, and bytes beyond
 * ASCII escaped (RFC 3987 §3.1). `out` has room for three times the text. */
static size_t normal_escapes(struct span path, char *out) {
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.at[i];
        bool escape = c == '%' && i + 2 < path.len && is_hex(path.at[i + 1]) && is_hex(path.at[i + 2]);
        if (escape) {
            c = (unsigned char)(hex_value(path.at[i + 1]) << 4 | hex_value(path.at[i + 2]));
            i += 2;
            escape = !(is_letter((char)c) || is_digit((char)c) || (c && strchr("-._~", c)));
        }
        if (escape || c >= 0x80) {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        } else {
            out[len++] = (char)c;
        }
    }
    return len;
}

/* Takes "." and ".." out of a path that starts with '/', in place (RFC 3986 §5.2.4). Returns its length. */
static size_t without_dot_segments(char *path, size_t len) {
    size_t to = 0;
    for (size_t from = 0; from < len;) {
        size_t end = from + 1;
        while (end < len && path[end] != '/') end++;
        size_t part = end - from - 1;
        bool one = part == 1 && path[from + 1] == '.',
             two = part == 2 && path[from + 1] == '.' && path[from + 2] == '.';
        if (two)
            while (to > 0 && path[--to] != '/') continue;
        if (one || two) {
            if (end == len) path[to++] = '/';
        } else {
            memmove(path + to, path + from, end - from);
            to += end - from;
        }
        from = end;
    }
    return to;
}

/* A path and query in the one spelling; borrowed when it is that already. {NULL, 0} when memory ran out. */
static struct span normal_path(struct arena *a, struct span path) {
    bool odd = false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.at[i];
        odd |= c == '%' || c >= 0x80 || (c == '/' && i + 1 < path.len && path.at[i + 1] == '.');
    }
    if (!odd) return path;
    char *out = arena_alloc(a, path.len * 3);
    if (!out) return span_of(NULL, 0);
    size_t len = normal_escapes(path, out), query = 0;
    while (query < len && out[query] != '?') query++;
    if (query == 0 || out[0] != '/') return span_of(out, len);
    size_t kept = without_dot_segments(out, query);
    memmove(out + kept, out + query, len - query);
    return span_of(out, kept + len - query);
}

/* The whole from its parts; no text may hold a NUL, which no URL has and no C string survives. */
static bool compose(struct arena *a, struct url *url, struct span path) {
    char port[16] = "";
    if (url->port >= 0 && url->port == default_port(url->scheme)) url->port = -1;
    if (url->port >= 0) snprintf(port, sizeof port, ":%d", url->port);
    if (path.len > URL_LENGTH_MAX || (path.len && memchr(path.at, '\0', path.len))) return false;
    struct span spelt = normal_path(a, path);
    if (path.len && !spelt.at) return false;
    path = spelt;
    bool rooted = path.len > 0 && path.at[0] == '/';
    url->whole = arena_printf(a, "%.*s%s//%.*s%s%s%.*s", SPAN_ARG(url->scheme), url->scheme.len ? ":" : "",
                              SPAN_ARG(url->host), port, rooted ? "" : "/", SPAN_ARG(path));
    if (!url->whole.len) return false;
    url->path = span_from(url->whole, url->whole.len - path.len - (rooted ? 0 : 1));
    return true;
}

static struct span without_fragment(struct span path) {
    size_t fragment = span_find_char(path, '#');
    return fragment == SIZE_MAX ? path : span_first(path, fragment);
}

bool normalise_url(struct arena *a, struct span text, struct url *out) {
    *out = (struct url){0};
    if (text.len == 0 || text.len > URL_LENGTH_MAX) return false;
    size_t scheme = url_scheme_end(text), end = 0;
    struct span rest = text;
    if (scheme != SIZE_MAX) {
        out->scheme = fold(a, span_first(text, scheme));
        if (!out->scheme.len) return false;
        rest = span_from(text, scheme + 3);
    } else if (span_starts(text, SPAN("//"))) {
        rest = span_from(text, 2);
    }
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?' && rest.at[end] != '#') end++;
    struct span authority = span_first(rest, end);
    if (scheme == SIZE_MAX && !looks_like_authority(authority)) return false;
    return read_authority(a, authority, out) && compose(a, out, without_fragment(span_from(rest, end)));
}

bool url_of_request(struct arena *a, struct span host, int32_t port, struct span path, struct url *out) {
    *out = (struct url){.scheme = SPAN("http")};
    if (span_find_char(host, '@') != SIZE_MAX || !read_authority(a, host, out)) return false;
    if (out->port < 0) out->port = port;
    return compose(a, out, without_fragment(path));
}

bool normalise_value(struct arena *a, enum atom_kind kind, struct span text, struct span *out) {
    struct url url;
    switch (kind) {
    case ATOM_DOMAIN:
        return normalise_domain(a, text, out);
    case ATOM_HASH:
        return normalise_hash(a, text, out);
    case ATOM_EMAIL:
        return normalise_email(a, text, out);
    case ATOM_URL:
        if (!normalise_url(a, text, &url)) return false;
        *out = url.whole;
        return true;
    case ATOM_PROTOCOL:
    case ATOM_TYPE:
        *out = fold(a, text);
        return text.len > 0;
    default:
        *out = text;
        return text.len > 0;
    }
}
