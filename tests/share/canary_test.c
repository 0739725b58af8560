/* Random histories with words in them that stand nowhere else: what was withheld, or redacted, may leave no word and no
 * id in anything the partner is served from a ledger. RENKEI_SEEDS=n plays n histories instead of a few,
 * RENKEI_SEED=m begins with the m-th. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "ledger/tile.h"
#include "node/fixture.h"

enum { SEEDS = 4, STEPS = 60, OBJECTS = 60, MEMBERS = 4, SECRETS_MAX = 20000, ARENA_MAX = 256 << 20 };

struct history {
    struct fixture f;
    uint64_t random;
    unsigned word;                   /* of the next version */
    struct buf secrets[SECRETS_MAX]; /* what must not be found */
    size_t secret_count;
    bool open[OBJECTS];  /* some version of it may go: its id is no secret */
    bool taken[OBJECTS]; /* it exists */
    unsigned version[OBJECTS];
    unsigned partner_objects;
};

static unsigned dice(struct history *h, unsigned sides) {
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (unsigned)(h->random >> 33) % sides;
}

static void keep_secret(struct history *h, const char *text) {
    assert_true(h->secret_count < SECRETS_MAX);
    buf_add_cstr(&h->secrets[h->secret_count++], text);
}

/* ---- what happens
 * ----------------------------------------------------------------------------------------------------- */

static const char *const types[] = {"indicator", "malware",  "report",   "relationship",
                                    "note",      "campaign", "identity", "sighting"};
enum { TYPES = sizeof types / sizeof *types };

/* An object keeps its type for all its versions. */
static const char *type_of(unsigned number) {
    return types[number % TYPES];
}

static void write_refs(struct history *h, unsigned number, struct buf *words) {
    unsigned a = dice(h, OBJECTS), b = dice(h, OBJECTS);
    if (strcmp(type_of(number), "report") == 0 || strcmp(type_of(number), "note") == 0)
        buf_printf(words, " object_refs=[%s:%u,%s:%u]", type_of(a), a, type_of(b), b);
    if (strcmp(type_of(number), "relationship") == 0) { /* not between relationships and sightings */
        a -= a % 4 == 3;
        b -= b % 4 == 3;
    }
    if (strcmp(type_of(number), "relationship") == 0)
        buf_printf(words, " source_ref=%s:%u target_ref=%s:%u", type_of(a), a, type_of(b), b);
    if (strcmp(type_of(number), "sighting") == 0) {
        /* Of an own object, or of one that the partner gave; where: identities, some of them secret. */
        bool theirs = h->partner_objects && dice(h, 2);
        a -= a % TYPES;
        buf_printf(words, " sighting_of_ref=indicator:%u where_sighted_refs=[identity:%u]",
                   theirs ? 9000 + dice(h, h->partner_objects) : a, b - b % TYPES + 6);
    }
    if (dice(h, 8) == 0) buf_printf(words, " x_see=%s:%u", type_of(b), b);
    if (dice(h, 12) == 0) buf_printf(words, " created_by_ref=identity:%u", b - b % TYPES + 6);
}

/* One more version of an object, under a marking drawn by lot. *secret: this version may never go. */
static void write_version(struct history *h, unsigned number, struct buf *out, bool *secret) {
    static const char *const markings[] = {"",
                                           "green",
                                           "clear",
                                           "green",
                                           "amber",
                                           "red",
                                           "amber+strict",
                                           "object_marking_refs=[marking-definition:700]",
                                           "object_marking_refs=[marking-definition:701]",
                                           "labels=[\"jp-only\"]"};
    struct buf words = BUF_EMPTY;
    char word[32];
    unsigned marking = dice(h, 3) ? dice(h, 4) : 4 + dice(h, 6);
    /* A sighting of what the partner gave goes back when it is AMBER, too, and whatever the rules say of labels. */
    bool returns = strcmp(type_of(number), "sighting") == 0 && (marking == 4 || marking == 9);
    *secret = marking >= 4 && !returns;
    snprintf(word, sizeof word, "canary%06uq", h->word++);
    buf_printf(&words, "%s %u v%u %s name=\"%s\" description=\"%s\" x_list=[\"%s\"] x_map={\"%s\":{\"k\":\"%s\"}}",
               type_of(number), number, h->version[number]++, markings[marking], word, word, word, word, word);
    if (marking != 9) buf_printf(&words, " labels=[\"%s\"]", word);
    write_refs(h, number, &words);
    fixture_object(&h->f, JP, out, buf_span(&words));
    if (*secret) keep_secret(h, word);
    buf_free(&words);
}

