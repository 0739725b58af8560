/* sync between two nodes: what arrives, what is verified, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "ledger/note.h"
#include "pair.h"
#include "taxii/server.h"
#include "taxii/sync.h"

static struct pair pair;
static struct taxii_server *server;

static int set_up(void **state) {
    struct diag d = {0};
    pair_open(&pair);
    if (taxii_server_start(pair.nodes[JP], &server, &d)) fail_msg("server: %s", d.message);
    return 0;
}

static int tear_down(void **state) {
    taxii_server_stop(&server);
    pair_close(&pair);
    return 0;
}

static void release(unsigned first, unsigned count, unsigned version) {
    struct buf bundle = BUF_EMPTY;
    pair_indicators(&bundle, first, count, version);
    pair_import(&pair, JP, buf_span(&bundle));
    pair_run(&pair, JP, "release", "{}");
    buf_free(&bundle);
}

static enum err pull(struct taxii_sync_result *r, struct diag *d) {
    *d = (struct diag){0};
    return taxii_sync(pair.nodes[US], "JP-MOD", NULL, r, d);
}

static void pull_well(struct taxii_sync_result *r) {
    struct diag d;
    if (pull(r, &d)) fail_msg("sync: %s", d.message);
    assert_int_equal(r->ledger_count, 1);
    assert_true(r->ledgers[0].verified);
    assert_string_equal(r->ledgers[0].trouble, "");
    assert_true(r->ledgers[0].cosigned);
}

static enum err latest(unsigned number, struct arena *a, struct store_holding *out) {
    struct store_reader *r;
    struct diag d;
    char id[64];
    assert_int_equal(store_reader_open(pair.nodes[US]->live.store, &r, &d), ERR_NONE);
    enum err e = store_holding_latest(r, span_cstr(pair_indicator_id(number, id)), a, out, &d);
    store_reader_close(&r);
    return e;
}

static void everything_arrives_and_is_cosigned(void **state) {
    struct taxii_sync_result r;
    struct arena a;
    struct store_holding h;
    arena_init(&a, 1 << 20);
    release(0, 3000, 0);
    pull_well(&r);
    assert_int_equal(r.added, 3001); /* and the party's own identity object */
    assert_int_equal(r.rejected, 0);
    assert_int_equal(r.ledgers[0].size, 3001);
    assert_int_equal(latest(2999, &a, &h), ERR_NONE);
    pull_well(&r); /* nothing new */
    assert_int_equal(r.read, 0);
    pair_run(&pair, JP, "ledger.show", "{}");
    assert_true(span_find(buf_span(&pair.result), SPAN("\"cosigned_size\":3001")) != SIZE_MAX);
    pair_run(&pair, US, "ledger.verify", "{\"from\":\"JP-MOD\"}");
    arena_free(&a);
}

static void ranges_of_every_width_continue(void **state) {
    struct taxii_sync_result r;
    unsigned at = 10000;
    static const unsigned steps[] = {1, 2, 253, 255, 256, 1, 511, 700};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        release(at, steps[i], 0);
        at += steps[i];
        pull_well(&r);
        assert_int_equal(r.added, steps[i]);
    }
}

static void new_versions_arrive(void **state) {
    struct taxii_sync_result r;
    struct arena a;
    struct store_holding h;
    arena_init(&a, 1 << 20);
    release(20000, 300, 0);
    release(20000, 300, 61);
    pull_well(&r);
    assert_int_equal(r.added, 600); /* match[version]=all: every version, for the ledger proves each */
    assert_int_equal(latest(20000, &a, &h), ERR_NONE);
    assert_true(span_find(h.body, SPAN("00:01:01.000Z")) != SIZE_MAX);
    arena_free(&a);
}

static void withdrawals_take_back(void **state) {
    struct taxii_sync_result r;
    struct arena a;
    struct store_holding h;
    char id[64], args[256];
    arena_init(&a, 1 << 20);
    release(30000, 400, 0);
    pull_well(&r);
    assert_int_equal(latest(30007, &a, &h), ERR_NONE);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"from\":\"US-DOD\"}", pair_indicator_id(30007, id));
    pair_run(&pair, JP, "withdraw", args);
    /* One that is released and withdrawn before it was ever pulled: its body is never seen. */
    release(30500, 700, 0);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"from\":\"US-DOD\"}", pair_indicator_id(30501, id));
    pair_run(&pair, JP, "withdraw", args);
    pull_well(&r);
    assert_int_equal(r.withdrawn, 2);
    assert_int_equal(r.added, 699);
    assert_int_equal(latest(30007, &a, &h), ERR_NOT_FOUND);
    assert_int_equal(latest(30501, &a, &h), ERR_NOT_FOUND);
    assert_int_equal(latest(30502, &a, &h), ERR_NONE);
    arena_free(&a);
}

