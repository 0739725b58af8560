/* Probing: the values of lines against the prefilter. Keys are noted line by line and looked up many at a time, when
 * their places in the filter have arrived from memory. Private to the detect room. */
#ifndef RENKEI_DETECT_PROBE_H
#define RENKEI_DETECT_PROBE_H

#include "detect/prefilter.h"

enum {
    PROBE_KEYS = 512,        /* noted at a time; they stay in the first-level cache */
    PROBE_KEYS_A_LINE = 128, /* free at a line's start; a longer line's further keys are looked up at once */
    PROBE_LINES = 128,       /* at a time */
    PROBE_PATHS = 64,        /* at a time */
    PROBE_SCRATCH_KEPT = 1 << 18,
    PROBE_UNESCAPED = 2048 /* bytes of a value unescaped without asking for memory */
};

struct probe_line {
    const char *at;
    size_t len;
    uint32_t first_key; /* into keys; the line's end where the next one's begin */
    bool hit;           /* worth parsing */
    bool suspect;       /* looks broken */
    bool marked;        /* wanted whatever is in it */
};

struct probe {
    const struct prefilter *filter;
    struct arena *scratch; /* for the rare values that need normalising */
    bool everything;       /* every line is worth parsing */
    bool subdomains;       /* a name's parents are looked up as well */
    bool hit;              /* the line under way is worth parsing */
    bool overfull;         /* it has more keys than there is room for */
    uint32_t key_count, path_count, line_count, line_first_key;
    uint64_t keys[PROBE_KEYS + 1]; /* one for what does not fit */
    struct probe_path {
        uint32_t line; /* into lines: the one under way is line_count */
        uint64_t key;
    } paths[PROBE_PATHS];
    struct probe_line lines[PROBE_LINES];
    char unescaped[PROBE_UNESCAPED + PREFILTER_PADDING];
};

void probe_begin(struct probe *p); /* a chunk */
/* The line has ended. True when there is no more room for another: probe_judge() now, take the lines, then
 * probe_clear(). */
bool probe_end_line(struct probe *p, struct span line, bool suspect, bool marked);
/* Decides which of the lines are hits. */
void probe_judge(struct probe *p);
void probe_clear(struct probe *p);

/* One value of the line under way, followed by PREFILTER_PADDING readable bytes. */
void probe_value(struct probe *p, const char *at, size_t len);
/* One value that must be unescaped first: JSON's escapes, or Zeek's \x41. */
void probe_escaped_json(struct probe *p, const char *at, size_t len);
void probe_escaped_zeek(struct probe *p, const char *at, size_t len);
/* The same for a value of which is known that it holds nothing strange: a backslash, a colon, bytes beyond ASCII, with
 * these indicators '@', '#' and '%', a dot at its end. dotted: it is to be looked at as a name and an address. */
void probe_odd_value(struct probe *p, const char *at, size_t len, bool dotted, bool slashed, bool shaped);
/* Whether the value is a time or a MAC address: the values with colons that a log is full of. */
bool probe_is_dull(const char *at, size_t len);

static inline void probe_note(struct probe *p, uint64_t key) {
    const struct prefilter *f = p->filter;
    __builtin_prefetch(&f->bloom[((key >> 32) * f->bloom_words) >> 32]);
    p->keys[p->key_count] = key;
    if (__builtin_expect(p->key_count < PROBE_KEYS, 1)) {
        p->key_count++;
    } else {
        p->overfull = true;
        p->hit |= prefilter_has(f, key);
    }
}

void probe_note_path(struct probe *p, uint64_t key, const char *at, size_t len);

/* The common value: plain, of a wanted shape, without a dot at its end. */
static inline void probe_plain(struct probe *p, const char *at, size_t len) {
    uint64_t key = key_of_bare(at, len);
    probe_note(p, key);
    if (at[0] == '/' && p->filter->urls) probe_note_path(p, key, at, len);
}

#endif
