/* The language of agreements, case by case: language.json gives rules in YAML, an object with the marking definitions
 * it names, where it came from, and what must be decided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "policy/decide.h"
#include "json/json.h"

enum { ARENA_CAP = 64 << 20 };

static const char HEAD[] =
    "renkei: agreement/v1\ntitle: t\neffective: 2026-01-01\nends: 2026-12-31\nparties:\n"
    "  - {id: AA, name: A, country: JPN, key: \"ed25519:NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=\"}\n"
    "  - {id: BB, name: B, country: USA, key: \"ed25519:xoImN8fTEOxXYnvgC6JZ0lN0n0qvZERwz/vlOjX3MkI=\"}\n"
    "  - {id: CC, name: C, key: \"ed25519:fqDjvVLiB8nTsOumXAcE5m/KLY4WWhdSGLF0/EFg5BM=\"}\n";

static struct json_doc cases_of(struct arena *a, struct buf *text) {
    char path[512];
    struct diag d;
    struct json_doc doc;
    const char *root = getenv("RENKEI_SOURCE");
    snprintf(path, sizeof path, "%s/tests/policy/language.json", root ? root : ".");
    assert_int_equal(file_read(path, 1 << 20, text, &d), ERR_NONE);
    if (json_parse(a, buf_span(text), &doc, &d))
        fail_msg("language.json, line %llu: %s", (unsigned long long)d.line, d.message);
    return doc;
}

/* "…\n…" indented by `by` blanks under a key. */
static void indented(struct buf *out, const char *key, struct json_value lines, struct arena *a, int by) {
    if (!json_exists(lines)) return;
    buf_printf(out, "%*s%s:\n", by, "", key);
    for (struct json_iter it = json_iter(lines); json_next(&it);)
        buf_printf(out, "%*s  %.*s\n", by, "", SPAN_ARG(json_text(it.value, a)));
}

static struct agreement *agreement_of(struct json_value c, struct arena *a) {
    struct buf text = BUF_EMPTY;
    struct agreement *g = NULL;
    struct diag d = {0};
    buf_add_cstr(&text, HEAD);
    indented(&text, "markings", json_get(c, "recognised"), a, 0);
    buf_add_cstr(&text, "release:\n  - from: AA\n    to: BB\n    no_tlp: amber\n");
    if (json_exists(json_get(c, "rules")))
        indented(&text, "rules", json_get(c, "rules"), a, 4);
    else
        buf_add_cstr(&text, "    rules: []\n");
    buf_add_cstr(&text, "  - from: CC\n    to: AA\n    no_tlp: amber\n    rules: []\n");
    indented(&text, "onward", json_get(c, "onward"), a, 4);
    if (json_exists(json_get(c, "returns"))) {
        buf_add_cstr(&text, "  - from: BB\n    to: AA\n    no_tlp: amber\n    rules: []\n");
        for (struct json_iter it = json_iter(json_get(c, "returns")); json_next(&it);)
            buf_printf(&text, "    %.*s\n", SPAN_ARG(json_text(it.value, a)));
    }
    struct span kept = arena_copy(a, buf_span(&text));
    buf_free(&text);
    if (agreement_read(a, kept, &g, &d) && !json_exists(json_get(c, "error")))
        fail_msg("%.*s: line %llu: %s", SPAN_ARG(json_text(json_get(c, "name"), a)), (unsigned long long)d.line,
                 d.message);
    if (!g && span_find(span_cstr(d.message), json_text(json_get(c, "error"), a)) == SIZE_MAX)
        fail_msg("%.*s: %s", SPAN_ARG(json_text(json_get(c, "name"), a)), d.message);
    return g;
}

struct held {
    struct json_value markings;
    struct arena *a;
};

static const struct stix_meaning *lookup(void *context, struct span id) {
    struct held *h = context;
    for (struct json_iter it = json_iter(h->markings); json_next(&it);) {
        struct stix_object o;
        struct diag d;
        struct stix_meaning *m = arena_alloc(h->a, sizeof *m);
        assert_int_equal(stix_object_view(h->a, it.value, &o, &d), ERR_NONE);
        if (!span_equal(o.id, id)) continue;
        stix_meaning_read(&o, h->a, m);
        return m;
    }
    return NULL;
}

static bool truth(struct json_value v) {
    bool b = false;
    return json_bool(v, &b) && b;
}

static void subject_of(struct json_value c, const struct agreement *const *under, struct arena *a,
                       struct policy_subject *s) {
    struct held held = {json_get(c, "markings"), a};
    struct stix_object o;
    struct diag d;
    struct span offending;
    assert_int_equal(stix_object_view(a, json_get(c, "object"), &o, &d), ERR_NONE);
    assert_int_equal(policy_facts_read(&o, lookup, &held, a, s, &offending), ERR_NONE);
    s->source_party = json_text(json_get(c, "source"), a);
    s->hops = s->source_party.len ? 1 : 0;
    s->consented = truth(json_get(c, "consented"));
    s->sighting_of_recipient = truth(json_get(c, "of_recipient"));
    s->about_recipient = truth(json_get(c, "about_recipient"));
    s->handling_labels = json_text(json_get(c, "local_labels"), a);
    s->came_under = under;
    s->came_under_count = s->source_party.len ? 1 : 0;
}

