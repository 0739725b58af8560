/* Which of two versions is later, and when two of the same time conflict (STIX 2.1 §3.6). */
#include "case_lines.h"

#include "stix/version.h"

#define HEAD "{\"type\":\"identity\",\"id\":\"identity--00000000-0000-4000-8000-00000000000c\","
#define T1   "\"modified\":\"2024-05-01T10:00:00.000Z\","
#define T2   "\"modified\":\"2024-05-01T10:00:00.001Z\","

static struct stix_object parsed(struct arena *a, const char *text) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct stix_object object;
    struct diag d;
    assert_int_equal(json_parse(a, span_cstr(text), doc, &d), ERR_NONE);
    assert_int_equal(stix_object_view(a, json_root(doc), &object, &d), ERR_NONE);
    return object;
}

static void test_compare(void **state) {
    static const struct {
        const char *held, *offered;
        enum stix_version version;
    } cases[] = {
        {HEAD T1 "\"name\":\"a\"}", HEAD T1 "\"name\":\"a\"}", STIX_VERSION_SAME},
        {HEAD T1 "\"name\":\"a\"}", HEAD T1 "\"name\" : \"\\u0061\" }", STIX_VERSION_SAME},
        {HEAD T1 "\"name\":\"a\"}", HEAD "\"name\":\"a\"," T1 "\"revoked\":false}", STIX_VERSION_SAME},
        {HEAD T1 "\"name\":\"a\"}", HEAD "\"name\":\"a\"," T1 "\"revoked\":true}", STIX_VERSION_CONFLICT},
        {HEAD T1 "\"name\":\"a\"}", HEAD T1 "\"x_a\":\"a\"}", STIX_VERSION_CONFLICT},
        {HEAD T1 "\"name\":\"a\"}", HEAD T1 "\"name\":\"b\"}", STIX_VERSION_CONFLICT},
        {HEAD T1 "\"name\":\"a\"}", HEAD T2 "\"name\":\"a\"}", STIX_VERSION_NEWER},
        {HEAD T2 "\"name\":\"a\"}", HEAD T1 "\"name\":\"b\"}", STIX_VERSION_OLDER},
        {HEAD "\"name\":\"a\"}", HEAD "\"name\":\"a\"}", STIX_VERSION_SAME},
        {HEAD "\"name\":\"a\"}", HEAD "\"name\":\"b\"}", STIX_VERSION_CONFLICT},
        {HEAD "\"name\":\"a\"}", HEAD T1 "\"name\":\"a\"}", STIX_VERSION_NEWER},
        {HEAD "\"created\":\"2024-05-01T10:00:00.000Z\",\"name\":\"a\"}", HEAD T2 "\"name\":\"a\"}",
         STIX_VERSION_NEWER},
    };
    struct arena a;
    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stix_object held = parsed(&a, cases[i].held), offered = parsed(&a, cases[i].offered);
        enum stix_version version;
        struct diag d;
        assert_int_equal(stix_version_compare(&a, &held, &offered, &version, &d), ERR_NONE);
        if (version != cases[i].version) fail_msg("%s | %s: %d", cases[i].held, cases[i].offered, version);
    }
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_compare)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
