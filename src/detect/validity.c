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
    static const char *const names[] = {
        [VALIDITY_ALERT] = "alert", [VALIDITY_OUTSIDE] = "outside-validity", [VALIDITY_REVOKED] = "revoked"};
    return names[validity];
}

enum validity detect_validity(const struct detect_indicator *indicator, time_us event_time, enum validity_mode mode,
                              time_us now) {
    if (indicator->revoked) return VALIDITY_REVOKED;
    if (mode == VALIDITY_ANY) return VALIDITY_ALERT;
    time_us at = mode == VALIDITY_NOW || event_time == TIME_NONE ? now : event_time;
    if (indicator->valid_from != TIME_NONE && at < indicator->valid_from) return VALIDITY_OUTSIDE;
    if (indicator->valid_until != TIME_NONE && at >= indicator->valid_until) return VALIDITY_OUTSIDE;
    return VALIDITY_ALERT;
}
