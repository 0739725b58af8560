/* How a set of full patterns lies in memory. Private to patterns.c (builds) and patterns_event.c (evaluates). */
#ifndef RENKEI_DETECT_PATTERNS_LAYOUT_H
#define RENKEI_DETECT_PATTERNS_LAYOUT_H

#include <stdatomic.h>

#include "base/map.h"
#include "detect/patterns.h"
#include "detect/regexes.h"
#include "pattern/evaluate.h"

/* The watch of all [ ] whose expressions have to be tried on every value. */
#define WATCH_VALUES (DETECT_WATCHES_MAX - 1)

enum { PATTERNS_ARENA_MAX = 1 << 30, EVENT_ARENA_KEPT = 1 << 20, EVENT_ARENA_MAX = 256 << 20 };

struct full_pattern {
    uint32_t indicator;
    uint32_t first_watch, watch_count; /* its [ ] */
    struct pattern_program *program;
    const struct stream_plan *plan;
    struct stream *stream; /* owned; NULL for stateless ones */
    bool open, superseded;
    atomic_bool quarantined; /* a hint to the threads; decided at delivery */
    uint32_t slow, exhausted;
    const char *why;
};

/* What one thread needs. */
struct pattern_thread {
    struct arena arena;
    struct regexes_memory *words, *values;
    uint32_t *seen; /* by watch: the number of the event it was last a candidate of */
    uint32_t event;
    uint32_t *candidates; /* watches */
    uint32_t candidate_count;
    uint64_t evaluations;
};

struct detect_patterns {
    const struct detect_index *index;
    struct detect_patterns_settings settings;
    struct scan_patterns hooks;
    struct arena arena;
    struct full_pattern *patterns;
    uint32_t count, watch_count;
    uint32_t *pattern_of; /* by watch */
    uint32_t *elsewhere;  /* watches of objects that no network log has, and for which nothing is looked up */
    uint32_t elsewhere_count;
    bool elsewhere_values;  /* likewise, of those whose expressions are tried on every value */
    bool all_lines;         /* the logs are mapped, and some of those are wanted: no line is passed by */
    struct regexes *words;  /* in raw lines; NULL: none */
    struct regexes *values; /* in values; number = watch; NULL: none */
    struct pattern_thread *threads[SCAN_THREADS_MAX]; /* made when first used */
    struct map files;                                 /* name → number */
    struct span *file_names;
    uint32_t file_size;
    uint64_t timeless;
    uint32_t quarantined;
    struct detect_place *places; /* DETECT_PLACES_MAX */
};

/* What a thread tells at delivery, followed by the texts. */
struct pattern_note {
    time_us first, last;
    uint64_t classes;
    uint32_t instances;
    int32_t src_port, dst_port;
    uint16_t log, value, src, dst, scope; /* lengths of the texts */
    uint8_t kind;
    bool holds, slow, exhausted;
};

/* Whether a comparison can hold on what logs have without a mapping. */
bool patterns_want_network(const struct pattern_node *comparison);

void patterns_find(void *context, unsigned thread, struct span chunk, void (*found)(void *sink, size_t offset),
                   void *sink);
bool patterns_on_event(void *context, unsigned thread, const struct detect_event *event, struct span line,
                       const uint32_t *watches, uint32_t count, bool found, struct scan_sink *sink);
bool patterns_on_note(void *context, const struct scan_note *note);

#endif
