/* Reading holdings. */
#include "store/sqlite_driver.h"

enum err lite_holding_read(struct connection *c, sqlite3_stmt *st, bool with_body, struct arena *a,
                           struct store_holding *out, struct diag *d) {
    char text[STORE_ID_MAX];
    struct span id;
    enum err e = lite_object_text(c, st, 1, text, &id, d);
    if (e) return e;
    int64_t head = col_int(st, 3);
    struct span tail = col_span(st, 4);
    *out = (struct store_holding){
        .id = col_int(st, 0),
        .stix_id = arena_copy(a, id),
        .modified = col_time(st, 2),
        .source = (uint32_t)col_int(st, 5),
        .state = (enum store_state)col_int(st, 6),
        .revoked = col_int(st, 7) != 0,
        .observed = col_time(st, 8),
        .imported = col_time(st, 9),
        .handling = {.tlp = (int)col_int(st, 10), .confidence = -1},
    };
    out->type = span_first(out->stix_id, span_find(out->stix_id, SPAN("--")));
    memcpy(out->hash.b, &head, sizeof head);
    if (tail.len == SHA256_SIZE - sizeof head) memcpy(out->hash.b + sizeof head, tail.at, tail.len);
    if (sqlite3_column_type(st, 11) != SQLITE_NULL) out->handling.confidence = (int)col_int(st, 11);
    out->handling.labels = arena_copy(a, col_span(st, 12));
    if (with_body) out->body = arena_copy(a, col_span(st, 13));
    return a->overflow ? lite_full(d) : ERR_NONE;
}

