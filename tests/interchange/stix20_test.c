/* STIX 2.0 to 2.1: patterns by a file of cases, and observed-data that is broken in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "interchange/stix20.h"
#include "interchange/stix20_words.h"
#include "pattern/pattern.h"
#include "stix/object.h"

/* ---- stix20_patterns.txt ---- */

static void expect_pattern(struct span in, bool back, struct span expected) {
    struct arena a;
    struct losses l = {0};
    const struct pattern *p;
    struct diag d;
    arena_init(&a, 1 << 20);
    struct span got = stix20_pattern(in, back, SPAN("indicator--1"), &a, &l);
    if (!span_equal(got, expected)) fail_msg("%.*s\nnot %.*s", SPAN_ARG(got), SPAN_ARG(expected));
    bool whole = span_find_char(got, ']') != SIZE_MAX;
    if (whole && !back) assert_int_equal(pattern_parse(&a, got, &p, &d), ERR_NONE);
    arena_free(&a);
}

static void test_patterns(void **state) {
    struct buf text = BUF_EMPTY;
    struct diag d;
    char path[4096];
    const char *root = getenv("RENKEI_SOURCE");
    struct span old = {0};
    unsigned cases = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/tests/interchange/stix20_patterns.txt", root ? root : ".");
    assert_int_equal(file_read(path, 1 << 20, &text, &d), ERR_NONE);
    for (struct span rest = buf_span(&text); rest.len;) {
        struct span line = span_cut(&rest, '\n');
        if (!line.len || line.at[0] == '#') continue;
        if (!old.at) {
            old = line;
            continue;
        }
        bool forth_only = old.at[0] == '>';
        if (forth_only) old = span_from(old, 2);
        struct span now = span_is(line, "same") ? old : line;
        expect_pattern(old, false, now);
        if (!forth_only) expect_pattern(now, true, old);
        old = (struct span){0};
        cases++;
    }
    assert_true(cases >= 10 && !old.at);
    buf_free(&text);
}

/* ---- objects ---- */

struct upgraded {
    struct arena a;
    struct losses losses;
    struct span *texts;
    size_t count;
};

#define OBSERVED                                                                                                       \
    "{\"type\":\"observed-data\",\"id\":\"observed-data--00000000-0000-4000-8000-000000000001\","                      \
    "\"created\":\"2018-01-01T00:00:00.000Z\",\"modified\":\"2018-01-01T00:00:00.000Z\","                              \
    "\"first_observed\":\"2018-01-01T00:00:00Z\",\"last_observed\":\"2018-01-01T00:00:00Z\",\"number_observed\":1,"

static void upgrade(struct upgraded *u, const char *members) {
    static struct buf text;
    static struct json_doc doc;
    struct diag d = {0};
    buf_clear(&text);
    buf_printf(&text, OBSERVED "%s}", members);
    *u = (struct upgraded){0};
    arena_init(&u->a, 64 << 20);
    assert_int_equal(json_parse(&u->a, buf_span(&text), &doc, &d), ERR_NONE);
    assert_int_equal(stix20_upgrade(&u->losses, json_root(&doc), &u->a, &u->texts, &u->count, &d), ERR_NONE);
    buf_free(&text);
    text = BUF_EMPTY;
}

static struct json_value object(struct upgraded *u, size_t n) {
    struct json_doc *doc = arena_alloc(&u->a, sizeof *doc);
    struct diag d;
    assert_true(doc && n < u->count);
    assert_int_equal(json_parse(&u->a, u->texts[n], doc, &d), ERR_NONE);
    return json_root(doc);
}

static uint64_t lost(const struct upgraded *u, const char *kind) {
    for (size_t i = 0; i < u->losses.count; i++)
        if (strcmp(u->losses.at[i].kind, kind) == 0) return u->losses.at[i].count;
    return 0;
}

static void expect_valid(struct upgraded *u) {
    struct stix_report *report = calloc(1, sizeof *report);
    struct stix_object o;
    for (size_t i = 0; report && i < u->count; i++) {
        report->count = report->errors = report->warnings = 0;
        if (stix_object_read(&u->a, object(u, i), NULL, &o, report))
            fail_msg("%.*s: %s: %s", SPAN_ARG(u->texts[i]), report->findings[0].path, report->findings[0].message);
    }
    free(report);
}

static void test_ids_are_the_specifications(void **state) {
    struct upgraded u;
    (void)state;
    /* STIX 2.1 §2.9: UUIDv5 of {"value":"198.51.100.3"} in the namespace named there */
    upgrade(&u, "\"objects\":{\"0\":{\"type\":\"ipv4-addr\",\"value\":\"198.51.100.3\"}}");
    assert_int_equal(u.count, 2);
    assert_true(json_is(json_get(object(&u, 0), "id"), SPAN("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4")));
    assert_false(json_exists(json_get(object(&u, 1), "objects")));
    expect_valid(&u);
    arena_free(&u.a);
}

