/* Inside the PostgreSQL driver: what its files share. Nothing outside src/store/postgres*.c includes this.
 *
 *   postgres.c            opening, transactions, the driver's table
 *   postgres_schema.c     the schema, as the list of steps that make it
 *   postgres_connection.c connections, statements, values, errors
 *   postgres_copy.c       rows that wait to be entered by COPY
 *   postgres_intake.c     adding, publishing and discarding holdings
 *   postgres_holding.c    reading holdings
 *   postgres_search.c     full text
 *   postgres_ledger.c     ledgers, tiles, waiting, decision runs
 *   postgres_entry.c      ledger entries
 *   postgres_received.c   partners' ledgers
 *   postgres_rows.c       all rows, out and in
 *   postgres_fact.c       named values, documents, sources, the audit
 *   postgres_erase.c      erasure
 *
 * Every number is a bigint and every text from outside a bytea: what a partner may write (a NUL, any order of bytes)
 * then needs no exception, sorts by its bytes whatever the database's locale, and travels in binary.
 *
 * One writer at a time, over all processes: a transaction locks the one row of `state` first, and so sees all that was
 * committed before it, and numbers holdings, entries and the audit without a gap. An intake lasts several
 * transactions: whoever adds the first pending holding takes the realm's intake lock for its session, and keeps it
 * until they are published or discarded; what a killed process left pending is discarded by whoever takes it next.
 *
 * A failed statement spoils the transaction, as PostgreSQL has it: nothing but rollback works then. */
#ifndef RENKEI_STORE_POSTGRES_DRIVER_H
#define RENKEI_STORE_POSTGRES_DRIVER_H

#include <libpq-fe.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/map.h"
#include "store/driver.h"

enum {
    BYTEA_OID = 17,             /* as pg_type.dat numbers it */
    PG_VALUES_MAX = 32,         /* parameters of one statement; the widest, a search for twelve words, has 31 */
    PG_SCHEMA_NAME_MAX = 40,    /* of NAMEDATALEN 63, the rest for the names of locks */
    PG_COPY_BYTES = 4 << 20,    /* rows waiting for COPY are entered when they reach this: bounds memory */
    PG_COPY_ROWS = 20000,       /* or this many: a commit should not have everything left to do */
    PG_HEARD_MAX = 1 << 16,     /* ids of waiting holdings that are remembered */
    PG_INTAKE_WAIT_MS = 120000, /* another process may be importing a large file */
    PG_INTAKE_POLL_MS = 20,
};

/* ---- connections and statements (postgres_connection.c) ------------------------------------------------------------
 */

struct connection {
    PGconn *pg;
    char *url, *schema; /* owned; url without our own parameters */
    char *name;         /* owned; for messages: no password in it */
    bool writer;
    bool snapshot;    /* a reader's explicit snapshot is open */
    enum err failed;  /* what spoilt the transaction under way; writer only */
    struct map known; /* SQL text → number of its prepared statement */
    uint64_t prepared;
};

struct value {
    enum { VALUE_NULL, VALUE_INT, VALUE_BYTES } kind;
    int64_t number;
    struct span bytes;
};
static inline struct value v_null(void) {
    return (struct value){.kind = VALUE_NULL};
}
static inline struct value v_int(int64_t n) {
    return (struct value){.kind = VALUE_INT, .number = n};
}
static inline struct value v_time(time_us t) {
    return t == TIME_NONE ? v_null() : v_int(t);
}
static inline struct value v_bytes(struct span s) {
    return (struct value){.kind = VALUE_BYTES, .bytes = s};
}
/* 0 and empty become NULL. */
static inline struct value v_number(int64_t n) {
    return n ? v_int(n) : v_null();
}
static inline struct value v_optional(struct span s) {
    return s.len ? v_bytes(s) : v_null();
}
#define VALUES(...)                                                                                                    \
    (const struct value[]){__VA_ARGS__}, sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)
