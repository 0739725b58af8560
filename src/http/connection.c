#include "http/connection.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/time.h"

/* What a connection may keep between its requests; more is given back, for most connections are idle. */
enum { KEPT_BETWEEN_REQUESTS = 64 << 10 };

static void set_deadline(struct connection *c, unsigned timeout_ms) {
    atomic_store_explicit(&c->deadline_us, clock_monotonic_us() + (int64_t)timeout_ms * 1000, memory_order_relaxed);
}

/* ---- places ---- */

/* Whose place is taken first: of those that were never given anything the oldest, whatever they are at (a stranger who
 * sends a header byte by byte is no better than one who sends none); then who has waited longest between requests. */
static bool yields_before(const struct connection *a, const struct connection *b) {
    bool a_served = atomic_load(&a->served), b_served = atomic_load(&b->served);
    if (a_served != b_served) return b_served;
    return !a_served || atomic_load(&a->waiting_us) < atomic_load(&b->waiting_us); /* the list has the newest first */
}

/* Before libmicrohttpd's threads reach their limits and accept nobody, so that whoever fills the server with idle
 * connections only pushes out their own. Under the server's lock, before a connection is entered. */
static void make_room(struct http_server *s) {
    struct connection *first = NULL;
    unsigned staying = 0;
    if (s->open < s->config.connections / 4 * 3) return;
    for (struct connection *c = s->connections; c; c = c->next) {
        if (atomic_load(&c->deadline_us) == INT64_MAX) continue; /* is leaving */
        staying++;
        bool busy = atomic_load(&c->served) && atomic_load(&c->waiting_us) == INT64_MAX;
        if (!busy && (!first || yields_before(c, first))) first = c;
    }
    if (!first || staying < s->config.connections / 4 * 3) return;
    log_debug("%s gives its place to another", first->remote);
    if (s->config.counts) atomic_fetch_add(&s->config.counts->displaced, 1);
    atomic_store(&first->deadline_us, INT64_MAX);
    shutdown(first->fd, SHUT_RDWR);
}

/* ---- opening and closing ---- */

static void describe_remote(const struct sockaddr *address, char *text, size_t size) {
    char host[INET6_ADDRSTRLEN] = "?";
    snprintf(text, size, "?");
    if (!address) return;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(text, size, "%s:%u", host, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], host, sizeof host);
            snprintf(text, size, "%s:%u", host, ntohs(v6->sin6_port));
        } else {
            inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
            snprintf(text, size, "[%s]:%u", host, ntohs(v6->sin6_port));
        }
    }
}

static struct connection *connection_open(struct http_server *s, struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct connection *c = calloc(1, sizeof *c);
    if (!c || !fd) {
        free(c);
        return NULL;
    }
    c->server = s;
    c->fd = fd->connect_fd;
    arena_init(&c->arena, HTTP_ARENA_MAX);
    describe_remote(address ? address->client_addr : NULL, c->remote, sizeof c->remote);
    set_deadline(c, s->config.handshake_timeout_ms);
    atomic_store(&c->waiting_us, clock_monotonic_us());
    pthread_mutex_lock(&s->lock);
    make_room(s);
    s->open++;
    c->next = s->connections;
    if (c->next) c->next->previous = c;
    s->connections = c;
    pthread_mutex_unlock(&s->lock);
    if (s->config.counts) {
        atomic_fetch_add(&s->config.counts->connections, 1);
        atomic_fetch_add(&s->config.counts->open, 1);
    }
    return c;
}

/* Called before libmicrohttpd closes the socket, so the sweeper never shuts down somebody else's descriptor. */
static void connection_close(struct connection *c) {
    struct http_server *s = c->server;
    pthread_mutex_lock(&s->lock);
    s->open--;
    if (c->previous)
        c->previous->next = c->next;
    else
        s->connections = c->next;
    if (c->next) c->next->previous = c->previous;
    pthread_mutex_unlock(&s->lock);
    if (s->config.counts) atomic_fetch_sub(&s->config.counts->open, 1);
    arena_free(&c->arena);
    buf_free(&c->body);
    free(c);
}

