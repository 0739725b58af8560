#include "http/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "http/tls_openssl.h"

struct http_tls_private {
    EVP_PKEY *key;
};

size_t http_tls_hash_size(enum http_tls_hash hash) {
    switch (hash) {
    case HTTP_TLS_SHA256:
        return 32;
    case HTTP_TLS_SHA384:
        return 48;
    case HTTP_TLS_SHA512:
        return 64;
    }
    return 0;
}

static bool is_pem(struct span text) {
    return span_find(text, SPAN("-----BEGIN ")) != SIZE_MAX;
}

/* A passphrase can be asked for nowhere: an encrypted key is an error, not a prompt on the terminal. */
static int no_passphrase(char *text, int size, int writing, void *context) {
    return -1;
}

enum err http_tls_chain_read(struct span certificate, struct http_tls_chain *out, struct diag *d) {
    *out = (struct http_tls_chain){0};
    if (certificate.len == 0 || certificate.len > HTTP_TLS_CERTIFICATE_MAX)
        return diag_set(d, ERR_SYNTAX, "a certificate of %zu bytes; 1 to %d are read", certificate.len,
                        HTTP_TLS_CERTIFICATE_MAX);
    if (!is_pem(certificate)) {
        const unsigned char *at = (const unsigned char *)certificate.at;
        out->certificates[0] = d2i_X509(NULL, &at, (long)certificate.len);
        out->count = out->certificates[0] != NULL;
        if (out->count && at != (const unsigned char *)certificate.at + certificate.len) {
            http_tls_chain_free(out);
            return diag_set(d, ERR_SYNTAX, "bytes follow the DER certificate");
        }
    } else {
        BIO *bio = BIO_new_mem_buf(certificate.at, (int)certificate.len);
        while (bio && out->count < HTTP_TLS_CHAIN_MAX) {
            X509 *next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
            if (!next) break;
            out->certificates[out->count++] = next;
        }
        BIO_free(bio);
    }
    ERR_clear_error();
    if (out->count == 0) return diag_set(d, ERR_SYNTAX, "not an X.509 certificate, neither PEM nor DER");
    return ERR_NONE;
}

void http_tls_chain_free(struct http_tls_chain *chain) {
    for (size_t i = 0; i < chain->count; i++) X509_free(chain->certificates[i]);
    *chain = (struct http_tls_chain){0};
}

bool http_tls_x509_pin(const void *x509, struct sha256 *out) {
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY((const X509 *)x509), &der);
    if (len > 0) *out = sha256_of(span_of(der, (size_t)len));
    OPENSSL_free(der);
    return len > 0;
}

enum err http_tls_pin(struct span certificate, struct sha256 *out, struct diag *d) {
    struct http_tls_chain chain;
    enum err err = http_tls_chain_read(certificate, &chain, d);
    if (err) return err;
    if (!http_tls_x509_pin(chain.certificates[0], out))
        err = diag_set(d, ERR_SYNTAX, "the certificate's public key cannot be read");
    http_tls_chain_free(&chain);
    return err;
}

/* ---- making ---- */

void http_tls_pair_free(struct http_tls_pair *pair) {
    if (pair->private_key.at) OPENSSL_cleanse(pair->private_key.at, pair->private_key.size);
    buf_free(&pair->private_key);
    buf_free(&pair->certificate);
}

/* The text less its last characters when it is too long for a common name; never half a character. */
static struct span common_name_cut(struct span name) {
    size_t characters = 0, i = 0;
    for (; i < name.len; i++) {
        if (((unsigned char)name.at[i] & 0xc0) == 0x80) continue;
        if (characters++ == HTTP_TLS_COMMON_NAME_MAX) break;
    }
    return span_first(name, i);
}

static bool set_time(ASN1_TIME *field, time_us t) {
    time_t seconds = (time_t)(t / TIME_US_PER_S);
    return ASN1_TIME_set(field, seconds) != NULL;
}

static bool dns_name_valid(struct span name) {
    if (name.len == 0 || name.len > 253) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
    }
    return true;
}

