/* Groups of alerts that say the same: one indicator, one verdict, one flow (its two hosts and the port asked for; the
 * port that asks is another each time) within a window of the events' time. The first hit of each is kept.
 *
 * For one thread at a time. Memory is bounded: a full set says so and wants to be written and cleared. */
#ifndef RENKEI_DETECT_GROUP_H
#define RENKEI_DETECT_GROUP_H

#include "base/map.h"
#include "detect/alert.h"

enum { GROUPS_MAX = 100000 }; /* kept at a time; about a kilobyte each */
#define GROUP_WINDOW_DEFAULT_US (3600 * TIME_US_PER_S)

struct alert_group {
    struct alert alert; /* of the first hit; indicator is not set: see its hit's number */
    struct detect_hit hit;
};
struct alert_groups {
    time_us window;   /* a hit this long after a group's first one begins another */
    struct map where; /* what they have in common → the newest group of it */
    struct alert_group *groups;
    size_t count, size;
    struct arena text;
};
void alert_groups_init(struct alert_groups *g, time_us window);
void alert_groups_free(struct alert_groups *g);
/* Counts an alert (whose member is the same in all calls). Text is copied, less the line's. False when memory
 * ran out. */
bool alert_groups_add(struct alert_groups *g, const struct alert *alert);
static inline bool alert_groups_full(const struct alert_groups *g) {
    return g->count >= GROUPS_MAX;
}
/* Forgets all of them. */
void alert_groups_clear(struct alert_groups *g);

#endif
