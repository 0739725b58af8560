#include "detect/masks.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static uint64_t equal_avx2(const __m256i half[2], char byte) {
    __m256i wanted = _mm256_set1_epi8(byte);
    uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(half[0], wanted));
    uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(half[1], wanted));
    return (uint64_t)high << 32 | low;
}

__attribute__((target("avx2"))) static void masks_avx2(const char *at, size_t blocks, const char bytes[MASKS_BYTES],
                                                       struct masks *masks) {
    for (size_t i = 0; i < blocks; i++, at += MASKS_BLOCK) {
        const __m256i half[2] = {_mm256_loadu_si256((const __m256i *)(const void *)at),
                                 _mm256_loadu_si256((const __m256i *)(const void *)(at + 32))};
        for (int b = 0; b < MASKS_BYTES; b++) masks->of[b][i] = equal_avx2(half, bytes[b]);
    }
}

static uint64_t equal_sse2(const __m128i part[4], char byte) {
    __m128i wanted = _mm_set1_epi8(byte);
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++)
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(part[i], wanted)) << (16 * i);
    return bits;
}

static void masks_sse2(const char *at, size_t blocks, const char bytes[MASKS_BYTES], struct masks *masks) {
    for (size_t i = 0; i < blocks; i++, at += MASKS_BLOCK) {
        __m128i part[4];
        for (int k = 0; k < 4; k++) part[k] = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * k));
        for (int b = 0; b < MASKS_BYTES; b++) masks->of[b][i] = equal_sse2(part, bytes[b]);
    }
}

void masks_of(const char *at, size_t blocks, const char bytes[MASKS_BYTES], struct masks *masks) {
    if (__builtin_cpu_supports("avx2"))
        masks_avx2(at, blocks, bytes, masks);
    else
        masks_sse2(at, blocks, bytes, masks);
}

#else

static uint64_t equal(const char *at, char byte) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < MASKS_BLOCK; i++) bits |= (uint64_t)(at[i] == byte) << i;
    return bits;
}

void masks_of(const char *at, size_t blocks, const char bytes[MASKS_BYTES], struct masks *masks) {
    for (size_t i = 0; i < blocks; i++, at += MASKS_BLOCK) {
        for (int b = 0; b < MASKS_BYTES; b++) masks->of[b][i] = equal(at, bytes[b]);
    }
}

#endif
