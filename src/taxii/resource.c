/* Discovery, the API root, collections and statuses (TAXII 2.1 §4, §5.1, §5.2). */
#include "taxii/call.h"
#include "taxii/media.h"

/* ---- API roots -----------------------------------------------------------------------------------------------------
 */

static bool root_listed(const struct span *roots, size_t count, struct span root) {
    for (size_t i = 0; i < count; i++)
        if (span_equal(roots[i], root)) return true;
    return false;
}

/* COLLECTION_ROOT, and every other in which the caller has a collection. */
static enum err list_roots(struct taxii_call *c, struct span **out, size_t *count) {
    struct collection *all;
    size_t all_count;
    enum err e = collection_list(c->reader, c->arena, &all, &all_count, &c->diag);
    if (e) return e;
    *out = arena_zalloc(c->arena, all_count + 1, sizeof **out);
    if (!*out) return diag_set(&c->diag, ERR_NOMEM, "no memory left for this request");
    (*out)[0] = SPAN(COLLECTION_ROOT);
    *count = 1;
    for (size_t i = 0; i < all_count; i++)
        if (collection_rights(&all[i], &c->caller) && !root_listed(*out, *count, all[i].root))
            (*out)[(*count)++] = all[i].root;
    return ERR_NONE;
}

static void write_root_url(struct json_writer *w, struct taxii_call *c, struct span root) {
    struct buf url = BUF_EMPTY;
    struct span base = c->view->own.url;
    while (base.len && base.at[base.len - 1] == '/') base.len--;
    buf_printf(&url, "%.*s/api/%.*s/", SPAN_ARG(base), SPAN_ARG(root));
    json_string(w, buf_span(&url));
    buf_free(&url);
}

enum err taxii_get_discovery(struct taxii_call *c) {
    struct span *roots;
    size_t count;
    struct buf body = BUF_EMPTY;
    enum err e = list_roots(c, &roots, &count);
    if (e) return e;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member(&w, "title", c->view->own.name);
    json_member_cstr(&w, "description", "Renkei: what this party shares with you under your agreements");
    json_key(&w, "default");
    write_root_url(&w, c, roots[0]);
    json_key(&w, "api_roots");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) write_root_url(&w, c, roots[i]);
    json_end_array(&w);
    json_end_object(&w);
    return taxii_resource(c, 200, &body);
}

enum err taxii_root_check(struct taxii_call *c) {
    struct span *roots;
    size_t count;
    if (span_is(c->root, COLLECTION_ROOT)) return ERR_NONE;
    enum err e = list_roots(c, &roots, &count);
    if (e || root_listed(roots, count, c->root)) return e;
    return diag_set(&c->diag, ERR_NOT_FOUND, "there is no such API root");
}

enum err taxii_get_root(struct taxii_call *c) {
    struct buf body = BUF_EMPTY;
    enum err e = taxii_root_check(c);
    if (e) return e;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_member(&w, "title", span_is(c->root, COLLECTION_ROOT) ? c->view->own.party : c->root);
    json_key(&w, "versions");
    json_begin_array(&w);
    json_cstr(&w, TAXII_MEDIA_TYPE);
    json_end_array(&w);
    json_member_number(&w, "max_content_length", c->server->node->config->limits.post_bytes);
    json_end_object(&w);
    return taxii_resource(c, 200, &body);
}

/* ---- collections ---------------------------------------------------------------------------------------------------
 */

/* An account that speaks for a party reads its feeds as long as the party is trusted, as its certificate would. */
static bool is_trusted(const struct taxii_call *c) {
    for (size_t i = 0; i < c->view->partner_count; i++)
        if (span_equal(c->view->partners[i].party, c->caller.party)) return true;
    return false;
}

static enum err add_own(struct taxii_call *c, struct taxii_collection *list, size_t *count,
                        const struct store_ledger *ledgers, size_t ledger_count) {
    size_t feeds = 0;
    if (!is_trusted(c)) ledger_count = 0;
    for (size_t i = 0; i < ledger_count; i++) feeds += span_equal(ledgers[i].recipient, c->caller.party);
    for (size_t i = 0; i < ledger_count; i++) {
        if (!span_equal(ledgers[i].recipient, c->caller.party)) continue;
        struct span alias = feeds == 1
                                ? SPAN("feed")
                                : arena_printf(c->arena, "feed-%.*s", SPAN_ARG(span_first(ledgers[i].lineage, 8)));
        list[(*count)++] = (struct taxii_collection){.kind = TAXII_FEED,
                                                     .id = ledgers[i].collection,
                                                     .alias = alias,
                                                     .rights = COLLECTION_READ,
                                                     .ledger = ledgers[i]};
    }
    list[(*count)++] = (struct taxii_collection){.kind = TAXII_INBOX,
                                                 .id = inbox_collection(c->view->secret, c->caller.party, c->arena),
                                                 .alias = SPAN("inbox"),
                                                 .rights = COLLECTION_WRITE};
    return c->arena->overflow ? diag_set(&c->diag, ERR_NOMEM, "no memory left for this request") : ERR_NONE;
}

