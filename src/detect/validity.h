/* Whether a hit counts: by the indicator's validity (STIX 2.1 §4.7: valid_from inclusive, valid_until exclusive), by
 * this node's suppressions, decay and warning lists (verdict.h). */
#ifndef RENKEI_DETECT_VALIDITY_H
#define RENKEI_DETECT_VALIDITY_H

#include "detect/index.h"

enum validity_mode {
    VALIDITY_EVENT, /* judged at the event's own time; without one, now */
    VALIDITY_NOW,
    VALIDITY_ANY /* no window; revoked ones still never alert */
};
/* In the order they are asked: of several that apply the first is told. */
enum validity {
    VALIDITY_ALERT,
    VALIDITY_REVOKED,
    VALIDITY_SUPPRESSED,
    VALIDITY_OUTSIDE,
    VALIDITY_DECAYED,
    VALIDITY_WARNED, /* the value is on a warning list */
    VALIDITY_COUNT
};

/* "event", "now", "any"; false for another word. */
bool validity_mode_parse(struct span text, enum validity_mode *out);
/* "alert", "revoked", "suppressed", "outside-validity", "decayed", "warned"; static. */
const char *validity_name(enum validity validity);
/* VALIDITY_ALERT, VALIDITY_REVOKED or VALIDITY_OUTSIDE. */
enum validity detect_validity(const struct detect_indicator *indicator, time_us event_time, enum validity_mode mode,
                              time_us now);
/* The time an event is judged at. */
time_us detect_judged_at(time_us event_time, enum validity_mode mode, time_us now);

#endif
