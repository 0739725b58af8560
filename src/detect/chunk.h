/* Chunks: a stream cut into pieces of whole lines, handed to threads one after the other. Private to the scanner. */
#ifndef RENKEI_DETECT_CHUNK_H
#define RENKEI_DETECT_CHUNK_H

#include <pthread.h>

#include "base/file.h"
#include "detect/reader.h"

/* A piece of the stream. One belongs to each thread and is filled again and again. */
struct chunk {
    char *at; /* owned; len bytes, then PREFILTER_PADDING zeros */
    size_t len, size;
    uint64_t number;             /* in the order of the stream, from 0 */
    bool oversize;               /* holds the head of one line longer than SCAN_LINE_MAX; its rest was skipped */
    struct reader_header header; /* READER_TABLE: what was said before the chunk's first line */
    uint64_t raw_bytes;          /* read from the file so far */
};

/* Where chunks come from. chunk_next() may be called by any thread. */
struct chunk_source {
    pthread_mutex_t lock;
    struct input *input;                /* borrowed */
    const struct detect_reader *reader; /* NULL until recognised from the first chunk */
    size_t chunk_size;
    char *carry; /* owned; the head of a line that the chunk before did not hold whole */
    size_t carry_len, carry_size;
    uint64_t next_number;
    struct reader_header header;
    bool ended, skipping; /* skipping: inside a line too long, up to its end */
    enum err error;       /* what ended it early */
    struct diag diag;
};

/* settings: what the user says of the file; NULL: nothing. */
void chunk_source_init(struct chunk_source *s, struct input *input, const struct detect_reader *reader,
                       const struct reader_settings *settings, size_t chunk_size);
void chunk_source_free(struct chunk_source *s);
/* Fills *c; false at the end of the stream or after an error (source->error). */
bool chunk_next(struct chunk_source *s, struct chunk *c);
/* No more chunks for anybody. */
void chunk_source_stop(struct chunk_source *s);
void chunk_free(struct chunk *c);

#endif
