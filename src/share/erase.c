#include "share/erase.h"

#include <stdlib.h>
#include <string.h>

#include "share/agreements.h"
#include "share/erase_document.h"
#include "share/hold.h"
#include "share/intake.h"
#include "share/recall.h"
#include "share/release.h"

enum { ERASE_ARENA_MAX = 1 << 30 };

/* One object being erased. */
struct erasing {
    const struct share_context *context;
    struct erasure *erasure;
    struct store_tx *tx;
    struct arena *arena;
    struct share_agreement *agreements;
    size_t agreement_count;
    int64_t source; /* what counts is from it; STORE_SOURCE_ANY */
    bool whole;     /* nothing of the object stays */
    bool again;     /* it may be gone already, here or there */
    bool held;      /* a ledger is on hold: its records wait */
    uint64_t *said; /* the releases to the ledger at hand that have a record of erasure */
    size_t said_count;
    uint64_t taken;
    size_t asked_room;
};

/* ---- the ledgers ---- */

static enum err note_asked(void *context, const struct store_entry *released, uint64_t seq, struct diag *d) {
    struct erasing *x = context;
    struct erasure *e = x->erasure;
    (void)released;
    if (e->asked_count == x->asked_room) {
        size_t room = x->asked_room ? 2 * x->asked_room : 8;
        struct erasure_asked *more = arena_zalloc(x->arena, room, sizeof *more);
        if (!more) return diag_set(d, ERR_NOMEM, "no memory to erase");
        if (e->asked_count) memcpy(more, e->asked, e->asked_count * sizeof *more);
        e->asked = more;
        x->asked_room = room;
    }
    e->asked[e->asked_count++].seq = seq;
    return ERR_NONE;
}

/* By what the erasure itself remembers. */
static enum err find_said(struct erasing *x, const struct store_ledger *ledger, struct diag *d) {
    const struct erasure *e = x->erasure;
    x->said_count = 0;
    x->said = arena_zalloc(x->arena, e->asked_count + 1, sizeof *x->said);
    if (!x->said) return diag_set(d, ERR_NOMEM, "no memory to erase");
    for (size_t i = 0; i < e->asked_count; i++) {
        struct store_entry entry;
        struct ledger_record record;
        if (!span_equal(e->asked[i].origin, ledger->origin)) continue;
        enum err err = store_entry_get(store_tx_reader(x->tx), ledger->id, e->asked[i].seq, x->arena, &entry, d);
        if (err == ERR_NOT_FOUND) continue; /* lost with the node, and not back */
        if (!err) err = ledger_record_read(x->arena, entry.record, &record, d);
        if (err) return err;
        x->said[x->said_count++] = record.withdraws;
    }
    return ERR_NONE;
}

static bool is_said(void *context, uint64_t seq) {
    const struct erasing *x = context;
    for (size_t i = 0; i < x->said_count; i++)
        if (x->said[i] == seq) return true;
    return false;
}

/* An agreement that has ended binds what was given under it still: the last version there is. */
static const struct share_agreement *agreement_of(const struct erasing *x, struct span lineage) {
    const struct share_agreement *last = NULL;
    for (size_t i = 0; i < x->agreement_count; i++)
        if (span_equal(x->agreements[i].lineage, lineage)) last = &x->agreements[i];
    const struct share_agreement *now =
        share_agreement_in_force(x->agreements, x->agreement_count, lineage, clock_now(x->context->clock));
    return now ? now : last;
}

