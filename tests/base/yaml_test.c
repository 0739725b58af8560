#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ANY = 0 };

static void refuses_what_is_not_plain(void **state) {
    static const struct {
        const char *text;
        enum err code;
        uint64_t line, column; /* ANY = not looked at */
        const char *says;
    } cases[] = {
        {"a: 1\nb: [x, y]\n", ERR_NONE, ANY, ANY, NULL},
        {"a: 1\nb: &x 2\n", ERR_INVALID, 2, 4, "anchors"},
        {"a: &x [1]\n", ERR_INVALID, 1, 4, "anchors"},
        {"a: *x\n", ERR_INVALID, 1, 4, "aliases"},
        {"a: !!str 1\n", ERR_INVALID, 1, 4, "tags"},
        {"a: !x {b: 1}\n", ERR_INVALID, 1, 4, "tags"},
        {"!!map\na: 1\n", ERR_INVALID, 1, 1, "tags"},
        {"%TAG ! tag:example.org,2020:\n---\na: 1\n", ERR_INVALID, ANY, ANY, "%TAG"},
        {"<<: {a: 1}\n", ERR_INVALID, 1, 1, "merge"},
        {"a: 1\nb: 2\na: 3\n", ERR_INVALID, 3, 1, "\"a\" stands here twice"},
        {"a: {b: 1, 'b': 2}\n", ERR_INVALID, 1, 11, "\"b\" stands here twice"},
        {"a: 1\n---\na: 2\n", ERR_INVALID, 2, 1, "one document"},
        {"? [a]\n: 1\n", ERR_INVALID, 1, 3, "key"},
        {"a: [1\n", ERR_SYNTAX, ANY, ANY, "not YAML"},
        {"a:\n\t- 1\n", ERR_SYNTAX, 2, ANY, "not YAML"},
        {"a: \"\\ud800\"\n", ERR_SYNTAX, ANY, ANY, "not YAML"},
        {"a: 1\nb: \xff\n", ERR_SYNTAX, 2, ANY, "UTF-8"},
        {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", ERR_NONE, ANY, ANY, NULL},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", ERR_LIMIT, 1, 17, "deeply"},
        {"", ERR_SYNTAX, ANY, ANY, "empty"},
        {"# nothing\n", ERR_SYNTAX, ANY, ANY, "empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct diag d = {0};
        struct yaml_places *places;
        arena_init(&a, 1 << 20);
        enum err e = yaml_check(&a, span_cstr(cases[i].text), &places, &d);
        if (e != cases[i].code || (cases[i].line && d.line != cases[i].line) ||
            (cases[i].column && d.column != cases[i].column) || (cases[i].says && !strstr(d.message, cases[i].says)))
            fail_msg("case %zu: %s at %u:%u: %s", i, err_name(e), (unsigned)d.line, (unsigned)d.column, d.message);
        assert_int_equal(yaml_check(&a, span_cstr(cases[i].text), &places, NULL), cases[i].code);
        arena_free(&a);
    }
}

static void refuses_large_files(void **state) {
    static char text[YAML_SIZE_MAX + 1];
    struct arena a;
    struct diag d = {0};
    struct yaml_places *places;
    memset(text, '#', sizeof text);
    arena_init(&a, 1 << 20);
    assert_int_equal(yaml_check(&a, span_of(text, sizeof text), &places, &d), ERR_LIMIT);
    for (size_t i = 0; i + 1 < sizeof text; i += 2) memcpy(text + i, "[,", 2); /* deep: stopped at the limit, quickly */
    assert_int_equal(yaml_check(&a, span_of(text, sizeof text - 1), &places, &d), ERR_SYNTAX);
    for (size_t i = 0; i + 4 <= sizeof text; i += 4) memcpy(text + i, "- a\n", 4); /* long: the arena's cap holds */
    assert_int_equal(yaml_check(&a, span_of(text, sizeof text - 1), &places, &d), ERR_NOMEM);
    arena_free(&a);
}

static void knows_places(void **state) {
    static const char text[] = "name: x\n"
                               "release:\n"
                               "  - to: JP-MOD\n"
                               "    rules:\n"
                               "      - tlp: green\n"
                               "      - {tlp: amber, types: [indicator, malware]}\n"
                               "end: y\n";
    static const struct {
        const char *path;
        uint64_t line, column;
    } cases[] = {
        {"name", 1, 1},
        {"release", 2, 1},
        {"release[0]", 3, 5},
        {"release[0].rules[0].tlp", 5, 9},
        {"release[0].rules[1].types", 6, 22},
        {"release[0].rules[1].types[1]", 6, 41},
        {"release[0].rules[1].types[7]", 6, 22}, /* not there: where its parent is */
        {"release[0].rules[1].colour.dark", 6, 9},
        {"end", 7, 1},
        {"nowhere.at.all", 1, 1},
        {"", 1, 1},
    };
    struct arena a;
    struct diag d = {0};
    struct yaml_places *places;
    arena_init(&a, 1 << 20);
    assert_int_equal(yaml_check(&a, span_cstr(text), &places, &d), ERR_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t line, column;
        yaml_place(places, cases[i].path, &line, &column);
        if (line != cases[i].line || column != cases[i].column)
            fail_msg("%s: %u:%u", cases[i].path, (unsigned)line, (unsigned)column);
    }
    arena_free(&a);
}

/* ---- loading ---- */

struct rule {
    char *tlp;
    unsigned confidence;
    int colour;
};
struct settings {
    char *name;
    struct rule *rules;
    unsigned rules_count;
};

static const cyaml_strval_t colours[] = {{"red", 1}, {"blue", 2}};
static const cyaml_schema_field_t rule_fields[] = {
    CYAML_FIELD_STRING_PTR("tlp", CYAML_FLAG_POINTER, struct rule, tlp, 1, 20),
    CYAML_FIELD_UINT("confidence", CYAML_FLAG_OPTIONAL, struct rule, confidence),
    CYAML_FIELD_ENUM("colour", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct rule, colour, colours, 2),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct rule, rule_fields)};
