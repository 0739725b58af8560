/* Splitting bundles, envelopes, lists and lines into objects. Every case is read in one piece, byte by byte and in
 * pieces of other sizes: where a read ends must make no difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stix/bundle.h"
#include "stix/object.h"

struct feed {
    struct span rest;
    size_t piece; /* bytes a read gives at most */
    enum err fails;
};

static enum err give(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct feed *f = context;
    *got = f->rest.len < f->piece ? f->rest.len : f->piece;
    if (*got > size) *got = size;
    if (*got == 0 && f->fails) return diag_set(d, f->fails, "the source broke");
    if (*got) memcpy(at, f->rest.at, *got);
    f->rest = span_from(f->rest, *got);
    return ERR_NONE;
}

/* All objects joined by '|', then '!' and the offset if it ended in an error. */
static void split(struct span text, size_t piece, struct buf *out, struct diag *d) {
    struct feed feed = {text, piece, ERR_NONE};
    struct stix_stream s;
    struct span object;
    uint64_t index, offset, count = 0;
    enum err e;
    stix_stream_open(&s, give, &feed);
    while (!(e = stix_stream_next(&s, &object, &index, &offset, d)) && object.at) {
        assert_int_equal(index, count++);
        assert_true(offset + object.len <= text.len);
        assert_memory_equal(text.at + offset, object.at, object.len);
        if (out->len) buf_add_char(out, '|');
        buf_add(out, object);
    }
    if (e) {
        assert_int_equal(e, ERR_SYNTAX);
        assert_true(d->offset <= text.len && d->message[0]);
        buf_printf(out, "!%llu", (unsigned long long)d->offset);
    }
    stix_stream_close(&s);
}

#define X  "{\"type\":\"x\",\"a\":1}"
#define Y  "{ \"id\":\"y--1\", \"b\":[{},\"]}\\\"{[\\\\\"] }"
#define BU "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":["

static const struct {
    const char *text, *objects;
} cases[] = {
    {BU X "," Y "]}", X "|" Y},
    {BU X "]}", X},
    {BU "]}", ""},
    {" \r\n\t" BU " " X " , " Y " ] } \n", X "|" Y},
    {"\xef\xbb\xbf" BU X "]}", X},
    {"{\"objects\":[" X "],\"id\":\"bundle--1\",\"type\":\"bundle\"}", X},
    {"{\"objects\":[" X "]}", X},
    {"{\"more\":true,\"next\":\"a\\\"b\",\"objects\":[" X "]}", X},
    {"{\"objects\":[" X "],\"more\":false}", X},
    {"{\"type\":\"bundle\",\"x_custom\":{\"objects\":[1]},\"n\":1e5,\"t\":true,\"objects\":[" X "]}", X},
    {"{\"type\":\"bundle\",\"id\":\"bundle--1\"}", ""},
    {"{\"more\":false}", ""},
    {"{}", ""},
    {"[]", ""},
    {"[" X "," Y "]", X "|" Y},
    {" [ " X " ] ", X},
    {X, X},
    {"\n" X "\n", X},
    {X "\n" Y "\n", X "|" Y},
    {Y X, Y "|" X},
    {"{\"objects\":{\"0\":{}},\"type\":\"observed-data\"}", "{\"objects\":{\"0\":{}},\"type\":\"observed-data\"}"},
    {"{\"type\":\"x\",\"objects\":[1]}", "{\"type\":\"x\",\"objects\":[1]}"},
    /* what is none of these */
    {"", "!0"},
    {" \n", "!2"},
    {"x", "!0"},
    {"\"type\"", "!0"},
    {"17", "!0"},
    {"{\"a\":1}", "!6"},
    {"{\"a\" 1}", "!5"},
    {"{a:1}", "!1"},
    {"{\"type\":}", "!8"},
    {"{\"objects\":{}}", "!13"},
    {"{\"type\":\"bundle\",\"objects\":{}}", "!27"},
    {"{\"type\":\"bundle\",\"objects\":", "!27"},
    {"{\"type\":\"bundle\"", "!16"},
    {"{\"type\":\"bund", "!8"},
    {"{\"type\":\"bundle\" \"id\":1}", "!17"},
    {"[" X, X "!19"},
    {"[" X ",", X "!20"},
    {"[" X ",]", X "!20"},
    {"[" X " , ] ", X "!22"},
    {"[," X "]", "!1"},
    {"[" X X "]", X "!19"},
    {"[1]", "!1"},
    {"[" X ",1]", X "!20"},
    {"[" X "]]", X "!20"},
    {"[" X "] " X, X "!21"},
    {"[{\"a\":[}", "!1"},
    {"[{\"a\":\"}]", "!1"},
    {"[{\"a\":\"\\", "!1"},
    {BU X "]", X "!64"},
    {BU X "]}}", X "!65"},
    {BU X "],\"objects\":[]}", X "!75"},
    {BU X "],\"type\":\"report\"}", X "!80"},
    {BU X "],}", X "!65"},
    {BU X "],\"a\":}", X "!69"},
    {BU X "],\"a\":", X "!69"},
    {X ",", X "!18"},
    {X "]", X "!18"},
    {X "\n[" X "]", X "!19"},
};

