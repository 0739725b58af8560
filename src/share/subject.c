#include "share/subject.h"

#include <stdlib.h>

#include "base/map.h"
#include "ledger/record.h"
#include "share/agreements.h"
#include "share/approval.h"
#include "share/consent.h"
#include "share/origin.h"
#include "stix/id.h"
#include "json/json.h"

enum { POLICY_ARENA_MAX = 128 << 20 }; /* agreements, the national policy, and markings looked up so far */

struct share_policy {
    struct arena arena;
    struct national_policy *national; /* NULL: there is none */
    struct approvals approvals;       /* loaded only if there is one */
    const struct agreement **agreements;
    size_t agreement_count;
    struct map meanings; /* marking id → its struct stix_meaning's address; 0 = not held */
};

/* ---- markings ---- */

/* What a marking definition that is no built-in TLP object is, by the version of it that counts here. */
static const struct stix_meaning *marking_read(const struct share_question *q, struct span id) {
    struct arena *a = &q->policy->arena;
    struct store_holding holding;
    struct stix_object object;
    struct diag d;
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct stix_meaning *meaning = arena_alloc(a, sizeof *meaning);
    if (!doc || !meaning || store_holding_latest(q->reader, id, a, &holding, &d) ||
        json_parse(a, holding.body, doc, &d) || stix_object_view(a, json_root(doc), &object, &d))
        return NULL; /* not held, not readable: as strict as can be */
    stix_meaning_read(&object, a, meaning);
    return meaning;
}

static const struct stix_meaning *marking_lookup(void *context, struct span id) {
    const struct share_question *q = context;
    uint64_t known;
    if (map_get(&q->policy->meanings, id, &known)) return (const struct stix_meaning *)(uintptr_t)known;
    const struct stix_meaning *meaning = marking_read(q, id);
    (void)map_set(&q->policy->meanings, id, (uint64_t)(uintptr_t)meaning, NULL); /* only a shortcut */
    return meaning;
}

/* ---- facts ---- */

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

/* Whether an opinion or a note is about nothing but what the recipient gave. */
static enum err about_find(const struct share_question *q, const struct share_candidate *c, bool *out, struct arena *a,
                           struct diag *d) {
    struct json_value refs = json_get(c->object.json, "object_refs");
    *out = (span_is(c->object.type, "opinion") || span_is(c->object.type, "note")) && q->recipient_source >= 0 &&
           json_count(refs) > 0;
    for (struct json_iter it = json_iter(refs); *out && json_next(&it);) {
        enum err e = store_received_from(q->reader, json_text(it.value, a), (uint32_t)q->recipient_source, out, d);
        if (e) return e;
    }
    return ERR_NONE;
}

/* How far it has come: from its creator's own party, or through others. */
static unsigned hops_of(const struct share_question *q, const struct policy_subject *s) {
    for (size_t i = 0; i < q->context->party_count; i++)
        if (span_equal(q->context->parties[i].id, s->source_party))
            return s->creator.len == 0 || span_equal(s->creator, q->context->parties[i].identity) ? 1 : 2;
    return 2;
}

