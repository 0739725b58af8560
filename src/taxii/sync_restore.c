/* Own ledgers on hold since a restore (share/hold.h): their recipient is asked how far it has seen each, and gives back
 * the entries that the backup did not have. It can invent none of it: what it says was signed by us, and everything
 * leads to the root of that. It could say less than it saw; the fork would then be of its own asking. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "share/erase.h"
#include "share/hold.h"
#include "share/ledgerlog.h"
#include "share/origin.h"
#include "share/release.h"
#include "taxii/received_read.h"
#include "taxii/sync_run.h"
#include "json/json.h"

enum { ANSWER_ARENA_MAX = 1 << 30, RESTORE_ARENA_MAX = 64 << 20, PATH_SIZE = 512 };

struct restore {
    struct sync *sync;
    struct store_ledger *ledger; /* its size grows with what came back */
    struct share_context context;
    struct arena arena;            /* of the answer at hand */
    struct ledger_checkpoint seen; /* what the recipient has seen, signed by us */
    struct sha256 *leaves;         /* of the entries that are missing; owned */
    uint64_t size, held;           /* entries we have, entries it can give */
    struct ledgerlog *log;         /* owned */
    uint64_t *lost;                /* releases whose bodies nobody has; owned */
    size_t lost_count;
};

static enum err refuse(const struct restore *r, const char *why, struct diag *d) {
    return diag_set(d, ERR_VERIFY, "%.*s stays on hold: %s", SPAN_ARG(r->ledger->origin), why);
}

/* ---- what the recipient has seen ---- */

static enum err ask(struct restore *r, const char *more, uint64_t from, struct json_doc *out, struct diag *d) {
    char path[PATH_SIZE];
    int len = more ? snprintf(path, sizeof path, "/renkei/v1/received/%.*s?from=%" PRIu64 "%s",
                              SPAN_ARG(r->ledger->origin), from, more)
                   : snprintf(path, sizeof path, "/renkei/v1/received/%.*s", SPAN_ARG(r->ledger->origin));
    if (len < 0 || (size_t)len >= sizeof path) return diag_set(d, ERR_LIMIT, "an origin is too long");
    enum err e = link_get(&r->sync->link, path, false, LINK_PAGE_MAX, d);
    arena_reset(&r->arena);
    struct span text = e ? (struct span){0} : arena_copy(&r->arena, buf_span(&r->sync->link.reply.body));
    if (!e && !text.at) e = diag_set(d, ERR_NOMEM, "no memory left for a partner's answer");
    if (!e && json_parse(&r->arena, text, out, d)) e = diag_set(d, ERR_NETWORK, "the partner's answer is not JSON");
    return e;
}

/* Whichever of our log keys signed it, as long as one did. */
static enum err open_note(struct restore *r, struct span note, struct diag *d) {
    struct store_document *cards;
    size_t count;
    enum err e = store_document_list(r->sync->reader, "own-card", &r->sync->arena, &cards, &count, d);
    for (size_t i = count; !e && i-- > 0;) {
        struct card card;
        struct ledger_key key;
        if ((e = card_read(&r->sync->arena, cards[i].body, &card, d))) return e;
        if ((e = ledger_key_make(LEDGER_KEY_LOG, card.party, card.log_key, &key, d))) return e;
        if (!ledger_note_open(&r->sync->arena, note, &key, r->ledger->origin, &r->seen, d)) return ERR_NONE;
    }
    return e ? e : refuse(r, "the head that the recipient shows was not signed by any key of ours", d);
}

static enum err get_seen(struct restore *r, struct diag *d) {
    struct json_doc doc;
    struct received_head head;
    enum err e = ask(r, NULL, 0, &doc, d);
    if (!e && (e = received_head_read(json_root(&doc), &r->arena, &head, d)))
        diag_prefix(d, "%.*s", SPAN_ARG(r->ledger->origin));
    if (e) return e;
    r->held = head.size;
    r->seen = (struct ledger_checkpoint){0};
    if (head.seen == 0) return ERR_NONE;
    e = open_note(r, arena_copy(&r->sync->arena, head.checkpoint), d);
    if (!e && r->seen.size != head.seen) e = refuse(r, "the recipient shows another head than it says", d);
    return e;
}

/* ---- the same tree ---- */

static enum err get_tile(void *context, const struct ledger_tile_ref *ref, struct span *hashes, struct diag *d) {
    struct restore *r = context;
    arena_reset(&r->arena);
    return store_tile_get(r->sync->reader, r->ledger->id, ref->level, ref->index, &r->arena, hashes, d);
}

