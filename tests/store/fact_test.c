/* Named values, documents, sources, the audit; and opening. */
#include "store/fixture.h"

#include <stdio.h>
#include <string.h>

static void test_meta(void **state) {
    struct fixture *f = *state;
    struct span value;
    OK(store_meta_get(f->r, "id-secret", &f->a, &value, &f->d));
    assert_null(value.at);
    struct store_tx *tx = fixture_begin(f);
    OK(store_meta_set(tx, "id-secret", span_of("a\0b", 3), &f->d));
    OK(store_meta_set(tx, "empty", (struct span){0}, &f->d));
    OK(store_meta_get(store_tx_reader(tx), "id-secret", &f->a, &value, &f->d));
    assert_true(span_equal(value, span_of("a\0b", 3)));
    OK(store_meta_get(f->r, "id-secret", &f->a, &value, &f->d));
    assert_int_equal(value.len, 0); /* not committed yet */
    fixture_commit(f, &tx);
    tx = fixture_begin(f);
    OK(store_meta_set(tx, "id-secret", SPAN("other"), &f->d));
    fixture_commit(f, &tx);
    fixture_reopen(f);
    OK(store_meta_get(f->r, "id-secret", &f->a, &value, &f->d));
    assert_span(value, "other");
}

static void put(struct fixture *f, struct store_tx *tx, const char *kind, struct span key, const char *body) {
    struct store_document doc = {span_cstr(kind), key, span_cstr(body), 77};
    OK(store_document_put(tx, &doc, &f->d));
}

static void test_documents(void **state) {
    struct fixture *f = *state;
    struct store_document one, *list;
    size_t count;
    struct store_tx *tx = fixture_begin(f);
    put(f, tx, "card", SPAN("US-DOD"), "us");
    put(f, tx, "card", SPAN("JP-MOD"), "jp");
    put(f, tx, "agreement", SPAN("JP-MOD"), "rules");
    put(f, tx, "card", span_of("JP\0MOD", 6), "zero");
    put(f, tx, "card", SPAN("JP-MOD"), "jp, renewed");
    fixture_commit(f, &tx);
    OK(store_document_get(f->r, "card", SPAN("JP-MOD"), &f->a, &one, &f->d));
    assert_span(one.body, "jp, renewed");
    assert_span(one.kind, "card");
    assert_int_equal(one.time, 77);
    OK(store_document_list(f->r, "card", &f->a, &list, &count, &f->d));
    assert_int_equal(count, 3);
    assert_span(list[0].body, "zero"); /* by key, bytewise */
    assert_span(list[1].key, "JP-MOD");
    assert_span(list[2].key, "US-DOD");
    tx = fixture_begin(f);
    OK(store_document_delete(tx, "card", SPAN("JP-MOD"), &f->d));
    OK(store_document_delete(tx, "card", SPAN("nobody"), &f->d));
    fixture_commit(f, &tx);
    FAILS(ERR_NOT_FOUND, store_document_get(f->r, "card", SPAN("JP-MOD"), &f->a, &one, &f->d));
    OK(store_document_get(f->r, "agreement", SPAN("JP-MOD"), &f->a, &one, &f->d));
    OK(store_document_list(f->r, "none", &f->a, &list, &count, &f->d));
    assert_int_equal(count, 0);
}

static void test_names_are_bound_not_spliced(void **state) {
    struct fixture *f = *state;
    struct store_document one;
    struct store_tx *tx = fixture_begin(f);
    put(f, tx, "card", SPAN("'); DROP TABLE document; --"), "still here");
    fixture_commit(f, &tx);
    OK(store_document_get(f->r, "card", SPAN("'); DROP TABLE document; --"), &f->a, &one, &f->d));
    assert_span(one.body, "still here");
}

