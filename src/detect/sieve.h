/* The sieve: runs over a chunk of whole lines and calls back for those worth parsing.
 *
 *   chunk ──masks──> values and lines, 64 bytes a step ──> pieces worth a look ──probe──> lines worth parsing
 *
 * One rule a shape of telemetry says what a value is; all shapes share the loop. Private to the scanner. */
#ifndef RENKEI_DETECT_SIEVE_H
#define RENKEI_DETECT_SIEVE_H

#include "detect/probe.h"
#include "detect/reader.h"

enum { SIEVE_PIECES = 512 };

/* A value worth a look, or a line. */
struct sieve_piece {
    uint32_t at, len; /* in the chunk */
    uint8_t kind;     /* the loop's */
    bool shaped;      /* it looks like something looked for; of a line: it looks broken */
};

struct sieve {
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
    bool marked;    /* during on_line: the line is one of them */
    uint64_t lines; /* counted so far; the first is number 0 */
    const char *base;
    unsigned piece_count;
    struct sieve_piece pieces[SIEVE_PIECES];
};

/* chunk (under 4 GiB) ends with a line feed or at the file's end and is followed by PREFILTER_PADDING readable bytes.
 */
void sieve_json(struct sieve *s, struct span chunk);
void sieve_table(struct sieve *s, struct span chunk);
void sieve_text(struct sieve *s, struct span chunk);

#endif
