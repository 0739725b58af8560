/* Inside this room: identities as OpenSSL objects, for the client. The private key object holds the public point and
 * a method that calls the identity's sign(); no private scalar exists in this process. */
#ifndef RENKEI_HTTP_TLS_OPENSSL_H
#define RENKEI_HTTP_TLS_OPENSSL_H

#include <openssl/x509.h>

#include "http/tls.h"

enum { HTTP_TLS_CHAIN_MAX = 8 }; /* certificates in a chain; ours have one */

struct http_tls_chain {
    X509 *certificates[HTTP_TLS_CHAIN_MAX]; /* owned, leaf first */
    size_t count;
};

/* ERR_SYNTAX: neither PEM nor DER. */
MUST_CHECK enum err http_tls_chain_read(struct span certificate, struct http_tls_chain *out, struct diag *d);
void http_tls_chain_free(struct http_tls_chain *chain);

/* The pin of an X509 *; false when its key cannot be encoded. */
bool http_tls_x509_pin(const void *x509, struct sha256 *out);

/* A private key object for the leaf of `chain` that signs through `key` (borrowed, must outlive it). ERR_INVALID: the
 * leaf's key is not P-256. */
MUST_CHECK enum err http_tls_remote_key(const struct http_tls_key *key, const struct http_tls_chain *chain,
                                        EVP_PKEY **out, struct diag *d);

#endif
