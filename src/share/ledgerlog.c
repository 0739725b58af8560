#include "share/ledgerlog.h"

#include <stdio.h>
#include <string.h>

#include "ledger/note.h"
#include "share/hold.h"
#include "stix/id.h"

enum { EDGE_ARENA_MAX = 64 << 20 };

void share_ledger_collection(const struct share_context *c, struct span recipient, struct span lineage, char out[40]) {
    struct buf text = BUF_EMPTY;
    char id[STIX_ID_SIZE];
    buf_add_cstr(&text, "collection\n");
    buf_add(&text, recipient);
    buf_add_char(&text, '\n');
    buf_add(&text, lineage);
    struct sha256 mac = hmac_sha256(span_of(c->secret, sizeof c->secret), buf_span(&text));
    stix_id_from_hmac(&mac, SPAN("x"), id);
    memcpy(out, id + strlen("x--"), STIX_UUID_LEN + 1);
    buf_free(&text);
}

/* ---- the right edge ---------------------------------------------------------------------------------------------- */

static enum err tile_get(void *context, const struct ledger_tile_ref *ref, struct span *hashes, struct diag *d) {
    struct ledgerlog *log = context;
    return store_tile_get(store_tx_reader(log->tx), log->ledger.id, ref->level, ref->index, &log->arena, hashes, d);
}

static enum err tile_put(void *context, const struct ledger_tile_ref *ref, struct span hashes, struct diag *d) {
    struct ledgerlog *log = context;
    return store_tile_put(log->tx, log->ledger.id, ref->level, ref->index, hashes, d);
}

enum err ledgerlog_open(struct ledgerlog *log, const struct share_context *c, struct store_tx *tx, int64_t ledger,
                        struct diag *d) {
    enum err e = ledgerlog_open_held(log, c, tx, ledger, d);
    if (!e && (e = share_hold_check(store_tx_reader(tx), log->ledger.origin, d))) ledgerlog_abandon(log);
    return e;
}

enum err ledgerlog_open_held(struct ledgerlog *log, const struct share_context *c, struct store_tx *tx, int64_t ledger,
                             struct diag *d) {
    memset(log, 0, sizeof *log);
    log->context = c;
    log->tx = tx;
    arena_init(&log->arena, EDGE_ARENA_MAX);
    enum err e = store_ledger_get(store_tx_reader(tx), ledger, &log->arena, &log->ledger, d);
    if (!e) e = ledger_edge_load(&log->edge, log->ledger.size, tile_get, log, d);
    if (e) ledgerlog_abandon(log);
    return e;
}

/* ---- appending
 * --------------------------------------------------------------------------------------------------------- */

static const uint8_t *next_salt(struct ledgerlog *log) {
    if (log->salts_left == 0) {
        random_bytes(log->salts, sizeof log->salts);
        log->salts_left = LEDGERLOG_SALTS;
    }
    return log->salts[--log->salts_left];
}

/* Strictly increasing whatever the clock does. */
static time_us next_time(struct ledgerlog *log) {
    time_us now = clock_now(log->context->clock);
    if (log->ledger.last_time != TIME_NONE && now <= log->ledger.last_time) now = log->ledger.last_time + 1;
    return now;
}

static enum err append(struct ledgerlog *log, const struct ledger_record *record, struct store_entry *entry,
                       struct diag *d) {
    if (log->ledger.size >= STORE_SEQ_MAX - 1)
        return diag_set(d, ERR_LIMIT, "ledger %.*s is full", SPAN_ARG(log->ledger.origin));
    buf_clear(&log->record);
    enum err e = ledger_record_write(record, &log->record, d);
    if (e) return e;
    entry->record = buf_span(&log->record);
    if ((e = store_entry_add(log->tx, entry, d))) return e;
    struct sha256 leaf = ledger_leaf_hash(entry->record);
    log->ledger.size++;
    log->ledger.last_time = entry->time;
    return ledger_edge_append(&log->edge, &leaf, tile_put, log, d);
}

enum err ledgerlog_release(struct ledgerlog *log, const struct ledgerlog_release *r, struct diag *d) {
    const uint8_t *salt = next_salt(log);
    struct ledger_record record = {.kind = LEDGER_RELEASE,
                                   .seq = log->ledger.size,
                                   .time = next_time(log),
                                   .object_id = r->stix_id,
                                   .version = r->version,
                                   .has_version = r->version.len > 0,
                                   .commitment = ledger_commitment(salt, r->body),
                                   .agreement = r->agreement,
                                   .clauses = &r->clause,
                                   .clause_count = 1};
    struct store_entry entry = {.ledger = log->ledger.id,
                                .seq = record.seq,
                                .time = record.time,
                                .decided = r->decided,
                                .state = STORE_ENTRY_CURRENT,
                                .stix_id = r->stix_id,
                                .modified = r->modified,
                                .holding = r->holding,
                                .body = r->derived ? r->body : (struct span){0},
                                .unreleased = r->unreleased,
                                .place = r->derived ? (struct store_place){0} : r->place,
                                .salt = span_of(salt, STORE_SALT_SIZE)};
    return append(log, &record, &entry, d);
}

