#include "share/closure.h"

#include <stdlib.h>

#include "base/log.h"

enum { BATCH_ARENA_MAX = 2047 << 20 };

enum err closure_open(struct closure *cl, const struct share_context *c, struct store_tx *tx, struct ledgerlog *log,
                      const struct share_agreement *agreement, struct release_totals *totals, struct diag *d) {
    *cl = (struct closure){.question = {.context = c,
                                        .reader = store_tx_visible(tx),
                                        .agreement = agreement->agreement,
                                        .lineage = agreement->lineage,
                                        .recipient = log->ledger.recipient,
                                        .ledger = log->ledger.id,
                                        .now = clock_now(c->clock)},
                           .agreement = agreement,
                           .tx = tx,
                           .log = log,
                           .totals = totals};
    arena_init(&cl->arena, BATCH_ARENA_MAX);
    map_init(&cl->has);
    struct span withdrawals;
    enum err e = store_meta_get(cl->question.reader, SHARE_META_WITHDRAWALS, &cl->arena, &withdrawals, d);
    cl->withdrawals = withdrawals.at != NULL;
    return e ? e : share_question_prepare(&cl->question, d);
}

void closure_close(struct closure *cl) {
    free(cl->unlocked);
    cl->unlocked = NULL;
    map_free(&cl->has);
    share_question_release(&cl->question);
    arena_free(&cl->arena);
}

static enum err recipient_has(struct closure *cl, struct span id, bool *out, struct diag *d) {
    *out = map_get(&cl->has, id, NULL);
    if (*out) return ERR_NONE;
    enum err e = share_recipient_has(&cl->question, id, out, d);
    if (!e && *out) (void)map_set(&cl->has, id, 1, NULL); /* only a shortcut: forgetting costs a look-up */
    return e;
}

/* ---- releasing one
 * ------------------------------------------------------------------------------------------------------ */

static enum err unlock(struct closure *cl, struct span id, struct diag *d) {
    int64_t *holdings;
    size_t count;
    enum err e = store_waiting_take(cl->tx, cl->question.ledger, id, &cl->arena, &holdings, &count, d);
    if (e || count == 0) return e;
    if (cl->unlocked_count + count > cl->unlocked_size) {
        size_t size = (cl->unlocked_count + count) * 2;
        int64_t *bigger = realloc(cl->unlocked, size * sizeof *bigger);
        if (!bigger) return diag_set(d, ERR_NOMEM, "no memory to release");
        cl->unlocked = bigger;
        cl->unlocked_size = size;
    }
    memcpy(cl->unlocked + cl->unlocked_count, holdings, count * sizeof *holdings);
    cl->unlocked_count += count;
    return ERR_NONE;
}

static enum err append(struct closure *cl, const struct share_candidate *c, struct diag *d) {
    struct ledgerlog_release r = {.stix_id = c->out_id,
                                  .version = c->object.has_modified ? c->object.modified_text : (struct span){0},
                                  .modified = c->holding->modified,
                                  .decided = cl->question.now,
                                  .holding = c->holding->id,
                                  .body = c->out_body,
                                  .derived = c->derived,
                                  .agreement = cl->question.agreement->hash,
                                  .clause = c->decision.clause};
    enum err e = ledgerlog_release(cl->log, &r, d);
    if (e) return e;
    cl->totals->released++;
    if (c->derived) return ERR_NONE; /* nothing that goes out may name it */
    (void)map_set(&cl->has, c->object.id, 1, NULL);
    return unlock(cl, c->object.id, d);
}

/* ---- the set
 * ---------------------------------------------------------------------------------------------------------------- */

struct edge {
    uint32_t from;
    struct edge *next;
};

struct member {
    struct share_candidate candidate;
    struct edge *named_by;
    bool blocked, done;
    uint32_t next_ref;  /* while walking in post-order */
    struct span misses; /* what blocks it */
};

struct set {
    struct member **members; /* in the batch's arena */
    uint32_t count, size;
    struct map index; /* id → position */
};

static struct member *set_add(struct closure *cl, struct set *s, const struct share_candidate *c) {
    if (s->count == s->size) {
        uint32_t size = s->size ? s->size * 2 : 16;
        struct member **bigger = arena_alloc(&cl->arena, size * sizeof(*bigger));
        if (!bigger) return NULL;
        if (s->count) memcpy(bigger, s->members, s->count * sizeof(*bigger));
        s->members = bigger;
        s->size = size;
    }
    struct member *m = arena_zalloc(&cl->arena, 1, sizeof *m);
    if (!m) return NULL;
    /* A derived object is nothing that a reference names. */
    if (!c->derived && !map_set(&s->index, c->object.id, s->count, NULL)) return NULL;
    m->candidate = *c;
    return s->members[s->count++] = m;
}

/* What was withdrawn stays withdrawn, in whatever version, until somebody releases it by hand. */
static enum err was_withdrawn(struct closure *cl, struct span id, bool *out, struct diag *d) {
    *out = false;
    return cl->withdrawals ? share_was_withdrawn(&cl->question, id, &cl->arena, out, d) : ERR_NONE;
}

