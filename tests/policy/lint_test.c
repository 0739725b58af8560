/* What lint says and does not say, and that an agreement can be explained in every language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/describe.h"
#include "policy/lint.h"

enum { ARENA_CAP = 64 << 20 };

#define GREEN  "{clause: A, outcome: release, types: [all], tlp: [clear, green]}"
#define LIST   "{clause: B, outcome: release, types: [indicator, malware], tlp: [green]}"
#define HOLD   "{clause: H, outcome: withhold, types: [all], labels: {any: [secret]}}"
#define HOLD_2 "{clause: H, outcome: withhold, types: [all], labels: {any: [secret, own]}}"

static const struct {
    const char *rules[4], *before[4]; /* before[0] NULL: there is no version before */
    const char *expected;             /* "kind clause" each, in order */
} cases[] = {
    {{GREEN}, {NULL}, ""},
    {{LIST, GREEN}, {NULL}, ""},
    {{GREEN, LIST}, {NULL}, "never-matches B"},
    {{HOLD, "{clause: C, outcome: release, types: [all], tlp: [red], labels: {any: [Secret]}}"},
     {NULL},
     "contradiction C, strict C"},
    {{"{clause: C, outcome: release, types: [malware], tlp: [green], observes: {any: [file]}}"},
     {NULL},
     "never-matches C"},
    {{"{clause: C, outcome: withhold, types: [all], confidence: {max: 50, absent: too-low}}",
      "{clause: D, outcome: release, types: [all], tlp: [green], confidence: {max: 40, absent: enough}}"},
     {NULL},
     ""}, /* without a confidence, D matches what C does not */
    {{GREEN}, {GREEN}, ""},
    {{LIST}, {GREEN}, ""},
    {{GREEN}, {LIST}, "wider A"},
    {{GREEN}, {HOLD, GREEN}, "wider H"},
    {{HOLD_2, GREEN}, {HOLD, GREEN}, ""},
    {{HOLD, GREEN}, {HOLD_2, GREEN}, "wider H"},
    {{"{clause: A, outcome: release, types: [all], tlp: [green], embargo: 1d}"},
     {"{clause: A, outcome: release, types: [all], tlp: [green], embargo: 2d}"},
     "wider A"},
    {{"{clause: A, outcome: release, types: [all], tlp: [green], redact: {creator: true}}"},
     {"{clause: A, outcome: release, types: [all], tlp: [green], redact: {creator: true, times: 1d}}"},
     "wider A"},
    {{"{clause: A, outcome: release, types: [all], tlp: [green], sources: [own, CC]}"}, {GREEN}, "wider A"},
    {{"{clause: A, outcome: release, types: [all], tlp: [green], when: 'age < 5d'}"}, {GREEN}, ""},
};

static struct agreement *read_rules(struct arena *a, const char *const *rules) {
    struct buf text = BUF_EMPTY;
    struct agreement *g;
    struct diag d = {0};
    buf_add_cstr(&text, "renkei: agreement/v1\ntitle: t\neffective: 2026-01-01\nends: 2026-12-31\nparties:\n"
                        "  - {id: AA, name: A, key: \"ed25519:NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=\"}\n"
                        "  - {id: BB, name: B, key: \"ed25519:xoImN8fTEOxXYnvgC6JZ0lN0n0qvZERwz/vlOjX3MkI=\"}\n"
                        "release:\n  - from: AA\n    to: BB\n    no_tlp: amber\n    rules:\n");
    for (int i = 0; i < 4 && rules[i]; i++) buf_printf(&text, "      - %s\n", rules[i]);
    struct span kept = arena_copy(a, buf_span(&text));
    buf_free(&text);
    if (agreement_read(a, kept, &g, &d)) fail_msg("line %llu: %s", (unsigned long long)d.line, d.message);
    return g;
}

static void take(void *context, const struct policy_lint_finding *f) {
    struct buf *said = context;
    assert_true(f->text[0]);
    buf_printf(said, "%s%s %.*s", said->len ? ", " : "", policy_lint_name(f->kind), SPAN_ARG(f->clause));
}

static void lint_says_what_is_so(void **state) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct buf said = BUF_EMPTY;
        arena_init(&a, ARENA_CAP);
        policy_lint(read_rules(&a, cases[i].rules), cases[i].before[0] ? read_rules(&a, cases[i].before) : NULL, take,
                    &said);
        if (!span_is(buf_span(&said), cases[i].expected))
            fail_msg("case %zu: expected \"%s\", got \"%.*s\"", i, cases[i].expected, SPAN_ARG(buf_span(&said)));
        buf_free(&said);
        arena_free(&a);
    }
}

static void every_language_says_every_clause(void **state) {
    static const char *const rules[] = {
        HOLD,
        "{clause: B, outcome: release, types: [indicator], tlp: [green, amber], pap: [none, clear], sources: [own], "
        "confidence: {min: 5, absent: enough}, age: {max: 30d}, attack: {none: [T1059]}, when: 'revoked', embargo: 1d, "
        "expiry: 12d, redact: {creator: true, properties: [x_case]}}",
        NULL, NULL};
    static const char *const words[] = {"Clause B: released.", "条項 B：提供する。", "조항 B: 제공한다."};
    struct arena a;
    arena_init(&a, ARENA_CAP);
    struct agreement *g = read_rules(&a, rules);
    for (int i = 0; i < 3; i++) {
        struct buf out = BUF_EMPTY;
        policy_describe(g, (enum policy_language)i, &out);
        assert_true(span_find(buf_span(&out), span_cstr(words[i])) != SIZE_MAX);
        assert_true(span_find(buf_span(&out), SPAN("T1059")) != SIZE_MAX);
        assert_true(span_find(buf_span(&out), SPAN("x_case")) != SIZE_MAX);
        assert_true(span_find(buf_span(&out), SPAN("%s")) == SIZE_MAX);
        buf_free(&out);
    }
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lint_says_what_is_so),
        cmocka_unit_test(every_language_says_every_clause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
