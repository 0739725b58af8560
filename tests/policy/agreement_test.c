/* Agreements: the good one is read as written, every mistake is told with its line, amendments, signatures, template.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/encode.h"
#include "base/file.h"
#include "policy/agreement.h"
#include "stix/marking.h"

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
    if (e) print_error("line %llu: %s\n", (unsigned long long)d.line, d.message);
    assert_int_equal(e, ERR_NONE);
    return g;
}

/* ---- the good one
 * ---------------------------------------------------------------------------------------------------- */

static void is_read_as_written(void **state) {
    struct arena a;
    time_us t;
    arena_init(&a, ARENA_CAP);
    struct buf text = file_of("agreement.yaml");
    struct agreement *g = read_ok(&a, buf_span(&text));
    struct sha256 hash = sha256_of(buf_span(&text));
    assert_true(sha256_equal(&g->hash, &hash));
    assert_false(g->has_predecessor);
    assert_true(span_is(g->title, "A sharing arrangement for tests"));
    assert_true(time_parse_stix(SPAN("2026-04-01T00:00:00Z"), &t) && g->effective == t);
    assert_true(time_parse_stix(SPAN("2028-04-01T00:00:00Z"), &t) && g->ends == t);
    assert_int_equal(g->party_count, 3);
    assert_true(span_is(agreement_party(g, SPAN("KR-MND"))->name, "Ministry of National Defense"));
    assert_null(agreement_party(g, SPAN("KR-MN")));
    assert_int_equal(g->direction_count, 3);
    assert_null(agreement_direction(g, SPAN("JP-MOD"), SPAN("KR-MND")));
    const struct agreement_direction *jp = agreement_direction(g, SPAN("JP-MOD"), SPAN("US-DOD"));
    assert_non_null(jp);
    assert_int_equal(jp->no_tlp, STIX_TLP_AMBER);
    assert_int_equal(jp->rules.count, 5);
    assert_true(jp->sightings_return);
    assert_false(jp->sightings_name_member);
    assert_true(span_is(jp->sightings_clause, "sightings JP-MOD→US-DOD"));
    const struct policy_rule *r = &jp->rules.at[2];
    assert_true(span_is(r->clause, "JP-3"));
    assert_int_equal(r->outcome, POLICY_RULE_RELEASE);
    assert_int_equal(policy_rule_test(r, POLICY_CONDITION_TYPE)->count, 2);
    assert_int_equal(r->tlp, 1u << STIX_TLP_AMBER);
    assert_int_equal(policy_rule_test(r, POLICY_CONDITION_LABEL_ANY)->count, 2);
    assert_int_equal(policy_rule_test(r, POLICY_CONDITION_LABEL_NONE)->children[0]->count, 1);
    assert_int_equal(policy_rule_test(r, POLICY_CONDITION_CONFIDENCE)->low, 50);
    assert_false(policy_rule_test(r, POLICY_CONDITION_CONFIDENCE)->absent);
    assert_true(agreement_direction(g, SPAN("US-DOD"), SPAN("JP-MOD"))->no_tlp_withhold);
    buf_free(&text);
    arena_free(&a);
}

/* Cut anywhere, the file is an error or another agreement, never a crash. */
static void survives_being_cut(void **state) {
    struct buf text = file_of("agreement.yaml");
    for (size_t len = 0; len < text.len; len += 7) {
        struct arena a;
        struct agreement *g = NULL;
        struct diag d;
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, text.at, len);
        arena_init(&a, ARENA_CAP);
        enum err e = agreement_read(&a, span_of(copy, len), &g, &d);
        assert_true((e == ERR_NONE) == (g != NULL));
        arena_free(&a);
        free(copy);
    }
    buf_free(&text);
}

/* ---- mistakes: tests/policy/mistakes.txt
 * ----------------------------------------------------------------------------- */

struct mistake {
    struct span name, expected;
    struct buf out, in; /* lines taken out, lines put in */
    uint64_t line;
};

static void change(const struct mistake *m, struct span good, struct buf *bad) {
    size_t at = span_find(good, buf_span(&m->out));
    if (at == SIZE_MAX) print_error("%.*s: its lines are not in agreement.yaml\n", SPAN_ARG(m->name));
    assert_true(at != SIZE_MAX);
    buf_add(bad, span_first(good, at));
    buf_add(bad, buf_span(&m->in));
    buf_add(bad, span_from(good, at + m->out.len));
}