/* Adds one subject alternative name; an address when the text is one, else a DNS name. */
static bool add_name(GENERAL_NAMES *names, struct span name, struct diag *d) {
    char text[256];
    unsigned char address[16];
    if (!dns_name_valid(name) && (name.len == 0 || name.len > 45)) {
        (void)diag_set(d, ERR_INVALID, "'%.*s' is neither a DNS name nor an IP address",
                       SPAN_ARG(span_first(name, 80)));
        return false;
    }
    memcpy(text, name.at, name.len);
    text[name.len] = 0;
    int address_len = inet_pton(AF_INET, text, address) == 1 ? 4 : inet_pton(AF_INET6, text, address) == 1 ? 16 : 0;
    if (!address_len && !dns_name_valid(name)) {
        (void)diag_set(d, ERR_INVALID, "'%s' is neither a DNS name nor an IP address", text);
        return false;
    }
    GENERAL_NAME *entry = GENERAL_NAME_new();
    ASN1_OCTET_STRING *value = address_len ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    bool ok =
        entry && value &&
        (address_len ? ASN1_STRING_set(value, address, address_len) : ASN1_STRING_set(value, text, (int)name.len));
    if (ok) {
        GENERAL_NAME_set0_value(entry, address_len ? GEN_IPADD : GEN_DNS, value);
        value = NULL;
        ok = sk_GENERAL_NAME_push(names, entry) > 0;
        if (ok) entry = NULL;
    }
    ASN1_STRING_free(value);
    GENERAL_NAME_free(entry);
    if (!ok) (void)diag_set(d, ERR_NOMEM, "no memory left for a certificate");
    return ok;
}

static bool add_names(X509 *x, const struct span *names, size_t count, struct diag *d) {
    if (count == 0) return true;
    GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < count; i++) ok = add_name(list, names[i], d);
    if (ok && X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, 0) != 1) {
        (void)diag_set(d, ERR_INTERNAL, "the certificate's names were refused");
        ok = false;
    }
    sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
    return ok;
}

static bool add_extension(X509 *x, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool fill_certificate(X509 *x, EVP_PKEY *key, struct span common_name, time_us from, time_us until) {
    unsigned char serial[16];
    X509_NAME *name = X509_get_subject_name(x);
    random_bytes(serial, sizeof serial);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive and of full length (RFC 5280 §4.1.2.2) */
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) && X509_set_version(x, X509_VERSION_3) &&
              set_time(X509_getm_notBefore(x), from) && set_time(X509_getm_notAfter(x), until) &&
              X509_set_pubkey(x, key) &&
              X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common_name.at,
                                         (int)common_name.len, -1, 0) &&
              X509_set_issuer_name(x, name) && add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(x, NID_key_usage, "critical,digitalSignature") &&
              add_extension(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
              add_extension(x, NID_subject_key_identifier, "hash");
    BN_free(number);
    return ok;
}

/* What was written to a memory BIO, copied; the BIO's own memory is wiped by OpenSSL when it is freed. */
static bool take_bio(BIO *bio, struct buf *out) {
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    if (len <= 0 || !buf_reserve(out, (size_t)len + 1)) return false; /* one go: no copies left behind by growth */
    buf_add(out, span_of(at, (size_t)len));
    return buf_ok(out);
}

