/* The parser: cases of our own in parse_cases.txt, and OASIS's where their file is present. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "pattern/pattern.h"
#include "json/json.h"

static enum err parse_and_check(struct span text, struct diag *d) {
    struct arena a;
    arena_init(&a, 64 << 20);
    const struct pattern *pattern;
    *d = (struct diag){0};
    enum err error = pattern_parse(&a, text, &pattern, d);
    if (!error) error = pattern_check(pattern, d);
    arena_free(&a);
    return error;
}

/* Returns whether the case holds; says what was wrong otherwise. */
static bool holds(const char *kind, const char *column, char *text) {
    for (char *at; (at = strstr(text, "\\n"));) {
        *at = '\n';
        memmove(at + 1, at + 2, strlen(at + 2) + 1);
    }
    struct diag d;
    enum err error = parse_and_check(span_cstr(text), &d);
    const char *got = error == ERR_NONE      ? "ok"
                      : error == ERR_SYNTAX  ? "syntax"
                      : error == ERR_INVALID ? "invalid"
                                             : "?";
    if (strcmp(got, kind) == 0 && (!error || d.column == strtoull(column, NULL, 10)) && (!error || d.message[0]))
        return true;
    print_error("%s\n  expected %s %s, got %s at %llu: %s\n", text, kind, column, got, (unsigned long long)d.column,
                d.message);
    return false;
}

static void own_cases(void **state) {
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/pattern/parse_cases.txt", getenv("RENKEI_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char line[4096];
    int count = 0, wrong = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') continue;
        char *column = strstr(line, " ### ");
        assert_non_null(column);
        *column = '\0';
        column += 5;
        char *text = strstr(column, " ###");
        assert_non_null(text);
        *text = '\0';
        wrong += !holds(line, column, text[4] ? text + 5 : text + 4);
        count++;
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(count > 60);
}

/* OASIS's validator and matcher cases: {"syntax": [{pattern, valid, kind, error_column}], "cases": […]}. */
static bool oasis(struct arena *a, struct buf *b, struct json_doc *doc) {
    char path[4096];
    const char *data = getenv("RENKEI_SHARED_DATA");
    if (data)
        snprintf(path, sizeof path, "%s/patterns/oasis-pattern-cases.json", data);
    else
        snprintf(path, sizeof path, "%s/../shared/data/patterns/oasis-pattern-cases.json", getenv("RENKEI_SOURCE"));
    struct diag d;
    if (file_read(path, 64 << 20, b, &d) != ERR_NONE) {
        print_message("skipped: %s is not there\n", path);
        return false;
    }
    assert_int_equal(json_parse(a, buf_span(b), doc, &d), ERR_NONE);
    return true;
}

static void oasis_syntax(void **state) {
    (void)state;
    struct arena a;
    struct buf b = BUF_EMPTY;
    struct json_doc doc;
    arena_init(&a, 256 << 20);
    if (oasis(&a, &b, &doc)) {
        int count = 0;
        for (struct json_iter it = json_iter(json_get(json_root(&doc), "syntax")); json_next(&it); count++) {
            struct span text = json_text(json_get(it.value, "pattern"), &a);
            bool valid, grammar = json_is(json_get(it.value, "kind"), SPAN("grammar"));
            int64_t column;
            struct diag d;
            assert_true(json_bool(json_get(it.value, "valid"), &valid));
            enum err error = parse_and_check(text, &d);
            enum err want = valid ? ERR_NONE : grammar ? ERR_SYNTAX : ERR_INVALID;
            if (error != want) fail_msg("%.*s: %d, not %d: %s", SPAN_ARG(text), error, want, d.message);
            /* theirs counts from 0 */
            if (json_int(json_get(it.value, "error_column"), &column) && d.column != (uint64_t)column + 1)
                fail_msg("%.*s: column %llu, not %lld", SPAN_ARG(text), (unsigned long long)d.column,
                         (long long)column + 1);
        }
        assert_int_equal(count, 53);
    }
    buf_free(&b);
    arena_free(&a);
}

static void oasis_matcher_cases_parse(void **state) {
    (void)state;
    struct arena a;
    struct buf b = BUF_EMPTY;
    struct json_doc doc;
    arena_init(&a, 256 << 20);
    if (oasis(&a, &b, &doc)) {
        for (struct json_iter it = json_iter(json_get(json_root(&doc), "cases")); json_next(&it);) {
            struct span text = json_text(json_get(it.value, "pattern"), &a);
            const struct pattern *pattern;
            struct diag d;
            enum err want = json_is(json_get(it.value, "expected"), SPAN("parse-error")) ? ERR_SYNTAX : ERR_NONE;
            enum err error = pattern_parse(&a, text, &pattern, &d);
            if (error != want) fail_msg("%.*s: %d, not %d: %s", SPAN_ARG(text), error, want, d.message);
        }
    }
    buf_free(&b);
    arena_free(&a);
}

