/* Objects, manifests, versions; adding and deleting (TAXII 2.1 §5.3 to §5.8). */
#include "taxii/call.h"
#include "taxii/encoding.h"
#include "taxii/media.h"
#include "taxii/page.h"

enum { COMPRESS_MIN = 1024 /* bytes: below, headers weigh more than what is saved */ };

static void add_dates(struct taxii_call *c, time_us first, time_us last) {
    char text[TIME_TEXT_SIZE];
    if (first == TIME_NONE) return;
    http_response_header(c->res, "X-TAXII-Date-Added-First", span_cstr(time_format_us(first, text)));
    http_response_header(c->res, "X-TAXII-Date-Added-Last", span_cstr(time_format_us(last, text)));
}

/* A page that is asked for again is compressed once and kept so: who reads each page once, as a sync does, costs no
 * compression, and what many read is compressed for all of them. */
static struct http_body *compressed(struct taxii_call *c, struct page_key key, struct http_body *plain, time_us first,
                                    time_us last) {
    struct span accepted;
    struct buf body = BUF_EMPTY;
    if (!http_request_header(c->req, "Accept-Encoding", &accepted) || http_body_span(plain).len < COMPRESS_MIN)
        return NULL;
    key.encoding = encoding_accepted(accepted);
    if (key.encoding == ENCODING_NONE) return NULL;
    struct http_body *kept = page_cache_find(c->server->pages, &key, &first, &last);
    if (!kept && encoding_write(key.encoding, http_body_span(plain), &body)) {
        kept = http_body_new(&body);
        if (kept) page_cache_put(c->server->pages, &key, kept, first, last);
    }
    buf_free(&body);
    if (kept) http_response_header(c->res, "Content-Encoding", span_cstr(encoding_name(key.encoding)));
    return kept;
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
    struct http_body *smaller = shared ? compressed(c, key, shared, first, last) : NULL;
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
    http_response_header(c->res, "Vary", SPAN("Accept, Accept-Encoding"));
    http_response_share(c->res, 200, TAXII_MEDIA_TYPE, smaller ? smaller : shared);
    http_body_unref(&smaller);
    http_body_unref(&shared);
    return ERR_NONE;
}

/* What is common to all that read from a collection, or delete from it. */
struct reading {
    struct taxii_collection collection;
    struct taxii_scope scope;
    struct taxii_filter filter;
    struct taxii_page_request request;
};

/* The collection, if the caller has these rights: one who has none of them does not learn that it exists. */
static enum err find_with_rights(struct taxii_call *c, unsigned needed, const char *refusal, bool *refused,
                                 struct taxii_collection *out) {
    enum err e = taxii_collection_find(c, c->names[0], out);
    *refused = !e && (out->rights & needed) != needed;
    return *refused ? taxii_error(c, 403, refusal) : e;
}

static enum err read_request(struct taxii_call *c, enum taxii_page_kind kind, bool one_object, struct reading *r) {
    static const char *const resources[] = {"objects", "manifest", "versions"};
    const struct taxii_collection *from = &r->collection;
    bool ordinary = from->kind == TAXII_ORDINARY;
    int64_t number = ordinary ? from->ordinary.number : from->ledger.id;
    r->scope = (struct taxii_scope){.secret = span_of(c->view->secret, sizeof c->view->secret),
                                    .party = c->caller.key,
                                    .collection = from->id,
                                    .resource = span_cstr(resources[kind]),
                                    .object = one_object ? c->names[1] : (struct span){0},
                                    .mixed = ordinary && collection_mixed(&from->ordinary)};
    enum err e = taxii_filter_read(c->arena, &c->req->query, &r->scope, &r->filter, &c->diag);
    if (!e && one_object) e = taxii_page_object_exists(c->reader, number, r->scope.object, &c->diag);
    r->request = (struct taxii_page_request){.kind = kind,
                                             .ledger = number,
                                             .size = from->ledger.size,
                                             .ordinary = ordinary,
                                             .object = r->scope.object,
                                             .filter = &r->filter,
                                             .scope = &r->scope};
    if (!e && ordinary) e = collection_size(c->reader, number, &r->request.size, &c->diag);
    return e;
}

