#include "share/closure.h"

#include <stdlib.h>

#include "base/log.h"
#include "share/derive.h"

enum { BATCH_ARENA_MAX = 2047 << 20 };

enum err closure_open(struct closure *cl, const struct share_context *c, struct store_tx *tx, struct ledgerlog *log,
                      const struct share_agreement *agreement, struct release_totals *totals, struct diag *d) {
    *cl = (struct closure){.question = {.context = c,
                                        .reader = store_tx_reader(tx),
                                        .agreement = agreement->agreement,
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
    char id[DERIVE_ID_SIZE];
    struct buf derived = BUF_EMPTY;
    struct ledgerlog_release r = {.stix_id = c->object.id,
                                  .version = c->object.has_modified ? c->object.modified_text : (struct span){0},
                                  .modified = c->holding->modified,
                                  .decided = cl->question.now,
                                  .holding = c->holding->id,
                                  .body = c->holding->body,
                                  .agreement = cl->question.agreement->hash,
                                  .clause = c->decision.clause};
    enum err e = ERR_NONE;
    if (c->decision.redactions) {
        e = share_derive(cl->question.context, cl->agreement->lineage, &c->object, c->decision.redactions, id, &derived,
                         d);
        r.stix_id = span_cstr(id);
        r.body = buf_span(&derived);
        r.derived = true;
    }
    if (!e) e = ledgerlog_release(cl->log, &r, d);
    buf_free(&derived);
    if (e) return e;
    cl->totals->released++;
    if (!c->decision.redactions) (void)map_set(&cl->has, c->object.id, 1, NULL);
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
    if (!m || !map_set(&s->index, c->object.id, s->count, NULL)) return NULL;
    m->candidate = *c;
    return s->members[s->count++] = m;
}

/* A reference that a redaction will take out names nothing. */
static bool ref_counts(const struct share_candidate *c, const struct stix_ref *ref, struct arena *a) {
    if (!(c->decision.redactions & POLICY_REDACT_MEMBER)) return true;
    struct json_iter it = json_iter(json_get(c->object.json, "where_sighted_refs"));
    while (json_next(&it))
        if (span_equal(json_text(it.value, a), ref->target)) return false;
    return true;
}

/* What was withdrawn stays withdrawn, in whatever version, until somebody releases it by hand. */
static enum err was_withdrawn(struct closure *cl, struct span id, bool *out, struct diag *d) {
    *out = false;
    if (!cl->withdrawals) return ERR_NONE;
    struct store_entry_query q = {.ledger = cl->question.ledger,
                                  .stix_id = id,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .limit = 1};
    struct store_entry *entries;
    size_t count;
    enum err e = store_entry_scan(cl->question.reader, &q, &cl->arena, &entries, &count, d);
    *out = !e && count > 0 && entries[0].state == STORE_ENTRY_WITHDRAWN;
    return e;
}

static enum err candidate_of(struct closure *cl, struct span id, struct share_candidate *out, bool *may,
                             struct diag *d) {
    struct store_holding *h = arena_alloc(&cl->arena, sizeof *h);
    *may = false;
    if (!h) return diag_set(d, ERR_NOMEM, "no memory to release");
    enum err e = store_holding_latest(cl->question.reader, id, &cl->arena, h, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    if ((e = share_candidate_decide(&cl->question, h, &cl->arena, out, d))) return e;
    bool withdrawn = false;
    *may = out->decision.outcome == POLICY_RELEASE;
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

/* Looks at what member `at` names; draws in what may go, marks the member blocked by what may not. */
static enum err draw_in(struct closure *cl, struct set *s, uint32_t at, struct diag *d) {
    struct member *m = s->members[at];
    for (size_t i = 0; i < m->candidate.ref_count; i++) {
        const struct stix_ref *ref = &m->candidate.refs[i];
        struct share_candidate found;
        uint64_t position;
        bool has, may = false;
        enum err e;
        if (!ref_counts(&m->candidate, ref, &cl->arena)) continue;
        if (map_get(&s->index, ref->target, &position)) {
            if ((e = edge_add(cl, s->members[position], at, d))) return e;
            continue;
        }
        if ((e = recipient_has(cl, ref->target, &has, d))) return e;
        if (has) continue;
        if (s->count < RELEASE_CLOSURE_MAX && (e = candidate_of(cl, ref->target, &found, &may, d))) return e;
        if (!may) {
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
    char id[DERIVE_ID_SIZE];
    struct buf derived = BUF_EMPTY;
    struct store_entry entry;
    struct span released_as = c->object.id;
    enum err e = ERR_NONE;
    if (c->decision.redactions) {
        e = share_derive(cl->question.context, cl->agreement->lineage, &c->object, c->decision.redactions, id, &derived,
                         d);
        released_as = span_cstr(id);
    }
    buf_free(&derived);
    if (!e) e = store_entry_current(cl->question.reader, cl->question.ledger, released_as, &entry, d);
    *out = e == ERR_NONE && entry.modified >= c->holding->modified;
    return e == ERR_NOT_FOUND ? was_withdrawn(cl, released_as, out, d) : e;
}

enum err closure_consider(struct closure *cl, const struct store_holding *h, struct diag *d) {
    struct share_candidate c;
    bool out, ready = true;
    cl->totals->decided++;
    if (h->state != STORE_CURRENT) {
        cl->totals->withheld++;
        return ERR_NONE;
    }
    enum err e = share_candidate_decide(&cl->question, h, &cl->arena, &c, d);
    if (e == ERR_SYNTAX || e == ERR_INVALID) {
        log_warn("holding %lld is no longer a STIX object and is withheld: %s", (long long)h->id, d->message);
        cl->totals->withheld++;
        return ERR_NONE;
    }
    if (e) return e;
    if (c.decision.outcome != POLICY_RELEASE) {
        cl->totals->withheld++;
        return ERR_NONE;
    }
    if ((e = is_out(cl, &c, &out, d)) || out) return e;
    for (size_t i = 0; ready && i < c.ref_count; i++)
        if (ref_counts(&c, &c.refs[i], &cl->arena) && (e = recipient_has(cl, c.refs[i].target, &ready, d))) return e;
    return ready ? append(cl, &c, d) : release_set(cl, &c, d);
}

enum err closure_drain(struct closure *cl, struct diag *d) {
    enum err e = ERR_NONE;
    while (!e && cl->unlocked_count > 0) {
        struct store_holding h;
        int64_t id = cl->unlocked[--cl->unlocked_count];
        e = store_holding_get(cl->question.reader, id, &cl->arena, &h, d);
        if (!e)
            e = closure_consider(cl, &h, d);
        else if (e == ERR_NOT_FOUND)
            e = ERR_NONE; /* taken back since */
    }
    return e;
}