/* Nothing is appended to a ledger that was closed after a restore, and to one on hold only when that is over. */
static enum err is_held(struct erasing *x, const struct store_ledger *ledger, bool *out, struct diag *d) {
    struct share_hold hold;
    enum err e = share_hold_get(store_tx_reader(x->tx), ledger->origin, x->arena, &hold, d);
    *out = !e;
    x->held |= !e && !hold.closed;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err from_ledger(struct erasing *x, const struct store_ledger *ledger, struct diag *d) {
    struct ledgerlog *log = calloc(1, sizeof *log);
    const struct share_agreement *agreement = agreement_of(x, ledger->lineage);
    struct share_question q = {.context = x->context,
                               .lineage = ledger->lineage,
                               .recipient = ledger->recipient,
                               .ledger = ledger->id,
                               .reader = store_tx_visible(x->tx),
                               .now = clock_now(x->context->clock)};
    size_t before = x->erasure->asked_count;
    enum err e = log && agreement ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory to erase");
    if (e) goto out;
    q.agreement = agreement->agreement;
    struct recall r = {.question = &q,
                       .tx = x->tx,
                       .log = log,
                       .arena = x->arena,
                       .erases = true,
                       .source = x->source,
                       .alone = !x->whole,
                       .erased_before = x->again ? is_said : NULL,
                       .erased = note_asked,
                       .context = x};
    if (x->again) e = find_said(x, ledger, d);
    if (!e) e = share_question_prepare(&q, d);
    if (!e && !(e = ledgerlog_open(log, x->context, x->tx, ledger->id, d))) {
        e = recall_object(&r, x->erasure->object, d);
        if (!e && r.taken) e = store_meta_set(x->tx, SHARE_META_WITHDRAWALS, SPAN("yes"), d);
        if (e || r.taken == 0)
            ledgerlog_abandon(log);
        else
            e = ledgerlog_close(log, d);
    }
    x->taken += r.taken;
    for (size_t i = before; i < x->erasure->asked_count; i++) {
        x->erasure->asked[i].origin = ledger->origin;
        x->erasure->asked[i].recipient = ledger->recipient;
    }
out:
    share_question_release(&q);
    free(log);
    return e;
}

/* ---- the whole ---- */

/* What is held of it, and whether something stays when only one source's goes. */
static enum err survey(struct erasing *x, struct diag *d) {
    struct store_holding *versions;
    size_t count, doomed = 0, held = 0;
    enum err e =
        store_holding_history(store_tx_visible(x->tx), x->erasure->object, false, x->arena, &versions, &count, d);
    for (size_t i = 0; i < count && !e; i++) {
        if (versions[i].state == STORE_ERASED) continue;
        held++;
        doomed += x->source == STORE_SOURCE_ANY || versions[i].source == (uint32_t)x->source;
    }
    x->whole = doomed == held;
    if (!e && doomed == 0 && !x->again)
        e = diag_set(d, ERR_NOT_FOUND, "nothing is held of %.*s", SPAN_ARG(span_first(x->erasure->object, 512)));
    return e;
}

static enum err find_source(struct erasing *x, struct diag *d) {
    uint32_t number;
    x->source = STORE_SOURCE_ANY;
    if (x->erasure->from.len == 0) return ERR_NONE;
    enum err e = store_source_find(store_tx_reader(x->tx), x->erasure->from, &number, d);
    if (!e) x->source = number;
    return e == ERR_NOT_FOUND ? diag_set(d, e, "nothing came from %.*s", SPAN_ARG(x->erasure->from)) : e;
}

static enum err from_ledgers(struct erasing *x, struct diag *d) {
    struct store_ledger *ledgers;
    size_t count = 0;
    enum err e = share_agreements_load(store_tx_reader(x->tx), x->arena, &x->agreements, &x->agreement_count, d);
    if (!e) e = store_ledger_list(store_tx_reader(x->tx), x->arena, &ledgers, &count, d);
    for (size_t i = 0; i < count && !e; i++) {
        bool held = false;
        e = is_held(x, &ledgers[i], &held, d);
        if (!e && !held) e = from_ledger(x, &ledgers[i], d);
    }
    return e;
}

static enum err erase_all(struct erasing *x, struct diag *d) {
    struct erasure *e = x->erasure;
    uint64_t versions = 0;
    enum err err = find_source(x, d);
    if (!err) err = survey(x, d);
    if (!err) err = from_ledgers(x, d);
    if (!err) err = store_object_erase(x->tx, e->object, x->source, &versions, d);
    e->versions += versions;
    if (!err) err = x->held ? erasure_due_put(x->tx, e->object, e->time, d) : erasure_due_drop(x->tx, e->object, d);
    if (!err) err = store_meta_set(x->tx, STORE_META_TEXT, SPAN("0"), d);
    if (!err) err = store_meta_set(x->tx, SHARE_META_ERASURES, SPAN("yes"), d);
    if (!err) err = store_meta_set(x->tx, SHARE_META_SCRUB, SPAN("yes"), d);
    return err ? err : erasure_put(x->tx, e, e->time, d);
}

static enum err run(struct erasing *x, struct diag *d) {
    intake_hold();
    enum err e = store_begin(x->context->store, &x->tx, d);
    if (!e && x->again) e = erasure_get(store_tx_reader(x->tx), x->erasure->object, x->arena, x->erasure, d);
    x->asked_room = x->erasure->asked_count;
    if (!e) e = erase_all(x, d);
    if (!e) e = store_commit(&x->tx, d);
    if (x->tx) store_rollback(&x->tx);
    intake_let_go();
    return e;
}

enum err erase_object(const struct share_context *c, struct erasure *e, struct arena *a, uint64_t *taken,
                      struct diag *d) {
    struct erasing x = {.context = c, .erasure = e, .arena = a};
    e->time = clock_now(c->clock);
    e->versions = 0;
    e->asked = NULL;
    e->asked_count = 0;
    enum err err = run(&x, d);
    *taken = x.taken;
    return err;
}

enum err erase_again(const struct share_context *c, struct span object, struct arena *a, struct diag *d) {
    struct erasure erasure = {.object = object};
    struct erasing x = {.context = c, .erasure = &erasure, .arena = a, .again = true};
    return run(&x, d);
}

enum err erase_scrub(struct store *store, bool *done, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_tx *tx = NULL;
    struct span wanted = {0};
    struct arena a;
    arena_init(&a, 1 << 16);
    *done = false;
    enum err e = store_reader_open(store, &r, d);
    if (!e) e = store_meta_get(r, SHARE_META_SCRUB, &a, &wanted, d);
    store_reader_close(&r);
    if (!e && span_is(wanted, "yes")) {
        e = store_scrub(store, d);
        if (!e) e = store_begin(store, &tx, d);
        if (!e) e = store_meta_set(tx, SHARE_META_SCRUB, SPAN("no"), d);
        if (!e) e = store_commit(&tx, d);
        if (tx) store_rollback(&tx);
        *done = !e;
    }
    arena_free(&a);
    return e;
}
