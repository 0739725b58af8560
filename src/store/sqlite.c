/* The SQLite driver: opening, connections, transactions, and the driver's table.
 *
 * One file in WAL mode. The writer has one connection and a lock file beside the database, so that a second writer is
 * told so at once instead of waiting for a lock it will not get. Every reader has a connection of its own and reads
 * its pages from a memory map: a commit does not cost it its cache. (The price of the map: a disk that fails to read a
 * page of it ends the process with SIGBUS, where a read() would have returned an error. Nothing is lost by that.) */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/sqlite_driver.h"

/* What the pragmas below are given. */
#define PAGE_SIZE        "4096"   /* 8192 measured no faster for imports, and costs more WAL for each small commit */
#define WRITER_CACHE_KIB "131072" /* holds the index of ids of some 4 million objects: its insertions are random */
#define READER_CACHE_KIB "8192"   /* the map is the reader's cache; this is for pages that are still in the WAL */
#define READER_MAP_BYTES                                                                                               \
    "268435456" /* 256 MiB: pages beyond come through the cache; a scan of everything must not count as memory */
/* Pages in the WAL that make a commit copy it back, 128 MiB. The next transactions of an intake or of a sync write most
 * of the same pages again; a reader looks into the WAL first, and without its map. */
#define CHECKPOINT_PAGES 32768
#define WAL_KEPT_BYTES   "268435456" /* a WAL that grew larger, because a reader held it, is cut to this */
#define BUSY_TIMEOUT_MS  10000       /* other programs hold SQLite's locks for moments only (recovery, checkpoints) */

/* ---- connections ------------------------------------------------------------------------------------------------- */

static const char pragmas_all[] = "PRAGMA journal_mode=WAL;"
                                  "PRAGMA synchronous=FULL;"
                                  "PRAGMA temp_store=MEMORY;"
                                  "PRAGMA trusted_schema=OFF;"; /* a hostile file runs nothing */
static const char pragmas_writer[] = "PRAGMA cache_size=-" WRITER_CACHE_KIB ";"
                                     "PRAGMA journal_size_limit=" WAL_KEPT_BYTES ";"
                                     /* What is deleted is overwritten where that costs no extra page. */
                                     "PRAGMA secure_delete=FAST;";
static const char pragmas_reader[] = "PRAGMA query_only=ON;"
                                     "PRAGMA cache_size=-" READER_CACHE_KIB ";"
                                     "PRAGMA wal_autocheckpoint=0;"
                                     "PRAGMA mmap_size=" READER_MAP_BYTES ";";

static void disconnect(struct connection *c) {
    lite_statements_free(c);
    lite_objects_free(c);
    sqlite3_close(c->db);
    c->db = NULL;
    free(c->interned);
    c->interned = NULL;
}

/* Not a word is written to the file before it is known to be ours or empty. */
static enum err connect_file(struct lite_store *s, struct connection *c, bool writer, struct diag *d) {
    memset(c, 0, sizeof *c);
    c->path = s->path;
    map_init(&c->type_numbers);
    arena_init(&c->type_text, (size_t)TYPES_CACHED * STORE_ID_MAX);
    int code =
        sqlite3_open_v2(s->path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, s->vfs);
    if (code != SQLITE_OK) return lite_error(c, code, d);
    sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    bool fresh, current;
    enum err e = lite_schema_check(c, &fresh, &current, d);
    if (!e && fresh && !writer) e = diag_set(d, ERR_NOT_FOUND, "%s: there is no store in this file yet", s->path);
    if (!e && !current && !writer) {
        e = diag_set(d, ERR_UNSUPPORTED, "%s: an older Renkei made this store; open it for writing once to convert it",
                     s->path);
    }
    if (!e && fresh) e = lite_exec(c, "PRAGMA page_size=" PAGE_SIZE, d);
    if (!e) e = lite_exec(c, pragmas_all, d);
    if (!e) e = lite_exec(c, writer ? pragmas_writer : pragmas_reader, d);
    c->writer = writer;
    return e;
}

