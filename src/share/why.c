#include "base/encode.h"
#include "ledger/record.h"
#include "share/agreements.h"
#include "share/erase.h"
#include "share/origin.h"
#include "share/release.h"
#include "share/subject.h"
#include "json/write.h"

enum { WHY_ARENA_MAX = 256 << 20 };

static const char *const entry_states[] = {"current", "superseded", "withdrawn", "record"};

static void write_entry(struct json_writer *w, const struct store_entry *e, struct arena *a) {
    struct ledger_record record;
    struct diag ignored;
    char text[TIME_TEXT_SIZE];
    json_begin_object(w);
    json_member_number(w, "seq", (int64_t)e->seq);
    json_member_cstr(w, "state", entry_states[e->state]);
    json_member(w, "id", e->stix_id);
    json_member_time(w, "version", e->modified);
    json_member_cstr(w, "released", time_format_us(e->time, text));
    json_member_cstr(w, "decided", time_format_us(e->decided, text));
    if (!ledger_record_read(a, e->record, &record, &ignored)) {
        json_key(w, "clauses");
        json_begin_array(w);
        for (size_t i = 0; i < record.clause_count; i++) json_string(w, record.clauses[i]);
        json_end_array(w);
    }
    json_end_object(w);
}

static void write_decision(struct json_writer *w, const struct policy_decision *decision, bool out) {
    struct buf text = BUF_EMPTY;
    json_key(w, "decision");
    json_begin_object(w);
    json_member_cstr(w, "outcome", policy_outcome_name(decision->outcome));
    json_member_cstr(w, "reason", policy_reason_name(decision->reason));
    if (decision->clause.len) json_member(w, "clause", decision->clause);
    json_member_cstr(w, "tlp", stix_tlp_name(decision->tlp));
    if (decision->redactions) {
        policy_redactions_name(decision->redactions, &text);
        json_member(w, "redacted", buf_span(&text));
        buf_clear(&text);
    }
    if (decision->outcome == POLICY_RELEASE && !out)
        buf_printf(&text, "Clause %.*s permits it, but it is not out.", SPAN_ARG(decision->clause));
    else
        policy_explain(decision, &text);
    json_member(w, "text", buf_span(&text));
    json_end_object(w);
    buf_free(&text);
}

/* What keeps it back although policy said release: it was taken back, or something that it names is not out. */
static enum err write_missing(struct json_writer *w, const struct share_question *q, const struct share_candidate *c,
                              struct arena *a, struct diag *d) {
    bool withdrawn;
    enum err trouble = share_was_withdrawn(q, c->out_id, a, &withdrawn, d);
    if (trouble) return trouble;
    if (withdrawn) json_member_cstr(w, "text", "It was withdrawn, and stays so in every version.");
    json_member_truth(w, "withdrawn", withdrawn);
    json_key(w, "waits_for");
    json_begin_array(w);
    for (size_t i = 0; i < c->ref_count; i++) {
        enum share_form form;
        enum err e = share_recipient_form(q, c->refs[i].target, &form, d);
        if (e) return e;
        if (form == SHARE_FORM_NONE) json_string(w, c->refs[i].target);
    }
    json_end_array(w);
    return ERR_NONE;
}

/* ---- as it was ---- */

struct asking {
    const struct share_context *context;
    struct store_reader *reader;
    struct arena *arena;
    time_us now;
    bool retrospective;
};

/* The version that counts, or counted then. */
static enum err find_version(const struct asking *v, struct span id, struct store_holding *out, struct diag *d) {
    struct store_holding *versions, *found = NULL;
    size_t count = 0;
    if (!v->retrospective) return store_holding_latest(v->reader, id, v->arena, out, d);
    enum err e = store_holding_history(v->reader, id, false, v->arena, &versions, &count, d);
    for (size_t i = 0; !e && i < count; i++)
        if (versions[i].state == STORE_CURRENT && versions[i].imported <= v->now) found = &versions[i];
    if (e || !found) return e ? e : ERR_NOT_FOUND;
    return store_holding_get(v->reader, found->id, v->arena, out, d);
}

/* The last release under an id up to then, and whether it had been taken back. */
static enum err release_then(const struct asking *v, int64_t ledger, struct span out_id, struct store_entry *out,
                             bool *found, struct diag *d) {
    struct store_entry_query q = {.ledger = ledger,
                                  .stix_id = out_id,
                                  .added_after = TIME_NONE,
                                  .modified = TIME_NONE,
                                  .superseded = true,
                                  .withdrawn = true,
                                  .records = true,
                                  .limit = STORE_PAGE_MAX,
                                  .with_record = true};
    struct store_entry *entries;
    size_t count = 0;
    enum err e = store_entry_scan(v->reader, &q, v->arena, &entries, &count, d);
    for (size_t i = 0; !e && i < count && entries[i].time <= v->now; i++) {
        struct ledger_record record;
        e = ledger_record_read(v->arena, entries[i].record, &record, d);
        if (e) return e;
        if (record.kind == LEDGER_RELEASE) {
            *out = entries[i];
            out->state = STORE_ENTRY_CURRENT;
            *found = true;
        } else if (*found && record.withdraws == out->seq) {
            out->state = STORE_ENTRY_WITHDRAWN;
        }
    }
    return e;
}

