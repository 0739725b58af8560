/* What is acknowledged survives a power cut; what fails, fails clearly. SQLite only: its VFS is what is played with. */
#include "store/fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/unsynced_vfs.h"

enum { ROUNDS = 16, PER_ROUND = 40, CUTS_MAX = 400 };

static void use_shim(struct fixture *f, const char *options) {
    unsynced_vfs_reset("unsynced");
    snprintf(f->url, sizeof f->url, "file:%s/store.db?vfs=unsynced%s", f->folder, options);
}

/* One round of what a node does: an intake in two transactions, then its release. Round n leaves PER_ROUND × (n+1)
 * holdings, as many entries, and says so in the ledger's row and in a named value. */
static void round_of_work(struct fixture *f, int64_t ledger, unsigned n) {
    struct span identity = fixture_id("identity", 1);
    unsigned first = n * PER_ROUND;
    struct store_tx *tx = fixture_begin(f);
    for (unsigned i = 0; i < PER_ROUND; i++) {
        if (i == PER_ROUND / 2) {
            fixture_commit(f, &tx);
            tx = fixture_begin(f);
        }
        struct store_holding h = fixture_holding(first + i, 1);
        fixture_add(f, tx, &h, &identity, 1);
    }
    OK(store_intake_publish(tx, &f->d));
    for (unsigned i = 0; i < PER_ROUND; i++) {
        struct store_entry e = fixture_entry(ledger, first + i, first + i, first + i + 1);
        OK(store_entry_add(tx, &e, &f->d));
    }
    struct store_ledger l = {.id = ledger, .size = first + PER_ROUND, .last_time = 1};
    OK(store_ledger_update(tx, &l, &f->d));
    fixture_commit(f, &tx);
}

static void integrity(const char *path) {
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "ok");
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* What lies in the folder: a whole number of rounds, at least `least`, and everything of them. */
static void check_copy(const char *folder, int64_t ledger, unsigned least, unsigned most) {
    struct fixture copy = {0}, *f = &copy;
    struct store_ledger l;
    struct store_entry e;
    struct store_holding h;
    int64_t visible;
    uint64_t size;
    snprintf(copy.url, sizeof copy.url, "%s/store.db", folder);
    arena_init(&copy.a, 1 << 24);
    fixture_open(f);
    OK(store_ledger_get(f->r, ledger, &f->a, &l, &f->d));
    assert_int_equal(l.size % PER_ROUND, 0);
    assert_in_range(l.size, least * PER_ROUND, most * PER_ROUND);
    OK(store_holding_visible(f->r, &visible, &f->d));
    assert_int_equal(visible, l.size);
    OK(store_entry_after(f->r, ledger, INT64_MAX, &size, &f->d));
    assert_int_equal(size, l.size);
    for (uint64_t i = 0; i < l.size; i++) {
        arena_reset(&f->a);
        OK(store_entry_get(f->r, ledger, i, &f->a, &e, &f->d));
        OK(store_holding_latest(f->r, e.stix_id, &f->a, &h, &f->d));
        assert_true(h.id == e.holding && span_equal(h.body, e.body));
    }
    int64_t *naming;
    size_t count;
    OK(store_holding_naming(f->r, fixture_id("identity", 1), 0, 10000, &f->a, &naming, &count, &f->d));
    assert_int_equal(count, l.size);
    fixture_close(f);
    arena_free(&f->a);
    integrity(f->url);
}