static void test_references_follow(void **state) {
    struct upgraded u;
    (void)state;
    upgrade(&u, "\"objects\":{\"0\":{\"type\":\"file\",\"name\":\"a.exe\",\"parent_directory_ref\":\"1\","
                "\"created\":\"2018-01-01T00:00:00Z\",\"is_encrypted\":true,\"content_ref\":\"9\"},"
                "\"1\":{\"type\":\"directory\",\"path\":\"C:\\\\x\",\"contains_refs\":[\"0\",\"7\"]},"
                "\"2\":{\"type\":\"process\",\"pid\":4,\"name\":\"b.exe\",\"arguments\":[\"-x\"]}}");
    assert_int_equal(u.count, 5);
    struct json_value file = object(&u, 0), directory = object(&u, 1), process = object(&u, 2), image = object(&u, 3);
    struct span id = json_text(json_get(directory, "id"), &u.a);
    assert_true(json_is(json_get(file, "parent_directory_ref"), id));
    assert_true(json_exists(json_get(file, "ctime")));
    assert_int_equal(json_count(json_get(directory, "contains_refs")), 1);
    assert_true(json_is(json_get(process, "image_ref"), json_text(json_get(image, "id"), &u.a)));
    assert_true(json_is(json_get(image, "name"), SPAN("b.exe")));
    assert_int_equal(json_count(json_get(object(&u, 4), "object_refs")), 4);
    assert_int_equal(lost(&u, "references to what is not in the observed-data"), 2);
    assert_int_equal(lost(&u, "properties of observables that 2.1 does not have"), 2);
    expect_valid(&u);
    arena_free(&u.a);
}

static void test_markings_go_along(void **state) {
    struct upgraded u;
    (void)state;
    upgrade(&u, "\"object_marking_refs\":[\"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da\"],"
                "\"granular_markings\":[{\"marking_ref\":\"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed\","
                "\"selectors\":[\"objects.1.value\"]}],"
                "\"objects\":{\"0\":{\"type\":\"url\",\"value\":\"https://a.example/\"},"
                "\"1\":{\"type\":\"url\",\"value\":\"https://b.example/\"}}");
    assert_int_equal(json_count(json_get(object(&u, 0), "object_marking_refs")), 1);
    assert_int_equal(json_count(json_get(object(&u, 1), "object_marking_refs")), 2);
    struct json_value granular = json_at(json_get(object(&u, 2), "granular_markings"), 0);
    assert_true(json_is(json_at(json_get(granular, "selectors"), 0), SPAN("object_refs")));
    expect_valid(&u);
    arena_free(&u.a);
}

/* Each is what somebody could send. What comes out is JSON, with every id once, and ends. */
static void test_hostile(void **state) {
    static const char *const members[] = {
        "\"objects\":{\"0\":{\"type\":\"file\",\"name\":\"a\",\"extensions\":{\"archive-ext\":{\"contains_refs\":["
        "\"0\"]}}}"
        "}",
        "\"objects\":{\"0\":{\"type\":\"file\",\"name\":\"a\",\"extensions\":{\"archive-ext\":{\"contains_refs\":["
        "\"1\"]}}}"
        ",\"1\":{\"type\":\"file\",\"name\":\"b\",\"extensions\":{\"archive-ext\":{\"contains_refs\":[\"0\"]}}}}",
        "\"objects\":{\"0\":7,\"1\":[],\"2\":{\"type\":\"\"},\"3\":{\"type\":3},\"4\":{\"type\":\"url\",\"value\":4}}",
        "\"objects\":{\"0\":{\"type\":\"ipv4-addr\",\"value\":\"198.51.100.3\",\"resolves_to_refs\":\"0\"},"
        "\"1\":{\"type\":\"ipv4-addr\",\"value\":\"198.51.100.3\",\"resolves_to_refs\":{\"a_ref\":[[\"0\"]]}}}",
        "\"objects\":{\"0\":{\"type\":\"file\",\"hashes\":[1],\"extensions\":{\"ntfs-ext\":3,\"x\":[\"0\"]}}}",
        "\"granular_markings\":[3,{\"selectors\":[1,\"objects\",\"objects.\",\"objects.9\"]},{\"selectors\":3}],"
        "\"object_marking_refs\":[[],{}],\"objects\":{\"0\":{\"type\":\"url\",\"value\":\"u\"}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct upgraded u;
        upgrade(&u, members[i]);
        for (size_t k = 0; k < u.count; k++)
            for (size_t j = 0; j < k; j++)
                assert_false(
                    span_equal(json_raw(json_get(object(&u, k), "id")), json_raw(json_get(object(&u, j), "id"))));
        arena_free(&u.a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),          cmocka_unit_test(test_ids_are_the_specifications),
        cmocka_unit_test(test_references_follow), cmocka_unit_test(test_markings_go_along),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
