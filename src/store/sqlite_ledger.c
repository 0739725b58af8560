/* Ledgers, tiles, what waits, decision runs. */
#include "store/sqlite_driver.h"

#define LEDGER_COLUMNS                                                                                                 \
    "id,publisher,recipient,lineage,origin,collection,size,last_time,frontier,checkpoint,cosignature,cosigned_size,"   \
    "cosigned_time,cursor,cursor_agreement"

static enum err no_ledger(int64_t id, struct diag *d) {
    return diag_set(d, ERR_NOT_FOUND, "there is no ledger %lld", (long long)id);
}

enum err lite_ledger_create(struct store_tx *tx, const struct store_ledger *l, int64_t *id, struct diag *d) {
    struct connection *c = lite_writer(tx);
    int64_t other;
    bool exists;
    enum err e = lite_number(c, "SELECT id FROM ledger WHERE recipient=? AND lineage=?",
                             VALUES(v_text(l->recipient), v_text(l->lineage)), &other, &exists, d);
    if (e) return e;
    if (exists) {
        return diag_set(d, ERR_EXISTS, "there is a ledger for %.*s under this agreement already",
                        SPAN_ARG(span_first(l->recipient, 128)));
    }
    e = lite_run(c, "INSERT INTO ledger(" LEDGER_COLUMNS ") VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                 VALUES(v_text(l->publisher), v_text(l->recipient), v_text(l->lineage), v_text(l->origin),
                        v_text(l->collection), v_int((int64_t)l->size), v_time(l->last_time), v_blob(l->frontier),
                        v_blob(l->checkpoint), v_blob(l->cosignature), v_int((int64_t)l->cosigned_size),
                        v_time(l->cosigned_time), v_int(l->cursor), v_text(l->cursor_agreement)),
                 d);
    if (e) return e;
    *id = sqlite3_last_insert_rowid(c->db);
    if (*id < STORE_COLLECTION_FIRST) return ERR_NONE;
    c->failed = ERR_LIMIT; /* the row is written: only a rollback takes it back */
    return diag_set(d, ERR_LIMIT, "there are too many ledgers");
}

static enum err read_ledger(sqlite3_stmt *st, struct arena *a, struct store_ledger *out, struct diag *d) {
    *out = (struct store_ledger){
        .id = col_int(st, 0),
        .publisher = arena_copy(a, col_span(st, 1)),
        .recipient = arena_copy(a, col_span(st, 2)),
        .lineage = arena_copy(a, col_span(st, 3)),
        .origin = arena_copy(a, col_span(st, 4)),
        .collection = arena_copy(a, col_span(st, 5)),
        .size = (uint64_t)col_int(st, 6),
        .last_time = col_time(st, 7),
        .frontier = arena_copy(a, col_span(st, 8)),
        .checkpoint = arena_copy(a, col_span(st, 9)),
        .cosignature = arena_copy(a, col_span(st, 10)),
        .cosigned_size = (uint64_t)col_int(st, 11),
        .cosigned_time = col_time(st, 12),
        .cursor = col_int(st, 13),
        .cursor_agreement = arena_copy(a, col_span(st, 14)),
    };
    return a->overflow ? lite_full(d) : ERR_NONE;
}

