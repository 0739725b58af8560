/* Decisions: cases in decisions.json, and random agreements against an oracle that knows nothing of the real code's
 * structures: it keeps the rules as the words they were written in and walks them slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "policy/decide.h"
#include "json/json.h"

enum { ARENA_CAP = 64 << 20 };

static struct buf file_of(const char *name) {
    char path[512];
    struct buf out = BUF_EMPTY;
    struct diag d;
    const char *root = getenv("RENKEI_SOURCE");
    snprintf(path, sizeof path, "%s/tests/policy/%s", root ? root : ".", name);
    assert_int_equal(file_read(path, 1 << 20, &out, &d), ERR_NONE);
    return out;
}

static struct agreement *read_ok(struct arena *a, struct span text) {
    struct agreement *g = NULL;
    struct diag d = {0};
    enum err e = agreement_read(a, text, &g, &d);
    if (e) print_error("line %llu: %s\n%.*s\n", (unsigned long long)d.line, d.message, SPAN_ARG(text));
    assert_int_equal(e, ERR_NONE);
    return g;
}

/* ---- decisions.json
 * -------------------------------------------------------------------------------------------------- */

static enum stix_tlp tlp_of(struct json_value v, struct arena *a) {
    enum stix_tlp level = STIX_TLP_NONE;
    if (json_exists(v)) assert_true(stix_tlp_parse(json_text(v, a), &level));
    return level;
}

static int number_of(struct json_value v) {
    int64_t n = -1;
    if (json_exists(v)) assert_true(json_int(v, &n));
    return (int)n;
}

static bool truth_of(struct json_value v) {
    bool b = false;
    return json_bool(v, &b) && b;
}

static struct policy_subject subject_of(struct json_value c, struct arena *a) {
    struct json_value object = json_get(c, "object"), handling = json_get(c, "handling"),
                      labels = json_get(object, "labels");
    struct policy_subject s;
    struct span *list = arena_zalloc(a, json_count(labels) + 1u, sizeof *list);
    struct buf local = BUF_EMPTY;
    policy_subject_init(&s);
    s.type = json_text(json_get(object, "type"), a);
    s.tlp = tlp_of(json_get(object, "tlp"), a);
    s.confidence = number_of(json_get(object, "confidence"));
    s.marking_unknown = truth_of(json_get(object, "marking_unknown"));
    s.builtin = truth_of(json_get(object, "builtin"));
    s.sighting_of_recipient = truth_of(json_get(object, "of_recipient"));
    s.source_party = json_text(json_get(object, "source"), a);
    for (uint32_t i = 0; i < json_count(labels); i++) list[s.label_count++] = json_text(json_at(labels, i), a);
    s.labels = list;
    s.handling_tlp = tlp_of(json_get(handling, "tlp"), a);
    s.handling_confidence = number_of(json_get(handling, "confidence"));
    for (uint32_t i = 0; i < json_count(json_get(handling, "labels")); i++) {
        if (i) buf_add_char(&local, '\n');
        buf_add(&local, json_text(json_at(json_get(handling, "labels"), i), a));
    }
    s.handling_labels = arena_copy(a, buf_span(&local));
    buf_free(&local);
    return s;
}

static bool expect(struct json_value c, const char *key, struct span got, struct arena *a) {
    struct json_value v = json_get(c, key);
    if (!json_exists(v) || json_is(v, got)) return true;
    print_error("  %s: expected %.*s, got %.*s\n", key, SPAN_ARG(json_text(v, a)), SPAN_ARG(got));
    return false;
}

static bool case_holds(const struct agreement *g, struct json_value c, struct arena *a) {
    struct span from = json_text(json_get(c, "from"), a), to = json_text(json_get(c, "to"), a),
                now = json_text(json_get(c, "now"), a);
    struct policy_subject s = subject_of(c, a);
    struct policy_decision d;
    struct buf text = BUF_EMPTY;
    time_us t;
    assert_true(time_parse_stix(now.len ? now : SPAN("2026-06-01T00:00:00Z"), &t));
    policy_decide(g, from, to, t, &s, &d);
    policy_explain(&d, &text);
    bool ok = expect(c, "outcome", span_cstr(policy_outcome_name(d.outcome)), a);
    ok &= expect(c, "reason", span_cstr(policy_reason_name(d.reason)), a);
    ok &= expect(c, "clause", d.clause, a);
    if (json_exists(json_get(c, "redact_member")))
        ok &= truth_of(json_get(c, "redact_member")) == ((d.redactions & POLICY_REDACT_MEMBER) != 0);
    struct span said = json_text(json_get(c, "text"), a);
    ok &= span_find(buf_span(&text), said) != SIZE_MAX && text.len > 0;
    ok &= d.outcome == POLICY_RELEASE || d.redactions == 0;
    if (!ok)
        print_error("%.*s\n  said: %.*s\n", SPAN_ARG(json_text(json_get(c, "name"), a)), SPAN_ARG(buf_span(&text)));
    buf_free(&text);
    return ok;
}

