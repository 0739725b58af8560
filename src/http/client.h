/* The HTTP client: one request at a time on the calling thread, with connections kept alive between them (libcurl,
 * OpenSSL). The peer is known by its pin, by a CA, or (only where the content proves itself) not at all. What comes
 * back is bounded, also after decompression. */
#ifndef RENKEI_HTTP_CLIENT_H
#define RENKEI_HTTP_CLIENT_H

#include "base/hash.h"
#include "http/query.h"
#include "http/tls.h"

enum {
    HTTP_CLIENT_CONNECT_TIMEOUT_MS_DEFAULT = 10000,
    HTTP_CLIENT_STALL_TIMEOUT_MS_DEFAULT = 60000, /* no byte moved for so long */
    HTTP_CLIENT_TIMEOUT_MS_DEFAULT = 600000,      /* the whole exchange */
    HTTP_CLIENT_REDIRECTS_MAX = 3,
    HTTP_CLIENT_PINS_MAX = 16,          /* a card's keys and their successors */
    HTTP_CLIENT_HEADERS_MAX = 64 << 10, /* bytes of response headers */
    HTTP_CLIENT_URL_MAX = 16384
};

/* Zero in a number or NULL in a pointer means the default, or none. Texts are copied; `identity` is borrowed and must
 * outlive the client. */
struct http_client_config {
    const struct sha256 *pins; /* acceptable pins of the server (http_tls_pin), copied. When there are any, they decide
                                  alone: names, dates and CAs are not looked at */
    size_t pin_count;
    const char *ca_file; /* PEM; NULL = the system's CAs. Only without pins */
    bool allow_unpinned; /* any server certificate: only for content that is verified by itself (a signed card) */
    const struct http_tls_key *identity; /* client certificate, or NULL */
    const char *user, *password;         /* Basic authentication, or NULL */
    const char *bearer;                  /* bearer token, or NULL */
    const char *user_agent;              /* NULL = "renkei/" and the version */
    unsigned connect_timeout_ms, stall_timeout_ms, timeout_ms;
    unsigned redirects; /* how many are followed, at most HTTP_CLIENT_REDIRECTS_MAX; only GET and HEAD, only to the same
                           scheme, host and port. 0 = none: the 3xx is the reply */
    bool (*stop)(void *context); /* asked about once a second and as bytes move; true abandons the exchange */
    void *stop_context;
};

struct http_client; /* for one thread at a time */
MUST_CHECK enum err http_client_open(const struct http_client_config *config, struct http_client **out, struct diag *d);
void http_client_close(struct http_client **client);

/* What came back. Start with HTTP_REPLY_EMPTY; reuse is fine (memory is kept), free at the end. */
struct http_reply {
    unsigned status;
    struct http_param *headers; /* of the last response; names as received */
    size_t header_count, header_room;
    struct buf body;        /* decompressed */
    bool has_peer;          /* the server showed a certificate (false over plain http) */
    struct sha256 peer_pin; /* its pin, whatever trust was based on */
    struct arena arena;     /* the headers' memory */
};
#define HTTP_REPLY_EMPTY ((struct http_reply){0})
void http_reply_free(struct http_reply *reply);
/* The first header field of that name (any case); false when it is not there. */
bool http_reply_header(const struct http_reply *reply, const char *name, struct span *value);

/* Sends one request and waits for the whole reply; any status is a success here. `url` is https, or http to a loopback
 * address (others: ERR_DENIED), without user and password in it. `headers` may be NULL with header_count 0; `body`
 * {NULL,0} sends none for GET, HEAD and DELETE and an empty one for other methods. Errors: ERR_INVALID (URL, header),
 * ERR_LIMIT (more than response_limit bytes), ERR_VERIFY (wrong pin, untrusted certificate), ERR_NETWORK (not reached,
 * timed out, broke the protocol), ERR_BUSY (stop() said so), ERR_NOMEM. Messages name the URL without its query. */
MUST_CHECK enum err http_client_send(struct http_client *client, const char *method, const char *url,
                                     const struct http_param *headers, size_t header_count, struct span body,
                                     size_t response_limit, struct http_reply *out, struct diag *d);

#endif
