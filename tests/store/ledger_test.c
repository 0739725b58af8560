/* Ledgers, their entries, tiles, what waits, decision runs. */
#include "store/fixture.h"

#include <stdio.h>
#include <string.h>

static void append(struct fixture *f, struct store_tx *tx, const struct store_entry *e) {
    OK(store_entry_add(tx, e, &f->d));
}

/* A ledger with entries 0 to n-1 of holdings 1 to n. */
static int64_t filled_ledger(struct fixture *f, unsigned n) {
    fixture_publish(f, 1, n);
    int64_t ledger = fixture_ledger(f, "US-DOD");
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = 0; i < n; i++) {
        struct store_entry e = fixture_entry(ledger, i, i + 1, i + 1);
        append(f, tx, &e);
    }
    fixture_commit(f, &tx);
    return ledger;
}

static struct store_entry_query everything(int64_t ledger) {
    return (struct store_entry_query){.ledger = ledger,
                                      .added_after = TIME_NONE,
                                      .modified = TIME_NONE,
                                      .superseded = true,
                                      .withdrawn = true,
                                      .records = true,
                                      .limit = 1000,
                                      .with_body = true,
                                      .with_record = true};
}

static void test_ledgers(void **state) {
    struct fixture *f = *state;
    struct store_ledger got, *list;
    size_t count;
    int64_t id, second;
    struct store_ledger l = {.publisher = SPAN("JP-MOD"),
                             .recipient = SPAN("US-DOD"),
                             .lineage = SPAN("ab"),
                             .origin = SPAN("https://jp.example/l/1"),
                             .collection = SPAN("uuid"),
                             .last_time = TIME_NONE,
                             .cosigned_time = TIME_NONE};
    struct store_tx *tx = fixture_begin(f);
    OK(store_ledger_create(tx, &l, &id, &f->d));
    FAILS(ERR_EXISTS, store_ledger_create(tx, &l, &second, &f->d));
    l.recipient = SPAN("KR-MND");
    OK(store_ledger_create(tx, &l, &second, &f->d));
    fixture_commit(f, &tx);
    OK(store_ledger_get(f->r, id, &f->a, &got, &f->d));
    assert_span(got.recipient, "US-DOD");
    assert_span(got.origin, "https://jp.example/l/1");
    assert_true(got.last_time == TIME_NONE);
    got.size = 12;
    got.last_time = 99;
    got.frontier = span_of("\0\1\2", 3);
    got.checkpoint = SPAN("note");
    got.cosignature = SPAN("line");
    got.cosigned_size = 11;
    got.cosigned_time = 98;
    got.cursor = 1234567;
    got.cursor_agreement = SPAN("cd");
    tx = fixture_begin(f);
    OK(store_ledger_update(tx, &got, &f->d));
    fixture_commit(f, &tx);
    OK(store_ledger_list(f->r, &f->a, &list, &count, &f->d));
    assert_int_equal(count, 2);
    assert_int_equal(list[0].id, id);
    assert_int_equal(list[0].size, 12);
    assert_int_equal(list[0].last_time, 99);
    assert_true(span_equal(list[0].frontier, span_of("\0\1\2", 3)));
    assert_span(list[0].checkpoint, "note");
    assert_span(list[0].cosignature, "line");
    assert_int_equal(list[0].cosigned_size, 11);
    assert_int_equal(list[0].cosigned_time, 98);
    assert_int_equal(list[0].cursor, 1234567);
    assert_span(list[0].cursor_agreement, "cd");
    assert_int_equal(list[1].size, 0);
    FAILS(ERR_NOT_FOUND, store_ledger_get(f->r, 4711, &f->a, &got, &f->d));
    got.id = 4711;
    tx = fixture_begin(f);
    FAILS(ERR_NOT_FOUND, store_ledger_update(tx, &got, &f->d));
    store_rollback(&tx);
}

