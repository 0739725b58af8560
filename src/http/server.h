/* The HTTP server: HTTP/1.1 with keep-alive over TLS 1.2 and 1.3 (libmicrohttpd, GnuTLS). It reads whole requests
 * within limits, hands each to one handler, and sends what the handler left in the response. It knows no routes, no
 * rights and no media types. A client certificate is asked for and not required: any one is let through the handshake,
 * which proves possession of its key, and the handler judges its pin. */
#ifndef RENKEI_HTTP_SERVER_H
#define RENKEI_HTTP_SERVER_H

#include <stdatomic.h>

#include "base/hash.h"
#include "http/query.h"
#include "http/tls.h"

enum {
    HTTP_HEADERS_MAX = 32768,    /* bytes of request line and headers; answered 414 or 431 above */
    HTTP_HEADER_COUNT_MAX = 100, /* answered 431 above */
    HTTP_ARENA_MAX = 256 << 20,  /* what one request may take from its arena */
    HTTP_DRAIN_MAX = 16 << 20,   /* bytes read and dropped past the limit, so that a client that only reads after
                                    writing still sees its 413; beyond, the connection is closed after it */
    HTTP_BODY_LIMIT_DEFAULT = 100 << 20, /* a bundle of a hundred thousand objects */
    HTTP_CONNECTIONS_DEFAULT = 1000, /* about 50 kB each; from three quarters of it on a new one takes the place of one
                                        that was never served anything, or of the one that is idle longest */
    HTTP_CONNECTIONS_PER_ADDRESS_DEFAULT = 100,
    HTTP_HANDSHAKE_TIMEOUT_MS_DEFAULT = 15000, /* from accept to the first request line; from any to its headers' end */
    HTTP_IDLE_TIMEOUT_MS_DEFAULT = 60000,      /* between requests of a connection */
    HTTP_REQUEST_TIMEOUT_MS_DEFAULT = 300000   /* from the headers' end to the last byte of the response */
};

/* Bytes sent by many responses at once: immutable, reference-counted, thread-safe. */
struct http_body;
/* Takes over the buffer (left empty); one reference, the caller's. NULL (buffer freed) when memory ran out or the
 * buffer had failed. */
struct http_body *http_body_new(struct buf *taken);
struct http_body *http_body_ref(struct http_body *body); /* one more reference; returns body */
void http_body_unref(struct http_body **body);           /* gives one back and clears the pointer; NULL is fine */
struct span http_body_span(const struct http_body *body);

/* A request, valid until the handler returns. */
struct http_request {
    struct span method; /* "GET", …; a HEAD arrives as GET with head set, and its body is not sent */
    bool head;
    struct span path;   /* decoded, begins with "/", no dot segments (http_path_decode) */
    struct span target; /* path and query as received; may hold secrets: never log it */
    struct http_query query;
    const struct http_param *headers; /* in order, duplicates included */
    size_t header_count;
    struct span body; /* whole, chunks joined */
    bool tls;
    bool has_peer;          /* the client presented a certificate and proved its key */
    struct sha256 peer_pin; /* of its certificate (http_tls_pin) */
    char remote[64];        /* "192.0.2.1:1234", "[2001:db8::1]:1234" */
    struct arena *arena;    /* for whatever the handler needs until it returns */
};

/* The first value of a query parameter; false when it is not there. */
static inline bool http_query_get(const struct http_request *req, const char *name, struct span *value) {
    return http_query_find(&req->query, name, value);
}
/* The first header field of that name (any case); false when it is not there. */
bool http_request_header(const struct http_request *req, const char *name, struct span *value);
/* Basic authentication (RFC 7617) decoded into the arena; false when there is none or it is malformed. */
bool http_request_basic(const struct http_request *req, struct span *user, struct span *password);
/* A bearer token (RFC 6750 §2.1), also of the scheme "Token", as taxii2-client writes it; false when there is none. */
bool http_request_bearer(const struct http_request *req, struct span *token);

/* The answer. Starts as status 500 without a body; only the functions below change it. If one of them failed (memory,
 * an invalid header), a bare 500 is sent instead of half an answer. */
