/* Ledgers: times that only grow, proofs that hold, and a check that finds whatever somebody changed in the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/file.h"
#include "ledger/note.h"
#include "ledger/proof.h"
#include "ledger/record.h"
#include "node/fixture.h"

enum { MANY = 300, ARENA_MAX = 256 << 20, HOUR = 3600 };

static void agree(struct fixture *f) {
    struct buf terms = BUF_EMPTY;
    fixture_terms_open(&terms, "false");
    fixture_agree(f, &(struct fixture_terms){.release = buf_cstr(&terms)});
    buf_free(&terms);
}

static void import(struct fixture *f, unsigned first, unsigned count, const char *more) {
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    for (unsigned i = first; i < first + count; i++) {
        char words[200];
        snprintf(words, sizeof words, "indicator %u %s", i, more);
        fixture_object(f, JP, &text, span_cstr(words));
    }
    if (fixture_import(f, JP, buf_span(&text), "", &d)) fail_msg("%s", d.message);
    buf_free(&text);
}

/* What the node says of its ledger to US-DOD: "" if it is verified. */
static const char *verdict(struct fixture *f) {
    fixture_run(f, JP, "ledger.verify", "{\"to\":\"US-DOD\"}");
    bool verified = strcmp(fixture_result(f, 0, "verified"), "true") == 0;
    const char *message = fixture_result(f, 0, "message");
    if (verified != (message[0] == 0)) fail_msg("verified, and '%s'", message);
    return message;
}

/* A ledger of several tiles with everything in it: superseded, withdrawn and derived entries, records. */
static void long_ledger(struct fixture *f) {
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    char id[80], args[200];
    fixture_open(f, 2);
    agree(f);
    import(f, 1, MANY, "");
    import(f, 1, MANY, "v2");
    fixture_id(f, JP, SPAN("indicator:7"), id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"from\":\"US-DOD\"}", id);
    fixture_run(f, JP, "withdraw", args);
    fixture_object(f, US, &text, SPAN("indicator 9000"));
    if (fixture_receive(f, JP, "US-DOD", buf_span(&text), &d)) fail_msg("%s", d.message);
    buf_clear(&text);
    fixture_object(f, JP, &text, SPAN("sighting 4 sighting_of_ref=indicator:9000 where_sighted_refs=[identity:7]"));
    if (fixture_import(f, JP, buf_span(&text), "", &d)) fail_msg("%s", d.message);
    buf_free(&text);
    assert_string_equal(verdict(f), "");
}

/* ---- times ----------------------------------------------------------------------------------------------------------
 */

static void times_only_grow(void **state) {
    struct fixture f;
    static const int steps_s[] = {0, -HOUR, -24 * HOUR, 1, 1, -10 * 365 * 24 * HOUR, 30 * 365 * 24 * HOUR, -HOUR};
    fixture_open(&f, 2);
    agree(&f);
    for (unsigned i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
        f.now += steps_s[i] * TIME_US_PER_S;
        if (i == 5 || i == 6) continue; /* outside the agreement's time nothing goes */
        import(&f, i * 10 + 1, 5, "");
        fixture_ledger_sound(&f, JP, US); /* strictly increasing, unique */
    }
    fixture_shut(&f, JP);
    fixture_reopen(&f, JP);
    f.now -= HOUR * TIME_US_PER_S;
    import(&f, 500, 5, "");
    fixture_ledger_sound(&f, JP, US);
    fixture_close(&f);
}

/* ---- tampering
 * -------------------------------------------------------------------------------------------------------- */

#define ENTRY(seq) "((1<<40)|" #seq ")"

