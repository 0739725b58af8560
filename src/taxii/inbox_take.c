/* What was posted becomes holdings, and entries of its collection. */
#include <stdio.h>

#include "node/collection.h"
#include "node/quarantine.h"
#include "share/intake.h"
#include "share/reading.h"
#include "share/subject.h"
#include "taxii/inbox.h"
#include "taxii/inbox_post.h"

enum { PLACE_SIZE = 40, OBJECT_ARENA_MAX = 256 << 20 };

struct taking {
    struct node *node;
    struct post *post;
    size_t at; /* the object being added: where a finding of the intake belongs */
    struct collection collection;
    bool quarantine;
    struct span source;
    int64_t visible; /* the newest holding before */
    struct arena arena;
};

static void note_finding(void *context, bool error, const char *place, struct span object_id, const char *path,
                         const char *message) {
    struct taking *t = context;
    struct outcome *o = &t->post->outcomes[t->at];
    if (o->message.len || t->post->envelope.count > INBOX_DETAILS_MAX) return;
    o->message = *path ? arena_printf(&t->post->arena, "%s: %s", path, message)
                       : arena_copy(&t->post->arena, span_cstr(message));
}

/* What a status names an object by (§4.3.2), and what a collection wants to know of it. */
static void name_outcome(struct post *p, size_t i, struct arena *scratch) {
    struct outcome *o = &p->outcomes[i];
    struct collection_item item;
    arena_reset(scratch);
    o->named = collection_item_read(scratch, p->envelope.objects[i], &item);
    o->id = o->named ? arena_copy(&p->arena, item.stix_id) : arena_printf(&p->arena, "objects[%zu]", i);
    o->version = item.version;
    o->media = arena_copy(&p->arena, item.media);
    time_format_stix(item.version != TIME_NONE ? item.version : p->received, o->shown);
}

static void fail(struct post *p, size_t i, const char *why, struct span what) {
    p->outcomes[i].failed = true;
    p->outcomes[i].message = arena_printf(&p->arena, "%s%.*s", why, SPAN_ARG(what));
}

/* ---- before: where it goes, whose it is, whether it waits ---------------------------------------------------------
 */

static enum err check_room(struct store_reader *r, struct arena *a, size_t more, struct diag *d) {
    struct store_document *waiting;
    size_t count;
    enum err e = store_document_list(r, QUARANTINE_KIND, a, &waiting, &count, d);
    if (e || count + more <= QUARANTINE_MAX) return e;
    return diag_set(d, ERR_BUSY, "%zu objects wait in quarantine already", count);
}

static enum err prepare(struct taking *t, struct diag *d) {
    const struct post *p = t->post;
    struct store_reader *r = NULL;
    struct national_policy *policy = NULL;
    bool foreign = p->from.party.len || p->from.member.len;
    t->source = p->from.party;
    if (p->from.member.len) t->source = arena_printf(&t->arena, "member:%.*s", SPAN_ARG(p->from.member));
    enum err e = store_reader_open(t->node->live.store, &r, d);
    if (!e && p->collection.len) e = collection_find(r, p->collection, &t->arena, &t->collection, d);
    if (!e && foreign) e = share_national_in_force(r, clock_now(t->node->live.clock), &t->arena, &policy, d);
    t->quarantine = t->collection.quarantine || national_policy_quarantines(policy, p->from.party);
    if (!e && t->quarantine) e = check_room(r, &t->arena, p->envelope.count, d);
    if (!e) e = store_holding_visible(r, &t->visible, d);
    store_reader_close(&r);
    return e;
}

/* ---- holdings ---------------------------------------------------------------------------------------------------- */

static enum err expect(const struct taking *t, struct intake *intake, struct diag *d) {
    struct span ids[READING_BATCH];
    size_t count = 0;
    for (size_t i = t->at; i < t->post->envelope.count && count < READING_BATCH; i++)
        ids[count++] = t->post->outcomes[i].id;
    return intake_expect(intake, ids, count, d);
}

