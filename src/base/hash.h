/* Hashes. SHA-256 for everything that is proof (OpenSSL underneath); hash64 for tables in memory only. */
#ifndef RENKEI_BASE_HASH_H
#define RENKEI_BASE_HASH_H

#include "base/span.h"

enum { SHA256_SIZE = 32, SHA1_SIZE = 20 };

struct sha256 {
    uint8_t b[SHA256_SIZE];
};

struct sha256 sha256_of(struct span data);
/* SHA-256 over the parts one after the other, without copying them together. */
struct sha256 sha256_of_parts(const struct span *parts, size_t count);
struct sha256 hmac_sha256(struct span key, struct span data);
void sha1_of(struct span data, uint8_t out[SHA1_SIZE]); /* for UUIDv5 only (RFC 4122 §4.3) */
static inline bool sha256_equal(const struct sha256 *a, const struct sha256 *b) {
    return memcmp(a->b, b->b, SHA256_SIZE) == 0;
}

/* Fast, well mixed, seeded; not cryptographic, not stable across versions: never stored. */
uint64_t hash64(struct span data, uint64_t seed);

/* Bytes nobody can guess (getrandom). Aborts the process if the kernel cannot give any: nothing safe remains. */
void random_bytes(void *out, size_t len);

#endif
