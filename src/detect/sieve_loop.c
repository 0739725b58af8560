#include "detect/sieve_loop.h"

#include "detect/masks.h"

/* Built several times with other options for the processor; the name of what it exports comes with them. */
#ifndef SIEVE_LOOPS
#define SIEVE_LOOPS sieve_loops_basic
#endif

/* Code that is one for all shapes in the source and one for each in the program. */
#define SHAPE_INLINE static inline __attribute__((always_inline))

/* --- pieces --- */

/* What a piece is. */
enum { PIECE_PLAIN, PIECE_LINE, PIECE_STRANGE = 2 /* and all above */, PIECE_DOTTED = 4, PIECE_SLASHED = 8 };

SHAPE_INLINE void take_pieces(struct sieve *s, enum sieve_shape shape) {
    unsigned count = s->piece_count;
    s->piece_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct sieve_piece *piece = &s->pieces[i];
        const char *at = s->base + piece->at;
        if (piece->kind == PIECE_PLAIN)
            probe_plain(&s->probe, at, piece->len);
        else if (piece->kind == PIECE_LINE)
            sieve_end_line(s, piece);
        else if (piece->kind & PIECE_STRANGE)
            sieve_strange_value(s, shape, span_of(at, piece->len));
        else
            probe_odd_value(&s->probe, at, piece->len, piece->kind & PIECE_DOTTED, piece->kind & PIECE_SLASHED,
                            piece->shaped);
    }
}

/* --- values and lines --- */

