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
 *   IPv6 address, network        key_of_network(masked bytes)         any spelling, parsed
 *   URL                          key_of(whole), without its scheme    the text, normalised
 *                                key_of_request(host, path)           two values of one line (HTTP logs)
 *                                key_of_path(path)                    whether to try the line above at all */
#ifndef RENKEI_DETECT_PREFILTER_H
#define RENKEI_DETECT_PREFILTER_H

#include "base/arena.h"
#include "pattern/address.h"

enum { PREFILTER_PADDING = 64 /* readable bytes that must follow any buffer given to the scanning loops */ };

struct prefilter {
    uint64_t *bloom; /* owned; 16 bits a key, 4 set in one word */
    uint64_t bloom_words;
    uint32_t *tags; /* owned; open addressing, 0 = free */
    uint64_t tag_mask;
    unsigned tag_shift;
    /* What there is among the indicators; v6_hosts: in URLs; everything: some name nothing, parse all lines. */
    bool urls, v6_hosts, emails, file_names, networks_v4, everything;
    /* Bit n: a spelling of n bytes exists that has no dot in it (hashes, paths, file names); bit 255 stands for all
     * longer ones. Most values of a log have no dot and another length: they are not even hashed. */
    uint64_t dotless[4];
    uint64_t v4_lengths;       /* bit n: a network of prefix length n exists (0 to 31) */
    uint64_t v6_lengths[3];    /* likewise, 0 to 128, single addresses included */
    uint64_t v4_sixteen[1024]; /* bit per /16: a network reaches into it */
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

/* The key of a text that is followed by at least 8 readable bytes. *high gets a bit 0x80 set for any byte beyond ASCII.
 * Reads whole words past the end and masks them: a loop without a tail of cases. */
static inline uint64_t key_of_padded(const char *at, size_t len, uint64_t *high) {
    if (len > 0 && at[len - 1] == '.') len--;
    uint64_t hash = len * KEY_MULTIPLIER_B, seen = 0;
    const char *end = at + (len & ~(size_t)7);
    for (; at < end; at += 8) {
        uint64_t word = key_load(at);
        seen |= word;
        hash = key_mix(hash ^ (word | KEY_FOLD), KEY_MULTIPLIER_A);
    }
    uint64_t rest = key_load_part(at, len & 7);
    seen |= rest;
    *high = seen & UINT64_C(0x8080808080808080);
    return key_mix(hash ^ rest, KEY_MULTIPLIER_B);
}
/* The same for any text. */
uint64_t key_of(struct span text);
static inline uint64_t key_of_path(uint64_t path) {
    return key_mix(path ^ UINT64_C(0x70617468), KEY_MULTIPLIER_A);
}
static inline uint64_t key_of_request(uint64_t host, uint64_t path) {
    return key_mix(host ^ KEY_MULTIPLIER_B, path ^ KEY_MULTIPLIER_A);
}
uint64_t key_of_network(const struct address *network);

static inline bool prefilter_may_have(const struct prefilter *f, uint64_t key) {
    uint64_t word = f->bloom[((key >> 32) * f->bloom_words) >> 32];
    uint64_t bits = UINT64_C(1) << (key & 63) | UINT64_C(1) << (key >> 6 & 63) | UINT64_C(1) << (key >> 12 & 63) |
                    UINT64_C(1) << (key >> 18 & 63);
    return (word & bits) == bits;
}
/* The second look, for keys the Bloom filter lets through. */
bool prefilter_has_tag(const struct prefilter *f, uint64_t key);
static inline bool prefilter_has(const struct prefilter *f, uint64_t key) {
    return prefilter_may_have(f, key) && prefilter_has_tag(f, key);
}
/* Whether any indicator's network (or IPv6 address) holds the address. */
bool prefilter_has_network(const struct prefilter *f, const struct address *address);

/* Notes a text that will be looked for, so that probe_value() does not pass it by. */
void prefilter_note_text(struct prefilter *f, struct span text);
/* Builds the tables from keys. False when memory ran out. */
bool prefilter_build(struct prefilter *f, const uint64_t *keys, size_t count);
/* Notes a network so that prefilter_has_network() looks for it; its key is added like any other. */
void prefilter_note_network(struct prefilter *f, const struct address *network);
size_t prefilter_bytes(const struct prefilter *f);
void prefilter_free(struct prefilter *f);

struct detect_index;
/* The index's own; lives as long as it. */
const struct prefilter *detect_index_prefilter(const struct detect_index *index);
/* Whether all lines of this log are watched; an empty name: whether those of any log are. */
bool detect_index_watches_log(const struct detect_index *index, struct span log);

/* --- probing the values of one line --- */

enum { PROBE_KEYS_MAX = 128, PROBE_PATHS_MAX = 8, PROBE_SCRATCH_KEPT = 256 * 1024 };

/* What is known of a line. Its keys are only noted, and their places in the filter fetched ahead; they are looked up
 * at the end, best a line later, when the memory has arrived. Reset with probe_begin() at each line. */
struct probe {
    const struct prefilter *filter;
    struct arena *scratch; /* for the rare values that need normalising; never reset within a line */
    bool everything;       /* every line is worth parsing */
    bool hit;
    unsigned key_count, path_count;
    uint64_t keys[PROBE_KEYS_MAX], paths[PROBE_PATHS_MAX];
};
static inline void probe_begin(struct probe *p) {
    if (p->scratch->used > PROBE_SCRATCH_KEPT) arena_reset(p->scratch);
    p->hit = p->everything;
    p->key_count = p->path_count = 0;
}
/* One value of the line, followed by PREFILTER_PADDING readable bytes. */
void probe_value(struct probe *p, const char *at, size_t len);
/* One value that must be unescaped first: JSON's escapes, or Zeek's \x41. */
void probe_escaped_json(struct probe *p, const char *at, size_t len);
void probe_escaped_zeek(struct probe *p, const char *at, size_t len);
/* At the line's end: whether the line is worth parsing. */
bool probe_end(struct probe *p);

#endif
