#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/limit.h"

enum { SECOND = 1000000 };

static void a_burst_then_the_rate(void **state) {
    struct http_limit *l = http_limit_new(2, 5);
    unsigned retry = 0, taken = 0;
    for (int i = 0; i < 10; i++) taken += http_limit_take(l, SPAN("a"), SECOND, &retry);
    assert_int_equal(taken, 5);
    assert_int_equal(retry, 1);
    assert_true(http_limit_take(l, SPAN("b"), SECOND, &retry)); /* another's is its own */
    assert_false(http_limit_take(l, SPAN("a"), SECOND + SECOND / 4, &retry));
    assert_true(http_limit_take(l, SPAN("a"), SECOND + SECOND / 2, &retry));
    assert_false(http_limit_take(l, SPAN("a"), SECOND + SECOND / 2, &retry));
    taken = 0;
    for (int i = 0; i < 10; i++) taken += http_limit_take(l, SPAN("a"), 1000 * (int64_t)SECOND, &retry);
    assert_int_equal(taken, 5); /* it saves up no more than a burst */
    http_limit_free(&l);
}

static void when_to_come_again(void **state) {
    struct http_limit *l = http_limit_new(1.0 / 60, 1);
    unsigned retry = 0;
    assert_true(http_limit_take(l, SPAN("a"), 0, &retry));
    assert_false(http_limit_allows(l, SPAN("a"), 0, &retry));
    assert_int_equal(retry, 60);
    assert_false(http_limit_take(l, SPAN("a"), 59 * (int64_t)SECOND, &retry));
    assert_int_equal(retry, 1);
    assert_true(http_limit_allows(l, SPAN("a"), 60 * (int64_t)SECOND + 1, &retry));
    assert_true(http_limit_take(l, SPAN("a"), 60 * (int64_t)SECOND + 1, &retry)); /* looking took nothing */
    assert_false(http_limit_take(l, SPAN("a"), 0, &retry)); /* a clock that steps back gives nothing */
    http_limit_free(&l);
}

static void more_keys_than_places(void **state) {
    struct http_limit *l = http_limit_new(1, 1);
    unsigned retry = 0, taken = 0;
    char key[16];
    for (int i = 0; i < 10 * HTTP_LIMIT_KEYS; i++) {
        snprintf(key, sizeof key, "key %d", i);
        taken += http_limit_take(l, span_cstr(key), i, &retry);
    }
    assert_int_equal(taken, 10 * HTTP_LIMIT_KEYS); /* newcomers push out who was not seen longest */
    assert_false(http_limit_take(l, span_cstr(key), 10 * HTTP_LIMIT_KEYS, &retry));
    http_limit_free(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_the_rate),
        cmocka_unit_test(when_to_come_again),
        cmocka_unit_test(more_keys_than_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
