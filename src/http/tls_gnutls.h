/* Inside this room: an identity as GnuTLS credentials, for the server. */
#ifndef RENKEI_HTTP_TLS_GNUTLS_H
#define RENKEI_HTTP_TLS_GNUTLS_H

#include <gnutls/gnutls.h>

#include "http/tls.h"

/* TLS 1.2 and 1.3 with forward secrecy and authenticated encryption, nothing else. */
#define HTTP_TLS_PRIORITIES                                                                                            \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:"           \
    "+CHACHA20-POLY1305:-MAC-ALL:+AEAD:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:%SERVER_PRECEDENCE"

struct http_tls_server;

/* Credentials that sign through `key` (borrowed). Shared by all sessions; immutable, so any thread may use them. */
MUST_CHECK enum err http_tls_server_new(const struct http_tls_key *key, struct http_tls_server **out, struct diag *d);
void http_tls_server_free(struct http_tls_server **server);

/* Prepares a session before its handshake: our certificate, and a request for the client's that names no CA (clients
 * would otherwise hold back a self-signed one). False when GnuTLS refuses: the handshake must then fail. */
bool http_tls_server_session(const struct http_tls_server *server, gnutls_session_t session);

/* The pin of the certificate the client presented in this session; false when it presented none. */
bool http_tls_session_pin(gnutls_session_t session, struct sha256 *out);

#endif
