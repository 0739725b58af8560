#include "share/erase_document.h"

#include <inttypes.h>

#include "base/buf.h"
#include "ledger/record.h"
#include "json/json.h"
#include "json/write.h"

static enum err put(struct store_tx *tx, const char *kind, struct span key, struct buf *body, time_us now,
                    struct diag *d) {
    struct store_document doc = {.kind = span_cstr(kind), .key = key, .body = buf_span(body), .time = now};
    enum err e = buf_ok(body) ? store_document_put(tx, &doc, d) : diag_set(d, ERR_NOMEM, "no memory for an erasure");
    buf_free(body);
    return e;
}

static enum err damaged(struct span key, struct diag *d) {
    return diag_set(d, ERR_INVALID, "the record of the erasure %.*s is damaged", SPAN_ARG(key));
}

static bool read_seq(struct json_value v, uint64_t *out) {
    int64_t n = -1;
    if (!json_int(v, &n) || n < 0) return false;
    *out = (uint64_t)n;
    return true;
}

/* ---- what was erased here ---- */

enum err erasure_put(struct store_tx *tx, const struct erasure *e, time_us now, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member(&w, "reason", e->reason);
    json_member(&w, "by", e->by);
    json_member(&w, "from", e->from);
    json_member_number(&w, "time", e->time);
    json_member_number(&w, "versions", (int64_t)e->versions);
    json_member_truth(&w, "lifted", e->lifted);
    json_key(&w, "asked");
    json_begin_array(&w);
    for (size_t i = 0; i < e->asked_count; i++) {
        json_begin_object(&w);
        json_member(&w, "origin", e->asked[i].origin);
        json_member(&w, "recipient", e->asked[i].recipient);
        json_member_number(&w, "seq", (int64_t)e->asked[i].seq);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return put(tx, ERASURE_KIND, e->object, &body, now, d);
}

static enum err read_erasure(const struct store_document *doc, struct arena *a, struct erasure *out, struct diag *d) {
    struct json_doc json;
    enum err e = json_parse(a, doc->body, &json, d);
    if (e) return e;
    struct json_value v = json_root(&json), asked = json_get(v, "asked");
    *out = (struct erasure){.object = doc->key,
                            .reason = json_text(json_get(v, "reason"), a),
                            .by = json_text(json_get(v, "by"), a),
                            .from = json_text(json_get(v, "from"), a),
                            .asked = arena_zalloc(a, json_count(asked) + 1, sizeof *out->asked)};
    if (!out->asked) return diag_set(d, ERR_NOMEM, "no memory for an erasure");
    if (!json_int(json_get(v, "time"), &out->time) || !read_seq(json_get(v, "versions"), &out->versions) ||
        !json_bool(json_get(v, "lifted"), &out->lifted))
        return damaged(doc->key, d);
    for (struct json_iter it = json_iter(asked); json_next(&it);) {
        struct erasure_asked *at = &out->asked[out->asked_count++];
        at->origin = json_text(json_get(it.value, "origin"), a);
        at->recipient = json_text(json_get(it.value, "recipient"), a);
        if (!read_seq(json_get(it.value, "seq"), &at->seq)) return damaged(doc->key, d);
    }
    return ERR_NONE;
}

enum err erasure_get(struct store_reader *r, struct span object, struct arena *a, struct erasure *out, struct diag *d) {
    struct store_document doc;
    enum err e = store_document_get(r, ERASURE_KIND, object, a, &doc, d);
    return e ? e : read_erasure(&doc, a, out, d);
}

enum err erasure_list(struct store_reader *r, struct arena *a, struct erasure **out, size_t *count, struct diag *d) {
    struct store_document *docs;
    *out = NULL;
    enum err e = store_document_list(r, ERASURE_KIND, a, &docs, count, d);
    if (e) return e;
    *out = arena_zalloc(a, *count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the erasures");
    for (size_t i = 0; i < *count && !e; i++) e = read_erasure(&docs[i], a, &(*out)[i], d);
    return e;
}

enum err erasure_lift(struct store_tx *tx, struct span object, time_us now, struct diag *d) {
    struct arena a;
    struct erasure erasure;
    arena_init(&a, 16 << 20);
    enum err e = erasure_get(store_tx_reader(tx), object, &a, &erasure, d);
    if (e == ERR_NOT_FOUND) e = diag_set(d, e, "%.*s was not erased here", SPAN_ARG(span_first(object, 512)));
    erasure.lifted = true;
    if (!e) e = erasure_put(tx, &erasure, now, d);
    arena_free(&a);
    return e;
}

/* ---- what is to be erased again ---- */

enum err erasure_due_put(struct store_tx *tx, struct span object, time_us now, struct diag *d) {
    struct store_document doc = {.kind = SPAN(ERASURE_DUE_KIND), .key = object, .body = SPAN("{}"), .time = now};
    return store_document_put(tx, &doc, d);
}

enum err erasure_due_drop(struct store_tx *tx, struct span object, struct diag *d) {
    return store_document_delete(tx, ERASURE_DUE_KIND, object, d);
}

enum err erasure_due_list(struct store_reader *r, struct arena *a, struct span **objects, size_t *count,
                          struct diag *d) {
    struct store_document *docs;
    enum err e = store_document_list(r, ERASURE_DUE_KIND, a, &docs, count, d);
    if (e) return e;
    *objects = arena_zalloc(a, *count + 1, sizeof **objects);
    if (!*objects) return diag_set(d, ERR_NOMEM, "no memory for what is to be erased again");
    for (size_t i = 0; i < *count; i++) (*objects)[i] = docs[i].key;
    return ERR_NONE;
}

/* ---- what partners ask ---- */

static struct span key_of(struct arena *a, struct span origin, uint64_t seq) {
    return arena_printf(a, "%.*s/%" PRIu64, SPAN_ARG(origin), seq);
}

enum err erasure_request_put(struct store_tx *tx, const struct erasure_request *q, time_us now, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct arena a;
    struct json_writer w = json_writer(&body);
    arena_init(&a, 1 << 16);
    json_begin_object(&w);
    json_member(&w, "origin", q->origin);
    json_member(&w, "party", q->party);
    json_member(&w, "object", q->object);
    json_member(&w, "reason", q->reason);
    json_member_number(&w, "seq", (int64_t)q->seq);
    json_member_number(&w, "time", q->time);
    json_member(&w, "answer", q->answer);
    json_member_truth(&w, "sent", q->sent);
    json_end_object(&w);
    enum err e = put(tx, ERASURE_REQUEST_KIND, key_of(&a, q->origin, q->seq), &body, now, d);
    arena_free(&a);
    return e;
}

static enum err read_request(const struct store_document *doc, struct arena *a, struct erasure_request *out,
                             struct diag *d) {
    struct json_doc json;
    enum err e = json_parse(a, doc->body, &json, d);
    if (e) return e;
    struct json_value v = json_root(&json);
    *out = (struct erasure_request){.origin = json_text(json_get(v, "origin"), a),
                                    .party = json_text(json_get(v, "party"), a),
                                    .object = json_text(json_get(v, "object"), a),
                                    .reason = json_text(json_get(v, "reason"), a),
                                    .answer = json_text(json_get(v, "answer"), a)};
    bool good = read_seq(json_get(v, "seq"), &out->seq) && json_int(json_get(v, "time"), &out->time) &&
                json_bool(json_get(v, "sent"), &out->sent);
    return good ? ERR_NONE : damaged(doc->key, d);
}

enum err erasure_request_list(struct store_reader *r, struct arena *a, struct erasure_request **out, size_t *count,
                              struct diag *d) {
    struct store_document *docs;
    *out = NULL;
    enum err e = store_document_list(r, ERASURE_REQUEST_KIND, a, &docs, count, d);
    if (e) return e;
    *out = arena_zalloc(a, *count + 1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for what partners ask");
    for (size_t i = 0; i < *count && !e; i++) e = read_request(&docs[i], a, &(*out)[i], d);
    return e;
}

/* ---- what partners answered ---- */

/* A record of this kind, at this place of a ledger to the party. */
static enum err check_asked(struct store_reader *r, const struct statement *s, struct arena *a, struct diag *d) {
    struct store_ledger *ledgers;
    size_t count = 0;
    uint64_t seq;
    enum err e = store_ledger_list(r, a, &ledgers, &count, d);
    if (e) return e;
    for (size_t i = 0; i < count && span_u64(s->fields[ERASURE_ENTRY], &seq); i++) {
        struct store_entry entry;
        struct ledger_record record;
        if (!span_equal(ledgers[i].origin, s->fields[ERASURE_LEDGER]) || !span_equal(ledgers[i].recipient, s->party) ||
            seq >= ledgers[i].size)
            continue;
        e = store_entry_get(r, ledgers[i].id, seq, a, &entry, d);
        if (!e) e = ledger_record_read(a, entry.record, &record, d);
        if (e) return e;
        if (record.kind == LEDGER_ERASE) return ERR_NONE;
    }
    return diag_set(d, ERR_INVALID, "entry %.*s of %.*s asks %.*s for no erasure", SPAN_ARG(s->fields[ERASURE_ENTRY]),
                    SPAN_ARG(s->fields[ERASURE_LEDGER]), SPAN_ARG(s->party));
}

enum err erasure_answer_put(struct store_tx *tx, const struct statement *s, struct span file, time_us now,
                            struct diag *d) {
    struct arena a;
    arena_init(&a, 16 << 20);
    struct store_document doc = {.kind = SPAN(ERASURE_ANSWER_KIND), .body = file, .time = now};
    enum err e = check_asked(store_tx_reader(tx), s, &a, d);
    doc.key = arena_printf(&a, "%.*s/%.*s", SPAN_ARG(s->fields[ERASURE_LEDGER]), SPAN_ARG(s->fields[ERASURE_ENTRY]));
    if (!e) e = store_document_put(tx, &doc, d);
    arena_free(&a);
    return e;
}

enum err erasure_answer_get(struct store_reader *r, const struct erasure_asked *asked, struct arena *a, bool *found,
                            struct statement *out, struct diag *d) {
    struct store_document doc;
    enum err e = store_document_get(r, ERASURE_ANSWER_KIND, key_of(a, asked->origin, asked->seq), a, &doc, d);
    *found = !e;
    if (e) return e == ERR_NOT_FOUND ? ERR_NONE : e;
    return statement_read(a, doc.body, STATEMENT_ERASURE, out, d);
}
