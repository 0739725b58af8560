#include "detect/probe.h"

#include "base/encode.h"
#include "detect/normalise.h"

/* --- lines --- */

void probe_clear(struct probe *p) {
    p->key_count = p->path_count = p->line_count = p->line_first_key = 0;
}

static void begin_line(struct probe *p) {
    p->hit = p->everything;
    p->overfull = false;
    p->line_first_key = p->key_count;
    if (p->scratch->used > PROBE_SCRATCH_KEPT) arena_reset(p->scratch);
}

void probe_begin(struct probe *p) {
    probe_clear(p);
    begin_line(p);
}

bool probe_end_line(struct probe *p, struct span line, bool suspect, bool marked) {
    bool unsure = p->scratch->overflow; /* cannot tell: let the line be parsed */
    if (p->overfull && p->path_count > 0 && p->paths[p->path_count - 1].line == p->line_count) unsure = true;
    p->lines[p->line_count++] = (struct probe_line){.at = line.at,
                                                    .len = line.len,
                                                    .first_key = p->line_first_key,
                                                    .hit = p->hit || unsure,
                                                    .suspect = suspect,
                                                    .marked = marked};
    if (p->scratch->overflow) arena_reset(p->scratch);
    begin_line(p);
    return p->line_count == PROBE_LINES || p->key_count > PROBE_KEYS - PROBE_KEYS_A_LINE ||
           p->path_count > PROBE_PATHS - 8;
}

/* The line that a key is of. */
static struct probe_line *line_of(struct probe *p, uint32_t key) {
    uint32_t low = 0, high = p->line_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->lines[middle].first_key <= key)
            low = middle;
        else
            high = middle;
    }
    return &p->lines[low];
}

/* URLs whose host and path stand in two values of one line. */
static void judge_path(struct probe *p, const struct probe_path *path) {
    struct probe_line *line = &p->lines[path->line];
    if (line->hit || !prefilter_has(p->filter, key_of_path(path->key))) return;
    uint32_t end = path->line + 1 < p->line_count ? line[1].first_key : p->key_count;
    for (uint32_t i = line->first_key; i < end && !line->hit; i++)
        line->hit = prefilter_has(p->filter, key_of_request(p->keys[i], path->key));
}

void probe_judge(struct probe *p) {
    const struct prefilter *f = p->filter;
    uint32_t passed[PROBE_KEYS + 1], count = 0;
    for (uint32_t i = 0; i < p->key_count; i++) { /* without a branch: which pass cannot be foretold */
        passed[count] = i;
        count += prefilter_may_have(f, p->keys[i]);
    }
    for (uint32_t i = 0; i < count; i++) prefilter_fetch_tag(f, p->keys[passed[i]]);
    for (uint32_t i = 0; i < count; i++)
        if (prefilter_has_tag(f, p->keys[passed[i]])) line_of(p, passed[i])->hit = true;
    for (uint32_t i = 0; i < p->path_count; i++) judge_path(p, &p->paths[i]);
}

/* --- values --- */

static void probe_text(struct probe *p, struct span text) {
    size_t len = key_bare_length(text.at, text.len);
    if (len > 0 && prefilter_has_shape(p->filter, text.at[0], text.at[len - 1], len, memchr(text.at, '.', len)))
        probe_note(p, key_of(span_of(text.at, len)));
}

/* The name as a name: itself, and those above it when subdomains count. */
static void probe_domain(struct probe *p, struct span name) {
    probe_text(p, name);
    if (!p->subdomains) return;
    for (size_t dot; (dot = span_find_char(name, '.')) != SIZE_MAX && dot + 1 < name.len;) {
        name = span_from(name, dot + 1);
        probe_text(p, name);
    }
}