static void cases_hold(void **state) {
    struct arena a;
    struct diag d;
    struct json_doc doc;
    unsigned failed = 0;
    arena_init(&a, ARENA_CAP);
    struct buf text = file_of("agreement.yaml"), cases = file_of("decisions.json");
    struct agreement *g = read_ok(&a, buf_span(&text));
    assert_int_equal(json_parse(&a, buf_span(&cases), &doc, &d), ERR_NONE);
    struct json_iter it = json_iter(json_root(&doc));
    while (json_next(&it)) failed += !case_holds(g, it.value, &a);
    assert_int_equal(failed, 0);
    assert_true(it.index >= 30 || json_count(json_root(&doc)) >= 30);
    buf_free(&text);
    buf_free(&cases);
    arena_free(&a);
}

/* ---- the oracle
 * ------------------------------------------------------------------------------------------------------- */

enum { WORDS_MAX = 4, RULES_MAX = 6, AGREEMENTS = 300, QUESTIONS = 200 };

static const char *const parties[] = {"AA", "BB", "CC"};
static const char *const types[] = {"indicator", "malware", "sighting", "report"};
static const char *const levels[] = {"clear", "green", "amber", "amber+strict", "red"};
static const char *const labels[] = {"one", "two", "three"};
static const char *const keys[] = {
    "NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=", "xoImN8fTEOxXYnvgC6JZ0lN0n0qvZERwz/vlOjX3MkI=",
    "fqDjvVLiB8nTsOumXAcE5m/KLY4WWhdSGLF0/EFg5BM="};

/* A rule as words: NULL-terminated lists. */
struct word_rule {
    bool release, asks_confidence, absent_enough;
    const char *types[WORDS_MAX + 1], *levels[6], *any[WORDS_MAX + 1], *none[WORDS_MAX + 1];
    int min;
};
struct word_direction {
    bool listed, returns, names, has_sightings;
    const char *no_tlp; /* "withhold" or a level */
    struct word_rule rules[RULES_MAX];
    unsigned count;
};
struct words {
    struct word_direction d[3][3];
};

static uint64_t seed = 20260401;
static unsigned dice(unsigned sides) {
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(seed >> 33) % sides;
}

/* Each word with one chance in `odds`. */
static void some(const char **out, const char *const *from, unsigned count, unsigned odds) {
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        if (dice(odds) == 0) out[n++] = from[i];
    out[n] = NULL;
}

static void roll_rule(struct word_rule *r) {
    memset(r, 0, sizeof *r);
    r->release = dice(4) != 0;
    if (dice(2)) some(r->types, types, 4, 2);
    some(r->levels, levels, 5, 2);
    if (!r->levels[0] && r->release) r->levels[0] = levels[dice(5)];
    if (dice(2)) some(r->any, labels, 2, 2);
    if (!dice(3)) r->none[0] = labels[2];
    r->asks_confidence = dice(2) == 0;
    r->absent_enough = dice(2);
    r->min = (int)dice(101);
}

static void roll(struct words *w) {
    memset(w, 0, sizeof *w);
    w->d[0][1].listed = true; /* at least one direction */
    for (int f = 0; f < 3; f++)
        for (int t = 0; t < 3; t++) {
            struct word_direction *d = &w->d[f][t];
            if (f == t || (!d->listed && dice(3) == 0)) continue;
            d->listed = true;
            d->no_tlp = dice(3) == 0 ? "withhold" : levels[dice(5)];
            d->has_sightings = dice(4) != 0;
            d->returns = d->has_sightings && dice(2);
            d->names = d->returns && dice(2);
            d->count = 1 + dice(RULES_MAX);
            for (unsigned i = 0; i < d->count; i++) roll_rule(&d->rules[i]);
        }
}

static void write_list(struct buf *b, const char *key, const char *const *list) {
    buf_printf(b, "%s[", key);
    for (unsigned i = 0; list[i]; i++) buf_printf(b, "%s%s", i ? ", " : "", list[i]);
    buf_add_cstr(b, "]");
}

