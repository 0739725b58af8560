/* Reading holdings. */
#include "store/postgres_driver.h"

enum { WALK_ROWS = 2000 /* read at a time: bounds memory */ };

enum err pq_holding_read(const PGresult *rows, int row, bool with_body, struct arena *a, struct store_holding *out,
                         struct diag *d) {
    *out = (struct store_holding){
        .id = col_int(rows, row, 0),
        .stix_id = arena_copy(a, col_span(rows, row, 1)),
        .type = arena_copy(a, col_span(rows, row, 2)),
        .modified = col_time(rows, row, 3),
        .source = (uint32_t)col_int(rows, row, 5),
        .state = (enum store_state)col_int(rows, row, 6),
        .revoked = col_int(rows, row, 7) != 0,
        .observed = col_time(rows, row, 8),
        .imported = col_time(rows, row, 9),
        .handling = {.tlp = (int)col_int(rows, row, 10), .confidence = -1},
    };
    if (PQgetlength(rows, row, 4) == SHA256_SIZE) memcpy(out->hash.b, PQgetvalue(rows, row, 4), SHA256_SIZE);
    if (!col_null(rows, row, 11)) out->handling.confidence = (int)col_int(rows, row, 11);
    out->handling.labels = arena_copy(a, col_span(rows, row, 12));
    if (with_body) out->body = arena_copy(a, col_span(rows, row, 13));
    return a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_holding_list(PGresult *rows, bool with_body, struct arena *a, struct store_holding **out, size_t *count,
                         struct diag *d) {
    int n = PQntuples(rows);
    enum err e = ERR_NONE;
    *out = pq_rows(a, (size_t)n, sizeof **out);
    if (!*out) return pq_full(d);
    for (int i = 0; i < n && !e; i++) e = pq_holding_read(rows, i, with_body, a, &(*out)[i], d);
    *count = (size_t)n;
    return e;
}

enum err pq_holding_visible(struct store_reader *r, int64_t *out, struct diag *d) {
    struct connection *c;
    struct value mark;
    struct pq_reader *reader = (struct pq_reader *)r;
    enum err e = pq_enter(r, &c, &mark, d);
    if (e) return e;
    if (reader->mark) { /* of a transaction that sees pending holdings, too, this is the published mark */
        *out = reader->store->published;
        return ERR_NONE;
    }
    return pq_number(c, "SELECT visible FROM state", NO_VALUES, out, NULL, d);
}

static enum err one(PGresult *rows, struct arena *a, struct store_holding *out, bool *found, struct diag *d) {
    *found = PQntuples(rows) > 0;
    return *found ? pq_holding_read(rows, 0, true, a, out, d) : ERR_NONE;
}

enum err pq_holding_get(struct store_reader *r, int64_t id, struct arena *a, struct store_holding *out,
                        struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    bool found = false;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(
            c, "SELECT " HOLDING_COLUMNS ",b.bytes FROM holding h" HOLDING_BODY " WHERE h.id=$1 AND h.id<=" VISIBLE(2),
            VALUES(v_int(id), mark), &rows, d);
    if (!e) e = one(rows, a, out, &found, d);
    PQclear(rows);
    return e || found ? e : diag_set(d, ERR_NOT_FOUND, "there is no holding %lld", (long long)id);
}

enum err pq_holding_latest(struct store_reader *r, struct span stix_id, struct arena *a, struct store_holding *out,
                           struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    bool found = false;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c,
                     "SELECT " HOLDING_COLUMNS ",b.bytes FROM holding h" HOLDING_BODY
                     " WHERE h.stix_id=$1 AND h.state=0 AND h.id<=" VISIBLE(
                         2) " ORDER BY h.modified DESC NULLS LAST,h.id DESC LIMIT 1",
                     VALUES(v_bytes(stix_id), mark), &rows, d);
    if (!e) e = one(rows, a, out, &found, d);
    PQclear(rows);
    return e || found ? e : diag_set(d, ERR_NOT_FOUND, "no version of %.*s is held that counts", SPAN_ARG(stix_id));
}

