/* Finding a binding: groups are filled one after the other, the one with least choice first, with the latest events
 * first. What is taken bounds where in time the others may lie, so that most dead ends are seen at once. */
#include "pattern/stream_layout.h"

/* Of a group of more repetitions only the latest is tried in turn and the others follow as they come: trying all
 * subsets of a thousand helps nobody, and the stack is bounded. */
enum { REPETITIONS_TRIED_MAX = 32 };
/* Which group has least choice is asked of the events this far: beyond, all have plenty. */
enum { CHOICE_COUNTED_MAX = 32 };

struct taken {
    time_us max_first, min_last; /* of the members */
    uint32_t count, top;         /* members so far; index of the latest */
};

struct search {
    const struct stream_alternative *alt;
    const struct stream_events *events;
    uint32_t *used, *trail; /* trail: what fill_by_count() took */
    uint32_t trail_count;
    uint64_t steps, limit;
    uint32_t newest, newest_group;
    struct taken taken[STREAM_GROUPS_MAX];
};

/* Where in time the next member of a group may lie: last ≥ from, first ≤ until. */
struct range {
    time_us from, until;
};

static struct range range_of(const struct search *s, uint32_t g) {
    struct range range = {-STREAM_UNBOUNDED, STREAM_UNBOUNDED};
    uint32_t n = s->alt->count;
    for (uint32_t h = 0; h < n; h++) {
        const struct taken *t = &s->taken[h];
        if (t->count == 0) continue;
        int64_t before = s->alt->bounds[g * n + h], after = s->alt->bounds[h * n + g];
        if (before < STREAM_UNBOUNDED && t->min_last + before < range.until) range.until = t->min_last + before;
        if (after < STREAM_UNBOUNDED && t->max_first - after > range.from) range.from = t->max_first - after;
    }
    return range;
}

