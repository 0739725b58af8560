/* Patterns of several observations (AND, FOLLOWEDBY, WITHIN, REPEATS, START … STOP: STIX 2.1 §9.5) on a stream that
 * never ends, with bounded memory.
 *
 *   pattern ──> stream_plan: alternatives of groups, each "so many instances of that class", and between any two groups
 *               how far the one may lie behind the other
 *   event   ──> which [ ] hold on it (evaluate.h) ──> classes ──> stream_feed(): kept in its scope, by time; is there
 *               now a binding that this event completes?
 *
 * Every qualifier of the language comes down to conditions on one observation (START … STOP) or on two (FOLLOWEDBY:
 * first_observed of the left ≤ last_observed of the right; WITHIN d: no first_observed more than d behind another's
 * last_observed). As each event is tried with all that is kept, before and after it in time, the order in which events
 * arrive does not matter as long as they are kept: this is how late events are tolerated.
 *
 * On a stream whose whole extent fits the window and the memory, stream_feed() reports a binding if and only if
 * pattern_program_match() matches all its observations.
 *
 * What is reported: each event that completes a binding, once, with one binding (of the others, the latest). An event
 * that completes it as one of several REPEATS takes those with it: five repetitions a binding, ten are two bindings.
 *
 * Pure. A plan is immutable and may be shared by threads; a stream is for one thread at a time. */
#ifndef RENKEI_PATTERN_STREAM_H
#define RENKEI_PATTERN_STREAM_H

#include "pattern/pattern.h"

/* "No bound": differences and sums of any two times of the calendar stay below it, and twice it fits 64 bits. */
#define STREAM_UNBOUNDED (INT64_MAX / 4)

enum {
    STREAM_CLASSES_MAX = 64,      /* different [ ] in a stateful pattern, less those joined with OR: a bit each */
    STREAM_GROUPS_MAX = 64,       /* of one alternative; twenty observations repeated three times fit */
    STREAM_ALTERNATIVES_MAX = 64, /* OR multiplied out; ten thousand values under one OR are one class */
    STREAM_EVENTS_A_SCOPE =
        4096,                   /* kept of one scope, 64 bytes each; also the most repetitions that can be asked for */
    STREAM_EVENTS = 65536,      /* kept of one pattern in all scopes: 4 MB, so that hundreds of patterns fit a server */
    STREAM_SCOPES = 16384,      /* of one pattern: hosts of a large site; the longest silent one is forgotten */
    STREAM_SCOPE_KEY_MAX = 256, /* bytes; longer keys are cut: a host or sensor name has at most 253 */
    STREAM_STEPS = 200000       /* events looked at to find one binding: under a millisecond */
};
#define STREAM_WINDOW_DEFAULT_US (INT64_C(3600) * TIME_US_PER_S)
#define STREAM_LATE_DEFAULT_US   (INT64_C(300) * TIME_US_PER_S)

struct stream_settings {
    int64_t window_us; /* how far apart two observations may lie where the pattern does not say; over 0 */
    int64_t late_us;   /* for how long beyond its window an event is kept for those that come late */
};

struct stream_plan;

/* The plan lives in the arena and borrows nothing. ERR_LIMIT, with the limit, for a pattern that asks for more than is
 * kept of a stream: it can never be answered here. */
MUST_CHECK enum err stream_plan_build(struct arena *a, const struct pattern *pattern,
                                      const struct stream_settings *settings, const struct stream_plan **out,
                                      struct diag *d);
/* Whether one observation with one instance decides the pattern whatever came before: nothing is kept for it. */
bool stream_plan_is_stateless(const struct stream_plan *plan);
/* For stateless plans: whether the pattern holds on an observation of that time on which this [ ] holds (START … STOP
 * may forbid it). Observations are numbered in the order of the text. */
bool stream_plan_holds_alone(const struct stream_plan *plan, uint32_t observation_number, time_us first, time_us last);
/* The bit of a [ ] in stream_event.classes; alternatives share one. Stateful plans only. */
uint64_t stream_plan_class(const struct stream_plan *plan, uint32_t observation_number);
/* The farthest apart in time that two observations of a binding may lie, and whether that comes from the settings, at
 * least between some. STREAM_UNBOUNDED does not occur. */
int64_t stream_plan_window_us(const struct stream_plan *plan, bool *by_default);
/* How many instances the smallest binding has. */
uint64_t stream_plan_instances(const struct stream_plan *plan);

/* An observation on which some of the pattern's [ ] hold. */
struct stream_event {
    time_us first, last; /* first_observed, last_observed */
    uint64_t classes;    /* stream_plan_class() of those that hold; 0 is ignored */
    uint64_t place_file; /* the caller's, to find it again */
    uint64_t place_line; /* likewise */
    uint32_t instances;  /* number_observed; 0 counts as 1 */
    uint64_t spent;      /* private: classes whose repetitions it has been counted in */
};

/* The events of a binding, in the order of first_observed; valid until the next call on the stream. */
struct stream_binding {
    const struct stream_event *events;
    uint32_t count;
};

struct stream_stats {
    uint64_t fed, bindings;
    uint64_t late;           /* came more than the tolerance behind the newest of their scope */
    uint64_t dropped;        /* forgotten for want of memory while still within the window */
    uint64_t exhausted;      /* searches that ended at STREAM_STEPS without an answer */
    uint64_t steps;          /* of all searches */
    uint64_t events, scopes; /* kept now */
};

enum stream_answer {
    STREAM_NO,
    STREAM_BINDING,
    STREAM_EXHAUSTED, /* STREAM_STEPS did not suffice; the event is kept all the same */
    STREAM_NO_MEMORY
};

struct stream;
/* The plan must outlive the stream. events_max bounds what is kept in all scopes (0 = STREAM_EVENTS). */
MUST_CHECK enum err stream_new(const struct stream_plan *plan, uint32_t events_max, struct stream **out,
                               struct diag *d);
void stream_free(struct stream **stream);
enum stream_answer stream_feed(struct stream *s, struct span scope, const struct stream_event *event,
                               struct stream_binding *out);
struct stream_stats stream_stats(const struct stream *s);

#endif
