#include "stix/bundle.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "stix/object.h"

/* Where in the stream the reading stands. */
enum state {
    STATE_START, /* nothing seen yet */
    STATE_LINES, /* objects one after the other, white space between: NDJSON or a single object */
    STATE_FIRST, /* behind '[': an object or ']' */
    STATE_NEXT,  /* behind an object in the array: ',' or ']' */
    STATE_TAIL,  /* behind the array in a bundle: ',' and further members, or '}' */
    STATE_AFTER  /* behind everything: only white space */
};

void stix_stream_open(struct stix_stream *s, stix_stream_source source, void *context) {
    *s = (struct stix_stream){.source = source, .context = context, .state = STATE_START};
}

void stix_stream_close(struct stix_stream *s) {
    buf_free(&s->window);
}

static enum err wrong_at(const struct stix_stream *s, size_t at, enum err code, struct diag *d, const char *message) {
    unsigned long long offset = s->before + at;
    diag_set(d, code, "byte %llu: %s", offset, message);
    diag_at(d, 0, 0, offset);
    return code;
}

static enum err wrong(const struct stix_stream *s, struct diag *d, const char *message) {
    return wrong_at(s, s->at, ERR_SYNTAX, d, message);
}

/* ---- the window ---- */

/* Drops what was read. Only once it is the larger part, so that moving the rest costs less than reading did. */
static void forget_read(struct stix_stream *s) {
    if (s->at < s->window.len / 2) return;
    s->before += s->at;
    buf_consume(&s->window, s->at);
    s->at = 0;
}

/* Reads more behind what is there; *more is false at the end. */
static enum err fill(struct stix_stream *s, bool *more, struct diag *d) {
    size_t got = 0;
    *more = false;
    if (s->end) return ERR_NONE;
    char *at = buf_reserve(&s->window, STIX_STREAM_CHUNK);
    if (!at) return diag_set(d, ERR_NOMEM, "no memory to read a bundle");
    enum err e = s->source(s->context, at, STIX_STREAM_CHUNK, &got, d);
    if (e) return e;
    s->window.len += got;
    s->end = got == 0;
    *more = got > 0;
    return ERR_NONE;
}

/* Skips white space; *c is the next byte, 0 at the end. Nothing before s->at is kept, unless `hold`. */
static enum err peek(struct stix_stream *s, bool hold, char *c, struct diag *d) {
    for (;;) {
        while (s->at < s->window.len) {
            *c = s->window.at[s->at];
            if (*c != ' ' && *c != '\n' && *c != '\r' && *c != '\t')
                return *c ? ERR_NONE : wrong(s, d, "a zero byte is no JSON");
            s->at++;
        }
        bool more;
        if (!hold) forget_read(s);
        if (s->at > STIX_OBJECT_SIZE_MAX)
            return wrong_at(s, s->at, ERR_LIMIT, d, "more than 8 MiB of this object come before its list of objects");
        enum err e = fill(s, &more, d);
        *c = 0;
        if (e || !more) return e;
    }
}

/* ---- the end of an object ---- */

/* A walk over bytes that counts brackets outside strings. It can stop at any byte and go on. */
struct scan {
    unsigned depth;
    bool in_string, escaped; /* escaped: the last byte was a backslash that is not escaped itself */
};

/* One byte after the other. Returns how many bytes were read; *done when the last one closed what began. */
static size_t scan_bytes(struct scan *scan, const char *at, size_t len, bool *done) {
    for (size_t i = 0; i < len; i++) {
        char c = at[i];
        if (scan->in_string) {
            bool escaped = scan->escaped;
            scan->escaped = !escaped && c == '\\';
            if (!escaped && c == '"') scan->in_string = false;
        } else if (c == '"') {
            scan->in_string = true;
        } else if (c == '{' || c == '[') {
            scan->depth++;
        } else if ((c == '}' || c == ']') && --scan->depth == 0) {
            *done = true;
            return i + 1;
        }
    }
    return len;
}

#ifdef __SSE2__
enum { BLOCK = 64 };

