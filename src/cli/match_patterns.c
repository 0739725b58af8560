/* The full patterns of a run: compiled before the first file, told of after the last. */
#include <stdio.h>

#include "cli/match.h"

enum { NAMED = 5 };

enum err match_new_patterns(struct matching *m, const struct detect_index *index, struct detect_patterns **out,
                            struct diag *d) {
    struct detect_patterns_settings settings = {.stream = {m->options.window_us, m->options.late_us},
                                                .scope = m->options.scope,
                                                .mapped = m->mapping != NULL,
                                                .on_hit = match_on_hit,
                                                .context = m};
    return detect_patterns_new(index, &settings, out, d);
}

enum err match_prepare_patterns(struct matching *m, struct diag *d) {
    return match_new_patterns(m, m->holdings.index, &m->patterns, d);
}

static void name_indicator(const struct matching *m, uint32_t number, const char *why) {
    struct detect_indicator indicator;
    detect_index_get(m->holdings.index, number, &indicator);
    fprintf(stderr, "  %.*s%s%s\n", SPAN_ARG(indicator.id), why ? ": " : "", why ? why : "");
}

static void say_more(uint32_t count) {
    if (count > NAMED) fprintf(stderr, "  and %u more\n", count - NAMED);
}

/* Those the index holds without a reason are full patterns. */
static void say_unsupported(const struct matching *m) {
    uint32_t all = detect_index_unsupported_count(m->holdings.index), count = 0;
    const char *reason;
    for (uint32_t i = 0; i < all; i++) {
        (void)detect_index_unsupported(m->holdings.index, i, &reason);
        count += reason[0] != '\0';
    }
    if (count == 0) return;
    fprintf(stderr, "%u of %u indicators cannot be evaluated:\n", count, detect_index_count(m->holdings.index));
    for (uint32_t i = 0, named = 0; i < all && named < NAMED; i++) {
        uint32_t indicator = detect_index_unsupported(m->holdings.index, i, &reason);
        if (!reason[0]) continue;
        name_indicator(m, indicator, reason);
        named++;
    }
    say_more(count);
}

static void say_streams(const struct detect_patterns_summary *sum) {
    const struct {
        uint64_t count;
        const char *what;
    } losses[] = {
        {sum->dropped, "observations forgotten for want of memory while still within their pattern's window"},
        {sum->late, "observations later than --late allows: some of what they belong to may have been forgotten"},
        {sum->timeless, "observations without a time: no pattern of several observations can use them"},
        {sum->exhausted, "observations that were not tried in every combination"},
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (losses[i].count) fprintf(stderr, "%llu %s\n", (unsigned long long)losses[i].count, losses[i].what);
}

void match_say_patterns(const struct matching *m) {
    struct detect_patterns_summary sum = detect_patterns_summary(m->patterns);
    say_unsupported(m);
    if (!m->patterns) return;
    if (sum.open)
        fprintf(stderr,
                "%u patterns have a part that no value or text can be looked up for; every line that may have "
                "its objects is evaluated:\n",
                sum.open);
    for (uint32_t i = 0; i < sum.open && i < NAMED; i++) name_indicator(m, detect_patterns_open(m->patterns, i), NULL);
    say_more(sum.open);
    if (sum.quarantined) fprintf(stderr, "%u patterns were given up:\n", sum.quarantined);
    for (uint32_t i = 0; i < sum.quarantined && i < NAMED; i++) {
        const char *why;
        uint32_t indicator = detect_patterns_quarantined(m->patterns, i, &why);
        name_indicator(m, indicator, why);
    }
    say_more(sum.quarantined);
    say_streams(&sum);
}
