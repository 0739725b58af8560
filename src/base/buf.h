/* Buffers: bytes that grow at the end. Owned by the caller, freed with buf_free(). Failure is sticky: after
 * memory or the cap ran out, appends do nothing and buf_ok() is false. Not for two threads at a time. */
#ifndef RENKEI_BASE_BUF_H
#define RENKEI_BASE_BUF_H

#include "base/span.h"

struct buf {
    char *at; /* owned */
    size_t len, size;
    size_t cap; /* most bytes it may hold; 0 = no cap of its own */
    bool failed;
};

#define BUF_EMPTY ((struct buf){0})

void buf_free(struct buf *b);
void buf_wipe(struct buf *b);  /* the same, of secrets: zeroed first */
void buf_clear(struct buf *b); /* len = 0, failure forgotten, memory kept */
void buf_add(struct buf *b, struct span s);
void buf_add_cstr(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `len` more bytes; returns where to write them (then add to b->len), or NULL. */
char *buf_reserve(struct buf *b, size_t len);
/* Cuts the first `len` bytes off. */
void buf_consume(struct buf *b, size_t len);
static inline bool buf_ok(const struct buf *b) {
    return !b->failed;
}
static inline struct span buf_span(const struct buf *b) {
    return span_of(b->at, b->len);
}
/* A NUL after the last byte (not counted in len), for C functions; NULL on failure. */
const char *buf_cstr(struct buf *b);

#endif
