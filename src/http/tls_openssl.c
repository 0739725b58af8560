/* OpenSSL 3 would have us write a provider to sign elsewhere; EC_KEY_METHOD does the same in a page, is deprecated
 * and still there. The deprecation is silenced in this file only. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "http/tls_openssl.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static EC_KEY_METHOD *method; /* lives as long as the process */
static int identity_index = -1;

static enum http_tls_hash hash_of_size(size_t size) {
    for (enum http_tls_hash h = HTTP_TLS_SHA256; h <= HTTP_TLS_SHA512; h++)
        if (http_tls_hash_size(h) == size) return h;
    return 0;
}

/* OpenSSL's signature for DER output: 1 is success. */
static int sign_elsewhere(int type, const unsigned char *digest, int digest_len, unsigned char *signature,
                          unsigned int *len, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec) {
    const struct http_tls_key *key = EC_KEY_get_ex_data(ec, identity_index);
    uint8_t made[HTTP_TLS_SIGNATURE_MAX];
    size_t made_len = 0;
    enum http_tls_hash hash = digest_len > 0 ? hash_of_size((size_t)digest_len) : 0;
    *len = 0;
    if (!key || !hash) return 0;
    if (key->sign(key->context, span_of(digest, (size_t)digest_len), hash, made, &made_len)) return 0;
    int room = ECDSA_size(ec); /* what OpenSSL allocated for us */
    if (made_len == 0 || room <= 0 || made_len > (size_t)room) return 0;
    memcpy(signature, made, made_len);
    *len = (unsigned)made_len;
    return 1;
}

/* Raw (r, s) signatures are asked for by nothing that TLS does. */
static ECDSA_SIG *sign_raw(const unsigned char *digest, int len, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec) {
    return NULL;
}

static void make_method(void) {
    identity_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    if (method) EC_KEY_METHOD_set_sign(method, sign_elsewhere, NULL, sign_raw);
}

enum err http_tls_remote_key(const struct http_tls_key *key, const struct http_tls_chain *chain, EVP_PKEY **out,
                             struct diag *d) {
    enum err err = ERR_NONE;
    EC_KEY *ec = NULL;
    EVP_PKEY *made = NULL;

    *out = NULL;
    pthread_once(&method_once, make_method);
    EVP_PKEY *public_key = X509_get0_pubkey(chain->certificates[0]);
    const EC_KEY *public_ec = public_key ? EVP_PKEY_get0_EC_KEY(public_key) : NULL;
    if (!public_ec || EC_GROUP_get_curve_name(EC_KEY_get0_group(public_ec)) != NID_X9_62_prime256v1) {
        err = diag_set(d, ERR_INVALID, "the certificate's key is not an ECDSA P-256 key");
        goto out;
    }
    ec = EC_KEY_new();
    made = EVP_PKEY_new();
    if (!method || identity_index < 0 || !ec || !made || !EC_KEY_set_method(ec, method) ||
        !EC_KEY_set_group(ec, EC_KEY_get0_group(public_ec)) ||
        !EC_KEY_set_public_key(ec, EC_KEY_get0_public_key(public_ec)) ||
        !EC_KEY_set_ex_data(ec, identity_index, (void *)(uintptr_t)key) || !EVP_PKEY_assign_EC_KEY(made, ec)) {
        err = diag_set(d, ERR_NOMEM, "no memory left for a TLS identity");
        goto out;
    }
    ec = NULL;
    *out = made;
    made = NULL;
out:
    ERR_clear_error();
    EC_KEY_free(ec);
    EVP_PKEY_free(made);
    return err;
}
