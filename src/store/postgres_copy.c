/* Rows that wait to be entered by COPY: an intake or a release writes several rows an object, and a round trip for each
 * would be most of its time.
 *
 * They wait in memory, in the format of COPY BINARY, and are entered together before anything is read that could miss
 * them, when there are many, and at the commit. */
#include <endian.h>
#include <stdio.h>

#include "store/postgres_driver.h"

/* In the order in which they are entered. */
static const char *const commands[PQ_TABLES] = {
    [PQ_BODY] = "COPY body(id,bytes) FROM STDIN BINARY",
    [PQ_HOLDING] = "COPY holding(id,stix_id,type,modified,hash,source,state,revoked,observed,imported,tlp,confidence,"
                   "labels,body) FROM STDIN BINARY",
    [PQ_REF] = "COPY ref(target,holding) FROM STDIN BINARY",
    [PQ_ENTRY] = "COPY entry(ledger,seq,time,decided,state,stix_id,type,modified,holding,body,derived,record,salt)"
                 " FROM STDIN BINARY",
    [PQ_RECEIVED] = "COPY received(origin,seq,holding,record,salt,withdrawn) FROM STDIN BINARY",
};

static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* and the literal's own NUL: 19 bytes */

static void put_u16(struct buf *b, uint16_t n) {
    uint16_t big = htobe16(n);
    buf_add(b, span_of(&big, sizeof big));
}

static void put_u32(struct buf *b, uint32_t n) {
    uint32_t big = htobe32(n);
    buf_add(b, span_of(&big, sizeof big));
}

static void put_value(struct buf *b, const struct value *v) {
    char number[8];
    switch (v->kind) {
    case VALUE_NULL:
        put_u32(b, UINT32_MAX);
        return;
    case VALUE_INT:
        pq_put_number(number, v->number);
        put_u32(b, sizeof number);
        buf_add(b, span_of(number, sizeof number));
        return;
    case VALUE_BYTES:
        put_u32(b, (uint32_t)v->bytes.len);
        buf_add(b, v->bytes);
    }
}

void pq_copy_begin(struct buf *b) {
    buf_clear(b);
    buf_add(b, span_of(head, sizeof head));
}

void pq_copy_values(struct buf *b, const struct value *values, size_t count) {
    put_u16(b, (uint16_t)count);
    for (size_t i = 0; i < count; i++) put_value(b, &values[i]);
}

void pq_copy_end(struct buf *b) {
    put_u16(b, UINT16_MAX);
}

enum err pq_copy_finish(struct connection *c, struct diag *d) {
    PGresult *r;
    enum err e = PQputCopyEnd(c->pg, NULL) == 1 ? ERR_NONE : pq_error(c, NULL, d);
    while ((r = PQgetResult(c->pg))) {
        if (!e && PQresultStatus(r) != PGRES_COMMAND_OK) e = pq_error(c, r, d);
        PQclear(r);
    }
    return e;
}

enum err pq_copy_row(struct connection *c, struct pq_copy *copy, enum pq_table table, const struct value *values,
                     size_t count, struct diag *d) {
    struct buf *b = &copy->rows[table];
    if (b->len == 0) pq_copy_begin(b);
    pq_copy_values(b, values, count);
    copy->count++;
    if (buf_ok(b)) return ERR_NONE;
    c->failed = ERR_NOMEM; /* half a row is there */
    return diag_set(d, ERR_NOMEM, "memory ran out");
}

static enum err copy_in(struct connection *c, const char *command, struct buf *b, struct diag *d) {
    PGresult *r = PQexec(c->pg, command);
    enum err e = r && PQresultStatus(r) == PGRES_COPY_IN ? ERR_NONE : pq_error(c, r, d);
    PQclear(r);
    if (e) return e;
    pq_copy_end(b);
    enum { PIECE = 1 << 20 };
    for (size_t at = 0; at < b->len && !e; at += PIECE) {
        size_t len = b->len - at < PIECE ? b->len - at : PIECE;
        if (PQputCopyData(c->pg, b->at + at, (int)len) != 1) e = pq_error(c, NULL, d);
    }
    return e ? e : pq_copy_finish(c, d);
}

/* Older releases of the objects of the entries just entered are the newest no more. */
static enum err supersede(struct connection *c, const struct pq_copy *copy, struct diag *d) {
    char text[512];
    /* Planned anew each time, with the numbers in it: a plan made while the table was small goes through all of it. */
    snprintf(text, sizeof text,
             "UPDATE entry e SET state=1 FROM (SELECT stix_id,max(seq) AS seq FROM entry WHERE ledger=%lld AND"
             " seq>=%lld AND state=0 GROUP BY stix_id OFFSET 0) n WHERE e.ledger=%lld AND e.stix_id=n.stix_id"
             " AND e.seq<n.seq AND e.state=0",
             (long long)copy->ledger, (long long)copy->first_seq, (long long)copy->ledger);
    return pq_exec(c, text, d);
}

enum err pq_copy_flush(struct connection *c, struct pq_copy *copy, struct diag *d) {
    if (copy->count == 0) return ERR_NONE;
    if (c->failed) {
        return diag_set(d, c->failed, "%s: this transaction failed earlier and can only be rolled back", c->name);
    }
    enum err e = ERR_NONE;
    for (int i = 0; i < PQ_TABLES && !e; i++) {
        if (copy->rows[i].len) e = copy_in(c, commands[i], &copy->rows[i], d);
    }
    if (!e && copy->rows[PQ_ENTRY].len) e = supersede(c, copy, d);
    pq_copy_drop(copy);
    return e;
}

void pq_copy_drop(struct pq_copy *copy) {
    for (int i = 0; i < PQ_TABLES; i++) buf_clear(&copy->rows[i]);
    map_clear(&copy->objects);
    copy->count = 0;
    copy->ledger = 0;
}

void pq_copy_free(struct pq_copy *copy) {
    for (int i = 0; i < PQ_TABLES; i++) buf_free(&copy->rows[i]);
    map_free(&copy->objects);
    copy->count = 0;
}
