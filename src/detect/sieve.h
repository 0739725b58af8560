/* The sieve: runs over a chunk of whole lines and calls back for those worth parsing.
 *
 *   chunk ──masks──> values and lines, 64 bytes a step ──> pieces worth a look ──probe──> lines worth parsing
 *
 * One rule a shape of telemetry says what a value is; all shapes share the loop. Private to the scanner. */
#ifndef RENKEI_DETECT_SIEVE_H
#define RENKEI_DETECT_SIEVE_H

#include "detect/probe.h"
#include "detect/reader.h"

enum {
    SIEVE_BLOCKS = 32, /* of 64 bytes, worked on at a time */
    SIEVE_BYTES = SIEVE_BLOCKS * 64
};

/* A value worth a look. Offsets are in the chunk. */
struct sieve_piece {
    uint32_t at, len, kind; /* kind: the loop's */
};
struct sieve_line {
    uint32_t at, len;
    bool suspect; /* it looks broken */
};

struct sieve_loops;
struct sieve {
    const struct sieve_loops *loops;
    struct probe probe;
    char separators[2]; /* READER_TABLE: between fields, and within a set */
    unsigned columns;   /* likewise: how many fields a line has */
    /* A line worth parsing, without its line feed. suspect: not for a hit, but because it looks broken. */
    void (*on_line)(void *context, struct span line, uint64_t number, bool suspect);
    /* A line that starts with '#', READER_TABLE only; may change `separators` and `columns` for what follows. */
    void (*on_comment)(struct sieve *sieve, struct span line);
    void *context;
    /* Offsets in the chunk, ascending, of lines that are wanted whatever is in them; ends with SIZE_MAX. NULL: none. */
    const size_t *marks;
    bool marked;      /* during on_line: the line is one of them */
    uint64_t lines;   /* counted so far; the first is number 0 */
    const char *base; /* the chunk, size bytes */
    size_t size;
    /* The loop's, of the batch it works on. */
    uint32_t line_count;
    uint32_t value_ends[SIEVE_BYTES + 4]; /* it writes four at a time */
    struct sieve_line line_ends[SIEVE_BYTES];
    struct sieve_piece pieces[SIEVE_BYTES + 1];
};

/* Chooses the code for this processor: 0 the best there is, 1 the plainest, 2 at most AVX2. Before anything else. */
void sieve_choose(struct sieve *s, unsigned processor);
/* chunk (under 4 GiB) ends with a line feed or at the file's end and is followed by PREFILTER_PADDING readable bytes.
 */
void sieve_json(struct sieve *s, struct span chunk);
void sieve_table(struct sieve *s, struct span chunk);
void sieve_text(struct sieve *s, struct span chunk);

#endif
