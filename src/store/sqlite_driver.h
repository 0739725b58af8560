/* Inside the SQLite driver: what its files share. Nothing outside src/store/sqlite*.c includes this.
 *
 *   sqlite.c            opening, connections, transactions, the driver's table
 *   sqlite_schema.c     the schema, as the list of migrations that make it
 *   sqlite_statement.c  prepared statements, values, errors
 *   sqlite_object.c     STIX ids and types as small numbers
 *   sqlite_deferred.c   index entries that can wait
 *   sqlite_intake.c     adding, publishing and discarding holdings
 *   sqlite_holding.c    reading holdings
 *   sqlite_search.c     full text
 *   sqlite_ledger.c     ledgers, tiles, waiting, decision runs
 *   sqlite_entry.c      ledger entries
 *   sqlite_received.c   partners' ledgers
 *   sqlite_fact.c       named values, documents, sources
 *   sqlite_audit.c      the audit
 *   sqlite_backup.c     copying the whole store while it is in use
 *
 * Rules that hold throughout: a connection is used by one thread at a time; SQL text is a literal at the place of its
 * use and is prepared once a connection; a statement is ended (lite_end) before its function returns; a driver error
 * inside a transaction spoils the transaction (nothing but rollback works then), because SQLite may have rolled it
 * back by itself or left one call half done. */
#ifndef RENKEI_STORE_SQLITE_DRIVER_H
#define RENKEI_STORE_SQLITE_DRIVER_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "base/map.h"
#include "store/driver.h"

enum {
    SQLITE_APPLICATION_ID = 0x524e4b31, /* "RNK1": file(1) and we ourselves know our files by it */
    STATEMENTS_MAX = 512,               /* slots for prepared statements; a connection uses some 130 */
    TYPES_CACHED = 4096,    /* type names a connection remembers: far more than STIX and its extensions have */
    TYPES_COMPACT = 65536,  /* types whose objects get compact keys: two bytes in the key */
    KEY_SIZE = 18,          /* a compact key: the UUID's 16 bytes and the type's number */
    INTERN_SLOTS = 1 << 18, /* recently used ids in the writer: 32 bytes each, 8 MiB */
    INTERN_ABSENT = -1,
    /* Index entries that wait in memory, of each kind: 6 and 4 MiB; entering them delays a commit by about half a
       second. */
    DEFERRED_MAX = 1 << 18,
};

/* ---- statements (sqlite_statement.c) ------------------------------------------------------------------------------
 */

struct statement {
    const char *sql; /* the literal's address is the key */
    unsigned variant;
    sqlite3_stmt *prepared;
};

struct deferred;
struct intern_slot;
struct connection {
    sqlite3 *db;
    const char *path; /* borrowed from the store, for messages */
    bool writer;
    bool snapshot;                /* a reader's explicit snapshot is open */
    unsigned entered;             /* depth of lite_enter() */
    int64_t visible;              /* holdings up to this id exist for this connection right now */
    enum err failed;              /* what spoilt the transaction under way; writer only */
    struct deferred *deferred;    /* the writer's; NULL in a reader */
    struct intern_slot *interned; /* what the writer looked up last, owned; NULL in a reader */
    sqlite3_stmt *pin;            /* holds the read transaction open between enter and leave */
    size_t statement_count;
    struct statement statements[STATEMENTS_MAX];
    struct map type_numbers; /* name → number */
    struct span *type_names; /* by number, owned array of TYPES_CACHED; spans in type_text */
    struct arena type_text;
};

/* A value to bind. */
struct value {
    enum { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB } kind;
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
static inline struct value v_text(struct span s) {
    return (struct value){.kind = VALUE_TEXT, .bytes = s};
}
static inline struct value v_blob(struct span s) {
    return (struct value){.kind = VALUE_BLOB, .bytes = s};
}
/* Empty becomes NULL. */
static inline struct value v_optional(struct span s) {
    return s.len ? v_text(s) : v_null();
}
static inline struct value v_optional_blob(struct span s) {
    return s.len ? v_blob(s) : v_null();
}
/* An argument list: VALUES(v_int(1), v_text(name)). Spans must live until the statement is ended. */
#define VALUES(...)                                                                                                    \
    (const struct value[]){__VA_ARGS__}, sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)
#define NO_VALUES NULL, 0

