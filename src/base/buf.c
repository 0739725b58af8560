#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b) {
    free(b->at);
    *b = (struct buf){.cap = b->cap};
}

void buf_wipe(struct buf *b) {
    if (b->at) explicit_bzero(b->at, b->size);
    buf_free(b);
}

void buf_clear(struct buf *b) {
    b->len = 0;
    b->failed = false;
}

/* Room for `len` bytes of content and `extra` that do not count against the cap (a NUL). */
static char *reserve(struct buf *b, size_t len, size_t extra) {
    size_t need;
    if (b->failed || __builtin_add_overflow(b->len, len, &need) || (b->cap && need > b->cap) ||
        __builtin_add_overflow(need, extra, &need)) {
        b->failed = true;
        return NULL;
    }
    if (need > b->size || !b->at) {
        size_t size = b->size ? b->size : 64;
        while (size < need && size < SIZE_MAX / 2) size *= 2;
        char *at = size >= need ? realloc(b->at, size) : NULL;
        if (!at) {
            b->failed = true;
            return NULL;
        }
        b->at = at;
        b->size = size;
    }
    return b->at + b->len;
}

char *buf_reserve(struct buf *b, size_t len) {
    return reserve(b, len, 0);
}

void buf_add(struct buf *b, struct span s) {
    char *to = buf_reserve(b, s.len);
    if (!to || s.len == 0) return;
    memcpy(to, s.at, s.len);
    b->len += s.len;
}

void buf_add_cstr(struct buf *b, const char *text) {
    buf_add(b, span_cstr(text));
}

void buf_add_char(struct buf *b, char c) {
    if (b->len < b->size && !b->failed && (!b->cap || b->len < b->cap)) {
        b->at[b->len++] = c;
        return;
    }
    buf_add(b, span_of(&c, 1));
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = len >= 0 ? reserve(b, (size_t)len, 1) : NULL;
    if (to) {
        vsnprintf(to, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void buf_consume(struct buf *b, size_t len) {
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->at, b->at + len, b->len - len);
    b->len -= len;
}

const char *buf_cstr(struct buf *b) {
    char *end = reserve(b, 0, 1);
    if (!end) return NULL;
    *end = 0;
    return b->at;
}
