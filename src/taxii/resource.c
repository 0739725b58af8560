/* Discovery, the API root, collections and statuses (TAXII 2.1 §4, §5.1, §5.2). */
#include <stdio.h>

#include "stix/id.h"
#include "taxii/call.h"
#include "taxii/media.h"

#define API_ROOT "/api/live/"

static void member_url(struct json_writer *w, struct taxii_call *c, const char *name) {
    struct buf url = BUF_EMPTY;
    struct span base = c->view->own.url;
    while (base.len && base.at[base.len - 1] == '/') base.len--;
    buf_add(&url, base);
    buf_add_cstr(&url, API_ROOT);
    if (name)
        json_member(w, name, buf_span(&url));
    else
        json_string(w, buf_span(&url));
    buf_free(&url);
}

enum err taxii_get_discovery(struct taxii_call *c) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member(&w, "title", c->view->own.name);
    json_member_cstr(&w, "description", "Renkei: what this party shares with you under your agreements");
    member_url(&w, c, "default");
    json_key(&w, "api_roots");
    json_begin_array(&w);
    member_url(&w, c, NULL);
    json_end_array(&w);
    json_end_object(&w);
    return taxii_resource(c, 200, &body);
}

enum err taxii_get_root(struct taxii_call *c) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member(&w, "title", c->view->own.party);
    json_key(&w, "versions");
    json_begin_array(&w);
    json_cstr(&w, TAXII_MEDIA_TYPE);
    json_end_array(&w);
    json_member_number(&w, "max_content_length", INBOX_CONTENT_MAX);
    json_end_object(&w);
    return taxii_resource(c, 200, &body);
}

/* ---- collections ---------------------------------------------------------------------------------------------------
 */

static void fill_inbox(struct taxii_call *c, struct taxii_collection *out) {
    struct span id = inbox_collection(c->view->secret, c->party, c->arena);
    *out = (struct taxii_collection){.kind = TAXII_INBOX};
    snprintf(out->id, sizeof out->id, "%.*s", SPAN_ARG(id));
    snprintf(out->alias, sizeof out->alias, "inbox");
}

enum err taxii_collections(struct taxii_call *c, struct taxii_collection **out, size_t *count) {
    struct store_ledger *ledgers;
    size_t ledger_count, feeds = 0;
    *count = 0;
    enum err e = store_ledger_list(c->reader, c->arena, &ledgers, &ledger_count, &c->diag);
    if (e) return e;
    struct taxii_collection *list = arena_zalloc(c->arena, ledger_count + 1, sizeof *list);
    if (!list) return diag_set(&c->diag, ERR_NOMEM, "no memory left for this request");
    for (size_t i = 0; i < ledger_count; i++) feeds += span_equal(ledgers[i].recipient, c->party);
    for (size_t i = 0; i < ledger_count; i++) {
        if (!span_equal(ledgers[i].recipient, c->party)) continue;
        struct taxii_collection *feed = &list[(*count)++];
        feed->kind = TAXII_FEED;
        feed->ledger = ledgers[i];
        snprintf(feed->id, sizeof feed->id, "%.*s", SPAN_ARG(ledgers[i].collection));
        if (feeds == 1)
            snprintf(feed->alias, sizeof feed->alias, "feed");
        else
            snprintf(feed->alias, sizeof feed->alias, "feed-%.*s", SPAN_ARG(span_first(ledgers[i].lineage, 8)));
    }
    fill_inbox(c, &list[(*count)++]);
    *out = list;
    return ERR_NONE;
}

enum err taxii_collection_find(struct taxii_call *c, struct span name, struct taxii_collection *out) {
    struct taxii_collection *list;
    size_t count;
    enum err e = taxii_collections(c, &list, &count);
    for (size_t i = 0; !e && i < count; i++) {
        if (!span_is(name, list[i].id) && !span_is(name, list[i].alias)) continue;
        *out = list[i];
        return ERR_NONE;
    }
    return e ? e : diag_set(&c->diag, ERR_NOT_FOUND, "there is no such collection");
}

static void write_collection(struct json_writer *w, struct taxii_call *c, const struct taxii_collection *at) {
    bool feed = at->kind == TAXII_FEED;
    struct buf title = BUF_EMPTY;
    buf_printf(&title, feed ? "%.*s to %.*s" : "%.*s from %.*s", SPAN_ARG(c->view->own.party), SPAN_ARG(c->party));
    json_begin_object(w);
    json_member_cstr(w, "id", at->id);
    json_member(w, "title", buf_span(&title));
    json_member_cstr(w, "description",
                     feed ? "What was released to you, in the order of the ledger that proves it"
                          : "What you give: it is taken into this party's holdings");
    json_member_cstr(w, "alias", at->alias);
    json_member_truth(w, "can_read", feed);
    json_member_truth(w, "can_write", !feed);
    json_key(w, "media_types");
    json_begin_array(w);
    json_cstr(w, STIX_MEDIA_TYPE);
    json_end_array(w);
    json_end_object(w);
    buf_free(&title);
}

enum err taxii_get_collections(struct taxii_call *c) {
    struct taxii_collection *list;
    size_t count;
    struct buf body = BUF_EMPTY;
    enum err e = taxii_collections(c, &list, &count);
    if (e) return e;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_key(&w, "collections");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) write_collection(&w, c, &list[i]);
    json_end_array(&w);
    json_end_object(&w);
    return taxii_resource(c, 200, &body);
}

enum err taxii_get_collection(struct taxii_call *c) {
    struct taxii_collection collection;
    struct buf body = BUF_EMPTY;
    enum err e = taxii_collection_find(c, c->names[0], &collection);
    if (e) return e;
    struct json_writer w = json_writer(&body);
    write_collection(&w, c, &collection);
    return taxii_resource(c, 200, &body);
}

enum err taxii_get_status(struct taxii_call *c) {
    struct buf body = BUF_EMPTY;
    enum err e = inbox_status(c->server->inbox, c->reader, c->party, c->names[0], c->arena, &body, &c->diag);
    if (e) {
        buf_free(&body);
        return e;
    }
    return taxii_resource(c, 200, &body);
}