/* What somebody with the file could do, and what must be said. */
static const struct {
    const char *name, *sql, *says;
} tampers[] = {
    {"a released body is another",
     "UPDATE body SET bytes=CAST(replace(CAST(bytes AS TEXT),'a.example','b.example') AS BLOB)"
     " WHERE id=(SELECT body FROM entry WHERE id=" ENTRY(310) ")",
     "entry 310"},
    {"a body is gone", "UPDATE entry SET body=NULL WHERE id=" ENTRY(310), "entry 310"},
    {"a body is that of another entry",
     "UPDATE entry SET body=(SELECT body FROM entry WHERE id=" ENTRY(311) ") WHERE id=" ENTRY(310), "entry 310"},
    {"a derived body is another",
     "UPDATE derived SET bytes=CAST(replace(CAST(bytes AS TEXT),'sighting','siGhting') AS BLOB)", "entry 603"},
    {"a salt is another", "UPDATE leaf SET salt=randomblob(32) WHERE id=" ENTRY(12), "entry 12"},
    {"a salt is gone", "UPDATE leaf SET salt=NULL WHERE id=" ENTRY(12), "entry 12"},
    {"a record names another clause",
     "UPDATE leaf SET record=CAST(replace(CAST(record AS TEXT),'JP-US','JP-UX') AS BLOB) WHERE id=" ENTRY(500),
     "entry 500"},
    {"a record in the last, partial tile",
     "UPDATE leaf SET record=CAST(replace(CAST(record AS TEXT),'JP-US','JP-UX') AS BLOB) WHERE id=" ENTRY(590),
     "entry 590"},
    {"a record names another object",
     "UPDATE leaf SET record=CAST(replace(CAST(record AS TEXT),'000012\",\"seq','000013\",\"seq') AS BLOB)"
     " WHERE id=" ENTRY(12),
     "entry 12"},
    {"a record is no record", "UPDATE leaf SET record=X'7b7d' WHERE id=" ENTRY(12), "entry 12"},
    {"a record is empty", "UPDATE leaf SET record=X'' WHERE id=" ENTRY(12), "entry 12"},
    {"a record is gone", "DELETE FROM leaf WHERE id=" ENTRY(12), "entry 12"},
    {"an entry is gone", "DELETE FROM entry WHERE id=" ENTRY(12), "entry 12 is missing"},
    {"the last entry is gone", "DELETE FROM entry WHERE id=" ENTRY(603), "entry 603 is missing"},
    {"all entries are gone", "DELETE FROM entry", "entry 0 is missing"},
    {"two records changed places",
     "UPDATE leaf SET record=(SELECT record FROM leaf WHERE id=iif(l.id=" ENTRY(20) "," ENTRY(21) "," ENTRY(
         20) "))"
             " FROM leaf AS l WHERE leaf.id=l.id AND leaf.id IN (" ENTRY(20) "," ENTRY(21) ")",
     "entry 20"},
    {"two entries changed places",
     "UPDATE entry SET id=-1 WHERE id=" ENTRY(20) ";UPDATE entry SET id=" ENTRY(20) " WHERE id=" ENTRY(
         21) ";UPDATE entry SET id=" ENTRY(21) " WHERE id=-1",
     "entry 20"},
    {"an entry has another time", "UPDATE entry SET time=time+1 WHERE id=" ENTRY(20), "entry 20"},
    {"an entry has another version", "UPDATE entry SET modified=modified+60000000 WHERE id=" ENTRY(320), "entry 320"},
    {"an entry is of another object",
     "UPDATE entry SET object=(SELECT object FROM entry WHERE id=" ENTRY(30) ") WHERE id=" ENTRY(320), "entry 320"},
    {"an entry is hidden as withdrawn", "UPDATE entry SET state=2 WHERE id=" ENTRY(320),
     "entry 320 is marked as withdrawn"},
    {"an entry is hidden as a record", "UPDATE entry SET state=3 WHERE id=" ENTRY(320), "entry 320"},
    {"a withdrawn entry is served again", "UPDATE entry SET state=0 WHERE id=" ENTRY(307), "entry 307 was withdrawn"},
    {"a tile is another", "UPDATE tile SET hashes=zeroblob(8192) WHERE id=" ENTRY(0), "entry 0"},
    {"a tile of the upper level is another", "UPDATE tile SET hashes=zeroblob(64) WHERE id=((1<<40)|(1<<36))",
     "tile 1/0"},
    {"a tile is gone", "DELETE FROM tile WHERE id=" ENTRY(1), "tile 0/1"},
    {"the ledger is said to be shorter", "UPDATE ledger SET size=512", ""},
    {"the ledger is said to be longer", "UPDATE ledger SET size=size+1", "entry 604 is missing"},
    {"the checkpoint is gone", "UPDATE ledger SET checkpoint=X''", ""},
    {"the checkpoint is of another size",
     "UPDATE ledger SET checkpoint=CAST(replace(CAST(checkpoint AS TEXT),char(10)||'604'||char(10),"
     "char(10)||'605'||char(10)) AS BLOB)",
     ""},
    {"the checkpoint is of another ledger", "UPDATE ledger SET origin=replace(origin,'us-dod','kr-mnd')", ""},
};

static void copy_file(const char *from, const char *to) {
    struct buf content = BUF_EMPTY;
    struct diag d = {0};
    if (file_read(from, 1 << 30, &content, &d) || file_write(to, buf_span(&content), 0600, &d))
        fail_msg("%s", d.message);
    buf_free(&content);
}