static void note_path(struct probe *p, uint64_t key) {
    if (p->path_count == PROBE_PATHS) {
        p->hit |= prefilter_has(p->filter, key_of_path(key)); /* too many to try all pairs: let the line be parsed */
        return;
    }
    uint64_t place = key_of_path(key);
    __builtin_prefetch(&p->filter->bloom[((place >> 32) * p->filter->bloom_words) >> 32]);
    p->paths[p->path_count++] = (struct probe_path){p->line_count, key};
}

void probe_note_path(struct probe *p, uint64_t key, const char *at, size_t len) {
    const char *fragment = memchr(at, '#', len);
    note_path(p, fragment ? key_of(span_of(at, (size_t)(fragment - at))) : key);
}

/* A path that a URL would not keep as it is: with a fragment, percent signs, dot segments. */
static void probe_odd_path(struct probe *p, struct span text) {
    struct url url;
    if (url_of_request(p->scratch, SPAN("any.example"), -1, text, &url)) note_path(p, key_of(url.path));
}

static void probe_address(struct probe *p, const struct address *address) {
    char text[ADDRESS_TEXT_SIZE];
    if (prefilter_has_network(p->filter, address)) p->hit = true;
    if (address->v4 || p->filter->v6_hosts) probe_text(p, span_cstr(address_format(address, text)));
}

/* As a host: an address in any spelling, or a domain. */
static void probe_host(struct probe *p, struct span host) {
    struct address address;
    struct span domain;
    if (address_parse(host, &address))
        probe_address(p, &address);
    else if (normalise_domain(p->scratch, host, &domain))
        probe_domain(p, domain);
}

/* A URL that normalise_url() would leave as it is: "http://lower-case.host/path" without port, user, fragment, escapes
 * and dot segments. False when it may be another. */
static bool probe_plain_url(struct probe *p, struct span text) {
    size_t scheme = span_starts(text, SPAN("http://")) ? 7 : span_starts(text, SPAN("https://")) ? 8 : 0, end = scheme;
    bool letter = false;
    if (scheme == 0 || text.len > URL_LENGTH_MAX) return false;
    for (; end < text.len && text.at[end] != '/'; end++) {
        char c = text.at[end];
        letter |= c >= 'a' && c <= 'z';
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) return false;
    }
    struct span host = span_of(text.at + scheme, end - scheme);
    if (end == text.len || host.len == 0 || host.len > DOMAIN_LENGTH_MAX || !letter || host.at[host.len - 1] == '.')
        return false;
    for (size_t i = end; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c >= 0x7f || c == '%' || c == '#' || c == '\\' || (c == '/' && text.at[i + 1] == '.'))
            return false;
    }
    probe_text(p, text);
    probe_text(p, span_from(text, scheme - 2));
    probe_domain(p, host);
    return true;
}

static void probe_url(struct probe *p, struct span text) {
    struct url url;
    struct span host;
    int32_t port;
    if (probe_plain_url(p, text)) return;
    if (url_scheme_end(text) == SIZE_MAX || !normalise_url(p->scratch, text, &url)) return;
    probe_text(p, url.whole);
    probe_text(p, span_from(url.whole, url.scheme.len + 1));
    host = url.host;
    split_host_port(host, &host, &port); /* brackets off */
    probe_host(p, host);
}

static void probe_emails(struct probe *p, struct span text) {
    while (text.len > 0) {
        struct span one = span_cut(&text, ','), email;
        if (normalise_email(p->scratch, one, &email)) probe_text(p, email);
    }
}

/* "2020-05-01T07:02:24", "07:02:24" and "00:0d:3a:65:28:32". */
bool probe_is_dull(const char *at, size_t len) {
    if (len >= 19 && at[4] == '-' && at[7] == '-' && at[13] == ':' && at[16] == ':' && at[0] >= '0' && at[0] <= '9')
        return true;
    if (len == 8 && at[2] == ':' && at[5] == ':' && at[0] <= '2' && at[3] <= '5') return true;
    return len == 17 && at[2] == ':' && at[5] == ':' && at[8] == ':' && at[11] == ':' && at[14] == ':' && at[15] != ':';
}

