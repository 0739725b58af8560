/* Adding, publishing and discarding holdings. */
#include <stdlib.h>

#include "base/buf.h"
#include "store/sqlite_driver.h"

/* ---- hashes in two columns --------------------------------------------------------------------------------------- */

static int64_t hash_head(const struct sha256 *h) {
    int64_t head;
    memcpy(&head, h->b, sizeof head);
    return head;
}

static struct span hash_tail(const struct sha256 *h) {
    return span_of(h->b + sizeof(int64_t), SHA256_SIZE - sizeof(int64_t));
}

/* ---- the objects a holding names, packed: 7 bits a byte, least first, the top bit says that more follow ------------
 */

static size_t pack_number(int64_t n, uint8_t at[10]) {
    uint64_t left = (uint64_t)n;
    size_t len = 0;
    for (; left >= 0x80; left >>= 7) at[len++] = (uint8_t)(left | 0x80);
    at[len++] = (uint8_t)left;
    return len;
}

bool lite_refs_next(struct span *packed, int64_t *out) {
    uint64_t n = 0;
    unsigned shift = 0;
    for (size_t i = 0; i < packed->len && shift < 63; i++, shift += 7) {
        uint8_t byte = (uint8_t)packed->at[i];
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *packed = span_from(*packed, i + 1);
        *out = (int64_t)n;
        return true;
    }
    return false;
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

static bool handling_given(const struct store_handling *h) {
    return h->tlp != 0 || h->confidence >= 0 || h->labels.len > 0;
}

static struct value confidence_value(const struct store_handling *h) {
    return h->confidence < 0 ? v_null() : v_int(h->confidence);
}

/* What the store has of the same version with the same bytes. */
struct twin {
    int64_t same; /* the row from the same source: the holding is held already */
    int64_t body; /* where the bytes are */
};

static enum err find_twin(struct connection *c, int64_t object, const struct store_holding *h, struct twin *out,
                          struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    *out = (struct twin){0};
    /* The same bytes say the same version: only that needs looking through. */
    enum err e = lite_query(
        c,
        "SELECT id,source,body FROM holding"
        " WHERE object=? AND modified IS ? AND hash_head=? AND hash_tail=?",
        VALUES(v_int(object), v_time(h->modified), v_int(hash_head(&h->hash)), v_blob(hash_tail(&h->hash))), &st, d);
    while (!e && !out->same) {
        e = lite_next(c, st, &row, d);
        if (e || !row) break;
        if (col_int(st, 1) == h->source) out->same = col_int(st, 0);
        out->body = col_int(st, 2);
    }
    if (!e) lite_end(st);
    return e;
}

static enum err replace_handling(struct connection *c, int64_t id, const struct store_handling *h, struct diag *d) {
    if (!handling_given(h)) return ERR_NONE;
    enum err e = lite_run(c, "UPDATE holding SET tlp=?,confidence=?,labels=? WHERE id=?",
                          VALUES(v_int(h->tlp), confidence_value(h), v_optional(h->labels), v_int(id)), d);
    return e ? e : lite_holdings_altered(c, d);
}

static enum err next_holding(struct lite_store *s, int64_t *out, struct diag *d) {
    if (!s->next_holding) {
        int64_t newest = 0;
        enum err e = lite_number(&s->writer, "SELECT max(id) FROM holding", NO_VALUES, &newest, NULL, d);
        if (e) return e;
        s->next_holding = newest + 1;
    }
    *out = s->next_holding++;
    return ERR_NONE;
}

static int compare_targets(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Enters each object named once in the index of dependencies, and packs them. targets: room for count. */
static enum err enter_refs(struct lite_store *s, int64_t id, const struct span *refs, size_t count, int64_t *targets,
                           struct buf *packed, struct diag *d) {
    bool fresh;
    for (size_t i = 0; i < count; i++) {
        enum err e = lite_object_intern(s, refs[i], &targets[i], NULL, &fresh, d);
        if (e) return e;
    }
    qsort(targets, count, sizeof *targets, compare_targets);
    for (size_t i = 0; i < count; i++) {
        uint8_t number[10];
        if (i > 0 && targets[i] == targets[i - 1]) continue;
        enum err e = lite_deferred_ref(&s->deferred, targets[i], id, d);
        if (e) return e;
        buf_add(packed, span_of(number, pack_number(targets[i], number)));
    }
    return buf_ok(packed) ? ERR_NONE : diag_set(d, ERR_NOMEM, "memory ran out");
}

enum err lite_refs_add(struct lite_store *s, int64_t id, const struct span *refs, size_t count, struct buf *packed,
                       struct diag *d) {
    int64_t few[16]; /* enough for all but reports and the like */
    int64_t *targets = count <= sizeof few / sizeof *few ? few : calloc(count, sizeof *targets);
    if (!targets) return diag_set(d, ERR_NOMEM, "memory ran out");
    enum err e = enter_refs(s, id, refs, count, targets, packed, d);
    if (targets != few) free(targets);
    return e;
}

static enum err insert_holding(struct connection *c, int64_t id, int64_t object, int64_t type, int64_t body,
                               const struct store_holding *h, struct span packed, struct diag *d) {
    return lite_run(c,
                    "INSERT INTO holding(id,object,type,modified,hash_head,hash_tail,source,state,revoked,observed,"
                    "imported,tlp,confidence,labels,body,refs) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    VALUES(v_int(id), v_int(object), v_int(type), v_time(h->modified), v_int(hash_head(&h->hash)),
                           v_blob(hash_tail(&h->hash)), v_int(h->source), v_int(h->state), v_int(h->revoked),
                           v_time(h->observed), v_time(h->imported), v_int(h->handling.tlp),
                           confidence_value(&h->handling), v_optional(h->handling.labels), v_int(body),
                           v_optional_blob(packed)),
                    d);
}

static enum err insert_all(struct lite_store *s, int64_t object, int64_t type, int64_t body,
                           const struct store_holding *h, const struct span *refs, size_t ref_count, int64_t *id,
                           struct diag *d) {
    struct buf packed = BUF_EMPTY;
    enum err e = next_holding(s, id, d);
    if (e) return e;
    if (!body) {
        body = *id;
        e = lite_run(&s->writer, "INSERT INTO body(id,bytes) VALUES(?,?)", VALUES(v_int(body), v_blob(h->body)), d);
    }
    if (!e && ref_count) e = lite_refs_add(s, *id, refs, ref_count, &packed, d);
    if (!e) e = insert_holding(&s->writer, *id, object, type, body, h, buf_span(&packed), d);
    buf_free(&packed);
    return e;
}

enum err lite_holding_add(struct store_tx *tx, const struct store_holding *h, const struct span *refs, size_t ref_count,
                          int64_t *id, bool *added, struct diag *d) {
    struct lite_store *s = lite_store_of(tx);
    struct connection *c = &s->writer;
    int64_t object, type;
    bool fresh;
    struct twin twin = {0};
    enum err e = lite_object_intern(s, h->stix_id, &object, &type, &fresh, d);
    if (!e && !fresh) e = find_twin(c, object, h, &twin, d);
    if (e) return e;
    if (twin.same) {
        *id = twin.same;
        return replace_handling(c, twin.same, &h->handling, d);
    }
    e = insert_all(s, object, type, twin.body, h, refs, ref_count, id, d);
    *added = !e;
    s->pending = true;
    return e;
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

enum err lite_intake_publish(struct store_tx *tx, struct diag *d) {
    struct lite_store *s = lite_store_of(tx);
    struct connection *c = &s->writer;
    int64_t newest = 0;
    enum err e = lite_number(c, "SELECT max(id) FROM holding", NO_VALUES, &newest, NULL, d);
    if (e || newest <= s->published) return e;
    /* Each type's part of the index by type: a GROUP BY over the holdings would sort them all, in memory. */
    e = lite_run(c,
                 "INSERT INTO total(type,count) SELECT type,n FROM (SELECT t.id AS type,(SELECT count(*) FROM holding h"
                 " INDEXED BY holding_type WHERE h.type=t.id AND h.id>?) AS n FROM type t) WHERE n>0"
                 " ON CONFLICT(type) DO UPDATE SET count=count+excluded.count",
                 VALUES(v_int(s->published)), d);
    if (!e) {
        e = lite_run(c, "UPDATE state SET visible=?,object=coalesce((SELECT max(id) FROM object),0)",
                     VALUES(v_int(newest)), d);
    }
    if (e) return e;
    s->published = newest;
    s->pending = false;
    s->deferred.due = true;
    return ERR_NONE;
}

/* ---- discarding -------------------------------------------------------------------------------------------------- */

enum err lite_refs_remove(struct connection *c, int64_t holding, struct span packed, struct diag *d) {
    int64_t target;
    enum err e = ERR_NONE;
    while (!e && lite_refs_next(&packed, &target))
        e = lite_run(c, "DELETE FROM ref WHERE target=? AND holding=?", VALUES(v_int(target), v_int(holding)), d);
    return e;
}

static enum err discard_refs(struct connection *c, int64_t visible, struct diag *d) {
    sqlite3_stmt *st;
    bool row;
    enum err e =
        lite_query(c, "SELECT id,refs FROM holding WHERE id>? AND refs IS NOT NULL", VALUES(v_int(visible)), &st, d);
    while (!e) {
        e = lite_next(c, st, &row, d);
        if (e || !row) break;
        e = lite_refs_remove(c, col_int(st, 0), col_span(st, 1), d);
    }
    lite_end(st);
    return e;
}

/* What came in with them from partners' ledgers goes too: from the first entry that brought a pending holding, because
 * what stands after it in its ledger belongs to the same intake. */
static enum err discard_received(struct connection *c, int64_t visible, struct diag *d) {
    return lite_run(c,
                    "DELETE FROM received WHERE id IN (SELECT r.id FROM"
                    " (SELECT id>>40 AS origin,min(id) AS first FROM received WHERE holding>? GROUP BY 1) AS cut"
                    " CROSS JOIN received r WHERE r.id>=cut.first AND r.id<(cut.origin+1)<<40)",
                    VALUES(v_int(visible)), d);
}

/* Objects that were made since the last publishing and that nothing names any more. */
#define UNUSED_OBJECTS                                                                                                 \
    " FROM object WHERE id>(SELECT object FROM state)"                                                                 \
    " AND NOT EXISTS(SELECT 1 FROM ref WHERE target=object.id)"                                                        \
    " AND NOT EXISTS(SELECT 1 FROM holding WHERE object=object.id)"                                                    \
    " AND NOT EXISTS(SELECT 1 FROM entry WHERE object=object.id)"                                                      \
    " AND NOT EXISTS(SELECT 1 FROM entry WHERE original=object.id)"                                                    \
    " AND NOT EXISTS(SELECT 1 FROM waiting WHERE needs=object.id)"

static enum err discard_objects(struct connection *c, struct diag *d) {
    enum err e = lite_run(c, "DELETE FROM object_key WHERE key IN (SELECT key" UNUSED_OBJECTS ")", NO_VALUES, d);
    if (!e) e = lite_run(c, "DELETE" UNUSED_OBJECTS, NO_VALUES, d);
    /* Those that are left are here to stay: no later discarding has to look at them. */
    return e ? e : lite_run(c, "UPDATE state SET object=coalesce((SELECT max(id) FROM object),0)", NO_VALUES, d);
}

enum err lite_intake_discard(struct store_tx *tx, struct diag *d) {
    struct lite_store *s = lite_store_of(tx);
    struct connection *c = &s->writer;
    int64_t visible = s->published, newest = 0;
    enum err e = lite_number(c, "SELECT max(id) FROM holding", NO_VALUES, &newest, NULL, d);
    if (e || newest <= visible) return e; /* the usual case: whoever begins an intake makes sure */
    e = lite_deferred_flush(c, &s->deferred, d);
    if (!e) e = discard_refs(c, visible, d);
    if (!e) e = discard_received(c, visible, d);
    if (!e) e = lite_run(c, "DELETE FROM holding WHERE id>?", VALUES(v_int(visible)), d);
    if (!e) e = lite_run(c, "DELETE FROM body WHERE id>?", VALUES(v_int(visible)), d);
    if (!e) e = discard_objects(c, d);
    /* Numbers of rows that are gone will be given again. */
    s->next_holding = s->next_object = 0;
    s->pending = false;
    memset(s->writer.interned, 0, INTERN_SLOTS * sizeof *s->writer.interned);
    return e;
}