/* Prepares (once) and binds; the caller steps with lite_next() and ends with lite_end(). sql must be a literal. */
MUST_CHECK enum err lite_query(struct connection *c, const char *sql, const struct value *values, size_t count,
                               sqlite3_stmt **out, struct diag *d);
/* The same for text that is put together: `site` and `variant` name it; make() writes it when it is needed first. */
MUST_CHECK enum err lite_query_variant(struct connection *c, const char *site, unsigned variant,
                                       void (*make)(unsigned variant, sqlite3_str *text), const struct value *values,
                                       size_t count, sqlite3_stmt **out, struct diag *d);
/* *row is false at the end. On an error the statement is ended already. */
MUST_CHECK enum err lite_next(struct connection *c, sqlite3_stmt *st, bool *row, struct diag *d);
void lite_end(sqlite3_stmt *st);
/* Runs a statement that gives no rows. */
MUST_CHECK enum err lite_run(struct connection *c, const char *sql, const struct value *values, size_t count,
                             struct diag *d);
/* One integer: *found (may be NULL) is false and *out unchanged when there is no row or it is NULL. */
MUST_CHECK enum err lite_number(struct connection *c, const char *sql, const struct value *values, size_t count,
                                int64_t *out, bool *found, struct diag *d);
/* Runs text that needs no preparing twice (pragmas, migrations). */
MUST_CHECK enum err lite_exec(struct connection *c, const char *sql, struct diag *d);
/* Turns SQLite's code into ours, with a sentence an operator can act on; spoils the writer's transaction. */
enum err lite_error(struct connection *c, int code, struct diag *d);
void lite_statements_free(struct connection *c);

static inline struct span col_span(sqlite3_stmt *st, int column) {
    const void *at = sqlite3_column_blob(st, column); /* before _bytes(), as SQLite's manual asks */
    return span_of(at, (size_t)sqlite3_column_bytes(st, column));
}
static inline int64_t col_int(sqlite3_stmt *st, int column) {
    return sqlite3_column_int64(st, column);
}
static inline time_us col_time(sqlite3_stmt *st, int column) {
    return sqlite3_column_type(st, column) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(st, column);
}
enum err lite_full(struct diag *d); /* the caller's arena ran out */

/* A row list that grows in an arena. Returns room for one more zeroed row, or NULL. */
struct rows {
    struct arena *arena;
    size_t row_size, count, room;
    char *at;
};
void *lite_row(struct rows *rows);

/* ---- the store (sqlite.c) ------------------------------------------------------------------------------------------
 */

struct intern_slot {
    int64_t id; /* 0 = free, INTERN_ABSENT = there is none */
    uint8_t key[KEY_SIZE];
};

struct deferred_key {
    int64_t id;
    uint8_t key[KEY_SIZE];
};
struct deferred_ref {
    int64_t target, holding;
};
/* sqlite_deferred.c draws it. */
struct deferred {
    struct deferred_key *keys; /* owned, in order of id */
    size_t key_count, key_room, keys_flushed, keys_kept;
    uint32_t *table; /* owned */
    size_t table_size;
    uint64_t seed; /* drawn with the table: a partner chooses its ids, and must not choose them to collide */
    struct deferred_ref *refs; /* owned */
    size_t ref_count, ref_room, refs_flushed, refs_kept;
    bool due; /* the transaction made something visible that needs them */
};

/* A connection and how much of the holdings is to be seen through it. The writer's is lent out in two ways. */
struct lite_reader {
    struct store_reader base;
    struct lite_store *store;
    struct connection *c;
    const int64_t *mark; /* a transaction's: the newest holding to be seen; NULL: lite_enter() finds out */
    struct connection own;
};

struct lite_tx {
    struct store_tx base;
    struct lite_store *store;
    bool open;
};

struct lite_store {
    struct store base;
    enum store_mode mode;
    char *path, *vfs;     /* owned; vfs NULL = SQLite's own */
    int checkpoint_pages; /* 0 = the driver's own choice */
    int lock;             /* the writer's lock file, -1 for none */
    pthread_mutex_t turn; /* one transaction at a time */
    struct lite_tx tx;
    struct connection writer;
    struct lite_reader tx_all, tx_visible; /* the writer, as lent by a transaction */
    /* What the one writer knows without asking; forgotten on rollback. 0 = not known. */
    int64_t next_holding, next_object;
    int64_t published; /* state.visible, as the transaction sees it */
    int64_t append_ledger;
    uint64_t append_seq;
    bool retired;                 /* its file gets another name when it is closed */
    bool pending, pending_before; /* holdings are pending; and when the transaction began */
    struct deferred deferred;
};

