/* The compiled indicators of a running node: renewed when the store changes, and never under who uses them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "node/indicators.h"

static void import_indicator(struct fixture *f, int number) {
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    char words[160];
    snprintf(words, sizeof words, "indicator %d green pattern=\"[domain-name:value='n%d.example']\"", number, number);
    fixture_object(f, JP, &text, span_cstr(words));
    if (fixture_import(f, JP, buf_span(&text), "", &d)) fail_msg("%s", d.message);
    buf_free(&text);
}

static bool renew(struct node_indicators *x) {
    struct diag d = {0};
    bool renewed;
    if (node_indicators_renew(x, &renewed, &d)) fail_msg("%s", d.message);
    return renewed;
}

static void test_renewed_beside(void **state) {
    struct fixture f;
    struct node_indicators *x;
    struct diag d = {0};
    char home[128], path[512];
    (void)state;
    fixture_open(&f, 1);
    assert_int_equal(node_indicators_new(f.nodes[JP], &x, &d), ERR_NONE);
    assert_null(node_indicators_take(x));
    import_indicator(&f, 1);
    assert_true(renew(x));
    assert_false(renew(x)); /* nothing has changed */
    struct indicator_set *old = node_indicators_take(x), *again = node_indicators_take(x);
    assert_ptr_equal(old, again);
    assert_int_equal(detect_index_count(old->holdings.index), 1);
    import_indicator(&f, 2);
    assert_true(renew(x));
    struct indicator_set *new = node_indicators_take(x);
    assert_ptr_not_equal(old, new);
    assert_int_equal(detect_index_count(new->holdings.index), 2);
    assert_int_equal(detect_index_count(old->holdings.index), 1); /* who has it keeps it */
    node_indicators_give_back(x, &old);
    node_indicators_give_back(x, &again);
    node_indicators_give_back(x, &new);
    assert_null(old);
    /* The next to match opens the file instead of building. */
    fixture_home(&f, JP, home);
    snprintf(path, sizeof path, "%s/realms/live/index", home);
    assert_int_equal(access(path, F_OK), 0);
    struct detect_holdings holdings;
    struct store_reader *reader;
    assert_int_equal(store_reader_open(f.nodes[JP]->live.store, &reader, &d), ERR_NONE);
    assert_int_equal(detect_holdings_open(reader, path, NULL, NULL, &holdings, &d), ERR_NONE);
    assert_true(holdings.prebuilt);
    detect_holdings_free(&holdings);
    store_reader_close(&reader);
    node_indicators_free(&x);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_renewed_beside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
