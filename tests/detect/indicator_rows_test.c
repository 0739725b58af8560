/* The rows of a store's indicators, read by several threads, against the same bodies parsed in full; and which version
 * of each counts, against the plain way to find out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/indicator_rows.h"
#include "detect/newest.h"
#include "json/json.h"

enum { HOLDINGS = 13000 }; /* several stretches, the last in part */

static struct diag problem;

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if (call) fail_msg("%s: %s", #call, problem.message);                                                          \
    } while (0)

/* What is rare among indicators, in turn. */
static const char *const more[] = {
    "",
    ",\"confidence\":55",
    ", \"confidence\" : 1e1 , \"valid_until\":\"2025-01-01T00:00:00Z\"",
    ",\"object_marking_refs\":[\"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb\"]",
    ",\"object_marking_refs\":[\"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb\"],\"labels\":[\"PAP:RED\", "
    "\"a,]b\"]",
    ",\"granular_markings\":[{\"selectors\":[\"name\"],\"marking_ref\":\"marking-definition--e828b379-4e03-4974-9ac4-"
    "e53a884c97c1\"}]",
    ",\"extensions\":{\"x\":{\"pattern\":\"not this one\",\"id\":[1,{\"name\":\"nor this\"}]}}",
    ",\"n\\u0061me2\":\"x\",\"description\":\"\\\\\\\" ends \\\\\"",
};

static struct span body_of(struct arena *a, unsigned i) {
    const char *name = i % 3 ? "plain" : "a \\\"quoted\\\" n\\u00e4me";
    return arena_printf(a,
                        "{\"type\":\"indicator\",\"id\":\"indicator--00000000-0000-4000-8000-%012u\",\"%s\":\"%s\","
                        "\"pattern\":\"[domain-name:value = 'd%u%s.example']\",\"pattern_type\":\"%s\","
                        "\"valid_from\":\"2024-01-%02uT00:00:00Z\"%s}",
                        i / 2, i % 7 ? "name" : "n\\u0061me", name, i, i % 11 ? "" : "\\\\'", i % 13 ? "stix" : "yara",
                        i % 28 + 1, more[i % (sizeof more / sizeof *more)]);
}

static void fill(struct store *s, struct arena *a) {
    struct store_tx *tx;
    uint32_t source;
    int64_t id;
    bool added;
    OK(store_begin(s, &tx, &problem));
    OK(store_source_number(tx, SPAN("US-DOD"), &source, &problem));
    for (unsigned i = 0; i < HOLDINGS; i++) {
        struct store_holding h = {.body = body_of(a, i), .modified = (i * 7919) % 5, .observed = TIME_NONE};
        h.stix_id = arena_printf(a, "%s--00000000-0000-4000-8000-%012u", i % 17 ? "indicator" : "malware", i / 2);
        h.hash = sha256_of(h.body);
        h.source = i / 5000 % 2 ? source : STORE_SOURCE_OWN;
        h.state = i % 19 ? STORE_CURRENT : STORE_QUARANTINED;
        h.revoked = i % 23 == 0;
        h.handling = (struct store_handling){i % 6 == 5 ? 3 : 0, i % 29 ? -1 : 7, i % 31 ? SPAN("") : SPAN("a\nb")};
        OK(store_holding_add(tx, &h, NULL, 0, &id, &added, &problem));
    }
    OK(store_intake_publish(tx, &problem));
    OK(store_commit(&tx, &problem));
}

