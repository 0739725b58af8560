/* Where bytes of interest stand in 64 bytes, as bit masks: the vectorised heart of the scanning loop. Compiled for the
 * processor that the including file is compiled for. */
#ifndef RENKEI_DETECT_MASKS_H
#define RENKEI_DETECT_MASKS_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

enum { MASKS_BLOCK = 64 };
#define MASKS_INLINE static inline __attribute__((always_inline))

struct masks_wanted {
    char end;    /* what ends a value; text has its own */
    char odd[4]; /* bytes that make a value strange; ':' for those not needed. JSON: without the first */
};

/* Bit n tells of byte n. */
struct masks {
    uint64_t feeds;
    uint64_t ends;        /* what ends a value */
    uint64_t backslashes; /* JSON only */
    uint64_t dots;
    uint64_t slashes;
    uint64_t strange;       /* bytes beyond ASCII, backslashes, colons, `odd`; in text no backslashes */
    uint64_t before_colons; /* JSON only: the byte after is a colon */
};

/* A block in registers, and the bits of its bytes that equal one. */
#if defined(__AVX512BW__)
struct masks_block {
    __m512i all;
};
MASKS_INLINE struct masks_block masks_load(const char *at) {
    return (struct masks_block){_mm512_loadu_si512((const void *)at)};
}
MASKS_INLINE uint64_t masks_same(const struct masks_block *b, char byte) {
    return _mm512_cmpeq_epi8_mask(b->all, _mm512_set1_epi8(byte));
}
MASKS_INLINE uint64_t masks_high(const struct masks_block *b) {
    return _mm512_movepi8_mask(b->all);
}
MASKS_INLINE uint64_t masks_blank(const struct masks_block *b) {
    return _mm512_cmple_epu8_mask(b->all, _mm512_set1_epi8(' '));
}
#elif defined(__AVX2__)
struct masks_block {
    __m256i low, high;
};
MASKS_INLINE uint64_t masks_bits(__m256i low, __m256i high) {
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 | (uint32_t)_mm256_movemask_epi8(low);
}
MASKS_INLINE struct masks_block masks_load(const char *at) {
    return (struct masks_block){_mm256_loadu_si256((const __m256i *)(const void *)at),
                                _mm256_loadu_si256((const __m256i *)(const void *)(at + 32))};
}
MASKS_INLINE uint64_t masks_same(const struct masks_block *b, char byte) {
    __m256i wanted = _mm256_set1_epi8(byte);
    return masks_bits(_mm256_cmpeq_epi8(b->low, wanted), _mm256_cmpeq_epi8(b->high, wanted));
}
MASKS_INLINE uint64_t masks_high(const struct masks_block *b) {
    return masks_bits(b->low, b->high);
}
MASKS_INLINE uint64_t masks_blank(const struct masks_block *b) {
    __m256i blank = _mm256_set1_epi8(' ');
    return masks_bits(_mm256_cmpeq_epi8(_mm256_min_epu8(b->low, blank), b->low),
                      _mm256_cmpeq_epi8(_mm256_min_epu8(b->high, blank), b->high));
}
#elif defined(__SSE2__)
struct masks_block {
    __m128i part[4];
};
MASKS_INLINE struct masks_block masks_load(const char *at) {
    struct masks_block b;
    for (int i = 0; i < 4; i++) b.part[i] = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
    return b;
}
MASKS_INLINE uint64_t masks_same(const struct masks_block *b, char byte) {
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++)
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b->part[i], _mm_set1_epi8(byte))) << (16 * i);
    return bits;
}
MASKS_INLINE uint64_t masks_high(const struct masks_block *b) {
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(b->part[i]) << (16 * i);
    return bits;
}
MASKS_INLINE uint64_t masks_blank(const struct masks_block *b) {
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++) {
        __m128i low = _mm_min_epu8(b->part[i], _mm_set1_epi8(' '));
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(low, b->part[i])) << (16 * i);
    }
    return bits;
}
#else
struct masks_block {
    const char *at;
};
MASKS_INLINE struct masks_block masks_load(const char *at) {
    return (struct masks_block){at};
}
MASKS_INLINE uint64_t masks_same(const struct masks_block *b, char byte) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < MASKS_BLOCK; i++) bits |= (uint64_t)(b->at[i] == byte) << i;
    return bits;
}
MASKS_INLINE uint64_t masks_high(const struct masks_block *b) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < MASKS_BLOCK; i++) bits |= (uint64_t)((unsigned char)b->at[i] >> 7) << i;
    return bits;
}
MASKS_INLINE uint64_t masks_blank(const struct masks_block *b) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < MASKS_BLOCK; i++) bits |= (uint64_t)((unsigned char)b->at[i] <= ' ') << i;
    return bits;
}
#endif

/* What ends a word of plain text: words.c's ENDS, and = [ ], which may stand in one. */
MASKS_INLINE uint64_t masks_text_ends(const struct masks_block *b) {
    static const char ends[] = "\"'`<>(){},;|\x7f=[]";
    uint64_t bits = masks_blank(b);
    for (unsigned i = 0; i < sizeof ends - 1; i++) bits |= masks_same(b, ends[i]);
    return bits;
}

/* The masks of 64 readable bytes, and one more. text, json and slashes are constants where it is called. */
MASKS_INLINE void masks_of(bool text, bool json, bool slashes, const char *at, const struct masks_wanted *wanted,
                           struct masks *m) {
    struct masks_block b = masks_load(at);
    uint64_t colons = masks_same(&b, ':');
    m->feeds = masks_same(&b, '\n');
    m->ends = text ? masks_text_ends(&b) : masks_same(&b, wanted->end);
    m->dots = masks_same(&b, '.');
    m->backslashes = text ? 0 : masks_same(&b, '\\');
    m->strange = colons | m->backslashes | masks_high(&b);
    for (int i = json ? 1 : 0; i < 4; i++) m->strange |= masks_same(&b, wanted->odd[i]);
    m->slashes = slashes ? masks_same(&b, '/') : 0;
    m->before_colons = json ? colons >> 1 | (uint64_t)(at[MASKS_BLOCK] == ':') << 63 : 0;
}

/* Bit n is the parity of the bits 0 … n of x. */
static inline uint64_t masks_parity(uint64_t x) {
#if defined(__PCLMUL__)
    __m128i all = _mm_set1_epi8(-1);
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)x), all, 0));
#else
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    return x ^ x << 32;
#endif
}

#endif
