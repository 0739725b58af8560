/* Ledger entries. */
#include <stdio.h>

#include "store/postgres_driver.h"

/* ---- appending --------------------------------------------------------------------------------------------------- */

/* The ledger's next seq: remembered while one ledger is being appended to. */
static enum err next_seq(struct pq_store *s, int64_t ledger, uint64_t *out, struct diag *d) {
    if (s->append_ledger != ledger) {
        int64_t newest = -1;
        enum err e = pq_flush(s, d); /* entries of one ledger wait at a time */
        if (!e)
            e = pq_number(&s->writer, "SELECT max(seq) FROM entry WHERE ledger=$1", VALUES(v_int(ledger)), &newest,
                          NULL, d);
        if (e) return e;
        s->append_ledger = ledger;
        s->append_first = s->append_seq = (uint64_t)(newest + 1);
    }
    *out = s->append_seq;
    return ERR_NONE;
}

static enum err check_append(struct pq_store *s, const struct store_entry *e, struct diag *d) {
    uint64_t next;
    enum err err = next_seq(s, e->ledger, &next, d);
    if (err) return err;
    if (e->seq != next)
        return diag_set(d, ERR_INVALID, "entry %llu cannot be appended to ledger %lld: its next is %llu",
                        (unsigned long long)e->seq, (long long)e->ledger, (unsigned long long)next);
    if (e->holding == 0 && e->state != STORE_ENTRY_RECORD && e->state != STORE_ENTRY_WITHDRAWN && e->body.len == 0)
        return diag_set(d, ERR_INVALID, "a release needs a body, or a holding whose body it is");
    if (e->holding <= s->published) return ERR_NONE;
    return diag_set(d, ERR_NOT_FOUND, "holding %lld is not visible yet: nothing can be released from it",
                    (long long)e->holding);
}

/* Where the bytes of a release are: those of its holding, or its own. */
static enum err find_body(struct pq_store *s, const struct store_entry *e, int64_t *body, struct diag *d) {
    PGresult *rows = NULL;
    *body = 0;
    if (e->holding == 0) return ERR_NONE;
    if (e->place.body && e->body.len == 0) {
        *body = e->place.body;
        return ERR_NONE;
    }
    enum err err =
        e->body.len ? pq_query(&s->writer, "SELECT h.body,b.bytes FROM holding h" HOLDING_BODY " WHERE h.id=$1",
                               VALUES(v_int(e->holding)), &rows, d)
                    : pq_query(&s->writer, "SELECT body FROM holding WHERE id=$1", VALUES(v_int(e->holding)), &rows, d);
    if (!err && PQntuples(rows) == 0)
        err = diag_set(d, ERR_NOT_FOUND, "there is no holding %lld to release from", (long long)e->holding);
    else if (!err && (e->body.len == 0 || span_equal(col_span(rows, 0, 1), e->body)))
        *body = col_int(rows, 0, 0);
    PQclear(rows);
    return err;
}

enum err pq_entry_add(struct store_tx *tx, const struct store_entry *e, struct diag *d) {
    struct pq_store *s = pq_store_of(tx);
    int64_t body = 0;
    enum err err = check_append(s, e, d);
    if (!err) err = find_body(s, e, &body, d);
    if (err) return err;
    if (e->state == STORE_ENTRY_RECORD) body = 0;
    struct span type = pq_type_of(e->stix_id);
    if (s->copy.ledger == 0) {
        s->copy.ledger = e->ledger;
        s->copy.first_seq = (int64_t)e->seq;
    }
    err = pq_copy_row(&s->writer, &s->copy, PQ_ENTRY,
                      VALUES(v_int(e->ledger), v_int((int64_t)e->seq), v_time(e->time), v_time(e->decided),
                             v_int(e->state), v_optional(e->stix_id), v_optional(type), v_time(e->modified),
                             v_number(e->holding), v_number(body), body ? v_null() : v_optional(e->body),
                             v_bytes(e->record), v_optional(e->salt)),
                      d);
    if (!err && !map_set(&s->copy.objects, e->stix_id, 1, NULL)) err = diag_set(d, ERR_NOMEM, "memory ran out");
    if (err) return err;
    s->append_seq++;
    return pq_flush_if_many(s, d);
}

enum err pq_entry_set_state(struct store_tx *tx, int64_t ledger, uint64_t seq, enum store_entry_state state,
                            struct diag *d) {
    struct connection *c;
    int64_t changed = 0;
    enum err e = pq_writer(tx, &c, d);
    if (!e)
        e = pq_run(c, "UPDATE entry SET state=$1 WHERE ledger=$2 AND seq=$3 AND state<>3",
                   VALUES(v_int(state), v_int(ledger), v_int((int64_t)seq)), &changed, d);
    /* An ordinary collection's own bytes go with what is taken out of it. */
    if (!e && changed && state == STORE_ENTRY_WITHDRAWN && ledger >= STORE_COLLECTION_FIRST)
        e = pq_run(c, "UPDATE entry SET derived=NULL WHERE ledger=$1 AND seq=$2",
                   VALUES(v_int(ledger), v_int((int64_t)seq)), NULL, d);
    return e || changed ? e
                        : diag_set(d, ERR_NOT_FOUND, "ledger %lld has released nothing as entry %llu",
                                   (long long)ledger, (unsigned long long)seq);
}