static inline struct connection *lite_of(struct store_reader *r) {
    struct lite_reader *reader = (struct lite_reader *)r; /* base is the first member */
    if (reader->mark) reader->c->visible = *reader->mark;
    return reader->c;
}
static inline struct lite_store *lite_store_of(struct store_tx *tx) {
    return ((struct lite_tx *)tx)->store;
}
static inline struct connection *lite_writer(struct store_tx *tx) {
    return &lite_store_of(tx)->writer;
}

/* Between the two, everything the connection reads comes from one commit, and c->visible is its watermark. They nest.
 */
MUST_CHECK enum err lite_enter(struct connection *c, struct diag *d);
void lite_leave(struct connection *c);

/* ---- the schema (sqlite_schema.c) ----------------------------------------------------------------------------------
 */

/* Brings the file up to date, or says why it cannot. */
MUST_CHECK enum err lite_migrate(struct connection *c, struct diag *d);
/* Whether the file is ours and of a schema this program reads. *fresh: nothing is in it yet. */
MUST_CHECK enum err lite_schema_check(struct connection *c, bool *fresh, bool *current, struct diag *d);

/* ---- objects (sqlite_object.c) -------------------------------------------------------------------------------------
 */

/* The number of a type's name; 0 when there is none. Numbers start at 1. */
MUST_CHECK enum err lite_type_find(struct connection *c, struct span name, int64_t *out, struct diag *d);
/* The number of an object; 0 when the store has never heard of it. A reader does not hear of pending holdings'. */
MUST_CHECK enum err lite_object_find(struct connection *c, struct span stix_id, int64_t *out, struct diag *d);
/* The number of an object, made when needed (*fresh). type may be NULL. For pending holdings: the id can be looked up
 * by readers only after lite_deferred_flush(). */
MUST_CHECK enum err lite_object_intern(struct lite_store *s, struct span stix_id, int64_t *id, int64_t *type,
                                       bool *fresh, struct diag *d);
/* The same for what is visible at the commit. */
MUST_CHECK enum err lite_object_intern_visible(struct lite_store *s, struct span stix_id, int64_t *id, int64_t *type,
                                               bool *fresh, struct diag *d);
/* Writes the id whose key stands in a column into text. */
MUST_CHECK enum err lite_object_text(struct connection *c, sqlite3_stmt *st, int column, char text[STORE_ID_MAX],
                                     struct span *out, struct diag *d);
MUST_CHECK enum err lite_type_text(struct connection *c, int64_t number, char text[STORE_ID_MAX], size_t *len,
                                   struct diag *d);
/* Forgets what a rolled-back transaction may have made up. */
void lite_objects_forget(struct connection *c);
void lite_objects_free(struct connection *c);

/* ---- index entries that can wait (sqlite_deferred.c) ---------------------------------------------------------------
 */

MUST_CHECK enum err lite_deferred_key(struct deferred *f, const uint8_t key[KEY_SIZE], int64_t id, struct diag *d);
MUST_CHECK enum err lite_deferred_ref(struct deferred *f, int64_t target, int64_t holding, struct diag *d);
bool lite_deferred_find(const struct deferred *f, const uint8_t key[KEY_SIZE], int64_t *id);
/* Whether the object's key may be among those that wait. */
bool lite_deferred_holds(const struct deferred *f, int64_t object);
/* Enters everything now. */
MUST_CHECK enum err lite_deferred_flush(struct connection *c, struct deferred *f, struct diag *d);
/* Lets go of everything without entering it. */
void lite_deferred_drop(struct deferred *f);
MUST_CHECK enum err lite_deferred_before_commit(struct connection *c, struct deferred *f, struct diag *d);
void lite_deferred_committed(struct deferred *f);
void lite_deferred_rolled_back(struct deferred *f);
void lite_deferred_free(struct deferred *f);

/* ---- holdings (sqlite_holding.c) -----------------------------------------------------------------------------------
 */

/* What lite_holding_read() expects, in this order; with_body adds b.bytes. */
#define HOLDING_COLUMNS                                                                                                \
    "h.id,o.key,h.modified,h.hash_head,h.hash_tail,h.source,h.state,h.revoked,h.observed,h.imported,h.tlp,"            \
    "h.confidence,h.labels"
