/* Random histories under terms that change: redactions come and go, rules narrow and widen, embargoes and expiries end,
 * markings change. Whatever happened, once the terms have settled a ledger serves exactly what a ledger begun today
 * would: the same objects, in the same versions and forms, and nothing is left to do. RENKEI_SEEDS=n plays n histories
 * instead of a few, RENKEI_SEED=m begins with the m-th. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/fixture.h"

enum { SEEDS = 5, STEPS = 30, OBJECTS = 32, TERMS = 8, SERVED_MAX = 4096, ARENA_MAX = 256 << 20 };

struct history {
    struct fixture f;
    uint64_t random;
    unsigned version[OBJECTS];
    unsigned terms; /* those in force */
};

static unsigned dice(struct history *h, unsigned sides) {
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (unsigned)(h->random >> 33) % sides;
}

/* ---- what happens ---- */

static const char *const types[] = {"indicator", "malware", "relationship", "report", "note", "campaign"};

static const char *type_of(unsigned number) {
    return types[number % (sizeof types / sizeof *types)];
}

static void write_object(struct history *h, unsigned number, struct buf *out) {
    static const char *const levels[] = {"green", "green", "clear", "", "amber", "red"};
    struct buf words = BUF_EMPTY;
    const char *type = type_of(number);
    unsigned a = dice(h, OBJECTS), b = dice(h, OBJECTS);
    buf_printf(&words, "%s %u v%u %s labels=[\"l%u\"] description=\"d%u\"", type, number, ++h->version[number],
               levels[dice(h, 6)], dice(h, 3), dice(h, 100));
    if (strcmp(type, "report") == 0 || strcmp(type, "note") == 0)
        buf_printf(&words, " object_refs=[%s:%u,%s:%u]", type_of(a), a, type_of(b), b);
    if (strcmp(type, "relationship") == 0) { /* not between relationships */
        a -= a % 6;
        b -= b % 6;
        buf_printf(&words, " source_ref=%s:%u target_ref=%s:%u", type_of(a), a, type_of(b + 1), b + 1);
    }
    fixture_object(&h->f, JP, out, buf_span(&words));
    buf_free(&words);
}

static void import(struct history *h) {
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    for (unsigned i = 0, count = 1 + dice(h, 6); i < count; i++) write_object(h, dice(h, OBJECTS - 2), &text);
    if (fixture_import(&h->f, JP, buf_span(&text), ",\"keep_going\":true", &d)) fail_msg("%s", d.message);
    buf_free(&text);
}

static const char *const terms[TERMS] = {
    "      - {clause: A, outcome: release, types: [all], tlp: [clear, green]}\n",
    "      - {clause: B, outcome: withhold, types: [malware], labels: {any: [l0]}}\n"
    "      - {clause: C, outcome: release, types: [all], tlp: [clear, green]}\n",
    "      - {clause: D, outcome: release, types: [malware], tlp: [green], redact: {descriptions: true}}\n"
    "      - {clause: E, outcome: release, types: [all], tlp: [clear, green]}\n",
    "      - {clause: F, outcome: release, types: [malware, indicator], tlp: [green], redact: {descriptions: true, "
    "properties: [labels]}}\n"
    "      - {clause: G, outcome: release, types: [all], tlp: [clear, green]}\n",
    "      - {clause: H, outcome: release, types: [indicator, malware, relationship], tlp: [clear, green], expiry: "
    "160d}\n"
    "      - {clause: I, outcome: release, types: [all], tlp: [clear]}\n",
    "      - {clause: J, outcome: release, types: [all], tlp: [clear, green], embargo: 155d}\n",
    "      - {clause: K, outcome: release, types: [report, note], tlp: [clear, green, amber], redact: {times: 1d}}\n"
    "      - {clause: L, outcome: release, types: [all], tlp: [clear, green, amber], labels: {none: [l2]}}\n",
    "      - {clause: M, outcome: withhold, types: [all]}\n",
};

static void agree(struct history *h, bool afresh) {
    struct buf text = BUF_EMPTY;
    char before[65];
    snprintf(before, sizeof before, "%s", h->f.agreement);
    buf_printf(&text,
               "release:\n  - from: JP-MOD\n    to: US-DOD\n    no_tlp: green\n    rules:\n"
               "      - {clause: N%s%u, outcome: withhold, types: [all], labels: {any: [never]}}\n%s",
               afresh ? "new" : "", dice(h, 1u << 30), terms[h->terms]);
    fixture_agree(&h->f, &(struct fixture_terms){.release = buf_cstr(&text),
                                                 .predecessor = afresh || !before[0] ? NULL : before});
    buf_free(&text);
}

static void step(struct history *h) {
    h->f.now += (time_us)dice(h, 3) * 86400 * TIME_US_PER_S;
    switch (dice(h, 6)) {
    case 0:
        h->terms = dice(h, TERMS);
        agree(h, false);
        break;
    case 1:
        fixture_run(&h->f, JP, "withdraw.no_longer", dice(h, 2) ? "{}" : "{\"dry\":true}");
        break;
    case 2:
        fixture_run(&h->f, JP, "release", "{}");
        break;
    default:
        import(h);
    }
}

/* ---- what it comes to ---- */

