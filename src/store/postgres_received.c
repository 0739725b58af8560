/* Partners' ledgers, as they came. */
#include "store/postgres_driver.h"

/* The number of a ledger's origin line; 0 for one nothing came from. */
static enum err find_origin(struct connection *c, struct span origin, int64_t *out, struct diag *d) {
    *out = 0;
    return pq_number(c, "SELECT id FROM origin WHERE name=$1", VALUES(v_bytes(origin)), out, NULL, d);
}

/* The origin's number, and the first seq of it that is not there yet: remembered while one ledger is taken in. */
static enum err intern_origin(struct pq_store *s, struct span origin, struct diag *d) {
    struct connection *c = &s->writer;
    int64_t number = 0, newest = -1;
    if (s->received_origin.len && span_equal(buf_span(&s->received_origin), origin)) return ERR_NONE;
    enum err e = find_origin(c, origin, &number, d);
    if (!e && !number)
        e = pq_number(c, "INSERT INTO origin(id,name) SELECT coalesce(max(id),0)+1,$1 FROM origin RETURNING id",
                      VALUES(v_bytes(origin)), &number, NULL, d);
    if (!e && number >= STORE_LEDGER_MAX) {
        c->failed = ERR_LIMIT;
        return diag_set(d, ERR_LIMIT, "ledgers of too many origins were received");
    }
    if (!e) e = pq_flush(s, d);
    if (!e) e = pq_number(c, "SELECT max(seq) FROM received WHERE origin=$1", VALUES(v_int(number)), &newest, NULL, d);
    buf_clear(&s->received_origin);
    if (e) return e;
    buf_add(&s->received_origin, origin);
    if (!buf_ok(&s->received_origin)) return diag_set(d, ERR_NOMEM, "memory ran out");
    s->received_number = number;
    s->received_next = (uint64_t)(newest + 1);
    return ERR_NONE;
}

/* An entry that came before: the same record is no news; another one for the same place is a fork. */
static enum err add_again(struct connection *c, int64_t origin, const struct store_received *e, bool *exists,
                          struct diag *d) {
    int64_t same = 0;
    enum err err = pq_number(c, "SELECT (record=$1)::int::bigint FROM received WHERE origin=$2 AND seq=$3",
                             VALUES(v_bytes(e->record), v_int(origin), v_int((int64_t)e->seq)), &same, exists, d);
    if (err || !*exists) return err;
    if (!same)
        return diag_set(d, ERR_EXISTS, "the partner's ledger said something else as entry %llu before",
                        (unsigned long long)e->seq);
    return pq_run(
        c,
        "UPDATE received SET holding=coalesce($1::bigint,holding),salt=$2,withdrawn=withdrawn|$3"
        " WHERE origin=$4 AND seq=$5",
        VALUES(v_number(e->holding), v_optional(e->salt), v_int(e->withdrawn), v_int(origin), v_int((int64_t)e->seq)),
        NULL, d);
}

enum err pq_received_add(struct store_tx *tx, struct span origin, const struct store_received *e, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    bool exists = false;
    enum err err = intern_origin(s, origin, d);
    if (!err && e->seq < s->received_next) {
        err = pq_flush(s, d);
        if (!err) err = add_again(&s->writer, s->received_number, e, &exists, d);
    }
    if (err || exists) return err;
    err = pq_copy_row(&s->writer, &s->copy, PQ_RECEIVED,
                      VALUES(v_int(s->received_number), v_int((int64_t)e->seq), v_number(e->holding),
                             v_bytes(e->record), v_optional(e->salt), v_int(e->withdrawn)),
                      d);
    if (e->seq >= s->received_next) s->received_next = e->seq + 1;
    return err ? err : pq_flush_if_many(s, d);
}

static enum err read_received(PGresult *rows, bool with_origin, struct arena *a, struct store_received **out,
                              size_t *count, struct diag *d) {
    int n = PQntuples(rows);
    *out = pq_rows(a, (size_t)n, sizeof **out);
    for (int i = 0; *out && i < n; i++) {
        (*out)[i] = (struct store_received){.seq = (uint64_t)col_int(rows, i, 0),
                                            .holding = col_int(rows, i, 1),
                                            .record = arena_copy(a, col_span(rows, i, 2)),
                                            .salt = arena_copy(a, col_span(rows, i, 3)),
                                            .withdrawn = col_int(rows, i, 4) != 0};
        if (with_origin) (*out)[i].origin = arena_copy(a, col_span(rows, i, 5));
    }
    *count = (size_t)n;
    return !*out || a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_received_scan(struct store_reader *r, struct span origin, uint64_t from, size_t limit, struct arena *a,
                          struct store_received **out, size_t *count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c,
                     "SELECT seq,holding,record,salt,withdrawn FROM received WHERE origin=(SELECT id FROM origin WHERE"
                     " name=$1) AND seq>=$2 AND (holding IS NULL OR holding<=" VISIBLE(3) ") ORDER BY seq LIMIT $4",
                     VALUES(v_bytes(origin), v_int((int64_t)from), mark, v_int((int64_t)limit)), &rows, d);
    if (!e) e = read_received(rows, false, a, out, count, d);
    PQclear(rows);
    return e;
}

enum err pq_received_of(struct store_reader *r, int64_t holding, struct arena *a, struct store_received **out,
                        size_t *count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c,
                     "SELECT r.seq,r.holding,r.record,r.salt,r.withdrawn,o.name FROM received r JOIN origin o"
                     " ON o.id=r.origin WHERE r.holding=$1 ORDER BY r.origin,r.seq",
                     VALUES(v_int(holding)), &rows, d);
    if (!e) e = read_received(rows, true, a, out, count, d);
    PQclear(rows);
    return e;
}

enum err pq_received_withdraw(struct store_tx *tx, struct span origin, uint64_t seq, int64_t *holding, struct diag *d) {
    struct connection *c;
    int64_t number = 0, changed = 0;
    enum err e = pq_writer(tx, &c, d);
    if (!e) e = find_origin(c, origin, &number, d);
    const struct value at[] = {v_int(number), v_int((int64_t)seq)};
    if (!e) e = pq_run(c, "UPDATE received SET withdrawn=1 WHERE origin=$1 AND seq=$2", at, 2, &changed, d);
    if (!e && changed == 0)
        return diag_set(d, ERR_NOT_FOUND, "entry %llu of this ledger was never received", (unsigned long long)seq);
    *holding = 0;
    return e ? e
             : pq_number(c,
                         "SELECT holding FROM received r WHERE origin=$1 AND seq=$2 AND holding IS NOT NULL AND NOT"
                         " EXISTS(SELECT 1 FROM received o WHERE o.holding=r.holding AND o.withdrawn=0)",
                         at, 2, holding, NULL, d);
}