/* Reads all rows of a statement into a list, and ends it. */
static enum err read_all(struct connection *c, sqlite3_stmt *st, bool with_body, struct arena *a,
                         struct store_holding **out, size_t *count, struct diag *d) {
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    bool row;
    enum err e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_holding *h = lite_row(&rows);
        e = h ? lite_holding_read(c, st, with_body, a, h, d) : lite_full(d);
        if (e) break;
    }
    lite_end(st);
    if (e) return e;
    *out = (struct store_holding *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

enum err lite_holding_visible(struct store_reader *r, int64_t *out, struct diag *d) {
    /* Of a transaction that sees pending holdings, too, this is the published mark. */
    return lite_number(lite_of(r), "SELECT visible FROM state", NO_VALUES, out, NULL, d);
}

static enum err get_row(struct connection *c, int64_t id, struct arena *a, struct store_holding *out, struct diag *d) {
    sqlite3_stmt *st;
    bool row = false;
    enum err e = id > c->visible ? ERR_NOT_FOUND : ERR_NONE;
    if (!e) {
        e = lite_query(c, "SELECT " HOLDING_COLUMNS ",b.bytes" HOLDING_TABLES HOLDING_BODY " WHERE h.id=?",
                       VALUES(v_int(id)), &st, d);
        if (!e) e = lite_next(c, st, &row, d);
        if (e) return e;
        if (row) e = lite_holding_read(c, st, true, a, out, d);
        lite_end(st);
    }
    return row ? e : diag_set(d, ERR_NOT_FOUND, "there is no holding %lld", (long long)id);
}

enum err lite_holding_get(struct store_reader *r, int64_t id, struct arena *a, struct store_holding *out,
                          struct diag *d) {
    struct connection *c = lite_of(r);
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = get_row(c, id, a, out, d);
    lite_leave(c);
    return e;
}

enum err lite_holding_counting(struct connection *c, int64_t object, int64_t *id, struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    *id = 0;
    /* Newest version first; of its rows the newest. Only one version's rows are gone through once one counts. */
    enum err e = lite_query(c, "SELECT id,modified,state FROM holding WHERE object=? ORDER BY modified DESC",
                            VALUES(v_int(object)), &st, d);
    time_us version = TIME_NONE;
    while (!e) {
        e = lite_next(c, st, &row, d);
        if (e || !row || (*id && col_time(st, 1) != version)) break;
        if (col_int(st, 2) != STORE_CURRENT || col_int(st, 0) > c->visible) continue;
        version = col_time(st, 1);
        if (col_int(st, 0) > *id) *id = col_int(st, 0);
    }
    if (!e) lite_end(st);
    return e;
}

enum err lite_holding_latest(struct store_reader *r, struct span stix_id, struct arena *a, struct store_holding *out,
                             struct diag *d) {
    struct connection *c = lite_of(r);
    int64_t object = 0, id = 0;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = lite_object_find(c, stix_id, &object, d);
    if (!e && object) e = lite_holding_counting(c, object, &id, d);
    if (!e) {
        e = id ? get_row(c, id, a, out, d)
               : diag_set(d, ERR_NOT_FOUND, "no version of %.*s is held that counts", SPAN_ARG(stix_id));
    }
    lite_leave(c);
    return e;
}

enum err lite_holding_history(struct store_reader *r, struct span stix_id, bool with_body, struct arena *a,
                              struct store_holding **out, size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    int64_t object = 0;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = lite_object_find(c, stix_id, &object, d);
    if (!e && object) {
        const struct value values[] = {v_int(object), v_int(c->visible)};
        const char *sql = with_body ? "SELECT " HOLDING_COLUMNS ",b.bytes" HOLDING_TABLES HOLDING_BODY
                                      " WHERE h.object=? AND h.id<=? ORDER BY h.modified,h.id"
                                    : "SELECT " HOLDING_COLUMNS HOLDING_TABLES
                                      " WHERE h.object=? AND h.id<=? ORDER BY h.modified,h.id";
        e = lite_query(c, sql, values, 2, &st, d);
        if (!e) e = read_all(c, st, with_body, a, out, count, d);
    }
    lite_leave(c);
    return e;
}

static enum err scan(struct connection *c, int64_t after, struct span type, size_t limit, struct arena *a,
                     struct store_holding **out, size_t *count, struct diag *d) {
    sqlite3_stmt *st;
    enum err e;
    if (type.len == 0) {
        e = lite_query(c,
                       "SELECT " HOLDING_COLUMNS ",b.bytes" HOLDING_TABLES HOLDING_BODY
                       " WHERE h.id>? AND h.id<=? ORDER BY h.id LIMIT ?",
                       VALUES(v_int(after), v_int(c->visible), v_int((int64_t)limit)), &st, d);
    } else {
        int64_t number;
        e = lite_type_find(c, type, &number, d);
        if (e || !number) return e;
        e = lite_query(c,
                       "SELECT " HOLDING_COLUMNS ",b.bytes FROM holding h INDEXED BY holding_type"
                       " CROSS JOIN object o ON o.id=h.object" HOLDING_BODY
                       " WHERE h.type=? AND h.id>? AND h.id<=? ORDER BY h.id LIMIT ?",
                       VALUES(v_int(number), v_int(after), v_int(c->visible), v_int((int64_t)limit)), &st, d);
    }
    return e ? e : read_all(c, st, true, a, out, count, d);
}

enum err lite_holding_scan(struct store_reader *r, int64_t after, struct span type, size_t limit, struct arena *a,
                           struct store_holding **out, size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = scan(c, after, type, limit, a, out, count, d);
    lite_leave(c);
    return e;
}

enum { PLACE_COLUMN = 14, KNOWN_COLUMN = PLACE_COLUMN + 3 };
#define PLACE_COLUMNS ",h.object,h.type,h.body"
#define KNOWN_COLUMNS                                                                                                  \
    ",NOT EXISTS(SELECT 1 FROM holding v INDEXED BY holding_version WHERE v.object=h.object AND v.id<>h.id)"           \
    ",NOT EXISTS(SELECT 1 FROM entry INDEXED BY entry_object WHERE object=h.object AND id>=?4 AND id<?5)"              \
    ",NOT EXISTS(SELECT 1 FROM waiting WHERE needs=h.object AND ledger=?6)"

static enum err read_undecided(struct connection *c, sqlite3_stmt *st, struct arena *a, struct store_holding *out,
                               struct diag *d) {
    enum err e = lite_holding_read(c, st, true, a, out, d);
    if (e) return e;
    out->place =
        (struct store_place){col_int(st, PLACE_COLUMN), col_int(st, PLACE_COLUMN + 1), col_int(st, PLACE_COLUMN + 2)};
    out->known = (struct store_known){.sole = col_int(st, KNOWN_COLUMN) != 0,
                                      .unreleased = col_int(st, KNOWN_COLUMN + 1) != 0,
                                      .unawaited = col_int(st, KNOWN_COLUMN + 2) != 0};
    return ERR_NONE;
}

static enum err undecided(struct connection *c, int64_t ledger, int64_t after, size_t limit, struct arena *a,
                          struct rows *rows, struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c,
                            "SELECT " HOLDING_COLUMNS ",b.bytes" PLACE_COLUMNS KNOWN_COLUMNS HOLDING_TABLES HOLDING_BODY
                            " WHERE h.id>?1 AND h.id<=?2 ORDER BY h.id LIMIT ?3",
                            VALUES(v_int(after), v_int(c->visible), v_int((int64_t)limit), v_int(ledger << 40),
                                   v_int((ledger + 1) << 40), v_int(ledger)),
                            &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_holding *h = lite_row(rows);
        e = h ? read_undecided(c, st, a, h, d) : lite_full(d);
        if (e) break;
    }
    lite_end(st);
    return e;
}

