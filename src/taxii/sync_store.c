/* Storing what was verified: objects as holdings, records beside them, and how far we are, all visible at once. */
#include <stdlib.h>

#include "ledger/record.h"
#include "share/erase.h"
#include "share/release.h"
#include "taxii/sync_run.h"

enum { PLACE_SIZE = 40, RANGE_ARENA_MAX = 1 << 30 };

void sync_range_free(struct sync_range *r) {
    arena_free(&r->arena);
    free(r->items);
    *r = (struct sync_range){0};
}

void sync_range_clear(struct sync_range *r) {
    r->count = r->bytes = 0;
    arena_reset(&r->arena);
}

struct pulled *sync_range_add(struct sync_range *r) {
    if (!r->arena.cap) arena_init(&r->arena, RANGE_ARENA_MAX);
    if (r->count == r->room) {
        size_t room = r->room ? r->room * 2 : 1024;
        struct pulled *more = realloc(r->items, room * sizeof *more);
        if (!more) return NULL;
        r->items = more;
        r->room = room;
    }
    struct pulled *p = &r->items[r->count++];
    *p = (struct pulled){.time = TIME_NONE};
    return p;
}

static void tell(void *context, bool error, const char *place, struct span object_id, const char *path,
                 const char *message) {
    struct sync *s = context;
    pthread_mutex_lock(&s->telling);
    s->options->finding(s->options->context, error, place, object_id, path, message);
    pthread_mutex_unlock(&s->telling);
}

void sync_progress(struct sync *s, const char *what, const char *unit, uint64_t done, uint64_t total) {
    if (!s->options->progress) return;
    pthread_mutex_lock(&s->telling);
    s->options->progress(s->options->context, what, unit, done, total);
    pthread_mutex_unlock(&s->telling);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* "entry 4711", without printf: it is done for every object and read for hardly any. */
static void write_place(const char *what, uint64_t n, char place[PLACE_SIZE]) {
    char digits[24];
    size_t count = 0, at = strlen(what);
    memcpy(place, what, at);
    do digits[count++] = (char)('0' + n % 10);
    while (n /= 10);
    while (count > 0) place[at++] = digits[--count];
    place[at] = 0;
}

enum err sync_range_read(struct sync_range *r, struct pulled *to, struct span body, const char *what, struct diag *d) {
    struct intake_object *object = arena_alloc(&r->arena, sizeof *object);
    char *place = arena_alloc(&r->arena, PLACE_SIZE);
    struct span kept = arena_copy(&r->arena, body);
    if (!object || !place || !kept.at) return diag_set(d, ERR_NOMEM, "no memory left for a sync");
    write_place(what, to->seq, place);
    intake_read(&r->arena, kept, place, &r->report, object);
    to->object = object;
    r->bytes += body.len;
    return ERR_NONE;
}

/* ---- storing ----------------------------------------------------------------------------------------------------- */

/* What the store is to look up for the next objects. */
static enum err expect(struct sync_range *r, size_t from, struct intake *in, struct diag *d) {
    struct span ids[READING_BATCH];
    size_t count = 0;
    for (size_t i = from; i < r->count && i < from + READING_BATCH; i++) {
        const struct intake_object *o = r->items[i].object;
        if (o && o->outcome == READING_GOOD) ids[count++] = o->object.id;
    }
    return intake_expect(in, ids, count, d);
}

enum err sync_range_take(struct sync_range *r, struct intake *in, struct diag *d) {
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < r->count; i++) {
        if (i % READING_BATCH == 0) e = expect(r, i, in, d);
        if (e || !r->items[i].object) continue;
        intake_label(in, r->items[i].labels);
        e = intake_take(in, r->items[i].object, &r->items[i].holding, d);
    }
    return e;
}

/* The publisher takes a release back: what it brought counts no more, here or where it went from here. */
static enum err withdraw(struct sync *s, struct store_tx *tx, struct span origin, const struct pulled *p,
                         struct diag *d) {
    int64_t holding = 0;
    enum err e = store_received_withdraw(tx, origin, p->withdraws, &holding, d);
    if (!e && holding) e = store_holding_quarantine(tx, holding, d);
    if (!e && holding) e = share_reconsider(tx, holding, d);
    s->result->withdrawn++;
    return e;
}

