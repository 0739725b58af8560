#include "base/time.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BAD TIME_NONE

struct time_case {
    const char *text;
    time_us us; /* BAD = refused */
};

static void check(const struct time_case *cases, size_t count, bool (*parse)(struct span, time_us *)) {
    for (size_t i = 0; i < count; i++) {
        time_us got = BAD;
        bool good = parse(span_cstr(cases[i].text), &got);
        if (good != (cases[i].us != BAD) || got != cases[i].us)
            fail_msg("\"%s\": %s %" PRId64 ", expected %" PRId64, cases[i].text, good ? "read as" : "refused,", got,
                     cases[i].us);
    }
}
#define CHECK(cases, parse) check(cases, sizeof(cases) / sizeof *(cases), parse)

static void reads_stix(void **state) {
    static const struct time_case cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2016-01-20T12:31:12.123Z", 1453293072123000},
        {"2016-01-20T12:31:12Z", 1453293072000000},
        {"2016-01-20T12:31:12.1Z", 1453293072100000},
        {"2016-01-20T12:31:12.123456789Z", 1453293072123456},
        {"2016-01-20T12:31:12.1234567890Z", BAD},
        {"2016-01-20T12:31:12.Z", BAD},
        {"2016-12-31T23:59:60Z", 1483228800000000},
        {"2016-12-31T23:59:61Z", BAD},
        {"2016-01-20T24:00:00Z", BAD},
        {"2016-01-20T12:60:00Z", BAD},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"1900-02-29T00:00:00Z", BAD},
        {"2015-02-29T00:00:00Z", BAD},
        {"2016-13-01T00:00:00Z", BAD},
        {"2016-00-01T00:00:00Z", BAD},
        {"2016-01-00T00:00:00Z", BAD},
        {"2016-04-31T00:00:00Z", BAD},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000000)},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2016-01-20T12:31:12", BAD},
        {"2016-01-20T12:31:12z", BAD},
        {"2016-01-20t12:31:12Z", BAD},
        {"2016-01-20T12:31:12+00:00", BAD},
        {"2016-01-20T12:31:12Z ", BAD},
        {"2016-1-20T12:31:12Z", BAD},
        {"", BAD},
    };
    CHECK(cases, time_parse_stix);
}

static void reads_rfc3339(void **state) {
    static const struct time_case cases[] = {
        {"2016-01-20T12:31:12.123Z", 1453293072123000},
        {"2016-01-20 12:31:12z", 1453293072000000},
        {"2016-01-20t21:31:12+09:00", 1453293072000000},
        {"2016-01-20T21:31:12+0900", 1453293072000000},
        {"2016-01-20T21:31:12+09", 1453293072000000},
        {"2016-01-20T08:01:12.5-04:30", 1453293072500000},
        {"2016-01-20", 1453248000000000},
        {"2016-01-20T21:31:12+09:", BAD},
        {"2016-01-20T21:31:12+09:0", BAD},
        {"2016-01-20T21:31:12+24:00", BAD},
        {"2016-01-20T21:31:12+09:00x", BAD},
        {"2016-01-20T21:31:12", BAD},
        {"2016-01-20T", BAD},
        {"20160120", BAD},
        {"", BAD},
    };
    CHECK(cases, time_parse_rfc3339);
}

static void reads_unix(void **state) {
    static const struct time_case cases[] = {
        {"1588205199.82437", 1588205199824370},
        {"0", 0},
        {"-1.5", -1500000},
        {"1588205199", 1588205199000000},
        {"253402300799.999999", INT64_C(253402300799999999)},
        {"253402300800", BAD},
        {"99999999999999999999999999", BAD},
        {"1.", BAD},
        {".5", BAD},
        {"-", BAD},
        {"", BAD},
        {"1e9", BAD},
        {"1588205199 ", BAD},
    };
    CHECK(cases, time_parse_unix);
}

static void reads_durations(void **state) {
    static const struct time_case cases[] = {
        {"10s", 10000000},
        {"5m", 300000000},
        {"2h", INT64_C(7200000000)},
        {"7d", INT64_C(604800000000)},
        {"2w", INT64_C(1209600000000)},
        {"1y", INT64_C(31536000000000)},
        {"0s", 0},
        {"9223372036854s", INT64_C(9223372036854000000)},
        {"9223372036855s", BAD},
        {"18446744073709551615s", BAD},
        {"-1s", BAD},
        {"1", BAD},
        {"s", BAD},
        {"", BAD},
        {"1 s", BAD},
        {"1.5h", BAD},
        {"1S", BAD},
    };
    CHECK(cases, time_parse_duration);
}

static void writes(void **state) {
    char text[TIME_TEXT_SIZE];
    assert_string_equal(time_format_us(1453293072123000, text), "2016-01-20T12:31:12.123000Z");
    assert_string_equal(time_format_stix(1453293072123000, text), "2016-01-20T12:31:12.123Z");
    assert_string_equal(time_format_stix(1453293072123456, text), "2016-01-20T12:31:12.123456Z");
    assert_string_equal(time_format_stix(-1, text), "1969-12-31T23:59:59.999999Z");
    assert_true(strlen(time_format_us(INT64_MAX, text)) < TIME_TEXT_SIZE);
    assert_true(strlen(time_format_us(INT64_MIN, text)) < TIME_TEXT_SIZE);
}

/* Every day from year 1 to 9999, there and back. */
static void agrees_with_itself(void **state) {
    char text[TIME_TEXT_SIZE];
    time_us back;
    for (int64_t day = -719162; day <= 2932896; day += 13) {
        time_us t = day * 86400 * TIME_US_PER_S + 43200123456;
        assert_true(time_parse_stix(span_cstr(time_format_us(t, text)), &back));
        assert_int_equal(back, t);
    }
}

static void has_clocks(void **state) {
    time_us now = clock_now(clock_system());
    assert_true(now > INT64_C(1577836800000000)); /* 2020 */
    int64_t before = clock_monotonic_us();
    assert_true(clock_monotonic_us() >= before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_stix),      cmocka_unit_test(reads_rfc3339), cmocka_unit_test(reads_unix),
        cmocka_unit_test(reads_durations), cmocka_unit_test(writes),        cmocka_unit_test(agrees_with_itself),
        cmocka_unit_test(has_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