static void rotated_keys_are_followed(void **state) {
    struct taxii_sync_result r;
    struct diag d = {0};
    pair_run(&pair, JP, "key.rotate", "{}");
    if (taxii_server_restart(server, &d)) fail_msg("restart: %s", d.message);
    release(40000, 10, 0);
    pull_well(&r);
    assert_true(r.card_received);
    pair_run(&pair, US, "key.rotate", "{}");
    release(40100, 10, 0);
    pull_well(&r);
    assert_true(r.card_sent);
    assert_int_equal(r.added, 10);
}

/* ---- a partner that lies: its store is changed behind its back ---- */

static void lie(const char *sql) {
    sqlite3 *db;
    char path[256], *message = NULL;
    snprintf(path, sizeof path, "%s/JP-MOD/realms/live/store.db", pair.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
    assert_true(sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

/* Whatever is wrong with the newest release is refused for the reason given; put right, it is taken. */
static void refused_then_taken(const char *lie_sql, const char *truth_sql, const char *reason) {
    struct taxii_sync_result r;
    struct diag d;
    static unsigned number = 45000;
    struct store_holding h;
    struct arena a;
    arena_init(&a, 1 << 20);
    release(number, 3, 0);
    lie("CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM leaf WHERE 0; DELETE FROM kept;"
        "INSERT INTO kept SELECT * FROM leaf WHERE id=(SELECT max(id) FROM leaf)");
    lie(lie_sql);
    assert_int_equal(pull(&r, &d), ERR_VERIFY);
    if (!strstr(d.message, reason)) fail_msg("\"%s\" is not in \"%s\"", reason, d.message);
    assert_false(r.ledgers[0].verified);
    assert_int_equal(r.added, 0);
    assert_int_equal(latest(number, &a, &h), ERR_NOT_FOUND); /* nothing of the range, true or not */
    lie(truth_sql);
    /* The server may rely on a ledger of one size being one ledger: prepared pages must go. */
    taxii_server_stop(&server);
    if (taxii_server_start(pair.nodes[JP], &server, &d)) fail_msg("server: %s", d.message);
    pull_well(&r);
    assert_int_equal(r.added, 3);
    number += 10;
    arena_free(&a);
}

#define NEWEST_BODY "(SELECT body FROM entry WHERE id=(SELECT max(id) FROM entry))"
#define NEWEST_LEAF "(SELECT max(id) FROM leaf)"
#define BACK        "UPDATE leaf SET record=(SELECT record FROM kept),salt=(SELECT salt FROM kept) WHERE id=" NEWEST_LEAF

static void lies_are_refused(void **state) {
    refused_then_taken("UPDATE body SET bytes=CAST(replace(CAST(bytes AS TEXT),'example.com','example.net') AS BLOB) "
                       "WHERE id=" NEWEST_BODY,
                       "UPDATE body SET bytes=CAST(replace(CAST(bytes AS TEXT),'example.net','example.com') AS BLOB) "
                       "WHERE id=" NEWEST_BODY,
                       "not the one it commits to");
    refused_then_taken("UPDATE leaf SET salt=randomblob(32) WHERE id=" NEWEST_LEAF, BACK, "not the one it commits to");
    refused_then_taken("UPDATE leaf SET salt=zeroblob(32) WHERE id=" NEWEST_LEAF, BACK, "no record withdraws it");
    refused_then_taken("UPDATE entry SET state=2 WHERE id=(SELECT max(id) FROM entry)",
                       "UPDATE entry SET state=0 WHERE id=(SELECT max(id) FROM entry)", "no record withdraws it");
    refused_then_taken("UPDATE leaf SET record=CAST(replace(CAST(record AS TEXT),'JP-1','JP-2') AS BLOB) WHERE"
                       " id=" NEWEST_LEAF,
                       BACK, "do not make the root");
}

/* A record changed after it was pulled is found when the ledger grows. */
static void changed_history_is_a_fork(void **state) {
    struct taxii_sync_result r;
    struct diag d;
    release(46000, 3, 0);
    pull_well(&r);
    lie("DELETE FROM kept; INSERT INTO kept SELECT * FROM leaf WHERE id=(SELECT max(id) FROM leaf)");
    release(46010, 3, 0);
    lie("UPDATE leaf SET record=CAST(replace(CAST(record AS TEXT),'JP-1','JP-2') AS BLOB) WHERE id=(SELECT id FROM"
        " kept)");
    assert_int_equal(pull(&r, &d), ERR_VERIFY);
    assert_non_null(strstr(d.message, "fork"));
    lie("UPDATE leaf SET record=(SELECT record FROM kept) WHERE id=(SELECT id FROM kept)");
    pull_well(&r);
    assert_int_equal(r.added, 3);
}

/* The partner forgets what it had signed: its store is put back to an earlier day. */
static void rollback_is_refused(void **state) {
    struct taxii_sync_result r;
    struct diag d = {0};
    struct store_tx *tx;
    struct arena a;
    struct store_document *docs;
    struct store_ledger *ledgers;
    size_t count;
    arena_init(&a, 1 << 20);
    release(50000, 10, 0);
    pull_well(&r);
    assert_int_equal(store_begin(pair.nodes[JP]->live.store, &tx, &d), ERR_NONE);
    assert_int_equal(store_ledger_list(store_tx_reader(tx), &a, &ledgers, &count, &d), ERR_NONE);
    /* An earlier checkpoint, truly signed, is served again. */
    struct buf text = BUF_EMPTY, note = BUF_EMPTY;
    struct node_view *v = node_view(pair.nodes[JP]);
    struct ledger_key key;
    uint8_t signature[64];
    for (size_t i = 0; i < count; i++) {
        if (!span_is(ledgers[i].recipient, "US-DOD")) continue;
        struct ledger_checkpoint old = {.origin = ledgers[i].origin, .size = 5, .root = sha256_of(SPAN("x"))};
        assert_int_equal(ledger_key_make(LEDGER_KEY_LOG, v->own.party, v->own.log_key, &key, &d), ERR_NONE);
        assert_int_equal(ledger_checkpoint_write(&old, &text, &d), ERR_NONE);
        assert_int_equal(signer_sign(pair.nodes[JP]->signer, SIGNER_LOG, buf_span(&text), signature, &d), ERR_NONE);
        assert_int_equal(ledger_note_text(buf_span(&text), &note, &d), ERR_NONE);
        ledger_note_add_signature(&note, &key, signature);
        ledgers[i].checkpoint = buf_span(&note);
        assert_int_equal(store_ledger_update(tx, &ledgers[i], &d), ERR_NONE);
    }
    node_view_release(pair.nodes[JP], &v);
    assert_int_equal(store_commit(&tx, &d), ERR_NONE);
    assert_int_equal(pull(&r, &d), ERR_VERIFY);
    assert_non_null(strstr(d.message, "rollback"));
    struct store_reader *reader;
    assert_int_equal(store_reader_open(pair.nodes[US]->live.store, &reader, &d), ERR_NONE);
    assert_int_equal(store_document_list(reader, "sync-conflict", &a, &docs, &count, &d), ERR_NONE);
    bool kept = false;
    for (size_t i = 0; i < count; i++) kept |= span_find(docs[i].body, SPAN("rollback")) != SIZE_MAX;
    assert_true(kept);
    store_reader_close(&reader);
    buf_free(&text);
    buf_free(&note);
    arena_free(&a);
}

static void strangers_are_named(void **state) {
    struct taxii_sync_result r;
    struct diag d = {0};
    assert_int_equal(taxii_sync(pair.nodes[US], "NOBODY", NULL, &r, &d), ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives_and_is_cosigned),
        cmocka_unit_test(ranges_of_every_width_continue),
        cmocka_unit_test(new_versions_arrive),
        cmocka_unit_test(withdrawals_take_back),
        cmocka_unit_test(rotated_keys_are_followed),
        cmocka_unit_test(strangers_are_named),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(changed_history_is_a_fork),
        cmocka_unit_test(rollback_is_refused), /* last: it leaves a liar */
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
