/* What a request may say: filters, cursors, media types, envelopes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "taxii/discover.h"
#include "taxii/encoding.h"
#include "taxii/envelope.h"
#include "taxii/filter.h"
#include "taxii/media.h"

static const struct taxii_scope scope = {
    .secret = {"secret", 6}, .party = {"US-DOD", 6}, .collection = {"c", 1}, .resource = {"objects", 7}};

static enum err read_query(struct arena *a, struct span text, const struct taxii_scope *s, struct taxii_filter *f,
                           struct diag *d) {
    struct http_query q;
    enum err e = http_query_parse(a, text, &q, d);
    return e ? e : taxii_filter_read(a, &q, s, f, d);
}

static void describe(const struct taxii_filter *f, char *out, size_t size) {
    char time[TIME_TEXT_SIZE];
    struct buf b = BUF_EMPTY;
    buf_printf(&b, "limit %u", f->limit);
    if (f->versions)
        buf_printf(&b, " versions %s%s%s", f->versions & TAXII_VERSION_LAST ? "l" : "",
                   f->versions & TAXII_VERSION_FIRST ? "f" : "", f->versions & TAXII_VERSION_ALL ? "a" : "");
    if (f->times) {
        if (f->time_count) buf_printf(&b, " times %zu", f->time_count);
    }
    if (f->added_after != TIME_NONE) buf_printf(&b, " after %s", time_format_us(f->added_after, time));
    if (f->id_count) buf_printf(&b, " ids %zu", f->id_count);
    if (f->type_count) buf_printf(&b, " types %zu", f->type_count);
    if (f->nothing) buf_add_cstr(&b, " nothing");
    snprintf(out, size, "%s", buf_cstr(&b));
    buf_free(&b);
}

static void run_case(struct span query, struct span expected) {
    struct arena a;
    struct taxii_filter f;
    struct diag d = {0};
    char got[256];
    arena_init(&a, 1 << 20);
    enum err e = read_query(&a, query, &scope, &f, &d);
    if (span_starts(expected, SPAN("error "))) {
        if (e != ERR_INVALID || span_find(span_cstr(d.message), span_from(expected, 6)) == SIZE_MAX)
            fail_msg("%.*s: expected %.*s, got %s \"%s\"", SPAN_ARG(query), SPAN_ARG(expected), err_name(e), d.message);
    } else {
        if (e) fail_msg("%.*s: %s", SPAN_ARG(query), d.message);
        describe(&f, got, sizeof got);
        if (!span_is(expected, got)) fail_msg("%.*s: expected %.*s, got %s", SPAN_ARG(query), SPAN_ARG(expected), got);
    }
    arena_free(&a);
}

static void filters_are_read(void **state) {
    char path[4096];
    struct buf text = BUF_EMPTY;
    struct diag d;
    const char *source = getenv("RENKEI_SOURCE");
    struct span query = {0};
    size_t cases = 0;
    snprintf(path, sizeof path, "%s/tests/taxii/filter_cases.txt", source ? source : ".");
    assert_int_equal(file_read(path, 1 << 20, &text, &d), ERR_NONE);
    for (struct span rest = buf_span(&text); rest.at;) {
        struct span line = span_cut(&rest, '\n');
        if (line.len == 0 || line.at[0] == '#') continue;
        if (span_starts(line, SPAN("query"))) {
            query = span_trim(span_from(line, 5));
            continue;
        }
        run_case(query, line);
        cases++;
    }
    assert_true(cases > 30);
    buf_free(&text);
}

static enum err with_cursor(const struct taxii_scope *s, const char *filters, const char *cursor, uint64_t *from) {
    struct arena a;
    struct taxii_filter f;
    struct diag d;
    char query[512];
    arena_init(&a, 1 << 20);
    snprintf(query, sizeof query, "%s&next=%s", filters, cursor);
    enum err e = read_query(&a, span_cstr(query), s, &f, &d);
    *from = f.from;
    arena_free(&a);
    return e;
}

static void cursors_belong_to_their_filters(void **state) {
    static const char filters[] = "match[type]=indicator&added_after=2024-01-01T00:00:00Z";
    struct arena a;
    struct taxii_filter f;
    struct diag d;
    char cursor[TAXII_CURSOR_SIZE];
    uint64_t from;
    arena_init(&a, 1 << 20);
    assert_int_equal(read_query(&a, span_cstr(filters), &scope, &f, &d), ERR_NONE);
    taxii_cursor_write(&scope, &f.binding, 123456789012, cursor);
    assert_int_equal(with_cursor(&scope, filters, cursor, &from), ERR_NONE);
    assert_int_equal(from, 123456789012);
    /* The limit may change from page to page, the filters may not. */
    assert_int_equal(
        with_cursor(&scope, "limit=7&match[type]=indicator&added_after=2024-01-01T00:00:00Z", cursor, &from), ERR_NONE);
    assert_int_equal(with_cursor(&scope, "match[type]=malware&added_after=2024-01-01T00:00:00Z", cursor, &from),
                     ERR_INVALID);
    assert_int_equal(with_cursor(&scope, "match[type]=indicator", cursor, &from), ERR_INVALID);
    /* Nor may the caller, the collection or the server's secret. */
    struct taxii_scope other = scope;
    other.party = SPAN("KR-MND");
    assert_int_equal(with_cursor(&other, filters, cursor, &from), ERR_INVALID);
    other = scope;
    other.collection = SPAN("d");
    assert_int_equal(with_cursor(&other, filters, cursor, &from), ERR_INVALID);
    other = scope;
    other.secret = SPAN("Secret");
    assert_int_equal(with_cursor(&other, filters, cursor, &from), ERR_INVALID);
    for (size_t i = 0; i < TAXII_CURSOR_SIZE - 1; i++) { /* no digit of it can be changed */
        char forged[TAXII_CURSOR_SIZE];
        memcpy(forged, cursor, sizeof forged);
        forged[i] = forged[i] == '0' ? '1' : '0';
        assert_int_equal(with_cursor(&scope, filters, forged, &from), ERR_INVALID);
    }
    arena_free(&a);
}

