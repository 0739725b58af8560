/* What a publisher may ask of us about its own ledger, after it was restored from a backup: how far we have seen it,
 * and the entries that it lost. We give back only what it once gave us. */
#include <stdio.h>

#include "base/encode.h"
#include "ledger/record.h"
#include "taxii/call.h"
#include "taxii/sync_state.h"

enum {
    ENTRIES_AT_ONCE = 256,
    ANSWER_MAX = 8 << 20, /* bytes after which an answer ends, with at least one entry in it */
    BODY_MAX = 32 << 20   /* a larger body would not fit the page that the other side accepts */
};

/* "renkei/PUBLISHER/RECIPIENT/…": the caller's ledger for us. */
static bool is_callers(const struct taxii_call *c, struct span origin) {
    const struct span own = c->view->own.party;
    char start[256], *at = start;
    int len = snprintf(start, sizeof start, "renkei/%.*s/%.*s/", SPAN_ARG(c->caller.party), SPAN_ARG(own));
    if (len < 0 || (size_t)len >= sizeof start) return false;
    for (; *at; at++)
        if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
    return span_starts(origin, span_cstr(start));
}

static enum err get_head(struct taxii_call *c, struct span origin) {
    struct sync_state state;
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    enum err e = sync_state_load(c->reader, origin, &state, &c->diag);
    if (e) return e;
    json_begin_object(&w);
    json_member_number(&w, "size", (int64_t)state.size);
    json_member_number(&w, "seen", (int64_t)state.seen_size);
    if (state.seen_note.len) json_member(&w, "checkpoint", buf_span(&state.seen_note));
    json_end_object(&w);
    sync_state_free(&state);
    return publish_text(c, "application/json", &body);
}

static void add_bytes(struct json_writer *w, const char *name, struct span bytes) {
    struct buf text = BUF_EMPTY;
    buf_add_base64(&text, bytes);
    json_member(w, name, buf_span(&text));
    if (!buf_ok(&text)) w->out->failed = true;
    buf_free(&text);
}

static enum err add_entry(struct taxii_call *c, struct json_writer *w, const struct store_received *r, bool bodies) {
    struct store_holding h = {0};
    enum err e = ERR_NONE;
    if (bodies && r->holding && !r->withdrawn && r->salt.len)
        e = store_holding_get(c->reader, r->holding, c->arena, &h, &c->diag);
    if (e && e != ERR_NOT_FOUND) return e;
    json_begin_object(w);
    json_member_number(w, "seq", (int64_t)r->seq);
    add_bytes(w, "record", r->record);
    if (h.body.len && h.body.len <= BODY_MAX) {
        add_bytes(w, "salt", r->salt);
        add_bytes(w, "body", h.body);
    }
    json_end_object(w);
    return ERR_NONE;
}

static enum err get_entries(struct taxii_call *c, struct span origin, uint64_t from, bool bodies) {
    struct store_received *list;
    size_t count;
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    enum err e = store_received_scan(c->reader, origin, from, ENTRIES_AT_ONCE, c->arena, &list, &count, &c->diag);
    if (e) return e;
    json_begin_object(&w);
    json_key(&w, "entries");
    json_begin_array(&w);
    for (size_t i = 0; !e && i < count && body.len < ANSWER_MAX; i++) e = add_entry(c, &w, &list[i], bodies);
    json_end_array(&w);
    json_end_object(&w);
    if (!e) return publish_text(c, "application/json", &body);
    buf_free(&body);
    return e;
}

enum err received_get(struct taxii_call *c) {
    struct span text, origin = c->names[0];
    uint64_t from;
    if (!is_callers(c, origin)) return diag_set(&c->diag, ERR_NOT_FOUND, "this is no ledger of the caller's");
    if (!http_query_get(c->req, "from", &text)) return get_head(c, origin);
    if (!span_u64(text, &from) || from > LEDGER_SEQ_MAX)
        return diag_set(&c->diag, ERR_INVALID, "from is an entry's number");
    return get_entries(c, origin, from, http_query_get(c->req, "bodies", &text));
}
