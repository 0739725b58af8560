/* What a store driver must do: one function for each of store.h that reaches the data. store.c checks arguments and
 * limits, then calls through this table; a driver may rely on those checks (no page above STORE_PAGE_MAX, no id, seq
 * or body out of range). Contracts are store.h's: this header only gives them to a driver.
 *
 * Adding a driver: fill one table, name it in store.c's list of schemes, and add it to the list of drivers in
 * tests/store/fixture.c: every test then runs against it. */
#ifndef RENKEI_STORE_DRIVER_H
#define RENKEI_STORE_DRIVER_H

#include "store/store.h"

/* ---- all rows of a store, out and in: for store_copy() ----
 *
 * The kinds come in this order, each with these cells, the rows of each in the order of their first cells. Times and
 * numbers that are not there are NULL; what is pending, the totals and the full text are left out. */
enum store_rows {
    STORE_ROWS_META,     /* name, value */
    STORE_ROWS_DOCUMENT, /* kind, key, time, body */
    STORE_ROWS_SOURCE,   /* number, name; not that of this party */
    STORE_ROWS_AUDIT,    /* number, time, actor, operation, detail, outcome, chain */
    STORE_ROWS_BODY,     /* number, bytes */
    STORE_ROWS_HOLDING,  /* id, stix_id, modified, hash, source, state, revoked, observed, imported, tlp, confidence,
                            labels, number of its body */
    STORE_ROWS_REF,      /* holding, the id it names */
    STORE_ROWS_LEDGER,   /* id, publisher, recipient, lineage, origin, collection, size, last_time, frontier,
                            checkpoint, cosignature, cosigned_size, cosigned_time, cursor, cursor_agreement */
    STORE_ROWS_ENTRY,    /* ledger, seq, time, decided, state, stix_id, modified, holding, number of its body, its own
                            bytes, record, salt */
    STORE_ROWS_TILE,     /* ledger, level, index, hashes */
    STORE_ROWS_WAITING,  /* ledger, what for, holding */
    STORE_ROWS_DECISION, /* ledger, number, first, last, time, agreement */
    STORE_ROWS_ORIGIN,   /* number, name */
    STORE_ROWS_RECEIVED, /* number of the origin, seq, holding, record, salt, withdrawn */
    STORE_ROWS_STATE,    /* newest holding */
    STORE_ROWS_KINDS
};
enum { STORE_CELLS_MAX = 15 };
struct store_cell {
    enum { CELL_NULL, CELL_NUMBER, CELL_BYTES } kind;
    int64_t number;
    struct span bytes;
};
/* The first member of what a driver fills a new store with. */
struct store_fill {
    const struct store_driver *driver;
};

struct store_driver {
    const char *name;

    enum err (*open)(const char *url, enum store_mode mode, struct store **out, struct diag *d);
    void (*close)(struct store *s);
    enum err (*reader_open)(struct store *s, struct store_reader **out, struct diag *d);
    enum err (*reader_twin)(struct store_reader *r, struct store_reader **out, struct diag *d);
    void (*reader_close)(struct store_reader *r);
    enum err (*reader_snapshot)(struct store_reader *r, struct diag *d);
    void (*reader_release)(struct store_reader *r);
    /* NULL: the database has its own way to be copied. */
    enum err (*backup)(struct store_reader *r, const char *path,
                       void (*progress)(void *context, uint64_t done, uint64_t total), void *context, struct diag *d);
    /* Every row of one kind, borrowed while `each` runs, which returns an error to stop. */
    enum err (*rows)(struct store_reader *r, enum store_rows kind,
                     enum err (*each)(void *context, const struct store_cell *cells, struct diag *d), void *context,
                     struct diag *d);
    /* A new store is there as a whole once it is closed with `keep`; otherwise, and when the process ends before,
     * nothing is. ERR_EXISTS: there is one already. Close it after an error, too. */
    enum err (*fill_open)(const char *url, struct store_fill **out, struct diag *d);
    enum err (*fill_row)(struct store_fill *f, enum store_rows kind, const struct store_cell *cells, struct diag *d);
    enum err (*fill_close)(struct store_fill *f, bool keep, struct diag *d);
    /* Ends the transaction like a rollback. Nobody finds the store at its address any more once it is closed. */
    enum err (*retire)(struct store_tx *tx, struct diag *d);
    enum err (*begin)(struct store *s, struct store_tx **out, struct diag *d);
    /* Ends the transaction whatever it returns; an error means that nothing of it was kept. */
    enum err (*commit)(struct store_tx *tx, struct diag *d);
    void (*rollback)(struct store_tx *tx);
    struct store_reader *(*tx_reader)(struct store_tx *tx);
    struct store_reader *(*tx_visible)(struct store_tx *tx);

