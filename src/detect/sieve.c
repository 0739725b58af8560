#include "detect/sieve.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "detect/sieve_loop.h"
#include "detect/words.h"

/* --- lines --- */

/* Tells of the lines that are worth it and starts anew. */
static void tell_lines(struct sieve *s) {
    struct probe *p = &s->probe;
    probe_judge(p);
    for (uint32_t i = 0; i < p->line_count; i++) {
        const struct probe_line *l = &p->lines[i];
        s->marked = l->marked;
        if (l->len > 0 && (l->hit || l->suspect || l->marked))
            s->on_line(s->context, span_of(l->at, l->len), s->lines + i, l->suspect && !l->hit);
    }
    s->lines += p->line_count;
    probe_clear(p);
}

/* Whether a mark stands before `end`; goes past those that do. */
static bool take_marks(struct sieve *s, size_t end) {
    const size_t *first = s->marks;
    while (*s->marks <= end && *s->marks != SIZE_MAX) s->marks++;
    return s->marks != first;
}

void sieve_end_line(struct sieve *s, const struct sieve_line *end) {
    struct span line = span_of(s->base + end->at, end->len);
    if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
    bool marked = s->marks && take_marks(s, (size_t)end->at + end->len);
    if (probe_end_line(&s->probe, line, end->suspect, marked)) tell_lines(s);
}

/* --- pieces --- */

/* A field that is a set counts whole and by its parts. */
static void probe_set(struct sieve *s, struct span rest) {
    while (rest.len > 0) {
        struct span part = span_cut(&rest, s->separators[1]);
        if (memchr(part.at, '\\', part.len))
            probe_escaped_zeek(&s->probe, part.at, part.len);
        else
            probe_value(&s->probe, part.at, part.len);
    }
}

static bool has_scheme(struct span text) {
    const char *colon = memchr(text.at, ':', text.len);
    for (; colon; colon = memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.at)))
        if (colon[1] == '/' && colon[2] == '/') return true; /* the padding is readable */
    return false;
}

/* A piece of plain text between = [ ] and what ends words, so a word less the punctuation at its end. In a URL those
 * three do not end a word: it is read again from there. What words.h takes for one word, an IPv6 address and port in
 * brackets, names the same things in pieces. */
static void probe_word(struct sieve *s, struct span text) {
    struct span word;
    if (has_scheme(text)) {
        const char *feed = memchr(text.at, '\n', (size_t)(s->base + s->size - text.at));
        text.len = (size_t)((feed ? feed : s->base + s->size) - text.at);
        if (words_next(&text, &word)) probe_value(&s->probe, word.at, word.len);
        return;
    }
    while (text.len > 0 && strchr(".:!?", text.at[text.len - 1]) && text.at[text.len - 1]) text.len--;
    if (text.len > 0) probe_value(&s->probe, text.at, text.len);
}

/* What stands behind the last line feed: anything. */
void sieve_last_words(struct sieve *s, struct span text) {
    struct span word;
    while (words_next(&text, &word)) probe_value(&s->probe, word.at, word.len);
}

void sieve_strange_value(struct sieve *s, enum sieve_shape shape, struct span value, bool shaped) {
    if (value.len == 0 || (!shaped && probe_is_dull(value.at, value.len))) return;
    if (shape == SIEVE_TEXT) {
        probe_word(s, value);
        return;
    }
    if (shape == SIEVE_TABLE && value.at[value.len - 1] == '\r') { /* of the line's end, as good as always */
        probe_value(&s->probe, value.at, value.len);
        if (--value.len == 0) return;
    }
    bool escaped = memchr(value.at, '\\', value.len);
    if (shape == SIEVE_JSON && escaped)
        probe_escaped_json(&s->probe, value.at, value.len);
    else if (escaped)
        probe_escaped_zeek(&s->probe, value.at, value.len);
    else
        probe_value(&s->probe, value.at, value.len);
    if (shape == SIEVE_TABLE && memchr(value.at, s->separators[1], value.len)) probe_set(s, value);
}

/* --- chunks --- */

#if defined(__x86_64__)
/* Not every compiler knows this one's name. */
static bool has_lzcnt(void) {
    unsigned a, b, c = 0, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && c >> 5 & 1;
}
#endif

/* By the instructions that meson.build allows each. */
void sieve_choose(struct sieve *s, unsigned processor) {
    s->loops = &sieve_loops_basic;
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul") && has_lzcnt();
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (avx2 && processor != 1) s->loops = &sieve_loops_avx2;
    if (avx512 && processor == 0) s->loops = &sieve_loops_avx512;
#else
    (void)processor;
#endif
}

static void begin(struct sieve *s, struct span chunk) {
    s->base = chunk.at;
    s->size = chunk.len;
    s->line_count = 0;
    probe_begin(&s->probe);
}

void sieve_json(struct sieve *s, struct span chunk) {
    begin(s, chunk);
    (void)s->loops->json(s, 0, chunk.len);
    tell_lines(s);
}

void sieve_table(struct sieve *s, struct span chunk) {
    begin(s, chunk);
    for (size_t at = 0; at < chunk.len;) {
        if (chunk.at[at] != '#') {
            at = s->loops->table(s, at, chunk.len);
            continue;
        }
        struct span rest = span_from(chunk, at), line = span_cut(&rest, '\n');
        tell_lines(s); /* by the columns they were read with */
        s->on_comment(s, line);
        probe_begin(&s->probe);
        s->lines++;
        at += line.len + 1;
    }
    tell_lines(s);
}

void sieve_text(struct sieve *s, struct span chunk) {
    begin(s, chunk);
    (void)s->loops->text(s, 0, chunk.len);
    tell_lines(s);
}
