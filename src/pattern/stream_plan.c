/* From a pattern's tree to alternatives of groups: OR is multiplied out, REPEATS copied (or, where nothing ties the
 * repetitions together, counted), FOLLOWEDBY and WITHIN become bounds between groups. */
#include "pattern/stream_layout.h"

struct builder {
    struct arena *arena;
    const struct pattern *pattern;
    const struct stream_settings *settings;
    struct diag *diag;
    struct stream_plan *plan;
    const struct pattern_node **observations; /* by number */
    bool *under_or;                           /* likewise */
};

static enum err no_memory(struct builder *b) {
    return diag_set(b->diag, ERR_NOMEM, "out of memory for a pattern's state");
}

static enum err too_much(struct builder *b, const struct pattern_node *node, const char *what, unsigned limit) {
    enum err error = diag_set(b->diag, ERR_LIMIT, "more than %u %s: more than is kept of a stream", limit, what);
    if (b->diag) diag_at(b->diag, 0, pattern_column(b->pattern->text, node->at), node->at);
    return error;
}

/* --- the [ ] of the text, and which of them are the same --- */

static uint32_t count_observations(const struct pattern_node *node) {
    if (node->kind == PATTERN_OBSERVATION) return 1;
    uint32_t count = 0;
    for (const struct pattern_node *child = node->first; child; child = child->next) count += count_observations(child);
    return count;
}

static void number_observations(struct builder *b, const struct pattern_node *node) {
    if (node->kind == PATTERN_OBSERVATION)
        b->observations[b->plan->observation_count++] = node;
    else
        for (const struct pattern_node *child = node->first; child; child = child->next) number_observations(b, child);
}

