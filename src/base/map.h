/* A hash map from byte strings to 64-bit values, for one thread at a time. Keys are copied into the map. */
#ifndef RENKEI_BASE_MAP_H
#define RENKEI_BASE_MAP_H

#include "base/arena.h"

struct map_slot;

struct map {
    struct map_slot *slots; /* owned; power of two, open addressing */
    size_t count, size;
    uint64_t seed;
    struct arena keys;
};

void map_init(struct map *m); /* allocates nothing yet */
void map_free(struct map *m);
void map_clear(struct map *m); /* forgets all entries, keeps the table's memory */
/* Sets key to value. *existed (may be NULL) tells whether the key was there. False when memory ran out. */
bool map_set(struct map *m, struct span key, uint64_t value, bool *existed);
bool map_get(const struct map *m, struct span key, uint64_t *value);
/* Iterates in no order: start with *at = 0; false at the end. The key is borrowed until the next map_set(). */
bool map_next(const struct map *m, size_t *at, struct span *key, uint64_t *value);

#endif
