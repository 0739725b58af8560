#include "base/encode.h"
#include "ledger/record.h"
#include "share/agreements.h"
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

static enum err explain(const struct share_context *c, struct store_reader *r, const struct store_holding *h,
                        const struct store_ledger *ledger, const struct share_agreement *g, struct json_writer *w,
                        struct arena *a, struct diag *d) {
    struct share_question q = {.context = c,
                               .reader = r,
                               .agreement = g->agreement,
                               .lineage = g->lineage,
                               .recipient = ledger->recipient,
                               .ledger = ledger->id,
                               .now = clock_now(c->clock)};
    struct share_candidate candidate;
    struct store_entry entry;
    struct store_decision_run run;
    enum err e = share_question_prepare(&q, d);
    json_begin_object(w);
    json_member(w, "agreement", g->hash);
    json_member(w, "title", g->agreement->title);
    if (h->state == STORE_QUARANTINED) {
        json_member_cstr(w, "quarantined", "this version did not come from its creator's party: it counts for nothing");
    } else {
        if (!e) e = share_candidate_decide(&q, h, a, &candidate, d);
        bool out = !e && store_entry_of_holding(r, ledger->id, h->id, a, &entry, d) == ERR_NONE;
        if (!e) write_decision(w, &candidate.decision, out);
        if (out) {
            struct store_entry full;
            json_key(w, "released");
            if (!store_entry_get(r, ledger->id, entry.seq, a, &full, d))
                write_entry(w, &full, a);
            else
                json_null(w);
        } else if (!e && candidate.decision.outcome == POLICY_RELEASE) {
            e = write_missing(w, &q, &candidate, a, d);
        }
        if (!e && !store_decision_find(r, ledger->id, h->id, a, &run, d)) json_member_time(w, "decided", run.time);
    }
    json_end_object(w);
    share_question_release(&q);
    return e;
}

enum err release_why(const struct share_context *c, struct span stix_id, struct span recipient, struct buf *out,
                     struct diag *d) {
    struct arena a;
    struct store_reader *r = NULL;
    struct store_holding h;
    struct share_agreement *all;
    struct store_ledger *ledgers;
    size_t count, ledger_count, found = 0;
    struct json_writer w = json_writer(out);
    arena_init(&a, WHY_ARENA_MAX);
    enum err e = store_reader_open(c->store, &r, d);
    if (!e) e = store_reader_snapshot(r, d);
    if (!e) {
        e = store_holding_latest(r, stix_id, &a, &h, d);
        if (e == ERR_NOT_FOUND) diag_set(d, e, "%.*s is not held here", SPAN_ARG(stix_id));
    }
    if (!e) e = share_agreements_load(r, &a, &all, &count, d);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &ledger_count, d);
    json_begin_object(&w);
    json_member(&w, "id", stix_id);
    json_member(&w, "to", recipient);
    if (!e) {
        json_member(&w, "type", h.type);
        json_member_time(&w, "version", h.modified);
        json_member_time(&w, "imported", h.imported);
    }
    json_key(&w, "agreements");
    json_begin_array(&w);
    for (size_t i = 0; !e && i < ledger_count; i++) {
        const struct share_agreement *g = share_agreement_in_force(all, count, ledgers[i].lineage, clock_now(c->clock));
        if (!g || !span_equal(ledgers[i].recipient, recipient)) continue;
        found++;
        e = explain(c, r, &h, &ledgers[i], g, &w, &a, d);
    }
    json_end_array(&w);
    if (found == 0) json_member_cstr(&w, "text", "No agreement with this party: nothing goes to it.");
    json_end_object(&w);
    if (r) store_reader_release(r);
    store_reader_close(&r);
    arena_free(&a);
    return e;
}
