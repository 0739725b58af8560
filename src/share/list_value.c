/* Recognising one value: undo the defanging, then ask in an order in which no two kinds can be mistaken. */
#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>

#include "base/encode.h"
#include "share/list.h"

const char *list_kind_name(enum list_kind kind) {
    static const char *const names[] = {"none",
#define X(name, text) text,
                                        LIST_KINDS(X)
#undef X
    };
    return (unsigned)kind < LIST_KIND_COUNT ? names[kind] : "none";
}

static const char PATTERN_FAULT[] = "a pattern or wildcard is no single value";

static enum list_kind refuse(const char **reason, const char *why) {
    *reason = why;
    return LIST_NONE;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void add_lower(struct buf *out, struct span s) {
    char *at = buf_reserve(out, s.len);
    if (!at) return;
    for (size_t i = 0; i < s.len; i++) at[i] = lower(s.at[i]);
    out->len += s.len;
}

/* ---- defanging ------------------------------------------------------------------------------------------------------
 */

static const struct {
    struct span fanged;
    const char *plain;
} fangs[] = {
    {{"[.]", 3}, "."},   {{"(.)", 3}, "."},     {{"{.}", 3}, "."}, {{"[dot]", 5}, "."},
    {{"(dot)", 5}, "."}, {{"{dot}", 5}, "."},   {{"[:]", 3}, ":"}, {{"(:)", 3}, ":"},
    {{"[::]", 4}, "::"}, {{"[://]", 5}, "://"}, {{"[/]", 3}, "/"}, {{"[at]", 4}, "@"},
    {{"(at)", 4}, "@"},  {{"{at}", 4}, "@"},    {{"[@]", 3}, "@"}, {{"(@)", 3}, "@"},
};

static const struct {
    const char *fanged, *plain;
} schemes[] = {{"hxxp", "http"},   {"hxxps", "https"}, {"hxtp", "http"},   {"htxp", "http"}, {"hxtps", "https"},
               {"htxps", "https"}, {"h**p", "http"},   {"h**ps", "https"}, {"fxp", "ftp"},   {"fxps", "ftps"}};

/* Writes text with the brackets undone to `out` (no longer than text); returns its length. */
static size_t brackets_undone(struct span text, char *out) {
    size_t len = 0;
    for (size_t i = 0; i < text.len;) {
        char c = text.at[i];
        size_t row = 0, count = sizeof fangs / sizeof *fangs;
        if (c != '[' && c != '(' && c != '{') row = count;
        for (; row < count; row++) {
            struct span f = fangs[row].fanged;
            if (text.len - i >= f.len && span_equal_nocase(span_of(text.at + i, f.len), f) &&
                !(i == 0 && f.len == 4 && f.at[1] == ':')) /* "[::]:53" is the address :: */
                break;
        }
        if (row == count) {
            out[len++] = c;
            i++;
            continue;
        }
        for (const char *p = fangs[row].plain; *p; p++) out[len++] = *p;
        i += fangs[row].fanged.len;
    }
    return len;
}

/* The value with its defanging undone, in `text` itself or in `room` (LIST_VALUE_MAX + 8 bytes). */
static struct span refanged(struct span text, char *room) {
    char *at = room + 8; /* a plain scheme may be longer than its fanged spelling, never by more than this */
    bool bracketed = false;
    for (size_t i = 0; i < text.len && !bracketed; i++)
        bracketed = text.at[i] == '[' || text.at[i] == '(' || text.at[i] == '{';
    if (bracketed) text = span_of(at, brackets_undone(text, at));
    if (text.len < 6 || (lower(text.at[0]) != 'h' && lower(text.at[0]) != 'f')) return text;
    size_t end = span_find(span_first(text, 12), SPAN("://"));
    for (size_t i = 0; end != SIZE_MAX && i < sizeof schemes / sizeof *schemes; i++) {
        if (!span_equal_nocase(span_first(text, end), span_cstr(schemes[i].fanged))) continue;
        size_t plain = strlen(schemes[i].plain);
        if (!bracketed) memcpy(at + end, text.at + end, text.len - end);
        memcpy(at + end - plain, schemes[i].plain, plain);
        return span_of(at + end - plain, text.len - end + plain);
    }
    return text;
}

/* ---- addresses
 * ------------------------------------------------------------------------------------------------------- */

/* Strict dotted quad without leading zeros, which some read as octal. */
static bool ipv4_read(struct span s, uint32_t *out) {
    uint32_t address = 0;
    size_t i = 0;
    for (int part = 0; part < 4; part++) {
        unsigned n = 0, digits = 0;
        for (; i < s.len && is_digit(s.at[i]) && digits < 4; i++, digits++) n = n * 10 + (unsigned)(s.at[i] - '0');
        if (!digits || digits > 3 || n > 255 || (digits > 1 && s.at[i - digits] == '0')) return false;
        address = address << 8 | n;
        if (part < 3 && (i >= s.len || s.at[i++] != '.')) return false;
    }
    *out = address;
    return i == s.len;
}

static bool ipv6_read(struct span s, struct in6_addr *out) {
    char text[INET6_ADDRSTRLEN];
    if (s.len >= sizeof text || s.len < 2) return false;
    memcpy(text, s.at, s.len);
    text[s.len] = 0;
    return inet_pton(AF_INET6, text, out) == 1;
}

/* Bare IPv6, alone or as a network: at least two colons and nothing but hexadecimal. */
static bool ipv6_shaped(struct span s) {
    int colons = 0;
    for (size_t i = 0; i < s.len && s.at[i] != '/'; i++) {
        if (!is_hex(s.at[i]) && s.at[i] != ':' && s.at[i] != '.') return false;
        colons += s.at[i] == ':';
    }
    return colons >= 2;
}

static void ipv6_add(struct buf *out, const struct in6_addr *a) {
    char text[INET6_ADDRSTRLEN];
    buf_add_cstr(out, inet_ntop(AF_INET6, a, text, sizeof text));
}

static bool port_read(struct span s, unsigned *out) {
    uint64_t n;
    if (s.len > 5 || !span_u64(s, &n) || n == 0 || n > 65535) return false;
    *out = (unsigned)n;
    return true;
}

static enum list_kind ipv4_range(uint32_t address, struct span bits, struct buf *out, const char **reason) {
    uint64_t n;
    if (!span_u64(bits, &n) || n > 32) return refuse(reason, "a network's length must be 1 to 32");
    if (n == 0) return refuse(reason, "a network of length 0 holds every address");
    uint32_t network = address & (UINT32_MAX << (32 - n));
    buf_printf(out, "%u.%u.%u.%u", network >> 24, network >> 16 & 255, network >> 8 & 255, network & 255);
    if (n == 32) return LIST_IPV4;
    buf_printf(out, "/%u", (unsigned)n);
    return LIST_IPV4_RANGE;
}

static enum list_kind ipv6_range(struct in6_addr a, struct span bits, struct buf *out, const char **reason) {
    uint64_t n;
    if (!span_u64(bits, &n) || n > 128) return refuse(reason, "a network's length must be 1 to 128");
    if (n == 0) return refuse(reason, "a network of length 0 holds every address");
    for (unsigned bit = (unsigned)n; bit < 128; bit++) a.s6_addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    ipv6_add(out, &a);
    if (n == 128) return LIST_IPV6;
    buf_printf(out, "/%u", (unsigned)n);
    return LIST_IPV6_RANGE;
}

/* ---- names
 * ----------------------------------------------------------------------------------------------------------- */

/* Endings of files that are no top-level domains: "invoice.exe" alone on a line is a file's name. */
static const char *const file_endings[] = {
    "apk", "asp", "aspx", "bak",  "bat",  "bin",  "bmp",  "cfg",  "cgi", "class", "conf", "cpl", "csv",
    "dat", "db",  "dex",  "dll",  "doc",  "docm", "docx", "elf",  "exe", "gif",   "hta",  "htm", "html",
    "img", "ini", "iso",  "jar",  "jpeg", "jpg",  "js",   "json", "jsp", "lnk",   "log",  "msi", "pdf",
    "php", "png", "ppt",  "pptx", "rar",  "rtf",  "scr",  "sys",  "tar", "tgz",   "tmp",  "txt", "vbe",
    "vbs", "war", "wsf",  "xls",  "xlsm", "xlsx", "xml",  "yaml", "yml"};

static bool is_file_ending(struct span label) {
    for (size_t i = 0; i < sizeof file_endings / sizeof *file_endings; i++)
        if (span_is(label, file_endings[i])) return true;
    return false;
}

/* Internationalised: to A-labels. */
static bool name_to_ascii(struct span name, struct buf *out) {
    char utf8[1024]; /* four bytes for each of 253 characters */
    char *ascii = NULL;
    if (name.len >= sizeof utf8) return false;
    memcpy(utf8, name.at, name.len);
    utf8[name.len] = 0;
    int code = idn2_lookup_u8((const uint8_t *)utf8, (uint8_t **)&ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code == IDN2_OK) buf_add_cstr(out, ascii);
    idn2_free(ascii);
    return code == IDN2_OK;
}

/* RFC 1035 §2.3.4's lengths; letters, digits, hyphens, and underscores as the DNS of today holds them. */
static const char *name_fault(struct span name) {
    size_t label = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i == name.len || name.at[i] == '.') {
            if (label == 0) return "a part of the domain name is empty";
            if (label > 63) return "a part of a domain name has at most 63 characters";
            label = 0;
        } else if (is_digit(name.at[i]) || (name.at[i] >= 'a' && name.at[i] <= 'z') || name.at[i] == '-' ||
                   name.at[i] == '_') {
            label++;
        } else {
            return strchr("\\[](){}|^$*+?", name.at[i]) ? PATTERN_FAULT : "it holds a character no domain name has";
        }
    }
    return NULL;
}

