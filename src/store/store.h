/* The store: what a realm holds, durably. One writer at a time, any number of parallel readers, two drivers behind
 * one interface (store/driver.h). The store knows no policy and no STIX rules: it keeps what it is told and finds it
 * again fast.
 *
 * Visibility. An intake (an import, a synced range) adds holdings in several transactions; they are *pending* until
 * store_intake_publish() makes all of them visible in one. Readers never see a pending holding; store_open() for
 * writing discards what a killed process left pending. Everything else a transaction does is visible at its commit.
 *
 * Durability. store_commit() returns after the data is on the disk (synchronous=FULL); nothing is acknowledged before.
 *
 * Threads. A struct store_reader belongs to one thread. Write functions take a struct store_tx, which one thread
 * holds from store_begin() to store_commit() or store_rollback(); others wait in store_begin(). */
#ifndef RENKEI_STORE_STORE_H
#define RENKEI_STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"

enum {
    STORE_SOURCE_ANY = -1,
    STORE_SOURCE_OWN = 0,   /* what this party made or imported itself */
    STORE_PAGE_MAX = 10000, /* rows one call returns at most: bounds a reader's memory */
    STORE_SALT_SIZE = 32,
};
/* Entries of one ledger: the row id is ledger << 40 | seq. */
#define STORE_LEDGER_MAX (INT64_C(1) << 22)
#define STORE_SEQ_MAX    (INT64_C(1) << 40)
/* Ledgers are numbered from 1. Above, the numbers of ordinary collections (node/collection.h): lists of entries as
 * ledgers are, but without a row, a tree or records of their own. */
#define STORE_COLLECTION_FIRST (INT64_C(1) << 21)

struct store;        /* a realm's store, opened by a process */
struct store_reader; /* one thread's view */
struct store_tx;     /* the write transaction under way */

enum store_mode { STORE_READ, STORE_WRITE };

/* Opens (STORE_WRITE: creates and migrates when needed, discards pending holdings). `url` is a file path, later also
 * postgres://… ERR_BUSY when another process writes, ERR_UNSUPPORTED when the schema is newer than this program. */
MUST_CHECK enum err store_open(const char *url, enum store_mode mode, struct store **out, struct diag *d);
void store_close(struct store **s);

MUST_CHECK enum err store_reader_open(struct store *s, struct store_reader **out, struct diag *d);
/* Another reader of the store that `r` reads, for another thread; without a snapshot. ERR_UNSUPPORTED for a
 * transaction's own reader. */
MUST_CHECK enum err store_reader_twin(struct store_reader *r, struct store_reader **out, struct diag *d);
void store_reader_close(struct store_reader **r);
/* A consistent snapshot until the next call or store_reader_release(); without one, every call sees the newest commit.
 */
MUST_CHECK enum err store_reader_snapshot(struct store_reader *r, struct diag *d);
void store_reader_release(struct store_reader *r);

/* Copies everything the reader sees, as of one commit, into a new store file at `path`, durably, while others read and
 * write. progress (may be NULL) hears of units of the driver's own, total 0 when it is not known. ERR_EXISTS; ERR_IO.
 */
MUST_CHECK enum err store_backup(struct store_reader *r, const char *path,
                                 void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                                 struct diag *d);
/* The same into a new store of any driver, row by row; progress hears of rows. The full text is not copied: it is made
 * again as that of a new store is (STORE_META_TEXT). */
MUST_CHECK enum err store_copy(struct store_reader *r, const char *url,
                               void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                               struct diag *d);
/* How far the full text has come: what belongs to one store and is not copied. */
#define STORE_META_TEXT "text-cursor"
/* Takes a store out of use: ends the transaction, and once the store is closed nothing is at its address any more. A
 * file is there under its name with ".moved", a schema under its name with "_moved". */
MUST_CHECK enum err store_retire(struct store_tx **tx, struct diag *d);

