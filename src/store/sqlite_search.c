/* Full text, newest first. Text is entered for visible holdings only, so that discarding an intake never has to take
 * any out again. */
#include "store/sqlite_driver.h"

enum err lite_text_add(struct store_tx *tx, int64_t id, struct span text, struct diag *d) {
    struct connection *c = lite_writer(tx);
    if (id < 1 || id > lite_store_of(tx)->published) {
        return diag_set(d, ERR_NOT_FOUND, "there is no visible holding %lld to find by its text", (long long)id);
    }
    if (text.len == 0) return ERR_NONE;
    enum err e = lite_run(c, "INSERT INTO text_of(id) VALUES(?) ON CONFLICT DO NOTHING", VALUES(v_int(id)), d);
    if (e || sqlite3_changes(c->db) == 0) return e; /* entered before: the index must not count it twice */
    return lite_run(c, "INSERT INTO text_index(rowid,words) VALUES(?,?)", VALUES(v_int(id), v_text(text)), d);
}

enum { BY_TEXT = 1, BY_TYPE = 2, BY_LABEL = 4, BY_TLP = 8, BY_SOURCE = 16 };

/* ?1 match ?2 before ?3 type ?4 label ?5 tlp ?6 source: those without a condition are still in the text, so that every
 * variant binds the same six. */
static void make_search(unsigned by, sqlite3_str *text) {
    sqlite3_str_appendall(text, "SELECT " HOLDING_COLUMNS ",b.bytes,h.object FROM ");
    if (by & BY_TEXT) {
        sqlite3_str_appendall(text, "text_index x CROSS JOIN holding h ON h.id=x.rowid");
    } else if (by & BY_TYPE) {
        sqlite3_str_appendall(text, "holding h INDEXED BY holding_type");
    } else {
        sqlite3_str_appendall(text, "holding h");
    }
    sqlite3_str_appendall(text, " CROSS JOIN object o ON o.id=h.object" HOLDING_BODY " WHERE h.state=0");
    sqlite3_str_appendall(text,
                          by & BY_TEXT ? " AND text_index MATCH ?1 AND x.rowid<?2" : " AND ?1 IS NULL AND h.id<?2");
    sqlite3_str_appendall(text, by & BY_TYPE ? " AND h.type=?3" : " AND ?3 IS NULL");
    sqlite3_str_appendall(text, by & BY_LABEL ? " AND instr(char(10)||h.labels||char(10),char(10)||?4||char(10))"
                                              : " AND ?4 IS NULL");
    sqlite3_str_appendall(text, by & BY_TLP ? " AND h.tlp=?5" : " AND ?5 IS NULL");
    sqlite3_str_appendall(text, by & BY_SOURCE ? " AND h.source=?6" : " AND ?6 IS NULL");
    sqlite3_str_appendall(text, by & BY_TEXT ? " ORDER BY x.rowid DESC" : " ORDER BY h.id DESC");
}

/* FTS5 reports what is wrong with a query as a plain error of the first step. */
static enum err match_error(struct connection *c, const struct store_query *q, int code, struct diag *d) {
    if (q->match.len > 0 && (code & 0xff) == SQLITE_ERROR) {
        return diag_set(d, ERR_SYNTAX, "the search text cannot be read: %s", sqlite3_errmsg(c->db));
    }
    return lite_error(c, code, d);
}

static enum err take_if_counting(struct connection *c, sqlite3_stmt *st, struct rows *rows, struct diag *d) {
    int64_t counting;
    enum err e = lite_holding_counting(c, col_int(st, 14), &counting, d);
    if (e || counting != col_int(st, 0)) return e;
    struct store_holding *h = lite_row(rows);
    return h ? lite_holding_read(c, st, true, rows->arena, h, d) : lite_full(d);
}

static enum err run_search(struct connection *c, const struct store_query *q, struct rows *rows, struct diag *d) {
    sqlite3_stmt *st;
    int64_t type = 0, before = c->visible == INT64_MAX ? INT64_MAX : c->visible + 1;
    enum err e = q->type.len ? lite_type_find(c, q->type, &type, d) : ERR_NONE;
    if (e || (q->type.len && !type)) return e;
    if (q->before > 0 && q->before < before) before = q->before;
    unsigned by = (q->match.len ? BY_TEXT : 0U) | (type ? BY_TYPE : 0U) | (q->label.len ? BY_LABEL : 0U) |
                  (q->tlp >= 0 ? BY_TLP : 0U) | (q->source >= 0 ? BY_SOURCE : 0U);
    static const char site[] = "search";
    e = lite_query_variant(c, site, by, make_search,
                           VALUES(v_optional(q->match), v_int(before), type ? v_int(type) : v_null(),
                                  v_optional(q->label), q->tlp >= 0 ? v_int(q->tlp) : v_null(),
                                  q->source >= 0 ? v_int(q->source) : v_null()),
                           &st, d);
    if (e) return e;
    while (!e && rows->count < q->limit) {
        int code = sqlite3_step(st);
        if (code == SQLITE_DONE) break;
        e = code == SQLITE_ROW ? take_if_counting(c, st, rows, d) : match_error(c, q, code, d);
    }
    lite_end(st);
    return e;
}

enum err lite_search(struct store_reader *r, const struct store_query *q, struct arena *a, struct store_holding **out,
                     size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = run_search(c, q, &rows, d);
    lite_leave(c);
    if (e) return e;
    *out = (struct store_holding *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}