static bool same(struct span a, struct span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* The row, as the parsed body has it. */
static void check_row(const struct indicator_row *row, const struct store_holding *h, struct arena *a) {
    struct json_doc doc;
    int64_t confidence = -1;
    time_us from = TIME_NONE, until = TIME_NONE;
    OK(json_parse(a, h->body, &doc, &problem));
    struct json_value o = json_root(&doc);
    assert_int_equal(row->holding, h->id);
    assert_int_equal(row->modified, h->modified);
    assert_true(same(row->id, json_text(json_get(o, "id"), a)));
    assert_true(same(row->name, json_text(json_get(o, "name"), a)));
    assert_true(same(row->pattern, json_text(json_get(o, "pattern"), a)));
    assert_true(same(row->pattern_type, json_text(json_get(o, "pattern_type"), a)));
    assert_true(same(row->marking_refs, json_raw(json_get(o, "object_marking_refs"))));
    assert_true(same(row->granular_markings, json_raw(json_get(o, "granular_markings"))));
    assert_true(same(row->labels, json_raw(json_get(o, "labels"))));
    (void)time_parse_stix(json_text(json_get(o, "valid_from"), a), &from);
    (void)time_parse_stix(json_text(json_get(o, "valid_until"), a), &until);
    assert_int_equal(row->valid_from, from);
    assert_int_equal(row->valid_until, until);
    (void)json_int(json_get(o, "confidence"), &confidence);
    assert_int_equal(row->confidence, h->handling.confidence >= 0 ? h->handling.confidence : confidence);
    assert_int_equal(row->revoked, h->revoked);
    assert_int_equal(row->handling_tlp, h->handling.tlp);
    assert_true(same(row->handling_labels, h->handling.labels));
    assert_true(same(row->source, h->source ? SPAN("US-DOD") : SPAN("own")));
}

static void check_markings(const struct indicator_row *row, struct arena *a) {
    struct stix_object o;
    OK(indicator_markings(row, a, &o, &problem));
    assert_true(same(json_raw(json_get(o.json, "object_marking_refs")), row->marking_refs));
    assert_true(same(json_raw(json_get(o.json, "labels")), row->labels));
}

static void check_all(struct store_reader *r, enum indicator_what what) {
    struct indicator_rows *rows;
    const struct indicator_row *at;
    struct store_holding *h;
    struct arena a;
    int64_t after = 0;
    size_t count, one, seen = 0;
    arena_init(&a, 64 << 20);
    OK(indicator_rows_open(r, what, &rows, NULL, &problem));
    for (;;) {
        OK(indicator_rows_next(rows, &at, &count, &problem));
        if (count == 0) break;
        for (size_t i = 0; i < count; i++, seen++) {
            arena_reset(&a);
            do { /* the next that is in no quarantine */
                OK(store_holding_scan(r, after, SPAN("indicator"), 1, &a, &h, &one, &problem));
                assert_int_equal(one, 1);
                after = h->id;
            } while (h->state != STORE_CURRENT);
            if (what == INDICATOR_WHOLE) {
                check_row(&at[i], h, &a);
                check_markings(&at[i], &a);
            } else {
                assert_true(at[i].holding == h->id && at[i].modified == h->modified && same(at[i].id, h->stix_id));
            }
        }
    }
    assert_true(seen > HOLDINGS * 4 / 5 && seen < HOLDINGS);
    indicator_rows_close(&rows);
    /* Given up halfway, nothing waits and nothing leaks. */
    OK(indicator_rows_open(r, what, &rows, NULL, &problem));
    OK(indicator_rows_next(rows, &at, &count, &problem));
    indicator_rows_close(&rows);
    arena_free(&a);
}

static void rows_are_the_bodies(void **state) {
    char folder[] = "/tmp/renkei-rows-XXXXXX", path[64];
    struct store *s;
    struct store_reader *r;
    struct arena a;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store.db", folder);
    arena_init(&a, 64 << 20);
    OK(store_open(path, STORE_WRITE, &s, &problem));
    fill(s, &a);
    OK(store_reader_open(s, &r, &problem));
    check_all(r, INDICATOR_WHOLE);
    check_all(r, INDICATOR_VERSIONS);
    store_reader_close(&r);
    store_close(&s);
    arena_free(&a);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void newest_version_counts(void **state) {
    enum { VERSIONS = 20000, OBJECTS = 7000 };
    static struct {
        unsigned object;
        time_us modified;
    } added[VERSIONS];
    struct newest n = {0};
    uint32_t best[OBJECTS], superseded;
    (void)state;
    memset(best, 0xff, sizeof best);
    srandom(1);
    for (uint32_t i = 0; i < VERSIONS; i++) {
        char id[32];
        unsigned object = (unsigned)random() % OBJECTS;
        snprintf(id, sizeof id, "indicator--%u", object);
        added[i].object = object;
        added[i].modified = random() % 4;
        OK(newest_add(&n, span_cstr(id), added[i].modified, &superseded, &problem));
        uint32_t before = best[object];
        bool older = before != NEWEST_NONE && added[i].modified < added[before].modified;
        assert_int_equal(superseded, older ? i : before);
        if (!older) best[object] = i;
    }
    for (uint32_t i = 0; i < VERSIONS; i++) assert_int_equal(newest_counts(&n, i), best[added[i].object] == i);
    newest_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_the_bodies), cmocka_unit_test(newest_version_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