static void make_folder(char path[512], const char *inside, unsigned n) {
    snprintf(path, 512, "%s/cut-%u", inside, n);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void remove_folder(const char *path) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static void test_what_is_committed_is_synced(void **state) {
    struct fixture *f = *state;
    use_shim(f, "");
    fixture_open(f);
    int64_t ledger = fixture_ledger(f, "US-DOD");
    for (unsigned n = 0; n < ROUNDS; n++) {
        char folder[512];
        round_of_work(f, ledger, n);
        make_folder(folder, f->folder, n);
        unsynced_vfs_copy(folder, 0, 0);
        check_copy(folder, ledger, n + 1, n + 1);
        remove_folder(folder);
    }
}

struct cutter {
    const char *folder;
    unsigned every, operations, cuts, acknowledged;
    unsigned least[CUTS_MAX]; /* rounds acknowledged when the cut was made */
};

static void cut(void *context) {
    struct cutter *c = context;
    char folder[512];
    if (c->operations++ % c->every || c->cuts == CUTS_MAX) return;
    make_folder(folder, c->folder, c->cuts);
    static const unsigned percents[] = {0, 50, 90, 100};
    unsynced_vfs_copy(folder, percents[c->cuts % 4], c->operations);
    c->least[c->cuts++] = c->acknowledged;
}

/* The power fails before any write or sync, in commits and in checkpoints; unsynced writes survive or not as chance has
 * it. */
static void test_power_cuts(void **state) {
    struct fixture *f = *state;
    use_shim(f, "&checkpoint=60");
    fixture_open(f);
    int64_t ledger = fixture_ledger(f, "US-DOD");
    struct cutter c = {.folder = f->folder, .every = 17};
    unsynced_vfs_watch(cut, &c);
    for (; c.acknowledged < ROUNDS; c.acknowledged++) round_of_work(f, ledger, c.acknowledged);
    unsynced_vfs_watch(NULL, NULL);
    assert_true(c.cuts > 60);
    for (unsigned i = 0; i < c.cuts; i++) {
        char folder[512];
        snprintf(folder, sizeof folder, "%s/cut-%u", f->folder, i);
        check_copy(folder, ledger, c.least[i], c.least[i] + 1);
        remove_folder(folder);
    }
}

/* Every write, then every sync of a round fails in turn: the round is reported as failed, leaves nothing, and works
 * once the disk does. */
static void fail_each(struct fixture *f, enum unsynced_kind kind, int code, const char *says) {
    use_shim(f, "&checkpoint=60");
    fixture_open(f);
    int64_t ledger = fixture_ledger(f, "US-DOD");
    unsigned n = 0, failures = 0;
    for (unsigned at = 1; n < 4; at += 3) {
        struct store_tx *tx;
        unsynced_vfs_fail(kind, at, code);
        enum err e = store_begin(f->s, &tx, &f->d);
        for (unsigned i = 0; i < 2000 && !e; i++) {
            struct store_holding h = fixture_holding(n * 2000 + i, 1);
            int64_t id;
            bool added;
            e = store_holding_add(tx, &h, NULL, 0, &id, &added, &f->d);
        }
        if (!e) e = store_intake_publish(tx, &f->d);
        if (e)
            store_rollback(&tx);
        else
            e = store_commit(&tx, &f->d);
        unsynced_vfs_fail(kind, 0, 0);
        int64_t visible;
        if (e) {
            assert_int_equal(e, ERR_IO);
            assert_non_null(strstr(f->d.message, says));
            failures++;
        } else {
            n++;
        }
        OK(store_holding_visible(f->r, &visible, &f->d));
        assert_int_equal(visible, n * 2000);
    }
    assert_true(failures > 0);
    fixture_reopen(f);
    struct store_holding h;
    OK(store_holding_latest(f->r, fixture_id("indicator", 7999), &f->a, &h, &f->d));
    struct store_entry e = fixture_entry(ledger, 0, 1, 1);
    struct store_tx *tx = fixture_begin(f);
    OK(store_entry_add(tx, &e, &f->d));
    fixture_commit(f, &tx);
    fixture_close(f);
    char path[512];
    snprintf(path, sizeof path, "%s/store.db", f->folder);
    integrity(path);
}

static void test_disk_full(void **state) {
    fail_each(*state, UNSYNCED_WRITE, SQLITE_FULL, "disk is full");
}
static void test_failing_writes(void **state) {
    fail_each(*state, UNSYNCED_WRITE, SQLITE_IOERR_WRITE, "failed to read or write");
}
static void test_failing_syncs(void **state) {
    struct fixture *f = *state;
    use_shim(f, "");
    fixture_open(f);
    for (unsigned n = 0; n < 5; n++) {
        struct store_tx *tx = fixture_begin(f);
        OK(store_meta_set(tx, "x", SPAN("lost"), &f->d));
        unsynced_vfs_fail(UNSYNCED_SYNC, 1, SQLITE_IOERR_FSYNC);
        FAILS(ERR_IO, store_commit(&tx, &f->d));
        assert_null(tx);
        unsynced_vfs_fail(UNSYNCED_SYNC, 0, 0);
        struct span value;
        OK(store_meta_get(f->r, "x", &f->a, &value, &f->d));
        assert_span(value, n ? "kept" : "");
        tx = fixture_begin(f);
        OK(store_meta_set(tx, "x", SPAN("kept"), &f->d));
        fixture_commit(f, &tx);
    }
}

static void test_failing_reads(void **state) {
    struct fixture *f = *state;
    struct store_holding h;
    use_shim(f, "");
    fixture_open(f);
    fixture_publish(f, 0, 2000);
    fixture_reopen(f);
    unsynced_vfs_fail(UNSYNCED_READ, 1, SQLITE_IOERR_READ);
    FAILS(ERR_IO, store_holding_latest(f->r, fixture_id("indicator", 1000), &f->a, &h, &f->d));
    unsynced_vfs_fail(UNSYNCED_READ, 0, 0);
    OK(store_holding_latest(f->r, fixture_id("indicator", 1000), &f->a, &h, &f->d));
}

/* A transaction that failed once refuses everything but its end. */
static void test_a_spoilt_transaction(void **state) {
    struct fixture *f = *state;
    struct span value;
    use_shim(f, "");
    fixture_open(f);
    fixture_publish(f, 0, 2000);
    fixture_reopen(f);
    struct store_tx *tx = fixture_begin(f);
    struct store_holding h;
    OK(store_meta_set(tx, "x", SPAN("half"), &f->d));
    unsynced_vfs_fail(UNSYNCED_READ, 1, SQLITE_IOERR_READ);
    FAILS(ERR_IO, store_holding_latest(store_tx_reader(tx), fixture_id("indicator", 1000), &f->a, &h, &f->d));
    unsynced_vfs_fail(UNSYNCED_READ, 0, 0);
    FAILS(ERR_IO, store_meta_set(tx, "y", SPAN("other half"), &f->d));
    FAILS(ERR_IO, store_commit(&tx, &f->d));
    OK(store_meta_get(f->r, "x", &f->a, &value, &f->d));
    assert_null(value.at);
    tx = fixture_begin(f);
    OK(store_meta_set(tx, "x", SPAN("whole"), &f->d));
    fixture_commit(f, &tx);
}

/* ---- files that are no store ------------------------------------------------------------------------------------- */

static void write_file(const char *path, const void *data, size_t len) {
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    assert_int_equal(fwrite(data, 1, len, to), len);
    fclose(to);
}

static void sql(const char *path, const char *text) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_foreign_files(void **state) {
    struct fixture *f = *state;
    char path[512], junk[5000];
    struct store *s;
    memset(junk, 'j', sizeof junk);
    FAILS(ERR_NOT_FOUND, store_open(f->url, STORE_READ, &s, &f->d));
    snprintf(path, sizeof path, "%s/none/store.db", f->folder);
    FAILS(ERR_IO, store_open(path, STORE_WRITE, &s, &f->d));
    snprintf(path, sizeof path, "%s/junk", f->folder);
    write_file(path, junk, sizeof junk);
    FAILS(ERR_INVALID, store_open(path, STORE_WRITE, &s, &f->d));
    FAILS(ERR_INVALID, store_open(path, STORE_READ, &s, &f->d));
    snprintf(path, sizeof path, "%s/other", f->folder);
    sql(path, "CREATE TABLE theirs(x)");
    FAILS(ERR_INVALID, store_open(path, STORE_WRITE, &s, &f->d));
    snprintf(path, sizeof path, "%s/empty", f->folder);
    write_file(path, junk, 0);
    FAILS(ERR_NOT_FOUND, store_open(path, STORE_READ, &s, &f->d));
    OK(store_open(path, STORE_WRITE, &s, &f->d)); /* an empty file is as good as none */
    store_close(&s);
    OK(store_open(path, STORE_READ, &s, &f->d));
    store_close(&s);
    FAILS(ERR_INVALID, store_open("file:/tmp/x?mode=memory", STORE_READ, &s, &f->d));
}

static void test_a_newer_schema(void **state) {
    struct fixture *f = *state;
    struct store *s;
    fixture_open(f);
    fixture_close(f);
    sql(f->url, "PRAGMA user_version=1000");
    FAILS(ERR_UNSUPPORTED, store_open(f->url, STORE_WRITE, &s, &f->d));
    FAILS(ERR_UNSUPPORTED, store_open(f->url, STORE_READ, &s, &f->d));
}

static void test_a_damaged_file(void **state) {
    struct fixture *f = *state;
    char junk[200];
    struct store_holding h, *page;
    size_t count;
    memset(junk, 0x5a, sizeof junk);
    fixture_open(f);
    fixture_publish(f, 0, 3000);
    fixture_close(f);
    FILE *file = fopen(f->url, "r+b");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    for (long at = 8192 * 8, end = ftell(file); at < end; at += 4096) {
        fseek(file, at, SEEK_SET);
        fwrite(junk, 1, sizeof junk, file);
    }
    fclose(file);
    enum err e = store_open(f->url, STORE_WRITE, &f->s, &f->d);
    if (!e) e = store_reader_open(f->s, &f->r, &f->d);
    if (!e) e = store_holding_scan(f->r, 0, SPAN(""), 10000, &f->a, &page, &count, &f->d);
    if (!e) e = store_holding_latest(f->r, fixture_id("indicator", 5), &f->a, &h, &f->d);
    assert_int_equal(e, ERR_IO);
    assert_non_null(strstr(f->d.message, "damaged"));
}

static void test_others_cannot_read_it(void **state) {
    struct fixture *f = *state;
    struct stat st;
    fixture_open(f);
    fixture_publish(f, 0, 1);
    char path[600];
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", f->url, ends[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 077, 0);
    }
}

