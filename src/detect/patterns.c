#include "detect/patterns.h"

#include <stdlib.h>

#include "detect/observation.h"
#include "detect/patterns_layout.h"
#include "pattern/necessary.h"

bool detect_scope_parse(struct span text, enum detect_scope *out) {
    static const char *const names[] = {
        [DETECT_SCOPE_MEMBER] = "member", [DETECT_SCOPE_SENSOR] = "sensor", [DETECT_SCOPE_HOST] = "host"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (!span_is(text, names[i])) continue;
        *out = (enum detect_scope)i;
        return true;
    }
    return false;
}

/* --- expressions --- */

/* The expressions of a set while they are collected. */
struct expressions {
    struct arena *arena; /* of their texts */
    struct regex *list;  /* owned */
    uint32_t count, size;
};

static bool add(struct expressions *e, struct regex regex) {
    if (e->count == e->size) {
        uint32_t size = e->size ? e->size * 2 : 64;
        struct regex *bigger = realloc(e->list, size * sizeof *bigger);
        if (!bigger) return false;
        e->list = bigger;
        e->size = size;
    }
    e->list[e->count++] = regex;
    return true;
}

static struct span last_key(const struct pattern_path *path) {
    struct span key = path->steps->key;
    for (const struct pattern_step *s = path->steps; s; s = s->next)
        if (s->kind == PATTERN_STEP_KEY) key = s->key;
    return key;
}

/* Whether folding changes more of the text than its case: under any type that a path with this end may lead to. */
static bool is_refolded(struct arena *a, const struct pattern_test *test, struct span text) {
    const char *const types[] = {"domain-name", "url", "email-addr", "ipv4-addr", "ipv6-addr", "file"};
    struct span key = last_key(&test->path);
    if (!span_equal_nocase(observation_fold(a, test->path.type, key, text), text)) return true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!span_equal_nocase(observation_fold(a, span_cstr(types[i]), key, text), text)) return true;
    return false;
}

/* Values under _hex and _bin are decoded before they are compared: no text of the event says them. */
static bool is_encoded(const struct pattern_test *test) {
    struct span key = last_key(&test->path);
    return span_ends(key, SPAN("_hex")) || span_ends(key, SPAN("_bin"));
}

/* The test as an expression that holds on every text the test holds on. */
static bool add_test(struct expressions *e, const struct pattern_need *need, uint32_t watch) {
    const struct pattern_test *test = need->test;
    struct regex regex = {.kind = REGEX_EQUAL, .text = arena_copy(e->arena, need->literal->text), .number = watch};
    if (is_encoded(test)) return add(e, (struct regex){REGEX_MATCHES, true, SPAN(""), watch});
    if (test->compare == PATTERN_MATCHES) {
        regex.kind = REGEX_MATCHES;
        if (!add(e, regex)) return false; /* whether case counts is a matter of where the path leads: both */
        regex.caseless = true;
        return add(e, regex);
    }
    if (is_refolded(e->arena, test, need->literal->text))
        return add(e, (struct regex){REGEX_MATCHES, true, SPAN(""), watch});
    if (test->compare == PATTERN_LIKE) regex.kind = REGEX_LIKE;
    return add(e, regex);
}

/* Texts in raw lines. A line that spells letters in another way is looked at whatever stands in it: escapes of JSON and
 * of Zeek, percent-encoding of what need not be, encoded words of e-mail, and anything beyond ASCII. */
static bool add_word(struct expressions *words, struct span text) {
    static const char *const other_spellings[] = {"\\\\[uxUX]", "%[2-7]", "=\\?", "[\\x80-\\xff]"};
    if (words->count == 0)
        for (size_t i = 0; i < sizeof other_spellings / sizeof *other_spellings; i++)
            if (!add(words, (struct regex){.kind = REGEX_RAW, .text = span_cstr(other_spellings[i])})) return false;
    return add(words, (struct regex){.kind = REGEX_WORD, .text = arena_copy(words->arena, text)});
}

