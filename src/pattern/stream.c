/* What is kept: a scope's events by time. Scopes stand in a hash table and in a list by when they were last fed. */
#include "pattern/stream.h"

#include <stdlib.h>

#include "base/hash.h"
#include "pattern/stream_layout.h"

enum { FIRST_EVENTS = 4, FIRST_SCOPES = 16 };
#define NO_SCOPE UINT32_MAX

struct scope {
    char *key; /* owned; NULL: a free place */
    size_t key_len;
    uint32_t chain;           /* next in the bucket, or next free place */
    uint32_t fresher, staler; /* by when they were fed */
    time_us recent;           /* of the event fed last */
    struct stream_events events;
};

struct stream {
    const struct stream_plan *plan;
    struct scope *scopes; /* owned */
    uint32_t scope_count, scope_size, scopes_kept;
    uint32_t *buckets; /* owned; bucket_mask + 1 */
    uint32_t bucket_mask;
    uint32_t free_place, freshest, stalest;
    uint32_t events_max;
    struct stream_search_memory memory;
    struct stream_event *binding; /* owned; STREAM_EVENTS_A_SCOPE */
    uint32_t *members;            /* likewise */
    struct stream_stats stats;
};

enum err stream_new(const struct stream_plan *plan, uint32_t events_max, struct stream **out, struct diag *d) {
    struct stream *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) return diag_set(d, ERR_NOMEM, "out of memory for a pattern's state");
    s->plan = plan;
    s->events_max = events_max ? events_max : STREAM_EVENTS;
    s->free_place = s->freshest = s->stalest = NO_SCOPE;
    return ERR_NONE;
}

void stream_free(struct stream **stream) {
    struct stream *s = *stream;
    if (!s) return;
    for (uint32_t i = 0; i < s->scope_count; i++) {
        free(s->scopes[i].key);
        free(s->scopes[i].events.at);
    }
    free(s->scopes);
    free(s->buckets);
    free(s->memory.used);
    free(s->memory.trail);
    free(s->binding);
    free(s->members);
    free(s);
    *stream = NULL;
}

/* Most patterns never meet an event: the memory of searching is taken at the first. */
static bool prepare(struct stream *s) {
    if (s->buckets) return true;
    if (!s->memory.used) s->memory.used = calloc(STREAM_EVENTS_A_SCOPE, sizeof *s->memory.used);
    if (!s->memory.trail) s->memory.trail = calloc(STREAM_EVENTS_A_SCOPE, sizeof *s->memory.trail);
    if (!s->members) s->members = calloc(STREAM_EVENTS_A_SCOPE, sizeof *s->members);
    if (!s->memory.used || !s->memory.trail || !s->members) return false;
    s->buckets = malloc(FIRST_SCOPES * 2 * sizeof *s->buckets);
    if (!s->buckets) return false;
    s->bucket_mask = FIRST_SCOPES * 2 - 1;
    memset(s->buckets, 0xff, (s->bucket_mask + 1) * sizeof *s->buckets);
    return true;
}

/* --- scopes --- */

static uint32_t *bucket_of(struct stream *s, struct span key) {
    return &s->buckets[hash64(key, (uint64_t)(uintptr_t)s) & s->bucket_mask];
}

static void unlink_scope(struct stream *s, uint32_t at) {
    struct scope *x = &s->scopes[at];
    *(x->fresher == NO_SCOPE ? &s->freshest : &s->scopes[x->fresher].staler) = x->staler;
    *(x->staler == NO_SCOPE ? &s->stalest : &s->scopes[x->staler].fresher) = x->fresher;
}

static void make_freshest(struct stream *s, uint32_t at) {
    struct scope *x = &s->scopes[at];
    x->fresher = NO_SCOPE;
    x->staler = s->freshest;
    *(s->freshest == NO_SCOPE ? &s->stalest : &s->scopes[s->freshest].fresher) = at;
    s->freshest = at;
}

static bool within(const struct stream *s, time_us a, time_us b) {
    int64_t apart = a > b ? a - b : b - a;
    return apart <= s->plan->window_us + s->plan->late_us;
}

