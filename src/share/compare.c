#include "share/compare.h"

enum { COMPARE_ARENA_MAX = 1 << 30, COMPARE_SLICE = 1000 };

struct comparing {
    struct share_question before, after;
    struct arena one; /* of one holding */
    void (*take)(void *context, const struct share_change *change);
    void *context;
    struct share_comparison *out;
};

static enum err compare_one(struct comparing *v, const struct store_holding *h, struct diag *d) {
    struct share_candidate before, after;
    if (h->state != STORE_CURRENT) return ERR_NONE;
    arena_reset(&v->one);
    enum err e = share_candidate_decide(&v->before, h, &v->one, &before, d);
    if (!e) e = share_candidate_decide(&v->after, h, &v->one, &after, d);
    if (e == ERR_SYNTAX || e == ERR_INVALID) return ERR_NONE; /* damaged: goes nowhere under either */
    if (e) return e;
    v->out->compared++;
    bool was = before.decision.outcome == POLICY_RELEASE, is = after.decision.outcome == POLICY_RELEASE;
    if (was == is) return ERR_NONE;
    v->out->newly += is;
    v->out->no_longer += was;
    const struct share_change change = {before.object.id, before.object.type, is, &before.decision, &after.decision};
    v->take(v->context, &change);
    return ERR_NONE;
}

static enum err compare_all(struct comparing *v, struct diag *d) {
    struct arena page;
    enum err e = ERR_NONE;
    arena_init(&page, COMPARE_ARENA_MAX);
    for (int64_t last = 0; !e;) {
        struct store_holding *holdings;
        size_t count = 0;
        arena_reset(&page);
        e = store_holding_scan(v->before.reader, last, (struct span){0}, COMPARE_SLICE, &page, &holdings, &count, d);
        if (e || count == 0) break;
        for (size_t i = 0; !e && i < count; i++) e = compare_one(v, &holdings[i], d);
        last = holdings[count - 1].id;
    }
    arena_free(&page);
    return e;
}

enum err share_compare(const struct share_context *c, struct store_reader *r, const struct agreement *before,
                       const struct agreement *after, struct span lineage, struct span recipient,
                       void (*take)(void *context, const struct share_change *change), void *context,
                       struct share_comparison *out, struct diag *d) {
    time_us now = clock_now(c->clock);
    struct share_question q = {.context = c, .reader = r, .lineage = lineage, .recipient = recipient};
    struct comparing v = {.before = q, .after = q, .take = take, .context = context, .out = out};
    v.before.agreement = before;
    v.before.now = now > before->effective ? now : before->effective;
    v.after.agreement = after;
    v.after.now = now > after->effective ? now : after->effective;
    *out = (struct share_comparison){0};
    arena_init(&v.one, COMPARE_ARENA_MAX);
    enum err e = share_question_prepare(&v.before, d);
    if (!e) e = share_question_prepare(&v.after, d);
    if (!e) e = compare_all(&v, d);
    share_question_release(&v.before);
    share_question_release(&v.after);
    arena_free(&v.one);
    return e;
}
