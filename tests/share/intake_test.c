/* Intake: what becomes visible when, what an intake that ends badly leaves behind, and objects made to do harm. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/fixture.h"
#include "share/intake.h"
#include "share/release.h"
#include "stix/marking.h"
#include "stix/object.h"

enum { ARENA_MAX = 64 << 20 };

struct scene {
    struct fixture f;
    struct node_view *view;
    struct share_context context;
    char last[512]; /* the newest finding */
    unsigned errors;
};

static void scene_open(struct scene *s, bool agreement) {
    struct buf terms = BUF_EMPTY;
    *s = (struct scene){0};
    fixture_open(&s->f, 2);
    fixture_terms_open(&terms, "false");
    if (agreement) fixture_agree(&s->f, &(struct fixture_terms){.release = buf_cstr(&terms)});
    s->view = node_view(s->f.nodes[JP]);
    node_share_context(s->f.nodes[JP], &s->f.nodes[JP]->live, s->view, &s->context);
    buf_free(&terms);
}

static void scene_close(struct scene *s) {
    node_view_release(s->f.nodes[JP], &s->view);
    fixture_close(&s->f);
}

static void hear(void *context, bool error, const char *place, struct span id, const char *path, const char *message) {
    struct scene *s = context;
    s->errors += error;
    if (error) snprintf(s->last, sizeof s->last, "%s %s %s", place, path, message);
}

static struct intake *start(struct scene *s, bool keep_going) {
    struct intake *in = NULL;
    struct diag d = {0};
    struct intake_options o = {.keep_going = keep_going, .finding = hear, .finding_context = s};
    if (intake_open(&s->context, &o, &in, &d)) fail_msg("%s", d.message);
    return in;
}

static void put(struct intake *in, struct span object) {
    struct diag d = {0};
    if (intake_add(in, object, "here", NULL, &d)) fail_msg("%s", d.message);
}

static void put_words(struct scene *s, struct intake *in, const char *words) {
    struct buf text = BUF_EMPTY;
    fixture_object(&s->f, JP, &text, span_cstr(words));
    put(in, span_trim(buf_span(&text)));
    buf_free(&text);
}

static void put_indicators(struct scene *s, struct intake *in, unsigned first, unsigned count) {
    for (unsigned i = first; i < first + count; i++) {
        char words[40];
        snprintf(words, sizeof words, "indicator %u", i);
        put_words(s, in, words);
    }
}

static void put_now(struct scene *s, const char *words) {
    struct intake_totals totals;
    struct diag d = {0};
    struct intake *in = start(s, false);
    put_words(s, in, words);
    if (intake_commit(&in, &totals, &d)) fail_msg("%s: %s", d.message, s->last);
}

static bool is_held(struct scene *s, const char *shorthand) {
    struct arena a;
    struct store_reader *r;
    struct store_holding h;
    struct diag d = {0};
    char id[80];
    arena_init(&a, ARENA_MAX);
    fixture_id(&s->f, JP, span_cstr(shorthand), id);
    assert_int_equal(store_reader_open(s->context.store, &r, &d), ERR_NONE);
    enum err e = store_holding_latest(r, span_cstr(id), &a, &h, &d);
    store_reader_close(&r);
    arena_free(&a);
    assert_true(e == ERR_NONE || e == ERR_NOT_FOUND);
    return e == ERR_NONE;
}

static void release(struct scene *s) {
    struct release_totals totals;
    struct diag d = {0};
    if (release_run(&s->context, NULL, NULL, &totals, &d)) fail_msg("%s", d.message);
}

/* ---- visibility
 * -------------------------------------------------------------------------------------------------------- */

