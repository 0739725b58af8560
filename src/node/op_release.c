/* Releasing, explaining, taking back, and the node's state at a glance. */
#include "node/op_all.h"
#include "share/release.h"

static void progress(void *context, uint64_t done, uint64_t total) {
    op_progress(context, "deciding releases", "holdings", done, total);
}

static void emit_totals(struct op_call *call, const struct release_totals *t) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_number(&w, "decided", (int64_t)t->decided);
    json_member_number(&w, "released", (int64_t)t->released);
    json_member_number(&w, "withheld", (int64_t)t->withheld);
    json_member_number(&w, "waiting", (int64_t)t->waiting);
    json_member_number(&w, "withdrawn", (int64_t)t->withdrawn);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* Decides what has not been decided yet. */
enum err op_release(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct release_totals totals;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = release_run(&c, progress, call, &totals, d);
    node_view_release(call->node, &v);
    if (!e) emit_totals(call, &totals);
    return e;
}

/* {"id","from"}. */
enum err op_withdraw(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct release_totals totals;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = release_withdraw(&c, op_text(call, "id"), op_text(call, "from"), &totals, d);
    node_view_release(call->node, &v);
    if (!e) emit_totals(call, &totals);
    return e;
}

/* {"id","from"}: what the party's records say. */
static enum err why_received(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct buf out = BUF_EMPTY;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = release_why_received(&c, op_text(call, "id"), op_text(call, "from"), &out, d);
    node_view_release(call->node, &v);
    if (!e) op_emit(call, &out);
    buf_free(&out);
    return e;
}

/* {"id","to","at"}: now, or as it was then; or {"id","from"}. */
enum err op_why(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct buf out = BUF_EMPTY;
    struct span at_text = op_text(call, "at");
    time_us at = TIME_NONE;
    if (op_text(call, "from").len) return why_received(call, d);
    if (at_text.len && !time_parse_stix(at_text, &at))
        return diag_set(d, ERR_INVALID, "--at is a time such as 2026-04-01T00:00:00Z, not %.*s", SPAN_ARG(at_text));
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = release_why(&c, op_text(call, "id"), op_text(call, "to"), at, &out, d);
    node_view_release(call->node, &v);
    if (!e) op_emit(call, &out);
    buf_free(&out);
    return e;
}

enum err op_status(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_total *totals;
    size_t count;
    int64_t visible = 0;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    struct node_view *v = node_view(call->node);
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = store_holding_visible(r, &visible, d);
    if (!e) e = store_holding_totals(r, call->arena, &totals, &count, d);
    if (!e) {
        json_begin_object(&w);
        json_member(&w, "party", v->own.party);
        json_member_cstr(&w, "realm", call->realm->name);
        json_member_cstr(&w, "home", call->node->home);
        json_member_number(&w, "partners", (int64_t)v->partner_count);
        json_member_number(&w, "newest_holding", visible);
        json_key(&w, "holdings");
        json_begin_object(&w);
        for (size_t i = 0; i < count; i++) {
            json_key_span(&w, totals[i].name);
            json_number(&w, totals[i].count);
        }
        json_end_object(&w);
        json_end_object(&w);
        op_emit(call, &out);
    }
    store_reader_close(&r);
    node_view_release(call->node, &v);
    buf_free(&out);
    return e;
}