static const cyaml_schema_field_t settings_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct settings, name, 1, 20),
    CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings, rules, &rule_schema, 0, 2),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t settings_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct settings, settings_fields)};

static void loads(void **state) {
    void *data;
    struct diag d = {0};
    assert_int_equal(
        yaml_load(SPAN("name: x\nrules:\n  - tlp: green\n    confidence: 7\n"), &settings_schema, &data, &d), ERR_NONE);
    const struct settings *s = data;
    assert_string_equal(s->name, "x");
    assert_int_equal(s->rules_count, 1);
    assert_int_equal(s->rules[0].confidence, 7);
    yaml_unload(&settings_schema, data);
    yaml_unload(&settings_schema, NULL);
}

static void says_what_does_not_load(void **state) {
    static const struct {
        const char *text;
        enum err code;
        uint64_t line, column;
        const char *says;
    } cases[] = {
        {"name: x\ncolour: red\n", ERR_INVALID, 2, 1, "\"colour\" is not known here; known are: name, rules"},
        {"name: x\nrules:\n - tlp: a\n - {tlp: b, note: c}\n", ERR_INVALID, 4, 13,
         "\"note\" is not known in rules[1]; known are: tlp, confidence, colour"},
        {"rules: []\n", ERR_INVALID, 1, 1, "\"name\" is missing"},
        {"name: x\nrules:\n - tlp: a\n - confidence: 1\n", ERR_INVALID, 4, 4, "\"tlp\" is missing in rules[1]"},
        {"name: x\nrules:\n  - tlp: green\n    confidence: high\n", ERR_INVALID, 4, 17,
         "Invalid uint64_t value: 'high', at rules[0].confidence"},
        {"name: x\nrules:\n  - tlp: a\n    colour: green\n", ERR_INVALID, 4, 13,
         "Invalid ENUM value: green, at rules[0].colour; one of: red, blue"},
        {"name: x\nrules: 7\n", ERR_INVALID, 2, 8, "Expecting SEQUENCE, got event: SCALAR, at rules"},
        {"name: x\nrules: [{tlp: a}, {tlp: b}, {tlp: c}]\n", ERR_INVALID, 2, 29,
         "Excessive entries (2 max) in sequence., at rules"},
        {"name: \"\"\n", ERR_INVALID, 1, 7, "STRING length < 1: , at name"},
        {"- a\n", ERR_INVALID, 1, 1, NULL},
        {"name: [\n", ERR_SYNTAX, ANY, ANY, NULL},
        {"name: &x y\n", ERR_INVALID, 1, 7, NULL},
        {"", ERR_SYNTAX, ANY, ANY, "the file is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *data;
        struct diag d = {0};
        enum err e = yaml_load(span_cstr(cases[i].text), &settings_schema, &data, &d);
        assert_null(data);
        if (e != cases[i].code || (cases[i].line && d.line != cases[i].line) ||
            (cases[i].column && d.column != cases[i].column) ||
            (cases[i].says && strcmp(d.message, cases[i].says) != 0))
            fail_msg("case %zu: %s at %u:%u: %s", i, err_name(e), (unsigned)d.line, (unsigned)d.column, d.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_plain),
        cmocka_unit_test(refuses_large_files),
        cmocka_unit_test(knows_places),
        cmocka_unit_test(loads),
        cmocka_unit_test(says_what_does_not_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
