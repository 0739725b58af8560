/* Decisions a second on one core: objects of STIX bundles (one JSON object a line, or a bundle), read, their markings
 * evaluated, and decided under three agreements and a national policy. Parsing of JSON is measured apart. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "policy/decide.h"
#include "json/json.h"

enum { FILE_MAX = 1 << 30, ROUNDS = 5 };

static const char PARTIES[] = "parties:\n"
                              "  - {id: AA, name: A, key: \"ed25519:NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=\"}\n"
                              "  - {id: BB, name: B, key: \"ed25519:xoImN8fTEOxXYnvgC6JZ0lN0n0qvZERwz/vlOjX3MkI=\"}\n";

static const char *const RULES[] = {
    "      - {clause: A1, outcome: withhold, types: [all], labels: {any: [national-only]}}\n"
    "      - {clause: A2, outcome: release, types: [all], tlp: [clear, green]}\n"
    "      - {clause: A3, outcome: release, types: [indicator, malware], tlp: [amber], confidence: {min: 50, absent: "
    "enough}}\n",
    "      - {clause: B1, outcome: withhold, types: [all], attack: {any: [T1059, T1003, G0016]}}\n"
    "      - {clause: B2, outcome: withhold, types: [all], when: 'age > 20y or label in (draft, test) or revoked'}\n"
    "      - {clause: B3, outcome: release, types: [indicator], tlp: [clear, green, amber], observes: {any: "
    "[domain-name, ipv4-addr]}}\n"
    "      - {clause: B4, outcome: release, types: [all], tlp: [clear, green, amber], redact: {creator: true, times: "
    "1d}}\n",
    "      - {clause: C1, outcome: release, types: [all], tlp: [clear], sectors: {any: [energy, defence]}}\n"
    "      - {clause: C2, outcome: release, types: [all], tlp: [green], when: 'not (sector is present) and confidence "
    ">= 70'}\n"
    "      - {clause: C3, outcome: release, types: [attack-pattern, course-of-action, relationship], tlp: [amber], "
    "age: {max: 10y}}\n"};

static const char NATIONAL[] = "renkei: national-policy/v1\nparty: AA\nversion: 1\neffective: 2026-01-01\n"
                               "officer: \"ed25519:NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE=\"\nrules:\n"
                               "  - {clause: N1, outcome: withhold, labels: {any: [national-only]}}\n"
                               "  - {clause: N2, outcome: refer, types: [report]}\n";

static void stop(const char *what, const struct diag *d) {
    fprintf(stderr, "policy: %s: %s\n", what, d->message);
    exit(2);
}

static const struct stix_meaning *statement(void *context, struct span id) {
    static const struct stix_meaning any = {.kind = STIX_MEANING_STATEMENT};
    (void)context;
    (void)id;
    return &any;
}

static struct agreement *make(struct arena *a, int which) {
    struct diag d = {0};
    struct agreement *g;
    struct span text =
        arena_printf(a,
                     "renkei: agreement/v1\ntitle: b\neffective: 2026-01-01\nends: 2036-01-01\n%srelease:\n"
                     "  - from: AA\n    to: BB\n    no_tlp: amber\n    rules:\n%s",
                     PARTIES, RULES[which]);
    if (agreement_read(a, text, &g, &d)) stop("agreement", &d);
    return g;
}

int main(int argc, char **argv) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct json_doc doc;
    struct diag d = {0};
    struct agreement *agreements[3];
    struct national_policy *national;
    uint64_t decided = 0, released = 0;
    time_us now;
    if (argc != 2) {
        fputs("usage: policy BUNDLE\n", stderr);
        return 2;
    }
    arena_init(&a, (size_t)3 << 30);
    for (int i = 0; i < 3; i++) agreements[i] = make(&a, i);
    if (national_policy_read(&a, span_cstr(NATIONAL), &national, &d)) stop("national policy", &d);
    if (file_read(argv[1], FILE_MAX, &text, &d)) stop(argv[1], &d);
    int64_t begun = clock_monotonic_us();
    if (json_parse(&a, buf_span(&text), &doc, &d)) stop(argv[1], &d);
    int64_t parsed = clock_monotonic_us() - begun;
    struct json_value objects = json_get(json_root(&doc), "objects");
    if (!time_parse_stix(SPAN("2026-06-01T00:00:00Z"), &now)) return 2;
    begun = clock_monotonic_us();
    for (int round = 0; round < ROUNDS; round++) {
        struct arena one;
        arena_init(&one, 64 << 20);
        for (struct json_iter it = json_iter(objects); json_next(&it);) {
            struct stix_object o;
            struct policy_subject s;
            struct span offending;
            arena_reset(&one);
            if (stix_object_view(&one, it.value, &o, &d) ||
                policy_facts_read(&o, statement, NULL, &one, &s, &offending))
                stop("object", &d);
            for (int i = 0; i < 3; i++) {
                struct policy_decision decision;
                policy_decide(agreements[i], SPAN("AA"), SPAN("BB"), now, &s, &decision);
                policy_decide_national(national, now, &s, &decision);
                decided++;
                released += decision.outcome == POLICY_RELEASE;
            }
        }
        arena_free(&one);
    }
    int64_t took = clock_monotonic_us() - begun;
    printf("%u objects, %.1f MB; parsed in %.3f s\n", json_count(objects), (double)text.len / 1e6,
           (double)parsed / 1e6);
    printf("%llu decisions, %llu released, in %.3f s: %.0f decisions/s on one core (facts and markings included)\n",
           (unsigned long long)decided, (unsigned long long)released, (double)took / 1e6,
           (double)decided / ((double)took / 1e6));
    buf_free(&text);
    arena_free(&a);
    return 0;
}
