/* MISP: values from misp_values.txt, and how events lie in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "interchange/misp_read.h"
#include "interchange/misp_stream.h"
#include "interchange/misp_type.h"
#include "pattern/pattern.h"

#define UUID       "5f8d4a20-aaaa-4c3e-9a51-000000000001"
#define EVENT_HEAD "\"uuid\":\"5f8d4a20-1111-4c3e-9a51-0a0a0a0a0001\",\"timestamp\":\"1600000000\",\"info\":\"x\""

/* ---- misp_values.txt ---- */

struct made {
    struct buf pattern, observable;
};

/* The object less what every one has, and with its references' ids made one word. */
static void keep_observable(struct buf *out, struct span text) {
    struct span rest = text;
    size_t id = span_find(rest, SPAN(",\"spec_version\""));
    buf_clear(out);
    buf_add(out, span_first(rest, id));
    rest = span_from(rest, id + sizeof(",\"spec_version\":\"2.1\",\"id\":\"") - 1);
    rest = span_from(rest, span_find_char(rest, '"') + 1);
    for (size_t at; (at = span_find(rest, SPAN("--"))) != SIZE_MAX;) {
        size_t quote = at;
        while (rest.at[quote] != '"') quote--;
        buf_add(out, span_first(rest, quote));
        buf_add_cstr(out, "REF");
        rest = span_from(rest, at + 2 + STIX_UUID_LEN + 1);
    }
    buf_add(out, rest);
}

static enum err put(void *context, const struct misp_made *made, struct diag *d) {
    struct made *kept = context;
    struct buf text = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    arena_init(&a, 1 << 20);
    misp_made_write(&text, made, 0, 1000000);
    assert_int_equal(json_parse(&a, buf_span(&text), &doc, d), ERR_NONE);
    if (span_is(made->type, "indicator")) {
        buf_clear(&kept->pattern);
        buf_add(&kept->pattern, json_text(json_get(json_root(&doc), "pattern"), &a));
    } else if (!made->versioned && span_ends(made->id, SPAN(UUID))) {
        keep_observable(&kept->observable, buf_span(&text));
    }
    arena_free(&a);
    buf_free(&text);
    return ERR_NONE;
}

static void read_attribute(struct span type, struct span value, bool to_ids, struct made *kept) {
    struct buf event = BUF_EMPTY;
    struct json_writer w = json_writer(&event);
    struct losses losses = {.count = 0};
    struct diag d = {0};
    const struct misp_sink sink = {.context = kept, .put = put};
    buf_add_cstr(&event, "{\"Event\":{" EVENT_HEAD ",\"Attribute\":[");
    json_begin_object(&w);
    json_member_cstr(&w, "uuid", UUID);
    json_member(&w, "type", type);
    json_member(&w, "value", value);
    json_member_truth(&w, "to_ids", to_ids);
    json_end_object(&w);
    buf_add_cstr(&event, "]}}");
    if (misp_event_read(buf_span(&event), 0, &sink, &losses, &d)) fail_msg("%s", d.message);
    buf_free(&event);
}

static bool same(const char *what, struct span type, struct span value, const struct buf *got, struct span want) {
    if (span_equal(buf_span(got), span_is(want, "-") ? SPAN("") : want)) return true;
    print_error("%.*s %.*s: %s is %.*s, not %.*s\n", SPAN_ARG(type), SPAN_ARG(value), what, SPAN_ARG(buf_span(got)),
                SPAN_ARG(want));
    return false;
}

static void pattern_must_be_valid(struct span type, struct span pattern) {
    struct arena a;
    const struct pattern *p;
    struct diag d = {0};
    const struct misp_type *row = misp_type_named(type);
    if (!pattern.len || (row && row->form == MISP_RULE)) return;
    arena_init(&a, 1 << 20);
    if (pattern_parse(&a, pattern, &p, &d) || pattern_check(p, &d)) fail_msg("%.*s: %s", SPAN_ARG(pattern), d.message);
    arena_free(&a);
}

static void test_values(void **state) {
    struct buf file = BUF_EMPTY;
    struct diag d;
    char path[512];
    const char *root = getenv("RENKEI_SOURCE");
    size_t cases = 0, wrong = 0;
    snprintf(path, sizeof path, "%s/tests/interchange/misp_values.txt", root ? root : ".");
    assert_int_equal(file_read(path, 1 << 20, &file, &d), ERR_NONE);
    for (struct span rest = buf_span(&file); rest.len;) {
        struct span type = span_cut(&rest, '\n');
        if (!type.len || type.at[0] == '#') continue;
        struct span value = span_cut(&rest, '\n'), pattern = span_cut(&rest, '\n'), observable = span_cut(&rest, '\n');
        struct made kept = {BUF_EMPTY, BUF_EMPTY};
        read_attribute(type, value, true, &kept);
        wrong += !same("the pattern", type, value, &kept.pattern, pattern);
        pattern_must_be_valid(type, buf_span(&kept.pattern));
        read_attribute(type, value, false, &kept);
        wrong += !same("the observable", type, value, &kept.observable, observable);
        buf_free(&kept.pattern);
        buf_free(&kept.observable);
        cases++;
    }
    buf_free(&file);
    assert_true(cases > 30);
    assert_int_equal(wrong, 0);
}

/* ---- large events ---- */

struct named {
    uint32_t by_report, by_part;
    bool report_names_part;
    char part[STIX_ID_SIZE];
};

