/* Erasure: what is to be destroyed, here and, asked for, at partners; what partners ask; what became of it. */
#include <string.h>

#include "node/collection.h"
#include "node/erasure.h"
#include "node/op_all.h"

static enum err check_reason(struct op_call *call, bool needed, struct span *out, struct diag *d) {
    *out = op_text(call, "reason");
    if (out->len > ERASURE_REASON_MAX)
        return diag_set(d, ERR_LIMIT, "--reason has at most %d bytes", ERASURE_REASON_MAX);
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->at[i] < ' ') return diag_set(d, ERR_INVALID, "--reason is one line of text");
    return out->len || !needed ? ERR_NONE
                               : diag_set(d, ERR_INVALID, "--reason says why: it is kept, the object is not");
}

static struct span who(const struct op_call *call) {
    return call->account ? call->account->name : span_cstr(call->actor);
}

static enum err scrub(struct op_call *call, struct diag *d) {
    bool done;
    op_progress(call, "cleaning the store's files", "", 0, 1);
    enum err e = node_scrub(call->node, &done, d);
    op_progress(call, "cleaning the store's files", "", 1, 1);
    if (e) diag_prefix(d, "erased, but not yet out of the files (`renkei erase scrub` goes on)");
    return e;
}

static enum err erase_one(struct op_call *call, struct span id, struct span reason, struct diag *d) {
    struct share_context c;
    uint64_t taken = 0;
    struct erasure erasure = {.object = id, .reason = reason, .by = who(call)};
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = erase_object(&c, &erasure, call->arena, &taken, d);
    if (!e) e = collection_forget(call->realm->store, id, call->arena, erasure.time, d);
    node_view_release(call->node, &v);
    if (e) return e;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "id", id);
    json_member_number(&w, "versions", (int64_t)erasure.versions);
    json_member_number(&w, "asked", (int64_t)erasure.asked_count);
    json_member_number(&w, "withdrawn", (int64_t)(taken - erasure.asked_count));
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
    return ERR_NONE;
}

/* {"ids": […], "reason"}: each in a transaction of its own; then the files, once. */
enum err op_erase(struct op_call *call, struct diag *d) {
    struct span reason;
    struct diag trouble = {0};
    bool any = false;
    enum err e = check_reason(call, true, &reason, d);
    if (e) return e;
    for (struct json_iter it = json_iter(json_get(call->args, "ids")); !e && json_next(&it);) {
        e = erase_one(call, json_text(it.value, call->arena), reason, &trouble);
        any |= !e;
    }
    enum err cleaned = any ? scrub(call, d) : ERR_NONE;
    if (e) *d = trouble;
    return e ? e : cleaned;
}

/* Finishes what a crash, or a reader, kept from being finished. */
enum err op_erase_scrub(struct op_call *call, struct diag *d) {
    return scrub(call, d);
}

/* {"ids": […], "from": party or none, "reason"}. */
static enum err decide(struct op_call *call, bool refuse, struct diag *d) {
    struct span reason;
    size_t all = 0;
    enum err e = check_reason(call, refuse, &reason, d);
    if (reason.len == 0) reason = SPAN("as asked");
    for (struct json_iter it = json_iter(json_get(call->args, "ids")); !e && json_next(&it);) {
        struct span id = json_text(it.value, call->arena);
        size_t count = 0;
        e = node_erasure_decide(call->node, id, op_text(call, "from"), refuse, reason, who(call), &count, d);
        if (!e && count == 0)
            e = diag_set(d, ERR_NOT_FOUND, "nobody asks to erase %.*s", SPAN_ARG(span_first(id, 512)));
        if (e) break;
        all += count;
        struct buf out = BUF_EMPTY;
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member(&w, "id", id);
        json_member_cstr(&w, "answer", refuse ? "refused" : "erased");
        json_member_number(&w, "requests", (int64_t)count);
        json_end_object(&w);
        op_emit(call, &out);
        buf_free(&out);
    }
    struct diag trouble;
    enum err cleaned = all && !refuse ? scrub(call, &trouble) : ERR_NONE;
    if (!e && cleaned) *d = trouble;
    return e ? e : cleaned;
}

enum err op_erase_accept(struct op_call *call, struct diag *d) {
    return decide(call, false, d);
}

enum err op_erase_refuse(struct op_call *call, struct diag *d) {
    return decide(call, true, d);
}

/* {"id"}: it may come in again. */
enum err op_erase_lift(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = erasure_lift(tx, op_text(call, "id"), clock_now(call->realm->clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

/* ---- what became of it ---- */

static enum err write_answer(struct op_call *call, struct store_reader *r, const struct erasure_asked *asked,
                             struct json_writer *w, struct diag *d) {
    struct statement s;
    bool found;
    enum err e = erasure_answer_get(r, asked, call->arena, &found, &s, d);
    if (e) return e;
    json_begin_object(w);
    json_member(w, "to", asked->recipient);
    json_member(w, "ledger", asked->origin);
    json_member_number(w, "entry", (int64_t)asked->seq);
    json_member(w, "answer", found ? s.fields[ERASURE_ANSWER] : SPAN("none yet"));
    if (found) {
        json_member(w, "reason", s.fields[ERASURE_REASON]);
        json_member_time(w, "time", s.time);
    }
    json_end_object(w);
    return ERR_NONE;
}

static enum err emit_erasure(struct op_call *call, struct store_reader *r, const struct erasure *x, struct diag *d) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    enum err e = ERR_NONE;
    json_begin_object(&w);
    json_member(&w, "id", x->object);
    json_member(&w, "reason", x->reason);
    json_member(&w, "by", x->by);
    if (x->from.len) json_member(&w, "from", x->from);
    json_member_time(&w, "time", x->time);
    json_member_number(&w, "versions", (int64_t)x->versions);
    json_member_truth(&w, "lifted", x->lifted);
    json_key(&w, "asked");
    json_begin_array(&w);
    for (size_t i = 0; i < x->asked_count && !e; i++) e = write_answer(call, r, &x->asked[i], &w, d);
    json_end_array(&w);
    json_end_object(&w);
    if (!e) op_emit(call, &out);
    buf_free(&out);
    return e;
}

enum err op_erase_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct erasure *all = NULL;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = erasure_list(r, call->arena, &all, &count, d);
    for (size_t i = 0; i < count && !e; i++) e = emit_erasure(call, r, &all[i], d);
    store_reader_close(&r);
    return e;
}

enum err op_erase_requests(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct erasure_request *all = NULL;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = erasure_request_list(r, call->arena, &all, &count, d);
    for (size_t i = 0; i < count && !e; i++) {
        struct buf out = BUF_EMPTY;
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member(&w, "id", all[i].object);
        json_member(&w, "from", all[i].party);
        json_member(&w, "ledger", all[i].origin);
        json_member_number(&w, "entry", (int64_t)all[i].seq);
        json_member_time(&w, "time", all[i].time);
        json_member(&w, "answer", all[i].answer.len ? all[i].answer : SPAN("none yet"));
        if (all[i].answer.len) json_member(&w, "reason", all[i].reason);
        json_member_truth(&w, "sent", all[i].sent);
        json_end_object(&w);
        op_emit(call, &out);
        buf_free(&out);
    }
    store_reader_close(&r);
    return e;
}
