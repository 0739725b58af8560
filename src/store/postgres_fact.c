/* Small facts: named values, documents, sources, the audit. */
#include "store/postgres_driver.h"

enum err pq_meta_get(struct store_reader *r, const char *name, struct arena *a, struct span *out, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e) e = pq_query(c, "SELECT value FROM meta WHERE name=$1", VALUES(v_bytes(span_cstr(name))), &rows, d);
    if (!e && PQntuples(rows) > 0) *out = arena_copy(a, col_span(rows, 0, 0));
    PQclear(rows);
    return e ? e : a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_meta_set(struct store_tx *tx, const char *name, struct span value, struct diag *d) {
    return pq_run(pq_aside(tx),
                  "INSERT INTO meta(name,value) VALUES($1,$2) ON CONFLICT(name) DO UPDATE SET value=excluded.value",
                  VALUES(v_bytes(span_cstr(name)), v_bytes(value)), NULL, d);
}

enum err pq_holdings_altered(struct connection *c, struct diag *d) {
    return pq_run(
        c,
        "INSERT INTO meta(name,value) VALUES('holdings-altered'::bytea,decode(replace(gen_random_uuid()::text,"
        "'-',''),'hex')) ON CONFLICT(name) DO UPDATE SET value=excluded.value",
        NO_VALUES, NULL, d);
}

/* ---- documents --------------------------------------------------------------------------------------------------- */

enum err pq_document_put(struct store_tx *tx, const struct store_document *doc, struct diag *d) {
    return pq_run(pq_aside(tx),
                  "INSERT INTO document(kind,key,time,body) VALUES($1,$2,$3,$4) ON CONFLICT(kind,key)"
                  " DO UPDATE SET time=excluded.time,body=excluded.body",
                  VALUES(v_bytes(doc->kind), v_bytes(doc->key), v_time(doc->time), v_bytes(doc->body)), NULL, d);
}

static enum err read_documents(PGresult *rows, struct arena *a, struct store_document **out, size_t *count,
                               struct diag *d) {
    int n = PQntuples(rows);
    *out = pq_rows(a, (size_t)n, sizeof **out);
    for (int i = 0; *out && i < n; i++)
        (*out)[i] = (struct store_document){.kind = arena_copy(a, col_span(rows, i, 0)),
                                            .key = arena_copy(a, col_span(rows, i, 1)),
                                            .time = col_time(rows, i, 2),
                                            .body = arena_copy(a, col_span(rows, i, 3))};
    *count = (size_t)n;
    return !*out || a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_document_get(struct store_reader *r, const char *kind, struct span key, struct arena *a,
                         struct store_document *out, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    struct store_document *found;
    size_t count = 0;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e)
        e = pq_query(c, "SELECT kind,key,time,body FROM document WHERE kind=$1 AND key=$2",
                     VALUES(v_bytes(span_cstr(kind)), v_bytes(key)), &rows, d);
    if (!e) e = read_documents(rows, a, &found, &count, d);
    PQclear(rows);
    if (!e && count == 0)
        return diag_set(d, ERR_NOT_FOUND, "there is no %s \"%.*s\"", kind, SPAN_ARG(span_first(key, 128)));
    if (!e) *out = found[0];
    return e;
}

enum err pq_document_list(struct store_reader *r, const char *kind, struct arena *a, struct store_document **out,
                          size_t *count, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e)
        e = pq_query(c, "SELECT kind,key,time,body FROM document WHERE kind=$1 ORDER BY key",
                     VALUES(v_bytes(span_cstr(kind))), &rows, d);
    if (!e) e = read_documents(rows, a, out, count, d);
    PQclear(rows);
    return e;
}

enum err pq_document_delete(struct store_tx *tx, const char *kind, struct span key, struct diag *d) {
    return pq_run(pq_aside(tx), "DELETE FROM document WHERE kind=$1 AND key=$2",
                  VALUES(v_bytes(span_cstr(kind)), v_bytes(key)), NULL, d);
}

/* ---- sources ----------------------------------------------------------------------------------------------------- */

static enum err find_source(struct connection *c, struct span name, int64_t *out, bool *found, struct diag *d) {
    return pq_number(c, "SELECT id FROM source WHERE name=$1", VALUES(v_bytes(name)), out, found, d);
}