void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code) {
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context) connection_close(*socket_context);
        *socket_context = NULL;
        return;
    }
    *socket_context = connection_open(s, mhd);
    if (!s->tls) return;
    /* libmicrohttpd has made the session and not begun its handshake. Without the credentials set here it holds none
     * of ours, and the handshake fails. */
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (*socket_context && (!info || !http_tls_server_session(s->tls, info->tls_session)))
        log_error("a TLS session could not be prepared");
}

/* ---- a request's beginning ---- */

void *connection_target(void *cls, const char *target, struct MHD_Connection *mhd) {
    struct http_server *s = cls;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info ? info->socket_context : NULL;
    if (!c) return NULL;
    atomic_fetch_add(&s->requests, 1);
    set_deadline(c, s->config.handshake_timeout_ms); /* until its headers are whole */
    atomic_store(&c->waiting_us, INT64_MAX);
    c->phase = PHASE_TARGET;
    c->target = arena_copy(&c->arena, span_cstr(target));
    c->body_limit = s->config.body_limit;
    c->dropped = 0;
    c->refusal = 0;
    c->close_after = false;
    c->started_us = clock_monotonic_us();
    return c;
}

/* Notes why the handler will not see this request; the first reason stays. */
static void refuse(struct connection *c, unsigned status, const char *reason) {
    if (c->refusal) return;
    c->refusal = status;
    snprintf(c->refusal_text, sizeof c->refusal_text, "%s", reason);
}

static void learn_peer(struct connection *c, struct MHD_Connection *mhd) {
    if (c->peer_known || !c->server->tls) return;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    c->has_peer = info && http_tls_session_pin(info->tls_session, &c->peer_pin);
    c->peer_known = true;
}

struct header_list {
    struct http_param *params;
    size_t count, seen;
};

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                      const char *value, size_t value_len) {
    struct header_list *list = cls;
    if (list->seen++ < HTTP_HEADER_COUNT_MAX)
        list->params[list->count++] = (struct http_param){span_of(name, name_len), span_of(value, value_len)};
    return MHD_YES;
}

static void read_headers(struct connection *c, struct MHD_Connection *mhd) {
    struct http_request *req = &c->request;
    struct header_list list = {arena_zalloc(&c->arena, HTTP_HEADER_COUNT_MAX, sizeof *list.params), 0, 0};
    if (!list.params) {
        refuse(c, 503, "no memory left for this request");
        return;
    }
    MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, collect_header, &list);
    req->headers = list.params; /* names and values stay libmicrohttpd's until the request is done */
    req->header_count = list.count;
    if (list.seen > HTTP_HEADER_COUNT_MAX) {
        refuse(c, 431, "too many header fields");
        c->close_after = true; /* what says where the body ends may be among those not kept */
    }
    for (size_t i = 0; i < list.count; i++) {
        if (http_header_name_valid(list.params[i].name) && http_header_value_valid(list.params[i].value)) continue;
        /* RFC 9110 §5.1, §5.5: a proxy may have split it there, or read another name */
        refuse(c, 400, "a header field whose name is no token, or with a control character");
        c->close_after = true;
    }
}

static size_t header_count(const struct http_request *req, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < req->header_count; i++) count += span_equal_nocase(req->headers[i].name, span_cstr(name));
    return count;
}

/* The announced length of the body, 0 when none is announced. Two ways to tell where a body ends are an attempt to
 * have a proxy and us disagree about it (RFC 9112 §6.3). */
