#include "base/map.h"

#include <stdlib.h>

#include "base/hash.h"

struct map_slot {
    struct span key; /* at NULL = free */
    uint64_t hash, value;
};

enum { MAP_FIRST = 64 };

void map_init(struct map *m) {
    *m = (struct map){0};
    arena_init(&m->keys, SIZE_MAX);
    random_bytes(&m->seed, sizeof m->seed); /* keys come from outside: nobody may choose them to collide */
}

void map_free(struct map *m) {
    free(m->slots);
    arena_free(&m->keys);
    *m = (struct map){0};
}

void map_clear(struct map *m) {
    if (m->count == 0) return;
    for (size_t i = 0; i < m->size; i++) m->slots[i].key.at = NULL;
    m->count = 0;
    arena_reset(&m->keys);
}

static struct map_slot *find(const struct map *m, struct span key, uint64_t hash) {
    for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
        struct map_slot *slot = &m->slots[i];
        if (!slot->key.at || (slot->hash == hash && span_equal(slot->key, key))) return slot;
    }
}

static bool grow(struct map *m) {
    struct map bigger = *m;
    bigger.size = m->size ? m->size * 2 : MAP_FIRST;
    bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
    if (!bigger.slots) return false;
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].key.at) *find(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    free(m->slots);
    m->slots = bigger.slots;
    m->size = bigger.size;
    return true;
}

bool map_set(struct map *m, struct span key, uint64_t value, bool *existed) {
    if (m->count * 4 >= m->size * 3 && !grow(m)) return false;
    uint64_t hash = hash64(key, m->seed);
    struct map_slot *slot = find(m, key, hash);
    if (existed) *existed = slot->key.at != NULL;
    if (!slot->key.at) {
        char *copy = arena_cstr(&m->keys, key); /* never NULL for an empty key */
        if (!copy) return false;
        *slot = (struct map_slot){.key = span_of(copy, key.len), .hash = hash};
        m->count++;
    }
    slot->value = value;
    return true;
}

bool map_get(const struct map *m, struct span key, uint64_t *value) {
    if (m->size == 0) return false;
    const struct map_slot *slot = find(m, key, hash64(key, m->seed));
    if (!slot->key.at) return false;
    if (value) *value = slot->value;
    return true;
}

bool map_next(const struct map *m, size_t *at, struct span *key, uint64_t *value) {
    for (; *at < m->size; ++*at) {
        if (!m->slots[*at].key.at) continue;
        *key = m->slots[*at].key;
        *value = m->slots[*at].value;
        ++*at;
        return true;
    }
    return false;
}
