/* Time: microseconds since 1970-01-01T00:00:00Z, UTC, as STIX and TAXII write them; and clocks, because every
 * realm has its own. Pure functions take time as an argument. */
#ifndef RENKEI_BASE_TIME_H
#define RENKEI_BASE_TIME_H

#include "base/span.h"

typedef int64_t time_us;

#define TIME_NONE     INT64_MIN /* "no time given" */
#define TIME_US_PER_S INT64_C(1000000)

enum { TIME_TEXT_SIZE = 40 };

/* RFC 3339 as STIX 2.1 §2.15 narrows it: "2016-01-20T12:31:12.123Z", 0 to 9 fractional digits (beyond six are
 * truncated), upper-case T and Z, a leap second only as :60 (read as the next second). False for anything else. */
bool time_parse_stix(struct span text, time_us *out);
/* RFC 3339 with any offset ("+0900" as well as "+09:00"), 't', 'z' or a blank for T, or a plain date (midnight). */
bool time_parse_rfc3339(struct span text, time_us *out);
/* Unix seconds with optional fraction ("1588205199.82437"), as Zeek writes them. */
bool time_parse_unix(struct span text, time_us *out);
/* "10s", "5m", "2h", "7d", "2w", "1y" (365 d) as microseconds. False if negative, overflowing or of another form. */
bool time_parse_duration(struct span text, time_us *out);

/* "2016-01-20T12:31:12.123000Z": exactly six fractional digits (TAXII 2.1 §3.2). Returns text. */
const char *time_format_us(time_us t, char text[TIME_TEXT_SIZE]);
/* Exactly three fractional digits when that loses nothing, else six: the usual STIX spelling. Returns text. */
const char *time_format_stix(time_us t, char text[TIME_TEXT_SIZE]);

/* A clock. now() may step back; whoever needs order makes it (the ledger's sequencer does). */
struct clock {
    time_us (*now)(void *context);
    void *context;
};
static inline time_us clock_now(struct clock c) {
    return c.now(c.context);
}
struct clock clock_system(void);
/* Monotonic microseconds for measuring how long something took. */
int64_t clock_monotonic_us(void);

#endif
