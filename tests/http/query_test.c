#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/query.h"

struct path_case {
    const char *raw;
    enum err err;
    const char *path;
};

static void paths(void **state) {
    static const struct path_case cases[] = {
        {"/", ERR_NONE, "/"},
        {"/taxii2/", ERR_NONE, "/taxii2/"},
        {"/a%20b/", ERR_NONE, "/a b/"},
        {"/a+b/", ERR_NONE, "/a+b/"},
        {"/%E9%80%A3/", ERR_NONE, "/連/"},
        {"//x", ERR_NONE, "//x"},
        {"/...", ERR_NONE, "/..."},
        {"", ERR_INVALID, NULL},
        {"*", ERR_INVALID, NULL},
        {"http://x/", ERR_INVALID, NULL},
        {"/a/../b", ERR_INVALID, NULL},
        {"/a/..", ERR_INVALID, NULL},
        {"/.", ERR_INVALID, NULL},
        {"/./", ERR_INVALID, NULL},
        {"/%2e%2E/b", ERR_INVALID, NULL},
        {"/a%2fb", ERR_INVALID, NULL},
        {"/a%2Fb", ERR_INVALID, NULL},
        {"/a%00b", ERR_INVALID, NULL},
        {"/a%0d%0ab", ERR_INVALID, NULL},
        {"/a%7f", ERR_INVALID, NULL},
        {"/a\\b", ERR_INVALID, NULL},
        {"/a%5Cb", ERR_INVALID, NULL},
        {"/%ff", ERR_INVALID, NULL},
        {"/%c0%af", ERR_INVALID, NULL}, /* "/" in overlong UTF-8 */
        {"/%", ERR_SYNTAX, NULL},
        {"/%4", ERR_SYNTAX, NULL},
        {"/%g1", ERR_SYNTAX, NULL},
        {"/%1g", ERR_SYNTAX, NULL},
        {"/%252e%252e", ERR_NONE, "/%2e%2e"}, /* decoded once, not twice */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct span path = {0};
        struct diag d = {0};
        arena_init(&a, 1 << 16);
        enum err err = http_path_decode(&a, span_cstr(cases[i].raw), &path, &d);
        if (err != cases[i].err) fail_msg("%s: %s (%s)", cases[i].raw, err_name(err), d.message);
        if (!err && !span_is(path, cases[i].path)) fail_msg("%s: %.*s", cases[i].raw, SPAN_ARG(path));
        if (err) assert_true(d.message[0]);
        arena_free(&a);
    }
}

static void parameters(void **state) {
    struct arena a;
    struct http_query q;
    struct span v;
    arena_init(&a, 1 << 16);
    assert_int_equal(http_query_parse(&a,
                                      SPAN("added_after=2020-01-01T00%3A00%3A00Z&&match[id]=a,b&next=&flag&"
                                           "match%5Bid%5D=c&x=1=2&b=a+b%2Bc"),
                                      &q, NULL),
                     ERR_NONE);
    assert_int_equal(q.count, 7);
    assert_true(http_query_find(&q, "added_after", &v) && span_is(v, "2020-01-01T00:00:00Z"));
    assert_true(http_query_find(&q, "match[id]", &v) && span_is(v, "a,b"));
    assert_int_equal(http_query_count(&q, "match[id]"), 2);
    assert_true(http_query_find(&q, "next", &v) && v.len == 0);
    assert_true(http_query_find(&q, "flag", &v) && v.len == 0);
    assert_true(http_query_find(&q, "x", &v) && span_is(v, "1=2"));
    assert_true(http_query_find(&q, "b", &v) && span_is(v, "a b+c"));
    assert_false(http_query_find(&q, "Next", &v));
    assert_int_equal(http_query_parse(&a, SPAN(""), &q, NULL), ERR_NONE);
    assert_int_equal(q.count, 0);
    assert_int_equal(http_query_parse(&a, SPAN("a=%zz"), &q, NULL), ERR_SYNTAX);
    assert_int_equal(http_query_parse(&a, SPAN("a=%00"), &q, NULL), ERR_INVALID);
    assert_int_equal(http_query_parse(&a, SPAN("%fe=1"), &q, NULL), ERR_INVALID);
    arena_free(&a);
}

static void limits(void **state) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct http_query q;
    struct diag d = {0};
    arena_init(&a, 1 << 16);
    for (int i = 0; i < HTTP_QUERY_PARAMS_MAX; i++) buf_add_cstr(&text, "a=1&");
    assert_int_equal(http_query_parse(&a, buf_span(&text), &q, &d), ERR_NONE);
    assert_int_equal(q.count, HTTP_QUERY_PARAMS_MAX);
    buf_add_cstr(&text, "b");
    assert_int_equal(http_query_parse(&a, buf_span(&text), &q, &d), ERR_LIMIT);
    arena_free(&a);
    arena_init(&a, 16);
    assert_int_equal(http_query_parse(&a, SPAN("a=1&b=2"), &q, &d), ERR_NOMEM);
    arena_free(&a);
    buf_free(&text);
}

/* What is encoded comes back as it was. */
static void encoding(void **state) {
    struct arena a;
    struct buf url = BUF_EMPTY;
    struct http_query q;
    struct span v, all = buf_span(&url);
    arena_init(&a, 1 << 16);
    buf_add_cstr(&url, "/objects/");
    http_query_add(&url, SPAN("match[id]"), SPAN("a&b=c d+e/\xe9\x80\xa3~"));
    http_query_add(&url, SPAN("limit"), SPAN("10"));
    assert_true(span_is(buf_span(&url), "/objects/?match%5Bid%5D=a%26b%3Dc%20d%2Be%2F%E9%80%A3~&limit=10"));
    all = buf_span(&url);
    span_cut(&all, '?');
    assert_int_equal(http_query_parse(&a, all, &q, NULL), ERR_NONE);
    assert_true(http_query_find(&q, "match[id]", &v) && span_is(v, "a&b=c d+e/連~"));
    arena_free(&a);
    buf_free(&url);
}

static void header_fields(void **state) {
    assert_true(http_header_name_valid(SPAN("X-TAXII-Date-Added-First")));
    assert_false(http_header_name_valid(SPAN("")));
    assert_false(http_header_name_valid(SPAN("a b")));
    assert_false(http_header_name_valid(SPAN("a:b")));
    assert_false(http_header_name_valid(SPAN("a\0b")));
    assert_true(http_header_value_valid(SPAN("a\tb \xe9\x80\xa3")));
    assert_false(http_header_value_valid(SPAN("a\r\nSet-Cookie: x")));
    assert_false(http_header_value_valid(SPAN("a\nb")));
    assert_false(http_header_value_valid(SPAN("a\0b")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),    cmocka_unit_test(parameters),    cmocka_unit_test(limits),
        cmocka_unit_test(encoding), cmocka_unit_test(header_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
