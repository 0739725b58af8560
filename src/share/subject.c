#include "share/subject.h"

#include "share/derive.h"
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

static enum err subject_fill(const struct share_question *q, struct share_candidate *c, struct arena *a,
                             struct policy_subject *s, struct diag *d) {
    const struct store_holding *h = c->holding;
    struct stix_marking_summary marking;
    struct marking_lookup lookup = {q, a};
    stix_marking_effective(&c->object, marking_lookup, &lookup, &marking);
    policy_subject_init(s);
    s->type = c->object.type;
    s->tlp = marking.tlp;
    s->marking_unknown = marking.strictest;
    c->unknown = marking.offending;
    if (span_is(s->type, "marking-definition")) {
        enum stix_tlp level;
        enum stix_marking class = stix_marking_classify(&c->object, &level);
        s->builtin = class == STIX_MARKING_TLP;
        s->marking_unknown = s->marking_unknown || class == STIX_MARKING_ALTERED;
    }
    s->confidence = c->object.confidence;
    s->handling_tlp = (enum stix_tlp)h->handling.tlp;
    s->handling_confidence = h->handling.confidence;
    s->handling_labels = h->handling.labels;
    if (labels_read(c->object.json, a, &s->labels, &s->label_count))
        return diag_set(d, ERR_NOMEM, "no memory for a decision");
    enum err e =
        h->source == STORE_SOURCE_OWN ? ERR_NONE : store_source_name(q->reader, h->source, a, &s->source_party, d);
    if (!e) e = sighting_find(q, c, &s->sighting_of_recipient, a, d);
    return e ? e : member_find(q, c, a, d);
}

/* What goes out in the object's place, and what that names: a redaction that leaves a name behind is none. */
static enum err redact(const struct share_question *q, struct share_candidate *c, struct arena *a, struct diag *d) {
    char id[DERIVE_ID_SIZE];
    struct buf text = BUF_EMPTY;
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct stix_object out;
    enum err e = doc ? share_derive(q->context, q->lineage, &c->object, c->decision.redactions, id, &text, d)
                     : diag_set(d, ERR_NOMEM, "no memory for a decision");
    c->derived = true;
    c->out_id = arena_copy(a, span_cstr(e ? "" : id));
    c->out_body = arena_copy(a, buf_span(&text));
    buf_free(&text);
    if (!e) e = json_parse(a, c->out_body, doc, d);
    if (!e) e = stix_object_view(a, json_root(doc), &out, d);
    return e ? e : stix_object_refs(&out, a, &c->refs, &c->ref_count);
}

enum err share_candidate_decide(const struct share_question *q, const struct store_holding *h, struct arena *a,
                                struct share_candidate *out, struct diag *d) {
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct policy_subject s;
    *out = (struct share_candidate){.holding = h};
    if (!doc) return diag_set(d, ERR_NOMEM, "no memory for a decision");
    enum err e = json_parse(a, h->body, doc, d);
    if (!e) e = stix_object_view(a, json_root(doc), &out->object, d);
    if (!e) e = subject_fill(q, out, a, &s, d);
    if (e) return e == ERR_NOMEM ? diag_set(d, e, "no memory for a decision") : e;
    policy_decide(q->agreement, q->context->party, q->recipient, q->now, &s, &out->decision);
    if (out->member) decide_member(q, out);
    out->out_id = out->object.id;
    out->out_body = h->body;
    if (out->decision.outcome != POLICY_RELEASE) return ERR_NONE;
    e = out->decision.redactions ? redact(q, out, a, d)
                                 : stix_object_refs(&out->object, a, &out->refs, &out->ref_count);
    return e == ERR_NOMEM ? diag_set(d, e, "no memory for a decision") : e;
}

enum err share_was_withdrawn(const struct share_question *q, struct span out_id, struct arena *a, bool *out,
                             struct diag *d) {
    struct store_entry_query query = {.ledger = q->ledger,
                                      .stix_id = out_id,
                                      .added_after = TIME_NONE,
                                      .modified = TIME_NONE,
                                      .superseded = true,
                                      .withdrawn = true,
                                      .limit = 1};
    struct store_entry *entries;
    size_t count;
    enum err e = store_entry_scan(q->reader, &query, a, &entries, &count, d);
    *out = !e && count > 0 && entries[0].state == STORE_ENTRY_WITHDRAWN;
    return e;
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
    *out = stix_marking_builtin(stix_id, &level) || span_equal(stix_id, q->context->identity);
    if (*out) return ERR_NONE;
    enum err e = q->ledger ? store_entry_current(q->reader, q->ledger, stix_id, &entry, d) : ERR_NOT_FOUND;
    *out = e == ERR_NONE;
    if (e != ERR_NOT_FOUND || q->recipient_source < 0) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    return store_received_from(q->reader, stix_id, (uint32_t)q->recipient_source, out, d);
}
