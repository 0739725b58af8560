/* Ledger entries. */
#include "store/sqlite_driver.h"

static int64_t first_id(int64_t ledger) {
    return ledger << 40;
}
static int64_t entry_id(int64_t ledger, uint64_t seq) {
    return first_id(ledger) | (int64_t)seq;
}

/* ---- appending --------------------------------------------------------------------------------------------------- */

/* The ledger's next seq: remembered while one ledger is being appended to. */
static enum err next_seq(struct lite_store *s, int64_t ledger, uint64_t *out, struct diag *d) {
    if (s->append_ledger != ledger) {
        int64_t newest = first_id(ledger) - 1;
        enum err e = lite_number(&s->writer, "SELECT max(id) FROM entry WHERE id>=? AND id<?",
                                 VALUES(v_int(first_id(ledger)), v_int(first_id(ledger + 1))), &newest, NULL, d);
        if (e) return e;
        s->append_ledger = ledger;
        s->append_seq = (uint64_t)(newest + 1 - first_id(ledger));
    }
    *out = s->append_seq;
    return ERR_NONE;
}

/* What a release has to do with the holding it comes from. */
struct origin {
    bool exists, own_object, same_body;
    int64_t object, type, body;
};

static enum err find_origin(struct connection *c, const struct store_entry *e, struct origin *out, struct diag *d) {
    sqlite3_stmt *st;
    char text[STORE_ID_MAX];
    struct span id;
    enum err err;
    *out = (struct origin){0};
    const struct value value = v_int(e->holding);
    if (e->body.len) {
        err = lite_query(c, "SELECT h.object,h.type,h.body,o.key,b.bytes" HOLDING_TABLES HOLDING_BODY " WHERE h.id=?",
                         &value, 1, &st, d);
    } else {
        err = lite_query(c, "SELECT h.object,h.type,h.body,o.key" HOLDING_TABLES " WHERE h.id=?", &value, 1, &st, d);
    }
    if (!err) err = lite_next(c, st, &out->exists, d);
    if (err) return err;
    if (out->exists) {
        err = lite_object_text(c, st, 3, text, &id, d);
        out->object = col_int(st, 0), out->type = col_int(st, 1), out->body = col_int(st, 2);
        out->own_object = !err && span_equal(id, e->stix_id);
        out->same_body = e->body.len == 0 || span_equal(col_span(st, 4), e->body);
    }
    lite_end(st);
    return err;
}

static enum err check_append(struct lite_store *s, const struct store_entry *e, struct diag *d) {
    uint64_t next;
    enum err err = next_seq(s, e->ledger, &next, d);
    if (err) return err;
    if (e->seq != next) {
        return diag_set(d, ERR_INVALID, "entry %llu cannot be appended to ledger %lld: its next is %llu",
                        (unsigned long long)e->seq, (long long)e->ledger, (unsigned long long)next);
    }
    if (e->holding == 0 && e->state != STORE_ENTRY_RECORD && e->state != STORE_ENTRY_WITHDRAWN && e->body.len == 0) {
        return diag_set(d, ERR_INVALID, "a release needs a body, or a holding whose body it is");
    }
    if (e->holding <= s->published) return ERR_NONE;
    return diag_set(d, ERR_NOT_FOUND, "holding %lld is not visible yet: nothing can be released from it",
                    (long long)e->holding);
}

/* An older release of the object is the newest no more. */
static enum err supersede(struct connection *c, const struct store_entry *e, int64_t object, struct diag *d) {
    return lite_run(c, "UPDATE entry INDEXED BY entry_object SET state=1 WHERE object=? AND id>=? AND id<? AND state=0",
                    VALUES(v_int(object), v_int(first_id(e->ledger)), v_int(first_id(e->ledger + 1))), d);
}