struct served {
    char what[SERVED_MAX][120];
    size_t count;
};

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Object, version and form of everything a ledger serves, sorted. */
static void serve(struct history *h, size_t which, struct served *out) {
    struct arena a;
    struct store_reader *r;
    struct store_ledger *ledgers;
    struct store_entry *entries;
    size_t count;
    struct diag d = {0};
    arena_init(&a, ARENA_MAX);
    assert_int_equal(store_reader_open(h->f.nodes[JP]->live.store, &r, &d), ERR_NONE);
    assert_int_equal(store_ledger_list(r, &a, &ledgers, &count, &d), ERR_NONE);
    assert_true(which < count);
    struct store_entry_query q = {
        .ledger = ledgers[which].id, .added_after = TIME_NONE, .modified = TIME_NONE, .limit = STORE_PAGE_MAX};
    assert_int_equal(store_entry_scan(r, &q, &a, &entries, &count, &d), ERR_NONE);
    assert_true(count < SERVED_MAX);
    for (size_t i = 0; i < count; i++) {
        struct store_holding held;
        assert_int_equal(store_holding_get(r, entries[i].holding, &a, &held, &d), ERR_NONE);
        char version[TIME_TEXT_SIZE] = "-";
        if (held.modified != TIME_NONE) time_format_stix(held.modified, version);
        snprintf(out->what[i], sizeof out->what[i], "%.*s, version %s%s", SPAN_ARG(held.stix_id), version,
                 span_equal(held.stix_id, entries[i].stix_id) ? "" : ", derived");
    }
    out->count = count;
    qsort(out->what, count, sizeof out->what[0], by_text);
    store_reader_close(&r);
    arena_free(&a);
}

static void say_why(struct history *h, const char *what) {
    char args[200], id[80];
    snprintf(id, sizeof id, "%.*s", (int)strcspn(what, ","), what);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"to\":\"US-DOD\"}", id);
    fixture_run(&h->f, JP, "why", args);
    print_error("%.*s", SPAN_ARG(buf_span(&h->f.result)));
}

/* Of an object whose newest version waits, an older one is served, or not, as it was when that came; and with it what
 * names it. */
static bool is_older(struct history *h, const char *what) {
    char args[200], version[40];
    const char *holding = strstr(what, "version ");
    snprintf(version, sizeof version, "%.24s", holding + strlen("version "));
    snprintf(args, sizeof args, "{\"id\":\"%.*s\"}", (int)strcspn(what, ","), what);
    fixture_run(&h->f, JP, "show", args);
    return strcmp(fixture_result(&h->f, 0, "version"), version) != 0;
}

/* False when that is not to be told. */
static bool same(struct history *h, uint64_t seed, const struct served *grown, const struct served *fresh) {
    for (size_t i = 0, k = 0; i < grown->count || k < fresh->count; i++, k++) {
        int order = i == grown->count ? 1 : k == fresh->count ? -1 : strcmp(grown->what[i], fresh->what[k]);
        if (order == 0) continue;
        if (is_older(h, order < 0 ? grown->what[i] : fresh->what[k])) return false;
        say_why(h, order < 0 ? grown->what[i] : fresh->what[k]);
        fail_msg("history %llu, terms %u: %s is served %s", (unsigned long long)seed, h->terms,
                 order < 0 ? grown->what[i] : fresh->what[k], order < 0 ? "and should not be" : "by a new ledger only");
    }
    return true;
}

/* Whether the ledgers could be compared to the end. */
static bool play(uint64_t seed) {
    static struct served grown, fresh;
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->random = seed * 0x9e3779b97f4a7c15u + 1;
    fixture_open(&h->f, 2);
    agree(h, false);
    for (int i = 0; i < STEPS; i++) step(h);
    fixture_run(&h->f, JP, "release", "{}");
    fixture_ledger_sound(&h->f, JP, US);
    fixture_run(&h->f, JP, "withdraw.no_longer", "{}");
    fixture_ledger_sound(&h->f, JP, US);
    /* Nothing is left to do. */
    fixture_run(&h->f, JP, "withdraw.no_longer", "{}");
    assert_string_equal(fixture_result(&h->f, 0, "no_longer"), "0");
    fixture_run(&h->f, JP, "release", "{}");
    assert_string_equal(fixture_result(&h->f, 0, "released"), "0");
    assert_string_equal(fixture_result(&h->f, 0, "withdrawn"), "0");
    agree(h, true);
    serve(h, 0, &grown);
    serve(h, 1, &fresh);
    bool compared = same(h, seed, &grown, &fresh);
    fixture_close(&h->f);
    free(h);
    return compared;
}

static void a_ledger_comes_to_what_its_terms_say(void **state) {
    const char *given = getenv("RENKEI_SEEDS");
    uint64_t seeds = given ? (uint64_t)atoi(given) : SEEDS;
    uint64_t compared = 0, played = 0;
    for (uint64_t seed = getenv("RENKEI_SEED") ? (uint64_t)atoi(getenv("RENKEI_SEED")) : 1; seed <= seeds;
         seed++, played++)
        compared += play(seed);
    print_message("%llu histories, %llu compared to the end\n", (unsigned long long)played,
                  (unsigned long long)compared);
    assert_true(compared > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_ledger_comes_to_what_its_terms_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