static void test_sources(void **state) {
    struct fixture *f = *state;
    uint32_t own, first, second, again;
    struct span name;
    OK(store_source_find(f->r, SPAN(""), &own, &f->d));
    assert_int_equal(own, STORE_SOURCE_OWN);
    FAILS(ERR_NOT_FOUND, store_source_find(f->r, SPAN("US-DOD"), &first, &f->d));
    struct store_tx *tx = fixture_begin(f);
    OK(store_source_number(tx, SPAN("US-DOD"), &first, &f->d));
    OK(store_source_number(tx, SPAN("taxii:CISA"), &second, &f->d));
    OK(store_source_number(tx, SPAN("US-DOD"), &again, &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(first, again);
    assert_int_not_equal(first, second);
    assert_int_not_equal(first, STORE_SOURCE_OWN);
    OK(store_source_name(f->r, second, &f->a, &name, &f->d));
    assert_span(name, "taxii:CISA");
    OK(store_source_name(f->r, STORE_SOURCE_OWN, &f->a, &name, &f->d));
    assert_int_equal(name.len, 0);
    FAILS(ERR_NOT_FOUND, store_source_name(f->r, 999, &f->a, &name, &f->d));
}

static void test_audit_is_accepted(void **state) {
    struct fixture *f = *state;
    struct store_audit entry = {5, SPAN("local"), SPAN("import"), SPAN("a file"), SPAN("done")};
    struct store_tx *tx = fixture_begin(f);
    OK(store_audit_add(tx, &entry, &f->d));
    fixture_commit(f, &tx);
}

static void test_rollback_leaves_nothing(void **state) {
    struct fixture *f = *state;
    struct span value;
    uint32_t number;
    struct store_tx *tx = fixture_begin(f);
    OK(store_meta_set(tx, "x", SPAN("1"), &f->d));
    OK(store_source_number(tx, SPAN("US-DOD"), &number, &f->d));
    store_rollback(&tx);
    assert_null(tx);
    store_rollback(&tx); /* nothing to do */
    OK(store_meta_get(f->r, "x", &f->a, &value, &f->d));
    assert_null(value.at);
    FAILS(ERR_NOT_FOUND, store_source_find(f->r, SPAN("US-DOD"), &number, &f->d));
}

static void test_one_writer(void **state) {
    struct fixture *f = *state;
    struct store *second;
    if (!fixture_one_writer()) skip();
    FAILS(ERR_BUSY, store_open(f->url, STORE_WRITE, &second, &f->d));
    assert_null(second);
    OK(store_open(f->url, STORE_READ, &second, &f->d)); /* readers are welcome */
    struct store_tx *tx;
    FAILS(ERR_DENIED, store_begin(second, &tx, &f->d));
    store_close(&second);
    assert_null(second);
}

static void test_snapshot_stands_still(void **state) {
    struct fixture *f = *state;
    struct span value;
    OK(store_reader_snapshot(f->r, &f->d));
    struct store_tx *tx = fixture_begin(f);
    OK(store_meta_set(tx, "x", SPAN("1"), &f->d));
    fixture_commit(f, &tx);
    OK(store_meta_get(f->r, "x", &f->a, &value, &f->d));
    assert_null(value.at);
    OK(store_reader_snapshot(f->r, &f->d)); /* a new one */
    OK(store_meta_get(f->r, "x", &f->a, &value, &f->d));
    assert_span(value, "1");
    store_reader_release(f->r);
    store_reader_release(f->r);
    OK(store_meta_get(f->r, "x", &f->a, &value, &f->d));
    assert_span(value, "1");
}

static void test_full_arena_is_an_error(void **state) {
    struct fixture *f = *state;
    struct arena small;
    struct span value;
    char big[5000];
    memset(big, 'x', sizeof big);
    arena_init(&small, 1000);
    struct store_tx *tx = fixture_begin(f);
    OK(store_meta_set(tx, "big", span_of(big, sizeof big), &f->d));
    fixture_commit(f, &tx);
    FAILS(ERR_NOMEM, store_meta_get(f->r, "big", &small, &value, &f->d));
    arena_free(&small);
    OK(store_meta_get(f->r, "big", &f->a, &value, &f->d));
    assert_int_equal(value.len, sizeof big);
}

static void test_unknown_schemes(void **state) {
    struct fixture *f = *state;
    struct store *s;
    FAILS(ERR_NETWORK, store_open("postgres://127.0.0.1:1/renkei", STORE_WRITE, &s, &f->d));
    FAILS(ERR_INVALID, store_open("postgres://127.0.0.1:1/renkei?schema=A;B", STORE_WRITE, &s, &f->d));
    FAILS(ERR_INVALID, store_open("", STORE_WRITE, &s, &f->d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_meta),
        STORE_TEST(test_documents),
        STORE_TEST(test_names_are_bound_not_spliced),
        STORE_TEST(test_sources),
        STORE_TEST(test_audit_is_accepted),
        STORE_TEST(test_rollback_leaves_nothing),
        STORE_TEST(test_one_writer),
        STORE_TEST(test_snapshot_stands_still),
        STORE_TEST(test_full_arena_is_an_error),
        STORE_TEST(test_unknown_schemes),
    };
    return fixture_run("facts", tests);
}