/* Of what another party gave: who, under which agreements, and whether it may go on. */
static enum err provenance_find(const struct share_question *q, const struct share_candidate *c, struct arena *a,
                                struct policy_subject *s, struct diag *d) {
    const struct share_policy *policy = q->policy;
    struct store_document consent;
    if (c->holding->source == STORE_SOURCE_OWN) return ERR_NONE;
    enum err e = store_source_name(q->reader, c->holding->source, a, &s->source_party, d);
    const struct agreement **under = e ? NULL : arena_zalloc(a, policy->agreement_count + 1, sizeof(*under));
    if (!under) return e ? e : ERR_NOMEM;
    for (size_t i = 0; i < policy->agreement_count; i++)
        if (agreement_direction(policy->agreements[i], s->source_party, q->context->party))
            under[s->came_under_count++] = policy->agreements[i];
    s->came_under = under;
    s->hops = hops_of(q, s);
    struct span key = arena_printf(a, "%.*s/%.*s", SPAN_ARG(c->object.id), SPAN_ARG(q->recipient));
    e = store_document_get(q->reader, SHARE_CONSENT_KIND, key, a, &consent, d);
    s->consented = e == ERR_NONE;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* A member's identity goes out only beside a sighting that may name it: its clause is that of the returning sightings.
 */
static void decide_member(const struct share_question *q, struct share_candidate *c) {
    const struct agreement_direction *back = agreement_direction(q->agreement, q->recipient, q->context->party);
    bool named = back && back->sightings_return && back->sightings_name_member;
    if (c->decision.reason == POLICY_REASON_NOT_EFFECTIVE || c->decision.reason == POLICY_REASON_ENDED) return;
    c->decision.outcome = named ? POLICY_RELEASE : POLICY_WITHHOLD;
    c->decision.reason = named ? POLICY_REASON_SIGHTINGS_RETURN : POLICY_REASON_SIGHTINGS_KEPT;
    c->decision.clause = named ? back->sightings_clause : (struct span){0};
    c->decision.redactions = 0; /* whatever rule it met before, it is no rule's */
    c->decision.redaction = NULL;
}

static enum err subject_fill(const struct share_question *q, struct share_candidate *c, struct arena *a,
                             struct policy_subject *s, struct diag *d) {
    const struct store_holding *h = c->holding;
    if (policy_facts_read(&c->object, marking_lookup, (void *)(uintptr_t)q, a, s, &c->unknown))
        return diag_set(d, ERR_NOMEM, "no memory for a decision");
    struct span creator = c->object.created_by;
    s->creator_stays = c->object.kind == STIX_SCO || creator.len == 0 || span_equal(creator, q->context->identity);
    s->sighted_nowhere = json_count(json_get(c->object.json, "where_sighted_refs")) == 0;
    s->handling_tlp = (enum stix_tlp)h->handling.tlp;
    s->handling_confidence = h->handling.confidence;
    s->handling_labels = h->handling.labels;
    enum err e = provenance_find(q, c, a, s, d);
    if (!e) e = sighting_find(q, c, &s->sighting_of_recipient, a, d);
    if (!e) e = about_find(q, c, &s->about_recipient, a, d);
    return e ? e : member_find(q, c, a, d);
}

/* What that names is read from what goes out: a redaction that leaves a name behind is none. */
enum err share_candidate_derive(const struct share_question *q, struct share_candidate *c,
                                const struct derive_rename *renames, size_t rename_count, time_us modified,
                                struct arena *a, struct diag *d) {
    const struct derive_order order = {q->lineage, &c->decision, renames, rename_count, modified};
    char id[DERIVE_ID_SIZE];
    struct buf text = BUF_EMPTY;
    struct json_doc *doc = arena_alloc(a, sizeof *doc);
    struct stix_object out;
    enum err e = doc ? share_derive(q->context, &c->object, &order, id, &text, d)
                     : diag_set(d, ERR_NOMEM, "no memory for a decision");
    c->derived = true;
    c->out_id = arena_copy(a, span_cstr(e ? "" : id));
    c->out_body = arena_copy(a, buf_span(&text));
    buf_free(&text);
    if (!e) e = json_parse(a, c->out_body, doc, d);
    if (!e) e = stix_object_view(a, json_root(doc), &out, d);
    if (e) return e;
    c->out_modified = out.has_modified ? out.modified : TIME_NONE;
    c->out_version = out.has_modified ? out.modified_text : (struct span){0};
    return stix_object_refs(&out, a, &c->refs, &c->ref_count);
}

struct approval_of share_approval_of(const struct share_question *q, const struct store_holding *h) {
    return (struct approval_of){.realm = q->context->realm,
                                .object = h->stix_id,
                                .recipient = q->recipient,
                                .content = h->hash,
                                .agreement = q->agreement->hash};
}

/* What national policy refers to officers goes as the agreement has it once enough of them approved and none refused.
 */
static void decide_national(const struct share_question *q, const struct policy_subject *s,
                            struct share_candidate *out) {
    struct policy_decision before = out->decision;
    unsigned approved, refused;
    policy_decide_national(q->policy->national, q->now, s, &out->decision);
    if (out->decision.outcome != POLICY_REFER) return;
    const struct approval_of of = share_approval_of(q, out->holding);
    approvals_count(&q->policy->approvals, &of, &approved, &refused);
    if (refused == 0 && approved >= out->decision.approvals) out->decision = before;
}

void share_approvals_count(const struct share_question *q, const struct approval_of *of, unsigned *approved,
                           unsigned *refused) {
    approvals_count(&q->policy->approvals, of, approved, refused);
}

const struct national_policy *share_national_policy(const struct share_question *q) {
    return q->policy->national;
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
    decide_national(q, &s, out);
    out->out_id = out->object.id;
    out->out_body = h->body;
    out->out_modified = h->modified;
    out->out_version = out->object.has_modified ? out->object.modified_text : (struct span){0};
    if (out->decision.outcome != POLICY_RELEASE) return ERR_NONE;
    e = out->decision.redactions ? share_candidate_derive(q, out, NULL, 0, TIME_NONE, a, d)
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
                                      .records = true,
                                      .limit = STORE_PAGE_MAX,
                                      .with_record = true};
    struct store_entry *entries;
    struct ledger_record record;
    size_t count;
    *out = false;
    enum err e = store_entry_scan(q->reader, &query, a, &entries, &count, d);
    if (e || count == 0 || entries[count - 1].state != STORE_ENTRY_RECORD) return e;
    if ((e = ledger_record_read(a, entries[count - 1].record, &record, d))) return e;
    *out = record.clause_count == 0;
    return ERR_NONE;
}

