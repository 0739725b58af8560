#include "detect/sieve.h"

#include "detect/masks.h"
#include "detect/words.h"

/* Decides about the line before, now that its keys' places have been fetched. */
static void judge_held(struct sieve *s) {
    struct span line = s->held_line;
    if (!line.at) return;
    bool hit = probe_end(&s->held);
    if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
    s->marked = s->held_marked;
    if (line.len > 0 && (hit || s->held_suspect || s->marked))
        s->on_line(s->context, line, s->lines - 1, s->held_suspect && !hit);
    s->held_line.at = NULL;
}

/* Whether a mark stands before `end`; goes past those that do. */
static bool take_marks(struct sieve *s, size_t end) {
    const size_t *first = s->marks;
    while (*s->marks <= end && *s->marks != SIZE_MAX) s->marks++;
    return s->marks != first;
}

/* One line's end: holds it back until the next one's. */
static void end_line(struct sieve *s, struct span line, bool suspect) {
    judge_held(s);
    struct probe *from = &s->probe, *to = &s->held;
    to->hit = from->hit;
    to->key_count = from->key_count;
    to->path_count = from->path_count;
    unsigned keys = from->key_count < PROBE_KEYS_MAX ? from->key_count : PROBE_KEYS_MAX;
    unsigned paths = from->path_count < PROBE_PATHS_MAX ? from->path_count : PROBE_PATHS_MAX;
    memcpy(to->keys, from->keys, keys * sizeof *to->keys);
    memcpy(to->paths, from->paths, paths * sizeof *to->paths);
    s->held_line = line;
    s->held_suspect = suspect;
    s->held_marked = s->marks && take_marks(s, (size_t)(line.at - s->base) + line.len);
    s->lines++;
    probe_begin(from);
}

static void begin(struct sieve *s, struct span chunk) {
    s->base = chunk.at;
    s->held.filter = s->probe.filter;
    s->held.scratch = s->probe.scratch;
    s->held_line = span_of(NULL, 0);
    probe_begin(&s->probe);
}

/* Which quotes are escaped by a backslash before them. *carry: whether the block before ended in an open escape.
 *
 * In a run of backslashes every second one is data; a character is escaped when the run before it has odd length.
 * Adding the run's first bit makes a carry run through it, whose exit bit has the parity of the run's length. */
static uint64_t escaped_bits(uint64_t backslashes, uint64_t *carry) {
    const uint64_t even = UINT64_C(0x5555555555555555);
    if (!backslashes) {
        uint64_t escaped = *carry;
        *carry = 0;
        return escaped;
    }
    backslashes &= ~*carry;
    uint64_t follows = backslashes << 1 | *carry;
    uint64_t odd_starts = backslashes & ~even & ~follows, inverted;
    *carry = __builtin_add_overflow(odd_starts, backslashes, &inverted);
    return (even ^ inverted << 1) & follows;
}

/* A line can be no JSON object. Cheap, and enough to notice torn and foreign lines without parsing the rest. */
static bool looks_torn(struct span line, bool in_string) {
    while (line.len > 0 && (unsigned char)line.at[line.len - 1] <= ' ') line.len--;
    while (line.len > 0 && (unsigned char)line.at[0] <= ' ') line = span_from(line, 1);
    return line.len > 0 && (in_string || line.at[0] != '{' || line.at[line.len - 1] != '}');
}

/* State of the loop over JSON lines. */
struct json_loop {
    struct sieve *sieve;
    const char *base;
    size_t line, string; /* offsets: start of the line; of the open string, after its quote */
    size_t backslash;    /* offset after the last backslash seen */
    bool in_string;
};

static inline void on_quote(struct json_loop *l, size_t at) {
    l->in_string = !l->in_string;
    if (l->in_string) {
        l->string = at + 1;
        return;
    }
    if (l->base[at + 1] == ':') return; /* a key */
    if (l->backslash > l->string)
        probe_escaped_json(&l->sieve->probe, l->base + l->string, at - l->string);
    else
        probe_value(&l->sieve->probe, l->base + l->string, at - l->string);
}

static void on_line_feed(struct json_loop *l, size_t at) {
    struct span line = span_of(l->base + l->line, at - l->line);
    end_line(l->sieve, line, looks_torn(line, l->in_string));
    l->line = at + 1;
    l->in_string = false;
}

void sieve_json(struct sieve *s, struct span chunk) {
    static const char bytes[MASKS_BYTES] = {'"', '\\', '\n', '\n'};
    struct json_loop l = {.sieve = s, .base = chunk.at};
    struct masks masks;
    uint64_t carry = 0;
    begin(s, chunk);
    for (size_t at = 0; at < chunk.len;) {
        size_t left = chunk.len - at, blocks = (left + MASKS_BLOCK - 1) / MASKS_BLOCK;
        if (blocks > MASKS_BATCH) blocks = MASKS_BATCH;
        masks_of(chunk.at + at, blocks, bytes, &masks);
        for (size_t i = 0; i < blocks; i++, at += MASKS_BLOCK) {
            uint64_t feeds = masks.of[2][i], quotes = masks.of[0][i] & ~escaped_bits(masks.of[1][i], &carry);
            if (masks.of[1][i]) l.backslash = at + 64 - (size_t)__builtin_clzll(masks.of[1][i]);
            for (uint64_t events = quotes | feeds; events; events &= events - 1) {
                size_t offset = at + (size_t)__builtin_ctzll(events);
                if (offset >= chunk.len) break; /* the padding's */
                if (events & -events & feeds)
                    on_line_feed(&l, offset);
                else
                    on_quote(&l, offset);
            }
        }
    }
    if (l.line < chunk.len) on_line_feed(&l, chunk.len);
    judge_held(s);
}

