#include "detect/sieve_loop.h"

#include "detect/masks.h"

/* Built several times with other options for the processor; the name of what it exports comes with them. */
#ifndef SIEVE_LOOPS
#define SIEVE_LOOPS sieve_loops_basic
#endif

#if defined(__BMI__)
#include <immintrin.h>
#endif

enum { BATCH_LEAD = 1, BATCH_WORDS = BATCH_LEAD + SIEVE_BLOCKS + 1 /* what stands behind the last is masked out */ };

/* Code that is one for all shapes in the source and one for each in the program. */
#define SHAPE_INLINE static inline __attribute__((always_inline))

/* The loop works on a batch of blocks at a time, in three passes; each runs without a branch on what the text holds,
 * which no processor could foretell:
 *
 *   blocks ──> masks, and where values and lines end ──> of each value, whether it is worth a look ──> probes
 *
 * Offsets are in the chunk. */
struct batch {
    const char *base;
    uint32_t from; /* offset of the first block */
    uint32_t value_count;
    /* A bit a byte, the batch's first at [BATCH_LEAD]; what is before are the last ones of the batch before. */
    uint64_t ends[BATCH_WORDS], dots[BATCH_WORDS], strange[BATCH_WORDS], slashes[BATCH_WORDS];
};

/* What a piece is: worth hashing; holding strange bytes; a name or address to be taken apart; a path. */
enum { PIECE_SHAPED = 1, PIECE_STRANGE = 2, PIECE_DOTTED = 4, PIECE_SLASHED = 8 };

/* What is carried from batch to batch. */
struct carried {
    uint32_t line;               /* where the line begins */
    uint32_t start;              /* behind the last byte that ends a value before the batch */
    uint64_t inside;             /* JSON: all ones when a string is open */
    uint64_t escape;             /* JSON: 1 when the block before ended in an open escape */
    uint32_t fields;             /* TABLE: values of the line so far */
    uint64_t notable;            /* 1 when the value under way holds a dot or a strange byte in the block before */
    unsigned smears;             /* values shorter than 1 << smears count only if they hold one of those */
    bool names, networks, paths; /* which values need a closer look: all with a dot, addresses; with a slash */
};

enum { SMEARS_MAX = 4 };

/* --- first pass: masks --- */

/* Which quotes are escaped by a backslash before them. *carry: whether the block before ended in an open escape.
 *
 * In a run of backslashes every second one is data; a character is escaped when the run before it has odd length.
 * Adding the run's first bit makes a carry run through it, whose exit bit has the parity of the run's length. */
