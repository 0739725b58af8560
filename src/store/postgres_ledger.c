/* Ledgers, tiles, what waits, decision runs. */
#include <stdlib.h>

#include "store/postgres_driver.h"

#define LEDGER_COLUMNS                                                                                                 \
    "id,publisher,recipient,lineage,origin,collection,size,last_time,frontier,checkpoint,cosignature,cosigned_size,"   \
    "cosigned_time,cursor,cursor_agreement"

enum err pq_ledger_create(struct store_tx *tx, const struct store_ledger *l, int64_t *id, struct diag *d) {
    struct connection *c = pq_aside(tx);
    int64_t other;
    bool exists = false;
    enum err e = pq_number(c, "SELECT id FROM ledger WHERE recipient=$1 AND lineage=$2",
                           VALUES(v_bytes(l->recipient), v_bytes(l->lineage)), &other, &exists, d);
    if (e) return e;
    if (exists)
        return diag_set(d, ERR_EXISTS, "there is a ledger for %.*s under this agreement already",
                        SPAN_ARG(span_first(l->recipient, 128)));
    e = pq_number(c,
                  "INSERT INTO ledger(" LEDGER_COLUMNS ") SELECT coalesce(max(id),0)+1,$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,"
                  "$11,$12,$13,$14 FROM ledger RETURNING id",
                  VALUES(v_bytes(l->publisher), v_bytes(l->recipient), v_bytes(l->lineage), v_bytes(l->origin),
                         v_bytes(l->collection), v_int((int64_t)l->size), v_time(l->last_time), v_bytes(l->frontier),
                         v_bytes(l->checkpoint), v_bytes(l->cosignature), v_int((int64_t)l->cosigned_size),
                         v_time(l->cosigned_time), v_int(l->cursor), v_bytes(l->cursor_agreement)),
                  id, NULL, d);
    if (e || *id < STORE_COLLECTION_FIRST) return e;
    c->failed = ERR_LIMIT; /* the row is written: only a rollback takes it back */
    return diag_set(d, ERR_LIMIT, "there are too many ledgers");
}

static enum err read_ledgers(PGresult *rows, struct arena *a, struct store_ledger **out, size_t *count,
                             struct diag *d) {
    int n = PQntuples(rows);
    *out = pq_rows(a, (size_t)n, sizeof **out);
    for (int i = 0; *out && i < n; i++)
        (*out)[i] = (struct store_ledger){.id = col_int(rows, i, 0),
                                          .publisher = arena_copy(a, col_span(rows, i, 1)),
                                          .recipient = arena_copy(a, col_span(rows, i, 2)),
                                          .lineage = arena_copy(a, col_span(rows, i, 3)),
                                          .origin = arena_copy(a, col_span(rows, i, 4)),
                                          .collection = arena_copy(a, col_span(rows, i, 5)),
                                          .size = (uint64_t)col_int(rows, i, 6),
                                          .last_time = col_time(rows, i, 7),
                                          .frontier = arena_copy(a, col_span(rows, i, 8)),
                                          .checkpoint = arena_copy(a, col_span(rows, i, 9)),
                                          .cosignature = arena_copy(a, col_span(rows, i, 10)),
                                          .cosigned_size = (uint64_t)col_int(rows, i, 11),
                                          .cosigned_time = col_time(rows, i, 12),
                                          .cursor = col_int(rows, i, 13),
                                          .cursor_agreement = arena_copy(a, col_span(rows, i, 14))};
    *count = (size_t)n;
    return !*out || a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_ledger_list(struct store_reader *r, struct arena *a, struct store_ledger **out, size_t *count,
                        struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e) e = pq_query(c, "SELECT " LEDGER_COLUMNS " FROM ledger ORDER BY id", NO_VALUES, &rows, d);
    if (!e) e = read_ledgers(rows, a, out, count, d);
    PQclear(rows);
    return e;
}

static enum err no_ledger(int64_t id, struct diag *d) {
    return diag_set(d, ERR_NOT_FOUND, "there is no ledger %lld", (long long)id);
}

enum err pq_ledger_get(struct store_reader *r, int64_t id, struct arena *a, struct store_ledger *out, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    struct store_ledger *found;
    size_t count = 0;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e) e = pq_query(c, "SELECT " LEDGER_COLUMNS " FROM ledger WHERE id=$1", VALUES(v_int(id)), &rows, d);
    if (!e) e = read_ledgers(rows, a, &found, &count, d);
    PQclear(rows);
    if (!e && count == 0) return no_ledger(id, d);
    if (!e) *out = found[0];
    return e;
}