static void write_rule(struct buf *b, const struct word_rule *r, const char *name) {
    static const char *const all[] = {"all", NULL};
    buf_printf(b, "      - clause: %s\n        outcome: %s\n", name, r->release ? "release" : "withhold");
    write_list(b, "        types: ", r->types[0] ? r->types : all);
    if (r->levels[0]) write_list(b, "\n        tlp: ", r->levels);
    if (r->any[0] || r->none[0]) buf_add_cstr(b, "\n        labels:");
    if (r->any[0]) write_list(b, "\n          any: ", r->any);
    if (r->none[0]) write_list(b, "\n          none: ", r->none);
    if (r->asks_confidence)
        buf_printf(b, "\n        confidence: {min: %d, absent: %s}", r->min, r->absent_enough ? "enough" : "too-low");
    buf_add_cstr(b, "\n");
}

static void write_agreement(struct buf *b, const struct words *w) {
    buf_add_cstr(b, "renkei: agreement/v1\ntitle: rolled\neffective: 2026-01-01\nends: 2026-12-31\nparties:\n");
    for (int i = 0; i < 3; i++)
        buf_printf(b, "  - {id: %s, name: Party %d, key: \"ed25519:%s\"}\n", parties[i], i, keys[i]);
    buf_add_cstr(b, "release:\n");
    for (int f = 0; f < 3; f++)
        for (int t = 0; t < 3; t++) {
            const struct word_direction *d = &w->d[f][t];
            if (!d->listed) continue;
            buf_printf(b, "  - from: %s\n    to: %s\n    no_tlp: %s\n    rules:\n", parties[f], parties[t], d->no_tlp);
            for (unsigned i = 0; i < d->count; i++) {
                char name[48];
                snprintf(name, sizeof name, "c-%d-%d-%u", f, t, i);
                write_rule(b, &d->rules[i], name);
            }
            if (d->has_sightings)
                buf_printf(b, "    sightings: {return: %s, name_member: %s}\n", d->returns ? "true" : "false",
                           d->names ? "true" : "false");
        }
}

/* The question in words. */
struct question {
    int from, to;
    const char *type, *level, *local_level, *labels[3], *local_labels[3];
    int confidence, local_confidence;
    bool unknown, builtin, foreign, of_recipient, outside;
};

static bool in(const char *const *list, const char *word) {
    for (unsigned i = 0; list[i]; i++)
        if (strcmp(list[i], word) == 0) return true;
    return false;
}

static int strictness(const char *level) {
    for (int i = 0; i < 5; i++)
        if (level && strcmp(level, levels[i]) == 0) return i;
    return -1;
}

static bool carries(const struct question *q, const char *const *wanted) {
    for (unsigned i = 0; wanted[i]; i++)
        if (in(q->labels, wanted[i]) || in(q->local_labels, wanted[i])) return true;
    return false;
}

static bool applies(const struct word_rule *r, const struct question *q, const char *level) {
    int confidence = q->local_confidence != -1 ? q->local_confidence : q->confidence;
    if (r->types[0] && !in(r->types, q->type)) return false;
    if (r->levels[0] && !in(r->levels, level)) return false;
    if (r->any[0] && !carries(q, r->any)) return false;
    if (r->none[0] && carries(q, r->none)) return false;
    if (!r->asks_confidence) return true;
    return confidence == -1 ? r->absent_enough : confidence >= r->min;
}

/* "" = withheld without clause; otherwise the clause, after '+' (released) or '-' (withheld); '!' behind it: the member
 * must not be named. */
static void oracle(const struct words *w, const struct question *q, char *answer, size_t size) {
    const struct word_direction *d = &w->d[q->from][q->to], *back = &w->d[q->to][q->from];
    const char *level = strictness(q->level) > strictness(q->local_level) ? q->level : q->local_level;
    bool named = q->of_recipient && back->listed && back->names, sighting = strcmp(q->type, "sighting") == 0;
    answer[0] = 0;
    if (q->builtin || q->outside || q->foreign || q->unknown) return;
    if (q->of_recipient && back->listed && strictness(level) <= strictness("amber")) {
        snprintf(answer, size, "%csightings %s→%s%s", back->returns ? '+' : '-', parties[q->to], parties[q->from],
                 back->returns && !named ? "!" : "");
        return;
    }
    if (!d->listed) return;
    if (!level) level = d->no_tlp;
    if (strcmp(level, "withhold") == 0) return;
    for (unsigned i = 0; i < d->count; i++)
        if (applies(&d->rules[i], q, level)) {
            bool release = d->rules[i].release;
            snprintf(answer, size, "%cc-%d-%d-%u%s", release ? '+' : '-', q->from, q->to, i,
                     release && sighting && !named ? "!" : "");
            return;
        }
}

