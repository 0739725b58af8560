#include "base/time.h"

#include <stdio.h>
#include <time.h>

/* Days since 1970-01-01 of a proleptic Gregorian date. */
static int64_t days_of(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year = y - era * 400, day = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year * 365 + year / 4 - year / 100 + day - 719468;
}

static void date_of(int64_t days, int64_t *y, int *m, int *d) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day = days - era * 146097, year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t rest = day - (365 * year + year / 4 - year / 100), month = (5 * rest + 2) / 153;
    *d = (int)(rest - (153 * month + 2) / 5 + 1);
    *m = (int)(month < 10 ? month + 3 : month - 9);
    *y = year + era * 400 + (*m <= 2);
}

static bool digits(struct span *s, int count, int *out) {
    int n = 0;
    if (s->len < (size_t)count) return false;
    for (int i = 0; i < count; i++) {
        if (s->at[i] < '0' || s->at[i] > '9') return false;
        n = n * 10 + (s->at[i] - '0');
    }
    *s = span_from(*s, (size_t)count);
    *out = n;
    return true;
}

static bool sign(struct span *s, char c) {
    if (s->len == 0 || s->at[0] != c) return false;
    *s = span_from(*s, 1);
    return true;
}

/* ".123456789": up to nine digits, truncated to microseconds. No point = no fraction. */
static bool fraction(struct span *s, int64_t *us) {
    *us = 0;
    if (!sign(s, '.')) return true;
    int count = 0;
    for (int64_t unit = 100000; s->len && s->at[0] >= '0' && s->at[0] <= '9'; unit /= 10, count++) {
        *us += (s->at[0] - '0') * unit;
        *s = span_from(*s, 1);
    }
    return count >= 1 && count <= 9;
}

static bool date(struct span *s, int64_t *days) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;
    if (!digits(s, 4, &y) || !sign(s, '-') || !digits(s, 2, &m) || !sign(s, '-') || !digits(s, 2, &d)) return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (m < 1 || m > 12 || d < 1 || d > lengths[m - 1] + (m == 2 && leap)) return false;
    *days = days_of(y, m, d);
    return true;
}

static bool time_of_day(struct span *s, int64_t *us) {
    int h, m, sec;
    int64_t part;
    if (!digits(s, 2, &h) || !sign(s, ':') || !digits(s, 2, &m) || !sign(s, ':') || !digits(s, 2, &sec) ||
        !fraction(s, &part))
        return false;
    if (h > 23 || m > 59 || sec > 60) return false;
    *us = ((h * INT64_C(60) + m) * 60 + sec) * TIME_US_PER_S + part;
    return true;
}

bool time_parse_stix(struct span s, time_us *out) {
    int64_t days, us;
    if (!date(&s, &days) || !sign(&s, 'T') || !time_of_day(&s, &us) || !span_equal(s, SPAN("Z"))) return false;
    *out = days * 86400 * TIME_US_PER_S + us;
    return true;
}

static bool offset(struct span *s, int64_t *us) {
    int h, m = 0;
    *us = 0;
    if (sign(s, 'Z') || sign(s, 'z')) return true;
    bool west = sign(s, '-');
    if (!west && !sign(s, '+')) return false;
    if (!digits(s, 2, &h)) return false;
    bool colon = sign(s, ':');
    if ((colon || s->len) && !digits(s, 2, &m)) return false;
    if (h > 23 || m > 59) return false;
    *us = (west ? -1 : 1) * (h * INT64_C(60) + m) * 60 * TIME_US_PER_S;
    return true;
}

bool time_parse_rfc3339(struct span s, time_us *out) {
    int64_t days, us = 0, east = 0;
    if (!date(&s, &days)) return false;
    if (s.len > 0) {
        if (!sign(&s, 'T') && !sign(&s, 't') && !sign(&s, ' ')) return false;
        if (!time_of_day(&s, &us) || !offset(&s, &east) || s.len > 0) return false;
    }
    *out = days * 86400 * TIME_US_PER_S + us - east;
    return true;
}

bool time_parse_unix(struct span s, time_us *out) {
    int64_t whole = 0, part;
    bool negative = sign(&s, '-');
    if (s.len == 0 || s.at[0] < '0' || s.at[0] > '9') return false;
    for (; s.len && s.at[0] >= '0' && s.at[0] <= '9'; s = span_from(s, 1))
        if ((whole = whole * 10 + (s.at[0] - '0')) > INT64_C(253402300799)) return false; /* year 9999 */
    if (!fraction(&s, &part) || s.len) return false;
    *out = (negative ? -1 : 1) * (whole * TIME_US_PER_S + part);
    return true;
}

bool time_parse_duration(struct span s, time_us *out) {
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {'y', INT64_C(365) * 86400}};
    uint64_t n;
    time_us us;
    if (s.len < 2 || !span_u64(span_first(s, s.len - 1), &n) || n > INT64_MAX) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (s.at[s.len - 1] == units[i].unit) {
            if (__builtin_mul_overflow((int64_t)n, units[i].seconds * TIME_US_PER_S, &us)) return false;
            *out = us;
            return true;
        }
    return false;
}

static char *put_digits(char *at, unsigned count, uint64_t n) {
    for (unsigned i = count; i-- > 0; n /= 10) at[i] = (char)('0' + n % 10);
    return at + count;
}

/* By hand: every ledger record has a time, and printf would be a tenth of what a record costs. */
static const char *format(time_us t, unsigned digits_after, char text[TIME_TEXT_SIZE]) {
    int64_t us = t % (86400 * TIME_US_PER_S), days = t / (86400 * TIME_US_PER_S), y;
    int m, d;
    if (us < 0) {
        us += 86400 * TIME_US_PER_S;
        days--;
    }
    date_of(days, &y, &m, &d);
    uint64_t s = (uint64_t)(us / TIME_US_PER_S), part = (uint64_t)(us % TIME_US_PER_S);
    char *at = text;
    if (y < 0) *at++ = '-';
    uint64_t year = y < 0 ? (uint64_t)-y : (uint64_t)y;
    at = put_digits(at, year > 99999 ? 6 : year > 9999 ? 5 : 4, year);
    *at++ = '-';
    at = put_digits(at, 2, (unsigned)m);
    *at++ = '-';
    at = put_digits(at, 2, (unsigned)d);
    *at++ = 'T';
    at = put_digits(at, 2, s / 3600);
    *at++ = ':';
    at = put_digits(at, 2, s / 60 % 60);
    *at++ = ':';
    at = put_digits(at, 2, s % 60);
    *at++ = '.';
    at = put_digits(at, digits_after, digits_after == 3 ? part / 1000 : part);
    *at++ = 'Z';
    *at = '\0';
    return text;
}

const char *time_format_us(time_us t, char text[TIME_TEXT_SIZE]) {
    return format(t, 6, text);
}

const char *time_format_stix(time_us t, char text[TIME_TEXT_SIZE]) {
    return format(t, t % 1000 == 0 ? 3 : 6, text);
}

static time_us system_now(void *context) {
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * TIME_US_PER_S + now.tv_nsec / 1000;
}

struct clock clock_system(void) {
    return (struct clock){system_now, NULL};
}

int64_t clock_monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * TIME_US_PER_S + now.tv_nsec / 1000;
}