enum err pq_ledger_update(struct store_tx *tx, const struct store_ledger *l, struct diag *d) {
    struct connection *c = pq_aside(tx);
    int64_t changed = 0;
    enum err e =
        pq_run(c,
               "UPDATE ledger SET size=$1,last_time=$2,frontier=$3,checkpoint=$4,cosignature=$5,cosigned_size=$6,"
               "cosigned_time=$7,cursor=$8,cursor_agreement=$9 WHERE id=$10",
               VALUES(v_int((int64_t)l->size), v_time(l->last_time), v_bytes(l->frontier), v_bytes(l->checkpoint),
                      v_bytes(l->cosignature), v_int((int64_t)l->cosigned_size), v_time(l->cosigned_time),
                      v_int(l->cursor), v_bytes(l->cursor_agreement), v_int(l->id)),
               &changed, d);
    return e || changed ? e : no_ledger(l->id, d);
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

enum err pq_tile_put(struct store_tx *tx, int64_t ledger, unsigned level, uint64_t index, struct span hashes,
                     struct diag *d) {
    return pq_run(pq_aside(tx),
                  "INSERT INTO tile(ledger,level,idx,hashes) VALUES($1,$2,$3,$4) ON CONFLICT(ledger,level,idx)"
                  " DO UPDATE SET hashes=excluded.hashes",
                  VALUES(v_int(ledger), v_int(level), v_int((int64_t)index), v_bytes(hashes)), NULL, d);
}

enum err pq_tile_get(struct store_reader *r, int64_t ledger, unsigned level, uint64_t index, struct arena *a,
                     struct span *out, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e)
        e = pq_query(c, "SELECT hashes FROM tile WHERE ledger=$1 AND level=$2 AND idx=$3",
                     VALUES(v_int(ledger), v_int(level), v_int((int64_t)index)), &rows, d);
    bool found = !e && PQntuples(rows) > 0;
    if (found) *out = arena_copy(a, col_span(rows, 0, 0));
    PQclear(rows);
    if (e) return e;
    if (a->overflow) return pq_full(d);
    return found ? ERR_NONE
                 : diag_set(d, ERR_NOT_FOUND, "ledger %lld has no tile %u/%llu", (long long)ledger, level,
                            (unsigned long long)index);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

enum err pq_waiting_add(struct store_tx *tx, int64_t ledger, struct span needs, int64_t holding, struct diag *d) {
    return pq_run(pq_aside(tx), "INSERT INTO waiting(ledger,needs,holding) VALUES($1,$2,$3) ON CONFLICT DO NOTHING",
                  VALUES(v_int(ledger), v_bytes(needs), v_int(holding)), NULL, d);
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

enum err pq_waiting_take(struct store_tx *tx, int64_t ledger, struct span needs, struct arena *a, int64_t **out,
                         size_t *count, struct diag *d) {
    struct connection *c = pq_aside(tx);
    PGresult *rows = NULL;
    enum err e = pq_query(c, "DELETE FROM waiting WHERE ledger=$1 AND needs=$2 RETURNING holding",
                          VALUES(v_int(ledger), v_bytes(needs)), &rows, d);
    if (e) return e;
    int n = PQntuples(rows);
    *out = pq_rows(a, (size_t)n, sizeof **out);
    for (int i = 0; *out && i < n; i++) (*out)[i] = col_int(rows, i, 0);
    PQclear(rows);
    if (!*out) return pq_full(d);
    *count = (size_t)n;
    if (n > 1) qsort(*out, *count, sizeof **out, by_number);
    return ERR_NONE;
}

/* ---- decision runs ----------------------------------------------------------------------------------------------- */

enum err pq_decision_add(struct store_tx *tx, const struct store_decision_run *run, struct diag *d) {
    return pq_run(
        pq_aside(tx),
        "INSERT INTO decision(ledger,id,first,last,time,agreement)"
        " SELECT $1,coalesce(max(id),0)+1,$2,$3,$4,$5 FROM decision WHERE ledger=$1",
        VALUES(v_int(run->ledger), v_int(run->first), v_int(run->last), v_time(run->time), v_bytes(run->agreement)),
        NULL, d);
}

enum err pq_decision_find(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                          struct store_decision_run *out, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e)
        e = pq_query(c,
                     "SELECT first,last,time,agreement FROM decision WHERE ledger=$1 AND first<=$2 AND last>=$2"
                     " ORDER BY id DESC LIMIT 1",
                     VALUES(v_int(ledger), v_int(holding)), &rows, d);
    bool found = !e && PQntuples(rows) > 0;
    if (found)
        *out = (struct store_decision_run){.ledger = ledger,
                                           .first = col_int(rows, 0, 0),
                                           .last = col_int(rows, 0, 1),
                                           .time = col_time(rows, 0, 2),
                                           .agreement = arena_copy(a, col_span(rows, 0, 3))};
    PQclear(rows);
    if (e) return e;
    if (a->overflow) return pq_full(d);
    return found ? ERR_NONE
                 : diag_set(d, ERR_NOT_FOUND, "holding %lld was never decided for ledger %lld", (long long)holding,
                            (long long)ledger);
}
