/* The schema, as the list of steps that make it. A step, once released, is never changed: what is wrong in it is put
 * right by a later one. */
#include <stdio.h>

#include "store/postgres_driver.h"

/* Entries and tiles lie in parts by their ledger, so that a distributed PostgreSQL can put the parts on different
 * machines, and an index is as large as a part. Eight of them here, by hash: enough for eight disks or machines. */
#define PARTS(table)                                                                                                   \
    "DO $$BEGIN FOR i IN 0..7 LOOP EXECUTE format('CREATE TABLE " table "_%s PARTITION OF " table                      \
    " FOR VALUES WITH (MODULUS 8, REMAINDER %s)',i,i);END LOOP;END$$;"

static const char schema_1[] =
    "CREATE TABLE state(" /* one row; whoever writes has it locked */
    " id bigint PRIMARY KEY CHECK(id=1),"
    " version bigint NOT NULL," /* steps done */
    " visible bigint NOT NULL," /* holdings above are pending */
    " newest bigint NOT NULL);" /* the newest holding */
    "INSERT INTO state VALUES(1,0,0,0);"

    "CREATE TABLE meta(name bytea PRIMARY KEY, value bytea NOT NULL);"
    "CREATE TABLE document(kind bytea NOT NULL, key bytea NOT NULL, time bigint, body bytea NOT NULL,"
    " PRIMARY KEY(kind,key));"
    "CREATE TABLE source(id bigint PRIMARY KEY, name bytea NOT NULL UNIQUE);"
    "INSERT INTO source VALUES(0,'');"
    "CREATE TABLE audit(id bigint PRIMARY KEY, time bigint, actor bytea NOT NULL, operation bytea NOT NULL,"
    " detail bytea NOT NULL, outcome bytea NOT NULL, chain bytea);"

    "CREATE TABLE holding(id bigint PRIMARY KEY, stix_id bytea NOT NULL, type bytea NOT NULL, modified bigint,"
    " hash bytea NOT NULL, source bigint NOT NULL, state bigint NOT NULL, revoked bigint NOT NULL,"
    " observed bigint, imported bigint, tlp bigint NOT NULL, confidence bigint, labels bytea,"
    " body bigint NOT NULL);" /* body.id: its own id, or that of the first holding with the same bytes */
    "CREATE INDEX holding_version ON holding(stix_id,modified);"
    "CREATE INDEX holding_type ON holding(type,id);"
    /* Bodies are JSON: lz4 would need a server built with it, and pglz is what TOAST does by itself. */
    "CREATE TABLE body(id bigint PRIMARY KEY, bytes bytea NOT NULL);"
    "CREATE TABLE ref(target bytea NOT NULL, holding bigint NOT NULL, PRIMARY KEY(target,holding));"
    "CREATE INDEX ref_holding ON ref USING brin(holding);" /* they come in this order: what a discard takes out */
    "CREATE TABLE total(type bytea PRIMARY KEY, count bigint NOT NULL);"

    "CREATE TABLE text_of(id bigint PRIMARY KEY, words tsvector NOT NULL);"
    "CREATE INDEX text_words ON text_of USING gin(words);"

    "CREATE TABLE ledger(id bigint PRIMARY KEY, publisher bytea NOT NULL, recipient bytea NOT NULL,"
    " lineage bytea NOT NULL, origin bytea NOT NULL, collection bytea NOT NULL, size bigint NOT NULL,"
    " last_time bigint, frontier bytea NOT NULL, checkpoint bytea NOT NULL, cosignature bytea NOT NULL,"
    " cosigned_size bigint NOT NULL, cosigned_time bigint, cursor bigint NOT NULL, cursor_agreement bytea NOT NULL,"
    " UNIQUE(recipient,lineage));"
    "CREATE TABLE entry(ledger bigint NOT NULL, seq bigint NOT NULL, time bigint, decided bigint,"
    " state bigint NOT NULL, stix_id bytea, type bytea, modified bigint,"
    " holding bigint," /* NULL for records */
    " body bigint,"    /* body.id; NULL: its bytes are its own (derived), or it has none */
    " derived bytea, record bytea NOT NULL, salt bytea, PRIMARY KEY(ledger,seq)) PARTITION BY HASH(ledger);"
    "CREATE INDEX entry_object ON entry(ledger,stix_id,seq);"
    "CREATE INDEX entry_time ON entry(ledger,time);"
    "CREATE INDEX entry_holding ON entry(ledger,holding,seq);" PARTS(
        "entry") "CREATE TABLE tile(ledger bigint NOT NULL, level bigint NOT NULL, idx bigint NOT NULL, hashes bytea "
                 "NOT NULL,"
                 " PRIMARY KEY(ledger,level,idx)) PARTITION BY HASH(ledger);" PARTS(
                     "tile") "CREATE TABLE waiting(ledger bigint NOT NULL, needs bytea NOT NULL, holding bigint NOT "
                             "NULL,"
                             " PRIMARY KEY(ledger,needs,holding));"
                             "CREATE TABLE decision(ledger bigint NOT NULL, id bigint NOT NULL, first bigint NOT NULL, "
                             "last bigint NOT NULL,"
                             " time bigint, agreement bytea NOT NULL, PRIMARY KEY(ledger,id));"

                             "CREATE TABLE origin(id bigint PRIMARY KEY, name bytea NOT NULL UNIQUE);"
                             "CREATE TABLE received(origin bigint NOT NULL, seq bigint NOT NULL, holding bigint, "
                             "record bytea NOT NULL,"
                             " salt bytea, withdrawn bigint NOT NULL, PRIMARY KEY(origin,seq));"
                             "CREATE INDEX received_holding ON received(holding) WHERE holding IS NOT NULL;"

                             /* Words as SQLite's unicode61 makes them: folded, without diacritics, cut at what is no
                                letter or digit. */
                             "CREATE FUNCTION words_of(bytea) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$"
                             " SELECT "
                             "array_remove(regexp_split_to_array(regexp_replace(lower(normalize(convert_from($1,'UTF8')"
                             ",NFD)),"
                             " '[\\u0300-\\u036f]+','','g'),'[\\u0001-\\u002f\\u003a-\\u0060\\u007b-\\u00bf\\u2000-"
                             "\\u206f\\u3000-\\u3003"
                             "\\u3008-\\u3011\\uff01-\\uff0f]+'),'')$$;"
                             /* Of a text no more than PostgreSQL can number, of a word no more than an index takes. */
                             "CREATE FUNCTION vector_of(bytea) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$"
                             " SELECT coalesce(string_agg(quote_literal(replace(left(w,500),'\\','/'))||':'||i,' ' "
                             "ORDER BY i),'')::tsvector"
                             " FROM unnest(words_of($1)) WITH ORDINALITY AS t(w,i) WHERE i<16384$$;"
                             "CREATE FUNCTION phrase_of(bytea,bigint) RETURNS tsquery LANGUAGE sql IMMUTABLE AS $$"
                             " SELECT string_agg(quote_literal(left(w,500))||CASE WHEN $2=1 AND i=n THEN ':*' ELSE '' "
                             "END,'<->' ORDER BY i)"
                             "::tsquery FROM (SELECT w,i,count(*) OVER () AS n FROM unnest(words_of($1)) WITH "
                             "ORDINALITY AS t(w,i)) AS x$$;";

