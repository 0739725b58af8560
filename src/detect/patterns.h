/* Full patterns beside the index: all of STIX patterning that is no look-up of a value, evaluated exactly.
 *
 *   when the index is built   detect_patterns_watch(): what the pattern needs of a line (pattern/necessary.h) goes into
 *                             the index as watches, one number a [ ]
 *   when it is loaded         detect_patterns_new(): programs, expressions of all patterns in one sieve (regexes.h)
 *   on each event             watches and expressions ──> candidates ──> event as observed-data ──> exact evaluation
 *   in the order of lines     one observation decides: a hit. Else the pattern's stream (pattern/stream.h) is fed, and
 *                             an event that completes a binding is a hit that names all its lines
 *
 * A pattern that costs too much is quarantined: named, and no more evaluated; the others go on. What is reported does
 * not depend on the number of threads.
 *
 * A set serves one run over any number of files; it keeps its streams from file to file. Beside a new set an old one
 * may go on: sets share nothing. */
#ifndef RENKEI_DETECT_PATTERNS_H
#define RENKEI_DETECT_PATTERNS_H

#include "detect/index.h"
#include "detect/scan.h"
#include "pattern/stream.h"

enum {
    DETECT_PATTERNS_MAX = 1000000,        /* programs take some kilobytes each */
    DETECT_PATTERN_STEPS = 1000000,       /* of one [ ] on one event: a tenth of a second */
    DETECT_PATTERN_STEPS_SLOW = 100000,   /* more is slow */
    DETECT_PATTERN_SLOW_MAX = 100,        /* slow events until a pattern is quarantined: a second is lost by then */
    DETECT_PATTERN_EXHAUSTED_MAX = 3,     /* likewise, events that were not decided for want of steps */
    DETECT_STREAM_EVENTS_TOTAL = 4 << 20, /* kept for all patterns together: 230 MB at most */
    DETECT_STREAM_EVENTS_MIN = 256,       /* kept for one pattern however many there are */
    DETECT_PLACES_MAX = 4096              /* lines a hit can name: a binding's */
};

/* What is kept apart: observations of different scopes are never bound together. */
enum detect_scope {
    DETECT_SCOPE_MEMBER, /* the whole run */
    DETECT_SCOPE_SENSOR, /* the folder the log lies in */
    DETECT_SCOPE_HOST    /* the side that opened the connection; events without one are a scope of their own */
};
/* "member", "sensor", "host"; false for anything else. */
bool detect_scope_parse(struct span text, enum detect_scope *out);

/* Puts what the pattern needs into the index: watches *next, *next + 1, …, one a [ ]; *next is moved on. ERR_INVALID,
 * ERR_LIMIT and ERR_UNSUPPORTED with the reason when it can never be evaluated (then *next stays). */
MUST_CHECK enum err detect_patterns_watch(struct detect_builder *b, struct span pattern, uint32_t *next,
                                          struct diag *d);

struct detect_patterns_settings {
    struct stream_settings stream; /* 0: STREAM_WINDOW_DEFAULT_US, STREAM_LATE_DEFAULT_US */
    enum detect_scope scope;
    bool mapped; /* the logs are a user's, by a mapping: they can have any object */
    /* Each hit, in the order of the lines that complete them. False stops the scan. */
    bool (*on_hit)(void *context, const struct detect_hit *hit);
    void *context;
};

struct detect_patterns;
/* Compiles the index's full patterns. *out is NULL when there are none. The index must outlive the set. */
MUST_CHECK enum err detect_patterns_new(const struct detect_index *index,
                                        const struct detect_patterns_settings *settings, struct detect_patterns **out,
                                        struct diag *d);
void detect_patterns_free(struct detect_patterns **patterns);
/* For scan_options.patterns; lives as long as the set. NULL for no set. */
const struct scan_patterns *detect_patterns_hooks(const struct detect_patterns *patterns);

struct detect_patterns_summary {
    uint32_t patterns, stateful;
    uint32_t open; /* with a [ ] that nothing can be looked for: evaluated on every event that may have its objects */
    uint32_t unsieved; /* expressions that have to be tried on every value */
    bool blind;        /* no Hyperscan: all expressions are */
    uint32_t quarantined;
    uint64_t evaluations;                              /* of [ ] on events */
    uint64_t timeless;                                 /* observations without a time: no stream can place them */
    uint64_t kept, late, dropped, exhausted, bindings; /* of all streams, see struct stream_stats */
};
struct detect_patterns_summary detect_patterns_summary(const struct detect_patterns *patterns);
/* The n-th pattern that is open, or quarantined: its indicator, and why (lives as long as the set). */
uint32_t detect_patterns_open(const struct detect_patterns *patterns, uint32_t n);
uint32_t detect_patterns_quarantined(const struct detect_patterns *patterns, uint32_t n, const char **why);

#endif
