/* Cards and partners. */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "node/op_all.h"

static void card_json(const struct card *c, struct buf *out) {
    char print[96], hash[2 * SHA256_SIZE + 1];
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_member(&w, "party", c->party);
    json_member(&w, "name", c->name);
    json_member(&w, "url", c->url);
    json_member(&w, "identity", c->identity);
    json_member_number(&w, "serial", c->serial);
    json_member_time(&w, "valid_from", c->valid_from);
    json_member_time(&w, "valid_until", c->valid_until);
    hex_write(span_of(c->hash.b, SHA256_SIZE), hash);
    json_member_cstr(&w, "card", hash);
    json_key(&w, "fingerprints");
    json_begin_object(&w);
    json_member_cstr(&w, "agreement", card_fingerprint(c->agreement_key, print));
    json_member_cstr(&w, "log", card_fingerprint(c->log_key, print));
    json_member_cstr(&w, "tls", card_fingerprint(c->tls_pin.b, print));
    json_end_object(&w);
    struct buf key = BUF_EMPTY;
    buf_add_cstr(&key, "ed25519:");
    buf_add_base64(&key, span_of(c->agreement_key, CARD_KEY_SIZE));
    json_member(&w, "agreement_key", buf_span(&key));
    buf_free(&key);
    json_key(&w, "text");
    json_splice(&w, c->text);
    json_end_object(&w);
}

static void emit_card(struct op_call *call, const struct card *c) {
    struct buf out = BUF_EMPTY;
    card_json(c, &out);
    op_emit(call, &out);
    buf_free(&out);
}

/* The own card, whole and in parts. */
enum err op_card(struct op_call *call, struct diag *d) {
    struct node_view *v = node_view(call->node);
    emit_card(call, &v->own);
    node_view_release(call->node, &v);
    return ERR_NONE;
}

static enum err partner_put(struct op_call *call, const struct card *card, struct diag *d) {
    struct store_tx *tx = NULL;
    time_us now = clock_now(call->realm->clock);
    struct store_document doc = {.kind = SPAN("partner"), .key = card->party, .body = card->text, .time = now};
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = store_document_put(tx, &doc, d);
    if (!e) e = node_card_store(tx, "card", card, now, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e ? e : node_refresh(call->node, d);
}

/* {"card": text, "trust": bool}: without trust only shows what would be trusted. A known party's newer card must be a
 * rightful successor. */
enum err op_party_add(struct op_call *call, struct diag *d) {
    struct card card;
    struct node_view *v = node_view(call->node);
    enum err e = card_read(call->arena, op_text(call, "card"), &card, d);
    if (e) goto out;
    if (span_equal(card.party, v->own.party)) {
        e = diag_set(d, ERR_INVALID, "this is the card of %.*s itself", SPAN_ARG(card.party));
        goto out;
    }
    if (card.valid_until < clock_now(call->realm->clock)) {
        e = diag_set(d, ERR_INVALID, "the card of %.*s has expired: ask for its newest", SPAN_ARG(card.party));
        goto out;
    }
    e = node_card_unclaimed(v, &card, d);
    for (size_t i = 0; i < v->partner_count && !e; i++) {
        const struct card *known = &v->partners[i];
        if (span_equal(known->party, card.party) && !sha256_equal(&known->hash, &card.hash)) {
            e = card_succeeds(known, &card, d);
            if (e)
                diag_prefix(d, "%.*s is trusted already under another card (renkei party remove %.*s forgets it)",
                            SPAN_ARG(card.party), SPAN_ARG(card.party));
        }
    }
    if (!e) emit_card(call, &card);
    if (!e && op_flag(call, "trust")) e = partner_put(call, &card, d);
out:
    node_view_release(call->node, &v);
    return e;
}

enum err op_party_list(struct op_call *call, struct diag *d) {
    struct node_view *v = node_view(call->node);
    for (size_t i = 0; i < v->partner_count; i++) emit_card(call, &v->partners[i]);
    node_view_release(call->node, &v);
    return ERR_NONE;
}

/* {"party": id}: no longer trusted from now on; what it sent and what it was sent stays on record. */
enum err op_party_remove(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct store_document doc;
    struct span party = op_text(call, "party");
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) {
        e = store_document_get(store_tx_reader(tx), "partner", party, call->arena, &doc, d);
        if (e == ERR_NOT_FOUND)
            diag_set(d, e, "%.*s is not a trusted party (renkei party list shows them)", SPAN_ARG(party));
    }
    if (!e) e = store_document_delete(tx, "partner", party, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e ? e : node_refresh(call->node, d);
}
