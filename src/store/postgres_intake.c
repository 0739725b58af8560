/* Adding, publishing and discarding holdings. */
#include <endian.h>
#include <stdlib.h>

#include "store/postgres_driver.h"

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

static enum err find_twin(struct connection *c, const struct store_holding *h, struct twin *out, struct diag *d) {
    PGresult *rows = NULL;
    *out = (struct twin){0};
    enum err e =
        pq_query(c,
                 "SELECT id,source,body FROM holding WHERE stix_id=$1 AND modified IS NOT DISTINCT FROM"
                 " $2::bigint AND hash=$3 ORDER BY id",
                 VALUES(v_bytes(h->stix_id), v_time(h->modified), v_bytes(span_of(h->hash.b, SHA256_SIZE))), &rows, d);
    for (int i = 0; !e && i < PQntuples(rows) && !out->same; i++) {
        if (col_int(rows, i, 1) == h->source) out->same = col_int(rows, i, 0);
        out->body = col_int(rows, i, 2);
    }
    PQclear(rows);
    return e;
}

static enum err replace_handling(struct connection *c, int64_t id, const struct store_handling *h, struct diag *d) {
    if (!handling_given(h)) return ERR_NONE;
    enum err e = pq_run(c, "UPDATE holding SET tlp=$1,confidence=$2,labels=$3 WHERE id=$4",
                        VALUES(v_int(h->tlp), confidence_value(h), v_optional(h->labels), v_int(id)), NULL, d);
    return e ? e : pq_holdings_altered(c, d);
}

