/* Bindings on streams against an enumeration of all sets of instances, straight from STIX 2.1 §9.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "pattern/stream.h"

enum { INSTANCES_MAX = 9, SETS = 1 << INSTANCES_MAX, LEAVES = 5 };

/* A leaf is [x:v = n]; what holds on an event is a bit for each n. */
struct history {
    struct stream_event events[INSTANCES_MAX];
    uint32_t count;
    uint8_t of[INSTANCES_MAX]; /* the event of an instance */
    uint32_t instances;
};

static uint64_t seed = 1;
static uint32_t under(uint32_t n) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

/* --- the enumeration --- */

struct sets {
    bool in[SETS];
};

static const struct stream_event *event_of(const struct history *h, unsigned instance) {
    return &h->events[h->of[instance]];
}

static void bounds_of(const struct history *h, unsigned set, time_us *max_first, time_us *min_last) {
    *max_first = INT64_MIN;
    *min_last = INT64_MAX;
    for (unsigned i = 0; i < h->instances; i++) {
        if (!(set >> i & 1)) continue;
        if (event_of(h, i)->first > *max_first) *max_first = event_of(h, i)->first;
        if (event_of(h, i)->last < *min_last) *min_last = event_of(h, i)->last;
    }
}

static struct sets *enumerate(const struct history *h, const struct pattern_node *node);

static struct sets *join(const struct history *h, struct sets *left, struct sets *right, bool in_order) {
    struct sets *both = calloc(1, sizeof *both);
    for (unsigned l = 1; l < 1u << h->instances; l++) {
        if (!left->in[l]) continue;
        time_us max_first, min_last, ignored;
        bounds_of(h, l, &max_first, &ignored);
        for (unsigned r = 1; r < 1u << h->instances; r++) {
            if (!right->in[r] || l & r) continue;
            bounds_of(h, r, &ignored, &min_last);
            if (!in_order || max_first <= min_last) both->in[l | r] = true;
        }
    }
    free(left);
    return both;
}

static bool keeps(const struct history *h, const struct pattern_node *node, unsigned set) {
    time_us max_first, min_last;
    bounds_of(h, set, &max_first, &min_last);
    if (node->kind == PATTERN_WITHIN) return max_first - min_last <= (int64_t)(node->within_s * 1e6);
    for (unsigned i = 0; i < h->instances; i++)
        if (set >> i & 1 &&
            (event_of(h, i)->first >= node->window.until->time || event_of(h, i)->last < node->window.from->time))
            return false;
    return true;
}

static struct sets *enumerate(const struct history *h, const struct pattern_node *node) {
    struct sets *out;
    switch (node->kind) {
    case PATTERN_OBSERVATION:
        out = calloc(1, sizeof *out);
        for (unsigned i = 0; i < h->instances; i++)
            if (event_of(h, i)->classes >> node->first->test->literals->integer & 1) out->in[1u << i] = true;
        return out;
    case PATTERN_EITHER:
        out = calloc(1, sizeof *out);
        for (const struct pattern_node *child = node->first; child; child = child->next) {
            struct sets *one = enumerate(h, child);
            for (unsigned set = 0; set < SETS; set++) out->in[set] |= one->in[set];
            free(one);
        }
        return out;
    case PATTERN_BOTH:
    case PATTERN_FOLLOWED_BY:
        out = enumerate(h, node->first);
        for (const struct pattern_node *child = node->first->next; child; child = child->next) {
            struct sets *one = enumerate(h, child);
            out = join(h, out, one, node->kind == PATTERN_FOLLOWED_BY);
            free(one);
        }
        return out;
    case PATTERN_REPEATS: {
        struct sets *once = enumerate(h, node->first);
        out = calloc(1, sizeof *out);
        *out = *once;
        for (int64_t i = 1; i < node->times; i++) out = join(h, out, once, false);
        free(once);
        return out;
    }
    default:
        out = enumerate(h, node->first);
        for (unsigned set = 1; set < SETS; set++) out->in[set] = out->in[set] && keeps(h, node, set);
        return out;
    }
}

/* --- random patterns and histories --- */

static void write_pattern(struct buf *out, unsigned depth) {
    static const char *const operators[] = {" AND ", " OR ", " FOLLOWEDBY "};
    if (depth == 0 || under(3) == 0) {
        buf_printf(out, "[x:v = %u]", under(LEAVES));
    } else {
        buf_add_cstr(out, "(");
        write_pattern(out, depth - 1);
        buf_add_cstr(out, operators[under(3)]);
        write_pattern(out, depth - 1);
        buf_add_cstr(out, ")");
    }
    unsigned from = under(40);
    switch (under(9)) {
    case 0:
        buf_printf(out, " WITHIN %u SECONDS", 1 + under(20));
        break;
    case 1:
    case 2:
        buf_printf(out, " REPEATS %u TIMES", 1 + under(3));
        break;
    case 3:
        buf_printf(out, " START t'2020-01-01T00:00:%02uZ' STOP t'2020-01-01T00:00:%02uZ'", from, from + 1 + under(19));
        break;
    default:
        break;
    }
}

