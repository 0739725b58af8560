/* Erasure: of one source or all; what stays, what goes, and that it goes out of the files. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fixture.h"

static const struct span origin = {"https://jp.example/ledger/1", 27};
static const struct span salt = {"0123456789abcdef0123456789abcdef", STORE_SALT_SIZE};

static int64_t add_from(struct fixture *f, struct store_tx *tx, unsigned version, uint32_t source) {
    struct store_holding h = fixture_holding(1, version);
    const struct span refs[] = {fixture_id("malware", 7)};
    h.source = source;
    h.handling.labels = SPAN("persimmon");
    return fixture_add(f, tx, &h, refs, 1);
}

static uint64_t erase(struct fixture *f, int64_t source) {
    struct store_tx *tx = fixture_begin(f);
    uint64_t versions;
    OK(store_object_erase(tx, fixture_id("indicator", 1), source, &versions, &f->d));
    fixture_commit(f, &tx);
    return versions;
}

static size_t naming(struct fixture *f) {
    int64_t *ids;
    size_t count;
    OK(store_holding_naming(f->r, fixture_id("malware", 7), 0, 100, &f->a, &ids, &count, &f->d));
    return count;
}

static size_t found(struct fixture *f, const char *word) {
    struct store_holding *list;
    size_t count;
    struct store_query q = {.match = span_cstr(word), .tlp = -1, .source = -1, .limit = 10};
    OK(store_search(f->r, &q, &f->a, &list, &count, &f->d));
    return count;
}

/* Versions 1 (own, and from source 5, the same bytes) and 2 (from source 5); 1 released, 2 released redacted. */
static void fill(struct fixture *f, int64_t *ledger, int64_t rows[3]) {
    struct store_tx *tx = fixture_begin(f);
    rows[0] = add_from(f, tx, 1, STORE_SOURCE_OWN);
    rows[1] = add_from(f, tx, 1, 5);
    rows[2] = add_from(f, tx, 2, 5);
    struct store_received received = {.seq = 0, .holding = rows[2], .record = SPAN("release"), .salt = salt};
    OK(store_received_add(tx, origin, &received, &f->d));
    OK(store_intake_publish(tx, &f->d));
    OK(store_text_add(tx, rows[0], SPAN("quince"), &f->d));
    fixture_commit(f, &tx);
    fixture_publish(f, 2, 1);
    *ledger = fixture_ledger(f, "US-DOD");
    tx = fixture_begin(f);
    struct store_entry as_it_is = fixture_entry(*ledger, 0, 1, rows[0]),
                       derived = fixture_entry(*ledger, 1, 9, rows[2]);
    as_it_is.salt = derived.salt = salt;
    derived.stix_id = fixture_id("indicator", 9);
    derived.body = SPAN("{\"redacted\":\"medlar\"}");
    OK(store_entry_add(tx, &as_it_is, &f->d));
    OK(store_entry_add(tx, &derived, &f->d));
    OK(store_entry_withdraw(tx, *ledger, 0, &f->d));
    OK(store_entry_withdraw(tx, *ledger, 1, &f->d));
    fixture_commit(f, &tx);
}

static void check_entry(struct fixture *f, int64_t ledger, uint64_t seq, bool salted) {
    struct store_entry e;
    OK(store_entry_get(f->r, ledger, seq, &f->a, &e, &f->d));
    assert_true(e.record.len > 0);
    assert_int_equal(e.salt.len, salted ? STORE_SALT_SIZE : 0);
}