    enum err (*meta_get)(struct store_reader *r, const char *name, struct arena *a, struct span *out, struct diag *d);
    enum err (*meta_set)(struct store_tx *tx, const char *name, struct span value, struct diag *d);
    enum err (*document_put)(struct store_tx *tx, const struct store_document *doc, struct diag *d);
    enum err (*document_get)(struct store_reader *r, const char *kind, struct span key, struct arena *a,
                             struct store_document *out, struct diag *d);
    enum err (*document_list)(struct store_reader *r, const char *kind, struct arena *a, struct store_document **out,
                              size_t *count, struct diag *d);
    enum err (*document_delete)(struct store_tx *tx, const char *kind, struct span key, struct diag *d);
    enum err (*source_number)(struct store_tx *tx, struct span name, uint32_t *out, struct diag *d);
    enum err (*source_name)(struct store_reader *r, uint32_t number, struct arena *a, struct span *out, struct diag *d);
    enum err (*source_find)(struct store_reader *r, struct span name, uint32_t *out, struct diag *d);
    enum err (*audit_add)(struct store_tx *tx, const struct store_audit *entry, struct diag *d);
    enum err (*audit_scan)(struct store_reader *r, uint64_t after, size_t limit, struct arena *a,
                           struct store_audit_kept **out, size_t *count, struct diag *d);

    enum err (*holding_add)(struct store_tx *tx, const struct store_holding *h, const struct span *refs,
                            size_t ref_count, int64_t *id, bool *added, struct diag *d);
    /* NULL: a look-up is cheap. */
    enum err (*holding_expect)(struct store_tx *tx, const struct span *ids, size_t count, struct diag *d);
    enum err (*intake_publish)(struct store_tx *tx, struct diag *d);
    enum err (*intake_discard)(struct store_tx *tx, struct diag *d);
    enum err (*holding_visible)(struct store_reader *r, int64_t *out, struct diag *d);
    enum err (*holding_get)(struct store_reader *r, int64_t id, struct arena *a, struct store_holding *out,
                            struct diag *d);
    enum err (*holding_latest)(struct store_reader *r, struct span stix_id, struct arena *a, struct store_holding *out,
                               struct diag *d);
    enum err (*holding_history)(struct store_reader *r, struct span stix_id, bool with_body, struct arena *a,
                                struct store_holding **out, size_t *count, struct diag *d);
    enum err (*holding_scan)(struct store_reader *r, int64_t after, struct span type, size_t limit, struct arena *a,
                             struct store_holding **out, size_t *count, struct diag *d);
    enum err (*holding_undecided)(struct store_reader *r, int64_t ledger, int64_t after, size_t limit, struct arena *a,
                                  struct store_holding **out, size_t *count, struct diag *d);
    enum err (*holding_each)(struct store_reader *r, int64_t after, int64_t upto, struct span type, bool with_body,
                             bool (*each)(void *context, const struct store_holding *h), void *context, struct diag *d);
    enum err (*holding_naming)(struct store_reader *r, struct span stix_id, int64_t after, size_t limit,
                               struct arena *a, int64_t **out, size_t *count, struct diag *d);
    enum err (*holding_totals)(struct store_reader *r, struct arena *a, struct store_total **out, size_t *count,
                               struct diag *d);
    enum err (*holding_set_state)(struct store_tx *tx, int64_t id, enum store_state state, struct diag *d);

    enum err (*object_erase)(struct store_tx *tx, struct span stix_id, int64_t source, uint64_t *versions,
                             struct diag *d);
    enum err (*scrub)(struct store *s, struct diag *d);

    enum err (*text_add)(struct store_tx *tx, int64_t id, struct span text, struct diag *d);
    enum err (*search)(struct store_reader *r, const struct store_query *q, struct arena *a, struct store_holding **out,
                       size_t *count, struct diag *d);

