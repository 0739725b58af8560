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
    enum err e = store_entry_scan(store_tx_reader(t->tx), &q, t->arena, &entries, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        e = ledgerlog_withdraw(t->log, &entries[i], &t->in_force->agreement->hash, d);
        t->totals->withdrawn += e == ERR_NONE;
    }
    return e;
}

/* What names a withdrawn object goes with it: nothing that is still served may name what is not. Breadth first over the
 * index of dependencies. */
static enum err take_back_all(struct taking_back *t, struct span first, struct diag *d) {
    struct span *queue = arena_alloc(t->arena, RELEASE_CLOSURE_MAX * sizeof *queue);
    size_t head = 0, tail = 0;
    struct map seen;
    map_init(&seen);
    enum err e = queue && map_set(&seen, first, 1, NULL) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory to withdraw");
    if (!e) queue[tail++] = first;
    while (!e && head < tail) {
        struct span id = queue[head++];
        if ((e = take_back_object(t, id, d))) break;
        for (int64_t after = 0;;) {
            int64_t *naming;
            size_t count;
            if ((e = store_holding_naming(store_tx_reader(t->tx), id, after, STORE_PAGE_MAX, t->arena, &naming, &count,
                                          d)) ||
                count == 0)
                break;
            after = naming[count - 1];
            for (size_t i = 0; !e && i < count; i++) {
                struct store_entry out;
                struct store_holding h;
                bool known;
                e = store_entry_of_holding(store_tx_reader(t->tx), t->log->ledger.id, naming[i], t->arena, &out, d);
                if (e == ERR_NOT_FOUND) {
                    e = ERR_NONE;
                    continue;
                }
                if (e || out.state == STORE_ENTRY_WITHDRAWN ||
                    (e = store_holding_get(store_tx_reader(t->tx), naming[i], t->arena, &h, d)))
                    continue;
                struct span released_as = arena_copy(t->arena, out.stix_id);
                if (!map_set(&seen, released_as, 1, &known)) e = diag_set(d, ERR_NOMEM, "no memory to withdraw");
                if (!e && !known && tail == RELEASE_CLOSURE_MAX)
                    e = diag_set(d, ERR_LIMIT, "more than %d objects would go with it: withdraw them in parts",
                                 RELEASE_CLOSURE_MAX);
                if (!e && !known) queue[tail++] = released_as;
            }
        }
    }
    map_free(&seen);
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
        if (e || totals->withdrawn == before)
            ledgerlog_abandon(log);
        else if (!(e = ledgerlog_close(log, d)))
            e = store_commit(&tx, d);
    }
    if (tx) store_rollback(&tx);
    free(log);
    return e;
}

/* An entry is under the derived object's id when it was redacted. */
static struct span released_id(struct store_reader *r, int64_t ledger, struct span stix_id, struct arena *a) {
    struct store_holding h;
    struct store_entry entry;
    struct diag ignored;
    if (store_holding_latest(r, stix_id, a, &h, &ignored) ||
        store_entry_of_holding(r, ledger, h.id, a, &entry, &ignored))
        return stix_id;
    return entry.stix_id;
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
            e = from_ledger(c, &ledgers[i], released_id(r, ledgers[i].id, stix_id, &a), all, count, &a, totals, d);
    if (!e && totals->withdrawn == 0)
        e = diag_set(d, ERR_NOT_FOUND, "%.*s has no release of %.*s that could be taken back", SPAN_ARG(recipient),
                     SPAN_ARG(stix_id));
    store_reader_close(&r);
    arena_free(&a);
    return e;
}