static uint64_t announced_length(struct connection *c, bool *chunked) {
    const struct http_request *req = &c->request;
    size_t lengths = header_count(req, "Content-Length"), codings = header_count(req, "Transfer-Encoding");
    struct span text;
    uint64_t length = 0;
    *chunked = codings > 0;
    if (lengths + codings > 1) {
        refuse(c, 400, "more than one Content-Length or Transfer-Encoding");
    } else if (http_request_header(req, "Content-Length", &text) && !span_u64(text, &length)) {
        refuse(c, 400, "Content-Length is not a number");
    } else if (http_request_header(req, "Transfer-Encoding", &text) && !span_equal_nocase(text, SPAN("chunked"))) {
        refuse(c, 501, "Transfer-Encoding other than chunked");
    } else {
        return length;
    }
    c->close_after = true;
    return 0;
}

static void read_target(struct connection *c) {
    struct http_request *req = &c->request;
    struct diag d = {0};
    req->target = c->target;
    if (!c->target.at) {
        refuse(c, 503, "no memory left for this request");
        return;
    }
    if (c->target.len > HTTP_TARGET_MAX) {
        refuse(c, 414, "the request's target is too long");
        return;
    }
    struct span query = c->target;
    struct span path = span_cut(&query, '?');
    enum err err = http_path_decode(&c->arena, path, &req->path, &d);
    if (!err) err = http_query_parse(&c->arena, query, &req->query, &d);
    if (err) refuse(c, err == ERR_NOMEM ? 503 : 400, d.message);
}

/* Judges the request by what stands above its body. True when it must be answered at once: its body is too long to be
 * read and dropped, or waits for our consent. */
static bool begin_request(struct connection *c, struct MHD_Connection *mhd, const char *method) {
    struct http_request *req = &c->request;
    struct span expect;
    bool chunked;
    *req = (struct http_request){.arena = &c->arena, .tls = c->server->tls != NULL};
    learn_peer(c, mhd);
    req->has_peer = c->has_peer;
    if (c->has_peer) req->peer_pin = c->peer_pin;
    memcpy(req->remote, c->remote, sizeof req->remote);
    req->head = strcmp(method, "HEAD") == 0;
    req->method = req->head ? SPAN("GET") : span_cstr(method);
    read_headers(c, mhd);
    read_target(c);
    uint64_t length = announced_length(c, &chunked);
    if (!c->refusal && c->server->config.admit && (length || chunked)) {
        size_t admitted = c->server->config.admit(c->server->config.context, req);
        if (admitted < c->body_limit) c->body_limit = admitted;
    }
    if (length > c->body_limit) refuse(c, 413, "the request's body is larger than allowed");
    bool waits = (length || chunked) && http_request_header(req, "Expect", &expect);
    return c->refusal && (waits || length > c->body_limit + (uint64_t)HTTP_DRAIN_MAX);
}

/* ---- its body ---- */

static void release_body(struct connection *c) {
    atomic_fetch_sub(&c->server->bodies_held, c->held);
    c->held = 0;
    if (c->body.size > KEPT_BETWEEN_REQUESTS)
        buf_free(&c->body);
    else
        buf_clear(&c->body);
}

/* One piece of the body: kept, or dropped once the request is refused. False = too much was dropped, close. */
static bool take_body(struct connection *c, struct span piece) {
    struct http_server *s = c->server;
    if (!c->refusal && piece.len > c->body_limit - c->body.len)
        refuse(c, 413, "the request's body is larger than allowed");
    if (!c->refusal) {
        size_t held = atomic_fetch_add(&s->bodies_held, piece.len) + piece.len;
        c->held += piece.len;
        if (held > s->config.bodies_limit) refuse(c, 503, "too many large requests at once");
    }
    if (!c->refusal) {
        buf_add(&c->body, piece);
        if (!buf_ok(&c->body)) refuse(c, 503, "no memory left for this request");
    }
    if (!c->refusal) return true;
    release_body(c);
    c->dropped += piece.len;
    return c->dropped <= c->body_limit + (uint64_t)HTTP_DRAIN_MAX;
}

