#include "share/ledgercheck.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/record.h"
#include "ledger/tile.h"
#include "share/context.h"
#include "share/derive.h"
#include "share/hold.h"

enum { CHECK_ARENA_MAX = 16 << 20, PROGRESS_EVERY = 1000, CHECK_PAGE = STORE_PAGE_MAX };

/* Far too large for a stack. */
struct check {
    struct store_reader *reader;
    const struct store_ledger *ledger;
    ledgercheck_progress progress;
    void *progress_context;
    struct arena arena; /* of one record, or one tile */
    struct ledger_edge edge;
    uint64_t next; /* seq */
    time_us last;
    uint8_t *marked, *named; /* a bit an entry: its state says withdrawn; a record takes it back */
    bool held;               /* since a restore: nothing is served of it, and no record can be added */
    struct ledgercheck_audit *audit;
    enum err failed;
    struct diag *d;
};

static void bit_set(uint8_t *bits, uint64_t at) {
    bits[at / 8] |= (uint8_t)(1u << at % 8);
}
static bool bit_is_set(const uint8_t *bits, uint64_t at) {
    return bits[at / 8] >> at % 8 & 1;
}

/* ---- one entry -----------------------------------------------------------------------------------------------------
 */

static enum err check_body(const struct store_entry *e, const struct ledger_record *record, struct diag *d) {
    if (e->state == STORE_ENTRY_WITHDRAWN) return ERR_NONE; /* served no more */
    if (e->body.len == 0) return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " has lost what was released", e->seq);
    if (e->salt.len != STORE_SALT_SIZE) return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " has lost its salt", e->seq);
    struct sha256 commitment = ledger_commitment((const uint8_t *)e->salt.at, e->body);
    return sha256_equal(&commitment, &record->commitment)
               ? ERR_NONE
               : diag_set(d, ERR_VERIFY, "the bytes kept for entry %" PRIu64 " are not those that were released",
                          e->seq);
}

/* Erased while no record could say so: its salt is gone, and what it was released from. */
static enum err is_erased(struct check *c, const struct store_entry *e, bool *out) {
    struct store_holding h;
    *out = false;
    if (!c->held || e->salt.len || e->holding == 0) return ERR_NONE;
    enum err err = store_holding_get(c->reader, e->holding, &c->arena, &h, c->d);
    *out = err == ERR_NOT_FOUND || (!err && h.state == STORE_ERASED);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

/* What pages and filters go by must be what the record says. */
static enum err check_columns(const struct store_entry *e, const struct ledger_record *record, struct diag *d) {
    time_us version = TIME_NONE;
    bool release = record->kind == LEDGER_RELEASE;
    if (!span_equal(record->object_id, e->stix_id))
        return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " names another object than its record", e->seq);
    if (record->has_version && !time_parse_stix(record->version, &version))
        return diag_set(d, ERR_VERIFY, "the version in the record of entry %" PRIu64 " is no timestamp", e->seq);
    if (version != e->modified)
        return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " names another version than its record", e->seq);
    if (e->time != record->time)
        return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " has another time than its record", e->seq);
    if (release != (e->state != STORE_ENTRY_RECORD))
        return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " is marked as something else than its record says", e->seq);
    return ERR_NONE;
}

/* ---- what an audit looks at besides ---- */

/* What took its place may have been withdrawn since. */
static enum err audit_successor(struct check *c, const struct store_entry *e) {
    struct store_entry_query q = {.ledger = c->ledger->id,
                                  .from_seq = e->seq + 1,
                                  .stix_id = e->stix_id,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .limit = 1};
    struct store_entry *later;
    size_t count = 0;
    enum err err = store_entry_scan(c->reader, &q, &c->arena, &later, &count, c->d);
    return err || count ? err
                        : diag_set(c->d, ERR_VERIFY,
                                   "entry %" PRIu64 " is marked as superseded, but nothing came after it", e->seq);
}

static enum err audit_order(struct check *c, const struct store_entry *e) {
    struct store_entry newest;
    enum err err = store_entry_current(c->reader, c->ledger->id, e->stix_id, &newest, c->d);
    if (err && err != ERR_NOT_FOUND) return err;
    if (e->state == STORE_ENTRY_CURRENT && (err || newest.seq != e->seq))
        return diag_set(c->d, ERR_VERIFY,
                        "entry %" PRIu64 " is marked as current, but a newer one of its object is, too", e->seq);
    return e->state == STORE_ENTRY_SUPERSEDED && (err || newest.seq < e->seq) ? audit_successor(c, e) : ERR_NONE;
}

