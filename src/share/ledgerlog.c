#include "share/ledgerlog.h"

#include <stdio.h>
#include <string.h>

#include "ledger/note.h"
#include "stix/id.h"

enum { EDGE_ARENA_MAX = 64 << 20 };

static void add_lower(struct buf *out, struct span s) {
    for (size_t i = 0; i < s.len; i++)
        buf_add_char(out, s.at[i] >= 'A' && s.at[i] <= 'Z' ? (char)(s.at[i] + 32) : s.at[i]);
}

void share_ledger_origin(struct span publisher, struct span recipient, struct span realm, struct span lineage,
                         struct buf *out) {
    buf_add_cstr(out, "renkei/");
    add_lower(out, publisher);
    buf_add_char(out, '/');
    add_lower(out, recipient);
    buf_add_char(out, '/');
    add_lower(out, realm);
    buf_add_char(out, '/');
    buf_add(out, span_first(lineage, 16));
}

void share_ledger_collection(const struct share_context *c, struct span recipient, struct span lineage, char out[40]) {
    struct buf text = BUF_EMPTY;
    char id[64];
    buf_add_cstr(&text, "collection\n");
    buf_add(&text, recipient);
    buf_add_char(&text, '\n');
    buf_add(&text, lineage);
    struct sha256 mac = hmac_sha256(span_of(c->secret, sizeof c->secret), buf_span(&text));
    stix_id_from_hmac(&mac, SPAN("x"), id);
    snprintf(out, 40, "%s", id + strlen("x--"));
    buf_free(&text);
}

/* ---- the right edge
 * -------------------------------------------------------------------------------------------------- */

static enum err edge_load(struct ledgerlog *log, unsigned level, struct diag *d) {
    struct ledgerlog_edge *edge = &log->edges[level];
    uint64_t count = log->ledger.size >> (8 * level); /* complete subtrees of this level */
    struct span hashes;
    edge->width = (unsigned)(count % LEDGER_TILE_WIDTH);
    edge->changed = false;
    if (edge->width == 0) return ERR_NONE;
    enum err e = store_tile_get(store_tx_reader(log->tx), log->ledger.id, level, count / LEDGER_TILE_WIDTH, &log->arena,
                                &hashes, d);
    if (e) return e;
    if (hashes.len < (size_t)edge->width * SHA256_SIZE)
        return diag_set(d, ERR_VERIFY, "a tile of ledger %.*s is cut short", SPAN_ARG(log->ledger.origin));
    memcpy(edge->hashes, hashes.at, (size_t)edge->width * SHA256_SIZE);
    return ERR_NONE;
}

static enum err edge_put(struct ledgerlog *log, unsigned level, uint64_t index, struct diag *d) {
    struct ledgerlog_edge *edge = &log->edges[level];
    return store_tile_put(log->tx, log->ledger.id, level, index,
                          span_of(edge->hashes, (size_t)edge->width * SHA256_SIZE), d);
}

/* Adds a leaf hash at level 0; a tile that fills is written and its root goes one level up. log->ledger.size counts the
 * new leaf already. */
static enum err edge_add(struct ledgerlog *log, struct sha256 hash, struct diag *d) {
    for (unsigned level = 0; level < LEDGERLOG_LEVELS; level++) {
        struct ledgerlog_edge *edge = &log->edges[level];
        memcpy(edge->hashes[edge->width++], hash.b, SHA256_SIZE);
        edge->changed = true;
        if (edge->width < LEDGER_TILE_WIDTH) return ERR_NONE;
        uint64_t index = (log->ledger.size >> (8 * (level + 1))) - 1;
        enum err e = edge_put(log, level, index, d);
        if (e) return e;
        struct ledger_tree subtree;
        ledger_tree_init(&subtree);
        for (unsigned i = 0; i < LEDGER_TILE_WIDTH; i++) {
            struct sha256 child;
            memcpy(child.b, edge->hashes[i], SHA256_SIZE);
            ledger_tree_append(&subtree, &child);
        }
        hash = ledger_tree_root(&subtree);
        edge->width = 0;
        edge->changed = false;
    }
    return ERR_NONE;
}

enum err ledgerlog_open(struct ledgerlog *log, const struct share_context *c, struct store_tx *tx, int64_t ledger,
                        struct diag *d) {
    memset(log, 0, sizeof *log);
    log->context = c;
    log->tx = tx;
    arena_init(&log->arena, EDGE_ARENA_MAX);
    enum err e = store_ledger_get(store_tx_reader(tx), ledger, &log->arena, &log->ledger, d);
    log->opened_size = log->ledger.size;
    ledger_tree_init(&log->tree);
    if (!e && log->ledger.size > 0) e = ledger_tree_read(log->ledger.frontier, &log->tree, d);
    if (!e && log->tree.size != log->ledger.size)
        e = diag_set(d, ERR_VERIFY, "the frontier of ledger %.*s does not fit its size", SPAN_ARG(log->ledger.origin));
    for (unsigned level = 0; !e && level < LEDGERLOG_LEVELS; level++) e = edge_load(log, level, d);
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
    ledger_tree_append(&log->tree, &leaf);
    return edge_add(log, leaf, d);
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
                                .salt = span_of(salt, STORE_SALT_SIZE)};
    return append(log, &record, &entry, d);
}

enum err ledgerlog_withdraw(struct ledgerlog *log, const struct store_entry *released, const struct sha256 *agreement,
                            struct diag *d) {
    struct arena scratch;
    struct ledger_record old;
    arena_init(&scratch, 1 << 20);
    enum err e = ledger_record_read(&scratch, released->record, &old, d);
    struct ledger_record record = {.kind = LEDGER_WITHDRAW,
                                   .seq = log->ledger.size,
                                   .time = next_time(log),
                                   .object_id = released->stix_id,
                                   .version = old.version,
                                   .has_version = old.has_version,
                                   .agreement = *agreement,
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

/* ---- the checkpoint
 * ------------------------------------------------------------------------------------------------------ */

static enum err checkpoint_sign(struct ledgerlog *log, struct buf *note, struct diag *d) {
    struct ledger_checkpoint head = {
        .origin = log->ledger.origin, .size = log->ledger.size, .root = ledger_tree_root(&log->tree)};
    uint8_t signature[64];
    enum err e = ledger_checkpoint_write(&head, note, d);
    if (e) return e;
    if ((e = log->context->sign_log(log->context->sign_context, buf_span(note), signature, d))) return e;
    return ledger_note_add_signature(note, log->context->log_name, log->context->log_public, signature, d);
}

enum err ledgerlog_close(struct ledgerlog *log, struct diag *d) {
    struct buf note = BUF_EMPTY, frontier = BUF_EMPTY;
    enum err e = ERR_NONE;
    for (unsigned level = 0; !e && level < LEDGERLOG_LEVELS; level++)
        if (log->edges[level].changed) e = edge_put(log, level, log->ledger.size >> (8 * (level + 1)), d);
    if (!e) e = checkpoint_sign(log, &note, d);
    ledger_tree_write(&log->tree, &frontier);
    if (!e && !buf_ok(&frontier)) e = diag_set(d, ERR_NOMEM, "no memory for a checkpoint");
    log->ledger.checkpoint = buf_span(&note);
    log->ledger.frontier = buf_span(&frontier);
    if (!e) e = store_ledger_update(log->tx, &log->ledger, d);
    buf_free(&note);
    buf_free(&frontier);
    ledgerlog_abandon(log);
    return e;
}

void ledgerlog_abandon(struct ledgerlog *log) {
    buf_free(&log->record);
    arena_free(&log->arena);
}
