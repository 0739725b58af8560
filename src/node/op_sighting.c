/* Sightings: what a member's telemetry showed, as STIX objects of this party. */
#include <stdio.h>

#include "detect/sighting.h"
#include "node/op_all.h"
#include "node/sighting_id.h"
#include "share/intake.h"
#include "share/release.h"
#include "stix/id.h"
#include "stix/marking.h"

enum { SIGHTING_MARKINGS_MAX = 8, MEMBER_NAME_MAX = 128 };

struct keeping {
    struct op_call *call;
    struct share_context context;
    struct intake *intake;
    struct span member, where; /* where: the identity that saw it */
    char member_id[STIX_ID_SIZE];
    time_us now;
    struct arena arena;
    struct buf text;
};

/* The member's identity is known to be one before anything can be decided about it. */
static enum err member_put(struct keeping *k, struct diag *d) {
    struct store_document doc = {.kind = SPAN("member"), .body = k->member, .time = k->now}, held;
    if (k->member.len == 0) {
        k->where = k->context.identity;
        return ERR_NONE;
    }
    sighting_member_id(span_of(k->context.secret, sizeof k->context.secret), k->member, k->member_id);
    k->where = doc.key = span_cstr(k->member_id);
    enum err e =
        store_document_get(store_tx_reader(intake_transaction(k->intake)), "member", doc.key, &k->arena, &held, d);
    if (e != ERR_NOT_FOUND) return e;
    if ((e = store_document_put(intake_transaction(k->intake), &doc, d))) return e;
    struct json_writer w = json_writer(&k->text);
    buf_clear(&k->text);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "identity");
    json_member_cstr(&w, "spec_version", "2.1");
    json_member(&w, "id", doc.key);
    json_member(&w, "created_by_ref", k->context.identity);
    json_member_time(&w, "created", k->now);
    json_member_time(&w, "modified", k->now);
    json_member(&w, "name", k->member);
    json_member_cstr(&w, "identity_class", "organization");
    json_end_object(&w);
    return intake_add_own(k->intake, buf_span(&k->text), d);
}

/* A sighting is marked as what was seen is: it tells as much. */
static enum err markings_of(struct keeping *k, struct span indicator, struct span *out, size_t *count, struct diag *d) {
    struct store_holding h;
    struct json_doc doc;
    enum stix_tlp level;
    enum err e = store_holding_latest(store_tx_reader(intake_transaction(k->intake)), indicator, &k->arena, &h, d);
    *count = 0;
    if (e)
        return e == ERR_NOT_FOUND ? diag_set(d, e, "%.*s is not held here: nothing can be said to have been seen of it",
                                             SPAN_ARG(indicator))
                                  : e;
    if ((e = json_parse(&k->arena, h.body, &doc, d))) return e;
    for (struct json_iter it = json_iter(json_get(json_root(&doc), "object_marking_refs"));
         json_next(&it) && *count < SIGHTING_MARKINGS_MAX;) {
        struct span id = json_text(it.value, &k->arena);
        if (stix_marking_builtin(id, &level)) out[(*count)++] = id;
    }
    return ERR_NONE;
}

/* Joins what an hour's sighting says already with what a further scan saw. The same scan again changes nothing; windows
 * that do not touch add up. */
static void merge(const struct store_holding *held, struct keeping *k, struct sighting *s) {
    struct json_doc doc;
    struct diag ignored;
    time_us first, last;
    int64_t count;
    if (json_parse(&k->arena, held->body, &doc, &ignored)) return;
    struct json_value o = json_root(&doc);
    (void)time_parse_stix(json_text(json_get(o, "created"), &k->arena), &s->created);
    s->modified = held->modified;
    if (!json_int(json_get(o, "count"), &count) ||
        !time_parse_stix(json_text(json_get(o, "first_seen"), &k->arena), &first) ||
        !time_parse_stix(json_text(json_get(o, "last_seen"), &k->arena), &last))
        return;
    bool apart = last < s->first_seen || s->last_seen < first;
    if (apart)
        s->count += (uint64_t)count;
    else if ((uint64_t)count > s->count)
        s->count = (uint64_t)count;
    if (first < s->first_seen) s->first_seen = first;
    if (last > s->last_seen) s->last_seen = last;
}

