/* Decay against values computed by hand, and which model counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "detect/decay.h"

#define DAY (INT64_C(86400) * TIME_US_PER_S)

static const struct decay_model line = {.lifetime = 100 * DAY, .decay_speed = 1, .threshold = 30, .base_score = 80};

/* base × (1 − (t/τ)^(1/δ)), by hand. */
static void the_curve(void **state) {
    static const struct {
        double speed, days, lifetime;
        unsigned base;
        double score;
    } by_hand[] = {
        {1, 0, 100, 80, 80},     {1, 50, 100, 80, 40}, {1, 99, 100, 100, 1}, {1, 100, 100, 80, 0},
        {1, 101, 100, 80, 0},    {1, -5, 100, 80, 80}, {2, 25, 100, 80, 40}, /* √¼ = ½ */
        {2, 81, 100, 100, 10},                                               /* √0.81 = 0.9 */
        {0.5, 50, 100, 80, 60},                                              /* ½² = ¼ */
        {0.5, 90, 100, 100, 19},                                             /* 0.9² = 0.81 */
        {3, 12.5, 100, 60, 30},                                              /* ∛⅛ = ½ */
        {2, 30, 120, 80, 40},                                                /* MISP's NIDS model: √¼ */
        {0.25, 50, 100, 64, 60},                                             /* ½⁴ = 1/16 */
        {1, 10, 100, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++) {
        struct decay_model m = {.lifetime = (time_us)(by_hand[i].lifetime * (double)DAY),
                                .decay_speed = by_hand[i].speed};
        double score = decay_score(&m, by_hand[i].base, (time_us)(by_hand[i].days * (double)DAY));
        if (fabs(score - by_hand[i].score) > 1e-9) fail_msg("row %zu: %f, not %f", i, score, by_hand[i].score);
    }
}

static struct decayed judge(const struct decay_model *m, size_t count, uint8_t confidence, time_us from, time_us seen,
                            time_us at) {
    return decay_judge(m, count, SPAN("own"), ATOM_DOMAIN, confidence, from, seen, at);
}

static void below_the_threshold_it_is_gone(void **state) {
    (void)state;
    assert_false(judge(&line, 1, 60, 0, TIME_NONE, 50 * DAY).gone); /* 30: the threshold itself is enough */
    assert_true(judge(&line, 1, 60, 0, TIME_NONE, 51 * DAY).gone);
    assert_int_equal(judge(&line, 1, 60, 0, TIME_NONE, 51 * DAY).confidence, 29);
    assert_int_equal(judge(&line, 1, DETECT_CONFIDENCE_NONE, 0, TIME_NONE, 25 * DAY).confidence, 60); /* base_score */
    assert_true(judge(&line, 1, 0, 0, TIME_NONE, 0).gone);
}

static void a_sighting_begins_anew(void **state) {
    (void)state;
    assert_int_equal(judge(&line, 1, 80, 0, 60 * DAY, 85 * DAY).confidence, 60);
    assert_int_equal(judge(&line, 1, 80, 70 * DAY, 60 * DAY, 95 * DAY).confidence, 60); /* an older one does not */
    assert_int_equal(judge(&line, 1, 80, 0, 90 * DAY, 85 * DAY).confidence, 80);        /* seen later than judged */
    assert_int_equal(judge(&line, 1, 80, TIME_NONE, TIME_NONE, 85 * DAY).confidence, 80);
    assert_true(judge(&line, 1, 80, INT64_MIN + 1, TIME_NONE, INT64_MAX).gone);
}

static void the_first_model_that_fits_counts(void **state) {
    (void)state;
    struct decay_model models[] = {line, line, line};
    models[0].source = SPAN("US-DOD");
    models[1].kind = SPAN("domain");
    models[1].lifetime = 50 * DAY;
    assert_int_equal(decay_judge(models, 3, SPAN("own"), ATOM_DOMAIN, 80, 0, TIME_NONE, 25 * DAY).confidence, 40);
    assert_int_equal(decay_judge(models, 3, SPAN("US-DOD"), ATOM_DOMAIN, 80, 0, TIME_NONE, 25 * DAY).confidence, 60);
    assert_int_equal(decay_judge(models, 3, SPAN("own"), ATOM_HASH, 80, 0, TIME_NONE, 25 * DAY).confidence, 60);
    assert_int_equal(decay_judge(models, 2, SPAN("own"), ATOM_HASH, 80, 0, TIME_NONE, 99 * DAY).confidence, 80);
    assert_false(decay_judge(models, 0, SPAN("own"), ATOM_HASH, 0, 0, TIME_NONE, 99 * DAY).gone);
    assert_int_equal(decay_judge(models, 0, SPAN("own"), ATOM_HASH, DETECT_CONFIDENCE_NONE, 0, TIME_NONE, 0).confidence,
                     DETECT_CONFIDENCE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_curve), cmocka_unit_test(below_the_threshold_it_is_gone),
                                       cmocka_unit_test(a_sighting_begins_anew),
                                       cmocka_unit_test(the_first_model_that_fits_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