static bool numeric(struct span name) {
    for (size_t i = 0; i < name.len; i++)
        if (!is_digit(name.at[i]) && name.at[i] != '.') return false;
    return true;
}

/* A name that stands alone must end in what can be a top-level domain. */
static const char *top_fault(struct span name) {
    size_t dot = name.len;
    while (dot > 0 && name.at[dot - 1] != '.') dot--;
    struct span top = span_from(name, dot);
    if (dot == 0) return "a word without a dot is no domain name";
    if (span_starts(top, SPAN("xn--")) || span_is(top, "i2p")) return NULL; /* i2p: hidden services' own */
    for (size_t i = 0; i < top.len; i++)
        if (!is_alpha(top.at[i])) return "its last part is no top-level domain";
    if (top.len < 2) return "its last part is no top-level domain";
    return is_file_ending(top) ? "a file's name, not a domain" : NULL;
}

/* Appends the name in normal form. single: any name will do (the host of a URL is a host for certain). */
static const char *name_read(struct span name, bool single, struct buf *out) {
    size_t start = out->len;
    bool ascii = true;
    if (name.len && name.at[name.len - 1] == '.') name.len--;
    if (name.len == 0) return "a part of the domain name is empty";
    if (name.len > 1000) return "a domain name has at most 253 characters";
    for (size_t i = 0; i < name.len; i++) ascii &= (unsigned char)name.at[i] < 0x80;
    if (ascii)
        add_lower(out, name);
    else if (!name_to_ascii(name, out))
        return "no valid internationalised domain name";
    if (!buf_ok(out)) return "memory ran out";
    struct span normal = span_from(buf_span(out), start);
    const char *fault = name_fault(normal);
    if (!fault && numeric(normal)) fault = "not an IPv4 address";
    return fault || single ? fault : top_fault(normal);
}