enum err lite_enter(struct connection *c, struct diag *d) {
    if (c->writer || c->snapshot || c->entered) {
        c->entered++;
        return ERR_NONE;
    }
    /* Left on its row, the statement holds SQLite's read transaction: cheaper than BEGIN and COMMIT around each call.
     */
    bool row;
    enum err e = lite_query(c, "SELECT visible FROM state", NO_VALUES, &c->pin, d);
    if (!e) e = lite_next(c, c->pin, &row, d);
    if (e) return e;
    if (!row) {
        lite_end(c->pin);
        return lite_error(c, SQLITE_CORRUPT, d);
    }
    c->visible = col_int(c->pin, 0);
    c->entered = 1;
    return ERR_NONE;
}

void lite_leave(struct connection *c) {
    if (--c->entered == 0 && !c->writer && !c->snapshot) lite_end(c->pin);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Statistics of all allocations take a lock that every thread shares. Too late if the program used SQLite before us:
 * then it stays as it was. */
static void configure_once(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* "PATH", or "file:PATH?vfs=NAME&checkpoint=PAGES", either in any order or left out: another way to the disk, and
 * another size of the WAL. */
static enum err read_option(struct lite_store *s, struct span option, struct diag *d) {
    uint64_t pages;
    if (span_starts(option, SPAN("vfs=")) && !s->vfs) {
        s->vfs = strndup(option.at + 4, option.len - 4);
        return s->vfs ? ERR_NONE : diag_set(d, ERR_NOMEM, "memory ran out");
    }
    if (span_starts(option, SPAN("checkpoint=")) && span_u64(span_from(option, 11), &pages) && pages <= INT32_MAX) {
        s->checkpoint_pages = (int)pages;
        return ERR_NONE;
    }
    return diag_set(d, ERR_INVALID,
                    "\"%.*s\": a store's path may be followed by vfs= and checkpoint=", SPAN_ARG(option));
}

static enum err read_url(struct lite_store *s, const char *url, struct diag *d) {
    struct span rest = span_cstr(url), path;
    if (span_starts(rest, SPAN("file:"))) {
        rest = span_from(rest, 5);
        path = span_cut(&rest, '?');
    } else {
        path = rest, rest = (struct span){0};
    }
    if (path.len == 0) return diag_set(d, ERR_INVALID, "a store needs a path");
    s->path = strndup(path.at, path.len);
    if (!s->path) return diag_set(d, ERR_NOMEM, "memory ran out");
    enum err e = ERR_NONE;
    while (rest.len > 0 && !e) e = read_option(s, span_cut(&rest, '&'), d);
    return e;
}

/* The lock is the kernel's: it goes when the process does. The number in the file is for the message only. */
static enum err take_lock(struct lite_store *s, struct diag *d) {
    char path[4096], text[32] = "";
    if (snprintf(path, sizeof path, "%s.lock", s->path) >= (int)sizeof path) {
        return diag_set(d, ERR_LIMIT, "%s: the path is too long", s->path);
    }
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0) return diag_set(d, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(s->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return diag_set(d, ERR_IO, "%s: %s", path, strerror(errno));
        ssize_t got = pread(s->lock, text, sizeof text - 1, 0);
        return diag_set(d, ERR_BUSY, "%s: another process writes to this store (process %.*s)", s->path,
                        (int)(got > 0 ? strcspn(text, "\n") : 1), got > 0 ? text : "?");
    }
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(s->lock, 0) != 0 || pwrite(s->lock, text, (size_t)len, 0) != len) {
        return diag_set(d, ERR_IO, "%s: %s", path, strerror(errno));
    }
    return ERR_NONE;
}

/* SQLite gives the WAL the database's mode: what a store holds is nobody else's to read. A file that is there already
 * is not touched: closing it would drop the locks SQLite holds on it elsewhere in this process. */
static enum err make_file(struct lite_store *s, struct diag *d) {
    int fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) return ERR_NONE;
    if (fd < 0) return diag_set(d, ERR_IO, "%s: %s", s->path, strerror(errno));
    close(fd);
    return ERR_NONE;
}

