/* Search. */
#include "store/fixture.h"

#include <string.h>

static const struct store_query any = {.tlp = -1, .source = -1, .limit = 100};

static size_t find(struct fixture *f, const struct store_query *q, struct store_holding **out) {
    size_t count;
    OK(store_search(f->r, q, &f->a, out, &count, &f->d));
    return count;
}

static size_t find_text(struct fixture *f, const char *match, struct store_holding **out) {
    struct store_query q = any;
    q.match = span_cstr(match);
    return find(f, &q, out);
}

static int64_t add(struct fixture *f, struct store_tx *tx, unsigned n, unsigned version, const char *type, int tlp,
                   const char *labels, uint32_t source) {
    struct store_holding h = fixture_holding(n, version);
    h.stix_id = fixture_id(type, n);
    h.handling = (struct store_handling){tlp, -1, span_cstr(labels)};
    h.source = source;
    return fixture_add(f, tx, &h, NULL, 0);
}

static void fill(struct fixture *f) {
    struct store_tx *tx = fixture_begin(f);
    add(f, tx, 1, 1, "indicator", 0, "", 0);              /* 1: superseded by 5 */
    add(f, tx, 2, 1, "indicator", 2, "apt29\nurgent", 0); /* 2 */
    add(f, tx, 3, 1, "malware", 3, "apt2", 7);            /* 3 */
    add(f, tx, 4, 1, "intrusion-set", 0, "", 7);          /* 4 */
    add(f, tx, 1, 2, "indicator", 0, "urgent", 0);        /* 5 */
    OK(store_intake_publish(tx, &f->d));
    fixture_commit(f, &tx);
    tx = fixture_begin(f);
    OK(store_text_add(tx, 1, SPAN("evil.example.com old"), &f->d));
    OK(store_text_add(tx, 2, SPAN("Cozy Bear evil.example.com"), &f->d));
    OK(store_text_add(tx, 3, SPAN("Ünïcode malware 攻撃 者"), &f->d));
    OK(store_text_add(tx, 4, (struct span){0}, &f->d));
    OK(store_text_add(tx, 5, SPAN("evil.example.com new"), &f->d));
    FAILS(ERR_NOT_FOUND, store_text_add(tx, 6, SPAN("nothing there"), &f->d));
    fixture_commit(f, &tx);
}

static void test_text(void **state) {
    struct fixture *f = *state;
    struct store_holding *found;
    fill(f);
    assert_int_equal(find_text(f, "\"evil.example.com\"", &found), 2);
    assert_int_equal(found[0].id, 5); /* newest first */
    assert_int_equal(found[1].id, 2);
    assert_true(found[0].body.len > 0);
    assert_int_equal(find_text(f, "\"old\"", &found), 0); /* only in a version that does not count any more */
    assert_int_equal(find_text(f, "\"cozy bear\"", &found), 1);
    assert_int_equal(find_text(f, "\"bear cozy\"", &found), 0);
    assert_int_equal(find_text(f, "\"unicode\"", &found), 1);
    assert_int_equal(find_text(f, "\"攻撃\"", &found), 1);
    assert_int_equal(find_text(f, "\"co\"*", &found), 2); /* cozy, com */
}

static void test_conditions(void **state) {
    struct fixture *f = *state;
    struct store_holding *found;
    fill(f);
    struct store_query q = any;
    assert_int_equal(find(f, &q, &found), 4);
    assert_int_equal(found[0].id, 5);
    assert_int_equal(found[3].id, 2);
    q.limit = 2;
    assert_int_equal(find(f, &q, &found), 2);
    q.before = found[1].id;
    assert_int_equal(find(f, &q, &found), 2);
    assert_int_equal(found[0].id, 3);
    q = any;
    q.type = SPAN("indicator");
    assert_int_equal(find(f, &q, &found), 2);
    q.type = SPAN("tool");
    assert_int_equal(find(f, &q, &found), 0);
    q = any;
    q.label = SPAN("urgent");
    assert_int_equal(find(f, &q, &found), 2);
    q.label = SPAN("apt2"); /* whole labels only */
    assert_int_equal(find(f, &q, &found), 1);
    assert_int_equal(found[0].id, 3);
    q = any;
    q.tlp = 2;
    assert_int_equal(find(f, &q, &found), 1);
    q.tlp = 0;
    assert_int_equal(find(f, &q, &found), 2);
    q = any;
    q.source = 7;
    assert_int_equal(find(f, &q, &found), 2);
    q = (struct store_query){SPAN("\"evil.example.com\""), SPAN("indicator"), SPAN("apt29"), 2, 0, 5, 10};
    assert_int_equal(find(f, &q, &found), 1);
    assert_int_equal(found[0].id, 2);
}

static void test_hostile_queries(void **state) {
    struct fixture *f = *state;
    static const char *const queries[] = {"\"", "AND", "a:b", "(((", "* *", "NEAR(", "a OR OR b", "nosuchcolumn:x", ""};
    struct store_holding *found;
    size_t count;
    fill(f);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct store_query q = any;
        q.match = span_cstr(queries[i]);
        enum err e = store_search(f->r, &q, &f->a, &found, &count, &f->d);
        if (q.match.len) assert_int_equal(e, ERR_SYNTAX);
    }
    assert_int_equal(find_text(f, "\"cozy\"", &found), 1); /* the reader is as good as before */
    struct store_tx *tx = fixture_begin(f);
    struct store_query q = any;
    q.match = SPAN("\"");
    FAILS(ERR_SYNTAX, store_search(store_tx_reader(tx), &q, &f->a, &found, &count, &f->d));
    OK(store_meta_set(tx, "x", SPAN("y"), &f->d)); /* and so is a transaction */
    fixture_commit(f, &tx);
}

static void test_text_twice(void **state) {
    struct fixture *f = *state;
    struct store_holding *found;
    fill(f);
    struct store_tx *tx = fixture_begin(f);
    OK(store_text_add(tx, 2, SPAN("Cozy Bear evil.example.com"), &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(find_text(f, "\"cozy\"", &found), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_text),
        STORE_TEST(test_conditions),
        STORE_TEST(test_hostile_queries),
        STORE_TEST(test_text_twice),
    };
    return fixture_run("search", tests);
}