enum err share_newest_outcome(const struct share_question *q, const struct store_holding *h, struct arena *a,
                              enum policy_outcome *out, struct diag *d) {
    struct store_holding *versions;
    struct share_candidate newest;
    size_t count;
    *out = POLICY_RELEASE;
    enum err e = store_holding_history(q->reader, h->stix_id, false, a, &versions, &count, d);
    if (e) return e;
    while (count > 0 && versions[count - 1].state != STORE_CURRENT) count--;
    if (count == 0 || versions[count - 1].modified <= h->modified) return ERR_NONE;
    e = store_holding_get(q->reader, versions[count - 1].id, a, &versions[count - 1], d);
    if (!e) e = share_candidate_decide(q, &versions[count - 1], a, &newest, d);
    *out = e ? POLICY_WITHHOLD : newest.decision.outcome;
    return e == ERR_SYNTAX || e == ERR_INVALID ? ERR_NONE : e;
}

/* ---- what the decisions of one ledger have in common ---- */

static enum err national_load(struct store_reader *r, bool retrospective, time_us now, struct arena *a,
                              struct national_policy **out, struct diag *d) {
    struct store_document *docs;
    size_t count;
    *out = NULL;
    enum err e = store_document_list(r, SHARE_NATIONAL_KIND, a, &docs, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct national_policy *n;
        if (retrospective && docs[i].time > now) continue;
        e = national_policy_read(a, docs[i].body, &n, d);
        if (e || n->effective > now || (*out && (*out)->version > n->version)) continue;
        *out = n;
    }
    return e;
}

enum err share_national_in_force(struct store_reader *r, time_us now, struct arena *a, struct national_policy **out,
                                 struct diag *d) {
    return national_load(r, false, now, a, out, d);
}

