/* When an indicator was last seen, by the sightings held: what refreshes a decaying confidence. */
#ifndef RENKEI_DETECT_DECAY_SEEN_H
#define RENKEI_DETECT_DECAY_SEEN_H

#include "store/store.h"
#include "json/json.h"

enum { SIGHTINGS_LOOKED_AT_MAX = 10000 }; /* of one indicator: newer ones are not looked at beyond it */

/* When a sighting saw, TIME_NONE if it did not: revoked, of count 0, or no time. A sighting cannot have seen anything
 * later than it came in: who says so would keep an indicator alive for ever. */
time_us detect_sighting_seen(const struct store_holding *h, struct json_value sighting, struct arena *a);
/* The latest of all sightings of an indicator; TIME_NONE without any. Scratch in `a`. */
MUST_CHECK enum err detect_last_seen(struct store_reader *r, struct span indicator, struct arena *a, time_us *out,
                                     struct diag *d);

#endif