static inline uint64_t escaped_bits(uint64_t backslashes, uint64_t *carry) {
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

/* The quotes that close strings. A string that is open at a line's end is broken: the next line starts outside. */
static inline uint64_t closing_quotes(struct carried *c, uint64_t quotes, uint64_t feeds, uint64_t *inside) {
    uint64_t in = masks_parity(quotes) ^ c->inside;
    for (uint64_t torn = feeds & in; torn;) {
        uint64_t up_to = torn ^ (torn - 1); /* the bits up to the first torn line's end */
        in ^= ~up_to;
        torn = feeds & in & ~up_to;
    }
    c->inside = (uint64_t)0 - (in >> 63);
    *inside = in;
    return quotes & ~in;
}

/* A line can be no JSON object. Cheap, and enough to notice torn and foreign lines without parsing the rest. */
static bool looks_torn(const char *at, size_t len) {
    while (len > 0 && (unsigned char)at[len - 1] <= ' ') len--;
    while (len > 0 && (unsigned char)at[0] <= ' ') at++, len--;
    return len > 0 && (at[0] != '{' || at[len - 1] != '}');
}

static inline uint32_t lowest(uint64_t bits) {
#if defined(__BMI__)
    return (uint32_t)_tzcnt_u64(bits); /* 64 when there is none, without asking */
#else
    return bits ? (uint32_t)__builtin_ctzll(bits) : 64;
#endif
}
static inline uint32_t zeros_above(uint64_t bits) {
#if defined(__LZCNT__)
    return (uint32_t)_lzcnt_u64(bits);
#else
    return bits ? (uint32_t)__builtin_clzll(bits) : 64;
#endif
}

/* Writes the offsets of the bits; up to three without asking how many there are. Returns how many. */
static inline uint32_t spread(uint64_t bits, uint32_t at, uint32_t *out) {
    uint32_t count = (uint32_t)__builtin_popcountll(bits);
    for (int i = 0; i < 3; i++, bits &= bits - 1) out[i] = at + lowest(bits);
    for (uint32_t i = 3; __builtin_expect(i < count, 0); i++, bits &= bits - 1) out[i] = at + lowest(bits);
    return count;
}

/* The line ends of a block. Returns false at a line that starts with '#' behind one (TABLE); the last is that one. */
SHAPE_INLINE bool note_lines(struct sieve *s, enum sieve_shape shape, struct carried *c, uint64_t feeds,
                             uint64_t values, uint64_t inside, uint32_t at) {
    for (; feeds; feeds &= feeds - 1) {
        uint64_t bit = feeds & -feeds, up_to = bit | (bit - 1);
        struct sieve_line *line = &s->line_ends[s->line_count++];
        uint32_t end = at + (uint32_t)__builtin_ctzll(feeds);
        const char *text = s->base + c->line;
        *line = (struct sieve_line){.at = c->line, .len = end - c->line};
        if (shape == SIEVE_JSON) line->suspect = inside & bit || looks_torn(text, line->len);
        if (shape == SIEVE_TABLE) {
            uint32_t fields = c->fields + (uint32_t)__builtin_popcountll(values & up_to);
            line->suspect = fields > 1 && fields != s->columns;
            c->fields = (uint32_t)0 - (uint32_t)__builtin_popcountll(values & up_to);
        }
        c->line = end + 1;
        if (shape == SIEVE_TABLE && s->base[end + 1] == '#') return false;
    }
    return true;
}

/* The ends of the values that are worth it by what one can tell of all at once: those with a notable byte in them, and
 * the long ones. Adding a notable byte's bit to the ones that stand for all bytes but ends makes a carry run through
 * them up to the value's end. A value that began in the block before counts as long. */
static inline uint64_t worth_keeping(struct carried *c, uint64_t ends, uint64_t notable) {
    uint64_t sum, near = ends << 1;
    bool carry = __builtin_add_overflow(~ends, notable & ~ends, &sum);
    carry |= __builtin_add_overflow(sum, c->notable, &sum);
    c->notable = carry;
    if (__builtin_expect(c->smears == SMEARS_MAX, 1)) {
        near |= near << 1, near |= near << 2, near |= near << 4, near |= near << 8;
    } else {
        for (unsigned i = 0; i < c->smears; i++) near |= near << (1u << i);
    }
    return sum | ~near;
}

/* One block: its masks, its values' ends, its lines. Returns false where note_lines() does. */
SHAPE_INLINE bool read_block(struct sieve *s, enum sieve_shape shape, bool closer, struct carried *c, struct batch *b,
                             size_t i, const struct masks_wanted *wanted, uint64_t valid) {
    struct masks m;
    uint32_t at = b->from + (uint32_t)i * MASKS_BLOCK;
    masks_of(shape == SIEVE_TEXT, shape == SIEVE_JSON, closer, b->base + at, wanted, &m);
    uint64_t feeds = m.feeds & valid, ends = m.ends & valid, values, inside = 0;
    if (shape == SIEVE_JSON) {
        ends &= ~escaped_bits(m.backslashes & valid, &c->escape);
        values = closing_quotes(c, ends, feeds, &inside) & ~m.before_colons; /* keys are no values */
    } else {
        values = ends |= feeds;
    }
    b->ends[BATCH_LEAD + i] = ends;
    b->dots[BATCH_LEAD + i] = m.dots;
    b->strange[BATCH_LEAD + i] = m.strange;
    if (closer) b->slashes[BATCH_LEAD + i] = m.slashes;
    bool go_on = true;
    uint64_t kept = values & worth_keeping(c, ends, m.dots | m.strange | (closer ? m.slashes : 0));
    if (feeds) {
        go_on = note_lines(s, shape, c, feeds, values, inside, at);
        if (!go_on) kept &= (UINT64_C(2) << (c->line - 1 - at)) - 1;
    }
    if (shape == SIEVE_TABLE) c->fields += (uint32_t)__builtin_popcountll(values);
    b->value_count += spread(kept, at, &s->value_ends[b->value_count]);
    return go_on;
}

/* --- second pass: values --- */

/* The 56 bits or more before bit n of a batch's bits, the last of them uppermost; zeros below. */
static inline uint64_t bits_before(const uint64_t *bits, uint32_t n) {
    uint64_t window;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&window, (const char *)(bits + BATCH_LEAD) + (int32_t)(n >> 3) - 7, sizeof window);
    return window << (8 - (n & 7));
#else
    const uint64_t *word = bits + BATCH_LEAD + n / 64;
    window = word[-1] >> (n % 64);
    return n % 64 ? window | *word << (64 - n % 64) : word[-1];
#endif
}
enum { WINDOW = 56 };

