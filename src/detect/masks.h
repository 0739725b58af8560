/* Where three bytes of interest stand in a buffer, as bit masks: the vectorised heart of the scanning loops. */
#ifndef RENKEI_DETECT_MASKS_H
#define RENKEI_DETECT_MASKS_H

#include <stddef.h>
#include <stdint.h>

enum { MASKS_BLOCK = 64, MASKS_BATCH = 64 /* blocks at a time: their masks stay in the first-level cache */ };

struct masks {
    uint64_t first[MASKS_BATCH], second[MASKS_BATCH], third[MASKS_BATCH];
};

/* Bit n of masks->first[k] tells whether at[64k + n] is bytes[0], and so on. blocks is at most MASKS_BATCH; all of the
 * blocks must be readable. Picks AVX2 or SSE2 by the processor. */
void masks_of(const char *at, size_t blocks, const char bytes[3], struct masks *masks);

#endif
