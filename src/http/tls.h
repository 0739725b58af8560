/* TLS identities: ECDSA P-256 keys with self-signed certificates, known by their pins, whose private halves stay
 * elsewhere. The process that speaks to the network holds a certificate and a function that has digests signed; the
 * key is made and used in the signer. Trust is not decided here: a pin says who, the cards say whether. */
#ifndef RENKEI_HTTP_TLS_H
#define RENKEI_HTTP_TLS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"

enum {
    HTTP_TLS_SIGNATURE_MAX = 80, /* a DER ECDSA signature over P-256 has at most 72 bytes */
    HTTP_TLS_DIGEST_MAX = 64,
    HTTP_TLS_NAMES_MAX = 16,           /* subject alternative names of one certificate */
    HTTP_TLS_COMMON_NAME_MAX = 64,     /* X.520's upper bound for a common name */
    HTTP_TLS_CERTIFICATE_MAX = 1 << 16 /* bytes of PEM or DER accepted as one chain */
};

/* The hashes TLS 1.2 and 1.3 sign with; anything else is refused. */
enum http_tls_hash { HTTP_TLS_SHA256 = 1, HTTP_TLS_SHA384, HTTP_TLS_SHA512 };
size_t http_tls_hash_size(enum http_tls_hash hash); /* bytes of a digest; 0 for anything else */

/* An identity as the network's side sees it. Everything is borrowed and must outlive the server or client that uses
 * it. sign() has `digest` (http_tls_hash_size() bytes) signed with ECDSA P-256 and writes the DER signature, at most
 * HTTP_TLS_SIGNATURE_MAX bytes. It is called in the middle of a handshake by whichever thread makes it, so it must be
 * thread-safe, and a thread waits while it works. */
struct http_tls_key {
    struct span certificate; /* the chain: PEM (leaf first) or one DER certificate */
    enum err (*sign)(void *context, struct span digest, enum http_tls_hash hash, uint8_t *signature, size_t *len);
    void *context;
};

/* The SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 §2.4): a renewed certificate with the same key keeps
 * its pin. Takes DER, or PEM of which the first certificate counts. ERR_SYNTAX when it is neither. */
MUST_CHECK enum err http_tls_pin(struct span certificate, struct sha256 *out, struct diag *d);

/* ---- the signer's side ---- */

/* A fresh key and its certificate, both PEM (the key PKCS #8, unencrypted), owned. */
struct http_tls_pair {
    struct buf private_key;
    struct buf certificate;
};
void http_tls_pair_free(struct http_tls_pair *pair); /* wipes the key */

/* Makes a key pair and a self-signed certificate: CN = `common_name` (the party's name, cut to
 * HTTP_TLS_COMMON_NAME_MAX at a character), SAN = `names` (DNS names and IP addresses as text, told apart here), for
 * server and client authentication. Neither end of the validity may be TIME_NONE; whole seconds count. *out is
 * overwritten. */
MUST_CHECK enum err http_tls_certificate_make(struct span common_name, const struct span *names, size_t name_count,
                                              time_us from, time_us until, struct http_tls_pair *out, struct diag *d);

/* A loaded private key; signing with it is thread-safe. */
struct http_tls_private;
MUST_CHECK enum err http_tls_private_load(struct span private_key_pem, struct http_tls_private **out, struct diag *d);
void http_tls_private_free(struct http_tls_private **key);
/* Signs a digest. `signature` has room for HTTP_TLS_SIGNATURE_MAX bytes. ERR_INVALID: a digest of another length. */
MUST_CHECK enum err http_tls_private_sign(const struct http_tls_private *key, struct span digest,
                                          enum http_tls_hash hash, uint8_t *signature, size_t *len, struct diag *d);
/* Load, sign, free: for a single signature. */
MUST_CHECK enum err http_tls_sign_with_pem(struct span private_key_pem, struct span digest, enum http_tls_hash hash,
                                           uint8_t *signature, size_t *len, struct diag *d);
/* An http_tls_key whose context is a loaded private key: for the signer's own use, and tests. */
struct http_tls_key http_tls_key_local(struct span certificate, struct http_tls_private *key);

#endif
