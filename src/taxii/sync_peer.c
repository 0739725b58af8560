/* Meeting a partner's Renkei: cards both ways, then its ledgers one after the other. */
#include <stdio.h>

#include "base/log.h"
#include "ledger/note.h"
#include "node/erasure.h"
#include "taxii/sync_run.h"
#include "json/json.h"

enum { LIST_ARENA_MAX = 16 << 20, UUID_LEN = 36 };

static const char card_path[] = "/renkei/v1/card";

/* ---- connecting -------------------------------------------------------------------------------------------------- */

/* Takes the partner's card as trusted now, and a connection that its TLS key must answer. */
static enum err connect_peer(struct sync *s, struct diag *d) {
    link_close(&s->link);
    if (s->view) node_view_release(s->node, &s->view);
    s->view = node_view(s->node);
    s->peer = NULL;
    for (size_t i = 0; i < s->view->partner_count; i++)
        if (span_equal(s->view->partners[i].party, s->party)) s->peer = &s->view->partners[i];
    if (!s->peer) return diag_set(d, ERR_NOT_FOUND, "%.*s is not trusted any more", SPAN_ARG(s->party));
    enum err e = link_base(&s->links, s->peer->url, d);
    s->links.client.pins = &s->peer->tls_pin;
    s->links.client.pin_count = 1;
    s->links.client.allow_unpinned = false;
    s->links.client.identity = &s->identity.key;
    return e ? e : link_open(&s->links, &s->link, d);
}

/* The partner's TLS key is not the one on its card: perhaps it has rotated. Cards prove themselves, so they may come
 * over a connection that proves nothing; we show it no certificate. */
static enum err accept_successor(struct sync *s, struct diag *d) {
    bool changed = false;
    struct link stranger = {0};
    struct link_config links = s->links;
    struct diag refused = *d;
    links.client.pins = NULL;
    links.client.pin_count = 0;
    links.client.allow_unpinned = true;
    links.client.identity = NULL;
    enum err e = link_open(&links, &stranger, d);
    if (!e) e = link_get(&stranger, card_path, false, LINK_SMALL_MAX, d);
    if (!e) e = node_card_receive(s->node, buf_span(&stranger.reply.body), &changed, d);
    link_close(&stranger);
    if (e) return e;
    if (!changed) {
        *d = refused;
        return refused.code;
    }
    s->result->card_received = true;
    return connect_peer(s, d);
}

static enum err receive_card(struct sync *s, struct diag *d) {
    bool changed = false;
    enum err e = link_get(&s->link, card_path, false, LINK_SMALL_MAX, d);
    if (e == ERR_VERIFY) {
        e = accept_successor(s, d);
        if (!e) e = link_get(&s->link, card_path, false, LINK_SMALL_MAX, d);
    }
    if (!e) e = node_card_receive(s->node, buf_span(&s->link.reply.body), &changed, d);
    if (e || !changed) return e;
    s->result->card_received = true;
    return connect_peer(s, d);
}

static enum err send_card(struct sync *s, struct diag *d) {
    struct buf chain = BUF_EMPTY;
    enum err e = node_card_chain(s->node, &chain, d);
    if (!e) e = link_post(&s->link, card_path, "application/json", buf_span(&chain), d);
    buf_free(&chain);
    s->result->card_sent |= !e;
    return e;
}

/* A partner that does not know our certificate may not have heard of our newest card. */
static enum err get_list(struct sync *s, struct diag *d) {
    static const char path[] = "/renkei/v1/ledgers/";
    struct diag refused;
    enum err e = link_get(&s->link, path, false, LINK_SMALL_MAX, d);
    if (e != ERR_DENIED) return e;
    refused = *d;
    if (s->view->own.serial == 1 || send_card(s, d)) {
        *d = refused;
        return e;
    }
    return link_get(&s->link, path, false, LINK_SMALL_MAX, d);
}

/* ---- the ledgers it offers --------------------------------------------------------------------------------------- */

/* A lineage under which the partner may release to us; each once. */
static bool lineage_gives(const struct sync *s, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (span_equal(s->agreements[j].lineage, s->agreements[i].lineage)) return false;
    for (size_t j = i; j < s->agreement_count; j++)
        if (span_equal(s->agreements[j].lineage, s->agreements[i].lineage) &&
            agreement_direction(s->agreements[j].agreement, s->party, s->view->own.party))
            return true;
    return false;
}

static enum err expected_origin(struct sync *s, struct span lineage, struct span *out, struct diag *d) {
    struct buf text = BUF_EMPTY;
    enum err e = ledger_origin_write(s->party, s->view->own.party, span_cstr(s->node->live.name), lineage, &text, d);
    *out = arena_copy(&s->arena, buf_span(&text));
    buf_free(&text);
    return e || out->at ? e : diag_set(d, ERR_NOMEM, "no memory left for a sync");
}

static bool collection_valid(struct span id) {
    if (id.len != UUID_LEN) return false;
    for (size_t i = 0; i < id.len; i++)
        if (!strchr("0123456789abcdef-", id.at[i]) || !id.at[i]) return false;
    return true;
}

/* What the partner calls the collection of this ledger; empty when it does not offer it. */
static enum err find_offer(struct json_value list, struct arena *a, struct span origin, char collection[UUID_LEN + 1],
                           struct diag *d) {
    collection[0] = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (!json_is(json_get(it.value, "origin"), origin)) continue;
        struct span id = json_text(json_get(it.value, "collection"), a);
        if (!collection_valid(id))
            return diag_set(d, ERR_NETWORK, "the partner names no valid collection for %.*s", SPAN_ARG(origin));
        memcpy(collection, id.at, UUID_LEN);
        collection[UUID_LEN] = 0;
    }
    return ERR_NONE;
}

