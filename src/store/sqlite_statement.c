/* Prepared statements, values, errors. */
#include <errno.h>
#include <string.h>

#include "store/sqlite_driver.h"

enum err lite_full(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "what the store found does not fit into the memory given for it");
}

/* What an operator reads for SQLite's primary codes. */
static const struct meaning {
    int code;
    enum err err;
    const char *text;
} meanings[] = {
    {SQLITE_BUSY, ERR_BUSY, "another program holds the store's lock"},
    {SQLITE_LOCKED, ERR_BUSY, "another program holds the store's lock"},
    {SQLITE_PROTOCOL, ERR_BUSY, "the store's lock could not be had; another program may be restarting"},
    {SQLITE_FULL, ERR_IO, "the disk is full; nothing of this transaction was kept"},
    {SQLITE_IOERR, ERR_IO, "the disk failed to read or write"},
    {SQLITE_CORRUPT, ERR_IO, "the file is damaged; restore it from a backup"},
    {SQLITE_NOTADB, ERR_INVALID, "this is not a Renkei store"},
    {SQLITE_CANTOPEN, ERR_IO, "the file cannot be opened"},
    {SQLITE_READONLY, ERR_IO, "the file may not be written"},
    {SQLITE_PERM, ERR_IO, "the file may not be used"},
    {SQLITE_NOMEM, ERR_NOMEM, "memory ran out"},
    {SQLITE_TOOBIG, ERR_LIMIT, "a value is larger than the store can hold"},
    {SQLITE_INTERRUPT, ERR_BUSY, "interrupted"},
};

enum err lite_error(struct connection *c, int code, struct diag *d) {
    enum err err = ERR_INTERNAL;
    const char *text = NULL;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].code == (code & 0xff)) err = meanings[i].err, text = meanings[i].text;
    }
    if (c->writer) c->failed = err;
    int os = c->db ? sqlite3_system_errno(c->db) : 0;
    if (!text) {
        diag_set(d, err, "%s: the store's own statement failed (%s)", c->path,
                 c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(code));
    } else if (err == ERR_IO && os != 0) {
        diag_set(d, err, "%s: %s (%s)", c->path, text, strerror(os));
    } else {
        diag_set(d, err, "%s: %s", c->path, text);
    }
    return err;
}

static struct statement *find_statement(struct connection *c, const char *sql, unsigned variant) {
    uint64_t h = ((uint64_t)(uintptr_t)sql + variant) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = (size_t)(h >> 40);; i++) {
        struct statement *s = &c->statements[i % STATEMENTS_MAX];
        if (!s->sql || (s->sql == sql && s->variant == variant)) return s;
    }
}

void lite_statements_free(struct connection *c) {
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        sqlite3_finalize(c->statements[i].prepared);
        c->statements[i] = (struct statement){0};
    }
    c->statement_count = 0;
}

static enum err prepare(struct connection *c, struct statement *s, const char *sql, unsigned variant, const char *text,
                        struct diag *d) {
    /* The table never fills: literals and variants are few, and known when this is compiled. */
    if (c->statement_count + 1 >= STATEMENTS_MAX) return diag_set(d, ERR_INTERNAL, "too many kinds of statements");
    int code = sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->prepared, NULL);
    if (code != SQLITE_OK) return lite_error(c, code, d);
    s->sql = sql, s->variant = variant;
    c->statement_count++;
    return ERR_NONE;
}

