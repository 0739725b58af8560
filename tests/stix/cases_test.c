/* Objects that must be accepted, warned of or refused, each with the paths of all findings: cases/<topic>.ndjson. Add a
 * case there; a new topic is a line here. */
#include "case_lines.h"

#include "stix/object.h"

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void compare(struct arena *a, const struct stix_report *report, enum stix_severity severity,
                    struct json_value expected, const char *where, const char *about) {
    const char *found[STIX_FINDINGS_MAX], *wanted[STIX_FINDINGS_MAX];
    size_t count = 0, want = 0;
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].severity == severity) found[count++] = report->findings[i].path;
    for (struct json_iter it = json_iter(expected); json_next(&it);)
        wanted[want++] = arena_cstr(a, json_text(it.value, a));
    qsort(found, count, sizeof *found, by_text);
    qsort(wanted, want, sizeof *wanted, by_text);
    bool same = count == want;
    for (size_t i = 0; same && i < count; i++) same = strcmp(found[i], wanted[i]) == 0;
    if (same) return;
    print_error("%s (%s): %s expected:", where, about, severity == STIX_ERROR ? "errors" : "warnings");
    for (size_t i = 0; i < want; i++) print_error(" \"%s\"", wanted[i]);
    print_error("; found:\n");
    for (size_t i = 0; i < report->count; i++)
        print_error("  %s \"%s\": %s\n", report->findings[i].severity == STIX_ERROR ? "error" : "warning",
                    report->findings[i].path, report->findings[i].message);
    fail();
}

static struct stix_report report;

static void run(struct arena *a, struct json_value line, const char *where) {
    struct stix_object object;
    const char *about = text_of(a, line, "about");
    enum err e = stix_object_read(a, json_get(line, "object"), NULL, &object, &report);
    compare(a, &report, STIX_ERROR, json_get(line, "errors"), where, about);
    compare(a, &report, STIX_WARNING, json_get(line, "warnings"), where, about);
    assert_int_equal(e, report.errors ? ERR_INVALID : ERR_NONE);
    struct stix_options strict = {.strict = true};
    e = stix_object_read(a, json_get(line, "object"), &strict, &object, &report);
    assert_int_equal(e, report.errors || report.warnings ? ERR_INVALID : ERR_NONE);
}

#define TOPIC(name)                                                                                                    \
    static void test_##name(void **state) {                                                                            \
        (void)state;                                                                                                   \
        each_case("cases/" #name ".ndjson", run);                                                                      \
    }
TOPIC(minimal)
TOPIC(common)
TOPIC(ids)
TOPIC(times)
TOPIC(vocabularies)
TOPIC(references)
TOPIC(hashes)
TOPIC(custom)
TOPIC(extensions)
TOPIC(granular)
TOPIC(domain)
TOPIC(observables)
TOPIC(meta)

/* ---- the report itself ---- */

static enum err read_text(struct arena *a, struct span text, struct stix_object *object) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct diag d;
    assert_int_equal(json_parse(a, text, doc, &d), ERR_NONE);
    return stix_object_read(a, json_root(doc), NULL, object, &report);
}

static void test_errors_push_warnings_out(void **state) {
    struct arena a;
    struct stix_object object;
    struct buf text = BUF_EMPTY;
    (void)state;
    arena_init(&a, 1 << 22);
    buf_add_cstr(&text, "{\"type\":\"indicator\"");
    for (int i = 0; i < 3 * STIX_FINDINGS_MAX; i++) buf_printf(&text, ",\"custom_%d\":1", i);
    buf_add_cstr(&text, ",\"id\":\"x\"}");
    assert_int_equal(read_text(&a, buf_span(&text), &object), ERR_INVALID);
    assert_int_equal(report.warnings, 3 * STIX_FINDINGS_MAX);
    assert_int_equal(report.count, STIX_FINDINGS_MAX);
    size_t errors = 0;
    for (size_t i = 0; i < report.count; i++) errors += report.findings[i].severity == STIX_ERROR;
    assert_int_equal(errors, report.errors);
    assert_true(errors >= 6);
    buf_free(&text);
    arena_free(&a);
}

