/* Rotating keys: a successor card, signed by the key before. */
#include <stdio.h>
#include <string.h>

#include "node/op_all.h"
#include "share/hold.h"
#include "share/release.h"

enum { CARD_YEARS = 5 };

static enum err successor_write(struct op_call *call, const struct card *own, struct card *next, struct buf *out,
                                struct diag *d) {
    struct signer *s = call->node->signer;
    struct signer_next keys;
    struct buf message = BUF_EMPTY;
    char host[256];
    uint16_t port;
    uint8_t by_next[CARD_SIGNATURE_SIZE], by_own[CARD_SIGNATURE_SIZE];
    time_us now = clock_now(call->realm->clock);
    now -= now % 1000;
    enum err e = config_listen(call->node->config, host, sizeof host, &port, d);
    if (!e) e = signer_rotate(s, own->party, span_cstr(host), now, &keys, d);
    if (e) return e;
    *next = *own;
    next->url = span_cstr(call->node->config->url);
    next->name = span_cstr(call->node->config->name);
    memcpy(next->agreement_key, keys.agreement, sizeof next->agreement_key);
    memcpy(next->log_key, keys.log, sizeof next->log_key);
    next->tls_pin = keys.tls_pin;
    next->serial = own->serial + 1;
    next->valid_from = now;
    next->valid_until = now + (time_us)CARD_YEARS * 365 * 86400 * TIME_US_PER_S;
    next->has_predecessor = true;
    next->predecessor = own->hash;
    e = card_message(next, &message, d);
    if (!e) e = signer_sign_next(s, buf_span(&message), by_next, d);
    if (!e) e = signer_sign(s, SIGNER_AGREEMENT, buf_span(&message), by_own, d);
    if (!e) e = card_write(next, by_next, by_own, out, d);
    buf_free(&message);
    return e;
}

/* After a restore partners may know newer cards than we do: a successor now could be a second of its number. */
static enum err check_restored(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct share_hold *holds;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = share_hold_list(r, call->arena, &holds, &count, d);
    for (size_t i = 0; !e && i < count; i++)
        if (!holds[i].closed) e = share_hold_check(r, holds[i].origin, d);
    store_reader_close(&r);
    return e;
}

/* Makes new keys for every use and the successor card; partners accept it at their next sync. */
enum err op_key_rotate(struct op_call *call, struct diag *d) {
    struct node_view *v = node_view(call->node);
    struct buf text = BUF_EMPTY;
    struct card next, checked;
    struct store_tx *tx = NULL;
    enum err e = check_restored(call, d);
    if (!e) e = successor_write(call, &v->own, &next, &text, d);
    if (!e) e = card_read(call->arena, buf_span(&text), &checked, d);
    if (!e) e = card_succeeds(&v->own, &checked, d);
    node_view_release(call->node, &v);
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = node_card_store(tx, "own-card", &checked, clock_now(call->realm->clock), d);
    if (!e)
        e = store_commit(&tx,
                         d); /* from here on the new keys are the ones: a restart loads them by the card's serial */
    if (tx) store_rollback(&tx);
    if (!e) e = signer_switch(call->node->signer, d);
    if (!e) e = node_refresh(call->node, d);
    if (!e) {
        struct share_context c;
        struct node_view *now = node_view(call->node);
        node_share_context(call->node, call->realm, now, &c);
        e = release_checkpoint_all(&c, d);
        node_view_release(call->node, &now);
    }
    if (!e) e = op_card(call, d);
    buf_free(&text);
    return e;
}
