/* References: everything in an object that names another. */
#include "case_lines.h"

#include "stix/object.h"

#define A    "indicator--00000000-0000-4000-8000-00000000000a"
#define B    "malware--00000000-0000-4000-8000-00000000000b"
#define C    "identity--00000000-0000-4000-8000-00000000000c"
#define M    "marking-definition--00000000-0000-4000-8000-00000000000d"
#define E    "extension-definition--00000000-0000-4000-8000-00000000000e"
#define SELF "report--00000000-0000-4000-8000-00000000000f"

static struct arena arena;

static const char *refs_of(const char *members) {
    struct json_doc doc;
    struct stix_object object;
    struct stix_ref *refs;
    struct diag d;
    size_t count;
    struct span text = arena_printf(&arena, "{\"type\":\"report\",\"id\":\"%s\"%s}", SELF, members);
    assert_int_equal(json_parse(&arena, text, &doc, &d), ERR_NONE);
    assert_int_equal(stix_object_view(&arena, json_root(&doc), &object, &d), ERR_NONE);
    assert_int_equal(stix_object_refs(&object, &arena, &refs, &count), ERR_NONE);
    struct buf out = BUF_EMPTY; /* the last character of each id, 'm' for a marking, 'c' for the creator */
    for (size_t i = 0; i < count; i++)
        buf_printf(&out, "%s%c%s%s", i ? " " : "", refs[i].target.at[refs[i].target.len - 1],
                   refs[i].is_marking ? "m" : "", refs[i].is_created_by ? "c" : "");
    const char *copy = arena_cstr(&arena, buf_span(&out));
    buf_free(&out);
    return copy;
}

static void test_places(void **state) {
    (void)state;
    static const struct {
        const char *members, *refs;
    } cases[] = {
        {"", ""},
        {",\"object_refs\":[\"" A "\",\"" B "\",\"" A "\"]", "a b"},
        {",\"created_by_ref\":\"" C "\"", "cc"},
        {",\"object_marking_refs\":[\"" M "\"]", "dm"},
        {",\"granular_markings\":[{\"marking_ref\":\"" M "\",\"selectors\":[\"id\"]}]", "dm"},
        {",\"x_deep\":{\"a\":[{\"b\":[[\"" A "\"]]}]}", "a"},
        {",\"x_deep\":{\"" A "\":1}", "a"},
        {",\"extensions\":{\"" E "\":{\"extension_type\":\"property-extension\",\"x_ref\":\"" A "\"}}", "a"},
        {",\"extensions\":{\"" E "\":{\"x\":{\"" E "\":1}}}", "e"}, /* only the keys of extensions itself */
        {",\"extensions\":{\"x-ext\":{\"a\":1},\"" E "\":{},\"" A "\":{}},\"x_a\":{\"" E "\":1}", "a e"},
        {",\"x_extensions\":[\"" E "\"]", "e"},
        {",\"object_refs\":[\"" SELF "\"]", ""},
        {",\"description\":\"see " A "\"", ""},
        {",\"description\":\"" A " \"", ""},
        {",\"description\":\"" A "\"", "a"},
        {",\"description\":\"\\u0069ndicator--00000000-0000-4000-8000-00000000000a\"", "a"},
        /* The creator that stands elsewhere too is more than the creator; so with markings. */
        {",\"created_by_ref\":\"" C "\",\"object_refs\":[\"" C "\"]", "c"},
        {",\"object_refs\":[\"" C "\"],\"created_by_ref\":\"" C "\"", "c"},
        {",\"object_refs\":[\"" M "\"],\"object_marking_refs\":[\"" M "\"]", "d"},
        {",\"object_marking_refs\":[\"" M "\"],\"granular_markings\":[{\"marking_ref\":\"" M "\"}]", "dm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = refs_of(cases[i].members);
        if (strcmp(found, cases[i].refs) != 0) fail_msg("%s: \"%s\"", cases[i].members, found);
    }
}

/* Past a few the search goes through a table; each is still found once. */
static void test_many(void **state) {
    struct buf text = BUF_EMPTY;
    struct json_doc doc;
    struct stix_object object;
    struct stix_ref *refs;
    struct diag d;
    size_t count;
    (void)state;
    buf_printf(&text, "{\"type\":\"report\",\"id\":\"%s\",\"created_by_ref\":\"" C "\",\"object_refs\":[", SELF);
    for (int twice = 0; twice < 2; twice++)
        for (int i = 0; i < 3000; i++) buf_printf(&text, "\"indicator--00000000-0000-4000-8000-%012x\",", (unsigned)i);
    buf_add_cstr(&text, "\"" C "\"]}");
    assert_int_equal(json_parse(&arena, buf_span(&text), &doc, &d), ERR_NONE);
    assert_int_equal(stix_object_view(&arena, json_root(&doc), &object, &d), ERR_NONE);
    assert_int_equal(stix_object_refs(&object, &arena, &refs, &count), ERR_NONE);
    assert_int_equal(count, 3001);
    assert_false(refs[0].is_created_by);
    struct arena small;
    arena_init(&small, 4096);
    assert_int_equal(stix_object_refs(&object, &small, &refs, &count), ERR_NOMEM);
    arena_free(&small);
    buf_free(&text);
}

static void test_limit(void **state) {
    struct buf text = BUF_EMPTY;
    struct json_doc doc;
    struct stix_object object;
    struct stix_ref *refs;
    struct diag d;
    size_t count;
    (void)state;
    buf_printf(&text, "{\"type\":\"report\",\"id\":\"%s\",\"object_refs\":[\"" A "\"", SELF);
    for (int i = 0; i < STIX_REFS_MAX; i++)
        buf_printf(&text, ",\"malware--00000000-0000-4000-8000-%012x\"", (unsigned)i);
    buf_add_cstr(&text, "]}");
    assert_int_equal(json_parse(&arena, buf_span(&text), &doc, &d), ERR_NONE);
    assert_int_equal(stix_object_view(&arena, json_root(&doc), &object, &d), ERR_NONE);
    assert_int_equal(stix_object_refs(&object, &arena, &refs, &count), ERR_LIMIT);
    buf_free(&text);
}

int main(void) {
    arena_init(&arena, 64 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_limit),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