/* What a process that was killed during an intake left behind. */
static enum err discard_pending(struct lite_store *s, struct diag *d) {
    int64_t newest = 0, visible = 0;
    enum err e = lite_number(&s->writer, "SELECT max(id) FROM holding", NO_VALUES, &newest, NULL, d);
    if (!e) e = lite_number(&s->writer, "SELECT visible FROM state", NO_VALUES, &visible, NULL, d);
    if (e || newest <= visible) return e;
    struct store_tx *tx;
    e = store_begin(&s->base, &tx, d);
    if (e) return e;
    e = store_intake_discard(tx, d);
    if (!e) return store_commit(&tx, d);
    store_rollback(&tx);
    return e;
}

/* After each commit. What it cannot copy back now stays in the WAL, safe, and is tried again after the next. */
static int after_commit(void *context, sqlite3 *db, const char *name, int pages) {
    struct lite_store *s = context;
    if (pages < (s->checkpoint_pages ? s->checkpoint_pages : CHECKPOINT_PAGES)) return SQLITE_OK;
    int code = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK && code != SQLITE_BUSY) {
        log_warn("store %s: the WAL could not be copied back: %s", s->path, sqlite3_errstr(code));
    }
    return SQLITE_OK;
}

static enum err open_writer(struct lite_store *s, struct diag *d) {
    enum err e = take_lock(s, d);
    if (!e) e = make_file(s, d);
    if (!e) e = connect_file(s, &s->writer, true, d);
    s->writer.deferred = &s->deferred;
    s->writer.interned = calloc(INTERN_SLOTS, sizeof *s->writer.interned);
    if (!e && !s->writer.interned) e = diag_set(d, ERR_NOMEM, "memory ran out");
    if (!e) e = lite_migrate(&s->writer, d);
    if (!e) sqlite3_wal_hook(s->writer.db, after_commit, s);
    if (!e) e = discard_pending(s, d);
    s->writer.failed = ERR_NONE;
    return e;
}

/* Opened and closed again: a reader finds out at once what it would find out later. */
static enum err probe(struct lite_store *s, struct diag *d) {
    if (access(s->path, F_OK) != 0 && errno == ENOENT) {
        return diag_set(d, ERR_NOT_FOUND, "%s: there is no store here", s->path);
    }
    struct connection *c = malloc(sizeof *c);
    if (!c) return diag_set(d, ERR_NOMEM, "memory ran out");
    enum err e = connect_file(s, c, false, d);
    disconnect(c);
    free(c);
    return e;
}

/* Before the lock is let go of. Under the first name that is free: an older one put aside stays. */
static void set_aside(const struct lite_store *s) {
    char name[4096];
    bool fits = true, taken = true;
    for (unsigned n = 1; fits && taken; n++) {
        char number[16] = "";
        if (n > 1) snprintf(number, sizeof number, ".%u", n);
        fits = snprintf(name, sizeof name, "%s.moved%s", s->path, number) < (int)sizeof name;
        taken = fits && access(name, F_OK) == 0;
    }
    if (!fits || rename(s->path, name) != 0)
        log_error("%s: it was moved to another store, and could not be renamed: %s", s->path, strerror(errno));
}

static void lite_close(struct store *base) {
    struct lite_store *s = (struct lite_store *)base;
    if (s->tx.open) store_rollback(&(struct store_tx *){&s->tx.base});
    disconnect(&s->writer);
    if (s->retired) set_aside(s);
    if (s->lock >= 0) close(s->lock); /* the file stays: removing it would race with the next writer */
    pthread_mutex_destroy(&s->turn);
    lite_deferred_free(&s->deferred);
    free(s->path);
    free(s->vfs);
    free(s);
}

static enum err lite_open(const char *url, enum store_mode mode, struct store **out, struct diag *d) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_once);
    struct lite_store *s = calloc(1, sizeof *s);
    if (!s) return diag_set(d, ERR_NOMEM, "memory ran out");
    static const int64_t all = INT64_MAX;
    s->base.driver = s->tx.base.driver = &store_sqlite;
    s->tx_all = (struct lite_reader){.base = {&store_sqlite}, .c = &s->writer, .mark = &all};
    s->tx_visible = (struct lite_reader){.base = {&store_sqlite}, .c = &s->writer, .mark = &s->published};
    s->mode = mode;
    s->lock = -1;
    s->tx.store = s;
    pthread_mutex_init(&s->turn, NULL);
    enum err e = read_url(s, url, d);
    if (!e) e = mode == STORE_WRITE ? open_writer(s, d) : probe(s, d);
    if (e) {
        lite_close(&s->base);
        return e;
    }
    *out = &s->base;
    return ERR_NONE;
}