enum err lite_holding_undecided(struct store_reader *r, int64_t ledger, int64_t after, size_t limit, struct arena *a,
                                struct store_holding **out, size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = undecided(c, ledger, after, limit, a, &rows, d);
    lite_leave(c);
    if (e) return e;
    *out = (struct store_holding *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

#define LEAN_COLUMNS "SELECT h.id,h.modified,h.source,h.state,h.revoked,h.tlp,h.confidence,h.labels"
#define LEAN_TABLE   " FROM holding h INDEXED BY holding_type"
#define LEAN_RANGE   " WHERE h.type=? AND h.id>? AND h.id<=? ORDER BY h.id"

static enum err read_lean(struct connection *c, sqlite3_stmt *st, bool with_body, struct span type,
                          char text[STORE_ID_MAX], struct store_holding *out, struct diag *d) {
    *out = (struct store_holding){
        .id = col_int(st, 0),
        .type = type,
        .modified = col_time(st, 1),
        .source = (uint32_t)col_int(st, 2),
        .state = (enum store_state)col_int(st, 3),
        .revoked = col_int(st, 4) != 0,
        .observed = TIME_NONE,
        .imported = TIME_NONE,
        .handling = {.tlp = (int)col_int(st, 5), .confidence = -1},
    };
    if (sqlite3_column_type(st, 6) != SQLITE_NULL) out->handling.confidence = (int)col_int(st, 6);
    out->handling.labels = col_span(st, 7);
    if (!with_body) return lite_object_text(c, st, 8, text, &out->stix_id, d);
    out->body = col_span(st, 8);
    return ERR_NONE;
}

static enum err walk(struct connection *c, int64_t after, int64_t upto, struct span type, bool with_body,
                     bool (*each)(void *context, const struct store_holding *h), void *context, struct diag *d) {
    char text[STORE_ID_MAX];
    sqlite3_stmt *st;
    int64_t number;
    bool row, go_on = true;
    enum err e = lite_type_find(c, type, &number, d);
    if (e || !number) return e;
    e = lite_query(c,
                   with_body ? LEAN_COLUMNS ",b.bytes" LEAN_TABLE HOLDING_BODY LEAN_RANGE
                             : LEAN_COLUMNS ",o.key" LEAN_TABLE " CROSS JOIN object o ON o.id=h.object" LEAN_RANGE,
                   VALUES(v_int(number), v_int(after), v_int(upto < c->visible ? upto : c->visible)), &st, d);
    if (e) return e;
    while (go_on && !(e = lite_next(c, st, &row, d)) && row) {
        struct store_holding h;
        e = read_lean(c, st, with_body, type, text, &h, d);
        if (e) break;
        go_on = each(context, &h);
    }
    lite_end(st);
    return e;
}

enum err lite_holding_each(struct store_reader *r, int64_t after, int64_t upto, struct span type, bool with_body,
                           bool (*each)(void *context, const struct store_holding *h), void *context, struct diag *d) {
    struct connection *c = lite_of(r);
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = walk(c, after, upto, type, with_body, each, context, d);
    lite_leave(c);
    return e;
}

static enum err naming(struct connection *c, struct span stix_id, int64_t after, size_t limit, struct rows *rows,
                       struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    int64_t object;
    enum err e = lite_object_find(c, stix_id, &object, d);
    if (!e && object && c->deferred) e = lite_deferred_flush(c, c->deferred, d);
    if (e || !object) return e;
    e = lite_query(c, "SELECT holding FROM ref WHERE target=? AND holding>? AND holding<=? ORDER BY holding LIMIT ?",
                   VALUES(v_int(object), v_int(after), v_int(c->visible), v_int((int64_t)limit)), &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        int64_t *id = lite_row(rows);
        if (!id) {
            e = lite_full(d);
            break;
        }
        *id = col_int(st, 0);
    }
    lite_end(st);
    return e;
}

enum err lite_holding_naming(struct store_reader *r, struct span stix_id, int64_t after, size_t limit, struct arena *a,
                             int64_t **out, size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof(int64_t)};
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = naming(c, stix_id, after, limit, &rows, d);
    lite_leave(c);
    if (e) return e;
    *out = (int64_t *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

enum err lite_holding_totals(struct store_reader *r, struct arena *a, struct store_total **out, size_t *count,
                             struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT y.name,t.count FROM total t CROSS JOIN type y ON y.id=t.type ORDER BY y.name",
                            NO_VALUES, &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_total *t = lite_row(&rows);
        if (t) *t = (struct store_total){arena_copy(a, col_span(st, 0)), col_int(st, 1)};
        if (a->overflow) e = lite_full(d);
        if (e) break;
    }
    lite_end(st);
    if (e) return e;
    *out = (struct store_total *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

enum err lite_holdings_altered(struct connection *c, struct diag *d) {
    return lite_run(c,
                    "INSERT INTO meta(name,value) VALUES('holdings-altered',randomblob(8))"
                    " ON CONFLICT(name) DO UPDATE SET value=excluded.value",
                    NO_VALUES, d);
}

enum err lite_holding_set_state(struct store_tx *tx, int64_t id, enum store_state state, struct diag *d) {
    struct connection *c = lite_writer(tx);
    enum err e = lite_run(c, "UPDATE holding SET state=? WHERE id=?", VALUES(v_int(state), v_int(id)), d);
    if (!e && sqlite3_changes(c->db) == 0) e = diag_set(d, ERR_NOT_FOUND, "there is no holding %lld", (long long)id);
    return e ? e : lite_holdings_altered(c, d);
}

enum err lite_received_from(struct store_reader *r, struct span stix_id, uint32_t source, bool *out, struct diag *d) {
    struct connection *c = lite_of(r);
    int64_t object = 0, one;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = lite_object_find(c, stix_id, &object, d);
    if (!e && object) {
        e = lite_number(c, "SELECT 1 FROM holding WHERE object=? AND source=? AND state=0 AND id<=? LIMIT 1",
                        VALUES(v_int(object), v_int(source), v_int(c->visible)), &one, out, d);
    }
    lite_leave(c);
    return e;
}