static void test_cases(void **state) {
    static const size_t pieces[] = {SIZE_MAX, 1, 2, 3, 7, 16, 63, 64, 65};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            struct buf found = BUF_EMPTY;
            struct diag d = {0};
            split(span_cstr(cases[i].text), pieces[p], &found, &d);
            if (!span_is(buf_span(&found), cases[i].objects))
                fail_msg("%s in pieces of %zu:\n expected %s\n found    %.*s (%s)", cases[i].text, pieces[p],
                         cases[i].objects, SPAN_ARG(buf_span(&found)), d.message);
            buf_free(&found);
        }
    struct buf found = BUF_EMPTY;
    struct diag d;
    split(span_of("[{}\0]", 5), SIZE_MAX, &found, &d); /* a zero byte is not the end */
    assert_true(span_is(buf_span(&found), "{}!3"));
    buf_free(&found);
}

/* Strings, escapes and brackets at every distance from the 64-byte blocks the scanner reads. */
static void test_alignment(void **state) {
    static const char *const tricky[] = {"\\\\", "\\\"", "\\\\\\\"", "}", "{", "]}", "\\u0022", "あ", "\\\\\\\\"};
    (void)state;
    for (size_t t = 0; t < sizeof tricky / sizeof *tricky; t++)
        for (size_t pad = 0; pad < 140; pad++) {
            struct buf object = BUF_EMPTY, text = BUF_EMPTY, found = BUF_EMPTY, expected = BUF_EMPTY;
            struct diag d = {0};
            buf_add_cstr(&object, "{\"a\":\"");
            for (size_t i = 0; i < pad; i++) buf_add_char(&object, 'x');
            buf_printf(&object, "%s\",\"b\":[{\"c\":[]}],\"d\":\"%s\"}", tricky[t], tricky[t]);
            buf_printf(&text, "[%.*s,%.*s]", SPAN_ARG(buf_span(&object)), SPAN_ARG(buf_span(&object)));
            buf_printf(&expected, "%.*s|%.*s", SPAN_ARG(buf_span(&object)), SPAN_ARG(buf_span(&object)));
            split(buf_span(&text), pad % 3 ? 50 : SIZE_MAX, &found, &d);
            if (!span_equal(buf_span(&found), buf_span(&expected)))
                fail_msg("%.*s: %s", SPAN_ARG(buf_span(&text)), d.message);
            buf_free(&object);
            buf_free(&text);
            buf_free(&found);
            buf_free(&expected);
        }
}

/* ---- sizes ---- */

/* Makes bytes as they are asked for: head, then `fill` bytes of one character, then tail; `times` over. */
struct maker {
    const char *head, *tail;
    char fill;
    uint64_t length, times, at;
};