static void make_history(struct history *h, bool moments, bool single) {
    time_us start;
    assert_true(time_parse_stix(SPAN("2020-01-01T00:00:00Z"), &start));
    *h = (struct history){0};
    uint32_t wanted = 2 + under(INSTANCES_MAX - 1);
    while (h->instances < wanted) {
        struct stream_event *e = &h->events[h->count];
        uint32_t instances = single || under(4) ? 1 : 1 + under(2);
        if (instances > wanted - h->instances) instances = 1;
        *e = (struct stream_event){
            .first = start + (int64_t)under(40) * TIME_US_PER_S, .instances = instances, .place_line = h->count};
        e->last = e->first + (moments ? 0 : (int64_t)under(15) * TIME_US_PER_S);
        for (unsigned k = 0; k < LEAVES; k++) e->classes |= (uint64_t)(under(3) == 0) << k;
        for (uint32_t i = 0; i < instances; i++) h->of[h->instances++] = (uint8_t)h->count;
        h->count++;
    }
}

static uint32_t collect_leaves(const struct pattern_node *node, int64_t *leaves, uint32_t count) {
    if (node->kind == PATTERN_OBSERVATION) {
        leaves[count] = node->first->test->literals->integer;
        return count + 1;
    }
    for (const struct pattern_node *child = node->first; child; child = child->next)
        count = collect_leaves(child, leaves, count);
    return count;
}

/* The event as the stream sees it: leaves that hold turned into classes. */
static struct stream_event as_fed(const struct stream_plan *plan, const struct stream_event *e, const int64_t *leaves,
                                  uint32_t count) {
    struct stream_event fed = *e;
    fed.classes = 0;
    for (uint32_t i = 0; i < count; i++)
        if (e->classes >> leaves[i] & 1) fed.classes |= stream_plan_class(plan, i);
    return fed;
}

/* Whether a reported binding is one of the enumerated: the same events, each with some of its instances. */
static bool is_enumerated(const struct history *h, const struct sets *sets, const struct stream_binding *b) {
    unsigned events = 0;
    for (uint32_t i = 0; i < b->count; i++) events |= 1u << b->events[i].place_line;
    for (unsigned set = 1; set < 1u << h->instances; set++) {
        unsigned of_set = 0;
        for (unsigned i = 0; sets->in[set] && i < h->instances; i++)
            if (set >> i & 1) of_set |= 1u << h->of[i];
        if (sets->in[set] && of_set == events) return true;
    }
    return false;
}

static void first_instances(struct history *h, uint32_t events) {
    h->instances = 0;
    for (uint32_t e = 0; e < events; e++)
        for (uint32_t i = 0; i < h->events[e].instances; i++) h->of[h->instances++] = (uint8_t)e;
    h->count = events;
}

static const struct stream_settings wide = {.window_us = 3600 * TIME_US_PER_S, .late_us = 60 * TIME_US_PER_S};

static bool completes(const struct history *h, const struct sets *sets) {
    for (unsigned set = 1; set < 1u << h->instances; set++)
        for (unsigned i = 0; sets->in[set] && i < h->instances; i++)
            if (set >> i & 1 && h->of[i] == h->count - 1) return true;
    return false;
}

