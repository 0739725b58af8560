/* Reading objects ahead of the store's one writer: parsing, validating, finding references, hashing. None of it needs
 * the store, so a second processor does it while the first writes (struct reading).
 *
 * What is wrong with an object is noted in it; intake_take() reports it in the order of the file. */
#ifndef RENKEI_SHARE_READING_H
#define RENKEI_SHARE_READING_H

#include "base/hash.h"
#include "stix/bundle.h"
#include "stix/object.h"

enum {
    READING_ARENA_MAX = 256 << 20, /* what one object's parts may take: thirty times the largest object */
    READING_BATCH = 256,           /* objects handed over at a time: two threads meet rarely, and memory stays small */
    READING_BATCH_SIZE = 1 << 20,  /* bytes of objects after which a batch is full: large ones go one by one */
    READING_CONVERTED_MAX = 128 << 20, /* bytes that one object of another form may become, scratch included */
    READING_PLACE_SIZE = 40            /* "objects[18446744073709551615]" */
};

enum reading_outcome {
    READING_GOOD,
    READING_NO_JSON, /* `wrong` says why */
    READING_INVALID, /* `report` says why */
    READING_TOO_BIG, /* READING_ARENA_MAX does not suffice */
    READING_TOO_MANY_NAMES
};

/* An object as read. Its spans and pointers live in the arena it was read with, or are borrowed from its bytes. */
struct intake_object {
    struct span bytes;
    const char *place; /* for messages; borrowed */
    enum reading_outcome outcome;
    const struct diag *wrong;
    const struct stix_report *report; /* NULL: nothing was found */
    struct stix_object object;
    struct stix_ref *refs;
    size_t ref_count;
    struct sha256 hash;
    time_us observed;     /* when what it tells was seen, as far as it says */
    bool altered_marking; /* looks like a TLP marking and is none */
};

/* Reads one object. `scratch` is overwritten. Never fails: what is wrong is in *out. */
void intake_read(struct arena *a, struct span bytes, const char *place, struct stix_report *scratch,
                 struct intake_object *out);
/* Reads an object this program made: no validation. */
MUST_CHECK enum err intake_read_own(struct arena *a, struct span bytes, struct intake_object *out, struct diag *d);

/* Objects of a stream, read ahead by a thread of its own. */
struct reading;
struct reading_batch {
    const struct intake_object *objects;
    size_t count;
};
/* Asked, by that thread, about an object that is not valid: what it is as STIX 2.1. Texts in `a`: first what it names,
 * the object itself last; *count 0 when it is of no other form either. */
typedef enum err (*reading_convert)(void *context, struct json_value object, struct arena *a, struct span **out,
                                    size_t *count, struct diag *d);
struct reading_source {
    stix_stream_source source; /* only that thread calls it from now on */
    void *context;
    reading_convert convert; /* NULL = only STIX 2.1 counts */
    void *convert_context;   /* the caller's again once reading_close() is through */
};
/* Starts reading. *out is owned: reading_close(). */
MUST_CHECK enum err reading_open(const struct reading_source *source, struct reading **out, struct diag *d);
/* The next objects, borrowed until the next call; count 0 at the end. An error of the stream comes after the objects
 * before it. Not to be called again after either. */
MUST_CHECK enum err reading_next(struct reading *r, struct reading_batch *out, struct diag *d);
/* Waits for the thread, which stops within one batch. */
void reading_close(struct reading **r);

#endif
