/* The schema, as the list of steps that make it. A step, once released, is never changed: what is wrong in it is put
 * right by a later one. */
#include "store/sqlite_driver.h"

/* Numbers stand for names that would repeat millions of times: object for a STIX id, type for its type, source and
 * origin for where it came from.
 *
 * object.key is a BLOB of KEY_SIZE bytes for an id with a canonical UUID, TEXT for any other: half the index of one
 * with texts, and so twice as much of it in memory. object_key is its index, kept by hand: pending holdings' objects
 * enter it late (sqlite_deferred.c), and every other object with the transaction that makes it.
 *
 * Ids of rows that are read in order are put together from their parts (ledger << 40 | seq), so that they lie in
 * order and need no second index. */
static const char schema_1[] =
    "CREATE TABLE state(" /* one row */
    " id INTEGER PRIMARY KEY CHECK(id=1),"
    " visible INTEGER NOT NULL," /* holdings above are pending */
    " object INTEGER NOT NULL"   /* objects above may be pending holdings' alone */
    ") STRICT;"
    "INSERT INTO state VALUES(1,0,0);"

    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "CREATE TABLE document(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, time INTEGER,"
    " body BLOB NOT NULL, UNIQUE(kind,key)) STRICT;"
    "CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "INSERT INTO source VALUES(0,'');"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY, time INTEGER, actor TEXT NOT NULL, operation TEXT NOT NULL,"
    " detail TEXT NOT NULL, outcome TEXT NOT NULL) STRICT;"

    "CREATE TABLE type(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE object(id INTEGER PRIMARY KEY, key ANY NOT NULL) STRICT;"
    "CREATE TABLE object_key(key ANY NOT NULL PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE holding(id INTEGER PRIMARY KEY, object INTEGER NOT NULL, type INTEGER NOT NULL, modified INTEGER,"
    " hash_head INTEGER NOT NULL, hash_tail BLOB NOT NULL," /* SHA-256: its first 8 bytes, indexed, and the others */
    " source INTEGER NOT NULL, state INTEGER NOT NULL, revoked INTEGER NOT NULL,"
    " observed INTEGER, imported INTEGER,"
    " tlp INTEGER NOT NULL, confidence INTEGER, labels TEXT,"
    " body INTEGER NOT NULL," /* body.id: its own id, or that of the first holding with the same bytes */
    " refs BLOB"              /* the objects it names, packed: what to take out of ref when it goes */
    ") STRICT;"
    "CREATE INDEX holding_version ON holding(object, modified, hash_head);"
    "CREATE INDEX holding_type ON holding(type);"
    "CREATE TABLE body(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE ref(target INTEGER NOT NULL, holding INTEGER NOT NULL, PRIMARY KEY(target, holding))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE total(type INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;"

    /* No column sizes: results are ordered by time, not by rank. No content: the bodies have it. */
    "CREATE VIRTUAL TABLE text_index USING fts5(words, content='', columnsize=0, tokenize='unicode61');"
    "CREATE TABLE text_of(id INTEGER PRIMARY KEY) STRICT;"

    "CREATE TABLE ledger(id INTEGER PRIMARY KEY, publisher TEXT NOT NULL, recipient TEXT NOT NULL,"
    " lineage TEXT NOT NULL, origin TEXT NOT NULL, collection TEXT NOT NULL, size INTEGER NOT NULL, last_time INTEGER,"
    " frontier BLOB NOT NULL, checkpoint BLOB NOT NULL, cosignature BLOB NOT NULL, cosigned_size INTEGER NOT NULL,"
    " cosigned_time INTEGER, cursor INTEGER NOT NULL, cursor_agreement TEXT NOT NULL,"
    " UNIQUE(recipient, lineage)) STRICT;"
    /* entry is narrow, so that a page and a look-up touch little; what is wide lies beside it under the same id. */
    "CREATE TABLE entry(id INTEGER PRIMARY KEY," /* ledger << 40 | seq */
    " time INTEGER, decided INTEGER, state INTEGER NOT NULL, object INTEGER, type INTEGER, modified INTEGER,"
    " holding INTEGER," /* NULL for records */
    " body INTEGER,"    /* body.id; NULL: its bytes are its own (derived), or it has none */
    " original INTEGER" /* the holding's object where this is a derived one, else NULL */
    ") STRICT;"
    "CREATE INDEX entry_object ON entry(object);"
    "CREATE INDEX entry_original ON entry(original) WHERE original IS NOT NULL;"
    "CREATE TABLE derived(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE leaf(id INTEGER PRIMARY KEY, record BLOB NOT NULL, salt BLOB) STRICT;"
    "CREATE TABLE tile(id INTEGER PRIMARY KEY," /* ledger << 40 | level << 36 | index */
    " hashes BLOB NOT NULL) STRICT;"
    "CREATE TABLE waiting(needs INTEGER NOT NULL, ledger INTEGER NOT NULL, holding INTEGER NOT NULL,"
    " PRIMARY KEY(needs, ledger, holding)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE decision(id INTEGER PRIMARY KEY," /* ledger << 40 | a number that grows */
    " first INTEGER NOT NULL, last INTEGER NOT NULL, time INTEGER, agreement TEXT NOT NULL) STRICT;"

    "CREATE TABLE origin(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE received(id INTEGER PRIMARY KEY," /* origin << 40 | seq */
    " holding INTEGER, record BLOB NOT NULL, salt BLOB, withdrawn INTEGER NOT NULL) STRICT;"
    "CREATE INDEX received_holding ON received(holding) WHERE holding IS NOT NULL;";