static enum err add_object(struct taking *t, struct intake *intake, struct diag *d) {
    struct post *p = t->post;
    struct outcome *o = &p->outcomes[t->at];
    char place[PLACE_SIZE];
    struct span media = t->collection.id.len ? collection_takes(&t->collection, o->media) : SPAN(COLLECTION_STIX);
    if (media.len == 0) {
        fail(p, t->at, "this collection does not take ", o->media);
    } else if (!span_is(media, COLLECTION_STIX)) {
        o->media = arena_copy(&p->arena, media);
        if (!o->named) fail(p, t->at, "an object needs an \"id\" of the form type--UUID", SPAN(""));
        if (t->quarantine) fail(p, t->at, "only what is STIX 2.1 can wait in quarantine", SPAN(""));
    } else {
        snprintf(place, sizeof place, "objects[%zu]", t->at);
        o->media = SPAN(COLLECTION_STIX);
        enum err e = intake_add(intake, p->envelope.objects[t->at], place, &o->holding, d);
        if (e) return e;
        o->failed = o->holding == 0;
    }
    p->failures += o->failed;
    return ERR_NONE;
}

static enum err make_holdings(struct taking *t, struct diag *d) {
    struct node_view *view = node_view(t->node);
    struct share_context context;
    struct intake *intake = NULL;
    struct intake_totals totals;
    struct intake_options options = {.source = t->source,
                                     .quarantine = t->quarantine,
                                     .keep_going = true,
                                     .finding = note_finding,
                                     .finding_context = t};
    struct arena scratch;
    arena_init(&scratch, OBJECT_ARENA_MAX);
    node_share_context(t->node, &t->node->live, view, &context);
    enum err e = intake_open(&context, &options, &intake, d);
    for (size_t i = 0; i < t->post->envelope.count; i++) name_outcome(t->post, i, &scratch);
    for (t->at = 0; !e && t->at < t->post->envelope.count; t->at++) {
        if (t->at % READING_BATCH == 0) e = expect(t, intake, d);
        if (!e) e = add_object(t, intake, d);
    }
    t->post->successes = t->post->envelope.count - t->post->failures;
    if (!e) e = intake_commit(&intake, &totals, d);
    if (intake) intake_cancel(&intake);
    arena_free(&scratch);
    node_view_release(t->node, &view);
    return e;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

/* What waits enters the collection when it is accepted. */
static enum err place_object(struct taking *t, struct store_tx *tx, struct collection_end *end, size_t i, time_us now,
                             struct diag *d) {
    const struct outcome *o = &t->post->outcomes[i];
    bool added;
    if (t->quarantine) {
        struct quarantine_item waits = {
            .holding = o->holding, .from = t->post->from.key, .collection = t->collection.id, .since = now};
        return o->holding > t->visible ? quarantine_put(tx, &waits, d) : ERR_NONE;
    }
    struct collection_item item = {.stix_id = o->id,
                                   .version = o->version,
                                   .media = o->media,
                                   .holding = o->holding,
                                   .body = t->post->envelope.objects[i]};
    return collection_add(tx, end, &item, now, &added, d);
}

static enum err place_objects(struct taking *t, struct diag *d) {
    struct store_tx *tx = NULL;
    struct collection_end end;
    time_us now = clock_now(t->node->live.clock);
    if (!t->quarantine && !t->collection.id.len) return ERR_NONE; /* a partner's own inbox: its holdings are all */
    enum err e = store_begin(t->node->live.store, &tx, d);
    if (!e) e = collection_end(tx, t->collection.number ? t->collection.number : STORE_COLLECTION_FIRST, &end, d);
    for (size_t i = 0; !e && i < t->post->envelope.count; i++)
        if (!t->post->outcomes[i].failed) e = place_object(t, tx, &end, i, now, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

enum err inbox_take_in(struct node *n, struct post *p, struct diag *d) {
    struct taking t = {.node = n, .post = p};
    arena_init(&t.arena, OBJECT_ARENA_MAX);
    enum err e = prepare(&t, d);
    if (!e) e = make_holdings(&t, d);
    if (!e) e = place_objects(&t, d);
    arena_free(&t.arena);
    return e;
}
