/* National policy: installed by the policy officer whose key it names, and shown. */
#include <string.h>

#include "base/encode.h"
#include "node/op_all.h"
#include "policy/national.h"
#include "share/release.h"
#include "share/subject.h"

#define SIGNATURE_KIND "national-policy-signature"

static struct span key_of(struct op_call *call, const struct national_policy *n) {
    return arena_printf(call->arena, "%08u", n->version); /* sorts as the number does */
}

static enum err newest(struct op_call *call, struct store_reader *r, struct national_policy **out, struct diag *d) {
    struct store_document *docs;
    size_t count;
    *out = NULL;
    enum err e = store_document_list(r, SHARE_NATIONAL_KIND, call->arena, &docs, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct national_policy *n;
        if ((e = national_policy_read(call->arena, docs[i].body, &n, d))) break;
        if (!*out || n->version > (*out)->version) *out = n;
    }
    return e;
}

static enum err sign(struct op_call *call, const struct national_policy *n, uint8_t signature[ACCOUNT_SIGNATURE_SIZE],
                     struct diag *d) {
    struct buf message = BUF_EMPTY;
    if (!call->account)
        return diag_set(d, ERR_DENIED, "a policy is signed by an officer's key: make accounts first (account add)");
    if (memcmp(n->officer, call->account->key, sizeof n->officer) != 0)
        return diag_set(d, ERR_DENIED, "the policy's officer is not %.*s: `account list` shows the keys",
                        SPAN_ARG(call->account->name));
    national_policy_message(n, &message);
    enum err e = account_sign(call->account, call->as->password, buf_span(&message), signature, d);
    buf_free(&message);
    return e ? e : national_policy_verify(n, signature, d);
}

/* Everything is decided again, under the policy that counts now. */
static enum err decide_again(struct op_call *call, struct store_tx *tx, struct diag *d) {
    struct store_ledger *ledgers;
    size_t count = 0;
    enum err e = store_ledger_list(store_tx_reader(tx), call->arena, &ledgers, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        ledgers[i].cursor_agreement = (struct span){"", 0};
        e = store_ledger_update(tx, &ledgers[i], d);
    }
    return e;
}

static void emit(struct op_call *call, const struct national_policy *n, const struct release_totals *totals) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    char hash[65];
    hex_write(span_of(n->hash.b, sizeof n->hash.b), hash);
    json_begin_object(&w);
    json_member(&w, "party", n->party);
    json_member_number(&w, "version", n->version);
    json_member_cstr(&w, "hash", hash);
    json_member_time(&w, "effective", n->effective);
    json_member_number(&w, "rules", (int64_t)n->rules.count);
    if (totals) {
        json_member_number(&w, "decided", (int64_t)totals->decided);
        json_member_number(&w, "released", (int64_t)totals->released);
        json_member_number(&w, "withheld", (int64_t)totals->withheld);
        json_member_number(&w, "no_longer", (int64_t)totals->no_longer);
    } else {
        json_member(&w, "text", n->text);
    }
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

static enum err install(struct op_call *call, const struct national_policy *n, const uint8_t *signature,
                        struct diag *d) {
    struct store_tx *tx = NULL;
    struct national_policy *old = NULL;
    time_us now = clock_now(call->realm->clock);
    struct store_document text = {
        .kind = SPAN(SHARE_NATIONAL_KIND), .key = key_of(call, n), .body = n->text, .time = now};
    struct store_document signed_by = {
        .kind = SPAN(SIGNATURE_KIND), .key = text.key, .body = span_of(signature, ACCOUNT_SIGNATURE_SIZE), .time = now};
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) e = newest(call, store_tx_reader(tx), &old, d);
    if (!e) e = national_policy_follows(n, old, d);
    if (!e) e = store_document_put(tx, &text, d);
    if (!e) e = store_document_put(tx, &signed_by, d);
    if (!e) e = decide_again(call, tx, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    return e;
}

/* {"text"}: of the policy. */
enum err op_policy_install(struct op_call *call, struct diag *d) {
    struct national_policy *n;
    struct release_totals totals = {0};
    struct share_context c;
    uint8_t signature[ACCOUNT_SIGNATURE_SIZE];
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    enum err e = national_policy_read(call->arena, op_text(call, "text"), &n, d);
    if (!e && !span_equal(n->party, v->own.party))
        e = diag_set(d, ERR_INVALID, "it is the policy of %.*s, and this node is %.*s's", SPAN_ARG(n->party),
                     SPAN_ARG(v->own.party));
    if (!e && n->effective > clock_now(call->realm->clock))
        e = diag_set(d, ERR_INVALID, "it is not in effect yet: install it when it is");
    if (!e) e = sign(call, n, signature, d);
    if (!e) e = install(call, n, signature, d);
    if (!e) e = release_run(&c, NULL, NULL, &totals, d);
    if (!e) emit(call, n, &totals);
    node_view_release(call->node, &v);
    return e;
}

enum err op_policy_show(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct national_policy *n = NULL;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = newest(call, r, &n, d);
    store_reader_close(&r);
    if (!e && !n) return diag_set(d, ERR_NOT_FOUND, "this node has no national policy");
    if (!e) emit(call, n, NULL);
    return e;
}