static bool expect(struct json_value c, const char *key, struct span got, struct arena *a) {
    struct json_value v = json_get(c, key);
    if (!json_exists(v) || json_is(v, got)) return true;
    print_error("%.*s\n  %s: expected %.*s, got %.*s\n", SPAN_ARG(json_text(json_get(c, "name"), a)), key,
                SPAN_ARG(json_text(v, a)), SPAN_ARG(got));
    return false;
}

static void national_of(struct json_value c, struct arena *a, const struct policy_subject *s, time_us now,
                        struct policy_decision *d) {
    struct buf text = BUF_EMPTY;
    struct national_policy *n;
    struct diag why = {0};
    if (!json_exists(json_get(c, "national"))) return;
    buf_add_cstr(&text, "renkei: national-policy/v1\nparty: AA\nversion: 1\neffective: 2026-01-01\n"
                        "officer: \"ed25519:NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=\"\n");
    indented(&text, "rules", json_get(c, "national"), a, 0);
    struct span kept = arena_copy(a, buf_span(&text));
    buf_free(&text);
    if (national_policy_read(a, kept, &n, &why)) fail_msg("line %llu: %s", (unsigned long long)why.line, why.message);
    policy_decide_national(n, now, s, d);
}

static bool case_holds(struct json_value c, struct arena *a) {
    struct policy_subject s;
    struct policy_decision d;
    struct buf text = BUF_EMPTY;
    time_us now;
    struct span at = json_text(json_get(c, "now"), a);
    struct agreement *g = agreement_of(c, a);
    if (!g) return true; /* an error that was expected */
    const struct agreement *under[] = {g};
    assert_true(time_parse_stix(at.len ? at : SPAN("2026-06-01T00:00:00Z"), &now));
    subject_of(c, under, a, &s);
    policy_decide(g, SPAN("AA"), SPAN("BB"), now, &s, &d);
    national_of(c, a, &s, now, &d);
    policy_redactions_name(d.redactions, &text);
    bool ok = expect(c, "outcome", span_cstr(policy_outcome_name(d.outcome)), a) &
              expect(c, "reason", span_cstr(policy_reason_name(d.reason)), a) & expect(c, "clause", d.clause, a) &
              expect(c, "redacted", buf_span(&text), a);
    if (json_exists(json_get(c, "approvals"))) {
        char number[8];
        snprintf(number, sizeof number, "%u", d.approvals);
        ok &= expect(c, "approvals", span_cstr(number), a);
    }
    buf_clear(&text);
    policy_explain(&d, &text);
    assert_true(text.len > 0);
    buf_free(&text);
    return ok;
}

static void cases_hold(void **state) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    unsigned failed = 0, count = 0;
    arena_init(&a, ARENA_CAP);
    struct json_doc doc = cases_of(&a, &text);
    for (struct json_iter it = json_iter(json_root(&doc)); json_next(&it); count++) {
        struct arena b;
        arena_init(&b, ARENA_CAP);
        failed += !case_holds(it.value, &b);
        arena_free(&b);
    }
    assert_int_equal(failed, 0);
    assert_true(count >= 40);
    buf_free(&text);
    arena_free(&a);
}

/* Whose objects wait in an inbox until they are accepted. */
static void quarantine(void **state) {
    static const struct {
        const char *line, *party;
        bool waits;
    } cases[] = {{"quarantine: [ACME, BRAVO]", "ACME", true},
                 {"quarantine: [ACME, BRAVO]", "BRAVO", true},
                 {"quarantine: [ACME]", "CHARLIE", false},
                 {"quarantine: [all]", "CHARLIE", true},
                 {"quarantine: [all]", "", true},
                 {"quarantine: [ACME]", "", false},
                 {"", "ACME", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct national_policy *n;
        struct diag d;
        arena_init(&a, 1 << 20);
        struct span text =
            arena_printf(&a,
                         "renkei: national-policy/v1\nparty: AA\nversion: 1\neffective: 2026-01-01\n"
                         "officer: \"ed25519:NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=\"\n%s\nrules: []\n",
                         cases[i].line);
        if (national_policy_read(&a, text, &n, &d)) fail_msg("%s: %s", cases[i].line, d.message);
        assert_int_equal(national_policy_quarantines(n, span_cstr(cases[i].party)), cases[i].waits);
        arena_free(&a);
    }
    assert_false(national_policy_quarantines(NULL, SPAN("ACME")));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_hold), cmocka_unit_test(quarantine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
