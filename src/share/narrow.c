/* What is out that the terms as they are now would not release. */
#include <stdlib.h>

#include "share/agreements.h"
#include "share/recall.h"
#include "share/release.h"

enum { NARROW_ARENA_MAX = 1 << 30, NARROW_SLICE = 5000 /* entries a transaction */ };

struct narrowing {
    const struct share_context *context;
    const struct store_ledger *ledger;
    const struct share_agreement *in_force;
    bool take;
    void (*each)(void *context, const struct release_narrowed *n);
    void *each_context;
    struct release_totals *totals;
    struct arena arena;
};

/* Whether the terms release what is out, in the form in which it is, and its newest version. What is referred to
 * officers stays. */
static enum err is_permitted(const struct share_question *q, const struct store_entry *entry, struct arena *a,
                             struct share_candidate *c, bool *out, struct diag *d) {
    struct store_holding *h = arena_alloc(a, sizeof *h);
    *out = true;
    enum err e = h ? store_holding_get(q->reader, entry->holding, a, h, d)
                   : diag_set(d, ERR_NOMEM, "no memory to look at what is out");
    if (!e) e = share_candidate_decide(q, h, a, c, d);
    if (e) return e == ERR_NOT_FOUND || e == ERR_SYNTAX || e == ERR_INVALID ? ERR_NONE : e;
    bool as_itself = span_equal(entry->stix_id, c->object.id);
    enum policy_outcome newest = POLICY_RELEASE;
    *out = c->decision.outcome == POLICY_REFER || (c->decision.outcome == POLICY_RELEASE && !(as_itself && c->derived));
    if (*out) e = share_newest_outcome(q, h, a, &newest, d);
    *out = *out && newest != POLICY_WITHHOLD;
    return e;
}

static enum err decide_again(void *context, int64_t holding, struct diag *d) {
    const struct recall *r = context;
    return store_waiting_add(r->tx, r->log->ledger.id, SPAN(SHARE_WAITING_CHANGED), holding, d);
}

static enum err look(struct narrowing *n, struct recall *r, const struct share_question *q,
                     const struct store_entry *entry, struct diag *d) {
    struct share_candidate c;
    struct store_entry now;
    bool permitted;
    if (entry->state != STORE_ENTRY_CURRENT) return ERR_NONE;
    enum err e = is_permitted(q, entry, &n->arena, &c, &permitted, d);
    if (e || permitted) return e;
    e = store_entry_current(q->reader, q->ledger, entry->stix_id, &now, d); /* it may have gone with another */
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    n->totals->no_longer++;
    const struct release_narrowed told = {c.object.id, entry->stix_id, &c.decision};
    if (n->each) n->each(n->each_context, &told);
    return r ? recall_object(r, c.object.id, d) : ERR_NONE;
}

/* Entries from *seq on; *more is false behind the last. */
static enum err slice(struct narrowing *n, struct store_reader *reader, struct store_tx *tx, struct ledgerlog *log,
                      uint64_t *seq, bool *more, struct diag *d) {
    struct share_question q = {.context = n->context,
                               .reader = reader,
                               .agreement = n->in_force->agreement,
                               .lineage = n->ledger->lineage,
                               .recipient = n->ledger->recipient,
                               .ledger = n->ledger->id,
                               .now = clock_now(n->context->clock)};
    struct recall r = {
        .question = &q, .tx = tx, .log = log, .by_policy = true, .arena = &n->arena, .each = decide_again};
    struct store_entry_query query = {.ledger = n->ledger->id,
                                      .from_seq = *seq,
                                      .added_after = TIME_NONE,
                                      .modified = TIME_NONE,
                                      .limit = NARROW_SLICE};
    struct store_entry *entries;
    size_t count = 0;
    r.context = &r;
    enum err e = share_question_prepare(&q, d);
    if (!e) e = store_entry_scan(reader, &query, &n->arena, &entries, &count, d);
    for (size_t i = 0; !e && i < count; i++) e = look(n, tx ? &r : NULL, &q, &entries[i], d);
    if (!e && r.taken) e = store_meta_set(tx, SHARE_META_WITHDRAWALS, SPAN("yes"), d);
    if (!e && count) *seq = entries[count - 1].seq + 1;
    *more = count > 0;
    n->totals->withdrawn += r.taken;
    share_question_release(&q);
    return e;
}

static enum err slice_taking(struct narrowing *n, uint64_t *seq, bool *more, struct diag *d) {
    struct store_tx *tx = NULL;
    uint64_t before = n->totals->withdrawn;
    struct ledgerlog *log = calloc(1, sizeof *log);
    enum err e =
        log ? store_begin(n->context->store, &tx, d) : diag_set(d, ERR_NOMEM, "no memory to look at what is out");
    if (!e && !(e = ledgerlog_open(log, n->context, tx, n->ledger->id, d))) {
        e = slice(n, store_tx_visible(tx), tx, log, seq, more, d);
        if (e || n->totals->withdrawn == before)
            ledgerlog_abandon(log);
        else if (!(e = ledgerlog_close(log, d)))
            e = store_commit(&tx, d);
    }
    if (tx) store_rollback(&tx);
    free(log);
    return e;
}

static enum err look_at_ledger(struct narrowing *n, struct store_reader *r, struct diag *d) {
    uint64_t seq = 0;
    enum err e = ERR_NONE;
    arena_init(&n->arena, NARROW_ARENA_MAX);
    for (bool more = true; !e && more;) {
        more = false;
        arena_reset(&n->arena);
        e = n->take ? slice_taking(n, &seq, &more, d) : slice(n, r, NULL, NULL, &seq, &more, d);
    }
    arena_free(&n->arena);
    return e;
}

enum err release_no_longer(const struct share_context *c, struct span recipient, bool take,
                           void (*each)(void *context, const struct release_narrowed *n), void *context,
                           struct release_totals *totals, struct diag *d) {
    struct arena a;
    struct store_reader *r = NULL;
    struct share_agreement *all;
    struct store_ledger *ledgers;
    size_t count, ledger_count;
    arena_init(&a, NARROW_ARENA_MAX);
    *totals = (struct release_totals){0};
    enum err e = store_reader_open(c->store, &r, d);
    if (!e) e = share_agreements_load(r, &a, &all, &count, d);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &ledger_count, d);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        time_us now = clock_now(c->clock);
        const struct share_agreement *in_force = share_agreement_in_force(all, count, ledgers[i].lineage, now);
        if (!in_force || (recipient.len && !span_equal(ledgers[i].recipient, recipient))) continue;
        /* Where nothing is in force, no terms say anything about what is out. */
        if (now < in_force->agreement->effective ||
            now >= agreement_ends(in_force->agreement, c->party, ledgers[i].recipient))
            continue;
        struct narrowing n = {c, &ledgers[i], in_force, take, each, context, totals, {0}};
        e = look_at_ledger(&n, r, d);
    }
    store_reader_close(&r);
    arena_free(&a);
    return e;
}
