#include <stdlib.h>

#include "base/map.h"
#include "share/agreements.h"
#include "share/ledgerlog.h"
#include "share/release.h"
#include "share/subject.h"

enum { WITHDRAW_ARENA_MAX = 1 << 30 };

struct taking_back {
    const struct share_context *context;
    struct store_tx *tx;
    struct ledgerlog *log;
    const struct share_agreement *in_force;
    struct arena *arena;
    struct release_totals *totals;
};

static enum err take_back_entry(struct taking_back *t, const struct store_entry *entry, struct diag *d) {
    enum err e = ledgerlog_withdraw(t->log, entry, &t->in_force->agreement->hash, d);
    t->totals->withdrawn += e == ERR_NONE;
    return e;
}

/* Takes back every entry of the object that is served: its current version and older ones. */
static enum err take_back_object(struct taking_back *t, struct span stix_id, struct diag *d) {
    struct store_entry_query q = {.ledger = t->log->ledger.id,
                                  .stix_id = stix_id,
                                  .superseded = true,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .limit = STORE_PAGE_MAX,
                                  .with_record = true};
    struct store_entry *entries;
    size_t count;
    enum err e;
    do {
        e = store_entry_scan(store_tx_visible(t->tx), &q, t->arena, &entries, &count, d);
        for (size_t i = 0; !e && i < count; i++) e = take_back_entry(t, &entries[i], d);
    } while (!e && count == STORE_PAGE_MAX);
    return e;
}

struct queue {
    struct span *ids; /* in the arena, RELEASE_CLOSURE_MAX of them */
    size_t head, tail;
    struct map seen;
};

static enum err enqueue(struct queue *q, struct span id, struct diag *d) {
    bool known;
    if (!map_set(&q->seen, id, 1, &known)) return diag_set(d, ERR_NOMEM, "no memory to withdraw");
    if (known) return ERR_NONE;
    if (q->tail == RELEASE_CLOSURE_MAX)
        return diag_set(d, ERR_LIMIT, "more than %d objects would go with it: withdraw them in parts",
                        RELEASE_CLOSURE_MAX);
    q->ids[q->tail++] = id;
    return ERR_NONE;
}

/* A holding that names what is taken back: if it is what is served of its object, the object goes too; if only an older
 * version named it, only that version. */
static enum err take_back_naming(struct taking_back *t, struct queue *q, int64_t holding, struct diag *d) {
    struct store_entry out;
    enum err e = store_entry_of_holding(store_tx_visible(t->tx), t->log->ledger.id, holding, t->arena, &out, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    if (out.state == STORE_ENTRY_SUPERSEDED) return take_back_entry(t, &out, d);
    return out.state == STORE_ENTRY_CURRENT ? enqueue(q, out.stix_id, d) : ERR_NONE;
}

/* The ids under which the object went out: its own, or, redacted, the derived object's; under changing terms both. */
static enum err enqueue_released(struct taking_back *t, struct queue *q, struct span stix_id, struct diag *d) {
    struct store_reader *r = store_tx_visible(t->tx);
    struct store_holding *versions;
    size_t count = 0;
    enum err e = enqueue(q, stix_id, d);
    if (!e) e = store_holding_history(r, stix_id, false, t->arena, &versions, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct store_entry entry;
        e = store_entry_of_holding(r, t->log->ledger.id, versions[i].id, t->arena, &entry, d);
        e = e == ERR_NOT_FOUND ? ERR_NONE : e ? e : enqueue(q, entry.stix_id, d);
    }
    return e;
}

/* What names a withdrawn object goes with it: nothing that is still served may name what is not. Breadth first over the
 * index of dependencies. */
static enum err take_back_all(struct taking_back *t, struct span first, struct diag *d) {
    struct queue q = {.ids = arena_alloc(t->arena, RELEASE_CLOSURE_MAX * sizeof(struct span))};
    map_init(&q.seen);
    enum err e = q.ids ? enqueue_released(t, &q, first, d) : diag_set(d, ERR_NOMEM, "no memory to withdraw");
    while (!e && q.head < q.tail) {
        struct span id = q.ids[q.head++];
        int64_t *naming, after = 0;
        size_t count = 1;
        e = take_back_object(t, id, d);
        while (!e && count > 0) {
            e = store_holding_naming(store_tx_visible(t->tx), id, after, STORE_PAGE_MAX, t->arena, &naming, &count, d);
            for (size_t i = 0; !e && i < count; i++) e = take_back_naming(t, &q, naming[i], d);
            if (!e && count > 0) after = naming[count - 1];
        }
    }
    map_free(&q.seen);
    return e;
}

static enum err from_ledger(const struct share_context *c, const struct store_ledger *ledger, struct span stix_id,
                            const struct share_agreement *all, size_t count, struct arena *a,
                            struct release_totals *totals, struct diag *d) {
    struct ledgerlog *log = calloc(1, sizeof *log);
    struct store_tx *tx = NULL;
    struct taking_back t = {.context = c,
                            .log = log,
                            .arena = a,
                            .totals = totals,
                            .in_force = share_agreement_in_force(all, count, ledger->lineage, clock_now(c->clock))};
    uint64_t before = totals->withdrawn;
    enum err e = log && t.in_force ? store_begin(c->store, &tx, d) : diag_set(d, ERR_NOMEM, "no memory to withdraw");
    t.tx = tx;
    if (!e && !(e = ledgerlog_open(log, c, tx, ledger->id, d))) {
        e = take_back_all(&t, stix_id, d);
        bool any = totals->withdrawn > before;
        if (!e && any) e = store_meta_set(tx, SHARE_META_WITHDRAWALS, SPAN("yes"), d);
        if (e || !any)
            ledgerlog_abandon(log);
        else if (!(e = ledgerlog_close(log, d)))
            e = store_commit(&tx, d);
    }
    if (tx) store_rollback(&tx);
    free(log);
    return e;
}

enum err release_withdraw(const struct share_context *c, struct span stix_id, struct span recipient,
                          struct release_totals *totals, struct diag *d) {
    struct arena a;
    struct store_reader *r = NULL;
    struct share_agreement *all;
    struct store_ledger *ledgers;
    size_t count, ledger_count;
    arena_init(&a, WITHDRAW_ARENA_MAX);
    *totals = (struct release_totals){0};
    enum err e = store_reader_open(c->store, &r, d);
    if (!e) e = share_agreements_load(r, &a, &all, &count, d);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &ledger_count, d);
    for (size_t i = 0; !e && i < ledger_count; i++)
        if (span_equal(ledgers[i].recipient, recipient))
            e = from_ledger(c, &ledgers[i], stix_id, all, count, &a, totals, d);
    if (!e && totals->withdrawn == 0)
        e = diag_set(d, ERR_NOT_FOUND, "%.*s has no release of %.*s that could be taken back", SPAN_ARG(recipient),
                     SPAN_ARG(stix_id));
    store_reader_close(&r);
    arena_free(&a);
    return e;
}
