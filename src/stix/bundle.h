/* Bundles of any size, one object after the other: STIX bundles, TAXII envelopes, arrays, a single object, and an
 * object a line. Only the boundaries of objects are found here; each object's bytes are then parsed on their own.
 * Memory is bounded by the largest object. */
#ifndef RENKEI_STIX_BUNDLE_H
#define RENKEI_STIX_BUNDLE_H

#include "base/buf.h"
#include "base/err.h"

enum { STIX_STREAM_CHUNK = 1 << 20 };

/* Gives up to `size` bytes into `at`; *got = 0 at the end. */
typedef enum err (*stix_stream_source)(void *context, void *at, size_t size, size_t *got, struct diag *d);

struct stix_stream {
    stix_stream_source source;
    void *context;
    struct buf window; /* bytes not yet given out */
    size_t at;         /* where in the window the reading stands */
    uint64_t before;   /* bytes of the stream before the window */
    uint64_t index;    /* of the next object */
    int state;
    bool bare; /* the objects stand in an array of their own, not in a bundle */
    bool end;  /* the source has no more */
};

void stix_stream_open(struct stix_stream *s, stix_stream_source source, void *context);
void stix_stream_close(struct stix_stream *s);
/* The next object's exact bytes, borrowed until the next call, with its number from 0 and its offset in the stream.
 * {NULL,0} at the end. ERR_SYNTAX with an offset for what is no bundle, is cut short or goes on behind its end;
 * ERR_LIMIT for an object over STIX_OBJECT_SIZE_MAX. */
MUST_CHECK enum err stix_stream_next(struct stix_stream *s, struct span *object, uint64_t *index, uint64_t *offset,
                                     struct diag *d);

#endif