/* ---- hosts, URLs, e-mail
 * ----------------------------------------------------------------------------------------------- */

enum host { HOST_BAD, HOST_IPV4, HOST_IPV6, HOST_NAME };

static enum host host_bad(const char **reason, const char *why) {
    *reason = why;
    return HOST_BAD;
}

/* "host" or "host:port", "[v6]" or "[v6]:port". Appends the host in normal form, brackets included; *port is 0 when
 * there is none. */
static enum host host_read(struct span s, bool single, struct buf *out, unsigned *port, const char **reason) {
    struct in6_addr v6;
    uint32_t v4;
    *port = 0;
    size_t close = s.len && s.at[0] == '[' ? span_find_char(s, ']') : SIZE_MAX;
    if (close != SIZE_MAX) {
        struct span rest = span_from(s, close + 1);
        if (!ipv6_read(span_of(s.at + 1, close - 1), &v6))
            return host_bad(reason, ipv6_shaped(span_of(s.at + 1, close - 1)) ? "not an IPv6 address" : PATTERN_FAULT);
        if (rest.len && (rest.at[0] != ':' || !port_read(span_from(rest, 1), port)))
            return host_bad(reason, "a port must be 1 to 65535");
        buf_add_char(out, '[');
        ipv6_add(out, &v6);
        buf_add_char(out, ']');
        return HOST_IPV6;
    }
    size_t colon = span_find_char(s, ':');
    if (colon != SIZE_MAX && !port_read(span_from(s, colon + 1), port))
        return host_bad(reason, "a port must be 1 to 65535");
    struct span host = span_first(s, colon);
    if (host.len && host.at[host.len - 1] == '.') host.len--;
    if (ipv4_read(host, &v4)) {
        buf_add(out, host);
        return HOST_IPV4;
    }
    const char *fault = name_read(host, single, out);
    return fault ? host_bad(reason, fault) : HOST_NAME;
}