static void import(struct history *h) {
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    bool handled = dice(h, 4) == 0;
    for (unsigned i = 0, count = 1 + dice(h, 8); i < count; i++) {
        unsigned number = dice(h, OBJECTS);
        size_t before = h->secret_count;
        char word[32];
        bool secret;
        snprintf(word, sizeof word, "canary%06uq", h->word);
        write_version(h, number, &text, &secret);
        if (handled && h->secret_count == before) keep_secret(h, word);
        h->taken[number] = true;
        h->open[number] = h->open[number] || (!secret && !handled);
    }
    if (fixture_import(&h->f, JP, buf_span(&text),
                       handled ? ",\"tlp\":\"red\",\"keep_going\":true" : ",\"keep_going\":true", &d))
        fail_msg("%s", d.message);
    if (strcmp(fixture_result(&h->f, 0, "rejected"), "0") != 0) /* findings come first */
        fail_msg("%.*s", SPAN_ARG(span_first(buf_span(&h->f.result), 2000)));
    buf_free(&text);
}

static void receive(struct history *h) {
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    char words[128];
    bool from_us = dice(h, 2);
    if (from_us) {
        snprintf(words, sizeof words, "indicator %u green", 9000 + h->partner_objects++);
    } else { /* KR's own is none of US's business */
        snprintf(words, sizeof words, "indicator %u green name=\"canary%06uq\"", 8000 + h->word, h->word);
        char *word = strstr(words, "canary"), id[80];
        word[strlen(word) - 1] = 0;
        keep_secret(h, word);
        snprintf(id, sizeof id, "indicator--00000000-0000-4000-8000-%012u", 8000 + h->word++);
        keep_secret(h, id);
        word[strlen(word)] = '"';
    }
    fixture_object(&h->f, from_us ? US : KR, &text, span_cstr(words));
    if (fixture_receive(&h->f, JP, fixture_party[from_us ? US : KR], buf_span(&text), &d)) fail_msg("%s", d.message);
    buf_free(&text);
}

static void see(struct history *h) {
    char args[512];
    if (!h->partner_objects) return;
    snprintf(
        args, sizeof args,
        "{\"member\":\"canarymember%u\",\"sightings\":[{\"indicator\":\"indicator--00000000-0000-4000-8000-%012u\","
        "\"hour\":\"2026-05-31T10:00:00Z\",\"first_seen\":\"2026-05-31T10:00:00Z\",\"last_seen\":\"2026-05-31T10:30:"
        "00Z\","
        "\"count\":%u}]}",
        dice(h, MEMBERS), 9000 + dice(h, h->partner_objects), 1 + dice(h, 9));
    fixture_run(&h->f, JP, "sighting.add", args);
}

static void withdraw(struct history *h) {
    struct diag d = {0};
    char args[200];
    unsigned number = dice(h, OBJECTS);
    snprintf(args, sizeof args, "{\"id\":\"%s--00000000-0000-4000-8000-%012u\",\"from\":\"US-DOD\"}", type_of(number),
             number);
    enum err e = fixture_try(&h->f, JP, "withdraw", args, NULL, 0, &d);
    if (e && e != ERR_NOT_FOUND) fail_msg("%s", d.message);
}

/* Terms that come and go; none of them releases a secret. */
static void agree(struct history *h) {
    static const char *const rules[] = {
        "      - clause: JP-1\n        outcome: release\n        types: [all]\n        tlp: [clear, green]\n",
        "      - clause: JP-2\n        outcome: release\n        types: [indicator, report, note, sighting]\n"
        "        tlp: [green]\n",
        "      - clause: JP-3\n        outcome: release\n        types: [malware, relationship, campaign, identity]\n"
        "        tlp: [clear, green]\n",
        "      - clause: JP-4\n        outcome: withhold\n        types: [all]\n",
    };
    struct buf terms = BUF_EMPTY;
    char before[65];
    snprintf(before, sizeof before, "%s", h->f.agreement);
    buf_printf(&terms,
               "release:\n  - from: JP-MOD\n    to: US-DOD\n    no_tlp: green\n    rules:\n      - clause: JP-0\n"
               "        outcome: withhold\n        types: [all]\n        labels: {any: [jp-only]}\n%s"
               "  - from: US-DOD\n    to: JP-MOD\n    no_tlp: green\n    rules:\n      - clause: US-%u\n"
               "        outcome: release\n        types: [all]\n        tlp: [clear, green]\n    sightings:\n"
               "      return: true\n      name_member: false\n",
               rules[dice(h, 4)], h->word++);
    fixture_agree(&h->f,
                  &(struct fixture_terms){.release = buf_cstr(&terms), .predecessor = before[0] ? before : NULL});
    buf_free(&terms);
}

static void step(struct history *h) {
    h->f.now += (time_us)dice(h, 4) * 3600 * TIME_US_PER_S - 3600 * TIME_US_PER_S;
    switch (dice(h, 10)) {
    case 0:
        return agree(h);
    case 1:
    case 2:
        return receive(h);
    case 3:
        return see(h);
    case 4:
        return withdraw(h);
    default:
        return import(h);
    }
}

/* ---- what the partner gets
 * --------------------------------------------------------------------------------------------- */