static enum err make(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct maker *m = context;
    size_t head = strlen(m->head), tail = strlen(m->tail);
    uint64_t one = head + m->length + tail;
    char *out = at;
    (void)d;
    for (*got = 0; *got < size && m->at < one * m->times; m->at++, ++*got) {
        uint64_t in = m->at % one;
        out[*got] = in < head ? m->head[in] : in < head + m->length ? m->fill : m->tail[in - head - m->length];
    }
    return ERR_NONE;
}

static enum err count_objects(struct maker *m, uint64_t *count, size_t *largest_window, struct diag *d) {
    struct stix_stream s;
    struct span object;
    uint64_t index, offset;
    enum err e;
    *count = 0;
    *largest_window = 0;
    stix_stream_open(&s, make, m);
    while (!(e = stix_stream_next(&s, &object, &index, &offset, d)) && object.at) {
        ++*count;
        if (s.window.size > *largest_window) *largest_window = s.window.size;
    }
    if (s.window.size > *largest_window) *largest_window = s.window.size;
    stix_stream_close(&s);
    return e;
}

static void test_window_stays_small(void **state) {
    struct maker lines = {"{\"type\":\"x\",\"a\":\"", "\"}\n", 'y', 700, 60000, 0};
    struct maker blanks = {"{\"type\":\"x\"}", "", ' ', 40 << 20, 2, 0};
    uint64_t count;
    size_t window;
    struct diag d;
    (void)state;
    assert_int_equal(count_objects(&lines, &count, &window, &d), ERR_NONE);
    assert_int_equal(count, 60000);
    assert_true(window <= 4 * STIX_STREAM_CHUNK);
    assert_int_equal(count_objects(&blanks, &count, &window, &d), ERR_NONE);
    assert_int_equal(count, 2);
    assert_true(window <= 4 * STIX_STREAM_CHUNK);
}

static void test_limits(void **state) {
    struct maker largest = {"{\"type\":\"x\",\"a\":\"", "\"}", 'y', STIX_OBJECT_SIZE_MAX - 19, 1, 0};
    struct maker larger = {"[{\"type\":\"x\",\"a\":\"", "\"}", 'y', STIX_OBJECT_SIZE_MAX - 18, 1, 0};
    struct maker deep = {"[{\"a\":", "", '[', 20 << 20, 1, 0};
    struct maker members = {"{\"type\":\"bundle\"", "", ' ', 20 << 20, 1, 0};
    struct maker key = {"{\"", "", 'k', 20 << 20, 1, 0};
    struct maker before = {"{\"a\":", "", '1', 20 << 20, 1, 0};
    uint64_t count;
    size_t window;
    struct diag d;
    (void)state;
    assert_int_equal(count_objects(&largest, &count, &window, &d), ERR_NONE);
    assert_int_equal(count, 1);
    assert_int_equal(count_objects(&larger, &count, &window, &d), ERR_LIMIT);
    assert_int_equal(d.offset, 1);
    assert_int_equal(count_objects(&deep, &count, &window, &d), ERR_LIMIT);
    assert_int_equal(count_objects(&key, &count, &window, &d), ERR_LIMIT);
    assert_int_equal(count_objects(&before, &count, &window, &d), ERR_SYNTAX);
    assert_true(window <= 32 << 20);
    assert_int_equal(count_objects(&members, &count, &window, &d), ERR_LIMIT);
    assert_true(window <= 32 << 20);
}

static void test_source_fails(void **state) {
    struct feed feed = {SPAN("[{},"), SIZE_MAX, ERR_IO};
    struct stix_stream s;
    struct span object;
    uint64_t index, offset;
    struct diag d;
    (void)state;
    stix_stream_open(&s, give, &feed);
    assert_int_equal(stix_stream_next(&s, &object, &index, &offset, &d), ERR_NONE);
    assert_int_equal(stix_stream_next(&s, &object, &index, &offset, &d), ERR_IO);
    assert_string_equal(d.message, "the source broke");
    stix_stream_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),  cmocka_unit_test(test_alignment),    cmocka_unit_test(test_window_stays_small),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_source_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