static enum err agreements_load(struct share_question *q, struct diag *d) {
    struct share_policy *policy = q->policy;
    struct share_agreement *all;
    size_t count;
    enum err e = share_agreements_load(q->reader, &policy->arena, &all, &count, d);
    if (e) return e;
    if (q->retrospective) count = share_agreements_known(all, count, q->now);
    policy->agreements = arena_zalloc(&policy->arena, count + 1, sizeof(*policy->agreements));
    if (!policy->agreements) return diag_set(d, ERR_NOMEM, "no memory for the agreements");
    for (size_t i = 0; i < count; i++)
        if (share_agreement_in_force(all, count, all[i].lineage, q->now) == &all[i])
            policy->agreements[policy->agreement_count++] = all[i].agreement;
    return ERR_NONE;
}

enum err share_question_prepare(struct share_question *q, struct diag *d) {
    uint32_t number;
    struct span derivations = {0};
    q->policy = calloc(1, sizeof *q->policy);
    if (!q->policy) return diag_set(d, ERR_NOMEM, "no memory for decisions");
    arena_init(&q->policy->arena, POLICY_ARENA_MAX);
    map_init(&q->policy->meanings);
    map_init(&q->policy->approvals.by_decision);
    enum err e = store_source_find(q->reader, q->recipient, &number, d);
    q->recipient_source = e ? -1 : (int64_t)number;
    if (e == ERR_NOT_FOUND) e = ERR_NONE;
    if (!e) e = store_meta_get(q->reader, SHARE_META_DERIVATIONS, &q->policy->arena, &derivations, d);
    q->derivations = derivations.at != NULL;
    if (!e) e = national_load(q->reader, q->retrospective, q->now, &q->policy->arena, &q->policy->national, d);
    if (!e && q->policy->national)
        e = approvals_load(q->reader, q->retrospective ? q->now : TIME_NONE, &q->policy->arena, &q->policy->approvals,
                           d);
    return e ? e : agreements_load(q, d);
}

void share_question_release(struct share_question *q) {
    if (!q->policy) return;
    map_free(&q->policy->meanings);
    approvals_free(&q->policy->approvals);
    arena_free(&q->policy->arena);
    free(q->policy);
    q->policy = NULL;
}

static enum err is_current(const struct share_question *q, struct span id, bool *out, struct diag *d) {
    struct store_entry entry;
    enum err e = q->ledger ? store_entry_current(q->reader, q->ledger, id, &entry, d) : ERR_NOT_FOUND;
    *out = e == ERR_NONE;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* The parties of one agreement have each other's cards, which name these. */
static bool is_party_identity(const struct share_question *q, struct span id) {
    const struct share_context *c = q->context;
    if (!span_starts(id, SPAN("identity--"))) return false;
    if (span_equal(id, c->identity)) return true;
    for (size_t i = 0; i < c->party_count; i++)
        if (span_equal(id, c->parties[i].identity)) return agreement_party(q->agreement, c->parties[i].id) != NULL;
    return false;
}

enum err share_recipient_form(const struct share_question *q, struct span stix_id, enum share_form *out,
                              struct diag *d) {
    char derived[DERIVE_ID_SIZE];
    enum stix_tlp level;
    bool has = stix_marking_builtin(stix_id, &level) || is_party_identity(q, stix_id);
    enum err e = has ? ERR_NONE : is_current(q, stix_id, &has, d);
    if (!e && !has && q->recipient_source >= 0)
        e = store_received_from(q->reader, stix_id, (uint32_t)q->recipient_source, &has, d);
    *out = has ? SHARE_FORM_OWN : SHARE_FORM_NONE;
    if (e || has || !q->derivations) return e;
    e = share_derived_id(q->context, q->lineage, stix_id, derived, d);
    if (!e) e = is_current(q, span_cstr(derived), &has, d);
    if (has) *out = SHARE_FORM_DERIVED;
    return e == ERR_LIMIT ? ERR_NONE : e; /* of a type too long to be derived: never was */
}