enum err pq_entry_withdraw(struct store_tx *tx, int64_t ledger, uint64_t seq, struct diag *d) {
    return pq_entry_set_state(tx, ledger, seq, STORE_ENTRY_WITHDRAWN, d);
}

/* "seq+0" keeps the planner from going through a whole ledger in the order of its key, where an index
 * finds the few rows that are wanted. */

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* For reading an object's entries: those of others may wait. */
static enum err enter_object(struct store_reader *base, int64_t ledger, struct span stix_id, struct connection **c,
                             struct diag *d) {
    const struct pq_reader *r = (const struct pq_reader *)base;
    const struct pq_copy *waits = r->mark ? &r->store->copy : NULL;
    struct value mark;
    uint64_t yes;
    if (!waits || waits->ledger != ledger || (stix_id.len && !map_get(&waits->objects, stix_id, &yes)))
        return pq_enter_aside(base, c, d);
    return pq_enter(base, c, &mark, d);
}

/* A withdrawn entry's bytes are not even read. */
#define ENTRY_NARROW "SELECT e.ledger,e.seq,e.time,e.decided,e.state,e.modified,e.holding,e.stix_id,"
#define ENTRY_BODY                                                                                                     \
    "coalesce((SELECT b.bytes FROM body b WHERE b.id=e.body AND e.state<>2),CASE WHEN e.state<>2 THEN e.derived END),"
#define ENTRY_RECORD "e.record,e.salt FROM entry e"
#define NO_BODY      "NULL::bytea,"
#define NO_RECORD    "NULL::bytea,NULL::bytea FROM entry e"

static void read_entry(const PGresult *rows, int i, struct store_entry *out) {
    *out = (struct store_entry){.ledger = col_int(rows, i, 0),
                                .seq = (uint64_t)col_int(rows, i, 1),
                                .time = col_time(rows, i, 2),
                                .decided = col_time(rows, i, 3),
                                .state = (enum store_entry_state)col_int(rows, i, 4),
                                .modified = col_time(rows, i, 5),
                                .holding = col_int(rows, i, 6),
                                .stix_id = col_span(rows, i, 7),
                                .body = col_span(rows, i, 8),
                                .record = col_span(rows, i, 9),
                                .salt = col_span(rows, i, 10)};
}

static enum err copy_entry(PGresult *rows, struct arena *a, struct store_entry *out, bool *found, struct diag *d) {
    *found = PQntuples(rows) > 0;
    if (!*found) return ERR_NONE;
    read_entry(rows, 0, out);
    out->stix_id = arena_copy(a, out->stix_id);
    out->body = arena_copy(a, out->body);
    out->record = arena_copy(a, out->record);
    out->salt = arena_copy(a, out->salt);
    return a->overflow ? pq_full(d) : ERR_NONE;
}

enum err pq_entry_get(struct store_reader *r, int64_t ledger, uint64_t seq, struct arena *a, struct store_entry *out,
                      struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    bool found = false;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c, ENTRY_NARROW ENTRY_BODY ENTRY_RECORD " WHERE e.ledger=$1 AND e.seq=$2",
                     VALUES(v_int(ledger), v_int((int64_t)seq)), &rows, d);
    if (!e) e = copy_entry(rows, a, out, &found, d);
    PQclear(rows);
    return e || found ? e
                      : diag_set(d, ERR_NOT_FOUND, "ledger %lld has no entry %llu", (long long)ledger,
                                 (unsigned long long)seq);
}

/* Statements differ in what they ask for; each text is prepared once a connection. */
static void make_page(const struct store_entry_query *q, char text[1024]) {
    const char *plus = q->stix_id.len ? "+0" : "";
    snprintf(text, 1024,
             "%s%s%s WHERE e.ledger=$1 AND e.seq%s>=$2 AND e.seq%s<$3 AND ($4::bigint>>e.state::int)&1=1%s%s%s"
             " ORDER BY e.seq%s LIMIT $5",
             ENTRY_NARROW, q->with_body ? ENTRY_BODY : NO_BODY, q->with_record ? ENTRY_RECORD : NO_RECORD, plus, plus,
             q->stix_id.len ? " AND e.stix_id=$6" : " AND $6::bytea IS NULL",
             q->type.len ? " AND e.type=$7" : " AND $7::bytea IS NULL",
             q->modified != TIME_NONE ? " AND e.modified=$8" : " AND $8::bigint IS NULL", plus);
}