static bool mistake_told(const struct mistake *m, struct span good) {
    struct arena a;
    struct agreement *g = NULL;
    struct diag d = {0};
    struct buf bad = BUF_EMPTY;
    change(m, good, &bad);
    arena_init(&a, ARENA_CAP);
    enum err e = agreement_read(&a, buf_span(&bad), &g, &d);
    bool told = e != ERR_NONE && !g && (m->line == 0 || d.line == m->line) &&
                span_find(span_cstr(d.message), m->expected) != SIZE_MAX;
    if (!told)
        print_error("%.*s: expected line %llu: %.*s\n  got error %d, line %llu: %s\n", SPAN_ARG(m->name),
                    (unsigned long long)m->line, SPAN_ARG(m->expected), (int)e, (unsigned long long)d.line, d.message);
    buf_free(&bad);
    arena_free(&a);
    return told;
}

static void mistake_run(struct mistake *m, struct span good, unsigned *count, unsigned *failed) {
    if (!m->name.len) return;
    ++*count;
    *failed += !mistake_told(m, good);
    buf_clear(&m->out);
    buf_clear(&m->in);
}

static void every_mistake_is_told_with_its_line(void **state) {
    struct buf good = file_of("agreement.yaml"), cases = file_of("mistakes.txt");
    struct mistake m = {0};
    unsigned count = 0, failed = 0;
    for (struct span rest = buf_span(&cases); rest.len;) {
        struct span line = span_cut(&rest, '\n');
        if (span_starts(line, SPAN("== "))) {
            mistake_run(&m, buf_span(&good), &count, &failed);
            m.name = span_from(line, 3);
        } else if (line.len && (line.at[0] == '-' || line.at[0] == '+')) {
            struct buf *b = line.at[0] == '-' ? &m.out : &m.in;
            buf_add(b, span_from(line, 1));
            buf_add_char(b, '\n');
        } else if (span_starts(line, SPAN("line "))) {
            struct span number = span_cut(&line, ':');
            if (!span_u64(span_trim(span_from(number, 5)), &m.line)) m.line = 0;
            m.expected = span_from(line, 1);
        }
    }
    mistake_run(&m, buf_span(&good), &count, &failed);
    assert_true(count >= 60);
    assert_int_equal(failed, 0);
    buf_free(&m.out);
    buf_free(&m.in);
    buf_free(&good);
    buf_free(&cases);
}

static void too_large_is_refused_before_it_is_read(void **state) {
    struct arena a;
    struct agreement *g;
    struct diag d;
    struct span large = span_of(calloc(1, AGREEMENT_SIZE_MAX + 1), AGREEMENT_SIZE_MAX + 1);
    arena_init(&a, ARENA_CAP);
    assert_int_equal(agreement_read(&a, large, &g, &d), ERR_LIMIT);
    arena_free(&a);
    free((char *)(uintptr_t)large.at);
}

/* ---- amendments
 * ------------------------------------------------------------------------------------------------------ */

static struct agreement *amended(struct arena *a, struct span good, const char *predecessor, const char *from,
                                 const char *to) {
    size_t head = span_find(good, SPAN("effective:")), at = span_find(good, span_cstr(from));
    assert_true(at != SIZE_MAX && at >= head);
    return read_ok(a, arena_printf(a, "%.*s%s%.*s%s%.*s", SPAN_ARG(span_first(good, head)), predecessor,
                                   SPAN_ARG(span_of(good.at + head, at - head)), to,
                                   SPAN_ARG(span_from(good, at + strlen(from)))));
}