struct masks { /* a bit a byte of the block */
    uint64_t quotes, slashes, opens, closes;
};

static struct masks masks_of(const char *at) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), fold = _mm_set1_epi8(0x20),
                  open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    struct masks m = {0};
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
        __m128i folded = _mm_or_si128(bytes, fold); /* '[' and '{' differ only in this bit, ']' and '}' too */
        m.quotes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote)) << 16 * i;
        m.slashes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, slash)) << 16 * i;
        m.opens |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, open)) << 16 * i;
        m.closes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, close)) << 16 * i;
    }
    return m;
}

/* Every bit becomes the parity of itself and all below: between quotes the bits are set. */
static uint64_t parity_below(uint64_t bits) {
    for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
    return bits;
}

/* Blocks without a backslash, the great majority, by masks; others byte by byte. Same contract as scan_bytes(). */
static size_t scan_blocks(struct scan *scan, const char *at, size_t len, bool *done) {
    size_t i = 0;
    for (; len - i >= BLOCK; i += BLOCK) {
        struct masks m = masks_of(at + i);
        if (m.slashes || scan->escaped) {
            size_t read = scan_bytes(scan, at + i, BLOCK, done);
            if (*done) return i + read;
            continue;
        }
        uint64_t inside = parity_below(m.quotes) ^ (scan->in_string ? ~UINT64_C(0) : 0);
        scan->in_string = inside >> 63;
        m.opens &= ~inside;
        m.closes &= ~inside;
        unsigned closing = (unsigned)__builtin_popcountll(m.closes);
        if (closing < scan->depth) { /* cannot end here */
            scan->depth += (unsigned)__builtin_popcountll(m.opens) - closing;
            continue;
        }
        for (uint64_t both = m.opens | m.closes; both; both &= both - 1) {
            if (m.opens & both & -both)
                scan->depth++;
            else if (--scan->depth == 0) {
                *done = true;
                return i + (size_t)__builtin_ctzll(both) + 1;
            }
        }
    }
    return i;
}
#else
static size_t scan_blocks(struct scan *scan, const char *at, size_t len, bool *done) {
    return 0;
}
#endif

/* The whole object or array at s->at, reading on as needed. */
static enum err container(struct stix_stream *s, struct span *out, struct diag *d) {
    static const char too_large[] = "what begins here is larger than 8 MiB";
    struct scan scan = {0};
    size_t len = 0;
    for (bool done = false, more;;) {
        const char *at = s->window.at + s->at;
        size_t there = s->window.len - s->at;
        len += scan_blocks(&scan, at + len, there - len, &done);
        if (!done) len += scan_bytes(&scan, at + len, there - len, &done);
        if (len > STIX_OBJECT_SIZE_MAX) return wrong_at(s, s->at, ERR_LIMIT, d, too_large);
        if (done) break;
        enum err e = fill(s, &more, d);
        if (e) return e;
        if (!more) return wrong(s, d, "the object that begins here does not end: the file is cut short");
    }
    *out = span_of(s->window.at + s->at, len);
    s->at += len;
    return ERR_NONE;
}

/* A string in quotes at s->at, as spelt. */
static enum err quoted(struct stix_stream *s, struct span *out, struct diag *d) {
    size_t len = 1;
    for (bool escaped = false, more;;) {
        for (; s->at + len < s->window.len; len++) {
            char c = s->window.at[s->at + len];
            if (c == '"' && !escaped) {
                *out = span_of(s->window.at + s->at + 1, len - 1);
                s->at += len + 1;
                return ERR_NONE;
            }
            escaped = c == '\\' && !escaped;
        }
        if (len > STIX_OBJECT_SIZE_MAX)
            return wrong_at(s, s->at, ERR_LIMIT, d, "a text of more than 8 MiB begins here");
        enum err e = fill(s, &more, d);
        if (e) return e;
        if (!more) return wrong(s, d, "the text that begins here does not end: the file is cut short");
    }
}

