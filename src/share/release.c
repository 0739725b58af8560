#include "share/release.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/log.h"
#include "ledger/note.h"
#include "share/agreements.h"
#include "share/closure.h"
#include "share/hold.h"
#include "share/ledgerlog.h"

enum {
    RUN_ARENA_MAX = 1 << 30,
    AGREEMENTS_ARENA_MAX = 64 << 20,
    RELEASE_SLICE = 1000,    /* holdings read at a time: more makes nothing faster */
    RELEASE_AHEAD_MIN = 1000 /* a thread and a question of its own are worth while from so many decisions on */
};

struct listener {
    void (*progress)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* ---- ledgers --------------------------------------------------------------------------------------------------------
 */

static bool is_partner(const struct share_context *c, struct span party) {
    for (size_t i = 0; i < c->party_count; i++)
        if (span_equal(c->parties[i].id, party)) return true;
    return false;
}

static enum err ledger_create(const struct share_context *c, struct store_tx *tx, struct span recipient,
                              struct span lineage, struct diag *d) {
    struct buf origin = BUF_EMPTY;
    char collection[40];
    int64_t id = 0;
    enum err e = ledger_origin_write(c->party, recipient, c->realm, lineage, &origin, d);
    share_ledger_collection(c, recipient, lineage, collection);
    struct store_ledger ledger = {.publisher = c->party,
                                  .recipient = recipient,
                                  .lineage = lineage,
                                  .last_time = TIME_NONE,
                                  .origin = buf_span(&origin),
                                  .collection = span_cstr(collection),
                                  .cosigned_time = TIME_NONE};
    if (!e) e = store_ledger_create(tx, &ledger, &id, d);
    buf_free(&origin);
    /* An empty ledger has a checkpoint too: a partner can tell "nothing yet" from "nothing to be had". */
    struct ledgerlog *log = calloc(1, sizeof *log);
    if (!e && !log) e = diag_set(d, ERR_NOMEM, "no memory for a ledger");
    if (!e) e = ledgerlog_open(log, c, tx, id, d);
    if (!e) e = ledgerlog_close(log, d);
    free(log);
    return e;
}

static enum err ledgers_create(const struct share_context *c, struct store_tx *tx, const struct share_agreement *all,
                               size_t count, struct arena *a, struct diag *d) {
    struct store_ledger *ledgers;
    size_t ledger_count;
    enum err e = store_ledger_list(store_tx_reader(tx), a, &ledgers, &ledger_count, d);
    for (size_t i = 0; !e && i < count; i++) {
        if (all[i].version != 1 || !agreement_party(all[i].agreement, c->party)) continue;
        for (size_t k = 0; !e && k < all[i].agreement->party_count; k++) {
            struct span party = all[i].agreement->parties[k].id;
            bool exists = span_equal(party, c->party) || !is_partner(c, party);
            for (size_t l = 0; l < ledger_count; l++)
                exists = exists ||
                         (span_equal(ledgers[l].recipient, party) && span_equal(ledgers[l].lineage, all[i].lineage));
            if (!exists) e = ledger_create(c, tx, party, all[i].lineage, d);
        }
    }
    return e;
}

/* Whether it may be written: one on hold since a restore is left as it is. */
static enum err may_write(struct store_reader *r, const struct store_ledger *l, bool *out, struct diag *d) {
    enum err e = share_hold_check(r, l->origin, d);
    *out = e == ERR_NONE;
    return e == ERR_BUSY ? ERR_NONE : e;
}

/* ---- one batch of decisions
 * ---------------------------------------------------------------------------------------------- */

static enum err record_run(struct store_tx *tx, const struct store_ledger *ledger, int64_t last, time_us now,
                           const struct share_agreement *in_force, struct diag *d) {
    struct store_decision_run run = {
        .ledger = ledger->id, .first = ledger->cursor + 1, .last = last, .time = now, .agreement = in_force->hash};
    return store_decision_add(tx, &run, d);
}

/* What one sweep over a ledger knows in all its transactions. */
struct sweeping {
    int64_t visible;
    struct store_reader *reader; /* for deciding ahead; NULL until there is enough to be decided */
    uint8_t *out;                /* struct closure's; owned; NULL until a sweep begins */
};

/* Considers up to RELEASE_BATCH holdings behind `last`, which moves along, in slices that fit in memory whatever their
 * size. */
static enum err consider_new(struct closure *closure, struct arena *a, int64_t *last, struct diag *d) {
    size_t slice = RELEASE_SLICE;
    for (size_t left = RELEASE_BATCH; left > 0;) {
        struct store_holding *holdings;
        size_t count;
        arena_reset(a);
        enum err e = store_holding_undecided(closure->question.reader, closure->question.ledger, *last,
                                             slice < left ? slice : left, a, &holdings, &count, d);
        if (e == ERR_NOMEM && slice > 1) {
            slice = slice / 8 + 1;
            continue;
        }
        for (size_t i = 0; !e && i < count; i++) {
            arena_reset(&closure->arena);
            e = closure_consider(closure, &holdings[i], d);
        }
        if (e || count == 0) return e;
        *last = holdings[count - 1].id;
        left -= count;
    }
    return ERR_NONE;
}

static enum err consider_ahead(struct closure *closure, struct sweeping *known, int64_t *last, struct diag *d) {
    struct deciding *ahead = NULL;
    struct decided_slice slice;
    enum err e = known->reader ? ERR_NONE : store_reader_open(closure->question.context->store, &known->reader, d);
    if (!e) e = deciding_open(known->reader, &closure->question, *last, RELEASE_BATCH, &ahead, d);
    while (!e && !(e = deciding_next(ahead, &slice, d)) && slice.count > 0)
        for (size_t i = 0; !e && i < slice.count; i++) {
            arena_reset(&closure->arena);
            e = closure_conclude(closure, &slice.items[i], d);
            *last = slice.items[i].holding->id;
        }
    deciding_close(&ahead);
    return e;
}

/* Derived forms are not in it: where there are any, each is looked at. */
static enum err know_what_is_out(struct closure *closure, struct sweeping *known, struct diag *d) {
    if (closure->question.derivations || known->visible <= 0) return ERR_NONE;
    if (!known->out) known->out = calloc((size_t)known->visible / 8 + 1, 1);
    if (!known->out) return diag_set(d, ERR_NOMEM, "no memory to look at what is out");
    closure->out = known->out;
    closure->out_count = known->visible + 1;
    return store_entry_out(closure->question.reader, closure->question.ledger, known->out, closure->out_count, d);
}

/* Under new terms everything is decided again, which alone takes nothing back: how far that goes is kept, for it takes
 * several transactions. */
static enum err sweep(struct closure *closure, struct sweeping *known, bool same, struct diag *d) {
    char name[40], text[24];
    struct span kept;
    uint64_t row = 0;
    int64_t visible = known->visible;
    snprintf(name, sizeof name, "swept-%lld", (long long)closure->question.ledger);
    if (!same) {
        closure->swept_to = visible;
        snprintf(text, sizeof text, "%lld", (long long)visible);
        enum err e = store_meta_set(closure->tx, name, span_cstr(text), d);
        return e ? e : know_what_is_out(closure, known, d);
    }
    closure->out = known->out;
    closure->out_count = known->out ? visible + 1 : 0;
    enum err e = store_meta_get(closure->question.reader, name, &closure->arena, &kept, d);
    if (!e && kept.at && span_u64(kept, &row)) closure->swept_to = (int64_t)row;
    return e;
}

/* Decides up to RELEASE_BATCH holdings behind the cursor, and those that changed, in one transaction. *more is false
 * when none was left. */
static enum err batch(const struct share_context *c, int64_t ledger_id, const struct share_agreement *in_force,
                      struct sweeping *known, struct arena *a, struct release_totals *totals, int64_t *done, bool *more,
                      struct diag *d) {
    struct store_tx *tx = NULL;
    struct closure closure;
    uint64_t decided = totals->decided;
    struct ledgerlog *log = calloc(1, sizeof *log);
    enum err e = log ? store_begin(c->store, &tx, d) : diag_set(d, ERR_NOMEM, "no memory to release");
    if (e || (e = ledgerlog_open(log, c, tx, ledger_id, d))) goto out;
    bool same = span_equal(log->ledger.cursor_agreement, in_force->hash);
    if (!same) log->ledger.cursor = 0;
    int64_t last = log->ledger.cursor;
    if (!(e = closure_open(&closure, c, tx, log, in_force, totals, d))) {
        e = sweep(&closure, known, same, d);
        if (!e) e = closure_reconsider(&closure, SPAN(SHARE_WAITING_CHANGED), d);
        if (!e) e = closure_keep_time(&closure, d);
        if (!e) e = closure_drain(&closure, d);
        bool many = known->visible - last > RELEASE_AHEAD_MIN;
        if (!e) e = many ? consider_ahead(&closure, known, &last, d) : consider_new(&closure, a, &last, d);
        if (!e) e = closure_drain(&closure, d);
    }
    closure_close(&closure);
    *more = last > log->ledger.cursor;
    *done = last;
    if (e || (totals->decided == decided && same && !closure.kept_time)) goto abandon;
    if (*more && (e = record_run(tx, &log->ledger, last, clock_now(c->clock), in_force, d))) goto abandon;
    log->ledger.cursor = last;
    log->ledger.cursor_agreement = in_force->hash;
    if (!(e = ledgerlog_close(log, d))) e = store_commit(&tx, d);
    goto out;
abandon:
    ledgerlog_abandon(log);
out:
    if (tx) store_rollback(&tx);
    free(log);
    return e;
}

static enum err decide_ledger(const struct share_context *c, const struct store_ledger *ledger,
                              const struct share_agreement *in_force, int64_t visible, const struct listener *l,
                              struct release_totals *totals, struct diag *d) {
    struct arena a;
    struct sweeping known = {.visible = visible};
    arena_init(&a, RUN_ARENA_MAX);
    enum err e = ERR_NONE;
    for (bool more = true; !e && more;) {
        int64_t done = visible;
        more = false;
        arena_reset(&a);
        e = batch(c, ledger->id, in_force, &known, &a, totals, &done, &more, d);
        if (l->progress) l->progress(l->context, (uint64_t)done, (uint64_t)visible);
    }
    store_reader_close(&known.reader);
    free(known.out);
    arena_free(&a);
    return e;
}

enum err release_run(const struct share_context *c, void (*progress)(void *context, uint64_t done, uint64_t total),
                     void *progress_context, struct release_totals *totals, struct diag *d) {
    struct arena a;
    struct store_tx *tx = NULL;
    struct share_agreement *all;
    struct store_ledger *ledgers;
    size_t count, ledger_count;
    int64_t visible = 0;
    struct listener l = {progress, progress_context};
    arena_init(&a, AGREEMENTS_ARENA_MAX);
    *totals = (struct release_totals){0};
    enum err e = store_begin(c->store, &tx, d);
    if (!e) e = share_agreements_load(store_tx_reader(tx), &a, &all, &count, d);
    if (!e) e = ledgers_create(c, tx, all, count, &a, d);
    if (!e) e = store_commit(&tx, d);
    if (e || (e = store_begin(c->store, &tx, d))) goto out;
    if (!(e = store_ledger_list(store_tx_reader(tx), &a, &ledgers, &ledger_count, d)))
        e = store_holding_visible(store_tx_reader(tx), &visible, d);
    bool *writable = e ? NULL : arena_zalloc(&a, ledger_count + 1, sizeof *writable);
    if (!e && !writable) e = diag_set(d, ERR_NOMEM, "no memory to release");
    for (size_t i = 0; !e && i < ledger_count; i++) e = may_write(store_tx_reader(tx), &ledgers[i], &writable[i], d);
    store_rollback(&tx);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        const struct share_agreement *in_force =
            share_agreement_in_force(all, count, ledgers[i].lineage, clock_now(c->clock));
        if (!writable[i] || !in_force || !is_partner(c, ledgers[i].recipient)) continue;
        time_us now = clock_now(c->clock);
        if (now < in_force->agreement->effective ||
            now >= agreement_ends(in_force->agreement, c->party, ledgers[i].recipient))
            continue; /* nothing may go: decided when it may */
        e = decide_ledger(c, &ledgers[i], in_force, visible, &l, totals, d);
    }
out:
    if (tx) store_rollback(&tx);
    arena_free(&a);
    return e;
}