static void check_one(struct arena *a, struct span text, struct history *h, unsigned *hits, unsigned *judged) {
    const struct pattern *pattern;
    const struct stream_plan *plan;
    struct stream *stream;
    struct diag d = {0};
    int64_t leaves[64];
    assert_int_equal(pattern_parse(a, text, &pattern, &d), ERR_NONE);
    enum err error = stream_plan_build(a, pattern, &wide, &plan, &d);
    if (error == ERR_LIMIT) return;
    assert_int_equal(error, ERR_NONE);
    if (stream_plan_is_stateless(plan)) return;
    uint32_t leaf_count = collect_leaves(pattern->root, leaves, 0), all = h->count;
    bool repeats = span_find(text, SPAN("REPEATS")) != SIZE_MAX, seen = false;
    for (uint32_t i = 0; i < leaf_count; i++)
        for (uint32_t k = 0; k < i; k++) repeats |= leaves[i] == leaves[k]; /* [a] AND [a] repeats [a] */
    assert_int_equal(stream_new(plan, 0, &stream, &d), ERR_NONE);
    for (uint32_t i = 0; i < all; i++) {
        struct stream_binding binding;
        struct stream_event fed = as_fed(plan, &h->events[i], leaves, leaf_count);
        enum stream_answer answer = stream_feed(stream, SPAN("m"), &fed, &binding);
        first_instances(h, i + 1);
        struct sets *sets = enumerate(h, pattern->root);
        bool expected = completes(h, sets);
        bool valid = answer != STREAM_BINDING || is_enumerated(h, sets, &binding);
        free(sets);
        bool agree = answer != STREAM_EXHAUSTED && valid &&
                     ((answer == STREAM_BINDING) == expected || (repeats && seen && expected));
        if (!agree) {
            fprintf(stderr, "%.*s\nevent %u: answer %d, expected %d, valid %d\n", SPAN_ARG(text), i, answer, expected,
                    valid);
            for (uint32_t k = 0; k <= i; k++)
                fprintf(stderr, "  %u: %lld-%lld x%u holds %llx\n", k,
                        (long long)(h->events[k].first / TIME_US_PER_S % 60),
                        (long long)(h->events[k].last / TIME_US_PER_S % 60), h->events[k].instances,
                        (unsigned long long)h->events[k].classes);
        }
        assert_true(agree);
        seen |= answer == STREAM_BINDING;
    }
    *hits += seen;
    ++*judged;
    stream_free(&stream);
}

static void test_agrees_with_enumeration(void **state) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct history h;
    unsigned hits = 0, judged = 0;
    (void)state;
    arena_init(&a, 64 << 20);
    for (unsigned i = 0; i < 6000; i++) {
        arena_reset(&a);
        buf_clear(&text);
        write_pattern(&text, 1 + under(3));
        make_history(&h, i % 2, i % 3);
        check_one(&a, buf_span(&text), &h, &hits, &judged);
    }
    printf("%u histories judged, %u with a binding\n", judged, hits);
    assert_true(hits > judged / 5 && hits < judged);
    buf_free(&text);
    arena_free(&a);
}

/* --- by hand --- */

struct fixture {
    struct arena arena;
    const struct pattern *pattern;
    const struct stream_plan *plan;
    struct stream *stream;
};

static enum err begin_with(struct fixture *f, const char *text, const struct stream_settings *settings, uint32_t max) {
    struct diag d = {0};
    arena_init(&f->arena, 64 << 20);
    f->stream = NULL;
    assert_int_equal(pattern_parse(&f->arena, span_cstr(text), &f->pattern, &d), ERR_NONE);
    enum err error = stream_plan_build(&f->arena, f->pattern, settings, &f->plan, &d);
    if (!error) assert_int_equal(stream_new(f->plan, max, &f->stream, &d), ERR_NONE);
    return error;
}

static void begin(struct fixture *f, const char *text) {
    assert_int_equal(begin_with(f, text, &wide, 0), ERR_NONE);
}

static void end(struct fixture *f) {
    stream_free(&f->stream);
    arena_free(&f->arena);
}

/* Feeds an event at second s on which the [ ] of this number hold (a bit each); returns how many events are bound. */
static uint32_t feed(struct fixture *f, const char *scope, int64_t s, unsigned observations) {
    struct stream_event e = {
        .first = s * TIME_US_PER_S, .last = s * TIME_US_PER_S, .instances = 1, .place_line = (uint64_t)s};
    struct stream_binding binding;
    for (uint32_t i = 0; i < 32; i++)
        if (observations >> i & 1) e.classes |= stream_plan_class(f->plan, i);
    enum stream_answer answer = stream_feed(f->stream, span_cstr(scope), &e, &binding);
    assert_true(answer == STREAM_NO || answer == STREAM_BINDING);
    return binding.count;
}

static void test_scopes_do_not_mix(void **state) {
    struct fixture f;
    (void)state;
    begin(&f, "[x:v=1] FOLLOWEDBY [x:v=2]");
    assert_int_equal(feed(&f, "a", 10, 1), 0);
    assert_int_equal(feed(&f, "b", 11, 2), 0);
    assert_int_equal(feed(&f, "a", 12, 2), 2);
    assert_int_equal(feed(&f, "a", 13, 2), 2); /* each event that completes one */
    end(&f);
}

