/* All rows of a store, out and in: what moves it into another database, or out of one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "store/sqlite_driver.h"

/* ---- out ---------------------------------------------------------------------------------------------------------
 */

#define VISIBLE "(SELECT visible FROM state)"

/* Each kind's columns and what they are: '.' a cell as it is, 'o' an object's key, 'h' the two parts of a hash. */
static const struct {
    const char *sql, *columns;
} selects[STORE_ROWS_KINDS] = {
    [STORE_ROWS_META] = {"SELECT name,value FROM meta ORDER BY name", ".."},
    [STORE_ROWS_DOCUMENT] = {"SELECT kind,key,time,body FROM document ORDER BY kind,key", "...."},
    [STORE_ROWS_SOURCE] = {"SELECT id,name FROM source WHERE id>0 ORDER BY id", ".."},
    [STORE_ROWS_AUDIT] = {"SELECT id,time,actor,operation,detail,outcome,chain FROM audit ORDER BY id", "......."},
    [STORE_ROWS_BODY] = {"SELECT id,bytes FROM body WHERE id<=" VISIBLE " ORDER BY id", ".."},
    [STORE_ROWS_HOLDING] = {"SELECT h.id,o.key,h.modified,h.hash_head,h.hash_tail,h.source,h.state,h.revoked,"
                            "h.observed,h.imported,h.tlp,h.confidence,h.labels,h.body" HOLDING_TABLES
                            " WHERE h.id<=" VISIBLE " ORDER BY h.id",
                            ".o.h........."},
    [STORE_ROWS_REF] = {"SELECT id,refs FROM holding WHERE refs IS NOT NULL AND id<=" VISIBLE " ORDER BY id", ""},
    [STORE_ROWS_LEDGER] = {"SELECT id,publisher,recipient,lineage,origin,collection,size,last_time,frontier,checkpoint,"
                           "cosignature,cosigned_size,cosigned_time,cursor,cursor_agreement FROM ledger ORDER BY id",
                           "..............."},
    [STORE_ROWS_ENTRY] = {"SELECT e.id>>40,e.id&1099511627775,e.time,e.decided,e.state,o.key,e.modified,e.holding,"
                          "e.body,d.bytes,l.record,l.salt FROM entry e LEFT JOIN object o ON o.id=e.object"
                          " LEFT JOIN derived d ON d.id=e.id LEFT JOIN leaf l ON l.id=e.id ORDER BY e.id",
                          ".....o......"},
    [STORE_ROWS_TILE] = {"SELECT id>>40,id>>36&15,id&68719476735,hashes FROM tile ORDER BY id", "...."},
    [STORE_ROWS_WAITING] = {"SELECT w.ledger,o.key,w.holding FROM waiting w CROSS JOIN object o ON o.id=w.needs"
                            " WHERE w.holding<=" VISIBLE,
                            ".o."},
    [STORE_ROWS_DECISION] = {"SELECT id>>40,id&1099511627775,first,last,time,agreement FROM decision ORDER BY id",
                             "......"},
    [STORE_ROWS_ORIGIN] = {"SELECT id,name FROM origin ORDER BY id", ".."},
    [STORE_ROWS_RECEIVED] = {"SELECT id>>40,id&1099511627775,holding,record,salt,withdrawn FROM received"
                             " WHERE holding IS NULL OR holding<=" VISIBLE " ORDER BY id",
                             "......"},
    [STORE_ROWS_STATE] = {"SELECT visible FROM state", "."},
};

static struct store_cell cell_of(sqlite3_stmt *st, int column) {
    switch (sqlite3_column_type(st, column)) {
    case SQLITE_NULL:
        return (struct store_cell){.kind = CELL_NULL};
    case SQLITE_INTEGER:
        return (struct store_cell){.kind = CELL_NUMBER, .number = col_int(st, column)};
    default:
        return (struct store_cell){.kind = CELL_BYTES, .bytes = col_span(st, column)};
    }
}

