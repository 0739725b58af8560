#include "detect/newest.h"

#include <stdlib.h>

#include "base/hash.h"

enum { FIRST_SLOTS = 1 << 12, VERSIONS_MAX = 1 << 30 };

/* The slot holds some of the hash, so that versions are looked at only where they are the same. */
struct newest_slot {
    uint32_t version, tag; /* of the version that counts so far, + 1; 0: free */
};

struct newest_version {
    uint64_t home, other; /* of other the lowest bit is no hash: SUPERSEDED */
    time_us modified;
};
#define SUPERSEDED UINT64_C(1)
_Static_assert(sizeof(struct newest_version) == 24, "as the header says");

static bool grow_slots(struct newest *n) {
    uint32_t size = n->slot_size ? n->slot_size * 4 : FIRST_SLOTS;
    struct newest_slot *slots = calloc(size, sizeof *slots);
    if (!slots) return false;
    for (uint32_t i = 0; i < n->slot_size; i++) {
        if (!n->slots[i].version) continue;
        uint32_t at = (uint32_t)n->versions[n->slots[i].version - 1].home & (size - 1);
        while (slots[at].version) at = (at + 1) & (size - 1);
        slots[at] = n->slots[i];
    }
    free(n->slots);
    n->slots = slots;
    n->slot_size = size;
    return true;
}

static bool grow_versions(struct newest *n) {
    uint32_t size = n->size ? n->size + n->size / 2 : FIRST_SLOTS;
    struct newest_version *versions = realloc(n->versions, (size_t)size * sizeof *versions);
    if (!versions) return false;
    n->versions = versions;
    n->size = size;
    return true;
}

static struct newest_slot *slot_of(const struct newest *n, const struct newest_version *v) {
    uint32_t at = (uint32_t)v->home & (n->slot_size - 1);
    for (; n->slots[at].version; at = (at + 1) & (n->slot_size - 1)) {
        if (n->slots[at].tag != (uint32_t)(v->home >> 32)) continue;
        const struct newest_version *there = &n->versions[n->slots[at].version - 1];
        if (there->home == v->home && ((there->other ^ v->other) & ~SUPERSEDED) == 0) break;
    }
    return &n->slots[at];
}

void newest_expect(const struct newest *n, struct span id) {
    if (n->slot_size) __builtin_prefetch(&n->slots[(uint32_t)hash64(id, n->seeds[0]) & (n->slot_size - 1)], 1);
}

enum err newest_add(struct newest *n, struct span id, time_us modified, uint32_t *superseded, struct diag *d) {
    *superseded = NEWEST_NONE;
    if (n->count == 0 && n->slot_size == 0) random_bytes(n->seeds, sizeof n->seeds);
    if (n->count == VERSIONS_MAX) return diag_set(d, ERR_LIMIT, "more than %d indicators", VERSIONS_MAX);
    if ((n->slot_count >= n->slot_size / 2 && !grow_slots(n)) || (n->count == n->size && !grow_versions(n)))
        return diag_set(d, ERR_NOMEM, "no memory for the indicators");
    struct newest_version *v = &n->versions[n->count];
    *v = (struct newest_version){hash64(id, n->seeds[0]), hash64(id, n->seeds[1]) & ~SUPERSEDED, modified};
    struct newest_slot *slot = slot_of(n, v);
    uint32_t number = n->count++;
    if (slot->version == 0) {
        *slot = (struct newest_slot){number + 1, (uint32_t)(v->home >> 32)};
        n->slot_count++;
        return ERR_NONE;
    }
    uint32_t before = slot->version - 1;
    bool older = modified < n->versions[before].modified;
    *superseded = older ? number : before;
    n->versions[*superseded].other |= SUPERSEDED;
    if (!older) slot->version = number + 1;
    return ERR_NONE;
}

bool newest_counts(const struct newest *n, uint32_t number) {
    return number < n->count && !(n->versions[number].other & SUPERSEDED);
}

void newest_free(struct newest *n) {
    free(n->versions);
    free(n->slots);
    *n = (struct newest){0};
}