static void gather_tiles(struct store_reader *r, const struct store_ledger *l, struct arena *a, struct buf *out) {
    struct span hashes;
    struct diag d;
    for (unsigned level = 0; level < LEDGER_TILE_LEVELS; level++)
        for (uint64_t i = 0; ledger_tile_width(l->size, level, i) > 0; i++)
            if (store_tile_get(r, l->id, level, i, a, &hashes, &d) == ERR_NONE) buf_add(out, hashes);
}

static void gather(struct history *h, struct buf *out) {
    struct arena a;
    struct store_reader *r;
    struct store_ledger *ledgers;
    struct store_entry *entries;
    size_t count, entry_count;
    struct diag d = {0};
    arena_init(&a, ARENA_MAX);
    assert_int_equal(store_reader_open(h->f.nodes[JP]->live.store, &r, &d), ERR_NONE);
    assert_int_equal(store_ledger_list(r, &a, &ledgers, &count, &d), ERR_NONE);
    for (size_t i = 0; i < count; i++) {
        struct store_entry_query q = {.ledger = ledgers[i].id,
                                      .added_after = TIME_NONE,
                                      .modified = TIME_NONE,
                                      .superseded = true,
                                      .withdrawn = true,
                                      .records = true,
                                      .limit = STORE_PAGE_MAX,
                                      .with_body = true,
                                      .with_record = true};
        if (!span_is(ledgers[i].recipient, "US-DOD")) continue;
        buf_add(out, ledgers[i].origin);
        buf_add(out, ledgers[i].collection);
        buf_add(out, ledgers[i].checkpoint);
        gather_tiles(r, &ledgers[i], &a, out);
        assert_int_equal(store_entry_scan(r, &q, &a, &entries, &entry_count, &d), ERR_NONE);
        for (size_t k = 0; k < entry_count; k++) {
            buf_add(out, entries[k].body);
            buf_add(out, entries[k].record);
            buf_add(out, entries[k].salt);
        }
    }
    store_reader_close(&r);
    arena_free(&a);
}

/* Ids that never had a version that may go, those of sightings that go redacted, and the members. */
static void gather_secret_ids(struct history *h) {
    char id[80];
    for (unsigned i = 0; i < OBJECTS; i++) {
        bool redacted = strcmp(type_of(i), "sighting") == 0;
        if (!h->taken[i] || (h->open[i] && !redacted)) continue;
        snprintf(id, sizeof id, "%s--00000000-0000-4000-8000-%012u", type_of(i), i);
        keep_secret(h, id);
    }
    keep_secret(h, "canarymember");
    keep_secret(h, "KR-MND");
    keep_secret(h, "000000000700"); /* an unknown marking, and one that pretends */
    keep_secret(h, "000000000701");
}

static void markings(struct history *h) {
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    fixture_object(&h->f, JP, &text,
                   SPAN("marking-definition 701 definition_type=\"tlp\" definition={\"tlp\":\"green\"}"));
    if (fixture_import(&h->f, JP, buf_span(&text), "", &d)) fail_msg("%s", d.message);
    buf_free(&text);
}

static unsigned play(uint64_t seed) {
    struct history *h = calloc(1, sizeof *h);
    struct buf served = BUF_EMPTY;
    assert_non_null(h);
    h->random = seed * 0x9e3779b97f4a7c15u + 1;
    fixture_open(&h->f, 3);
    markings(h);
    for (int i = 0; i < STEPS; i++) {
        if (i == 3) agree(h);
        step(h);
    }
    gather_secret_ids(h);
    gather(h, &served);
    for (size_t i = 0; i < h->secret_count; i++) {
        size_t at = span_find(buf_span(&served), buf_span(&h->secrets[i]));
        if (at != SIZE_MAX)
            fail_msg("history %llu: '%.*s' is served: …%.*s…", (unsigned long long)seed,
                     SPAN_ARG(buf_span(&h->secrets[i])),
                     SPAN_ARG(span_first(span_from(buf_span(&served), at > 300 ? at - 300 : 0), 600)));
        buf_free(&h->secrets[i]);
    }
    fixture_ledger_sound(&h->f, JP, US);
    unsigned words = 0;
    for (struct span rest = buf_span(&served); (rest = span_from(rest, span_find(rest, SPAN("canary")))).len; words++)
        rest = span_from(rest, 1);
    fixture_close(&h->f);
    buf_free(&served);
    free(h);
    return words;
}

static void nothing_withheld_is_served(void **state) {
    const char *given = getenv("RENKEI_SEEDS");
    uint64_t seeds = given ? (uint64_t)atoi(given) : SEEDS;
    unsigned words = 0;
    for (uint64_t seed = getenv("RENKEI_SEED") ? (uint64_t)atoi(getenv("RENKEI_SEED")) : 1; seed <= seeds; seed++)
        words += play(seed);
    assert_true(words > 100); /* what may go does go */
    print_message("%u words of released objects, none of a withheld one\n", words);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_withheld_is_served)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
