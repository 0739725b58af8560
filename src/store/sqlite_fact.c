/* Small facts: named values, documents, sources. */
#include "store/sqlite_driver.h"

enum err lite_meta_get(struct store_reader *r, const char *name, struct arena *a, struct span *out, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT value FROM meta WHERE name=?", VALUES(v_text(span_cstr(name))), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    if (row) *out = arena_copy(a, col_span(st, 0));
    lite_end(st);
    return a->overflow ? lite_full(d) : ERR_NONE;
}

enum err lite_meta_set(struct store_tx *tx, const char *name, struct span value, struct diag *d) {
    return lite_run(lite_writer(tx),
                    "INSERT INTO meta(name,value) VALUES(?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value",
                    VALUES(v_text(span_cstr(name)), v_blob(value)), d);
}

/* ---- documents --------------------------------------------------------------------------------------------------- */

enum err lite_document_put(struct store_tx *tx, const struct store_document *doc, struct diag *d) {
    return lite_run(lite_writer(tx),
                    "INSERT INTO document(kind,key,time,body) VALUES(?,?,?,?)"
                    " ON CONFLICT(kind,key) DO UPDATE SET time=excluded.time,body=excluded.body",
                    VALUES(v_text(doc->kind), v_text(doc->key), v_time(doc->time), v_blob(doc->body)), d);
}

static enum err read_document(sqlite3_stmt *st, struct arena *a, struct store_document *out, struct diag *d) {
    *out = (struct store_document){
        .kind = arena_copy(a, col_span(st, 0)),
        .key = arena_copy(a, col_span(st, 1)),
        .time = col_time(st, 2),
        .body = arena_copy(a, col_span(st, 3)),
    };
    return a->overflow ? lite_full(d) : ERR_NONE;
}

enum err lite_document_get(struct store_reader *r, const char *kind, struct span key, struct arena *a,
                           struct store_document *out, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT kind,key,time,body FROM document WHERE kind=? AND key=?",
                            VALUES(v_text(span_cstr(kind)), v_text(key)), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    e = row ? read_document(st, a, out, d)
            : diag_set(d, ERR_NOT_FOUND, "there is no %s \"%.*s\"", kind, SPAN_ARG(span_first(key, 128)));
    lite_end(st);
    return e;
}

enum err lite_document_list(struct store_reader *r, const char *kind, struct arena *a, struct store_document **out,
                            size_t *count, struct diag *d) {
    struct connection *c = lite_of(r);
    struct rows rows = {.arena = a, .row_size = sizeof **out};
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT kind,key,time,body FROM document WHERE kind=? ORDER BY key",
                            VALUES(v_text(span_cstr(kind))), &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct store_document *doc = lite_row(&rows);
        e = doc ? read_document(st, a, doc, d) : lite_full(d);
        if (e) break;
    }
    lite_end(st);
    if (e) return e;
    *out = (struct store_document *)(void *)rows.at, *count = rows.count;
    return ERR_NONE;
}

enum err lite_document_delete(struct store_tx *tx, const char *kind, struct span key, struct diag *d) {
    return lite_run(lite_writer(tx), "DELETE FROM document WHERE kind=? AND key=?",
                    VALUES(v_text(span_cstr(kind)), v_text(key)), d);
}

/* ---- sources ----------------------------------------------------------------------------------------------------- */

static enum err find_source(struct connection *c, struct span name, int64_t *out, bool *found, struct diag *d) {
    return lite_number(c, "SELECT id FROM source WHERE name=?", VALUES(v_text(name)), out, found, d);
}

enum err lite_source_number(struct store_tx *tx, struct span name, uint32_t *out, struct diag *d) {
    struct connection *c = lite_writer(tx);
    int64_t number = 0;
    bool found;
    enum err e = find_source(c, name, &number, &found, d);
    if (!e && !found) {
        e = lite_run(c, "INSERT INTO source(id,name) SELECT max(id)+1,? FROM source", VALUES(v_text(name)), d);
        number = sqlite3_last_insert_rowid(c->db);
    }
    if (!e && number > UINT32_MAX) e = diag_set(d, ERR_LIMIT, "there are too many sources");
    if (!e) *out = (uint32_t)number;
    return e;
}

enum err lite_source_name(struct store_reader *r, uint32_t number, struct arena *a, struct span *out, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, "SELECT name FROM source WHERE id=?", VALUES(v_int(number)), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    if (row) *out = arena_copy(a, col_span(st, 0));
    lite_end(st);
    if (a->overflow) return lite_full(d);
    return row ? ERR_NONE : diag_set(d, ERR_NOT_FOUND, "there is no source %u", (unsigned)number);
}

enum err lite_source_find(struct store_reader *r, struct span name, uint32_t *out, struct diag *d) {
    int64_t number = 0;
    bool found;
    enum err e = find_source(lite_of(r), name, &number, &found, d);
    if (!e && !found) {
        e = diag_set(d, ERR_NOT_FOUND, "nothing ever came from \"%.*s\"", SPAN_ARG(span_first(name, 128)));
    }
    if (!e) *out = (uint32_t)number;
    return e;
}
