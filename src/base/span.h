/* Spans: bytes borrowed from somewhere else, with their length; not NUL-terminated, may hold any byte. */
#ifndef RENKEI_BASE_SPAN_H
#define RENKEI_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *at; /* borrowed; may be NULL only when len is 0 */
    size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
/* For printf: printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), ((s).at ? (s).at : "")

static inline struct span span_of(const void *at, size_t len) {
    return (struct span){(const char *)at, len};
}
static inline struct span span_cstr(const char *text) {
    return span_of(text, text ? strlen(text) : 0);
}
static inline bool span_equal(struct span a, struct span b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
static inline bool span_is(struct span a, const char *text) {
    return span_equal(a, span_cstr(text));
}
static inline bool span_starts(struct span a, struct span head) {
    return a.len >= head.len && (head.len == 0 || memcmp(a.at, head.at, head.len) == 0);
}
static inline bool span_ends(struct span a, struct span tail) {
    return a.len >= tail.len && (tail.len == 0 || memcmp(a.at + a.len - tail.len, tail.at, tail.len) == 0);
}
/* The part from `from` to the end; from beyond the end gives an empty span. */
static inline struct span span_from(struct span a, size_t from) {
    return from >= a.len ? span_of(a.at ? a.at + a.len : NULL, 0) : span_of(a.at + from, a.len - from);
}
static inline struct span span_first(struct span a, size_t len) {
    return span_of(a.at, len < a.len ? len : a.len);
}

int span_compare(struct span a, struct span b);       /* by bytes; <0, 0, >0 */
bool span_equal_nocase(struct span a, struct span b); /* ASCII letters folded */
struct span span_trim(struct span a);                 /* less ASCII white space at both ends */
size_t span_find(struct span a, struct span part);    /* offset of the first occurrence, or SIZE_MAX */
size_t span_find_char(struct span a, char c);         /* likewise */
/* Cuts *rest at the first `separator`: returns what stood before it, leaves what follows in *rest. Without a
 * separator returns all and leaves *rest = {NULL, 0}. */
struct span span_cut(struct span *rest, char separator);
/* Whole span as a decimal number; false if empty, not digits only, or out of range. */
bool span_u64(struct span a, uint64_t *out);

#endif