/* Forgets the scope that was silent longest. Its events count as dropped when an event of now could still need them. */
static void forget_stalest(struct stream *s, time_us now) {
    uint32_t at = s->stalest;
    struct scope *x = &s->scopes[at];
    for (uint32_t i = 0; i < x->events.count; i++) s->stats.dropped += within(s, x->events.at[i].last, now);
    s->stats.events -= x->events.count;
    uint32_t *link = bucket_of(s, span_of(x->key, x->key_len));
    while (*link != at) link = &s->scopes[*link].chain;
    *link = x->chain;
    unlink_scope(s, at);
    free(x->key);
    free(x->events.at);
    *x = (struct scope){.chain = s->free_place};
    s->free_place = at;
    s->scopes_kept--;
}

static bool grow_scopes(struct stream *s) {
    uint32_t size = s->scope_size ? s->scope_size * 2 : FIRST_SCOPES;
    struct scope *scopes = realloc(s->scopes, size * sizeof *scopes);
    if (!scopes) return false;
    s->scopes = scopes;
    s->scope_size = size;
    uint32_t *buckets = malloc(size * 2 * sizeof *buckets);
    if (!buckets) return false;
    free(s->buckets);
    s->buckets = buckets;
    s->bucket_mask = size * 2 - 1;
    memset(buckets, 0xff, size * 2 * sizeof *buckets);
    for (uint32_t i = 0; i < s->scope_count; i++) {
        if (!scopes[i].key) continue;
        uint32_t *bucket = bucket_of(s, span_of(scopes[i].key, scopes[i].key_len));
        scopes[i].chain = *bucket;
        *bucket = i;
    }
    return true;
}

static struct scope *scope_for(struct stream *s, struct span key, time_us now) {
    key = span_first(key, STREAM_SCOPE_KEY_MAX);
    for (uint32_t at = *bucket_of(s, key); at != NO_SCOPE; at = s->scopes[at].chain) {
        struct scope *x = &s->scopes[at];
        if (!span_equal(span_of(x->key, x->key_len), key)) continue;
        unlink_scope(s, at);
        make_freshest(s, at);
        return x;
    }
    if (s->scopes_kept == STREAM_SCOPES) forget_stalest(s, now);
    uint32_t at = s->free_place;
    if (at == NO_SCOPE && s->scope_count == s->scope_size && !grow_scopes(s)) return NULL;
    char *copy = malloc(key.len + 1);
    if (!copy) return NULL;
    if (key.len) memcpy(copy, key.at, key.len);
    if (at == NO_SCOPE)
        at = s->scope_count++;
    else
        s->free_place = s->scopes[at].chain;
    uint32_t *bucket = bucket_of(s, key);
    s->scopes[at] = (struct scope){.key = copy, .key_len = key.len, .chain = *bucket, .recent = now};
    *bucket = at;
    s->scopes_kept++;
    make_freshest(s, at);
    return &s->scopes[at];
}

/* --- events --- */

static void count_classes(struct stream_events *events, const struct stream_event *e, bool in) {
    for (uint64_t bits = e->classes; bits; bits &= bits - 1) {
        uint64_t *count = &events->of_class[__builtin_ctzll(bits)];
        *count = in ? *count + e->instances : *count - e->instances;
    }
}

static void remove_events(struct stream *s, struct stream_events *events, uint32_t from, uint32_t count) {
    for (uint32_t i = from; i < from + count; i++) count_classes(events, &events->at[i], false);
    memmove(events->at + from, events->at + from + count, (events->count - from - count) * sizeof *events->at);
    events->count -= count;
    s->stats.events -= count;
}

/* Forgets what no event about `now` needs, before and after it. */
static void expire(struct stream *s, struct stream_events *events, time_us now) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < events->count; i++) {
        if (within(s, events->at[i].last, now) || within(s, events->at[i].first, now))
            events->at[kept++] = events->at[i];
        else
            count_classes(events, &events->at[i], false);
    }
    s->stats.events -= events->count - kept;
    events->count = kept;
}

/* Makes room by forgetting events at the end that lies farther from now: one, or many at once where a flood would have
 * the next ones follow. */
static void forget_farthest(struct stream *s, struct stream_events *events, time_us now) {
    const struct stream_event *first = &events->at[0], *last = &events->at[events->count - 1];
    bool old = now - first->first >= last->first - now;
    uint32_t count = old ? 1 + events->count / 16 : 1, from = old ? 0 : events->count - 1;
    for (uint32_t i = from; i < from + count; i++)
        s->stats.dropped += within(s, events->at[i].last, now) || within(s, events->at[i].first, now);
    remove_events(s, events, from, count);
}