MUST_CHECK enum err store_begin(struct store *s, struct store_tx **out, struct diag *d);
MUST_CHECK enum err store_commit(struct store_tx **tx, struct diag *d);
void store_rollback(struct store_tx **tx);
/* What the transaction itself has written, and pending holdings too. Borrowed; dies with the transaction. */
struct store_reader *store_tx_reader(struct store_tx *tx);
/* The same less pending holdings: for whoever decides what leaves the node, or works through the holdings in order of
 * their rows, while an intake may be under way. Both may be used in turn. */
struct store_reader *store_tx_visible(struct store_tx *tx);

/* ---- small facts -------------------------------------------------------------------------------------------- */

/* Named values of the realm ("id-secret", "fts-cursor", …). get: {NULL,0} in *out when absent (no error). The store
 * itself gives "holdings-altered" another value whenever a holding that was visible is changed: a new handling,
 * quarantine. With the newest visible holding it names what the realm holds. */
MUST_CHECK enum err store_meta_get(struct store_reader *r, const char *name, struct arena *a, struct span *out,
                                   struct diag *d);
MUST_CHECK enum err store_meta_set(struct store_tx *tx, const char *name, struct span value, struct diag *d);

/* Documents by kind and key, for things that are few: cards, agreements, signatures, peers' sync states, TAXII
 * statuses. kind and key together are unique. `time` is when it was put. */
struct store_document {
    struct span kind, key, body;
    time_us time;
};
MUST_CHECK enum err store_document_put(struct store_tx *tx, const struct store_document *doc, struct diag *d);
MUST_CHECK enum err store_document_get(struct store_reader *r, const char *kind, struct span key, struct arena *a,
                                       struct store_document *out, struct diag *d); /* ERR_NOT_FOUND */
MUST_CHECK enum err store_document_list(struct store_reader *r, const char *kind, struct arena *a,
                                        struct store_document **out, size_t *count, struct diag *d); /* by key */
MUST_CHECK enum err store_document_delete(struct store_tx *tx, const char *kind, struct span key, struct diag *d);

/* Sources by name (a party's id, "taxii:NAME"): a small number for the name, made on first use. 0 is STORE_SOURCE_OWN,
 * named "". */
MUST_CHECK enum err store_source_number(struct store_tx *tx, struct span name, uint32_t *out, struct diag *d);
MUST_CHECK enum err store_source_name(struct store_reader *r, uint32_t number, struct arena *a, struct span *out,
                                      struct diag *d);
MUST_CHECK enum err store_source_find(struct store_reader *r, struct span name, uint32_t *out,
                                      struct diag *d); /* ERR_NOT_FOUND */

/* ---- audit ---------------------------------------------------------------------------------------------------- */
struct store_audit {
    time_us time;
    struct span actor, operation, detail, outcome;
};
/* Entries are numbered from 1 without gaps, and only ever added. Each is kept with a hash over itself and the hash
 * before it, so that one altered, taken out or put between others does not go unseen (node/audit.h signs the newest).
 */
MUST_CHECK enum err store_audit_add(struct store_tx *tx, const struct store_audit *entry, struct diag *d);
/* SHA-256("renkei audit v1\n" ‖ the hash before, 32 zero bytes for the first ‖ number, time (8 bytes, big-endian) ‖ of
 * actor, operation, detail, outcome each its length (8 bytes, big-endian) and its bytes). */
struct sha256 store_audit_chain(const struct sha256 *before, uint64_t number, const struct store_audit *entry);
struct store_audit_kept {
    uint64_t number;
    struct store_audit entry;
    bool chained; /* false: kept by a Renkei that knew no chain; the first entry that has a hash covers it */
    struct sha256 chain;
};
/* Up to `limit` entries with number > after, ascending; spans live in `a`. */
MUST_CHECK enum err store_audit_scan(struct store_reader *r, uint64_t after, size_t limit, struct arena *a,
                                     struct store_audit_kept **out, size_t *count, struct diag *d);

/* ---- holdings --------------------------------------------------------------------------------------------------- */

/* Local handling: what this party put on a holding without altering it. tlp is enum stix_tlp's number, 0 = none. */
struct store_handling {
    int tlp;
    int confidence;     /* -1 = none */
    struct span labels; /* '\n'-separated, sorted, no duplicates; empty = none */
};

