#include "stix/bundle.h"

#include <emmintrin.h>

#include "stix/object.h"

/* Where in the stream the reading stands. */
enum state {
    STATE_START,      /* nothing seen yet */
    STATE_LINES,      /* objects one after the other, white space between: NDJSON or a single object */
    STATE_ARRAY,      /* inside the array of objects: an object or ']' comes next */
    STATE_ARRAY_NEXT, /* behind an object: ',' or ']' */
    STATE_TAIL,       /* behind the array in a bundle: ',' and further members, or '}' */
    STATE_AFTER       /* behind everything: only white space */
};

void stix_stream_open(struct stix_stream *s, stix_stream_source source, void *context) {
    *s = (struct stix_stream){.source = source, .context = context, .state = STATE_START};
}

void stix_stream_close(struct stix_stream *s) {
    buf_free(&s->window);
}

static enum err wrong(const struct stix_stream *s, enum err code, struct diag *d, const char *message) {
    diag_set(d, code, "byte %llu: %s", (unsigned long long)(s->before + s->at), message);
    diag_at(d, 0, 0, s->before + s->at);
    return code;
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

/* Skips white space; *c is the next byte, 0 at the end. */
static enum err peek(struct stix_stream *s, char *c, struct diag *d) {
    for (;;) {
        while (s->at < s->window.len) {
            *c = s->window.at[s->at];
            if (*c != ' ' && *c != '\n' && *c != '\r' && *c != '\t') return ERR_NONE;
            s->at++;
        }
        bool more;
        enum err e = fill(s, &more, d);
        *c = 0;
        if (e || !more) return e;
    }
}

/* The end of the value at s->at (brackets and quotes balanced), or 0 when the window ends before it. *from is where to
 * go on. */
struct scan {
    size_t at;
    unsigned depth;
    bool in_string;
};

static const char *next_of_interest(const char *at, const char *end, bool in_string) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), fold = _mm_set1_epi8(0x20),
                  open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}');
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at), hit = _mm_cmpeq_epi8(bytes, quote);
        if (in_string) {
            hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, slash));
        } else {
            __m128i folded =
                _mm_or_si128(bytes, fold); /* '[' 0x5b and '{' 0x7b, ']' 0x5d and '}' 0x7d differ in this bit */
            hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(folded, open), _mm_cmpeq_epi8(folded, close)));
        }
        int mask = _mm_movemask_epi8(hit);
        if (mask) return at + __builtin_ctz((unsigned)mask);
        at += 16;
    }
    for (; at < end; at++)
        if (*at == '"' || (in_string ? *at == '\\' : (*at | 0x20) == '{' || (*at | 0x20) == '}')) return at;
    return end;
}

/* True when the container that begins at the scan's start is complete; scan->at is then behind it. */
static bool scan_container(struct scan *scan, const char *window, size_t len) {
    const char *at = window + scan->at, *end = window + len;
    while (at < end) {
        at = next_of_interest(at, end, scan->in_string);
        if (at >= end) break;
        char c = *at;
        if (scan->in_string) {
            if (c == '\\') {
                if (at + 1 >= end) break; /* the escaped byte is not here yet: look again from the backslash */
                at += 2;
                continue;
            }
            scan->in_string = false;
        } else if (c == '"') {
            scan->in_string = true;
        } else if ((c | 0x20) == '{') {
            scan->depth++;
        } else if (--scan->depth == 0) {
            scan->at = (size_t)(at + 1 - window);
            return true;
        }
        at++;
    }
    scan->at = (size_t)((at < end ? at : end) - window);
    return false;
}

