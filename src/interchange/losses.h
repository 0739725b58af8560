/* What a conversion could not carry: counted by kind, with the first example of each. Every import and export that
 * converts ends with one. Plain memory, one thread. */
#ifndef RENKEI_INTERCHANGE_LOSSES_H
#define RENKEI_INTERCHANGE_LOSSES_H

#include "json/write.h"

enum {
    LOSSES_MAX = 64,        /* kinds: they are words of this program's, about fifty */
    LOSS_EXAMPLE_SIZE = 160 /* bytes: a place and a value, to find it by */
};

struct loss {
    const char *kind; /* static */
    uint64_t count;
    char example[LOSS_EXAMPLE_SIZE];
};

struct losses {
    struct loss at[LOSSES_MAX];
    size_t count;
};

/* One more of `kind`, a static text; the same text is the same kind. */
void losses_add(struct losses *l, const char *kind, const char *example, ...) __attribute__((format(printf, 3, 4)));
/* "not_carried": [{"kind", "count", "example"}…], in the order they were met. */
void losses_write(struct json_writer *w, const struct losses *l);

#endif
