/* What is out that the terms would not release any more: an amendment, or a national policy, has narrowed them. */
#include "node/op_all.h"
#include "policy/decide.h"
#include "share/release.h"

static void tell(void *context, const struct release_narrowed *n) {
    struct op_call *call = context;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "id", n->id);
    json_member(&w, "to", n->decision->to);
    json_member(&w, "released_as", n->out_id);
    json_member_cstr(&w, "reason",
                     n->decision->outcome == POLICY_RELEASE ? "redacted" : policy_reason_name(n->decision->reason));
    if (n->decision->clause.len) json_member(&w, "clause", n->decision->clause);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* {"from": party, "dry": bool}: each object, then the totals. */
enum err op_withdraw_no_longer(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct release_totals totals, released = {0};
    bool dry = op_flag(call, "dry");
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = release_no_longer(&c, op_text(call, "from"), !dry, tell, call, &totals, d);
    if (!e && totals.withdrawn) e = release_run(&c, NULL, NULL, &released, d);
    node_view_release(call->node, &v);
    if (e) return e;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_number(&w, "no_longer", (int64_t)totals.no_longer);
    json_member_number(&w, "withdrawn", (int64_t)totals.withdrawn);
    json_member_number(&w, "released", (int64_t)released.released);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
    return ERR_NONE;
}