static void nothing_is_seen_before_the_end(void **state) {
    struct scene s;
    struct intake_totals totals;
    struct diag d = {0};
    scene_open(&s, true);
    struct intake *in = start(&s, false);
    put_indicators(&s, in, 1, INTAKE_BATCH + 10); /* the first batch is on the disk */
    assert_false(is_held(&s, "indicator:1"));
    if (intake_commit(&in, &totals, &d)) fail_msg("%s", d.message);
    assert_null(in);
    assert_int_equal(totals.added, INTAKE_BATCH + 10);
    assert_true(is_held(&s, "indicator:1") && is_held(&s, "indicator:5010"));
    scene_close(&s);
}

struct releaser {
    struct scene *scene;
    pthread_t thread;
    atomic_bool stop;
    unsigned runs;
};

static void *release_often(void *context) {
    struct releaser *r = context;
    while (!atomic_load(&r->stop)) {
        release(r->scene);
        r->runs++;
    }
    return NULL;
}

/* Between two batches of an intake others write: what is pending must not go out, for it may yet be taken back. */
static void nothing_pending_is_released(void **state) {
    struct scene s;
    struct releaser r = {.scene = &s};
    scene_open(&s, true);
    put_now(&s, "relationship 1 source_ref=indicator:1 target_ref=indicator:2");
    struct intake *in = start(&s, false);
    assert_int_equal(pthread_create(&r.thread, NULL, release_often, &r), 0);
    put_indicators(&s, in, 1, 3 * INTAKE_BATCH + 10);
    intake_cancel(&in);
    assert_null(in);
    release(&s);
    atomic_store(&r.stop, true);
    pthread_join(r.thread, NULL);
    assert_true(r.runs > 0);
    assert_string_equal(fixture_served(&s.f, JP, US, true), "own");
    assert_false(is_held(&s, "indicator:1"));
    put_now(&s, "indicator 1");
    put_now(&s, "indicator 2");
    release(&s);
    assert_string_equal(fixture_served(&s.f, JP, US, true), "own indicator:1 indicator:2 relationship:1");
    fixture_ledger_sound(&s.f, JP, US);
    scene_close(&s);
}

static void what_ends_badly_leaves_nothing(void **state) {
    struct scene s;
    struct intake_totals totals;
    struct diag d = {0};
    scene_open(&s, true);
    put_now(&s, "malware 1");
    for (int how = 0; how < 2; how++) {
        struct intake *in = start(&s, false);
        put_indicators(&s, in, 1, INTAKE_BATCH + 10);
        if (how == 0) {
            intake_cancel(&in);
        } else {
            intake_reject(in, "line 7", "is nothing");
            put_indicators(&s, in, INTAKE_BATCH + 11, 1);
            assert_int_equal(intake_commit(&in, &totals, &d), ERR_INVALID);
            assert_int_equal(totals.rejected, 1);
            assert_int_equal(totals.added, 0);
        }
        assert_null(in);
        assert_false(is_held(&s, "indicator:1") || is_held(&s, "indicator:5011"));
        assert_true(is_held(&s, "malware:1"));
    }
    intake_cancel(&(struct intake *){NULL});
    put_now(&s, "indicator 1");
    assert_true(is_held(&s, "indicator:1"));
    scene_close(&s);
}

static const struct store_handling handled = {.tlp = STIX_TLP_GREEN, .confidence = 70, .labels = {"x", 1}};

static void handle_all(struct scene *s, unsigned count, bool refuse) {
    struct intake *in = NULL;
    struct intake_totals totals;
    struct diag d = {0};
    struct intake_options o = {.has_handling = true, .handling = handled};
    assert_int_equal(intake_open(&s->context, &o, &in, &d), ERR_NONE);
    put_indicators(s, in, 1, count);
    if (refuse) intake_reject(in, "line 7", "is nothing");
    assert_int_equal(intake_commit(&in, &totals, &d), refuse ? ERR_INVALID : ERR_NONE);
}

static int handling_of(struct scene *s, const char *shorthand) {
    char id[80], args[120];
    fixture_id(&s->f, JP, span_cstr(shorthand), id);
    snprintf(args, sizeof args, "{\"id\":\"%s\"}", id);
    fixture_run(&s->f, JP, "show", args);
    return strstr(fixture_result(&s->f, 0, "handling"), "\"green\"") ? STIX_TLP_GREEN : STIX_TLP_NONE;
}

