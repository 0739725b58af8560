/* All rows of a store, out and in: what moves it into another database, or out of one. */
#include <stdlib.h>

#include "store/postgres_driver.h"

/* ---- out ---------------------------------------------------------------------------------------------------------
 */

#define SEEN "(SELECT visible FROM state)"

static const char *const selects[STORE_ROWS_KINDS] = {
    [STORE_ROWS_META] = "SELECT name,value FROM meta ORDER BY name",
    [STORE_ROWS_DOCUMENT] = "SELECT kind,key,time,body FROM document ORDER BY kind,key",
    [STORE_ROWS_SOURCE] = "SELECT id,name FROM source WHERE id>0 ORDER BY id",
    [STORE_ROWS_AUDIT] = "SELECT id,time,actor,operation,detail,outcome,chain FROM audit ORDER BY id",
    [STORE_ROWS_BODY] = "SELECT id,bytes FROM body WHERE id<=" SEEN " ORDER BY id",
    [STORE_ROWS_HOLDING] = "SELECT id,stix_id,modified,hash,source,state,revoked,observed,imported,tlp,confidence,"
                           "labels,body FROM holding WHERE id<=" SEEN " ORDER BY id",
    [STORE_ROWS_REF] = "SELECT holding,target FROM ref WHERE holding<=" SEEN " ORDER BY holding",
    [STORE_ROWS_LEDGER] = "SELECT id,publisher,recipient,lineage,origin,collection,size,last_time,frontier,checkpoint,"
                          "cosignature,cosigned_size,cosigned_time,cursor,cursor_agreement FROM ledger ORDER BY id",
    [STORE_ROWS_ENTRY] = "SELECT ledger,seq,time,decided,state,stix_id,modified,holding,body,derived,record,salt"
                         " FROM entry ORDER BY ledger,seq",
    [STORE_ROWS_TILE] = "SELECT ledger,level,idx,hashes FROM tile ORDER BY ledger,level,idx",
    [STORE_ROWS_WAITING] = "SELECT ledger,needs,holding FROM waiting WHERE holding<=" SEEN " ORDER BY ledger",
    [STORE_ROWS_DECISION] = "SELECT ledger,id,first,last,time,agreement FROM decision ORDER BY ledger,id",
    [STORE_ROWS_ORIGIN] = "SELECT id,name FROM origin ORDER BY id",
    [STORE_ROWS_RECEIVED] = "SELECT origin,seq,holding,record,salt,withdrawn FROM received"
                            " WHERE holding IS NULL OR holding<=" SEEN " ORDER BY origin,seq",
    [STORE_ROWS_STATE] = "SELECT visible FROM state",
};

static struct store_cell cell_of(const PGresult *r, int column) {
    if (col_null(r, 0, column)) return (struct store_cell){.kind = CELL_NULL};
    if (PQftype(r, column) == BYTEA_OID)
        return (struct store_cell){.kind = CELL_BYTES, .bytes = col_span(r, 0, column)};
    return (struct store_cell){.kind = CELL_NUMBER, .number = col_int(r, 0, column)};
}

static enum err give_row(const PGresult *r, enum err (*each)(void *, const struct store_cell *, struct diag *),
                         void *context, struct diag *d) {
    struct store_cell cells[STORE_CELLS_MAX] = {0};
    for (int i = 0; i < PQnfields(r) && i < STORE_CELLS_MAX; i++) cells[i] = cell_of(r, i);
    return each(context, cells, d);
}

/* Row by row as they come: a table of the server is larger than this machine's memory. */
enum err pq_rows_each(struct store_reader *base, enum store_rows kind,
                      enum err (*each)(void *context, const struct store_cell *cells, struct diag *d), void *context,
                      struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *r;
    enum err e = pq_enter(base, &c, &mark, d);
    if (e) return e;
    if (!PQsendQueryParams(c->pg, selects[kind], 0, NULL, NULL, NULL, NULL, 1) || !PQsetSingleRowMode(c->pg))
        return pq_error(c, NULL, d);
    while ((r = PQgetResult(c->pg))) {
        ExecStatusType status = PQresultStatus(r);
        if (e) { /* read to the end: the connection is to be used again */
        } else if (status == PGRES_SINGLE_TUPLE) {
            e = give_row(r, each, context, d);
            if (e) pq_cancel(c);
        } else if (status != PGRES_TUPLES_OK) {
            e = pq_error(c, r, d);
        }
        PQclear(r);
    }
    return e;
}