/* Values with a colon, an at sign, bytes beyond ASCII: whatever the readers would make of them, by their functions. */
static void probe_unusual(struct probe *p, struct span text, bool colon, bool high) {
    struct span host, hash, domain;
    int32_t port;
    if (high && normalise_domain(p->scratch, text, &domain)) probe_domain(p, domain);
    if (p->filter->emails && memchr(text.at, '@', text.len)) probe_emails(p, text);
    if (!colon || probe_is_dull(text.at, text.len)) return;
    struct address address;
    if (text.len > 2 && text.at[2] == ':' && normalise_hash(p->scratch, text, &hash)) probe_text(p, hash);
    if (address_parse(text, &address))
        probe_address(p, &address);
    else if (split_host_port(text, &host, &port))
        probe_host(p, host);
    probe_url(p, text);
}

/* A file's path ends in its name. */
static void probe_last_part(struct probe *p, const char *at, size_t len) {
    size_t start = len;
    while (start > 0 && at[start - 1] != '/' && at[start - 1] != '\\') start--;
    if (start > 0 && start < len) probe_text(p, span_of(at + start, len - start));
}

void probe_odd_value(struct probe *p, const char *at, size_t len, bool dotted, bool slashed, bool shaped) {
    const struct prefilter *f = p->filter;
    struct address address;
    if (shaped) probe_plain(p, at, len);
    if (dotted && f->networks_v4 && len <= 15 && at[0] <= '9' && address_parse_v4(span_of(at, len), &address) &&
        prefilter_has_network(f, &address))
        p->hit = true;
    if (dotted && p->subdomains) probe_domain(p, span_of(at, len));
    if (slashed) probe_last_part(p, at, len);
}

enum { HAS_COLON = 1, HAS_HIGH = 2, HAS_AT = 4, HAS_HASH = 8, HAS_DOT = 16, HAS_SLASH = 32, HAS_PERCENT = 64 };
static const uint8_t has[256] = {
    [':'] = HAS_COLON,   ['@'] = HAS_AT,    ['#'] = HAS_HASH,   ['.'] = HAS_DOT,
    ['%'] = HAS_PERCENT, ['/'] = HAS_SLASH, ['\\'] = HAS_SLASH, [0x80 ... 0xff] = HAS_HIGH,
};

void probe_value(struct probe *p, const char *at, size_t len) {
    const struct prefilter *f = p->filter;
    size_t bare = key_bare_length(at, len);
    unsigned seen = 0;
    if (bare == 0) return;
    for (size_t i = 0; i < bare; i++) seen |= has[(unsigned char)at[i]];
    bool shaped = prefilter_has_shape(f, at[0], at[bare - 1], bare, seen & HAS_DOT);
    if (seen & (HAS_COLON | HAS_HIGH | HAS_AT)) probe_unusual(p, span_of(at, len), seen & HAS_COLON, seen & HAS_HIGH);
    probe_odd_value(p, at, bare, seen & HAS_DOT, f->file_names && seen & HAS_SLASH, shaped);
    if (!f->urls || at[0] != '/') return;
    bool segments = seen & HAS_DOT && span_find(span_of(at, len), SPAN("/.")) != SIZE_MAX;
    if (segments || seen & (HAS_HASH | HAS_PERCENT | HAS_HIGH)) probe_odd_path(p, span_of(at, len));
}

/* --- escapes --- */

/* Room for a value of at most len bytes, with the padding that probe_value() needs. */
static char *unescaping_room(struct probe *p, size_t len) {
    return len <= PROBE_UNESCAPED ? p->unescaped : arena_alloc(p->scratch, len + PREFILTER_PADDING);
}

static unsigned hex_digit(char c) {
    if (c >= '0' && c <= '9') return (unsigned)(c - '0');
    char folded = (char)(c | 0x20);
    return folded >= 'a' && folded <= 'f' ? (unsigned)(folded - 'a') + 10 : 16;
}

