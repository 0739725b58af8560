/* This node's TLS identity for server and client: its certificate, and its key in the signer process. */
#ifndef RENKEI_TAXII_IDENTITY_H
#define RENKEI_TAXII_IDENTITY_H

#include "http/tls.h"
#include "node/node.h"

struct taxii_identity {
    struct buf certificate; /* owned: a rotation changes the signer's own */
    struct http_tls_key key;
};

/* The identity in use now. The node must outlive it and be open for writing (it has a signer). */
MUST_CHECK enum err taxii_identity_take(struct node *n, struct taxii_identity *out, struct diag *d);
void taxii_identity_free(struct taxii_identity *id);

#endif