enum store_state {
    STORE_CURRENT = 0, /* counts */
    STORE_QUARANTINED =
        1, /* a version or revocation that is not its creator's: kept, shown in histories, counts for nothing */
    STORE_ERASED = 2, /* its bytes were destroyed: in histories without a body, nowhere else */
};

/* What store_holding_undecided() says besides, so that who decides about many need not ask for each. All are true only
 * when that is certain at the call; false says nothing. */
struct store_known {
    bool sole;       /* no other version of the object is held */
    bool unreleased; /* the ledger has no entry under the object's own id */
    bool unawaited;  /* nothing waits for the object in the ledger */
};

/* The driver's own numbers for a holding's object, type and bytes: they spare it a look-up. 0 = not known. */
struct store_place {
    int64_t object, type, body;
};

struct store_holding {
    int64_t id; /* row number, grows; 0 in what is added */
    struct span stix_id;
    struct span type;   /* the part of stix_id before "--" */
    time_us modified;   /* TIME_NONE for objects without versions */
    struct sha256 hash; /* of the exact bytes */
    uint32_t source;
    enum store_state state;
    bool revoked;
    time_us observed; /* when what it tells was seen, if it says so */
    time_us imported;
    struct store_handling handling;
    struct span body; /* the exact bytes */
    struct store_known known;
    struct store_place place;
};

/* Adds one pending holding (id and refs: the ids it names, for the index of dependencies). *added is false when the
 * same (stix_id, modified, hash, source) is held already, pending ones included; *id is the row in both cases. A body
 * with the same bytes is stored once. When it is held already and handling is given, the stored handling is replaced
 * (*added stays false). */
MUST_CHECK enum err store_holding_add(struct store_tx *tx, const struct store_holding *h, const struct span *refs,
                                      size_t ref_count, int64_t *id, bool *added, struct diag *d);
/* Says which objects an intake looks up and adds next, so that a driver for which each question is a journey asks them
 * together. Changes nothing else. */
MUST_CHECK enum err store_holding_expect(struct store_tx *tx, const struct span *ids, size_t count, struct diag *d);
/* Makes all pending holdings visible. */
MUST_CHECK enum err store_intake_publish(struct store_tx *tx, struct diag *d);
/* Deletes all pending holdings (and bodies, references, objects only they use). May take several seconds for a million.
 */
MUST_CHECK enum err store_intake_discard(struct store_tx *tx, struct diag *d);
/* The newest visible holding's id; 0 for none. */
MUST_CHECK enum err store_holding_visible(struct store_reader *r, int64_t *out, struct diag *d);

/* Spans of results live in `a`. */
MUST_CHECK enum err store_holding_get(struct store_reader *r, int64_t id, struct arena *a, struct store_holding *out,
                                      struct diag *d);
/* The version that counts: STORE_CURRENT, newest modified (then newest row). ERR_NOT_FOUND. */
MUST_CHECK enum err store_holding_latest(struct store_reader *r, struct span stix_id, struct arena *a,
                                         struct store_holding *out, struct diag *d);
/* All versions of one object, oldest first, quarantined ones too. with_body false leaves body empty. */
MUST_CHECK enum err store_holding_history(struct store_reader *r, struct span stix_id, bool with_body, struct arena *a,
                                          struct store_holding **out, size_t *count, struct diag *d);
/* Up to `limit` holdings with id > after, ascending. type: only this one when not empty. With bodies. The arena should
 * be reset between pages. */
MUST_CHECK enum err store_holding_scan(struct store_reader *r, int64_t after, struct span type, size_t limit,
                                       struct arena *a, struct store_holding **out, size_t *count, struct diag *d);
/* The same of all types, for who decides what goes to a ledger: with `known` and `place`. */
MUST_CHECK enum err store_holding_undecided(struct store_reader *r, int64_t ledger, int64_t after, size_t limit,
                                            struct arena *a, struct store_holding **out, size_t *count, struct diag *d);
/* The same over a range of rows, without copying: calls each() for every holding of the type with after < id <= upto,
 * with borrowed spans, valid during the call only; each() returns false to stop. For whoever goes through everything:
 * with the body, stix_id is left empty, for the body has it; hash and times other than `modified` always are. */
