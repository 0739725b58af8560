/* The strict parser: parse.txt says what is JSON and where it is not; here, how a document is read. */
#include "json/json.h"

#include <math.h>

#include "case_file.h"

enum { MEMORY = 64 << 20 };

static void accepts_and_refuses(void **state) {
    struct buf file = case_file("parse.txt"), text = BUF_EMPTY;
    struct span rest = buf_span(&file), line;
    struct arena a;
    arena_init(&a, MEMORY);
    for (unsigned number = 0; case_line(&rest, &line, &number);) {
        struct span expected = span_cut(&line, ' ');
        struct json_doc doc;
        struct diag d = {0};
        char got[64] = "ok";
        buf_clear(&text);
        arena_reset(&a);
        case_decode(line, &text);
        char *exact = malloc(text.len ? text.len : 1); /* so that reading past the end is caught */
        if (text.len) memcpy(exact, text.at, text.len);
        if (json_parse(&a, span_of(exact, text.len), &doc, &d))
            snprintf(got, sizeof got, "%s@%u:%u", err_name(d.code), (unsigned)d.line, (unsigned)d.column);
        if (!span_is(expected, got)) fail_msg("parse.txt:%u: %s (%s)", number, got, d.message);
        struct json_doc again;
        assert_int_equal(json_parse(&a, span_of(exact, text.len), &again, NULL), d.code);
        free(exact);
    }
    arena_free(&a);
    buf_free(&file);
    buf_free(&text);
}

/* Every document of parse.txt, with memory that runs out at every allocation: refused, never misread. */
static void runs_out_of_memory(void **state) {
    static const char text[] =
        "{\"a\":[1,2,3,{\"\\u0062\":null}],\"c\":\"d\",\"e\":[[],[],[],[],[],[],[],[],[],[],[],[],"
        "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}";
    bool fits = false;
    for (size_t cap = 0; cap < 8192; cap += 16) {
        struct arena a;
        struct json_doc doc;
        struct diag d = {0};
        arena_init(&a, cap);
        enum err e = json_parse(&a, SPAN(text), &doc, &d);
        assert_true(e == ERR_NONE || e == ERR_NOMEM);
        assert_true(e == ERR_NONE || !fits);
        fits = e == ERR_NONE;
        if (fits) assert_int_equal(json_count(json_get(json_root(&doc), "e")), 40);
        arena_free(&a);
    }
    assert_true(fits);
}

static struct json_value parse(struct arena *a, const char *text, struct json_doc *doc) {
    struct diag d = {0};
    if (json_parse(a, span_cstr(text), doc, &d)) fail_msg("%s", d.message);
    return json_root(doc);
}

static void reads_members_and_elements(void **state) {
    struct arena a;
    struct json_doc doc;
    arena_init(&a, MEMORY);
    struct json_value v = parse(&a,
                                " { \"type\" : \"bundle\", \"objects\" : [ {\"a\\u0062\": [1, true]} , \"x\\ty\" ], "
                                "\"n\": null, \"\": false }",
                                &doc);
    assert_int_equal(json_type(v), JSON_OBJECT);
    assert_int_equal(json_count(v), 4);
    assert_true(json_is(json_get(v, "type"), SPAN("bundle")));
    assert_false(json_is(json_get(v, "type"), SPAN("bundl")));
    assert_int_equal(json_type(json_get(v, "n")), JSON_NULL);
    assert_int_equal(json_type(json_get(v, "")), JSON_FALSE);
    assert_false(json_exists(json_get(v, "typ")));
    struct json_value objects = json_get(v, "objects");
    assert_int_equal(json_count(objects), 2);
    assert_true(span_is(json_raw(objects), "[ {\"a\\u0062\": [1, true]} , \"x\\ty\" ]"));
    assert_true(span_is(json_raw(json_at(objects, 1)), "\"x\\ty\""));
    assert_true(span_is(json_spelt(json_at(objects, 1)), "x\\ty"));
    assert_true(span_is(json_text(json_at(objects, 1), &a), "x\ty"));
    assert_true(json_is(json_at(objects, 1), SPAN("x\ty")));
    assert_false(json_is(json_at(objects, 1), SPAN("x\\ty")));
    struct json_value ab = json_get(json_at(objects, 0), "ab");
    bool b = false;
    assert_true(json_bool(json_at(ab, 1), &b) && b);
    assert_false(json_bool(json_at(ab, 0), &b));
    assert_false(json_exists(json_at(ab, 2)));
    arena_free(&a);
}

