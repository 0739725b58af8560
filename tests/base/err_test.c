#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void spells_places(void **state) {
    struct diag d;
    char text[700];
    assert_int_equal(diag_set(&d, ERR_SYNTAX, "no %s here", "comma"), ERR_SYNTAX);
    assert_string_equal(diag_text(&d, text, sizeof text), "no comma here");
    diag_at(&d, 3, 7, 41);
    assert_string_equal(diag_text(&d, text, sizeof text), "line 3:7: no comma here");
    diag_where(&d, "%s", "bundle.json");
    assert_string_equal(diag_text(&d, text, sizeof text), "bundle.json:3:7: no comma here");
    diag_prefix(&d, "reading %s", "x");
    assert_string_equal(d.message, "reading x: no comma here");
    diag_set(&d, ERR_IO, "again: %s", d.message); /* an argument that is the diagnosis itself */
    assert_string_equal(d.message, "again: reading x: no comma here");
    assert_int_equal(d.line, 0);
    assert_string_equal(d.where, "");
    for (unsigned size = 0; size < 40; size++) {
        memset(text, 'x', sizeof text);
        diag_at(&d, 1, 2, 3);
        diag_where(&d, "file");
        diag_text(&d, text, size);
        assert_int_equal(text[size], 'x');
        assert_true(size == 0 || strlen(text) < size);
    }
}

static void cuts_long_text(void **state) {
    struct diag d;
    char lots[2000];
    memset(lots, 'a', sizeof lots - 1);
    lots[sizeof lots - 1] = 0;
    diag_set(&d, ERR_LIMIT, "%s", lots);
    assert_int_equal(strlen(d.message), DIAG_MESSAGE_SIZE - 1);
    diag_where(&d, "%s", lots);
    assert_int_equal(strlen(d.where), DIAG_WHERE_SIZE - 1);
    diag_prefix(&d, "bb");
    assert_int_equal(strncmp(d.message, "bb: aaa", 7), 0);
    for (size_t len = 500; len < 520; len++) diag_prefix(&d, "%.*s", (int)len, lots);
    assert_true(strlen(d.message) < DIAG_MESSAGE_SIZE);
}

static void accepts_no_diag(void **state) {
    assert_int_equal(diag_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
    diag_at(NULL, 1, 1, 1);
    diag_where(NULL, "x");
    diag_prefix(NULL, "x");
}

static void names_every_error(void **state) {
    for (int code = ERR_NONE; code <= ERR_INTERNAL; code++) {
        assert_non_null(err_name((enum err)code));
        assert_string_not_equal(err_name((enum err)code), "unknown");
    }
    assert_string_equal(err_name((enum err)999), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spells_places),
        cmocka_unit_test(cuts_long_text),
        cmocka_unit_test(accepts_no_diag),
        cmocka_unit_test(names_every_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