enum err pq_source_number(struct store_tx *tx, struct span name, uint32_t *out, struct diag *d) {
    struct connection *c = pq_aside(tx);
    int64_t number = 0;
    bool found = false;
    enum err e = find_source(c, name, &number, &found, d);
    if (!e && !found)
        e = pq_number(c, "INSERT INTO source(id,name) SELECT max(id)+1,$1 FROM source RETURNING id",
                      VALUES(v_bytes(name)), &number, NULL, d);
    if (!e && number > UINT32_MAX) e = diag_set(d, ERR_LIMIT, "there are too many sources");
    if (!e) *out = (uint32_t)number;
    return e;
}

enum err pq_source_name(struct store_reader *r, uint32_t number, struct arena *a, struct span *out, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e) e = pq_query(c, "SELECT name FROM source WHERE id=$1", VALUES(v_int(number)), &rows, d);
    bool found = !e && PQntuples(rows) > 0;
    if (found) *out = arena_copy(a, col_span(rows, 0, 0));
    PQclear(rows);
    if (e) return e;
    if (a->overflow) return pq_full(d);
    return found ? ERR_NONE : diag_set(d, ERR_NOT_FOUND, "there is no source %u", (unsigned)number);
}

enum err pq_source_find(struct store_reader *r, struct span name, uint32_t *out, struct diag *d) {
    struct connection *c;
    int64_t number = 0;
    bool found = false;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e) e = find_source(c, name, &number, &found, d);
    if (!e && !found)
        e = diag_set(d, ERR_NOT_FOUND, "nothing ever came from \"%.*s\"", SPAN_ARG(span_first(name, 128)));
    if (!e) *out = (uint32_t)number;
    return e;
}

/* ---- audit ------------------------------------------------------------------------------------------------------- */

enum err pq_audit_scan(struct store_reader *r, uint64_t after, size_t limit, struct arena *a,
                       struct store_audit_kept **out, size_t *count, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = pq_enter_aside(r, &c, d);
    if (!e)
        e = pq_query(c,
                     "SELECT id,time,actor,operation,detail,outcome,chain FROM audit WHERE id>$1 ORDER BY id LIMIT $2",
                     VALUES(v_int((int64_t)after), v_int((int64_t)limit)), &rows, d);
    if (e) return e;
    int n = PQntuples(rows);
    *out = pq_rows(a, (size_t)n, sizeof **out);
    for (int i = 0; *out && i < n; i++) {
        struct store_audit_kept *k = &(*out)[i];
        *k = (struct store_audit_kept){.number = (uint64_t)col_int(rows, i, 0),
                                       .entry = {.time = col_time(rows, i, 1),
                                                 .actor = arena_copy(a, col_span(rows, i, 2)),
                                                 .operation = arena_copy(a, col_span(rows, i, 3)),
                                                 .detail = arena_copy(a, col_span(rows, i, 4)),
                                                 .outcome = arena_copy(a, col_span(rows, i, 5))},
                                       .chained = PQgetlength(rows, i, 6) == SHA256_SIZE};
        if (k->chained) memcpy(k->chain.b, PQgetvalue(rows, i, 6), SHA256_SIZE);
    }
    *count = (size_t)n;
    PQclear(rows);
    return !*out || a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_audit_add(struct store_tx *tx, const struct store_audit *entry, struct diag *d) {
    struct connection *c = pq_aside(tx);
    PGresult *rows = NULL;
    struct sha256 chain = {0};
    int64_t number = 0;
    enum err e = pq_query(c, "SELECT id,chain FROM audit ORDER BY id DESC LIMIT 1", NO_VALUES, &rows, d);
    if (!e && PQntuples(rows) > 0) {
        number = col_int(rows, 0, 0);
        if (PQgetlength(rows, 0, 1) == SHA256_SIZE) memcpy(chain.b, PQgetvalue(rows, 0, 1), SHA256_SIZE);
    }
    PQclear(rows);
    if (e) return e;
    chain = store_audit_chain(&chain, (uint64_t)number + 1, entry);
    return pq_run(c, "INSERT INTO audit(id,time,actor,operation,detail,outcome,chain) VALUES($1,$2,$3,$4,$5,$6,$7)",
                  VALUES(v_int(number + 1), v_time(entry->time), v_bytes(entry->actor), v_bytes(entry->operation),
                         v_bytes(entry->detail), v_bytes(entry->outcome), v_bytes(span_of(chain.b, SHA256_SIZE))),
                  NULL, d);
}
