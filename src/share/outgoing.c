#include "share/outgoing.h"

#include <stdlib.h>

#include "share/origin.h"
#include "share/recall.h"

/* ---- what is to be decided again ---- */

static enum err decide_again(void *context, int64_t holding, struct diag *d) {
    struct closure *cl = context;
    if (cl->unlocked_count == cl->unlocked_size) {
        size_t size = cl->unlocked_size ? cl->unlocked_size * 2 : 64;
        int64_t *bigger = realloc(cl->unlocked, size * sizeof *bigger);
        if (!bigger) return diag_set(d, ERR_NOMEM, "no memory to release");
        cl->unlocked = bigger;
        cl->unlocked_size = size;
    }
    cl->unlocked[cl->unlocked_count++] = holding;
    return ERR_NONE;
}

enum err outgoing_unlock(struct closure *cl, struct span id, struct diag *d) {
    int64_t *holdings;
    size_t count;
    enum err e = store_waiting_take(cl->tx, cl->question.ledger, id, &cl->arena, &holdings, &count, d);
    for (size_t i = 0; !e && i < count; i++) e = decide_again(cl, holdings[i], d);
    return e;
}

/* ---- what is out ---- */

enum err outgoing_form(struct closure *cl, struct span id, enum share_form *out, struct diag *d) {
    uint64_t known;
    if (map_get(&cl->has, id, &known)) {
        *out = (enum share_form)known;
        return ERR_NONE;
    }
    enum err e = share_recipient_form(&cl->question, id, out, d);
    if (!e && *out != SHARE_FORM_NONE)
        (void)map_set(&cl->has, id, *out, NULL); /* only a shortcut: forgetting costs a look-up */
    return e;
}