static enum err find_release(const struct asking *v, const struct share_question *q, const struct store_holding *h,
                             struct store_entry *out, bool *found, struct diag *d) {
    struct store_entry entry;
    char derived[DERIVE_ID_SIZE];
    *found = false;
    if (v->retrospective) {
        enum err e = release_then(v, q->ledger, h->stix_id, out, found, d);
        if (e || *found || share_derived_id(v->context, q->lineage, h->stix_id, derived, d)) return e;
        return release_then(v, q->ledger, arena_copy(v->arena, span_cstr(derived)), out, found, d);
    }
    enum err e = store_entry_of_holding(v->reader, q->ledger, h->id, v->arena, &entry, d);
    if (!e) e = store_entry_get(v->reader, q->ledger, entry.seq, v->arena, out, d);
    *found = e == ERR_NONE;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

/* ---- under one agreement ---- */

static enum err explain_decision(const struct asking *v, const struct share_question *q, const struct store_holding *h,
                                 struct json_writer *w, struct diag *d) {
    struct share_candidate candidate;
    struct store_entry released;
    struct store_decision_run run;
    bool out = false;
    enum err e = share_candidate_decide(q, h, v->arena, &candidate, d);
    if (!e) e = find_release(v, q, h, &released, &out, d);
    if (e) return e;
    write_decision(w, &candidate.decision, out);
    if (out) {
        json_key(w, "released");
        write_entry(w, &released, v->arena);
    } else if (candidate.decision.outcome == POLICY_RELEASE && !v->retrospective) {
        e = write_missing(w, q, &candidate, v->arena, d);
    }
    if (!e && !store_decision_find(v->reader, q->ledger, h->id, v->arena, &run, d))
        json_member_time(w, "decided", run.time);
    return e;
}

static enum err explain(const struct asking *v, const struct store_holding *h, const struct store_ledger *ledger,
                        const struct share_agreement *g, struct json_writer *w, struct diag *d) {
    struct share_question q = {.context = v->context,
                               .reader = v->reader,
                               .agreement = g->agreement,
                               .lineage = g->lineage,
                               .recipient = ledger->recipient,
                               .ledger = ledger->id,
                               .now = v->now,
                               .retrospective = v->retrospective};
    enum err e = share_question_prepare(&q, d);
    json_begin_object(w);
    json_member(w, "agreement", g->hash);
    json_member(w, "title", g->agreement->title);
    if (h->state == STORE_QUARANTINED)
        json_member_cstr(w, "quarantined", "this version did not come from its creator's party: it counts for nothing");
    else if (!e)
        e = explain_decision(v, &q, h, w, d);
    json_end_object(w);
    share_question_release(&q);
    return e;
}

/* What went out redacted may be asked for by the id under which it did. */
static enum err find_asked(const struct asking *v, struct span id, struct span recipient, struct store_holding *out,
                           struct diag *d) {
    struct span original;
    enum err e = find_version(v, id, out, d);
    if (e != ERR_NOT_FOUND) return e;
    e = share_original_of(v->reader, id, recipient, v->arena, &original, d);
    if (!e) e = original.len ? find_version(v, original, out, d) : ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND) diag_set(d, e, "%.*s %s held here", SPAN_ARG(id), v->retrospective ? "was not" : "is not");
    struct erasure erased;
    struct diag ignored;
    char time[TIME_TEXT_SIZE];
    if (e == ERR_NOT_FOUND && !erasure_get(v->reader, id, v->arena, &erased, &ignored))
        diag_set(d, e, "%.*s was erased here on %s by %.*s: %.*s", SPAN_ARG(id), time_format_stix(erased.time, time),
                 SPAN_ARG(erased.by), SPAN_ARG(erased.reason));
    return e;
}

enum err release_why(const struct share_context *c, struct span stix_id, struct span recipient, time_us at,
                     struct buf *out, struct diag *d) {
    struct arena a;
    struct store_reader *r = NULL;
    struct store_holding h;
    struct share_agreement *all;
    struct store_ledger *ledgers;
    size_t count = 0, ledger_count = 0, found = 0;
    struct json_writer w = json_writer(out);
    arena_init(&a, WHY_ARENA_MAX);
    enum err e = store_reader_open(c->store, &r, d);
    struct asking v = {c, r, &a, at == TIME_NONE ? clock_now(c->clock) : at, at != TIME_NONE};
    if (!e) e = store_reader_snapshot(r, d);
    if (!e) e = find_asked(&v, stix_id, recipient, &h, d);
    if (!e) e = share_agreements_load(r, &a, &all, &count, d);
    if (!e && v.retrospective) count = share_agreements_known(all, count, v.now);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &ledger_count, d);
    json_begin_object(&w);
    if (!e) json_member(&w, "id", h.stix_id);
    json_member(&w, "to", recipient);
    if (v.retrospective) json_member_time(&w, "at", v.now);
    if (!e) {
        json_member(&w, "type", h.type);
        json_member_time(&w, "version", h.modified);
        json_member_time(&w, "imported", h.imported);
    }
    json_key(&w, "agreements");
    json_begin_array(&w);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        const struct share_agreement *g = share_agreement_in_force(all, count, ledgers[i].lineage, v.now);
        if (!g || !span_equal(ledgers[i].recipient, recipient)) continue;
        found++;
        e = explain(&v, &h, &ledgers[i], g, &w, d);
    }
    json_end_array(&w);
    if (found == 0) json_member_cstr(&w, "text", "No agreement with this party: nothing goes to it.");
    json_end_object(&w);
    if (r) store_reader_release(r);
    store_reader_close(&r);
    arena_free(&a);
    return e;
}
