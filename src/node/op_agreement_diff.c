/* What an amendment would change over the holdings as they are. Nothing is released. */
#include "base/encode.h"
#include "node/op_all.h"
#include "share/agreements.h"
#include "share/compare.h"

struct telling {
    struct op_call *call;
    struct span to;
};

static void tell_change(void *context, const struct share_change *change) {
    const struct telling *t = context;
    const struct policy_decision *by = change->released ? change->after : change->before;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "id", change->id);
    json_member(&w, "to", t->to);
    json_member_cstr(&w, "change", change->released ? "newly-released" : "no-longer");
    json_member(&w, "clause", by->clause);
    json_member_cstr(&w, "reason", policy_reason_name(change->after->reason));
    json_end_object(&w);
    op_emit(t->call, &out);
    buf_free(&out);
}

static void tell_total(const struct telling *t, const struct share_comparison *total) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "to", t->to);
    json_member_number(&w, "compared", (int64_t)total->compared);
    json_member_number(&w, "newly_released", (int64_t)total->newly);
    json_member_number(&w, "no_longer", (int64_t)total->no_longer);
    json_end_object(&w);
    op_emit(t->call, &out);
    buf_free(&out);
}

/* The version named, or else the one that the new text amends. */
static enum err before_find(struct op_call *call, struct store_reader *r, const struct agreement *after,
                            const struct share_agreement **out, struct diag *d) {
    struct share_agreement *all;
    size_t count;
    char hex[2 * SHA256_SIZE + 1];
    struct span wanted = op_text(call, "before");
    if (wanted.len == 0 && !after->has_predecessor)
        return diag_set(d, ERR_INVALID, "it amends no version: name the one to compare it with (--before HASH)");
    hex_write(span_of(after->predecessor.b, SHA256_SIZE), hex);
    if (wanted.len == 0) wanted = span_cstr(hex);
    enum err e = share_agreements_load(r, call->arena, &all, &count, d);
    if (e) return e;
    *out = share_agreement_find(all, count, wanted);
    return *out ? ERR_NONE
                : diag_set(d, ERR_NOT_FOUND, "no agreement %.*s here (renkei agreement list)", SPAN_ARG(wanted));
}

/* {"text", "before": hash or its beginning}: answers the changes, and a total for each other party. */
enum err op_agreement_diff(struct op_call *call, struct diag *d) {
    struct agreement *after;
    const struct share_agreement *before = NULL;
    struct store_reader *r = NULL;
    struct share_context c;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = agreement_read(call->arena, op_text(call, "text"), &after, d);
    if (!e) e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = before_find(call, r, after, &before, d);
    for (size_t i = 0; !e && i < after->party_count; i++) {
        struct telling t = {call, after->parties[i].id};
        struct share_comparison total;
        if (span_equal(t.to, c.party)) continue;
        e = share_compare(&c, r, before->agreement, after, before->lineage, t.to, tell_change, &t, &total, d);
        if (!e) tell_total(&t, &total);
    }
    store_reader_close(&r);
    node_view_release(call->node, &v);
    return e;
}