static enum err count_named(void *context, const struct misp_made *made, struct diag *d) {
    struct named *n = context;
    struct buf text = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    bool grouping = span_is(made->type, "grouping");
    if (!grouping && !span_is(made->type, "report")) return ERR_NONE;
    arena_init(&a, 64 << 20);
    misp_made_write(&text, made, 0, 1000000);
    assert_int_equal(json_parse(&a, buf_span(&text), &doc, d), ERR_NONE);
    struct json_value refs = json_get(json_root(&doc), "object_refs");
    *(grouping ? &n->by_part : &n->by_report) = json_count(refs);
    if (grouping) snprintf(n->part, sizeof n->part, "%.*s", SPAN_ARG(made->id));
    if (!grouping) n->report_names_part = json_is(json_at(refs, json_count(refs) - 1), span_cstr(n->part));
    arena_free(&a);
    buf_free(&text);
    return ERR_NONE;
}

/* What one report cannot name stands in a grouping that it names. */
static void test_parts(void **state) {
    enum { ATTRIBUTES = 90002, OF_REPORT = 90000 };
    struct buf event = BUF_EMPTY;
    struct named n = {0};
    struct losses losses = {.count = 0};
    struct diag d = {0};
    const struct misp_sink sink = {.context = &n, .put = count_named};
    buf_add_cstr(&event, "{" EVENT_HEAD ",\"published\":true,\"Attribute\":[");
    for (int i = 0; i < ATTRIBUTES; i++)
        buf_printf(&event,
                   "%s{\"uuid\":\"5f8d4a20-aaaa-4c3e-9a51-%012d\",\"type\":\"domain\",\"value\":\"d%d\",\"to_ids\":1}",
                   i ? "," : "", i, i);
    buf_add_cstr(&event, "]}");
    if (misp_event_read(buf_span(&event), 0, &sink, &losses, &d)) fail_msg("%s", d.message);
    assert_int_equal(n.by_report, OF_REPORT + 1);
    assert_int_equal(n.by_part, ATTRIBUTES - OF_REPORT);
    assert_true(n.report_names_part);
    assert_int_equal(losses.count, 0);
    buf_free(&event);
}

/* ---- files ---- */

struct bytes {
    struct span rest;
    size_t at_once;
};

static enum err give(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct bytes *b = context;
    *got = b->at_once < b->rest.len ? b->at_once : b->rest.len;
    if (*got) memcpy(at, b->rest.at, *got);
    b->rest = span_from(b->rest, *got);
    return ERR_NONE;
}

/* Number of events, -1 for an error. */
static int count_events(const char *text, size_t at_once, struct diag *d) {
    struct bytes bytes = {span_cstr(text), at_once};
    struct misp_stream s;
    struct span event;
    uint64_t index, offset;
    int count = 0;
    enum err e;
    misp_stream_open(&s, give, &bytes);
    while (!(e = misp_stream_next(&s, &event, &index, &offset, d)) && event.at) {
        assert_int_equal(index, count);
        assert_memory_equal(event.at, text + offset, event.len);
        count++;
    }
    misp_stream_close(&s);
    return e ? -1 : count;
}

static void test_files(void **state) {
    static const struct {
        const char *text;
        int events;
        const char *message;
    } cases[] = {
        {"{\"Event\":{\"a\":\"}\"}}", 1, NULL},
        {" [ {\"Event\":{}} , {\"x\":[\"\\\"]\"]} ] ", 2, NULL},
        {"[]", 0, NULL},
        {"{\"response\" : [{\"Event\":{}},{}]}", 2, NULL},
        {"{\"response\":{\"Event\":{}}}", 1, NULL},
        {"{\"response\":[{}],\"errors\":{\"a\":[1]}}", 1, NULL},
        {"{\"Event\":{}}\n{\"Event\":{}}\n\n{}", 3, NULL},
        {"\xef\xbb\xbf{\"Event\":{}}", 1, NULL},
        {"", -1, "is expected here"},
        {"7", -1, "is expected here"},
        {"{\"response\":7}", -1, "a list of events"},
        {"{\"response\":[{}]", -1, "cut short"},
        {"[{}", -1, "cut short"},
        {"[{},]", -1, "an event is expected"},
        {"[{} {}]", -1, "',' or ']'"},
        {"[{}] x", -1, "goes on"},
        {"{\"Event\":{", -1, "cut short"},
        {"{} x", -1, "an event is expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t at_once = 1; at_once < 100; at_once *= 3) {
            struct diag d = {0};
            int events = count_events(cases[i].text, at_once, &d);
            if (events != cases[i].events || (cases[i].message && !strstr(d.message, cases[i].message)))
                fail_msg("%s in pieces of %zu: %d events, \"%s\"", cases[i].text, at_once, events, d.message);
        }
}

static void test_looks_like(void **state) {
    static const char *const misp[] = {"{\"Event\":{",
                                       "[{\"Event\"",
                                       " {\"response\": [",
                                       "{\"id\":\"7\",\"orgc_id\":\"1\"",
                                       "{\"date\":\"2020-01-01\",\"info\"",
                                       "\xef\xbb\xbf{\"uuid\":"};
    static const char *const other[] = {"{\"type\":\"bundle\"",
                                        "{\"id\":\"bundle--1\",\"objects\":[",
                                        "[{\"type\":",
                                        "{\"more\":false,\"objects\"",
                                        "{}",
                                        "[]",
                                        "",
                                        "{\"name\":{\"Event\":1},\"type\":"};
    for (size_t i = 0; i < sizeof misp / sizeof *misp; i++)
        if (!misp_looks_like(span_cstr(misp[i]))) fail_msg("%s is not taken for MISP", misp[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (misp_looks_like(span_cstr(other[i]))) fail_msg("%s is taken for MISP", other[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_looks_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
