#include "pattern/address.h"

#include <arpa/inet.h>
#include <stdio.h>

bool address_parse_v4(struct span text, struct address *out) {
    if (text.len < 7 || text.len > 15) return false;
    unsigned byte = 0, digits = 0, part = 0;
    struct address result = {.prefix = 32, .v4 = true};
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.at[i] : '.';
        if (c == '.') {
            if (digits == 0 || part > 3) return false;
            result.bytes[part++] = (uint8_t)byte;
            byte = digits = 0;
        } else {
            if (c < '0' || c > '9' || (digits == 1 && byte == 0)) return false;
            byte = byte * 10 + (unsigned)(c - '0');
            if (++digits > 3 || byte > 255) return false;
        }
    }
    if (part != 4) return false;
    *out = result;
    return true;
}

static bool parse_v6(struct span text, struct address *out) {
    char copy[INET6_ADDRSTRLEN];
    if (text.len < 2 || text.len >= sizeof copy || memchr(text.at, '\0', text.len)) return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    struct address result = {.prefix = 128};
    if (inet_pton(AF_INET6, copy, result.bytes) != 1) return false;
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(result.bytes, mapped, sizeof mapped) == 0) {
        uint8_t v4[4];
        memcpy(v4, result.bytes + 12, 4);
        result = (struct address){.prefix = 32, .v4 = true};
        memcpy(result.bytes, v4, 4);
    }
    *out = result;
    return true;
}

bool address_parse(struct span text, struct address *out) {
    return address_parse_v4(text, out) || parse_v6(text, out);
}

struct address address_masked(const struct address *a, unsigned prefix) {
    struct address result = {.v4 = a->v4};
    unsigned bits = address_bits(a);
    if (prefix > bits) prefix = bits;
    result.prefix = (uint8_t)prefix;
    memcpy(result.bytes, a->bytes, prefix / 8);
    if (prefix % 8) result.bytes[prefix / 8] = (uint8_t)(a->bytes[prefix / 8] & (0xff00u >> (prefix % 8)));
    return result;
}

bool address_parse_network(struct span text, struct address *out) {
    struct span address = text, prefix = {0};
    size_t slash = span_find_char(text, '/');
    if (slash != SIZE_MAX) {
        address = span_first(text, slash);
        prefix = span_from(text, slash + 1);
    }
    struct address whole;
    if (!address_parse(address, &whole)) return false;
    uint64_t length = address_bits(&whole);
    if (slash != SIZE_MAX) {
        if (prefix.len > 3 || !span_u64(prefix, &length)) return false;
        /* ::ffff:198.51.100.0/120 is the IPv4 network /24 */
        if (whole.v4 && memchr(address.at, ':', address.len)) {
            if (length < 96) return false;
            length -= 96;
        }
        if (length > address_bits(&whole)) return false;
    }
    *out = address_masked(&whole, (unsigned)length);
    return true;
}

bool address_contains(const struct address *outer, const struct address *inner) {
    if (outer->v4 != inner->v4 || inner->prefix < outer->prefix) return false;
    struct address masked = address_masked(inner, outer->prefix);
    return memcmp(masked.bytes, outer->bytes, sizeof masked.bytes) == 0;
}

/* By hand: an index formats a million, and inet_ntop() goes through printf. */
static void format_v4(const uint8_t bytes[4], char *text) {
    for (int i = 0; i < 4; i++) {
        unsigned byte = bytes[i];
        if (byte >= 100) *text++ = (char)('0' + byte / 100);
        if (byte >= 10) *text++ = (char)('0' + byte / 10 % 10);
        *text++ = (char)('0' + byte % 10);
        *text++ = i < 3 ? '.' : '\0';
    }
}

const char *address_format(const struct address *a, char text[ADDRESS_TEXT_SIZE]) {
    if (a->v4)
        format_v4(a->bytes, text);
    else if (!inet_ntop(AF_INET6, a->bytes, text, ADDRESS_TEXT_SIZE))
        text[0] = '\0';
    size_t len = strlen(text);
    if (!address_is_single(a)) snprintf(text + len, ADDRESS_TEXT_SIZE - len, "/%u", a->prefix);
    return text;
}