static void media_types(void **state) {
    static const struct {
        const char *accept;
        bool admitted;
    } accepts[] = {
        {"application/taxii+json;version=2.1", true},
        {"application/taxii+json; version=2.1", true},
        {"application/taxii+json ; version=\"2.1\"", true},
        {"application/taxii+json", true},
        {"Application/TAXII+JSON;Version=2.1", true},
        {"text/html, application/taxii+json;version=2.1;q=0.5", true},
        {"*/*", true},
        {"application/*", true},
        {"text/html,application/xhtml+xml,*/*;q=0.8", true},
        {"", true},
        {"application/taxii+json;version=2.0", false},
        {"application/vnd.oasis.taxii+json", false},
        {"application/json", false},
        {"application/taxii+json;version=2.1;q=0", false},
        {"application/taxii+json;version=2.1;q=0.000", false},
        {"text/*", false},
        {"application/taxii+jsonx", false},
        {";;;,,,", false},
    };
    for (size_t i = 0; i < sizeof accepts / sizeof *accepts; i++)
        if (media_accepts_taxii(span_cstr(accepts[i].accept)) != accepts[i].admitted)
            fail_msg("Accept: %s should %sbe admitted", accepts[i].accept, accepts[i].admitted ? "" : "not ");
    assert_true(media_is_taxii(SPAN("application/taxii+json;version=2.1")));
    assert_true(media_is_taxii(SPAN("application/taxii+json")));
    assert_false(media_is_taxii(SPAN("*/*")));
    assert_false(media_is_taxii(SPAN("application/json")));
    assert_false(media_is_taxii(SPAN("application/taxii+json;version=2.0")));
    assert_false(media_is_taxii(SPAN("")));
}

static enum err open_envelope(struct arena *a, const char *text, struct envelope *out) {
    struct diag d;
    return envelope_read(a, span_cstr(text), out, &d);
}

static void envelopes_are_taken_apart(void **state) {
    struct arena a;
    struct envelope e;
    arena_init(&a, 1 << 20);
    assert_int_equal(open_envelope(&a, "{}", &e), ERR_NONE);
    assert_false(e.has_objects);
    assert_int_equal(open_envelope(&a, " {\"objects\" : [ ] } \n", &e), ERR_NONE);
    assert_true(e.has_objects);
    assert_int_equal(e.count, 0);
    assert_int_equal(open_envelope(&a,
                                   "{\"more\":true,\"next\":\"a\\u0062\\\"\",\"x\":{\"objects\":[1]},"
                                   "\"objects\":[{\"a\":\"]},\\\"\"}, [[],{}] ,1,\"s\",null ]}",
                                   &e),
                     ERR_NONE);
    assert_true(e.more);
    assert_true(span_is(e.next, "ab\""));
    assert_int_equal(e.count, 5);
    assert_true(span_is(e.objects[0], "{\"a\":\"]},\\\"\"}"));
    assert_true(span_is(e.objects[1], "[[],{}]"));
    assert_true(span_is(e.objects[2], "1"));
    assert_true(span_is(e.objects[4], "null"));
    assert_int_equal(open_envelope(&a, "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{}]}", &e), ERR_NONE);
    assert_int_equal(e.count, 1);
    assert_int_equal(open_envelope(&a, "{\"next\":null,\"more\":false}", &e), ERR_NONE);
    assert_int_equal(e.next.len, 0);
    assert_int_equal(open_envelope(&a, "{\"next\":17,\"more\":true}", &e), ERR_NONE);
    assert_true(span_is(e.next, "17"));
    arena_free(&a);
}