static enum err candidate_of(struct closure *cl, struct span id, struct share_candidate *out, bool *may,
                             struct diag *d) {
    struct store_holding *h = arena_alloc(&cl->arena, sizeof *h);
    *may = false;
    if (!h) return diag_set(d, ERR_NOMEM, "no memory to release");
    enum err e = store_holding_latest(cl->question.reader, id, &cl->arena, h, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    e = share_candidate_decide(&cl->question, h, &cl->arena, out, d);
    if (e) return e == ERR_SYNTAX || e == ERR_INVALID ? ERR_NONE : e; /* damaged: stays here */
    bool withdrawn = false;
    /* Under an id of its own it is not what the reference names. */
    *may = out->decision.outcome == POLICY_RELEASE && !out->derived;
    if (*may && (e = was_withdrawn(cl, id, &withdrawn, d))) return e;
    *may = *may && !withdrawn;
    return ERR_NONE;
}

static enum err edge_add(struct closure *cl, struct member *to, uint32_t from, struct diag *d) {
    struct edge *edge = arena_alloc(&cl->arena, sizeof *edge);
    if (!edge) return diag_set(d, ERR_NOMEM, "no memory to release");
    *edge = (struct edge){from, to->named_by};
    to->named_by = edge;
    return ERR_NONE;
}

/* A member of this party is named by a sighting that may name it, and for nothing else. */
static bool may_name(const struct share_candidate *by, const struct share_candidate *named) {
    return !named->member || (span_is(by->object.type, "sighting") && !by->derived);
}

/* Looks at what member `at` names; draws in what may go, marks the member blocked by what may not. */
static enum err draw_in(struct closure *cl, struct set *s, uint32_t at, struct diag *d) {
    struct member *m = s->members[at];
    for (size_t i = 0; i < m->candidate.ref_count; i++) {
        const struct stix_ref *ref = &m->candidate.refs[i];
        struct share_candidate found;
        uint64_t position;
        bool has, may = false;
        enum err e;
        if (map_get(&s->index, ref->target, &position)) {
            if ((e = edge_add(cl, s->members[position], at, d))) return e;
            continue;
        }
        if ((e = recipient_has(cl, ref->target, &has, d))) return e;
        if (has) continue;
        if (s->count < RELEASE_CLOSURE_MAX && (e = candidate_of(cl, ref->target, &found, &may, d))) return e;
        if (!may || !may_name(&m->candidate, &found)) {
            m->blocked = true;
            m->misses = ref->target;
            return ERR_NONE;
        }
        struct member *drawn = set_add(cl, s, &found);
        if (!drawn) return diag_set(d, ERR_NOMEM, "no memory to release");
        if ((e = edge_add(cl, drawn, at, d))) return e;
    }
    return ERR_NONE;
}

/* Whoever names a blocked member is blocked by it. */
static void spread_blocks(struct set *s, uint32_t *queue) {
    uint32_t head = 0, tail = 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->members[i]->blocked) queue[tail++] = i;
    while (head < tail) {
        struct member *m = s->members[queue[head++]];
        for (struct edge *edge = m->named_by; edge; edge = edge->next) {
            struct member *by = s->members[edge->from];
            if (by->blocked) continue;
            by->blocked = true;
            by->misses = m->candidate.object.id;
            queue[tail++] = edge->from;
        }
    }
}

/* Appends member 0 and all it reaches, what is named before what names it; a circle is cut where it is entered. */
static enum err append_in_order(struct closure *cl, struct set *s, uint32_t *stack, struct diag *d) {
    uint32_t depth = 0;
    enum err e;
    stack[depth++] = 0;
    s->members[0]->done = true;
    while (depth > 0) {
        struct member *m = s->members[stack[depth - 1]];
        bool went_down = false;
        while (m->next_ref < m->candidate.ref_count && !went_down) {
            uint64_t position;
            if (!map_get(&s->index, m->candidate.refs[m->next_ref++].target, &position) || s->members[position]->done)
                continue;
            s->members[position]->done = true;
            stack[depth++] = (uint32_t)position;
            went_down = true;
        }
        if (went_down) continue;
        depth--;
        if ((e = append(cl, &m->candidate, d))) return e;
    }
    return ERR_NONE;
}

static enum err release_set(struct closure *cl, const struct share_candidate *first, struct diag *d) {
    struct set s = {0};
    map_init(&s.index);
    enum err e = set_add(cl, &s, first) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory to release");
    for (uint32_t at = 0; !e && at < s.count; at++) e = draw_in(cl, &s, at, d);
    uint32_t *scratch = e ? NULL : arena_alloc(&cl->arena, (size_t)s.count * sizeof *scratch);
    if (!e && !scratch) e = diag_set(d, ERR_NOMEM, "no memory to release");
    if (!e) spread_blocks(&s, scratch);
    if (!e && s.members[0]->blocked) {
        cl->totals->waiting++;
        e = store_waiting_add(cl->tx, cl->question.ledger, s.members[0]->misses, first->holding->id, d);
    } else if (!e) {
        e = append_in_order(cl, &s, scratch, d);
    }
    map_free(&s.index);
    return e;
}

