#include "detect/sieve.h"

#include "detect/masks.h"
#include "detect/words.h"

/* Decides about the line before, now that its keys' places have been fetched. */
static void judge_held(struct sieve *s) {
    struct span line = s->held_line;
    if (!line.at) return;
    bool hit = probe_end(&s->held);
    if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
    if (line.len > 0 && (hit || s->held_suspect)) s->on_line(s->context, line, s->lines - 1, s->held_suspect && !hit);
    s->held_line.at = NULL;
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
    s->lines++;
    probe_begin(from);
}

static void begin(struct sieve *s) {
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
    static const char bytes[3] = {'"', '\\', '\n'};
    struct json_loop l = {.sieve = s, .base = chunk.at};
    struct masks masks;
    uint64_t carry = 0;
    begin(s);
    for (size_t at = 0; at < chunk.len;) {
        size_t left = chunk.len - at, blocks = (left + MASKS_BLOCK - 1) / MASKS_BLOCK;
        if (blocks > MASKS_BATCH) blocks = MASKS_BATCH;
        masks_of(chunk.at + at, blocks, bytes, &masks);
        for (size_t i = 0; i < blocks; i++, at += MASKS_BLOCK) {
            uint64_t feeds = masks.third[i], quotes = masks.first[i] & ~escaped_bits(masks.second[i], &carry);
            if (masks.second[i]) l.backslash = at + 64 - (size_t)__builtin_clzll(masks.second[i]);
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

/* A field of a table: whole and, where it is a list, by its parts. */
static void probe_field(struct sieve *s, struct span field, bool escapes, bool list) {
    void (*probe)(struct probe *, const char *, size_t) = escapes ? probe_escaped_zeek : probe_value;
    probe(&s->probe, field.at, field.len);
    while (list && field.len > 0) {
        struct span part = span_cut(&field, s->separators[1]);
        probe(&s->probe, part.at, part.len);
    }
}

static void table_line(struct sieve *s, struct span line) {
    if (line.len > 0 && line.at[0] == '#') {
        judge_held(s); /* by the columns it was read with */
        s->on_comment(s, line);
        s->lines++;
        return;
    }
    struct span rest = line;
    if (rest.len > 0 && rest.at[rest.len - 1] == '\r') rest.len--;
    bool escapes = rest.len > 0 && memchr(rest.at, '\\', rest.len);
    bool lists = rest.len > 0 && memchr(rest.at, s->separators[1], rest.len);
    unsigned count = 0;
    for (; rest.len > 0 || (count > 0 && rest.at); count++) {
        struct span field = span_cut(&rest, s->separators[0]);
        if (field.len == 0) continue;
        probe_field(s, field, escapes, lists && memchr(field.at, s->separators[1], field.len));
    }
    end_line(s, line, count != s->columns);
}

static void text_line(struct sieve *s, struct span line) {
    struct span rest = line, word;
    while (words_next(&rest, &word)) probe_value(&s->probe, word.at, word.len);
    end_line(s, line, false);
}

static void each_line(struct sieve *s, struct span chunk, void (*one)(struct sieve *, struct span)) {
    begin(s);
    while (chunk.len > 0) {
        const char *feed = memchr(chunk.at, '\n', chunk.len);
        size_t len = feed ? (size_t)(feed - chunk.at) : chunk.len;
        one(s, span_first(chunk, len));
        chunk = span_from(chunk, feed ? len + 1 : len);
    }
    judge_held(s);
}

void sieve_table(struct sieve *s, struct span chunk) {
    each_line(s, chunk, table_line);
}

void sieve_text(struct sieve *s, struct span chunk) {
    each_line(s, chunk, text_line);
}
