/* Arenas: memory that is given out piece by piece and taken back all at once. One per request, per parsed
 * bundle, per compiled set. Growth stops at a cap; the overflow is sticky, so callers may check once at the end.
 * Not for use by two threads at a time. */
#ifndef RENKEI_BASE_ARENA_H
#define RENKEI_BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *block; /* newest first */
    size_t used, cap;          /* bytes given out; the most that may be */
    bool overflow;             /* sticky: an allocation did not fit or malloc failed */
};

/* An empty arena that will give out at most `cap` bytes. Allocates nothing yet. */
void arena_init(struct arena *a, size_t cap);
/* Frees everything; the arena is as after arena_init(). */
void arena_free(struct arena *a);
/* Takes back everything given out, keeping the largest block for reuse. Clears overflow. */
void arena_reset(struct arena *a);
/* `size` bytes aligned for any type, uninitialised; NULL when the cap or malloc says no. size 0 is allowed. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, alloc_size(2)));
/* count × size bytes, zeroed; NULL also when the product overflows. */
void *arena_zalloc(struct arena *a, size_t count, size_t size);
/* A copy that lives as long as the arena; {NULL,0} on overflow. */
struct span arena_copy(struct arena *a, struct span s);
/* A NUL-terminated copy (bytes after an embedded NUL are kept but invisible to C); NULL on overflow. */
char *arena_cstr(struct arena *a, struct span s);
struct span arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