/* ---- one holding
 * ---------------------------------------------------------------------------------------------------------------- */

/* Whether this version, or a newer one, is out already, or was and was taken back. */
static enum err is_out(struct closure *cl, const struct share_candidate *c, bool *out, struct diag *d) {
    struct store_entry entry;
    enum err e = store_entry_current(cl->question.reader, cl->question.ledger, c->out_id, &entry, d);
    *out = e == ERR_NONE && entry.modified >= c->holding->modified;
    if (e == ERR_NOT_FOUND) e = was_withdrawn(cl, c->out_id, out, d);
    if (e || *out || !(c->derived || span_is(c->object.type, "sighting"))) return e;
    /* Under other terms it may have gone out in its other form, redacted or not. */
    e = store_entry_of_holding(cl->question.reader, cl->question.ledger, c->holding->id, &cl->arena, &entry, d);
    *out = e == ERR_NONE;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* Whether a newer version counts in its place, and may not go: then the older one tells what its creator, or somebody
 * here, has taken back by marking it. */
static enum err is_outdated(struct closure *cl, const struct store_holding *h, bool *out, struct diag *d) {
    struct store_holding *versions;
    struct share_candidate newest;
    size_t count;
    *out = false;
    enum err e = store_holding_history(cl->question.reader, h->stix_id, false, &cl->arena, &versions, &count, d);
    if (e) return e;
    while (count > 0 && versions[count - 1].state != STORE_CURRENT) count--;
    if (count == 0 || versions[count - 1].modified <= h->modified) return ERR_NONE;
    e = store_holding_get(cl->question.reader, versions[count - 1].id, &cl->arena, &versions[count - 1], d);
    if (!e) e = share_candidate_decide(&cl->question, &versions[count - 1], &cl->arena, &newest, d);
    *out = e || newest.decision.outcome != POLICY_RELEASE;
    return e == ERR_SYNTAX || e == ERR_INVALID ? ERR_NONE : e;
}

/* Policy says release. */
static enum err release_one(struct closure *cl, const struct share_candidate *c, struct diag *d) {
    bool out, outdated = false, ready = true;
    enum err e = is_out(cl, c, &out, d);
    if (e || out) return e;
    if ((e = is_outdated(cl, c->holding, &outdated, d))) return e;
    if (!outdated && c->member) { /* goes along with a sighting; a newer version of it, once it is known */
        if ((e = recipient_has(cl, c->object.id, &ready, d))) return e;
        outdated = !ready;
    }
    if (outdated) {
        cl->totals->withheld++;
        return ERR_NONE;
    }
    for (size_t i = 0; ready && i < c->ref_count; i++)
        if ((e = recipient_has(cl, c->refs[i].target, &ready, d))) return e;
    return ready ? append(cl, c, d) : release_set(cl, c, d);
}

enum err closure_consider(struct closure *cl, const struct store_holding *h, struct diag *d) {
    struct share_candidate c;
    enum err e = ERR_NONE;
    cl->totals->decided++;
    if (h->state != STORE_CURRENT) {
        cl->totals->withheld++;
        return ERR_NONE;
    }
    /* What the recipient gave, it has. */
    if ((int64_t)h->source == cl->question.recipient_source && (e = unlock(cl, h->stix_id, d))) return e;
    e = share_candidate_decide(&cl->question, h, &cl->arena, &c, d);
    if (e == ERR_SYNTAX || e == ERR_INVALID) {
        log_warn("holding %lld is no longer a STIX object and is withheld: %s", (long long)h->id, d->message);
        cl->totals->withheld++;
        return ERR_NONE;
    }
    if (e) return e;
    if (c.decision.outcome == POLICY_RELEASE) return release_one(cl, &c, d);
    cl->totals->withheld++;
    if (c.decision.reason == POLICY_REASON_EMBARGO &&
        c.decision.again != TIME_NONE) /* every run looks whether it is over */
        return store_waiting_add(cl->tx, cl->question.ledger, SPAN(SHARE_WAITING_CHANGED), h->id, d);
    if (c.decision.reason != POLICY_REASON_UNKNOWN_MARKING || c.unknown.len == 0) return ERR_NONE;
    return store_waiting_add(cl->tx, cl->question.ledger, c.unknown, h->id, d); /* it may become known */
}

enum err closure_reconsider(struct closure *cl, struct span why, struct diag *d) {
    return unlock(cl, why, d);
}

enum err closure_drain(struct closure *cl, struct diag *d) {
    enum err e = ERR_NONE;
    while (!e && cl->unlocked_count > 0) {
        struct store_holding h;
        int64_t id = cl->unlocked[--cl->unlocked_count];
        arena_reset(&cl->arena);
        e = store_holding_get(cl->question.reader, id, &cl->arena, &h, d);
        if (!e)
            e = closure_consider(cl, &h, d);
        else if (e == ERR_NOT_FOUND)
            e = ERR_NONE; /* taken back since */
    }
    return e;
}