static const struct pattern *parsed(struct arena *a, const char *text) {
    const struct pattern *pattern;
    struct diag d;
    if (pattern_parse(a, span_cstr(text), &pattern, &d)) fail_msg("%s: %s", text, d.message);
    return pattern;
}

/* FOLLOWEDBY < OR < AND < qualifier. */
static void precedence(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    const struct pattern_node *n =
        parsed(&a, "[a:b=1] AND [a:b=2] WITHIN 5 SECONDS FOLLOWEDBY [a:b=3] OR [a:b=4]")->root;
    assert_int_equal(n->kind, PATTERN_FOLLOWED_BY);
    assert_int_equal(n->first->kind, PATTERN_BOTH);
    assert_int_equal(n->first->first->kind, PATTERN_OBSERVATION);
    assert_int_equal(n->first->first->next->kind, PATTERN_WITHIN);
    assert_true(n->first->first->next->within_s == 5);
    assert_int_equal(n->first->next->kind, PATTERN_EITHER);
    n = parsed(&a, "[a:b=1 OR a:b=2 AND a:b=3]")->root->first;
    assert_int_equal(n->kind, PATTERN_ANY);
    assert_int_equal(n->first->next->kind, PATTERN_ALL);
    n = parsed(&a, "[(a:b=1 OR a:b=2) AND a:b=3]")->root->first;
    assert_int_equal(n->kind, PATTERN_ALL);
    assert_int_equal(n->first->kind, PATTERN_ANY);
    assert_true(n->first->grouped);
    arena_free(&a);
}

static void literals(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    const struct pattern_literal *l =
        parsed(&a, "[a:b IN ('it\\'s \\\\', -42, .0625, true, h'C0ff', b'YWxpY2U=', t'2014-01-13T07:03:17.5Z')]")
            ->root->first->test->literals;
    assert_true(span_is(l->text, "it's \\"));
    l = l->next;
    assert_int_equal(l->integer, -42);
    l = l->next;
    assert_true(l->real == 0.0625);
    l = l->next;
    assert_true(l->kind == PATTERN_BOOLEAN && l->truth);
    l = l->next;
    assert_true(l->kind == PATTERN_HEX && span_is(l->text, "\xc0\xff"));
    l = l->next;
    assert_true(l->kind == PATTERN_BINARY && span_is(l->text, "alice"));
    l = l->next;
    assert_int_equal(l->time, INT64_C(1389596597500000));
    assert_null(l->next);
    arena_free(&a);
}

/* Deep, long and wide patterns end in a clear error and never in a crash. */
static void limits(void **state) {
    (void)state;
    struct buf b = BUF_EMPTY;
    struct diag d;
    for (int i = 0; i < 100000; i++) buf_add_char(&b, '(');
    assert_int_equal(parse_and_check(buf_span(&b), &d), ERR_LIMIT);
    buf_clear(&b);
    buf_add_cstr(&b, "[a:b=1]");
    for (int i = 0; i < 50000; i++) buf_add_cstr(&b, " WITHIN 1 SECONDS");
    assert_int_equal(parse_and_check(buf_span(&b), &d), ERR_LIMIT);
    buf_clear(&b);
    buf_add_cstr(&b, "[a:b=1");
    for (int i = 0; i < 100000; i++) buf_add_cstr(&b, " OR a:b=1");
    buf_add_char(&b, ']');
    assert_int_equal(parse_and_check(buf_span(&b), &d), ERR_LIMIT);
    buf_clear(&b);
    for (int i = 0; i < PATTERN_LENGTH_MAX + 1; i++) buf_add_char(&b, ' ');
    assert_int_equal(parse_and_check(buf_span(&b), &d), ERR_LIMIT);
    buf_clear(&b);
    buf_add_cstr(&b, "[ipv4-addr:value = '198.51.100.1'");
    for (int i = 0; i < 10000; i++) buf_printf(&b, " OR ipv4-addr:value = '198.51.100.%d'", i % 256);
    buf_add_char(&b, ']');
    assert_int_equal(parse_and_check(buf_span(&b), &d), ERR_NONE);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_cases),  cmocka_unit_test(oasis_syntax), cmocka_unit_test(oasis_matcher_cases_parse),
        cmocka_unit_test(precedence), cmocka_unit_test(literals),     cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