static void amendments_follow_their_predecessor(void **state) {
    struct arena a;
    struct diag d;
    char hex[2 * SHA256_SIZE + 1], line[100];
    arena_init(&a, ARENA_CAP);
    struct buf text = file_of("agreement.yaml");
    struct span good = buf_span(&text);
    struct agreement *old = read_ok(&a, good);
    hex_write(span_of(old->hash.b, SHA256_SIZE), hex);
    snprintf(line, sizeof line, "predecessor: %s\n", hex);
    assert_int_equal(agreement_amends(amended(&a, good, line, "2028-03-31", "2030-03-31"), old, &d), ERR_NONE);
    assert_int_equal(agreement_amends(amended(&a, good, "", "2028-03-31", "2030-03-31"), old, &d), ERR_INVALID);
    assert_non_null(strstr(d.message, hex));
    line[20] = line[20] == 'a' ? 'b' : 'a';
    assert_int_equal(agreement_amends(amended(&a, good, line, "2028-03-31", "2030-03-31"), old, &d), ERR_INVALID);
    assert_non_null(strstr(d.message, "the version in hand is"));
    line[20] = hex[7];
    /* Another party in the place of Korea's, wherever it is named. */
    struct buf other = BUF_EMPTY;
    for (struct span rest = good; rest.len;) {
        size_t at = span_find(rest, SPAN("KR-MND"));
        buf_add(&other, span_first(rest, at));
        if (at != SIZE_MAX) buf_add_cstr(&other, "AU-DOD");
        rest = at == SIZE_MAX ? SPAN("") : span_from(rest, at + 6);
    }
    struct agreement *g = amended(&a, buf_span(&other), line, "2028-03-31", "2030-03-31");
    assert_int_equal(agreement_amends(g, old, &d), ERR_INVALID);
    assert_non_null(strstr(d.message, "AU-DOD is no party of the version it amends"));
    buf_free(&other);
    buf_free(&text);
    arena_free(&a);
}

/* ---- signatures
 * ------------------------------------------------------------------------------------------------------ */

/* The test parties' keys come from seeds of one repeated letter: 'J', 'U', 'K'. */
static struct agreement_signature signature_of(const struct agreement *g, const char *party, char seed_letter) {
    struct agreement_signature s = {.agreement = g->hash, .party = span_cstr(party), .time = INT64_C(1780000000123456)};
    unsigned char seed[32], secret[64];
    struct buf message = BUF_EMPTY;
    memset(seed, seed_letter, sizeof seed);
    crypto_sign_seed_keypair(s.key, secret, seed);
    agreement_signature_message(&s.agreement, s.party, s.time, &message);
    crypto_sign_detached(s.signature, NULL, (const unsigned char *)message.at, message.len, secret);
    buf_free(&message);
    return s;
}

static void signed_bytes_are_these(void **state) {
    struct buf out = BUF_EMPTY;
    struct sha256 zero = {0};
    agreement_signature_message(&zero, SPAN("JP-MOD"), 1, &out);
    assert_true(span_is(buf_span(&out), "renkei agreement signature v1\n"
                                        "0000000000000000000000000000000000000000000000000000000000000000\n"
                                        "JP-MOD\n1970-01-01T00:00:00.000001Z\n"));
    buf_free(&out);
}

static void signatures_are_complete_or_say_who_is_missing(void **state) {
    struct arena a;
    struct diag d;
    arena_init(&a, ARENA_CAP);
    struct buf text = file_of("agreement.yaml");
    struct agreement *g = read_ok(&a, buf_span(&text));
    struct agreement_signature s[] = {signature_of(g, "JP-MOD", 'J'), signature_of(g, "US-DOD", 'U'),
                                      signature_of(g, "KR-MND", 'K')};
    assert_int_equal(agreement_signatures_complete(g, s, 3, &d), ERR_NONE);
    assert_int_equal(agreement_signatures_complete(g, s, 1, &d), ERR_INVALID);
    assert_string_equal(d.message, "the agreement is not signed by US-DOD, KR-MND yet");
    s[1].signature[5] ^= 1;
    assert_int_equal(agreement_signatures_complete(g, s, 3, &d), ERR_VERIFY);
    assert_non_null(strstr(d.message, "US-DOD"));
    s[1] = signature_of(g, "US-DOD", 'J'); /* another's key */
    assert_int_equal(agreement_signature_verify(g, &s[1], &d), ERR_VERIFY);
    s[1] = signature_of(g, "US-DOD", 'U');
    s[1].time++; /* the time is signed, too */
    assert_int_equal(agreement_signature_verify(g, &s[1], &d), ERR_VERIFY);
    s[1] = signature_of(g, "AU-DOD", 'A');
    assert_int_equal(agreement_signature_verify(g, &s[1], &d), ERR_VERIFY);
    s[1] = signature_of(g, "US-DOD", 'U');
    s[1].agreement.b[0] ^= 1;
    assert_int_equal(agreement_signature_verify(g, &s[1], &d), ERR_VERIFY);
    buf_free(&text);
    arena_free(&a);
}

