/* A server on loopback whose handler answers by path, identities that count their signatures, and raw sockets. */
#ifndef RENKEI_TESTS_HTTP_FIXTURE_H
#define RENKEI_TESTS_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/client.h"
#include "http/server.h"

struct identity {
    struct http_tls_pair pair;
    struct http_tls_private *private;
    struct http_tls_key key; /* signs through the counter below */
    struct sha256 pin;
    atomic_uint signatures;
    atomic_bool broken; /* sign() fails */
};
struct identity *identity_new(const char *name);
void identity_free(struct identity *id);

struct fixture {
    struct http_server *server;
    struct identity *server_id, *client_id;
    struct http_body *page; /* what /page sends */
    atomic_uint handled;
    char base[64]; /* "https://127.0.0.1:1234" */
};
/* Starts a server with `config` (handler and context are the fixture's); tls says whether over TLS. */
void fixture_start(struct fixture *f, struct http_server_config config, bool tls);
void fixture_stop(struct fixture *f);

/* A client that pins the fixture's server, with its client identity when `identified`. */
struct http_client *fixture_client(struct fixture *f, bool identified);
/* GET base+path; asserts that an answer came and returns its status. */
unsigned fixture_get(struct fixture *f, struct http_client *c, const char *path, struct http_reply *reply);

/* A plain TCP connection to the fixture's server. */
int raw_connect(struct fixture *f);
void raw_send(int fd, const char *text);
/* All that comes until the peer closes, at most size - 1 bytes, NUL-terminated. Returns the length. */
size_t raw_read_all(int fd, char *text, size_t size);
/* Reads one response with Content-Length; returns its status. */
unsigned raw_read_response(int fd, char *text, size_t size);

#endif
