/* IP addresses and networks in CIDR notation, as patterns and logs spell them. */
#ifndef RENKEI_PATTERN_ADDRESS_H
#define RENKEI_PATTERN_ADDRESS_H

#include "base/span.h"

enum { ADDRESS_TEXT_SIZE = 64 };

/* A network; a single address is a network of the full prefix length. Host bits are zero. IPv4 uses bytes[0..3]; an
 * IPv4-mapped IPv6 address (::ffff:a.b.c.d, RFC 4291 §2.5.5.2) is read as the IPv4 address it stands for. */
struct address {
    uint8_t bytes[16];
    uint8_t prefix; /* 0 to 32, or 0 to 128 */
    bool v4;
};

static inline unsigned address_bits(const struct address *a) {
    return a->v4 ? 32 : 128;
}
static inline bool address_is_single(const struct address *a) {
    return a->prefix == address_bits(a);
}

/* Four decimal numbers without leading zeros; nothing else. */
bool address_parse_v4(struct span text, struct address *out);
/* An address of either family. IPv6 in any spelling of RFC 4291 §2.2; a zone ("%eth0") and brackets are refused. */
bool address_parse(struct span text, struct address *out);
/* An address, or address/prefix; host bits are cleared (§9.6.1: '198.51.100.5/24' is the network). */
bool address_parse_network(struct span text, struct address *out);
/* Clears the bits beyond `prefix`. */
struct address address_masked(const struct address *a, unsigned prefix);
/* Whether `outer` holds all of `inner`; never across families. */
bool address_contains(const struct address *outer, const struct address *inner);
/* Canonical spelling (RFC 5952), with /prefix unless single. Returns text. */
const char *address_format(const struct address *a, char text[ADDRESS_TEXT_SIZE]);

#endif
