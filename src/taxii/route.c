/* The table of routes, and what every request goes through before its handler: the path, the method, who asks, what it
 * accepts. */
#include <stdio.h>

#include "base/log.h"
#include "taxii/call.h"
#include "taxii/media.h"

typedef enum err handler(struct taxii_call *c);

/* One row a resource. In a path "*" stands for one segment and a "**" at its end for the rest; a trailing slash is part
 * of the path (TAXII 2.1 §1.6.10). The first "*" of a TAXII resource is its API root. `taxii`: speaks TAXII's media
 * types, to whoever has an account, a token or a partner's certificate; others are for partners' certificates. `open`:
 * needs none, for what it serves or takes proves itself. */
static const struct route {
    const char *path;
    bool taxii, open;
    handler *get, *post, *delete;
} routes[] = {
    {"/taxii2/", true, false, taxii_get_discovery, NULL, NULL},
    {"/api/*/", true, false, taxii_get_root, NULL, NULL},
    {"/api/*/status/*/", true, false, taxii_get_status, NULL, NULL},
    {"/api/*/collections/", true, false, taxii_get_collections, NULL, NULL},
    {"/api/*/collections/*/", true, false, taxii_get_collection, NULL, NULL},
    {"/api/*/collections/*/manifest/", true, false, taxii_get_manifest, NULL, NULL},
    {"/api/*/collections/*/objects/", true, false, taxii_get_objects, taxii_post_objects, NULL},
    {"/api/*/collections/*/objects/*/", true, false, taxii_get_object, NULL, taxii_delete_object},
    {"/api/*/collections/*/objects/*/versions/", true, false, taxii_get_versions, NULL, NULL},
    {"/renkei/v1/card", false, true, publish_get_card, publish_post_card, NULL},
    {"/renkei/v1/erasures", false, false, NULL, publish_post_erasure, NULL},
    {"/renkei/v1/ledgers/", false, false, publish_get_ledgers, NULL, NULL},
    {"/renkei/v1/ledgers/*/checkpoint", false, false, publish_get_checkpoint, NULL, NULL},
    {"/renkei/v1/ledgers/*/cosign", false, false, NULL, publish_post_cosignature, NULL},
    {"/renkei/v1/ledgers/*/salts/**", false, false, publish_get_salts, NULL, NULL},
    {"/renkei/v1/received/**", false, false, received_get, NULL, NULL},
    {"/renkei/v1/ledgers/*/tile/**", false, false, publish_get_tile, NULL, NULL},
};
enum { ROUTE_COUNT = sizeof routes / sizeof *routes };

/* ---- matching ------------------------------------------------------------------------------------------------------
 */

static bool path_matches(const char *pattern, struct span path, struct span names[TAXII_NAMES_MAX]) {
    size_t at = 0, name = 0;
    for (const char *p = pattern; *p; p++) {
        if (*p != '*') {
            if (at == path.len || path.at[at++] != *p) return false;
            continue;
        }
        size_t start = at;
        bool rest = p[1] == '*';
        while (at < path.len && (rest || path.at[at] != '/')) at++;
        if (at == start || name == TAXII_NAMES_MAX) return false;
        names[name++] = span_of(path.at + start, at - start);
        if (rest) break;
    }
    return at == path.len;
}

static const struct route *find_route(struct span path, struct span names[TAXII_NAMES_MAX]) {
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (path_matches(routes[i].path, path, names)) return &routes[i];
    return NULL;
}

static handler *handler_of(const struct route *route, struct span method) {
    if (span_is(method, "GET")) return route->get;
    if (span_is(method, "POST")) return route->post;
    return span_is(method, "DELETE") ? route->delete : NULL;
}

/* ---- answers -------------------------------------------------------------------------------------------------------
 */