static enum err audit_id(struct check *c, const struct store_entry *e) {
    struct store_holding h;
    char derived[DERIVE_ID_SIZE];
    enum err err = store_holding_get(c->reader, e->holding, &c->arena, &h, c->d);
    if (err == ERR_NOT_FOUND)
        return diag_set(c->d, ERR_VERIFY, "entry %" PRIu64 " is served, but what it was released from is gone", e->seq);
    if (err || span_equal(h.stix_id, e->stix_id)) return err;
    err = share_derived_id(c->audit->context, c->ledger->lineage, h.stix_id, derived, c->d);
    return err || span_is(e->stix_id, derived)
               ? err
               : diag_set(c->d, ERR_VERIFY, "entry %" PRIu64 " is out under an id that is not the derived one", e->seq);
}

static enum err audit_release(struct check *c, const struct store_entry *e, bool erased) {
    c->audit->releases++;
    c->audit->erased += erased;
    if (erased) return ERR_NONE;
    if (e->state == STORE_ENTRY_WITHDRAWN) {
        c->audit->withdrawn++;
        c->audit->erased += e->salt.len == 0;
        return ERR_NONE;
    }
    c->audit->served++;
    enum err err = audit_order(c, e);
    return err || e->holding == 0 ? err : audit_id(c, e);
}

static enum err check_entry(struct check *c, const struct store_entry *e) {
    struct ledger_record record;
    struct diag *d = c->d;
    if (e->seq != c->next) return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " is missing", c->next);
    arena_reset(&c->arena);
    enum err err = ledger_record_read(&c->arena, e->record, &record, d);
    if (err) {
        diag_prefix(d, "the record of entry %" PRIu64 " cannot be read", e->seq);
        return err == ERR_NOMEM ? err : ERR_VERIFY;
    }
    if (record.seq != e->seq)
        return diag_set(d, ERR_VERIFY, "entry %" PRIu64 " is out of its place: its record says %" PRIu64, e->seq,
                        record.seq);
    if (c->last != TIME_NONE && record.time <= c->last)
        return diag_set(d, ERR_VERIFY, "the time of entry %" PRIu64 " does not come after the one before", e->seq);
    c->last = record.time;
    if ((err = check_columns(e, &record, d))) return err;
    if (e->state == STORE_ENTRY_WITHDRAWN) bit_set(c->marked, e->seq);
    if (record.kind == LEDGER_RELEASE) {
        bool erased;
        if ((err = is_erased(c, e, &erased))) return err;
        if (!erased) err = check_body(e, &record, d);
        return err || !c->audit ? err : audit_release(c, e, erased);
    }
    bit_set(c->named, record.withdraws); /* below its own seq, as ledger_record_read() sees to */
    return ERR_NONE;
}

/* ---- tiles: what partners and receipts prove with
 * -------------------------------------------------------------------- */

static enum err compare_tile(void *context, const struct ledger_tile_ref *ref, struct span hashes, struct diag *d) {
    struct check *c = context;
    struct span kept;
    arena_reset(&c->arena);
    enum err e = store_tile_get(c->reader, c->ledger->id, ref->level, ref->index, &c->arena, &kept, d);
    if (e == ERR_NOT_FOUND) return diag_set(d, ERR_VERIFY, "tile %u/%" PRIu64 " is missing", ref->level, ref->index);
    if (e || span_equal(kept, hashes)) return e;
    for (size_t i = 0; ref->level == 0 && (i + 1) * SHA256_SIZE <= hashes.len; i++) {
        struct span mine = span_of(hashes.at + i * SHA256_SIZE, SHA256_SIZE);
        if (kept.len < (i + 1) * SHA256_SIZE || !span_equal(span_of(kept.at + i * SHA256_SIZE, SHA256_SIZE), mine))
            return diag_set(d, ERR_VERIFY, "the record of entry %" PRIu64 " is not the one that was logged",
                            ref->index * LEDGER_TILE_WIDTH + i);
    }
    return diag_set(d, ERR_VERIFY, "tile %u/%" PRIu64 " is not made of the entries below it", ref->level, ref->index);
}

