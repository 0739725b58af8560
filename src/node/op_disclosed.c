/* What a party was given. */
#include <stdlib.h>

#include "node/op_all.h"
#include "share/disclosed.h"

static void tell(void *context, const struct disclosed_entry *e) {
    struct op_call *call = context;
    struct buf out = BUF_EMPTY;
    char text[TIME_TEXT_SIZE];
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_number(&w, "seq", (int64_t)e->entry->seq);
    json_member_cstr(&w, "time", time_format_us(e->entry->time, text));
    json_member_cstr(&w, "kind", e->kind);
    json_member(&w, "id", e->object);
    json_member(&w, "released_as", e->entry->stix_id);
    json_member_time(&w, "version", e->entry->modified);
    if (e->tlp[0]) json_member_cstr(&w, "tlp", e->tlp);
    json_member(&w, "clause", e->clause);
    json_member_truth(&w, "standing", e->entry->state <= STORE_ENTRY_SUPERSEDED);
    json_member_truth(&w, "confirmed", e->confirmed);
    json_end_object(&w);
    op_emit(call, &out);
    buf_free(&out);
}

struct total {
    struct span name;
    uint64_t count;
};

/* The most first, then by name. */
static int by_count(const void *left, const void *right) {
    const struct total *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    return span_compare(a->name, b->name);
}

static void write_totals(struct json_writer *w, const char *key, const struct map *m, struct arena *a) {
    struct total *all = arena_zalloc(a, m->count + 1, sizeof *all);
    size_t at = 0, n = 0;
    while (all && n < m->count && map_next(m, &at, &all[n].name, &all[n].count)) n++;
    if (n) qsort(all, n, sizeof *all, by_count);
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i < n; i++) {
        json_key_span(w, all[i].name);
        json_number(w, (int64_t)all[i].count);
    }
    json_end_object(w);
}

static enum err read_time(struct op_call *call, const char *name, time_us *out, struct diag *d) {
    struct span text = op_text(call, name);
    *out = TIME_NONE;
    if (!text.len || time_parse_stix(text, out)) return ERR_NONE;
    return diag_set(d, ERR_INVALID, "--%s is a time such as 2026-04-01T00:00:00Z, not %.*s", name, SPAN_ARG(text));
}

/* {"to","since","until","list": bool}: each entry if asked, then the totals. */
enum err op_disclosed(struct op_call *call, struct diag *d) {
    struct share_context c;
    struct disclosed totals = {0};
    struct disclosed_query q = {.recipient = op_text(call, "to")};
    enum err e = read_time(call, "since", &q.since, d);
    if (!e) e = read_time(call, "until", &q.until, d);
    if (e) return e;
    struct node_view *v = node_view(call->node);
    node_share_context(call->node, call->realm, v, &c);
    e = share_disclosed(&c, &q, op_flag(call, "list") ? tell : NULL, call, &totals, d);
    node_view_release(call->node, &v);
    if (!e) {
        struct buf out = BUF_EMPTY;
        struct json_writer w = json_writer(&out);
        json_begin_object(&w);
        json_member(&w, "to", q.recipient);
        json_member_time(&w, "since", q.since);
        json_member_time(&w, "until", q.until);
        json_member_number(&w, "released", (int64_t)totals.released);
        json_member_number(&w, "taken_back", (int64_t)totals.taken_back);
        json_member_number(&w, "standing", (int64_t)totals.standing);
        write_totals(&w, "types", &totals.types, call->arena);
        write_totals(&w, "markings", &totals.markings, call->arena);
        write_totals(&w, "clauses", &totals.clauses, call->arena);
        json_end_object(&w);
        op_emit(call, &out);
        buf_free(&out);
    }
    share_disclosed_free(&totals);
    return e;
}
