/* Agreements: signing, adding, showing. Templates and checks need no node; the CLI does them with policy/agreement.h
 * alone. */
#include <stdio.h>

#include "base/encode.h"
#include "node/op_agreement.h"
#include "node/op_all.h"
#include "share/agreements.h"
#include "share/release.h"

enum { SIGNATURES_MAX = AGREEMENT_PARTIES_MAX };

static enum err own_party(struct op_call *call, const struct agreement *g, const struct card *own, struct diag *d) {
    const struct agreement_party *p = agreement_party(g, own->party);
    if (!p) return diag_set(d, ERR_INVALID, "%.*s is no party of this agreement", SPAN_ARG(own->party));
    if (memcmp(p->key, own->agreement_key, sizeof p->key) != 0)
        return diag_set(
            d, ERR_INVALID,
            "the agreement names another key for %.*s than its card: put in the key that `renkei card` shows",
            SPAN_ARG(own->party));
    return ERR_NONE;
}

/* {"text"}: answers {"signature": file content}. */
enum err op_agreement_sign(struct op_call *call, struct diag *d) {
    struct agreement *g;
    struct agreement_signature s;
    struct buf message = BUF_EMPTY, file = BUF_EMPTY, out = BUF_EMPTY;
    struct node_view *v = node_view(call->node);
    enum err e = agreement_read(call->arena, op_text(call, "text"), &g, d);
    if (!e) e = own_party(call, g, &v->own, d);
    if (e) goto out;
    s = (struct agreement_signature){
        .agreement = g->hash, .party = v->own.party, .time = clock_now(call->realm->clock)};
    memcpy(s.key, v->own.agreement_key, sizeof s.key);
    agreement_signature_message(&g->hash, s.party, s.time, &message);
    if ((e = signer_sign(call->node->signer, SIGNER_AGREEMENT, buf_span(&message), s.signature, d))) goto out;
    agreement_signature_write(&s, &file);
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "party", s.party);
    json_member(&w, "signature", buf_span(&file));
    json_end_object(&w);
    op_emit(call, &out);
out:
    node_view_release(call->node, &v);
    buf_free(&message);
    buf_free(&file);
    buf_free(&out);
    return e;
}

/* Whether the key is on the card trusted now or on one that it succeeds; cards of a trust that was ended do not count.
 */
static bool key_in_succession(struct arena *a, const struct store_document *docs, size_t count, const struct card *now,
                              const uint8_t key[AGREEMENT_KEY_SIZE]) {
    struct card at = *now;
    for (size_t steps = 0; steps <= count; steps++) {
        struct card card, before = {0};
        struct diag ignored;
        if (memcmp(at.agreement_key, key, AGREEMENT_KEY_SIZE) == 0) return true;
        if (!at.has_predecessor) return false;
        for (size_t i = 0; i < count && !before.serial; i++)
            if (card_read(a, docs[i].body, &card, &ignored) == ERR_NONE && sha256_equal(&card.hash, &at.predecessor))
                before = card;
        if (!before.serial) return false;
        at = before;
    }
    return false;
}

enum err op_agreement_key_known(struct op_call *call, struct store_reader *r, const struct node_view *v,
                                struct span party, const uint8_t key[AGREEMENT_KEY_SIZE], struct diag *d) {
    const struct card *now = span_equal(party, v->own.party) ? &v->own : NULL;
    struct store_document *docs;
    size_t count;
    for (size_t k = 0; k < v->partner_count; k++)
        if (span_equal(v->partners[k].party, party)) now = &v->partners[k];
    enum err e = store_document_list(r, now == &v->own ? "own-card" : "card", call->arena, &docs, &count, d);
    if (e || (now && key_in_succession(call->arena, docs, count, now, key))) return e;
    return diag_set(d, ERR_VERIFY, "the key of %.*s in it is on no card trusted here (renkei party add CARD)",
                    SPAN_ARG(party));
}

/* Keys named in the agreement must be those of the cards this node trusts, now or before a rotation. */
static enum err keys_known(struct op_call *call, struct store_reader *r, const struct agreement *g,
                           const struct node_view *v, struct diag *d) {
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < g->party_count; i++)
        e = op_agreement_key_known(call, r, v, g->parties[i].id, g->parties[i].key, d);
    return e;
}

static enum err lineage_of(struct op_call *call, struct store_reader *r, const struct agreement *g,
                           struct span *lineage, struct diag *d) {
    struct share_agreement *all;
    size_t count;
    char hash[2 * SHA256_SIZE + 1];
    enum err e = share_agreements_load(r, call->arena, &all, &count, d);
    if (e) return e;
    hex_write(span_of(g->hash.b, SHA256_SIZE), hash);
    if (share_agreement_find(all, count, span_cstr(hash)))
        return diag_set(d, ERR_EXISTS, "this agreement is here already");
    if (!g->has_predecessor) {
        *lineage = arena_copy(call->arena, span_cstr(hash));
        return ERR_NONE;
    }
    hex_write(span_of(g->predecessor.b, SHA256_SIZE), hash);
    const struct share_agreement *before = share_agreement_find(all, count, span_cstr(hash));
    if (!before) return diag_set(d, ERR_NOT_FOUND, "the agreement it amends (%s) is not here: add that first", hash);
    for (size_t i = 0; i < count; i++)
        if (all[i].agreement->has_predecessor && sha256_equal(&all[i].agreement->predecessor, &g->predecessor))
            return diag_set(d, ERR_EXISTS, "that version has an amendment already: %.*s", SPAN_ARG(all[i].hash));
    *lineage = before->lineage;
    return agreement_amends(g, before->agreement, d);
}

