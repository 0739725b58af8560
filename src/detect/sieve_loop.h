/* The sieve's loop, compiled once for each kind of processor; sieve.c picks. Private to the sieve. */
#ifndef RENKEI_DETECT_SIEVE_LOOP_H
#define RENKEI_DETECT_SIEVE_LOOP_H

#include "detect/sieve.h"

enum sieve_shape { SIEVE_JSON, SIEVE_TABLE, SIEVE_TEXT };

/* Each runs over the chunk at s->base from `from` to `end` and returns where it stopped: at `end`, or, in a table, at a
 * line that starts with '#'. */
struct sieve_loops {
    size_t (*json)(struct sieve *s, size_t from, size_t end);
    size_t (*table)(struct sieve *s, size_t from, size_t end);
    size_t (*text)(struct sieve *s, size_t from, size_t end);
};
extern const struct sieve_loops sieve_loops_basic;  /* SSE2 on x86-64, plain C elsewhere */
extern const struct sieve_loops sieve_loops_avx2;   /* with BMI and BMI2 */
extern const struct sieve_loops sieve_loops_avx512; /* F, BW, VL */

/* What the loop leaves to sieve.c: the end of a line, and a value that needs a closer look; shaped: it looks like one
 * that is looked for. */
void sieve_end_line(struct sieve *s, const struct sieve_line *line);
void sieve_strange_value(struct sieve *s, enum sieve_shape shape, struct span value, bool shaped);
/* The words of a text's last line, when it has no line feed. */
void sieve_last_words(struct sieve *s, struct span text);

#endif