static void answers_for_what_is_missing(void **state) {
    struct arena a;
    int64_t n;
    double real;
    bool b;
    arena_init(&a, 1000);
    struct json_value none = JSON_MISSING;
    assert_false(json_exists(json_get(json_at(json_get(none, "a"), 3), "b")));
    assert_int_equal(json_raw(none).len, 0);
    assert_int_equal(json_count(none), 0);
    assert_null(json_text(none, &a).at);
    assert_false(json_int(none, &n) || json_double(none, &real) || json_bool(none, &b) || json_is(none, SPAN("")));
    struct json_iter it = json_iter(none);
    assert_false(json_next(&it));
    char path[10] = "x";
    assert_string_equal(json_path(none, path, sizeof path), "");
    arena_free(&a);
}

static void iterates(void **state) {
    struct arena a;
    struct json_doc doc;
    arena_init(&a, MEMORY);
    struct json_value v = parse(&a, "{\"a\":[[],{},3],\"b\":{\"c\":1},\"d\":2}", &doc);
    char seen[64] = "";
    for (struct json_iter it = json_iter(v); json_next(&it);)
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%u%.*s%u ", it.index, SPAN_ARG(json_spelt(it.key)),
                 json_count(it.value));
    assert_string_equal(seen, "0a3 1b1 2d0 ");
    uint32_t count = 0;
    for (struct json_iter it = json_iter(json_get(v, "a")); json_next(&it); count++) {
        assert_int_equal(it.index, count);
        assert_false(json_exists(it.key));
        assert_true(json_exists(it.value));
    }
    assert_int_equal(count, 3);
    struct json_iter scalar = json_iter(json_get(v, "d"));
    assert_false(json_next(&scalar));
    arena_free(&a);
}

static void unescapes(void **state) {
    static const struct {
        const char *json;
        struct span text;
    } cases[] = {
        {"\"\"", {"", 0}},
        {"\"\\u0000\"", {"\0", 1}},
        {"\"a\\u0000b\"", {"a\0b", 3}},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
        {"\"\\u00e9\\u9023\\ud83d\\udee1\"", {"\xc3\xa9\xe9\x80\xa3\xf0\x9f\x9b\xa1", 9}},
        {"\"\\uDBFF\\uDFFF\\uffff\"", {"\xf4\x8f\xbf\xbf\xef\xbf\xbf", 7}},
    };
    struct arena a;
    arena_init(&a, MEMORY);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_doc doc;
        struct json_value v = parse(&a, cases[i].json, &doc);
        assert_true(span_equal(json_text(v, &a), cases[i].text));
        assert_true(json_is(v, cases[i].text));
    }
    arena_free(&a);
}

static void reads_numbers(void **state) {
    static const struct {
        const char *json;
        bool whole;
        int64_t n;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-0.0e5", true, 0},
        {"1", true, 1},
        {"1.0", true, 1},
        {"1e2", true, 100},
        {"1E+2", true, 100},
        {"1.5", false, 0},
        {"1.5e1", true, 15},
        {"1200e-2", true, 12},
        {"12e-2", false, 0},
        {"0.001e3", true, 1},
        {"0.001e2", false, 0},
        {"1e-400", false, 0},
        {"0e99999999999999999999", true, 0},
        {"1e99999999999999999999", false, 0},
        {"1e-99999999999999999999", false, 0},
        {"1e18", true, 1000000000000000000},
        {"1e19", false, 0},
        {"9007199254740993.0", true, 9007199254740993},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"9223372036854775807.000", true, INT64_MAX},
        {"99999999999999999999", false, 0},
        {"1.00000000000000000001", false, 0},
        {"\"1\"", false, 0},
    };
    struct arena a;
    arena_init(&a, MEMORY);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_doc doc;
        int64_t n = 0;
        bool whole = json_int(parse(&a, cases[i].json, &doc), &n);
        if (whole != cases[i].whole || n != cases[i].n) fail_msg("%s: %d %lld", cases[i].json, whole, (long long)n);
    }
    struct json_doc doc;
    double real;
    assert_true(json_double(parse(&a, "-1.25e2", &doc), &real));
    assert_true(fabs(real + 125.0) < 1e-12);
    assert_true(json_double(parse(&a, "1e-400", &doc), &real));
    assert_false(json_double(parse(&a, "1e400", &doc), &real));
    assert_false(json_double(parse(&a, "\"1\"", &doc), &real));
    arena_free(&a);
}