static void broken_envelopes_are_refused(void **state) {
    static const char *const broken[] = {"",
                                         "[]",
                                         "null",
                                         "{",
                                         "{\"objects\":[",
                                         "{\"objects\":[{}",
                                         "{\"objects\":[{}}",
                                         "{\"objects\":[{},]}",
                                         "{\"objects\":[,{}]}",
                                         "{\"objects\":[{} {}]}",
                                         "{\"objects\":{}}",
                                         "{\"objects\":[]}x",
                                         "{\"objects\":[]},",
                                         "{\"objects\":[],\"objects\":[]}",
                                         "{\"objects\"}",
                                         "{\"objects\":}",
                                         "{\"more\":1}",
                                         "{\"more\":\"true\"}",
                                         "{\"next\":{}}",
                                         "{\"next\":\"\\x\"}",
                                         "{\"a\":\"b",
                                         "{\"a\":\"b\\",
                                         "{\"a",
                                         "{a:1}",
                                         "{\"a\":1 \"b\":2}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct arena a;
        struct envelope e;
        arena_init(&a, 1 << 20);
        if (!open_envelope(&a, broken[i], &e)) fail_msg("taken for an envelope: %s", broken[i]);
        arena_free(&a);
    }
}

/* Which of the API roots that a discovery names belong to the server that was found (§4.1.1). */
static void roots_of_the_server_found(void **state) {
    static const struct {
        const char *server, *root, *url; /* NULL: passed over */
    } cases[] = {{"https://a.example:8443", "https://a.example:8443/api1/", "https://a.example:8443/api1"},
                 {"https://a.example:8443", "/api1/", "https://a.example:8443/api1"},
                 {"https://a.example:443", "https://a.example/api1/", "https://a.example/api1"},
                 {"https://a.example:443", "https://a.example:443/api1/", "https://a.example:443/api1"},
                 {"https://a.example:443", "https://a.example.evil.example/api1/", NULL},
                 {"https://a.example:443", "https://a.example@evil.example/api1/", NULL},
                 {"https://a.example:8443", "https://a.example/api1/", NULL},
                 {"https://a.example:8443", "https://b.example:8443/api1/", NULL},
                 {"https://a.example:8443", "http://a.example:8443/api1/", NULL},
                 {"https://a.example:8443", "//b.example/api1/", NULL},
                 {"https://a.example:8443", "../api1/", NULL},
                 {"https://a.example:8443", "/api1/?x=y", NULL},
                 {"https://a.example:8443", "/a b/", NULL},
                 {"https://a.example:8443", "", NULL}};
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct span url = {0};
        bool good = discover_root_url(span_cstr(cases[i].server), span_cstr(cases[i].root), &a, &url);
        if (good != (cases[i].url != NULL) || (good && !span_is(url, cases[i].url)))
            fail_msg("%s of %s: %.*s", cases[i].root, cases[i].server, SPAN_ARG(url));
    }
    arena_free(&a);
}

static void encodings(void **state) {
    static const struct {
        const char *accepted;
        enum encoding best;
    } cases[] = {
        {"", ENCODING_NONE},           {"gzip", ENCODING_GZIP},           {"gzip, deflate, br, zstd", ENCODING_ZSTD},
        {"GZIP;q=0.5", ENCODING_GZIP}, {"gzip;q=0", ENCODING_NONE},       {"zstd; q=0.000, gzip", ENCODING_GZIP},
        {"*", ENCODING_NONE},          {"gzipped, x-zstd", ENCODING_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(encoding_accepted(span_cstr(cases[i].accepted)), cases[i].best);
    struct buf out = BUF_EMPTY;
    assert_false(encoding_write(ENCODING_GZIP, SPAN("short"), &out)); /* would not be smaller */
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_read),
        cmocka_unit_test(cursors_belong_to_their_filters),
        cmocka_unit_test(media_types),
        cmocka_unit_test(encodings),
        cmocka_unit_test(roots_of_the_server_found),
        cmocka_unit_test(envelopes_are_taken_apart),
        cmocka_unit_test(broken_envelopes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