static void test_an_entry_comes_back(void **state) {
    struct fixture *f = *state;
    struct store_entry got;
    int64_t ledger = filled_ledger(f, 3);
    OK(store_entry_get(f->r, ledger, 1, &f->a, &got, &f->d));
    assert_int_equal(got.ledger, ledger);
    assert_int_equal(got.seq, 1);
    assert_int_equal(got.time, 2000);
    assert_int_equal(got.decided, 500);
    assert_int_equal(got.state, STORE_ENTRY_CURRENT);
    assert_true(span_equal(got.stix_id, fixture_id("indicator", 2)));
    assert_int_equal(got.modified, TIME_US_PER_S);
    assert_int_equal(got.holding, 2);
    assert_true(span_equal(got.body, fixture_holding(2, 1).body));
    assert_span(got.record, "the record");
    assert_int_equal(got.salt.len, STORE_SALT_SIZE);
    FAILS(ERR_NOT_FOUND, store_entry_get(f->r, ledger, 3, &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_entry_get(f->r, ledger + 1, 0, &f->a, &got, &f->d));
    FAILS(ERR_INVALID, store_entry_get(f->r, 0, 0, &f->a, &got, &f->d));
    FAILS(ERR_LIMIT, store_entry_get(f->r, ledger, UINT64_MAX, &f->a, &got, &f->d));
}

/* What need not be looked up for each: sole, unreleased, unawaited; and an entry that relies on it is the same. */
static void test_undecided(void **state) {
    struct fixture *f = *state;
    struct store_holding *all, newer = fixture_holding(2, 2);
    struct store_entry got;
    size_t count;
    int64_t ledger = filled_ledger(f, 2), other = fixture_ledger(f, "KR-MND");
    fixture_publish(f, 3, 2);
    struct store_tx *tx = fixture_begin(f);
    (void)fixture_add(f, tx, &newer, NULL, 0);
    OK(store_intake_publish(tx, &f->d));
    OK(store_waiting_add(tx, ledger, fixture_id("indicator", 3), 1, &f->d));
    fixture_commit(f, &tx);
    OK(store_holding_undecided(f->r, ledger, 0, 10, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 5);
    const struct store_known expected[] = {
        {true, false, true}, {false, false, true}, {true, true, false}, {true, true, true}, {false, false, true}};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all[i].known.sole, expected[i].sole);
        assert_int_equal(all[i].known.unreleased, expected[i].unreleased);
        assert_int_equal(all[i].known.unawaited, expected[i].unawaited);
        assert_true(span_equal(all[i].body, fixture_holding(i < 4 ? (unsigned)i + 1 : 2, i < 4 ? 1 : 2).body));
    }
    tx = fixture_begin(f);
    struct store_entry e = fixture_entry(ledger, 2, 4, all[3].id);
    e.body = (struct span){0};
    e.unreleased = true;
    e.place = all[3].place;
    append(f, tx, &e);
    fixture_commit(f, &tx);
    OK(store_entry_current(f->r, ledger, fixture_id("indicator", 4), &got, &f->d));
    assert_int_equal(got.seq, 2);
    OK(store_entry_get(f->r, ledger, 2, &f->a, &got, &f->d));
    assert_true(span_equal(got.body, fixture_holding(4, 1).body));
    OK(store_holding_undecided(f->r, other, 3, 10, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 2);
    assert_true(all[0].known.unreleased); /* in that ledger */
    OK(store_holding_undecided(f->r, ledger, 3, 1, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 1);
    assert_false(all[0].known.unreleased);
}

static void test_what_cannot_be_appended(void **state) {
    struct fixture *f = *state;
    int64_t ledger = filled_ledger(f, 3);
    struct store_tx *tx = fixture_begin(f);
    struct store_holding pending = fixture_holding(9, 1);
    int64_t row = fixture_add(f, tx, &pending, NULL, 0);
    struct store_entry e = fixture_entry(ledger, 4, 1, 1);
    FAILS(ERR_INVALID, store_entry_add(tx, &e, &f->d)); /* a gap */
    e.seq = 2;
    FAILS(ERR_INVALID, store_entry_add(tx, &e, &f->d)); /* taken */
    e.seq = 3;
    e.holding = row;
    FAILS(ERR_NOT_FOUND, store_entry_add(tx, &e, &f->d)); /* pending */
    e.holding = 4711;
    FAILS(ERR_NOT_FOUND, store_entry_add(tx, &e, &f->d));
    e.holding = 0;
    FAILS(ERR_INVALID, store_entry_add(tx, &e, &f->d)); /* nothing to release */
    e.holding = 1;
    e.salt = SPAN("short");
    FAILS(ERR_INVALID, store_entry_add(tx, &e, &f->d));
    e = fixture_entry(ledger, 3, 1, 1);
    append(f, tx, &e); /* none of that spoilt the transaction */
    fixture_commit(f, &tx);
    tx = fixture_begin(f);
    e = fixture_entry(ledger, 4, 2, 2);
    append(f, tx, &e);
    store_rollback(&tx);
    tx = fixture_begin(f);
    append(f, tx, &e); /* the number is free again */
    fixture_commit(f, &tx);
}

static size_t scan(struct fixture *f, const struct store_entry_query *q, struct store_entry **out) {
    size_t count;
    OK(store_entry_scan(f->r, q, &f->a, out, &count, &f->d));
    return count;
}

static void test_superseded_and_withdrawn(void **state) {
    struct fixture *f = *state;
    struct store_entry got, *list;
    int64_t ledger = filled_ledger(f, 3), other = fixture_ledger(f, "KR-MND");
    struct store_tx *tx = fixture_begin(f);
    struct store_entry e = fixture_entry(other, 0, 1, 1);
    append(f, tx, &e); /* another ledger's entry of the object is not touched */
    struct store_holding h = fixture_holding(1, 2);
    int64_t row = fixture_add(f, tx, &h, NULL, 0);
    OK(store_intake_publish(tx, &f->d));
    e = fixture_entry(ledger, 3, 1, row);
    e.modified = 2 * TIME_US_PER_S;
    append(f, tx, &e);
    OK(store_entry_withdraw(tx, ledger, 1, &f->d));
    FAILS(ERR_NOT_FOUND, store_entry_withdraw(tx, ledger, 77, &f->d));
    e = (struct store_entry){.ledger = ledger,
                             .seq = 4,
                             .time = 5000,
                             .decided = TIME_NONE,
                             .state = STORE_ENTRY_RECORD,
                             .modified = TIME_NONE,
                             .record = SPAN("withdraw 1")};
    append(f, tx, &e);
    FAILS(ERR_NOT_FOUND, store_entry_withdraw(tx, ledger, 4, &f->d)); /* a record is no release */
    fixture_commit(f, &tx);

    struct store_entry_query q = everything(ledger);
    assert_int_equal(scan(f, &q, &list), 5);
    const enum store_entry_state states[] = {STORE_ENTRY_SUPERSEDED, STORE_ENTRY_WITHDRAWN, STORE_ENTRY_CURRENT,
                                             STORE_ENTRY_CURRENT, STORE_ENTRY_RECORD};
    for (size_t i = 0; i < 5; i++) assert_int_equal(list[i].state, states[i]);
    assert_true(list[0].body.len > 0);
    assert_int_equal(list[1].body.len, 0); /* taken back: its bytes come out nowhere */
    assert_span(list[1].record, "the record");
    assert_int_equal(list[4].stix_id.len, 0);
    assert_int_equal(list[4].salt.len, 0);
    OK(store_entry_get(f->r, ledger, 1, &f->a, &got, &f->d));
    assert_int_equal(got.body.len, 0);

    q.superseded = q.withdrawn = q.records = false;
    assert_int_equal(scan(f, &q, &list), 2);
    assert_int_equal(list[0].seq, 2);
    assert_int_equal(list[1].seq, 3);
    OK(store_entry_current(f->r, ledger, fixture_id("indicator", 1), &got, &f->d));
    assert_int_equal(got.seq, 3);
    assert_int_equal(got.holding, row);
    assert_int_equal(got.modified, 2 * TIME_US_PER_S);
    FAILS(ERR_NOT_FOUND, store_entry_current(f->r, ledger, fixture_id("indicator", 2), &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_entry_current(f->r, ledger, fixture_id("indicator", 99), &got, &f->d));
    OK(store_entry_current(f->r, other, fixture_id("indicator", 1), &got, &f->d));
    assert_int_equal(got.seq, 0);
}

static void test_pages(void **state) {
    struct fixture *f = *state;
    struct store_entry *list;
    uint64_t seq;
    int64_t ledger = filled_ledger(f, 50);
    struct store_entry_query q = everything(ledger);
    unsigned seen = 0;
    for (q.limit = 7;; q.from_seq = list[6].seq + 1) {
        size_t count = scan(f, &q, &list);
        for (size_t i = 0; i < count; i++) assert_int_equal(list[i].seq, seen++);
        if (count < 7) break;
    }
    assert_int_equal(seen, 50);
    q = everything(ledger);
    q.from_seq = 10, q.to_seq = 20;
    assert_int_equal(scan(f, &q, &list), 10);
    q.added_after = 15000; /* the time of seq 14: strictly after it */
    assert_int_equal(scan(f, &q, &list), 5);
    assert_int_equal(list[0].seq, 15);
    q.added_after = 14999;
    assert_int_equal(scan(f, &q, &list), 6);
    q = everything(ledger);
    q.added_after = INT64_MAX;
    assert_int_equal(scan(f, &q, &list), 0);
    q = everything(ledger);
    q.from_seq = UINT64_MAX; /* out of a hostile cursor */
    assert_int_equal(scan(f, &q, &list), 0);
    q.from_seq = 0, q.to_seq = UINT64_MAX, q.limit = SIZE_MAX;
    assert_int_equal(scan(f, &q, &list), 50);
    q.limit = 0;
    assert_int_equal(scan(f, &q, &list), 0);
    OK(store_entry_after(f->r, ledger, 0, &seq, &f->d));
    assert_int_equal(seq, 0);
    OK(store_entry_after(f->r, ledger, 1000, &seq, &f->d));
    assert_int_equal(seq, 1);
    OK(store_entry_after(f->r, ledger, 49999, &seq, &f->d));
    assert_int_equal(seq, 49);
    OK(store_entry_after(f->r, ledger, 50000, &seq, &f->d));
    assert_int_equal(seq, 50);
    OK(store_entry_after(f->r, fixture_ledger(f, "empty"), 0, &seq, &f->d));
    assert_int_equal(seq, 0);
}

static void test_filters(void **state) {
    struct fixture *f = *state;
    struct store_entry *list;
    int64_t ledger = filled_ledger(f, 10);
    struct store_tx *tx = fixture_begin(f);
    struct store_entry e = fixture_entry(ledger, 10, 3, 3);
    e.modified = 7;
    append(f, tx, &e);
    e = fixture_entry(ledger, 11, 4, 4);
    e.stix_id = fixture_id("malware", 4);
    e.body = SPAN("derived");
    append(f, tx, &e);
    fixture_commit(f, &tx);
    struct store_entry_query q = everything(ledger);
    q.stix_id = fixture_id("indicator", 3);
    assert_int_equal(scan(f, &q, &list), 2);
    assert_int_equal(list[0].seq, 2);
    assert_int_equal(list[1].seq, 10);
    q.modified = 7;
    assert_int_equal(scan(f, &q, &list), 1);
    q.superseded = false;
    q.modified = TIME_NONE;
    assert_int_equal(scan(f, &q, &list), 1);
    assert_int_equal(list[0].seq, 10);
    q = everything(ledger);
    q.type = SPAN("malware");
    assert_int_equal(scan(f, &q, &list), 1);
    assert_int_equal(list[0].seq, 11);
    q.type = SPAN("tool");
    assert_int_equal(scan(f, &q, &list), 0);
    q = everything(ledger);
    q.stix_id = SPAN("indicator--unheard-of");
    assert_int_equal(scan(f, &q, &list), 0);
    q = everything(ledger);
    q.with_body = q.with_record = false;
    assert_int_equal(scan(f, &q, &list), 12);
    assert_int_equal(list[11].body.len + list[11].record.len + list[11].salt.len, 0);
}

static void test_derived_objects(void **state) {
    struct fixture *f = *state;
    struct store_entry got;
    int64_t ledger = filled_ledger(f, 3);
    struct store_tx *tx = fixture_begin(f);
    struct store_entry e = fixture_entry(ledger, 3, 100, 2);
    e.body = SPAN("{\"redacted\":true}");
    append(f, tx, &e);
    e = fixture_entry(ledger, 4, 3, 3);
    e.body = fixture_holding(3, 1).body; /* spelt out, but the holding's own */
    append(f, tx, &e);
    fixture_commit(f, &tx);
    OK(store_entry_of_holding(f->r, ledger, 2, &f->a, &got, &f->d));
    assert_int_equal(got.seq, 3); /* newest first, under whatever id */
    assert_true(span_equal(got.stix_id, fixture_id("indicator", 100)));
    assert_span(got.body, "{\"redacted\":true}");
    OK(store_entry_get(f->r, ledger, 4, &f->a, &got, &f->d));
    assert_true(span_equal(got.body, fixture_holding(3, 1).body));
    OK(store_entry_of_holding(f->r, ledger, 1, &f->a, &got, &f->d));
    assert_int_equal(got.seq, 0);
    uint8_t out[1] = {0};
    OK(store_entry_out(f->r, ledger, out, 8, &f->d));
    assert_int_equal(out[0], 1 << 1 | 1 << 2 | 1 << 3); /* as they are; that 2 is out derived, too, says nothing */
    out[0] = 0;
    OK(store_entry_out(f->r, ledger, out, 2, &f->d));
    assert_int_equal(out[0], 1 << 1);
    FAILS(ERR_NOT_FOUND, store_entry_of_holding(f->r, ledger, 99, &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_entry_of_holding(f->r, fixture_ledger(f, "x"), 1, &f->a, &got, &f->d));
    OK(store_entry_current(f->r, ledger, fixture_id("indicator", 100), &got, &f->d));
    tx = fixture_begin(f);
    OK(store_entry_withdraw(tx, ledger, 3, &f->d));
    fixture_commit(f, &tx);
    OK(store_entry_get(f->r, ledger, 3, &f->a, &got, &f->d));
    assert_int_equal(got.body.len, 0);
}

/* An ordinary collection: entries without a ledger's row, records or salts, under a number of their own. What is taken
 * out uncovers what was before it, and its own bytes go. */
static void test_ordinary_collection(void **state) {
    struct fixture *f = *state;
    struct store_entry got, *list;
    const int64_t number = STORE_COLLECTION_FIRST + 7;
    struct store_tx *tx = fixture_begin(f);
    for (uint64_t seq = 0; seq < 3; seq++) { /* the third is older than the second */
        struct store_entry e = fixture_entry(number, seq, 1, 0);
        e.body = seq == 1 ? SPAN("{\"newest\":1}") : SPAN("{\"older\":1}");
        e.record = seq == 1 ? SPAN("application/x") : SPAN("");
        e.salt = SPAN("");
        e.modified = (seq == 1 ? 9 : (time_us)seq) * TIME_US_PER_S;
        e.state = seq == 2 ? STORE_ENTRY_SUPERSEDED : STORE_ENTRY_CURRENT;
        append(f, tx, &e);
    }
    fixture_commit(f, &tx);
    uint64_t size;
    OK(store_entry_after(f->r, number, INT64_MAX, &size, &f->d));
    assert_int_equal(size, 3);
    OK(store_entry_after(f->r, number + 1, INT64_MAX, &size, &f->d));
    assert_int_equal(size, 0);
    struct store_entry_query q = everything(number);
    q.with_body = q.with_record = true;
    assert_int_equal(scan(f, &q, &list), 3);
    assert_int_equal(list[0].state, STORE_ENTRY_SUPERSEDED);
    assert_int_equal(list[1].state, STORE_ENTRY_CURRENT);
    assert_int_equal(list[2].state, STORE_ENTRY_SUPERSEDED);
    assert_span(list[1].record, "application/x");
    tx = fixture_begin(f);
    OK(store_entry_withdraw(tx, number, 1, &f->d));
    OK(store_entry_set_state(tx, number, 2, STORE_ENTRY_CURRENT, &f->d));
    FAILS(ERR_NOT_FOUND, store_entry_set_state(tx, number, 3, STORE_ENTRY_CURRENT, &f->d));
    fixture_commit(f, &tx);
    OK(store_entry_current(f->r, number, fixture_id("indicator", 1), &got, &f->d));
    assert_int_equal(got.seq, 2);
    OK(store_entry_get(f->r, number, 1, &f->a, &got, &f->d));
    assert_int_equal(got.state, STORE_ENTRY_WITHDRAWN);
    tx = fixture_begin(f);
    OK(store_entry_set_state(tx, number, 1, STORE_ENTRY_SUPERSEDED, &f->d));
    fixture_commit(f, &tx);
    OK(store_entry_get(f->r, number, 1, &f->a, &got, &f->d));
    assert_int_equal(got.body.len, 0); /* whatever its state: the bytes are gone */
    size_t count;
    struct store_ledger *ledgers;
    OK(store_ledger_list(f->r, &f->a, &ledgers, &count, &f->d));
    assert_int_equal(count, 0);
}

/* Released while an import is pending: an id the import has made first must be found by readers all the same. */
static void test_release_beside_an_intake(void **state) {
    struct fixture *f = *state;
    struct store_entry got;
    int64_t ledger = filled_ledger(f, 3), *ids;
    size_t count;
    struct span derived = fixture_id("note", 1);
    struct store_tx *tx = fixture_begin(f);
    struct store_holding h = fixture_holding(50, 1);
    fixture_add(f, tx, &h, &derived, 1);
    fixture_commit(f, &tx);
    tx = fixture_begin(f);
    struct store_entry e = fixture_entry(ledger, 3, 1, 1);
    e.stix_id = derived;
    e.body = SPAN("derived");
    append(f, tx, &e);
    OK(store_waiting_add(tx, ledger, fixture_id("note", 2), 1, &f->d));
    fixture_commit(f, &tx);
    OK(store_entry_current(f->r, ledger, derived, &got, &f->d));
    assert_int_equal(got.seq, 3);
    fixture_reopen(f); /* the import is discarded, what was released stays */
    OK(store_entry_current(f->r, ledger, derived, &got, &f->d));
    OK(store_entry_get(f->r, ledger, 3, &f->a, &got, &f->d));
    assert_true(span_equal(got.stix_id, fixture_id("note", 1)));
    tx = fixture_begin(f);
    OK(store_waiting_take(tx, ledger, fixture_id("note", 2), &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 1);
    fixture_commit(f, &tx);
}

static bool stop_at_three(void *context, const struct store_entry *e) {
    unsigned *seen = context;
    assert_int_equal(e->seq, *seen);
    assert_true(e->stix_id.len > 0 && e->body.len > 0);
    return ++*seen < 3;
}

static void test_each_can_stop(void **state) {
    struct fixture *f = *state;
    unsigned seen = 0;
    int64_t ledger = filled_ledger(f, 10);
    struct store_entry_query q = everything(ledger);
    OK(store_entry_each(f->r, &q, stop_at_three, &seen, &f->d));
    assert_int_equal(seen, 3);
    seen = 0;
    OK(store_entry_each(f->r, &q, stop_at_three, &seen, &f->d));
    assert_int_equal(seen, 3);
}

struct nested {
    struct fixture *f;
    const struct store_entry_query *q;
    enum err inner;
    unsigned seen;
};

static bool read_inside(void *context, const struct store_entry *e) {
    struct nested *n = context;
    struct fixture *f = n->f;
    struct store_holding h;
    OK(store_holding_get(f->r, e->holding, &f->a, &h, &f->d)); /* other calls are fine */
    assert_true(span_equal(h.body, e->body));
    n->inner = store_entry_each(f->r, n->q, read_inside, n, &f->d); /* the same one is refused, not confused */
    n->seen++;
    return true;
}

static void test_reading_inside_each(void **state) {
    struct fixture *f = *state;
    int64_t ledger = filled_ledger(f, 3);
    struct store_entry_query q = everything(ledger);
    struct nested n = {.f = f, .q = &q};
    OK(store_entry_each(f->r, &q, read_inside, &n, &f->d));
    assert_int_equal(n.seen, 3);
    assert_int_equal(n.inner, ERR_INTERNAL);
}

static void test_tiles(void **state) {
    struct fixture *f = *state;
    struct span got;
    char full[8192];
    memset(full, 7, sizeof full);
    struct store_tx *tx = fixture_begin(f);
    OK(store_tile_put(tx, 1, 0, 0, SPAN("partial"), &f->d));
    OK(store_tile_put(tx, 1, 1, 0, SPAN("level one"), &f->d));
    OK(store_tile_put(tx, 2, 0, 0, SPAN("another ledger's"), &f->d));
    OK(store_tile_put(tx, 1, 0, UINT64_C(0xffffffff), SPAN("the last"), &f->d));
    OK(store_tile_put(tx, 1, 0, 0, span_of(full, sizeof full), &f->d));
    fixture_commit(f, &tx);
    OK(store_tile_get(f->r, 1, 0, 0, &f->a, &got, &f->d));
    assert_true(span_equal(got, span_of(full, sizeof full)));
    OK(store_tile_get(f->r, 1, 1, 0, &f->a, &got, &f->d));
    assert_span(got, "level one");
    OK(store_tile_get(f->r, 2, 0, 0, &f->a, &got, &f->d));
    assert_span(got, "another ledger's");
    OK(store_tile_get(f->r, 1, 0, UINT64_C(0xffffffff), &f->a, &got, &f->d));
    assert_span(got, "the last");
    FAILS(ERR_NOT_FOUND, store_tile_get(f->r, 1, 0, 1, &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_tile_get(f->r, 1, 99, 0, &f->a, &got, &f->d)); /* out of a URL */
    FAILS(ERR_NOT_FOUND, store_tile_get(f->r, 1, 0, UINT64_MAX, &f->a, &got, &f->d));
}

static void test_waiting(void **state) {
    struct fixture *f = *state;
    int64_t *ids;
    size_t count;
    fixture_publish(f, 1, 5);
    struct span needs = fixture_id("malware", 1);
    struct store_tx *tx = fixture_begin(f);
    OK(store_waiting_add(tx, 1, needs, 3, &f->d));
    OK(store_waiting_add(tx, 1, needs, 2, &f->d));
    OK(store_waiting_add(tx, 1, needs, 3, &f->d));
    OK(store_waiting_add(tx, 2, needs, 4, &f->d));
    OK(store_waiting_add(tx, 1, fixture_id("malware", 2), 5, &f->d));
    fixture_commit(f, &tx);
    fixture_reopen(f);
    tx = fixture_begin(f);
    OK(store_waiting_take(tx, 1, needs, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 2);
    assert_int_equal(ids[0], 2);
    assert_int_equal(ids[1], 3);
    OK(store_waiting_take(tx, 1, needs, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 0);
    OK(store_waiting_take(tx, 1, SPAN("tool--unheard-of"), &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 0);
    OK(store_waiting_take(tx, 2, needs, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 1);
    store_rollback(&tx);
    tx = fixture_begin(f);
    OK(store_waiting_take(tx, 1, needs, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 2);
    fixture_commit(f, &tx);
}

static void test_decision_runs(void **state) {
    struct fixture *f = *state;
    struct store_decision_run got;
    const struct store_decision_run runs[] = {
        {1, 1, 100, 10, SPAN("first")},
        {1, 101, 200, 20, SPAN("first")},
        {2, 1, 200, 25, SPAN("another")},
        {1, 50, 50, 30, SPAN("second")},
    };
    struct store_tx *tx = fixture_begin(f);
    for (size_t i = 0; i < 4; i++) OK(store_decision_add(tx, &runs[i], &f->d));
    struct store_decision_run wrong = {1, 5, 4, 0, SPAN("x")};
    FAILS(ERR_INVALID, store_decision_add(tx, &wrong, &f->d));
    fixture_commit(f, &tx);
    OK(store_decision_find(f->r, 1, 49, &f->a, &got, &f->d));
    assert_int_equal(got.time, 10);
    assert_int_equal(got.first, 1);
    assert_int_equal(got.last, 100);
    OK(store_decision_find(f->r, 1, 50, &f->a, &got, &f->d));
    assert_int_equal(got.time, 30);
    assert_span(got.agreement, "second");
    OK(store_decision_find(f->r, 2, 200, &f->a, &got, &f->d));
    assert_int_equal(got.ledger, 2);
    FAILS(ERR_NOT_FOUND, store_decision_find(f->r, 1, 201, &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_decision_find(f->r, 3, 1, &f->a, &got, &f->d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_ledgers),
        STORE_TEST(test_an_entry_comes_back),
        STORE_TEST(test_undecided),
        STORE_TEST(test_what_cannot_be_appended),
        STORE_TEST(test_superseded_and_withdrawn),
        STORE_TEST(test_ordinary_collection),
        STORE_TEST(test_pages),
        STORE_TEST(test_filters),
        STORE_TEST(test_derived_objects),
        STORE_TEST(test_release_beside_an_intake),
        STORE_TEST(test_each_can_stop),
        STORE_TEST(test_reading_inside_each),
        STORE_TEST(test_tiles),
        STORE_TEST(test_waiting),
        STORE_TEST(test_decision_runs),
    };
    return fixture_run("ledgers", tests);
}
