#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void compares(void **state) {
    assert_true(span_equal(SPAN(""), (struct span){0}));
    assert_true(span_is(SPAN("abc"), "abc"));
    assert_false(span_is(SPAN("abc"), "abcd"));
    assert_true(span_compare(SPAN("a"), SPAN("ab")) < 0);
    assert_true(span_compare(SPAN("\xff"), SPAN("a")) > 0);
    assert_int_equal(span_compare((struct span){0}, SPAN("")), 0);
    assert_true(span_equal_nocase(SPAN("Evil.EXAMPLE"), SPAN("eVIL.example")));
    assert_false(span_equal_nocase(SPAN("@"), SPAN("`"))); /* neighbours of the letters, not letters */
    assert_true(span_starts(SPAN("indicator--1"), SPAN("indicator--")));
    assert_false(span_starts(SPAN("ind"), SPAN("indicator")));
    assert_true(span_ends(SPAN("a.gz"), SPAN(".gz")));
    assert_false(span_ends(SPAN("gz"), SPAN(".gz")));
}

static void finds_and_cuts(void **state) {
    assert_int_equal(span_find(SPAN("abcabc"), SPAN("ca")), 2);
    assert_true(span_find(SPAN("abc"), SPAN("abcd")) == SIZE_MAX);
    assert_true(span_find((struct span){0}, SPAN("a")) == SIZE_MAX);
    assert_int_equal(span_find(SPAN("abc"), SPAN("")), 0);
    struct span rest = SPAN("a,,b");
    assert_true(span_is(span_cut(&rest, ','), "a"));
    assert_true(span_is(span_cut(&rest, ','), ""));
    assert_true(span_is(span_cut(&rest, ','), "b"));
    assert_null(rest.at);
    assert_int_equal(span_cut(&rest, ',').len, 0);
    rest = SPAN("a,");
    span_cut(&rest, ',');
    assert_non_null(rest.at); /* an empty last part is not the same as none */
    assert_true(span_is(span_trim(SPAN(" \t\r\n x y \f")), "x y"));
    assert_int_equal(span_trim(SPAN("   ")).len, 0);
    assert_int_equal(span_from(SPAN("abc"), 7).len, 0);
    assert_int_equal(span_first(SPAN("abc"), 7).len, 3);
}

static void reads_numbers(void **state) {
    static const struct {
        const char *text;
        bool good;
        uint64_t n;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1a", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t n = 0;
        assert_int_equal(span_u64(span_cstr(cases[i].text), &n), cases[i].good);
        assert_true(!cases[i].good || n == cases[i].n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(finds_and_cuts),
        cmocka_unit_test(reads_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