struct building {
    struct detect_patterns *set;
    struct expressions words, values;
    struct arena scratch;
};

static bool add_needs(struct building *b, const struct pattern_necessary *needs, uint32_t watch) {
    for (uint32_t i = 0; i < needs->count; i++) {
        const struct pattern_need *need = &needs->needs[i];
        if (need->kind == NEED_VALUE) continue;
        if (!add_test(&b->values, need, watch)) return false;
        if (need->kind == NEED_TEXT && !add_word(&b->words, need->text)) return false;
    }
    return true;
}

/* --- patterns --- */

static enum err no_memory(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "out of memory for the patterns");
}

/* The n-th [ ] below the node; NULL counts *n down. */
static const struct pattern_node *nth_observation(const struct pattern_node *node, uint32_t *n) {
    if (node->kind == PATTERN_OBSERVATION) return (*n)-- == 0 ? node : NULL;
    for (const struct pattern_node *child = node->first; child; child = child->next) {
        const struct pattern_node *found = nth_observation(child, n);
        if (found) return found;
    }
    return NULL;
}

/* Objects that only mappings and STIX itself give are not watched in the index. */
static bool note_elsewhere(struct detect_patterns *set, const struct pattern *pattern,
                           const struct pattern_necessary *needs, uint32_t number) {
    uint32_t n = number;
    const struct pattern_node *observation = nth_observation(pattern->root, &n);
    if (patterns_want_network(observation->first)) return true;
    for (uint32_t i = 0; i < needs->count; i++) set->elsewhere_values |= needs->needs[i].kind == NEED_TEST;
    if (needs->count > 0) return true;
    uint32_t *bigger = realloc(set->elsewhere, (set->elsewhere_count + 1) * sizeof *bigger);
    if (!bigger) return false;
    set->elsewhere = bigger;
    bigger[set->elsewhere_count++] = set->watch_count + number;
    return true;
}

static enum err compile(struct building *b, uint32_t indicator, struct diag *d) {
    static const struct pattern_settings folding = {observation_fold, observation_caseless};
    struct detect_patterns *set = b->set;
    struct full_pattern *p = &set->patterns[set->count];
    struct detect_indicator in;
    const struct pattern *pattern;
    const struct pattern_necessary *list;
    detect_index_get(set->index, indicator, &in);
    struct span text = arena_copy(&set->arena, in.pattern);
    /* A superseded one keeps its watches' numbers and is otherwise no more. */
    *p = (struct full_pattern){.indicator = indicator,
                               .first_watch = set->watch_count,
                               .superseded = in.superseded,
                               .quarantined = in.superseded};
    enum err error = pattern_parse(&set->arena, text, &pattern, d);
    if (error) return error;
    error = pattern_program_build(&set->arena, pattern, &folding, &p->program, d);
    set->count++;                      /* from here on freed with the set */
    if (error && error != ERR_NOMEM) { /* another build of the program took it into the index */
        p->why = arena_cstr(&set->arena, span_cstr(d->message));
        p->quarantined = true;
        set->quarantined++;
        error = p->why ? ERR_NONE : ERR_NOMEM;
    }
    if (!error) error = stream_plan_build(&set->arena, pattern, &set->settings.stream, &p->plan, d);
    if (!error) error = pattern_necessary_find(&set->arena, pattern, &list, &p->watch_count, d);
    for (uint32_t i = 0; !error && !p->superseded && i < p->watch_count; i++) {
        p->open |= list[i].count == 0;
        if (!add_needs(b, &list[i], set->watch_count + i) || !note_elsewhere(set, pattern, &list[i], i))
            error = no_memory(d);
    }
    set->watch_count += p->watch_count;
    return error;
}

/* Of the indicators the index does not evaluate, those without a reason are full patterns: in the order in which their
 * watches were given out. */
