/* What the log writes to stderr, caught in a pipe. */
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/progress.h"

static char said[8192];

static void listen_to(void (*speak)(void)) {
    int ends[2], stderr_copy = dup(STDERR_FILENO);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], STDERR_FILENO);
    speak();
    dup2(stderr_copy, STDERR_FILENO);
    close(stderr_copy);
    close(ends[1]);
    ssize_t got = read(ends[0], said, sizeof said - 1);
    said[got > 0 ? got : 0] = 0;
    close(ends[0]);
}

static void speak_levels(void) {
    log_error("code=%d", 7);
    log_info("unheard");
}
static void speak_forged(void) {
    log_warn("peer said \"%s\"", "x\n2020 error forged\x1b[2J");
}
static void speak_long(void) {
    char text[5000];
    memset(text, 'a', sizeof text);
    log_warn("%.*s", (int)sizeof text, text);
}
static void show_progress(void) {
    struct progress p;
    progress_start(&p, "importing", "objects", 10);
    progress_update(&p, 5);
    progress_end(&p);
}

static void levels(void **state) {
    listen_to(speak_levels);
    assert_non_null(strstr(said, " error code=7\n"));
    assert_null(strstr(said, "unheard"));
    log_set_level(LOG_LEVEL_DEBUG);
    listen_to(speak_levels);
    assert_non_null(strstr(said, " info unheard\n"));
    log_set_level(LOG_LEVEL_WARN);
}

static void one_event_is_one_line(void **state) {
    listen_to(speak_forged);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    assert_null(strchr(said, 0x1b));
    listen_to(speak_long);
    assert_true(strlen(said) <= 2048);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void progress_is_for_terminals(void **state) {
    listen_to(show_progress);
    assert_string_equal(said, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(one_event_is_one_line),
        cmocka_unit_test(progress_is_for_terminals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
