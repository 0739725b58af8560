#include "detect/validity.h"

bool validity_mode_parse(struct span text, enum validity_mode *out) {
    static const char *const names[] = {[VALIDITY_EVENT] = "event", [VALIDITY_NOW] = "now", [VALIDITY_ANY] = "any"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!span_is(text, names[i])) continue;
        *out = (enum validity_mode)i;
        return true;
    }
    return false;
}

const char *validity_name(enum validity validity) {
    static const char *const names[] = {[VALIDITY_ALERT] = "alert",           [VALIDITY_REVOKED] = "revoked",
                                        [VALIDITY_SUPPRESSED] = "suppressed", [VALIDITY_OUTSIDE] = "outside-validity",
                                        [VALIDITY_DECAYED] = "decayed",       [VALIDITY_WARNED] = "warned"};
    return names[validity];
}

time_us detect_judged_at(time_us event_time, enum validity_mode mode, time_us now) {
    return mode == VALIDITY_EVENT && event_time != TIME_NONE ? event_time : now;
}

enum validity detect_validity(const struct detect_indicator *indicator, time_us event_time, enum validity_mode mode,
                              time_us now) {
    if (indicator->revoked) return VALIDITY_REVOKED;
    if (mode == VALIDITY_ANY) return VALIDITY_ALERT;
    time_us at = detect_judged_at(event_time, mode, now);
    if (indicator->valid_from != TIME_NONE && at < indicator->valid_from) return VALIDITY_OUTSIDE;
    if (indicator->valid_until != TIME_NONE && at >= indicator->valid_until) return VALIDITY_OUTSIDE;
    return VALIDITY_ALERT;
}