enum err http_tls_certificate_make(struct span common_name, const struct span *names, size_t name_count, time_us from,
                                   time_us until, struct http_tls_pair *out, struct diag *d) {
    enum err err = ERR_NONE;
    EVP_PKEY *key = NULL;
    X509 *x = NULL;
    BIO *private_key = NULL, *certificate = NULL;
    struct diag why = {0};

    *out = (struct http_tls_pair){0};
    common_name = common_name_cut(common_name);
    if (common_name.len == 0) return diag_set(d, ERR_INVALID, "a certificate needs a name");
    if (from == TIME_NONE || until == TIME_NONE || until <= from)
        return diag_set(d, ERR_INVALID, "a certificate's validity must end after it begins");
    if (name_count > HTTP_TLS_NAMES_MAX)
        return diag_set(d, ERR_LIMIT, "%zu names for one certificate; at most %d", name_count, HTTP_TLS_NAMES_MAX);

    key = EVP_EC_gen("P-256");
    x = X509_new();
    private_key = BIO_new(BIO_s_secmem());
    certificate = BIO_new(BIO_s_mem());
    if (!key || !x || !private_key || !certificate || !fill_certificate(x, key, common_name, from, until)) {
        err = diag_set(d, ERR_INTERNAL, "the certificate could not be made");
        goto out;
    }
    if (!add_names(x, names, name_count, &why)) {
        if (d) *d = why;
        err = why.code ? why.code : ERR_NOMEM;
        goto out;
    }
    if (X509_sign(x, key, EVP_sha256()) <= 0 ||
        PEM_write_bio_PKCS8PrivateKey(private_key, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(certificate, x) != 1 || !take_bio(private_key, &out->private_key) ||
        !take_bio(certificate, &out->certificate))
        err = diag_set(d, ERR_INTERNAL, "the certificate could not be signed or written");
out:
    ERR_clear_error();
    BIO_free(certificate);
    BIO_free(private_key);
    X509_free(x);
    EVP_PKEY_free(key);
    if (err) http_tls_pair_free(out);
    return err;
}

/* ---- signing ---- */

enum err http_tls_private_load(struct span private_key_pem, struct http_tls_private **out, struct diag *d) {
    *out = NULL;
    if (private_key_pem.len == 0 || private_key_pem.len > HTTP_TLS_CERTIFICATE_MAX)
        return diag_set(d, ERR_SYNTAX, "not a private key in PEM");
    BIO *bio = BIO_new_mem_buf(private_key_pem.at, (int)private_key_pem.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (!key) return diag_set(d, ERR_SYNTAX, "not a private key in unencrypted PEM");
    char group[64] = "";
    if (!EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, group, sizeof group, NULL) ||
        strcmp(group, "prime256v1") != 0) {
        EVP_PKEY_free(key);
        return diag_set(d, ERR_INVALID, "the private key is not an ECDSA P-256 key");
    }
    struct http_tls_private *private = malloc(sizeof *private);
    if (!private) {
        EVP_PKEY_free(key);
        return diag_set(d, ERR_NOMEM, "no memory left for a key");
    }
    private->key = key;
    *out = private;
    return ERR_NONE;
}

void http_tls_private_free(struct http_tls_private **key) {
    if (!*key) return;
    EVP_PKEY_free((*key)->key); /* OpenSSL wipes the scalar */
    free(*key);
    *key = NULL;
}

enum err http_tls_private_sign(const struct http_tls_private *key, struct span digest, enum http_tls_hash hash,
                               uint8_t *signature, size_t *len, struct diag *d) {
    const EVP_MD *md = hash == HTTP_TLS_SHA256 ? EVP_sha256() : hash == HTTP_TLS_SHA384 ? EVP_sha384() : EVP_sha512();
    *len = 0;
    if (http_tls_hash_size(hash) == 0 || digest.len != http_tls_hash_size(hash))
        return diag_set(d, ERR_INVALID, "a digest of %zu bytes does not fit its hash", digest.len);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->key, NULL);
    size_t size = HTTP_TLS_SIGNATURE_MAX;
    bool ok = context && EVP_PKEY_sign_init(context) > 0 && EVP_PKEY_CTX_set_signature_md(context, md) > 0 &&
              EVP_PKEY_sign(context, signature, &size, (const unsigned char *)digest.at, digest.len) > 0;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (!ok) return diag_set(d, ERR_INTERNAL, "the TLS key did not sign");
    *len = size;
    return ERR_NONE;
}

enum err http_tls_sign_with_pem(struct span private_key_pem, struct span digest, enum http_tls_hash hash,
                                uint8_t *signature, size_t *len, struct diag *d) {
    struct http_tls_private *key;
    *len = 0;
    enum err err = http_tls_private_load(private_key_pem, &key, d);
    if (err) return err;
    err = http_tls_private_sign(key, digest, hash, signature, len, d);
    http_tls_private_free(&key);
    return err;
}

static enum err sign_local(void *context, struct span digest, enum http_tls_hash hash, uint8_t *signature,
                           size_t *len) {
    return http_tls_private_sign(context, digest, hash, signature, len, NULL);
}

struct http_tls_key http_tls_key_local(struct span certificate, struct http_tls_private *key) {
    return (struct http_tls_key){.certificate = certificate, .sign = sign_local, .context = key};
}
