/* Which version of each object counts, as they come by: the one modified last, of equal ones the later. Keeps 24 bytes
 * a version and no ids: of an id 127 bits of two seeded hashes, which nobody outside can make collide. */
#ifndef RENKEI_DETECT_NEWEST_H
#define RENKEI_DETECT_NEWEST_H

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"

#define NEWEST_NONE UINT32_MAX

struct newest {
    struct newest_version *versions; /* in the order of adding */
    struct newest_slot *slots;
    uint32_t count, size, slot_count, slot_size;
    uint64_t seeds[2];
};

/* This id is added soon: its place is brought from memory meanwhile. */
void newest_expect(const struct newest *n, struct span id);
/* All zero is an empty one. Numbers versions from 0. *superseded: the one that counts no more, perhaps this one;
 * NEWEST_NONE when it is the first of its object. */
MUST_CHECK enum err newest_add(struct newest *n, struct span id, time_us modified, uint32_t *superseded,
                               struct diag *d);
/* Whether the version with this number is the one that counts. */
bool newest_counts(const struct newest *n, uint32_t number);
void newest_free(struct newest *n);

#endif