static enum err read_signatures(struct op_call *call, struct agreement_signature *out, size_t *count, struct diag *d) {
    *count = 0;
    for (struct json_iter it = json_iter(json_get(call->args, "signatures")); json_next(&it);) {
        if (*count == SIGNATURES_MAX) return diag_set(d, ERR_LIMIT, "more signatures than an agreement has parties");
        enum err e = agreement_signature_read(call->arena, json_text(it.value, call->arena), &out[*count], d);
        if (e) return e;
        ++*count;
    }
    return ERR_NONE;
}

/* What a change of agreement unlocks goes out at once. */
static enum err release_now(struct op_call *call, struct release_totals *totals, struct diag *d) {
    struct share_context c;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = release_run(&c, NULL, NULL, totals, d);
    node_view_release(call->node, &v);
    return e;
}

/* {"text", "signatures": [file contents]}. */
enum err op_agreement_add(struct op_call *call, struct diag *d) {
    struct agreement *g;
    struct agreement_signature signatures[SIGNATURES_MAX];
    size_t count;
    struct span lineage;
    struct store_tx *tx = NULL;
    struct buf out = BUF_EMPTY;
    struct release_totals totals = {0};
    struct node_view *v = node_view(call->node);
    enum err e = agreement_read(call->arena, op_text(call, "text"), &g, d);
    if (!e) e = read_signatures(call, signatures, &count, d);
    if (!e && !agreement_party(g, v->own.party))
        e = diag_set(d, ERR_INVALID, "%.*s is no party of this agreement", SPAN_ARG(v->own.party));
    if (!e) e = agreement_signatures_complete(g, signatures, count, d);
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = keys_known(call, store_tx_reader(tx), g, v, d);
    if (!e) e = lineage_of(call, store_tx_reader(tx), g, &lineage, d);
    if (!e) e = share_agreement_put(tx, g, signatures, count, lineage, clock_now(call->realm->clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    node_view_release(call->node, &v);
    if (!e) e = release_now(call, &totals, d);
    if (!e) {
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_key(&w, "hash");
        char hash[2 * SHA256_SIZE + 1];
        hex_write(span_of(g->hash.b, SHA256_SIZE), hash);
        json_cstr(&w, hash);
        json_member(&w, "title", g->title);
        json_member(&w, "lineage", lineage);
        json_member_time(&w, "effective", g->effective);
        json_member_time(&w, "ends", g->ends);
        json_member_number(&w, "released", (int64_t)totals.released);
        json_member_number(&w, "no_longer", (int64_t)totals.no_longer);
        json_end_object(&w);
        op_emit(call, &out);
    }
    buf_free(&out);
    return e;
}

static void write_agreement(const struct share_agreement *s, bool in_force, struct op_call *call) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    const struct agreement *g = s->agreement;
    json_begin_object(&w);
    json_member(&w, "hash", s->hash);
    json_member(&w, "lineage", s->lineage);
    json_member_number(&w, "version", s->version);
    json_member(&w, "title", g->title);
    json_key(&w, "parties");
    json_begin_array(&w);
    for (size_t i = 0; i < g->party_count; i++) json_string(&w, g->parties[i].id);
    json_end_array(&w);
    json_member_time(&w, "effective", g->effective);
    json_member_time(&w, "ends", g->ends);
    json_member_time(&w, "added", s->added);
    json_member_truth(&w, "in_force", in_force);
    json_key(&w, "left");
    json_begin_array(&w);
    for (size_t i = 0; i < g->departure_count; i++) {
        json_begin_object(&w);
        json_member(&w, "party", g->departures[i].party);
        json_member_time(&w, "ends", g->departures[i].ends);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (op_flag(call, "text")) json_member(&w, "text", g->text);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static enum err each(struct op_call *call, struct span only, struct diag *d) {
    struct store_reader *r = NULL;
    struct share_agreement *all;
    size_t count;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = share_agreements_load(r, call->arena, &all, &count, d);
    time_us now = clock_now(call->realm->clock);
    const struct share_agreement *found = e || !only.at ? NULL : share_agreement_find(all, count, only);
    if (!e && only.at && !found)
        e = diag_set(d, ERR_NOT_FOUND, "no agreement %.*s here, or more than one begins so (renkei agreement list)",
                     SPAN_ARG(only));
    for (size_t i = 0; !e && i < count; i++) {
        const struct share_agreement *in_force = share_agreement_in_force(all, count, all[i].lineage, now);
        bool holds = in_force == &all[i] && all[i].agreement->effective <= now && now < all[i].agreement->ends;
        if (!found || found == &all[i]) write_agreement(&all[i], holds, call);
    }
    store_reader_close(&r);
    return e;
}

enum err op_agreement_list(struct op_call *call, struct diag *d) {
    return each(call, (struct span){0}, d);
}

/* {"hash", "text": bool}. */
enum err op_agreement_show(struct op_call *call, struct diag *d) {
    return each(call, op_text(call, "hash"), d);
}
