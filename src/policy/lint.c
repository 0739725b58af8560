#include "policy/lint.h"

#include <stdarg.h>
#include <stdio.h>

#include "policy/match.h"
#include "policy/vocabulary.h"

enum { SENTENCE_SIZE = 400 };

struct linting {
    void (*take)(void *context, const struct policy_lint_finding *f);
    void *context;
};

static void say(const struct linting *l, enum policy_lint_kind kind, struct span clause, uint64_t line,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
static void say(const struct linting *l, enum policy_lint_kind kind, struct span clause, uint64_t line,
                const char *format, ...) {
    char text[SENTENCE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const struct policy_lint_finding f = {kind, clause, line, text};
    l->take(l->context, &f);
}

const char *policy_lint_name(enum policy_lint_kind kind) {
    static const char *const names[] = {"never-matches", "contradiction", "wider", "strict"};
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "";
}

/* ---- whether one rule covers another ---- */

/* A rule with the words of its direction. */
struct stated {
    const struct policy_rule *rule;
    const struct policy_vocabulary *words;
};

static bool names(const struct policy_node *n, const struct policy_vocabulary *v, enum policy_space space,
                  struct span text) {
    int word = policy_word_find(v, space, text);
    for (size_t i = 0; word >= 0 && i < n->count; i++)
        if (n->words[i] == word) return true;
    return false;
}

/* Whether every word of `few` is one of `many`. */
static bool among(const struct policy_node *few, const struct policy_vocabulary *few_words,
                  const struct policy_node *many, const struct policy_vocabulary *many_words) {
    for (size_t i = 0; i < few->count; i++)
        if (!names(many, many_words, many->space, few_words->words[few->words[i]].text)) return false;
    return true;
}

/* Whether `wide`, a test of its rule, holds for all that `narrow` matches. */
static bool test_covers(const struct policy_test *wide, const struct stated *wide_rule, const struct stated *narrow) {
    const struct policy_node *w = wide->node, *n = policy_rule_test(narrow->rule, wide->condition);
    if (wide->condition == POLICY_CONDITION_WHEN) return n && span_equal(wide_rule->rule->when, narrow->rule->when);
    if (wide->condition == POLICY_CONDITION_SOURCE && !narrow->rule->names_sources)
        return names(w, wide_rule->words, POLICY_SPACE_SOURCE, SPAN("own"));
    if (!n) return false;
    switch (w->kind) {
    case POLICY_NODE_WORDS:
        return among(n, narrow->words, w, wide_rule->words);
    case POLICY_NODE_NOT: /* none of these: the narrower excludes at least as much */
        return among(w->children[0], wide_rule->words, n->children[0], narrow->words);
    case POLICY_NODE_TLP:
    case POLICY_NODE_PAP:
        return (n->mask & ~w->mask) == 0;
    case POLICY_NODE_CONFIDENCE:
    case POLICY_NODE_AGE:
        return n->low >= w->low && n->high <= w->high && (w->absent || !n->absent);
    default:
        return false;
    }
}

static bool covers(const struct stated *wide, const struct stated *narrow) {
    const struct policy_rule *w = wide->rule;
    if (!w->names_sources && narrow->rule->names_sources) {
        const struct policy_node *n = policy_rule_test(narrow->rule, POLICY_CONDITION_SOURCE);
        if (!n || n->count != 1 || !names(n, narrow->words, POLICY_SPACE_SOURCE, SPAN("own"))) return false;
    }
    for (size_t i = 0; i < w->test_count; i++)
        if (!test_covers(&w->tests[i], wide, narrow)) return false;
    for (size_t i = 0; w->to && i < narrow->rule->to_count; i++)
        if (!policy_rule_for(w, narrow->rule->to[i])) return false;
    return !w->to || narrow->rule->to;
}

/* ---- rules that never match ---- */

static void lint_of_indicators(const struct linting *l, const struct stated *s) {
    static const enum policy_condition of_indicators[] = {POLICY_CONDITION_INDICATOR_TYPE_ANY,
                                                          POLICY_CONDITION_OBSERVES_ANY};
    const struct policy_node *types = policy_rule_test(s->rule, POLICY_CONDITION_TYPE);
    for (size_t i = 0; i < 2; i++)
        if (types && policy_rule_test(s->rule, of_indicators[i]) &&
            !names(types, s->words, POLICY_SPACE_TYPE, SPAN("indicator")))
            say(l, POLICY_LINT_NEVER, s->rule->clause, s->rule->line,
                "Clause %.*s can never match: it asks for `%s`, which only indicators have, and its types leave them "
                "out.",
                SPAN_ARG(s->rule->clause), policy_condition_name(of_indicators[i]));
}

static void lint_rules(const struct linting *l, const struct policy_rules *rules, const struct policy_vocabulary *v) {
    for (size_t i = 0; i < rules->count; i++) {
        const struct stated later = {&rules->at[i], v};
        lint_of_indicators(l, &later);
        for (size_t k = 0; k < i; k++) {
            const struct stated earlier = {&rules->at[k], v};
            if (!covers(&earlier, &later)) continue;
            bool opposite = earlier.rule->outcome != later.rule->outcome;
            say(l, opposite ? POLICY_LINT_CONTRADICTION : POLICY_LINT_NEVER, later.rule->clause, later.rule->line,
                "Clause %.*s can never match: clause %.*s before it covers all that it covers%s.",
                SPAN_ARG(later.rule->clause), SPAN_ARG(earlier.rule->clause),
                opposite ? ", and says the opposite" : "");
            break;
        }
    }
}

static void lint_strict(const struct linting *l, const struct agreement_direction *dir) {
    for (size_t i = 0; i < dir->rules.count; i++) {
        const struct policy_rule *r = &dir->rules.at[i];
        bool red = r->tlp >> STIX_TLP_RED & 1, strict = r->tlp >> STIX_TLP_AMBER_STRICT & 1;
        if (r->outcome == POLICY_RULE_RELEASE && (red || strict))
            say(l, POLICY_LINT_STRICT, r->clause, r->line, "Clause %.*s releases %s%s%s to %.*s.", SPAN_ARG(r->clause),
                red ? "TLP:RED" : "", red && strict ? " and " : "", strict ? "TLP:AMBER+STRICT" : "",
                SPAN_ARG(dir->to));
    }
}

/* ---- wider than before ---- */

static bool redacts_less(const struct policy_redaction *now, const struct policy_redaction *then) {
    unsigned flags = now ? now->flags : 0;
    if (!then) return false;
    if (then->flags & ~flags) return true;
    for (size_t i = 0; i < then->property_count; i++) {
        bool still = false;
        for (size_t k = 0; k < now->property_count; k++) still |= span_equal(now->properties[k], then->properties[i]);
        if (!still) return true;
    }
    return now && now->times < then->times;
}

/* What of the counterpart's holding back is gone; NULL when nothing is. */
static const char *loosened(const struct policy_rule *now, const struct policy_rule *then) {
    if (now->embargo < then->embargo) return "its embargo is shorter";
    if (then->expiry && (!now->expiry || now->expiry > then->expiry)) return "it expires later, or never";
    if (redacts_less(now->redaction, then->redaction)) return "it redacts less";
    if (now->hops > then->hops) return "it permits more hops";
    if (now->outcome == POLICY_RULE_RELEASE && then->outcome == POLICY_RULE_CONSENT)
        return "it does not ask for consent any more";
    return NULL;
}

static void lint_opening(const struct linting *l, const struct stated *now, const struct policy_rules *then,
                         const struct policy_vocabulary *then_words) {
    for (size_t i = 0; i < then->count; i++) {
        const struct stated old = {&then->at[i], then_words};
        if (old.rule->outcome == POLICY_RULE_WITHHOLD || !covers(&old, now)) continue;
        const char *how = loosened(now->rule, old.rule);
        if (how)
            say(l, POLICY_LINT_WIDER, now->rule->clause, now->rule->line,
                "Clause %.*s is wider than clause %.*s of the version before: %s.", SPAN_ARG(now->rule->clause),
                SPAN_ARG(old.rule->clause), how);
        return;
    }
    say(l, POLICY_LINT_WIDER, now->rule->clause, now->rule->line,
        "Clause %.*s may open more than the version before: no one clause of that covers it.",
        SPAN_ARG(now->rule->clause));
}

/* Every clause that held something back must still be there, or a wider one. */
static void lint_closing(const struct linting *l, const struct stated *old, const struct policy_rules *now,
                         const struct policy_vocabulary *now_words) {
    for (size_t i = 0; i < now->count; i++) {
        const struct stated s = {&now->at[i], now_words};
        if (s.rule->outcome == POLICY_RULE_WITHHOLD && covers(&s, old)) return;
    }
    say(l, POLICY_LINT_WIDER, old->rule->clause, 0,
        "Clause %.*s of the version before held something back; no one clause now holds back all of that.",
        SPAN_ARG(old->rule->clause));
}

static void lint_lists(const struct linting *l, const struct policy_rules *now,
                       const struct policy_vocabulary *now_words, const struct policy_rules *then,
                       const struct policy_vocabulary *then_words) {
    for (size_t i = 0; i < now->count; i++) {
        const struct stated s = {&now->at[i], now_words};
        if (s.rule->outcome != POLICY_RULE_WITHHOLD) lint_opening(l, &s, then, then_words);
    }
    for (size_t i = 0; i < then->count; i++) {
        const struct stated s = {&then->at[i], then_words};
        if (s.rule->outcome == POLICY_RULE_WITHHOLD) lint_closing(l, &s, now, now_words);
    }
}

static void lint_returns(const struct linting *l, const struct agreement_direction *now,
                         const struct agreement_direction *then) {
    const struct {
        bool now, then;
        struct span clause;
        const char *what;
    } returns[] = {
        {now->sightings_return, then->sightings_return, now->sightings_clause, "sightings return"},
        {now->sightings_name_member, then->sightings_name_member, now->sightings_clause, "sightings name the member"},
        {now->opinions_return, then->opinions_return, now->opinions_clause, "opinions return"},
        {now->requests_return, then->requests_return, now->requests_clause, "requests return"},
    };
    for (size_t i = 0; i < sizeof returns / sizeof *returns; i++)
        if (returns[i].now && !returns[i].then)
            say(l, POLICY_LINT_WIDER, returns[i].clause, 0, "From %.*s to %.*s, %s now, and did not before.",
                SPAN_ARG(now->to), SPAN_ARG(now->from), returns[i].what);
}

static void lint_wider(const struct linting *l, const struct agreement_direction *now, const struct agreement *before) {
    static const struct agreement_direction nothing = {.no_tlp_withhold = true};
    const struct agreement_direction *then = agreement_direction(before, now->from, now->to);
    if (!then) {
        say(l, POLICY_LINT_WIDER, (struct span){0}, 0, "The direction from %.*s to %.*s is new.", SPAN_ARG(now->from),
            SPAN_ARG(now->to));
        then = &nothing;
    } else if (!now->no_tlp_withhold && (then->no_tlp_withhold || now->no_tlp < then->no_tlp)) {
        say(l, POLICY_LINT_WIDER, (struct span){0}, 0,
            "From %.*s to %.*s, an object without TLP is held back less than before (`no_tlp`).", SPAN_ARG(now->from),
            SPAN_ARG(now->to));
    }
    lint_lists(l, &now->rules, &now->words, &then->rules, &then->words);
    lint_lists(l, &now->onward, &now->words, &then->onward, &then->words);
    lint_returns(l, now, then);
}

void policy_lint(const struct agreement *g, const struct agreement *before,
                 void (*take)(void *context, const struct policy_lint_finding *f), void *context) {
    const struct linting l = {take, context};
    for (size_t i = 0; i < g->direction_count; i++) {
        const struct agreement_direction *dir = &g->directions[i];
        lint_rules(&l, &dir->rules, &dir->words);
        lint_rules(&l, &dir->onward, &dir->words);
        lint_strict(&l, dir);
        if (before) lint_wider(&l, dir, before);
    }
    for (size_t i = 0; before && i < g->marking_count; i++) {
        bool known = false;
        for (size_t k = 0; k < before->marking_count; k++)
            known |= span_equal_nocase(before->markings[k].id, g->markings[i].id);
        if (!known)
            say(&l, POLICY_LINT_WIDER, g->markings[i].name, 0,
                "The marking \"%.*s\" is recognised now: what carries it was withheld before.",
                SPAN_ARG(g->markings[i].name));
    }
    if (before && g->ends > before->ends)
        say(&l, POLICY_LINT_WIDER, (struct span){0}, 0, "It ends later than the version before.");
}