static enum err compile_all(struct building *b, struct diag *d) {
    struct detect_patterns *set = b->set;
    uint32_t count = detect_index_unsupported_count(set->index), full = 0;
    enum err error = ERR_NONE;
    for (uint32_t i = 0; i < count; i++) {
        const char *reason;
        (void)detect_index_unsupported(set->index, i, &reason);
        full += reason[0] == '\0';
    }
    if (full > DETECT_PATTERNS_MAX) return diag_set(d, ERR_LIMIT, "more than %d full patterns", DETECT_PATTERNS_MAX);
    if (full == 0) return ERR_NONE;
    set->patterns = calloc(full, sizeof *set->patterns);
    if (!set->patterns) return no_memory(d);
    for (uint32_t i = 0; !error && i < count; i++) {
        const char *reason;
        uint32_t indicator = detect_index_unsupported(set->index, i, &reason);
        if (reason[0] == '\0') error = compile(b, indicator, d);
    }
    return error;
}

static enum err make_streams(struct detect_patterns *set, struct diag *d) {
    uint32_t stateful = 0;
    enum err error = ERR_NONE;
    for (uint32_t i = 0; i < set->count; i++) stateful += !stream_plan_is_stateless(set->patterns[i].plan);
    if (stateful == 0) return ERR_NONE;
    uint32_t share = DETECT_STREAM_EVENTS_TOTAL / stateful;
    if (share > STREAM_EVENTS) share = STREAM_EVENTS;
    if (share < DETECT_STREAM_EVENTS_MIN) share = DETECT_STREAM_EVENTS_MIN;
    for (uint32_t i = 0; !error && i < set->count; i++)
        if (!stream_plan_is_stateless(set->patterns[i].plan))
            error = stream_new(set->patterns[i].plan, share, &set->patterns[i].stream, d);
    return error;
}

static enum err number_watches(struct detect_patterns *set, struct diag *d) {
    set->pattern_of = malloc((set->watch_count + 1) * sizeof *set->pattern_of);
    set->places = malloc(DETECT_PLACES_MAX * sizeof *set->places);
    if (!set->pattern_of || !set->places) return no_memory(d);
    for (uint32_t i = 0; i < set->count; i++)
        for (uint32_t k = 0; k < set->patterns[i].watch_count; k++)
            set->pattern_of[set->patterns[i].first_watch + k] = i;
    return ERR_NONE;
}

/* Lines that may have objects no network log has: STIX, and keys that sensors on hosts use (generic_fields). */
static bool add_elsewhere(struct expressions *words) {
    static const struct regex regexes[] = {
        {.kind = REGEX_RAW, .text = SPAN("--[0-9a-f]{8}-[0-9a-f]{4}-")},
        {.kind = REGEX_RAW, .text = SPAN("\"[Pp][Rr][Oo][Cc][Ee][Ss][Ss]")},
        {.kind = REGEX_RAW, .text = SPAN("\"[Rr][Ee][Gg][Ii][Ss][Tt][Rr][Yy]")},
    };
    for (size_t i = 0; i < sizeof regexes / sizeof *regexes; i++)
        if (!add(words, regexes[i])) return false;
    return true;
}

