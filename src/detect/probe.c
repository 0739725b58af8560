#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/encode.h"
#include "detect/normalise.h"
#include "detect/prefilter.h"

/* Which of 16 bytes are the one, a bit each. */
static inline unsigned equal16(const char *at, char byte) {
#ifdef __SSE2__
    __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(byte)));
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < 16; i++) bits |= (unsigned)(at[i] == byte) << i;
    return bits;
#endif
}

static inline void note_key(struct probe *p, uint64_t key) {
    const struct prefilter *f = p->filter;
    __builtin_prefetch(&f->bloom[((key >> 32) * f->bloom_words) >> 32]);
    if (p->key_count < PROBE_KEYS_MAX)
        p->keys[p->key_count] = key;
    else if (prefilter_has(f, key))
        p->hit = true; /* a long line: looked up at once */
    p->key_count++;
}

static void probe_text(struct probe *p, struct span text) {
    note_key(p, key_of(text));
}

static void probe_path(struct probe *p, uint64_t key, struct span text) {
    size_t fragment = span_find_char(text, '#');
    if (fragment != SIZE_MAX) key = key_of(span_first(text, fragment));
    if (!prefilter_has(p->filter, key_of_path(key))) return;
    if (p->path_count < PROBE_PATHS_MAX) p->paths[p->path_count] = key;
    p->path_count++;
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
        probe_text(p, domain);
}

static void probe_url(struct probe *p, struct span text) {
    struct url url;
    struct span host;
    int32_t port;
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

/* "2020-05-01T07:02:24": the values with colons that a log is full of, and MAC addresses. */
static bool is_dull(const char *at, size_t len) {
    if (len >= 19 && at[4] == '-' && at[7] == '-' && at[13] == ':' && at[16] == ':' && at[0] >= '0' && at[0] <= '9')
        return true;
    return len == 17 && at[2] == ':' && at[5] == ':' && at[8] == ':' && at[11] == ':' && at[14] == ':' && at[15] != ':';
}

/* Values with a colon, an at sign, bytes beyond ASCII: whatever the readers would make of them, by their functions. */
static void probe_unusual(struct probe *p, struct span text, bool colon, bool high) {
    struct span host, hash, domain;
    int32_t port;
    if (high && normalise_domain(p->scratch, text, &domain)) probe_text(p, domain);
    if (p->filter->emails && memchr(text.at, '@', text.len)) probe_emails(p, text);
    if (!colon || is_dull(text.at, text.len)) return;
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
    if (start > 0 && start < len && prefilter_has(p->filter, key_of(span_of(at + start, len - start)))) p->hit = true;
}

/* Whether the value can be one of those looked for at all. The last byte is left out: a dot there counts for nothing.
 */
static inline bool is_wanted(const struct prefilter *f, const char *at, size_t len) {
    size_t shorter = len - 1, bare = at[shorter] == '.' ? shorter : len, bit = bare < 255 ? bare : 255;
    if (f->dotless[bit / 64] >> (bit % 64) & 1) return true;
    for (; shorter > 16; at += 16, shorter -= 16)
        if (equal16(at, '.')) return true;
    return (equal16(at, '.') & ((1u << shorter) - 1)) != 0;
}

void probe_value(struct probe *p, const char *at, size_t len) {
    const struct prefilter *f = p->filter;
    if (len == 0) return;
    unsigned colons =
        len >= 16 ? equal16(at, ':') | equal16(at + len - 16, ':') >> 10 : equal16(at, ':') & ((1u << len) - 1);
    uint64_t high = 0;
    if (is_wanted(f, at, len) || at[0] == '/') {
        uint64_t key = key_of_padded(at, len, &high);
        note_key(p, key);
        if (f->urls && at[0] == '/') probe_path(p, key, span_of(at, len));
    } else {
        for (size_t i = 0; i < len; i += 8) high |= key_load(at + i);
        high &= UINT64_C(0x8080808080808080);
    }
    if (__builtin_expect(colons != 0 || high != 0, 0)) {
        probe_unusual(p, span_of(at, len), colons != 0, high != 0);
    } else {
        if (f->emails && memchr(at, '@', len)) probe_unusual(p, span_of(at, len), false, false);
        struct address address;
        if (f->networks_v4 && len <= 15 && at[0] <= '9' && address_parse_v4(span_of(at, len), &address) &&
            prefilter_has_network(f, &address))
            p->hit = true;
    }
    if (f->file_names) probe_last_part(p, at, len);
}

/* A copy with the padding that probe_value() needs. */
static char *scratch_copy(struct probe *p, size_t len) {
    return arena_alloc(p->scratch, len + PREFILTER_PADDING);
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

void probe_escaped_json(struct probe *p, const char *at, size_t len) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char *out = scratch_copy(p, len);
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
    char *out = scratch_copy(p, len);
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

bool probe_end(struct probe *p) {
    unsigned count = p->key_count < PROBE_KEYS_MAX ? p->key_count : PROBE_KEYS_MAX;
    for (unsigned i = 0; !p->hit && i < count; i++)
        if (__builtin_expect(prefilter_may_have(p->filter, p->keys[i]), 0))
            p->hit = prefilter_has_tag(p->filter, p->keys[i]);
    if (p->scratch->overflow) return true; /* cannot tell: let the line be parsed */
    if (p->hit || p->path_count == 0) return p->hit;
    if (p->path_count > PROBE_PATHS_MAX || p->key_count > PROBE_KEYS_MAX) return true; /* too many to try */
    for (unsigned i = 0; i < p->path_count; i++)
        for (unsigned k = 0; k < count; k++)
            if (prefilter_has(p->filter, key_of_request(p->keys[k], p->paths[i]))) return true;
    return false;
}
