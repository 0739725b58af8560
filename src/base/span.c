#include "base/span.h"

int span_compare(struct span a, struct span b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.at, b.at, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static char fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool span_equal_nocase(struct span a, struct span b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.at[i]) != fold(b.at[i])) return false;
    return true;
}

static bool blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span span_trim(struct span a) {
    while (a.len && blank(a.at[0])) a = span_of(a.at + 1, a.len - 1);
    while (a.len && blank(a.at[a.len - 1])) a.len--;
    return a;
}

size_t span_find(struct span a, struct span part) {
    if (part.len == 0) return 0;
    const char *at = a.len >= part.len ? memmem(a.at, a.len, part.at, part.len) : NULL;
    return at ? (size_t)(at - a.at) : SIZE_MAX;
}

size_t span_find_char(struct span a, char c) {
    const char *at = a.len ? memchr(a.at, c, a.len) : NULL;
    return at ? (size_t)(at - a.at) : SIZE_MAX;
}

struct span span_cut(struct span *rest, char separator) {
    size_t at = span_find_char(*rest, separator);
    struct span head = span_first(*rest, at);
    *rest = at == SIZE_MAX ? (struct span){0} : span_of(rest->at + at + 1, rest->len - at - 1);
    return head;
}

bool span_u64(struct span a, uint64_t *out) {
    uint64_t n = 0;
    if (a.len == 0) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.at[i] < '0' || a.at[i] > '9') return false;
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(a.at[i] - '0'), &n)) return false;
    }
    *out = n;
    return true;
}