/* Up to four hexadecimal digits; false if there are fewer. */
static bool read_hex(const char *at, size_t left, unsigned digits, uint32_t *out) {
    if (left < digits) return false;
    *out = 0;
    for (unsigned i = 0; i < digits; i++) {
        unsigned digit = hex_digit(at[i]);
        if (digit > 15) return false;
        *out = *out << 4 | digit;
    }
    return true;
}

static size_t write_utf8(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(c | (len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0));
    return len;
}

/* \u0041 or a surrogate pair at text[at] (after the backslash and u); returns the bytes read, 0 if malformed. */
static size_t read_unicode(const char *at, size_t left, uint32_t *out) {
    uint32_t low;
    if (!read_hex(at, left, 4, out)) return 0;
    if (*out < 0xd800 || *out > 0xdbff) return 4;
    if (left < 10 || at[4] != '\\' || at[5] != 'u' || !read_hex(at + 6, left - 6, 4, &low)) return 0;
    *out = 0x10000 + ((*out & 0x3ff) << 10) + (low & 0x3ff);
    return 10;
}

/* Whether a JSON string with escapes can be passed by without undoing them: a browser's name with its escaped slashes,
 * mostly. Only where nothing but a look-up of the whole is at stake and its first and last characters rule that out. */
static bool escapes_in_vain(const struct probe *p, const char *at, size_t len) {
    const struct prefilter *f = p->filter;
    if (f->file_names || p->subdomains || len < 8 || at[0] == '/' || prefilter_has_edges(f, at[0], at[len - 1]))
        return false;
    char last = at[len - 1];
    if (at[0] == '\\' || at[len - 2] == '\\' || last == '.') return false;
    uint64_t high = 0;
    for (size_t i = 0; i + 8 <= len; i += 8) high |= key_load(at + i);
    high |= key_load(at + len - 8);
    if (high & UINT64_C(0x8080808080808080) || memchr(at, ':', len) || (f->emails && memchr(at, '@', len)))
        return false;
    for (const char *c = at; (c = memchr(c, '\\', len - (size_t)(c - at))) != NULL; c += 2) {
        if (c[1] == 'u') return false; /* may stand for any of those */
        if ((size_t)(c - at) + 2 >= len) break;
    }
    return true;
}

void probe_escaped_json(struct probe *p, const char *at, size_t len) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    if (escapes_in_vain(p, at, len)) return;
    char *out = unescaping_room(p, len);
    size_t n = 0;
    if (!out) return;
    for (size_t i = 0; i < len; i++) {
        if (at[i] != '\\' || i + 1 == len) {
            out[n++] = at[i];
            continue;
        }
        char c = at[++i];
        const char *named = c ? strchr(from, c) : NULL;
        uint32_t code = 0;
        size_t read = c == 'u' ? read_unicode(at + i + 1, len - i - 1, &code) : 0;
        if (read)
            n += write_utf8(out + n, code);
        else
            out[n++] = named ? to[named - from] : c;
        i += read;
    }
    memset(out + n, 0, PREFILTER_PADDING);
    probe_value(p, out, n);
}

void probe_escaped_zeek(struct probe *p, const char *at, size_t len) {
    char *out = unescaping_room(p, len);
    size_t n = 0;
    if (!out) return;
    for (size_t i = 0; i < len; i++) {
        uint32_t code;
        if (at[i] == '\\' && i + 3 < len && at[i + 1] == 'x' && read_hex(at + i + 2, len - i - 2, 2, &code)) {
            out[n++] = (char)code;
            i += 3;
        } else {
            if (at[i] == '\\' && i + 1 < len && at[i + 1] == '\\') i++;
            out[n++] = at[i];
        }
    }
    memset(out + n, 0, PREFILTER_PADDING);
    probe_value(p, out, n);
}
