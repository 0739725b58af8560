#include "detect/prefilter.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { BLOOM_BITS_PER_KEY = 16, TABLE_MIN_BITS = 10 };

uint64_t key_of(struct span text) {
    char padded[256 + 16];
    size_t len = key_bare_length(text.at, text.len);
    bool fits = len <= sizeof padded - 16;
    char *copy = fits ? padded : malloc(len + 16);
    if (!copy) return 0;
    memcpy(copy, text.at ? text.at : "", len);
    memset(copy + len, 0, 16);
    uint64_t key = key_of_bare(copy, len);
    if (!fits) free(copy);
    return key;
}

uint64_t key_of_address(const struct address *address) {
    uint64_t low, upper;
    memcpy(&low, address->bytes, 8);
    memcpy(&upper, address->bytes + 8, 8);
    return key_mix(key_mix(low ^ KEY_MULTIPLIER_A, upper ^ KEY_MULTIPLIER_B), KEY_MULTIPLIER_B + address->v4);
}

/* Other bits than the Bloom filter uses. */
static uint64_t tag_hash(uint64_t key) {
    return (key ^ key >> 29) * KEY_MULTIPLIER_B;
}

bool prefilter_has_tag(const struct prefilter *f, uint64_t key) {
    uint64_t hash = tag_hash(key);
    uint32_t tag = (uint32_t)key | 1;
    for (uint64_t i = hash >> f->tag_shift;; i = (i + 1) & f->tag_mask) {
        if (f->tags[i] == tag) return true;
        if (f->tags[i] == 0) return false;
    }
}

void prefilter_fetch_tag(const struct prefilter *f, uint64_t key) {
    __builtin_prefetch(&f->tags[tag_hash(key) >> f->tag_shift]);
}

static void add_key(struct prefilter *f, uint64_t key) {
    f->bloom[((key >> 32) * f->bloom_words) >> 32] |= UINT64_C(1) << (key & 63) | UINT64_C(1) << (key >> 6 & 63) |
                                                      UINT64_C(1) << (key >> 12 & 63) | UINT64_C(1) << (key >> 18 & 63);
    uint64_t hash = tag_hash(key);
    uint32_t tag = (uint32_t)key | 1;
    uint64_t i = hash >> f->tag_shift;
    while (f->tags[i] != 0 && f->tags[i] != tag) i = (i + 1) & f->tag_mask;
    f->tags[i] = tag;
}

void prefilter_note_text(struct prefilter *f, struct span text) {
    size_t len = key_bare_length(text.at, text.len);
    if (len == 0) return;
    unsigned dot = memchr(text.at, '.', len) ? 1u << 12 : 0;
    unsigned at = dot | (unsigned)(len < 63 ? len : 63) << 6 | shape_letter(text.at[0]);
    f->shapes[at] |= UINT64_C(1) << shape_letter(text.at[len - 1]);
    if (!dot && (f->dotless_min == 0 || len < f->dotless_min)) f->dotless_min = (unsigned)(len < 63 ? len : 63);
    f->edges[shape_letter(text.at[0])] |= UINT64_C(1) << shape_letter(text.at[len - 1]);
}

void *prefilter_table(const void *from, size_t bytes) {
    enum { HUGE = 2 << 20 };
    size_t rounded = (bytes + HUGE - 1) / HUGE * HUGE;
    char *at = bytes < HUGE ? malloc(bytes ? bytes : 1) : aligned_alloc(HUGE, rounded);
    if (!at) return NULL;
    if (bytes >= HUGE) madvise(at, rounded, MADV_HUGEPAGE);
    if (from)
        memcpy(at, from, bytes);
    else
        memset(at, 0, bytes);
    return at;
}

bool prefilter_build(struct prefilter *f, const uint64_t *keys, size_t count) {
    unsigned bits = TABLE_MIN_BITS;
    if (f->dotless_min == 0) f->dotless_min = 63; /* none */
    while ((UINT64_C(3) << bits) / 4 < count) bits++;
    f->bloom_words = count * BLOOM_BITS_PER_KEY / 64 + 64;
    f->tag_mask = (UINT64_C(1) << bits) - 1;
    f->tag_shift = 64 - bits;
    f->bloom = prefilter_table(NULL, f->bloom_words * sizeof *f->bloom);
    f->tags = prefilter_table(NULL, (f->tag_mask + 1) * sizeof *f->tags);
    if (!f->bloom || !f->tags) return false;
    enum { AHEAD = 16 }; /* places on their way from memory */
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            prefilter_fetch_tag(f, keys[i + AHEAD]);
            __builtin_prefetch(&f->bloom[((keys[i + AHEAD] >> 32) * f->bloom_words) >> 32], 1);
        }
        add_key(f, keys[i]);
    }
    return true;
}

bool prefilter_has_network(const struct prefilter *f, const struct address *address) {
    if (!address->v4 && f->addresses_v6 && prefilter_has(f, key_of_address(address))) return true;
    return networks_find(f->networks, address) != NETWORK_NONE;
}