static int bind_value(sqlite3_stmt *st, int at, const struct value *v) {
    switch (v->kind) {
    case VALUE_INT:
        return sqlite3_bind_int64(st, at, v->number);
    case VALUE_TEXT:
        return sqlite3_bind_text64(st, at, v->bytes.len ? v->bytes.at : "", v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
    case VALUE_BLOB:
        return sqlite3_bind_blob64(st, at, v->bytes.len ? v->bytes.at : "", v->bytes.len, SQLITE_STATIC);
    case VALUE_NULL:
        break;
    }
    return sqlite3_bind_null(st, at);
}

static enum err bind_all(struct connection *c, sqlite3_stmt *st, const struct value *values, size_t count,
                         struct diag *d) {
    if (sqlite3_stmt_busy(st)) return diag_set(d, ERR_INTERNAL, "a store call was made from inside itself");
    if (sqlite3_bind_parameter_count(st) != (int)count) {
        return diag_set(d, ERR_INTERNAL, "%zu values for: %s", count, sqlite3_sql(st));
    }
    for (size_t i = 0; i < count; i++) {
        int code = bind_value(st, (int)i + 1, &values[i]);
        if (code != SQLITE_OK) return lite_error(c, code, d);
    }
    return ERR_NONE;
}

static enum err refuse_spoilt(struct connection *c, struct diag *d) {
    if (!c->failed) return ERR_NONE;
    return diag_set(d, c->failed, "%s: this transaction failed earlier and can only be rolled back", c->path);
}

enum err lite_query(struct connection *c, const char *sql, const struct value *values, size_t count, sqlite3_stmt **out,
                    struct diag *d) {
    enum err e = refuse_spoilt(c, d);
    if (e) return e;
    struct statement *s = find_statement(c, sql, 0);
    if (!s->prepared) e = prepare(c, s, sql, 0, sql, d);
    if (!e) e = bind_all(c, s->prepared, values, count, d);
    *out = s->prepared;
    return e;
}

enum err lite_query_variant(struct connection *c, const char *site, unsigned variant,
                            void (*make)(unsigned variant, sqlite3_str *text), const struct value *values, size_t count,
                            sqlite3_stmt **out, struct diag *d) {
    enum err e = refuse_spoilt(c, d);
    if (e) return e;
    struct statement *s = find_statement(c, site, variant);
    if (!s->prepared) {
        sqlite3_str *text = sqlite3_str_new(c->db);
        make(variant, text);
        char *sql = sqlite3_str_finish(text);
        e = sql ? prepare(c, s, site, variant, sql, d) : lite_error(c, SQLITE_NOMEM, d);
        sqlite3_free(sql);
    }
    if (!e) e = bind_all(c, s->prepared, values, count, d);
    *out = s->prepared;
    return e;
}

enum err lite_next(struct connection *c, sqlite3_stmt *st, bool *row, struct diag *d) {
    int code = sqlite3_step(st);
    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE) return ERR_NONE;
    enum err e = lite_error(c, code, d); /* before the reset: it replaces the connection's message */
    sqlite3_reset(st);
    return e;
}

void lite_end(sqlite3_stmt *st) {
    sqlite3_reset(st); /* its code repeats the last step's, which was looked at */
}

enum err lite_run(struct connection *c, const char *sql, const struct value *values, size_t count, struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_query(c, sql, values, count, &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (!e) lite_end(st);
    return e;
}

enum err lite_number(struct connection *c, const char *sql, const struct value *values, size_t count, int64_t *out,
                     bool *found, struct diag *d) {
    sqlite3_stmt *st;
    bool row = false;
    if (found) *found = false;
    enum err e = lite_query(c, sql, values, count, &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    if (row && sqlite3_column_type(st, 0) != SQLITE_NULL) {
        *out = col_int(st, 0);
        if (found) *found = true;
    }
    lite_end(st);
    return ERR_NONE;
}

enum err lite_exec(struct connection *c, const char *sql, struct diag *d) {
    int code = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ERR_NONE : lite_error(c, code, d);
}

void *lite_row(struct rows *rows) {
    if (rows->count == rows->room) {
        size_t room = rows->room ? rows->room * 2 : 16;
        char *at = arena_zalloc(rows->arena, room, rows->row_size);
        if (!at) return NULL;
        if (rows->count) memcpy(at, rows->at, rows->count * rows->row_size);
        rows->at = at, rows->room = room;
    }
    return rows->at + rows->row_size * rows->count++;
}