enum err pq_entry_each(struct store_reader *r, const struct store_entry_query *q,
                       bool (*each)(void *context, const struct store_entry *e), void *context, struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    char text[1024];
    struct pq_reader *reader = (struct pq_reader *)r;
    uint64_t from = q->from_seq, after = 0;
    if (reader->walking) /* as in SQLite, where it is one statement */
        return diag_set(d, ERR_INTERNAL, "a reader goes through one list of entries at a time");
    int64_t states = 1 << STORE_ENTRY_CURRENT | (q->superseded ? 1 << STORE_ENTRY_SUPERSEDED : 0) |
                     (q->withdrawn ? 1 << STORE_ENTRY_WITHDRAWN : 0) | (q->records ? 1 << STORE_ENTRY_RECORD : 0);
    enum err e = enter_object(r, q->ledger, q->stix_id, &c, d);
    if (!e && q->added_after != TIME_NONE) e = pq_entry_after(r, q->ledger, q->added_after, &after, d);
    if (after > from) from = after;
    make_page(q, text);
    if (!e)
        e = pq_query(c, text,
                     VALUES(v_int(q->ledger), v_int((int64_t)from), v_int((int64_t)q->to_seq), v_int(states),
                            v_int((int64_t)q->limit), v_optional(q->stix_id), v_optional(q->type), v_time(q->modified)),
                     &rows, d);
    bool go_on = true;
    reader->walking = true;
    for (int i = 0; !e && go_on && i < PQntuples(rows); i++) {
        struct store_entry entry;
        read_entry(rows, i, &entry);
        go_on = each(context, &entry);
    }
    reader->walking = false;
    PQclear(rows);
    return e;
}

enum err pq_entry_out(struct store_reader *r, int64_t ledger, uint8_t *bits, int64_t count, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(c,
                     "SELECT e.holding FROM entry e JOIN holding h ON h.id=e.holding AND h.stix_id=e.stix_id"
                     " WHERE e.ledger=$1 AND e.state=0",
                     VALUES(v_int(ledger)), &rows, d);
    for (int i = 0; !e && i < PQntuples(rows); i++) {
        int64_t holding = col_int(rows, i, 0);
        if (holding > 0 && holding < count) bits[holding / 8] |= (uint8_t)(1u << holding % 8);
    }
    PQclear(rows);
    return e;
}

/* Times grow with seq. */
enum err pq_entry_after(struct store_reader *r, int64_t ledger, time_us t, uint64_t *seq, struct diag *d) {
    struct connection *c;
    struct value mark;
    int64_t found = 0;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_number(c,
                      "SELECT coalesce((SELECT seq FROM entry WHERE ledger=$1 AND time>$2 ORDER BY time LIMIT 1),"
                      "(SELECT max(seq)+1 FROM entry WHERE ledger=$1),0)",
                      VALUES(v_int(ledger), v_int(t)), &found, NULL, d);
    *seq = (uint64_t)found;
    return e;
}

enum err pq_entry_current(struct store_reader *r, int64_t ledger, struct span stix_id, struct store_entry *out,
                          struct diag *d) {
    struct connection *c;
    PGresult *rows = NULL;
    enum err e = enter_object(r, ledger, stix_id, &c, d);
    if (!e)
        e = pq_query(c,
                     "SELECT seq,time,decided,modified,holding FROM entry WHERE ledger=$1 AND stix_id=$2 AND state=0"
                     " ORDER BY seq+0 DESC LIMIT 1",
                     VALUES(v_int(ledger), v_bytes(stix_id)), &rows, d);
    bool found = !e && PQntuples(rows) > 0;
    if (found)
        *out = (struct store_entry){.ledger = ledger,
                                    .seq = (uint64_t)col_int(rows, 0, 0),
                                    .time = col_time(rows, 0, 1),
                                    .decided = col_time(rows, 0, 2),
                                    .state = STORE_ENTRY_CURRENT,
                                    .modified = col_time(rows, 0, 3),
                                    .holding = col_int(rows, 0, 4)};
    PQclear(rows);
    return e || found ? e
                      : diag_set(d, ERR_NOT_FOUND, "%.*s is not out in ledger %lld",
                                 SPAN_ARG(span_first(stix_id, STORE_ID_MAX)), (long long)ledger);
}

enum err pq_entry_of_holding(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                             struct store_entry *out, struct diag *d) {
    struct connection *c;
    struct value mark;
    PGresult *rows = NULL;
    bool found = false;
    enum err e = pq_enter(r, &c, &mark, d);
    if (!e)
        e = pq_query(
            c, ENTRY_NARROW ENTRY_BODY ENTRY_RECORD " WHERE e.ledger=$1 AND e.holding=$2 ORDER BY e.seq+0 DESC LIMIT 1",
            VALUES(v_int(ledger), v_int(holding)), &rows, d);
    if (!e) e = copy_entry(rows, a, out, &found, d);
    PQclear(rows);
    return e || found ? e
                      : diag_set(d, ERR_NOT_FOUND, "nothing was released from holding %lld to ledger %lld",
                                 (long long)holding, (long long)ledger);
}
