/* What a full pattern needs of the index: a watch on each value, and on the logs where nothing can be looked up. */
#include "detect/observation.h"
#include "detect/patterns_layout.h"
#include "pattern/necessary.h"

/* The objects that network logs have. All others are in logs of hosts, in STIX, and in what a user's mapping makes. */
static const char *const network_types[] = {
    "ipv4-addr",    "ipv6-addr",        "domain-name",       "url",      "file",     "artifact",
    "directory",    "email-addr",       "email-message",     "mac-addr", "software", "network-traffic",
    "user-account", "x509-certificate", "autonomous-system",
};

static bool is_network_type(struct span type) {
    for (size_t i = 0; i < sizeof network_types / sizeof *network_types; i++)
        if (span_is(type, network_types[i])) return true;
    return false;
}

bool patterns_want_network(const struct pattern_node *comparison) {
    if (comparison->kind == PATTERN_TEST) return is_network_type(comparison->test->path.type);
    for (const struct pattern_node *child = comparison->first; child; child = child->next)
        if (patterns_want_network(child)) return true;
    return false;
}

/* What no network log can have costs nothing where there is none but those. */
static enum err watch_logs(struct detect_builder *b, const struct pattern_node *observation, uint32_t watch,
                           struct diag *d) {
    return patterns_want_network(observation) ? detect_builder_watch_log(b, SPAN("*"), watch, d) : ERR_NONE;
}

static enum err watch_one(struct detect_builder *b, const struct pattern_necessary *needs,
                          const struct pattern_node *observation, uint32_t watch, struct diag *d) {
    bool values = false;
    if (needs->count == 0) return watch_logs(b, observation, watch, d);
    for (uint32_t i = 0; i < needs->count; i++) {
        if (needs->needs[i].kind != NEED_VALUE) {
            values |= needs->needs[i].kind == NEED_TEST;
            continue;
        }
        struct diag ignored;
        enum err error = detect_builder_watch(b, &needs->needs[i].atom, watch, &ignored);
        /* What is no value of its kind no sensor tells of; but STIX may say anything. */
        if (error == ERR_INVALID) error = detect_builder_watch_log(b, SPAN("stix"), watch, &ignored);
        if (error) return diag_set(d, error, "%s", ignored.message);
    }
    return values ? watch_logs(b, observation, WATCH_VALUES, d) : ERR_NONE;
}

static enum err watch_all(struct detect_builder *b, const struct pattern_node *node,
                          const struct pattern_necessary *list, uint32_t *number, uint32_t first, struct diag *d) {
    if (node->kind == PATTERN_OBSERVATION) {
        enum err error = watch_one(b, &list[*number], node, first + *number, d);
        ++*number;
        return error;
    }
    enum err error = ERR_NONE;
    for (const struct pattern_node *child = node->first; !error && child; child = child->next)
        error = watch_all(b, child, list, number, first, d);
    return error;
}

/* Whether it can be evaluated at all: built once for the reason, thrown away, and built again when the index is loaded,
 * perhaps from its file. */
static enum err try_pattern(struct arena *a, const struct pattern *pattern, struct diag *d) {
    static const struct pattern_settings folding = {observation_fold, observation_caseless};
    static const struct stream_settings usual = {STREAM_WINDOW_DEFAULT_US, STREAM_LATE_DEFAULT_US};
    struct pattern_program *program = NULL;
    const struct stream_plan *plan;
    enum err error = pattern_program_build(a, pattern, &folding, &program, d);
    if (!error) error = stream_plan_build(a, pattern, &usual, &plan, d);
    pattern_program_free(&program);
    return error;
}

enum err detect_patterns_watch(struct detect_builder *b, struct span text, uint32_t *next, struct diag *d) {
    struct arena a;
    const struct pattern *pattern;
    const struct pattern_necessary *list;
    uint32_t count = 0, number = 0;
    arena_init(&a, EVENT_ARENA_MAX);
    enum err error = pattern_parse(&a, text, &pattern, d);
    if (!error) error = try_pattern(&a, pattern, d);
    if (!error) error = pattern_necessary_find(&a, pattern, &list, &count, d);
    if (!error && count > WATCH_VALUES - *next)
        error = diag_set(d, ERR_LIMIT, "the patterns have more than %d observations", WATCH_VALUES);
    if (!error) error = watch_all(b, pattern->root, list, &number, *next, d);
    if (!error) *next += count;
    arena_free(&a);
    return error;
}