/* The root of our first entries, as many as the recipient has seen; it has seen no more than we have. */
static enum err check_own(struct restore *r, struct diag *d) {
    struct ledger_tiles tiles = {get_tile, r, r->ledger->size};
    struct ledger_nodes nodes = {ledger_tiles_node, &tiles};
    struct sha256 root;
    enum err e = r->seen.size ? ledger_nodes_root(&nodes, r->seen.size, &root, d) : ERR_NONE;
    if (e || !r->seen.size || sha256_equal(&root, &r->seen.root)) return e;
    return refuse(r, "the recipient has seen another ledger than the backup holds", d);
}

static enum err keep_nothing(void *context, const struct ledger_tile_ref *ref, struct span hashes, struct diag *d) {
    (void)context, (void)ref, (void)hashes, (void)d;
    return ERR_NONE;
}

/* The records that are missing, hashed onto what we have, must lead to what we once signed. */
static enum err check_missing(struct restore *r, struct diag *d) {
    struct ledger_edge *edge = calloc(1, sizeof *edge);
    uint64_t missing = r->seen.size - r->size, at = 0;
    r->leaves = calloc(missing, sizeof *r->leaves);
    enum err e = edge && r->leaves ? ledger_edge_load(edge, r->size, get_tile, r, d)
                                   : diag_set(d, ERR_NOMEM, "no memory to restore a ledger");
    while (!e && at < missing) {
        struct json_doc doc;
        uint64_t before = at;
        if ((e = ask(r, "", r->size + at, &doc, d))) break;
        for (struct json_iter it = json_iter(json_get(json_root(&doc), "entries"));
             !e && at < missing && json_next(&it);) {
            struct received_entry entry;
            if ((e = received_entry_read(it.value, &r->arena, &entry, d))) break;
            r->leaves[at] = ledger_leaf_hash(entry.record);
            e = ledger_edge_append(edge, &r->leaves[at++], keep_nothing, NULL, d);
        }
        if (!e && at == before) e = refuse(r, "the recipient does not give all entries back", d);
    }
    struct sha256 root = {0};
    if (!e) root = ledger_edge_root(edge);
    if (!e && !sha256_equal(&root, &r->seen.root))
        e = refuse(r, "the entries that the recipient gives back do not make the head that we signed", d);
    free(edge);
    return e;
}

/* ---- taking them back ---- */

static enum err take_entry(struct restore *r, struct json_value v, struct diag *d) {
    struct received_entry entry;
    struct ledger_record read;
    enum err e = received_entry_read(v, &r->arena, &entry, d);
    if (e) return e;
    struct sha256 leaf = ledger_leaf_hash(entry.record);
    if (!sha256_equal(&leaf, &r->leaves[r->log->ledger.size - r->size]))
        return refuse(r, "the recipient gives back other entries than a moment ago", d);
    e = ledger_record_read(&r->arena, entry.record, &read, d);
    if (!e && read.kind == LEDGER_RELEASE && entry.body.len == 0) r->lost[r->lost_count++] = read.seq;
    if (!e) e = ledgerlog_recover(r->log, entry.record, entry.salt, entry.body, d);
    return e ? e : erasure_recovered(&r->context, r->log->tx, &r->log->ledger, &read, d);
}

/* Of a release that came back without a body, either a record says that it was withdrawn, or one says so from now on:
 * the recipient had no use for the object, and it can be served no more. */
static enum err settle_lost(struct restore *r, struct store_tx *tx, struct diag *d) {
    struct store_entry_query q = {.ledger = r->ledger->id,
                                  .from_seq = r->size,
                                  .added_after = TIME_NONE,
                                  .records = true,
                                  .modified = TIME_NONE,
                                  .limit = STORE_PAGE_MAX,
                                  .with_record = true};
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < r->lost_count; i++) {
        struct store_entry *records, entry;
        struct ledger_record read;
        bool told = false;
        size_t count;
        q.from_seq = r->lost[i];
        arena_reset(&r->arena);
        e = store_entry_scan(store_tx_reader(tx), &q, &r->arena, &records, &count, d);
        for (size_t k = 0; !e && !told && k < count; k++)
            if (records[k].state == STORE_ENTRY_RECORD &&
                !(e = ledger_record_read(&r->arena, records[k].record, &read, d)))
                told = read.kind != LEDGER_RELEASE && read.withdraws == r->lost[i];
        if (e || told) continue;
        if (!(e = store_entry_get(store_tx_reader(tx), r->ledger->id, r->lost[i], &r->arena, &entry, d)) &&
            !(e = ledger_record_read(&r->arena, entry.record, &read, d)))
            e = ledgerlog_withdraw(r->log, &entry, &read.agreement, false, d);
    }
    return e;
}

