#include "share/queue.h"

#include "share/agreements.h"
#include "share/release.h"

enum { QUEUE_ARENA_MAX = 1 << 30, DAY_S = 86400 };

struct asking {
    const struct share_context *context;
    struct store_tx *tx;
    struct span object, recipient; /* empty: all that waits; all parties */
    queue_each *each;
    void *each_context;
    struct arena arena; /* of the holding at hand */
};

/* From when it could first be decided. */
static time_us deadline_of(const struct share_question *q, const struct store_holding *h) {
    const struct national_policy *n = share_national_policy(q);
    time_us since = n && n->effective > h->imported ? n->effective : h->imported;
    return since + (time_us)APPROVAL_DAYS * DAY_S * TIME_US_PER_S;
}

static enum err consider(struct asking *v, const struct share_question *q, const struct store_holding *h,
                         struct diag *d) {
    struct share_candidate candidate;
    if (h->state != STORE_CURRENT) return ERR_NONE;
    enum err e = share_candidate_decide(q, h, &v->arena, &candidate, d);
    if (e || candidate.decision.outcome != POLICY_REFER) return e;
    struct queue_item item = {.holding = h,
                              .question = q,
                              .decision = &candidate.decision,
                              .of = share_approval_of(q, h),
                              .deadline = deadline_of(q, h)};
    share_approvals_count(q, &item.of, &item.approved, &item.refused);
    item.expired = q->now >= item.deadline;
    return v->each(v->each_context, &item, d);
}

static enum err of_waiting(struct asking *v, const struct share_question *q, struct diag *d) {
    struct arena a;
    int64_t *waiting;
    size_t count = 0;
    arena_init(&a, QUEUE_ARENA_MAX);
    enum err e = store_waiting_take(v->tx, q->ledger, SPAN(SHARE_WAITING_OFFICERS), &a, &waiting, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct store_holding h, newest;
        arena_reset(&v->arena);
        e = store_holding_get(q->reader, waiting[i], &v->arena, &h, d);
        if (!e) e = store_holding_latest(q->reader, h.stix_id, &v->arena, &newest, d);
        if (!e && newest.id == h.id) e = consider(v, q, &h, d); /* an older version never goes */
        if (e == ERR_NOT_FOUND) e = ERR_NONE;                   /* erased, or counts no more */
    }
    arena_free(&a);
    return e;
}

static enum err of_object(struct asking *v, const struct share_question *q, struct diag *d) {
    struct store_holding h;
    arena_reset(&v->arena);
    enum err e = store_holding_latest(q->reader, v->object, &v->arena, &h, d);
    if (e == ERR_NOT_FOUND) return diag_set(d, e, "%.*s is not held here", SPAN_ARG(span_first(v->object, 128)));
    return e ? e : consider(v, q, &h, d);
}

static enum err of_ledger(struct asking *v, const struct store_ledger *ledger, const struct share_agreement *g,
                          struct diag *d) {
    struct share_question q = {.context = v->context,
                               .reader = store_tx_visible(v->tx),
                               .agreement = g->agreement,
                               .lineage = g->lineage,
                               .recipient = ledger->recipient,
                               .ledger = ledger->id,
                               .now = clock_now(v->context->clock)};
    enum err e = share_question_prepare(&q, d);
    if (!e && share_national_policy(&q)) e = v->object.len ? of_object(v, &q, d) : of_waiting(v, &q, d);
    share_question_release(&q);
    return e;
}

static enum err ask(struct asking *v, struct diag *d) {
    struct arena a;
    struct share_agreement *all;
    struct store_ledger *ledgers;
    size_t count = 0, ledger_count = 0;
    arena_init(&a, QUEUE_ARENA_MAX);
    arena_init(&v->arena, QUEUE_ARENA_MAX);
    struct store_reader *r = store_tx_reader(v->tx);
    enum err e = share_agreements_load(r, &a, &all, &count, d);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &ledger_count, d);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        const struct share_agreement *g =
            share_agreement_in_force(all, count, ledgers[i].lineage, clock_now(v->context->clock));
        bool wanted = v->recipient.len == 0 || span_equal(v->recipient, ledgers[i].recipient);
        if (g && wanted) e = of_ledger(v, &ledgers[i], g, d);
    }
    arena_free(&v->arena);
    arena_free(&a);
    return e;
}

enum err queue_list(const struct share_context *c, struct store_tx *tx, queue_each *each, void *context,
                    struct diag *d) {
    struct asking v = {.context = c, .tx = tx, .each = each, .each_context = context};
    return ask(&v, d);
}

enum err queue_of(const struct share_context *c, struct store_tx *tx, struct span object, struct span recipient,
                  queue_each *each, void *context, struct diag *d) {
    struct asking v = {
        .context = c, .tx = tx, .object = object, .recipient = recipient, .each = each, .each_context = context};
    return ask(&v, d);
}
