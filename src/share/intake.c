#include "share/intake.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "share/agreements.h"
#include "share/erase.h"
#include "share/origin.h"
#include "share/reading.h"
#include "share/release.h"

enum { OBJECT_ARENA_MAX = 256 << 20 };

/* One intake at a time: pending holdings are everything behind the visible ones, so they must all be of one intake. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct intake {
    struct share_context context;
    struct intake_options options;
    struct store_tx *tx;
    unsigned in_batch;
    uint32_t source;
    bool derivations; /* something went out derived: what partners name may be that */
    time_us now;
    struct arena reading, arena; /* of the object at hand: as read; what the store says of it */
    struct stix_report report;
    struct arena terms; /* agreements, loaded when one is first asked for */
    struct share_agreement *agreements;
    size_t agreement_count;
    struct intake_totals totals;
    struct erasure *erased; /* what must not come in again */
    size_t erased_count;
    struct rehandled *rehandled; /* what gets other handling when this becomes visible; owned */
    size_t rehandled_count, rehandled_size;
};

/* A holding held already, and its new handling, whose labels live in `terms`. */
struct rehandled {
    int64_t holding;
    struct store_handling handling;
};

static enum err transaction(struct intake *in, struct diag *d) {
    return in->tx ? ERR_NONE : store_begin(in->context.store, &in->tx, d);
}

/* What this party erased itself. What a partner had erased may come again: from the partner, who knows. */
static enum err load_erased(struct intake *in, struct diag *d) {
    struct span any = {0};
    size_t count = 0;
    enum err e = store_meta_get(store_tx_reader(in->tx), SHARE_META_ERASURES, &in->arena, &any, d);
    if (e || !any.at) return e;
    e = erasure_list(store_tx_reader(in->tx), &in->terms, &in->erased, &count, d);
    for (size_t i = 0; i < count && !e; i++)
        if (!in->erased[i].lifted && in->erased[i].from.len == 0) in->erased[in->erased_count++] = in->erased[i];
    return e;
}

