/* The tables themselves: a slip in one of them is a rule that silently never holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stix/schema.h"

static bool has(const struct property *list, const char *name) {
    for (const struct property *p = list; p && p->name; p++)
        if (strcmp(p->name, name) == 0) return true;
    return false;
}

static void check_words(const char *of, const char *words) {
    size_t len = words ? strlen(words) : 0;
    if (!words) return;
    if (len < 3 || words[0] != ' ' || words[len - 1] != ' ' || strstr(words, "  ")) fail_msg("%s:%s", of, words);
}

static void check_names(const struct schema *s, const char *words) {
    char copy[256];
    if (!words) return;
    check_words(s->type, words);
    strncpy(copy, words, sizeof copy - 1);
    copy[sizeof copy - 1] = 0;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        if (!has(s->properties, word) && !has(stix_common(s->kind), word)) fail_msg("%s: no %s", s->type, word);
}

static void check_schema(const struct schema *s, int depth) {
    assert_true(depth < 4);
    assert_int_equal(strlen(s->type), s->type_len);
    size_t count = 0;
    for (const struct property *p = s->properties; p->name; p++, count++) {
        assert_int_equal(strlen(p->name), p->name_len);
        if (has(p + 1, p->name)) fail_msg("%s: %s stands twice", s->type, p->name);
        check_words(p->name, p->words);
        size_t len = p->name_len;
        bool refs = len > 5 && strcmp(p->name + len - 5, "_refs") == 0,
             ref = len > 4 && strcmp(p->name + len - 4, "_ref") == 0;
        /* §3.1: the name tells what a reference is. */
        if ((refs || ref) != (p->kind == PROPERTY_ID)) fail_msg("%s: %s", s->type, p->name);
        if (refs) assert_true(p->flags & PROPERTY_LIST);
        if (len > 4 && strcmp(p->name + len - 4, "_hex") == 0) assert_int_equal(p->kind, PROPERTY_HEX);
        if (p->inner) {
            assert_int_equal(p->kind, PROPERTY_OBJECT);
            check_schema(p->inner, depth + 1);
        }
        if (p->kind == PROPERTY_ENUM || p->kind == PROPERTY_VOCABULARY) assert_non_null(p->words);
    }
    assert_true(count > 0 && count <= SCHEMA_PROPERTIES_MAX);
    for (const struct rule *r = s->rules; r && r->kind != RULE_END; r++) {
        if (r->kind == RULE_ANY)
            check_names(s, r->a);
        else if (r->kind != RULE_SOME && (!has(s->properties, r->a) || !has(s->properties, r->b)))
            fail_msg("%s: a rule on %s and %s", s->type, r->a, r->b);
    }
    check_names(s, s->contributing);
}

static void test_types(void **state) {
    size_t kinds[5] = {0};
    (void)state;
    const struct schema *s;
    for (size_t i = 0; (s = stix_schema_at(i)); i++) {
        check_schema(s, 0);
        assert_ptr_equal(stix_schema(span_cstr(s->type)), s);
        kinds[s->kind]++;
    }
    assert_int_equal(kinds[STIX_SDO], 19);
    assert_int_equal(kinds[STIX_SRO], 2);
    assert_int_equal(kinds[STIX_SCO], 18);
    assert_int_equal(kinds[STIX_META], 3);
    assert_null(stix_schema(SPAN("indicato")));
    assert_null(stix_schema(SPAN("")));
    check_schema(&stix_schema_reference, 0);
    check_schema(&stix_schema_kill_chain, 0);
}

static void test_extensions(void **state) {
    static const char *const keys[] = {
        "archive-ext",      "ntfs-ext", "pdf-ext",    "raster-image-ext",    "tcp-ext",          "windows-pebinary-ext",
        "http-request-ext", "icmp-ext", "socket-ext", "windows-process-ext", "unix-account-ext", "windows-service-ext"};
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *of = NULL;
        const struct schema *s = stix_schema_extension(span_cstr(keys[i]), &of);
        assert_non_null(s);
        assert_non_null(stix_schema(span_cstr(of)));
        check_schema(s, 0);
    }
}

static void test_words(void **state) {
    (void)state;
    static const char words[] = " one two three ";
    assert_true(stix_words_have(words, SPAN("one")));
    assert_true(stix_words_have(words, SPAN("three")));
    assert_false(stix_words_have(words, SPAN("on")));
    assert_false(stix_words_have(words, SPAN("ones")));
    assert_false(stix_words_have(words, SPAN("")));
    assert_false(stix_words_have(words, SPAN("one two")));
    assert_false(stix_words_have(words, SPAN("two\0")));
    assert_false(stix_words_have(NULL, SPAN("one")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
