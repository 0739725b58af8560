/* Statements about an agreement in operation: the originator's consent to passing an object on, and leaving. */
#include "base/encode.h"
#include "node/op_agreement.h"
#include "node/op_all.h"
#include "share/agreements.h"
#include "share/consent.h"
#include "share/release.h"

/* ---- making one ---- */

/* Signs it and appends its file. */
static enum err sign(struct op_call *call, const struct node_view *v, struct statement *s, struct buf *file,
                     struct diag *d) {
    struct buf message = BUF_EMPTY;
    s->realm = span_cstr(call->realm->name);
    s->party = v->own.party;
    s->time = clock_now(call->realm->clock);
    memcpy(s->key, v->own.agreement_key, sizeof s->key);
    statement_message(s, &message);
    enum err e = signer_sign(call->node->signer, SIGNER_AGREEMENT, buf_span(&message), s->signature, d);
    if (!e) statement_write(s, file);
    buf_free(&message);
    return e;
}

/* ---- taking one ---- */

/* Of this realm, by a party of whom this key is known, and holding. */
static enum err check(struct op_call *call, struct store_reader *r, const struct node_view *v,
                      const struct statement *s, struct diag *d) {
    if (!span_is(s->realm, call->realm->name))
        return diag_set(d, ERR_VERIFY, "it is of the realm %.*s, not %s", SPAN_ARG(s->realm), call->realm->name);
    enum err e = op_agreement_key_known(call, r, v, s->party, s->key, d);
    return e ? e : statement_verify(s, d);
}

static enum err release_now(struct op_call *call, const struct node_view *v, struct release_totals *totals,
                            struct diag *d) {
    struct share_context c;
    node_share_context(call->node, call->realm, (struct node_view *)(uintptr_t)v, &c);
    return release_run(&c, NULL, NULL, totals, d);
}

/* ---- consent ---- */

static void write_consent(struct json_writer *w, const struct statement *s, const char *what) {
    json_member_cstr(w, "consent", what);
    json_member(w, "object", s->fields[CONSENT_OBJECT]);
    json_member(w, "originator", s->party);
    json_member(w, "holder", s->fields[CONSENT_HOLDER]);
    json_member(w, "recipient", s->fields[CONSENT_RECIPIENT]);
    json_member_time(w, "time", s->time);
}

static void emit_consent(struct op_call *call, const struct statement *s, const char *what, struct span file) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    write_consent(&w, s, what);
    if (file.len) json_member(&w, "file", file);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static enum err must_be_own(struct op_call *call, struct store_reader *r, struct span object, struct diag *d) {
    struct store_holding h;
    enum err e = store_holding_latest(r, object, call->arena, &h, d);
    if (e == ERR_NOT_FOUND) return diag_set(d, e, "%.*s is not held here", SPAN_ARG(object));
    if (!e && h.source != STORE_SOURCE_OWN)
        e = diag_set(d, ERR_DENIED, "%.*s is not this party's own: only its originator consents", SPAN_ARG(object));
    return e;
}

static enum err keep_given(struct op_call *call, struct store_tx *tx, const struct statement *s, struct span file,
                           struct diag *d) {
    struct span key = arena_printf(call->arena, "%.*s/%.*s/%.*s", SPAN_ARG(s->fields[CONSENT_OBJECT]),
                                   SPAN_ARG(s->fields[CONSENT_HOLDER]), SPAN_ARG(s->fields[CONSENT_RECIPIENT]));
    struct store_document doc = {.kind = SPAN(SHARE_CONSENT_GIVEN_KIND), .key = key, .body = file, .time = s->time};
    return store_document_put(tx, &doc, d);
}

