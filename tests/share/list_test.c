/* Indicator lists: values from list_values.txt, whole small files, the objects they become, and maltrail's collection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "pattern/pattern.h"
#include "share/list.h"
#include "share/list_object.h"

enum { ARENA_CAP = 64 << 20 };

static struct buf file_of(const char *name) {
    char path[512];
    struct buf out = BUF_EMPTY;
    struct diag d;
    const char *root = getenv("RENKEI_SOURCE");
    snprintf(path, sizeof path, "%s/tests/share/%s", root ? root : ".", name);
    assert_int_equal(file_read(path, 1 << 20, &out, &d), ERR_NONE);
    return out;
}

/* ---- list_values.txt
 * -------------------------------------------------------------------------------------------------- */

static struct span cut_at(struct span *rest, struct span separator) {
    size_t at = span_find(*rest, separator);
    struct span head = span_first(*rest, at);
    *rest = at == SIZE_MAX ? SPAN("") : span_from(*rest, at + separator.len);
    return head;
}

static bool pattern_is_valid(struct span text) {
    struct arena a;
    const struct pattern *p;
    struct diag d = {0};
    arena_init(&a, ARENA_CAP);
    enum err e = pattern_parse(&a, text, &p, &d);
    if (!e) e = pattern_check(p, &d);
    if (e) print_error("%.*s: %s\n", SPAN_ARG(text), d.message);
    arena_free(&a);
    return e == ERR_NONE;
}

static bool value_holds(struct span written, struct span kind_name, struct span expected, struct span pattern) {
    struct buf normal = BUF_EMPTY, made = BUF_EMPTY, again = BUF_EMPTY;
    const char *reason = NULL;
    enum list_kind kind = list_recognise(written, &normal, &reason);
    bool ok = span_is(kind_name, list_kind_name(kind));
    if (kind == LIST_NONE) {
        ok = ok && span_find(span_cstr(reason), expected) != SIZE_MAX;
    } else {
        list_pattern(&made, kind, buf_span(&normal));
        ok = ok && span_equal(buf_span(&normal), expected) && (!pattern.len || span_equal(buf_span(&made), pattern));
        ok = ok && pattern_is_valid(buf_span(&made));
        /* The normal form is a fixed point. */
        ok = ok && list_recognise(expected, &again, NULL) == kind && span_equal(buf_span(&again), expected);
    }
    if (!ok)
        print_error("%.*s: got %s, %.*s%s, %.*s\n", SPAN_ARG(written), list_kind_name(kind),
                    SPAN_ARG(buf_span(&normal)), kind ? "" : reason, SPAN_ARG(buf_span(&made)));
    buf_free(&normal);
    buf_free(&made);
    buf_free(&again);
    return ok;
}

static void values_are_recognised(void **state) {
    struct buf cases = file_of("list_values.txt");
    unsigned failed = 0, count = 0;
    for (struct span rest = buf_span(&cases); rest.len;) {
        struct span line = span_cut(&rest, '\n');
        if (!line.len || line.at[0] == '#') continue;
        struct span written = cut_at(&line, SPAN(" | ")), kind = cut_at(&line, SPAN(" | ")),
                    normal = cut_at(&line, SPAN(" | "));
        failed += !value_holds(written, kind, normal, line);
        count++;
    }
    assert_int_equal(failed, 0);
    assert_true(count > 90);
    buf_free(&cases);
}