static enum err read_collection(struct taxii_call *c, enum taxii_page_kind kind, bool one_object) {
    struct reading r;
    bool refused;
    enum err e = find_with_rights(c, COLLECTION_READ, "this collection cannot be read by you", &refused, &r.collection);
    if (e || refused) return e;
    if ((e = read_request(c, kind, one_object, &r))) return e;
    if (kind == TAXII_PAGE_VERSIONS) r.filter.versions = TAXII_VERSION_ALL; /* §5.8 has no match[version] */
    return send_page(c, &r.request);
}

enum err taxii_get_objects(struct taxii_call *c) {
    return read_collection(c, TAXII_PAGE_OBJECTS, false);
}

enum err taxii_get_manifest(struct taxii_call *c) {
    return read_collection(c, TAXII_PAGE_MANIFEST, false);
}

enum err taxii_get_object(struct taxii_call *c) {
    return read_collection(c, TAXII_PAGE_OBJECTS, true);
}

enum err taxii_get_versions(struct taxii_call *c) {
    return read_collection(c, TAXII_PAGE_VERSIONS, true);
}

enum err taxii_post_objects(struct taxii_call *c) {
    struct taxii_collection into;
    struct buf status = BUF_EMPTY;
    bool refused;
    enum err e = find_with_rights(c, COLLECTION_WRITE, "this collection cannot be written by you", &refused, &into);
    if (e || refused) return e;
    struct span ordinary = into.kind == TAXII_ORDINARY ? into.id : (struct span){0};
    e = inbox_post(c->server->inbox, &c->caller, c->root, ordinary, c->req->body, &status, &c->diag);
    if (!e) return taxii_resource(c, 202, &status);
    buf_free(&status);
    return e == ERR_INVALID ? taxii_error(c, 422, c->diag.message) : e;
}

/* ---- deleting (§5.7) -----------------------------------------------------------------------------------------------
 */

/* All versions unless the filters say which: what match[version] and match[spec_version] mean when they are not given
 * (§3.4.1) is for reading. */
static void widen(struct taxii_call *c, struct reading *r) {
    struct span given;
    static const struct span every[] = {{"2.1", 3}, {"2.0", 3}, {"", 0}};
    if (!http_query_find(&c->req->query, "match[version]", &given) || given.len == 0)
        r->filter.versions = TAXII_VERSION_ALL;
    if (r->filter.spec_count || !r->scope.mixed) return;
    r->filter.specs = every;
    r->filter.spec_count = sizeof every / sizeof *every;
}

static enum err remove_entries(struct taxii_call *c, const struct reading *r, const uint64_t *seqs, size_t count) {
    struct store_tx *tx = NULL;
    struct collection_end end;
    struct realm *realm = &c->server->node->live;
    enum err e = store_begin(realm->store, &tx, &c->diag);
    if (!e) e = collection_end(tx, r->request.ledger, &end, &c->diag);
    if (!e) e = collection_remove(tx, &end, r->request.object, seqs, count, clock_now(realm->clock), &c->diag);
    if (!e) e = store_commit(&tx, &c->diag);
    if (tx) store_rollback(&tx);
    return e;
}

enum err taxii_delete_object(struct taxii_call *c) {
    struct reading r;
    uint64_t *seqs;
    size_t count;
    bool refused;
    enum err e = find_with_rights(c, COLLECTION_READ | COLLECTION_WRITE,
                                  "you cannot delete objects from this collection", &refused, &r.collection);
    if (e || refused) return e;
    if ((e = read_request(c, TAXII_PAGE_VERSIONS, true, &r))) return e;
    widen(c, &r);
    e = taxii_page_entries(c->reader, &r.request, c->arena, &seqs, &count, &c->diag);
    if (!e && count == 0) e = diag_set(&c->diag, ERR_NOT_FOUND, "there is no such version of this object");
    if (!e) e = remove_entries(c, &r, seqs, count);
    if (!e) http_response_text(c->res, 200, TAXII_MEDIA_TYPE, (struct span){0});
    return e;
}
