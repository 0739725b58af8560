/* Where bytes of interest stand in a buffer, as bit masks: the vectorised heart of the scanning loops. */
#ifndef RENKEI_DETECT_MASKS_H
#define RENKEI_DETECT_MASKS_H

#include <stddef.h>
#include <stdint.h>

enum {
    MASKS_BLOCK = 64,
    MASKS_BYTES = 4,
    MASKS_BATCH = 64 /* blocks at a time: their masks stay in the first-level cache */
};

struct masks {
    uint64_t of[MASKS_BYTES][MASKS_BATCH];
};

/* Bit n of masks->of[b][k] tells whether at[64k + n] is bytes[b]. blocks is at most MASKS_BATCH; all of the blocks must
 * be readable. Picks AVX2 or SSE2 by the processor. */
void masks_of(const char *at, size_t blocks, const char bytes[MASKS_BYTES], struct masks *masks);

#endif