static size_t authority_end(struct span s) {
    size_t i = 0;
    while (i < s.len && s.at[i] != '/' && s.at[i] != '?' && s.at[i] != '#') i++;
    return i;
}

static enum list_kind url_read(struct span s, size_t colon, struct buf *out, const char **reason) {
    struct span scheme = span_first(s, colon), rest = span_from(s, colon + 3);
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.at[i];
        if (!is_alpha(c) && (i == 0 || (!is_digit(c) && c != '+' && c != '-' && c != '.')))
            return refuse(reason, "what stands before :// is no URL scheme");
    }
    if (!scheme.len) return refuse(reason, "what stands before :// is no URL scheme");
    add_lower(out, scheme);
    struct span normal_scheme = span_first(buf_span(out), scheme.len);
    unsigned usual = span_is(normal_scheme, "http") ? 80 : span_is(normal_scheme, "https") ? 443 : 0, port;
    buf_add_cstr(out, "://");
    struct span authority = span_first(rest, authority_end(rest));
    rest = span_from(rest, authority.len);
    for (size_t i = authority.len; i-- > 0;) /* the last @ ends the user's part */
        if (authority.at[i] == '@') {
            buf_add(out, span_first(authority, i + 1));
            authority = span_from(authority, i + 1);
            break;
        }
    if (host_read(authority, true, out, &port, reason) == HOST_BAD) return LIST_NONE;
    if (port && port != usual) buf_printf(out, ":%u", port);
    if (rest.len && rest.at[0] != '/') buf_add_char(out, '/'); /* RFC 3986 §6.2.3 */
    buf_add(out, rest);
    return LIST_URL;
}

static enum list_kind email_read(struct span s, size_t at, struct buf *out, const char **reason) {
    struct span local = span_first(s, at);
    if (local.len == 0 || local.len > 64) return refuse(reason, "no e-mail address: 1 to 64 characters before the @");
    for (size_t i = 0; i < local.len; i++) { /* RFC 5321 §4.1.2 dot-string */
        char c = local.at[i];
        if (!is_alpha(c) && !is_digit(c) && !strchr("!#$%&'*+-/=?^_`{|}~.", c))
            return refuse(reason, "no e-mail address: a character that may not stand before the @");
    }
    buf_add(out, span_first(s, at + 1));
    const char *fault = name_read(span_from(s, at + 1), false, out);
    return fault ? refuse(reason, fault) : LIST_EMAIL;
}

static enum list_kind hash_kind(struct span s) {
    enum list_kind kind = s.len == 32    ? LIST_MD5
                          : s.len == 40  ? LIST_SHA1
                          : s.len == 64  ? LIST_SHA256
                          : s.len == 128 ? LIST_SHA512
                                         : LIST_NONE;
    for (size_t i = 0; kind && i < s.len; i++)
        if (!is_hex(s.at[i])) return LIST_NONE;
    return kind;
}

