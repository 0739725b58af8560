#include "policy/vocabulary.h"

enum { BUCKETS = 2 * POLICY_WORDS_MAX };

static char folded(char c, bool cased) {
    return !cased && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* FNV-1a. Its collisions can be chosen, but only by whoever writes the rules. */
static uint64_t hash_of(enum policy_space space, struct span text) {
    bool cased = policy_space_cased(space);
    uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)space;
    for (size_t i = 0; i < text.len; i++) h = (h ^ (unsigned char)folded(text.at[i], cased)) * UINT64_C(1099511628211);
    return h ^ h >> 32;
}

bool policy_words_begin(struct policy_words_building *b, struct arena *a) {
    b->a = a;
    b->count = 0;
    if (!b->words) b->words = arena_alloc(a, POLICY_WORDS_MAX * sizeof *b->words);
    if (!b->buckets) b->buckets = arena_alloc(a, BUCKETS * sizeof *b->buckets);
    if (!b->words || !b->buckets) return false;
    memset(b->buckets, 0, BUCKETS * sizeof *b->buckets);
    return true;
}

static void chain(struct policy_word *words, uint16_t *buckets, size_t bucket_count, size_t i) {
    uint16_t *bucket = &buckets[words[i].hash & (bucket_count - 1)];
    words[i].next = *bucket;
    *bucket = (uint16_t)(i + 1);
}

bool policy_words_end(const struct policy_words_building *b, struct policy_vocabulary *out) {
    size_t bucket_count = 4;
    while (bucket_count < 2 * b->count) bucket_count *= 2;
    struct policy_word *words = arena_alloc(b->a, (b->count + 1) * sizeof *words);
    uint16_t *buckets = arena_zalloc(b->a, bucket_count, sizeof *buckets);
    if (!words || !buckets) return false;
    memcpy(words, b->words, b->count * sizeof *words);
    for (size_t i = 0; i < b->count; i++) chain(words, buckets, bucket_count, i);
    *out = (struct policy_vocabulary){words, b->count, buckets, bucket_count};
    return true;
}

int policy_word_find(const struct policy_vocabulary *v, enum policy_space space, struct span text) {
    if (v->count == 0) return -1;
    uint64_t hash = hash_of(space, text);
    for (uint16_t at = v->buckets[hash & (v->bucket_count - 1)]; at; at = v->words[at - 1].next) {
        const struct policy_word *w = &v->words[at - 1];
        if (w->hash == hash && w->space == space &&
            (policy_space_cased(space) ? span_equal(w->text, text) : span_equal_nocase(w->text, text)))
            return at - 1;
    }
    return -1;
}

int policy_words_add(struct policy_words_building *b, enum policy_space space, struct span text) {
    struct policy_vocabulary so_far = {b->words, b->count, b->buckets, BUCKETS};
    int known = policy_word_find(&so_far, space, text);
    if (known >= 0) return known;
    if (b->count == POLICY_WORDS_MAX) return -1;
    uint64_t hash = hash_of(space, text);
    b->words[b->count] = (struct policy_word){text, hash, 0, (uint8_t)space};
    chain(b->words, b->buckets, BUCKETS, b->count);
    return (int)b->count++;
}