static void run_sql(const char *path, const char *sql) {
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s", message);
    if (sqlite3_total_changes(db) == 0) fail_msg("%s changes nothing", sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void tampering_is_found(void **state) {
    struct fixture f;
    char home[128], path[200], good[200];
    long_ledger(&f);
    fixture_home(&f, JP, home);
    snprintf(path, sizeof path, "%s/realms/live/store.db", home);
    snprintf(good, sizeof good, "%s/good.db", f.folder);
    fixture_shut(&f, JP);
    copy_file(path, good);
    for (size_t i = 0; i < sizeof tampers / sizeof *tampers; i++) {
        copy_file(good, path);
        run_sql(path, tampers[i].sql);
        fixture_reopen(&f, JP);
        const char *said = verdict(&f);
        if (said[0] == 0 || !strstr(said, tampers[i].says))
            fail_msg("%s: must say '%s', but says '%s'", tampers[i].name, tampers[i].says, said);
        fixture_shut(&f, JP);
    }
    copy_file(good, path);
    fixture_reopen(&f, JP);
    assert_string_equal(verdict(&f), "");
    fixture_close(&f);
}

/* ---- proofs
 * ----------------------------------------------------------------------------------------------------------- */

static struct ledger_key log_key(struct fixture *f, struct node_view **v) {
    struct ledger_key key;
    struct diag d = {0};
    *v = node_view(f->nodes[JP]);
    assert_int_equal(ledger_key_make(LEDGER_KEY_LOG, (*v)->own.party, (*v)->own.log_key, &key, &d), ERR_NONE);
    return key;
}

static void prove(struct fixture *f, const char *shorthand) {
    struct arena a;
    struct node_view *v;
    struct ledger_receipt receipt;
    struct ledger_checkpoint head;
    struct ledger_record record;
    struct diag d = {0};
    char id[80], args[200];
    arena_init(&a, ARENA_MAX);
    fixture_id(f, JP, span_cstr(shorthand), id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"to\":\"US-DOD\"}", id);
    fixture_run(f, JP, "ledger.prove", args);
    struct span text = arena_copy(&a, span_cstr(fixture_result(f, 0, "receipt")));
    struct span entry = arena_copy(&a, span_cstr(fixture_result(f, 0, "entry")));
    struct span origin = arena_copy(&a, span_cstr(fixture_result(f, 0, "origin")));
    struct ledger_key key = log_key(f, &v);
    if (ledger_receipt_read(&a, text, &receipt, &d) ||
        ledger_receipt_verify(&a, &receipt, entry, &key, origin, &head, &d))
        fail_msg("%s: %s", shorthand, d.message);
    assert_int_equal(ledger_record_read(&a, entry, &record, &d), ERR_NONE);
    assert_int_equal(record.seq, receipt.index);
    /* Of another entry it proves nothing. */
    struct buf other = BUF_EMPTY;
    record.seq++;
    assert_int_equal(ledger_record_write(&record, &other, &d), ERR_NONE);
    assert_int_equal(ledger_receipt_verify(&a, &receipt, buf_span(&other), &key, origin, &head, &d), ERR_VERIFY);
    buf_free(&other);
    node_view_release(f->nodes[JP], &v);
    arena_free(&a);
}

static void receipts_hold(void **state) {
    static const char *const some[] = {"own",           "indicator:1",   "indicator:7",
                                       "indicator:255", "indicator:300", "sighting:4"};
    struct fixture f;
    struct diag d = {0};
    long_ledger(&f);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) prove(&f, some[i]);
    assert_int_equal(fixture_try(&f, JP, "ledger.prove", "{\"id\":\"indicator--x\",\"to\":\"US-DOD\"}", NULL, 0, &d),
                     ERR_NOT_FOUND);
    fixture_run(&f, JP, "key.rotate", "{}");
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) prove(&f, some[i]);
    assert_string_equal(verdict(&f), "");
    import(&f, 700, 20, "");
    prove(&f, "indicator:1");
    prove(&f, "indicator:719");
    fixture_ledger_sound(&f, JP, US);
    fixture_close(&f);
}

/* Killed behind the new card and before the checkpoints: the next start signs them. */
static void a_rotation_cut_short_is_made_good(void **state) {
    struct fixture f;
    struct diag d = {0};
    char home[128], path[200];
    fixture_open(&f, 2);
    agree(&f);
    import(&f, 1, 3, "");
    fixture_home(&f, JP, home);
    snprintf(path, sizeof path, "%s/realms/live/store.db", home);
    struct buf before = BUF_EMPTY;
    fixture_run(&f, JP, "ledger.show", "{\"to\":\"US-DOD\"}");
    buf_add_cstr(&before, "UPDATE ledger SET checkpoint=CAST('");
    buf_add_cstr(&before, fixture_result(&f, 0, "checkpoint"));
    buf_add_cstr(&before, "' AS BLOB)");
    fixture_run(&f, JP, "key.rotate", "{}");
    fixture_shut(&f, JP);
    run_sql(path, buf_cstr(&before));
    fixture_reopen(&f, JP);
    assert_string_not_equal(verdict(&f), "");
    fixture_shut(&f, JP);
    if (fixture_dispatch(&f, JP, "release", "{}", NULL, 0, &d)) fail_msg("%s", d.message);
    fixture_reopen(&f, JP);
    assert_string_equal(verdict(&f), "");
    buf_free(&before);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_only_grow),
        cmocka_unit_test(tampering_is_found),
        cmocka_unit_test(receipts_hold),
        cmocka_unit_test(a_rotation_cut_short_is_made_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