/* There is no function that reads the audit yet. */
static void test_audit_is_kept(void **state) {
    struct fixture *f = *state;
    sqlite3 *db;
    sqlite3_stmt *st;
    struct store_audit entry = {5, SPAN("local"), SPAN("import"), SPAN("a file"), SPAN("done")};
    fixture_open(f);
    struct store_tx *tx = fixture_begin(f);
    OK(store_audit_add(tx, &entry, &f->d));
    fixture_commit(f, &tx);
    assert_int_equal(sqlite3_open(f->url, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT time||actor||operation||detail||outcome FROM audit", -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(st, 0), "5localimporta filedone");
    sqlite3_finalize(st);
    sqlite3_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST_CLOSED(test_what_is_committed_is_synced),
        STORE_TEST_CLOSED(test_power_cuts),
        STORE_TEST_CLOSED(test_disk_full),
        STORE_TEST_CLOSED(test_failing_writes),
        STORE_TEST_CLOSED(test_failing_syncs),
        STORE_TEST_CLOSED(test_failing_reads),
        STORE_TEST_CLOSED(test_a_spoilt_transaction),
        STORE_TEST_CLOSED(test_foreign_files),
        STORE_TEST_CLOSED(test_a_newer_schema),
        STORE_TEST_CLOSED(test_a_damaged_file),
        STORE_TEST_CLOSED(test_others_cannot_read_it),
        STORE_TEST_CLOSED(test_audit_is_kept),
    };
    return cmocka_run_group_tests_name("durability of SQLite stores", tests, NULL, NULL);
}