/* Both ends of a hash, as store.h has it; `text` is room for it. */
static enum err read_hash(struct connection *c, sqlite3_stmt *st, int column, char *text, struct store_cell *out,
                          struct diag *d) {
    int64_t head = col_int(st, column);
    struct span tail = col_span(st, column + 1);
    if (sizeof head + tail.len != SHA256_SIZE) return lite_error(c, SQLITE_CORRUPT, d);
    memcpy(text, &head, sizeof head);
    memcpy(text + sizeof head, tail.at, tail.len);
    *out = (struct store_cell){.kind = CELL_BYTES, .bytes = span_of(text, SHA256_SIZE)};
    return ERR_NONE;
}

static enum err read_cells(struct connection *c, sqlite3_stmt *st, const char *columns, char text[STORE_ID_MAX],
                           char hash[SHA256_SIZE], struct store_cell *cells, struct diag *d) {
    int column = 0;
    for (size_t i = 0; columns[i]; i++, column++) {
        enum err e = ERR_NONE;
        if (columns[i] == 'h') {
            e = read_hash(c, st, column++, hash, &cells[i], d);
        } else if (columns[i] == 'o' && sqlite3_column_type(st, column) != SQLITE_NULL) {
            cells[i].kind = CELL_BYTES;
            e = lite_object_text(c, st, column, text, &cells[i].bytes, d);
        } else {
            cells[i] = cell_of(st, column);
        }
        if (e) return e;
    }
    return ERR_NONE;
}

/* A holding's packed objects as rows of their own. */
static enum err give_refs(struct connection *c, sqlite3_stmt *st,
                          enum err (*each)(void *context, const struct store_cell *cells, struct diag *d),
                          void *context, struct diag *d) {
    struct span packed = col_span(st, 1);
    int64_t object;
    enum err e = ERR_NONE;
    while (!e && lite_refs_next(&packed, &object)) {
        struct store_cell cells[STORE_CELLS_MAX] = {cell_of(st, 0), {.kind = CELL_BYTES}};
        char text[STORE_ID_MAX];
        sqlite3_stmt *key;
        bool row;
        e = lite_query(c, "SELECT key FROM object WHERE id=?", VALUES(v_int(object)), &key, d);
        if (!e) e = lite_next(c, key, &row, d);
        if (e) return e;
        e = row ? lite_object_text(c, key, 0, text, &cells[1].bytes, d) : lite_error(c, SQLITE_CORRUPT, d);
        if (!e) e = each(context, cells, d);
        lite_end(key);
    }
    return e;
}

enum err lite_rows(struct store_reader *r, enum store_rows kind,
                   enum err (*each)(void *context, const struct store_cell *cells, struct diag *d), void *context,
                   struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row = true;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = lite_query(c, selects[kind].sql, NO_VALUES, &st, d);
    while (!e && !(e = lite_next(c, st, &row, d)) && row) {
        struct store_cell cells[STORE_CELLS_MAX] = {0};
        char text[STORE_ID_MAX], hash[SHA256_SIZE];
        if (kind == STORE_ROWS_REF) {
            e = give_refs(c, st, each, context, d);
        } else {
            e = read_cells(c, st, selects[kind].columns, text, hash, cells, d);
            if (!e) e = each(context, cells, d);
        }
        if (e) lite_end(st);
    }
    if (!e) lite_end(st);
    lite_leave(c);
    return e;
}

/* ---- in ----------------------------------------------------------------------------------------------------------
 */

enum { FILL_BATCH = 50000 /* rows of a transaction: the WAL stays small */ };

/* A store of its own beside the place it is for, which it takes when it is whole. */
struct lite_fill {
    struct store_fill base;
    struct store *store;
    struct store_tx *tx;
    char *path, *filling; /* owned */
    unsigned in_batch;
    int64_t naming; /* the holding whose references are collected */
    struct span *refs;
    size_t ref_count, ref_room;
    struct arena arena; /* of the references */
};

enum { REFS_ARENA_MAX = 256 << 20 };