/* Whether one of the bits from `start` on before `end` is set, offsets in the chunk; what the batch no longer has
 * counts as set. */
static bool any_bit(const struct batch *b, const uint64_t *bits, uint32_t start, uint32_t end) {
    if (start + 64 * BATCH_LEAD < b->from) return true;
    uint32_t first = start + 64 * BATCH_LEAD - b->from, last = end + 64 * BATCH_LEAD - b->from;
    uint64_t from = ~UINT64_C(0) << (first % 64), to = (UINT64_C(1) << (last % 64)) - 1;
    if (first / 64 == last / 64) return (bits[first / 64] & from & to) != 0;
    for (uint32_t i = first / 64 + 1; i < last / 64; i++)
        if (bits[i]) return true;
    return (bits[first / 64] & from) != 0 || (bits[last / 64] & to) != 0;
}

/* Where a value longer than a window starts. */
static uint32_t long_start(const struct batch *b, const struct carried *c, uint32_t end) {
    for (uint32_t block = (end - b->from) / 64, first = 1; block + 1 > 0; block--, first = 0) {
        uint64_t bits = b->ends[BATCH_LEAD + block];
        if (first) bits &= (UINT64_C(1) << ((end - b->from) % 64)) - 1;
        if (bits) return b->from + block * 64 + 64 - zeros_above(bits);
        if (block == 0) break;
    }
    return c->start;
}

/* What there is to know of a value. */
struct look {
    uint32_t len;
    bool dot, slash, strange;
};

static __attribute__((noinline)) struct look look_long(const struct batch *b, const struct carried *c, uint32_t end,
                                                       bool closer) {
    uint32_t start = long_start(b, c, end);
    return (struct look){.len = end - start,
                         .dot = any_bit(b, b->dots, start, end),
                         .slash = closer && any_bit(b, b->slashes, start, end),
                         .strange = any_bit(b, b->strange, start, end)};
}

/* Which values are worth a look. `closer`: whether c->names, networks or paths is set; a constant. */
SHAPE_INLINE unsigned judge_values(struct sieve *s, enum sieve_shape shape, bool closer, const struct carried *c,
                                   const struct batch *b) {
    const struct prefilter *f = s->probe.filter;
    unsigned count = 0;
    for (uint32_t i = 0; i < b->value_count; i++) {
        uint32_t end = s->value_ends[i], n = end - b->from;
        uint64_t ends = bits_before(b->ends, n);
        struct look l = {.len = zeros_above(ends)};
        if (__builtin_expect(ends != 0, 1)) {
            l.dot = zeros_above(bits_before(b->dots, n)) < l.len;
            l.strange = zeros_above(bits_before(b->strange, n)) < l.len;
            if (closer) l.slash = zeros_above(bits_before(b->slashes, n)) < l.len;
        } else {
            l = look_long(b, c, end, closer);
        }
        char first = b->base[end - l.len], last = b->base[end - (l.len > 0)];
        bool strange = l.strange | (last == '.') | (f->urls & l.dot & (first == '/')); /* "/./" may be in it */
        if (shape == SIEVE_TEXT) strange |= (last == '!') | (last == '?');
        if (shape == SIEVE_TABLE) strange |= last == '\r';
        unsigned kind = (unsigned)strange << 1 | (unsigned)prefilter_has_shape(f, first, last, l.len, l.dot);
        if (closer) {
            bool number = ((unsigned char)(first - '0') < 10) & (l.len <= 15);
            kind |= (l.dot & (c->names | (c->networks & number))) ? PIECE_DOTTED : 0;
            kind |= (c->paths & l.slash) ? PIECE_SLASHED : 0;
        }
        s->pieces[count] = (struct sieve_piece){.at = end - l.len, .len = l.len, .kind = kind};
        count += (l.len > 0) & (kind != 0);
    }
    return count;
}

/* --- third pass: probes --- */

SHAPE_INLINE void probe_piece(struct sieve *s, enum sieve_shape shape, const struct sieve_piece *piece) {
    const char *at = s->base + piece->at;
    if (__builtin_expect(piece->kind == PIECE_SHAPED, 1))
        probe_plain(&s->probe, at, piece->len);
    else if (piece->kind & PIECE_STRANGE)
        sieve_strange_value(s, shape, span_of(at, piece->len), piece->kind & PIECE_SHAPED);
    else
        probe_odd_value(&s->probe, at, piece->len, piece->kind & PIECE_DOTTED, piece->kind & PIECE_SLASHED,
                        piece->kind & PIECE_SHAPED);
}