static enum err insert_entry(struct connection *c, const struct store_entry *e, const struct origin *o, int64_t object,
                             int64_t type, struct diag *d) {
    int64_t id = entry_id(e->ledger, e->seq);
    bool shared = o->exists && o->same_body && e->state != STORE_ENTRY_RECORD;
    enum err err = lite_run(
        c,
        "INSERT INTO entry(id,time,decided,state,object,type,modified,holding,body,original)"
        " VALUES(?,?,?,?,?,?,?,?,?,?)",
        VALUES(v_int(id), v_time(e->time), v_time(e->decided), v_int(e->state), object ? v_int(object) : v_null(),
               object ? v_int(type) : v_null(), v_time(e->modified), e->holding ? v_int(e->holding) : v_null(),
               shared ? v_int(o->body) : v_null(), o->exists && !o->own_object ? v_int(o->object) : v_null()),
        d);
    if (!err && !shared && e->body.len) {
        err = lite_run(c, "INSERT INTO derived(id,bytes) VALUES(?,?)", VALUES(v_int(id), v_blob(e->body)), d);
    }
    if (err) return err;
    return lite_run(c, "INSERT INTO leaf(id,record,salt) VALUES(?,?,?)",
                    VALUES(v_int(id), v_blob(e->record), v_optional_blob(e->salt)), d);
}

enum err lite_entry_add(struct store_tx *tx, const struct store_entry *e, struct diag *d) {
    struct lite_store *s = lite_store_of(tx);
    struct connection *c = &s->writer;
    struct origin origin = {0};
    int64_t object = 0, type = 0;
    bool fresh = false;
    enum err err = check_append(s, e, d);
    if (!err && e->place.body && e->body.len == 0)
        origin = (struct origin){true, true, true, e->place.object, e->place.type, e->place.body};
    else if (!err && e->holding)
        err = find_origin(c, e, &origin, d);
    if (err) return err;
    if (e->holding && !origin.exists) {
        return diag_set(d, ERR_NOT_FOUND, "there is no holding %lld to release from", (long long)e->holding);
    }
    if (origin.exists && origin.own_object) {
        object = origin.object, type = origin.type;
    } else if (e->stix_id.len) {
        err = lite_object_intern_visible(s, e->stix_id, &object, &type, &fresh, d);
    }
    if (!err && object && !fresh && !e->unreleased && e->state == STORE_ENTRY_CURRENT) err = supersede(c, e, object, d);
    if (!err) err = insert_entry(c, e, &origin, object, type, d);
    if (!err) s->append_seq++;
    return err;
}

enum err lite_entry_set_state(struct store_tx *tx, int64_t ledger, uint64_t seq, enum store_entry_state state,
                              struct diag *d) {
    struct connection *c = lite_writer(tx);
    enum err e = lite_run(c, "UPDATE entry SET state=? WHERE id=? AND state<>3",
                          VALUES(v_int(state), v_int(entry_id(ledger, seq))), d);
    if (e || sqlite3_changes(c->db) > 0) return e;
    return diag_set(d, ERR_NOT_FOUND, "ledger %lld has released nothing as entry %llu", (long long)ledger,
                    (unsigned long long)seq);
}