static void hostile_values_are_rejected(void **state) {
    static const struct span bad[] = {{"", 0},
                                      {"a\0b.example", 11},
                                      {"\xff\xfe.example", 10},
                                      {"a\x1b[2J.example", 13},
                                      {"http://", 7},
                                      {"[", 1},
                                      {"[]", 2},
                                      {"[]:1", 4},
                                      {"@", 1},
                                      {":", 1},
                                      {"::", 0},
                                      {".", 1},
                                      {"..", 2},
                                      {"://x", 4},
                                      {"hxxp://", 7},
                                      {"http://:80/", 11},
                                      {"\xc0\x80.example", 10},
                                      {"http://a.example/\x01", 18},
                                      {"#", 1},
                                      {"?", 1},
                                      {"a?", 2}};
    struct buf normal = BUF_EMPTY;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *reason = NULL;
        if (!bad[i].len && i) continue;
        if (list_recognise(bad[i], &normal, &reason)) print_error("%.*s\n", SPAN_ARG(bad[i]));
        assert_int_equal(list_recognise(bad[i], &normal, &reason), LIST_NONE);
        assert_true(reason && *reason && normal.len == 0);
    }
    char *large = malloc(LIST_VALUE_MAX + 1);
    assert_non_null(large);
    memset(large, 'a', LIST_VALUE_MAX + 1);
    memcpy(large, "hxxp://a[.]example/", 19);
    assert_int_equal(list_recognise(span_of(large, LIST_VALUE_MAX + 1), &normal, NULL), LIST_NONE);
    assert_int_equal(list_recognise(span_of(large, LIST_VALUE_MAX), &normal, NULL), LIST_URL);
    free(large);
    buf_free(&normal);
}

/* ---- whole files
 * ------------------------------------------------------------------------------------------------------ */

/* What happened, a line an event: "3 domain evil.example <url> <url>" or "4 rejected two words". */
static enum err tell_value(void *context, const struct list_value *v, struct diag *d) {
    buf_printf(context, "%llu %s %.*s", (unsigned long long)v->line, list_kind_name(v->kind), SPAN_ARG(v->value));
    for (size_t i = 0; i < v->reference_count; i++)
        buf_printf(context, " <%.*s%.*s>", SPAN_ARG(v->references[i].url), SPAN_ARG(v->references[i].id));
    buf_add_char(context, '\n');
    return ERR_NONE;
}
static enum err tell_reject(void *context, uint64_t line, struct span text, const char *reason, struct diag *d) {
    buf_printf(context, "%llu rejected %.*s\n", (unsigned long long)line, SPAN_ARG(span_first(text, 60)));
    return ERR_NONE;
}

struct reading {
    struct arena a;
    struct buf told;
    struct list_summary summary;
};

static void read_text(struct reading *r, const char *name, struct span text) {
    struct diag d;
    arena_init(&r->a, ARENA_CAP);
    r->told = BUF_EMPTY;
    struct list_events events = {&r->told, tell_value, tell_reject};
    assert_int_equal(list_read_span(text, span_cstr(name), &r->a, &events, &r->summary, &d), ERR_NONE);
}
static void reading_free(struct reading *r) {
    buf_free(&r->told);
    arena_free(&r->a);
}
static void reads_as(const char *name, const char *text, const char *told) {
    struct reading r;
    read_text(&r, name, span_cstr(text));
    assert_non_null(buf_cstr(&r.told));
    assert_string_equal(r.told.at, told);
    reading_free(&r);
}

static void text_lists(void **state) {
    reads_as("a.txt", "", "");
    reads_as("a.txt",
             "\xef\xbb\xbf"
             "evil.example\r\n"
             "  hxxp://evil[.]example/a   # seen by us\n"
             "\n"
             "// a comment\n"
             "; another\n"
             "192.0.2.1\t// c2\n"
             "\"192.0.2.2\",\n"
             "two words\n"
             "word\n"
             "/a,b\n"
             "last.example",
             "1 domain evil.example\n2 url http://evil.example/a\n6 ipv4 192.0.2.1\n7 ipv4 192.0.2.2\n"
             "8 rejected two words\n9 rejected word\n10 path /a,b\n11 domain last.example\n");
    reads_as("one-column.csv", "domain\nevil.example\n\"b.example\"\n", "2 domain evil.example\n3 domain b.example\n");
}

