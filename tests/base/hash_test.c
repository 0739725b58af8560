#include "base/hash.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/encode.h"

static void is(struct span digest, const char *expected) {
    char text[2 * SHA256_SIZE + 1];
    hex_write(digest, text);
    assert_string_equal(text, expected);
}

/* FIPS 180-2 and RFC 4231 */
static void knows_the_standard_digests(void **state) {
    struct sha256 h = sha256_of((struct span){0});
    is(span_of(h.b, sizeof h.b), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    h = sha256_of(SPAN("abc"));
    is(span_of(h.b, sizeof h.b), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct span parts[] = {SPAN("a"), {0}, SPAN("bc")};
    struct sha256 again = sha256_of_parts(parts, 3);
    assert_true(sha256_equal(&h, &again));
    uint8_t sha1[SHA1_SIZE];
    sha1_of(SPAN("abc"), sha1);
    is(span_of(sha1, sizeof sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
    h = hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"));
    is(span_of(h.b, sizeof h.b), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    h = hmac_sha256((struct span){0}, (struct span){0});
    is(span_of(h.b, sizeof h.b), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void *hash_often(void *out) {
    for (int i = 0; i < 1000; i++) *(struct sha256 *)out = sha256_of(SPAN("abc"));
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state) {
    struct sha256 digests[4], expected = sha256_of(SPAN("abc"));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &digests[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(sha256_equal(&digests[i], &expected));
    }
}

/* Each input bit and the length reach the result; the seed too, even for words chosen to cancel constants. */
static void hash64_mixes(void **state) {
    char text[64] = {0};
    for (size_t len = 0; len <= sizeof text; len++) {
        uint64_t plain = hash64(span_of(text, len), 1);
        assert_true(plain != hash64(span_of(text, len), 2));
        assert_true(len == sizeof text || plain != hash64(span_of(text, len + 1), 1));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
            int distance = __builtin_popcountll(plain ^ hash64(span_of(text, len), 1));
            assert_in_range(distance, 8, 56);
            text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        }
    }
}

static void hash64_spreads(void **state) {
    enum { BUCKETS = 1024, KEYS = 64 * BUCKETS };
    static unsigned buckets[BUCKETS];
    for (uint32_t i = 0; i < KEYS; i++) buckets[hash64(span_of(&i, sizeof i), 7) % BUCKETS]++;
    for (int i = 0; i < BUCKETS; i++) assert_in_range(buckets[i], 16, 140);
}

static void random_bytes_differ(void **state) {
    uint8_t a[32] = {0}, b[32] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random_bytes(a, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_standard_digests),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(hash64_mixes),
        cmocka_unit_test(hash64_spreads),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
