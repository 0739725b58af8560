/* Partners' ledgers, as they came. */
#include "store/sqlite_driver.h"

/* The number of a ledger's origin line; 0 for one nothing came from. */
static enum err find_origin(struct connection *c, struct span origin, int64_t *out, struct diag *d) {
    *out = 0;
    return lite_number(c, "SELECT id FROM origin WHERE name=?", VALUES(v_text(origin)), out, NULL, d);
}

static enum err intern_origin(struct connection *c, struct span origin, int64_t *out, struct diag *d) {
    enum err e = find_origin(c, origin, out, d);
    if (e || *out) return e;
    e = lite_run(c, "INSERT INTO origin(name) VALUES(?)", VALUES(v_text(origin)), d);
    *out = sqlite3_last_insert_rowid(c->db);
    if (e || *out < STORE_LEDGER_MAX) return e;
    c->failed = ERR_LIMIT; /* the row is written: only a rollback takes it back */
    return diag_set(d, ERR_LIMIT, "ledgers of too many origins were received");
}

static struct value holding_value(int64_t holding) {
    return holding ? v_int(holding) : v_null();
}

/* An entry that came before: the same record is no news; another one for the same place is a fork. */
static enum err add_again(struct connection *c, int64_t id, const struct store_received *e, struct diag *d) {
    int64_t same = 0;
    enum err err = lite_number(c, "SELECT record=? FROM received WHERE id=?", VALUES(v_blob(e->record), v_int(id)),
                               &same, NULL, d);
    if (err) return err;
    if (!same) {
        return diag_set(d, ERR_EXISTS, "the partner's ledger said something else as entry %llu before",
                        (unsigned long long)e->seq);
    }
    return lite_run(c, "UPDATE received SET holding=coalesce(?,holding),salt=?,withdrawn=withdrawn|? WHERE id=?",
                    VALUES(holding_value(e->holding), v_optional_blob(e->salt), v_int(e->withdrawn), v_int(id)), d);
}

enum err lite_received_add(struct store_tx *tx, struct span origin, const struct store_received *e, struct diag *d) {
    struct connection *c = lite_writer(tx);
    int64_t number;
    enum err err = intern_origin(c, origin, &number, d);
    if (err) return err;
    int64_t id = number << 40 | (int64_t)e->seq;
    err = lite_run(
        c, "INSERT INTO received(id,holding,record,salt,withdrawn) VALUES(?,?,?,?,?) ON CONFLICT DO NOTHING",
        VALUES(v_int(id), holding_value(e->holding), v_blob(e->record), v_optional_blob(e->salt), v_int(e->withdrawn)),
        d);
    return err || sqlite3_changes(c->db) > 0 ? err : add_again(c, id, e, d);
}

static enum err read_received(sqlite3_stmt *st, struct arena *a, struct store_received *out, struct diag *d) {
    *out = (struct store_received){
        .seq = (uint64_t)(col_int(st, 0) & (STORE_SEQ_MAX - 1)),
        .holding = col_int(st, 1),
        .record = arena_copy(a, col_span(st, 2)),
        .salt = arena_copy(a, col_span(st, 3)),
        .withdrawn = col_int(st, 4) != 0,
    };
    return a->overflow ? lite_full(d) : ERR_NONE;
}

static enum err scan_origin(struct connection *c, int64_t number, uint64_t from, size_t limit, struct rows *rows,
                            struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c,
                            "SELECT id,holding,record,salt,withdrawn FROM received WHERE id>=? AND id<?"
                            " AND (holding IS NULL OR holding<=?) ORDER BY id LIMIT ?",
                            VALUES(v_int(number << 40 | (int64_t)from), v_int((number + 1) << 40), v_int(c->visible),
                                   v_int((int64_t)limit)),
                            &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_received *received = lite_row(rows);
        e = received ? read_received(st, rows->arena, received, d) : lite_full(d);
        if (e) break;
    }
    lite_end(st);
    return e;
}

enum err lite_received_scan(struct store_reader *r, struct span origin, uint64_t from, size_t limit, struct arena *a,
                            struct store_received **out, size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    int64_t number;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = find_origin(c, origin, &number, d);
    if (!e && number) e = scan_origin(c, number, from, limit, &rows, d);
    lite_leave(c);
    if (e) return e;
    *out = (struct store_received *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

enum err lite_received_of(struct store_reader *r, int64_t holding, struct arena *a, struct store_received **out,
                          size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c,
                            "SELECT r.id,r.holding,r.record,r.salt,r.withdrawn,o.name FROM received r"
                            " CROSS JOIN origin o ON o.id=r.id>>40 WHERE r.holding=? ORDER BY r.id",
                            VALUES(v_int(holding)), &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_received *received = lite_row(&rows);
        e = received ? read_received(st, a, received, d) : lite_full(d);
        if (e) break;
        received->origin = arena_copy(a, col_span(st, 5));
    }
    lite_end(st);
    if (e) return e;
    *out = (struct store_received *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

enum err lite_received_withdraw(struct store_tx *tx, struct span origin, uint64_t seq, int64_t *holding,
                                struct diag *d) {
    struct connection *c = lite_writer(tx);
    int64_t number;
    enum err e = find_origin(c, origin, &number, d);
    if (e) return e;
    int64_t id = number << 40 | (int64_t)seq;
    e = lite_run(c, "UPDATE received SET withdrawn=1 WHERE id=?", VALUES(v_int(id)), d);
    if (e) return e;
    if (!number || sqlite3_changes(c->db) == 0) {
        return diag_set(d, ERR_NOT_FOUND, "entry %llu of this ledger was never received", (unsigned long long)seq);
    }
    *holding = 0;
    return lite_number(c,
                       "SELECT holding FROM received r WHERE id=? AND holding IS NOT NULL AND NOT EXISTS"
                       "(SELECT 1 FROM received o WHERE o.holding=r.holding AND o.withdrawn=0)",
                       VALUES(v_int(id)), holding, NULL, d);
}