static void csv_lists(void **state) {
    reads_as("a.csv",
             "Date,Indicator,Note\n2026-01-01,evil[.]example,\"a, \"\"quoted\"\" note\"\n2026-01-01,word,x\n"
             "2026-01-02,\"http://b.example/x,y\",z\n2026-01-03,,\n\"open,\n",
             "2 domain evil.example\n3 rejected 2026-01-01,word,x\n4 url http://b.example/x,y\n"
             "5 rejected 2026-01-03,,\n6 rejected \"open,\n");
    /* An address and its port in columns of their own; the header behind a comment sign. */
    reads_as("feodo.csv",
             "# first_seen_utc,dst_ip,dst_port,malware\n2026-01-01,192.0.2.1,443,x\n2026-01-01,2001:db8::1,80,x\n",
             "2 ipv4-port 192.0.2.1:443\n3 ipv6-port [2001:db8::1]:80\n");
    /* No header: the first row's first value says which column it is. */
    reads_as("a.csv", "1,evil.example,192.0.2.1\n2,192.0.2.9,b.example\n", "1 domain evil.example\n2 ipv4 192.0.2.9\n");
    reads_as("a.tsv", "name\tsha256\tmd5\nx\t\td41d8cd98f00b204e9800998ecf8427e\n",
             "2 md5 d41d8cd98f00b204e9800998ecf8427e\n");
    reads_as("a.csv", "value;kind\nevil.example;domain\n", "2 domain evil.example\n");
    /* An empty field before a semicolon makes no comment of its row. */
    reads_as("a.csv", "id;value\n;evil.example\n", "2 domain evil.example\n");
    /* What a spreadsheet must not calculate, and what only looks like a domain. */
    reads_as("a.csv", "value,type\n\"'+x\"\" y\",domain\nsetup.exe,file-name\n\"b.example\",domain\n",
             "2 rejected \"'+x\"\" y\",domain\n4 domain b.example\n");
    /* Names of columns in prose make no header. */
    reads_as("a.txt", "# Reference: https://a.example/x, domain\nevil.example\n",
             "2 domain evil.example <https://a.example/x>\n");
}

static void references_stand_before_their_values(void **state) {
    reads_as("apt_test.txt",
             "# Copyright\n\n# Aliases: a bear, A Bear, test, b-bear\n# MITRE: https://attack.mitre.org/groups/G0047/\n"
             "# CERT-UA: UAC-0010\n\n"
             "# Reference: https://one.example/a\n# Refernce: https://two.example/b (Japanese)\n"
             "#            https://three.example\n\nevil.example\n# taken-out.example\nb.example\n\n"
             "# Referecne https://four.example/\n192.0.2.1\n\n# Generic\n\n/gate.php\n"
             "# CERT_UA: UAC-0239\nc.example\n# https://not-a-reference.example/\nd.example\n",
             "11 domain evil.example <https://one.example/a> <https://two.example/b> <https://three.example>\n"
             "13 domain b.example <https://one.example/a> <https://two.example/b> <https://three.example>\n"
             "16 ipv4 192.0.2.1 <https://four.example/>\n20 path /gate.php\n22 domain c.example <UAC-0239>\n"
             "24 domain d.example <UAC-0239>\n");
}

static void the_file_says_whose_they_are(void **state) {
    struct reading r;
    read_text(&r, "/x/apt_test.txt.gz",
              SPAN("# Aliases: a bear, A Bear, TEST, b-bear\n# MITRE: https://attack.mitre.org/groups/G0047/\n# "
                   "CERT-UA: UAC-0010, #3967\n"));
    assert_int_equal(r.summary.subject, LIST_SUBJECT_INTRUSION_SET);
    assert_true(span_is(r.summary.name, "test"));
    assert_int_equal(r.summary.alias_count, 3);
    assert_true(span_is(r.summary.aliases[0], "a bear") && span_is(r.summary.aliases[1], "b-bear") &&
                span_is(r.summary.aliases[2], "UAC-0010"));
    assert_int_equal(r.summary.reference_count, 2);
    assert_true(span_is(r.summary.references[0].source, "mitre-attack") &&
                span_is(r.summary.references[0].id, "G0047"));
    assert_true(span_is(r.summary.references[1].source, "CERT-UA") && span_is(r.summary.references[1].id, "#3967"));
    reading_free(&r);
    read_text(&r, "apt_12.txt", SPAN(""));
    assert_true(span_is(r.summary.name, "apt12"));
    reading_free(&r);
    read_text(&r, "8base_ransomware.csv", SPAN(""));
    assert_int_equal(r.summary.subject, LIST_SUBJECT_MALWARE);
    assert_true(span_is(r.summary.name, "8base ransomware"));
    reading_free(&r);
    read_text(&r, "-", SPAN(""));
    assert_int_equal(r.summary.subject, LIST_SUBJECT_NONE);
    reading_free(&r);
}