/* Any value, as spelt. What is no string, object or array ends where a comma, bracket or white space stands. */
static enum err value(struct stix_stream *s, struct span *out, struct diag *d) {
    enum { WORD_MAX = 512 };
    char c = s->window.at[s->at];
    if (c == '{' || c == '[') return container(s, out, d);
    if (c == '"') return quoted(s, out, d);
    size_t len = 0;
    for (bool more = true; more && len <= WORD_MAX;) {
        while (s->at + len < s->window.len && !strchr(",}] \n\r\t", s->window.at[s->at + len])) len++;
        if (s->at + len < s->window.len) break;
        enum err e = fill(s, &more, d);
        if (e) return e;
    }
    if (len == 0 || len > WORD_MAX) return wrong(s, d, "a value is expected here");
    *out = span_of(s->window.at + s->at, len);
    s->at += len;
    return ERR_NONE;
}

/* ---- the top level ---- */

/* What a member of the top-level object is to this reader. */
enum member { MEMBER_OBJECTS, MEMBER_TYPE, MEMBER_ID, MEMBER_ENVELOPE, MEMBER_OTHER };

/* `"key" :` at s->at; *c is the first byte of the value. */
static enum err key(struct stix_stream *s, bool hold, enum member *member, char *c, struct diag *d) {
    struct span name;
    if (*c != '"') return wrong(s, d, "a key in quotes is expected here");
    enum err e = quoted(s, &name, d);
    if (e) return e;
    *member = span_is(name, "objects")                         ? MEMBER_OBJECTS
              : span_is(name, "type")                          ? MEMBER_TYPE
              : span_is(name, "id")                            ? MEMBER_ID
              : span_is(name, "more") || span_is(name, "next") ? MEMBER_ENVELOPE /* TAXII 2.1 §3.7 */
                                                               : MEMBER_OTHER;
    if ((e = peek(s, hold, c, d))) return e;
    if (*c != ':') return wrong(s, d, "':' is expected here");
    s->at++;
    return peek(s, hold, c, d);
}

/* The top-level object ended without a list of objects: an empty bundle or envelope, or nothing of STIX. */
static enum err no_objects(struct stix_stream *s, bool bundle, bool foreign, struct diag *d) {
    if (foreign && !bundle)
        return wrong(s, d, "neither a bundle, an envelope nor a STIX object ends here: it has no type and no objects");
    s->at++;
    s->state = STATE_AFTER;
    return ERR_NONE;
}

/* Members of the top-level object until "objects": [ is reached. Anything that shows this is no bundle makes it an
 * object by itself, read from its beginning. */
static enum err top_level_object(struct stix_stream *s, struct diag *d) {
    size_t start = s->at++;
    bool bundle = false, foreign = false;
    for (bool first = true;; first = false) {
        enum member member;
        struct span text;
        char c;
        enum err e = peek(s, true, &c, d);
        if (e) return e;
        if (c == '}') return no_objects(s, bundle, foreign, d);
        if (!first) {
            if (c != ',') return wrong(s, d, "',' or '}' is expected here");
            s->at++;
            if ((e = peek(s, true, &c, d))) return e;
        }
        if ((e = key(s, true, &member, &c, d))) return e;
        if (member == MEMBER_OBJECTS && c == '[') {
            s->at++;
            s->state = STATE_FIRST;
            return ERR_NONE;
        }
        if (c == 0) return wrong(s, d, "a value is expected here: the file is cut short");
        if (member == MEMBER_OBJECTS && bundle) return wrong(s, d, "a bundle's objects must be a list");
        if ((e = value(s, &text, d))) return e;
        bundle = bundle || (member == MEMBER_TYPE && span_is(text, "bundle"));
        foreign = foreign || member != MEMBER_ENVELOPE;
        if ((member == MEMBER_TYPE && !bundle) || (member == MEMBER_ID && !span_starts(text, SPAN("bundle--")))) {
            s->at = start; /* an object by itself, or the first of several */
            s->state = STATE_LINES;
            return ERR_NONE;
        }
        if (s->at - start > STIX_OBJECT_SIZE_MAX)
            return wrong_at(s, start, ERR_LIMIT, d, "more than 8 MiB of this object come before its list of objects");
    }
}

