/* Holdings: versions, duplicates, visibility, dependencies, totals. */
#include "store/fixture.h"

#include <stdio.h>
#include <string.h>

static int64_t visible(struct fixture *f) {
    int64_t id;
    OK(store_holding_visible(f->r, &id, &f->d));
    return id;
}

static void publish(struct fixture *f, struct store_tx **tx) {
    OK(store_intake_publish(*tx, &f->d));
    fixture_commit(f, tx);
}

static void test_everything_comes_back(void **state) {
    struct fixture *f = *state;
    struct store_holding h = fixture_holding(1, 3), got;
    h.source = 7;
    h.revoked = true;
    h.observed = 123456;
    h.handling = (struct store_handling){3, 0, SPAN("apt29\nurgent")};
    struct store_tx *tx = fixture_begin(f);
    int64_t id = fixture_add(f, tx, &h, NULL, 0);
    publish(f, &tx);
    OK(store_holding_get(f->r, id, &f->a, &got, &f->d));
    assert_int_equal(got.id, id);
    assert_true(span_equal(got.stix_id, h.stix_id));
    assert_span(got.type, "indicator");
    assert_int_equal(got.modified, 3 * TIME_US_PER_S);
    assert_true(sha256_equal(&got.hash, &h.hash));
    assert_int_equal(got.source, 7);
    assert_int_equal(got.state, STORE_CURRENT);
    assert_true(got.revoked);
    assert_int_equal(got.observed, 123456);
    assert_int_equal(got.imported, 1000);
    assert_int_equal(got.handling.tlp, 3);
    assert_int_equal(got.handling.confidence, 0);
    assert_span(got.handling.labels, "apt29\nurgent");
    assert_true(span_equal(got.body, h.body));
    FAILS(ERR_NOT_FOUND, store_holding_get(f->r, id + 1, &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_holding_get(f->r, -1, &f->a, &got, &f->d));
}

/* Ids are kept as they are spelt, whatever their form. */
static void test_ids_of_every_form(void **state) {
    static const char *const ids[] = {
        "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "indicator--8E2E2D2B-17d4-4cbf-938f-98ee46b3cd3f",
        "x-custom-type--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3",
        "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3ff",
        "indicator--8e2e2d2b017d4-4cbf-938f-98ee46b3cd3f",
        "indicator----e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "indicator--",
        "--",
        "nothing of the kind",
        "0123456789abcdefgh", /* as long as a compact key */
        "indicator--' OR 1=1 --",
        "指標--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    };
    enum { IDS = sizeof ids / sizeof *ids };
    struct fixture *f = *state;
    int64_t rows[IDS];
    struct store_tx *tx = fixture_begin(f);
    for (size_t i = 0; i < IDS; i++) {
        struct store_holding h = fixture_holding((unsigned)i, 1);
        h.stix_id = span_cstr(ids[i]);
        rows[i] = fixture_add(f, tx, &h, NULL, 0);
    }
    publish(f, &tx);
    for (size_t i = 0; i < IDS; i++) {
        struct store_holding got;
        OK(store_holding_latest(f->r, span_cstr(ids[i]), &f->a, &got, &f->d));
        assert_int_equal(got.id, rows[i]);
        assert_span(got.stix_id, ids[i]);
    }
    struct store_holding got;
    FAILS(ERR_NOT_FOUND, store_holding_latest(f->r, SPAN("indicator"), &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_holding_latest(f->r, SPAN(""), &f->a, &got, &f->d));
}

static void test_limits(void **state) {
    struct fixture *f = *state;
    char longest[600];
    int64_t id;
    bool added;
    memset(longest, 'a', sizeof longest);
    struct store_tx *tx = fixture_begin(f);
    struct store_holding h = fixture_holding(1, 1);
    h.stix_id = span_of(longest, 513);
    FAILS(ERR_LIMIT, store_holding_add(tx, &h, NULL, 0, &id, &added, &f->d));
    h.stix_id = (struct span){0};
    FAILS(ERR_INVALID, store_holding_add(tx, &h, NULL, 0, &id, &added, &f->d));
    h.stix_id = span_of(longest, 512);
    OK(store_holding_add(tx, &h, NULL, 0, &id, &added, &f->d));
    publish(f, &tx);
    OK(store_holding_latest(f->r, span_of(longest, 512), &f->a, &h, &f->d));
    assert_int_equal(h.stix_id.len, 512);
}

static void test_many_types(void **state) {
    struct fixture *f = *state;
    char id[128];
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = 0; i < 5000; i++) { /* more than a connection remembers */
        struct store_holding h = fixture_holding(i, 1);
        snprintf(id, sizeof id, "x-type-%u--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", i);
        h.stix_id = span_cstr(id);
        fixture_add(f, tx, &h, NULL, 0);
    }
    publish(f, &tx);
    fixture_reopen(f);
    for (unsigned i = 0; i < 5000; i += 499) {
        struct store_holding got;
        snprintf(id, sizeof id, "x-type-%u--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", i);
        OK(store_holding_latest(f->r, span_cstr(id), &f->a, &got, &f->d));
        assert_span(got.stix_id, id);
        assert_true(span_equal(got.type, span_first(span_cstr(id), strlen(id) - 38)));
    }
}

static void test_the_same_twice(void **state) {
    struct fixture *f = *state;
    struct store_holding h = fixture_holding(1, 1), got, *all;
    int64_t id, again;
    bool added;
    size_t count;
    struct store_tx *tx = fixture_begin(f);
    OK(store_holding_add(tx, &h, NULL, 0, &id, &added, &f->d));
    assert_true(added);
    OK(store_holding_add(tx, &h, NULL, 0, &again, &added, &f->d)); /* pending */
    assert_false(added);
    assert_int_equal(id, again);
    publish(f, &tx);
    tx = fixture_begin(f);
    OK(store_holding_add(tx, &h, NULL, 0, &again, &added, &f->d)); /* visible */
    assert_false(added);
    assert_int_equal(id, again);
    h.handling = (struct store_handling){2, 80, SPAN("new")};
    OK(store_holding_add(tx, &h, NULL, 0, &again, &added, &f->d)); /* handling is replaced */
    assert_false(added);
    fixture_commit(f, &tx);
    OK(store_holding_get(f->r, id, &f->a, &got, &f->d));
    assert_int_equal(got.handling.tlp, 2);
    assert_int_equal(got.handling.confidence, 80);
    assert_span(got.handling.labels, "new");
    tx = fixture_begin(f);
    h.handling = (struct store_handling){.confidence = -1};
    OK(store_holding_add(tx, &h, NULL, 0, &again, &added, &f->d)); /* none given: what stands stays */
    h.source = 3;
    OK(store_holding_add(tx, &h, NULL, 0, &again, &added, &f->d)); /* another source: another holding, same bytes */
    assert_true(added);
    h.source = 0;
    h.body = SPAN("{}");
    h.hash = sha256_of(h.body);
    OK(store_holding_add(tx, &h, NULL, 0, &again, &added, &f->d)); /* same version, other bytes */
    assert_true(added);
    publish(f, &tx);
    OK(store_holding_history(f->r, h.stix_id, true, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 3);
    assert_span(all[0].handling.labels, "new");
    assert_true(span_equal(all[0].body, all[1].body));
    assert_span(all[2].body, "{}");
}

static void test_latest_and_history(void **state) {
    struct fixture *f = *state;
    struct store_holding got, *all;
    size_t count;
    struct store_tx *tx = fixture_begin(f);
    struct store_holding h = fixture_holding(1, 2);
    fixture_add(f, tx, &h, NULL, 0);
    h = fixture_holding(1, 5);
    h.state = STORE_QUARANTINED;
    fixture_add(f, tx, &h, NULL, 0);
    h = fixture_holding(1, 3);
    fixture_add(f, tx, &h, NULL, 0);
    int64_t newest = 0;
    h.source = 4; /* the same version from elsewhere: the newest row counts */
    newest = fixture_add(f, tx, &h, NULL, 0);
    h = fixture_holding(1, 1);
    fixture_add(f, tx, &h, NULL, 0);
    publish(f, &tx);
    OK(store_holding_latest(f->r, h.stix_id, &f->a, &got, &f->d));
    assert_int_equal(got.modified, 3 * TIME_US_PER_S);
    assert_int_equal(got.id, newest);
    OK(store_holding_history(f->r, h.stix_id, false, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 5);
    const int versions[] = {1, 2, 3, 3, 5};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all[i].modified, versions[i] * TIME_US_PER_S);
        assert_int_equal(all[i].body.len, 0);
    }
    assert_int_equal(all[4].state, STORE_QUARANTINED);
    tx = fixture_begin(f);
    OK(store_holding_quarantine(tx, newest, &f->d));
    OK(store_holding_quarantine(tx, newest - 1, &f->d));
    FAILS(ERR_NOT_FOUND, store_holding_quarantine(tx, 4711, &f->d));
    fixture_commit(f, &tx);
    OK(store_holding_latest(f->r, h.stix_id, &f->a, &got, &f->d));
    assert_int_equal(got.modified, 2 * TIME_US_PER_S);
    FAILS(ERR_NOT_FOUND, store_holding_latest(f->r, fixture_id("indicator", 2), &f->a, &got, &f->d));
    OK(store_holding_history(f->r, fixture_id("indicator", 2), false, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 0);
}

static void test_objects_without_versions(void **state) {
    struct fixture *f = *state;
    struct store_holding got, h = fixture_holding(1, 1);
    h.modified = TIME_NONE;
    struct store_tx *tx = fixture_begin(f);
    int64_t id = fixture_add(f, tx, &h, NULL, 0);
    assert_int_equal(fixture_add(f, tx, &h, NULL, 0), id);
    publish(f, &tx);
    OK(store_holding_latest(f->r, h.stix_id, &f->a, &got, &f->d));
    assert_true(got.modified == TIME_NONE);
    assert_int_equal(got.id, id);
}

static void test_pending_is_invisible(void **state) {
    struct fixture *f = *state;
    struct store_holding got, *all, h = fixture_holding(1, 1);
    struct store_total *totals;
    int64_t *ids;
    size_t count;
    struct span malware = fixture_id("malware", 1);
    struct store_tx *tx = fixture_begin(f);
    int64_t id = fixture_add(f, tx, &h, &malware, 1);
    fixture_commit(f, &tx); /* committed, but not published */
    assert_int_equal(visible(f), 0);
    FAILS(ERR_NOT_FOUND, store_holding_get(f->r, id, &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_holding_latest(f->r, h.stix_id, &f->a, &got, &f->d));
    OK(store_holding_history(f->r, h.stix_id, true, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 0);
    OK(store_holding_scan(f->r, 0, SPAN(""), 10, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 0);
    OK(store_holding_scan(f->r, 0, SPAN("indicator"), 10, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 0);
    OK(store_holding_naming(f->r, malware, 0, 10, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 0);
    OK(store_holding_totals(f->r, &f->a, &totals, &count, &f->d));
    assert_int_equal(count, 0);
    /* A transaction sees what is pending. */
    tx = fixture_begin(f);
    struct store_reader *in = store_tx_reader(tx);
    OK(store_holding_get(in, id, &f->a, &got, &f->d));
    OK(store_holding_latest(in, h.stix_id, &f->a, &got, &f->d));
    OK(store_holding_naming(in, malware, 0, 10, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 1);
    /* Unless it asks for what is visible. */
    FAILS(ERR_NOT_FOUND, store_holding_get(store_tx_visible(tx), id, &f->a, &got, &f->d));
    OK(store_holding_scan(store_tx_visible(tx), 0, SPAN(""), 10, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 0);
    OK(store_holding_scan(in, 0, SPAN(""), 10, &f->a, &all, &count, &f->d));
    assert_int_equal(count, 1);
    OK(store_intake_publish(tx, &f->d));
    OK(store_holding_get(store_tx_visible(tx), id, &f->a, &got, &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(visible(f), id);
    OK(store_holding_get(f->r, id, &f->a, &got, &f->d));
    OK(store_holding_naming(f->r, malware, 0, 10, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 1);
    OK(store_holding_totals(f->r, &f->a, &totals, &count, &f->d));
    assert_int_equal(count, 1);
    assert_span(totals[0].name, "indicator");
    assert_int_equal(totals[0].count, 1);
}

static void test_publishing_is_one_moment(void **state) {
    struct fixture *f = *state;
    for (unsigned part = 0; part < 3; part++) {
        struct store_tx *tx = fixture_begin(f);
        for (unsigned i = 0; i < 10; i++) {
            struct store_holding h = fixture_holding(part * 10 + i, 1);
            fixture_add(f, tx, &h, NULL, 0);
        }
        fixture_commit(f, &tx);
        assert_int_equal(visible(f), 0);
    }
    struct store_tx *tx = fixture_begin(f);
    OK(store_intake_publish(tx, &f->d));
    assert_int_equal(visible(f), 0);
    fixture_commit(f, &tx);
    assert_int_equal(visible(f), 30);
    tx = fixture_begin(f);
    publish(f, &tx); /* nothing pending: nothing happens */
    assert_int_equal(visible(f), 30);
}

static void check_naming(struct fixture *f, struct store_reader *r, struct span id, const int64_t *expected,
                         size_t expected_count) {
    int64_t *ids;
    size_t count;
    OK(store_holding_naming(r, id, 0, 100, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) assert_int_equal(ids[i], expected[i]);
}

static void test_dependencies(void **state) {
    struct fixture *f = *state;
    struct span identity = fixture_id("identity", 1), malware = fixture_id("malware", 1);
    struct span both[] = {identity, malware, identity};
    int64_t rows[40], *ids;
    size_t count;
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = 0; i < 40; i++) {
        struct store_holding h = fixture_holding(i, 1);
        rows[i] = fixture_add(f, tx, &h, both, i % 2 ? 3 : 1);
    }
    publish(f, &tx);
    OK(store_holding_naming(f->r, identity, rows[4], 3, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 3);
    assert_int_equal(ids[0], rows[5]);
    assert_int_equal(ids[2], rows[7]);
    OK(store_holding_naming(f->r, malware, 0, 100, &f->a, &ids, &count, &f->d));
    assert_int_equal(count, 20);
    assert_int_equal(ids[19], rows[39]);
    check_naming(f, f->r, fixture_id("malware", 2), NULL, 0);
    check_naming(f, f->r, fixture_id("indicator", 0), NULL, 0);
}

static void test_an_object_that_names_very_many(void **state) {
    struct fixture *f = *state;
    enum { MANY = 3000 };
    static struct span refs[MANY];
    static char texts[MANY][64];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "%.*s", SPAN_ARG(fixture_id("indicator", i % 2000)));
        refs[i] = span_cstr(texts[i]);
    }
    struct store_holding h = fixture_holding(5000, 1);
    struct store_tx *tx = fixture_begin(f);
    int64_t id = fixture_add(f, tx, &h, refs, MANY);
    publish(f, &tx);
    check_naming(f, f->r, refs[1999], &id, 1);
    check_naming(f, f->r, refs[0], &id, 1);
}

static void test_scan(void **state) {
    struct fixture *f = *state;
    struct store_holding *page;
    size_t count;
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = 0; i < 50; i++) {
        struct store_holding h = fixture_holding(i, 1);
        if (i % 5 == 0) h.stix_id = fixture_id("malware", i);
        fixture_add(f, tx, &h, NULL, 0);
    }
    publish(f, &tx);
    int64_t after = 0;
    unsigned seen = 0;
    do {
        OK(store_holding_scan(f->r, after, SPAN(""), 7, &f->a, &page, &count, &f->d));
        for (size_t i = 0; i < count; i++, seen++) assert_true(page[i].id > after && page[i].body.len > 0);
        if (count) after = page[count - 1].id;
    } while (count);
    assert_int_equal(seen, 50);
    OK(store_holding_scan(f->r, 0, SPAN("malware"), 100, &f->a, &page, &count, &f->d));
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) assert_span(page[i].type, "malware");
    OK(store_holding_scan(f->r, page[3].id, SPAN("malware"), 2, &f->a, &page, &count, &f->d));
    assert_int_equal(count, 2);
    OK(store_holding_scan(f->r, 0, SPAN("tool"), 100, &f->a, &page, &count, &f->d));
    assert_int_equal(count, 0);
}

static void test_discard(void **state) {
    struct fixture *f = *state;
    struct store_holding got, h;
    struct span identity = fixture_id("identity", 1);
    bool added;
    int64_t id;
    fixture_publish(f, 0, 10);
    struct store_tx *tx = fixture_begin(f);
    h = fixture_holding(0, 1); /* the bytes of a visible one, from another source: must not take them along */
    h.source = 9;
    fixture_add(f, tx, &h, &identity, 1);
    for (unsigned i = 100; i < 200; i++) {
        h = fixture_holding(i, 1);
        fixture_add(f, tx, &h, &identity, 1);
    }
    fixture_commit(f, &tx);
    tx = fixture_begin(f);
    OK(store_intake_discard(tx, &f->d));
    fixture_commit(f, &tx);
    check_naming(f, f->r, identity, NULL, 0);
    OK(store_holding_latest(f->r, fixture_id("indicator", 0), &f->a, &got, &f->d));
    assert_true(got.body.len > 0);
    assert_int_equal(got.source, 0);
    /* The same again: it is new, and this time it stays. */
    tx = fixture_begin(f);
    FAILS(ERR_NOT_FOUND, store_holding_latest(store_tx_reader(tx), fixture_id("indicator", 100), &f->a, &got, &f->d));
    h = fixture_holding(100, 1);
    OK(store_holding_add(tx, &h, &identity, 1, &id, &added, &f->d));
    assert_true(added);
    publish(f, &tx);
    check_naming(f, f->r, identity, &id, 1);
    OK(store_holding_latest(f->r, h.stix_id, &f->a, &got, &f->d));
    assert_int_equal(got.id, id);
    struct store_total *totals;
    size_t count;
    OK(store_holding_totals(f->r, &f->a, &totals, &count, &f->d));
    assert_int_equal(count, 1);
    assert_int_equal(totals[0].count, 11);
}

static void test_opening_discards_pending(void **state) {
    struct fixture *f = *state;
    struct store_holding got, h;
    struct span identity = fixture_id("identity", 1);
    fixture_publish(f, 0, 10);
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = 100; i < 200; i++) {
        h = fixture_holding(i, 1);
        fixture_add(f, tx, &h, &identity, 1);
    }
    fixture_commit(f, &tx);
    fixture_reopen(f);
    assert_int_equal(visible(f), 10);
    tx = fixture_begin(f);
    FAILS(ERR_NOT_FOUND, store_holding_latest(store_tx_reader(tx), h.stix_id, &f->a, &got, &f->d));
    int64_t id = fixture_add(f, tx, &h, &identity, 1);
    publish(f, &tx);
    check_naming(f, f->r, identity, &id, 1);
    OK(store_holding_latest(f->r, fixture_id("indicator", 3), &f->a, &got, &f->d));
}

/* What one transaction takes back must not take along what the intake's earlier ones did, or the other way round. */
static void test_rollback_within_an_intake(void **state) {
    struct fixture *f = *state;
    struct store_holding h, got;
    struct span identity = fixture_id("identity", 1), tool = fixture_id("tool", 1);
    struct store_tx *tx = fixture_begin(f);
    h = fixture_holding(1, 1);
    int64_t first = fixture_add(f, tx, &h, &identity, 1);
    fixture_commit(f, &tx);
    tx = fixture_begin(f);
    h = fixture_holding(2, 1);
    fixture_add(f, tx, &h, &tool, 1);
    int64_t *ids;
    size_t count;
    OK(store_holding_naming(store_tx_reader(tx), tool, 0, 9, &f->a, &ids, &count, &f->d)); /* enters what waits */
    assert_int_equal(count, 1);
    store_rollback(&tx);
    tx = fixture_begin(f);
    FAILS(ERR_NOT_FOUND, store_holding_latest(store_tx_reader(tx), h.stix_id, &f->a, &got, &f->d));
    h = fixture_holding(3, 1);
    int64_t third = fixture_add(f, tx, &h, &tool, 1); /* gets the numbers of what was rolled back */
    OK(store_intake_discard(tx, &f->d));
    store_rollback(&tx);
    tx = fixture_begin(f);
    third = fixture_add(f, tx, &h, &tool, 1);
    publish(f, &tx);
    check_naming(f, f->r, identity, &first, 1);
    check_naming(f, f->r, tool, &third, 1);
    OK(store_holding_latest(f->r, fixture_id("indicator", 1), &f->a, &got, &f->d));
    FAILS(ERR_NOT_FOUND, store_holding_latest(f->r, fixture_id("indicator", 2), &f->a, &got, &f->d));
    OK(store_holding_latest(f->r, fixture_id("indicator", 3), &f->a, &got, &f->d));
}

/* More index entries than wait in memory: entered in parts, found all the same. */
static void test_a_large_intake(void **state) {
    struct fixture *f = *state;
    enum { HOLDINGS = 3000, EACH = 100, PART = 500 };
    struct span refs[EACH];
    static char texts[EACH][64];
    for (unsigned part = 0; part < HOLDINGS; part += PART) {
        struct store_tx *tx = fixture_begin(f);
        for (unsigned i = part; i < part + PART; i++) {
            struct store_holding h = fixture_holding(i, 1);
            for (unsigned j = 0; j < EACH; j++) {
                int len = snprintf(texts[j], sizeof texts[j], "file--%08x-0000-4000-8000-%012x",
                                   (i * EACH + j) * 2654435761U, i * EACH + j);
                refs[j] = span_of(texts[j], (size_t)len);
            }
            fixture_add(f, tx, &h, refs, EACH);
        }
        fixture_commit(f, &tx);
    }
    struct store_tx *tx = fixture_begin(f);
    publish(f, &tx);
    fixture_reopen(f);
    for (unsigned i = 0; i < HOLDINGS; i += 7) {
        struct store_holding got;
        char text[64];
        int64_t id = i + 1;
        unsigned named = i * EACH + i % EACH;
        arena_reset(&f->a);
        OK(store_holding_latest(f->r, fixture_id("indicator", i), &f->a, &got, &f->d));
        assert_int_equal(got.id, id);
        snprintf(text, sizeof text, "file--%08x-0000-4000-8000-%012x", named * 2654435761U, named);
        check_naming(f, f->r, span_cstr(text), &id, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_everything_comes_back),
        STORE_TEST(test_ids_of_every_form),
        STORE_TEST(test_limits),
        STORE_TEST(test_many_types),
        STORE_TEST(test_the_same_twice),
        STORE_TEST(test_latest_and_history),
        STORE_TEST(test_objects_without_versions),
        STORE_TEST(test_pending_is_invisible),
        STORE_TEST(test_publishing_is_one_moment),
        STORE_TEST(test_dependencies),
        STORE_TEST(test_an_object_that_names_very_many),
        STORE_TEST(test_scan),
        STORE_TEST(test_discard),
        STORE_TEST(test_opening_discards_pending),
        STORE_TEST(test_rollback_within_an_intake),
        STORE_TEST(test_a_large_intake),
    };
    return fixture_run("holdings", tests);
}
