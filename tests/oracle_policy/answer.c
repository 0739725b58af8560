/* What the engine decides in whole worlds: one JSON object a line in, as many lines out as it asks questions.
 *
 *   {"party", "identity", "parties": [{"id", "identity"}], "now", "agreements": ["YAML"], "national": ["YAML"],
 *    "imports": [{"source", "tlp", "confidence", "labels": [], "objects": []}],
 *    "consents": [{"object", "party", "holder", "recipient"}], "members": ["identity--…"],
 *    "questions": [{"object", "agreement": 0, "to", "now"}]}
 *
 * answers {"outcome", "reason", "clause", "approvals", "national_clause", "counts", "redactions"} each, or {"absent":
 * why} for an object that was not taken in, and {"trouble": message} for a whole world. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "share/agreements.h"
#include "share/consent.h"
#include "share/intake.h"
#include "share/subject.h"
#include "json/json.h"
#include "json/write.h"

enum { ARENA_BYTES_MAX = 512 << 20, AGREEMENTS_MAX = 16, QUESTIONS_MAX = 256 };

struct world {
    struct arena a;
    struct share_context context;
    struct share_party parties[8];
    struct store *store;
    char path[256];
    time_us now;
    struct json_value in;
    struct share_agreement agreements[AGREEMENTS_MAX];
    size_t agreement_count;
    struct share_question prepared[QUESTIONS_MAX]; /* by agreement, recipient and time: preparing one takes longest */
    size_t prepared_count;
};

static time_us world_now(void *context) {
    return ((const struct world *)context)->now;
}

static enum err sign_nothing(void *context, struct span message, uint8_t signature[64], struct diag *d) {
    (void)context;
    (void)message;
    (void)d;
    memset(signature, 0, 64);
    return ERR_NONE;
}

static struct span text(struct world *w, struct json_value v, const char *name) {
    return json_text(json_get(v, name), &w->a);
}

static void read_context(struct world *w) {
    w->context = (struct share_context){.store = w->store,
                                        .clock = {world_now, w},
                                        .realm = SPAN("live"),
                                        .party = text(w, w->in, "party"),
                                        .identity = text(w, w->in, "identity"),
                                        .parties = w->parties,
                                        .sign_log = sign_nothing,
                                        .log_name = SPAN("x")};
    for (struct json_iter it = json_iter(json_get(w->in, "parties")); json_next(&it);)
        w->parties[w->context.party_count++] =
            (struct share_party){.id = text(w, it.value, "id"), .identity = text(w, it.value, "identity")};
}

static enum err put_agreements(struct world *w, struct store_tx *tx, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(w->in, "agreements")); !e && json_next(&it);) {
        struct share_agreement *g = &w->agreements[w->agreement_count++];
        char hash[2 * SHA256_SIZE + 1];
        if (w->agreement_count == AGREEMENTS_MAX) return diag_set(d, ERR_LIMIT, "too many agreements");
        e = agreement_read(&w->a, json_text(it.value, &w->a), &g->agreement, d);
        if (e) break;
        hex_write(span_of(g->agreement->hash.b, SHA256_SIZE), hash);
        g->lineage = g->hash = arena_copy(&w->a, span_cstr(hash));
        e = share_agreement_put(tx, g->agreement, NULL, 0, g->lineage, 0, d);
    }
    return e;
}

static enum err put_national(struct world *w, struct store_tx *tx, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(w->in, "national")); !e && json_next(&it);) {
        struct national_policy *n;
        e = national_policy_read(&w->a, json_text(it.value, &w->a), &n, d);
        if (e) break;
        struct store_document doc = {
            .kind = SPAN(SHARE_NATIONAL_KIND), .key = arena_printf(&w->a, "%08u", n->version), .body = n->text};
        e = store_document_put(tx, &doc, d);
    }
    return e;
}

