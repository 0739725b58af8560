/* The sieve: runs over a chunk of whole lines and calls back for those worth parsing. One loop a shape of telemetry.
 * Private to the scanner. */
#ifndef RENKEI_DETECT_SIEVE_H
#define RENKEI_DETECT_SIEVE_H

#include "detect/prefilter.h"
#include "detect/reader.h"

struct sieve {
    struct probe probe; /* of the line being read */
    struct probe held;  /* of the line before, whose keys are on their way from memory */
    struct span held_line;
    bool held_suspect, held_marked;
    const char *base;   /* the chunk's start */
    char separators[2]; /* READER_TABLE: between fields, and within a set */
    unsigned columns;   /* likewise: how many fields a line has */
    /* A line worth parsing, without its line feed. suspect: not for a hit, but because it looks broken. */
    void (*on_line)(void *context, struct span line, uint64_t number, bool suspect);
    /* A line that starts with '#', READER_TABLE only; may change `separators` for what follows. */
    void (*on_comment)(struct sieve *sieve, struct span line);
    void *context;
    /* Offsets in the chunk, ascending, of lines that are wanted whatever is in them; ends with SIZE_MAX. NULL: none. */
    const size_t *marks;
    bool marked;    /* during on_line: the line is one of them */
    uint64_t lines; /* counted so far; the first is number 0 */
};

/* chunk ends with a line feed or at the file's end and is followed by PREFILTER_PADDING readable bytes. */
void sieve_json(struct sieve *s, struct span chunk);
void sieve_table(struct sieve *s, struct span chunk);
void sieve_text(struct sieve *s, struct span chunk);

#endif