static void test_late_events_bind(void **state) {
    struct fixture f;
    (void)state;
    begin(&f, "[x:v=1] FOLLOWEDBY [x:v=2] FOLLOWEDBY [x:v=3]");
    assert_int_equal(feed(&f, "a", 30, 4), 0);
    assert_int_equal(feed(&f, "a", 20, 2), 0);
    assert_int_equal(feed(&f, "a", 25, 1), 0); /* after the second: in no order */
    assert_int_equal(feed(&f, "a", 10, 1), 3);
    end(&f);
}

static void test_default_window(void **state) {
    struct fixture f;
    bool by_default;
    (void)state;
    begin(&f, "[x:v=1] FOLLOWEDBY [x:v=2]");
    assert_int_equal(stream_plan_window_us(f.plan, &by_default), wide.window_us);
    assert_true(by_default);
    assert_int_equal(feed(&f, "a", 0, 1), 0);
    assert_int_equal(feed(&f, "a", 3601, 2), 0);
    assert_int_equal(feed(&f, "a", 3600, 2), 2);
    end(&f);
    begin(&f, "([x:v=1] FOLLOWEDBY [x:v=2]) WITHIN 7200 SECONDS"); /* what the pattern says goes first */
    assert_int_equal(stream_plan_window_us(f.plan, &by_default), 7200 * TIME_US_PER_S);
    assert_false(by_default);
    assert_int_equal(feed(&f, "a", 0, 1), 0);
    assert_int_equal(feed(&f, "a", 7200, 2), 2);
    end(&f);
}

static void test_stateless(void **state) {
    struct fixture f;
    time_us t;
    (void)state;
    begin(&f, "([x:v=1] START t'2020-01-01T00:00:00Z' STOP t'2020-01-02T00:00:00Z') OR ([x:v=2] OR [x:v=3]) WITHIN 5 "
              "SECONDS");
    assert_true(stream_plan_is_stateless(f.plan));
    assert_true(time_parse_stix(SPAN("2020-01-01T00:00:00Z"), &t));
    assert_true(stream_plan_holds_alone(f.plan, 0, t, t));
    assert_false(stream_plan_holds_alone(f.plan, 0, t - 1, t - 1));
    assert_true(stream_plan_holds_alone(f.plan, 1, t - 1, t - 1));
    end(&f);
    begin(&f, "[x:v=1] REPEATS 2 TIMES");
    assert_false(stream_plan_is_stateless(f.plan));
    end(&f);
}

/* Ten thousand of one event: a binding for each thousand, and memory as said. */
static void test_repeats_1000(void **state) {
    struct fixture f;
    unsigned bindings = 0;
    (void)state;
    begin(&f, "[x:v=1] REPEATS 1000 TIMES");
    for (int64_t i = 0; i < 10000; i++) {
        uint32_t bound = feed(&f, "a", i / 10, 1);
        if (bound) assert_int_equal(bound, 1000);
        bindings += bound > 0;
    }
    assert_int_equal(bindings, 10);
    assert_true(stream_stats(f.stream).events <= STREAM_EVENTS_A_SCOPE);
    end(&f);
    begin(&f, "[x:v=1] REPEATS 1000 TIMES WITHIN 100 SECONDS"); /* never enough of them */
    for (int64_t i = 0; i < 20000; i++) assert_int_equal(feed(&f, "a", i / 9, 1), 0);
    assert_int_equal(stream_stats(f.stream).exhausted, 0);
    end(&f);
    assert_int_equal(begin_with(&f, "[x:v=1] REPEATS 1000000 TIMES", &wide, 0), ERR_LIMIT);
    end(&f);
}

static void write_chain(char *text, size_t size, const char *operator, bool alike) {
    size_t len = 0;
    for (int i = 0; i < 20; i++)
        len += (size_t)snprintf(text + len, size - len, "%s[x:v=%d]", i ? operator : "", alike ? 1 : i);
}

/* Twenty observations, every event may be any of them. */
static void test_chain_of_twenty(void **state) {
    struct fixture f;
    char text[2000];
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        unsigned bindings = 0;
        write_chain(text, sizeof text, kind & 1 ? " AND " : " FOLLOWEDBY ", kind & 2);
        begin(&f, text);
        for (int64_t i = 0; i < 4000; i++) {
            unsigned all = (1u << 20) - 1;
            /* the nineteen before the last time fail: there is one instance too few */
            uint32_t bound = feed(&f, "a", i * 3, i < 19 ? all : i < 1000 ? 0 : all);
            assert_true(bound == 0 || bound == 20);
            bindings += bound == 20;
        }
        assert_true(bindings > 100);
        assert_true(stream_stats(f.stream).exhausted == 0);
        end(&f);
    }
}

