#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* One digest context a thread: making one costs more than hashing a short object. */
static pthread_key_t context_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *md_sha256;

static void context_free(void *context) {
    EVP_MD_CTX_free(context);
}

static void prepare(void) {
    md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!md_sha256 || pthread_key_create(&context_key, context_free) != 0)
        abort(); /* no crypto library, nothing safe remains */
}

static EVP_MD_CTX *context(void) {
    pthread_once(&once, prepare);
    EVP_MD_CTX *c = pthread_getspecific(context_key);
    if (!c) {
        c = EVP_MD_CTX_new();
        if (!c || pthread_setspecific(context_key, c) != 0) abort();
    }
    return c;
}

struct sha256 sha256_of_parts(const struct span *parts, size_t count) {
    struct sha256 out;
    EVP_MD_CTX *c = context();
    int ok = EVP_DigestInit_ex2(c, md_sha256, NULL);
    for (size_t i = 0; ok && i < count; i++) ok = EVP_DigestUpdate(c, parts[i].at, parts[i].len);
    if (!ok || !EVP_DigestFinal_ex(c, out.b, NULL)) abort();
    return out;
}

struct sha256 sha256_of(struct span data) {
    return sha256_of_parts(&data, 1);
}

struct sha256 hmac_sha256(struct span key, struct span data) {
    struct sha256 out;
    unsigned len = sizeof out.b;
    if (!HMAC(EVP_sha256(), key.at, (int)key.len, (const unsigned char *)(data.at ? data.at : ""), data.len, out.b,
              &len))
        abort();
    return out;
}

void sha1_of(struct span data, uint8_t out[SHA1_SIZE]) {
    if (!EVP_Digest(data.at, data.len, out, NULL, EVP_sha1(), NULL)) abort();
}

static uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load8(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static uint64_t load4(const char *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Both factors of every product hide behind a word made from the seed: who does not know it cannot make a factor
 * zero, which would erase all that came before. */
uint64_t hash64(struct span data, uint64_t seed) {
    static const uint64_t k0 = UINT64_C(0x9e3779b97f4a7c15), k1 = UINT64_C(0xbf58476d1ce4e5b9),
                          k2 = UINT64_C(0x94d049bb133111eb);
    uint64_t h = mix(seed ^ k0, k1), secret = h ^ k2, one = 0, two = 0;
    const char *at = data.at;
    size_t left = data.len;
    for (; left > 16; at += 16, left -= 16) h = mix(load8(at) ^ secret, load8(at + 8) ^ h);
    if (left >= 8) { /* the ends, read so that they overlap: no loop over single bytes */
        one = load8(at);
        two = load8(at + left - 8);
    } else if (left >= 4) {
        one = load4(at);
        two = load4(at + left - 4);
    } else if (left > 0) {
        one = (uint64_t)(uint8_t)at[0] << 16 | (uint64_t)(uint8_t)at[left / 2] << 8 | (uint8_t)at[left - 1];
    }
    h = mix(one ^ secret, two ^ h);
    return mix(h ^ k2, secret ^ data.len);
}

void random_bytes(void *out, size_t len) {
    for (size_t got = 0; got < len;) {
        ssize_t n = getrandom((char *)out + got, len - got, 0);
        if (n > 0)
            got += (size_t)n;
        else if (n < 0 && errno != EINTR)
            abort();
    }
}
