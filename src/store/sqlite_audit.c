/* The audit: entries that are only ever added, each with a hash over itself and all before it (store.h). */
#include "store/sqlite_driver.h"

static void read_entry(sqlite3_stmt *st, struct arena *a, struct store_audit_kept *out) {
    struct span chain = col_span(st, 6);
    *out = (struct store_audit_kept){
        .number = (uint64_t)sqlite3_column_int64(st, 0),
        .entry = {.time = col_time(st, 1),
                  .actor = arena_copy(a, col_span(st, 2)),
                  .operation = arena_copy(a, col_span(st, 3)),
                  .detail = arena_copy(a, col_span(st, 4)),
                  .outcome = arena_copy(a, col_span(st, 5))},
        .chained = chain.len == SHA256_SIZE,
    };
    if (out->chained) memcpy(out->chain.b, chain.at, SHA256_SIZE);
}

enum err lite_audit_scan(struct store_reader *r, uint64_t after, size_t limit, struct arena *a,
                         struct store_audit_kept **out, size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c,
                            "SELECT id,time,actor,operation,detail,outcome,chain FROM audit WHERE id>? ORDER BY id"
                            " LIMIT ?",
                            VALUES(v_int((int64_t)after), v_int((int64_t)limit)), &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_audit_kept *kept = lite_row(&rows);
        if (kept) read_entry(st, a, kept);
        if (!kept || a->overflow) e = lite_full(d);
        if (e) break;
    }
    lite_end(st);
    if (e) return e;
    *out = (struct store_audit_kept *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

/* What the next entry follows. Entries older than the chain have no hash of their own: they are folded in once, when
 * the first that has one is added. */
static enum err last(struct connection *c, uint64_t *number, struct sha256 *chain, struct diag *d) {
    sqlite3_stmt *st;
    bool row, folded = false;
    enum err e = lite_query(c, "SELECT id,chain FROM audit ORDER BY id DESC LIMIT 1", NO_VALUES, &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    *number = row ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    *chain = (struct sha256){0};
    if (row && col_span(st, 1).len == SHA256_SIZE) {
        memcpy(chain->b, col_span(st, 1).at, SHA256_SIZE);
        folded = true;
    }
    lite_end(st);
    if (!row || folded) return ERR_NONE;
    e = lite_query(c, "SELECT id,time,actor,operation,detail,outcome FROM audit ORDER BY id", NO_VALUES, &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_audit entry = {col_time(st, 1), col_span(st, 2), col_span(st, 3), col_span(st, 4),
                                    col_span(st, 5)};
        *chain = store_audit_chain(chain, (uint64_t)sqlite3_column_int64(st, 0), &entry);
    }
    lite_end(st);
    return e;
}

enum err lite_audit_add(struct store_tx *tx, const struct store_audit *entry, struct diag *d) {
    struct connection *c = lite_writer(tx);
    struct sha256 chain;
    uint64_t number;
    enum err e = last(c, &number, &chain, d);
    if (e) return e;
    chain = store_audit_chain(&chain, number + 1, entry);
    return lite_run(c, "INSERT INTO audit(id,time,actor,operation,detail,outcome,chain) VALUES(?,?,?,?,?,?,?)",
                    VALUES(v_int((int64_t)number + 1), v_time(entry->time), v_text(entry->actor),
                           v_text(entry->operation), v_text(entry->detail), v_text(entry->outcome),
                           v_blob(span_of(chain.b, SHA256_SIZE))),
                    d);
}