MUST_CHECK enum err store_holding_each(struct store_reader *r, int64_t after, int64_t upto, struct span type,
                                       bool with_body, bool (*each)(void *context, const struct store_holding *h),
                                       void *context, struct diag *d);
/* Visible holdings whose body names `stix_id` (the index of dependencies), ids ascending, after `after`. */
MUST_CHECK enum err store_holding_naming(struct store_reader *r, struct span stix_id, int64_t after, size_t limit,
                                         struct arena *a, int64_t **out, size_t *count, struct diag *d);
/* Erasure. Destroys what is held of an object: of each version from `source` (STORE_SOURCE_ANY: of all) the bytes,
 * their hash, handling and references; the bytes and salts of every entry released from it, and the salts it was
 * received with; and the whole text index, which is then to be filled from the first holding on. Ids, versions, times
 * and records stay. *versions is how many there were. What is destroyed is out of reach once this is committed, and out
 * of the files after store_scrub(). */
MUST_CHECK enum err store_object_erase(struct store_tx *tx, struct span stix_id, int64_t source, uint64_t *versions,
                                       struct diag *d);
/* Writes the store anew, without anything that was deleted from it. Takes as long as copying it, and as much free disk
 * again; outside of transactions, which wait. ERR_BUSY while a reader holds an older state. */
MUST_CHECK enum err store_scrub(struct store *s, struct diag *d);

/* Totals: visible holdings by type (for status). */
struct store_total {
    struct span name;
    int64_t count;
};
MUST_CHECK enum err store_holding_totals(struct store_reader *r, struct arena *a, struct store_total **out,
                                         size_t *count, struct diag *d);

/* ---- search: filled in the background -----------------------------------------------------------------------------
 */

/* One text row for holding `id` (names, descriptions, pattern values, labels; may be empty). The caller segments CJK
 * text. */
MUST_CHECK enum err store_text_add(struct store_tx *tx, int64_t id, struct span text, struct diag *d);
struct store_query {
    struct span match; /* FTS5 query, already quoted by the caller; empty = no text condition */
    struct span type;  /* empty = any */
    struct span label; /* local label; empty = any */
    int tlp;           /* local handling's tlp; -1 = any */
    int64_t source;    /* -1 = any */
    int64_t before;    /* only holdings with id < before; 0 = from the newest */
    size_t limit;
};
/* Newest first; only the version that counts of each object. */
MUST_CHECK enum err store_search(struct store_reader *r, const struct store_query *q, struct arena *a,
                                 struct store_holding **out, size_t *count, struct diag *d);

/* ---- ledgers --------------------------------------------------------------------------------------------------------
 */

struct store_ledger {
    int64_t id;
    struct span publisher, recipient, lineage; /* lineage: hex hash of the first version of the agreement */
    struct span origin;                        /* the checkpoint's origin line */
    struct span collection;                    /* the TAXII collection's UUID */
    uint64_t size;
    time_us last_time;       /* date_added of the last entry; TIME_NONE when empty */
    struct span frontier;    /* ledger_tree_write() */
    struct span checkpoint;  /* the signed note of `size`; empty when none yet */
    struct span cosignature; /* the recipient's newest cosignature line, and what it covers */
    uint64_t cosigned_size;
    time_us cosigned_time;
    int64_t cursor;               /* holdings up to this row have been decided for this ledger… */
    struct span cursor_agreement; /* …under this version of the agreement (hex hash) */
};
/* Ledgers this node publishes. create: fails with ERR_EXISTS when (recipient, lineage) has one. */
MUST_CHECK enum err store_ledger_create(struct store_tx *tx, const struct store_ledger *l, int64_t *id, struct diag *d);
MUST_CHECK enum err store_ledger_list(struct store_reader *r, struct arena *a, struct store_ledger **out, size_t *count,
                                      struct diag *d);
MUST_CHECK enum err store_ledger_get(struct store_reader *r, int64_t id, struct arena *a, struct store_ledger *out,
                                     struct diag *d);
