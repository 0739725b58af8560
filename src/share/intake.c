#include "share/intake.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "stix/marking.h"
#include "stix/object.h"
#include "json/json.h"

enum { OBJECT_ARENA_MAX = 256 << 20 };

/* One intake at a time: pending holdings are everything behind the visible ones, so they must all be of one intake. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct intake {
    struct share_context context;
    struct intake_options options;
    struct store_tx *tx;
    unsigned in_batch;
    uint32_t source;
    time_us now;
    struct arena arena; /* of the object at hand */
    struct stix_report report;
    struct intake_totals totals;
};

static enum err transaction(struct intake *in, struct diag *d) {
    return in->tx ? ERR_NONE : store_begin(in->context.store, &in->tx, d);
}

enum err intake_open(const struct share_context *c, const struct intake_options *o, struct intake **out,
                     struct diag *d) {
    struct intake *in = calloc(1, sizeof *in);
    *out = NULL;
    if (!in) return diag_set(d, ERR_NOMEM, "no memory for an import");
    in->context = *c;
    in->options = *o;
    if (!o->has_handling) in->options.handling = (struct store_handling){.confidence = -1};
    in->now = clock_now(c->clock);
    arena_init(&in->arena, OBJECT_ARENA_MAX);
    pthread_mutex_lock(&one_at_a_time);
    enum err e = transaction(in, d);
    if (!e) e = store_intake_discard(in->tx, d); /* what an intake that failed half-way may have left */
    if (!e) e = store_source_number(in->tx, o->source, &in->source, d);
    if (e) intake_cancel(&in);
    *out = in;
    return e;
}

struct store_tx *intake_transaction(struct intake *in) {
    return in->tx;
}

