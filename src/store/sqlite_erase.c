/* Erasure: an object's bytes and salts destroyed, its ids and records kept; and the file written anew without what was
 * deleted from it. */
#include <stdlib.h>

#include "store/sqlite_driver.h"

enum { ERASE_ARENA_MAX = 64 << 20 /* versions of one object, and what they name */ };

/* A version that is to be erased. */
struct doomed {
    int64_t id, body, type;
    struct span refs;
};

static enum err find_doomed(struct connection *c, int64_t object, int64_t source, struct rows *rows, struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    enum err e =
        lite_query(c, "SELECT id,body,type,refs FROM holding WHERE object=? AND state<>2 AND (?2<0 OR source=?2)",
                   VALUES(v_int(object), v_int(source)), &st, d);
    if (e) return e;
    while (!(e = lite_next(c, st, &row, d)) && row) {
        struct doomed *next = lite_row(rows);
        if (!next) {
            e = lite_full(d);
            break;
        }
        *next =
            (struct doomed){col_int(st, 0), col_int(st, 1), col_int(st, 2), arena_copy(rows->arena, col_span(st, 3))};
    }
    lite_end(st);
    return e;
}

/* The hash goes, too: who guesses the bytes could prove them by it. */
static enum err erase_holding(struct connection *c, const struct doomed *x, struct diag *d) {
    const struct value id = v_int(x->id);
    enum err e = lite_refs_remove(c, x->id, x->refs, d);
    if (!e)
        e = lite_run(c,
                     "UPDATE holding SET state=2,hash_head=0,hash_tail=zeroblob(24),revoked=0,observed=NULL,tlp=0,"
                     "confidence=NULL,labels=NULL,refs=NULL WHERE id=?",
                     &id, 1, d);
    /* Another source's holding may share the bytes. */
    if (!e)
        e = lite_run(c,
                     "DELETE FROM body WHERE id=?1 AND NOT EXISTS(SELECT 1 FROM holding WHERE object="
                     "(SELECT object FROM holding WHERE id=?2) AND body=?1 AND state<>2)",
                     VALUES(v_int(x->body), id), d);
    if (!e) e = lite_run(c, "UPDATE received SET salt=NULL WHERE holding=?", &id, 1, d);
    return e ? e : lite_run(c, "UPDATE total SET count=count-1 WHERE type=?", VALUES(v_int(x->type)), d);
}

/* What went out of it, as it was or derived. */
static enum err erase_entries(struct connection *c, int64_t object, int64_t holding, struct diag *d) {
#define RELEASED_FROM                                                                                                  \
    "(SELECT id FROM entry INDEXED BY entry_object WHERE object=?1 AND holding=?2 UNION ALL"                           \
    " SELECT id FROM entry INDEXED BY entry_original WHERE original=?1 AND holding=?2)"
    enum err e =
        lite_run(c, "DELETE FROM derived WHERE id IN " RELEASED_FROM, VALUES(v_int(object), v_int(holding)), d);
    return e ? e
             : lite_run(c, "UPDATE leaf SET salt=NULL WHERE id IN " RELEASED_FROM,
                        VALUES(v_int(object), v_int(holding)), d);
#undef RELEASED_FROM
}

/* The index knows no contents, so that nothing can be taken out of it word by word: it is made anew. */
static enum err erase_text(struct connection *c, struct diag *d) {
    enum err e = lite_run(c, "DELETE FROM text_of", NO_VALUES, d);
    return e ? e : lite_run(c, "INSERT INTO text_index(text_index) VALUES('delete-all')", NO_VALUES, d);
}

enum err lite_object_erase(struct store_tx *tx, struct span stix_id, int64_t source, uint64_t *versions,
                           struct diag *d) {
    struct lite_store *s = lite_store_of(tx);
    struct connection *c = &s->writer;
    struct arena a;
    struct rows rows = {.arena = &a, .row_size = sizeof(struct doomed)};
    int64_t object = 0;
    arena_init(&a, ERASE_ARENA_MAX);
    enum err e = lite_deferred_flush(c, &s->deferred, d);
    if (!e) e = lite_object_find(c, stix_id, &object, d);
    if (!e && object) e = find_doomed(c, object, source, &rows, d);
    const struct doomed *all = (const struct doomed *)(void *)rows.at;
    for (size_t i = 0; i < rows.count && !e; i++) {
        e = erase_entries(c, object, all[i].id, d);
        if (!e) e = erase_holding(c, &all[i], d);
    }
    if (!e && rows.count) e = erase_text(c, d);
    if (!e && rows.count) e = lite_holdings_altered(c, d);
    *versions = e ? 0 : rows.count;
    arena_free(&a);
    return e;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* VACUUM copies what is there into a temporary file, beside the store and not in a place that others may read, and
 * back; then the WAL, which has the old pages, is cut to nothing. */
static enum err rewrite(struct lite_store *s, struct diag *d) {
    const char *slash = strrchr(s->path, '/');
    int log_pages = 0, copied = 0;
    if (!sqlite3_temp_directory)
        sqlite3_temp_directory =
            slash ? sqlite3_mprintf("%.*s", (int)(slash - s->path), s->path) : sqlite3_mprintf(".");
    lite_statements_free(&s->writer);
    enum err e = lite_exec(&s->writer, "PRAGMA temp_store=FILE", d);
    if (!e) e = lite_exec(&s->writer, "VACUUM", d);
    struct diag ignored;
    (void)!lite_exec(&s->writer, "PRAGMA temp_store=MEMORY", e ? &ignored : d);
    if (e) return e;
    int code = sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log_pages, &copied);
    if (code == SQLITE_BUSY)
        return diag_set(d, ERR_BUSY,
                        "%s: a reader still holds what was; what was erased is out of reach, but not yet out "
                        "of the file: try again",
                        s->path);
    return code == SQLITE_OK ? ERR_NONE : lite_error(&s->writer, code, d);
}

enum err lite_scrub(struct store *base, struct diag *d) {
    struct lite_store *s = (struct lite_store *)base;
    if (s->mode != STORE_WRITE) return diag_set(d, ERR_DENIED, "%s: the store is open for reading only", s->path);
    pthread_mutex_lock(&s->turn);
    s->writer.failed = ERR_NONE;
    enum err e = rewrite(s, d);
    s->writer.failed = ERR_NONE;
    pthread_mutex_unlock(&s->turn);
    return e;
}
