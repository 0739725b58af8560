#include "share/closure.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "share/outgoing.h"

enum {
    BATCH_ARENA_MAX = 2047 << 20,
    HOUR_S = 3600,
    NEAR_S = 2 * HOUR_S, /* at least two hours, so that an hour's bucket is taken before what is in it is due */
    TIME_KEPT_S = 600    /* how far behind the note of the time may fall while nothing else is written */
};

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
                           .fresh = true,
                           .totals = totals};
    arena_init(&cl->arena, BATCH_ARENA_MAX);
    map_init(&cl->has);
    map_init(&cl->awaited);
    map_init(&cl->replaced);
    struct span withdrawals;
    enum err e = store_meta_get(cl->question.reader, SHARE_META_WITHDRAWALS, &cl->arena, &withdrawals, d);
    cl->withdrawals = withdrawals.at != NULL;
    return e ? e : share_question_prepare(&cl->question, d);
}

void closure_close(struct closure *cl) {
    free(cl->unlocked);
    cl->unlocked = NULL;
    map_free(&cl->has);
    map_free(&cl->awaited);
    map_free(&cl->replaced);
    share_question_release(&cl->question);
    arena_free(&cl->arena);
}

enum err closure_wait(struct closure *cl, struct span needs, int64_t holding, struct diag *d) {
    if (!map_set(&cl->awaited, needs, 1, NULL)) return diag_set(d, ERR_NOMEM, "no memory to release");
    return store_waiting_add(cl->tx, cl->question.ledger, needs, holding, d);
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
    bool derived;       /* it goes out so, or names what does */
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
    if (!map_set(&s->index, c->object.id, s->count, NULL)) return NULL;
    m->candidate = *c;
    m->derived = c->derived;
    return s->members[s->count++] = m;
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
    *may = out->decision.outcome == POLICY_RELEASE;
    if (*may && (e = outgoing_was_withdrawn(cl, id, &withdrawn, d))) return e;
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
    return !named->member ||
           (span_is(by->object.type, "sighting") && !(by->decision.redactions & POLICY_REDACT_MEMBER));
}