SHAPE_INLINE void probe_pieces(struct sieve *s, enum sieve_shape shape, unsigned count) {
    const struct sieve_piece *piece = s->pieces, *end = piece + count;
    for (unsigned i = 0; i < s->line_count; i++) {
        uint32_t line_end = s->line_ends[i].at + s->line_ends[i].len;
        for (; piece < end && piece->at < line_end; piece++) probe_piece(s, shape, piece);
        sieve_end_line(s, &s->line_ends[i]);
    }
    for (; piece < end; piece++) probe_piece(s, shape, piece);
    s->line_count = 0;
}

/* --- the whole --- */

/* What stands behind the last line feed. */
SHAPE_INLINE void read_rest(struct sieve *s, enum sieve_shape shape, const struct carried *c, uint32_t end) {
    if (c->line >= end) return;
    struct sieve_line line = {.at = c->line, .len = end - c->line};
    if (shape == SIEVE_TEXT) sieve_last_words(s, span_of(s->base + c->start, end - c->start));
    if (shape == SIEVE_TABLE) sieve_strange_value(s, shape, span_of(s->base + c->start, end - c->start), true);
    if (shape == SIEVE_JSON) line.suspect = c->inside || looks_torn(s->base + line.at, line.len);
    if (shape == SIEVE_TABLE) line.suspect = c->fields > 0 && c->fields + 1 != s->columns;
    sieve_end_line(s, &line);
}

/* Runs from `from` to the end, or to a comment (TABLE); returns where it stopped. */
SHAPE_INLINE size_t run(struct sieve *s, enum sieve_shape shape, bool closer, size_t from, size_t end) {
    const struct prefilter *f = s->probe.filter;
    struct masks_wanted wanted = {0};
    struct carried c = {.line = (uint32_t)from,
                        .start = (uint32_t)from,
                        .names = s->probe.subdomains,
                        .networks = f->networks_v4,
                        .paths = f->file_names};
    struct batch b = {.base = s->base};
    while (c.smears < SMEARS_MAX && (2u << c.smears) <= f->dotless_min) c.smears++;
    bool go_on = true;
    if (shape == SIEVE_JSON) wanted.end = '"';
    if (shape == SIEVE_TABLE) wanted.end = s->separators[0];
    wanted.odd[0] = shape == SIEVE_TABLE ? s->separators[1] : ':';
    wanted.odd[1] = f->emails ? '@' : ':';
    wanted.odd[2] = f->urls ? '#' : ':';
    wanted.odd[3] = f->urls ? '%' : ':';
    b.ends[0] =
        shape == SIEVE_JSON ? 0 : UINT64_C(1) << 63; /* the chunk's, or a comment's, start ends what was before */
    for (size_t at = from; at < end && go_on;) {
        size_t whole = (end - at) / MASKS_BLOCK, i = 0;
        if (whole > SIEVE_BLOCKS) whole = SIEVE_BLOCKS;
        b.from = (uint32_t)at;
        b.value_count = 0;
        for (; i < whole && go_on; i++) go_on = read_block(s, shape, closer, &c, &b, i, &wanted, ~UINT64_C(0));
        if (go_on && i < SIEVE_BLOCKS && at + i * MASKS_BLOCK < end) {
            uint64_t valid = (UINT64_C(1) << (end - at - i * MASKS_BLOCK)) - 1;
            go_on = read_block(s, shape, closer, &c, &b, i++, &wanted, valid);
        }
        at += i * MASKS_BLOCK;
        probe_pieces(s, shape, judge_values(s, shape, closer, &c, &b));
        c.start = long_start(&b, &c, b.from + (uint32_t)i * MASKS_BLOCK);
        b.ends[0] = b.ends[i], b.dots[0] = b.dots[i], b.strange[0] = b.strange[i], b.slashes[0] = b.slashes[i];
    }
    if (!go_on) return c.line;
    read_rest(s, shape, &c, (uint32_t)end);
    return end;
}

SHAPE_INLINE size_t run_either(struct sieve *s, enum sieve_shape shape, size_t from, size_t end) {
    const struct prefilter *f = s->probe.filter;
    bool closer = s->probe.subdomains || f->networks_v4 || f->file_names;
    return closer ? run(s, shape, true, from, end) : run(s, shape, false, from, end);
}

static size_t run_json(struct sieve *s, size_t from, size_t end) {
    return run_either(s, SIEVE_JSON, from, end);
}
static size_t run_table(struct sieve *s, size_t from, size_t end) {
    return run_either(s, SIEVE_TABLE, from, end);
}
static size_t run_text(struct sieve *s, size_t from, size_t end) {
    return run_either(s, SIEVE_TEXT, from, end);
}
const struct sieve_loops SIEVE_LOOPS = {run_json, run_table, run_text};
