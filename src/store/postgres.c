/* The PostgreSQL driver: opening, transactions, the table. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/postgres_driver.h"

/* ---- what waits -------------------------------------------------------------------------------------------------- */

enum err pq_flush(struct pq_store *s, struct diag *d) {
    map_clear(&s->heard);
    return pq_copy_flush(&s->writer, &s->copy, d);
}

enum err pq_flush_if_many(struct pq_store *s, struct diag *d) {
    size_t bytes = 0;
    for (int i = 0; i < PQ_TABLES; i++) bytes += s->copy.rows[i].len;
    return bytes >= PG_COPY_BYTES || s->copy.count >= PG_COPY_ROWS ? pq_flush(s, d) : ERR_NONE;
}

enum err pq_writer(struct store_tx *tx, struct connection **c, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    *c = &s->writer;
    return pq_flush(s, d);
}

enum err pq_enter(struct store_reader *base, struct connection **c, struct value *mark, struct diag *d) {
    struct pq_reader *r = (struct pq_reader *)base;
    *c = r->c;
    if (r->mark) {
        *mark = v_int(*r->mark);
        return pq_flush(r->store, d);
    }
    *mark = v_null();
    return r->c->snapshot ? ERR_NONE : pq_revive(r->c, d);
}

enum err pq_enter_aside(struct store_reader *base, struct connection **c, struct diag *d) {
    struct pq_reader *r = (struct pq_reader *)base;
    *c = r->c;
    return r->mark || r->c->snapshot ? ERR_NONE : pq_revive(r->c, d);
}

/* ---- the intake's lock ------------------------------------------------------------------------------------------- */

static enum err call_lock(struct pq_store *s, const char *sql, bool *got, struct diag *d) {
    int64_t yes = 0;
    enum err e = pq_number(&s->writer, sql, VALUES(v_bytes(span_cstr(s->writer.schema))), &yes, NULL, d);
    *got = !e && yes;
    return e;
}

enum err pq_intake_lock(struct pq_store *s, bool *got, struct diag *d) {
    enum err e = call_lock(s,
                           "SELECT pg_try_advisory_lock(hashtextextended('renkei-intake-'||convert_from($1,'UTF8'),0))"
                           "::int::bigint",
                           got, d);
    s->intake = *got;
    return e;
}

static void intake_unlock(struct pq_store *s) {
    struct diag ignored;
    bool got;
    (void)!call_lock(s,
                     "SELECT pg_advisory_unlock(hashtextextended('renkei-intake-'||convert_from($1,'UTF8'),0))"
                     "::int::bigint",
                     &got, &ignored);
    s->intake = false;
}

static enum err lock_state(struct pq_store *s, struct diag *d) {
    PGresult *rows = NULL;
    enum err e = pq_exec(&s->writer, "BEGIN", d);
    if (!e) e = pq_query(&s->writer, "SELECT visible,newest FROM state WHERE id=1 FOR UPDATE", NO_VALUES, &rows, d);
    if (!e && PQntuples(rows) != 1) e = diag_set(d, ERR_INTERNAL, "%s: the store's state is missing", s->writer.name);
    if (!e) {
        s->published = s->published_kept = col_int(rows, 0, 0);
        s->newest = s->newest_kept = col_int(rows, 0, 1);
    }
    PQclear(rows);
    return e;
}

