/* Undoing compression, a step at a time: one table of formats, told by how they begin. What stands in one file after
 * another (members, frames, streams) comes out as one. */
#ifndef RENKEI_BASE_UNPACK_H
#define RENKEI_BASE_UNPACK_H

#include "base/span.h"

enum {
    UNPACK_MAGIC_SIZE = 4,           /* bytes that tell the format */
    UNPACK_XZ_MEMORY_MAX = 128 << 20 /* xz -9 asks for 65 MiB to unpack; a file may claim to need gigabytes */
};

struct unpack; /* one stream under way; for one thread */

/* Whether the bytes (UNPACK_MAGIC_SIZE, or all there are) begin a format, and its name: "gzip", "zstd", "bzip2", "xz";
 * NULL for another. */
const char *unpack_format(struct span head);
/* NULL when memory ran out, or for another format. */
struct unpack *unpack_new(struct span head);
void unpack_free(struct unpack **u);

enum unpack_state {
    UNPACK_MORE,   /* in the middle of a member */
    UNPACK_ENDED,  /* between two: the file may end here */
    UNPACK_CORRUPT /* *why says it */
};
/* Takes from in[0 … in_len-1] (*used of it) and gives to out[0 … out_size-1] (*made of it). in_len 0: there is no more;
 * UNPACK_MORE with *made 0 then means that the file ends in the middle. */
enum unpack_state unpack_step(struct unpack *u, const uint8_t *in, size_t in_len, size_t *used, void *out,
                              size_t out_size, size_t *made, const char **why);

#endif
