/* The operations of all floors in one table. */
#include <stdlib.h>

#include "cli/cli.h"
#include "taxii/sync.h"

static void sync_progress(void *context, const char *what, const char *unit, uint64_t done, uint64_t total) {
    op_progress(context, what, unit, done, total);
}

static void emit_ledgers(struct json_writer *w, const struct taxii_sync_result *r) {
    json_key(w, "ledgers");
    json_begin_array(w);
    for (size_t i = 0; i < r->ledger_count; i++) {
        const struct taxii_sync_ledger *l = &r->ledgers[i];
        json_begin_object(w);
        json_member_cstr(w, "origin", l->origin);
        json_member_number(w, "size_before", (int64_t)l->size_before);
        json_member_number(w, "size", (int64_t)l->size);
        json_member_truth(w, "verified", l->verified);
        json_member_truth(w, "cosigned", l->cosigned);
        if (l->trouble[0]) json_member_cstr(w, "trouble", l->trouble);
        json_end_object(w);
    }
    json_end_array(w);
}

static void sync_finding(void *context, bool error, const char *place, struct span id, const char *path,
                         const char *message) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "finding", error ? "error" : "warning");
    json_member_cstr(&w, "place", place);
    if (id.len) json_member(&w, "id", id);
    if (path && path[0]) json_member_cstr(&w, "path", path);
    json_member_cstr(&w, "message", message);
    json_end_object(&w);
    if (error) op_emit(context, &out);
    buf_free(&out);
}

/* {"from": party or source}: one pull. */
static enum err op_sync(struct op_call *call, struct diag *d) {
    struct taxii_sync_result *r = calloc(1, sizeof *r);
    struct taxii_sync_options options = {.progress = sync_progress, .finding = sync_finding, .context = call};
    struct buf out = BUF_EMPTY;
    char *name = arena_cstr(call->arena, op_text(call, "from"));
    enum err e = r && name ? taxii_sync(call->node, name, &options, r, d) : diag_set(d, ERR_NOMEM, "no memory to sync");
    struct json_writer w = json_writer(&out);
    if (r && (!e || r->read || r->ledger_count || r->restored)) { /* how far it came, also when it failed */
        json_begin_object(&w);
        json_member_cstr(&w, "from", name);
        json_member_truth(&w, "renkei", r->renkei);
        json_member_truth(&w, "card_received", r->card_received);
        json_member_truth(&w, "card_sent", r->card_sent);
        json_member_number(&w, "read", (int64_t)r->read);
        json_member_number(&w, "added", (int64_t)r->added);
        json_member_number(&w, "known", (int64_t)r->known);
        json_member_number(&w, "rejected", (int64_t)r->rejected);
        json_member_number(&w, "quarantined", (int64_t)r->quarantined);
        json_member_number(&w, "withdrawn", (int64_t)r->withdrawn);
        if (r->restored) json_member_number(&w, "restored", (int64_t)r->restored);
        if (r->restored) json_member_number(&w, "recovered", (int64_t)r->recovered);
        json_member_number(&w, "bytes", (int64_t)r->bytes);
        json_key(&w, "seconds");
        json_real(&w, r->seconds);
        emit_ledgers(&w, r);
        json_end_object(&w);
        op_emit(call, &out);
    }
    buf_free(&out);
    free(r);
    return e;
}

static const struct op above[] = {{"sync", NODE_WRITE, op_sync}};
enum { ABOVE = sizeof above / sizeof *above, TABLE_MAX = 128 };

struct op_table cli_operations(void) {
    static struct op all[TABLE_MAX];
    struct op_table below = node_operations();
    size_t count = 0;
    for (size_t i = 0; i < below.count && count < TABLE_MAX; i++) all[count++] = below.ops[i];
    for (size_t i = 0; i < ABOVE && count < TABLE_MAX; i++) all[count++] = above[i];
    return (struct op_table){all, count};
}