/* Writes size, last_time, frontier, checkpoint, cursor, cursor_agreement and cosignature fields. */
MUST_CHECK enum err store_ledger_update(struct store_tx *tx, const struct store_ledger *l, struct diag *d);

enum store_entry_state {
    STORE_ENTRY_CURRENT = 0,    /* the newest released version of its object */
    STORE_ENTRY_SUPERSEDED = 1, /* a newer version of the object was released */
    STORE_ENTRY_WITHDRAWN = 2,  /* taken back: its body is served no more */
    STORE_ENTRY_RECORD = 3      /* not a release: a withdrawal or erasure record itself */
};
struct store_entry {
    int64_t ledger;
    uint64_t seq;
    time_us time;    /* date_added, strictly increasing in a ledger */
    time_us decided; /* when policy said so */
    enum store_entry_state state;
    struct span stix_id; /* of what was released: a derived object's own id */
    time_us modified;    /* TIME_NONE if it has none */
    int64_t holding;     /* what it was released from; 0 for records */
    struct span body;    /* the bytes released; empty on append = those of the holding, or none if it was withdrawn */
    struct span record;  /* the leaf */
    struct span salt;    /* STORE_SALT_SIZE bytes; empty for records that carry none */
    /* On append, of a release under its object's own id: both spare the driver a look-up. */
    bool unreleased;          /* the ledger has no entry under this id */
    struct store_place place; /* the holding's */
};
/* Appends; e->seq must be the ledger's next (the caller sequences under the transaction). A body equal to the holding's
 * is not stored again. An older CURRENT entry of the same object becomes SUPERSEDED. Does not touch the ledger's row.
 */
MUST_CHECK enum err store_entry_add(struct store_tx *tx, const struct store_entry *e, struct diag *d);
/* Marks an entry withdrawn: every surface but history stops serving its body. Of an ordinary collection's entry, bytes
 * of its own are deleted. */
MUST_CHECK enum err store_entry_withdraw(struct store_tx *tx, int64_t ledger, uint64_t seq, struct diag *d);
/* Puts a release into another state, for ordinary collections: what was deleted uncovers the version before it. */
MUST_CHECK enum err store_entry_set_state(struct store_tx *tx, int64_t ledger, uint64_t seq,
                                          enum store_entry_state state, struct diag *d);
MUST_CHECK enum err store_entry_get(struct store_reader *r, int64_t ledger, uint64_t seq, struct arena *a,
                                    struct store_entry *out, struct diag *d);

struct store_entry_query {
    int64_t ledger;
    uint64_t from_seq;   /* entries with seq >= from_seq */
    uint64_t to_seq;     /* and seq < to_seq; 0 = to the end */
    time_us added_after; /* strictly; TIME_NONE = no condition. Uses the order time == order seq */
    bool superseded;     /* SUPERSEDED ones too, */
    bool withdrawn;      /* WITHDRAWN ones too (with no body), */
    bool records;        /* RECORD ones too */
    struct span stix_id; /* only this object; empty = any */
    struct span type;    /* only this type; empty = any */
    time_us modified;    /* only this version; TIME_NONE = any */
    size_t limit;
    bool with_body, with_record;
};
/* In ledger order. What was not asked for (body, record) is left empty. */
MUST_CHECK enum err store_entry_scan(struct store_reader *r, const struct store_entry_query *q, struct arena *a,
                                     struct store_entry **out, size_t *count, struct diag *d);
/* The same without copying: calls each() with borrowed spans, valid during the call only; each() returns false to stop.
 * The fast path of a page. */
MUST_CHECK enum err store_entry_each(struct store_reader *r, const struct store_entry_query *q,
                                     bool (*each)(void *context, const struct store_entry *e), void *context,
                                     struct diag *d);
/* Which holdings are out as they are: sets bit h (of byte h / 8) for each holding h < count whose CURRENT entry is
 * under its own object's id. A look at a whole ledger at once, for whoever decides everything again. */
MUST_CHECK enum err store_entry_out(struct store_reader *r, int64_t ledger, uint8_t *bits, int64_t count,
                                    struct diag *d);