static enum err begin(struct stix_stream *s, struct diag *d) {
    static const char bom[] = "\xef\xbb\xbf";
    char c;
    enum err e = peek(s, false, &c, d);
    if (e) return e;
    for (bool more = true; more && c == bom[0] && s->window.len - s->at < 3;)
        if ((e = fill(s, &more, d))) return e;
    if (s->window.len - s->at >= 3 && memcmp(s->window.at + s->at, bom, 3) == 0) { /* RFC 8259 §8.1: may be ignored */
        s->at += 3;
        if ((e = peek(s, false, &c, d))) return e;
    }
    if (c == 0) return wrong(s, d, "nothing but white space: a STIX bundle, envelope or object is expected");
    if (c == '[') {
        s->at++;
        s->bare = true;
        s->state = STATE_FIRST;
        return ERR_NONE;
    }
    return c == '{' ? top_level_object(s, d) : wrong(s, d, "this is no JSON object or list, so no STIX");
}

/* Behind the list of objects: a bundle's further members, then its end. */
static enum err tail(struct stix_stream *s, struct diag *d) {
    for (;;) {
        enum member member;
        struct span text;
        char c;
        enum err e = peek(s, false, &c, d);
        if (e) return e;
        if (c == '}') {
            s->at++;
            s->state = STATE_AFTER;
            return ERR_NONE;
        }
        if (c != ',')
            return wrong(s, d, c ? "',' or '}' is expected here" : "the bundle does not end: the file is cut short");
        s->at++;
        if ((e = peek(s, false, &c, d)) || (e = key(s, false, &member, &c, d))) return e;
        if (member == MEMBER_OBJECTS) return wrong(s, d, "\"objects\" stands in this bundle twice");
        if (c == 0) return wrong(s, d, "a value is expected here: the file is cut short");
        if ((e = value(s, &text, d))) return e;
        if (member == MEMBER_TYPE && !span_is(text, "bundle"))
            return wrong(s, d, "only an object of type bundle has a list of objects");
    }
}

/* One step towards the next object; *give when s->at is at its first byte, *over at the end of all. */
static enum err step(struct stix_stream *s, bool *give, bool *over, struct diag *d) {
    static const char cut[] = "the list of objects does not end: the file is cut short",
                      object[] = "an object is expected here";
    char c = 0;
    enum err e = ERR_NONE;
    if (s->state == STATE_START) return begin(s, d);
    if (s->state == STATE_TAIL) return tail(s, d);
    if ((e = peek(s, false, &c, d))) return e;
    if (s->state == STATE_LINES || s->state == STATE_AFTER) {
        *over = c == 0;
        *give = c == '{' && s->state == STATE_LINES;
        if (*over || *give) return ERR_NONE;
        return wrong(s, d, s->state == STATE_LINES ? object : "the bundle has ended, but the file goes on");
    }
    if (c == ']') {
        s->at++;
        s->state = s->bare ? STATE_AFTER : STATE_TAIL;
        return ERR_NONE;
    }
    if (s->state == STATE_NEXT) {
        if (c != ',') return wrong(s, d, c ? "',' or ']' is expected here" : cut);
        s->at++;
        if ((e = peek(s, false, &c, d))) return e;
    }
    if (c != '{') return wrong(s, d, c ? object : cut);
    s->state = STATE_NEXT;
    *give = true;
    return ERR_NONE;
}

enum err stix_stream_next(struct stix_stream *s, struct span *object, uint64_t *index, uint64_t *offset,
                          struct diag *d) {
    bool give = false, over = false;
    *object = (struct span){0};
    forget_read(s);
    while (!give) {
        enum err e = step(s, &give, &over, d);
        if (e || over) return e;
    }
    *index = s->index++;
    *offset = s->before + s->at;
    return container(s, object, d);
}
