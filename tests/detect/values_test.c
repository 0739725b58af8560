/* The plain values of patterns, from values_cases.txt; and values as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "detect/values.h"

static void spell(struct arena *a, struct span pattern, struct buf *out) {
    const struct detect_value *values;
    size_t count;
    bool complete;
    detect_values(a, pattern, &values, &count, &complete);
    for (size_t i = 0; i < count; i++) {
        const struct detect_value *v = &values[i];
        buf_printf(out, "%s %.*s", v->certificate ? "certificate" : atom_kind_name(v->kind), SPAN_ARG(v->value));
        if (v->port >= 0) buf_printf(out, " :%d", v->port);
        buf_add_char(out, '\n');
    }
    if (!complete) buf_add_cstr(out, "more\n");
}

static void cases(void **state) {
    (void)state;
    struct buf text = BUF_EMPTY, expected = BUF_EMPTY, got = BUF_EMPTY;
    struct arena a;
    struct diag d;
    char path[4096];
    unsigned count = 0;
    arena_init(&a, 1 << 20);
    snprintf(path, sizeof path, "%s/tests/detect/values_cases.txt", getenv("RENKEI_SOURCE"));
    assert_int_equal(file_read(path, 1 << 20, &text, &d), ERR_NONE);
    for (struct span rest = buf_span(&text); rest.len;) {
        struct span pattern = span_cut(&rest, '\n');
        if (pattern.len == 0 || pattern.at[0] == '#') continue;
        buf_clear(&expected);
        buf_clear(&got);
        while (rest.len && rest.at[0] != '\n') {
            buf_add(&expected, span_cut(&rest, '\n'));
            buf_add_char(&expected, '\n');
        }
        arena_reset(&a);
        spell(&a, pattern, &got);
        if (!span_equal(buf_span(&expected), buf_span(&got)))
            fail_msg("%.*s\nexpected:\n%sgot:\n%s", SPAN_ARG(pattern), buf_cstr(&expected), buf_cstr(&got));
        count++;
    }
    assert_true(count > 20);
    buf_free(&text);
    buf_free(&expected);
    buf_free(&got);
    arena_free(&a);
}

static void as_people_write_them(void **state) {
    static const struct {
        const char *text, *value;
        enum atom_kind kind;
        int port;
    } rows[] = {
        {"8.8.8.8", "8.8.8.8", ATOM_ADDRESS, -1},
        {" 2001:DB8::1 ", "2001:db8::1", ATOM_ADDRESS, -1},
        {"10.1.2.3/8", "10.0.0.0/8", ATOM_ADDRESS, -1},
        {"10.1.2.3:80", "10.1.2.3", ATOM_ADDRESS, 80},
        {"[2001:db8::1]:443", "2001:db8::1", ATOM_ADDRESS, 443},
        {"Evil.Example.", "evil.example", ATOM_DOMAIN, -1},
        {"evil.example/x", "//evil.example/x", ATOM_URL, -1},
        {"HTTPS://Evil.Example", "https://evil.example/", ATOM_URL, -1},
        {"/gate.php", "/gate.php", ATOM_PATH, -1},
        {"D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e", ATOM_HASH, -1},
        {"x@Evil.Example", "x@evil.example", ATOM_EMAIL, -1},
        {"", NULL, 0, 0},
        {"a b", NULL, 0, 0},
        {"@", NULL, 0, 0},
    };
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct detect_value v;
        bool is = detect_value_read(&a, span_cstr(rows[i].text), &v);
        if (is != (rows[i].value != NULL)) fail_msg("%s", rows[i].text);
        if (!is) continue;
        if (!span_is(v.value, rows[i].value)) fail_msg("%s: %.*s", rows[i].text, SPAN_ARG(v.value));
        assert_int_equal(v.kind, rows[i].kind);
        assert_int_equal(v.port, rows[i].port);
    }
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(as_people_write_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