enum err pq_holding_history(struct store_reader *r, struct span stix_id, bool with_body, struct arena *a,
                            struct store_holding **out, size_t *count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    const struct pq_reader *reader = (const struct pq_reader *)r;
    if (reader->mark && pq_is_absent(reader->store, stix_id)) return ERR_NONE;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c,
                     with_body ? "SELECT " HOLDING_COLUMNS ",b.bytes FROM holding h" HOLDING_BODY
                                 " WHERE h.stix_id=$1 AND h.id<=" VISIBLE(2) " ORDER BY h.modified NULLS FIRST,h.id"
                               : "SELECT " HOLDING_COLUMNS " FROM holding h WHERE h.stix_id=$1 AND h.id<=" VISIBLE(
                                     2) " ORDER BY h.modified NULLS FIRST,h.id",
                     VALUES(v_bytes(stix_id), mark), &rows, d);
    if (!e) e = pq_holding_list(rows, with_body, a, out, count, d);
    PQclear(rows);
    return e;
}

enum err pq_holding_scan(struct store_reader *r, int64_t after, struct span type, size_t limit, struct arena *a,
                         struct store_holding **out, size_t *count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e && type.len == 0)
        e = pq_query(c,
                     "SELECT " HOLDING_COLUMNS ",b.bytes FROM holding h" HOLDING_BODY
                     " WHERE h.id>$1 AND h.id<=" VISIBLE(2) " ORDER BY h.id LIMIT $3",
                     VALUES(v_int(after), mark, v_int((int64_t)limit)), &rows, d);
    else if (!e)
        e = pq_query(c,
                     "SELECT " HOLDING_COLUMNS ",b.bytes FROM holding h" HOLDING_BODY
                     " WHERE h.type=$4 AND h.id>$1 AND h.id<=" VISIBLE(2) " ORDER BY h.id LIMIT $3",
                     VALUES(v_int(after), mark, v_int((int64_t)limit), v_bytes(type)), &rows, d);
    if (!e) e = pq_holding_list(rows, true, a, out, count, d);
    PQclear(rows);
    return e;
}

enum { PLACE_COLUMN = 14, KNOWN_COLUMN = PLACE_COLUMN + 1 };
/* Of EXISTS the planner may make a hash of the whole table, each time; of a single row's look-up it does not. */
#define NONE(from) ",coalesce((SELECT 0::bigint FROM " from " LIMIT 1),1)"
#define KNOWN_COLUMNS                                                                                                  \
    ",h.body" NONE("holding v WHERE v.stix_id=h.stix_id AND v.id<>h.id")                                               \
        NONE("entry e WHERE e.ledger=$4 AND e.stix_id=h.stix_id")                                                      \
            NONE("waiting w WHERE w.ledger=$4 AND w.needs=h.stix_id")

enum err pq_holding_undecided(struct store_reader *r, int64_t ledger, int64_t after, size_t limit, struct arena *a,
                              struct store_holding **out, size_t *count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c,
                     "SELECT " HOLDING_COLUMNS ",b.bytes" KNOWN_COLUMNS " FROM holding h" HOLDING_BODY
                     " WHERE h.id>$1 AND h.id<=" VISIBLE(2) " ORDER BY h.id LIMIT $3",
                     VALUES(v_int(after), mark, v_int((int64_t)limit), v_int(ledger)), &rows, d);
    if (!e) e = pq_holding_list(rows, true, a, out, count, d);
    for (int i = 0; !e && i < (int)*count; i++) {
        (*out)[i].place.body = col_int(rows, i, PLACE_COLUMN);
        (*out)[i].known = (struct store_known){.sole = col_int(rows, i, KNOWN_COLUMN) != 0,
                                               .unreleased = col_int(rows, i, KNOWN_COLUMN + 1) != 0,
                                               .unawaited = col_int(rows, i, KNOWN_COLUMN + 2) != 0};
    }
    PQclear(rows);
    return e;
}

/* Borrowed from the rows. */
static void read_lean(const PGresult *rows, int i, bool with_body, struct span type, struct store_holding *out) {
    *out = (struct store_holding){
        .id = col_int(rows, i, 0),
        .type = type,
        .modified = col_time(rows, i, 1),
        .source = (uint32_t)col_int(rows, i, 2),
        .state = (enum store_state)col_int(rows, i, 3),
        .revoked = col_int(rows, i, 4) != 0,
        .observed = TIME_NONE,
        .imported = TIME_NONE,
        .handling = {.tlp = (int)col_int(rows, i, 5), .confidence = -1},
    };
    if (!col_null(rows, i, 6)) out->handling.confidence = (int)col_int(rows, i, 6);
    out->handling.labels = col_span(rows, i, 7);
    *(with_body ? &out->body : &out->stix_id) = col_span(rows, i, 8);
}

