#include "share/subject.h"

#include "stix/id.h"
#include "json/json.h"

/* ---- markings
 * -------------------------------------------------------------------------------------------------------- */

struct marking_lookup {
    const struct share_question *question;
    struct arena *arena;
};

/* What a marking definition that is no built-in TLP object is, by the version of it that counts here. */
static enum stix_marking marking_lookup(void *context, struct span id, enum stix_tlp *level) {
    const struct marking_lookup *l = context;
    struct store_holding holding;
    struct json_doc doc;
    struct stix_object object;
    struct diag d;
    if (store_holding_latest(l->question->reader, id, l->arena, &holding, &d) ||
        json_parse(l->arena, holding.body, &doc, &d) || stix_object_view(l->arena, json_root(&doc), &object, &d))
        return STIX_MARKING_OTHER; /* not held, not readable: as strict as can be */
    return stix_marking_classify(&object, level);
}

/* ---- facts
 * ------------------------------------------------------------------------------------------------------------ */

static enum err member_find(const struct share_question *q, struct share_candidate *c, struct arena *a,
                            struct diag *d) {
    struct store_document doc;
    if (!span_is(c->object.type, "identity")) return ERR_NONE;
    enum err e = store_document_get(q->reader, "member", c->object.id, a, &doc, d);
    c->member = e == ERR_NONE;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static enum err sighting_find(const struct share_question *q, const struct share_candidate *c, bool *of_recipient,
                              struct arena *a, struct diag *d) {
    *of_recipient = false;
    if (!span_is(c->object.type, "sighting") || q->recipient_source < 0) return ERR_NONE;
    struct span seen = json_text(json_get(c->object.json, "sighting_of_ref"), a);
    return store_received_from(q->reader, seen, (uint32_t)q->recipient_source, of_recipient, d);
}

static enum err labels_read(struct json_value object, struct arena *a, const struct span **out, size_t *count) {
    struct json_value labels = json_get(object, "labels");
    struct span *list = arena_zalloc(a, json_count(labels) + 1u, sizeof *list);
    if (!list) return ERR_NOMEM;
    *count = 0;
    struct json_iter it = json_iter(labels);
    while (json_type(labels) == JSON_ARRAY && json_next(&it)) list[(*count)++] = json_text(it.value, a);
    *out = list;
    return ERR_NONE;
}

/* A member's identity goes out only beside a sighting that may name it: its clause is that of the returning sightings.
 */
static void decide_member(const struct share_question *q, struct share_candidate *c) {
    const struct agreement_direction *back = agreement_direction(q->agreement, q->recipient, q->context->party);
    bool named = back && back->sightings_return && back->sightings_name_member &&
                 c->decision.reason != POLICY_REASON_NOT_EFFECTIVE && c->decision.reason != POLICY_REASON_ENDED;
    c->decision.outcome = named ? POLICY_RELEASE : POLICY_WITHHOLD;
    c->decision.reason = named ? POLICY_REASON_SIGHTINGS_RETURN : POLICY_REASON_SIGHTINGS_KEPT;
    c->decision.clause = named ? back->sightings_clause : (struct span){0};
}

enum err share_candidate_decide(const struct share_question *q, const struct store_holding *h, struct arena *a,
                                struct share_candidate *out, struct diag *d) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct stix_marking_summary marking;
    struct policy_subject s;
    *out = (struct share_candidate){.holding = h};
    if (!doc) return diag_set(d, ERR_NOMEM, "no memory for a decision");
    enum err e = json_parse(a, h->body, doc, d);
    if (!e) e = stix_object_view(a, json_root(doc), &out->object, d);
    if (!e) e = stix_object_refs(&out->object, a, &out->refs, &out->ref_count);
    if (e) return e == ERR_NOMEM ? diag_set(d, e, "no memory for a decision") : e;
    struct marking_lookup lookup = {q, a};
    stix_marking_effective(&out->object, marking_lookup, &lookup, &marking);
    policy_subject_init(&s);
    s.type = out->object.type;
    s.tlp = marking.tlp;
    s.marking_unknown = marking.strictest;
    if (span_is(s.type, "marking-definition")) {
        enum stix_tlp level;
        enum stix_marking class = stix_marking_classify(&out->object, &level);
        s.builtin = class == STIX_MARKING_TLP;
        s.marking_unknown = s.marking_unknown || class == STIX_MARKING_ALTERED;
    }
    s.confidence = out->object.confidence;
    s.handling_tlp = (enum stix_tlp)h->handling.tlp;
    s.handling_confidence = h->handling.confidence;
    s.handling_labels = h->handling.labels;
    if (labels_read(out->object.json, a, &s.labels, &s.label_count))
        return diag_set(d, ERR_NOMEM, "no memory for a decision");
    if (h->source != STORE_SOURCE_OWN && (e = store_source_name(q->reader, h->source, a, &s.source_party, d))) return e;
    if ((e = sighting_find(q, out, &s.sighting_of_recipient, a, d)) || (e = member_find(q, out, a, d))) return e;
    policy_decide(q->agreement, q->context->party, q->recipient, q->now, &s, &out->decision);
    if (out->member) decide_member(q, out);
    return ERR_NONE;
}

enum err share_question_prepare(struct share_question *q, struct diag *d) {
    uint32_t number;
    enum err e = store_source_find(q->reader, q->recipient, &number, d);
    q->recipient_source = e ? -1 : (int64_t)number;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

enum err share_recipient_has(const struct share_question *q, struct span stix_id, bool *out, struct diag *d) {
    struct store_entry entry;
    enum stix_tlp level;
    *out = stix_marking_builtin(stix_id, &level);
    if (*out) return ERR_NONE;
    enum err e = q->ledger ? store_entry_current(q->reader, q->ledger, stix_id, &entry, d) : ERR_NOT_FOUND;
    *out = e == ERR_NONE;
    if (e != ERR_NOT_FOUND || q->recipient_source < 0) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    return store_received_from(q->reader, stix_id, (uint32_t)q->recipient_source, out, d);
}