static uint32_t number_of(const struct builder *b, const struct pattern_node *observation) {
    uint32_t low = 0, high = b->plan->observation_count; /* in the order of the text */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (b->observations[middle]->at <= observation->at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static bool same_literals(const struct pattern_literal *x, const struct pattern_literal *y) {
    for (; x && y; x = x->next, y = y->next) {
        if (x->kind != y->kind || !span_equal(x->text, y->text)) return false;
        if (x->kind == PATTERN_INTEGER && x->integer != y->integer) return false;
        if (x->kind == PATTERN_FLOAT && memcmp(&x->real, &y->real, sizeof x->real) != 0) return false;
        if (x->kind == PATTERN_BOOLEAN && x->truth != y->truth) return false;
    }
    return !x && !y;
}

static bool same_test(const struct pattern_test *x, const struct pattern_test *y) {
    if (x->compare != y->compare || x->negated != y->negated || !span_equal(x->path.type, y->path.type)) return false;
    const struct pattern_step *s = x->path.steps, *t = y->path.steps;
    for (; s && t; s = s->next, t = t->next) {
        if (s->kind != t->kind) return false;
        if (s->kind == PATTERN_STEP_KEY ? !span_equal(s->key, t->key)
                                        : s->kind == PATTERN_STEP_INDEX && s->index != t->index)
            return false;
    }
    return !s && !t && same_literals(x->literals, y->literals);
}

/* Whether two [ ] are written alike, white space and comments aside. */
static bool same_comparison(const struct pattern_node *x, const struct pattern_node *y) {
    if (x->kind != y->kind) return false;
    if (x->kind == PATTERN_TEST) return same_test(x->test, y->test);
    const struct pattern_node *s = x->first, *t = y->first;
    for (; s && t; s = s->next, t = t->next)
        if (!same_comparison(s, t)) return false;
    return !s && !t;
}

enum { NO_CLASS = 255 };

/* The class of a [ ], that of one written alike if there is such. One under OR shares its class with its neighbours,
 * which may not be alike: it is not compared. */
static enum err class_of(struct builder *b, const struct pattern_node *observation, bool under_or, uint8_t *out) {
    struct stream_plan *p = b->plan;
    uint32_t number = number_of(b, observation);
    b->under_or[number] = under_or;
    for (uint32_t i = 0; !under_or && p->class_of[number] == NO_CLASS && i < p->observation_count; i++)
        if (p->class_of[i] != NO_CLASS && !b->under_or[i] && same_comparison(b->observations[i], observation))
            p->class_of[number] = p->class_of[i];
    if (p->class_of[number] == NO_CLASS) {
        if (p->class_count == STREAM_CLASSES_MAX)
            return too_much(b, observation, "different observations in one pattern", STREAM_CLASSES_MAX);
        p->class_of[number] = (uint8_t)p->class_count++;
    }
    *out = p->class_of[number];
    return ERR_NONE;
}

/* --- alternatives --- */

static struct stream_alternative *new_alternative(struct builder *b, uint32_t count) {
    struct stream_alternative *alt = arena_zalloc(b->arena, 1, sizeof *alt);
    if (!alt) return NULL;
    alt->count = count;
    alt->groups = arena_zalloc(b->arena, count, sizeof *alt->groups);
    alt->bounds = arena_zalloc(b->arena, (size_t)count * count, sizeof *alt->bounds);
    if (!alt->groups || !alt->bounds) return NULL;
    for (uint32_t i = 0; i < count * count; i++) alt->bounds[i] = STREAM_UNBOUNDED;
    return alt;
}

static uint32_t length_of(const struct stream_alternative *list) {
    uint32_t count = 0;
    for (; list; list = list->next) count++;
    return count;
}

/* Copies alt's groups and bounds into `to`, from group `at` on. */
static void place(struct stream_alternative *to, uint32_t at, const struct stream_alternative *alt) {
    for (uint32_t g = 0; g < alt->count; g++) {
        to->groups[at + g] = alt->groups[g];
        if (alt->groups[g].twin != STREAM_GROUPS_MAX) to->groups[at + g].twin = (uint8_t)(at + alt->groups[g].twin);
        for (uint32_t h = 0; h < alt->count; h++)
            to->bounds[(at + g) * to->count + at + h] = alt->bounds[g * alt->count + h];
    }
}

static enum err joined(struct builder *b, const struct pattern_node *node, const struct stream_alternative *left,
                       const struct stream_alternative *right, bool in_order, struct stream_alternative **out) {
    if (left->count + right->count > STREAM_GROUPS_MAX)
        return too_much(b, node, "observations in one binding", STREAM_GROUPS_MAX);
    struct stream_alternative *both = new_alternative(b, left->count + right->count);
    *out = both;
    if (!both) return no_memory(b);
    place(both, 0, left);
    place(both, left->count, right);
    for (uint32_t g = 0; in_order && g < left->count; g++)
        for (uint32_t h = left->count; h < both->count; h++) both->bounds[g * both->count + h] = 0;
    return ERR_NONE;
}

/* Every alternative of the left with every one of the right. */
static enum err multiply(struct builder *b, const struct pattern_node *node, const struct stream_alternative *left,
                         const struct stream_alternative *right, bool in_order, struct stream_alternative **out) {
    struct stream_alternative **end = out;
    *out = NULL;
    if (length_of(left) * length_of(right) > STREAM_ALTERNATIVES_MAX)
        return too_much(b, node, "alternatives", STREAM_ALTERNATIVES_MAX);
    for (; left; left = left->next)
        for (const struct stream_alternative *r = right; r; r = r->next) {
            enum err error = joined(b, node, left, r, in_order, end);
            if (error) return error;
            end = &(*end)->next;
        }
    return ERR_NONE;
}

static enum err build(struct builder *b, const struct pattern_node *node, struct stream_alternative **out);

static enum err build_observation(struct builder *b, const struct pattern_node *node, bool under_or,
                                  struct stream_alternative **out) {
    if (!(*out = new_alternative(b, 1))) return no_memory(b);
    (*out)->groups[0] = (struct stream_group){.times = 1, .twin = STREAM_GROUPS_MAX};
    return class_of(b, node, under_or, &(*out)->groups[0].class_number);
}

/* The [ ] directly under an OR are one class: which of them holds does not matter. */
static enum err build_either(struct builder *b, const struct pattern_node *node, struct stream_alternative **out) {
    struct stream_alternative **end = out;
    const struct pattern_node *shared = NULL;
    *out = NULL;
    for (const struct pattern_node *child = node->first; child; child = child->next) {
        if (child->kind == PATTERN_OBSERVATION && shared) continue;
        bool observation = child->kind == PATTERN_OBSERVATION;
        enum err error = observation ? build_observation(b, child, true, end) : build(b, child, end);
        if (error) return error;
        if (observation) shared = child;
        while (*end) end = &(*end)->next;
    }
    if (length_of(*out) > STREAM_ALTERNATIVES_MAX) return too_much(b, node, "alternatives", STREAM_ALTERNATIVES_MAX);
    return ERR_NONE;
}

static enum err build_chain(struct builder *b, const struct pattern_node *node, bool in_order,
                            struct stream_alternative **out) {
    enum err error = build(b, node->first, out);
    for (const struct pattern_node *child = node->first->next; !error && child; child = child->next) {
        struct stream_alternative *left = *out, *right;
        error = build(b, child, &right);
        if (!error) error = multiply(b, node, left, right, in_order, out);
    }
    return error;
}

static enum err build_within(struct builder *b, const struct pattern_node *node, struct stream_alternative **out) {
    enum err error = build(b, node->first, out);
    double us = node->within_s * (double)TIME_US_PER_S;
    int64_t bound = us < (double)STREAM_UNBOUNDED ? (int64_t)us : STREAM_UNBOUNDED;
    for (struct stream_alternative *alt = error ? NULL : *out; alt; alt = alt->next)
        for (uint32_t i = 0; i < alt->count * alt->count; i++)
            if (alt->bounds[i] > bound) alt->bounds[i] = bound;
    return error;
}

static enum err build_start_stop(struct builder *b, const struct pattern_node *node, struct stream_alternative **out) {
    enum err error = build(b, node->first, out);
    for (struct stream_alternative *alt = error ? NULL : *out; alt; alt = alt->next)
        for (uint32_t g = 0; g < alt->count; g++) {
            struct stream_window *w = arena_alloc(b->arena, sizeof *w);
            if (!w) return no_memory(b);
            *w = (struct stream_window){node->window.from->time, node->window.until->time, alt->groups[g].windows};
            alt->groups[g].windows = w;
        }
    return error;
}

/* Whether nothing ties the groups to each other or to themselves: then repeating all is repeating each. */
static bool is_loose(const struct stream_alternative *alt) {
    for (uint32_t g = 0; g < alt->count; g++)
        for (uint32_t h = 0; h < alt->count; h++) {
            /* One instance lies within any time of itself. */
            bool itself = g == h && alt->groups[g].times == 1;
            if (!itself && alt->bounds[g * alt->count + h] < STREAM_UNBOUNDED) return false;
        }
    return true;
}

static enum err repeat_one(struct builder *b, const struct pattern_node *node, struct stream_alternative *alt,
                           uint32_t times, struct stream_alternative **out) {
    *out = alt;
    if (is_loose(alt)) {
        for (uint32_t g = 0; g < alt->count; g++) {
            uint64_t total = (uint64_t)alt->groups[g].times * times;
            if (total > STREAM_EVENTS_A_SCOPE) return too_much(b, node, "repetitions", STREAM_EVENTS_A_SCOPE);
            alt->groups[g].times = (uint32_t)total;
            alt->bounds[g * alt->count + g] = STREAM_UNBOUNDED;
        }
        return ERR_NONE;
    }
    if ((uint64_t)alt->count * times > STREAM_GROUPS_MAX)
        return too_much(b, node, "observations in one binding", STREAM_GROUPS_MAX);
    struct stream_alternative *all = new_alternative(b, alt->count * times);
    if (!all) return no_memory(b);
    for (uint32_t copy = 0; copy < times; copy++) place(all, copy * alt->count, alt);
    for (uint32_t copy = 1; copy < times; copy++)
        for (uint32_t g = 0; g < alt->count; g++) {
            struct stream_group *group = &all->groups[copy * alt->count + g];
            group->twin = (uint8_t)((copy - 1) * alt->count + g);
            group->twin_orders = copy > 1 && g == 0;
        }
    *out = all;
    return ERR_NONE;
}

static enum err build_repeats(struct builder *b, const struct pattern_node *node, struct stream_alternative **out) {
    struct stream_alternative *once;
    enum err error = build(b, node->first, &once);
    if (error) return error;
    if (node->times > STREAM_EVENTS_A_SCOPE) return too_much(b, node, "repetitions", STREAM_EVENTS_A_SCOPE);
    uint32_t times = node->times > 0 ? (uint32_t)node->times : 1;
    if (!once->next) return repeat_one(b, node, once, times, out);
    *out = once;
    for (uint32_t i = 1; !error && i < times; i++) {
        struct stream_alternative *left = *out;
        error = multiply(b, node, left, once, false, out);
    }
    return error;
}

static enum err build(struct builder *b, const struct pattern_node *node, struct stream_alternative **out) {
    switch (node->kind) {
    case PATTERN_OBSERVATION:
        return build_observation(b, node, false, out);
    case PATTERN_EITHER:
        return build_either(b, node, out);
    case PATTERN_BOTH:
        return build_chain(b, node, false, out);
    case PATTERN_FOLLOWED_BY:
        return build_chain(b, node, true, out);
    case PATTERN_WITHIN:
        return build_within(b, node, out);
    case PATTERN_START_STOP:
        return build_start_stop(b, node, out);
    case PATTERN_REPEATS:
        return build_repeats(b, node, out);
    default:
        return diag_set(b->diag, ERR_INTERNAL, "a comparison where an observation should stand");
    }
}

/* --- finishing --- */

/* Gives all [ ] directly under one OR the class of the first of them. */
static void share_classes(struct builder *b, const struct pattern_node *node) {
    uint8_t class_number = NO_CLASS;
    for (const struct pattern_node *child = node->first; child; child = child->next) {
        if (child->kind != PATTERN_OBSERVATION) {
            share_classes(b, child);
        } else if (node->kind == PATTERN_EITHER) {
            uint32_t number = number_of(b, child);
            if (class_number == NO_CLASS) class_number = b->plan->class_of[number];
            b->plan->class_of[number] = class_number;
        }
    }
}

static bool same_windows(const struct stream_window *x, const struct stream_window *y) {
    for (; x && y; x = x->next, y = y->next)
        if (x->from != y->from || x->until != y->until) return false;
    return !x && !y;
}

/* Whether groups g and h are one group of more instances: alike to each other and to all else. */
static bool mergeable(const struct stream_alternative *alt, uint32_t g, uint32_t h) {
    const struct stream_group *x = &alt->groups[g], *y = &alt->groups[h];
    uint32_t n = alt->count;
    const int64_t *bounds = alt->bounds;
    int64_t between = bounds[g * n + h];
    if (x->class_number != y->class_number || !same_windows(x->windows, y->windows)) return false;
    if (between != bounds[h * n + g]) return false;
    if ((x->times > 1 && bounds[g * n + g] != between) || (y->times > 1 && bounds[h * n + h] != between)) return false;
    for (uint32_t k = 0; k < n; k++) {
        if (k == g || k == h) continue;
        if (bounds[g * n + k] != bounds[h * n + k] || bounds[k * n + g] != bounds[k * n + h]) return false;
    }
    return true;
}

static void drop_group(struct stream_alternative *alt, uint32_t gone) {
    uint32_t n = alt->count, to = 0;
    for (uint32_t g = 0; g < n; g++)
        for (uint32_t h = 0; h < n; h++)
            if (g != gone && h != gone) alt->bounds[to++] = alt->bounds[g * n + h];
    memmove(alt->groups + gone, alt->groups + gone + 1, (n - gone - 1) * sizeof *alt->groups);
    alt->count--;
}

/* [a] AND [a] is [a] REPEATS 2 TIMES: counting is faster than trying. Not where twins refer to groups by number. */
static void merge_groups(struct stream_alternative *alt) {
    for (uint32_t g = 0; g < alt->count; g++)
        if (alt->groups[g].twin != STREAM_GROUPS_MAX) return;
    for (uint32_t g = 0; g < alt->count; g++)
        for (uint32_t h = g + 1; h < alt->count;) {
            if (!mergeable(alt, g, h)) {
                h++;
                continue;
            }
            alt->bounds[g * alt->count + g] = alt->bounds[g * alt->count + h];
            alt->groups[g].times += alt->groups[h].times;
            drop_group(alt, h);
        }
}

/* The latest first_observed, the earliest last_observed that START … STOP leave open. */
static void open_times(const struct stream_group *group, time_us *before, time_us *from) {
    *before = STREAM_UNBOUNDED;
    *from = -STREAM_UNBOUNDED;
    for (const struct stream_window *w = group->windows; w; w = w->next) {
        if (w->until < *before) *before = w->until;
        if (w->from > *from) *from = w->from;
    }
}

/* How far apart the pattern itself lets two groups lie, by what START … STOP say and by way of other groups (exact for
 * observations of a moment). */
static void close_bounds(const struct stream_alternative *alt, int64_t *closed) {
    uint32_t n = alt->count;
    for (uint32_t g = 0; g < n; g++)
        for (uint32_t h = 0; h < n; h++) {
            time_us before, from, ignored;
            closed[g * n + h] = alt->bounds[g * n + h];
            open_times(&alt->groups[g], &before, &ignored);
            open_times(&alt->groups[h], &ignored, &from);
            if (before == STREAM_UNBOUNDED || from == -STREAM_UNBOUNDED) continue;
            int64_t bound = before > from ? before - from : 0;
            if (bound < closed[g * n + h]) closed[g * n + h] = bound;
        }
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t g = 0; g < n; g++)
            for (uint32_t h = 0; h < n; h++) {
                int64_t by_way = closed[g * n + k] + closed[k * n + h]; /* twice STREAM_UNBOUNDED fits */
                if (by_way < closed[g * n + h]) closed[g * n + h] = by_way;
            }
}

/* The default window between groups where the pattern sets none. */
static void bound_window(struct builder *b, struct stream_alternative *alt, int64_t *closed) {
    uint32_t n = alt->count;
    close_bounds(alt, closed);
    for (uint32_t g = 0; g < n; g++)
        for (uint32_t h = 0; h < n; h++) {
            int64_t *bound = &alt->bounds[g * n + h], far = closed[g * n + h];
            if (g == h && alt->groups[g].times == 1) {
                *bound = STREAM_UNBOUNDED; /* one instance lies within any time of itself */
                continue;
            }
            if (far >= STREAM_UNBOUNDED) {
                *bound = far = b->settings->window_us;
                b->plan->window_by_default = true;
            }
            if (far > b->plan->window_us) b->plan->window_us = far;
        }
}

/* Stateless: only OR, and qualifiers that one instance always or by its time alone fulfils. */
static bool decides_alone(const struct pattern_node *node) {
    switch (node->kind) {
    case PATTERN_OBSERVATION:
        return true;
    case PATTERN_REPEATS:
        return node->times <= 1 && decides_alone(node->first);
    case PATTERN_WITHIN:
    case PATTERN_START_STOP:
        return decides_alone(node->first);
    case PATTERN_EITHER:
        for (const struct pattern_node *child = node->first; child; child = child->next)
            if (!decides_alone(child)) return false;
        return true;
    default:
        return false;
    }
}

static enum err note_windows(struct builder *b, const struct pattern_node *node, const struct stream_window *windows) {
    if (node->kind == PATTERN_OBSERVATION) {
        b->plan->alone_in[number_of(b, node)] = windows;
        return ERR_NONE;
    }
    if (node->kind == PATTERN_START_STOP) {
        struct stream_window *w = arena_alloc(b->arena, sizeof *w);
        if (!w) return no_memory(b);
        *w = (struct stream_window){node->window.from->time, node->window.until->time, windows};
        windows = w;
    }
    enum err error = ERR_NONE;
    for (const struct pattern_node *child = node->first; !error && child; child = child->next)
        error = note_windows(b, child, windows);
    return error;
}

static enum err finish_stateful(struct builder *b, struct stream_alternative *list) {
    struct stream_plan *p = b->plan;
    share_classes(b, b->pattern->root);
    p->instances = UINT64_MAX;
    int64_t *closed = arena_zalloc(b->arena, (size_t)STREAM_GROUPS_MAX * STREAM_GROUPS_MAX, sizeof *closed);
    if (!closed) return no_memory(b);
    for (struct stream_alternative *alt = list; alt; alt = alt->next) {
        merge_groups(alt);
        bound_window(b, alt, closed);
        for (uint32_t g = 0; g < alt->count; g++) {
            alt->classes |= UINT64_C(1) << alt->groups[g].class_number;
            alt->instances += alt->groups[g].times;
        }
        if (alt->instances < p->instances) p->instances = alt->instances;
        if (alt->instances > STREAM_EVENTS_A_SCOPE)
            return too_much(b, b->pattern->root, "observations in one binding", STREAM_EVENTS_A_SCOPE);
    }
    p->alternatives = list;
    return ERR_NONE;
}

enum err stream_plan_build(struct arena *a, const struct pattern *pattern, const struct stream_settings *settings,
                           const struct stream_plan **out, struct diag *d) {
    struct stream_plan *p = arena_zalloc(a, 1, sizeof *p);
    struct builder b = {.arena = a, .pattern = pattern, .settings = settings, .diag = d, .plan = p};
    struct stream_alternative *list;
    uint32_t count = count_observations(pattern->root);
    *out = NULL;
    if (!p || !(b.observations = arena_zalloc(a, count, sizeof *b.observations)) ||
        !(b.under_or = arena_zalloc(a, count, 1)) || !(p->class_of = arena_alloc(a, count)) ||
        !(p->alone_in = arena_zalloc(a, count, sizeof *p->alone_in)))
        return no_memory(&b);
    memset(p->class_of, NO_CLASS, count);
    number_observations(&b, pattern->root);
    p->late_us = settings->late_us;
    p->instances = 1;
    p->stateless = decides_alone(pattern->root);
    enum err error = p->stateless ? note_windows(&b, pattern->root, NULL) : build(&b, pattern->root, &list);
    if (!error && !p->stateless) error = finish_stateful(&b, list);
    if (!error) *out = p;
    return error;
}

bool stream_plan_is_stateless(const struct stream_plan *plan) {
    return plan->stateless;
}

bool stream_plan_holds_alone(const struct stream_plan *plan, uint32_t observation_number, time_us first, time_us last) {
    const struct stream_window *windows = plan->alone_in[observation_number];
    if (first == TIME_NONE || last == TIME_NONE) return !windows; /* when it was is not known */
    return stream_in_windows(windows, first, last);
}

uint64_t stream_plan_class(const struct stream_plan *plan, uint32_t observation_number) {
    return UINT64_C(1) << plan->class_of[observation_number];
}

int64_t stream_plan_window_us(const struct stream_plan *plan, bool *by_default) {
    if (by_default) *by_default = plan->window_by_default;
    return plan->window_us;
}

uint64_t stream_plan_instances(const struct stream_plan *plan) {
    return plan->instances;
}
