/* The writer, and canonical form: canonical.txt holds its cases. */
#include "json/write.h"

#include <math.h>

#include "case_file.h"

static void writes(void **state) {
    struct buf b = BUF_EMPTY;
    struct json_writer w = json_writer(&b);
    json_begin_object(&w);
    json_member_cstr(&w, "a", "x\"\\\n\x01\x7f/");
    json_member_number(&w, "b", INT64_MIN);
    json_member_truth(&w, "c", true);
    json_key(&w, "d");
    json_begin_array(&w);
    json_null(&w);
    json_begin_array(&w);
    json_end_array(&w);
    json_begin_object(&w);
    json_end_object(&w);
    json_splice(&w, SPAN("{\"raw\":1}"));
    json_real(&w, 0.1);
    json_real(&w, NAN);
    json_end_array(&w);
    json_member_time(&w, "e", 1453293072123000);
    json_member_time(&w, "f", TIME_NONE);
    json_member(&w, "g", (struct span){0});
    json_key_span(&w, SPAN("h\t"));
    json_truth(&w, false);
    json_end_object(&w);
    assert_string_equal(buf_cstr(&b),
                        "{\"a\":\"x\\\"\\\\\\n\\u0001\x7f/\",\"b\":-9223372036854775808,\"c\":true,"
                        "\"d\":[null,[],{},{\"raw\":1},0.1,null],\"e\":\"2016-01-20T12:31:12.123Z\",\"f\":null,"
                        "\"g\":\"\",\"h\\t\":false}");
    buf_free(&b);
}

static void repairs_utf8(void **state) {
    static const struct {
        struct span text;
        const char *json;
    } cases[] = {
        {{"\xe9\x80\xa3", 3}, "\"\xe9\x80\xa3\""},
        {{"a\xff\"b", 4}, "\"a\xef\xbf\xbd\\\"b\""},
        {{"\xff", 1}, "\"\xef\xbf\xbd\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_EMPTY;
        struct json_writer w = json_writer(&b);
        json_string(&w, cases[i].text);
        assert_string_equal(buf_cstr(&b), cases[i].json);
        buf_free(&b);
    }
}

static void nests_to_the_limit(void **state) {
    struct buf b = BUF_EMPTY;
    struct json_writer w = json_writer(&b);
    struct json_doc doc;
    struct diag d = {0};
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) json_begin_array(&w);
    json_number(&w, 1);
    json_number(&w, 2);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        json_end_array(&w);
        if (i < JSON_DEPTH_MAX - 1) json_number(&w, 3);
    }
    assert_true(buf_ok(&b));
    assert_int_equal(json_parse(&a, buf_span(&b), &doc, &d), ERR_NONE);
    assert_int_equal(json_count(json_root(&doc)), 2);
    struct buf canonical = BUF_EMPTY;
    assert_int_equal(json_canonical(&canonical, json_root(&doc), &a, &d), ERR_NONE);
    assert_true(span_equal(buf_span(&canonical), buf_span(&b)));
    buf_free(&canonical);
    for (int i = 0; i <= JSON_DEPTH_MAX; i++) json_begin_array(&w);
    assert_false(buf_ok(&b));
    buf_free(&b);
    arena_free(&a);
}

static void canonical_cases(void **state) {
    struct buf file = case_file("canonical.txt");
    struct span rest = buf_span(&file), line;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (unsigned number = 0; case_line(&rest, &line, &number);) {
        struct buf text = BUF_EMPTY, expected = BUF_EMPTY, got = BUF_EMPTY, again = BUF_EMPTY;
        struct json_doc doc;
        struct diag d = {0};
        case_decode(line, &text);
        assert_true(case_line(&rest, &line, &number));
        case_decode(line, &expected);
        if (json_parse(&a, buf_span(&text), &doc, &d) || json_canonical(&got, json_root(&doc), &a, &d))
            fail_msg("canonical.txt:%u: %s", number, d.message);
        if (!span_equal(buf_span(&got), buf_span(&expected))) fail_msg("canonical.txt:%u: %s", number, buf_cstr(&got));
        assert_int_equal(json_parse(&a, buf_span(&got), &doc, &d), ERR_NONE);
        assert_int_equal(json_canonical(&again, json_root(&doc), &a, &d), ERR_NONE);
        assert_true(span_equal(buf_span(&got), buf_span(&again)));
        buf_free(&text);
        buf_free(&expected);
        buf_free(&got);
        buf_free(&again);
        arena_reset(&a);
    }
    arena_free(&a);
    buf_free(&file);
}

/* RFC 8785 appendix B: a double's bits and its spelling. */
static void spells_numbers_as_ecmascript(void **state) {
    static const struct {
        uint64_t bits;
        const char *text;
    } cases[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
        {0x3d30000000000000, "5.684341886080802e-14"}, /* 2^-44: the nearest sixteen digits belong to its neighbour */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double n;
        struct buf b = BUF_EMPTY;
        struct json_writer w = json_writer(&b);
        memcpy(&n, &cases[i].bits, sizeof n);
        json_real(&w, n);
        assert_string_equal(buf_cstr(&b), cases[i].text);
        buf_free(&b);
    }
}

static void canonical_refuses(void **state) {
    struct arena a;
    struct json_doc doc;
    struct diag d = {0};
    struct buf b = BUF_EMPTY;
    arena_init(&a, 1 << 20);
    assert_int_equal(json_parse(&a, SPAN("[1e400]"), &doc, &d), ERR_NONE);
    assert_int_equal(json_canonical(&b, json_root(&doc), &a, &d), ERR_INVALID);
    struct buf small = {.cap = 3};
    assert_int_equal(json_parse(&a, SPAN("[1,2,3]"), &doc, &d), ERR_NONE);
    assert_int_equal(json_canonical(&small, json_root(&doc), &a, &d), ERR_NOMEM);
    struct arena none;
    arena_init(&none, 8);
    assert_int_equal(json_parse(&a, SPAN("{\"a\":1}"), &doc, &d), ERR_NONE);
    assert_int_equal(json_canonical(&b, json_root(&doc), &none, &d), ERR_NOMEM);
    buf_free(&b);
    buf_free(&small);
    arena_free(&none);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes),
        cmocka_unit_test(repairs_utf8),
        cmocka_unit_test(nests_to_the_limit),
        cmocka_unit_test(canonical_cases),
        cmocka_unit_test(spells_numbers_as_ecmascript),
        cmocka_unit_test(canonical_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
