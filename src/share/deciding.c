#include "share/deciding.h"

#include <stdlib.h>

#include "base/ahead.h"

enum {
    SLICE = 500,                 /* holdings read at a time: more makes nothing faster */
    SLICE_ARENA_MAX = 64 << 20,  /* they and their decisions; where that does not suffice, fewer are read */
    OBJECT_ARENA_MAX = 512 << 20 /* one that is as large as a store takes it */
};

struct slot {
    struct arena arena;
    struct decided *items;
    size_t count;
};

struct deciding {
    struct share_question question;
    int64_t last;
    size_t left;
    enum err error; /* the thread's until it handed over an empty slice */
    struct diag diag;
    struct ahead ahead;
    struct slot slots[AHEAD_SLOTS];
};

static void decide(const struct share_question *q, const struct store_holding *h, struct arena *a,
                   struct decided *out) {
    struct diag wrong = {0};
    *out = (struct decided){.holding = h, .open = true};
    if (h->state != STORE_CURRENT) return;
    out->error = share_candidate_decide(q, h, a, &out->candidate, &wrong);
    out->open = out->error == ERR_NOMEM;
    if (!out->error || out->open) return;
    struct diag *kept = arena_alloc(a, sizeof *kept);
    if (kept) *kept = wrong;
    out->wrong = kept;
    out->open = !kept;
}

/* Reads as many as fit, be it one. */
static enum err read_slice(struct deciding *g, struct slot *s, struct store_holding **holdings, struct diag *d) {
    const struct share_question *q = &g->question;
    enum err e = ERR_NOMEM;
    for (size_t slice = SLICE; e == ERR_NOMEM && slice > 0; slice = slice == 1 ? 0 : slice / 8 + 1) {
        arena_reset(&s->arena);
        s->arena.cap = slice == 1 ? OBJECT_ARENA_MAX : SLICE_ARENA_MAX;
        e = store_holding_undecided(q->reader, q->ledger, g->last, slice < g->left ? slice : g->left, &s->arena,
                                    holdings, &s->count, d);
    }
    return e;
}

/* The end, and an error, stand in an empty slice of their own. */
static bool fill(void *context, unsigned slot) {
    struct deciding *g = context;
    struct slot *s = &g->slots[slot];
    struct store_holding *holdings;
    s->count = 0;
    if (g->left == 0) return false;
    g->error = read_slice(g, s, &holdings, &g->diag);
    s->items = g->error ? NULL : arena_zalloc(&s->arena, s->count + 1, sizeof *s->items);
    if (!g->error && !s->items) g->error = diag_set(&g->diag, ERR_NOMEM, "no memory to release");
    if (g->error) s->count = 0;
    if (s->count == 0) return false;
    for (size_t i = 0; i < s->count; i++) decide(&g->question, &holdings[i], &s->arena, &s->items[i]);
    g->last = holdings[s->count - 1].id;
    g->left -= s->count;
    return true;
}

enum err deciding_open(struct store_reader *reader, const struct share_question *question, int64_t after, size_t limit,
                       struct deciding **out, struct diag *d) {
    struct deciding *g = calloc(1, sizeof *g);
    *out = NULL;
    if (!g) return diag_set(d, ERR_NOMEM, "no memory to release");
    g->question = *question;
    g->question.reader = reader;
    g->last = after;
    g->left = limit;
    for (size_t i = 0; i < AHEAD_SLOTS; i++) arena_init(&g->slots[i].arena, SLICE_ARENA_MAX);
    enum err e = share_question_prepare(&g->question, d);
    if (!e && !ahead_start(&g->ahead, fill, g)) e = diag_set(d, ERR_NOMEM, "no thread to decide releases");
    if (!e) {
        *out = g;
        return ERR_NONE;
    }
    share_question_release(&g->question);
    free(g);
    return e;
}

enum err deciding_next(struct deciding *g, struct decided_slice *out, struct diag *d) {
    const struct slot *s = &g->slots[ahead_next(&g->ahead)];
    *out = (struct decided_slice){.items = s->items, .count = s->count};
    if (s->count > 0 || !g->error) return ERR_NONE;
    *d = g->diag;
    return g->error;
}

void deciding_close(struct deciding **deciding) {
    struct deciding *g = *deciding;
    if (!g) return;
    ahead_stop(&g->ahead);
    for (size_t i = 0; i < AHEAD_SLOTS; i++) arena_free(&g->slots[i].arena);
    share_question_release(&g->question);
    free(g);
    *deciding = NULL;
}
