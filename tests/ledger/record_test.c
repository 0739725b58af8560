#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/encode.h"
#include "ledger/record.h"

static const struct span clauses[] = {{"no-sources", 10}, {"green-and-below", 15}};

static struct ledger_record release(void) {
    struct ledger_record r = {
        .kind = LEDGER_RELEASE,
        .seq = 7,
        .time = INT64_C(1767323045000006),
        .object_id = SPAN("indicator--a932fcc6-e032-476c-826f-cb970a5a1ade"),
        .version = SPAN("2014-02-20T09:16:08.989000Z"),
        .has_version = true,
        .clauses = clauses,
        .clause_count = 2,
    };
    r.agreement = sha256_of(SPAN("agreement"));
    uint8_t salt[LEDGER_SALT_SIZE] = {0};
    r.commitment = ledger_commitment(salt, SPAN("{}"));
    return r;
}

static struct ledger_record withdrawal(void) {
    struct ledger_record r = release();
    r.kind = LEDGER_WITHDRAW;
    r.withdraws = 3;
    r.has_version = false;
    r.clause_count = 0;
    return r;
}

static void same(const struct ledger_record *a, const struct ledger_record *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->time, b->time);
    assert_true(span_equal(a->object_id, b->object_id));
    assert_int_equal(a->has_version, b->has_version);
    if (a->has_version) assert_true(span_equal(a->version, b->version));
    assert_true(sha256_equal(&a->agreement, &b->agreement));
    assert_int_equal(a->clause_count, b->clause_count);
    for (size_t i = 0; i < a->clause_count; i++) assert_true(span_equal(a->clauses[i], b->clauses[i]));
    if (a->kind == LEDGER_RELEASE)
        assert_true(sha256_equal(&a->commitment, &b->commitment));
    else
        assert_int_equal(a->withdraws, b->withdraws);
}

static void round_trip(const struct ledger_record *r) {
    struct buf out = BUF_EMPTY;
    struct arena a;
    struct diag d;
    struct ledger_record back;
    arena_init(&a, 1 << 20);
    assert_int_equal(ledger_record_write(r, &out, &d), ERR_NONE);
    assert_int_equal(ledger_record_read(&a, buf_span(&out), &back, &d), ERR_NONE);
    same(r, &back);
    arena_free(&a);
    buf_free(&out);
}

/* The bytes are an agreement with every other implementation: this one must never change. */
static void spelling(void **state) {
    (void)state;
    struct buf out = BUF_EMPTY;
    struct diag d;
    struct ledger_record r = release();
    memset(r.agreement.b, 0xab, SHA256_SIZE);
    memset(r.commitment.b, 0x01, SHA256_SIZE);
    assert_int_equal(ledger_record_write(&r, &out, &d), ERR_NONE);
    assert_string_equal(buf_cstr(&out),
                        "{\"agreement\":\"abababababababababababababababababababababababababababababababab\","
                        "\"clauses\":[\"no-sources\",\"green-and-below\"],"
                        "\"commitment\":\"0101010101010101010101010101010101010101010101010101010101010101\","
                        "\"kind\":\"release\",\"object\":\"indicator--a932fcc6-e032-476c-826f-cb970a5a1ade\","
                        "\"seq\":7,\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":1,"
                        "\"version\":\"2014-02-20T09:16:08.989000Z\"}");
    buf_clear(&out);
    r = withdrawal();
    memset(r.agreement.b, 0xab, SHA256_SIZE);
    assert_int_equal(ledger_record_write(&r, &out, &d), ERR_NONE);
    assert_string_equal(buf_cstr(&out),
                        "{\"agreement\":\"abababababababababababababababababababababababababababababababab\","
                        "\"clauses\":[],\"kind\":\"withdraw\","
                        "\"object\":\"indicator--a932fcc6-e032-476c-826f-cb970a5a1ade\","
                        "\"seq\":7,\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":1,\"withdraws\":3}");
    buf_free(&out);
}

static void commitment_covers_salt_and_body(void **state) {
    (void)state;
    uint8_t salt[LEDGER_SALT_SIZE];
    memset(salt, 's', sizeof salt);
    struct sha256 got = ledger_commitment(salt, SPAN("body"));
    struct sha256 want = sha256_of(SPAN("ssssssssssssssssssssssssssssssssbody"));
    assert_true(sha256_equal(&got, &want));
}

static void round_trips(void **state) {
    (void)state;
    struct ledger_record r = release();
    round_trip(&r);
    r = withdrawal();
    round_trip(&r);
    r.kind = LEDGER_ERASE;
    r.has_version = true;
    round_trip(&r);
    r = release();
    r.has_version = false;
    r.seq = LEDGER_SEQ_MAX;
    round_trip(&r);
    r.seq = 0;
    r.time = 0;
    round_trip(&r);
    const struct span odd[] = {SPAN("a \"quoted\" clause"), SPAN("back\\slash\\"), SPAN("\""), SPAN("条項 ③")};
    r.clauses = odd;
    r.clause_count = 4;
    r.object_id = SPAN("x-\"odd\\--1");
    round_trip(&r);
}