/* ---- readers ----------------------------------------------------------------------------------------------------- */

static void lite_reader_release(struct store_reader *base) {
    struct connection *c = lite_of(base);
    if (!c->snapshot) return;
    c->snapshot = false;
    sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL); /* ends a read: nothing to lose */
}

static enum err lite_reader_open(struct store *base, struct store_reader **out, struct diag *d) {
    struct lite_reader *r = calloc(1, sizeof *r);
    if (!r) return diag_set(d, ERR_NOMEM, "memory ran out");
    r->base.driver = &store_sqlite;
    r->store = (struct lite_store *)base;
    r->c = &r->own;
    enum err e = connect_file(r->store, &r->own, false, d);
    if (e) {
        disconnect(&r->own);
        free(r);
        return e;
    }
    *out = &r->base;
    return ERR_NONE;
}

static enum err lite_reader_twin(struct store_reader *base, struct store_reader **out, struct diag *d) {
    struct lite_reader *r = (struct lite_reader *)base;
    if (r->mark) return diag_set(d, ERR_UNSUPPORTED, "a transaction is read by one thread");
    return lite_reader_open(&r->store->base, out, d);
}

static void lite_reader_close(struct store_reader *base) {
    struct lite_reader *r = (struct lite_reader *)base;
    if (r->mark) return; /* a transaction's own reader is borrowed */
    disconnect(&r->own);
    free(r);
}

static enum err lite_reader_snapshot(struct store_reader *base, struct diag *d) {
    struct connection *c = lite_of(base);
    if (c->writer) return ERR_NONE; /* the transaction is one already */
    lite_reader_release(base);
    enum err e = lite_exec(c, "BEGIN", d);
    if (e) return e;
    c->snapshot = true;
    bool found;
    e = lite_number(c, "SELECT visible FROM state", NO_VALUES, &c->visible, &found, d);
    if (!e && !found) e = lite_error(c, SQLITE_CORRUPT, d);
    if (e) lite_reader_release(base);
    return e;
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

static void forget(struct lite_store *s) {
    s->next_holding = s->next_object = s->append_ledger = 0;
    memset(s->writer.interned, 0, INTERN_SLOTS * sizeof *s->writer.interned);
    lite_objects_forget(&s->writer);
    lite_deferred_rolled_back(&s->deferred);
    s->pending = s->pending_before;
}

static enum err lite_begin(struct store *base, struct store_tx **out, struct diag *d) {
    struct lite_store *s = (struct lite_store *)base;
    if (s->mode != STORE_WRITE) return diag_set(d, ERR_DENIED, "%s: the store is open for reading only", s->path);
    pthread_mutex_lock(&s->turn);
    struct connection *c = &s->writer;
    c->failed = ERR_NONE;
    enum err e = lite_run(c, "BEGIN IMMEDIATE", NO_VALUES, d);
    if (!e) {
        e = lite_number(c, "SELECT visible FROM state", NO_VALUES, &s->published, NULL, d);
        if (e) sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
    }
    if (e) {
        pthread_mutex_unlock(&s->turn);
        return e;
    }
    s->tx.open = true;
    *out = &s->tx.base;
    return ERR_NONE;
}

static void lite_rollback(struct store_tx *tx) {
    struct lite_store *s = lite_store_of(tx);
    /* After some errors SQLite has rolled back by itself, and says so when asked again: either way nothing is left. */
    sqlite3_exec(s->writer.db, "ROLLBACK", NULL, NULL, NULL);
    s->writer.failed = ERR_NONE;
    forget(s);
    s->tx.open = false;
    pthread_mutex_unlock(&s->turn);
}

/* Another program that has the file open would go on with a WAL that nobody finds any more: then it is not done. */
static enum err lite_retire(struct store_tx *tx, struct diag *d) {
    struct lite_store *s = lite_store_of(tx);
    lite_rollback(tx);
    int left = 0, code = sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, NULL);
    if (code != SQLITE_OK || left > 0)
        return diag_set(d, ERR_BUSY, "%s: another program reads this store; end it first", s->path);
    s->retired = true;
    return ERR_NONE;
}