/* The current entry under an id; *found false when there is none. */
static enum err current(struct closure *cl, struct span id, struct store_entry *out, bool *found, struct diag *d) {
    enum err e = store_entry_current(cl->question.reader, cl->question.ledger, id, out, d);
    *found = e == ERR_NONE;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* The current entry of the derived form. */
static enum err current_derived(struct closure *cl, struct span id, struct store_entry *out, bool *found,
                                struct diag *d) {
    char derived[DERIVE_ID_SIZE];
    *found = false;
    if (!cl->question.derivations) return ERR_NONE;
    enum err e = share_derived_id(cl->question.context, cl->question.lineage, id, derived, d);
    return e == ERR_LIMIT ? ERR_NONE : e ? e : current(cl, span_cstr(derived), out, found, d);
}

enum err outgoing_was_withdrawn(struct closure *cl, struct span id, bool *out, struct diag *d) {
    char derived[DERIVE_ID_SIZE];
    *out = false;
    if (!cl->withdrawals) return ERR_NONE;
    enum err e = share_was_withdrawn(&cl->question, id, &cl->arena, out, d);
    if (e || *out || !cl->question.derivations) return e;
    e = share_derived_id(cl->question.context, cl->question.lineage, id, derived, d);
    return e == ERR_LIMIT ? ERR_NONE
           : e            ? e
                          : share_was_withdrawn(&cl->question, span_cstr(derived), &cl->arena, out, d);
}

/* Whether what is out was released from a version that the holding does not follow. */
static enum err not_older(struct closure *cl, const struct store_entry *entry, const struct store_holding *h, bool *out,
                          struct diag *d) {
    struct store_holding from;
    enum err e = store_holding_get(cl->question.reader, entry->holding, &cl->arena, &from, d);
    *out = !e && entry->holding != h->id && from.modified >= h->modified && h->modified != TIME_NONE;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* Nothing of the object went out under its own id, before the slice was read or since. */
static bool is_new(const struct closure *cl, const struct store_holding *h) {
    uint64_t form;
    return cl->fresh && h->known.unreleased && !map_get(&cl->has, h->stix_id, &form);
}

enum err outgoing_is_out(struct closure *cl, const struct share_candidate *c, bool *out, struct diag *d) {
    const struct store_holding *h = c->holding;
    struct store_entry entry;
    bool found = false, was_derived;
    enum err e = is_new(cl, h) ? ERR_NONE : current(cl, c->object.id, &entry, &found, d);
    *out = found && entry.modified >= h->modified;
    cl->totals->no_longer += *out && c->derived && entry.holding == h->id && h->id <= cl->swept_to;
    if (e || found) return e;
    if ((e = current_derived(cl, c->object.id, &entry, &was_derived, d))) return e;
    if (!was_derived) return outgoing_was_withdrawn(cl, c->object.id, out, d);
    /* A sighting says the same in either form. */
    if (!c->derived && span_is(c->object.type, "sighting") && entry.holding == h->id) *out = true;
    return *out ? ERR_NONE : not_older(cl, &entry, h, out, d);
}

/* ---- taking back ---- */

static enum err take_back(struct closure *cl, struct span id, const struct store_entry *only, struct diag *d) {
    struct recall r = {.question = &cl->question,
                       .tx = cl->tx,
                       .log = cl->log,
                       .by_policy = true,
                       .arena = &cl->arena,
                       .each = decide_again,
                       .context = cl};
    enum err e = only ? recall_entry(&r, only, d) : recall_object(&r, id, d);
    cl->totals->withdrawn += r.taken;
    if (r.taken) {
        map_clear(&cl->has);
        cl->fresh = false;
    }
    if (!e && r.taken && !cl->withdrawals) {
        e = store_meta_set(cl->tx, SHARE_META_WITHDRAWALS, SPAN("yes"), d);
        cl->withdrawals = true;
    }
    return e;
}

/* An older version of which time alone says that it is over. */
static enum err lapse_superseded(struct closure *cl, const struct store_holding *h, struct diag *d) {
    struct store_entry entry;
    enum err e = store_entry_of_holding(cl->question.reader, cl->question.ledger, h->id, &cl->arena, &entry, d);
    if (e == ERR_NOT_FOUND) return ERR_NONE;
    return e || entry.state != STORE_ENTRY_SUPERSEDED ? e : take_back(cl, h->stix_id, &entry, d);
}

/* Whether the version that is out would still be released: then it is the newer one's doing that it may not. Otherwise
 * the terms have changed, and what to do about that is for people to say. */
static enum err is_its_doing(struct closure *cl, const struct store_entry *entry, const struct store_holding *h,
                             bool *out, struct diag *d) {
    struct store_holding before;
    struct share_candidate c;
    *out = entry->holding == h->id;
    if (*out) return ERR_NONE;
    enum err e = store_holding_latest(cl->question.reader, h->stix_id, &cl->arena, &before, d);
    if (e || before.id != h->id) return e;
    e = store_holding_get(cl->question.reader, entry->holding, &cl->arena, &before, d);
    if (!e) e = share_candidate_decide(&cl->question, &before, &cl->arena, &c, d);
    *out = !e && c.decision.outcome == POLICY_RELEASE;
    return e == ERR_SYNTAX || e == ERR_INVALID || e == ERR_NOT_FOUND ? ERR_NONE : e;
}

enum err outgoing_lapse(struct closure *cl, const struct store_holding *h, enum policy_reason reason, struct diag *d) {
    struct store_entry entry;
    bool found = false, its_doing = false;
    enum err e = is_new(cl, h) ? ERR_NONE : current(cl, h->stix_id, &entry, &found, d);
    if (!e && !found) e = current_derived(cl, h->stix_id, &entry, &found, d);
    if (e || !found) return e;
    if (reason == POLICY_REASON_EXPIRED || h->state != STORE_CURRENT)
        return entry.holding == h->id ? take_back(cl, h->stix_id, NULL, d) : lapse_superseded(cl, h, d);
    e = is_its_doing(cl, &entry, h, &its_doing, d);
    return e || !its_doing ? e : take_back(cl, h->stix_id, NULL, d);
}

enum err outgoing_count(struct closure *cl, const struct store_holding *h, struct diag *d) {
    struct store_entry entry;
    bool found;
    enum err e = current(cl, h->stix_id, &entry, &found, d);
    if (!e && !found) e = current_derived(cl, h->stix_id, &entry, &found, d);
    if (e || !found) return e;
    struct store_holding latest = {.id = h->id};
    if (entry.holding != h->id) e = store_holding_latest(cl->question.reader, h->stix_id, &cl->arena, &latest, d);
    cl->totals->no_longer += !e && latest.id == h->id;
    return e;
}

/* ---- appending ---- */

/* A time behind the one that is out, for a version that only we made. Milliseconds, as STIX has them. */
static time_us next_modified(const struct closure *cl, time_us before) {
    time_us ms = TIME_US_PER_S / 1000, now = cl->question.now - cl->question.now % ms;
    return now > before ? now : before - before % ms + ms;
}

/* Derived: compares with what is out under its id. */
static enum err settle(struct closure *cl, struct share_candidate *c, const struct derive_rename *renames,
                       size_t rename_count, bool *out, struct diag *d) {
    struct store_entry entry, full;
    bool found;
    enum err e = current(cl, c->out_id, &entry, &found, d);
    *out = false;
    if (e || !found) return e;
    if ((e = not_older(cl, &entry, c->holding, out, d)) || *out) return e;
    if ((e = store_entry_get(cl->question.reader, cl->question.ledger, entry.seq, &cl->arena, &full, d))) return e;
    *out = span_equal(full.body, c->out_body);
    if (*out || c->out_modified == TIME_NONE || c->out_modified > entry.modified) return ERR_NONE;
    e = share_candidate_derive(&cl->question, c, renames, rename_count, entry.modified, &cl->arena, d);
    if (e || (*out = entry.holding == c->holding->id && span_equal(full.body, c->out_body))) return e;
    return share_candidate_derive(&cl->question, c, renames, rename_count, next_modified(cl, entry.modified),
                                  &cl->arena, d);
}

static enum err remember_derivations(struct closure *cl, struct diag *d) {
    if (cl->question.derivations) return ERR_NONE;
    cl->question.derivations = true;
    return store_meta_set(cl->tx, SHARE_META_DERIVATIONS, SPAN("yes"), d);
}

/* It takes the place of its other form, which goes first. What it names may have gone with that, so it is decided again
 * then, before all that was taken back, and goes the next time. Once a transaction: versions of objects that name each
 * other, and wait for others, could take each other's places for ever. */
static enum err replace_other_form(struct closure *cl, const struct share_candidate *c, bool *replaced,
                                   struct diag *d) {
    struct store_entry other;
    bool found;
    bool before = false;
    found = false;
    enum err e = !c->derived              ? current_derived(cl, c->object.id, &other, &found, d)
                 : is_new(cl, c->holding) ? ERR_NONE
                                          : current(cl, c->object.id, &other, &found, d);
    *replaced = !e && found;
    if (!*replaced) return e;
    if (!map_set(&cl->replaced, span_of(&c->holding->id, sizeof c->holding->id), 1, &before))
        return diag_set(d, ERR_NOMEM, "no memory to release");
    if (before) return ERR_NONE;
    e = take_back(cl, c->object.id, NULL, d);
    return e ? e : decide_again(cl, c->holding->id, d);
}

enum err outgoing_append(struct closure *cl, struct share_candidate *c, const struct derive_rename *renames,
                         size_t rename_count, struct diag *d) {
    bool out = false, replaced = false;
    enum err e = c->derived ? settle(cl, c, renames, rename_count, &out, d) : ERR_NONE;
    if (e || out) return e;
    if ((e = replace_other_form(cl, c, &replaced, d)) || replaced) return e;
    struct ledgerlog_release r = {.stix_id = c->out_id,
                                  .version = c->out_version,
                                  .modified = c->out_modified,
                                  .decided = cl->question.now,
                                  .holding = c->holding->id,
                                  .body = c->out_body,
                                  .derived = c->derived,
                                  .unreleased = !c->derived && is_new(cl, c->holding),
                                  .place = c->holding->place,
                                  .agreement = cl->question.agreement->hash,
                                  .clause = c->decision.clause};
    if ((e = ledgerlog_release(cl->log, &r, d))) return e;
    if (c->derived && (e = remember_derivations(cl, d))) return e;
    cl->totals->released++;
    if (!map_set(&cl->has, c->object.id, c->derived ? SHARE_FORM_DERIVED : SHARE_FORM_OWN, NULL))
        return diag_set(d, ERR_NOMEM, "no memory to release");
    uint64_t awaited;
    if (c->holding->known.unawaited && !map_get(&cl->awaited, c->object.id, &awaited)) return ERR_NONE;
    return outgoing_unlock(cl, c->object.id, d);
}
