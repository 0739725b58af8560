/* The release queue: what waits for officers, approved and refused. */
#include <string.h>

#include "node/op_all.h"
#include "share/queue.h"
#include "share/release.h"

struct queueing {
    struct op_call *call;
    struct store_tx *tx;
    bool refuses;
    struct span reason;
    size_t found, expired;
};

static void write_item(struct json_writer *w, const struct queue_item *item) {
    const struct policy_decision *decision = item->decision;
    json_member(w, "id", item->holding->stix_id);
    json_member(w, "to", item->of.recipient);
    json_member(w, "agreement", item->question->agreement->title);
    json_member(w, "clause", decision->clause);
    json_member(w, "national_clause", decision->national_clause);
    json_member_number(w, "needed", decision->approvals);
    json_member_number(w, "approved", item->approved);
    json_member_number(w, "refused", item->refused);
    json_member_time(w, "deadline", item->deadline);
    json_member_truth(w, "expired", item->expired);
}

static enum err emit_item(void *context, const struct queue_item *item, struct diag *d) {
    struct queueing *q = context;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    struct approval *all = NULL;
    size_t count = 0;
    q->found++;
    enum err e = approvals_list(item->question->reader, &item->of, q->call->arena, &all, &count, d);
    json_begin_object(&w);
    write_item(&w, item);
    json_key(&w, "said");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&w);
        json_member(&w, "officer", all[i].officer);
        json_member_truth(&w, "refuses", all[i].refuses);
        json_member(&w, "reason", all[i].reason);
        json_member_time(&w, "time", all[i].time);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    op_emit(q->call, &out);
    buf_free(&out);
    return e;
}

/* Nothing is changed: the transaction is taken back. */
enum err op_queue_list(struct op_call *call, struct diag *d) {
    struct queueing q = {.call = call};
    struct share_context c;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = store_begin(call->realm->store, &q.tx, d);
    if (!e) e = queue_list(&c, q.tx, emit_item, &q, d);
    if (q.tx) store_rollback(&q.tx);
    node_view_release(call->node, &v);
    return e;
}

/* One officer's word on one decision, signed. A second word of his takes the place of the first, as long as the object
 * is not out. */
static enum err say(void *context, const struct queue_item *item, struct diag *d) {
    struct queueing *q = context;
    struct approval a = {.of = item->of,
                         .refuses = q->refuses,
                         .officer = q->call->account->name,
                         .reason = q->reason,
                         .time = item->question->now};
    struct buf message = BUF_EMPTY;
    q->found++;
    if (item->expired) {
        q->expired++;
        return ERR_NONE;
    }
    memcpy(a.key, q->call->account->key, sizeof a.key);
    approval_message(&a, &message);
    enum err e = account_sign(q->call->account, q->call->as->password, buf_span(&message), a.signature, d);
    if (!e) e = approval_store(q->tx, &a, d);
    if (!e) e = share_reconsider(q->tx, item->holding->id, d);
    buf_free(&message);
    return e;
}

static void emit_totals(struct op_call *call, const struct queueing *q, const struct release_totals *totals) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "id", op_text(call, "id"));
    json_member_cstr(&w, "said", q->refuses ? "refused" : "approved");
    json_member_number(&w, "decisions", (int64_t)(q->found - q->expired));
    json_member_number(&w, "released", (int64_t)totals->released);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* {"id", "to" (or none: all parties), "reason"}. */
static enum err decide(struct op_call *call, bool refuses, struct diag *d) {
    struct queueing q = {.call = call, .refuses = refuses, .reason = op_text(call, "reason")};
    struct release_totals totals = {0};
    struct share_context c;
    if (!call->account)
        return diag_set(d, ERR_DENIED, "an approval is an officer's signature: make accounts first (account add)");
    if (q.reason.len > APPROVAL_REASON_MAX)
        return diag_set(d, ERR_LIMIT, "--reason has at most %d bytes", APPROVAL_REASON_MAX);
    if (refuses && q.reason.len == 0) return diag_set(d, ERR_INVALID, "--reason says why it is refused");
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = store_begin(call->realm->store, &q.tx, d);
    if (!e) e = queue_of(&c, q.tx, op_text(call, "id"), op_text(call, "to"), say, &q, d);
    if (!e && q.found == 0)
        e = diag_set(d, ERR_NOT_FOUND, "%.*s does not wait for officers", SPAN_ARG(op_text(call, "id")));
    if (!e && q.found == q.expired)
        e = diag_set(d, ERR_DENIED, "its %d days are over: it stays withheld; a newer version can be approved",
                     APPROVAL_DAYS);
    if (!e) e = store_commit(&q.tx, d);
    if (q.tx) store_rollback(&q.tx);
    if (!e) e = release_run(&c, NULL, NULL, &totals, d);
    node_view_release(call->node, &v);
    if (!e) emit_totals(call, &q, &totals);
    return e;
}

enum err op_queue_approve(struct op_call *call, struct diag *d) {
    return decide(call, false, d);
}

enum err op_queue_refuse(struct op_call *call, struct diag *d) {
    return decide(call, true, d);
}