/* Waits for another process's intake without holding the store: nothing was written in this transaction yet. */
enum err pq_intake_take(struct pq_store *s, struct diag *d) {
    const struct timespec pause = {0, PG_INTAKE_POLL_MS * 1000000L};
    bool got = s->intake;
    enum err e = ERR_NONE;
    for (int waited = 0; !got && !e; waited += PG_INTAKE_POLL_MS) {
        e = pq_intake_lock(s, &got, d);
        if (e || got) break;
        if (s->wrote || waited >= PG_INTAKE_WAIT_MS)
            return diag_set(d, ERR_BUSY, "%s: another process is taking objects in; try again", s->writer.name);
        e = pq_exec(&s->writer, "COMMIT", d);
        nanosleep(&pause, NULL);
        if (!e) e = lock_state(s, d);
    }
    return e;
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

static void forget(struct pq_store *s) {
    pq_copy_drop(&s->copy);
    map_clear(&s->heard);
    buf_clear(&s->received_origin);
    s->append_ledger = 0;
    s->received_number = 0;
    s->wrote = false;
}

static enum err pq_begin(struct store *base, struct store_tx **out, struct diag *d) {
    struct pq_store *s = (struct pq_store *)base;
    if (s->mode != STORE_WRITE) return diag_set(d, ERR_DENIED, "%s: open for reading only", s->writer.name);
    pthread_mutex_lock(&s->turn);
    if (PQstatus(s->writer.pg) != CONNECTION_OK) { /* the lock went with the session */
        s->intake = false;
        map_clear(&s->absent);
    }
    enum err e = pq_revive(&s->writer, d);
    s->writer.failed = ERR_NONE;
    forget(s);
    if (!e) e = lock_state(s, d);
    if (e) {
        PQclear(PQexec(s->writer.pg, "ROLLBACK"));
        s->writer.failed = ERR_NONE;
        pthread_mutex_unlock(&s->turn);
        return e;
    }
    s->tx.open = true;
    *out = &s->tx.base;
    return ERR_NONE;
}

/* Whoever has nothing pending needs the intake's lock no more. */
static void end(struct pq_store *s, int64_t published, int64_t newest) {
    s->writer.failed = ERR_NONE;
    if (s->intake && newest <= published) intake_unlock(s);
    if (!s->intake) map_clear(&s->absent); /* others may add them now */
    forget(s);
    s->tx.open = false;
    pthread_mutex_unlock(&s->turn);
}

static void pq_rollback(struct store_tx *tx) {
    struct pq_store *s = pq_store_of(tx);
    PQclear(PQexec(s->writer.pg, "ROLLBACK"));
    end(s, s->published_kept, s->newest_kept);
}

/* Whether a table went past a thousand rows, or one of its fourfolds. */
static bool has_grown(uint64_t from, uint64_t to) {
    for (uint64_t mark = 1000; mark <= to; mark *= 4)
        if (from < mark) return true;
    return false;
}

/* A table that grows from nothing within a minute is one of which the server's planner thinks that it is empty, so that
 * any index does as well as the right one. It is told; what it makes of that only costs time. */
static void tell_planner(struct pq_store *s) {
    char text[160];
    struct diag ignored;
    if (has_grown((uint64_t)s->newest_kept, (uint64_t)s->newest))
        (void)!pq_exec(&s->writer, "ANALYZE holding,body,ref,received", &ignored);
    if (!s->append_ledger || !has_grown(s->append_first, s->append_seq)) return;
    snprintf(text, sizeof text,
             "DO $$BEGIN EXECUTE 'ANALYZE '||(SELECT tableoid::regclass FROM entry WHERE ledger=%lld LIMIT 1);END$$",
             (long long)s->append_ledger);
    (void)!pq_exec(&s->writer, text, &ignored);
}

static enum err pq_commit(struct store_tx *tx, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    struct connection *c = &s->writer;
    enum err e = c->failed ? diag_set(d, c->failed, "%s: this transaction failed earlier", c->name) : pq_flush(s, d);
    if (!e && (s->published != s->published_kept || s->newest != s->newest_kept))
        e = pq_run(c, "UPDATE state SET visible=$1,newest=$2", VALUES(v_int(s->published), v_int(s->newest)), NULL, d);
    if (!e) e = pq_exec(c, "COMMIT", d);
    if (e) {
        pq_rollback(tx);
        return e;
    }
    tell_planner(s);
    end(s, s->published, s->newest);
    return ERR_NONE;
}

static struct store_reader *pq_tx_reader(struct store_tx *tx) {
    return &pq_store_of(tx)->tx_all.base;
}

static struct store_reader *pq_tx_visible(struct store_tx *tx) {
    return &pq_store_of(tx)->tx_visible.base;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void pq_close(struct store *base) {
    struct pq_store *s = (struct pq_store *)base;
    if (s->tx.open) pq_rollback(&s->tx.base);
    pq_disconnect(&s->writer);
    pq_copy_free(&s->copy);
    map_free(&s->heard);
    map_free(&s->absent);
    buf_free(&s->received_origin);
    pthread_mutex_destroy(&s->turn);
    free(s->url);
    free(s);
}

/* What a process that was killed during an intake left behind; nothing, while another one is at it. */
static enum err discard_pending(struct pq_store *s, struct diag *d) {
    struct store_tx *tx;
    bool got = false;
    enum err e = pq_begin(&s->base, &tx, d);
    if (e) return e;
    if (s->newest > s->published) e = pq_intake_lock(s, &got, d);
    if (!e && got) e = pq_intake_discard(tx, d);
    if (!e) return pq_commit(tx, d);
    pq_rollback(tx);
    return e;
}

static enum err open_reader(struct pq_store *s, struct diag *d) {
    bool fresh, current;
    enum err e = pq_schema_check(&s->writer, &fresh, &current, d);
    if (!e && fresh) return diag_set(d, ERR_NOT_FOUND, "%s: there is no store here", s->writer.name);
    return e || current ? e
                        : diag_set(d, ERR_UNSUPPORTED, "%s: an older store; a command that writes brings it up to date",
                                   s->writer.name);
}

static enum err pq_open(const char *url, enum store_mode mode, struct store **out, struct diag *d) {
    struct pq_store *s = calloc(1, sizeof *s);
    static const int64_t all = INT64_MAX;
    if (!s) return diag_set(d, ERR_NOMEM, "memory ran out");
    s->base.driver = s->tx.base.driver = &store_postgres;
    s->tx_all = (struct pq_reader){.base = {&store_postgres}, .c = &s->writer, .mark = &all, .store = s};
    s->tx_visible = (struct pq_reader){.base = {&store_postgres}, .c = &s->writer, .mark = &s->published, .store = s};
    s->mode = mode;
    s->tx.store = s;
    s->url = strdup(url);
    map_init(&s->heard);
    map_init(&s->absent);
    map_init(&s->copy.objects);
    pthread_mutex_init(&s->turn, NULL);
    enum err e =
        s->url ? pq_connect(&s->writer, url, mode == STORE_WRITE, d) : diag_set(d, ERR_NOMEM, "memory ran out");
    if (!e) e = mode == STORE_WRITE ? pq_migrate(&s->writer, d) : open_reader(s, d);
    if (!e && mode == STORE_WRITE) e = discard_pending(s, d);
    if (e) {
        pq_close(&s->base);
        return e;
    }
    *out = &s->base;
    return ERR_NONE;
}

/* ---- readers ----------------------------------------------------------------------------------------------------- */

static enum err pq_reader_open(struct store *base, struct store_reader **out, struct diag *d) {
    struct pq_store *s = (struct pq_store *)base;
    struct pq_reader *r = calloc(1, sizeof *r);
    if (!r) return diag_set(d, ERR_NOMEM, "memory ran out");
    r->base.driver = &store_postgres;
    r->store = s;
    r->c = &r->own;
    enum err e = pq_connect(&r->own, s->url, false, d);
    if (e) {
        pq_disconnect(&r->own);
        free(r);
        return e;
    }
    *out = &r->base;
    return ERR_NONE;
}

static enum err pq_reader_twin(struct store_reader *base, struct store_reader **out, struct diag *d) {
    struct pq_reader *r = (struct pq_reader *)base;
    if (r->mark) return diag_set(d, ERR_UNSUPPORTED, "a transaction is read by one thread");
    return pq_reader_open(&r->store->base, out, d);
}

static void pq_reader_close(struct store_reader *base) {
    struct pq_reader *r = (struct pq_reader *)base;
    if (r->mark) return; /* a transaction's own reader is borrowed */
    pq_disconnect(&r->own);
    free(r);
}

static void pq_reader_release(struct store_reader *base) {
    struct pq_reader *r = (struct pq_reader *)base;
    if (r->mark || !r->own.snapshot) return;
    r->own.snapshot = false;
    PQclear(PQexec(r->own.pg, "COMMIT")); /* ends a read: nothing to lose */
}

static enum err pq_reader_snapshot(struct store_reader *base, struct diag *d) {
    struct pq_reader *r = (struct pq_reader *)base;
    if (r->mark) return ERR_NONE; /* the transaction is one already */
    pq_reader_release(base);
    enum err e = pq_revive(&r->own, d);
    int64_t visible;
    if (!e) e = pq_exec(&r->own, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", d);
    if (e) return e;
    r->own.snapshot = true;
    e = pq_number(&r->own, "SELECT visible FROM state", NO_VALUES, &visible, NULL, d); /* the snapshot is taken now */
    if (e) pq_reader_release(base);
    return e;
}

const struct store_driver store_postgres = {
    .name = "postgres",
    .open = pq_open,
    .close = pq_close,
    .reader_open = pq_reader_open,
    .reader_twin = pq_reader_twin,
    .reader_close = pq_reader_close,
    .reader_snapshot = pq_reader_snapshot,
    .reader_release = pq_reader_release,
    .rows = pq_rows_each,
    .fill_open = pq_fill_open,
    .fill_row = pq_fill_row,
    .fill_close = pq_fill_close,
    .retire = pq_retire,
    .begin = pq_begin,
    .commit = pq_commit,
    .rollback = pq_rollback,
    .tx_reader = pq_tx_reader,
    .tx_visible = pq_tx_visible,
    .scrub = pq_scrub,
    .meta_get = pq_meta_get,
    .meta_set = pq_meta_set,
    .document_put = pq_document_put,
    .document_get = pq_document_get,
    .document_list = pq_document_list,
    .document_delete = pq_document_delete,
    .source_number = pq_source_number,
    .source_name = pq_source_name,
    .source_find = pq_source_find,
    .audit_add = pq_audit_add,
    .audit_scan = pq_audit_scan,
    .holding_add = pq_holding_add,
    .intake_publish = pq_intake_publish,
    .intake_discard = pq_intake_discard,
    .holding_visible = pq_holding_visible,
    .holding_get = pq_holding_get,
    .holding_latest = pq_holding_latest,
    .holding_history = pq_holding_history,
    .holding_scan = pq_holding_scan,
    .holding_expect = pq_holding_expect,
    .holding_undecided = pq_holding_undecided,
    .holding_each = pq_holding_each,
    .holding_naming = pq_holding_naming,
    .holding_totals = pq_holding_totals,
    .holding_set_state = pq_holding_set_state,
    .object_erase = pq_object_erase,
    .text_add = pq_text_add,
    .search = pq_search,
    .ledger_create = pq_ledger_create,
    .ledger_list = pq_ledger_list,
    .ledger_get = pq_ledger_get,
    .ledger_update = pq_ledger_update,
    .entry_add = pq_entry_add,
    .entry_withdraw = pq_entry_withdraw,
    .entry_set_state = pq_entry_set_state,
    .entry_get = pq_entry_get,
    .entry_each = pq_entry_each,
    .entry_out = pq_entry_out,
    .entry_after = pq_entry_after,
    .entry_current = pq_entry_current,
    .entry_of_holding = pq_entry_of_holding,
    .tile_put = pq_tile_put,
    .tile_get = pq_tile_get,
    .waiting_add = pq_waiting_add,
    .waiting_take = pq_waiting_take,
    .decision_add = pq_decision_add,
    .decision_find = pq_decision_find,
    .received_add = pq_received_add,
    .received_scan = pq_received_scan,
    .received_of = pq_received_of,
    .received_withdraw = pq_received_withdraw,
    .received_from = pq_received_from,
};