/* The whole object or array at s->at, reading on as needed. */
static enum err container(struct stix_stream *s, struct span *out, struct diag *d) {
    struct scan scan = {.at = s->at};
    while (!scan_container(&scan, s->window.at, s->window.len)) {
        bool more;
        if (scan.at - s->at > STIX_OBJECT_SIZE_MAX)
            return wrong(s, ERR_LIMIT, d, "an object of more than 8 MiB begins here");
        enum err e = fill(s, &more, d);
        if (e) return e;
        if (!more) return wrong(s, ERR_SYNTAX, d, "the object that begins here does not end: the file is cut short");
    }
    if (scan.at - s->at > STIX_OBJECT_SIZE_MAX)
        return wrong(s, ERR_LIMIT, d, "an object of more than 8 MiB begins here");
    *out = span_of(s->window.at + s->at, scan.at - s->at);
    s->at = scan.at;
    return ERR_NONE;
}

/* A string in quotes at s->at, as spelt. */
static enum err quoted(struct stix_stream *s, struct span *out, struct diag *d) {
    size_t at = s->at + 1;
    for (;;) {
        while (at < s->window.len && s->window.at[at] != '"') at += s->window.at[at] == '\\' ? 2 : 1;
        if (at < s->window.len) break;
        bool more;
        if (at - s->at > STIX_OBJECT_SIZE_MAX) return wrong(s, ERR_LIMIT, d, "a text of more than 8 MiB begins here");
        enum err e = fill(s, &more, d);
        if (e) return e;
        if (!more) return wrong(s, ERR_SYNTAX, d, "the text that begins here does not end: the file is cut short");
    }
    *out = span_of(s->window.at + s->at + 1, at - s->at - 1);
    s->at = at + 1;
    return ERR_NONE;
}

/* Any value that is not the array of objects. */
static enum err skip_value(struct stix_stream *s, struct span *out, struct diag *d) {
    char c;
    enum err e = peek(s, &c, d);
    if (e) return e;
    if (c == '{' || c == '[') return container(s, out, d);
    if (c == '"') return quoted(s, out, d);
    size_t start = s->at;
    for (;;) {
        while (s->at < s->window.len && !strchr(",}] \n\r\t", s->window.at[s->at])) s->at++;
        bool more = false;
        if (s->at == s->window.len && (e = fill(s, &more, d))) return e;
        if (!more) break;
    }
    if (s->at == start) return wrong(s, ERR_SYNTAX, d, "a value is expected here");
    *out = span_of(s->window.at + start, s->at - start);
    return ERR_NONE;
}

static void forget_read(struct stix_stream *s) {
    s->before += s->at;
    buf_consume(&s->window, s->at);
    s->at = 0;
}

/* Members of the top-level object until "objects": [ is reached. Anything that shows this is no bundle makes it a
 * single object, read from its beginning. */
static enum err top_level_object(struct stix_stream *s, struct diag *d) {
    size_t start = s->at;
    char c;
    enum err e;
    s->at++;
    for (bool first = true;; first = false) {
        struct span key, value;
        if ((e = peek(s, &c, d))) return e;
        if (c == '}') {
            s->at++;
            s->state = STATE_AFTER;
            return first ? wrong(s, ERR_SYNTAX, d, "an empty object is neither a bundle nor a STIX object") : ERR_NONE;
        }
        if (!first) {
            if (c != ',') return wrong(s, ERR_SYNTAX, d, "',' or '}' is expected here");
            s->at++;
            if ((e = peek(s, &c, d))) return e;
        }
        if (c != '"') return wrong(s, ERR_SYNTAX, d, "a key in quotes is expected here");
        if ((e = quoted(s, &key, d))) return e;
        bool objects = span_is(key, "objects"), type = span_is(key, "type"), id = span_is(key, "id");
        if ((e = peek(s, &c, d))) return e;
        if (c != ':') return wrong(s, ERR_SYNTAX, d, "':' is expected here");
        s->at++;
        if ((e = peek(s, &c, d))) return e;
        if (objects && c == '[') {
            s->at++;
            s->state = STATE_ARRAY;
            return ERR_NONE;
        }
        if ((e = skip_value(s, &value, d))) return e;
        bool single = (type && !span_is(value, "bundle")) || (id && !span_starts(value, SPAN("bundle--")));
        if (single) { /* a STIX object by itself, or the first of several */
            s->at = start;
            s->state = STATE_LINES;
            return ERR_NONE;
        }
    }
}