static void intake_free(struct intake **in) {
    if ((*in)->tx) store_rollback(&(*in)->tx);
    arena_free(&(*in)->arena);
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

/* A version counts only from its creator's party. A creator that is no party we know (a vendor, MITRE) speaks through
 * whoever brought the object first; this party's own analysts may bring newer versions of such an object, partners may
 * not. */
static enum err judge(struct intake *in, const struct stix_object *o, const struct sha256 *hash,
                      enum store_state *state, struct diag *d) {
    struct span sender = in->options.source.len ? in->options.source : in->context.party;
    struct span owner = party_of_identity(&in->context, o->created_by);
    struct store_holding *held;
    size_t count;
    *state = STORE_CURRENT;
    if (owner.len && !span_equal(owner, sender)) {
        *state = STORE_QUARANTINED;
        return ERR_NONE;
    }
    enum err e = store_holding_history(store_tx_reader(in->tx), o->id, false, &in->arena, &held, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        if (held[i].state != STORE_CURRENT || held[i].source == in->source || sha256_equal(&held[i].hash, hash))
            continue;
        if (owner.len && span_equal(owner, sender) && held[i].source != STORE_SOURCE_OWN)
            continue; /* the creator itself, after somebody who passed it on */
        if (in->source != STORE_SOURCE_OWN) *state = STORE_QUARANTINED;
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

static void tell_report(struct intake *in, const char *place, struct span id) {
    for (size_t i = 0; i < in->report.count; i++) {
        const struct stix_finding *f = &in->report.findings[i];
        tell(in, f->severity == STIX_ERROR, place, id, f->path, f->message);
        in->totals.warnings += f->severity != STIX_ERROR;
    }
}

static void check_marking(struct intake *in, const struct stix_object *o, const char *place) {
    enum stix_tlp level;
    if (!span_is(o->type, "marking-definition") || stix_marking_classify(o, &level) != STIX_MARKING_ALTERED) return;
    in->totals.warnings++;
    tell(in, false, place, o->id, "",
         "looks like a TLP marking but is not the exact object of the specification: it counts as the strictest");
}

/* When what an object tells was seen, as far as it says. */
static time_us observed_at(const struct stix_object *o, struct arena *a) {
    static const char *const names[] = {"last_observed", "last_seen", "valid_from"};
    time_us t;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (time_parse_stix(json_text(json_get(o->json, names[i]), a), &t)) return t;
    return TIME_NONE;
}

/* own: made here, so nobody else's and nothing to judge. */
static enum err add(struct intake *in, const struct stix_object *o, struct span body, const char *place, bool own,
                    int64_t *holding, struct diag *d) {
    struct stix_ref *refs;
    size_t ref_count;
    bool added;
    int64_t id;
    enum err e = stix_object_refs(o, &in->arena, &refs, &ref_count);
    if (e) return diag_set(d, e, "no memory for the references of an object");
    struct span *targets = arena_zalloc(&in->arena, ref_count + 1, sizeof *targets);
    if (!targets) return diag_set(d, ERR_NOMEM, "no memory for the references of an object");
    for (size_t i = 0; i < ref_count; i++) targets[i] = refs[i].target;
    struct store_holding h = {.stix_id = o->id,
                              .type = o->type,
                              .modified = o->has_modified ? o->modified : TIME_NONE,
                              .hash = sha256_of(body),
                              .source = in->source,
                              .revoked = o->revoked,
                              .observed = observed_at(o, &in->arena),
                              .imported = in->now,
                              .handling = in->options.handling,
                              .body = body};
    if ((e = transaction(in, d)) || (!own && (e = judge(in, o, &h.hash, &h.state, d))) ||
        (e = store_holding_add(in->tx, &h, targets, ref_count, &id, &added, d)))
        return e;
    if (holding) *holding = id;
    in->totals.added += added;
    in->totals.known += !added;
    if (added && h.state == STORE_QUARANTINED) {
        in->totals.quarantined++;
        tell(in, false, place, o->id, "",
             "kept in quarantine: a version of somebody else's object counts only from its creator's party");
    }
    if (++in->in_batch < INTAKE_BATCH) return ERR_NONE;
    in->in_batch = 0;
    if ((e = store_commit(&in->tx, d))) return e;
    return transaction(in, d);
}

enum err intake_add(struct intake *in, struct span object, const char *place, int64_t *holding, struct diag *d) {
    struct json_doc doc;
    struct stix_object o = {0};
    struct diag wrong;
    char path[JSON_PATH_SIZE + 32];
    if (holding) *holding = 0;
    arena_reset(&in->arena);
    in->totals.read++;
    enum err e = json_parse(&in->arena, object, &doc, &wrong);
    if (e && e != ERR_NOMEM) {
        in->totals.rejected++;
        snprintf(path, sizeof path, "byte %llu", (unsigned long long)wrong.offset);
        tell(in, true, place, (struct span){0}, path, wrong.message);
        return ERR_NONE;
    }
    if (!e) e = stix_object_read(&in->arena, json_root(&doc), NULL, &o, &in->report);
    if (e && e != ERR_INVALID) return diag_set(d, e, "%s: no memory for this object", place);
    tell_report(in, place, o.id);
    if (e) {
        in->totals.rejected++;
        return ERR_NONE;
    }
    check_marking(in, &o, place);
    /* After a rejection nothing will be kept, but every other mistake should be told in the same run. */
    if (in->totals.rejected && !in->options.keep_going) return ERR_NONE;
    return add(in, &o, object, place, false, holding, d);
}

enum err intake_add_own(struct intake *in, struct span object, struct diag *d) {
    struct json_doc doc;
    struct stix_object o;
    arena_reset(&in->arena);
    in->totals.read++;
    enum err e = json_parse(&in->arena, object, &doc, d);
    if (!e) e = stix_object_view(&in->arena, json_root(&doc), &o, d);
    return e ? e : add(in, &o, object, "", true, NULL, d);
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
        if (!e) e = store_intake_publish(in->tx, d);
        if (!e) e = store_commit(&in->tx, d);
    }
    intake_free(intake);
    return e;
}
