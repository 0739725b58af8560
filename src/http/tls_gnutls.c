#include "http/tls_gnutls.h"

#include <gnutls/abstract.h>
#include <stdlib.h>

#include "http/tls_openssl.h"

struct http_tls_server {
    gnutls_certificate_credentials_t credentials;
    const struct http_tls_key *key; /* borrowed */
};

static enum http_tls_hash hash_of(gnutls_sign_algorithm_t algorithm) {
    switch (gnutls_sign_get_hash_algorithm(algorithm)) {
    case GNUTLS_DIG_SHA256:
        return HTTP_TLS_SHA256;
    case GNUTLS_DIG_SHA384:
        return HTTP_TLS_SHA384;
    case GNUTLS_DIG_SHA512:
        return HTTP_TLS_SHA512;
    default:
        return 0;
    }
}

static int sign_hash(gnutls_privkey_t private, gnutls_sign_algorithm_t algorithm, void *context, unsigned flags,
                     const gnutls_datum_t *digest, gnutls_datum_t *signature) {
    const struct http_tls_server *server = context;
    enum http_tls_hash hash = hash_of(algorithm);
    uint8_t made[HTTP_TLS_SIGNATURE_MAX];
    size_t len = 0;
    if (!hash || digest->size != http_tls_hash_size(hash)) return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    if (server->key->sign(server->key->context, span_of(digest->data, digest->size), hash, made, &len) || len == 0 ||
        len > sizeof made)
        return GNUTLS_E_PK_SIGN_FAILED;
    signature->data = gnutls_malloc(len);
    if (!signature->data) return GNUTLS_E_MEMORY_ERROR;
    memcpy(signature->data, made, len);
    signature->size = (unsigned)len;
    return 0;
}

static int describe_key(gnutls_privkey_t private, unsigned flags, void *context) {
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) return GNUTLS_PK_ECDSA;
    if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) return 256;
    if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) {
        switch (GNUTLS_FLAGS_TO_SIGN_ALGO(flags)) {
        case GNUTLS_SIGN_ECDSA_SHA256:
        case GNUTLS_SIGN_ECDSA_SHA384:
        case GNUTLS_SIGN_ECDSA_SHA512:
        case GNUTLS_SIGN_ECDSA_SECP256R1_SHA256:
            return 1;
        default:
            return 0;
        }
    }
    return -1;
}

/* The chain as GnuTLS reads it: DER by DER, from the form OpenSSL has checked. */
static bool import_chain(const struct http_tls_chain *chain, gnutls_pcert_st *certificates, size_t *count) {
    for (*count = 0; *count < chain->count; (*count)++) {
        unsigned char *der = NULL;
        int len = i2d_X509(chain->certificates[*count], &der);
        gnutls_datum_t datum = {der, len > 0 ? (unsigned)len : 0};
        int rc = len > 0 ? gnutls_pcert_import_x509_raw(&certificates[*count], &datum, GNUTLS_X509_FMT_DER, 0) : -1;
        OPENSSL_free(der);
        if (rc < 0) return false;
    }
    return true;
}

enum err http_tls_server_new(const struct http_tls_key *key, struct http_tls_server **out, struct diag *d) {
    struct http_tls_chain chain = {0};
    struct http_tls_server *server = NULL;
    EVP_PKEY *public_key = NULL;
    gnutls_privkey_t private = NULL;
    gnutls_pcert_st certificates[HTTP_TLS_CHAIN_MAX];
    size_t count = 0;
    int rc = 0;

    *out = NULL;
    enum err err = http_tls_chain_read(key->certificate, &chain, d);
    if (!err) err = http_tls_remote_key(key, &chain, &public_key, d); /* refuses keys that are not P-256 */
    if (err) goto out;
    err = ERR_NOMEM;
    server = calloc(1, sizeof *server);
    if (!server || gnutls_certificate_allocate_credentials(&server->credentials) < 0 ||
        gnutls_privkey_init(&private) < 0) {
        (void)diag_set(d, err, "no memory left for a TLS identity");
        goto out;
    }
    server->key = key;
    err = ERR_INVALID;
    if (!import_chain(&chain, certificates, &count)) {
        (void)diag_set(d, err, "the TLS certificate was refused by GnuTLS");
        goto out;
    }
    rc = gnutls_privkey_import_ext4(private, server, NULL, sign_hash, NULL, NULL, describe_key, 0);
    if (rc >= 0) rc = gnutls_certificate_set_key(server->credentials, NULL, 0, certificates, (int)count, private);
    if (rc < 0) {
        (void)diag_set(d, err, "the TLS certificate was refused: %s", gnutls_strerror(rc));
        goto out;
    }
    private = NULL; /* the key and what the array holds belong to the credentials now */
    count = 0;
    *out = server;
    server = NULL;
    err = ERR_NONE;
out:
    for (size_t i = 0; i < count; i++) gnutls_pcert_deinit(&certificates[i]);
    if (private) gnutls_privkey_deinit(private);
    http_tls_server_free(&server);
    EVP_PKEY_free(public_key);
    http_tls_chain_free(&chain);
    return err;
}

void http_tls_server_free(struct http_tls_server **server) {
    if (!*server) return;
    if ((*server)->credentials) gnutls_certificate_free_credentials((*server)->credentials);
    free(*server);
    *server = NULL;
}

bool http_tls_server_session(const struct http_tls_server *server, gnutls_session_t session) {
    if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, server->credentials) < 0) return false;
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    gnutls_certificate_send_x509_rdn_sequence(session, 1);
    return true;
}

bool http_tls_session_pin(gnutls_session_t session, struct sha256 *out) {
    unsigned count = 0;
    if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_CLIENT) != GNUTLS_CRT_X509) return false;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (!chain || count == 0) return false;
    return http_tls_pin(span_of(chain[0].data, chain[0].size), out, NULL) == ERR_NONE;
}