static enum err lite_commit(struct store_tx *tx, struct diag *d) {
    struct lite_store *s = lite_store_of(tx);
    enum err e = lite_deferred_before_commit(&s->writer, &s->deferred, d);
    if (!e) e = lite_run(&s->writer, "COMMIT", NO_VALUES, d);
    if (e) {
        lite_rollback(tx);
        return e;
    }
    lite_deferred_committed(&s->deferred);
    s->pending_before = s->pending;
    s->tx.open = false;
    pthread_mutex_unlock(&s->turn);
    return ERR_NONE;
}

static struct store_reader *lite_tx_reader(struct store_tx *tx) {
    return &lite_store_of(tx)->tx_all.base;
}

static struct store_reader *lite_tx_visible(struct store_tx *tx) {
    return &lite_store_of(tx)->tx_visible.base;
}

const struct store_driver store_sqlite = {
    .name = "sqlite",
    .open = lite_open,
    .close = lite_close,
    .reader_open = lite_reader_open,
    .reader_twin = lite_reader_twin,
    .reader_close = lite_reader_close,
    .reader_snapshot = lite_reader_snapshot,
    .reader_release = lite_reader_release,
    .backup = lite_backup,
    .rows = lite_rows,
    .fill_open = lite_fill_open,
    .fill_row = lite_fill_row,
    .fill_close = lite_fill_close,
    .retire = lite_retire,
    .begin = lite_begin,
    .commit = lite_commit,
    .rollback = lite_rollback,
    .tx_reader = lite_tx_reader,
    .tx_visible = lite_tx_visible,
    .meta_get = lite_meta_get,
    .meta_set = lite_meta_set,
    .document_put = lite_document_put,
    .document_get = lite_document_get,
    .document_list = lite_document_list,
    .document_delete = lite_document_delete,
    .source_number = lite_source_number,
    .source_name = lite_source_name,
    .source_find = lite_source_find,
    .audit_add = lite_audit_add,
    .audit_scan = lite_audit_scan,
    .holding_add = lite_holding_add,
    .intake_publish = lite_intake_publish,
    .intake_discard = lite_intake_discard,
    .holding_visible = lite_holding_visible,
    .holding_get = lite_holding_get,
    .holding_latest = lite_holding_latest,
    .holding_history = lite_holding_history,
    .holding_scan = lite_holding_scan,
    .holding_undecided = lite_holding_undecided,
    .holding_each = lite_holding_each,
    .holding_naming = lite_holding_naming,
    .holding_totals = lite_holding_totals,
    .holding_set_state = lite_holding_set_state,
    .object_erase = lite_object_erase,
    .scrub = lite_scrub,
    .text_add = lite_text_add,
    .search = lite_search,
    .ledger_create = lite_ledger_create,
    .ledger_list = lite_ledger_list,
    .ledger_get = lite_ledger_get,
    .ledger_update = lite_ledger_update,
    .entry_add = lite_entry_add,
    .entry_withdraw = lite_entry_withdraw,
    .entry_set_state = lite_entry_set_state,
    .entry_get = lite_entry_get,
    .entry_each = lite_entry_each,
    .entry_out = lite_entry_out,
    .entry_after = lite_entry_after,
    .entry_current = lite_entry_current,
    .entry_of_holding = lite_entry_of_holding,
    .tile_put = lite_tile_put,
    .tile_get = lite_tile_get,
    .waiting_add = lite_waiting_add,
    .waiting_take = lite_waiting_take,
    .decision_add = lite_decision_add,
    .decision_find = lite_decision_find,
    .received_add = lite_received_add,
    .received_scan = lite_received_scan,
    .received_of = lite_received_of,
    .received_withdraw = lite_received_withdraw,
    .received_from = lite_received_from,
};