/* A flood of one step never makes the stream larger or slower than said. */
static void test_flood(void **state) {
    struct fixture f;
    (void)state;
    begin(&f, "[x:v=1] FOLLOWEDBY [x:v=2]");
    for (int64_t i = 0; i < 300000; i++) assert_int_equal(feed(&f, "a", i / 1000, 1), 0);
    struct stream_stats stats = stream_stats(f.stream);
    assert_true(stats.events <= STREAM_EVENTS_A_SCOPE);
    assert_true(stats.dropped > 0);
    assert_true(stats.steps < 300000 * 8);
    assert_int_equal(feed(&f, "a", 301, 2), 2);
    end(&f);
    begin(&f, "[x:v=1] FOLLOWEDBY [x:v=2]"); /* old events are forgotten, and that is no loss */
    for (int64_t i = 0; i < 30000; i++) assert_int_equal(feed(&f, "a", i * 60, 1), 0);
    assert_int_equal(stream_stats(f.stream).dropped, 0);
    assert_true(stream_stats(f.stream).events < 512);
    end(&f);
}

static void test_many_scopes(void **state) {
    struct fixture f;
    char scope[32];
    (void)state;
    begin(&f, "[x:v=1] FOLLOWEDBY [x:v=2]");
    for (int64_t i = 0; i < STREAM_SCOPES + 1000; i++) {
        snprintf(scope, sizeof scope, "host%lld", (long long)i);
        assert_int_equal(feed(&f, scope, i / 100, 1), 0);
    }
    struct stream_stats stats = stream_stats(f.stream);
    assert_int_equal(stats.scopes, STREAM_SCOPES);
    assert_int_equal(stats.dropped, 1000);
    assert_int_equal(feed(&f, "host0", 170, 2), 0); /* forgotten */
    assert_int_equal(feed(&f, scope, 175, 2), 2);
    end(&f);
    assert_int_equal(begin_with(&f, "[x:v=1] FOLLOWEDBY [x:v=2]", &wide, 100), ERR_NONE);
    for (int64_t i = 0; i < 1000; i++) {
        snprintf(scope, sizeof scope, "host%lld", (long long)i % 7);
        assert_int_equal(feed(&f, scope, i, 1), 0);
        assert_true(stream_stats(f.stream).events <= 100);
    }
    end(&f);
}

/* A clock that is wrong for one event, or set back for good, costs nothing that is near. */
static void test_clock_jumps(void **state) {
    struct fixture f;
    const int64_t year = 365 * 86400, now = 50 * year;
    (void)state;
    begin(&f, "[x:v=1] FOLLOWEDBY [x:v=2]");
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(feed(&f, "a", now + i, 1), 0);
        assert_int_equal(feed(&f, "a", now + 30 * year, 1), 0);
    }
    assert_int_equal(feed(&f, "a", now + 100, 2), 2);
    for (int64_t i = 0; i < 5000; i++) assert_int_equal(feed(&f, "a", now - year + i, 1), 0); /* set back */
    assert_int_equal(feed(&f, "a", now - year + 5000, 2), 2);
    assert_int_equal(feed(&f, "a", INT64_MAX / TIME_US_PER_S, 1), 0);
    assert_int_equal(feed(&f, "a", INT64_MIN / TIME_US_PER_S, 1), 0);
    end(&f);
}

/* Hostile: two repetitions that want the same events. Ends, and says when it could not tell. */
static void test_explosive(void **state) {
    struct fixture f;
    struct stream_binding binding;
    unsigned exhausted = 0;
    char text[4000];
    size_t len = 0;
    (void)state;
    for (int i = 0; i < 12; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s([x:v=%d] FOLLOWEDBY [x:v=%d])", i ? " AND " : "", i,
                                i + 12);
    begin(&f, text);
    for (int64_t i = 0; i < 300; i++) {
        struct stream_event e = {.first = (300 - i) * TIME_US_PER_S, .instances = 1};
        e.last = e.first;
        e.classes = (uint64_t)1 << under(23) | (uint64_t)1 << under(23);
        exhausted += stream_feed(f.stream, SPAN("a"), &e, &binding) == STREAM_EXHAUSTED;
    }
    assert_int_equal(exhausted, stream_stats(f.stream).exhausted);
    assert_true(stream_stats(f.stream).steps <= 301 * (uint64_t)STREAM_STEPS * 24);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scopes_do_not_mix),
        cmocka_unit_test(test_late_events_bind),
        cmocka_unit_test(test_default_window),
        cmocka_unit_test(test_stateless),
        cmocka_unit_test(test_repeats_1000),
        cmocka_unit_test(test_chain_of_twenty),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_many_scopes),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_explosive),
        cmocka_unit_test(test_agrees_with_enumeration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