static enum err import(struct world *w, struct json_value from, struct diag *d) {
    struct intake *in = NULL;
    struct intake_totals totals;
    struct buf labels = BUF_EMPTY;
    int64_t confidence = -1;
    struct intake_options o = {.source = text(w, from, "source"), .keep_going = true, .has_handling = true};
    enum stix_tlp level = STIX_TLP_NONE;
    (void)!stix_tlp_parse(text(w, from, "tlp"), &level);
    (void)json_int(json_get(from, "confidence"), &confidence);
    for (struct json_iter it = json_iter(json_get(from, "labels")); json_next(&it);) {
        if (labels.len) buf_add_char(&labels, '\n');
        buf_add(&labels, json_text(it.value, &w->a));
    }
    o.handling = (struct store_handling){
        .tlp = (int)level, .confidence = (int)confidence, .labels = arena_copy(&w->a, buf_span(&labels))};
    buf_free(&labels);
    enum err e = intake_open(&w->context, &o, &in, d);
    for (struct json_iter it = json_iter(json_get(from, "objects")); !e && json_next(&it);)
        e = intake_add(in, json_raw(it.value), "object", NULL, d);
    if (!e) e = intake_commit(&in, &totals, d);
    if (in) intake_cancel(&in);
    return e;
}

static enum err put_consents(struct world *w, struct store_tx *tx, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(w->in, "consents")); !e && json_next(&it);) {
        struct statement s = {.kind = STATEMENT_CONSENT, .realm = SPAN("live"), .party = text(w, it.value, "party")};
        s.fields[CONSENT_OBJECT] = text(w, it.value, "object");
        s.fields[CONSENT_HOLDER] = text(w, it.value, "holder");
        s.fields[CONSENT_RECIPIENT] = text(w, it.value, "recipient");
        e = share_consent_put(tx, &s, json_raw(it.value), w->now, d);
        if (e == ERR_NOT_FOUND) e = ERR_NONE; /* it never came: nothing to consent to */
    }
    return e;
}

static enum err put_members(struct world *w, struct store_tx *tx, struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(json_get(w->in, "members")); !e && json_next(&it);) {
        struct store_document doc = {.kind = SPAN("member"), .key = json_text(it.value, &w->a), .body = SPAN("{}")};
        e = store_document_put(tx, &doc, d);
    }
    return e;
}

