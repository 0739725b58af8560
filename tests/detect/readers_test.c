/* Lines of every format and the events they make, from readers_cases.txt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/reader.h"

/* An event as text, a fact a word: "log=zeek.dns time=… src:10.0.0.1 domain:evil.example". Roles stand before the
 * value: s source, d destination, h Host header, f sender, t recipient. */
static void spell(const struct detect_event *e, struct buf *out) {
    char text[ADDRESS_TEXT_SIZE];
    buf_printf(out, "log=%s", e->log);
    if (e->time != TIME_NONE) buf_printf(out, " time=%lld", (long long)e->time);
    if (e->src_port >= 0) buf_printf(out, " sport=%d", e->src_port);
    if (e->dst_port >= 0) buf_printf(out, " dport=%d", e->dst_port);
    for (unsigned i = 0; i < e->protocol_count; i++) buf_printf(out, " proto=%.*s", SPAN_ARG(e->protocols[i]));
    for (uint32_t i = 0; i < e->count; i++) {
        const struct observable *o = &e->observables[i];
        static const char letters[] = "sdhft";
        buf_printf(out, " %s",
                   o->kind == ATOM_HASH && o->root == ROOT_CERTIFICATE ? "certificate" : atom_kind_name(o->kind));
        for (unsigned r = 0; r < 5; r++)
            if (o->roles >> r & 1) buf_printf(out, "%s%c", o->roles & ((1u << r) - 1) ? "" : "/", letters[r]);
        if (o->kind == ATOM_ADDRESS)
            buf_printf(out, ":%s", address_format(&o->address, text));
        else
            buf_printf(out, ":%.*s", SPAN_ARG(o->key));
    }
}

/* A file of cases: "== reader", then pairs of a line and what it makes; "!" for an unreadable one, "." for nothing. */
static void cases(void **state) {
    (void)state;
    char path[4096], line[8192], expected[8192];
    snprintf(path, sizeof path, "%s/tests/detect/readers_cases.txt", getenv("RENKEI_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    const struct detect_reader *reader = NULL;
    struct reader_header header;
    int count = 0, wrong = 0;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || (line[0] == '#' && line[1] == ' ')) continue;
        if (strncmp(line, "== ", 3) == 0) {
            reader = detect_reader_by_name(line + 3);
            assert_non_null(reader);
            reader_header_init(&header);
            continue;
        }
        if (line[0] == '#') {
            reader_header_line(&header, span_cstr(line));
            continue;
        }
        assert_non_null(reader);
        assert_non_null(fgets(expected, sizeof expected, f));
        expected[strcspn(expected, "\n")] = '\0';
        struct arena a;
        struct buf got = BUF_EMPTY;
        const struct detect_event *event;
        struct diag d;
        arena_init(&a, 16 << 20);
        enum err error = reader->read(span_cstr(line), &header, &a, &event, &d);
        if (error)
            buf_add_cstr(&got, "!");
        else if (!event)
            buf_add_cstr(&got, ".");
        else
            spell(event, &got);
        if (strcmp(buf_cstr(&got), expected) != 0) {
            print_error("%s\n  expected %s\n  got      %s\n", line, expected, buf_cstr(&got));
            wrong++;
        }
        count++;
        buf_free(&got);
        arena_free(&a);
    }
    fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(count > 25);
}

static void recognises(void **state) {
    (void)state;
    assert_string_equal(detect_reader_for(SPAN("{\"ts\":1}\n"))->name, "json-lines");
    assert_string_equal(detect_reader_for(SPAN("\n  {\"ts\":1}\n"))->name, "json-lines");
    assert_string_equal(detect_reader_for(SPAN("#separator \\x09\n#fields\tts\n"))->name, "zeek-tsv");
    assert_string_equal(detect_reader_for(SPAN("#fields\tts\tuid\n"))->name, "zeek-tsv");
    assert_string_equal(detect_reader_for(SPAN("Nov 23 host sshd: x\n"))->name, "text");
    assert_string_equal(detect_reader_for(SPAN(""))->name, "text");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(recognises)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
