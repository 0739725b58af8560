/* Configurations: config_cases.txt, and where a node listens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "node/config.h"

struct config_case {
    char name[128];
    struct buf text;
    unsigned line;
    char says[256];
    bool good;
};

static void check_case(const struct config_case *c) {
    struct config *config = NULL;
    struct diag d = {0};
    enum err e = config_read(buf_span(&c->text), &config, &d);
    if (c->good && e) fail_msg("%s: line %u: %s", c->name, (unsigned)d.line, d.message);
    if (!c->good && !e) fail_msg("%s is taken", c->name);
    if (!c->good && (d.line != c->line || !strstr(d.message, c->says)))
        fail_msg("%s: must say 'line %u: … %s …', but says line %u: %s", c->name, c->line, c->says, (unsigned)d.line,
                 d.message);
    if (config) config_free(&config);
}

static void mistakes_are_told_with_their_line(void **state) {
    char path[512];
    struct buf file = BUF_EMPTY;
    struct diag d;
    struct config_case c = {0};
    const char *root = getenv("RENKEI_SOURCE");
    unsigned cases = 0;
    snprintf(path, sizeof path, "%s/tests/node/config_cases.txt", root ? root : ".");
    assert_int_equal(file_read(path, 1 << 20, &file, &d), ERR_NONE);
    for (struct span rest = buf_span(&file); rest.len;) {
        struct span line = span_cut(&rest, '\n');
        if (line.len == 0 || line.at[0] == '#') continue;
        if (span_starts(line, SPAN("== "))) {
            snprintf(c.name, sizeof c.name, "%.*s", SPAN_ARG(span_from(line, 3)));
            buf_clear(&c.text);
        } else if (line.at[0] == '|') {
            buf_add(&c.text, span_from(line, 2));
            buf_add_char(&c.text, '\n');
        } else {
            c.good = span_is(line, "good");
            snprintf(c.says, sizeof c.says, "%s", "");
            if (!c.good) {
                uint64_t number = 0;
                struct span head = span_cut(&line, ':');
                assert_true(span_u64(span_from(head, 5), &number));
                c.line = (unsigned)number;
                snprintf(c.says, sizeof c.says, "%.*s", SPAN_ARG(span_trim(line)));
            }
            check_case(&c);
            cases++;
        }
    }
    assert_true(cases > 20);
    buf_free(&c.text);
    buf_free(&file);
}

static void what_is_written_is_read(void **state) {
    static const char *const names[] = {"A ministry", "\"quoted\" \\ back", "省", "yes", "# no comment", "'", ": x",
                                        "~"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buf text = BUF_EMPTY;
        struct config *c;
        struct diag d = {0};
        assert_int_equal(config_write(&text, SPAN("JP-MOD"), span_cstr(names[i]), SPAN("https://x.example"), (struct span){0}, &d),
                         ERR_NONE);
        if (config_read(buf_span(&text), &c, &d)) fail_msg("%s: %s", names[i], d.message);
        assert_string_equal(c->name, names[i]);
        assert_null(c->listen);
        assert_int_equal(c->members_count + c->sources_count, 0);
        config_free(&c);
        assert_null(c);
        buf_free(&text);
    }
}

static void listens_where_it_says(void **state) {
    static const struct {
        const char *url, *listen, *host;
        uint16_t port;
    } cases[] = {
        {"https://x.example", NULL, "x.example", 443},
        {"https://x.example/", NULL, "x.example", 443},
        {"https://x.example:8443", NULL, "x.example", 8443},
        {"https://x.example:8443/a/b:c", NULL, "x.example", 8443},
        {"https://[2001:db8::1]", NULL, "2001:db8::1", 443},
        {"https://[2001:db8::1]:8443/x", NULL, "2001:db8::1", 8443},
        {"https://x.example", "0.0.0.0:1", "0.0.0.0", 1},
        {"https://x.example", "[::]:65535", "::", 65535},
        {"https://x.example", "127.0.0.1:0", "127.0.0.1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[64], listen[64], host[256];
        uint16_t port;
        struct diag d;
        snprintf(url, sizeof url, "%s", cases[i].url);
        snprintf(listen, sizeof listen, "%s", cases[i].listen ? cases[i].listen : "");
        struct config c = {.url = url, .listen = cases[i].listen ? listen : NULL};
        assert_int_equal(config_listen(&c, host, sizeof host, &port, &d), ERR_NONE);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
    char small[4], url[] = "https://x.example";
    uint16_t port;
    struct diag d;
    assert_int_equal(config_listen(&(struct config){.url = url}, small, sizeof small, &port, &d), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_with_their_line),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(listens_where_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