enum err ledgerlog_withdraw(struct ledgerlog *log, const struct store_entry *released, const struct sha256 *agreement,
                            enum ledgerlog_why why, struct diag *d) {
    struct arena scratch;
    struct ledger_record old;
    arena_init(&scratch, 1 << 20);
    enum err e = ledger_record_read(&scratch, released->record, &old, d);
    struct ledger_record record = {.kind = why == LEDGERLOG_ERASED ? LEDGER_ERASE : LEDGER_WITHDRAW,
                                   .seq = log->ledger.size,
                                   .time = next_time(log),
                                   .object_id = released->stix_id,
                                   .version = old.version,
                                   .has_version = old.has_version,
                                   .agreement = *agreement,
                                   .clauses = old.clauses,
                                   .clause_count = why == LEDGERLOG_BY_POLICY ? old.clause_count : 0,
                                   .withdraws = released->seq};
    struct store_entry entry = {.ledger = log->ledger.id,
                                .seq = record.seq,
                                .time = record.time,
                                .decided = record.time,
                                .state = STORE_ENTRY_RECORD,
                                .stix_id = released->stix_id,
                                .modified = released->modified};
    if (!e) e = append(log, &record, &entry, d);
    if (!e) e = store_entry_withdraw(log->tx, log->ledger.id, released->seq, d);
    arena_free(&scratch);
    return e;
}

/* ---- taking back what was lost ---- */

/* The holding it was released from, if that is here and still says the same; 0 otherwise: a derived object's is not to
 * be told from its id. */
static enum err find_holding(struct ledgerlog *log, struct span id, struct span body, int64_t *out, struct diag *d) {
    struct store_holding *versions;
    struct arena scratch;
    size_t count = 0;
    arena_init(&scratch, EDGE_ARENA_MAX);
    *out = 0;
    enum err e = store_holding_history(store_tx_visible(log->tx), id, true, &scratch, &versions, &count, d);
    for (size_t i = 0; !e && i < count; i++)
        if (span_equal(versions[i].body, body)) *out = versions[i].id;
    arena_free(&scratch);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err recover_record(struct ledgerlog *log, const struct ledger_record *r, struct span salt, struct span body,
                               struct store_entry *entry, struct diag *d) {
    if (r->seq != log->ledger.size || (log->ledger.last_time != TIME_NONE && r->time <= log->ledger.last_time))
        return diag_set(d, ERR_VERIFY, "%.*s: entry %llu cannot follow entry %llu", SPAN_ARG(log->ledger.origin),
                        (unsigned long long)r->seq, (unsigned long long)log->ledger.size);
    *entry = (struct store_entry){.ledger = log->ledger.id,
                                  .seq = r->seq,
                                  .time = r->time,
                                  .decided = r->time,
                                  .state = STORE_ENTRY_RECORD,
                                  .stix_id = r->object_id,
                                  .modified = TIME_NONE};
    if (r->has_version && !time_parse_stix(r->version, &entry->modified)) entry->modified = TIME_NONE;
    if (r->kind != LEDGER_RELEASE) return ERR_NONE;
    entry->state = STORE_ENTRY_WITHDRAWN;
    if (salt.len != STORE_SALT_SIZE || body.len == 0) return ERR_NONE;
    struct sha256 commitment = ledger_commitment((const uint8_t *)salt.at, body);
    if (!sha256_equal(&commitment, &r->commitment))
        return diag_set(d, ERR_VERIFY, "%.*s, entry %llu: what came back is not what was released",
                        SPAN_ARG(log->ledger.origin), (unsigned long long)r->seq);
    entry->state = STORE_ENTRY_CURRENT;
    entry->body = body;
    entry->salt = salt;
    return find_holding(log, r->object_id, body, &entry->holding, d);
}

enum err ledgerlog_recover(struct ledgerlog *log, struct span record, struct span salt, struct span body,
                           struct diag *d) {
    struct arena scratch;
    struct ledger_record r;
    struct store_entry entry;
    arena_init(&scratch, 1 << 20);
    enum err e = ledger_record_read(&scratch, record, &r, d);
    if (!e) e = recover_record(log, &r, salt, body, &entry, d);
    if (!e) e = append(log, &r, &entry, d);
    if (!e && r.kind != LEDGER_RELEASE) e = store_entry_withdraw(log->tx, log->ledger.id, r.withdraws, d);
    arena_free(&scratch);
    return e;
}

enum err ledgerlog_pause(struct ledgerlog *log, struct diag *d) {
    enum err e = ledger_edge_flush(&log->edge, tile_put, log, d);
    if (!e) e = store_ledger_update(log->tx, &log->ledger, d);
    ledgerlog_abandon(log);
    return e;
}

/* ---- the checkpoint
 * ------------------------------------------------------------------------------------------------------ */

static enum err checkpoint_sign(struct ledgerlog *log, struct buf *note, struct diag *d) {
    struct ledger_checkpoint head = {
        .origin = log->ledger.origin, .size = log->ledger.size, .root = ledger_edge_root(&log->edge)};
    struct buf text = BUF_EMPTY;
    struct ledger_key key;
    uint8_t signature[LEDGER_SIGNATURE_SIZE];
    enum err e = ledger_key_make(LEDGER_KEY_LOG, log->context->log_name, log->context->log_public, &key, d);
    if (!e) e = ledger_checkpoint_write(&head, &text, d);
    if (!e) e = log->context->sign_log(log->context->sign_context, buf_span(&text), signature, d);
    if (!e) e = ledger_note_text(buf_span(&text), note, d);
    if (!e) ledger_note_add_signature(note, &key, signature);
    if (!e && !buf_ok(note)) e = diag_set(d, ERR_NOMEM, "no memory for a checkpoint");
    buf_free(&text);
    return e;
}

enum err ledgerlog_close(struct ledgerlog *log, struct diag *d) {
    struct buf note = BUF_EMPTY;
    enum err e = ledger_edge_flush(&log->edge, tile_put, log, d);
    if (!e) e = checkpoint_sign(log, &note, d);
    log->ledger.checkpoint = buf_span(&note);
    if (!e) e = store_ledger_update(log->tx, &log->ledger, d);
    buf_free(&note);
    ledgerlog_abandon(log);
    return e;
}

void ledgerlog_abandon(struct ledgerlog *log) {
    buf_free(&log->record);
    arena_free(&log->arena);
}
