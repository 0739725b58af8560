#include <stdlib.h>

#include "share/agreements.h"
#include "share/recall.h"
#include "share/release.h"

enum { WITHDRAW_ARENA_MAX = 1 << 30 };

static enum err from_ledger(const struct share_context *c, const struct store_ledger *ledger, struct span stix_id,
                            const struct share_agreement *in_force, struct arena *a, uint64_t *taken, struct diag *d) {
    struct ledgerlog *log = calloc(1, sizeof *log);
    struct store_tx *tx = NULL;
    struct share_question q = {.context = c,
                               .lineage = ledger->lineage,
                               .recipient = ledger->recipient,
                               .ledger = ledger->id,
                               .now = clock_now(c->clock)};
    enum err e = log && in_force ? store_begin(c->store, &tx, d) : diag_set(d, ERR_NOMEM, "no memory to withdraw");
    if (e) goto out;
    q.reader = store_tx_visible(tx);
    q.agreement = in_force->agreement;
    struct recall r = {.question = &q, .tx = tx, .log = log, .arena = a};
    e = share_question_prepare(&q, d);
    if (!e && !(e = ledgerlog_open(log, c, tx, ledger->id, d))) {
        e = recall_object(&r, stix_id, d);
        if (!e && r.taken) e = store_meta_set(tx, SHARE_META_WITHDRAWALS, SPAN("yes"), d);
        if (e || r.taken == 0)
            ledgerlog_abandon(log);
        else if (!(e = ledgerlog_close(log, d)))
            e = store_commit(&tx, d);
    }
    *taken += r.taken;
out:
    if (tx) store_rollback(&tx);
    share_question_release(&q);
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
            e = from_ledger(c, &ledgers[i], stix_id,
                            share_agreement_in_force(all, count, ledgers[i].lineage, clock_now(c->clock)), &a,
                            &totals->withdrawn, d);
    if (!e && totals->withdrawn == 0)
        e = diag_set(d, ERR_NOT_FOUND, "%.*s has no release of %.*s that could be taken back", SPAN_ARG(recipient),
                     SPAN_ARG(stix_id));
    store_reader_close(&r);
    arena_free(&a);
    return e;
}
