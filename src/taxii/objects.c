/* Objects, manifests, versions; adding and deleting (TAXII 2.1 §5.3 to §5.8). */
#include "taxii/call.h"
#include "taxii/media.h"
#include "taxii/page.h"

static void add_dates(struct taxii_call *c, time_us first, time_us last) {
    char text[TIME_TEXT_SIZE];
    if (first == TIME_NONE) return;
    http_response_header(c->res, "X-TAXII-Date-Added-First", span_cstr(time_format_us(first, text)));
    http_response_header(c->res, "X-TAXII-Date-Added-Last", span_cstr(time_format_us(last, text)));
}

static enum err send_page(struct taxii_call *c, const struct taxii_page_request *q) {
    struct page_key key = {.ledger = q->ledger,
                           .size = q->size,
                           .from = q->filter->from,
                           .limit = q->filter->limit,
                           .binding = q->filter->binding};
    time_us first, last;
    bool cacheable = taxii_page_cacheable(q);
    struct http_body *shared = cacheable ? page_cache_find(c->server->pages, &key, &first, &last) : NULL;
    if (!shared) {
        struct taxii_page page;
        enum err e = taxii_page_build(c->reader, q, c->arena, &page, &c->diag);
        if (e) return e;
        first = page.first;
        last = page.last;
        shared = http_body_new(&page.body);
        if (!shared) return diag_set(&c->diag, ERR_NOMEM, "no memory left for a page");
        if (cacheable) page_cache_put(c->server->pages, &key, shared, first, last);
    }
    add_dates(c, first, last);
    http_response_share(c->res, 200, TAXII_MEDIA_TYPE, shared);
    http_body_unref(&shared);
    return ERR_NONE;
}

/* What is common to the four ways to read a feed. */
static enum err read_feed(struct taxii_call *c, enum taxii_page_kind kind, bool one_object) {
    static const char *const resources[] = {"objects", "manifest", "versions"};
    struct taxii_collection collection;
    struct taxii_filter filter;
    enum err e = taxii_collection_find(c, c->names[0], &collection);
    if (e) return e;
    if (collection.kind != TAXII_FEED) return taxii_error(c, 403, "this collection cannot be read");
    struct taxii_scope scope = {.secret = span_of(c->view->secret, sizeof c->view->secret),
                                .party = c->party,
                                .collection = span_cstr(collection.id),
                                .resource = span_cstr(resources[kind]),
                                .object = one_object ? c->names[1] : (struct span){0}};
    if ((e = taxii_filter_read(c->arena, &c->req->query, &scope, &filter, &c->diag))) return e;
    if (one_object && (e = taxii_page_object_exists(c->reader, collection.ledger.id, scope.object, &c->diag))) return e;
    if (kind == TAXII_PAGE_VERSIONS) filter.versions = TAXII_VERSION_ALL; /* §5.8 has no match[version] */
    struct taxii_page_request request = {.kind = kind,
                                         .ledger = collection.ledger.id,
                                         .size = collection.ledger.size,
                                         .object = scope.object,
                                         .filter = &filter,
                                         .scope = &scope};
    return send_page(c, &request);
}

enum err taxii_get_objects(struct taxii_call *c) {
    return read_feed(c, TAXII_PAGE_OBJECTS, false);
}

enum err taxii_get_manifest(struct taxii_call *c) {
    return read_feed(c, TAXII_PAGE_MANIFEST, false);
}

enum err taxii_get_object(struct taxii_call *c) {
    return read_feed(c, TAXII_PAGE_OBJECTS, true);
}

enum err taxii_get_versions(struct taxii_call *c) {
    return read_feed(c, TAXII_PAGE_VERSIONS, true);
}

enum err taxii_post_objects(struct taxii_call *c) {
    struct taxii_collection collection;
    struct buf status = BUF_EMPTY;
    enum err e = taxii_collection_find(c, c->names[0], &collection);
    if (e) return e;
    if (collection.kind != TAXII_INBOX) return taxii_error(c, 403, "this collection cannot be written");
    e = inbox_post(c->server->inbox, c->party, c->req->body, &status, &c->diag);
    if (!e) return taxii_resource(c, 202, &status);
    buf_free(&status);
    return e == ERR_INVALID ? taxii_error(c, 422, c->diag.message) : e;
}

/* A feed cannot be written, an inbox cannot be read: deleting needs both (§5.7). */
enum err taxii_delete_object(struct taxii_call *c) {
    struct taxii_collection collection;
    enum err e = taxii_collection_find(c, c->names[0], &collection);
    return e ? e : taxii_error(c, 403, "objects cannot be deleted from this collection");
}