static void write_error(struct http_response *res, unsigned status, const char *description) {
    static const struct {
        unsigned status;
        const char *title;
    } titles[] = {{308, "Permanent redirect"},
                  {400, "Bad request"},
                  {401, "Unauthorized"},
                  {403, "Forbidden"},
                  {404, "Not found"},
                  {405, "Method not allowed"},
                  {406, "Not acceptable"},
                  {409, "Conflict"},
                  {413, "Content too large"},
                  {414, "Address too long"},
                  {415, "Unsupported media type"},
                  {422, "Unprocessable content"},
                  {429, "Too many requests"},
                  {431, "Header too large"},
                  {500, "Internal server error"},
                  {503, "Service unavailable"}};
    struct buf body = BUF_EMPTY;
    struct json_writer w = json_writer(&body);
    char number[8];
    snprintf(number, sizeof number, "%u", status % 1000);
    json_begin_object(&w);
    const char *title = "Error"; /* a title is required (§3.6.1) */
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (titles[i].status == status) title = titles[i].title;
    json_member_cstr(&w, "title", title);
    json_member_cstr(&w, "description", description);
    json_member_cstr(&w, "http_status", number);
    json_end_object(&w);
    http_response_take(res, status, TAXII_MEDIA_TYPE, &body);
}

enum err taxii_error(struct taxii_call *c, unsigned status, const char *description) {
    write_error(c->res, status, description);
    return ERR_NONE;
}

void taxii_refused(void *context, unsigned status, const char *reason, struct http_response *res) {
    write_error(res, status, reason);
}

enum err taxii_resource(struct taxii_call *c, unsigned status, struct buf *body) {
    if (!buf_ok(body)) {
        buf_free(body);
        return diag_set(&c->diag, ERR_NOMEM, "no memory left for this answer");
    }
    http_response_take(c->res, status, TAXII_MEDIA_TYPE, body);
    return ERR_NONE;
}

/* What the client may know of our own trouble is that there is some; the log has the rest. */
void taxii_call_fail(struct taxii_call *c, enum err e) {
    static const struct {
        enum err code;
        unsigned status;
    } statuses[] = {{ERR_SYNTAX, 400}, {ERR_INVALID, 400},   {ERR_LIMIT, 400},
                    {ERR_VERIFY, 400}, {ERR_NOT_FOUND, 404}, {ERR_DENIED, 403}};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        if (statuses[i].code != e) continue;
        (void)taxii_error(c, statuses[i].status, c->diag.message);
        return;
    }
    log_error("%.*s %.*s: %s", SPAN_ARG(c->req->method), SPAN_ARG(c->req->path), c->diag.message);
    if (e == ERR_BUSY || e == ERR_NOMEM) {
        http_response_header(c->res, "Retry-After", SPAN("5"));
        (void)taxii_error(c, 503, "busy; try again later");
        return;
    }
    (void)taxii_error(c, 500, "this node has a problem of its own; its log tells more");
}

static void answer_wrong_method(struct taxii_call *c, const struct route *route) {
    char allow[64];
    snprintf(allow, sizeof allow, "%s%s%s", route->get ? "GET, HEAD" : "",
             route->post ? route->get ? ", POST" : "POST" : "", route->delete ? ", DELETE" : "");
    http_response_header(c->res, "Allow", span_cstr(allow));
    (void)taxii_error(c, 405, "this resource does not take that method");
}

/* ---- one request ---------------------------------------------------------------------------------------------------
 */

static bool media_admitted(struct taxii_call *c, const struct route *route) {
    struct span value;
    if (!route->taxii) return true;
    if (http_request_header(c->req, "Accept", &value) && !media_accepts_taxii(value)) {
        (void)taxii_error(c, 406, "this server answers in " TAXII_MEDIA_TYPE);
        return false;
    }
    if (!span_is(c->req->method, "POST")) return true;
    /* No body is unpacked: what it would take is known only when it is too late (RFC 9110 §8.4). */
    if (http_request_header(c->req, "Content-Encoding", &value) && !span_equal_nocase(value, SPAN("identity"))) {
        (void)taxii_error(c, 415, "send it as it is, without Content-Encoding");
        return false;
    }
    if (http_request_header(c->req, "Content-Type", &value) && media_is_taxii(value)) return true;
    (void)taxii_error(c, 415, "send " TAXII_MEDIA_TYPE);
    return false;
}

