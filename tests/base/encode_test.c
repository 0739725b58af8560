#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void hexadecimal(void **state) {
    uint8_t bytes[4];
    assert_true(hex_read(SPAN("00fFa57E"), bytes, 4));
    assert_memory_equal(bytes, "\x00\xff\xa5\x7e", 4);
    assert_false(hex_read(SPAN("00ffa57"), bytes, 4));
    assert_false(hex_read(SPAN("00ffa57e0"), bytes, 4));
    assert_false(hex_read(SPAN("00ffa5g0"), bytes, 4));
    assert_false(hex_read(SPAN("0x00ffa5"), bytes, 4));
    assert_true(hex_read((struct span){0}, bytes, 0));
    struct buf b = BUF_EMPTY;
    buf_add_hex(&b, span_of(bytes, 4));
    assert_true(span_is(buf_span(&b), "00ffa57e"));
    buf_free(&b);
}

/* RFC 4648 §10 */
static void base64(void **state) {
    static const char *const cases[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xef\xbe", "/+++"}};
    static const char *const bad[] = {"Zg",   "Zg=",      "Zg===",  "Zh==",  "Zm9=", "====",    "Z===",
                                      "=Zg=", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm-_", "Zm9vYg=a"};
    struct arena a;
    struct span out;
    arena_init(&a, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_EMPTY;
        buf_add_base64(&b, span_cstr(cases[i][0]));
        assert_true(span_is(buf_span(&b), cases[i][1]));
        assert_true(base64_read(&a, span_cstr(cases[i][1]), &out));
        assert_true(span_is(out, cases[i][0]));
        buf_free(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (base64_read(&a, span_cstr(bad[i]), &out)) fail_msg("\"%s\" was read", bad[i]);
    arena_free(&a);
}

static void utf8(void **state) {
    static const struct {
        const char *text;
        size_t bad; /* SIZE_MAX = well-formed */
    } cases[] = {
        {"plain text, long enough for words", SIZE_MAX},
        {"\xe9\x80\xa3\xe6\x90\xba \xec\x97\xb0\xea\xb3\x84 \xf0\x9f\x9b\xa1", SIZE_MAX},
        {"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", SIZE_MAX},
        {"12345678\x80", 8},
        {"a\xc0\xaf", 1},
        {"a\xc1\xbf", 1},
        {"\xe0\x80\xaf", 0},
        {"\xed\xa0\x80", 0},
        {"\xed\xbf\xbf", 0},
        {"\xf0\x80\x80\xaf", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xfe", 0},
        {"ab\xe3\x81", 2},
        {"ab\xe3\x81"
         "c",
         2},
        {"\xf0\x9f\x9b", 0},
        {"\xc3", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t bad = SIZE_MAX;
        assert_int_equal(utf8_valid(span_cstr(cases[i].text), &bad), cases[i].bad == SIZE_MAX);
        assert_true(bad == cases[i].bad);
    }
    assert_true(utf8_valid((struct span){0}, NULL));
    assert_int_equal(utf8_length((struct span){0}), 0);
}

static void every_code_point(void **state) {
    struct buf b = BUF_EMPTY;
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x11000 ? 1 : 97) {
        buf_clear(&b);
        buf_add_utf8(&b, c);
        bool surrogate = c >= 0xd800 && c < 0xe000;
        assert_int_equal(utf8_length(buf_span(&b)), surrogate ? 0 : b.len);
    }
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(base64),
        cmocka_unit_test(utf8),
        cmocka_unit_test(every_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