static void refused_on_writing(const char *what, struct ledger_record r, enum err want) {
    struct buf out = BUF_EMPTY;
    struct diag d = {0};
    buf_add_cstr(&out, "kept");
    enum err e = ledger_record_write(&r, &out, &d);
    if (e != want) fail_msg("%s: %s, not %s", what, err_name(e), err_name(want));
    assert_int_equal(d.code, want);
    assert_string_equal(buf_cstr(&out), "kept");
    buf_free(&out);
}

static void bad_fields_are_not_written(void **state) {
    (void)state;
    static char longer[LEDGER_OBJECT_ID_MAX + 1];
    static struct span many[LEDGER_CLAUSES_MAX + 1];
    memset(longer, '\\', sizeof longer);
    for (size_t i = 0; i < LEDGER_CLAUSES_MAX + 1; i++) many[i] = span_of(longer, LEDGER_CLAUSE_NAME_MAX);
#define BAD(what, change, want)                                                                                        \
    do {                                                                                                               \
        struct ledger_record r = release();                                                                            \
        change;                                                                                                        \
        refused_on_writing(what, r, want);                                                                             \
    } while (0)
    BAD("kind", r.kind = (enum ledger_kind)3, ERR_INVALID);
    BAD("seq", r.seq = LEDGER_SEQ_MAX + 1, ERR_LIMIT);
    BAD("no time", r.time = TIME_NONE, ERR_INVALID);
    BAD("late time", r.time = INT64_MAX, ERR_INVALID);
    BAD("early time", r.time = INT64_MIN + 1, ERR_INVALID);
    BAD("no id", r.object_id = SPAN(""), ERR_INVALID);
    BAD("long id", r.object_id = span_of(longer, sizeof longer), ERR_LIMIT);
    BAD("id not UTF-8", r.object_id = SPAN("x\xff"), ERR_INVALID);
    BAD("id with newline", r.object_id = SPAN("x\ny"), ERR_INVALID);
    BAD("id with NUL", r.object_id = span_of("x\0y", 3), ERR_INVALID);
    BAD("id with DEL", r.object_id = SPAN("x\x7f"), ERR_INVALID);
    BAD("no version", r.version = SPAN(""), ERR_INVALID);
    BAD("long version", r.version = span_of(longer, LEDGER_VERSION_MAX + 1), ERR_LIMIT);
    BAD("withdraws itself", (r.kind = LEDGER_WITHDRAW, r.withdraws = r.seq), ERR_INVALID);
    BAD("erases the future", (r.kind = LEDGER_ERASE, r.withdraws = r.seq + 1), ERR_INVALID);
    BAD("many clauses", (r.clauses = many, r.clause_count = LEDGER_CLAUSES_MAX + 1), ERR_LIMIT);
    BAD("too long as a whole", (r.clauses = many, r.clause_count = LEDGER_CLAUSES_MAX), ERR_LIMIT);
#undef BAD
}

static enum err read_text(const char *text) {
    struct arena a;
    struct diag d = {0};
    struct ledger_record r;
    arena_init(&a, 1 << 20);
    enum err e = ledger_record_read(&a, span_cstr(text), &r, &d);
    if (e) assert_true(d.message[0] != 0);
    arena_free(&a);
    return e;
}

#define HASH "abababababababababababababababababababababababababababababababab"
#define OPEN "{\"agreement\":\"" HASH "\",\"clauses\":[\"c\"],"
#define LATE "\"seq\":7,\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":1"
#define GOOD OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}"