/* Looks at what member `at` names; draws in what may go, marks the member blocked by what may not. */
static enum err draw_in(struct closure *cl, struct set *s, uint32_t at, struct diag *d) {
    struct member *m = s->members[at];
    for (size_t i = 0; i < m->candidate.ref_count; i++) {
        const struct stix_ref *ref = &m->candidate.refs[i];
        struct share_candidate found;
        uint64_t position;
        enum share_form form;
        bool may = false;
        enum err e;
        if (map_get(&s->index, ref->target, &position)) {
            if ((e = edge_add(cl, s->members[position], at, d))) return e;
            continue;
        }
        if ((e = outgoing_form(cl, ref->target, &form, d))) return e;
        m->derived = m->derived || form == SHARE_FORM_DERIVED;
        if (form != SHARE_FORM_NONE) continue;
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

/* Whoever names what goes out derived is derived itself, for it names it by another id. */
static void spread_derived(struct set *s, uint32_t *queue) {
    uint32_t head = 0, tail = 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->members[i]->derived) queue[tail++] = i;
    while (head < tail)
        for (struct edge *edge = s->members[queue[head++]]->named_by; edge; edge = edge->next) {
            struct member *by = s->members[edge->from];
            if (by->derived) continue;
            by->derived = true;
            queue[tail++] = edge->from;
        }
}

/* What a member names that goes, or went, out under another id. */
static enum err renames_of(struct closure *cl, const struct set *s, const struct member *m, struct derive_rename **out,
                           size_t *count, struct diag *d) {
    const struct share_candidate *c = &m->candidate;
    *count = 0;
    *out = arena_alloc(&cl->arena, (c->ref_count + 1) * sizeof(**out));
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory to release");
    for (size_t i = 0; i < c->ref_count; i++) {
        char derived[DERIVE_ID_SIZE];
        enum share_form form = SHARE_FORM_OWN;
        uint64_t position;
        enum err e = ERR_NONE;
        if (map_get(&s->index, c->refs[i].target, &position))
            form = s->members[position]->derived ? SHARE_FORM_DERIVED : SHARE_FORM_OWN;
        else
            e = outgoing_form(cl, c->refs[i].target, &form, d);
        if (e) return e;
        if (form != SHARE_FORM_DERIVED) continue;
        if ((e = share_derived_id(cl->question.context, cl->question.lineage, c->refs[i].target, derived, d))) return e;
        (*out)[(*count)++] = (struct derive_rename){c->refs[i].target, arena_copy(&cl->arena, span_cstr(derived))};
    }
    return cl->arena.overflow ? diag_set(d, ERR_NOMEM, "no memory to release") : ERR_NONE;
}

static enum err append_member(struct closure *cl, const struct set *s, struct member *m, struct diag *d) {
    struct derive_rename *renames = NULL;
    size_t count = 0;
    enum err e = m->derived ? renames_of(cl, s, m, &renames, &count, d) : ERR_NONE;
    if (!e && count > 0)
        e = share_candidate_derive(&cl->question, &m->candidate, renames, count, TIME_NONE, &cl->arena, d);
    return e ? e : outgoing_append(cl, &m->candidate, renames, count, d);
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
        if ((e = append_member(cl, s, m, d))) return e;
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
    if (!e) spread_derived(&s, scratch);
    if (!e && s.members[0]->blocked) {
        cl->totals->waiting++;
        e = closure_wait(cl, s.members[0]->misses, first->holding->id, d);
    } else if (!e) {
        e = append_in_order(cl, &s, scratch, d);
    }
    map_free(&s.index);
    return e;
}

/* ---- one holding
 * ---------------------------------------------------------------------------------------------------------------- */

/* Policy says release. */
static enum err release_one(struct closure *cl, struct share_candidate *c, struct diag *d) {
    bool out, outdated = false, ready = true;
    enum share_form form;
    enum policy_outcome newest;
    enum err e = outgoing_is_out(cl, c, &out, d);
    if (e || out) return e;
    if (!c->holding->known.sole) {
        if ((e = share_newest_outcome(&cl->question, c->holding, &cl->arena, &newest, d))) return e;
        outdated = newest != POLICY_RELEASE;
    }
    if (!outdated && c->member) { /* goes along with a sighting; a newer version of it, once it is known */
        if ((e = outgoing_form(cl, c->object.id, &form, d))) return e;
        outdated = form == SHARE_FORM_NONE;
    }
    if (outdated) {
        cl->totals->withheld++;
        return ERR_NONE;
    }
    for (size_t i = 0; ready && i < c->ref_count; i++) {
        if ((e = outgoing_form(cl, c->refs[i].target, &form, d))) return e;
        ready = form == SHARE_FORM_OWN;
    }
    return ready ? outgoing_append(cl, c, NULL, 0, d) : release_set(cl, c, d);
}

/* ---- time ----
 *
 * What time will decide otherwise waits in buckets: of a second (rounded up) when it is near, of an hour when it is
 * not. An hour that begins hands on what is in it. So few buckets have to be looked at, however long a node stood
 * still.
 */

static struct span bucket_name(char name[40], const char *unit, uint64_t number) {
    snprintf(name, 40, "due %s %llu", unit, (unsigned long long)number);
    return span_cstr(name);
}

static enum err wait_until(struct closure *cl, time_us due, int64_t holding, struct diag *d) {
    char name[40];
    uint64_t second = (uint64_t)((due + TIME_US_PER_S - 1) / TIME_US_PER_S);
    bool near = due - cl->question.now <= NEAR_S * TIME_US_PER_S;
    struct span bucket = near ? bucket_name(name, "s", second) : bucket_name(name, "h", second / HOUR_S);
    return closure_wait(cl, bucket, holding, d);
}

static enum err take_buckets(struct closure *cl, uint64_t last, uint64_t now, struct diag *d) {
    char name[40];
    enum err e = ERR_NONE;
    for (uint64_t second = last + 1; !e && second <= now && second <= last + NEAR_S; second++)
        e = outgoing_unlock(cl, bucket_name(name, "s", second), d);
    for (uint64_t hour = last / HOUR_S + 1; !e && hour <= now / HOUR_S; hour++)
        e = outgoing_unlock(cl, bucket_name(name, "h", hour), d);
    return e;
}

enum err closure_keep_time(struct closure *cl, struct diag *d) {
    char name[40], number[24];
    struct span text;
    uint64_t now = (uint64_t)(cl->question.now / TIME_US_PER_S), last = now;
    snprintf(name, sizeof name, "time-kept-%lld", (long long)cl->question.ledger);
    enum err e = store_meta_get(cl->question.reader, name, &cl->arena, &text, d);
    if (!e && text.at && !span_u64(text, &last)) last = now;
    if (!e) e = take_buckets(cl, last, now, d);
    snprintf(number, sizeof number, "%llu", (unsigned long long)now);
    if (!e && (!text.at || now > last)) e = store_meta_set(cl->tx, name, span_cstr(number), d);
    cl->kept_time = !text.at || now > last + TIME_KEPT_S;
    return e;
}

/* ---- one holding
 * ---------------------------------------------------------------------------------------------------------------- */

/* A sweep knows what was out when it began, and need not look. */
static bool known_out(const struct closure *cl, const struct store_holding *h, bool *out) {
    if (!cl->out || h->id > cl->swept_to || h->id >= cl->out_count) return false;
    *out = cl->out[h->id / 8] >> h->id % 8 & 1;
    return true;
}

static enum err withheld(struct closure *cl, const struct share_candidate *c, struct diag *d) {
    const struct policy_decision *decision = &c->decision;
    enum err e = ERR_NONE;
    bool out = true;
    cl->totals->withheld++;
    if (decision->outcome == POLICY_WITHHOLD && known_out(cl, c->holding, &out))
        cl->totals->no_longer += out;
    else if (decision->outcome == POLICY_WITHHOLD)
        e = c->holding->id > cl->swept_to ? outgoing_lapse(cl, c->holding, decision->reason, d)
                                          : outgoing_count(cl, c->holding, d);
    if (!e && decision->outcome == POLICY_REFER) e = closure_wait(cl, SPAN(SHARE_WAITING_OFFICERS), c->holding->id, d);
    if (e || decision->reason != POLICY_REASON_UNKNOWN_MARKING || c->unknown.len == 0) return e;
    return closure_wait(cl, c->unknown, c->holding->id, d); /* it may become known */
}

/* What happened to it decides; or else *open: policy does. */
static enum err consider(struct closure *cl, const struct store_holding *h, bool *open, struct diag *d) {
    cl->totals->decided++;
    *open = h->state == STORE_CURRENT;
    if (!*open) {
        cl->totals->withheld++;
        return outgoing_lapse(cl, h, POLICY_REASON_NOT_OWN, d);
    }
    /* What the recipient gave, it has. */
    return (int64_t)h->source == cl->question.recipient_source ? outgoing_unlock(cl, h->stix_id, d) : ERR_NONE;
}

/* Does what was decided; `e` and d are what came of deciding it. */
static enum err conclude(struct closure *cl, struct share_candidate *c, enum err e, struct diag *d) {
    const struct store_holding *h = c->holding;
    if (e == ERR_SYNTAX || e == ERR_INVALID) {
        log_warn("holding %lld is no longer a STIX object and is withheld: %s", (long long)h->id, d->message);
        cl->totals->withheld++;
        return ERR_NONE;
    }
    if (!e && c->decision.again != TIME_NONE) e = wait_until(cl, c->decision.again, h->id, d);
    if (e) return e;
    if (c->decision.outcome != POLICY_RELEASE) return withheld(cl, c, d);
    bool out = false;
    if (!c->derived && known_out(cl, h, &out) && out) return ERR_NONE;
    return release_one(cl, c, d);
}

enum err closure_consider(struct closure *cl, const struct store_holding *h, struct diag *d) {
    struct share_candidate c;
    bool open;
    enum err e = consider(cl, h, &open, d);
    if (e || !open) return e;
    e = share_candidate_decide(&cl->question, h, &cl->arena, &c, d);
    return conclude(cl, &c, e, d);
}

enum err closure_conclude(struct closure *cl, struct decided *x, struct diag *d) {
    bool open;
    if (x->open) return closure_consider(cl, x->holding, d);
    enum err e = consider(cl, x->holding, &open, d);
    if (e || !open) return e;
    if (x->error) *d = *x->wrong;
    return conclude(cl, &x->candidate, x->error, d);
}

enum err closure_reconsider(struct closure *cl, struct span why, struct diag *d) {
    return outgoing_unlock(cl, why, d);
}

/* What is decided again here is so because something happened to it. */
enum err closure_drain(struct closure *cl, struct diag *d) {
    int64_t swept_to = cl->swept_to;
    enum err e = ERR_NONE;
    cl->swept_to = 0;
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
    cl->swept_to = swept_to;
    return e;
}
