/* Many observations: what the operators between [ ] (STIX 2.1 §9.5) bind.
 *
 * First every choice in the order of the text, each [ ] on the earliest observation that is left for it: what is found
 * is the first binding, and mostly at once. The time that operators around a [ ] ask for is asked of each observation
 * as it is chosen. Where that leads into too many dead ends, the search of streams decides (stream.h), which looks
 * ahead. */
#include <stdlib.h>

#include "pattern/program.h"
#include "pattern/stream.h"

enum {
    FIRST_SHARE = 8,        /* the search for the first binding may take this part of the budget */
    FIRST_DEPTH_MAX = 4096, /* its calls within calls: under 2 MB of stack */
};
#define SCRATCH_BYTES_MAX ((size_t)64 << 20)                            /* of one [ ] on one observation */
#define EVER_US           (INT64_C(4000) * 366 * 86400 * TIME_US_PER_S) /* two times of the calendar are closer */

/* The observations that a [ ] holds on, found as far as somebody asked. */
struct holding {
    uint32_t *at;
    uint32_t count, size;
    uint32_t seen; /* observations looked at */
};

/* What the operators around a [ ] ask of the observation chosen for it. */
struct scope {
    const struct scope *outer;
    const struct pattern_node *node; /* WITHIN, START … STOP; FOLLOWEDBY: chosen[from … to) are the left side */
    uint32_t from, to;
};

/* What is left to be bound, first to last. */
struct todo {
    const struct pattern_node *node; /* for a chain: its next child; for repetitions: the child */
    enum { BIND, CHAIN, REPEAT } what;
    const struct scope *scopes;
    const struct todo *next;
    const struct pattern_node *chain; /* CHAIN: the operator */
    uint32_t from;                    /* CHAIN: chosen before it */
    int64_t times;                    /* REPEAT: still to do */
    uint32_t nth;                     /* REPEAT of a [ ]: where in its holding the one before stands */
};

struct combination {
    const struct pattern_program *program;
    const struct pattern_observation *observations;
    uint32_t count;
    struct arena *arena;
    struct arena scratch;
    struct pattern_budget *budget;
    const struct pattern_node **brackets; /* the [ ], by number */
    struct holding *holdings;             /* likewise */
    uint32_t *used;                       /* instances taken of each observation */
    uint32_t *chosen;                     /* in the order of the text */
    uint32_t chosen_count, chosen_size;
    uint64_t steps; /* of the search for the first binding */
    uint32_t depth;
    bool gave_up, no_memory;
};

int64_t within_us(const struct pattern_node *within) {
    double us = within->within_s * (double)TIME_US_PER_S;
    return us < (double)(INT64_MAX / 4) ? (int64_t)us : INT64_MAX / 4;
}

static bool grow(struct combination *c, uint32_t **numbers, uint32_t *size, uint32_t count) {
    if (count < *size) return true;
    uint32_t larger = *size ? *size * 2 : 16;
    uint32_t *grown = arena_alloc(c->arena, sizeof *grown * larger);
    if (!grown) {
        c->no_memory = c->gave_up = true;
        return false;
    }
    if (count) memcpy(grown, *numbers, sizeof *grown * count);
    *numbers = grown;
    *size = larger;
    return true;
}

/* The nth observation that a [ ] holds on; UINT32_MAX when there are not so many. */
static uint32_t nth_holding(struct combination *c, uint32_t number, uint32_t nth) {
    struct holding *h = &c->holdings[number];
    while (h->count <= nth && h->seen < c->count && !c->budget->spent_up) {
        uint32_t i = h->seen++;
        arena_reset(&c->scratch);
        if (!pattern_program_holds(c->program, number, &c->observations[i], &c->scratch, c->budget, NULL)) continue;
        if (!grow(c, &h->at, &h->size, h->count)) return UINT32_MAX;
        h->at[h->count++] = i;
    }
    return nth < h->count ? h->at[nth] : UINT32_MAX;
}

