/* Lines of every format and the observed-data they make, from observe_cases.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/observation.h"
#include "detect/reader.h"
#include "stix/object.h"
#include "json/write.h"

enum { LINE_SIZE = 16384, CASES_MIN = 30 };

/* The objects as text, one a line: canonical, without spec_version, ids as "type/n" in the order they come. */
static void spell(const struct pattern_observation *seen, struct arena *a, struct buf *out) {
    char name[300];
    for (uint32_t i = 0; i < seen->object_count; i++) {
        struct buf text = BUF_EMPTY;
        struct json_doc doc;
        struct diag d;
        buf_add(&text, json_raw(seen->objects[i].value));
        for (uint32_t k = 0; k < seen->object_count; k++) {
            const struct pattern_object *o = &seen->objects[k];
            unsigned number = 1;
            for (uint32_t j = 0; j < k; j++) number += span_equal(seen->objects[j].type, o->type);
            snprintf(name, sizeof name, "%.*s/%u", SPAN_ARG(o->type), number);
            for (size_t at; (at = span_find(buf_span(&text), o->id)) != SIZE_MAX;) {
                struct buf changed = BUF_EMPTY;
                buf_add(&changed, span_first(buf_span(&text), at));
                buf_add_cstr(&changed, name);
                buf_add(&changed, span_from(buf_span(&text), at + o->id.len));
                buf_free(&text);
                text = changed;
            }
        }
        struct span version = SPAN("\"spec_version\":\"2.1\",");
        size_t at = span_find(buf_span(&text), version);
        assert_true(at != SIZE_MAX);
        memmove(text.at + at, text.at + at + version.len, text.len - at - version.len);
        text.len -= version.len;
        assert_int_equal(json_parse(a, buf_span(&text), &doc, &d), ERR_NONE);
        buf_add_cstr(out, "  ");
        assert_int_equal(json_canonical(out, json_root(&doc), a, &d), ERR_NONE);
        buf_add_char(out, '\n');
        buf_free(&text);
    }
}

/* What is written must be STIX without an error. */
static void check_valid(const struct detect_event *event, struct arena *a, const char *line) {
    struct observed_by by = {.identity = SPAN("identity--6ba7b810-9dad-41d1-80b4-00c04fd430c8"), .key = SPAN("1")};
    struct buf out = BUF_EMPTY;
    struct diag d = {0};
    uint32_t objects;
    assert_int_equal(event_write_observed_data(event, &by, a, &out, &objects, &d), ERR_NONE);
    for (struct span rest = buf_span(&out); rest.len > 0;) {
        struct stix_object object;
        struct stix_report report;
        struct json_doc doc;
        struct span one = span_cut(&rest, '\n');
        assert_int_equal(json_parse(a, one, &doc, &d), ERR_NONE);
        if (stix_object_read(a, json_root(&doc), NULL, &object, &report) == ERR_NONE) continue;
        fail_msg("%s\n  %.*s\n  %s: %s", line, SPAN_ARG(one), report.findings[0].path, report.findings[0].message);
    }
    buf_free(&out);
}

static FILE *cases;
static char pending[LINE_SIZE];

static bool next_line(char line[LINE_SIZE]) {
    if (pending[0]) {
        memcpy(line, pending, LINE_SIZE);
        pending[0] = '\0';
        return true;
    }
    if (!fgets(line, LINE_SIZE, cases)) return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* The lines under a case that are indented, canonical. */
static void read_expected(struct arena *a, struct buf *out) {
    char line[LINE_SIZE];
    while (next_line(line)) {
        if (strncmp(line, "  ", 2) != 0) {
            memcpy(pending, line, sizeof pending);
            if (!pending[0]) strcpy(pending, "# ");
            return;
        }
        struct json_doc doc;
        struct diag d = {0};
        char *kept = arena_cstr(a, span_cstr(line + 2));
        if (json_parse(a, span_cstr(kept), &doc, &d)) fail_msg("%s: %s", line, d.message);
        buf_add_cstr(out, "  ");
        assert_int_equal(json_canonical(out, json_root(&doc), a, &d), ERR_NONE);
        buf_add_char(out, '\n');
    }
}

/* "== reader" or "== reader folded", header lines of tables, then lines with what they make indented under them. */
static void all_cases(void **state) {
    (void)state;
    char path[4096], line[LINE_SIZE];
    int count = 0, wrong = 0;
    bool folded = false;
    const struct detect_reader *reader = NULL;
    struct reader_header header;
    snprintf(path, sizeof path, "%s/tests/detect/observe_cases.txt", getenv("RENKEI_SOURCE"));
    cases = fopen(path, "r");
    assert_non_null(cases);
    while (next_line(line)) {
        if (line[0] == '\0' || (line[0] == '#' && line[1] == ' ')) continue;
        if (strncmp(line, "== ", 3) == 0) {
            char *word = strchr(line + 3, ' ');
            folded = word && strcmp(word, " folded") == 0;
            if (word) *word = '\0';
            reader = detect_reader_by_name(line + 3);
            assert_non_null(reader);
            reader_header_init(&header);
            continue;
        }
        if (line[0] == '#') {
            reader_header_line(&header, span_cstr(line));
            continue;
        }
        struct arena a;
        struct buf got = BUF_EMPTY, expected = BUF_EMPTY;
        const struct detect_event *event = NULL;
        struct pattern_observation seen = {0};
        struct diag d = {0};
        char *kept = strdup(line);
        arena_init(&a, 64 << 20);
        assert_int_equal(reader->read(span_cstr(kept), &header, &a, &event, &d), ERR_NONE);
        assert_int_equal(event_observation(event, folded, &a, &seen, &d), ERR_NONE);
        if (!folded) {
            spell(&seen, &a, &got);
            check_valid(event, &a, kept);
        } else {
            for (uint32_t i = 0; i < seen.object_count; i++) {
                buf_add_cstr(&got, "  ");
                assert_int_equal(json_canonical(&got, seen.objects[i].value, &a, &d), ERR_NONE);
                buf_add_char(&got, '\n');
            }
        }
        read_expected(&a, &expected);
        if (!span_equal(buf_span(&got), buf_span(&expected))) {
            fprintf(stderr, "%s\n expected\n%s got\n%s", kept, buf_cstr(&expected), buf_cstr(&got));
            wrong++;
        }
        count++;
        free(kept);
        buf_free(&got);
        buf_free(&expected);
        arena_free(&a);
    }
    fclose(cases);
    assert_int_equal(wrong, 0);
    assert_true(count >= CASES_MIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
