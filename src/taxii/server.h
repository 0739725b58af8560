/* The TAXII 2.1 server of a node, and beside it what Renkei's own sync reads: checkpoints, tiles, entries and salts.
 *
 * Clients are trusted parties, known by the TLS certificate on their cards; only the card itself is served to anyone. A
 * party sees its own collections and no others exist for it: the feeds of the ledgers it is the recipient of (read
 * only), and its inbox (write only). It listens where renkei.yaml says, HTTPS only. */
#ifndef RENKEI_TAXII_SERVER_H
#define RENKEI_TAXII_SERVER_H

#include "http/server.h"
#include "node/node.h"

struct taxii_server;

/* What serve gives it besides the node; zero means none. */
struct taxii_server_options {
    int listener; /* a listening socket made by somebody else (systemd): renkei.yaml's `listen` does not count then */
    struct http_counts *counts; /* outlives the server */
};

/* Starts serving. The node is borrowed, open for writing, and must outlive the server. */
MUST_CHECK enum err taxii_server_start(struct node *n, struct taxii_server **out, struct diag *d);
MUST_CHECK enum err taxii_server_start_with(struct node *n, const struct taxii_server_options *options,
                                            struct taxii_server **out, struct diag *d);
/* Lets requests and inbox intakes under way finish, then returns. */
void taxii_server_stop(struct taxii_server **s);
/* Forgets the pages it keeps ready: something in them was erased. */
void taxii_server_forget_pages(struct taxii_server *s);
/* The port it listens on (renkei.yaml may say 0: any free one). */
uint16_t taxii_server_port(const struct taxii_server *s);
/* Whether it presents the certificate that the signer has now. */
bool taxii_server_is_current(const struct taxii_server *s);
/* Takes the limits of callers from a reloaded configuration. Any thread. */
void taxii_server_reload_limits(struct taxii_server *s);
/* Takes the node's TLS key anew, after a rotation or a renewed certificate, and the address of a reloaded
 * configuration: closes the connections, keeps the port unless that is another one now. On error nothing is served any
 * more. One thread at a time, and not from a handler. */
MUST_CHECK enum err taxii_server_restart(struct taxii_server *s, struct diag *d);

#endif