/* Through a stream, so that lines cross the borders of its chunks, and one is far too long. */
static void long_lines_through_a_stream(void **state) {
    struct buf file = BUF_EMPTY;
    struct diag d;
    struct input *in;
    char path[] = "/tmp/list-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (int i = 0; i < 40000; i++) buf_printf(&file, "host-%d.evil.example\n", i);
    for (int i = 0; i < 1000000; i++) buf_add_char(&file, 'x');
    buf_add_cstr(&file, "\nlast.example");
    assert_int_equal(file_write_all(fd, buf_span(&file), &d), ERR_NONE);
    close(fd);
    struct reading r;
    arena_init(&r.a, ARENA_CAP);
    r.told = BUF_EMPTY;
    struct list_events events = {&r.told, tell_value, tell_reject};
    assert_int_equal(input_open(path, &in, &d), ERR_NONE);
    assert_int_equal(list_read(in, &r.a, &events, &r.summary, &d), ERR_NONE);
    assert_int_equal(r.summary.values, 40001);
    assert_int_equal(r.summary.rejected, 1);
    assert_int_equal(r.summary.lines, 40002);
    assert_true(span_ends(buf_span(&r.told), SPAN("\n40002 domain last.example\n")));
    assert_true(span_find(buf_span(&r.told), SPAN("40000 domain host-39999.evil.example\n40001 rejected xxx")) !=
                SIZE_MAX);
    input_close(&in);
    unlink(path);
    reading_free(&r);
    buf_free(&file);
}

static enum err refuse_value(void *context, const struct list_value *v, struct diag *d) {
    return diag_set(d, ERR_LIMIT, "enough");
}
static void an_event_can_end_the_reading(void **state) {
    struct arena a;
    struct diag d;
    struct list_summary s;
    struct list_events events = {NULL, refuse_value, NULL};
    arena_init(&a, ARENA_CAP);
    assert_int_equal(list_read_span(SPAN("word\na.example\nb.example\n"), SPAN("x"), &a, &events, &s, &d), ERR_LIMIT);
    assert_string_equal(d.message, "enough");
    assert_int_equal(s.lines, 2);
    arena_free(&a);
}

/* ---- objects
 * ------------------------------------------------------------------------------------------------------------ */

static struct list_object_frame frame(void) {
    static const struct span labels[] = {{"maltrail", 8}, {"a \"b\"", 5}};
    return (struct list_object_frame){.created_by = SPAN("identity--6c2ce4ea-2dd4-4d2a-8a1f-0d8d8e6e7e10"),
                                      .created = INT64_C(1780000000000000),
                                      .modified = INT64_C(1780000000123000),
                                      .valid_from = INT64_C(1780000000000000),
                                      .valid_until = INT64_C(1790000000000000),
                                      .labels = labels,
                                      .label_count = 2,
                                      .confidence = 70,
                                      .tlp = STIX_TLP_AMBER_STRICT};
}

