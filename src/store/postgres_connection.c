/* Connections, prepared statements, values, errors. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres_driver.h"

enum err pq_full(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "what the store found does not fit into the memory given for it");
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* What an operator reads for SQLSTATEs: the first that a code begins with. */
static const struct meaning {
    const char *state;
    enum err err;
    const char *text;
} meanings[] = {
    {"40P01", ERR_BUSY, "two transactions waited for each other; try again"},
    {"40", ERR_BUSY, "another transaction came in between; try again"},
    {"55P03", ERR_BUSY, "another program holds a lock of the store"},
    {"57014", ERR_BUSY, "interrupted"},
    {"57P", ERR_BUSY, "the database is going down or coming up"},
    {"25006", ERR_DENIED, "the database may only be read"},
    {"42501", ERR_DENIED, "the database user may not do that"},
    {"28", ERR_DENIED, "the database does not let this user in"},
    {"3D000", ERR_NOT_FOUND, "there is no such database"},
    {"53100", ERR_IO, "the database's disk is full; nothing of this transaction was kept"},
    {"53200", ERR_NOMEM, "the database ran out of memory"},
    {"53", ERR_BUSY, "the database has no room for one more connection"},
    {"54", ERR_LIMIT, "a value is larger than the store can hold"},
    {"58", ERR_IO, "the database's disk failed to read or write"},
    {"XX001", ERR_IO, "the database is damaged; restore it from a backup"},
    {"08", ERR_NETWORK, "the connection to the database broke"},
};

/* The server's first line only: what follows it are hints for whoever wrote the statement. */
static struct span first_line(const char *text) {
    return span_first(span_cstr(text), strcspn(text ? text : "", "\n"));
}

enum err pq_error(struct connection *c, const PGresult *result, struct diag *d) {
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    enum err err = ERR_INTERNAL;
    const char *text = "the store's own statement failed";
    if (!state && (!c->pg || PQstatus(c->pg) != CONNECTION_OK)) state = "08";
    for (size_t i = 0; state && i < sizeof meanings / sizeof *meanings; i++) {
        if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) != 0) continue;
        err = meanings[i].err, text = meanings[i].text;
        break;
    }
    if (c->writer) c->failed = err;
    struct span line = first_line(primary ? primary : c->pg ? PQerrorMessage(c->pg) : "");
    return diag_set(d, err, "%s: %s (%.*s)", c->name ? c->name : "the database", text, SPAN_ARG(line));
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

static enum err no_memory(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "memory ran out");
}

/* Takes "schema=NAME" out of the URL's parameters: libpq does not know it. */
static enum err read_url(struct connection *c, const char *url, struct diag *d) {
    struct span rest = span_cstr(url), schema = SPAN("renkei");
    struct span base = span_cut(&rest, '?');
    struct buf text = BUF_EMPTY;
    char separator = '?';
    buf_add(&text, base);
    while (rest.len > 0) {
        struct span option = span_cut(&rest, '&');
        if (span_starts(option, SPAN("schema="))) {
            schema = span_from(option, 7);
            continue;
        }
        buf_add_char(&text, separator);
        buf_add(&text, option);
        separator = '&';
    }
    const char *clean = buf_cstr(&text);
    c->url = clean ? strdup(clean) : NULL;
    buf_free(&text);
    bool fits = schema.len > 0 && schema.len <= PG_SCHEMA_NAME_MAX;
    for (size_t i = 0; fits && i < schema.len; i++) {
        char k = schema.at[i];
        fits = (k >= 'a' && k <= 'z') || k == '_' || (i > 0 && k >= '0' && k <= '9');
    }
    if (!fits) {
        return diag_set(d, ERR_INVALID, "schema=%.*s: a schema's name is 1 to %d of a-z, 0-9 and _", SPAN_ARG(schema),
                        (int)PG_SCHEMA_NAME_MAX);
    }
    c->schema = strndup(schema.at, schema.len);
    return c->url && c->schema ? ERR_NONE : no_memory(d);
}

