/* MISP core format, one event after the other: {"Event": …}, an event by itself, a list of either, {"response": […]} as
 * MISP's REST interface answers, and one a line. Only the boundaries are found here. Memory is bounded by the largest
 * event. */
#ifndef RENKEI_INTERCHANGE_MISP_STREAM_H
#define RENKEI_INTERCHANGE_MISP_STREAM_H

#include "base/buf.h"
#include "base/err.h"

enum {
    MISP_STREAM_CHUNK = 1 << 20,
    MISP_EVENT_SIZE_MAX =
        96 << 20 /* bytes of one event: 240,000 attributes; it is held whole, beside what is remembered */
};

/* Gives up to `size` bytes into `at`; *got = 0 at the end. */
typedef enum err (*misp_stream_source)(void *context, void *at, size_t size, size_t *got, struct diag *d);

struct misp_stream {
    misp_stream_source source;
    void *context;
    struct buf window; /* bytes not yet given out */
    size_t at;         /* where in the window the reading stands */
    uint64_t before;   /* bytes of the stream before the window */
    uint64_t index;    /* of the next event */
    int state;
    bool response, end;
};

void misp_stream_open(struct misp_stream *s, misp_stream_source source, void *context);
void misp_stream_close(struct misp_stream *s);
/* The next event's exact bytes, borrowed until the next call, with its number from 0 and its offset in the stream;
 * {NULL,0} at the end. ERR_SYNTAX with an offset; ERR_LIMIT for an event over MISP_EVENT_SIZE_MAX. */
MUST_CHECK enum err misp_stream_next(struct misp_stream *s, struct span *event, uint64_t *index, uint64_t *offset,
                                     struct diag *d);

/* Whether bytes from the beginning of a JSON file look like MISP's rather than STIX. */
bool misp_looks_like(struct span head);

/* Members of an object, or elements of a list, one after the other, strictly: what stands between them is checked here,
 * each value by whoever parses it. `base` is the offset of `text` in the stream, for messages. */
struct misp_walk {
    struct span text;
    size_t at;
    uint64_t base;
    bool first, array;
};
struct misp_walk misp_walk(struct span container, uint64_t base);
/* *key is as spelt between the quotes; empty in lists. *more is false at the end. */
MUST_CHECK enum err misp_walk_next(struct misp_walk *w, struct span *key, struct span *value, bool *more,
                                   struct diag *d);

#endif