#define HOLDING_TABLES " FROM holding h CROSS JOIN object o ON o.id=h.object"
#define HOLDING_BODY   " CROSS JOIN body b ON b.id=h.body"
MUST_CHECK enum err lite_holding_read(struct connection *c, sqlite3_stmt *st, bool with_body, struct arena *a,
                                      struct store_holding *out, struct diag *d);
/* The row that counts of an object (by number): 0 when none does. */
MUST_CHECK enum err lite_holding_counting(struct connection *c, int64_t object, int64_t *id, struct diag *d);

/* Enters what a pending holding names in the index of dependencies, and packs it for its row. */
MUST_CHECK enum err lite_refs_add(struct lite_store *s, int64_t id, const struct span *refs, size_t count,
                                  struct buf *packed, struct diag *d);
/* Takes the next object off what was packed; false at the end. */
bool lite_refs_next(struct span *packed, int64_t *object);

/* ---- each file's part of the driver's table -------------------------------------------------------------------------
 */

enum err lite_backup(struct store_reader *r, const char *path,
                     void (*progress)(void *context, uint64_t done, uint64_t total), void *context, struct diag *d);
enum err lite_rows(struct store_reader *r, enum store_rows kind,
                   enum err (*each)(void *context, const struct store_cell *cells, struct diag *d), void *context,
                   struct diag *d);
enum err lite_fill_open(const char *url, struct store_fill **out, struct diag *d);
enum err lite_fill_row(struct store_fill *f, enum store_rows kind, const struct store_cell *cells, struct diag *d);
enum err lite_fill_close(struct store_fill *f, bool keep, struct diag *d);
enum err lite_meta_get(struct store_reader *r, const char *name, struct arena *a, struct span *out, struct diag *d);
enum err lite_meta_set(struct store_tx *tx, const char *name, struct span value, struct diag *d);
enum err lite_document_put(struct store_tx *tx, const struct store_document *doc, struct diag *d);
enum err lite_document_get(struct store_reader *r, const char *kind, struct span key, struct arena *a,
                           struct store_document *out, struct diag *d);
enum err lite_document_list(struct store_reader *r, const char *kind, struct arena *a, struct store_document **out,
                            size_t *count, struct diag *d);
enum err lite_document_delete(struct store_tx *tx, const char *kind, struct span key, struct diag *d);
enum err lite_source_number(struct store_tx *tx, struct span name, uint32_t *out, struct diag *d);
enum err lite_source_name(struct store_reader *r, uint32_t number, struct arena *a, struct span *out, struct diag *d);
enum err lite_source_find(struct store_reader *r, struct span name, uint32_t *out, struct diag *d);
enum err lite_audit_add(struct store_tx *tx, const struct store_audit *entry, struct diag *d);
enum err lite_audit_scan(struct store_reader *r, uint64_t after, size_t limit, struct arena *a,
                         struct store_audit_kept **out, size_t *count, struct diag *d);

enum err lite_holding_add(struct store_tx *tx, const struct store_holding *h, const struct span *refs, size_t ref_count,
                          int64_t *id, bool *added, struct diag *d);
enum err lite_intake_publish(struct store_tx *tx, struct diag *d);
enum err lite_intake_discard(struct store_tx *tx, struct diag *d);

enum err lite_holding_visible(struct store_reader *r, int64_t *out, struct diag *d);
enum err lite_holding_get(struct store_reader *r, int64_t id, struct arena *a, struct store_holding *out,
                          struct diag *d);
enum err lite_holding_latest(struct store_reader *r, struct span stix_id, struct arena *a, struct store_holding *out,
                             struct diag *d);
enum err lite_holding_history(struct store_reader *r, struct span stix_id, bool with_body, struct arena *a,
                              struct store_holding **out, size_t *count, struct diag *d);
enum err lite_holding_each(struct store_reader *r, int64_t after, int64_t upto, struct span type, bool with_body,
                           bool (*each)(void *context, const struct store_holding *h), void *context, struct diag *d);
enum err lite_holding_scan(struct store_reader *r, int64_t after, struct span type, size_t limit, struct arena *a,
                           struct store_holding **out, size_t *count, struct diag *d);
enum err lite_holding_undecided(struct store_reader *r, int64_t ledger, int64_t after, size_t limit, struct arena *a,
                                struct store_holding **out, size_t *count, struct diag *d);