static void handling_takes_effect_with_the_intake(void **state) {
    struct scene s;
    struct intake_totals totals;
    struct diag d = {0};
    scene_open(&s, false);
    struct intake *in = start(&s, false);
    put_indicators(&s, in, 1, INTAKE_BATCH + 10);
    assert_int_equal(intake_commit(&in, &totals, &d), ERR_NONE);
    handle_all(&s, INTAKE_BATCH + 10, true);
    assert_int_equal(handling_of(&s, "indicator:1"), STIX_TLP_NONE);
    handle_all(&s, INTAKE_BATCH + 10, false);
    assert_int_equal(handling_of(&s, "indicator:1"), STIX_TLP_GREEN);
    assert_int_equal(handling_of(&s, "indicator:5010"), STIX_TLP_GREEN);
    scene_close(&s);
}

/* ---- objects
 * --------------------------------------------------------------------------------------------------------- */

static void bytes_stay_as_they_came(void **state) {
    static const char object[] =
        "{ \"spec_version\" : \"2.1\",\t\"type\":\"indicator\", "
        "\"id\":\"indicator--00000000-0000-4000-8000-000000000001\","
        "\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00.000Z\","
        "\"name\":\"\\u65e5\\u672c \u65e5 \\/ \\u0000\",\"x_number\":1.50e+2 ,\"x_list\":[1 , 2],"
        "\"pattern\":\"[domain-name:value = 'a.example']\",\"pattern_type\":\"stix\","
        "\"valid_from\":\"2026-01-01T00:00:00Z\"\n}";
    struct scene s;
    struct intake_totals totals;
    struct diag d = {0};
    struct arena a;
    struct store_reader *r;
    struct store_holding h;
    arena_init(&a, ARENA_MAX);
    scene_open(&s, true);
    struct intake *in = start(&s, false);
    put(in, span_cstr(object));
    if (intake_commit(&in, &totals, &d)) fail_msg("%s: %s", d.message, s.last);
    release(&s);
    assert_int_equal(store_reader_open(s.context.store, &r, &d), ERR_NONE);
    assert_int_equal(store_holding_latest(r, SPAN("indicator--00000000-0000-4000-8000-000000000001"), &a, &h, &d),
                     ERR_NONE);
    assert_true(span_is(h.body, object));
    struct store_entry_query q = {
        .ledger = 1, .added_after = TIME_NONE, .modified = TIME_NONE, .limit = 10, .with_body = true};
    struct store_entry *entries;
    size_t count;
    assert_int_equal(store_entry_scan(r, &q, &a, &entries, &count, &d), ERR_NONE);
    assert_int_equal(count, 2);
    assert_true(span_is(entries[1].body, object));
    store_reader_close(&r);
    arena_free(&a);
    fixture_run(&s.f, JP, "search", "{\"words\":\"日本\"}"); /* what is searched with the NUL in it */
    scene_close(&s);
}

/* An object built of a piece that is repeated. */
static void repeated(struct buf *out, const char *head, const char *piece, size_t times, const char *tail) {
    buf_add_cstr(out, "{\"type\":\"report\",\"spec_version\":\"2.1\",\"id\":\"report--00000000-0000-4000-8000-"
                      "000000000001\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":"
                      "\"2026-01-01T00:00:00.000Z\",\"name\":\"r\",\"published\":\"2026-01-01T00:00:00Z\",");
    buf_add_cstr(out, head);
    for (size_t i = 0; i < times; i++) buf_add_cstr(out, piece);
    buf_add_cstr(out, tail);
    buf_add_char(out, '}');
}

#define REFS "\"object_refs\":[\"identity--00000000-0000-4000-8000-000000000001\"],"