#define NO_VALUES NULL, 0

MUST_CHECK enum err pq_connect(struct connection *c, const char *url, bool writer, struct diag *d);
void pq_disconnect(struct connection *c);
/* Connects again when the server closed the connection (it was restarted, a pooler timed out) between two calls. */
MUST_CHECK enum err pq_revive(struct connection *c, struct diag *d);

/* Runs a statement (prepared on first use, by its text); all of its rows are in *out, for PQclear(). */
MUST_CHECK enum err pq_query(struct connection *c, const char *sql, const struct value *values, size_t count,
                             PGresult **out, struct diag *d);
/* The same for one that gives no rows; *changed (may be NULL): how many it wrote. */
MUST_CHECK enum err pq_run(struct connection *c, const char *sql, const struct value *values, size_t count,
                           int64_t *changed, struct diag *d);
/* One integer: *found (may be NULL) is false and *out unchanged when there is no row or it is NULL. */
MUST_CHECK enum err pq_number(struct connection *c, const char *sql, const struct value *values, size_t count,
                              int64_t *out, bool *found, struct diag *d);
/* Runs text that needs no preparing, several statements too. */
MUST_CHECK enum err pq_exec(struct connection *c, const char *sql, struct diag *d);
/* What the server, or libpq, says of the last call, as ours; `result` may be NULL. Spoils the writer's transaction. */
enum err pq_error(struct connection *c, const PGresult *result, struct diag *d);
enum err pq_full(struct diag *d); /* the caller's arena ran out */