/* ---- its answer ---- */

static void count_response(const struct connection *c, unsigned status, size_t bytes) {
    struct http_counts *counts = c->server->config.counts;
    if (!counts) return;
    atomic_fetch_add(&counts->responses[status / 100 - 1], 1);
    atomic_fetch_add(&counts->sent_bytes, c->request.head ? 0 : bytes);
    atomic_fetch_add(&counts->busy_us, (uint64_t)(clock_monotonic_us() - c->started_us));
}

static enum MHD_Result send_response(struct connection *c, struct MHD_Connection *mhd, struct http_response *res) {
    bool close = c->close_after || atomic_load(&c->server->stopping);
    unsigned status = res->status;
    struct MHD_Response *response = NULL;
    bool status_valid = status >= 200 && status <= 599;
    size_t bytes = res->shared ? http_body_span(res->shared).len : res->body.len;
    if (!res->failed && buf_ok(&res->body) && status_valid) response = response_build(res, close);
    if (!response) { /* half an answer is none */
        log_error("a response to %.*s %.*s could not be built", SPAN_ARG(c->request.method), SPAN_ARG(c->request.path));
        status = 500;
        struct http_response bare = {.status = 500, .arena = &c->arena};
        response = response_build(&bare, close);
    }
    buf_free(&res->body);
    http_body_unref(&res->shared);
    c->phase = PHASE_ANSWERED;
    c->request.header_count = 0;
    release_body(c);
    if (!response) return MHD_NO;
    count_response(c, status, bytes);
    if (status < 400) atomic_store(&c->served, true);
    enum MHD_Result queued = MHD_queue_response(mhd, status, response);
    MHD_destroy_response(response);
    log_debug("%s %.*s %.*s %u %" PRId64 " us", c->remote, SPAN_ARG(c->request.method), SPAN_ARG(c->request.path),
              status, clock_monotonic_us() - c->started_us);
    return queued;
}

static enum MHD_Result answer(struct connection *c, struct MHD_Connection *mhd) {
    const struct http_server_config *config = &c->server->config;
    struct http_response res = {.status = 500, .arena = &c->arena};
    if (c->refusal) {
        if (config->refused)
            config->refused(config->context, c->refusal, c->refusal_text, &res);
        else
            http_response_text(&res, c->refusal, "text/plain; charset=utf-8", span_cstr(c->refusal_text));
        if (c->refusal == 503) http_response_header(&res, "Retry-After", SPAN("5"));
    } else {
        c->request.body = buf_span(&c->body);
        config->handler(config->context, &c->request, &res);
    }
    return send_response(c, mhd, &res);
}

enum MHD_Result connection_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size,
                                  void **request_context) {
    struct connection *c = *request_context;
    if (!c) return MHD_NO;
    if (c->phase == PHASE_TARGET) {
        c->phase = PHASE_BODY;
        set_deadline(c, c->server->config.request_timeout_ms);
        /* A response queued now costs the connection; otherwise wait for the call after the last byte. */
        return begin_request(c, mhd, method) ? answer(c, mhd) : MHD_YES;
    }
    if (*upload_size) {
        bool go_on = take_body(c, span_of(upload, *upload_size));
        *upload_size = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    return answer(c, mhd);
}

void connection_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
                          enum MHD_RequestTerminationCode code) {
    struct http_server *s = cls;
    struct connection *c = *request_context;
    *request_context = NULL;
    if (!c) return;
    release_body(c);
    c->request = (struct http_request){0};
    c->target = (struct span){0};
    c->phase = PHASE_IDLE;
    if (c->arena.used > KEPT_BETWEEN_REQUESTS)
        arena_free(&c->arena);
    else
        arena_reset(&c->arena);
    set_deadline(c, s->config.idle_timeout_ms);
    atomic_store(&c->waiting_us, clock_monotonic_us());
    atomic_fetch_sub(&s->requests, 1);
}
