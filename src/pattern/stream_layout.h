/* How a stream's plan and state lie in memory. Private to stream_plan.c (writes plans), stream_search.c (finds
 * bindings) and stream.c (keeps events). */
#ifndef RENKEI_PATTERN_STREAM_LAYOUT_H
#define RENKEI_PATTERN_STREAM_LAYOUT_H

#include "pattern/stream.h"

/* START … STOP: the observation's interval reaches into [from, until). */
struct stream_window {
    time_us from, until;
    const struct stream_window *next;
};

/* `times` different instances of one class. */
struct stream_group {
    uint8_t class_number;
    /* An earlier group that this one may change places with (a repetition of the same): it need not be tried as the
     * place of the newest event, and takes no later event than the twin does; STREAM_GROUPS_MAX = none. The first of a
     * row of repetitions orders nothing: the newest event may be in it. */
    uint8_t twin;
    bool twin_orders;
    uint32_t times;
    const struct stream_window *windows;
};

/* All groups together are a binding when for any two of them, g and h (or one, g = h), and any x of g and y of h:
 * first(x) - last(y) ≤ bounds[g * count + h]. */
struct stream_alternative {
    struct stream_group *groups;
    int64_t *bounds;
    uint32_t count;
    uint64_t classes;   /* of the groups */
    uint64_t instances; /* of all groups */
    struct stream_alternative *next;
};

struct stream_plan {
    uint32_t observation_count;
    uint8_t *class_of;                     /* by observation */
    const struct stream_window **alone_in; /* stateless: what START … STOP around the observation allow */
    bool stateless;
    bool window_by_default;
    unsigned class_count;
    const struct stream_alternative *alternatives;
    int64_t window_us; /* the largest bound */
    int64_t late_us;
    uint64_t instances; /* of the alternative that needs fewest */
};

/* The events of one scope, by `first` ascending. */
struct stream_events {
    struct stream_event *at; /* owned */
    uint32_t count, size;
    bool several_instances;                /* an event of more than one was kept */
    int64_t longest;                       /* last - first of the longest event kept so far */
    uint64_t of_class[STREAM_CLASSES_MAX]; /* instances kept */
};

static inline bool stream_in_windows(const struct stream_window *w, time_us first, time_us last) {
    for (; w; w = w->next)
        if (first >= w->until || last < w->from) return false;
    return true;
}

/* Memory of a search; each has room for STREAM_EVENTS_A_SCOPE numbers. used: all 0 between searches. */
struct stream_search_memory {
    uint32_t *used, *trail;
};

/* Looks for a binding with the event at index `newest` in it. Returns STREAM_NO, STREAM_BINDING (used[i]: how many
 * instances of event i are in it, the caller clears it; repeated: the class of which the newest is one of several
 * repetitions, a bit, or 0) or STREAM_EXHAUSTED. Counts *steps up. */
enum stream_answer stream_search(const struct stream_plan *plan, const struct stream_events *events, uint32_t newest,
                                 struct stream_search_memory memory, uint64_t *repeated, uint64_t *steps);

#endif
