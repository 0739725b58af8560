#include "json/skim.h"

static const char *skip_blanks(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    return at;
}

/* The next quote, eight bytes at a time: most strings are too short for memchr() to be worth its call. */
static const char *find_quote(const char *at, const char *end) {
    static const uint64_t ones = UINT64_C(0x0101010101010101), quotes = '"' * ones;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word ^= quotes;
        word =
            (word - ones) & ~word & ones << 7; /* the high bit of the first byte that was a quote, and of no earlier */
        if (!word) continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return at + (unsigned)__builtin_ctzll(word) / 8;
#else
        break; /* which of the eight it is shows below */
#endif
    }
    while (at < end && *at != '"') at++;
    return at < end ? at : NULL;
}

/* `at` is behind the opening quote; returns the closing one, or NULL. */
static const char *string_end(const char *at, const char *end) {
    const char *quote = at;
    while (quote < end && (quote = find_quote(quote, end))) {
        size_t escapes = 0;
        while (quote - escapes > at && quote[-1 - (ptrdiff_t)escapes] == '\\') escapes++;
        if (escapes % 2 == 0) return quote;
        quote++;
    }
    return NULL;
}

/* Behind a value that begins at `at`, blanks that follow it included if it is a number or a word. */
static const char *value_end(const char *at, const char *end) {
    for (unsigned depth = 0; at < end; at++) {
        switch (*at) {
        case '"':
            at = string_end(at + 1, end);
            if (!at || depth == 0) return at ? at + 1 : end;
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0) return at;
            if (--depth == 0) return at + 1;
            break;
        case ',':
            if (depth == 0) return at;
            break;
        default:
            break;
        }
    }
    return end;
}

struct json_skim json_skim(struct span object) {
    const char *end = object.at + object.len, *at = skip_blanks(object.at, end);
    if (at == end || *at != '{') return (struct json_skim){end, end};
    return (struct json_skim){at + 1, end};
}

bool json_skim_next(struct json_skim *s, struct span *key, struct span *value) {
    const char *at = skip_blanks(s->at, s->end), *end = s->end, *quote;
    s->at = end;
    if (at == end || *at != '"' || !(quote = string_end(at + 1, end))) return false;
    *key = span_of(at + 1, (size_t)(quote - at - 1));
    at = skip_blanks(quote + 1, end);
    if (at == end || *at != ':') return false;
    at = skip_blanks(at + 1, end);
    const char *behind = value_end(at, end);
    *value = span_trim(span_of(at, (size_t)(behind - at)));
    at = skip_blanks(behind, end);
    s->at = at < end && *at == ',' ? at + 1 : end;
    return value->len > 0;
}

struct span json_skim_text(struct span value, struct arena *a) {
    struct json_doc doc;
    struct diag d;
    if (value.len < 2 || value.at[0] != '"') return (struct span){0};
    if (!memchr(value.at, '\\', value.len)) return span_of(value.at + 1, value.len - 2);
    return json_parse(a, value, &doc, &d) ? (struct span){0} : json_text(json_root(&doc), a);
}