/* A ledger that is gone is a rollback to nothing. */
static enum err check_vanished(struct sync *s, struct span origin, struct diag *d) {
    struct sync_state state;
    enum err e = sync_state_load(s->reader, origin, &state, d);
    if (e) return e;
    if (state.seen_size)
        e = diag_set(d, ERR_VERIFY, "the partner offers %.*s no more, of which it had shown %llu entries",
                     SPAN_ARG(origin), (unsigned long long)state.seen_size);
    sync_state_free(&state);
    return e;
}

static enum err sync_one(struct sync *s, struct json_value list, struct arena *a, struct span lineage, struct diag *d) {
    char collection[UUID_LEN + 1];
    struct span origin;
    enum err e = expected_origin(s, lineage, &origin, d);
    if (!e) e = find_offer(list, a, origin, collection, d);
    if (e) return e;
    if (!collection[0]) return check_vanished(s, origin, d);
    if (s->result->ledger_count == TAXII_SYNC_LEDGERS_MAX)
        return diag_set(d, ERR_LIMIT, "more than %d ledgers of one partner", TAXII_SYNC_LEDGERS_MAX);
    struct taxii_sync_ledger *out = &s->result->ledgers[s->result->ledger_count++];
    snprintf(out->origin, sizeof out->origin, "%.*s", SPAN_ARG(origin));
    return sync_ledger(s, origin, lineage, collection, out, d);
}

/* Ledgers under agreements that we do not hold are told, and left. */
static void tell_unexpected(struct sync *s, struct json_value list, struct arena *a) {
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct span lineage = json_text(json_get(it.value, "lineage"), a);
        bool held = false;
        for (size_t i = 0; i < s->agreement_count; i++) held |= span_equal(s->agreements[i].lineage, lineage);
        if (held || s->result->ledger_count == TAXII_SYNC_LEDGERS_MAX) continue;
        struct taxii_sync_ledger *out = &s->result->ledgers[s->result->ledger_count++];
        struct span origin = json_text(json_get(it.value, "origin"), a);
        bool printable = origin.len < sizeof out->origin;
        for (size_t i = 0; printable && i < origin.len; i++) printable = origin.at[i] > ' ' && origin.at[i] <= '~';
        snprintf(out->origin, sizeof out->origin, "%.*s", SPAN_ARG(printable ? origin : SPAN("?")));
        snprintf(out->trouble, sizeof out->trouble,
                 "its agreement is not held here: `renkei agreement add` it to pull this ledger");
    }
}

/* One ledger that does not hold is no reason to leave the others; the first trouble is what the sync reports. */
static enum err sync_list(struct sync *s, struct diag *d) {
    struct arena a;
    struct json_doc doc;
    struct diag trouble;
    arena_init(&a, LIST_ARENA_MAX);
    enum err first = json_parse(&a, arena_copy(&a, buf_span(&s->link.reply.body)), &doc, d);
    if (first) first = diag_set(d, ERR_NETWORK, "the partner's list of ledgers is not JSON");
    if (first) goto out;
    struct json_value list = json_get(json_root(&doc), "ledgers");
    for (size_t i = 0; i < s->agreement_count; i++) {
        if (!lineage_gives(s, i)) continue;
        enum err e = sync_one(s, list, &a, s->agreements[i].lineage, &trouble);
        if (!e || first) continue;
        first = e;
        *d = trouble;
        if (e != ERR_VERIFY && e != ERR_BUSY) break; /* busy: the partner has put that one on hold */
    }
    tell_unexpected(s, list, &a);
out:
    arena_free(&a);
    return first;
}

/* What we send may have to wait for what we lost; what we get does not. */
static enum err pull_and_restore(struct sync *s, struct diag *d) {
    struct diag trouble;
    enum err e = sync_list(s, d), restored = sync_restore(s, &trouble);
    if (e || !restored) return e;
    *d = trouble;
    return restored;
}

/* ---- erasures ---------------------------------------------------------------------------------------------------- */

static enum err send_answer(void *context, struct span statement, struct diag *d) {
    struct sync *s = context;
    return link_post(&s->link, "/renkei/v1/erasures", "application/json", statement, d);
}

/* What the partner asked to be erased is done, where that needs no officer, and answered. What fails here fails nothing
 * that was pulled: the next sync does it again. */
static void settle_erasures(struct sync *s) {
    struct diag d = {0};
    enum err e = node_erasures_again(s->node, &d);
    if (!e) e = node_erasures_obey(s->node, s->party, &d);
    if (!e) e = node_erasures_answer(s->node, s->party, send_answer, s, &d);
    if (e) log_warn("erasures, in a sync with %.*s: %s", SPAN_ARG(s->party), d.message);
}

enum err sync_peer(struct sync *s, struct diag *d) {
    s->result->renkei = true;
    enum err e = taxii_identity_take(s->node, &s->identity, d);
    if (!e) e = connect_peer(s, d);
    if (!e) e = receive_card(s, d);
    if (!e) e = share_agreements_load(s->reader, &s->arena, &s->agreements, &s->agreement_count, d);
    if (!e) e = get_list(s, d); /* makes sure that the partner knows our newest card */
    if (!e) e = pull_and_restore(s, d);
    if (!e) settle_erasures(s);
    link_close(&s->link);
    if (s->view) node_view_release(s->node, &s->view);
    return e;
}
