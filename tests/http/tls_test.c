#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "http/tls.h"

#define FROM  (INT64_C(1577836800) * TIME_US_PER_S) /* 2020-01-01 */
#define UNTIL (INT64_C(4102444800) * TIME_US_PER_S) /* 2100-01-01 */

static X509 *read_certificate(struct span pem) {
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x);
    return x;
}

static void certificate(void **state) {
    static const struct span names[] = {{"node.example.org", 16}, {"192.0.2.7", 9}, {"2001:db8::7", 11}};
    struct http_tls_pair pair;
    struct diag d = {0};
    assert_int_equal(http_tls_certificate_make(SPAN("JP-MOD 連携"), names, 3, FROM, UNTIL, &pair, &d), ERR_NONE);
    X509 *x = read_certificate(buf_span(&pair.certificate));
    assert_int_equal(X509_check_host(x, "node.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "other.example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "2001:db8::7", 0), 1);
    EVP_PKEY *key = X509_get0_pubkey(x);
    assert_int_equal(X509_verify(x, key), 1);
    assert_true(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0));
    assert_true(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0));
    char common_name[128];
    assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common_name, sizeof common_name) >
                0);
    assert_string_equal(common_name, "JP-MOD 連携");

    /* PEM and DER of one certificate have one pin: the hash of its public key's info. */
    struct sha256 of_pem, of_der;
    unsigned char *der = NULL, *info = NULL;
    int der_len = i2d_X509(x, &der), info_len = i2d_PUBKEY(key, &info);
    assert_int_equal(http_tls_pin(buf_span(&pair.certificate), &of_pem, &d), ERR_NONE);
    assert_int_equal(http_tls_pin(span_of(der, (size_t)der_len), &of_der, &d), ERR_NONE);
    struct sha256 expected = sha256_of(span_of(info, (size_t)info_len));
    assert_true(sha256_equal(&of_pem, &of_der));
    assert_true(sha256_equal(&of_pem, &expected));
    assert_int_equal(http_tls_pin(span_of(der, (size_t)der_len - 1), &of_der, &d), ERR_SYNTAX);
    assert_int_equal(http_tls_pin(SPAN(""), &of_der, &d), ERR_SYNTAX);
    assert_int_equal(http_tls_pin(SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &of_der, &d),
                     ERR_SYNTAX);
    OPENSSL_free(der);
    OPENSSL_free(info);
    X509_free(x);
    http_tls_pair_free(&pair);
}

static void refusals(void **state) {
    struct http_tls_pair pair;
    struct diag d = {0};
    struct span bad[] = {{"no name", 7}, {"", 0}, {"a/b", 3}, {"x\0y", 3}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(http_tls_certificate_make(SPAN("P"), &bad[i], 1, FROM, UNTIL, &pair, &d), ERR_INVALID);
        assert_null(pair.private_key.at);
    }
    assert_int_equal(http_tls_certificate_make(SPAN(""), NULL, 0, FROM, UNTIL, &pair, &d), ERR_INVALID);
    assert_int_equal(http_tls_certificate_make(SPAN("P"), NULL, 0, UNTIL, FROM, &pair, &d), ERR_INVALID);
    assert_int_equal(http_tls_certificate_make(SPAN("P"), NULL, 0, TIME_NONE, FROM, &pair, &d), ERR_INVALID);
}

/* A long name is cut at a character, not inside one. */
static void long_name(void **state) {
    struct buf name = BUF_EMPTY;
    struct http_tls_pair pair;
    struct diag d = {0};
    char common_name[512];
    for (int i = 0; i < 100; i++) buf_add_cstr(&name, "連");
    assert_int_equal(http_tls_certificate_make(buf_span(&name), NULL, 0, FROM, UNTIL, &pair, &d), ERR_NONE);
    X509 *x = read_certificate(buf_span(&pair.certificate));
    int len = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common_name, sizeof common_name);
    assert_int_equal(len, HTTP_TLS_COMMON_NAME_MAX * 3);
    X509_free(x);
    buf_free(&name);
    http_tls_pair_free(&pair);
}

static bool verifies(X509 *x, const EVP_MD *md, const uint8_t *digest, size_t len, const uint8_t *sig, size_t sig_len) {
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(X509_get0_pubkey(x), NULL);
    bool ok = EVP_PKEY_verify_init(context) == 1 && EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
              EVP_PKEY_verify(context, sig, sig_len, digest, len) == 1;
    EVP_PKEY_CTX_free(context);
    return ok;
}

static void signatures(void **state) {
    const struct {
        enum http_tls_hash hash;
        const EVP_MD *md;
    } kinds[] = {{HTTP_TLS_SHA256, EVP_sha256()}, {HTTP_TLS_SHA384, EVP_sha384()}, {HTTP_TLS_SHA512, EVP_sha512()}};
    struct http_tls_pair pair;
    struct http_tls_private *key;
    struct diag d = {0};
    uint8_t digest[HTTP_TLS_DIGEST_MAX] = {1, 2, 3}, signature[HTTP_TLS_SIGNATURE_MAX];
    size_t len;
    assert_int_equal(http_tls_certificate_make(SPAN("P"), NULL, 0, FROM, UNTIL, &pair, &d), ERR_NONE);
    assert_int_equal(http_tls_private_load(buf_span(&pair.private_key), &key, &d), ERR_NONE);
    X509 *x = read_certificate(buf_span(&pair.certificate));
    for (size_t i = 0; i < 3; i++) {
        size_t size = http_tls_hash_size(kinds[i].hash);
        assert_int_equal(http_tls_private_sign(key, span_of(digest, size), kinds[i].hash, signature, &len, &d),
                         ERR_NONE);
        assert_true(verifies(x, kinds[i].md, digest, size, signature, len));
        assert_int_equal(http_tls_sign_with_pem(buf_span(&pair.private_key), span_of(digest, size), kinds[i].hash,
                                                signature, &len, &d),
                         ERR_NONE);
        assert_true(verifies(x, kinds[i].md, digest, size, signature, len));
        digest[0] ^= 1;
        assert_false(verifies(x, kinds[i].md, digest, size, signature, len));
        assert_int_equal(http_tls_private_sign(key, span_of(digest, size - 1), kinds[i].hash, signature, &len, &d),
                         ERR_INVALID);
    }
    assert_int_equal(http_tls_private_sign(key, span_of(digest, 20), (enum http_tls_hash)9, signature, &len, &d),
                     ERR_INVALID);
    http_tls_private_free(&key);
    assert_null(key);
    assert_int_equal(http_tls_private_load(SPAN("nothing"), &key, &d), ERR_SYNTAX);
    assert_int_equal(http_tls_private_load(buf_span(&pair.certificate), &key, &d), ERR_SYNTAX);
    X509_free(x);
    http_tls_pair_free(&pair);
}

/* Only P-256: another kind of key is refused when it is loaded, not in the middle of a handshake. */
static void other_kinds_of_key(void **state) {
    struct http_tls_private *key;
    struct diag d = {0};
    EVP_PKEY *others[] = {EVP_EC_gen("P-384"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    for (size_t i = 0; i < 2; i++) {
        char *at;
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, others[i], NULL, NULL, 0, NULL, NULL), 1);
        long len = BIO_get_mem_data(bio, &at);
        assert_int_equal(http_tls_private_load(span_of(at, (size_t)len), &key, &d), ERR_INVALID);
        BIO_free(bio);
        EVP_PKEY_free(others[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate), cmocka_unit_test(refusals),           cmocka_unit_test(long_name),
        cmocka_unit_test(signatures),  cmocka_unit_test(other_kinds_of_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