/* The audit's chain. Entries from before have none. */
static const char schema_2[] = "ALTER TABLE audit ADD COLUMN chain BLOB;";

/* Step n brings user_version from n to n + 1. */
static const char *const steps[] = {schema_1, schema_2};
enum { SCHEMA_VERSION = sizeof steps / sizeof *steps };

enum err lite_schema_check(struct connection *c, bool *fresh, bool *current, struct diag *d) {
    int64_t application = 0, version = 0, changes = 0;
    *fresh = *current = false;
    enum err e = lite_number(c, "PRAGMA application_id", NO_VALUES, &application, NULL, d);
    if (!e) e = lite_number(c, "PRAGMA user_version", NO_VALUES, &version, NULL, d);
    if (!e) e = lite_number(c, "PRAGMA schema_version", NO_VALUES, &changes, NULL, d);
    if (e) return e;
    *fresh = application == 0 && version == 0 && changes == 0;
    *current = version == SCHEMA_VERSION;
    if (*fresh) return ERR_NONE;
    if (application != SQLITE_APPLICATION_ID) {
        return diag_set(d, ERR_INVALID, "%s: this is not a Renkei store, but another program's SQLite file", c->path);
    }
    if (version < 0 || version > SCHEMA_VERSION) {
        return diag_set(d, ERR_UNSUPPORTED,
                        "%s: the store was made by a newer Renkei (schema %lld, this program knows up to %d)", c->path,
                        (long long)version, (int)SCHEMA_VERSION);
    }
    return ERR_NONE;
}

static enum err migrate_step(struct connection *c, int64_t from, struct diag *d) {
    char mark[96];
    sqlite3_snprintf(sizeof mark, mark, "PRAGMA application_id=%d;PRAGMA user_version=%lld", SQLITE_APPLICATION_ID,
                     (long long)from + 1);
    enum err e = lite_exec(c, "BEGIN IMMEDIATE", d);
    if (e) return e;
    e = lite_exec(c, steps[from], d);
    if (!e) e = lite_exec(c, mark, d);
    if (!e) e = lite_exec(c, "COMMIT", d);
    if (e) sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); /* the first error is the one to report */
    return e;
}

enum err lite_migrate(struct connection *c, struct diag *d) {
    int64_t version = 0;
    enum err e = lite_number(c, "PRAGMA user_version", NO_VALUES, &version, NULL, d);
    for (; !e && version < SCHEMA_VERSION; version++) e = migrate_step(c, version, d);
    return e;
}