/* ---- in ----------------------------------------------------------------------------------------------------------
 *
 * All in one transaction: a copy that is interrupted leaves an empty schema, into which the next one may go. */

struct pq_fill {
    struct store_fill base;
    struct connection c;
    int kind; /* of the COPY under way; -1: none is */
    struct buf rows;
};

enum { FILL_BYTES = 1 << 20 /* given to the connection at a time */ };

/* The type of an object, which stands behind the cells, is the last column. */
static const char *const copies[STORE_ROWS_KINDS] = {
    [STORE_ROWS_META] = "COPY meta(name,value) FROM STDIN BINARY",
    [STORE_ROWS_DOCUMENT] = "COPY document(kind,key,time,body) FROM STDIN BINARY",
    [STORE_ROWS_SOURCE] = "COPY source(id,name) FROM STDIN BINARY",
    [STORE_ROWS_AUDIT] = "COPY audit(id,time,actor,operation,detail,outcome,chain) FROM STDIN BINARY",
    [STORE_ROWS_BODY] = "COPY body(id,bytes) FROM STDIN BINARY",
    [STORE_ROWS_HOLDING] = "COPY holding(id,stix_id,modified,hash,source,state,revoked,observed,imported,tlp,"
                           "confidence,labels,body,type) FROM STDIN BINARY",
    [STORE_ROWS_REF] = "COPY ref(holding,target) FROM STDIN BINARY",
    [STORE_ROWS_LEDGER] = "COPY ledger(id,publisher,recipient,lineage,origin,collection,size,last_time,frontier,"
                          "checkpoint,cosignature,cosigned_size,cosigned_time,cursor,cursor_agreement)"
                          " FROM STDIN BINARY",
    [STORE_ROWS_ENTRY] = "COPY entry(ledger,seq,time,decided,state,stix_id,modified,holding,body,derived,record,salt,"
                         "type) FROM STDIN BINARY",
    [STORE_ROWS_TILE] = "COPY tile(ledger,level,idx,hashes) FROM STDIN BINARY",
    [STORE_ROWS_WAITING] = "COPY waiting(ledger,needs,holding) FROM STDIN BINARY",
    [STORE_ROWS_DECISION] = "COPY decision(ledger,id,first,last,time,agreement) FROM STDIN BINARY",
    [STORE_ROWS_ORIGIN] = "COPY origin(id,name) FROM STDIN BINARY",
    [STORE_ROWS_RECEIVED] = "COPY received(origin,seq,holding,record,salt,withdrawn) FROM STDIN BINARY",
};
static const unsigned char cells_of[STORE_ROWS_KINDS] = {
    [STORE_ROWS_META] = 2,   [STORE_ROWS_DOCUMENT] = 4, [STORE_ROWS_SOURCE] = 2,  [STORE_ROWS_AUDIT] = 7,
    [STORE_ROWS_BODY] = 2,   [STORE_ROWS_HOLDING] = 13, [STORE_ROWS_REF] = 2,     [STORE_ROWS_LEDGER] = 15,
    [STORE_ROWS_ENTRY] = 12, [STORE_ROWS_TILE] = 4,     [STORE_ROWS_WAITING] = 3, [STORE_ROWS_DECISION] = 6,
    [STORE_ROWS_ORIGIN] = 2, [STORE_ROWS_RECEIVED] = 6,
};

static enum err send_rows(struct pq_fill *f, struct diag *d) {
    bool sent = f->rows.len == 0 || PQputCopyData(f->c.pg, f->rows.at, (int)f->rows.len) == 1;
    buf_clear(&f->rows);
    return sent ? ERR_NONE : pq_error(&f->c, NULL, d);
}

static enum err end_kind(struct pq_fill *f, struct diag *d) {
    if (f->kind < 0) return ERR_NONE;
    f->kind = -1;
    pq_copy_end(&f->rows);
    enum err e = send_rows(f, d);
    return e ? e : pq_copy_finish(&f->c, d);
}

static enum err begin_kind(struct pq_fill *f, enum store_rows kind, struct diag *d) {
    enum err e = end_kind(f, d);
    if (e) return e;
    PGresult *r = PQexec(f->c.pg, copies[kind]);
    e = r && PQresultStatus(r) == PGRES_COPY_IN ? ERR_NONE : pq_error(&f->c, r, d);
    PQclear(r);
    f->kind = e ? -1 : (int)kind;
    pq_copy_begin(&f->rows);
    return e;
}