/* The columns' types: 'i' numbers, 't' texts, 'b' bytes. Other kinds are written by functions. */
static const struct {
    const char *sql, *columns;
} inserts[STORE_ROWS_KINDS] = {
    [STORE_ROWS_META] = {"INSERT OR REPLACE INTO meta(name,value) VALUES(?,?)", "tb"},
    [STORE_ROWS_DOCUMENT] = {"INSERT INTO document(kind,key,time,body) VALUES(?,?,?,?)", "ttib"},
    [STORE_ROWS_SOURCE] = {"INSERT INTO source(id,name) VALUES(?,?)", "it"},
    [STORE_ROWS_AUDIT] = {"INSERT INTO audit(id,time,actor,operation,detail,outcome,chain) VALUES(?,?,?,?,?,?,?)",
                          "iittttb"},
    [STORE_ROWS_BODY] = {"INSERT INTO body(id,bytes) VALUES(?,?)", "ib"},
    [STORE_ROWS_LEDGER] = {"INSERT INTO ledger(id,publisher,recipient,lineage,origin,collection,size,last_time,"
                           "frontier,checkpoint,cosignature,cosigned_size,cosigned_time,cursor,cursor_agreement)"
                           " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                           "itttttiibbbiiit"},
    [STORE_ROWS_TILE] = {"INSERT INTO tile(id,hashes) VALUES((?1<<40)|(?2<<36)|?3,?4)", "iiib"},
    [STORE_ROWS_DECISION] = {"INSERT INTO decision(id,first,last,time,agreement) VALUES((?1<<40)|?2,?3,?4,?5,?6)",
                             "iiiiit"},
    [STORE_ROWS_ORIGIN] = {"INSERT INTO origin(id,name) VALUES(?,?)", "it"},
    [STORE_ROWS_RECEIVED] = {"INSERT INTO received(id,holding,record,salt,withdrawn) VALUES((?1<<40)|?2,?3,?4,?5,?6)",
                             "iiibbi"},
};

static struct value value_of(const struct store_cell *cell, char column) {
    if (cell->kind == CELL_NULL) return v_null();
    if (cell->kind == CELL_NUMBER) return v_int(cell->number);
    return column == 't' ? v_text(cell->bytes) : v_blob(cell->bytes);
}

static enum err fill_holding(struct lite_store *s, const struct store_cell *x, struct diag *d) {
    int64_t object, type, head;
    bool fresh;
    if (x[3].bytes.len != SHA256_SIZE) return diag_set(d, ERR_INVALID, "a holding's hash is damaged");
    memcpy(&head, x[3].bytes.at, sizeof head);
    enum err e = lite_object_intern(s, x[1].bytes, &object, &type, &fresh, d);
    if (e) return e;
    return lite_run(&s->writer,
                    "INSERT INTO holding(id,object,type,modified,hash_head,hash_tail,source,state,revoked,observed,"
                    "imported,tlp,confidence,labels,body) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    VALUES(value_of(&x[0], 'i'), v_int(object), v_int(type), value_of(&x[2], 'i'), v_int(head),
                           v_blob(span_from(x[3].bytes, sizeof head)), value_of(&x[4], 'i'), value_of(&x[5], 'i'),
                           value_of(&x[6], 'i'), value_of(&x[7], 'i'), value_of(&x[8], 'i'), value_of(&x[9], 'i'),
                           value_of(&x[10], 'i'), value_of(&x[11], 't'), value_of(&x[12], 'i')),
                    d);
}

static enum err enter_refs(struct lite_fill *f, struct diag *d) {
    struct lite_store *s = (struct lite_store *)f->store;
    struct buf packed = BUF_EMPTY;
    if (f->ref_count == 0) return ERR_NONE;
    enum err e = lite_refs_add(s, f->naming, f->refs, f->ref_count, &packed, d);
    if (!e)
        e = lite_run(&s->writer, "UPDATE holding SET refs=? WHERE id=?",
                     VALUES(v_blob(buf_span(&packed)), v_int(f->naming)), d);
    buf_free(&packed);
    f->ref_count = 0;
    arena_reset(&f->arena);
    return e;
}