static void names_paths(void **state) {
    struct arena a;
    struct json_doc doc;
    char path[JSON_PATH_SIZE];
    arena_init(&a, MEMORY);
    struct json_value v = parse(&a, "{\"objects\":[1,[2],{\"x\":1,\"pattern\":\"p\"}],\"z\":0}", &doc);
    struct json_value object = json_at(json_get(v, "objects"), 2), pattern = json_get(object, "pattern");
    assert_string_equal(json_path(v, path, sizeof path), "");
    assert_string_equal(json_path(object, path, sizeof path), "objects[2]");
    assert_string_equal(json_path(pattern, path, sizeof path), "objects[2].pattern");
    assert_string_equal(json_path(json_at(json_at(json_get(v, "objects"), 1), 0), path, sizeof path), "objects[1][0]");
    assert_string_equal(json_path(json_get(v, "z"), path, sizeof path), "z");
    struct json_iter it = json_iter(object);
    json_next(&it);
    assert_string_equal(json_path(it.key, path, sizeof path), "objects[2].x");
    for (size_t size = 0; size < 20; size++) {
        memset(path, '!', sizeof path);
        json_path(pattern, path, size);
        assert_int_equal(path[size], '!');
    }
    arena_free(&a);
}

/* A table of keys big enough for its own memory, and text that nearly fills a block wherever it starts. */
static void holds_wide_objects(void **state) {
    struct buf text = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    struct diag d = {0};
    arena_init(&a, MEMORY);
    buf_add_cstr(&text, "{\"\\u006bey\":0");
    for (int i = 0; i < 5000; i++) buf_printf(&text, ",\"key-%d\":%d", i, i);
    buf_add_char(&text, '}');
    assert_int_equal(json_parse(&a, buf_span(&text), &doc, &d), ERR_NONE);
    int64_t n = 0;
    assert_true(json_int(json_get(json_root(&doc), "key-4999"), &n) && n == 4999);
    assert_true(json_int(json_get(json_root(&doc), "key"), &n) && n == 0);
    text.len--;
    buf_add_cstr(&text, ",\"key-77\":0}");
    assert_int_equal(json_parse(&a, buf_span(&text), &doc, &d), ERR_INVALID);
    assert_non_null(strstr(d.message, "\"key-77\" stands twice"));
    buf_free(&text);
    for (size_t len = 0; len < 70; len++)
        for (size_t bad = 0; bad < len; bad++) {
            char string[80];
            memset(string, 'a', sizeof string);
            string[0] = string[len + 1] = '"';
            assert_int_equal(json_parse(&a, span_of(string, len + 2), &doc, &d), ERR_NONE);
            assert_int_equal(json_spelt(json_root(&doc)).len, len);
            string[1 + bad] = 0x1f;
            assert_int_equal(json_parse(&a, span_of(string, len + 2), &doc, &d), ERR_SYNTAX);
            assert_int_equal(d.offset, 1 + bad);
            arena_reset(&a);
        }
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_and_refuses),
        cmocka_unit_test(runs_out_of_memory),
        cmocka_unit_test(reads_members_and_elements),
        cmocka_unit_test(answers_for_what_is_missing),
        cmocka_unit_test(iterates),
        cmocka_unit_test(unescapes),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(names_paths),
        cmocka_unit_test(holds_wide_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