enum err lite_ledger_list(struct store_reader *r, struct arena *a, struct store_ledger **out, size_t *count,
                          struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT " LEDGER_COLUMNS " FROM ledger ORDER BY id", NO_VALUES, &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_ledger *l = lite_row(&rows);
        e = l ? read_ledger(st, a, l, d) : lite_full(d);
        if (e) break;
    }
    lite_end(st);
    if (e) return e;
    *out = (struct store_ledger *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

enum err lite_ledger_get(struct store_reader *r, int64_t id, struct arena *a, struct store_ledger *out,
                         struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT " LEDGER_COLUMNS " FROM ledger WHERE id=?", VALUES(v_int(id)), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    e = row ? read_ledger(st, a, out, d) : no_ledger(id, d);
    lite_end(st);
    return e;
}

enum err lite_ledger_update(struct store_tx *tx, const struct store_ledger *l, struct diag *d) {
    struct connection *c = lite_writer(tx);
    enum err e = lite_run(c,
                          "UPDATE ledger SET size=?,last_time=?,frontier=?,checkpoint=?,cosignature=?,cosigned_size=?,"
                          "cosigned_time=?,cursor=?,cursor_agreement=? WHERE id=?",
                          VALUES(v_int((int64_t)l->size), v_time(l->last_time), v_blob(l->frontier),
                                 v_blob(l->checkpoint), v_blob(l->cosignature), v_int((int64_t)l->cosigned_size),
                                 v_time(l->cosigned_time), v_int(l->cursor), v_text(l->cursor_agreement), v_int(l->id)),
                          d);
    if (!e && sqlite3_changes(c->db) == 0) e = no_ledger(l->id, d);
    return e;
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

/* ledger: 22 bits, level: 4 (STORE_TILE_LEVEL_MAX), index: 36 (a ledger has at most 2^32 tiles of level 0). */
static int64_t tile_id(int64_t ledger, unsigned level, uint64_t index) {
    return ledger << 40 | (int64_t)level << 36 | (int64_t)index;
}

enum err lite_tile_put(struct store_tx *tx, int64_t ledger, unsigned level, uint64_t index, struct span hashes,
                       struct diag *d) {
    return lite_run(lite_writer(tx),
                    "INSERT INTO tile(id,hashes) VALUES(?,?) ON CONFLICT(id) DO UPDATE SET hashes=excluded.hashes",
                    VALUES(v_int(tile_id(ledger, level, index)), v_blob(hashes)), d);
}

enum err lite_tile_get(struct store_reader *r, int64_t ledger, unsigned level, uint64_t index, struct arena *a,
                       struct span *out, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row;
    enum err e =
        lite_query(c, "SELECT hashes FROM tile WHERE id=?", VALUES(v_int(tile_id(ledger, level, index))), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    if (row) *out = arena_copy(a, col_span(st, 0));
    lite_end(st);
    if (a->overflow) return lite_full(d);
    if (row) return ERR_NONE;
    return diag_set(d, ERR_NOT_FOUND, "ledger %lld has no tile %u/%llu", (long long)ledger, level,
                    (unsigned long long)index);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

enum err lite_waiting_add(struct store_tx *tx, int64_t ledger, struct span needs, int64_t holding, struct diag *d) {
    int64_t object;
    bool fresh;
    enum err e = lite_object_intern_visible(lite_store_of(tx), needs, &object, NULL, &fresh, d);
    if (e) return e;
    return lite_run(lite_writer(tx), "INSERT INTO waiting(needs,ledger,holding) VALUES(?,?,?) ON CONFLICT DO NOTHING",
                    VALUES(v_int(object), v_int(ledger), v_int(holding)), d);
}

static enum err list_waiting(struct connection *c, int64_t ledger, int64_t object, struct rows *rows, struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT holding FROM waiting WHERE needs=? AND ledger=? ORDER BY holding",
                            VALUES(v_int(object), v_int(ledger)), &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        int64_t *holding = lite_row(rows);
        if (!holding) {
            e = lite_full(d);
            break;
        }
        *holding = col_int(st, 0);
    }
    lite_end(st);
    return e;
}

enum err lite_waiting_take(struct store_tx *tx, int64_t ledger, struct span needs, struct arena *a, int64_t **out,
                           size_t *count, struct diag *d) {
    struct connection *c = lite_writer(tx);
    struct rows rows = {.arena = a, .row_size = sizeof(int64_t)};
    int64_t object;
    enum err e = lite_object_find(c, needs, &object, d);
    if (e || !object) return e;
    e = list_waiting(c, ledger, object, &rows, d);
    if (e || rows.count == 0) return e;
    e = lite_run(c, "DELETE FROM waiting WHERE needs=? AND ledger=?", VALUES(v_int(object), v_int(ledger)), d);
    if (e) return e;
    *out = (int64_t *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

/* ---- decision runs ----------------------------------------------------------------------------------------------- */

enum err lite_decision_add(struct store_tx *tx, const struct store_decision_run *run, struct diag *d) {
    int64_t low = run->ledger << 40;
    return lite_run(lite_writer(tx),
                    "INSERT INTO decision(id,first,last,time,agreement) SELECT"
                    " coalesce((SELECT max(id)+1 FROM decision WHERE id>=?1 AND id<?1+(1<<40)),?1),?2,?3,?4,?5",
                    VALUES(v_int(low), v_int(run->first), v_int(run->last), v_time(run->time), v_text(run->agreement)),
                    d);
}

enum err lite_decision_find(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                            struct store_decision_run *out, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c,
                            "SELECT first,last,time,agreement FROM decision WHERE id>=?1 AND id<?1+(1<<40)"
                            " AND first<=?2 AND last>=?2 ORDER BY id DESC LIMIT 1",
                            VALUES(v_int(ledger << 40), v_int(holding)), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    if (row) {
        *out = (struct store_decision_run){
            .ledger = ledger,
            .first = col_int(st, 0),
            .last = col_int(st, 1),
            .time = col_time(st, 2),
            .agreement = arena_copy(a, col_span(st, 3)),
        };
    }
    lite_end(st);
    if (a->overflow) return lite_full(d);
    if (row) return ERR_NONE;
    return diag_set(d, ERR_NOT_FOUND, "holding %lld was never decided for ledger %lld", (long long)holding,
                    (long long)ledger);
}
