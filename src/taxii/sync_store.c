/* Storing what was verified: objects as holdings, records beside them, and how far we are, all visible at once. */
#include <stdlib.h>

#include "ledger/record.h"
#include "share/erase.h"
#include "share/purpose.h"
#include "share/release.h"
#include "taxii/sync_run.h"

enum { PLACE_SIZE = 40, RANGE_ARENA_MAX = 1 << 30 };

void sync_range_free(struct sync_range *r) {
    arena_free(&r->arena);
    free(r->items);
    *r = (struct sync_range){0};
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
    const struct sync *s = context;
    s->options->finding(s->options->context, error, place, object_id, path, message);
}

/* "entry 4711", without printf: it is done for every object and read for hardly any. */
static void write_place(uint64_t seq, char place[PLACE_SIZE]) {
    char digits[24];
    size_t count = 0;
    memcpy(place, "entry ", 6);
    do digits[count++] = (char)('0' + seq % 10);
    while (seq /= 10);
    for (size_t i = 0; i < count; i++) place[6 + i] = digits[count - 1 - i];
    place[6 + count] = 0;
}

static bool says_purpose(const struct agreement *g) {
    bool any = g->purpose != NULL;
    for (size_t i = 0; i < g->direction_count; i++)
        for (size_t k = 0; k < g->directions[i].rules.count; k++) any = any || g->directions[i].rules.at[k].purpose;
    return any;
}

/* What its clause says about its use stays with the object. */
static enum err label(struct sync *s, struct intake *in, struct sync_range *r, const struct pulled *p, struct diag *d) {
    struct ledger_record record;
    struct span labels;
    enum err e = ledger_record_read(&r->arena, p->record, &record, d);
    if (e) return e;
    share_purpose_labels(s->agreements, s->agreement_count, s->party, s->view->own.party, &record, &r->arena, &labels);
    intake_label(in, labels);
    return ERR_NONE;
}

static enum err add_objects(struct sync *s, struct intake *in, struct sync_range *r, struct diag *d) {
    char place[PLACE_SIZE];
    enum err e = ERR_NONE;
    bool limited = false;
    for (size_t i = 0; i < s->agreement_count; i++) limited = limited || says_purpose(s->agreements[i].agreement);
    for (size_t i = 0; !e && i < r->count; i++) {
        struct pulled *p = &r->items[i];
        if (p->kind != LEDGER_RELEASE || p->body.len == 0) continue;
        write_place(p->seq, place);
        if (limited && (e = label(s, in, r, p, d))) break;
        e = intake_add(in, p->body, place, &p->holding, d);
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

enum err sync_range_store(struct sync *s, struct span origin, struct sync_range *r, struct sync_state *state,
                          struct diag *d) {
    struct share_context context;
    struct intake *in = NULL;
    struct intake_totals totals = {0};
    struct intake_options options = {
        .source = s->party, .keep_going = true, .finding = s->options->finding ? tell : NULL, .finding_context = s};
    if (r->count == 0) return ERR_NONE;
    node_share_context(s->node, &s->node->live, s->view, &context);
    enum err e = intake_open(&context, &options, &in, d);
    if (!e) e = add_objects(s, in, r, d);
    if (!e) e = add_records(s, intake_transaction(in), origin, r, state, d);
    if (!e) e = sync_state_put_with_head(intake_transaction(in), origin, state, clock_now(s->node->live.clock), d);
    if (!e) e = intake_commit(&in, &totals, d);
    if (in) intake_cancel(&in);
    s->result->read += totals.read;
    s->result->added += totals.added;
    s->result->known += totals.known;
    s->result->rejected += totals.rejected;
    s->result->quarantined += totals.quarantined;
    r->count = r->bytes = 0;
    arena_reset(&r->arena);
    return e;
}
