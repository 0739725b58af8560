/* What patterns need, as the cases say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pattern/necessary.h"

static void check_case(struct span pattern_text, struct span expected) {
    struct arena a;
    struct diag d = {0};
    const struct pattern *pattern;
    const struct pattern_necessary *list;
    uint32_t count;
    struct buf out = BUF_EMPTY;
    arena_init(&a, 16 << 20);
    if (pattern_parse(&a, pattern_text, &pattern, &d)) fail_msg("%.*s: %s", SPAN_ARG(pattern_text), d.message);
    assert_int_equal(pattern_necessary_find(&a, pattern, &list, &count, &d), ERR_NONE);
    pattern_necessary_explain(&out, list, count);
    if (!span_equal(span_trim(buf_span(&out)), span_trim(expected)))
        fail_msg("%.*s\nexpected: %.*s\nis: %.*s", SPAN_ARG(pattern_text), SPAN_ARG(expected),
                 SPAN_ARG(buf_span(&out)));
    buf_free(&out);
    arena_free(&a);
}

/* A case is a line of pattern and the lines up to the next blank one. */
static void test_cases(void **state) {
    const char *source = getenv("RENKEI_SOURCE");
    char path[4096], text[65536];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/pattern/necessary_cases.txt", source ? source : ".");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct span rest = span_of(text, fread(text, 1, sizeof text, file));
    fclose(file);
    unsigned cases = 0;
    while (rest.len) {
        struct span line = span_cut(&rest, '\n');
        if (line.len == 0 || line.at[0] == '#') continue;
        const char *start = rest.at, *end = start;
        for (struct span next; rest.len && (next = span_cut(&rest, '\n')).len;) end = next.at + next.len;
        check_case(line, span_of(start, (size_t)(end - start)));
        cases++;
    }
    assert_true(cases > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
