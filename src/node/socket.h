/* The Unix socket of a running `serve`: commands send it their operations, with the files they opened. Only the user
 * that runs the server, and root, may connect. */
#ifndef RENKEI_NODE_SOCKET_H
#define RENKEI_NODE_SOCKET_H

#include "node/op.h"

enum {
    SOCKET_FRAME_MAX = 64 << 20, /* one request or result: an agreement or a search page is far smaller */
    SOCKET_FDS_MAX = 64          /* files one request may pass; the CLI sends more in several requests */
};

struct socket_server;

/* Called after an operation, on its thread: serve restarts its TLS when the keys changed. May be NULL. */
typedef void (*socket_after)(void *context, const struct op *op);

MUST_CHECK enum err socket_server_start(struct node *n, struct op_table table, socket_after after, void *context,
                                        struct socket_server **out, struct diag *d);
/* Stops accepting, waits for operations under way. */
void socket_server_stop(struct socket_server **s);

/* The same without a server: a child process opens the node, runs the one operation and answers as a server would. What
 * it gives up for good (the right to read the keys) the caller keeps. It dies with the caller. */
MUST_CHECK enum err socket_call_child(const char *home, struct op_table table, const struct op *op, struct span args,
                                      const struct op_credentials *as, const int *fds, size_t fd_count,
                                      const struct op_listener *listener, struct diag *d);

/* *reached is false when no server listens there (the error then means nothing). */
MUST_CHECK enum err socket_call(const char *home, const char *name, struct span args, const struct op_credentials *as,
                                const int *fds, size_t fd_count, const struct op_listener *listener, bool *reached,
                                struct diag *d);

#endif
