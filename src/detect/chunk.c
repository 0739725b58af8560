#include "detect/chunk.h"

#include <stdlib.h>

#include "detect/prefilter.h"
#include "detect/scan.h"

void chunk_source_init(struct chunk_source *s, struct input *input, const struct detect_reader *reader,
                       const struct reader_settings *settings, size_t chunk_size) {
    *s = (struct chunk_source){.input = input, .reader = reader, .chunk_size = chunk_size};
    pthread_mutex_init(&s->lock, NULL);
    reader_header_init(&s->header);
    s->header.settings = settings;
}

void chunk_source_free(struct chunk_source *s) {
    pthread_mutex_destroy(&s->lock);
    free(s->carry);
    s->carry = NULL;
}

void chunk_free(struct chunk *c) {
    free(c->at);
    c->at = NULL;
}

void chunk_source_stop(struct chunk_source *s) {
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_mutex_unlock(&s->lock);
}

static bool fail(struct chunk_source *s, enum err error) {
    s->error = error;
    s->ended = true;
    return false;
}

static bool make_room(struct chunk_source *s, struct chunk *c, size_t size) {
    if (size <= c->size) return true;
    char *bigger = realloc(c->at, size + PREFILTER_PADDING);
    if (!bigger) return fail(s, diag_set(&s->diag, ERR_NOMEM, "out of memory reading telemetry"));
    c->at = bigger;
    c->size = size;
    return true;
}

/* Reads until the chunk is full or the stream ends; from a pipe, until there is a whole line, so that what is piped in
 * slowly is not held back. What came before an error is still handed out. */
static void fill(struct chunk_source *s, struct chunk *c, size_t size) {
    bool live = input_raw_size(s->input) == 0, enough = false;
    while (c->len < size && !s->ended && !enough) {
        size_t got = 0;
        enum err error = input_read(s->input, c->at + c->len, size - c->len, &got, &s->diag);
        if (error)
            fail(s, error);
        else if (got == 0)
            s->ended = true;
        enough = live && !error && got && memchr(c->at + c->len, '\n', got);
        c->len += error ? 0 : got;
    }
}

/* Keeps what follows the last line feed for the next chunk. */
static bool keep_rest(struct chunk_source *s, struct chunk *c, size_t lines) {
    size_t rest = c->len - lines;
    if (rest > s->carry_size) {
        char *bigger = realloc(s->carry, rest);
        if (!bigger) return fail(s, diag_set(&s->diag, ERR_NOMEM, "out of memory reading telemetry"));
        s->carry = bigger;
        s->carry_size = rest;
    }
    if (rest) memcpy(s->carry, c->at + lines, rest);
    s->carry_len = rest;
    c->len = lines;
    return true;
}

/* Drops bytes up to the end of a line that is too long. */
static void skip_line(struct chunk_source *s, struct chunk *c) {
    if (!s->skipping) return;
    const char *feed = c->len ? memchr(c->at, '\n', c->len) : NULL;
    size_t drop = feed ? (size_t)(feed - c->at) + 1 : c->len;
    memmove(c->at, c->at + drop, c->len - drop);
    c->len -= drop;
    if (feed || s->ended) s->skipping = false;
}

/* Cuts the chunk after its last line; grows it as long as there is none. */
static bool cut_at_line(struct chunk_source *s, struct chunk *c) {
    size_t size = s->chunk_size;
    for (;;) {
        if (!make_room(s, c, size)) return false;
        fill(s, c, size);
        skip_line(s, c);
        const char *feed = c->len ? memrchr(c->at, '\n', c->len) : NULL;
        if (feed) return s->ended || keep_rest(s, c, (size_t)(feed - c->at) + 1);
        if (s->ended) return true;
        if (s->skipping || c->len < size) continue; /* the line goes on */
        if (size >= SCAN_LINE_MAX) {
            c->oversize = s->skipping = true;
            c->len = 256; /* enough to show */
            return true;
        }
        size = size * 2 < SCAN_LINE_MAX ? size * 2 : SCAN_LINE_MAX;
    }
}

/* Follows the header lines of a table, for the chunks to come. */
static void follow_header(struct chunk_source *s, const struct chunk *c) {
    if (!s->reader || s->reader->shape != READER_TABLE || c->oversize) return;
    struct span rest = span_of(c->at, c->len);
    for (const char *mark; rest.len > 0 && (mark = memchr(rest.at, '#', rest.len));) {
        bool starts_line = mark == c->at || mark[-1] == '\n';
        rest = span_from(rest, (size_t)(mark - rest.at));
        if (starts_line)
            reader_header_line(&s->header, span_cut(&rest, '\n'));
        else
            rest = span_from(rest, 1);
    }
}

static void recognise(struct chunk_source *s, struct chunk *c) {
    static const char mark[] = "\xef\xbb\xbf"; /* UTF-8's byte order mark, which some tools put first */
    if (c->number == 0 && c->len >= 3 && memcmp(c->at, mark, 3) == 0) {
        memmove(c->at, c->at + 3, c->len - 3);
        c->len -= 3;
    }
    if (!s->reader) s->reader = detect_reader_for(span_first(span_of(c->at, c->len), READER_SAMPLE_SIZE));
}

/* Lets the reader see the file's first line; a header is blanked out, so that lines keep their numbers. */
static void begin_file(struct chunk_source *s, struct chunk *c) {
    if (c->number || !s->reader->begin) return;
    struct span rest = span_of(c->at, c->len), line = span_cut(&rest, '\n');
    if (s->reader->begin(&s->header, line)) memset(c->at, 0, line.len);
}

bool chunk_next(struct chunk_source *s, struct chunk *c) {
    pthread_mutex_lock(&s->lock);
    c->len = 0;
    c->oversize = false;
    bool ok = !(s->ended && s->carry_len == 0);
    if (ok && s->carry_len) {
        ok = make_room(s, c, s->carry_len > s->chunk_size ? s->carry_len : s->chunk_size);
        if (ok) memcpy(c->at, s->carry, s->carry_len);
        c->len = ok ? s->carry_len : 0;
        s->carry_len = 0;
    }
    ok = ok && cut_at_line(s, c) && c->len > 0;
    if (ok) {
        c->number = s->next_number++;
        recognise(s, c);
        memset(c->at + c->len, 0, PREFILTER_PADDING);
        begin_file(s, c);
        c->header = s->header;
        follow_header(s, c);
        c->raw_bytes = input_raw_bytes(s->input);
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}
