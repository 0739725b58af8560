/* What peers may ask of a node over the network, besides pulling their feed. */
#include <stdio.h>

#include "base/log.h"
#include "ledger/note.h"
#include "node/node.h"
#include "json/json.h"
#include "json/write.h"

enum { PEER_ARENA_MAX = 16 << 20 };

static void audit(struct store_tx *tx, time_us now, struct span actor, const char *operation, const char *detail) {
    struct diag d;
    struct store_audit entry = {.time = now,
                                .actor = actor,
                                .operation = span_cstr(operation),
                                .detail = span_cstr(detail),
                                .outcome = SPAN("done")};
    if (store_audit_add(tx, &entry, &d)) log_error("no audit entry for %s: %s", operation, d.message);
}

enum err node_card_chain(struct node *n, struct buf *out, struct diag *d) {
    struct arena a;
    struct store_reader *r = NULL;
    struct store_document *docs;
    size_t count = 0;
    struct json_writer w = json_writer(out);
    arena_init(&a, PEER_ARENA_MAX);
    enum err e = store_reader_open(n->live.store, &r, d);
    if (!e) e = store_document_list(r, "own-card", &a, &docs, &count, d);
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) json_splice(&w, docs[i].body);
    json_end_array(&w);
    if (!e && !buf_ok(out)) e = diag_set(d, ERR_NOMEM, "no memory for the cards");
    store_reader_close(&r);
    arena_free(&a);
    return e;
}

/* Walks from the trusted card to the newest that each next one rightfully succeeds. */
static enum err follow(struct arena *a, struct json_value chain, const struct card *trusted, struct card *newest,
                       struct diag *d) {
    *newest = *trusted;
    if (json_count(chain) > CARD_CHAIN_MAX)
        return diag_set(d, ERR_LIMIT, "a succession of more than %d cards", CARD_CHAIN_MAX);
    for (struct json_iter it = json_iter(chain); json_next(&it);) {
        struct card card;
        enum err e = card_read(a, json_raw(it.value), &card, d);
        if (e) return e;
        if (!span_equal(card.party, trusted->party))
            return diag_set(d, ERR_VERIFY, "a card of another party in the succession of %.*s",
                            SPAN_ARG(trusted->party));
        if (card.serial <= newest->serial) continue;
        if ((e = card_succeeds(newest, &card, d))) return e;
        *newest = card;
    }
    return ERR_NONE;
}

static const struct card *trusted_card(const struct node_view *v, struct span party) {
    for (size_t i = 0; i < v->partner_count; i++)
        if (span_equal(v->partners[i].party, party)) return &v->partners[i];
    return NULL;
}

static enum err keep(struct node *n, const struct card *card, struct diag *d) {
    struct store_tx *tx = NULL;
    char detail[64];
    time_us now = clock_now(n->live.clock);
    struct store_document doc = {.kind = SPAN("partner"), .key = card->party, .body = card->text, .time = now};
    enum err e = store_begin(n->live.store, &tx, d);
    if (!e) e = store_document_put(tx, &doc, d);
    if (!e) e = node_card_store(tx, "card", card, now, d);
    snprintf(detail, sizeof detail, "card %u", card->serial);
    if (!e) audit(tx, now, card->party, "card.succeed", detail);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e ? e : node_refresh(n, d);
}

enum err node_card_receive(struct node *n, struct span chain, bool *changed, struct diag *d) {
    struct arena a;
    struct json_doc doc;
    struct card first, newest;
    struct node_view *v = node_view(n);
    const struct card *trusted = NULL;
    *changed = false;
    arena_init(&a, PEER_ARENA_MAX);
    enum err e = json_parse(&a, chain, &doc, d);
    if (!e && (json_type(json_root(&doc)) != JSON_ARRAY || json_count(json_root(&doc)) == 0))
        e = diag_set(d, ERR_SYNTAX, "a list of cards is expected");
    if (!e) e = card_read(&a, json_raw(json_at(json_root(&doc), 0)), &first, d);
    if (!e && !(trusted = trusted_card(v, first.party))) e = diag_set(d, ERR_DENIED, "this party is not trusted here");
    if (!e) e = follow(&a, json_root(&doc), trusted, &newest, d);
    if (!e) e = node_card_unclaimed(v, &newest, d);
    *changed = !e && newest.serial > trusted->serial;
    if (*changed) e = keep(n, &newest, d);
    node_view_release(n, &v);
    arena_free(&a);
    return e;
}

/* The line must be a cosignature by the party's log key over the checkpoint that the ledger has now, or had: only the
 * present one can be checked, so an older one is refused and the partner's next sync brings a new one. */
enum err node_cosign_receive(struct node *n, struct span party, int64_t ledger, struct span note, struct diag *d) {
    struct arena a;
    struct ledger_note parts, own;
    struct ledger_key key;
    struct ledger_checkpoint head;
    struct store_ledger l;
    struct store_tx *tx = NULL;
    uint64_t time_s = 0;
    struct node_view *v = node_view(n);
    const struct card *card = trusted_card(v, party);
    arena_init(&a, PEER_ARENA_MAX);
    enum err e =
        card ? ledger_note_read(&a, note, &parts, d) : diag_set(d, ERR_DENIED, "this party is not trusted here");
    if (!e) e = ledger_key_make(LEDGER_KEY_WITNESS, party, card->log_key, &key, d);
    if (!e) e = ledger_note_cosigned(&parts, &key, &time_s, d);
    if (!e) e = ledger_checkpoint_read(&a, parts.text, &head, d);
    if (!e) e = store_begin(n->live.store, &tx, d);
    if (!e) e = store_ledger_get(store_tx_reader(tx), ledger, &a, &l, d);
    if (!e && !span_equal(l.recipient, party)) e = diag_set(d, ERR_NOT_FOUND, "no such ledger");
    if (!e) e = ledger_note_read(&a, l.checkpoint, &own, d);
    if (!e && !span_equal(own.text, parts.text))
        e = diag_set(d, ERR_BUSY, "the ledger has grown since: cosign its newest checkpoint");
    for (size_t i = 0; !e && i < parts.count; i++) {
        if (parts.signatures[i].id != key.id || !span_equal(parts.signatures[i].name, key.name)) continue;
        l.cosignature = parts.signatures[i].line;
        l.cosigned_size = head.size;
        l.cosigned_time = clock_now(n->live.clock);
        e = store_ledger_update(tx, &l, d);
        if (!e) audit(tx, l.cosigned_time, party, "ledger.cosign", "");
        if (!e) e = store_commit(&tx, d);
        break;
    }
    if (tx) store_rollback(&tx);
    node_view_release(n, &v);
    arena_free(&a);
    return e;
}