/* {"object","holder","recipient"}: answers with the signed file. */
enum err op_consent_give(struct op_call *call, struct diag *d) {
    struct statement s = {.kind = STATEMENT_CONSENT};
    struct store_tx *tx = NULL;
    struct buf file = BUF_EMPTY;
    struct node_view *v = node_view(call->node);
    s.fields[CONSENT_OBJECT] = op_text(call, "object");
    s.fields[CONSENT_HOLDER] = op_text(call, "holder");
    s.fields[CONSENT_RECIPIENT] = op_text(call, "recipient");
    enum err e = ERR_NONE;
    if (!agreement_party_id_valid(s.fields[CONSENT_HOLDER]) || !agreement_party_id_valid(s.fields[CONSENT_RECIPIENT]))
        e = diag_set(d, ERR_INVALID, "holder and recipient are parties' ids, such as US-DOD");
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = must_be_own(call, store_tx_reader(tx), s.fields[CONSENT_OBJECT], d);
    if (!e) e = sign(call, v, &s, &file, d);
    if (!e) e = keep_given(call, tx, &s, buf_span(&file), d);
    if (!e) e = store_commit(&tx, d);
    if (!e) emit_consent(call, &s, "given", buf_span(&file));
    if (tx) store_rollback(&tx);
    node_view_release(call->node, &v);
    buf_free(&file);
    return e;
}

