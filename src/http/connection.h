/* Inside this room: one connection of the server and the request under way on it. A connection belongs to the one
 * server thread that polls it; only the atomic fields and the socket are touched by others: the sweeper, and a thread
 * that needs a place for a new connection. */
#ifndef RENKEI_HTTP_CONNECTION_H
#define RENKEI_HTTP_CONNECTION_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/server.h"
#include "http/tls_gnutls.h"

enum connection_phase {
    PHASE_IDLE,    /* between requests, or before the first */
    PHASE_TARGET,  /* the request line is here */
    PHASE_BODY,    /* headers are read and judged, the body is being received or dropped */
    PHASE_ANSWERED /* the response is queued */
};

struct connection {
    struct http_server *server;
    struct connection *next, *previous; /* the server's list, under its lock */
    int fd;
    _Atomic int64_t deadline_us; /* monotonic; when it passes, the sweeper shuts the socket down; INT64_MAX: it did */
    _Atomic int64_t waiting_us;  /* since when it asks for nothing; INT64_MAX: a request is under way */
    atomic_bool served;          /* something it asked for was answered with no error (below 400) */

    bool peer_known; /* has_peer and peer_pin below are what the handshake said */
    bool has_peer;
    struct sha256 peer_pin;
    char remote[64];

    /* The request under way. */
    enum connection_phase phase;
    struct arena arena;
    struct span target;
    struct buf body;
    uint64_t dropped;                     /* bytes of the body read past a refusal */
    size_t body_limit;                    /* of this request */
    size_t held;                          /* what this body counts for in the server's bodies_held */
    bool close_after;                     /* where this request ends is in doubt: nothing that follows is read */
    unsigned refusal;                     /* a status decided before the handler, or 0 */
    char refusal_text[DIAG_MESSAGE_SIZE]; /* for the client */
    int64_t started_us;
    struct http_request request;
};

struct http_server {
    struct http_server_config config;
    struct http_tls_server *tls; /* NULL = plain HTTP */
    struct MHD_Daemon *daemon;
    uint16_t port;
    atomic_size_t bodies_held;
    atomic_uint requests; /* between request line and the response's last byte */
    atomic_bool stopping;

    pthread_mutex_t lock; /* connections, sweeper_stop */
    pthread_cond_t wake;
    struct connection *connections;
    unsigned open; /* how many these are */
    bool sweeper_stop, sweeper_started;
    pthread_t sweeper;
};

/* libmicrohttpd's callbacks; `cls` is the server. */
void connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
                       enum MHD_ConnectionNotificationCode code);
void *connection_target(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result connection_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **request_context);
void connection_completed(void *cls, struct MHD_Connection *mhd, void **request_context,
                          enum MHD_RequestTerminationCode code);

/* Builds libmicrohttpd's response from ours, taking over its body; NULL when memory ran out. */
struct MHD_Response *response_build(struct http_response *res, bool close);

#endif