static void signature_files_come_back_as_written(void **state) {
    struct arena a;
    struct diag d;
    struct buf file = BUF_EMPTY;
    struct agreement_signature back;
    arena_init(&a, ARENA_CAP);
    struct buf text = file_of("agreement.yaml");
    struct agreement_signature s = signature_of(read_ok(&a, buf_span(&text)), "JP-MOD", 'J');
    agreement_signature_write(&s, &file);
    assert_int_equal(agreement_signature_read(&a, buf_span(&file), &back, &d), ERR_NONE);
    assert_true(sha256_equal(&s.agreement, &back.agreement) && span_equal(s.party, back.party) && s.time == back.time);
    assert_memory_equal(s.key, back.key, sizeof s.key);
    assert_memory_equal(s.signature, back.signature, sizeof s.signature);
    buf_free(&file);
    buf_free(&text);
    arena_free(&a);
}

static void bad_signature_files_are_refused(void **state) {
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"renkei\":\"agreement-signature/v2\"}",
        "{\"renkei\":\"agreement-signature/v1\"}",
        "{\"renkei\":\"agreement-signature/v1\",\"colour\":\"blue\"}",
        "{\"agreement\":\"12\"}",
        "{\"agreement\":12}",
        "{\"party\":\"jp\"}",
        "{\"key\":\"ed25519:AAAA\"}",
        "{\"time\":\"yesterday\"}",
        "{\"signature\":\"AAAA\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena a;
        struct diag d = {0};
        struct agreement_signature s;
        arena_init(&a, ARENA_CAP);
        assert_int_not_equal(agreement_signature_read(&a, span_cstr(bad[i]), &s, &d), ERR_NONE);
        assert_int_not_equal(d.message[0], 0);
        arena_free(&a);
    }
}

/* ---- template
 * -------------------------------------------------------------------------------------------------------- */

static void template_passes_once_the_key_is_there(void **state) {
    struct arena a;
    struct diag d;
    struct agreement *g = NULL;
    struct buf out = BUF_EMPTY;
    struct agreement_template t = {.own_id = SPAN("JP-MOD"),
                                   .own_name = SPAN("A \"quoted\" \\ name: # 防衛省"),
                                   .own_key = SPAN("ed25519:NTyKf+7KOLLEU24L0lhv2xjQcOUOBZ8dQ/i/77l6fOE="),
                                   .partner_id = SPAN("US-DOD"),
                                   .partner_name = SPAN("Department of Defense"),
                                   .effective = INT64_C(1775001600000000),
                                   .ends = INT64_C(1838073600000000)};
    arena_init(&a, ARENA_CAP);
    agreement_template(&t, &out);
    assert_int_equal(agreement_read(&a, buf_span(&out), &g, &d), ERR_INVALID);
    assert_non_null(strstr(d.message, "placeholder"));
    struct span before = span_first(buf_span(&out), span_find(buf_span(&out), SPAN("PUT-THE-KEY")));
    uint64_t line = 1;
    for (size_t i = 0; i < before.len; i++) line += before.at[i] == '\n';
    assert_int_equal(d.line, line);
    buf_clear(&out);
    t.partner_key = SPAN("ed25519:xoImN8fTEOxXYnvgC6JZ0lN0n0qvZERwz/vlOjX3MkI=");
    t.predecessor = SPAN("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    agreement_template(&t, &out);
    g = read_ok(&a, buf_span(&out));
    assert_true(g->has_predecessor);
    assert_true(span_equal(agreement_party(g, SPAN("JP-MOD"))->name, t.own_name));
    assert_int_equal(g->direction_count, 2);
    buf_free(&out);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_read_as_written),
        cmocka_unit_test(survives_being_cut),
        cmocka_unit_test(every_mistake_is_told_with_its_line),
        cmocka_unit_test(too_large_is_refused_before_it_is_read),
        cmocka_unit_test(amendments_follow_their_predecessor),
        cmocka_unit_test(signed_bytes_are_these),
        cmocka_unit_test(signatures_are_complete_or_say_who_is_missing),
        cmocka_unit_test(signature_files_come_back_as_written),
        cmocka_unit_test(bad_signature_files_are_refused),
        cmocka_unit_test(template_passes_once_the_key_is_there),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
