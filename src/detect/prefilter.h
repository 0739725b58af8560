/* The prefilter: which values are worth parsing their line for. Private to the detect room.
 *
 * Every indicator leaves the spellings under which a line can name its value here, as 64-bit keys; a value of a line is
 * folded, hashed and looked up, first in a Bloom filter that stays in the cache, then in a table of 32-bit tags.
 * Folding is coarse on purpose (each byte | 0x20, one trailing dot off): it may let a line through for nothing, never
 * keep one.
 *
 *   value of an indicator        keys it leaves                       found in a line as
 *   domain, hash, file, path …   key_of(normalised text)              the text in any case
 *   IPv4 address                 key_of("198.51.100.7")               the text
 *   IPv6 address                 key_of_address(bytes)                any spelling, parsed
 *   network                      none: see networks.h                 any address, parsed
 *   URL                          key_of(whole), without its scheme    the text, normalised
 *                                key_of_request(host, path)           two values of one line (HTTP logs)
 *                                key_of_path(path)                    whether to try the line above at all */
#ifndef RENKEI_DETECT_PREFILTER_H
#define RENKEI_DETECT_PREFILTER_H

#if defined(__BMI2__)
#include <immintrin.h>
#endif

#include "base/arena.h"
#include "detect/networks.h"
#include "pattern/address.h"

enum {
    PREFILTER_PADDING = 72, /* readable bytes that must follow any buffer given to the scanning loops */
    PREFILTER_SHAPES = 1 << 13
};

struct prefilter {
    uint64_t *bloom; /* 16 bits a key, 4 set in one word */
    uint64_t bloom_words;
    uint32_t *tags; /* open addressing, 0 = free */
    uint64_t tag_mask;
    unsigned tag_shift;
    /* What there is among the indicators; v6_hosts: in URLs; everything: some name nothing, parse all lines. */
    bool urls, v6_hosts, emails, file_names, networks_v4, addresses_v6, everything;
    /* What the spellings look like: a bit for each combination of whether there is a dot, length, first and last
     * character that occurs. Most values of a log look like none of them and are not even hashed. */
    uint64_t shapes[PREFILTER_SHAPES];
    unsigned dotless_min;            /* length of the shortest spelling without a dot */
    uint64_t edges[64];              /* likewise, of first and last character alone */
    const struct networks *networks; /* the index's */
};

#define KEY_MULTIPLIER_A UINT64_C(0x9e3779b97f4a7c15)
#define KEY_MULTIPLIER_B UINT64_C(0xd6e8feb86659fd93)
#define KEY_FOLD         UINT64_C(0x2020202020202020)

static inline uint64_t key_mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
static inline uint64_t key_load(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}
/* The first len (under 8) bytes at `at`, zeros above; reads 8 bytes. */
static inline uint64_t key_load_part(const char *at, size_t len) {
    return len ? (key_load(at) | KEY_FOLD) & (~UINT64_C(0) >> (64 - 8 * len)) : 0;
}
/* Dots at the end count for nothing: a name may be written with the root's. */
static inline size_t key_bare_length(const char *at, size_t len) {
    while (len > 0 && at[len - 1] == '.') len--;
    return len;
}

/* The key of a text without dots at its end that is followed by at least 16 readable bytes. Reads whole words past the
 * end and masks them, 16 bytes a step: most values take one step, whatever their length. */
static inline uint64_t key_of_bare(const char *at, size_t len) {
    uint64_t hash = len * KEY_MULTIPLIER_B;
    for (; len > 16; at += 16, len -= 16)
        hash = key_mix(hash ^ (key_load(at) | KEY_FOLD), KEY_MULTIPLIER_A ^ (key_load(at + 8) | KEY_FOLD));
    uint64_t low = len >= 8 ? key_load(at) | KEY_FOLD : key_load_part(at, len);
    uint64_t high = len > 8 ? len == 16 ? key_load(at + 8) | KEY_FOLD : key_load_part(at + 8, len - 8) : 0;
    hash = key_mix(hash ^ low, KEY_MULTIPLIER_A ^ high);
    return key_mix(hash, KEY_MULTIPLIER_B);
}
/* The same for any text. */
uint64_t key_of(struct span text);
static inline uint64_t key_of_path(uint64_t path) {
    return key_mix(path ^ UINT64_C(0x70617468), KEY_MULTIPLIER_A);
}
static inline uint64_t key_of_request(uint64_t host, uint64_t path) {
    return key_mix(host ^ KEY_MULTIPLIER_B, path ^ KEY_MULTIPLIER_A);
}
uint64_t key_of_address(const struct address *address);

static inline bool prefilter_may_have(const struct prefilter *f, uint64_t key) {
    uint64_t word = f->bloom[((key >> 32) * f->bloom_words) >> 32];
    uint64_t bits = UINT64_C(1) << (key & 63) | UINT64_C(1) << (key >> 6 & 63) | UINT64_C(1) << (key >> 12 & 63) |
                    UINT64_C(1) << (key >> 18 & 63);
    return (word & bits) == bits;
}
/* The second look, for keys the Bloom filter lets through. */
bool prefilter_has_tag(const struct prefilter *f, uint64_t key);
/* Asks for the memory that look will need. */
void prefilter_fetch_tag(const struct prefilter *f, uint64_t key);
static inline bool prefilter_has(const struct prefilter *f, uint64_t key) {
    return prefilter_may_have(f, key) && prefilter_has_tag(f, key);
}
/* Whether any indicator's network holds the address, or, of IPv6, any is the address. */
bool prefilter_has_network(const struct prefilter *f, const struct address *address);

/* Six bits of a character, the same in either case. */
static inline unsigned shape_letter(char c) {
#if defined(__BMI2__)
    return _pext_u32((unsigned char)c, 0x5f);
#else
    return ((unsigned char)c & 0x1fu) | ((unsigned char)c >> 1 & 0x20u);
#endif
}
/* Whether a text like this may be among the spellings: its first and last characters, its length without dots at its
 * end (at least 1), and whether there is a dot in it. */
static inline bool prefilter_has_shape(const struct prefilter *f, char first, char last, size_t len, bool dot) {
    unsigned at = (dot ? 1u << 12 : 0) | (unsigned)(len < 63 ? len : 63) << 6 | shape_letter(first);
    return f->shapes[at] >> shape_letter(last) & 1;
}
static inline bool prefilter_has_edges(const struct prefilter *f, char first, char last) {
    return f->edges[shape_letter(first)] >> shape_letter(last) & 1;
}
/* Notes a text that will be looked for, so that its shape is known. */
void prefilter_note_text(struct prefilter *f, struct span text);
/* Builds the tables from keys. False when memory ran out. */
bool prefilter_build(struct prefilter *f, const uint64_t *keys, size_t count);
/* A copy of `bytes` bytes (NULL: zeros) for free(), in huge pages where the system has them. NULL: out of memory. */
void *prefilter_table(const void *from, size_t bytes);

struct detect_index;
/* The index's own; lives as long as it. */
const struct prefilter *detect_index_prefilter(const struct detect_index *index);
/* Whether all lines of this log are watched; an empty name: whether those of any log are. */
bool detect_index_watches_log(const struct detect_index *index, struct span log);

#endif