static void other_spellings_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "{}",
        "null",
        "[]",
        " " GOOD,
        GOOD "\n",
        GOOD " ",
        GOOD GOOD,
        /* white space, order, duplicates, unknown members */
        OPEN " \"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"kind\":\"release\",\"commitment\":\"" HASH "\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"clauses\":[\"c\"],\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE ",\"x\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"extra\":0,\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        /* members of the other kind, or missing */
        OPEN "\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE ",\"withdraws\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"withdraw\",\"object\":\"a--1\"," LATE ",\"withdraws\":1}",
        OPEN "\"kind\":\"withdraw\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"kind\":\"withdraw\",\"object\":\"a--1\"," LATE ",\"withdraws\":7}",
        OPEN "\"kind\":\"cosign\",\"object\":\"a--1\"," LATE ",\"withdraws\":1}",
        OPEN "\"kind\":\"Release\",\"object\":\"a--1\"," LATE "}",
        /* other spellings of the same values */
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"rele\\u0061se\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"\\u0061--1\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a\\/--1\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":07,"
             "\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":7.0,"
             "\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":-7,"
             "\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":9007199254740992,"
             "\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":7,"
             "\"time\":\"2026-01-02T03:04:05.00Z\",\"v\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":7,"
             "\"time\":\"2026-01-02T03:04:05.0000061Z\",\"v\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":7,"
             "\"time\":\"2026-02-30T03:04:05.000006Z\",\"v\":1}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":7,"
             "\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":2}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\",\"seq\":7,"
             "\"time\":\"2026-01-02T03:04:05.000006Z\",\"v\":10}",
        OPEN "\"commitment\":\"ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB\","
             "\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"commitment\":\"abab\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a\t1\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a\xc0\xaf\"," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":7," LATE "}",
        OPEN "\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE ",\"version\":\"\"}",
        "{\"agreement\":\"" HASH "\",\"clauses\":[\"\"],\"commitment\":\"" HASH
        "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        "{\"agreement\":\"" HASH "\",\"clauses\":[\"c\",],\"commitment\":\"" HASH
        "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        "{\"agreement\":\"" HASH "\",\"clauses\":null,\"commitment\":\"" HASH
        "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}",
        "\xef\xbb\xbf" GOOD,
    };
    assert_int_equal(read_text(GOOD), ERR_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (read_text(cases[i]) == ERR_NONE) fail_msg("accepted: %s", cases[i]);
}

static void errors_say_where(void **state) {
    (void)state;
    struct arena a;
    struct diag d;
    struct ledger_record r;
    arena_init(&a, 1 << 16);
    assert_int_equal(ledger_record_read(&a, SPAN(OPEN "\"kin"), &r, &d), ERR_SYNTAX);
    assert_int_equal(d.offset, sizeof OPEN - 2); /* the comma before the member */
    assert_non_null(strstr(d.message, "kind"));
    arena_free(&a);
}

/* Every byte of a record, replaced by every other byte, left out, or doubled: refused, or a record that says the
 * mutated thing and is written exactly so. */
static void every_mutation(const struct ledger_record *r) {
    struct buf good = BUF_EMPTY, bad = BUF_EMPTY, again = BUF_EMPTY;
    struct arena a;
    struct diag d;
    arena_init(&a, 1 << 20);
    assert_int_equal(ledger_record_write(r, &good, &d), ERR_NONE);
    for (size_t at = 0; at < good.len; at++)
        for (unsigned change = 0; change < 258; change++) {
            struct ledger_record back;
            buf_clear(&bad);
            buf_add(&bad, span_first(buf_span(&good), at));
            if (change < 256) buf_add_char(&bad, (char)change);
            if (change == 257) buf_add(&bad, span_of(good.at + at, 1));
            buf_add(&bad, span_from(buf_span(&good), change == 257 ? at : at + 1));
            arena_reset(&a);
            if (ledger_record_read(&a, buf_span(&bad), &back, &d) != ERR_NONE) continue;
            buf_clear(&again);
            assert_int_equal(ledger_record_write(&back, &again, &d), ERR_NONE);
            assert_true(span_equal(buf_span(&again), buf_span(&bad)));
        }
    for (size_t len = 0; len < good.len; len++) {
        struct ledger_record back;
        assert_int_not_equal(ledger_record_read(&a, span_first(buf_span(&good), len), &back, &d), ERR_NONE);
    }
    arena_free(&a);
    buf_free(&good);
    buf_free(&bad);
    buf_free(&again);
}

static void mutations(void **state) {
    (void)state;
    struct ledger_record r = release();
    every_mutation(&r);
    const struct span odd[] = {SPAN("\"\\"), SPAN("条")};
    r = withdrawal();
    r.clauses = odd;
    r.clause_count = 2;
    every_mutation(&r);
}

static void limits_on_reading(void **state) {
    (void)state;
    struct arena a;
    struct diag d;
    struct ledger_record r;
    struct buf text = BUF_EMPTY;
    arena_init(&a, 1 << 20);
    char *big = calloc(1, LEDGER_RECORD_SIZE_MAX + 1);
    assert_int_equal(ledger_record_read(&a, span_of(big, LEDGER_RECORD_SIZE_MAX + 1), &r, &d), ERR_LIMIT);
    free(big);
    buf_add_cstr(&text, "{\"agreement\":\"" HASH "\",\"clauses\":[");
    for (size_t i = 0; i <= LEDGER_CLAUSES_MAX; i++) buf_add_cstr(&text, i ? ",\"c\"" : "\"c\"");
    buf_add_cstr(&text, "],\"commitment\":\"" HASH "\",\"kind\":\"release\",\"object\":\"a--1\"," LATE "}");
    assert_int_equal(ledger_record_read(&a, buf_span(&text), &r, &d), ERR_LIMIT);
    arena_free(&a);
    arena_init(&a, 0); /* no memory at all */
    assert_int_equal(ledger_record_read(&a, SPAN(GOOD), &r, &d), ERR_NOMEM);
    arena_free(&a);
    buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelling),
        cmocka_unit_test(commitment_covers_salt_and_body),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(bad_fields_are_not_written),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(mutations),
        cmocka_unit_test(limits_on_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