/* {"text"}: what an originator gave. What it permits goes out at once. */
enum err op_consent_add(struct op_call *call, struct diag *d) {
    struct statement s;
    struct store_tx *tx = NULL;
    struct release_totals totals = {0};
    struct node_view *v = node_view(call->node);
    enum err e = statement_read(call->arena, op_text(call, "text"), STATEMENT_CONSENT, &s, d);
    if (!e && !span_equal(s.fields[CONSENT_HOLDER], v->own.party))
        e = diag_set(d, ERR_INVALID, "it lets %.*s pass the object on, not %.*s", SPAN_ARG(s.fields[CONSENT_HOLDER]),
                     SPAN_ARG(v->own.party));
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = check(call, store_tx_reader(tx), v, &s, d);
    if (!e) e = share_consent_put(tx, &s, op_text(call, "text"), clock_now(call->realm->clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) e = release_now(call, v, &totals, d);
    if (!e) {
        struct buf out = BUF_EMPTY;
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        write_consent(&w, &s, "added");
        json_member_number(&w, "released", (int64_t)totals.released);
        json_end_object(&w);
        op_emit(call, &out);
        buf_free(&out);
    }
    node_view_release(call->node, &v);
    return e;
}

/* {"object","recipient"}: forgets it, and takes back what went out by it. */
enum err op_consent_remove(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct release_totals totals = {0};
    struct node_view *v = node_view(call->node);
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = share_consent_remove(tx, op_text(call, "object"), op_text(call, "recipient"), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    if (!e) e = release_now(call, v, &totals, d);
    if (!e) {
        struct buf out = BUF_EMPTY;
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member_number(&w, "withdrawn", (int64_t)totals.withdrawn);
        json_end_object(&w);
        op_emit(call, &out);
        buf_free(&out);
    }
    node_view_release(call->node, &v);
    return e;
}

/* What others consented to, and what this party did. */
enum err op_consent_list(struct op_call *call, struct diag *d) {
    static const struct {
        const char *kind, *what;
    } lists[] = {{SHARE_CONSENT_KIND, "added"}, {SHARE_CONSENT_GIVEN_KIND, "given"}};
    struct store_reader *r = NULL;
    enum err e = store_reader_open(call->realm->store, &r, d);
    for (size_t i = 0; !e && i < sizeof lists / sizeof *lists; i++) {
        struct store_document *docs;
        size_t count = 0;
        e = store_document_list(r, lists[i].kind, call->arena, &docs, &count, d);
        for (size_t k = 0; !e && k < count; k++) {
            struct statement s;
            e = statement_read(call->arena, docs[k].body, STATEMENT_CONSENT, &s, d);
            if (!e) emit_consent(call, &s, lists[i].what, (struct span){0});
        }
    }
    store_reader_close(&r);
    return e;
}

static void tell_wanted(void *context, const struct share_wanted *wanted) {
    struct op_call *call = context;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "consent", "wanted");
    json_member(&w, "object", wanted->object);
    json_member(&w, "originator", wanted->originator);
    json_member(&w, "recipient", wanted->recipient);
    json_member(&w, "clause", wanted->clause);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* {"recipient"}: what lacks nothing but its originator's consent. */
enum err op_consent_wanted(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = share_consents_wanted(&c, op_text(call, "recipient"), tell_wanted, call, d);
    node_view_release(call->node, &v);
    return e;
}

/* ---- leaving ---- */

static void emit_termination(struct op_call *call, const struct statement *s, struct span file) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "agreement", s->fields[TERMINATION_AGREEMENT]);
    json_member(&w, "party", s->party);
    json_member_time(&w, "ends", s->ends);
    if (file.len) json_member(&w, "file", file);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* The version named, which the party must be a party of. */
static enum err find_version(struct op_call *call, struct store_reader *r, struct span hash, struct span party,
                             const struct share_agreement **out, struct diag *d) {
    struct share_agreement *all;
    size_t count;
    enum err e = share_agreements_load(r, call->arena, &all, &count, d);
    if (e) return e;
    *out = share_agreement_find(all, count, hash);
    if (!*out)
        return diag_set(d, ERR_NOT_FOUND, "no agreement %.*s here, or more than one begins so (renkei agreement list)",
                        SPAN_ARG(hash));
    if (!agreement_party((*out)->agreement, party))
        return diag_set(d, ERR_INVALID, "%.*s is no party of that agreement", SPAN_ARG(party));
    return ERR_NONE;
}

/* {"hash","on"}: this party leaves; answers with the signed notice for the others. Without "on": now. */
enum err op_agreement_terminate(struct op_call *call, struct diag *d) {
    struct statement s = {.kind = STATEMENT_TERMINATION, .ends = clock_now(call->realm->clock)};
    struct store_tx *tx = NULL;
    struct buf file = BUF_EMPTY;
    char ends[TIME_TEXT_SIZE];
    const struct share_agreement *version;
    struct span on = op_text(call, "on");
    struct node_view *v = node_view(call->node);
    time_us now = s.ends;
    enum err e = ERR_NONE;
    if (on.len && (!time_parse_stix(on, &s.ends) || s.ends < now))
        e = diag_set(d, ERR_INVALID, "--on is a time to come, such as 2026-10-01T00:00:00Z, not %.*s", SPAN_ARG(on));
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = find_version(call, store_tx_reader(tx), op_text(call, "hash"), v->own.party, &version, d);
    if (!e) {
        s.fields[TERMINATION_AGREEMENT] = version->hash;
        s.fields[TERMINATION_ENDS] = span_cstr(time_format_us(s.ends, ends));
        e = sign(call, v, &s, &file, d);
    }
    if (!e) e = share_termination_put(tx, &s, buf_span(&file), s.time, d);
    if (!e) e = store_commit(&tx, d);
    if (!e) emit_termination(call, &s, buf_span(&file));
    if (tx) store_rollback(&tx);
    node_view_release(call->node, &v);
    buf_free(&file);
    return e;
}

/* {"text"}: another party leaves. */
enum err op_agreement_terminated(struct op_call *call, struct diag *d) {
    struct statement s;
    struct store_tx *tx = NULL;
    const struct share_agreement *version;
    struct node_view *v = node_view(call->node);
    struct span file = op_text(call, "text");
    enum err e = statement_read(call->arena, file, STATEMENT_TERMINATION, &s, d);
    if (!e) e = store_begin(call->realm->store, &tx, d);
    if (!e) e = check(call, store_tx_reader(tx), v, &s, d);
    if (!e) e = find_version(call, store_tx_reader(tx), s.fields[TERMINATION_AGREEMENT], s.party, &version, d);
    if (!e) e = share_termination_put(tx, &s, file, clock_now(call->realm->clock), d);
    if (!e) e = store_commit(&tx, d);
    if (!e) emit_termination(call, &s, (struct span){0});
    if (tx) store_rollback(&tx);
    node_view_release(call->node, &v);
    return e;
}
