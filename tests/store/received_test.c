/* Partners' ledgers. */
#include "store/fixture.h"

static const struct span origin = {"https://jp.example/ledger/1", 27};

static size_t scan(struct fixture *f, struct store_reader *r, uint64_t from, struct store_received **out) {
    size_t count;
    OK(store_received_scan(r, origin, from, 100, &f->a, out, &count, &f->d));
    return count;
}

static void add(struct fixture *f, struct store_tx *tx, uint64_t seq, int64_t holding, const char *record) {
    struct store_received e = {
        .seq = seq, .holding = holding, .record = span_cstr(record), .salt = SPAN("0123456789abcdef0123456789abcdef")};
    OK(store_received_add(tx, origin, &e, &f->d));
}

static int64_t add_holding(struct fixture *f, struct store_tx *tx, unsigned n) {
    struct store_holding h = fixture_holding(n, 1);
    h.source = 5;
    return fixture_add(f, tx, &h, NULL, 0);
}

static void test_received(void **state) {
    struct fixture *f = *state;
    struct store_received *list;
    struct store_holding got;
    int64_t holding;
    bool from;
    struct store_tx *tx = fixture_begin(f);
    int64_t row = add_holding(f, tx, 1);
    add(f, tx, 0, row, "release");
    add(f, tx, 1, 0, "a record");
    assert_int_equal(scan(f, store_tx_reader(tx), 0, &list), 2);
    fixture_commit(f, &tx);
    assert_int_equal(scan(f, f->r, 0, &list), 1); /* what is pending is not shown */
    OK(store_received_from(f->r, fixture_id("indicator", 1), 5, &from, &f->d));
    assert_false(from);
    tx = fixture_begin(f);
    OK(store_intake_publish(tx, &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(scan(f, f->r, 0, &list), 2);
    assert_int_equal(list[0].holding, row);
    assert_span(list[0].record, "release");
    assert_int_equal(list[0].salt.len, STORE_SALT_SIZE);
    assert_false(list[0].withdrawn);
    assert_int_equal(list[1].seq, 1);
    assert_int_equal(list[1].holding, 0);
    assert_int_equal(scan(f, f->r, 1, &list), 1);
    assert_int_equal(scan(f, f->r, UINT64_MAX, &list), 0);
    OK(store_received_from(f->r, fixture_id("indicator", 1), 5, &from, &f->d));
    assert_true(from);
    OK(store_received_from(f->r, fixture_id("indicator", 1), 6, &from, &f->d));
    assert_false(from);
    OK(store_received_from(f->r, fixture_id("indicator", 2), 5, &from, &f->d));
    assert_false(from);

    tx = fixture_begin(f);
    OK(store_received_withdraw(tx, origin, 0, &holding, &f->d));
    assert_int_equal(holding, row);
    OK(store_holding_quarantine(tx, holding, &f->d));
    OK(store_received_withdraw(tx, origin, 1, &holding, &f->d));
    assert_int_equal(holding, 0);
    FAILS(ERR_NOT_FOUND, store_received_withdraw(tx, origin, 2, &holding, &f->d));
    FAILS(ERR_NOT_FOUND, store_received_withdraw(tx, SPAN("elsewhere"), 0, &holding, &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(scan(f, f->r, 0, &list), 2);
    assert_true(list[0].withdrawn);
    FAILS(ERR_NOT_FOUND, store_holding_latest(f->r, fixture_id("indicator", 1), &f->a, &got, &f->d));
    OK(store_received_from(f->r, fixture_id("indicator", 1), 5, &from, &f->d));
    assert_false(from);
}

static void test_the_same_again_and_a_fork(void **state) {
    struct fixture *f = *state;
    struct store_received *list;
    int64_t holding;
    struct store_tx *tx = fixture_begin(f);
    add(f, tx, 0, 0, "one");
    OK(store_received_withdraw(tx, origin, 0, &holding, &f->d));
    add(f, tx, 0, 0, "one");
    struct store_received fork = {.record = SPAN("two")};
    FAILS(ERR_EXISTS, store_received_add(tx, origin, &fork, &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(scan(f, f->r, 0, &list), 1);
    assert_span(list[0].record, "one");
    assert_true(list[0].withdrawn);
}

/* A sync that was killed: what came with its pending holdings goes with them, so that it can be pulled again. */
static void test_discard_takes_the_entries_along(void **state) {
    struct fixture *f = *state;
    struct store_received *list;
    size_t count;
    struct store_tx *tx = fixture_begin(f);
    add(f, tx, 0, add_holding(f, tx, 1), "release 0");
    add(f, tx, 1, 0, "record 1");
    OK(store_intake_publish(tx, &f->d));
    fixture_commit(f, &tx);
    tx = fixture_begin(f);
    add(f, tx, 2, add_holding(f, tx, 2), "release 2");
    add(f, tx, 3, 0, "record 3");
    add(f, tx, 4, add_holding(f, tx, 3), "release 4");
    struct store_received other = {.seq = 9, .record = SPAN("another ledger's")};
    OK(store_received_add(tx, SPAN("elsewhere"), &other, &f->d));
    fixture_commit(f, &tx);
    fixture_reopen(f);
    assert_int_equal(scan(f, f->r, 0, &list), 2);
    assert_int_equal(list[1].seq, 1);
    OK(store_received_scan(f->r, SPAN("elsewhere"), 0, 10, &f->a, &list, &count, &f->d));
    assert_int_equal(count, 1);
    tx = fixture_begin(f);
    add(f, tx, 2, add_holding(f, tx, 2), "release 2");
    OK(store_intake_publish(tx, &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(scan(f, f->r, 0, &list), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_received),
        STORE_TEST(test_the_same_again_and_a_fork),
        STORE_TEST(test_discard_takes_the_entries_along),
    };
    return fixture_run("received ledgers", tests);
}
