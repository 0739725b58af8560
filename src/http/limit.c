#include "http/limit.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"

enum { WAYS = 8 /* places a key may have */ };
_Static_assert((HTTP_LIMIT_KEYS & (HTTP_LIMIT_KEYS - 1)) == 0, "a mask is made of it");

struct bucket {
    uint64_t key; /* 0: free */
    int64_t seen_us;
    double left;
};

struct http_limit {
    pthread_mutex_t lock;
    double per_second, burst;
    uint64_t seed; /* nobody outside can choose keys that share a place */
    struct bucket buckets[HTTP_LIMIT_KEYS];
};

struct http_limit *http_limit_new(double per_second, double burst) {
    struct http_limit *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    pthread_mutex_init(&l->lock, NULL);
    l->per_second = per_second;
    l->burst = burst;
    random_bytes(&l->seed, sizeof l->seed);
    return l;
}

void http_limit_set(struct http_limit *l, double per_second, double burst) {
    pthread_mutex_lock(&l->lock);
    l->per_second = per_second;
    l->burst = burst;
    for (size_t i = 0; i < HTTP_LIMIT_KEYS; i++) l->buckets[i].left = fmin(l->buckets[i].left, burst);
    pthread_mutex_unlock(&l->lock);
}

void http_limit_free(struct http_limit **l) {
    if (!*l) return;
    pthread_mutex_destroy(&(*l)->lock);
    free(*l);
    *l = NULL;
}

/* The key's bucket, filled up to now; a new one takes the place of the one not seen longest. */
static struct bucket *find(struct http_limit *l, struct span name, int64_t now_us) {
    uint64_t key = hash64(name, l->seed) | 1;
    struct bucket *oldest = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct bucket *b = &l->buckets[((key >> 32) + i) & (HTTP_LIMIT_KEYS - 1)];
        if (b->key == key) {
            if (now_us <= b->seen_us) return b;
            b->left = fmin(l->burst, b->left + (double)(now_us - b->seen_us) / 1e6 * l->per_second);
            b->seen_us = now_us;
            return b;
        }
        if (!oldest || b->key == 0 || (oldest->key && b->seen_us < oldest->seen_us)) oldest = b;
    }
    *oldest = (struct bucket){key, now_us, l->burst};
    return oldest;
}

static bool take(struct http_limit *l, struct span key, int64_t now_us, double cost, unsigned *retry_s) {
    pthread_mutex_lock(&l->lock);
    struct bucket *b = find(l, key, now_us);
    bool allowed = b->left >= 1;
    if (allowed)
        b->left -= cost;
    else
        *retry_s = (unsigned)fmin(3600, fmax(1, ceil((1 - b->left) / l->per_second - 1e-6)));
    pthread_mutex_unlock(&l->lock);
    return allowed;
}

bool http_limit_take(struct http_limit *l, struct span key, int64_t now_us, unsigned *retry_s) {
    return take(l, key, now_us, 1, retry_s);
}

bool http_limit_allows(struct http_limit *l, struct span key, int64_t now_us, unsigned *retry_s) {
    return take(l, key, now_us, 0, retry_s);
}
