#include "detect/networks.h"

#include <stdlib.h>

typedef unsigned __int128 wide;

/* The address's bytes as a number, IPv4 in the upper 32 bits. */
static wide number_of(const uint8_t bytes[16]) {
    wide n = 0;
    for (int i = 0; i < 16; i++) n = n << 8 | bytes[i];
    return n;
}

static int compare(const void *a, const void *b) {
    const struct network_slot *x = a, *y = b;
    if (x->v4 != y->v4) return x->v4 ? -1 : 1;
    int bytes = memcmp(x->bytes, y->bytes, sizeof x->bytes);
    return bytes ? bytes : (int)x->prefix - (int)y->prefix;
}

/* The last address of a network. */
static wide end_of(const struct network_slot *n) {
    return number_of(n->bytes) | (n->prefix < 128 ? ~(wide)0 >> n->prefix : 0);
}

/* The stretches of one family while they are cut. */
struct cutting {
    wide *starts;
    uint32_t *networks;
    uint32_t count;
};

static void cut(struct cutting *c, wide start, uint32_t network) {
    if (c->count > 0 && c->starts[c->count - 1] == start) c->count--; /* the narrower one wins */
    c->starts[c->count] = start;
    c->networks[c->count++] = network;
}

/* Networks either nest or do not touch: those open at a point are the chain of `wider` from the last one opened. */
static void cut_all(struct cutting *c, struct network_slot *slots, uint32_t first, uint32_t end, unsigned bits) {
    uint32_t open = NETWORK_NONE;
    cut(c, 0, NETWORK_NONE);
    for (uint32_t i = first;; i++) {
        while (open != NETWORK_NONE && (i == end || end_of(&slots[open]) < number_of(slots[i].bytes))) {
            wide behind = (end_of(&slots[open]) >> (128 - bits)) + 1; /* 0 behind the last of all */
            open = slots[open].wider;
            if (behind << (128 - bits) != 0) cut(c, behind << (128 - bits), open);
        }
        if (i == end) return;
        slots[i].wider = open;
        open = i;
        cut(c, number_of(slots[i].bytes), i);
    }
}

static void fill_buckets(uint32_t *buckets, const struct cutting *c) {
    uint32_t at = 0;
    for (uint32_t n = 0; n < NETWORKS_BUCKETS - 1; n++) {
        while (at + 1 < c->count && c->starts[at + 1] <= (wide)n << 112) at++;
        buckets[n] = at;
    }
    buckets[NETWORKS_BUCKETS - 1] = c->count - 1;
}

static bool keep_v4(struct networks *n, const struct cutting *c) {
    n->v4_buckets = malloc(NETWORKS_BUCKETS * sizeof *n->v4_buckets);
    n->v4 = malloc(c->count * sizeof *n->v4);
    if (!n->v4_buckets || !n->v4) return false;
    n->v4_count = c->count;
    for (uint32_t i = 0; i < c->count; i++)
        n->v4[i] = (struct networks_v4_stretch){(uint32_t)(c->starts[i] >> 96), c->networks[i]};
    fill_buckets(n->v4_buckets, c);
    return true;
}

static bool keep_v6(struct networks *n, const struct cutting *c) {
    n->v6_buckets = malloc(NETWORKS_BUCKETS * sizeof *n->v6_buckets);
    n->v6 = malloc(c->count * sizeof *n->v6);
    if (!n->v6_buckets || !n->v6) return false;
    n->v6_count = c->count;
    for (uint32_t i = 0; i < c->count; i++)
        n->v6[i] =
            (struct networks_v6_stretch){(uint64_t)(c->starts[i] >> 64), (uint64_t)c->starts[i], c->networks[i], 0};
    fill_buckets(n->v6_buckets, c);
    return true;
}

bool networks_build(struct networks *n, struct network_slot *slots, uint32_t count) {
    *n = (struct networks){.slots = slots, .count = count};
    if (count == 0) return true;
    qsort(slots, count, sizeof *slots, compare);
    uint32_t v4 = 0;
    while (v4 < count && slots[v4].v4) v4++;
    /* a network makes at most two cuts */
    struct cutting c = {.starts = malloc((2 * (size_t)count + 1) * sizeof *c.starts),
                        .networks = malloc((2 * (size_t)count + 1) * sizeof *c.networks)};
    bool ok = c.starts && c.networks;
    if (ok && v4 > 0) {
        cut_all(&c, slots, 0, v4, 32);
        ok = keep_v4(n, &c);
    }
    c.count = 0;
    if (ok && v4 < count) {
        cut_all(&c, slots, v4, count, 128);
        ok = keep_v6(n, &c);
    }
    free(c.starts);
    free(c.networks);
    return ok;
}

void networks_free(struct networks *n) {
    free(n->slots);
    free(n->v4_buckets);
    free(n->v6_buckets);
    free(n->v4);
    free(n->v6);
    *n = (struct networks){0};
}

static uint32_t find_v6(const struct networks *n, wide address) {
    uint64_t high = (uint64_t)(address >> 64), low = (uint64_t)address;
    uint32_t at = n->v6_buckets[high >> 48], count = n->v6_buckets[(high >> 48) + 1] - at + 1;
    while (count > 1) {
        uint32_t half = count / 2;
        const struct networks_v6_stretch *s = &n->v6[at + half];
        at = (s->high < high) | ((s->high == high) & (s->low <= low)) ? at + half : at;
        count -= half;
    }
    return n->v6[at].network;
}

uint32_t networks_find(const struct networks *n, const struct address *address) {
    if (address->v4 ? !n->v4_count : !n->v6_count) return NETWORK_NONE;
    const uint8_t *b = address->bytes;
    if (!address->v4) return find_v6(n, number_of(b));
    return networks_find_v4(n, (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}