static void no_notices(void *context, const char *message) {}

/* One look-up at a time is all the store asks for: plans that read whole tables, or all that may match before the
 * first, are never better, whatever an empty table's statistics say. Durability is what store.h promises: a server that
 * is set to less is not obeyed. */
static const char session[] =
    "SET enable_hashjoin=off;SET enable_mergejoin=off;SET enable_seqscan=off;SET jit=off;SET timezone='UTC';"
    "SET enable_bitmapscan=off;SET enable_sort=off;SET max_parallel_workers_per_gather=0;"
    /* A process that stops in the middle must not stop all others: what it holds is taken from it. */
    "SET lock_timeout='120s';SET idle_in_transaction_session_timeout='600s';"
    "SELECT set_config('synchronous_commit','on',false) WHERE current_setting('synchronous_commit')='off'";

static enum err set_session(struct connection *c, struct diag *d) {
    char text[128];
    if (strcmp(PQparameterStatus(c->pg, "server_encoding") ? PQparameterStatus(c->pg, "server_encoding") : "",
               "UTF8") != 0)
        return diag_set(d, ERR_UNSUPPORTED, "%s: a store needs a database in UTF8 (createdb -E UTF8)", c->name);
    if (PQserverVersion(c->pg) < 150000)
        return diag_set(d, ERR_UNSUPPORTED, "%s: a store needs PostgreSQL 15 or newer", c->name);
    snprintf(text, sizeof text, "SET search_path TO %s", c->schema);
    enum err e = pq_exec(c, text, d);
    if (!e) e = pq_exec(c, session, d);
    return e;
}

static enum err begin_session(struct connection *c, struct diag *d) {
    static const char *const keys[] = {"dbname",          "fallback_application_name", "connect_timeout",
                                       "client_encoding", "keepalives_idle",           NULL};
    const char *const texts[] = {c->url, "renkei", "10", "UTF8", "60", NULL};
    c->pg = PQconnectdbParams(keys, texts, 1);
    if (!c->pg) return no_memory(d);
    PQsetNoticeProcessor(c->pg, no_notices, NULL);
    char name[256];
    snprintf(name, sizeof name, "schema %s of database %s", c->schema, PQdb(c->pg) ? PQdb(c->pg) : "?");
    free(c->name);
    c->name = strdup(name);
    if (PQstatus(c->pg) != CONNECTION_OK) {
        struct span line = first_line(PQerrorMessage(c->pg));
        return diag_set(d, ERR_NETWORK, "%s cannot be reached: %.*s", c->name ? c->name : "the database",
                        SPAN_ARG(line));
    }
    return c->name ? set_session(c, d) : no_memory(d);
}

enum err pq_connect(struct connection *c, const char *url, bool writer, struct diag *d) {
    *c = (struct connection){.writer = writer};
    map_init(&c->known);
    enum err e = read_url(c, url, d);
    return e ? e : begin_session(c, d);
}

void pq_disconnect(struct connection *c) {
    if (c->pg) PQfinish(c->pg);
    c->pg = NULL;
    map_free(&c->known);
    free(c->url);
    free(c->schema);
    free(c->name);
    c->url = c->schema = c->name = NULL;
}