/* First seq whose time is > t (the ledger's size if none): binary search over the order. */
MUST_CHECK enum err store_entry_after(struct store_reader *r, int64_t ledger, time_us t, uint64_t *seq, struct diag *d);
/* The newest entry of an object that is CURRENT in the ledger: ERR_NOT_FOUND otherwise. Index look-up only: fills seq,
 * time, modified, state, holding. */
MUST_CHECK enum err store_entry_current(struct store_reader *r, int64_t ledger, struct span stix_id,
                                        struct store_entry *out, struct diag *d);
/* The entry that was released from a holding in a ledger, newest first. ERR_NOT_FOUND. */
MUST_CHECK enum err store_entry_of_holding(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                                           struct store_entry *out, struct diag *d);

/* Merkle tiles of full and partial width; put replaces. */
MUST_CHECK enum err store_tile_put(struct store_tx *tx, int64_t ledger, unsigned level, uint64_t index,
                                   struct span hashes, struct diag *d);
MUST_CHECK enum err store_tile_get(struct store_reader *r, int64_t ledger, unsigned level, uint64_t index,
                                   struct arena *a, struct span *out, struct diag *d); /* ERR_NOT_FOUND */

/* Waiting: a holding that policy would release to a ledger but for `needs`, an object that is not out yet. */
MUST_CHECK enum err store_waiting_add(struct store_tx *tx, int64_t ledger, struct span needs, int64_t holding,
                                      struct diag *d);
/* Holdings that wait for `needs` in a ledger; they are taken off the list. */
MUST_CHECK enum err store_waiting_take(struct store_tx *tx, int64_t ledger, struct span needs, struct arena *a,
                                       int64_t **out, size_t *count, struct diag *d);

/* Decision runs: which holdings were decided for a ledger, when and under what. */
struct store_decision_run {
    int64_t ledger, first, last;
    time_us time;
    struct span agreement;
};
MUST_CHECK enum err store_decision_add(struct store_tx *tx, const struct store_decision_run *run, struct diag *d);
/* The newest run that covered the holding. ERR_NOT_FOUND. */
MUST_CHECK enum err store_decision_find(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                                        struct store_decision_run *out, struct diag *d);

/* ---- ledgers received: what a partner's ledger said and what came of it --------------------------------------------
 */

struct store_received {
    uint64_t seq;
    int64_t holding; /* what was stored for it; 0 = nothing (a record, or withdrawn before it came) */
    struct span record, salt;
    bool withdrawn;
    struct span origin; /* of store_received_of() alone */
};
/* peer is the ledger's origin line. Appended in the same transaction as the holdings they brought. */
MUST_CHECK enum err store_received_add(struct store_tx *tx, struct span origin, const struct store_received *e,
                                       struct diag *d);
MUST_CHECK enum err store_received_scan(struct store_reader *r, struct span origin, uint64_t from, size_t limit,
                                        struct arena *a, struct store_received **out, size_t *count, struct diag *d);
/* The entries, of whatever ledgers, that brought a holding. */
MUST_CHECK enum err store_received_of(struct store_reader *r, int64_t holding, struct arena *a,
                                      struct store_received **out, size_t *count, struct diag *d);
/* Marks the entry withdrawn; *holding gets what it had brought (0 if nothing, or if another entry, of whatever ledger,
 * that is not withdrawn brought it, too). */
MUST_CHECK enum err store_received_withdraw(struct store_tx *tx, struct span origin, uint64_t seq, int64_t *holding,
                                            struct diag *d);
/* Takes a received holding out of what counts (its publisher withdrew it): state becomes STORE_QUARANTINED; or lets it
 * count again: STORE_CURRENT. */
MUST_CHECK enum err store_holding_quarantine(struct store_tx *tx, int64_t id, struct diag *d);
MUST_CHECK enum err store_holding_restore(struct store_tx *tx, int64_t id, struct diag *d);
/* Whether an object was received, visible and counting, from this source. */
MUST_CHECK enum err store_received_from(struct store_reader *r, struct span stix_id, uint32_t source, bool *out,
                                        struct diag *d);

#endif