enum err share_reconsider(struct store_tx *tx, int64_t holding, struct diag *d) {
    struct arena a;
    struct store_ledger *ledgers;
    size_t count = 0;
    arena_init(&a, AGREEMENTS_ARENA_MAX);
    enum err e = store_ledger_list(store_tx_reader(tx), &a, &ledgers, &count, d);
    for (size_t i = 0; !e && i < count; i++)
        e = store_waiting_add(tx, ledgers[i].id, SPAN(SHARE_WAITING_CHANGED), holding, d);
    arena_free(&a);
    return e;
}

enum err release_checkpoint_all(const struct share_context *c, struct diag *d) {
    struct arena a;
    struct store_tx *tx = NULL;
    struct store_ledger *ledgers;
    size_t count = 0;
    struct ledgerlog *log = calloc(1, sizeof *log);
    arena_init(&a, AGREEMENTS_ARENA_MAX);
    enum err e = log ? store_begin(c->store, &tx, d) : diag_set(d, ERR_NOMEM, "no memory");
    if (!e) e = store_ledger_list(store_tx_reader(tx), &a, &ledgers, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        bool writable;
        if ((e = may_write(store_tx_reader(tx), &ledgers[i], &writable, d)) || !writable) continue;
        if (!(e = ledgerlog_open(log, c, tx, ledgers[i].id, d))) e = ledgerlog_close(log, d);
    }
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    free(log);
    arena_free(&a);
    return e;
}

static bool is_stale(const struct share_context *c, const struct store_ledger *l, struct arena *a) {
    struct ledger_key key;
    struct ledger_checkpoint head;
    struct diag ignored;
    return ledger_key_make(LEDGER_KEY_LOG, c->log_name, c->log_public, &key, &ignored) == ERR_NONE &&
           ledger_note_open(a, l->checkpoint, &key, l->origin, &head, &ignored) != ERR_NONE;
}

enum err release_checkpoint_stale(const struct share_context *c, struct diag *d) {
    struct arena a;
    struct store_reader *r = NULL;
    struct store_ledger *ledgers;
    size_t count = 0;
    bool stale = false;
    arena_init(&a, AGREEMENTS_ARENA_MAX);
    enum err e = store_reader_open(c->store, &r, d);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &count, d);
    for (size_t i = 0; !e && i < count; i++) stale = stale || is_stale(c, &ledgers[i], &a);
    store_reader_close(&r);
    arena_free(&a);
    return e || !stale ? e : release_checkpoint_all(c, d);
}
