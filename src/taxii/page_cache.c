#include "taxii/page_cache.h"

#include <pthread.h>
#include <stdlib.h>

enum { BUCKETS = 8192 };
_Static_assert((BUCKETS & (BUCKETS - 1)) == 0, "a mask is made of it");

struct kept {
    struct page_key key;
    struct http_body *body;
    time_us first, last;
    size_t bytes;
    struct kept *chain;         /* same bucket */
    struct kept *older, *newer; /* by use */
};

struct page_cache {
    pthread_mutex_t lock;
    uint64_t seed;
    size_t bytes, count;
    struct kept *newest, *oldest;
    struct kept *buckets[BUCKETS];
};

struct page_cache *page_cache_new(void) {
    struct page_cache *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    pthread_mutex_init(&c->lock, NULL);
    random_bytes(&c->seed, sizeof c->seed);
    return c;
}

static struct kept **bucket_of(struct page_cache *c, const struct page_key *key) {
    return &c->buckets[hash64(span_of(key, sizeof *key), c->seed) & (BUCKETS - 1)];
}

static bool same(const struct page_key *a, const struct page_key *b) {
    return a->ledger == b->ledger && a->size == b->size && a->from == b->from && a->limit == b->limit &&
           a->encoding == b->encoding && sha256_equal(&a->binding, &b->binding);
}

static void unlink_use(struct page_cache *c, struct kept *k) {
    *(k->newer ? &k->newer->older : &c->newest) = k->older;
    *(k->older ? &k->older->newer : &c->oldest) = k->newer;
}

static void link_newest(struct page_cache *c, struct kept *k) {
    k->newer = NULL;
    k->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = k;
    c->newest = k;
}

static void drop(struct page_cache *c, struct kept *k) {
    struct kept **at = bucket_of(c, &k->key);
    while (*at != k) at = &(*at)->chain;
    *at = k->chain;
    unlink_use(c, k);
    c->bytes -= k->bytes;
    c->count--;
    http_body_unref(&k->body);
    free(k);
}

void page_cache_clear(struct page_cache *c) {
    pthread_mutex_lock(&c->lock);
    while (c->oldest) drop(c, c->oldest);
    pthread_mutex_unlock(&c->lock);
}

void page_cache_free(struct page_cache **cache) {
    struct page_cache *c = *cache;
    if (!c) return;
    while (c->oldest) drop(c, c->oldest);
    pthread_mutex_destroy(&c->lock);
    free(c);
    *cache = NULL;
}

static struct kept *find(struct page_cache *c, const struct page_key *key) {
    struct kept *k = *bucket_of(c, key);
    while (k && !same(&k->key, key)) k = k->chain;
    return k;
}

struct http_body *page_cache_find(struct page_cache *c, const struct page_key *key, time_us *first, time_us *last) {
    struct http_body *body = NULL;
    pthread_mutex_lock(&c->lock);
    struct kept *k = find(c, key);
    if (k) {
        unlink_use(c, k);
        link_newest(c, k);
        body = http_body_ref(k->body);
        *first = k->first;
        *last = k->last;
    }
    pthread_mutex_unlock(&c->lock);
    return body;
}

void page_cache_put(struct page_cache *c, const struct page_key *key, struct http_body *body, time_us first,
                    time_us last) {
    struct kept *k = malloc(sizeof *k);
    if (!k) return;
    *k = (struct kept){
        .body = http_body_ref(body), .first = first, .last = last, .bytes = http_body_span(body).len + sizeof *k};
    memcpy(&k->key, key, sizeof *key); /* bytes are hashed: nothing may differ, nor may padding */
    pthread_mutex_lock(&c->lock);
    struct kept *old = find(c, key);
    if (old) drop(c, old); /* two threads made the same page */
    struct kept **bucket = bucket_of(c, key);
    k->chain = *bucket;
    *bucket = k;
    link_newest(c, k);
    c->bytes += k->bytes;
    c->count++;
    while (c->count > 1 && (c->bytes > PAGE_CACHE_BYTES_MAX || c->count > PAGE_CACHE_PAGES_MAX)) drop(c, c->oldest);
    pthread_mutex_unlock(&c->lock);
}