static void real(const struct agreement *g, const struct question *q, char *answer, size_t size) {
    struct policy_subject s;
    struct policy_decision d;
    struct span own[3];
    char local[64] = "";
    time_us now = INT64_C(1780000000000000);
    policy_subject_init(&s);
    s.type = span_cstr(q->type);
    if (q->level) assert_true(stix_tlp_parse(span_cstr(q->level), &s.tlp));
    if (q->local_level) assert_true(stix_tlp_parse(span_cstr(q->local_level), &s.handling_tlp));
    for (; q->labels[s.label_count]; s.label_count++) own[s.label_count] = span_cstr(q->labels[s.label_count]);
    s.labels = own;
    for (unsigned i = 0; q->local_labels[i]; i++) {
        if (i) strcat(local, "\n");
        strcat(local, q->local_labels[i]);
    }
    s.handling_labels = span_cstr(local);
    s.confidence = q->confidence;
    s.handling_confidence = q->local_confidence;
    s.marking_unknown = q->unknown;
    s.builtin = q->builtin;
    s.source_party = q->foreign ? SPAN("CC") : SPAN("");
    s.sighting_of_recipient = q->of_recipient;
    if (q->outside) now = dice(2) ? 0 : INT64_C(1900000000000000);
    policy_decide(g, span_cstr(parties[q->from]), span_cstr(parties[q->to]), now, &s, &d);
    struct buf text = BUF_EMPTY;
    policy_explain(&d, &text);
    assert_true(text.len > 0);
    buf_free(&text);
    bool release = d.outcome == POLICY_RELEASE;
    answer[0] = 0;
    if (d.clause.len || release)
        snprintf(answer, size, "%c%.*s%s", release ? '+' : '-', SPAN_ARG(d.clause),
                 d.redactions & POLICY_REDACT_MEMBER ? "!" : "");
}

static struct question ask(void) {
    struct question q = {.from = (int)dice(3), .confidence = -1, .local_confidence = -1};
    q.to = (q.from + 1 + (int)dice(2)) % 3;
    q.type = types[dice(4)];
    if (dice(4)) q.level = levels[dice(5)];
    if (!dice(4)) q.local_level = levels[dice(5)];
    if (dice(2)) q.labels[0] = labels[dice(3)];
    if (!dice(3)) q.local_labels[0] = labels[dice(3)];
    if (q.local_labels[0] && dice(2)) q.local_labels[1] = labels[dice(3)];
    if (dice(2)) q.confidence = (int)dice(101);
    if (!dice(3)) q.local_confidence = (int)dice(101);
    q.unknown = !dice(20);
    q.builtin = !dice(40);
    q.foreign = !dice(20);
    q.outside = !dice(20);
    q.of_recipient = strcmp(q.type, "sighting") == 0 && dice(2);
    return q;
}

static void agrees_with_the_oracle(void **state) {
    unsigned released = 0, by_clause = 0;
    for (int i = 0; i < AGREEMENTS; i++) {
        struct words w;
        struct buf text = BUF_EMPTY;
        struct arena a;
        arena_init(&a, ARENA_CAP);
        roll(&w);
        write_agreement(&text, &w);
        struct agreement *g = read_ok(&a, buf_span(&text));
        for (int k = 0; k < QUESTIONS; k++) {
            struct question q = ask();
            char expected[64], got[64];
            oracle(&w, &q, expected, sizeof expected);
            real(g, &q, got, sizeof got);
            if (strcmp(expected, got) != 0)
                print_error("%.*s\n%s → %s, %s, %s: expected \"%s\", got \"%s\"\n", SPAN_ARG(buf_span(&text)),
                            parties[q.from], parties[q.to], q.type, q.level ? q.level : "no TLP", expected, got);
            assert_string_equal(expected, got);
            released += got[0] == '+';
            by_clause += got[0] == '-';
        }
        buf_free(&text);
        arena_free(&a);
    }
    /* Both answers were asked for often enough to mean something. */
    assert_true(released > AGREEMENTS * QUESTIONS / 10);
    assert_true(by_clause > AGREEMENTS * QUESTIONS / 50);
}

static void every_reason_has_a_name_of_its_own(void **state) {
    for (unsigned i = 0; i < POLICY_REASON_COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(policy_reason_name((enum policy_reason)i),
                                    policy_reason_name((enum policy_reason)j));
    assert_string_equal(policy_reason_name(POLICY_REASON_COUNT), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_hold),
        cmocka_unit_test(agrees_with_the_oracle),
        cmocka_unit_test(every_reason_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