/* State of the loop over a table's lines. */
struct table_loop {
    struct sieve *sieve;
    const char *base;
    size_t line, field;      /* offsets: start of the line, of the field */
    size_t comma, backslash; /* offset after the last one seen */
    unsigned count;          /* of the line's fields before this one */
};

/* A field: whole and, where it is a set, by its parts. */
static inline void on_field(struct table_loop *l, size_t end) {
    struct probe *p = &l->sieve->probe;
    const char *at = l->base + l->field;
    size_t len = end - l->field;
    bool escapes = l->backslash > l->field, set = l->comma > l->field;
    if (len > 0 && !escapes)
        probe_value(p, at, len);
    else if (len > 0)
        probe_escaped_zeek(p, at, len);
    struct span rest = span_of(at, set ? len : 0);
    while (rest.len > 0) {
        struct span part = span_cut(&rest, l->sieve->separators[1]);
        if (escapes)
            probe_escaped_zeek(p, part.at, part.len);
        else
            probe_value(p, part.at, part.len);
    }
    l->field = end + 1;
    l->count++;
}

static void on_table_line(struct table_loop *l, size_t end) {
    struct sieve *s = l->sieve;
    struct span line = span_of(l->base + l->line, end - l->line);
    size_t text_end = line.len > 0 && line.at[line.len - 1] == '\r' ? end - 1 : end;
    if (line.len > 0 && line.at[0] == '#') {
        judge_held(s); /* by the columns it was read with */
        s->on_comment(s, line);
        s->lines++;
        probe_begin(&s->probe);
    } else {
        if (text_end > l->line) on_field(l, text_end < l->field ? l->field : text_end);
        end_line(s, line, l->count > 0 && l->count != s->columns);
    }
    l->line = l->field = end + 1;
    l->count = 0;
}

/* One block's events, in order. False when a header line has named other separators: the masks are of no more use. */
static bool table_block(struct table_loop *l, size_t at, size_t end, const uint64_t masks[MASKS_BYTES]) {
    const char separators[2] = {l->sieve->separators[0], l->sieve->separators[1]};
    for (uint64_t events = masks[0] | masks[1] | masks[2] | masks[3]; events; events &= events - 1) {
        uint64_t bit = events & -events;
        size_t offset = at + (size_t)__builtin_ctzll(events);
        if (offset >= end) return true; /* the padding's */
        if (bit & masks[0]) {
            on_table_line(l, offset);
            if (memcmp(separators, l->sieve->separators, sizeof separators) != 0) return false;
        } else if (bit & masks[1]) {
            on_field(l, offset);
        } else if (bit & masks[2]) {
            l->comma = offset + 1;
        } else {
            l->backslash = offset + 1;
        }
    }
    return true;
}

/* Runs as far as the separators stay the same; returns how far that was. */
static size_t table_run(struct sieve *s, struct span chunk) {
    struct table_loop l = {.sieve = s, .base = chunk.at};
    const char bytes[MASKS_BYTES] = {'\n', s->separators[0], s->separators[1], '\\'};
    struct masks masks;
    for (size_t at = 0; at < chunk.len;) {
        size_t left = chunk.len - at, blocks = (left + MASKS_BLOCK - 1) / MASKS_BLOCK;
        if (blocks > MASKS_BATCH) blocks = MASKS_BATCH;
        masks_of(chunk.at + at, blocks, bytes, &masks);
        for (size_t i = 0; i < blocks; i++, at += MASKS_BLOCK) {
            const uint64_t block[MASKS_BYTES] = {masks.of[0][i], masks.of[1][i], masks.of[2][i], masks.of[3][i]};
            if (!table_block(&l, at, chunk.len, block)) return l.line;
        }
    }
    if (l.line < chunk.len) on_table_line(&l, chunk.len);
    return chunk.len;
}

void sieve_table(struct sieve *s, struct span chunk) {
    begin(s, chunk);
    while (chunk.len > 0) chunk = span_from(chunk, table_run(s, chunk));
    judge_held(s);
}

static void text_line(struct sieve *s, struct span line) {
    struct span rest = line, word;
    while (words_next(&rest, &word)) probe_value(&s->probe, word.at, word.len);
    end_line(s, line, false);
}

void sieve_text(struct sieve *s, struct span chunk) {
    begin(s, chunk);
    while (chunk.len > 0) {
        const char *feed = memchr(chunk.at, '\n', chunk.len);
        size_t len = feed ? (size_t)(feed - chunk.at) : chunk.len;
        text_line(s, span_first(chunk, len));
        chunk = span_from(chunk, feed ? len + 1 : len);
    }
    judge_held(s);
}