static bool make_room(struct stream *s, struct scope *x, time_us now) {
    struct stream_events *events = &x->events;
    while (s->stats.events >= s->events_max && s->stalest != (uint32_t)(x - s->scopes)) forget_stalest(s, now);
    if (s->stats.events >= s->events_max && events->count > 0) forget_farthest(s, events, x->recent);
    if (events->count < events->size) return true;
    /* A clock that jumps says nothing of what is past: only an event near the one before may make others old. */
    if (within(s, now, x->recent)) expire(s, events, now);
    /* When expiring freed little, it would soon have to be done again. */
    if (events->count < events->size - events->size / 4) return true;
    if (events->size == STREAM_EVENTS_A_SCOPE) {
        if (events->count == events->size) forget_farthest(s, events, x->recent);
        return true;
    }
    uint32_t size = events->size ? events->size * 2 : FIRST_EVENTS;
    struct stream_event *bigger = realloc(events->at, size * sizeof *bigger);
    if (!bigger) return events->count < events->size;
    events->at = bigger;
    events->size = size;
    return true;
}

/* Puts the event in its place by time, after those of the same; returns the place. */
static uint32_t insert(struct stream *s, struct stream_events *events, const struct stream_event *event) {
    uint32_t at = events->count;
    while (at > 0 && events->at[at - 1].first > event->first) at--;
    memmove(events->at + at + 1, events->at + at, (events->count - at) * sizeof *events->at);
    events->at[at] = *event;
    events->count++;
    s->stats.events++;
    if (event->last - event->first > events->longest) events->longest = event->last - event->first;
    if (event->instances > 1) events->several_instances = true;
    count_classes(events, event, true);
    return at;
}

static time_us on_the_calendar(time_us t) {
    return t < -STREAM_UNBOUNDED / 2 ? -STREAM_UNBOUNDED / 2 : t > STREAM_UNBOUNDED / 2 ? STREAM_UNBOUNDED / 2 : t;
}

/* Copies the binding out, marks what is spent, and clears `used`. */
static bool report(struct stream *s, struct stream_events *events, uint64_t repeated, struct stream_binding *out) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < events->count; i++) {
        if (!s->memory.used[i]) continue;
        s->memory.used[i] = 0;
        s->members[count++] = i;
    }
    if (!s->binding) s->binding = malloc(STREAM_EVENTS_A_SCOPE * sizeof *s->binding);
    if (!s->binding) return false;
    for (uint32_t i = 0; i < count; i++) {
        struct stream_event *e = &events->at[s->members[i]];
        s->binding[i] = *e;
        e->spent |= e->classes & repeated;
    }
    *out = (struct stream_binding){s->binding, count};
    s->stats.bindings++;
    return true;
}

enum stream_answer stream_feed(struct stream *s, struct span scope, const struct stream_event *event,
                               struct stream_binding *out) {
    struct stream_event e = *event;
    *out = (struct stream_binding){0};
    if (e.classes == 0) return STREAM_NO;
    if (e.instances == 0) e.instances = 1;
    e.first = on_the_calendar(e.first); /* sums with bounds must not overflow */
    e.last = on_the_calendar(e.last);
    if (e.last < e.first) e.last = e.first;
    e.spent = 0;
    if (!prepare(s)) return STREAM_NO_MEMORY;
    struct scope *x = scope_for(s, scope, e.first);
    if (!x || !make_room(s, x, e.first)) return STREAM_NO_MEMORY;
    s->stats.fed++;
    s->stats.late += e.first < x->recent && x->recent - e.first > s->plan->late_us;
    x->recent = e.first;
    uint32_t newest = insert(s, &x->events, &e);
    uint64_t repeated;
    enum stream_answer answer = stream_search(s->plan, &x->events, newest, s->memory, &repeated, &s->stats.steps);
    if (answer == STREAM_EXHAUSTED) s->stats.exhausted++;
    if (answer == STREAM_BINDING && !report(s, &x->events, repeated, out)) return STREAM_NO_MEMORY;
    return answer;
}

struct stream_stats stream_stats(const struct stream *s) {
    struct stream_stats stats = s->stats;
    stats.scopes = s->scopes_kept;
    return stats;
}