static enum err begin(struct stix_stream *s, struct diag *d) {
    char c;
    enum err e = peek(s, &c, d);
    if (e) return e;
    if (c == 0)
        return wrong(s, ERR_SYNTAX, d, "nothing but white space: a STIX bundle, envelope or object is expected");
    if (c == '[') {
        s->at++;
        s->bare = true;
        s->state = STATE_ARRAY;
        return ERR_NONE;
    }
    return c == '{' ? top_level_object(s, d) : wrong(s, ERR_SYNTAX, d, "this is no JSON object or array, so no STIX");
}

/* Behind the array of objects: a bundle's further members, then its end. */
static enum err tail(struct stix_stream *s, struct diag *d) {
    char c;
    for (;;) {
        struct span ignored;
        enum err e = peek(s, &c, d);
        if (e) return e;
        if (c == '}') {
            s->at++;
            s->state = STATE_AFTER;
            return ERR_NONE;
        }
        if (c != ',')
            return wrong(s, ERR_SYNTAX, d,
                         c ? "',' or '}' is expected here" : "the bundle does not end: the file is cut short");
        s->at++;
        if ((e = peek(s, &c, d))) return e;
        if (c != '"') return wrong(s, ERR_SYNTAX, d, "a key in quotes is expected here");
        if ((e = quoted(s, &ignored, d))) return e;
        if (span_is(ignored, "objects")) return wrong(s, ERR_SYNTAX, d, "\"objects\" stands in this bundle twice");
        if ((e = peek(s, &c, d))) return e;
        if (c != ':') return wrong(s, ERR_SYNTAX, d, "':' is expected here");
        s->at++;
        if ((e = skip_value(s, &ignored, d))) return e;
    }
}

enum err stix_stream_next(struct stix_stream *s, struct span *object, uint64_t *index, uint64_t *offset,
                          struct diag *d) {
    char c;
    enum err e;
    *object = (struct span){0};
    forget_read(s);
    for (;;) {
        switch ((enum state)s->state) {
        case STATE_START:
            if ((e = begin(s, d))) return e;
            break;
        case STATE_LINES:
            if ((e = peek(s, &c, d)) || c == 0) return e;
            if (c != '{') return wrong(s, ERR_SYNTAX, d, "an object is expected here");
            goto give;
        case STATE_ARRAY_NEXT:
            if ((e = peek(s, &c, d))) return e;
            if (c == ',')
                s->at++;
            else if (c != ']')
                return wrong(s, ERR_SYNTAX, d,
                             c ? "',' or ']' is expected here"
                               : "the list of objects does not end: the file is cut short");
            if (c == ',' && (e = peek(s, &c, d))) return e;
            if (c == ']' && s->window.at[s->at] == ']' && s->at > 0 && s->window.at[s->at - 1] == ',')
                return wrong(s, ERR_SYNTAX, d, "an object is expected behind ','");
            s->state = STATE_ARRAY;
            break;
        case STATE_ARRAY:
            if ((e = peek(s, &c, d))) return e;
            if (c == '{') goto give;
            if (c != ']')
                return wrong(s, ERR_SYNTAX, d,
                             c ? "an object is expected here"
                               : "the list of objects does not end: the file is cut short");
            s->at++;
            s->state = s->bare ? STATE_AFTER : STATE_TAIL;
            break;
        case STATE_TAIL:
            if ((e = tail(s, d))) return e;
            break;
        case STATE_AFTER:
            if ((e = peek(s, &c, d)) || c == 0) return e;
            return wrong(s, ERR_SYNTAX, d, "the bundle has ended, but the file goes on");
        }
    }
give:
    if (s->state == STATE_ARRAY) s->state = STATE_ARRAY_NEXT;
    forget_read(s);
    *index = s->index++;
    *offset = s->before;
    return container(s, object, d);
}