static uint32_t number_of(const struct combination *c, const struct pattern_node *bracket) {
    uint32_t low = 0, high = c->program->observation_count; /* by place in the text, ascending */
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->brackets[middle]->at <= bracket->at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* --- what the operators around ask --- */

static bool is_within(const struct combination *c, const struct scope *s, const struct pattern_observation *o) {
    time_us latest = o->first_observed, earliest = o->last_observed;
    for (uint32_t i = s->from; i < c->chosen_count; i++) {
        const struct pattern_observation *other = &c->observations[c->chosen[i]];
        if (other->first_observed > latest) latest = other->first_observed;
        if (other->last_observed < earliest) earliest = other->last_observed;
    }
    return latest - earliest <= within_us(s->node);
}

static bool follows(const struct combination *c, const struct scope *s, const struct pattern_observation *o) {
    for (uint32_t i = s->from; i < s->to; i++)
        if (c->observations[c->chosen[i]].first_observed > o->last_observed) return false;
    return true;
}

/* START is in the window, STOP is not; both are touched by what was observed in between (§9.5.1). */
static bool is_in_window(const struct pattern_node *node, const struct pattern_observation *o) {
    time_us from = node->window.from->time, until = node->window.until->time;
    return from != TIME_NONE && until != TIME_NONE && from < until && o->first_observed < until &&
           o->last_observed >= from;
}

static bool is_admitted(const struct combination *c, const struct scope *s, uint32_t observation) {
    const struct pattern_observation *o = &c->observations[observation];
    for (; s; s = s->outer) {
        bool admitted = s->node->kind == PATTERN_WITHIN       ? is_within(c, s, o)
                        : s->node->kind == PATTERN_START_STOP ? is_in_window(s->node, o)
                                                              : follows(c, s, o);
        if (!admitted) return false;
    }
    return true;
}

/* --- the search --- */

static bool run(struct combination *c, const struct todo *todo);

static bool bind_bracket(struct combination *c, const struct pattern_node *bracket, const struct scope *scopes,
                         uint32_t nth, struct todo *repeat, const struct todo *next) {
    uint32_t number = number_of(c, bracket), i;
    for (; (i = nth_holding(c, number, nth)) != UINT32_MAX; nth++) {
        if (c->steps == 0 || c->gave_up || !budget_take(c->budget, 1)) break;
        c->steps--;
        if (c->used[i] >= c->observations[i].number_observed || !is_admitted(c, scopes, i)) continue;
        if (!grow(c, &c->chosen, &c->chosen_size, c->chosen_count)) break;
        c->used[i]++;
        c->chosen[c->chosen_count++] = i;
        if (repeat) repeat->nth = nth;
        if (run(c, next)) return true;
        c->chosen_count--;
        c->used[i]--;
    }
    if (c->steps == 0 || c->budget->spent_up) c->gave_up = true;
    return false;
}

static bool run_chain(struct combination *c, const struct todo *todo) {
    bool follows_something = todo->chain->kind == PATTERN_FOLLOWED_BY && todo->node != todo->chain->first;
    const struct scope after = {todo->scopes, todo->chain, todo->from, c->chosen_count};
    struct todo rest = *todo;
    rest.node = todo->node->next;
    const struct todo child = {.node = todo->node,
                               .scopes = follows_something ? &after : todo->scopes,
                               .next = rest.node ? &rest : todo->next};
    return run(c, &child);
}

static bool run_repeat(struct combination *c, const struct todo *todo) {
    if (todo->times <= 0) return run(c, todo->next);
    struct todo rest = *todo;
    rest.times--;
    /* Repetitions of one [ ] may change places: one order of them is tried. */
    if (todo->node->kind == PATTERN_OBSERVATION)
        return bind_bracket(c, todo->node, todo->scopes, todo->nth, &rest, &rest);
    const struct todo child = {.node = todo->node, .scopes = todo->scopes, .next = &rest};
    return run(c, &child);
}

static bool run_either(struct combination *c, const struct todo *todo) {
    for (const struct pattern_node *child = todo->node->first; child && !c->gave_up; child = child->next) {
        const struct todo one = {.node = child, .scopes = todo->scopes, .next = todo->next};
        if (run(c, &one)) return true;
    }
    return false;
}

static bool run_bind(struct combination *c, const struct todo *todo) {
    const struct pattern_node *node = todo->node;
    struct todo inner = {.node = node->first, .scopes = todo->scopes, .next = todo->next};
    const struct scope scope = {todo->scopes, node, c->chosen_count, 0};
    switch (node->kind) {
    case PATTERN_OBSERVATION:
        return bind_bracket(c, node, todo->scopes, 0, NULL, todo->next);
    case PATTERN_EITHER:
        return run_either(c, todo);
    case PATTERN_BOTH:
    case PATTERN_FOLLOWED_BY:
        inner.what = CHAIN;
        inner.chain = node;
        inner.from = c->chosen_count;
        return run(c, &inner);
    case PATTERN_REPEATS:
        inner.what = REPEAT;
        inner.times = node->times;
        return run(c, &inner);
    default: /* WITHIN, START … STOP */
        inner.scopes = &scope;
        return run(c, &inner);
    }
}

static bool run(struct combination *c, const struct todo *todo) {
    static bool (*const runners[])(struct combination *, const struct todo *) = {
        [BIND] = run_bind, [CHAIN] = run_chain, [REPEAT] = run_repeat};
    if (!todo) return true;
    if (c->depth == FIRST_DEPTH_MAX || c->gave_up) {
        c->gave_up = true;
        return false;
    }
    c->depth++;
    bool bound = runners[todo->what](c, todo);
    c->depth--;
    return bound;
}

/* --- where that gives up: as if the observations came on a stream that keeps all --- */

static uint64_t classes_of(const struct combination *c, const struct stream_plan *plan, uint32_t *nth, uint32_t i) {
    uint64_t classes = 0;
    for (uint32_t number = 0; number < c->program->observation_count; number++) {
        const struct holding *h = &c->holdings[number];
        if (nth[number] == h->count || h->at[nth[number]] != i) continue;
        nth[number]++;
        classes |= stream_plan_class(plan, number);
    }
    return classes;
}

static enum err give_up(const struct combination *c, struct diag *d) {
    if (c->no_memory) return diag_set(d, ERR_NOMEM, "no memory for the observations of a pattern");
    c->budget->spent_up = true;
    return diag_set(d, ERR_LIMIT, "the budget of steps did not suffice to decide the pattern");
}

static enum err feed(struct combination *c, const struct stream_plan *plan, struct stream *stream, bool *matched,
                     struct diag *d) {
    struct stream_binding binding = {0};
    enum stream_answer answer = STREAM_NO;
    uint32_t *nth = arena_zalloc(c->arena, c->program->observation_count, sizeof *nth);
    if (!nth) return diag_set(d, ERR_NOMEM, "no memory for the observations of a pattern");
    for (uint32_t i = 0; i < c->count && answer != STREAM_BINDING; i++) {
        const struct pattern_observation *o = &c->observations[i];
        struct stream_event event = {.first = o->first_observed,
                                     .last = o->last_observed,
                                     .classes = classes_of(c, plan, nth, i),
                                     .place_line = i,
                                     .instances = o->number_observed};
        if (!event.classes) continue;
        answer = stream_feed(stream, SPAN("all"), &event, &binding);
        if (answer == STREAM_NO_MEMORY) return diag_set(d, ERR_NOMEM, "no memory for the observations of a pattern");
        if (!budget_take(c->budget, 1)) return give_up(c, d);
    }
    struct stream_stats stats = stream_stats(stream);
    if (answer != STREAM_BINDING && (stats.exhausted || stats.dropped || stats.late)) return give_up(c, d);
    *matched = answer == STREAM_BINDING;
    memset(c->used, 0, sizeof *c->used * c->count);
    for (uint32_t i = 0; *matched && i < binding.count; i++) c->used[binding.events[i].place_line]++;
    return ERR_NONE;
}

static enum err decide_on_stream(struct combination *c, bool *matched, struct diag *d) {
    const struct stream_settings all = {.window_us = EVER_US, .late_us = EVER_US};
    const struct stream_plan *plan = NULL;
    struct stream *stream = NULL;
    if (c->no_memory || c->budget->spent_up) return give_up(c, d);
    for (uint32_t number = 0; number < c->program->observation_count; number++)
        (void)nth_holding(c, number, UINT32_MAX - 1);
    if (c->no_memory || c->budget->spent_up) return give_up(c, d);
    enum err e = stream_plan_build(c->arena, c->program->pattern, &all, &plan, d);
    if (e) return e;
    if (stream_plan_is_stateless(plan)) return give_up(c, d);
    e = stream_new(plan, 0, &stream, d);
    if (!e) e = feed(c, plan, stream, matched, d);
    stream_free(&stream);
    return e;
}

/* --- */

static void list_brackets(struct combination *c, const struct pattern_node *node, uint32_t *number) {
    if (node->kind == PATTERN_OBSERVATION) {
        c->brackets[(*number)++] = node;
        return;
    }
    for (const struct pattern_node *child = node->first; child; child = child->next) list_brackets(c, child, number);
}

static enum err binding_of(const struct combination *c, uint32_t **binding, uint32_t *binding_count, struct diag *d) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->count; i++) count += c->used[i] > 0;
    *binding = arena_alloc(c->arena, sizeof **binding * (count ? count : 1));
    if (!*binding) return diag_set(d, ERR_NOMEM, "no memory for the observations of a pattern");
    for (uint32_t i = 0; i < c->count; i++)
        if (c->used[i]) (*binding)[(*binding_count)++] = i;
    return ERR_NONE;
}