static enum err reader_take(struct taxii_server *s, struct store_reader **out, struct diag *d) {
    pthread_mutex_lock(&s->lock);
    *out = s->reader_count ? s->readers[--s->reader_count] : NULL;
    pthread_mutex_unlock(&s->lock);
    return *out ? ERR_NONE : store_reader_open(s->node->live.store, out, d);
}

static void reader_give(struct taxii_server *s, struct store_reader **reader) {
    pthread_mutex_lock(&s->lock);
    if (s->reader_count < TAXII_READERS_MAX) {
        s->readers[s->reader_count++] = *reader;
        *reader = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    store_reader_close(reader);
}

/* ---- who asks ---------------------------------------------------------------------------------------------------- */

/* A certificate counts before what stands in the request. ERR_DENIED. */
static enum err identify(struct taxii_call *c, bool certificate_only) {
    struct taxii_server *s = c->server;
    struct span name, password, token;
    if (c->req->has_peer && !caller_by_pin(s->node, &c->req->peer_pin, c->arena, &c->caller, &c->diag)) return ERR_NONE;
    if (certificate_only)
        return diag_set(&c->diag, ERR_DENIED, "present the TLS client certificate of a party that this node trusts");
    if (http_request_bearer(c->req, &token))
        return caller_by_token(s->node, c->reader, token, c->arena, &c->caller, &c->diag);
    if (http_request_basic(c->req, &name, &password))
        return caller_by_password(s->callers, s->node, c->reader, name, password, c->arena, &c->caller, &c->diag);
    return diag_set(&c->diag, ERR_DENIED,
                    "present the TLS client certificate of a party that this node trusts, an account's password or a "
                    "token");
}

/* There is no registered scheme for client certificates; RFC 9110 §11.6.1 still wants a challenge. */
static void answer_unknown(struct taxii_call *c, bool certificate_only) {
    http_response_header(c->res, "WWW-Authenticate",
                         certificate_only ? SPAN("Certificate realm=\"renkei\"")
                                          : SPAN("Basic realm=\"renkei\", charset=\"UTF-8\", Bearer realm=\"renkei\""));
    (void)taxii_error(c, 401, c->diag.message);
}

/* ---- one request ---------------------------------------------------------------------------------------------------
 */

/* A trailing slash is part of every path; who leaves it out is told where to go, whoever he is. */
static bool redirect(struct taxii_call *c) {
    struct span names[TAXII_NAMES_MAX], query = c->req->target;
    struct span path = span_cut(&query, '?');
    struct span whole = arena_printf(c->arena, "%.*s/", SPAN_ARG(c->req->path));
    const struct route *meant = whole.at ? find_route(whole, names) : NULL;
    if (!meant || !meant->taxii) return false;
    struct span location = arena_printf(c->arena, query.at ? "%.*s/?%.*s" : "%.*s/", SPAN_ARG(path), SPAN_ARG(query));
    http_response_header(c->res, "Location", location);
    (void)taxii_error(c, 308, "a slash is missing at the end of the path");
    return true;
}

/* ---- how often, how much ------------------------------------------------------------------------------------------
 */

/* Without the port: each of a client's connections has another. */
static struct span address_of(const struct http_request *req) {
    size_t len = strlen(req->remote);
    while (len && req->remote[len - 1] != ':') len--;
    return span_of(req->remote, len ? len - 1 : 0);
}

static enum err answer_too_often(struct taxii_call *c, unsigned retry_s) {
    char text[16];
    snprintf(text, sizeof text, "%u", retry_s);
    http_response_header(c->res, "Retry-After", span_cstr(text));
    return taxii_error(c, 429, "too many requests; Retry-After says when the next one may come");
}

/* Who fails to prove himself again and again is not even listened to for a while. */
static bool stranger_waits(struct taxii_call *c, bool failed) {
    unsigned retry_s;
    struct span address = address_of(c->req);
    int64_t now = clock_monotonic_us();
    struct span ignored;
    if (!http_request_header(c->req, "Authorization", &ignored)) return false; /* nothing to guess without */
    if (failed ? http_limit_take(c->server->failures, address, now, &retry_s)
               : http_limit_allows(c->server->failures, address, now, &retry_s))
        return false;
    (void)answer_too_often(c, retry_s);
    return true;
}

static void answer(struct taxii_call *c, const struct route *route) {
    unsigned retry_s;
    if (!route && redirect(c)) return;
    handler *handle = route ? handler_of(route, c->req->method) : NULL;
    bool open = route && route->open, certificate_only = route && !route->taxii;
    if (!open && stranger_waits(c, false)) return;
    enum err e = open ? ERR_NONE : identify(c, certificate_only);
    if (e == ERR_DENIED) {
        if (stranger_waits(c, true)) return;
        answer_unknown(c, certificate_only); /* a stranger does not learn which paths exist */
        return;
    }
    if (!e && !open && !http_limit_take(c->server->requests, c->caller.key, clock_monotonic_us(), &retry_s))
        (void)answer_too_often(c, retry_s);
    else if (!e && !route)
        (void)taxii_error(c, 404, "there is no such resource");
    else if (!e && !handle)
        answer_wrong_method(c, route);
    else if (!e && media_admitted(c, route))
        e = handle(c);
    if (e) taxii_call_fail(c, e);
}

static void name_root(struct taxii_call *c, const struct route *route) {
    c->root = SPAN(COLLECTION_ROOT);
    if (!route || strncmp(route->path, "/api/", 5) != 0) return;
    c->root = c->names[0];
    memmove(c->names, c->names + 1, sizeof c->names - sizeof *c->names);
}

void taxii_handle(void *context, struct http_request *req, struct http_response *res) {
    struct taxii_server *s = context;
    struct taxii_call c = {.server = s, .req = req, .res = res, .arena = req->arena};
    const struct route *route = find_route(req->path, c.names);
    name_root(&c, route);
    bool reads = span_is(req->method, "GET"); /* all it asks the store is of one moment, and costs one lock */
    enum err e = reader_take(s, &c.reader, &c.diag);
    if (!e && reads) e = store_reader_snapshot(c.reader, &c.diag);
    if (e) {
        taxii_call_fail(&c, e);
        if (c.reader) reader_give(s, &c.reader);
        return;
    }
    c.view = node_view(s->node);
    answer(&c, route);
    node_view_release(s->node, &c.view);
    if (reads) store_reader_release(c.reader);
    reader_give(s, &c.reader);
}

/* Who may send how much, before it is read. */
size_t taxii_admit(void *context, const struct http_request *req) {
    struct taxii_server *s = context;
    struct taxii_call c = {.server = s, .req = req, .arena = req->arena};
    const struct route *route = find_route(req->path, c.names);
    if (route && route->post == publish_post_card) return TAXII_CARD_BODY_MAX;
    if (!route || !route->post || reader_take(s, &c.reader, &c.diag)) return TAXII_STRANGER_BODY_MAX;
    unsigned ignored;
    bool waits = !http_limit_allows(s->failures, address_of(req), clock_monotonic_us(), &ignored);
    enum err e = waits ? ERR_DENIED : identify(&c, !route->taxii);
    reader_give(s, &c.reader);
    if (e) return TAXII_STRANGER_BODY_MAX;
    return route->post == taxii_post_objects ? s->node->config->limits.post_bytes : TAXII_CARD_BODY_MAX;
}
