/* Sightings: hits summed up per indicator, member and hour, and written as STIX sighting objects (STIX 2.1 §5.2). */
#ifndef RENKEI_DETECT_SIGHTING_H
#define RENKEI_DETECT_SIGHTING_H

#include "base/buf.h"
#include "base/map.h"
#include "base/time.h"

#define SIGHTING_HOUR_US (3600 * TIME_US_PER_S)

/* One sum. The hour is the event's, or of `now` when the event has no time. */
struct sighting_sum {
    uint32_t indicator, member;
    time_us hour; /* its first microsecond */
    time_us first_seen, last_seen;
    uint64_t count;
};

/* Sums being made; one thread at a time. */
struct sighting_set {
    struct map where;          /* (indicator, member, hour) → index */
    struct sighting_sum *sums; /* owned */
    size_t count, size;
};
void sighting_set_init(struct sighting_set *set);
void sighting_set_free(struct sighting_set *set);
/* Counts a hit. False when memory ran out. */
bool sighting_set_add(struct sighting_set *set, uint32_t indicator, uint32_t member, time_us event_time, time_us now);

/* A STIX 2.1 sighting object. Empty spans and TIME_NONE are left out. count is cut at 999,999,999 (§5.2). */
struct sighting {
    struct span id, created_by_ref, sighting_of_ref;
    time_us created, modified, first_seen, last_seen;
    uint64_t count;
    const struct span *observed_data_refs;
    size_t observed_data_count;
    const struct span *where_sighted_refs;
    size_t where_sighted_count;
    const struct span *object_marking_refs;
    size_t object_marking_count;
};
/* Appends the object, compact, properties in the order of the specification. */
void detect_sighting_write(struct buf *out, const struct sighting *sighting);

#endif