static enum err collect_ref(struct lite_fill *f, const struct store_cell *x, struct diag *d) {
    enum err e = f->naming == x[0].number ? ERR_NONE : enter_refs(f, d);
    if (e) return e;
    f->naming = x[0].number;
    if (f->ref_count == f->ref_room) {
        size_t room = f->ref_room ? f->ref_room * 2 : 64;
        struct span *more = realloc(f->refs, room * sizeof *more);
        if (!more) return diag_set(d, ERR_NOMEM, "memory ran out");
        f->refs = more, f->ref_room = room;
    }
    f->refs[f->ref_count++] = arena_copy(&f->arena, x[1].bytes);
    return f->arena.overflow ? diag_set(d, ERR_NOMEM, "memory ran out") : ERR_NONE;
}

/* The object of the holding that a derived one was made of. */
static enum err original_of(struct connection *c, const struct store_cell *x, int64_t object, struct value *out,
                            struct diag *d) {
    int64_t original = 0;
    bool shared = x[8].kind != CELL_NULL, found;
    *out = v_null();
    if (shared || x[7].kind == CELL_NULL) return ERR_NONE;
    enum err e =
        lite_number(c, "SELECT object FROM holding WHERE id=?", VALUES(value_of(&x[7], 'i')), &original, &found, d);
    if (!e && found && original != object) *out = v_int(original);
    return e;
}

static enum err fill_entry(struct lite_store *s, const struct store_cell *x, struct diag *d) {
    struct connection *c = &s->writer;
    struct value id = v_int(x[0].number << 40 | x[1].number), original;
    int64_t object = 0, type = 0;
    bool fresh;
    enum err e = ERR_NONE;
    if (x[5].kind != CELL_NULL) e = lite_object_intern_visible(s, x[5].bytes, &object, &type, &fresh, d);
    if (!e) e = original_of(c, x, object, &original, d);
    if (!e)
        e = lite_run(c,
                     "INSERT INTO entry(id,time,decided,state,object,type,modified,holding,body,original)"
                     " VALUES(?,?,?,?,?,?,?,?,?,?)",
                     VALUES(id, value_of(&x[2], 'i'), value_of(&x[3], 'i'), value_of(&x[4], 'i'),
                            object ? v_int(object) : v_null(), object ? v_int(type) : v_null(), value_of(&x[6], 'i'),
                            value_of(&x[7], 'i'), value_of(&x[8], 'i'), original),
                     d);
    if (!e && x[9].kind != CELL_NULL)
        e = lite_run(c, "INSERT INTO derived(id,bytes) VALUES(?,?)", VALUES(id, value_of(&x[9], 'b')), d);
    return e ? e
             : lite_run(c, "INSERT INTO leaf(id,record,salt) VALUES(?,?,?)",
                        VALUES(id, value_of(&x[10], 'b'), value_of(&x[11], 'b')), d);
}

static enum err fill_waiting(struct lite_store *s, const struct store_cell *x, struct diag *d) {
    int64_t needs;
    bool fresh;
    enum err e = lite_object_intern_visible(s, x[1].bytes, &needs, NULL, &fresh, d);
    return e ? e
             : lite_run(&s->writer, "INSERT INTO waiting(needs,ledger,holding) VALUES(?,?,?)",
                        VALUES(v_int(needs), value_of(&x[0], 'i'), value_of(&x[2], 'i')), d);
}

/* The end: what was filled in counts, and is counted. */
static enum err fill_state(struct lite_fill *f, const struct store_cell *x, struct diag *d) {
    struct lite_store *s = (struct lite_store *)f->store;
    s->deferred.due = true;
    enum err e = lite_run(&s->writer, "UPDATE state SET visible=?,object=coalesce((SELECT max(id) FROM object),0)",
                          VALUES(value_of(&x[0], 'i')), d);
    return e ? e
             : lite_run(&s->writer,
                        "INSERT INTO total(type,count) SELECT id,n FROM (SELECT t.id,(SELECT count(*) FROM holding h"
                        " INDEXED BY holding_type WHERE h.type=t.id) AS n FROM type t) WHERE n>0",
                        NO_VALUES, d);
}

