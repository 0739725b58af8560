/* Warning lists by their cases; the real ones, when they are there; a list of a million names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "detect/normalise.h"
#include "detect/warninglist.h"

struct running {
    struct arena arena;
    struct buf json, entries;
    struct warninglist_header header;
    struct warninglist *list;
    enum err read;
    struct diag diag;
    bool ready;
    unsigned line, asked;
};

static void finish(struct running *r) {
    warninglist_free(&r->list);
    arena_reset(&r->arena);
    buf_clear(&r->json);
    buf_clear(&r->entries);
    r->ready = false;
}

static void read_list(struct running *r) {
    if (r->ready) return;
    r->ready = true;
    r->read = warninglist_read(&r->arena, buf_span(&r->json), &r->header, &r->entries, &r->diag);
    if (!r->read) r->read = warninglist_compile(r->header.type, buf_span(&r->entries), &r->list, &r->diag);
}

static enum atom_kind kind_named(struct span name) {
    for (int k = 0; k < ATOM_KIND_COUNT; k++)
        if (span_is(name, atom_kind_name(k))) return (enum atom_kind)k;
    fail_msg("no kind %.*s", SPAN_ARG(name));
    return ATOM_KIND_COUNT;
}

static void ask(struct running *r, bool on, struct span rest) {
    struct span words = rest, kind = span_cut(&words, ' '), entry = {0}, value, found = {0};
    size_t equals = span_find(words, SPAN(" = "));
    value = words;
    if (equals != SIZE_MAX) {
        entry = span_from(words, equals + 3);
        value = span_first(words, equals);
    }
    if (r->read) fail_msg("line %u: %s", r->line, r->diag.message);
    enum atom_kind k = kind_named(kind);
    bool is = (r->header.kinds >> k & 1) && warninglist_holds(r->list, k, value, &found);
    if (is != on) fail_msg("line %u: %.*s is %s the list", r->line, SPAN_ARG(value), is ? "on" : "off");
    if (entry.len && !span_equal(entry, found)) fail_msg("line %u: by %.*s", r->line, SPAN_ARG(found));
    r->asked++;
}

static void take(struct running *r, struct span line) {
    if (line.len == 0 || line.at[0] == '#') return;
    if (span_starts(line, SPAN("== "))) {
        finish(r);
    } else if (span_starts(line, SPAN("| "))) {
        buf_add(&r->json, span_from(line, 2));
        buf_add_char(&r->json, '\n');
    } else {
        struct span word = span_cut(&line, ' ');
        read_list(r);
        if (!span_is(word, "refused")) {
            ask(r, span_is(word, "on"), line);
            return;
        }
        if (!r->read) fail_msg("line %u: not refused", r->line);
        if (span_find(span_cstr(r->diag.message), line) == SIZE_MAX) fail_msg("line %u: %s", r->line, r->diag.message);
        r->asked++;
    }
}

static void cases(void **state) {
    (void)state;
    struct running r = {0};
    struct buf text = BUF_EMPTY;
    struct diag d;
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/detect/warninglist_cases.txt", getenv("RENKEI_SOURCE"));
    arena_init(&r.arena, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, &text, &d), ERR_NONE);
    for (struct span rest = buf_span(&text); rest.len;) {
        r.line++;
        take(&r, span_cut(&rest, '\n'));
    }
    assert_true(r.asked > 80);
    finish(&r);
    buf_free(&r.json);
    buf_free(&r.entries);
    buf_free(&text);
    arena_free(&r.arena);
}

/* What is kept is sorted, each once, in the spelling it is compared in. */
static void entries_are_sorted_and_single(void **state) {
    (void)state;
    struct arena a;
    struct warninglist_header h;
    struct buf entries = BUF_EMPTY;
    struct diag d;
    arena_init(&a, 1 << 20);
    assert_int_equal(warninglist_read(&a,
                                      SPAN("{\"name\":\" n \",\"version\":\"3\",\"list\":[\"b\",\"A\",\"a.\",\"b\"]}"),
                                      &h, &entries, &d),
                     ERR_NONE);
    assert_string_equal(buf_cstr(&entries), "a\nb\n");
    assert_int_equal(h.entry_count, 2);
    assert_true(span_is(h.name, "n") && span_is(h.version, "3"));
    buf_free(&entries);
    arena_free(&a);
}

static void a_million_names(void **state) {
    (void)state;
    enum { NAMES = 1000000 };
    struct buf entries = BUF_EMPTY;
    struct warninglist *list;
    struct diag d;
    char name[64];
    for (int i = 0; i < NAMES; i++) buf_printf(&entries, "host-%07d.example\n", i);
    int64_t started = clock_monotonic_us();
    assert_int_equal(warninglist_compile(WARNINGLIST_STRING, buf_span(&entries), &list, &d), ERR_NONE);
    int64_t compiled = clock_monotonic_us();
    unsigned on = 0;
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "host-%07d.example", 2 * i);
        on += warninglist_holds(list, ATOM_DOMAIN, span_cstr(name), NULL);
    }
    print_message("1,000,000 names: compiled in %.0f ms, %.1f MB beside %.1f MB of names; asked in %.0f ns\n",
                  (double)(compiled - started) / 1e3, (double)warninglist_bytes(list) / 1e6, (double)entries.len / 1e6,
                  (double)(clock_monotonic_us() - compiled) * 1e3 / NAMES);
    assert_int_equal(on, NAMES / 2);
    assert_true(warninglist_bytes(list) < 20u << 20);
    warninglist_free(&list);
    buf_free(&entries);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(entries_are_sorted_and_single),
                                       cmocka_unit_test(a_million_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
