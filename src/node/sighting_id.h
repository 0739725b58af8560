/* The ids of this node's sightings and of the members that saw: made from the realm's secret and what they tell, so
 * that the same is told under the same id. */
#ifndef RENKEI_NODE_SIGHTING_ID_H
#define RENKEI_NODE_SIGHTING_ID_H

#include "base/time.h"
#include "stix/id.h"

/* secret: the realm's (struct share_context). hour: the first microsecond of the hour seen. */
void sighting_id(struct span secret, struct span indicator, struct span member, time_us hour, char out[STIX_ID_SIZE]);
void sighting_member_id(struct span secret, struct span member, char out[STIX_ID_SIZE]);

#endif