    enum err (*ledger_create)(struct store_tx *tx, const struct store_ledger *l, int64_t *id, struct diag *d);
    enum err (*ledger_list)(struct store_reader *r, struct arena *a, struct store_ledger **out, size_t *count,
                            struct diag *d);
    enum err (*ledger_get)(struct store_reader *r, int64_t id, struct arena *a, struct store_ledger *out,
                           struct diag *d);
    enum err (*ledger_update)(struct store_tx *tx, const struct store_ledger *l, struct diag *d);
    enum err (*entry_add)(struct store_tx *tx, const struct store_entry *e, struct diag *d);
    enum err (*entry_withdraw)(struct store_tx *tx, int64_t ledger, uint64_t seq, struct diag *d);
    enum err (*entry_set_state)(struct store_tx *tx, int64_t ledger, uint64_t seq, enum store_entry_state state,
                                struct diag *d);
    enum err (*entry_get)(struct store_reader *r, int64_t ledger, uint64_t seq, struct arena *a,
                          struct store_entry *out, struct diag *d);
    /* entry_scan is made of this one. */
    enum err (*entry_each)(struct store_reader *r, const struct store_entry_query *q,
                           bool (*each)(void *context, const struct store_entry *e), void *context, struct diag *d);
    enum err (*entry_out)(struct store_reader *r, int64_t ledger, uint8_t *bits, int64_t count, struct diag *d);
    enum err (*entry_after)(struct store_reader *r, int64_t ledger, time_us t, uint64_t *seq, struct diag *d);
    enum err (*entry_current)(struct store_reader *r, int64_t ledger, struct span stix_id, struct store_entry *out,
                              struct diag *d);
    enum err (*entry_of_holding)(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                                 struct store_entry *out, struct diag *d);
    enum err (*tile_put)(struct store_tx *tx, int64_t ledger, unsigned level, uint64_t index, struct span hashes,
                         struct diag *d);
    enum err (*tile_get)(struct store_reader *r, int64_t ledger, unsigned level, uint64_t index, struct arena *a,
                         struct span *out, struct diag *d);
    enum err (*waiting_add)(struct store_tx *tx, int64_t ledger, struct span needs, int64_t holding, struct diag *d);
    enum err (*waiting_take)(struct store_tx *tx, int64_t ledger, struct span needs, struct arena *a, int64_t **out,
                             size_t *count, struct diag *d);
    enum err (*decision_add)(struct store_tx *tx, const struct store_decision_run *run, struct diag *d);
    enum err (*decision_find)(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                              struct store_decision_run *out, struct diag *d);

    enum err (*received_add)(struct store_tx *tx, struct span origin, const struct store_received *e, struct diag *d);
    enum err (*received_scan)(struct store_reader *r, struct span origin, uint64_t from, size_t limit, struct arena *a,
                              struct store_received **out, size_t *count, struct diag *d);
    enum err (*received_of)(struct store_reader *r, int64_t holding, struct arena *a, struct store_received **out,
                            size_t *count, struct diag *d);
    enum err (*received_withdraw)(struct store_tx *tx, struct span origin, uint64_t seq, int64_t *holding,
                                  struct diag *d);
    enum err (*received_from)(struct store_reader *r, struct span stix_id, uint32_t source, bool *out, struct diag *d);
};

/* The first member of a driver's own structures. */
struct store {
    const struct store_driver *driver;
};
struct store_reader {
    const struct store_driver *driver;
};
struct store_tx {
    const struct store_driver *driver;
};

/* Bounds that store.c enforces, and why. */
enum {
    STORE_ID_MAX = 512,         /* a STIX id: types are at most 250 characters (STIX 2.1 §3.1), then "--" and a UUID */
    STORE_NAME_MAX = 4096,      /* names and keys: what an index row holds without trouble */
    STORE_BODY_MAX = 128 << 20, /* an object; a row is held in memory several times on its way */
    STORE_REFS_MAX = 100000,    /* references of one object: a report can name very many */
    STORE_TILE_LEVEL_MAX = 7,   /* 256^5 entries are STORE_SEQ_MAX */
};

extern const struct store_driver store_sqlite;
extern const struct store_driver store_postgres;

#endif