enum err lite_entry_withdraw(struct store_tx *tx, int64_t ledger, uint64_t seq, struct diag *d) {
    enum err e = lite_entry_set_state(tx, ledger, seq, STORE_ENTRY_WITHDRAWN, d);
    /* A ledger proves what it once held; a collection need not. */
    if (e || ledger < STORE_COLLECTION_FIRST) return e;
    return lite_run(lite_writer(tx), "DELETE FROM derived WHERE id=?", VALUES(v_int(entry_id(ledger, seq))), d);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

enum { WITH_BODY = 1, WITH_RECORD = 2, OF_OBJECT = 4, OF_TYPE = 8, OF_VERSION = 16 };

/* The part every statement shares: columns 0–6, then body, record and salt, or NULL in their place. */
static void make_columns(unsigned what, sqlite3_str *text) {
    sqlite3_str_appendall(text, "SELECT e.id,e.time,e.decided,e.state,e.modified,e.holding,o.key,");
    sqlite3_str_appendall(text, what & WITH_BODY ? "coalesce(b.bytes,x.bytes)," : "NULL,");
    sqlite3_str_appendall(text, what & WITH_RECORD ? "l.record,l.salt" : "NULL,NULL");
    sqlite3_str_appendall(text, " FROM entry e");
    if (what & OF_OBJECT) sqlite3_str_appendall(text, " INDEXED BY entry_object");
    sqlite3_str_appendall(text, " LEFT JOIN object o ON o.id=e.object");
    if (what & WITH_BODY) {
        /* A withdrawn entry's bytes are not even read; a key of NULL costs no look-up. */
        sqlite3_str_appendall(text, " LEFT JOIN body b ON b.id=iif(e.state=2,NULL,e.body)"
                                    " LEFT JOIN derived x ON x.id=iif(e.state=2 OR e.body IS NOT NULL,NULL,e.id)");
    }
    if (what & WITH_RECORD) sqlite3_str_appendall(text, " LEFT JOIN leaf l ON l.id=e.id");
}

/* ?1 from ?2 to ?3 states as bits ?4 object ?5 type ?6 modified ?7 limit: every variant binds all seven. */
static void make_page(unsigned what, sqlite3_str *text) {
    make_columns(what, text);
    sqlite3_str_appendall(text, " WHERE e.id>=?1 AND e.id<?2 AND ?3>>e.state&1");
    sqlite3_str_appendall(text, what & OF_OBJECT ? " AND e.object=?4" : " AND ?4 IS NULL");
    sqlite3_str_appendall(text, what & OF_TYPE ? " AND e.type=?5" : " AND ?5 IS NULL");
    sqlite3_str_appendall(text, what & OF_VERSION ? " AND e.modified=?6" : " AND ?6 IS NULL");
    sqlite3_str_appendall(text, " ORDER BY e.id LIMIT ?7");
}

static void make_one(unsigned what, sqlite3_str *text) {
    make_columns(what, text);
    sqlite3_str_appendall(text, " WHERE e.id=?1");
}

/* Spans borrow from the statement and from text. */
static enum err read_entry(struct connection *c, sqlite3_stmt *st, char text[STORE_ID_MAX], struct store_entry *out,
                           struct diag *d) {
    *out = (struct store_entry){
        .ledger = col_int(st, 0) >> 40,
        .seq = (uint64_t)(col_int(st, 0) & (STORE_SEQ_MAX - 1)),
        .time = col_time(st, 1),
        .decided = col_time(st, 2),
        .state = (enum store_entry_state)col_int(st, 3),
        .modified = col_time(st, 4),
        .holding = col_int(st, 5),
        .body = col_span(st, 7),
        .record = col_span(st, 8),
        .salt = col_span(st, 9),
    };
    return lite_object_text(c, st, 6, text, &out->stix_id, d);
}

/* One entry, copied; `what` as for make_one(). */
static enum err get_entry(struct connection *c, int64_t id, unsigned what, struct arena *a, struct store_entry *out,
                          struct diag *d) {
    static const char site[] = "one entry";
    sqlite3_stmt *st;
    char text[STORE_ID_MAX];
    bool row;
    enum err e = lite_query_variant(c, site, what, make_one, VALUES(v_int(id)), &st, d);
    if (!e) e = lite_next(c, st, &row, d);
    if (e) return e;
    if (row) {
        e = read_entry(c, st, text, out, d);
        out->stix_id = arena_copy(a, out->stix_id);
        out->body = arena_copy(a, out->body);
        out->record = arena_copy(a, out->record);
        out->salt = arena_copy(a, out->salt);
        if (!e && a->overflow) e = lite_full(d);
    } else {
        e = diag_set(d, ERR_NOT_FOUND, "ledger %lld has no entry %lld", (long long)(id >> 40),
                     (long long)(id & (STORE_SEQ_MAX - 1)));
    }
    lite_end(st);
    return e;
}

enum err lite_entry_get(struct store_reader *r, int64_t ledger, uint64_t seq, struct arena *a, struct store_entry *out,
                        struct diag *d) {
    return get_entry(lite_of(r), entry_id(ledger, seq), WITH_BODY | WITH_RECORD, a, out, d);
}

/* What a query's names mean in numbers; *nothing: the store has never heard of one of them. */
struct entry_filter {
    unsigned what;
    int64_t object, type, states;
    uint64_t from;
};

static enum err read_filter(struct connection *c, const struct store_entry_query *q, struct entry_filter *f,
                            bool *nothing, struct diag *d) {
    *f = (struct entry_filter){
        .what = (q->with_body ? WITH_BODY : 0U) | (q->with_record ? WITH_RECORD : 0U) |
                (q->stix_id.len ? OF_OBJECT : 0U) | (q->type.len ? OF_TYPE : 0U) |
                (q->modified != TIME_NONE ? OF_VERSION : 0U),
        .states = 1 << STORE_ENTRY_CURRENT | (q->superseded ? 1 << STORE_ENTRY_SUPERSEDED : 0) |
                  (q->withdrawn ? 1 << STORE_ENTRY_WITHDRAWN : 0) | (q->records ? 1 << STORE_ENTRY_RECORD : 0),
        .from = q->from_seq,
    };
    enum err e = ERR_NONE;
    if (q->stix_id.len) e = lite_object_find(c, q->stix_id, &f->object, d);
    if (!e && q->type.len) e = lite_type_find(c, q->type, &f->type, d);
    *nothing = (q->stix_id.len && !f->object) || (q->type.len && !f->type);
    return e;
}

/* The first seq at or after `low` whose time is above t: times grow with seq. */
static enum err first_after(struct connection *c, int64_t ledger, time_us t, uint64_t *out, struct diag *d) {
    int64_t low = first_id(ledger), high = low - 1;
    enum err e = lite_number(c, "SELECT max(id) FROM entry WHERE id>=? AND id<?",
                             VALUES(v_int(low), v_int(first_id(ledger + 1))), &high, NULL, d);
    high++;
    while (!e && low < high) {
        int64_t middle = low + (high - low) / 2, time = INT64_MIN;
        e = lite_number(c, "SELECT time FROM entry WHERE id=?", VALUES(v_int(middle)), &time, NULL, d);
        if (time > t)
            high = middle;
        else
            low = middle + 1;
    }
    *out = (uint64_t)(low - first_id(ledger));
    return e;
}

static enum err walk(struct connection *c, const struct store_entry_query *q, const struct entry_filter *f,
                     bool (*each)(void *context, const struct store_entry *e), void *context, struct diag *d) {
    static const char site[] = "entries";
    sqlite3_stmt *st;
    char text[STORE_ID_MAX];
    bool row, go_on = true;
    enum err e =
        lite_query_variant(c, site, f->what, make_page,
                           VALUES(v_int(entry_id(q->ledger, f->from)), v_int(first_id(q->ledger) + (int64_t)q->to_seq),
                                  v_int(f->states), f->object ? v_int(f->object) : v_null(),
                                  f->type ? v_int(f->type) : v_null(), v_time(q->modified), v_int((int64_t)q->limit)),
                           &st, d);
    if (e) return e;
    while (go_on && !(e = lite_next(c, st, &row, d)) && row) {
        struct store_entry entry;
        e = read_entry(c, st, text, &entry, d);
        if (e) break;
        go_on = each(context, &entry);
    }
    lite_end(st);
    return e;
}

enum err lite_entry_each(struct store_reader *r, const struct store_entry_query *q,
                         bool (*each)(void *context, const struct store_entry *e), void *context, struct diag *d) {
    struct connection *c = lite_of(r);
    struct entry_filter f;
    bool nothing;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = read_filter(c, q, &f, &nothing, d);
    if (!e && q->added_after != TIME_NONE) {
        uint64_t after;
        e = first_after(c, q->ledger, q->added_after, &after, d);
        if (after > f.from) f.from = after;
    }
    if (!e && !nothing) e = walk(c, q, &f, each, context, d);
    lite_leave(c);
    return e;
}

enum err lite_entry_out(struct store_reader *r, int64_t ledger, uint8_t *bits, int64_t count, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3_stmt *st;
    bool row;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = lite_query(c, "SELECT holding FROM entry WHERE id>=? AND id<? AND state=0 AND original IS NULL",
                   VALUES(v_int(first_id(ledger)), v_int(first_id(ledger + 1))), &st, d);
    if (!e) {
        while (!(e = lite_next(c, st, &row, d)) && row) {
            int64_t holding = col_int(st, 0);
            if (holding > 0 && holding < count) bits[holding / 8] |= (uint8_t)(1u << holding % 8);
        }
        lite_end(st);
    }
    lite_leave(c);
    return e;
}

enum err lite_entry_after(struct store_reader *r, int64_t ledger, time_us t, uint64_t *seq, struct diag *d) {
    struct connection *c = lite_of(r);
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = first_after(c, ledger, t, seq, d);
    lite_leave(c);
    return e;
}

static enum err find_current(struct connection *c, int64_t ledger, struct span stix_id, struct store_entry *out,
                             struct diag *d) {
    sqlite3_stmt *st;
    int64_t object;
    bool row = false;
    enum err e = lite_object_find(c, stix_id, &object, d);
    if (!e && object) {
        e = lite_query(c,
                       "SELECT id,time,decided,modified,holding FROM entry INDEXED BY entry_object"
                       " WHERE object=? AND id>=? AND id<? AND state=0 ORDER BY id DESC LIMIT 1",
                       VALUES(v_int(object), v_int(first_id(ledger)), v_int(first_id(ledger + 1))), &st, d);
        if (!e) e = lite_next(c, st, &row, d);
        if (e) return e;
        if (row) {
            *out = (struct store_entry){
                .ledger = ledger,
                .seq = (uint64_t)(col_int(st, 0) & (STORE_SEQ_MAX - 1)),
                .time = col_time(st, 1),
                .decided = col_time(st, 2),
                .state = STORE_ENTRY_CURRENT,
                .modified = col_time(st, 3),
                .holding = col_int(st, 4),
            };
        }
        lite_end(st);
    }
    if (e || row) return e;
    return diag_set(d, ERR_NOT_FOUND, "%.*s is not out in ledger %lld", SPAN_ARG(span_first(stix_id, STORE_ID_MAX)),
                    (long long)ledger);
}

enum err lite_entry_current(struct store_reader *r, int64_t ledger, struct span stix_id, struct store_entry *out,
                            struct diag *d) {
    struct connection *c = lite_of(r);
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = find_current(c, ledger, stix_id, out, d);
    lite_leave(c);
    return e;
}

static enum err find_of_holding(struct connection *c, int64_t ledger, int64_t holding, int64_t *id, bool *found,
                                struct diag *d) {
    int64_t object = 0;
    *found = false;
    enum err e = lite_number(c, "SELECT object FROM holding WHERE id=?", VALUES(v_int(holding)), &object, NULL, d);
    if (e || !object) return e;
    /* Released as it is, it has its own object; derived from it, another, which `original` leads to. */
    return lite_number(c,
                       "SELECT max(id) FROM ("
                       "SELECT id FROM entry INDEXED BY entry_object"
                       " WHERE object=?1 AND id>=?2 AND id<?3 AND holding=?4 UNION ALL "
                       "SELECT id FROM entry INDEXED BY entry_original"
                       " WHERE original=?1 AND id>=?2 AND id<?3 AND holding=?4)",
                       VALUES(v_int(object), v_int(first_id(ledger)), v_int(first_id(ledger + 1)), v_int(holding)), id,
                       found, d);
}

enum err lite_entry_of_holding(struct store_reader *r, int64_t ledger, int64_t holding, struct arena *a,
                               struct store_entry *out, struct diag *d) {
    struct connection *c = lite_of(r);
    int64_t id;
    bool found;
    enum err e = lite_enter(c, d);
    if (e) return e;
    e = find_of_holding(c, ledger, holding, &id, &found, d);
    if (!e) {
        e = found ? get_entry(c, id, WITH_BODY | WITH_RECORD, a, out, d)
                  : diag_set(d, ERR_NOT_FOUND, "nothing was released from holding %lld to ledger %lld",
                             (long long)holding, (long long)ledger);
    }
    lite_leave(c);
    return e;
}