enum err pattern_program_match(const struct pattern_program *program, const struct pattern_observation *observations,
                               uint32_t count, struct arena *a, struct pattern_budget *budget, bool *matched,
                               uint32_t **binding, uint32_t *binding_count, struct diag *d) {
    uint32_t number = 0, brackets = program->observation_count;
    bool alone = program->pattern->root->kind == PATTERN_OBSERVATION;
    struct combination c = {.program = program,
                            .observations = observations,
                            .count = count,
                            .arena = a,
                            .budget = budget,
                            .steps = alone ? UINT64_MAX : budget->steps / FIRST_SHARE + 1};
    *matched = false;
    *binding = NULL;
    *binding_count = 0;
    c.brackets = arena_alloc(a, sizeof(struct pattern_node *) * brackets);
    c.holdings = arena_zalloc(a, brackets, sizeof *c.holdings);
    c.used = arena_zalloc(a, count ? count : 1, sizeof *c.used);
    if (!c.brackets || !c.holdings || !c.used)
        return diag_set(d, ERR_NOMEM, "no memory for the observations of a pattern");
    arena_init(&c.scratch, SCRATCH_BYTES_MAX);
    list_brackets(&c, program->pattern->root, &number);
    const struct todo all = {.node = program->pattern->root};
    *matched = run(&c, &all);
    enum err e = !*matched && c.gave_up ? decide_on_stream(&c, matched, d) : ERR_NONE;
    if (!e && *matched) e = binding_of(&c, binding, binding_count, d);
    arena_free(&c.scratch);
    return e;
}
