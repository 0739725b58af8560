/* Backups, and what a restore leaves to be done: ledgers on hold. */
#include <stdio.h>

#include "node/backup.h"
#include "node/op_all.h"
#include "share/hold.h"

static void copying(void *context, uint64_t done, uint64_t total) {
    op_progress(context, "copying the store", "pages", done, total);
}

/* {"to": folder, "without_keys"}. Runs in the caller's process, beside whoever writes: that one cannot read the keys.
 */
enum err op_backup(struct op_call *call, struct diag *d) {
    struct backup_report r;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    const char *to = arena_cstr(call->arena, op_text(call, "to"));
    if (!to || !to[0]) return diag_set(d, ERR_INVALID, "where to is missing");
    enum err e = backup_make(call->node, to, !op_flag(call, "without_keys"), copying, call, &r, d);
    if (e) return e;
    json_begin_object(&w);
    json_member_cstr(&w, "party", r.party);
    json_member_time(&w, "time", r.time);
    json_member_number(&w, "files", (int64_t)r.files);
    json_member_number(&w, "bytes", (int64_t)r.bytes);
    json_member_number(&w, "ledgers", (int64_t)r.ledgers);
    json_member_truth(&w, "keys", r.keys);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
    return ERR_NONE;
}

static void emit_hold(struct op_call *call, const struct share_hold *h) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member(&w, "origin", h->origin);
    json_member_truth(&w, "closed", h->closed);
    json_member_number(&w, "size", (int64_t)h->size);
    json_member_time(&w, "since", h->since);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* Each ledger on hold. */
enum err op_restore_status(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct share_hold *holds;
    size_t count = 0;
    enum err e = store_reader_open(call->realm->store, &r, d);
    if (!e) e = share_hold_list(r, call->arena, &holds, &count, d);
    for (size_t i = 0; !e && i < count; i++) emit_hold(call, &holds[i]);
    store_reader_close(&r);
    return e;
}

/* {"origin"}: what its recipient has seen of it is lost here for good, so nothing is ever added to it again. */
enum err op_restore_close(struct op_call *call, struct diag *d) {
    struct store_tx *tx = NULL;
    struct share_hold hold;
    struct span origin = op_text(call, "origin");
    enum err e = store_begin(call->realm->store, &tx, d);
    if (!e) {
        e = share_hold_get(store_tx_reader(tx), origin, call->arena, &hold, d);
        if (e == ERR_NOT_FOUND) diag_set(d, e, "%.*s is not on hold: there is nothing to close", SPAN_ARG(origin));
    }
    if (!e) e = share_hold_close(tx, &hold, clock_now(call->realm->clock), d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    hold.closed = true;
    if (!e) emit_hold(call, &hold);
    return e;
}