static bool take_entry(void *context, const struct store_entry *e) {
    struct check *c = context;
    struct sha256 leaf = ledger_leaf_hash(e->record);
    c->failed = check_entry(c, e);
    if (!c->failed) c->failed = ledger_edge_append(&c->edge, &leaf, compare_tile, c, c->d);
    c->next++;
    if (c->progress && c->next % PROGRESS_EVERY == 0) c->progress(c->progress_context, c->next);
    return c->failed == ERR_NONE;
}

/* ---- all of them ---------------------------------------------------------------------------------------------------
 */

static enum err walk(struct check *c) {
    struct store_entry_query q = {.ledger = c->ledger->id,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .records = true,
                                  .limit = CHECK_PAGE,
                                  .with_body = true,
                                  .with_record = true};
    enum err e = ERR_NONE;
    while (!e && c->next < c->ledger->size) {
        q.from_seq = c->next;
        q.to_seq = c->ledger->size;
        e = store_entry_each(c->reader, &q, take_entry, c, c->d);
        if (!e) e = c->failed;
        if (!e && c->next == q.from_seq) e = diag_set(c->d, ERR_VERIFY, "entry %" PRIu64 " is missing", c->next);
    }
    return e ? e : ledger_edge_flush(&c->edge, compare_tile, c, c->d);
}

static bool stop(void *context, const struct store_entry *e) {
    *(uint64_t *)context = e->seq;
    return false;
}

/* Nothing stands behind the end, and what was taken back is what records say. */
static enum err check_rest(struct check *c) {
    uint64_t behind = c->ledger->size;
    struct store_entry_query q = {.ledger = c->ledger->id,
                                  .from_seq = behind,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .records = true,
                                  .limit = 1};
    uint64_t found = UINT64_MAX;
    enum err e = store_entry_each(c->reader, &q, stop, &found, c->d);
    if (!e && found != UINT64_MAX)
        e = diag_set(c->d, ERR_VERIFY, "entry %" PRIu64 " stands behind the ledger's end", found);
    for (uint64_t i = 0; !e && i < c->ledger->size; i++) {
        if (bit_is_set(c->marked, i) == bit_is_set(c->named, i)) continue;
        e = bit_is_set(c->marked, i)
                ? diag_set(c->d, ERR_VERIFY, "entry %" PRIu64 " is marked as withdrawn, but no record says so", i)
                : diag_set(c->d, ERR_VERIFY, "entry %" PRIu64 " was withdrawn, but is not marked so", i);
    }
    return e;
}

static enum err look_for_hold(struct check *c) {
    struct share_hold hold;
    enum err e = share_hold_get(c->reader, c->ledger->origin, &c->arena, &hold, c->d);
    c->held = !e;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

enum err ledgercheck_run(struct store_reader *r, const struct store_ledger *ledger, ledgercheck_progress progress,
                         void *context, struct ledgercheck_audit *audit, struct sha256 *root, struct diag *d) {
    struct check *c = calloc(1, sizeof *c);
    if (ledger->size > LEDGER_TREE_SIZE_MAX || ledger->size > STORE_SEQ_MAX) {
        free(c);
        return diag_set(d, ERR_VERIFY, "a ledger has no %" PRIu64 " entries", ledger->size);
    }
    size_t bits = (size_t)ledger->size / 8 + 1;
    if (c) {
        c->marked = calloc(1, bits);
        c->named = calloc(1, bits);
    }
    enum err e = c && c->marked && c->named ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory to check a ledger");
    if (!e) {
        c->reader = r;
        c->ledger = ledger;
        c->progress = progress;
        c->progress_context = context;
        c->audit = audit;
        c->last = TIME_NONE;
        c->d = d;
        arena_init(&c->arena, CHECK_ARENA_MAX);
        ledger_edge_init(&c->edge);
        e = look_for_hold(c);
        if (!e) e = walk(c);
        if (!e) e = check_rest(c);
        *root = ledger_edge_root(&c->edge);
        arena_free(&c->arena);
    }
    if (c) {
        free(c->marked);
        free(c->named);
    }
    free(c);
    return e;
}