/* What a finding quotes ends up on terminals. */
static void test_findings_are_printable(void **state) {
    struct arena a;
    struct stix_object object;
    (void)state;
    arena_init(&a, 1 << 22);
    struct span text =
        SPAN("{\"type\":\"\\u001b[2J\xc2\x9b\\n\",\"id\":\"\\u0007\","
             "\"x\\u001b\":1,\"lang\":\"あああああああああああああああああああああああああああああああ\"}");
    assert_int_equal(read_text(&a, text, &object), ERR_INVALID);
    assert_true(report.count >= 3);
    for (size_t i = 0; i < report.count; i++) {
        const struct stix_finding *f = &report.findings[i];
        for (const char *c = f->message; *c; c++) assert_true((unsigned char)*c >= 0x20);
        for (const char *c = f->path; *c; c++) assert_true((unsigned char)*c >= 0x20);
        assert_null(strstr(f->message, "\xc2\x9b"));
    }
    arena_free(&a);
}

static void test_paths_are_of_the_object(void **state) {
    struct arena a;
    struct json_doc doc;
    struct stix_object object;
    struct diag d;
    (void)state;
    arena_init(&a, 1 << 22);
    struct span text = SPAN("{\"objects\":[{},{\"type\":\"url\",\"id\":\"x\",\"labels\":[1]}]}");
    assert_int_equal(json_parse(&a, text, &doc, &d), ERR_NONE);
    struct json_value v = json_at(json_get(json_root(&doc), "objects"), 1);
    assert_int_equal(stix_object_read(&a, v, NULL, &object, &report), ERR_INVALID);
    assert_int_equal(report.errors, 3);
    assert_string_equal(report.findings[0].path, "id");
    assert_string_equal(report.findings[1].path, "labels[0]");
    assert_string_equal(report.findings[2].path, "value");
    arena_free(&a);
}

/* A path that is too long is cut, and a name of 251 letters is one too long. */
static void test_long_names(void **state) {
    struct arena a;
    struct stix_object object;
    struct buf text = BUF_EMPTY;
    (void)state;
    arena_init(&a, 1 << 22);
    buf_add_cstr(&text, "{\"type\":\"url\",\"id\":\"url--00000000-0000-4000-8000-000000000001\",\"value\":\"x\",\"x_");
    for (int i = 0; i < 248; i++) buf_add_char(&text, 'a');
    size_t fits = text.len;
    buf_add_cstr(&text, "\":1}");
    assert_int_equal(read_text(&a, buf_span(&text), &object), ERR_NONE);
    assert_int_equal(report.warnings, 0);
    text.len = fits;
    buf_add_cstr(&text, "a\":1}");
    assert_int_equal(read_text(&a, buf_span(&text), &object), ERR_INVALID);
    assert_int_equal(report.count, 1);
    assert_true(strlen(report.findings[0].path) > 100 && strlen(report.findings[0].path) < JSON_PATH_SIZE);
    buf_free(&text);
    arena_free(&a);
}

static void test_memory_runs_out(void **state) {
    struct arena a, small;
    struct json_doc doc;
    struct stix_object object;
    struct diag d;
    (void)state;
    arena_init(&a, 1 << 22);
    arena_init(&small, 16);
    struct span text = SPAN("{\"type\":\"a-type-that-needs-a-copy-because-of-\\u002d\",\"id\":\"x\"}");
    assert_int_equal(json_parse(&a, text, &doc, &d), ERR_NONE);
    assert_int_equal(stix_object_read(&small, json_root(&doc), NULL, &object, &report), ERR_NOMEM);
    arena_free(&small);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),
        cmocka_unit_test(test_common),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_vocabularies),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_custom),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_granular),
        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_observables),
        cmocka_unit_test(test_meta),
        cmocka_unit_test(test_errors_push_warnings_out),
        cmocka_unit_test(test_findings_are_printable),
        cmocka_unit_test(test_paths_are_of_the_object),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
