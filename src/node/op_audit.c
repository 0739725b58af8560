/* The audit: listed and verified. Reading it leaves no entry. */
#include "base/encode.h"
#include "node/audit.h"
#include "node/op_all.h"

enum { PAGE = 1000, PAGE_ARENA_MAX = 256 << 20, HEX_SIZE = 2 * SHA256_SIZE + 1 };

static void emit(struct op_call *call, const struct store_audit_kept *kept) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    char hash[HEX_SIZE];
    hex_write(span_of(kept->chain.b, SHA256_SIZE), hash);
    json_begin_object(&w);
    json_member_number(&w, "number", (int64_t)kept->number);
    json_member_time(&w, "time", kept->entry.time);
    json_member(&w, "actor", kept->entry.actor);
    json_member(&w, "operation", kept->entry.operation);
    json_member(&w, "detail", kept->entry.detail);
    json_member(&w, "outcome", kept->entry.outcome);
    if (kept->chained) json_member_cstr(&w, "hash", hash);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

/* {"after": entries with a higher number only}. */
enum err op_audit_list(struct op_call *call, struct diag *d) {
    struct store_reader *r = NULL;
    struct arena a;
    int64_t from = op_number(call, "after", 0);
    uint64_t after = from > 0 ? (uint64_t)from : 0;
    size_t count = 1;
    arena_init(&a, PAGE_ARENA_MAX);
    enum err e = store_reader_open(call->realm->store, &r, d);
    while (!e && count) {
        struct store_audit_kept *page;
        arena_reset(&a);
        e = store_audit_scan(r, after, PAGE, &a, &page, &count, d);
        for (size_t i = 0; !e && i < count; i++) emit(call, &page[i]);
        if (!e && count) after = page[count - 1].number;
    }
    store_reader_close(&r);
    arena_free(&a);
    return e;
}

/* {"number", "hash": a head kept elsewhere}. */
enum err op_audit_verify(struct op_call *call, struct diag *d) {
    struct audit_head known = {0};
    struct audit_report report;
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    char hash[HEX_SIZE];
    int64_t number = op_number(call, "number", 0);
    if (number > 0 && !hex_read(op_text(call, "hash"), known.chain.b, SHA256_SIZE))
        return diag_set(d, ERR_INVALID, "a head is NUMBER:HASH, the hash in 64 hexadecimal digits");
    known.number = number > 0 ? (uint64_t)number : 0;
    enum err e = audit_verify(call->node, call->realm, &known, &report, d);
    if (e) return e;
    hex_write(span_of(report.newest.chain.b, SHA256_SIZE), hash);
    json_begin_object(&w);
    json_member_number(&w, "entries", (int64_t)report.newest.number);
    json_member_number(&w, "signed", (int64_t)report.signed_head.number);
    json_member_cstr(&w, "hash", hash);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
    return ERR_NONE;
}
