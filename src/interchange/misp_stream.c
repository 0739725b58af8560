#include "interchange/misp_stream.h"

enum state {
    STATE_START,  /* nothing seen yet */
    STATE_EVENTS, /* events one after the other, white space between */
    STATE_FIRST,  /* behind '[' */
    STATE_NEXT,   /* behind an event in a list */
    STATE_TAIL,   /* behind the value of "response" */
    STATE_AFTER   /* only white space may follow */
};

/* ---- values in bytes ---- */

struct scan {
    size_t at; /* bytes looked at */
    unsigned depth;
    bool in_string, escaped;
};

/* Goes on until the container, or the string, that began at text[0] ends. True when it did: s->at is behind it. */
static bool scan_on(struct scan *s, struct span text) {
    while (s->at < text.len) {
        char c = text.at[s->at++];
        if (s->in_string) {
            if (s->escaped)
                s->escaped = false;
            else if (c == '\\')
                s->escaped = true;
            else if (c == '"') {
                s->in_string = false;
                if (s->depth == 0) return true;
            }
        } else if (c == '"') {
            s->in_string = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if ((c == '}' || c == ']') && --s->depth == 0) {
            return true;
        }
    }
    return false;
}

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_blanks(struct span text, size_t at) {
    while (at < text.len && blank(text.at[at])) at++;
    return at;
}

/* Length of the value that `text` begins with; 0 when it is none or does not end. */
static size_t value_length(struct span text) {
    struct scan s = {0};
    if (text.len == 0) return 0;
    if (text.at[0] == '{' || text.at[0] == '[' || text.at[0] == '"') return scan_on(&s, text) ? s.at : 0;
    while (s.at < text.len && !blank(text.at[s.at]) && !strchr(",:]}[{\"", text.at[s.at])) s.at++;
    return s.at;
}

/* ---- a container's parts ---- */

struct misp_walk misp_walk(struct span container, uint64_t base) {
    return (struct misp_walk){.text = container,
                              .at = container.len ? 1 : 0,
                              .base = base,
                              .first = true,
                              .array = container.len && container.at[0] == '['};
}

static enum err walk_wrong(const struct misp_walk *w, const char *message, struct diag *d) {
    unsigned long long offset = w->base + w->at;
    diag_set(d, ERR_SYNTAX, "byte %llu: %s", offset, message);
    diag_at(d, 0, 0, offset);
    return ERR_SYNTAX;
}

static char walk_peek(struct misp_walk *w) {
    w->at = skip_blanks(w->text, w->at);
    return w->at < w->text.len ? w->text.at[w->at] : 0;
}

enum err misp_walk_next(struct misp_walk *w, struct span *key, struct span *value, bool *more, struct diag *d) {
    char c = walk_peek(w);
    *more = false;
    *key = (struct span){0};
    if (c == (w->array ? ']' : '}')) return ERR_NONE;
    if (!w->first) {
        if (c != ',') return walk_wrong(w, "',' or the end is expected here", d);
        w->at++;
        c = walk_peek(w);
    }
    w->first = false;
    if (!w->array) {
        size_t len = c == '"' ? value_length(span_from(w->text, w->at)) : 0;
        if (len < 2) return walk_wrong(w, "a key in quotes is expected here", d);
        *key = span_of(w->text.at + w->at + 1, len - 2);
        w->at += len;
        if (walk_peek(w) != ':') return walk_wrong(w, "':' is expected here", d);
        w->at++;
        (void)walk_peek(w);
    }
    size_t len = value_length(span_from(w->text, w->at));
    if (!len) return walk_wrong(w, "a value is expected here", d);
    *value = span_of(w->text.at + w->at, len);
    w->at += len;
    *more = true;
    return ERR_NONE;
}

/* ---- recognising ---- */

static bool among(struct span word, const char *const *words) {
    for (; *words; words++)
        if (span_is(word, *words)) return true;
    return false;
}

bool misp_looks_like(struct span head) {
    static const char *const misp[] = {"Event",     "response",     "uuid",    "info",   "Attribute", "Object",
                                       "Orgc",      "Org",          "orgc_id", "org_id", "analysis",  "threat_level_id",
                                       "published", "distribution", NULL};
    static const char *const stix[] = {"type", "objects", "spec_version", "more", "next", NULL};
    struct diag ignored;
    if (span_starts(head, SPAN("\xef\xbb\xbf"))) head = span_from(head, 3);
    head = span_from(head, skip_blanks(head, 0));
    if (head.len && head.at[0] == '[') head = span_from(head, skip_blanks(head, 1));
    if (head.len == 0 || head.at[0] != '{') return false;
    struct misp_walk w = misp_walk(head, 0);
    for (struct span key, value; w.at < head.len;) {
        /* The value may be cut off, the key before it not. */
        size_t at = skip_blanks(head, w.at);
        if (at < head.len && head.at[at] == ',') at = skip_blanks(head, at + 1);
        size_t len = at < head.len && head.at[at] == '"' ? value_length(span_from(head, at)) : 0;
        if (len < 2) return false;
        key = span_of(head.at + at + 1, len - 2);
        if (among(key, misp)) return true;
        if (among(key, stix)) return false;
        bool more;
        if (misp_walk_next(&w, &key, &value, &more, &ignored) || !more) return false;
        if (span_is(key, "id") && span_find(value, SPAN("--")) != SIZE_MAX) return false;
    }
    return false;
}

/* ---- the stream ---- */

void misp_stream_open(struct misp_stream *s, misp_stream_source source, void *context) {
    *s = (struct misp_stream){.source = source, .context = context, .state = STATE_START};
}

void misp_stream_close(struct misp_stream *s) {
    buf_free(&s->window);
}

static enum err wrong(const struct misp_stream *s, enum err code, const char *message, struct diag *d) {
    unsigned long long offset = s->before + s->at;
    diag_set(d, code, "byte %llu: %s", offset, message);
    diag_at(d, 0, 0, offset);
    return code;
}

static struct span rest(const struct misp_stream *s) {
    return span_from(buf_span(&s->window), s->at);
}

static enum err fill(struct misp_stream *s, bool *more, struct diag *d) {
    size_t got = 0;
    *more = false;
    if (s->end) return ERR_NONE;
    char *at = buf_reserve(&s->window, MISP_STREAM_CHUNK);
    if (!at) return diag_set(d, ERR_NOMEM, "no memory to read an event");
    enum err e = s->source(s->context, at, MISP_STREAM_CHUNK, &got, d);
    if (e) return e;
    s->window.len += got;
    s->end = got == 0;
    *more = got > 0;
    return ERR_NONE;
}

/* The next byte that is no white space, at s->at; 0 at the end. */
static enum err peek(struct misp_stream *s, char *c, struct diag *d) {
    bool more = true;
    for (*c = 0;;) {
        s->at += skip_blanks(rest(s), 0);
        if (s->at < s->window.len) {
            *c = s->window.at[s->at];
            return ERR_NONE;
        }
        if (!more) return ERR_NONE;
        enum err e = fill(s, &more, d);
        if (e) return e;
    }
}

/* The whole container or string at s->at, reading on as needed. */
static enum err take(struct misp_stream *s, struct span *out, struct diag *d) {
    struct scan scan = {0};
    for (bool more; !scan_on(&scan, rest(s));) {
        if (scan.at > MISP_EVENT_SIZE_MAX)
            return wrong(s, ERR_LIMIT, "the event that begins here is larger than 96 MiB", d);
        enum err e = fill(s, &more, d);
        if (e) return e;
        if (!more) return wrong(s, ERR_SYNTAX, "what begins here does not end: the file is cut short", d);
    }
    *out = span_of(s->window.at + s->at, scan.at);
    s->at += scan.at;
    return ERR_NONE;
}

/* At '{': whether it is {"response": …; then s->at stands at its value. */
static enum err look_for_response(struct misp_stream *s, struct diag *d) {
    size_t start = s->at++;
    struct span key;
    char c;
    enum err e = peek(s, &c, d);
    if (!e && c == '"' && !(e = take(s, &key, d)) && span_is(key, "\"response\"")) {
        s->response = true;
        e = peek(s, &c, d);
        if (!e && c != ':') e = wrong(s, ERR_SYNTAX, "':' is expected here", d);
        s->at++;
        if (!e) e = peek(s, &c, d);
        if (!e && c != '[' && c != '{') e = wrong(s, ERR_SYNTAX, "a list of events is expected here", d);
        return e;
    }
    s->at = start;
    return e;
}

static enum err begin(struct misp_stream *s, struct diag *d) {
    char c;
    bool more = true;
    enum err e = peek(s, &c, d);
    while (!e && more && c == '\xef' && s->window.len - s->at < 3) e = fill(s, &more, d);
    if (!e && span_starts(rest(s), SPAN("\xef\xbb\xbf"))) { /* RFC 8259 §8.1: may be ignored */
        s->at += 3;
        e = peek(s, &c, d);
    }
    if (!e && c == '{' && !(e = look_for_response(s, d))) c = s->window.at[s->at];
    if (e) return e;
    if (c != '{' && c != '[')
        return wrong(s, ERR_SYNTAX, "a MISP event, a list of events or {\"response\": […]} is expected here", d);
    s->state = c == '[' ? STATE_FIRST : STATE_EVENTS;
    if (c == '[') s->at++;
    return ERR_NONE;
}

/* Behind the value of "response": its other members are of no meaning, but must be JSON in outline. */
static enum err tail(struct misp_stream *s, struct diag *d) {
    struct span ignored;
    for (char c;;) {
        enum err e = peek(s, &c, d);
        if (e) return e;
        if (c == '}') {
            s->at++;
            s->state = STATE_AFTER;
            return ERR_NONE;
        }
        if (c == 0) return wrong(s, ERR_SYNTAX, "the answer does not end: the file is cut short", d);
        if (c == '{' || c == '[' || c == '"') {
            if ((e = take(s, &ignored, d))) return e;
        } else if (c == ']') {
            return wrong(s, ERR_SYNTAX, "',' or '}' is expected here", d);
        } else {
            s->at++;
        }
    }
}

static void forget_read(struct misp_stream *s) {
    if (s->at < s->window.len / 2) return;
    s->before += s->at;
    buf_consume(&s->window, s->at);
    s->at = 0;
}

/* One step towards the next event; *give when s->at is at its first byte, *over at the end of all. */
static enum err step(struct misp_stream *s, bool *give, bool *over, struct diag *d) {
    char c;
    if (s->state == STATE_START) return begin(s, d);
    if (s->state == STATE_TAIL) return tail(s, d);
    enum err e = peek(s, &c, d);
    if (e) return e;
    if (s->state == STATE_EVENTS || s->state == STATE_AFTER) {
        *over = c == 0;
        *give = c == '{' && s->state == STATE_EVENTS;
        if (s->response && *give) s->state = STATE_TAIL;
        if (*over || *give) return ERR_NONE;
        return wrong(
            s, ERR_SYNTAX,
            s->state == STATE_EVENTS ? "an event is expected here" : "the events have ended, but the file goes on", d);
    }
    if (c == ']') {
        s->at++;
        s->state = s->response ? STATE_TAIL : STATE_AFTER;
        return ERR_NONE;
    }
    if (s->state == STATE_NEXT) {
        if (c != ',')
            return wrong(s, ERR_SYNTAX,
                         c ? "',' or ']' is expected here" : "the list does not end: the file is cut short", d);
        s->at++;
        if ((e = peek(s, &c, d))) return e;
    }
    if (c != '{') return wrong(s, ERR_SYNTAX, "an event is expected here", d);
    s->state = STATE_NEXT;
    *give = true;
    return ERR_NONE;
}

enum err misp_stream_next(struct misp_stream *s, struct span *event, uint64_t *index, uint64_t *offset,
                          struct diag *d) {
    bool give = false, over = false;
    *event = (struct span){0};
    forget_read(s);
    while (!give) {
        enum err e = step(s, &give, &over, d);
        if (e || over) return e;
    }
    *index = s->index++;
    *offset = s->before + s->at;
    return take(s, event, d);
}