/* Step n brings version from n to n + 1. */
static const char *const steps[] = {schema_1};
enum { SCHEMA_VERSION = sizeof steps / sizeof *steps };

static enum err read_version(struct connection *c, int64_t *version, bool *exists, struct diag *d) {
    int64_t one = 0;
    enum err e = pq_number(c, "SELECT 1::bigint WHERE to_regclass('state') IS NOT NULL", NO_VALUES, &one, exists, d);
    if (!e && *exists) e = pq_number(c, "SELECT version FROM state", NO_VALUES, version, NULL, d);
    return e;
}

enum err pq_schema_check(struct connection *c, bool *fresh, bool *current, struct diag *d) {
    int64_t version = 0;
    bool exists;
    enum err e = read_version(c, &version, &exists, d);
    if (e) return e;
    *fresh = !exists;
    *current = version == SCHEMA_VERSION;
    if (version <= SCHEMA_VERSION) return ERR_NONE;
    return diag_set(d, ERR_UNSUPPORTED,
                    "%s: the store was made by a newer Renkei (schema %lld, this program knows up to %d)", c->name,
                    (long long)version, (int)SCHEMA_VERSION);
}

static enum err migrate_locked(struct connection *c, struct diag *d) {
    char text[128];
    int64_t version = 0;
    bool exists;
    snprintf(text, sizeof text, "CREATE SCHEMA IF NOT EXISTS %s", c->schema);
    enum err e = read_version(c, &version, &exists, d);
    if (!e && !exists) e = pq_exec(c, text, d);
    for (; !e && version < SCHEMA_VERSION; version++) {
        e = pq_exec(c, steps[version], d);
        snprintf(text, sizeof text, "UPDATE state SET version=%lld", (long long)version + 1);
        if (!e) e = pq_exec(c, text, d);
    }
    return e;
}

/* In one transaction, under a lock that two processes starting at once wait for in turn. */
enum err pq_migrate(struct connection *c, struct diag *d) {
    bool fresh, current;
    enum err e = pq_schema_check(c, &fresh, &current, d);
    if (e || current) return e;
    e = pq_exec(c, "BEGIN", d);
    if (e) return e;
    PGresult *r = NULL;
    e = pq_query(c, "SELECT 1::bigint FROM pg_advisory_xact_lock(hashtextextended('renkei-schema',0))", NO_VALUES, &r,
                 d);
    PQclear(r);
    if (!e) e = migrate_locked(c, d);
    if (!e) e = pq_exec(c, "COMMIT", d);
    if (e) PQclear(PQexec(c->pg, "ROLLBACK")); /* the first error is the one to report */
    return e;
}