static void object_is_valid(struct span bytes, const char *type) {
    struct arena a;
    struct diag d = {0};
    struct json_doc doc;
    struct stix_object o;
    static struct stix_report report;
    arena_init(&a, ARENA_CAP);
    assert_int_equal(json_parse(&a, bytes, &doc, &d), ERR_NONE);
    enum err e = stix_object_read(&a, json_root(&doc), NULL, &o, &report);
    for (size_t i = 0; i < report.count; i++)
        print_error("%s: %s: %s\n", type, report.findings[i].path, report.findings[i].message);
    assert_int_equal(e, ERR_NONE);
    assert_int_equal(report.warnings, 0);
    assert_true(span_is(o.type, type));
    struct stix_marking_summary m;
    stix_marking_effective(&o, NULL, NULL, &m);
    assert_int_equal(m.tlp, STIX_TLP_AMBER_STRICT);
    assert_false(m.strictest);
    arena_free(&a);
}

static void objects_are_valid_stix(void **state) {
    struct list_object_frame f = frame();
    struct buf out = BUF_EMPTY;
    struct list_reference references[] = {{SPAN("one.example"), SPAN("https://one.example/a"), SPAN("")},
                                          {SPAN("CERT-UA"), SPAN(""), SPAN("UAC-0010")}};
    struct list_value v = {.kind = LIST_PATH,
                           .value = SPAN("/it's \\\"here\""),
                           .line = 1,
                           .references = references,
                           .reference_count = 2};
    list_object_indicator(&out, SPAN("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"), &f, &v);
    object_is_valid(buf_span(&out), "indicator");
    assert_true(span_find(buf_span(&out), SPAN("\"name\":\"/it's \\\\\\\"here\\\"\"")) != SIZE_MAX);
    buf_clear(&out);
    const struct span aliases[] = {{"a bear", 6}};
    struct list_summary s = {.subject = LIST_SUBJECT_MALWARE,
                             .name = SPAN("test"),
                             .aliases = aliases,
                             .alias_count = 1,
                             .references = references,
                             .reference_count = 2};
    list_object_subject(&out, SPAN("malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"), &f, &s);
    object_is_valid(buf_span(&out), "malware");
    buf_clear(&out);
    s.subject = LIST_SUBJECT_INTRUSION_SET;
    list_object_subject(&out, SPAN("intrusion-set--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"), &f, &s);
    object_is_valid(buf_span(&out), "intrusion-set");
    buf_clear(&out);
    list_object_indicates(&out, SPAN("relationship--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"), &f,
                          SPAN("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"),
                          SPAN("malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"));
    object_is_valid(buf_span(&out), "relationship");
    buf_free(&out);
}

static void without_options_properties_are_left_out(void **state) {
    struct list_object_frame f = {
        .created = 0, .modified = 0, .valid_from = 0, .valid_until = TIME_NONE, .confidence = -1};
    struct list_value v = {.kind = LIST_IPV4, .value = SPAN("192.0.2.1"), .line = 1};
    struct buf out = BUF_EMPTY;
    list_object_indicator(&out, SPAN("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"), &f, &v);
    assert_non_null(buf_cstr(&out));
    assert_string_equal(out.at, "{\"type\":\"indicator\",\"spec_version\":\"2.1\","
                                "\"id\":\"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\","
                                "\"created\":\"1970-01-01T00:00:00.000Z\",\"modified\":\"1970-01-01T00:00:00.000Z\","
                                "\"name\":\"192.0.2.1\",\"indicator_types\":[\"malicious-activity\"],"
                                "\"pattern\":\"[ipv4-addr:value = '192.0.2.1']\",\"pattern_type\":\"stix\","
                                "\"valid_from\":\"1970-01-01T00:00:00.000Z\"}");
    buf_free(&out);
}

/* ---- maltrail's collection
 * ---------------------------------------------------------------------------------------------- */

struct collection {
    uint64_t files, values, rejected, expected, kinds[LIST_KIND_COUNT], patterns_checked;
};