enum err taxii_collections(struct taxii_call *c, struct taxii_collection **out, size_t *count) {
    struct store_ledger *ledgers = NULL;
    struct collection *all;
    size_t ledger_count = 0, all_count;
    bool partner = c->caller.party.len && span_is(c->root, COLLECTION_ROOT);
    *count = 0;
    enum err e = taxii_root_check(c);
    if (!e && partner) e = store_ledger_list(c->reader, c->arena, &ledgers, &ledger_count, &c->diag);
    if (!e) e = collection_list(c->reader, c->arena, &all, &all_count, &c->diag);
    if (e) return e;
    struct taxii_collection *list = arena_zalloc(c->arena, ledger_count + all_count + 1, sizeof *list);
    if (!list) return diag_set(&c->diag, ERR_NOMEM, "no memory left for this request");
    if (partner && (e = add_own(c, list, count, ledgers, ledger_count))) return e;
    for (size_t i = 0; i < all_count; i++) {
        unsigned rights = collection_rights(&all[i], &c->caller);
        if (!rights || !span_equal(all[i].root, c->root)) continue;
        list[(*count)++] = (struct taxii_collection){
            .kind = TAXII_ORDINARY, .id = all[i].id, .alias = all[i].alias, .rights = rights, .ordinary = all[i]};
    }
    *out = list;
    return ERR_NONE;
}

enum err taxii_collection_find(struct taxii_call *c, struct span name, struct taxii_collection *out) {
    struct taxii_collection *list;
    size_t count;
    enum err e = taxii_collections(c, &list, &count);
    for (size_t i = 0; !e && i < count; i++) {
        if (!span_equal(name, list[i].id) && !span_equal(name, list[i].alias)) continue;
        *out = list[i];
        return ERR_NONE;
    }
    return e ? e : diag_set(&c->diag, ERR_NOT_FOUND, "there is no such collection");
}

static void write_names(struct json_writer *w, struct taxii_call *c, const struct taxii_collection *at) {
    struct buf title = BUF_EMPTY;
    bool feed = at->kind == TAXII_FEED;
    if (at->kind == TAXII_ORDINARY) {
        json_member(w, "title", at->ordinary.title);
        if (at->ordinary.description.len) json_member(w, "description", at->ordinary.description);
        return;
    }
    buf_printf(&title, feed ? "%.*s to %.*s" : "%.*s from %.*s", SPAN_ARG(c->view->own.party),
               SPAN_ARG(c->caller.party));
    json_member(w, "title", buf_span(&title));
    json_member_cstr(w, "description",
                     feed ? "What was released to you, in the order of the ledger that proves it"
                          : "What you give: it is taken into this party's holdings");
    buf_free(&title);
}

static void write_collection(struct json_writer *w, struct taxii_call *c, const struct taxii_collection *at) {
    json_begin_object(w);
    json_member(w, "id", at->id);
    write_names(w, c, at);
    json_member(w, "alias", at->alias);
    json_member_truth(w, "can_read", (at->rights & COLLECTION_READ) != 0);
    json_member_truth(w, "can_write", (at->rights & COLLECTION_WRITE) != 0);
    json_key(w, "media_types");
    json_begin_array(w);
    if (at->kind != TAXII_ORDINARY) json_cstr(w, STIX_MEDIA_TYPE);
    for (size_t i = 0; i < at->ordinary.media_count; i++) json_string(w, at->ordinary.media[i]);
    json_end_array(w);
    json_end_object(w);
}

enum err taxii_get_collections(struct taxii_call *c) {
    struct taxii_collection *list;
    size_t count;
    struct buf body = BUF_EMPTY;
    enum err e = taxii_collections(c, &list, &count);
    if (e) return e;
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    if (count) { /* an empty list is forbidden (§1.6.2) */
        json_key(&w, "collections");
        json_begin_array(&w);
        for (size_t i = 0; i < count; i++) write_collection(&w, c, &list[i]);
        json_end_array(&w);
    }
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
    enum err e = taxii_root_check(c);
    if (!e) e = inbox_status(c->server->inbox, c->reader, &c->caller, c->root, c->names[0], c->arena, &body, &c->diag);
    if (e) {
        buf_free(&body);
        return e;
    }
    return taxii_resource(c, 200, &body);
}