static enum list_kind ipv6_kind(struct span s, struct buf *out, const char **reason) {
    struct in6_addr v6;
    size_t slash = span_find_char(s, '/');
    if (!ipv6_read(span_first(s, slash), &v6))
        return refuse(reason, span_find_char(s, '.') == SIZE_MAX ? "not an IPv6 address" : "more than one port");
    if (slash != SIZE_MAX) return ipv6_range(v6, span_from(s, slash + 1), out, reason);
    ipv6_add(out, &v6);
    return LIST_IPV6;
}

/* host, host:port, host/path, address/length: what is left. */
static enum list_kind host_kind(struct span s, struct buf *out, const char **reason) {
    size_t end = authority_end(s);
    struct span rest = span_from(s, end);
    uint32_t v4;
    unsigned port;
    if (rest.len >= 2 && rest.len <= 3 && rest.at[0] == '/' && is_digit(rest.at[1]) &&
        is_digit(rest.at[rest.len - 1]) && ipv4_read(span_first(s, end), &v4))
        return ipv4_range(v4, span_from(rest, 1), out, reason);
    if (rest.len && rest.at[0] == '#') return refuse(reason, "a comment must have white space before it");
    enum host host = host_read(span_first(s, end), false, out, &port, reason);
    if (host == HOST_BAD) return LIST_NONE;
    if (!rest.len && !port && host == HOST_IPV6) { /* "[::1]" */
        buf_consume(out, 1);
        out->len--;
        return LIST_IPV6;
    }
    if (port) buf_printf(out, ":%u", port);
    if (rest.len) {
        if (rest.at[0] != '/') buf_add_char(out, '/');
        buf_add(out, rest);
        return LIST_HOST_PATH;
    }
    return host == HOST_IPV4   ? (port ? LIST_IPV4_PORT : LIST_IPV4)
           : host == HOST_IPV6 ? LIST_IPV6_PORT
                               : (port ? LIST_DOMAIN_PORT : LIST_DOMAIN);
}

/* ---- the whole
 * --------------------------------------------------------------------------------------------------------- */

static const char *character_fault(struct span s) {
    bool ascii = true;
    size_t bad;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c <= ' ' || c == 0x7f) return c == ' ' || c == '\t' ? "more than one word" : "a control character";
        ascii &= c < 0x80;
    }
    return ascii || utf8_valid(s, &bad) ? NULL : "not UTF-8";
}

static enum list_kind recognise(struct span s, struct buf *out, char *room, const char **reason) {
    const char *fault = s.len == 0               ? "nothing there"
                        : s.len > LIST_VALUE_MAX ? "longer than any value"
                                                 : character_fault(s);
    if (fault) return refuse(reason, fault);
    if (s.at[0] == '/') {
        if (s.len < 2) return refuse(reason, "/ alone is every site's first page");
        buf_add(out, s);
        return LIST_PATH;
    }
    s = refanged(s, room);
    enum list_kind kind = hash_kind(s);
    if (kind) {
        add_lower(out, s);
        return kind;
    }
    size_t scheme = span_find(s, SPAN("://")), slash = authority_end(s), at = span_find_char(span_first(s, slash), '@');
    if (scheme != SIZE_MAX && scheme < slash) return url_read(s, scheme, out, reason);
    if (ipv6_shaped(s)) return ipv6_kind(s, out, reason);
    if (at != SIZE_MAX) {
        if (slash != s.len) return refuse(reason, "neither an e-mail address nor a URL");
        return email_read(s, at, out, reason);
    }
    return host_kind(s, out, reason);
}

enum list_kind list_recognise(struct span text, struct buf *normal, const char **reason) {
    char room[LIST_VALUE_MAX + 16];
    const char *why = "";
    buf_clear(normal);
    enum list_kind kind = recognise(span_trim(text), normal, room, &why);
    if (kind && !buf_ok(normal)) kind = refuse(&why, "memory ran out");
    if (!kind) buf_clear(normal);
    if (reason) *reason = kind ? NULL : why;
    return kind;
}