static int by_bytes(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* Each object named once. */
static enum err add_refs(struct pq_store *s, int64_t id, const struct span *refs, size_t count, struct diag *d) {
    struct span few[16];
    struct span *sorted = count <= sizeof few / sizeof *few ? few : calloc(count, sizeof *sorted);
    enum err e = sorted ? ERR_NONE : diag_set(d, ERR_NOMEM, "memory ran out");
    if (!e && count) {
        memcpy(sorted, refs, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, by_bytes);
    }
    for (size_t i = 0; i < count && !e; i++) {
        if (i > 0 && span_equal(sorted[i], sorted[i - 1])) continue;
        e = pq_copy_row(&s->writer, &s->copy, PQ_REF, VALUES(v_bytes(sorted[i]), v_int(id)), d);
    }
    if (sorted != few) free(sorted);
    return e;
}

static enum err insert(struct pq_store *s, int64_t body, const struct store_holding *h, int64_t *id, struct diag *d) {
    enum err e = ERR_NONE;
    *id = ++s->newest;
    if (!body) {
        body = *id;
        e = pq_copy_row(&s->writer, &s->copy, PQ_BODY, VALUES(v_int(body), v_bytes(h->body)), d);
    }
    if (e) return e;
    return pq_copy_row(&s->writer, &s->copy, PQ_HOLDING,
                       VALUES(v_int(*id), v_bytes(h->stix_id), v_bytes(pq_type_of(h->stix_id)), v_time(h->modified),
                              v_bytes(span_of(h->hash.b, SHA256_SIZE)), v_int(h->source), v_int(h->state),
                              v_int(h->revoked), v_time(h->observed), v_time(h->imported), v_int(h->handling.tlp),
                              confidence_value(&h->handling), v_optional(h->handling.labels), v_int(body)),
                       d);
}

/* ---- what an intake asks for together -----------------------------------------------------------------------------
 */

bool pq_is_absent(const struct pq_store *s, struct span stix_id) {
    uint64_t absent = 0;
    return s->intake && map_get(&s->absent, stix_id, &absent) && absent;
}

/* An array of byteas as the protocol has it in binary. */
static void put_array(struct buf *b, const struct span *items, size_t count) {
    const uint32_t head[] = {htobe32(1), 0, htobe32(BYTEA_OID), htobe32((uint32_t)count), htobe32(1)};
    buf_add(b, span_of(head, sizeof head));
    for (size_t i = 0; i < count; i++) {
        uint32_t len = htobe32((uint32_t)items[i].len);
        buf_add(b, span_of(&len, sizeof len));
        buf_add(b, items[i]);
    }
}

static enum err remember_absent(struct pq_store *s, struct span stix_id, uint64_t absent, struct diag *d) {
    if (map_set(&s->absent, stix_id, absent, NULL)) return ERR_NONE;
    return diag_set(d, ERR_NOMEM, "memory ran out");
}

enum err pq_holding_expect(struct store_tx *tx, const struct span *ids, size_t count, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    struct buf array = BUF_EMPTY;
    PGresult *rows = NULL;
    uint64_t waits;
    if (!s->intake) return ERR_NONE; /* somebody else may add them at any time */
    if (s->absent.count > PG_HEARD_MAX) map_clear(&s->absent);
    put_array(&array, ids, count);
    enum err e = buf_ok(&array) ? ERR_NONE : diag_set(d, ERR_NOMEM, "memory ran out");
    if (!e)
        e = pq_query(&s->writer, "SELECT stix_id FROM holding WHERE stix_id=ANY($1::bytea[])",
                     VALUES(v_bytes(buf_span(&array))), &rows, d);
    for (size_t i = 0; !e && i < count; i++)
        e = remember_absent(s, ids[i], s->heard.count < PG_HEARD_MAX && !map_get(&s->heard, ids[i], &waits), d);
    for (int i = 0; !e && i < PQntuples(rows); i++) e = remember_absent(s, col_span(rows, i, 0), 0, d);
    PQclear(rows);
    buf_free(&array);
    return e;
}

/* Rows of this object may wait: then they are entered before it is looked for. */
static enum err make_findable(struct pq_store *s, struct span stix_id, struct diag *d) {
    uint64_t waits;
    return map_get(&s->heard, stix_id, &waits) || s->heard.count >= PG_HEARD_MAX ? pq_flush(s, d) : ERR_NONE;
}

enum err pq_holding_add(struct store_tx *tx, const struct store_holding *h, const struct span *refs, size_t ref_count,
                        int64_t *id, bool *added, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    struct twin twin = {0};
    bool got = s->intake;
    enum err e = got ? ERR_NONE : pq_intake_lock(s, &got, d);
    if (!e && !got) return diag_set(d, ERR_BUSY, "%s: another process is taking objects in; try again", s->writer.name);
    bool absent = pq_is_absent(s, h->stix_id);
    if (!e && !absent) e = make_findable(s, h->stix_id, d);
    if (!e && !absent) e = find_twin(&s->writer, h, &twin, d);
    if (!e && absent) e = remember_absent(s, h->stix_id, 0, d);
    if (e) return e;
    if (twin.same) {
        *id = twin.same;
        return replace_handling(&s->writer, twin.same, &h->handling, d);
    }
    e = insert(s, twin.body, h, id, d);
    if (!e) e = add_refs(s, *id, refs, ref_count, d);
    if (!e && !map_set(&s->heard, h->stix_id, 1, NULL)) e = diag_set(d, ERR_NOMEM, "memory ran out");
    *added = !e;
    return e ? e : pq_flush_if_many(s, d);
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

enum err pq_intake_publish(struct store_tx *tx, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    struct connection *c;
    enum err e = pq_writer(tx, &c, d);
    if (e || s->newest <= s->published) return e;
    e = pq_run(c,
               "INSERT INTO total(type,count) SELECT type,count(*) FROM holding WHERE id>$1 GROUP BY type"
               " ON CONFLICT(type) DO UPDATE SET count=total.count+excluded.count",
               VALUES(v_int(s->published)), NULL, d);
    if (!e) s->published = s->newest;
    return e;
}

/* ---- discarding -------------------------------------------------------------------------------------------------- */

/* From the first entry that brought a pending holding: what stands after it in its ledger belongs to the same intake.
 */
static const char discard_received[] =
    "DELETE FROM received r USING (SELECT origin,min(seq) AS first FROM received WHERE holding>$1 GROUP BY origin) cut"
    " WHERE r.origin=cut.origin AND r.seq>=cut.first";

enum err pq_intake_discard(struct store_tx *tx, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    struct connection *c;
    enum err e = pq_intake_take(s, d); /* whoever begins an intake begins with this: the others wait here */
    if (!e) e = pq_writer(tx, &c, d);
    if (e || s->newest <= s->published) return e;
    const struct value published = v_int(s->published);
    e = pq_run(c, "DELETE FROM ref WHERE holding>$1", &published, 1, NULL, d);
    if (!e) e = pq_run(c, discard_received, &published, 1, NULL, d);
    if (!e) e = pq_run(c, "DELETE FROM holding WHERE id>$1", &published, 1, NULL, d);
    if (!e) e = pq_run(c, "DELETE FROM body WHERE id>$1", &published, 1, NULL, d);
    if (!e) s->newest = s->published; /* numbers of rows that are gone will be given again */
    return e;
}
