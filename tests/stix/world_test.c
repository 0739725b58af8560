/* Bundles that the world shares must be accepted whole: OASIS's examples and ATT&CK for ICS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "stix/bundle.h"
#include "stix/marking.h"
#include "stix/object.h"

static char folder[512];

static enum err from_file(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    return input_read(context, at, size, got, d);
}

static struct stix_report report;

static void check(struct arena *a, struct span bytes, const char *file, uint64_t index) {
    struct json_doc doc;
    struct stix_object object;
    struct stix_ref *refs;
    struct diag d;
    size_t count;
    enum stix_tlp level;
    if (json_parse(a, bytes, &doc, &d)) fail_msg("%s[%llu]: %s", file, (unsigned long long)index, d.message);
    enum err e = stix_object_read(a, json_root(&doc), NULL, &object, &report);
    for (size_t i = 0; i < report.count; i++)
        if (report.findings[i].severity == STIX_ERROR)
            print_error("%s[%llu] %.*s %s: %s\n", file, (unsigned long long)index, SPAN_ARG(object.id),
                        report.findings[i].path, report.findings[i].message);
    assert_int_equal(e, ERR_NONE);
    assert_int_equal(stix_object_refs(&object, a, &refs, &count), ERR_NONE);
    for (size_t i = 0; i < count; i++) assert_false(span_equal(refs[i].target, object.id));
    if (span_is(object.type, "marking-definition"))
        assert_int_not_equal(stix_marking_classify(&object, &level), STIX_MARKING_ALTERED);
}

static uint64_t read_all(const char *name) {
    char path[640];
    struct input *in = NULL;
    struct stix_stream s;
    struct span bytes;
    struct arena a;
    struct diag d;
    uint64_t index, offset, count = 0;
    enum err e;
    snprintf(path, sizeof path, "%s/stix/%s", folder, name);
    if (input_open(path, &in, &d)) fail_msg("%s: %s", path, d.message);
    arena_init(&a, 64 << 20);
    stix_stream_open(&s, from_file, in);
    while (!(e = stix_stream_next(&s, &bytes, &index, &offset, &d)) && bytes.at) {
        check(&a, bytes, name, index);
        arena_reset(&a);
        count++;
    }
    if (e) fail_msg("%s: %s", path, d.message);
    stix_stream_close(&s);
    arena_free(&a);
    input_close(&in);
    return count;
}

static void test_bundles(void **state) {
    static const struct {
        const char *name;
        uint64_t objects;
    } files[] = {{"apt1.json", 76},
                 {"poisonivy.json", 155},
                 {"infrastructure.json", 10},
                 {"indicators-for-C2-with-COA.json", 8},
                 {"malicious-email-indicator-with-attachment.json", 6},
                 {"interop-objectmarking-test.json", 1},
                 {"ics-attack-18.1.json.zst", 1826}};
    (void)state;
    if (access(folder, R_OK) != 0) {
        print_message("skipped: no %s (RENKEI_SHARED_DATA names the folder of real data)\n", folder);
        skip();
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(read_all(files[i].name), files[i].objects);
}

int main(void) {
    const char *data = getenv("RENKEI_SHARED_DATA"), *source = getenv("RENKEI_SOURCE");
    if (data)
        snprintf(folder, sizeof folder, "%s", data);
    else
        snprintf(folder, sizeof folder, "%s/../shared/data", source ? source : ".");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bundles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