static enum err fill_any(struct lite_fill *f, enum store_rows kind, const struct store_cell *cells, struct diag *d) {
    struct lite_store *s = (struct lite_store *)f->store;
    struct value values[STORE_CELLS_MAX];
    size_t count = 0;
    switch (kind) {
    case STORE_ROWS_HOLDING:
        return fill_holding(s, cells, d);
    case STORE_ROWS_REF:
        return collect_ref(f, cells, d);
    case STORE_ROWS_ENTRY:
        return fill_entry(s, cells, d);
    case STORE_ROWS_WAITING:
        return fill_waiting(s, cells, d);
    case STORE_ROWS_STATE:
        return fill_state(f, cells, d);
    default:
        for (const char *column = inserts[kind].columns; *column; column++, count++)
            values[count] = value_of(&cells[count], *column);
        return lite_run(&s->writer, inserts[kind].sql, values, count, d);
    }
}

enum err lite_fill_row(struct store_fill *base, enum store_rows kind, const struct store_cell *cells, struct diag *d) {
    struct lite_fill *f = (struct lite_fill *)base;
    enum err e = f->tx ? ERR_NONE : store_begin(f->store, &f->tx, d);
    if (!e && kind > STORE_ROWS_REF) e = enter_refs(f, d);
    if (!e) e = fill_any(f, kind, cells, d);
    if (e || ++f->in_batch < FILL_BATCH) return e;
    f->in_batch = 0;
    return store_commit(&f->tx, d);
}

/* What an interrupted one left goes first. */
static enum err open_filling(struct lite_fill *f, struct diag *d) {
    static const char *const parts[] = {"", "-wal", "-shm", ".lock"};
    char name[4096];
    if (!f->path || asprintf(&f->filling, "%s.filling", f->path) < 0) {
        f->filling = NULL;
        return diag_set(d, ERR_NOMEM, "memory ran out");
    }
    if (access(f->path, F_OK) == 0) return diag_set(d, ERR_EXISTS, "%s: there is a store already", f->path);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (snprintf(name, sizeof name, "%s%s", f->filling, parts[i]) < (int)sizeof name) unlink(name);
    return store_open(f->filling, STORE_WRITE, &f->store, d);
}

enum err lite_fill_open(const char *url, struct store_fill **out, struct diag *d) {
    struct lite_fill *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f) return diag_set(d, ERR_NOMEM, "memory ran out");
    f->base.driver = &store_sqlite;
    f->path = strdup(url);
    arena_init(&f->arena, REFS_ARENA_MAX);
    enum err e = open_filling(f, d);
    if (!e) {
        *out = &f->base;
        return ERR_NONE;
    }
    struct diag ignored;
    (void)!lite_fill_close(&f->base, false, &ignored);
    return e;
}

/* Closing copied the WAL back; only then the file gets the name under which it is looked for. */
static enum err take_place(const struct lite_fill *f, struct diag *d) {
    char lock[4096];
    if (snprintf(lock, sizeof lock, "%s.lock", f->filling) < (int)sizeof lock) unlink(lock);
    int fd = open(f->filling, O_RDONLY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (!synced || rename(f->filling, f->path) != 0) return diag_set(d, ERR_IO, "%s: %s", f->path, strerror(errno));
    return file_sync_folder(f->path, d);
}

enum err lite_fill_close(struct store_fill *base, bool keep, struct diag *d) {
    struct lite_fill *f = (struct lite_fill *)base;
    enum err e = ERR_NONE;
    if (keep && f->tx) e = store_commit(&f->tx, d);
    if (f->tx) store_rollback(&f->tx);
    store_close(&f->store);
    if (keep && !e) e = take_place(f, d);
    if ((!keep || e) && f->filling) unlink(f->filling);
    arena_free(&f->arena);
    free(f->refs);
    free(f->path);
    free(f->filling);
    free(f);
    return e;
}