/* It asks for an erasure, too. Where nothing came of the release there is nothing to decide. */
static enum err note_request(struct sync *s, struct store_tx *tx, struct span origin, const struct pulled *p,
                             struct arena *a, struct diag *d) {
    struct store_received *released;
    size_t count;
    enum err e = store_received_scan(store_tx_reader(tx), origin, p->withdraws, 1, a, &released, &count, d);
    bool came = !e && count == 1 && released->seq == p->withdraws && released->holding != 0;
    struct erasure_request q = {.origin = origin,
                                .party = s->party,
                                .object = p->object_id,
                                .seq = p->seq,
                                .time = p->time,
                                .reason = came ? (struct span){"", 0} : SPAN("it never came here"),
                                .answer = came ? (struct span){"", 0} : SPAN("erased")};
    return e ? e : erasure_request_put(tx, &q, clock_now(s->node->live.clock), d);
}

static enum err add_records(struct sync *s, struct store_tx *tx, struct span origin, struct sync_range *r,
                            struct sync_state *state, struct diag *d) {
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < r->count; i++) {
        const struct pulled *p = &r->items[i];
        struct store_received received = {
            .seq = p->seq, .holding = p->holding, .record = p->record, .salt = p->salt, .withdrawn = p->withdrawn};
        e = store_received_add(tx, origin, &received, d);
        if (!e) sync_state_add(state, &p->leaf, p->time);
    }
    /* After all releases: what one of them brought again still counts. */
    for (size_t i = 0; !e && i < r->count; i++)
        if (r->items[i].kind != LEDGER_RELEASE) e = withdraw(s, tx, origin, &r->items[i], d);
    for (size_t i = 0; !e && i < r->count; i++)
        if (r->items[i].kind == LEDGER_ERASE) e = note_request(s, tx, origin, &r->items[i], &r->arena, d);
    return e;
}

enum err sync_intake_open(struct sync *s, struct span source, struct intake **out, struct diag *d) {
    struct share_context context;
    struct intake_options options = {
        .source = source, .keep_going = true, .finding = s->options->finding ? tell : NULL, .finding_context = s};
    node_share_context(s->node, &s->node->live, s->view, &context);
    return intake_open(&context, &options, out, d);
}

enum err sync_intake_close(struct sync *s, struct intake **in, enum err e, struct diag *d) {
    struct intake_totals totals = {0};
    if (!e) e = intake_commit(in, &totals, d);
    if (*in) intake_cancel(in);
    s->result->read += totals.read;
    s->result->added += totals.added;
    s->result->known += totals.known;
    s->result->rejected += totals.rejected;
    s->result->quarantined += totals.quarantined;
    return e;
}

static enum err store(struct sync_storing *g, struct diag *d) {
    struct sync *s = g->sync;
    struct intake *in = NULL;
    enum err e = sync_intake_open(s, s->party, &in, d);
    if (!e) e = sync_range_take(&g->range, in, d);
    if (!e) e = add_records(s, intake_transaction(in), g->origin, &g->range, g->state, d);
    if (!e)
        e = sync_state_put_with_head(intake_transaction(in), g->origin, g->state, clock_now(s->node->live.clock), d);
    return sync_intake_close(s, &in, e, d);
}

static void *store_thread(void *context) {
    struct sync_storing *g = context;
    g->error = store(g, &g->diag);
    return NULL;
}

enum err sync_storing_wait(struct sync_storing *g, struct diag *d) {
    if (g->begun) pthread_join(g->thread, NULL);
    g->begun = false;
    sync_range_clear(&g->range);
    if (g->error) *d = g->diag;
    return g->error;
}

enum err sync_storing_begin(struct sync_storing *g, struct sync_range *r, struct diag *d) {
    enum err e = sync_storing_wait(g, d);
    if (e || r->count == 0) return e;
    struct sync_range empty = g->range;
    g->range = *r;
    *r = empty;
    g->begun = pthread_create(&g->thread, NULL, store_thread, g) == 0;
    return g->begun ? ERR_NONE : diag_set(d, ERR_NOMEM, "no thread to store what was pulled");
}

void sync_storing_free(struct sync_storing *g) {
    struct diag ignored;
    (void)!sync_storing_wait(g, &ignored);
    sync_range_free(&g->range);
}
