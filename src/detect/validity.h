/* Whether a hit counts, by the indicator's validity (STIX 2.1 §4.7: valid_from inclusive, valid_until exclusive). */
#ifndef RENKEI_DETECT_VALIDITY_H
#define RENKEI_DETECT_VALIDITY_H

#include "detect/index.h"

enum validity_mode {
    VALIDITY_EVENT, /* judged at the event's own time; without one, now */
    VALIDITY_NOW,
    VALIDITY_ANY /* no window; revoked ones still never alert */
};
enum validity { VALIDITY_ALERT, VALIDITY_OUTSIDE, VALIDITY_REVOKED };

/* "event", "now", "any"; false for another word. */
bool validity_mode_parse(struct span text, enum validity_mode *out);
const char *validity_name(enum validity validity); /* "alert", "outside-validity", "revoked"; static */
enum validity detect_validity(const struct detect_indicator *indicator, time_us event_time, enum validity_mode mode,
                              time_us now);

#endif
