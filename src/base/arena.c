#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Under AddressSanitizer what is not given out is forbidden ground, so that writing past a piece is caught. */
#ifdef __has_feature /* clang */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
/* not inline: the compiler would take the pointer to const for a reading of uninitialised memory */
__attribute__((noinline)) static void forbid(char *at, size_t size) {
    __asan_poison_memory_region(at, size);
}
static void allow(char *at, size_t size) {
    __asan_unpoison_memory_region(at, size);
}
#else
static void forbid(char *at, size_t size) {
    (void)at, (void)size;
}
static void allow(char *at, size_t size) {
    (void)at, (void)size;
}
#endif

struct arena_block {
    struct arena_block *older;
    size_t size, used;
    alignas(max_align_t) char at[];
};

enum {
    BLOCK_FIRST = 4 << 10,
    BLOCK_MAX = 1 << 20
}; /* blocks double between these; larger pieces get one of their own */

void arena_init(struct arena *a, size_t cap) {
    *a = (struct arena){.cap = cap};
}

void arena_free(struct arena *a) {
    for (struct arena_block *b = a->block; b;) {
        struct arena_block *older = b->older;
        free(b);
        b = older;
    }
    *a = (struct arena){.cap = a->cap};
}

void arena_reset(struct arena *a) {
    struct arena_block *keep = NULL;
    for (struct arena_block *b = a->block; b;) {
        struct arena_block *older = b->older, *drop = b;
        if (!keep || b->size > keep->size) {
            drop = keep;
            keep = b;
        }
        free(drop);
        b = older;
    }
    if (keep) {
        keep->older = NULL;
        keep->used = 0;
        forbid(keep->at, keep->size);
    }
    *a = (struct arena){.cap = a->cap, .block = keep};
}

static struct arena_block *block_add(struct arena *a, size_t need) {
    size_t size = a->block ? a->block->size : BLOCK_FIRST / 2, total;
    size = size < BLOCK_MAX / 2 ? size * 2 : BLOCK_MAX;
    if (size < need) size = need;
    struct arena_block *b = NULL;
    if (!__builtin_add_overflow(sizeof *b, size, &total) && total <= PTRDIFF_MAX) b = malloc(total);
    if (!b) return NULL;
    *b = (struct arena_block){.older = a->block, .size = size};
    forbid(b->at, size);
    if (need > BLOCK_MAX && a->block) { /* full at once: what is left of the newest block stays in use */
        b->older = a->block->older;
        a->block->older = b;
    } else {
        a->block = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t size) {
    size_t rounded;
    if (__builtin_add_overflow(size, alignof(max_align_t) - 1, &rounded)) goto overflow;
    rounded &= ~(alignof(max_align_t) - 1);
    if (rounded > a->cap - a->used) goto overflow;
    struct arena_block *b = a->block;
    if ((!b || b->size - b->used < rounded) && !(b = block_add(a, rounded))) goto overflow;
    char *at = b->at + b->used;
    b->used += rounded;
    a->used += rounded;
    allow(at, size);
    return at;
overflow:
    a->overflow = true;
    return NULL;
}

void *arena_zalloc(struct arena *a, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        a->overflow = true;
        return NULL;
    }
    void *at = arena_alloc(a, total);
    return at ? memset(at, 0, total) : NULL;
}

struct span arena_copy(struct arena *a, struct span s) {
    char *at = arena_alloc(a, s.len);
    if (!at) return (struct span){0};
    if (s.len) memcpy(at, s.at, s.len);
    return span_of(at, s.len);
}

char *arena_cstr(struct arena *a, struct span s) {
    char *at = s.len < SIZE_MAX ? arena_alloc(a, s.len + 1) : NULL;
    if (!at) return NULL;
    if (s.len) memcpy(at, s.at, s.len);
    at[s.len] = 0;
    return at;
}

struct span arena_printf(struct arena *a, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *at = len >= 0 ? arena_alloc(a, (size_t)len + 1) : NULL;
    if (at) vsnprintf(at, (size_t)len + 1, format, again);
    va_end(again);
    return at ? span_of(at, (size_t)len) : (struct span){0};
}