static void harmful_objects_harm_themselves(void **state) {
    static const struct {
        const char *name, *head, *piece;
        size_t times;
        const char *tail, *says; /* NULL: it is taken */
    } cases[] = {
        {"large", REFS "\"description\":\"", "abcdefghij", 800000, "\"", NULL},
        {"deep, but no deeper than allowed", REFS "\"x_deep\":", "[", 20, "1]]]]]]]]]]]]]]]]]]]]", NULL},
        {"too deep", REFS "\"x_deep\":", "[", 100000, "", "nest"},
        {"too deep in objects", REFS "\"x_deep\":", "{\"aaa\":", 100000, "", "nest"},
        {"many parts", REFS "\"x_many\":[0", ",0", 4000000, "]", NULL},
        {"many keys", REFS "\"x_keys\":{\"aaa\":0", ",\"aaa\":0", 400000, "}", "aaa"},
        {"many labels", REFS "\"labels\":[\"a\"", ",\"b\"", 400000, "]", NULL},
    };
    struct scene s;
    scene_open(&s, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct intake_totals totals;
        struct diag d = {0};
        struct buf text = BUF_EMPTY;
        struct intake *in = start(&s, true);
        repeated(&text, cases[i].head, cases[i].piece, cases[i].times, cases[i].tail);
        s.last[0] = 0;
        put(in, buf_span(&text));
        put_words(&s, in, "malware 5");
        if (intake_commit(&in, &totals, &d)) fail_msg("%s: %s", cases[i].name, d.message);
        if (totals.rejected != (cases[i].says != NULL) || (cases[i].says && !strstr(s.last, cases[i].says)))
            fail_msg("%s: must say '%s', but says '%s'", cases[i].name, cases[i].says ? cases[i].says : "", s.last);
        assert_true(is_held(&s, "malware:5"));
        release(&s);
        buf_free(&text);
    }
    fixture_ledger_sound(&s.f, JP, US);
    scene_close(&s);
}

static void a_report_of_too_much_is_rejected(void **state) {
    struct scene s;
    struct intake_totals totals;
    struct diag d = {0};
    struct buf text = BUF_EMPTY;
    scene_open(&s, false);
    repeated(&text, "\"object_refs\":[", "", 0, "");
    text.len--; /* the brace */
    for (unsigned i = 0; i <= STIX_REFS_MAX; i++)
        buf_printf(&text, "%s\"indicator--00000000-0000-4000-8000-%012u\"", i ? "," : "", i);
    buf_add_cstr(&text, "]}");
    struct intake *in = start(&s, true);
    put(in, buf_span(&text));
    put_words(&s, in, "malware 5");
    if (intake_commit(&in, &totals, &d)) fail_msg("%s", d.message);
    assert_int_equal(totals.rejected, 1);
    assert_non_null(strstr(s.last, "too many"));
    assert_true(is_held(&s, "malware:5"));
    buf_free(&text);
    scene_close(&s);
}

static void an_object_over_the_limit_ends_the_file(void **state) {
    struct scene s;
    struct diag d = {0};
    struct buf text = BUF_EMPTY;
    scene_open(&s, false);
    fixture_object(&s.f, JP, &text, SPAN("malware 5"));
    repeated(&text, REFS "\"description\":\"", "abcdefghij", STIX_OBJECT_SIZE_MAX / 10, "\"");
    assert_int_equal(fixture_import(&s.f, JP, buf_span(&text), ",\"keep_going\":true", &d), ERR_LIMIT);
    assert_false(is_held(&s, "malware:5"));
    buf_free(&text);
    scene_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_seen_before_the_end),   cmocka_unit_test(nothing_pending_is_released),
        cmocka_unit_test(what_ends_badly_leaves_nothing),   cmocka_unit_test(handling_takes_effect_with_the_intake),
        cmocka_unit_test(bytes_stay_as_they_came),          cmocka_unit_test(harmful_objects_harm_themselves),
        cmocka_unit_test(a_report_of_too_much_is_rejected), cmocka_unit_test(an_object_over_the_limit_ends_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