static enum err sighting_put(struct keeping *k, struct json_value v, struct diag *d) {
    char id[STIX_ID_SIZE];
    struct span markings[SIGHTING_MARKINGS_MAX], indicator;
    time_us hour;
    struct sighting s = {.created_by_ref = k->context.identity,
                         .created = k->now,
                         .modified = k->now,
                         .where_sighted_refs = &k->where,
                         .where_sighted_count = 1,
                         .object_marking_refs = markings};
    struct store_holding held;
    int64_t count;
    arena_reset(&k->arena);
    indicator = s.sighting_of_ref = json_text(json_get(v, "indicator"), &k->arena);
    if (!json_int(json_get(v, "count"), &count) || count < 1 ||
        !time_parse_stix(json_text(json_get(v, "hour"), &k->arena), &hour) ||
        !time_parse_stix(json_text(json_get(v, "first_seen"), &k->arena), &s.first_seen) ||
        !time_parse_stix(json_text(json_get(v, "last_seen"), &k->arena), &s.last_seen) || s.last_seen < s.first_seen)
        return diag_set(d, ERR_INVALID, "a sighting needs count, hour, first_seen and last_seen");
    s.count = (uint64_t)count;
    enum err e = markings_of(k, indicator, markings, &s.object_marking_count, d);
    if (e) return e;
    sighting_id(span_of(k->context.secret, sizeof k->context.secret), indicator, k->member, hour, id);
    s.id = span_cstr(id);
    e = store_holding_latest(store_tx_reader(intake_transaction(k->intake)), s.id, &k->arena, &held, d);
    if (e && e != ERR_NOT_FOUND) return e;
    bool known = e == ERR_NONE;
    if (known) merge(&held, k, &s);
    buf_clear(&k->text);
    detect_sighting_write(&k->text, &s);
    if (known && !span_equal(buf_span(&k->text), held.body)) {
        s.modified = k->now > held.modified ? k->now : held.modified + 1000;
        buf_clear(&k->text);
        detect_sighting_write(&k->text, &s);
    }
    return intake_add_own(k->intake, buf_span(&k->text), d);
}

/* {"member", "sightings": [{"indicator","hour","first_seen","last_seen","count"}]}. */
enum err op_sighting_add(struct op_call *call, struct diag *d) {
    struct keeping k = {.call = call, .member = op_text(call, "member"), .now = clock_now(call->realm->clock)};
    struct intake_options options = {0};
    struct intake_totals totals = {0};
    struct release_totals released = {0};
    struct node_view *v = node_view(call->node);
    k.now -= k.now % 1000;
    node_share_context(call->node, call->realm, v, &k.context);
    arena_init(&k.arena, 64 << 20);
    enum err e = k.member.len > MEMBER_NAME_MAX
                     ? diag_set(d, ERR_LIMIT, "--member has at most %d bytes", MEMBER_NAME_MAX)
                     : ERR_NONE;
    if (!e) e = intake_open(&k.context, &options, &k.intake, d);
    if (!e) e = member_put(&k, d);
    for (struct json_iter it = json_iter(json_get(call->args, "sightings")); !e && json_next(&it);)
        e = sighting_put(&k, it.value, d);
    if (e && k.intake) intake_cancel(&k.intake);
    if (!e) e = intake_commit(&k.intake, &totals, d);
    if (!e) e = release_run(&k.context, NULL, NULL, &released, d);
    if (!e) {
        struct buf out = BUF_EMPTY;
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member_number(&w, "sightings", (int64_t)totals.read);
        json_member_number(&w, "added", (int64_t)totals.added);
        json_member_number(&w, "released", (int64_t)released.released);
        json_end_object(&w);
        op_emit(call, &out);
        buf_free(&out);
    }
    node_view_release(call->node, &v);
    arena_free(&k.arena);
    buf_free(&k.text);
    return e;
}