struct http_response {
    unsigned status;
    struct http_param *headers; /* in the request's arena */
    size_t header_count, header_room;
    struct buf body;          /* owned */
    struct http_body *shared; /* one reference, or NULL */
    struct arena *arena;
    bool failed;
};

/* Adds a header field; both texts are copied. False (and the response failed) when the name is no token or the value
 * holds CR, LF or NUL. Content-Length, Connection, Transfer-Encoding and Date are the server's own. */
bool http_response_header(struct http_response *res, const char *name, struct span value);
/* Status, Content-Type (NULL = none) and body, replacing an earlier body: */
void http_response_text(struct http_response *res, unsigned status, const char *content_type,
                        struct span text); /* copied */
void http_response_take(struct http_response *res, unsigned status, const char *content_type,
                        struct buf *body); /* taken over */
void http_response_share(struct http_response *res, unsigned status, const char *content_type,
                         struct http_body *body); /* +1 reference */
void http_response_empty(struct http_response *res, unsigned status);

/* Called by the server's threads, several at a time; once a request, with its whole body. */
typedef void http_handler(void *context, struct http_request *req, struct http_response *res);

/* What a server counts, for whoever watches it. Owned by the caller, who may keep it from one server to the next. */
struct http_counts {
    atomic_uint_fast64_t connections;  /* accepted */
    atomic_uint_fast64_t open;         /* of these, open now */
    atomic_uint_fast64_t timed_out;    /* connections ended because a deadline passed */
    atomic_uint_fast64_t displaced;    /* connections ended because a new one needed the place */
    atomic_uint_fast64_t responses[5]; /* by the status's first digit, 1xx first */
    atomic_uint_fast64_t sent_bytes;   /* of bodies */
    atomic_uint_fast64_t busy_us;      /* from request line to the response's being ready, all requests together */
};

/* Zero in a number or NULL in a pointer means the default. */
struct http_server_config {
    const char *address;        /* numeric IPv4 or IPv6; NULL = 127.0.0.1; "::" = every address of both families */
    uint16_t port;              /* 0 = any free one: http_server_port() tells */
    int listener;               /* a listening socket that outlives the server, instead of address and port; 0 = none */
    struct http_counts *counts; /* or NULL */
    unsigned threads;           /* default: one a processor */
    const struct http_tls_key *tls; /* NULL = plain HTTP, for tests and behind a proxy on the same machine */
    size_t body_limit;              /* bytes of a request body; 413 above */
    size_t bodies_limit; /* bytes of all bodies being received at once; 503 above. Default: 4 × body_limit */
    unsigned handshake_timeout_ms, idle_timeout_ms, request_timeout_ms; /* absolute: a trickle of bytes does not help */
    unsigned connections, connections_per_address;
    /* Optional: the body limit of this request, known before its body is read (0 = it may have none), so that a
     * stranger cannot make the server hold what only partners may send. Same thread rule as the handler; req->body is
     * empty. */
    size_t (*admit)(void *context, const struct http_request *req);
    http_handler *handler;
    /* Optional: writes the answer to a request that the server refuses by itself (400, 413, 414, 431, 503, …), in the
     * handler's format; plain text without it. Same thread rule as the handler. */
    void (*refused)(void *context, unsigned status, const char *reason, struct http_response *res);
    void *context;
};

struct http_server;
/* Starts listening. `config` is copied, what it points to must outlive the server. The TLS key signs once, so that one
 * that does not fit its certificate is noticed here. ERR_INVALID: address, key or certificate; ERR_SYNTAX: no
 * certificate at all; ERR_BUSY: the port is taken; ERR_IO. */
MUST_CHECK enum err http_server_start(const struct http_server_config *config, struct http_server **out,
                                      struct diag *d);
uint16_t http_server_port(const struct http_server *s);
/* Stops accepting, lets requests under way finish for at most grace_ms, then closes. Returns when no handler runs. Not
 * to be called from a handler. */
void http_server_stop(struct http_server **s, unsigned grace_ms);

#endif
