/* Parents: an event in which every domain name stands for the names above it as well, for matching subdomains. */
#ifndef RENKEI_DETECT_PARENTS_H
#define RENKEI_DETECT_PARENTS_H

#include "detect/event.h"

/* The event with, beside each domain name observed, the names above it ("evil.example" and "example" for
 * "www.evil.example"): of the same object, side and raw text. In the arena, borrowing from `event`; NULL when memory
 * ran out. */
const struct detect_event *event_with_parents(const struct detect_event *event, struct arena *a);

#endif