enum err detect_patterns_new(const struct detect_index *index, const struct detect_patterns_settings *settings,
                             struct detect_patterns **out, struct diag *d) {
    struct detect_patterns *set = calloc(1, sizeof *set);
    struct building b = {.set = set, .words = {.arena = &b.scratch}, .values = {.arena = &b.scratch}};
    *out = NULL;
    if (!set) return no_memory(d);
    set->index = index;
    set->settings = *settings;
    if (!set->settings.stream.window_us) set->settings.stream.window_us = STREAM_WINDOW_DEFAULT_US;
    if (!set->settings.stream.late_us) set->settings.stream.late_us = STREAM_LATE_DEFAULT_US;
    set->hooks = (struct scan_patterns){
        .context = set, .find = patterns_find, .on_event = patterns_on_event, .on_note = patterns_on_note};
    arena_init(&set->arena, PATTERNS_ARENA_MAX);
    arena_init(&b.scratch, PATTERNS_ARENA_MAX);
    map_init(&set->files);
    enum err error = compile_all(&b, d);
    bool elsewhere = set->elsewhere_count || set->elsewhere_values;
    if (!error && elsewhere && !add_elsewhere(&b.words)) error = no_memory(d);
    if (!error) error = number_watches(set, d);
    if (!error) error = make_streams(set, d);
    if (!error && b.words.count) error = regexes_new(b.words.list, b.words.count, &set->words, d);
    if (!error && b.values.count) error = regexes_new(b.values.list, b.values.count, &set->values, d);
    if (!error && b.scratch.overflow) error = no_memory(d);
    set->all_lines = elsewhere && set->settings.mapped;
    if (!set->words && !set->all_lines) set->hooks.find = NULL;
    free(b.words.list);
    free(b.values.list);
    arena_free(&b.scratch);
    if (error || set->count == 0) detect_patterns_free(&set);
    *out = set;
    return error;
}

static void free_thread(struct pattern_thread *t) {
    if (!t) return;
    arena_free(&t->arena);
    regexes_memory_free(&t->words);
    regexes_memory_free(&t->values);
    free(t->seen);
    free(t->candidates);
    free(t);
}

void detect_patterns_free(struct detect_patterns **patterns) {
    struct detect_patterns *set = *patterns;
    if (!set) return;
    for (uint32_t i = 0; i < set->count; i++) {
        pattern_program_free(&set->patterns[i].program);
        stream_free(&set->patterns[i].stream);
    }
    for (unsigned i = 0; i < SCAN_THREADS_MAX; i++) free_thread(set->threads[i]);
    free(set->patterns);
    free(set->pattern_of);
    free(set->elsewhere);
    free(set->places);
    free(set->file_names);
    map_free(&set->files);
    regexes_free(&set->words);
    regexes_free(&set->values);
    arena_free(&set->arena);
    free(set);
    *patterns = NULL;
}

const struct scan_patterns *detect_patterns_hooks(const struct detect_patterns *patterns) {
    return patterns ? &patterns->hooks : NULL;
}

/* --- what became of them --- */

struct detect_patterns_summary detect_patterns_summary(const struct detect_patterns *set) {
    struct detect_patterns_summary sum = {0};
    if (!set) return sum;
    sum.timeless = set->timeless;
    sum.quarantined = set->quarantined;
    for (uint32_t i = 0; i < set->count; i++) {
        sum.patterns += !set->patterns[i].superseded;
        sum.open += set->patterns[i].open;
        if (!set->patterns[i].stream) continue;
        struct stream_stats stats = stream_stats(set->patterns[i].stream);
        sum.stateful++;
        sum.kept += stats.events;
        sum.late += stats.late;
        sum.dropped += stats.dropped;
        sum.exhausted += stats.exhausted;
        sum.bindings += stats.bindings;
    }
    for (unsigned i = 0; i < SCAN_THREADS_MAX; i++)
        if (set->threads[i]) sum.evaluations += set->threads[i]->evaluations;
    if (set->values) {
        sum.unsieved = regexes_always_count(set->values);
        sum.blind = regexes_are_blind(set->values);
    }
    return sum;
}

uint32_t detect_patterns_open(const struct detect_patterns *set, uint32_t n) {
    for (uint32_t i = 0; i < set->count; i++)
        if (set->patterns[i].open && n-- == 0) return set->patterns[i].indicator;
    return UINT32_MAX;
}

uint32_t detect_patterns_quarantined(const struct detect_patterns *set, uint32_t n, const char **why) {
    for (uint32_t i = 0; i < set->count; i++) {
        if (!set->patterns[i].why || n-- > 0) continue;
        *why = set->patterns[i].why;
        return set->patterns[i].indicator;
    }
    return UINT32_MAX;
}