static enum err count_value(void *context, const struct list_value *v, struct diag *d) {
    struct collection *c = context;
    c->values++;
    c->kinds[v->kind]++;
    if (c->values % 101 != 0) return ERR_NONE;
    struct buf pattern = BUF_EMPTY;
    list_pattern(&pattern, v->kind, v->value);
    assert_true(pattern_is_valid(buf_span(&pattern)));
    c->patterns_checked++;
    buf_free(&pattern);
    return ERR_NONE;
}
static enum err count_reject(void *context, uint64_t line, struct span text, const char *reason, struct diag *d) {
    struct collection *c = context;
    c->rejected++;
    return ERR_NONE;
}

/* Lines that hold something and are no comment, counted the simple way. */
static uint64_t plain_count(struct span text) {
    uint64_t n = 0;
    while (text.len) {
        struct span line = span_trim(span_cut(&text, '\n'));
        n += line.len && line.at[0] != '#';
    }
    return n;
}

static void file_in_archive(struct collection *c, struct span name, struct span content) {
    struct arena a;
    struct diag d;
    struct list_summary s;
    struct list_events events = {c, count_value, count_reject};
    uint64_t before = c->values + c->rejected, expected = plain_count(content);
    if (!span_ends(name, SPAN(".txt"))) return;
    arena_init(&a, ARENA_CAP);
    assert_int_equal(list_read_span(content, name, &a, &events, &s, &d), ERR_NONE);
    assert_false(s.csv);
    assert_int_equal(c->values + c->rejected - before, expected);
    c->files++;
    c->expected += expected;
    arena_free(&a);
}

static void maltrail_is_recognised(void **state) {
    const char *data = getenv("RENKEI_SHARED_DATA"), *root = getenv("RENKEI_SOURCE");
    char path[600];
    struct input *in = NULL;
    struct diag d;
    snprintf(path, sizeof path, "%s%s/iocs/maltrail-malware.tar.zst",
             data   ? data
             : root ? root
                    : ".",
             data ? "" : "/../shared/data");
    if (access(path, R_OK) != 0) {
        print_message("skipped: %s is not there (RENKEI_SHARED_DATA names the folder)\n", path);
        skip();
    }
    struct buf tar = BUF_EMPTY;
    size_t got = 1;
    assert_int_equal(input_open(path, &in, &d), ERR_NONE);
    while (got) {
        char *at = buf_reserve(&tar, 1 << 20);
        assert_non_null(at);
        assert_int_equal(input_read(in, at, 1 << 20, &got, &d), ERR_NONE);
        tar.len += got;
    }
    input_close(&in);
    struct collection c = {0};
    /* ustar: a header of 512 bytes with the name at 0 and the size in octal at 124, the content padded to 512. */
    for (size_t at = 0; at + 512 <= tar.len && tar.at[at];) {
        size_t size = strtoul(tar.at + at + 124, NULL, 8);
        assert_true(size <= tar.len - at - 512);
        if (tar.at[at + 156] == '0') file_in_archive(&c, span_cstr(tar.at + at), span_of(tar.at + at + 512, size));
        at += 512 + (size + 511) / 512 * 512;
    }
    print_message("%llu files, %llu values, %llu rejected\n", (unsigned long long)c.files, (unsigned long long)c.values,
                  (unsigned long long)c.rejected);
    for (int k = 1; k < LIST_KIND_COUNT; k++)
        if (c.kinds[k]) print_message("  %s %llu\n", list_kind_name((enum list_kind)k), (unsigned long long)c.kinds[k]);
    assert_true(c.files > 2400 && c.values > 970000 && c.patterns_checked > 9000);
    assert_true(c.rejected < 100);
    buf_free(&tar);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_recognised),
        cmocka_unit_test(hostile_values_are_rejected),
        cmocka_unit_test(text_lists),
        cmocka_unit_test(csv_lists),
        cmocka_unit_test(references_stand_before_their_values),
        cmocka_unit_test(the_file_says_whose_they_are),
        cmocka_unit_test(long_lines_through_a_stream),
        cmocka_unit_test(an_event_can_end_the_reading),
        cmocka_unit_test(objects_are_valid_stix),
        cmocka_unit_test(without_options_properties_are_left_out),
        cmocka_unit_test(maltrail_is_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