static const struct erasure *erased_before(const struct intake *in, struct span id) {
    size_t low = 0, high = in->erased_count; /* listed by id */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(in->erased[middle].object, id);
        if (order == 0) return &in->erased[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

enum err intake_open(const struct share_context *c, const struct intake_options *o, struct intake **out,
                     struct diag *d) {
    struct intake *in = calloc(1, sizeof *in);
    struct span derivations = {0};
    *out = NULL;
    if (!in) return diag_set(d, ERR_NOMEM, "no memory for an import");
    in->context = *c;
    in->options = *o;
    if (!o->has_handling) in->options.handling = (struct store_handling){.confidence = -1};
    in->now = clock_now(c->clock);
    arena_init(&in->reading, READING_ARENA_MAX);
    arena_init(&in->arena, OBJECT_ARENA_MAX);
    arena_init(&in->terms, OBJECT_ARENA_MAX);
    pthread_mutex_lock(&one_at_a_time);
    enum err e = transaction(in, d);
    if (!e) e = store_intake_discard(in->tx, d); /* what an intake that failed half-way may have left */
    if (!e) e = store_source_number(in->tx, o->source, &in->source, d);
    if (!e) e = store_meta_get(store_tx_reader(in->tx), SHARE_META_DERIVATIONS, &in->arena, &derivations, d);
    in->derivations = derivations.at != NULL;
    if (!e) e = load_erased(in, d);
    if (e) intake_cancel(&in);
    *out = in;
    return e;
}

void intake_hold(void) {
    pthread_mutex_lock(&one_at_a_time);
}

void intake_let_go(void) {
    pthread_mutex_unlock(&one_at_a_time);
}

struct store_tx *intake_transaction(struct intake *in) {
    return in->tx;
}

static void intake_free(struct intake **in) {
    if ((*in)->tx) store_rollback(&(*in)->tx);
    arena_free(&(*in)->reading);
    arena_free(&(*in)->arena);
    arena_free(&(*in)->terms);
    free((*in)->rehandled);
    free(*in);
    *in = NULL;
    pthread_mutex_unlock(&one_at_a_time);
}

/* Takes back what was added in transactions already committed, too. */
static enum err take_back(struct intake *in, struct diag *d) {
    if (in->tx) store_rollback(&in->tx);
    enum err e = store_begin(in->context.store, &in->tx, d);
    if (!e) e = store_intake_discard(in->tx, d);
    return e ? e : store_commit(&in->tx, d);
}

void intake_cancel(struct intake **in) {
    struct diag ignored;
    if (!*in) return;
    (void)!take_back(*in, &ignored); /* what stays is invisible, and the next intake discards it */
    intake_free(in);
}

/* ---- whose object is it?
 * --------------------------------------------------------------------------------------------- */

static struct span party_of_identity(const struct share_context *c, struct span identity) {
    if (identity.len == 0) return (struct span){0};
    if (span_equal(identity, c->identity)) return c->party;
    for (size_t i = 0; i < c->party_count; i++)
        if (span_equal(identity, c->parties[i].identity)) return c->parties[i].id;
    return (struct span){0};
}

/* The party whose identity a held version names as its creator; empty if that is nobody known. */
static enum err creator_of(struct intake *in, int64_t holding, struct span *out, struct diag *d) {
    struct store_holding held;
    struct json_doc doc;
    struct stix_object o;
    *out = (struct span){0};
    enum err e = store_holding_get(store_tx_reader(in->tx), holding, &in->arena, &held, d);
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e; /* erased: nobody can say any more */
    if (json_parse(&in->arena, held.body, &doc, d) == ERR_NONE &&
        stix_object_view(&in->arena, json_root(&doc), &o, d) == ERR_NONE)
        *out = party_of_identity(&in->context, o.created_by);
    return ERR_NONE;
}

/* Whether the sender may bring what is another party's: an agreement with it names that party as a source. */
static enum err passes_on(struct intake *in, struct span owner, bool *out, struct diag *d) {
    enum err e = ERR_NONE;
    if (!in->agreements)
        e = share_agreements_load(store_tx_reader(in->tx), &in->terms, &in->agreements, &in->agreement_count, d);
    *out = !e && share_agreements_pass_on(in->agreements, in->agreement_count, in->options.source, in->context.party,
                                          owner, in->now);
    return e;
}

/* A version counts only from its creator's party, and who the creator is was said by the first that counted: naming
 * another later takes nothing over. A creator that is no party we know (a vendor, MITRE), or not named, speaks through
 * whoever brought the object first; this party's own analysts may bring newer versions of such an object, partners may
 * not. Where an agreement lets the sender pass on what is its creator's, its word counts until the creator's own party
 * gives the object itself. Whoever brings the very bytes that count already says nothing new. */
static enum err judge(struct intake *in, const struct stix_object *o, const struct sha256 *hash,
                      const struct store_holding *held, size_t count, enum store_state *state, struct diag *d) {
    struct span sender = in->options.source.len ? in->options.source : in->context.party;
    struct span owner = party_of_identity(&in->context, o->created_by), creator;
    bool contested = owner.len && !span_equal(owner, sender), passed_on = false;
    if (contested && !span_equal(owner, in->context.party)) {
        enum err e = passes_on(in, owner, &passed_on, d);
        if (e) return e;
        contested = !passed_on;
    }
    for (size_t i = 0; i < count && !contested; i++)
        if (held[i].state == STORE_CURRENT && sha256_equal(&held[i].hash, hash)) return ERR_NONE;
    for (size_t i = 0; i < count && !contested; i++) {
        if (held[i].state != STORE_CURRENT || held[i].source == in->source) continue;
        enum err e = creator_of(in, held[i].id, &creator, d);
        if (e) return e;
        contested = creator.len ? !span_equal(creator, sender) : in->source != STORE_SOURCE_OWN;
    }
    if (contested) *state = STORE_QUARANTINED;
    return ERR_NONE;
}

/* ---- handling of what is held already
 * --------------------------------------------------------------------------------------------------------------- */

static bool same_handling(const struct store_handling *a, const struct store_handling *b) {
    return a->tlp == b->tlp && a->confidence == b->confidence && span_equal(a->labels, b->labels);
}

static const struct store_holding *find_twin(const struct store_holding *held, size_t count,
                                             const struct store_holding *h) {
    for (size_t i = 0; i < count; i++)
        if (held[i].source == h->source && held[i].modified == h->modified && sha256_equal(&held[i].hash, &h->hash))
            return &held[i];
    return NULL;
}

/* It takes effect with the intake, not before: an intake that is refused changes nothing. */
static enum err rehandle_later(struct intake *in, int64_t holding, struct diag *d) {
    if (in->rehandled_count == in->rehandled_size) {
        size_t size = in->rehandled_size ? in->rehandled_size * 2 : 256;
        struct rehandled *bigger = realloc(in->rehandled, size * sizeof *bigger);
        if (!bigger) return diag_set(d, ERR_NOMEM, "no memory for an import");
        in->rehandled = bigger;
        in->rehandled_size = size;
    }
    struct store_handling handling = in->options.handling;
    handling.labels = arena_copy(&in->terms, handling.labels);
    if (!handling.labels.at && in->options.handling.labels.len)
        return diag_set(d, ERR_NOMEM, "no memory for an import");
    in->rehandled[in->rehandled_count++] = (struct rehandled){holding, handling};
    return ERR_NONE;
}

/* Policy looks again at what was handled anew. */
static enum err rehandle(struct intake *in, struct diag *d) {
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < in->rehandled_count; i++) {
        struct store_holding h;
        int64_t id = in->rehandled[i].holding;
        bool added;
        arena_reset(&in->arena);
        e = store_holding_get(store_tx_reader(in->tx), id, &in->arena, &h, d);
        h.handling = in->rehandled[i].handling;
        if (!e) e = store_holding_add(in->tx, &h, NULL, 0, &id, &added, d);
        if (!e) e = share_reconsider(in->tx, id, d);
    }
    return e;
}

/* ---- one object
 * ---------------------------------------------------------------------------------------------------------- */

static void tell(struct intake *in, bool error, const char *place, struct span id, const char *path,
                 const char *message) {
    if (in->options.finding && (!error || in->totals.rejected < INTAKE_FINDINGS_MAX))
        in->options.finding(in->options.finding_context, error, place, id, path, message);
}

static void tell_report(struct intake *in, const struct stix_report *report, const char *place, struct span id) {
    for (size_t i = 0; i < report->count; i++) {
        const struct stix_finding *f = &report->findings[i];
        tell(in, f->severity == STIX_ERROR, place, id, f->path, f->message);
        in->totals.warnings += f->severity != STIX_ERROR;
    }
}

static enum err keep(struct intake *in, const struct store_holding *h, const struct span *refs, size_t ref_count,
                     int64_t *holding, bool *added, struct diag *d) {
    enum err e = store_holding_add(in->tx, h, refs, ref_count, holding, added, d);
    if (e) return e;
    in->totals.added += *added;
    in->totals.known += !*added;
    if (++in->in_batch < INTAKE_BATCH) return ERR_NONE;
    in->in_batch = 0;
    if ((e = store_commit(&in->tx, d))) return e;
    return transaction(in, d);
}

/* What its publisher had withdrawn came again. */
static enum err restore(struct intake *in, int64_t holding, struct diag *d) {
    enum err e = transaction(in, d);
    if (!e) e = store_holding_restore(in->tx, holding, d);
    return e ? e : share_reconsider(in->tx, holding, d);
}

/* The ids it names; and where a partner names what was derived for it, the original's, so that a sighting of that is
 * found at the original. */
static enum err targets_gather(struct intake *in, const struct intake_object *o, struct span **out, size_t *count,
                               struct diag *d) {
    *count = 0;
    *out = arena_zalloc(&in->arena, 2 * o->ref_count + 1, sizeof(**out));
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the references of an object");
    for (size_t i = 0; i < o->ref_count; i++) {
        const struct stix_ref *ref = &o->refs[i];
        struct span target = ref->target, original = {0};
        bool may = in->derivations && in->source != STORE_SOURCE_OWN && !ref->is_marking && !ref->is_created_by;
        enum err e = ERR_NONE;
        if (may) e = share_original_of(store_tx_reader(in->tx), target, in->options.source, &in->arena, &original, d);
        if (e) return e;
        (*out)[(*count)++] = target;
        if (original.len) (*out)[(*count)++] = original;
    }
    return ERR_NONE;
}

/* own: made here, so nobody else's and nothing to judge. */
static enum err add(struct intake *in, const struct intake_object *o, bool own, int64_t *holding, struct diag *d) {
    struct store_holding *held = NULL;
    size_t held_count = 0;
    bool added = false;
    int64_t id;
    struct span *targets;
    size_t target_count;
    struct store_holding h = {.stix_id = o->object.id,
                              .type = o->object.type,
                              .modified = o->object.has_modified ? o->object.modified : TIME_NONE,
                              .hash = o->hash,
                              .source = in->source,
                              .revoked = o->object.revoked,
                              .observed = o->observed,
                              .imported = in->now,
                              .handling = in->options.handling,
                              .body = o->bytes};
    enum err e = transaction(in, d);
    if (!e) e = targets_gather(in, o, &targets, &target_count, d);
    if (!e && !own)
        e = store_holding_history(store_tx_reader(in->tx), h.stix_id, false, &in->arena, &held, &held_count, d);
    if (e) return e;
    const struct store_holding *twin = find_twin(held, held_count, &h);
    if (twin && in->options.has_handling) {
        if (holding) *holding = twin->id;
        in->totals.known++;
        return same_handling(&twin->handling, &h.handling) ? ERR_NONE : rehandle_later(in, twin->id, d);
    }
    if (in->options.quarantine && (!twin || twin->state == STORE_QUARANTINED)) h.state = STORE_QUARANTINED;
    if ((!own && (e = judge(in, &o->object, &h.hash, held, held_count, &h.state, d))) ||
        (e = keep(in, &h, targets, target_count, &id, &added, d)))
        return e;
    if (twin && twin->state == STORE_QUARANTINED && h.state == STORE_CURRENT && (e = restore(in, id, d))) return e;
    if (holding) *holding = id;
    if (added && h.state == STORE_QUARANTINED) {
        in->totals.quarantined++;
        tell(in, false, o->place, h.stix_id, "",
             in->options.quarantine
                 ? "kept in quarantine until it is accepted"
                 : "kept in quarantine: a version of somebody else's object counts only from its creator's party");
    }
    return ERR_NONE;
}

/* A rejection, other than by what the report says. */
static enum err reject(struct intake *in, const struct intake_object *o, const char *path, const char *message) {
    in->totals.rejected++;
    tell(in, true, o->place, o->object.id, path, message);
    return ERR_NONE;
}

enum err intake_expect(struct intake *in, const struct span *ids, size_t count, struct diag *d) {
    enum err e = transaction(in, d);
    return e ? e : store_holding_expect(in->tx, ids, count, d);
}

enum err intake_take(struct intake *in, const struct intake_object *o, int64_t *holding, struct diag *d) {
    char path[32];
    if (holding) *holding = 0;
    arena_reset(&in->arena);
    in->totals.read++;
    if (o->report) tell_report(in, o->report, o->place, o->object.id);
    switch (o->outcome) {
    case READING_GOOD:
        break;
    case READING_NO_JSON:
        snprintf(path, sizeof path, "byte %llu", (unsigned long long)o->wrong->offset);
        return reject(in, o, path, o->wrong->message);
    case READING_INVALID:
        in->totals.rejected++; /* the report says why */
        return ERR_NONE;
    case READING_TOO_BIG: /* must not end the whole intake */
        return reject(in, o, "", "has too many parts to be read");
    case READING_TOO_MANY_NAMES:
        return reject(in, o, "", "names too many objects");
    }
    if (in->erased_count && erased_before(in, o->object.id))
        return reject(in, o, "", "was erased here for a legal reason: `renkei erase lift` lets it in again");
    if (o->altered_marking) {
        in->totals.warnings++;
        tell(in, false, o->place, o->object.id, "",
             "looks like a TLP marking but is not the exact object of the specification: it counts as the strictest");
    }
    /* After a rejection nothing will be kept, but every other mistake should be told in the same run. */
    if (in->totals.rejected && !in->options.keep_going) return ERR_NONE;
    return add(in, o, false, holding, d);
}

enum err intake_add(struct intake *in, struct span object, const char *place, int64_t *holding, struct diag *d) {
    struct intake_object o;
    arena_reset(&in->reading);
    intake_read(&in->reading, object, place, &in->report, &o);
    return intake_take(in, &o, holding, d);
}

void intake_label(struct intake *in, struct span labels) {
    if (!in->options.has_handling) in->options.handling.labels = labels;
}

void intake_handle(struct intake *in, const struct store_handling *handling) {
    static const struct store_handling none = {.confidence = -1};
    in->options.has_handling = handling != NULL;
    in->options.handling = handling ? *handling : none;
}

enum err intake_add_own(struct intake *in, struct span object, struct diag *d) {
    struct intake_object o;
    arena_reset(&in->arena);
    arena_reset(&in->reading);
    in->totals.read++;
    enum err e = intake_read_own(&in->reading, object, &o, d);
    return e ? e : add(in, &o, true, NULL, d);
}

void intake_reject(struct intake *in, const char *place, const char *message) {
    in->totals.read++;
    in->totals.rejected++;
    tell(in, true, place, (struct span){0}, "", message);
}

enum err intake_commit(struct intake **intake, struct intake_totals *totals, struct diag *d) {
    struct intake *in = *intake;
    enum err e = ERR_NONE;
    *totals = in->totals;
    if (in->totals.rejected && !in->options.keep_going) {
        e = take_back(in, d);
        if (!e)
            e = diag_set(d, ERR_INVALID,
                         "%llu of %llu objects rejected, nothing imported (--keep-going takes the others)",
                         (unsigned long long)in->totals.rejected, (unsigned long long)in->totals.read);
        totals->added = totals->known = totals->quarantined = 0;
    } else {
        e = transaction(in, d);
        if (!e) e = rehandle(in, d);
        if (!e) e = store_intake_publish(in->tx, d);
        if (!e) e = store_commit(&in->tx, d);
    }
    intake_free(intake);
    return e;
}