/* What is carried from block to block. Offsets are in the chunk; `dot` and the like are behind the last one seen. */
struct cutter {
    size_t line, start; /* where the line begins; the value that may end next */
    size_t dot, slash, strange;
    uint64_t inside;      /* JSON: all ones when a string is open */
    uint64_t escape;      /* JSON: 1 when the block before ended in an open escape */
    unsigned fields;      /* TABLE: separators in the line so far */
    bool names, networks; /* values with dots need a closer look: all, those that may be addresses */
    bool paths;           /* values with slashes do */
};

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
static inline uint64_t closing_quotes(struct cutter *c, uint64_t quotes, uint64_t feeds, uint64_t *inside) {
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

SHAPE_INLINE void cut_line(struct sieve *s, enum sieve_shape shape, struct cutter *c, size_t end, bool inside) {
    const char *at = s->base + c->line;
    size_t len = end - c->line;
    bool suspect = false;
    if (shape == SIEVE_JSON) suspect = inside || looks_torn(at, len);
    if (shape == SIEVE_TABLE) suspect = c->fields > 0 && c->fields + 1 != s->columns;
    s->pieces[s->piece_count++] =
        (struct sieve_piece){.at = (uint32_t)c->line, .len = (uint32_t)len, .kind = PIECE_LINE, .shaped = suspect};
    c->line = end + 1;
    c->fields = 0;
}

/* A value from `start` to `end`: a piece if it is worth a look. Without branches as far as may be: what a value holds
 * cannot be foretold. `range`: the block's bits that are the value's. */
SHAPE_INLINE void cut_value(struct sieve *s, enum sieve_shape shape, const struct cutter *c, size_t start, size_t end,
                            uint64_t range, const struct masks *m) {
    size_t len = end - start;
    char first = s->base[start], last = s->base[end - (end > start)];
    bool dot = ((m->dots & range) != 0) | (c->dot > start);
    bool strange = ((m->strange & range) != 0) | (c->strange > start) | (last == '.');
    if (shape == SIEVE_TEXT) strange |= last == '!' || last == '?';
    bool shaped = prefilter_has_shape(s->probe.filter, first, last, len, dot);
    unsigned kind = strange ? PIECE_STRANGE : 0;
    if (c->names) kind |= dot ? PIECE_DOTTED : 0;
    if (c->networks) kind |= dot && (unsigned char)(first - '0') < 10 && len <= 15 ? PIECE_DOTTED : 0;
    if (c->paths) kind |= (m->slashes & range) != 0 || c->slash > start ? PIECE_SLASHED : 0;
    s->pieces[s->piece_count] =
        (struct sieve_piece){.at = (uint32_t)start, .len = (uint32_t)len, .kind = (uint8_t)kind, .shaped = shaped};
    s->piece_count += (len > 0) & (shaped | (kind != 0));
}

/* The bits of a block that are those of a value from `start` to the bit `end`. */
static inline uint64_t value_bits(size_t at, size_t start, uint64_t end) {
    return start >= at ? (end - 1) & ~UINT64_C(0) << (start - at) : end - 1;
}

static inline size_t behind_last(uint64_t bits, size_t at, size_t otherwise) {
    return bits ? at + 64 - (size_t)__builtin_clzll(bits) : otherwise;
}

/* One block: its values and lines in order. `valid`: the bits before the chunk's end. Returns where a line starts with
 * '#' (TABLE), else SIZE_MAX. */
SHAPE_INLINE size_t cut_block(struct sieve *s, enum sieve_shape shape, struct cutter *c, size_t at,
                              const struct masks *m, uint64_t valid) {
    uint64_t feeds = m->feeds & valid, ends = m->ends & valid, values, inside = 0, counted = ends;
    if (shape == SIEVE_JSON) {
        ends &= ~escaped_bits(m->backslashes & valid, &c->escape);
        values = closing_quotes(c, ends, feeds, &inside) & ~m->before_colons; /* keys are no values */
    } else {
        values = ends |= feeds;
    }
    for (uint64_t left = values | feeds; left; left &= left - 1) {
        uint64_t bit = left & -left;
        size_t end = at + (size_t)__builtin_ctzll(left);
        if (shape != SIEVE_JSON || values & bit) {
            size_t start = behind_last(ends & (bit - 1), at, c->start), stop = end;
            if (shape == SIEVE_TABLE && feeds & bit && stop > start && s->base[stop - 1] == '\r') stop--;
            cut_value(s, shape, c, start, stop, value_bits(at, start, bit), m);
        }
        if (feeds & bit) {
            if (shape == SIEVE_TABLE) {
                c->fields += (unsigned)__builtin_popcountll(counted & (bit - 1));
                counted &= ~(bit | (bit - 1));
            }
            cut_line(s, shape, c, end, inside & bit);
            if (shape == SIEVE_TABLE && s->base[end + 1] == '#') return end + 1;
        }
    }
    if (shape == SIEVE_TABLE) c->fields += (unsigned)__builtin_popcountll(counted);
    c->start = behind_last(ends, at, c->start);
    c->dot = behind_last(m->dots, at, c->dot);
    c->strange = behind_last(m->strange, at, c->strange);
    if (c->paths) c->slash = behind_last(m->slashes, at, c->slash);
    return SIZE_MAX;
}

/* What stands behind the last line feed. */
SHAPE_INLINE void cut_rest(struct sieve *s, enum sieve_shape shape, struct cutter *c, size_t end) {
    if (c->line >= end) return;
    if (shape != SIEVE_JSON && c->start < end) {
        size_t stop = shape == SIEVE_TABLE && s->base[end - 1] == '\r' ? end - 1 : end;
        s->pieces[s->piece_count++] =
            (struct sieve_piece){.at = (uint32_t)c->start, .len = (uint32_t)(stop - c->start), .kind = PIECE_STRANGE};
    }
    cut_line(s, shape, c, end, c->inside != 0);
}

/* Runs from `from` to the end, or to a comment (TABLE); returns where it stopped. */
SHAPE_INLINE size_t run(struct sieve *s, enum sieve_shape shape, size_t from, size_t end) {
    enum { ROOM = 2 * MASKS_BLOCK + 4 }; /* pieces a block can make, and those of the rest */
    const struct prefilter *f = s->probe.filter;
    struct masks_wanted wanted = {.slashes = f->file_names};
    struct cutter c = {
        .line = from, .start = from, .names = s->probe.subdomains, .networks = f->networks_v4, .paths = f->file_names};
    struct masks masks;
    if (shape == SIEVE_JSON) wanted.end = '"';
    if (shape == SIEVE_TABLE) wanted.end = s->separators[0];
    wanted.odd[0] = shape == SIEVE_TABLE ? s->separators[1] : ':';
    wanted.odd[1] = f->emails ? '@' : ':';
    wanted.odd[2] = f->urls ? '#' : ':';
    for (size_t at = from; at < end; at += MASKS_BLOCK) {
        uint64_t valid = end - at >= MASKS_BLOCK ? ~UINT64_C(0) : (UINT64_C(1) << (end - at)) - 1;
        if (s->piece_count > SIEVE_PIECES - ROOM) take_pieces(s, shape);
        masks_of(shape == SIEVE_TEXT, shape == SIEVE_JSON, s->base + at, &wanted, &masks);
        size_t comment = cut_block(s, shape, &c, at, &masks, valid);
        if (comment < end) {
            take_pieces(s, shape);
            return comment;
        }
    }
    cut_rest(s, shape, &c, end);
    take_pieces(s, shape);
    return end;
}

static size_t run_json(struct sieve *s, size_t from, size_t end) {
    return run(s, SIEVE_JSON, from, end);
}
static size_t run_table(struct sieve *s, size_t from, size_t end) {
    return run(s, SIEVE_TABLE, from, end);
}
static size_t run_text(struct sieve *s, size_t from, size_t end) {
    return run(s, SIEVE_TEXT, from, end);
}
const struct sieve_loops SIEVE_LOOPS = {run_json, run_table, run_text};