enum err lite_holding_naming(struct store_reader *r, struct span stix_id, int64_t after, size_t limit, struct arena *a,
                             int64_t **out, size_t *count, struct diag *d);
enum err lite_holding_totals(struct store_reader *r, struct arena *a, struct store_total **out, size_t *count,
                             struct diag *d);
/* Another "holdings-altered" among the named values: a holding that readers see is not as it was. */
/* Takes a holding's references, packed, out of the index of dependencies. */
enum err lite_refs_remove(struct connection *c, int64_t holding, struct span packed, struct diag *d);
enum err lite_holdings_altered(struct connection *c, struct diag *d);
enum err lite_object_erase(struct store_tx *tx, struct span stix_id, int64_t source, uint64_t *versions,
                           struct diag *d);
enum err lite_scrub(struct store *base, struct diag *d);
enum err lite_holding_set_state(struct store_tx *tx, int64_t id, enum store_state state, struct diag *d);

enum err lite_text_add(struct store_tx *tx, int64_t id, struct span text, struct diag *d);
enum err lite_search(struct store_reader *r, const struct store_query *q, struct arena *a, struct store_holding **out,
                     size_t *count, struct diag *d);

enum err lite_ledger_create(struct store_tx *tx, const struct store_ledger *l, int64_t *id, struct diag *d);
enum err lite_ledger_list(struct store_reader *r, struct arena *a, struct store_ledger **out, size_t *count,
                          struct diag *d);
enum err lite_ledger_get(struct store_reader *r, int64_t id, struct arena *a, struct store_ledger *out, struct diag *d);
enum err lite_ledger_update(struct store_tx *tx, const struct store_ledger *l, struct diag *d);
enum err lite_tile_put(struct store_tx *tx, int64_t ledger, unsigned level, uint64_t index, struct span hashes,
                       struct diag *d);
enum err lite_tile_get(struct store_reader *r, int64_t ledger, unsigned level, uint64_t index, struct arena *a,
                       struct span *out, struct diag *d);
enum err lite_waiting_add(struct store_tx *tx, int64_t ledger, struct span needs, int64_t holding, struct diag *d);
enum err lite_waiting_take(struct store_tx *tx, int64_t ledger, struct span needs, struct arena *a, int64_t **out,
                           size_t *count, struct diag *d);
enum err lite_decision_add(struct store_tx *tx, const struct store_decision_run *run, struct diag *d);
enum err lite_decision_find(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                            struct store_decision_run *out, struct diag *d);

enum err lite_entry_add(struct store_tx *tx, const struct store_entry *e, struct diag *d);
enum err lite_entry_withdraw(struct store_tx *tx, int64_t ledger, uint64_t seq, struct diag *d);
enum err lite_entry_set_state(struct store_tx *tx, int64_t ledger, uint64_t seq, enum store_entry_state state,
                              struct diag *d);
enum err lite_entry_get(struct store_reader *r, int64_t ledger, uint64_t seq, struct arena *a, struct store_entry *out,
                        struct diag *d);
enum err lite_entry_each(struct store_reader *r, const struct store_entry_query *q,
                         bool (*each)(void *context, const struct store_entry *e), void *context, struct diag *d);
enum err lite_entry_out(struct store_reader *r, int64_t ledger, uint8_t *bits, int64_t count, struct diag *d);
enum err lite_entry_after(struct store_reader *r, int64_t ledger, time_us t, uint64_t *seq, struct diag *d);
enum err lite_entry_current(struct store_reader *r, int64_t ledger, struct span stix_id, struct store_entry *out,
                            struct diag *d);
enum err lite_entry_of_holding(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                               struct store_entry *out, struct diag *d);

enum err lite_received_add(struct store_tx *tx, struct span origin, const struct store_received *e, struct diag *d);
enum err lite_received_scan(struct store_reader *r, struct span origin, uint64_t from, size_t limit, struct arena *a,
                            struct store_received **out, size_t *count, struct diag *d);
enum err lite_received_of(struct store_reader *r, int64_t holding, struct arena *a, struct store_received **out,
                          size_t *count, struct diag *d);
enum err lite_received_withdraw(struct store_tx *tx, struct span origin, uint64_t seq, int64_t *holding,
                                struct diag *d);
enum err lite_received_from(struct store_reader *r, struct span stix_id, uint32_t source, bool *out, struct diag *d);

#endif
