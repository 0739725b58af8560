/* TLP by whole objects: markings.ndjson has the nine, and what only looks like them. */
#include "case_lines.h"

#include "stix/marking.h"

static struct stix_object view(struct arena *a, struct json_value v) {
    struct stix_object object;
    struct diag d;
    if (stix_object_view(a, v, &object, &d)) fail_msg("%s", d.message);
    return object;
}

static struct stix_object parsed(struct arena *a, struct span text) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct diag d;
    if (json_parse(a, text, doc, &d)) fail_msg("%s", d.message);
    return view(a, json_root(doc));
}

static void run(struct arena *a, struct json_value line, const char *where) {
    static const char *const names[] = {"tlp", "statement", "other", "altered"};
    struct stix_object object = view(a, json_get(line, "object"));
    enum stix_tlp level, wanted = STIX_TLP_NONE;
    enum stix_marking class = stix_marking_classify(&object, &level);
    struct json_value tlp = json_get(line, "level");
    if (json_exists(tlp)) assert_true(stix_tlp_parse(json_text(tlp, a), &wanted));
    if (strcmp(names[class], text_of(a, line, "class")) != 0 || level != wanted)
        fail_msg("%s (%s): %s, %s", where, text_of(a, line, "about"), names[class], stix_tlp_name(level));
}

static void test_cases(void **state) {
    (void)state;
    each_case("markings.ndjson", run);
}

static void test_emitted_objects_are_exact(void **state) {
    struct arena a;
    struct stix_report *report = malloc(sizeof *report);
    (void)state;
    assert_non_null(report);
    arena_init(&a, 1 << 20);
    for (enum stix_tlp level = STIX_TLP_CLEAR; level <= STIX_TLP_RED; level++) {
        struct stix_object object = parsed(&a, stix_tlp_object(level));
        enum stix_tlp found, by_id;
        assert_int_equal(stix_marking_classify(&object, &found), STIX_MARKING_TLP);
        assert_int_equal(found, level);
        assert_true(span_equal(object.id, stix_tlp_id(level)));
        assert_true(stix_marking_builtin(object.id, &by_id));
        assert_int_equal(by_id, level);
        assert_true(span_equal(stix_marking_object(object.id), stix_tlp_object(level)));
        assert_int_equal(stix_object_read(&a, object.json, NULL, &object, report), ERR_NONE);
        assert_int_equal(report->warnings, 0);
    }
    assert_null(stix_tlp_object(STIX_TLP_NONE).at);
    assert_null(stix_marking_object(SPAN("marking-definition--4f1c5a3e-8d2b-4c6a-9e7f-0123456789ab")).at);
    arena_free(&a);
    free(report);
}

static void test_names(void **state) {
    static const struct {
        const char *text;
        int level; /* -1 = no such word */
    } cases[] = {{"TLP:AMBER+STRICT", STIX_TLP_AMBER_STRICT},
                 {"amber+strict", STIX_TLP_AMBER_STRICT},
                 {"white", STIX_TLP_CLEAR},
                 {"TLP:WHITE", STIX_TLP_CLEAR},
                 {"Clear", STIX_TLP_CLEAR},
                 {"tlp:green", STIX_TLP_GREEN},
                 {"none", STIX_TLP_NONE},
                 {"RED", STIX_TLP_RED},
                 {"", -1},
                 {"TLP:", -1},
                 {"amber strict", -1},
                 {"reddish", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum stix_tlp level = STIX_TLP_NONE;
        bool known = stix_tlp_parse(span_cstr(cases[i].text), &level);
        if (known != (cases[i].level >= 0) || (known && (int)level != cases[i].level)) fail_msg("%s", cases[i].text);
    }
    for (int i = 0; i < STIX_TLP_COUNT; i++) {
        enum stix_tlp level;
        assert_true(stix_tlp_parse(span_cstr(stix_tlp_name((enum stix_tlp)i)), &level));
        assert_int_equal(level, i);
    }
    assert_string_equal(stix_tlp_label(STIX_TLP_AMBER_STRICT), "TLP:AMBER+STRICT");
    assert_true(STIX_TLP_AMBER < STIX_TLP_AMBER_STRICT && STIX_TLP_AMBER_STRICT < STIX_TLP_RED);
}

/* ---- what an object carries ---- */

#define STATEMENT "marking-definition--00000000-0000-4000-8000-000000000001"
#define UNKNOWN   "marking-definition--00000000-0000-4000-8000-000000000002"
#define ALTERED   "marking-definition--00000000-0000-4000-8000-000000000003"
#define GREEN     "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
#define WHITE     "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
#define NO_WHITE  "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc8" /* one digit off */
#define RED       "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"

static enum stix_marking lookup(void *context, struct span id, enum stix_tlp *level) {
    (void)level;
    ++*(int *)context;
    if (span_is(id, STATEMENT)) return STIX_MARKING_STATEMENT;
    return span_is(id, ALTERED) ? STIX_MARKING_ALTERED : STIX_MARKING_OTHER;
}

static void test_effective(void **state) {
    static const struct {
        const char *members;
        enum stix_tlp tlp;
        const char *offending; /* NULL = not strictest */
        int asked;
    } cases[] = {
        {"", STIX_TLP_NONE, NULL, 0},
        {",\"object_marking_refs\":[\"" GREEN "\"]", STIX_TLP_GREEN, NULL, 0},
        {",\"object_marking_refs\":[\"" WHITE "\",\"" RED "\",\"" GREEN "\"]", STIX_TLP_RED, NULL, 0},
        {",\"object_marking_refs\":[\"" STATEMENT "\"]", STIX_TLP_NONE, NULL, 1},
        {",\"object_marking_refs\":[\"" GREEN "\",\"" UNKNOWN "\"]", STIX_TLP_GREEN, UNKNOWN, 1},
        {",\"object_marking_refs\":[\"" NO_WHITE "\"]", STIX_TLP_NONE, NO_WHITE, 1},
        {",\"object_marking_refs\":[\"" ALTERED "\",\"" UNKNOWN "\"]", STIX_TLP_NONE, ALTERED, 2},
        {",\"granular_markings\":[{\"marking_ref\":\"" RED "\",\"selectors\":[\"id\"]}],"
         "\"object_marking_refs\":[\"" GREEN "\"]",
         STIX_TLP_RED, NULL, 0},
        {",\"granular_markings\":[{\"lang\":\"ja\",\"selectors\":[\"id\"]}]", STIX_TLP_NONE, NULL, 0},
        {",\"granular_markings\":[{\"marking_ref\":\"" UNKNOWN "\",\"selectors\":[\"id\"]}]", STIX_TLP_NONE, UNKNOWN,
         1},
        {",\"object_marking_refs\":\"" RED "\"", STIX_TLP_NONE, "", 0}, /* never validated: no list */
        {",\"object_marking_refs\":[7]", STIX_TLP_NONE, "", 1},
    };
    struct arena a;
    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stix_marking_summary sum;
        int asked = 0;
        struct stix_object o = parsed(&a, arena_printf(&a, "{\"type\":\"url\",\"id\":\"x\"%s}", cases[i].members));
        stix_marking_effective(&o, lookup, &asked, &sum);
        if (sum.tlp != cases[i].tlp || sum.strictest != (cases[i].offending != NULL) || asked != cases[i].asked ||
            (cases[i].offending && !span_is(sum.offending, cases[i].offending)))
            fail_msg("%s: %s, %d, %.*s", cases[i].members, stix_tlp_name(sum.tlp), sum.strictest,
                     SPAN_ARG(sum.offending));
    }
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_emitted_objects_are_exact),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_effective),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