#define LEAN       "SELECT h.id,h.modified,h.source,h.state,h.revoked,h.tlp,h.confidence,h.labels,"
#define LEAN_RANGE " WHERE h.type=$1 AND h.id>$2 AND h.id<=$3 AND h.id<=" VISIBLE(4) " ORDER BY h.id LIMIT $5"

enum err pq_holding_each(struct store_reader *r, int64_t after, int64_t upto, struct span type, bool with_body,
                         bool (*each)(void *context, const struct store_holding *h), void *context, struct diag *d) {
    bool go_on = true;
    while (go_on) {
        struct connection *c;
        struct value mark;
        PGresult *rows = NULL;
        enum err e = pq_enter(r, &c, &mark, d);
        if (!e)
            e = pq_query(c,
                         with_body ? LEAN "b.bytes FROM holding h" HOLDING_BODY LEAN_RANGE
                                   : LEAN "h.stix_id FROM holding h" LEAN_RANGE,
                         VALUES(v_bytes(type), v_int(after), v_int(upto), mark, v_int(WALK_ROWS)), &rows, d);
        if (e) return e;
        int n = PQntuples(rows);
        for (int i = 0; i < n && go_on; i++) {
            struct store_holding h;
            read_lean(rows, i, with_body, type, &h);
            after = h.id;
            go_on = each(context, &h);
        }
        PQclear(rows);
        if (n < WALK_ROWS) break;
    }
    return ERR_NONE;
}

enum err pq_holding_naming(struct store_reader *r, struct span stix_id, int64_t after, size_t limit, struct arena *a,
                           int64_t **out, size_t *count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c,
                     "SELECT holding FROM ref WHERE target=$1 AND holding>$2 AND holding<=" VISIBLE(
                         3) " ORDER BY holding LIMIT $4",
                     VALUES(v_bytes(stix_id), v_int(after), mark, v_int((int64_t)limit)), &rows, d);
    if (e) return e;
    int n = PQntuples(rows);
    *out = pq_rows(a, (size_t)n, sizeof **out);
    for (int i = 0; *out && i < n; i++) (*out)[i] = col_int(rows, i, 0);
    *count = (size_t)n;
    PQclear(rows);
    return *out ? ERR_NONE : pq_full(d);
}

enum err pq_holding_totals(struct store_reader *r, struct arena *a, struct store_total **out, size_t *count,
                           struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e) e = pq_query(c, "SELECT type,count FROM total ORDER BY type", NO_VALUES, &rows, d);
    if (e) return e;
    int n = PQntuples(rows);
    *out = pq_rows(a, (size_t)n, sizeof **out);
    for (int i = 0; *out && i < n; i++)
        (*out)[i] = (struct store_total){arena_copy(a, col_span(rows, i, 0)), col_int(rows, i, 1)};
    *count = (size_t)n;
    PQclear(rows);
    return !*out || a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_holding_set_state(struct store_tx *tx, int64_t id, enum store_state state, struct diag *d) {
    struct connection *c;
    int64_t changed = 0;
    enum err e = pq_writer(tx, &c, d);
    if (!e) e = pq_run(c, "UPDATE holding SET state=$1 WHERE id=$2", VALUES(v_int(state), v_int(id)), &changed, d);
    if (!e && changed == 0) return diag_set(d, ERR_NOT_FOUND, "there is no holding %lld", (long long)id);
    return e ? e : pq_holdings_altered(c, d);
}

enum err pq_received_from(struct store_reader *r, struct span stix_id, uint32_t source, bool *out, struct diag *d) {
    struct connection *c;
    struct value mark;
    int64_t one;
    enum err e = pq_enter(r, &c, &mark, d);
    return e ? e
             : pq_number(c,
                         "SELECT 1::bigint FROM holding WHERE stix_id=$1 AND source=$2 AND state=0 AND id<=" VISIBLE(
                             3) " LIMIT 1",
                         VALUES(v_bytes(stix_id), v_int(source), mark), &one, out, d);
}
