#include "share/consent.h"

#include "share/agreements.h"
#include "share/release.h"
#include "share/subject.h"

enum { CONSENT_ARENA_MAX = 256 << 20, CONSENT_SLICE = 1000 };

static struct span consent_key(struct arena *a, struct span object, struct span recipient) {
    return arena_printf(a, "%.*s/%.*s", SPAN_ARG(object), SPAN_ARG(recipient));
}

static enum err decide_again(struct store_tx *tx, struct span object, struct arena *a, struct diag *d) {
    struct store_holding h;
    enum err e = store_holding_latest(store_tx_reader(tx), object, a, &h, d);
    return e == ERR_NOT_FOUND ? ERR_NONE : e ? e : share_reconsider(tx, h.id, d);
}

enum err share_consent_put(struct store_tx *tx, const struct statement *s, struct span file, time_us now,
                           struct diag *d) {
    struct arena a;
    uint32_t source;
    bool received = false;
    struct span object = s->fields[CONSENT_OBJECT];
    arena_init(&a, CONSENT_ARENA_MAX);
    enum err e = store_source_find(store_tx_reader(tx), s->party, &source, d);
    if (!e) e = store_received_from(store_tx_reader(tx), object, source, &received, d);
    if ((!e && !received) || e == ERR_NOT_FOUND)
        e = diag_set(d, ERR_NOT_FOUND, "%.*s did not come from %.*s, so its consent says nothing", SPAN_ARG(object),
                     SPAN_ARG(s->party));
    struct store_document doc = {.kind = SPAN(SHARE_CONSENT_KIND),
                                 .key = consent_key(&a, object, s->fields[CONSENT_RECIPIENT]),
                                 .body = file,
                                 .time = now};
    if (!e) e = store_document_put(tx, &doc, d);
    if (!e) e = decide_again(tx, object, &a, d);
    arena_free(&a);
    return e;
}

enum err share_consent_remove(struct store_tx *tx, struct span object, struct span recipient, struct diag *d) {
    struct arena a;
    struct store_document doc;
    arena_init(&a, CONSENT_ARENA_MAX);
    struct span key = consent_key(&a, object, recipient);
    enum err e = store_document_get(store_tx_reader(tx), SHARE_CONSENT_KIND, key, &a, &doc, d);
    if (e == ERR_NOT_FOUND)
        diag_set(d, e, "no consent to give %.*s to %.*s is kept here", SPAN_ARG(object), SPAN_ARG(recipient));
    if (!e) e = store_document_delete(tx, SHARE_CONSENT_KIND, key, d);
    if (!e) e = decide_again(tx, object, &a, d);
    arena_free(&a);
    return e;
}

/* ---- what lacks it ---- */

struct wanting {
    struct share_question question;
    void (*take)(void *context, const struct share_wanted *w);
    void *context;
    struct arena page, one;
};

static enum err look(struct wanting *v, const struct store_holding *h, struct diag *d) {
    struct share_candidate c;
    struct store_holding latest;
    arena_reset(&v->one);
    if (h->source == STORE_SOURCE_OWN || h->state != STORE_CURRENT) return ERR_NONE;
    enum err e = share_candidate_decide(&v->question, h, &v->one, &c, d);
    if (e) return e == ERR_SYNTAX || e == ERR_INVALID ? ERR_NONE : e;
    if (c.decision.reason != POLICY_REASON_CONSENT_NEEDED) return ERR_NONE;
    e = store_holding_latest(v->question.reader, h->stix_id, &v->one, &latest, d);
    if (e || latest.id != h->id) return e;
    const struct share_wanted w = {h->stix_id, h->type, c.decision.source_party, v->question.recipient,
                                   c.decision.clause};
    v->take(v->context, &w);
    return ERR_NONE;
}

static enum err look_at_all(struct wanting *v, struct diag *d) {
    enum err e = share_question_prepare(&v->question, d);
    for (int64_t last = 0; !e;) {
        struct store_holding *holdings;
        size_t count = 0;
        arena_reset(&v->page);
        e = store_holding_scan(v->question.reader, last, (struct span){0}, CONSENT_SLICE, &v->page, &holdings, &count,
                               d);
        if (e || count == 0) break;
        for (size_t i = 0; !e && i < count; i++) e = look(v, &holdings[i], d);
        last = holdings[count - 1].id;
    }
    share_question_release(&v->question);
    return e;
}

enum err share_consents_wanted(const struct share_context *c, struct span recipient,
                               void (*take)(void *context, const struct share_wanted *w), void *context,
                               struct diag *d) {
    struct arena a;
    struct store_reader *r = NULL;
    struct share_agreement *all;
    struct store_ledger *ledgers;
    size_t count, ledger_count;
    time_us now = clock_now(c->clock);
    struct wanting v = {.take = take, .context = context};
    arena_init(&a, CONSENT_ARENA_MAX);
    arena_init(&v.page, CONSENT_ARENA_MAX);
    arena_init(&v.one, CONSENT_ARENA_MAX);
    enum err e = store_reader_open(c->store, &r, d);
    if (!e) e = share_agreements_load(r, &a, &all, &count, d);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &ledger_count, d);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        const struct share_agreement *g = share_agreement_in_force(all, count, ledgers[i].lineage, now);
        if (!g || (recipient.len && !span_equal(ledgers[i].recipient, recipient))) continue;
        v.question = (struct share_question){.context = c,
                                             .reader = r,
                                             .agreement = g->agreement,
                                             .lineage = g->lineage,
                                             .recipient = ledgers[i].recipient,
                                             .ledger = ledgers[i].id,
                                             .now = now};
        e = look_at_all(&v, d);
    }
    store_reader_close(&r);
    arena_free(&v.one);
    arena_free(&v.page);
    arena_free(&a);
    return e;
}
