/* Networks: which of many, nested in each other, hold an address. Built once, then only read; holds no pointers into
 * itself, so that it lies in a file as it does in memory. Private to the detect room.
 *
 * The ends of all networks cut the addresses into stretches; each stretch knows the narrowest network that holds it,
 * and each network the next wider one. A table over an address's first 16 bits says where to look among the stretches:
 * for 100,000 networks that leaves two or three steps. */
#ifndef RENKEI_DETECT_NETWORKS_H
#define RENKEI_DETECT_NETWORKS_H

#include "pattern/address.h"

enum { NETWORKS_BUCKETS = 65537 };
#define NETWORK_NONE UINT32_MAX

struct network_slot {
    uint8_t bytes[16];
    uint8_t prefix, v4, spare[2];
    uint32_t wider; /* index of the narrowest other network that holds this one; NETWORK_NONE */
    uint32_t first; /* the caller's: what stands under the network */
};

struct networks_v4_stretch {
    uint32_t start, network;
};
struct networks_v6_stretch {
    uint64_t high, low; /* where it starts */
    uint32_t network, spare;
};

struct networks {
    struct network_slot *slots; /* by address, wider before narrower */
    uint32_t count;
    /* Stretches: where each begins, and its network. bucket[n] is the stretch that holds the first address whose upper
     * 16 bits are n. NULL when the family has no networks. */
    uint32_t *v4_buckets, *v6_buckets;
    struct networks_v4_stretch *v4;
    struct networks_v6_stretch *v6;
    uint32_t v4_count, v6_count;
};

/* Takes over `slots` (from malloc; bytes, prefix, v4 and first are set; none is single, none twice), sorts them and
 * builds the rest. False when memory ran out; networks_free() in any case. */
bool networks_build(struct networks *n, struct network_slot *slots, uint32_t count);
void networks_free(struct networks *n);

/* The narrowest network that holds the address, NETWORK_NONE for none; the others are its `wider` ones. */
static inline uint32_t networks_find_v4(const struct networks *n, uint32_t address) {
    uint32_t at = n->v4_buckets[address >> 16], count = n->v4_buckets[(address >> 16) + 1] - at + 1;
    while (count > 1) {
        uint32_t half = count / 2;
        at = n->v4[at + half].start <= address ? at + half : at;
        count -= half;
    }
    return n->v4[at].network;
}
uint32_t networks_find(const struct networks *n, const struct address *address);

#endif