static void test_one_source(void **state) {
    struct fixture *f = *state;
    struct store_holding *list, latest;
    struct store_received *received;
    int64_t ledger, rows[3];
    size_t count;
    fill(f, &ledger, rows);
    assert_int_equal(naming(f), 3);
    assert_int_equal(erase(f, 5), 2);
    OK(store_holding_history(f->r, fixture_id("indicator", 1), false, &f->a, &list, &count, &f->d));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(list[i].state, list[i].source == 5 ? STORE_ERASED : STORE_CURRENT);
        assert_int_equal(list[i].handling.labels.len, list[i].source == 5 ? 0 : 9);
    }
    OK(store_holding_latest(f->r, fixture_id("indicator", 1), &f->a, &latest, &f->d));
    assert_int_equal(latest.id, rows[0]);
    assert_true(latest.body.len > 0); /* although the same bytes were erased of another source */
    FAILS(ERR_NOT_FOUND, store_holding_get(f->r, rows[2], &f->a, &latest, &f->d));
    assert_int_equal(naming(f), 1);
    check_entry(f, ledger, 0, true);
    check_entry(f, ledger, 1, false);
    OK(store_received_scan(f->r, origin, 0, 10, &f->a, &received, &count, &f->d));
    assert_int_equal(received[0].salt.len, 0);
    assert_span(received[0].record, "release");
    assert_int_equal(erase(f, 5), 0);
    assert_int_equal(erase(f, 6), 0);
}

static void test_all_and_again(void **state) {
    struct fixture *f = *state;
    struct store_holding latest;
    struct store_total *totals;
    int64_t ledger, rows[3];
    size_t count;
    fill(f, &ledger, rows);
    assert_int_equal(found(f, "quince"), 0); /* an older version of what counts */
    assert_int_equal(erase(f, STORE_SOURCE_ANY), 3);
    FAILS(ERR_NOT_FOUND, store_holding_latest(f->r, fixture_id("indicator", 1), &f->a, &latest, &f->d));
    OK(store_holding_latest(f->r, fixture_id("indicator", 2), &f->a, &latest, &f->d));
    check_entry(f, ledger, 0, false);
    check_entry(f, ledger, 1, false);
    OK(store_holding_totals(f->r, &f->a, &totals, &count, &f->d));
    assert_int_equal(totals[0].count, 1);
    assert_int_equal(erase(f, STORE_SOURCE_ANY), 0);
    struct store_tx *tx = fixture_begin(f); /* the same bytes again are another holding */
    int64_t row = add_from(f, tx, 1, STORE_SOURCE_OWN);
    OK(store_intake_publish(tx, &f->d));
    OK(store_text_add(tx, row, SPAN("quince"), &f->d));
    fixture_commit(f, &tx);
    assert_true(row > rows[2]);
    assert_int_equal(found(f, "quince"), 1);
}

static bool file_has(const char *path, const char *word) {
    FILE *file = fopen(path, "rb");
    static char bytes[4 << 20];
    if (!file) return false;
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return memmem(bytes, n, word, strlen(word)) != NULL;
}

static bool files_have(const struct fixture *f, const char *word) {
    char path[1024];
    bool any = false;
    DIR *dir = opendir(f->folder);
    for (struct dirent *e; (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", f->folder, e->d_name);
        any |= file_has(path, word);
    }
    closedir(dir);
    return any;
}

static void test_files(void **state) {
    struct fixture *f = *state;
    int64_t ledger, rows[3];
    if (strstr(f->url, "postgres")) skip(); /* its files are not ours to read */
    fill(f, &ledger, rows);
    assert_true(files_have(f, "medlar") && files_have(f, "persimmon") && files_have(f, salt.at));
    erase(f, STORE_SOURCE_ANY);
    OK(store_scrub(f->s, &f->d));
    assert_false(files_have(f, "medlar") || files_have(f, "persimmon") || files_have(f, salt.at) ||
                 files_have(f, "quince"));
    fixture_reopen(f);
    check_entry(f, ledger, 1, false);
}

static void test_a_reader_in_the_way(void **state) {
    struct fixture *f = *state;
    int64_t ledger, rows[3];
    if (strstr(f->url, "postgres")) skip(); /* it has its own way with old rows */
    fill(f, &ledger, rows);
    erase(f, STORE_SOURCE_ANY);
    OK(store_reader_snapshot(f->r, &f->d));
    FAILS(ERR_BUSY, store_scrub(f->s, &f->d));
    store_reader_release(f->r);
    OK(store_scrub(f->s, &f->d));
    assert_false(files_have(f, "medlar"));
}

int main(void) {
    const struct CMUnitTest tests[] = {STORE_TEST(test_one_source), STORE_TEST(test_all_and_again),
                                       STORE_TEST(test_files), STORE_TEST(test_a_reader_in_the_way)};
    return fixture_run("erase", tests);
}