enum err pq_revive(struct connection *c, struct diag *d) {
    if (c->pg && PQstatus(c->pg) == CONNECTION_OK) return ERR_NONE;
    if (c->pg) PQfinish(c->pg);
    c->pg = NULL;
    map_clear(&c->known);
    c->prepared = 0;
    c->snapshot = false;
    c->failed = ERR_NONE;
    return begin_session(c, d);
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

void pq_put_number(char at[8], int64_t n) {
    uint64_t big = htobe64((uint64_t)n);
    memcpy(at, &big, sizeof big);
}

int64_t col_int(const PGresult *r, int row, int column) {
    uint64_t big;
    if (PQgetlength(r, row, column) != sizeof big) return 0;
    memcpy(&big, PQgetvalue(r, row, column), sizeof big);
    return (int64_t)be64toh(big);
}

static bool went_well(const PGresult *r) {
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

enum err pq_exec(struct connection *c, const char *sql, struct diag *d) {
    PGresult *r = PQexec(c->pg, sql);
    enum err e = r && went_well(r) ? ERR_NONE : pq_error(c, r, d);
    PQclear(r);
    return e;
}

/* The statement's name, made by its number. */
static enum err prepare(struct connection *c, const char *sql, char name[24], struct diag *d) {
    uint64_t number;
    if (map_get(&c->known, span_cstr(sql), &number)) {
        snprintf(name, 24, "s%llu", (unsigned long long)number);
        return ERR_NONE;
    }
    snprintf(name, 24, "s%llu", (unsigned long long)c->prepared);
    PGresult *r = PQprepare(c->pg, name, sql, 0, NULL);
    enum err e = r && went_well(r) ? ERR_NONE : pq_error(c, r, d);
    PQclear(r);
    if (!e && !map_set(&c->known, span_cstr(sql), c->prepared++, NULL)) e = no_memory(d);
    return e;
}

enum err pq_query(struct connection *c, const char *sql, const struct value *values, size_t count, PGresult **out,
                  struct diag *d) {
    const char *at[PG_VALUES_MAX];
    int len[PG_VALUES_MAX], format[PG_VALUES_MAX];
    char numbers[PG_VALUES_MAX][8], name[24];
    *out = NULL;
    if (c->failed) {
        return diag_set(d, c->failed, "%s: this transaction failed earlier and can only be rolled back", c->name);
    }
    if (count > PG_VALUES_MAX) return diag_set(d, ERR_INTERNAL, "%zu values for: %s", count, sql);
    enum err e = prepare(c, sql, name, d);
    if (e) return e;
    for (size_t i = 0; i < count; i++) {
        const struct value *v = &values[i];
        format[i] = 1;
        at[i] = NULL, len[i] = 0;
        if (v->kind == VALUE_INT) {
            pq_put_number(numbers[i], v->number);
            at[i] = numbers[i], len[i] = 8;
        } else if (v->kind == VALUE_BYTES) {
            at[i] = v->bytes.len ? v->bytes.at : "", len[i] = (int)v->bytes.len; /* store.c: bodies are below 2^27 */
        }
    }
    PGresult *r = PQexecPrepared(c->pg, name, (int)count, at, len, format, 1);
    if (r && went_well(r)) {
        *out = r;
        return ERR_NONE;
    }
    e = pq_error(c, r, d);
    PQclear(r);
    return e;
}

void pq_cancel(struct connection *c) {
    char text[256];
    PGcancel *cancel = PQgetCancel(c->pg);
    if (cancel) PQcancel(cancel, text, sizeof text);
    PQfreeCancel(cancel);
}

enum err pq_run(struct connection *c, const char *sql, const struct value *values, size_t count, int64_t *changed,
                struct diag *d) {
    PGresult *r;
    enum err e = pq_query(c, sql, values, count, &r, d);
    if (!e && changed) *changed = strtoll(PQcmdTuples(r), NULL, 10);
    PQclear(r);
    return e;
}

enum err pq_number(struct connection *c, const char *sql, const struct value *values, size_t count, int64_t *out,
                   bool *found, struct diag *d) {
    PGresult *r;
    if (found) *found = false;
    enum err e = pq_query(c, sql, values, count, &r, d);
    if (!e && PQntuples(r) > 0 && !col_null(r, 0, 0)) {
        *out = col_int(r, 0, 0);
        if (found) *found = true;
    }
    PQclear(r);
    return e;
}

void *pq_rows(struct arena *a, size_t count, size_t size) {
    return arena_zalloc(a, count ? count : 1, size);
}