static enum err make(struct world *w, struct diag *d) {
    struct store_tx *tx = NULL;
    enum err e = store_open(w->path, STORE_WRITE, &w->store, d);
    if (e) return e;
    read_context(w);
    e = store_begin(w->store, &tx, d);
    if (!e) e = put_agreements(w, tx, d);
    if (!e) e = put_national(w, tx, d);
    if (!e) e = put_members(w, tx, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    for (struct json_iter it = json_iter(json_get(w->in, "imports")); !e && json_next(&it);) e = import(w, it.value, d);
    if (!e) e = store_begin(w->store, &tx, d);
    if (!e) e = put_consents(w, tx, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

/* ---- questions ---- */

static void print(struct buf *out) {
    buf_add_char(out, '\n');
    fwrite(out->at, 1, out->len, stdout);
    buf_free(out);
}

static void write_decision(struct json_writer *w, const struct store_holding *h,
                           const struct policy_decision *decision) {
    struct buf redactions = BUF_EMPTY;
    policy_redactions_name(decision->redactions, &redactions);
    json_begin_object(w);
    json_member_cstr(w, "outcome", policy_outcome_name(decision->outcome));
    json_member_cstr(w, "reason", policy_reason_name(decision->reason));
    json_member(w, "clause", decision->clause);
    json_member_number(w, "approvals", decision->approvals);
    json_member(w, "national_clause", decision->national_clause);
    json_member_truth(w, "counts", h->state == STORE_CURRENT);
    json_member(w, "redactions", decision->outcome == POLICY_WITHHOLD ? SPAN("") : buf_span(&redactions));
    json_end_object(w);
    buf_free(&redactions);
}

static void write_absent(struct json_writer *w, const char *why) {
    json_begin_object(w);
    json_member_cstr(w, "absent", why);
    json_end_object(w);
}

static enum err prepare(struct world *w, struct store_reader *r, struct json_value asked, struct share_question **out,
                        struct diag *d) {
    int64_t which = 0;
    time_us now = 0;
    struct span to = text(w, asked, "to");
    (void)json_int(json_get(asked, "agreement"), &which);
    (void)time_parse_stix(text(w, asked, "now"), &now);
    const struct share_agreement *g = &w->agreements[which];
    for (size_t i = 0; i < w->prepared_count; i++) {
        *out = &w->prepared[i];
        if ((*out)->agreement == g->agreement && (*out)->now == now && span_equal((*out)->recipient, to))
            return ERR_NONE;
    }
    if (w->prepared_count == QUESTIONS_MAX) return diag_set(d, ERR_LIMIT, "too many kinds of questions");
    *out = &w->prepared[w->prepared_count++];
    **out = (struct share_question){.context = &w->context,
                                    .reader = r,
                                    .agreement = g->agreement,
                                    .lineage = g->lineage,
                                    .recipient = to,
                                    .now = now};
    return share_question_prepare(*out, d);
}

static void ask(struct world *w, struct store_reader *r, struct json_value asked) {
    struct buf out = BUF_EMPTY;
    struct json_writer writer = json_writer(&out);
    struct arena a;
    struct diag d = {0};
    struct store_holding *versions;
    size_t count = 0;
    struct share_candidate candidate;
    struct share_question *q;
    arena_init(&a, ARENA_BYTES_MAX);
    enum err e = store_holding_history(r, text(w, asked, "object"), true, &a, &versions, &count, &d);
    if (!e && count == 0) {
        write_absent(&writer, "not taken in");
    } else {
        if (!e) e = prepare(w, r, asked, &q, &d);
        if (!e) e = share_candidate_decide(q, &versions[count - 1], &a, &candidate, &d);
        if (e)
            write_absent(&writer, d.message);
        else
            write_decision(&writer, &versions[count - 1], &candidate.decision);
    }
    print(&out);
    arena_free(&a);
}

static void answer(const char *folder, struct span line) {
    static struct world w;
    w = (struct world){0};
    struct store_reader *r = NULL;
    struct json_doc doc;
    struct diag d = {0};
    arena_init(&w.a, ARENA_BYTES_MAX);
    snprintf(w.path, sizeof w.path, "%s/store.db", folder);
    enum err e = json_parse(&w.a, line, &doc, &d);
    if (!e) {
        w.in = json_root(&doc);
        (void)time_parse_stix(text(&w, w.in, "now"), &w.now);
        e = make(&w, &d);
    }
    if (!e) e = store_reader_open(w.store, &r, &d);
    if (!e)
        for (struct json_iter it = json_iter(json_get(w.in, "questions")); json_next(&it);) ask(&w, r, it.value);
    if (e) {
        struct buf out = BUF_EMPTY;
        struct json_writer writer = json_writer(&out);
        json_begin_object(&writer);
        json_member_cstr(&writer, "trouble", d.message);
        json_member_number(&writer, "line", (int64_t)d.line);
        json_end_object(&writer);
        print(&out);
    }
    fflush(stdout);
    for (size_t i = 0; i < w.prepared_count; i++) share_question_release(&w.prepared[i]);
    store_reader_close(&r);
    if (w.store) store_close(&w.store);
    arena_free(&w.a);
}

static void empty(const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.') unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) closedir(dir);
}

int main(void) {
    char folder[] = "/dev/shm/renkei-policy-XXXXXX", *line = NULL;
    size_t size = 0;
    if (!mkdtemp(folder)) return 2;
    for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
        answer(folder, span_of(line, (size_t)n));
        empty(folder);
    }
    rmdir(folder);
    free(line);
    return 0;
}