static inline bool col_null(const PGresult *r, int row, int column) {
    return PQgetisnull(r, row, column);
}
static inline struct span col_span(const PGresult *r, int row, int column) {
    return span_of(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}
/* 0 for NULL. */
int64_t col_int(const PGresult *r, int row, int column);
static inline time_us col_time(const PGresult *r, int row, int column) {
    return col_null(r, row, column) ? TIME_NONE : col_int(r, row, column);
}
/* Has the server stop the statement whose rows are being read; the rest is still to be read. */
void pq_cancel(struct connection *c);
void pq_put_number(char at[8], int64_t n); /* big-endian, as the protocol has it */

/* ---- rows that wait (postgres_copy.c) ------------------------------------------------------------------------------
 */

enum pq_table { PQ_BODY, PQ_HOLDING, PQ_REF, PQ_ENTRY, PQ_RECEIVED, PQ_TABLES };
struct pq_copy {
    struct buf rows[PQ_TABLES];
    size_t count;
    int64_t ledger;     /* the ledger whose entries wait; only one at a time does */
    int64_t first_seq;  /* the first of them */
    struct map objects; /* theirs: 1 */
};
MUST_CHECK enum err pq_copy_row(struct connection *c, struct pq_copy *copy, enum pq_table table,
                                const struct value *values, size_t count, struct diag *d);
/* Enters all that waits; every statement of a transaction that could see it comes after this. */
MUST_CHECK enum err pq_copy_flush(struct connection *c, struct pq_copy *copy, struct diag *d);
void pq_copy_drop(struct pq_copy *copy);
/* The format of COPY BINARY: its head, a row, its end; and the server's answer to all of it. */
void pq_copy_begin(struct buf *b);
void pq_copy_values(struct buf *b, const struct value *values, size_t count);
void pq_copy_end(struct buf *b);
MUST_CHECK enum err pq_copy_finish(struct connection *c, struct diag *d);
void pq_copy_free(struct pq_copy *copy);

/* ---- the store (postgres.c) ----------------------------------------------------------------------------------------
 */

/* A connection and how much of the holdings is to be seen through it. */
struct pq_reader {
    struct store_reader base;
    struct connection *c;
    const int64_t *mark;    /* a transaction's: the newest holding to be seen; NULL: what is published */
    struct pq_store *store; /* a transaction's: whose waiting rows are entered before anything is read */
    struct connection own;
    bool walking; /* in entry_each() */
};

struct pq_tx {
    struct store_tx base;
    struct pq_store *store;
    bool open;
};

struct pq_store {
    struct store base;
    enum store_mode mode;
    char *url; /* owned */
    pthread_mutex_t turn;
    struct pq_tx tx;
    struct connection writer;
    struct pq_reader tx_all, tx_visible;
    struct pq_copy copy;
    struct map heard;                    /* ids of holdings whose rows wait */
    struct map absent;                   /* ids of which nothing is held, while nobody else may add: 1; 0 = no more */
    int64_t published, newest;           /* as the transaction sees them: the row of `state` it holds locked */
    int64_t published_kept, newest_kept; /* as the row says it */
    bool intake;                         /* this session has the realm's intake lock */
    bool wrote;                          /* something in this transaction */
    int64_t append_ledger;
    uint64_t append_first, append_seq; /* the next seq, when the transaction began to append and now */
    struct buf received_origin; /* the partner's ledger being taken in, its number, and its first seq not there yet */
    int64_t received_number;
    uint64_t received_next;
};

static inline struct pq_store *pq_store_of(struct store_tx *tx) {
    return ((struct pq_tx *)tx)->store;
}
/* The connection to read from, and the mark to bind where a statement says `VISIBLE`. */
MUST_CHECK enum err pq_enter(struct store_reader *r, struct connection **c, struct value *mark, struct diag *d);
/* The writer's connection, with nothing waiting. */
MUST_CHECK enum err pq_writer(struct store_tx *tx, struct connection **c, struct diag *d);
/* The same two for tables that COPY does not fill: rows that wait for others go on waiting. */
MUST_CHECK enum err pq_enter_aside(struct store_reader *r, struct connection **c, struct diag *d);
static inline struct connection *pq_aside(struct store_tx *tx) {
    return &pq_store_of(tx)->writer;
}
/* The newest holding that is to be seen, from parameter `n`. */
#define VISIBLE(n) "coalesce($" #n "::bigint,(SELECT visible FROM state))"

/* Enters all rows that wait; the latter when there are many. */
MUST_CHECK enum err pq_flush(struct pq_store *s, struct diag *d);
/* Whether nothing is held of the object, waiting rows included; false: perhaps. */
bool pq_is_absent(const struct pq_store *s, struct span stix_id);
MUST_CHECK enum err pq_flush_if_many(struct pq_store *s, struct diag *d);

/* The session's lock on the realm's intakes; *got is false when another process has it. */
MUST_CHECK enum err pq_intake_lock(struct pq_store *s, bool *got, struct diag *d);
/* The same, waiting for another process's intake. */
MUST_CHECK enum err pq_intake_take(struct pq_store *s, struct diag *d);

MUST_CHECK enum err pq_migrate(struct connection *c, struct diag *d);
/* Whether the schema is there and one this program reads. */
MUST_CHECK enum err pq_schema_check(struct connection *c, bool *fresh, bool *current, struct diag *d);

/* What stands before "--", or all of it. */
static inline struct span pq_type_of(struct span stix_id) {
    return span_first(stix_id, span_find(stix_id, SPAN("--")));
}
/* A row list that grows in an arena. Returns room for one more zeroed row, or NULL. */
void *pq_rows(struct arena *a, size_t count, size_t size);

/* What pq_holding_read() expects, in this order; with_body adds b.bytes. */
#define HOLDING_COLUMNS                                                                                                \
    "h.id,h.stix_id,h.type,h.modified,h.hash,h.source,h.state,h.revoked,h.observed,h.imported,h.tlp,h.confidence,"     \
    "h.labels"
#define HOLDING_BODY " JOIN body b ON b.id=h.body"
MUST_CHECK enum err pq_holding_read(const PGresult *rows, int row, bool with_body, struct arena *a,
                                    struct store_holding *out, struct diag *d);
MUST_CHECK enum err pq_holding_list(PGresult *rows, bool with_body, struct arena *a, struct store_holding **out,
                                    size_t *count, struct diag *d);
MUST_CHECK enum err pq_holdings_altered(struct connection *c, struct diag *d);

enum err pq_scrub(struct store *base, struct diag *d);

/* ---- each file's part of the driver's table ------------------------------------------------------------------------
 */

enum err pq_rows_each(struct store_reader *r, enum store_rows kind,
                      enum err (*each)(void *context, const struct store_cell *cells, struct diag *d), void *context,
                      struct diag *d);
enum err pq_fill_open(const char *url, struct store_fill **out, struct diag *d);
enum err pq_fill_row(struct store_fill *f, enum store_rows kind, const struct store_cell *cells, struct diag *d);
enum err pq_fill_close(struct store_fill *f, bool keep, struct diag *d);
enum err pq_retire(struct store_tx *tx, struct diag *d);
enum err pq_meta_get(struct store_reader *r, const char *name, struct arena *a, struct span *out, struct diag *d);
enum err pq_meta_set(struct store_tx *tx, const char *name, struct span value, struct diag *d);
enum err pq_document_put(struct store_tx *tx, const struct store_document *doc, struct diag *d);
enum err pq_document_get(struct store_reader *r, const char *kind, struct span key, struct arena *a,
                         struct store_document *out, struct diag *d);
enum err pq_document_list(struct store_reader *r, const char *kind, struct arena *a, struct store_document **out,
                          size_t *count, struct diag *d);
enum err pq_document_delete(struct store_tx *tx, const char *kind, struct span key, struct diag *d);
enum err pq_source_number(struct store_tx *tx, struct span name, uint32_t *out, struct diag *d);
enum err pq_source_name(struct store_reader *r, uint32_t number, struct arena *a, struct span *out, struct diag *d);
enum err pq_source_find(struct store_reader *r, struct span name, uint32_t *out, struct diag *d);
enum err pq_audit_add(struct store_tx *tx, const struct store_audit *entry, struct diag *d);
enum err pq_audit_scan(struct store_reader *r, uint64_t after, size_t limit, struct arena *a,
                       struct store_audit_kept **out, size_t *count, struct diag *d);
enum err pq_holding_add(struct store_tx *tx, const struct store_holding *h, const struct span *refs, size_t ref_count,
                        int64_t *id, bool *added, struct diag *d);
enum err pq_holding_expect(struct store_tx *tx, const struct span *ids, size_t count, struct diag *d);
enum err pq_intake_publish(struct store_tx *tx, struct diag *d);
enum err pq_intake_discard(struct store_tx *tx, struct diag *d);
enum err pq_holding_visible(struct store_reader *r, int64_t *out, struct diag *d);
enum err pq_holding_get(struct store_reader *r, int64_t id, struct arena *a, struct store_holding *out, struct diag *d);
enum err pq_holding_latest(struct store_reader *r, struct span stix_id, struct arena *a, struct store_holding *out,
                           struct diag *d);
enum err pq_holding_history(struct store_reader *r, struct span stix_id, bool with_body, struct arena *a,
                            struct store_holding **out, size_t *count, struct diag *d);
enum err pq_holding_scan(struct store_reader *r, int64_t after, struct span type, size_t limit, struct arena *a,
                         struct store_holding **out, size_t *count, struct diag *d);
enum err pq_holding_each(struct store_reader *r, int64_t after, int64_t upto, struct span type, bool with_body,
                         bool (*each)(void *context, const struct store_holding *h), void *context, struct diag *d);
enum err pq_holding_undecided(struct store_reader *r, int64_t ledger, int64_t after, size_t limit, struct arena *a,
                              struct store_holding **out, size_t *count, struct diag *d);
enum err pq_holding_naming(struct store_reader *r, struct span stix_id, int64_t after, size_t limit, struct arena *a,
                           int64_t **out, size_t *count, struct diag *d);
enum err pq_holding_totals(struct store_reader *r, struct arena *a, struct store_total **out, size_t *count,
                           struct diag *d);
enum err pq_holding_set_state(struct store_tx *tx, int64_t id, enum store_state state, struct diag *d);
enum err pq_object_erase(struct store_tx *tx, struct span stix_id, int64_t source, uint64_t *versions, struct diag *d);
enum err pq_text_add(struct store_tx *tx, int64_t id, struct span text, struct diag *d);
enum err pq_search(struct store_reader *r, const struct store_query *q, struct arena *a, struct store_holding **out,
                   size_t *count, struct diag *d);
enum err pq_ledger_create(struct store_tx *tx, const struct store_ledger *l, int64_t *id, struct diag *d);
enum err pq_ledger_list(struct store_reader *r, struct arena *a, struct store_ledger **out, size_t *count,
                        struct diag *d);
enum err pq_ledger_get(struct store_reader *r, int64_t id, struct arena *a, struct store_ledger *out, struct diag *d);
enum err pq_ledger_update(struct store_tx *tx, const struct store_ledger *l, struct diag *d);
enum err pq_entry_add(struct store_tx *tx, const struct store_entry *e, struct diag *d);
enum err pq_entry_withdraw(struct store_tx *tx, int64_t ledger, uint64_t seq, struct diag *d);
enum err pq_entry_set_state(struct store_tx *tx, int64_t ledger, uint64_t seq, enum store_entry_state state,
                            struct diag *d);
enum err pq_entry_get(struct store_reader *r, int64_t ledger, uint64_t seq, struct arena *a, struct store_entry *out,
                      struct diag *d);
enum err pq_entry_each(struct store_reader *r, const struct store_entry_query *q,
                       bool (*each)(void *context, const struct store_entry *e), void *context, struct diag *d);
enum err pq_entry_out(struct store_reader *r, int64_t ledger, uint8_t *bits, int64_t count, struct diag *d);
enum err pq_entry_after(struct store_reader *r, int64_t ledger, time_us t, uint64_t *seq, struct diag *d);
enum err pq_entry_current(struct store_reader *r, int64_t ledger, struct span stix_id, struct store_entry *out,
                          struct diag *d);
enum err pq_entry_of_holding(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                             struct store_entry *out, struct diag *d);
enum err pq_tile_put(struct store_tx *tx, int64_t ledger, unsigned level, uint64_t index, struct span hashes,
                     struct diag *d);
enum err pq_tile_get(struct store_reader *r, int64_t ledger, unsigned level, uint64_t index, struct arena *a,
                     struct span *out, struct diag *d);
enum err pq_waiting_add(struct store_tx *tx, int64_t ledger, struct span needs, int64_t holding, struct diag *d);
enum err pq_waiting_take(struct store_tx *tx, int64_t ledger, struct span needs, struct arena *a, int64_t **out,
                         size_t *count, struct diag *d);
enum err pq_decision_add(struct store_tx *tx, const struct store_decision_run *run, struct diag *d);
enum err pq_decision_find(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                          struct store_decision_run *out, struct diag *d);
enum err pq_received_add(struct store_tx *tx, struct span origin, const struct store_received *e, struct diag *d);
enum err pq_received_scan(struct store_reader *r, struct span origin, uint64_t from, size_t limit, struct arena *a,
                          struct store_received **out, size_t *count, struct diag *d);
enum err pq_received_of(struct store_reader *r, int64_t holding, struct arena *a, struct store_received **out,
                        size_t *count, struct diag *d);
enum err pq_received_withdraw(struct store_tx *tx, struct span origin, uint64_t seq, int64_t *holding, struct diag *d);
enum err pq_received_from(struct store_reader *r, struct span stix_id, uint32_t source, bool *out, struct diag *d);

#endif