static void audit(struct restore *r, struct store_tx *tx) {
    struct diag ignored;
    char detail[400];
    snprintf(detail, sizeof detail, "%.*s: %" PRIu64 " entries came back", SPAN_ARG(r->ledger->origin),
             r->seen.size > r->size ? r->seen.size - r->size : 0);
    struct store_audit entry = {.time = clock_now(r->sync->node->live.clock),
                                .actor = r->sync->party,
                                .operation = SPAN("ledger.restored"),
                                .detail = span_cstr(detail),
                                .outcome = SPAN("done")};
    if (store_audit_add(tx, &entry, &ignored)) log_error("no audit entry for a restored ledger: %s", ignored.message);
}

/* One answer's entries in one transaction; with the last of them the ledger is signed, and free again. */
static enum err take_answer(struct restore *r, bool *done, struct diag *d) {
    struct json_doc doc = {0};
    struct store_tx *tx = NULL;
    uint64_t size = r->ledger->size;
    enum err e = ERR_NONE;
    if (size < r->seen.size) e = ask(r, "&bodies=1", size, &doc, d);
    if (!e) e = store_begin(r->sync->node->live.store, &tx, d);
    if (!e) e = ledgerlog_open_held(r->log, &r->context, tx, r->ledger->id, d);
    if (e) goto out;
    for (struct json_iter it = json_iter(size < r->seen.size ? json_get(json_root(&doc), "entries") : JSON_MISSING);
         !e && r->log->ledger.size < r->seen.size && json_next(&it);)
        e = take_entry(r, it.value, d);
    *done = !e && r->log->ledger.size >= r->seen.size;
    if (!e && !*done && r->log->ledger.size == size) e = refuse(r, "the recipient gives no more entries back", d);
    r->ledger->size = r->log->ledger.size;
    if (!e && *done) e = settle_lost(r, tx, d);
    if (e)
        ledgerlog_abandon(r->log);
    else
        e = *done ? ledgerlog_close(r->log, d) : ledgerlog_pause(r->log, d);
    if (!e && *done) e = share_hold_lift(tx, r->ledger->origin, d);
    if (!e && *done) audit(r, tx);
    /* Whether any of it was derived or withdrawn is not to be seen from here; these only cost look-ups. */
    if (!e) e = store_meta_set(tx, SHARE_META_WITHDRAWALS, SPAN("yes"), d);
    if (!e) e = store_meta_set(tx, SHARE_META_DERIVATIONS, SPAN("yes"), d);
    if (!e) e = store_commit(&tx, d);
out:
    if (tx) store_rollback(&tx);
    return e;
}

static enum err restore_one(struct sync *s, struct store_ledger *ledger, struct diag *d) {
    struct restore r = {.sync = s, .ledger = ledger, .size = ledger->size};
    bool done = false;
    arena_init(&r.arena, ANSWER_ARENA_MAX);
    node_share_context(s->node, &s->node->live, s->view, &r.context);
    enum err e = get_seen(&r, d);
    if (!e && r.held < r.seen.size && r.seen.size > r.size)
        e = refuse(&r,
                   "its recipient has seen a head of which it does not have all entries either: "
                   "`renkei restore close` it, and make a new agreement",
                   d);
    if (!e) e = r.seen.size > r.size ? check_missing(&r, d) : check_own(&r, d);
    if (!e && (!(r.log = calloc(1, sizeof *r.log)) ||
               !(r.lost = calloc(r.seen.size > r.size ? r.seen.size - r.size : 1, sizeof *r.lost))))
        e = diag_set(d, ERR_NOMEM, "no memory to restore a ledger");
    while (!e && !done) e = take_answer(&r, &done, d);
    if (!e) {
        s->result->restored++;
        s->result->recovered += r.seen.size > r.size ? r.seen.size - r.size : 0;
    }
    free(r.leaves);
    free(r.lost);
    free(r.log);
    arena_free(&r.arena);
    return e;
}

enum err sync_restore(struct sync *s, struct diag *d) {
    struct share_hold *holds;
    struct store_ledger *ledgers;
    size_t count, ledger_count = 0;
    enum err e = share_hold_list(s->reader, &s->arena, &holds, &count, d);
    if (!e && count) e = store_ledger_list(s->reader, &s->arena, &ledgers, &ledger_count, d);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        if (!span_equal(ledgers[i].recipient, s->party)) continue;
        for (size_t k = 0; !e && k < count; k++)
            if (span_equal(holds[k].origin, ledgers[i].origin) && !holds[k].closed) e = restore_one(s, &ledgers[i], d);
    }
    return e;
}