static enum err count_all(struct pq_fill *f, const struct store_cell *x, struct diag *d) {
    enum err e = end_kind(f, d);
    if (!e) e = pq_run(&f->c, "UPDATE state SET visible=$1,newest=$1", VALUES(v_int(x[0].number)), NULL, d);
    return e ? e : pq_exec(&f->c, "INSERT INTO total(type,count) SELECT type,count(*) FROM holding GROUP BY type", d);
}

static struct value value_of(const struct store_cell *x) {
    return x->kind == CELL_NULL ? v_null() : x->kind == CELL_NUMBER ? v_int(x->number) : v_bytes(x->bytes);
}

enum err pq_fill_row(struct store_fill *base, enum store_rows kind, const struct store_cell *cells, struct diag *d) {
    struct pq_fill *f = (struct pq_fill *)base;
    struct value values[STORE_CELLS_MAX + 1];
    size_t count = cells_of[kind];
    if (kind == STORE_ROWS_STATE) return count_all(f, cells, d);
    enum err e = f->kind == (int)kind ? ERR_NONE : begin_kind(f, kind, d);
    if (e) return e;
    for (size_t i = 0; i < count; i++) values[i] = value_of(&cells[i]);
    if (kind == STORE_ROWS_HOLDING || kind == STORE_ROWS_ENTRY) {
        const struct store_cell *id = &cells[kind == STORE_ROWS_HOLDING ? 1 : 5];
        values[count++] = id->kind == CELL_NULL ? v_null() : v_bytes(pq_type_of(id->bytes));
    }
    pq_copy_values(&f->rows, values, count);
    if (!buf_ok(&f->rows)) return diag_set(d, ERR_NOMEM, "memory ran out");
    return f->rows.len < FILL_BYTES ? ERR_NONE : send_rows(f, d);
}

/* Locked against another copy; what was made by an interrupted one is empty. */
static enum err check_unused(struct connection *c, struct diag *d) {
    int64_t used = 0;
    enum err e = pq_exec(c, "BEGIN;LOCK TABLE state", d);
    if (!e)
        e = pq_number(c,
                      "SELECT (newest>0 OR EXISTS(SELECT FROM meta) OR EXISTS(SELECT FROM document) OR"
                      " EXISTS(SELECT FROM audit))::int::bigint FROM state",
                      NO_VALUES, &used, NULL, d);
    return !e && used ? diag_set(d, ERR_EXISTS, "%s: there is a store already", c->name) : e;
}

enum err pq_fill_open(const char *url, struct store_fill **out, struct diag *d) {
    struct pq_fill *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f) return diag_set(d, ERR_NOMEM, "memory ran out");
    f->base.driver = &store_postgres;
    f->kind = -1;
    enum err e = pq_connect(&f->c, url, true, d);
    if (!e) e = pq_migrate(&f->c, d);
    if (!e) e = check_unused(&f->c, d);
    if (!e) {
        *out = &f->base;
        return ERR_NONE;
    }
    struct diag ignored;
    (void)!pq_fill_close(&f->base, false, &ignored);
    return e;
}

enum err pq_fill_close(struct store_fill *base, bool keep, struct diag *d) {
    struct pq_fill *f = (struct pq_fill *)base;
    enum err e = keep ? end_kind(f, d) : ERR_NONE;
    if (keep && !e) e = pq_exec(&f->c, "COMMIT", d);
    if (keep && !e) e = pq_exec(&f->c, "ANALYZE holding,body,ref,entry,tile,waiting,received,document,audit", d);
    pq_disconnect(&f->c); /* without a commit the server forgets it all */
    buf_free(&f->rows);
    free(f);
    return e;
}

/* Other processes that still use the store find nothing under its name from now on. Under the first name that is free:
 * an older one put aside stays. */
enum err pq_retire(struct store_tx *tx, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    char name[PG_SCHEMA_NAME_MAX + 24], text[256];
    int64_t one;
    bool taken = true;
    enum err e = ERR_NONE;
    for (unsigned n = 1; !e && taken; n++) {
        char number[16] = "";
        if (n > 1) snprintf(number, sizeof number, "_%u", n);
        snprintf(name, sizeof name, "%s_moved%s", s->writer.schema, number);
        e = pq_number(&s->writer, "SELECT 1::bigint FROM pg_namespace WHERE nspname=convert_from($1,'UTF8')",
                      VALUES(v_bytes(span_cstr(name))), &one, &taken, d);
    }
    snprintf(text, sizeof text, "ALTER SCHEMA %s RENAME TO %s", s->writer.schema, name);
    if (!e) e = pq_exec(&s->writer, text, d);
    if (!e) return store_postgres.commit(tx, d);
    store_postgres.rollback(tx);
    return e;
}