/* How many events have first ≤ t. */
static uint32_t events_until(const struct stream_events *events, time_us t) {
    uint32_t low = 0, high = events->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (events->at[middle].first <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_candidate(const struct search *s, uint32_t g, const struct range *range, uint32_t i) {
    const struct stream_event *e = &s->events->at[i];
    const struct stream_group *group = &s->alt->groups[g];
    uint64_t class_bit = UINT64_C(1) << group->class_number;
    if (!(e->classes & class_bit) || e->last < range->from || e->first > range->until) return false;
    if (s->used[i] >= e->instances) return false;
    if (g == s->newest_group && group->times > 1 && e->spent & class_bit) return false;
    return stream_in_windows(group->windows, e->first, e->last);
}

/* The next candidate at or below index i, SIZE_MAX as UINT32_MAX when there is none. */
static uint32_t candidate_below(struct search *s, uint32_t g, const struct range *range, uint32_t i) {
    for (; i != UINT32_MAX; i--) {
        if (++s->steps > s->limit || s->events->at[i].first < range->from - s->events->longest) return UINT32_MAX;
        if (is_candidate(s, g, range, i)) return i;
    }
    return UINT32_MAX;
}

/* How many instances there are to choose from at or below index i, counted up to `enough`. */
static uint32_t choice(struct search *s, uint32_t g, const struct range *range, uint32_t i, uint32_t enough) {
    uint32_t count = 0;
    while (count < enough && (i = candidate_below(s, g, range, i)) != UINT32_MAX) {
        count += s->events->at[i].instances - s->used[i];
        i--;
    }
    return count;
}

static struct taken take(struct search *s, uint32_t g, uint32_t i) {
    struct taken *t = &s->taken[g], before = *t;
    const struct stream_event *e = &s->events->at[i];
    s->used[i]++;
    if (t->count == 0 || e->first > t->max_first) t->max_first = e->first;
    if (t->count == 0 || e->last < t->min_last) t->min_last = e->last;
    if (t->count == 0 || i > t->top) t->top = i;
    t->count++;
    return before;
}

static void give_back(struct search *s, uint32_t g, uint32_t i, struct taken before) {
    s->used[i]--;
    s->taken[g] = before;
}

static uint32_t highest(const struct search *s, uint32_t g, const struct range *range) {
    uint32_t until = events_until(s->events, range->until);
    const struct stream_group *group = &s->alt->groups[g];
    uint32_t i = until ? until - 1 : UINT32_MAX;
    if (i != UINT32_MAX && group->twin_orders && s->taken[group->twin].top < i) i = s->taken[group->twin].top;
    return i;
}

static enum stream_answer fill_rest(struct search *s);

/* Many repetitions: whatever comes next to the latest. */
static enum stream_answer fill_by_count(struct search *s, uint32_t g, uint32_t i) {
    uint32_t times = s->alt->groups[g].times, start = s->trail_count;
    struct taken before = s->taken[g];
    while (s->taken[g].count < times) {
        struct range range = range_of(s, g);
        i = candidate_below(s, g, &range, i);
        if (i == UINT32_MAX) break;
        (void)take(s, g, i);
        s->trail[s->trail_count++] = i;
    }
    enum stream_answer answer = s->taken[g].count < times ? STREAM_NO : fill_rest(s);
    if (answer == STREAM_BINDING) return answer;
    while (s->trail_count > start) s->used[s->trail[--s->trail_count]]--;
    s->taken[g] = before;
    return answer;
}

/* Adds the group's members, each at or below index i and the one before. */
static enum stream_answer fill(struct search *s, uint32_t g, uint32_t i) {
    const struct stream_group *group = &s->alt->groups[g];
    uint32_t missing = group->times - s->taken[g].count;
    if (missing == 0) return fill_rest(s);
    struct range range = range_of(s, g);
    for (; (i = candidate_below(s, g, &range, i)) != UINT32_MAX; i--) {
        if (missing > 1 && choice(s, g, &range, i, missing) < missing) break;
        struct taken before = take(s, g, i);
        enum stream_answer answer = missing > REPETITIONS_TRIED_MAX ? fill_by_count(s, g, i) : fill(s, g, i);
        if (answer == STREAM_BINDING) return answer;
        give_back(s, g, i, before);
        if (s->steps > s->limit) break;
    }
    return s->steps > s->limit ? STREAM_EXHAUSTED : STREAM_NO;
}

/* What the groups that are not full want: so many instances among the events from index low to index high. */
struct want {
    uint32_t low, high, missing;
};

/* Whether some of the groups want more events than lie where they must be taken from (Hall's condition on intervals):
 * a chain of twenty over nineteen events would otherwise be tried in all ways before it fails. */
static bool is_crowded(struct search *s, struct want *wants, uint32_t count) {
    if (count < 3 || s->events->several_instances) return false;
    for (uint32_t i = 1; i < count; i++) /* by high; they are few and mostly in order */
        for (uint32_t k = i; k > 0 && wants[k - 1].high > wants[k].high; k--) {
            struct want swap = wants[k];
            wants[k] = wants[k - 1];
            wants[k - 1] = swap;
        }
    s->steps += (uint64_t)count * count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t wanted = 0;
        for (uint32_t k = 0; k < count; k++) {
            if (wants[k].low < wants[i].low) continue;
            wanted += wants[k].missing;
            if (wanted > (uint64_t)wants[k].high - wants[i].low + 1) return true;
        }
    }
    return false;
}

/* The group with the least to choose from, of several the last (later ones are filled with later events): UINT32_MAX
 * when all are full; *hopeless when one has too little. */
static uint32_t next_group(struct search *s, bool *hopeless) {
    uint32_t best = UINT32_MAX, least = UINT32_MAX, count = 0;
    struct want wants[STREAM_GROUPS_MAX];
    for (uint32_t g = s->alt->count; g-- > 0;) {
        const struct stream_group *group = &s->alt->groups[g];
        uint32_t missing = group->times - s->taken[g].count;
        if (missing == 0) continue;
        bool waits = group->twin_orders && s->taken[group->twin].count < s->alt->groups[group->twin].times;
        if (waits) continue;
        struct range range = range_of(s, g);
        uint32_t enough = least == UINT32_MAX || least > UINT32_MAX - missing ? UINT32_MAX : missing + least;
        if (enough > missing + CHOICE_COUNTED_MAX) enough = missing + CHOICE_COUNTED_MAX;
        uint32_t high = highest(s, g, &range), choices = choice(s, g, &range, high, enough);
        *hopeless = choices < missing;
        if (*hopeless) return g;
        wants[count++] = (struct want){events_until(s->events, range.from - s->events->longest - 1), high, missing};
        if (choices - missing >= least) continue;
        least = choices - missing;
        best = g;
    }
    *hopeless = is_crowded(s, wants, count);
    return best;
}

static enum stream_answer fill_rest(struct search *s) {
    bool hopeless = false;
    uint32_t g = next_group(s, &hopeless);
    if (s->steps > s->limit) return STREAM_EXHAUSTED;
    if (hopeless) return STREAM_NO;
    if (g == UINT32_MAX) return STREAM_BINDING;
    struct range range = range_of(s, g);
    return fill(s, g, highest(s, g, &range));
}

/* Whether there are as many instances of each class, and of all together, as the alternative needs. */
static bool enough_kept(const struct search *s) {
    uint64_t needed[STREAM_CLASSES_MAX] = {0}, all = 0;
    for (uint32_t g = 0; g < s->alt->count; g++) {
        const struct stream_group *group = &s->alt->groups[g];
        needed[group->class_number] += group->times;
        if (needed[group->class_number] > s->events->of_class[group->class_number]) return false;
    }
    for (uint32_t i = 0; i < s->events->count && all < s->alt->instances; i++)
        if (s->events->at[i].classes & s->alt->classes) all += s->events->at[i].instances;
    return all >= s->alt->instances;
}

static enum stream_answer with_newest_in(struct search *s, uint32_t g) {
    const struct stream_group *group = &s->alt->groups[g];
    const struct stream_event *e = &s->events->at[s->newest];
    if (!(e->classes >> group->class_number & 1) || group->twin != STREAM_GROUPS_MAX ||
        !stream_in_windows(group->windows, e->first, e->last))
        return STREAM_NO;
    memset(s->taken, 0, s->alt->count * sizeof *s->taken);
    s->newest_group = g;
    s->trail_count = 0;
    struct taken before = take(s, g, s->newest);
    struct range range = range_of(s, g);
    enum stream_answer answer = fill(s, g, highest(s, g, &range));
    if (answer != STREAM_BINDING) give_back(s, g, s->newest, before);
    return answer;
}

enum stream_answer stream_search(const struct stream_plan *plan, const struct stream_events *events, uint32_t newest,
                                 struct stream_search_memory memory, uint64_t *repeated, uint64_t *steps) {
    struct search s = {
        .events = events, .used = memory.used, .trail = memory.trail, .limit = STREAM_STEPS, .newest = newest};
    enum stream_answer answer = STREAM_NO;
    *repeated = 0;
    for (s.alt = plan->alternatives; s.alt && answer == STREAM_NO; s.alt = s.alt->next) {
        if (!(events->at[newest].classes & s.alt->classes) || !enough_kept(&s)) continue;
        for (uint32_t g = 0; g < s.alt->count && answer == STREAM_NO; g++) {
            answer = with_newest_in(&s, g);
            if (answer == STREAM_BINDING && s.alt->groups[g].times > 1)
                *repeated = UINT64_C(1) << s.alt->groups[g].class_number;
        }
    }
    *steps += s.steps;
    return answer;
}
