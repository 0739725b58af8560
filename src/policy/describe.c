#include "policy/describe.h"

#include <stdio.h>

#include "policy/decide.h"
#include "policy/phrases.h"

enum { NUMBER_SIZE = 32, DATE_LENGTH = 10, DATE_SIZE = 64 };
/* Phrases in the order of what they are about. */
_Static_assert(PHRASE_FACT_LANGUAGE - PHRASE_FACT_TYPE + 1 == POLICY_SPACE_COUNT, "a phrase for each kind of fact");
_Static_assert(PHRASE_DUTY_REVIEW - PHRASE_DUTY_REPORT_SIGHTINGS + 1 == AGREEMENT_DUTY_COUNT, "and for each duty");

static const char *const phrases[][PHRASE_COUNT] = {
    {
#define X(name, en, ja, ko) en,
        POLICY_PHRASES(X)
#undef X
    },
    {
#define X(name, en, ja, ko) ja,
        POLICY_PHRASES(X)
#undef X
    },
    {
#define X(name, en, ja, ko) ko,
        POLICY_PHRASES(X)
#undef X
    },
};

bool policy_language_parse(struct span text, enum policy_language *out) {
    static const char *const codes[] = {"en", "ja", "ko"};
    for (int i = 0; i < 3; i++)
        if (span_is(text, codes[i])) {
            *out = (enum policy_language)i;
            return true;
        }
    return false;
}

struct describing {
    const struct agreement *g;
    enum policy_language language;
    struct buf *out;
};

/* Appends a phrase, its two places filled in. */
static void phrase(const struct describing *v, enum policy_phrase p, struct span first, struct span second) {
    struct span rest = span_cstr(phrases[v->language][p]);
    for (struct span fill = first; rest.len; fill = second) {
        size_t at = span_find(rest, SPAN("%s"));
        buf_add(v->out, span_first(rest, at));
        if (at == SIZE_MAX) return;
        buf_add(v->out, fill);
        rest = span_from(rest, at + 2);
    }
}

static void line(const struct describing *v, const char *indent, enum policy_phrase p, struct span first,
                 struct span second) {
    buf_add_cstr(v->out, indent);
    phrase(v, p, first, second);
    buf_add_char(v->out, '\n');
}

static struct span days(time_us span, char text[NUMBER_SIZE]) {
    time_us day = 86400 * TIME_US_PER_S;
    if (span % day == 0)
        snprintf(text, NUMBER_SIZE, "%lld", (long long)(span / day));
    else
        snprintf(text, NUMBER_SIZE, "%.3f", (double)span / (double)day);
    return span_cstr(text);
}

static struct span number(int64_t n, char text[NUMBER_SIZE]) {
    snprintf(text, NUMBER_SIZE, "%lld", (long long)n);
    return span_cstr(text);
}

static void add_item(struct buf *list, struct span item) {
    buf_printf(list, "%s%.*s", list->len ? ", " : "", SPAN_ARG(item));
}

/* ---- conditions ---- */

static void say_words(const struct describing *v, const struct policy_test *t, const struct policy_vocabulary *words) {
    bool none = t->node->kind == POLICY_NODE_NOT;
    const struct policy_node *n = none ? t->node->children[0] : t->node;
    struct buf list = BUF_EMPTY;
    for (size_t i = 0; i < n->count; i++) add_item(&list, words->words[n->words[i]].text);
    if (t->condition == POLICY_CONDITION_TYPE)
        line(v, "      - ", PHRASE_TYPES, buf_span(&list), (struct span){0});
    else
        line(v, "      - ", none ? PHRASE_NONE_OF : PHRASE_ANY_OF,
             span_cstr(phrases[v->language][PHRASE_FACT_TYPE + (int)n->space]), buf_span(&list));
    buf_free(&list);
}

static void say_levels(const struct describing *v, const struct policy_node *n) {
    struct buf list = BUF_EMPTY;
    bool tlp = n->kind == POLICY_NODE_TLP;
    for (unsigned l = 0; l < STIX_TLP_COUNT; l++)
        if (n->mask >> l & 1)
            add_item(&list, span_cstr(tlp ? stix_tlp_name((enum stix_tlp)l) : stix_pap_name((enum stix_pap)l)));
    line(v, "      - ", tlp ? PHRASE_LEVELS : PHRASE_PAPS, buf_span(&list), (struct span){0});
    buf_free(&list);
}

static void say_range(const struct describing *v, const struct policy_node *n) {
    char low[NUMBER_SIZE], high[NUMBER_SIZE];
    if (n->kind == POLICY_NODE_AGE) {
        line(v, "      - ", n->high == INT64_MAX ? PHRASE_UNLIMITED : PHRASE_AGE, days(n->low, low),
             days(n->high, high));
        return;
    }
    line(v, "      - ", PHRASE_CONFIDENCE, number(n->low, low), number(n->high, high));
    if (n->absent) line(v, "        ", PHRASE_CONFIDENCE_ABSENT, (struct span){0}, (struct span){0});
}

static void say_test(const struct describing *v, const struct policy_rule *r, const struct policy_test *t,
                     const struct policy_vocabulary *words) {
    if (t->condition == POLICY_CONDITION_WHEN)
        line(v, "      - ", PHRASE_WHEN, r->when, (struct span){0});
    else if (t->node->kind == POLICY_NODE_TLP || t->node->kind == POLICY_NODE_PAP)
        say_levels(v, t->node);
    else if (t->node->kind == POLICY_NODE_CONFIDENCE || t->node->kind == POLICY_NODE_AGE)
        say_range(v, t->node);
    else
        say_words(v, t, words);
}

/* ---- what goes with a release ---- */

static void say_redaction(const struct describing *v, const struct policy_redaction *r) {
    static const struct {
        unsigned flag;
        enum policy_phrase phrase;
    } simple[] = {{POLICY_REDACT_CREATOR, PHRASE_REDACT_CREATOR},
                  {POLICY_REDACT_REFERENCES, PHRASE_REDACT_REFERENCES},
                  {POLICY_REDACT_DESCRIPTIONS, PHRASE_REDACT_DESCRIPTIONS}};
    char text[NUMBER_SIZE];
    struct span none = {0};
    struct buf list = BUF_EMPTY;
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (r->flags & simple[i].flag) line(v, "      - ", simple[i].phrase, none, none);
    for (size_t i = 0; i < r->property_count; i++) add_item(&list, r->properties[i]);
    if (r->property_count) line(v, "      - ", PHRASE_REDACTED, buf_span(&list), none);
    if (r->times) line(v, "      - ", PHRASE_REDACT_TIMES, days(r->times, text), none);
    for (size_t i = 0; i < r->mark_count; i++) {
        buf_clear(&list);
        for (size_t k = 0; k < r->marks[i].count; k++) add_item(&list, r->marks[i].selectors[k]);
        line(v, "      - ", PHRASE_REDACT_MARK, span_cstr(stix_tlp_label(r->marks[i].tlp)), buf_span(&list));
    }
    buf_free(&list);
}

static void say_purpose(const struct describing *v, const char *indent, const struct policy_purpose *p) {
    const struct {
        enum policy_phrase phrase;
        struct span word;
    } said[] = {{PHRASE_PURPOSE_PAP, p->pap ? span_cstr(stix_pap_name(p->pap)) : (struct span){0}},
                {PHRASE_PURPOSE_ACTIONS, p->actions},
                {PHRASE_PURPOSE_NOTIFICATIONS, p->notifications},
                {PHRASE_PURPOSE_ATTRIBUTION, p->attribution},
                {PHRASE_PURPOSE_RESALE, p->resale}};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (said[i].word.len) line(v, indent, said[i].phrase, said[i].word, (struct span){0});
}

/* ---- rules ---- */

static void say_rule(const struct describing *v, const struct policy_rule *r, const struct policy_vocabulary *words,
                     bool onward) {
    static const enum policy_phrase outcomes[2][3] = {{PHRASE_WITHHOLD, PHRASE_RELEASE, PHRASE_RELEASE},
                                                      {PHRASE_FORBID, PHRASE_PERMIT, PHRASE_CONSENT}};
    char text[NUMBER_SIZE];
    struct buf list = BUF_EMPTY;
    line(v, "    ", outcomes[onward][r->outcome], r->clause, (struct span){0});
    if (r->test_count == 0) line(v, "      - ", PHRASE_EVERYTHING, (struct span){0}, (struct span){0});
    for (size_t i = 0; i < r->test_count; i++) say_test(v, r, &r->tests[i], words);
    for (size_t i = 0; i < r->to_count; i++) add_item(&list, r->to[i]);
    if (r->to) line(v, "      - ", PHRASE_TO, buf_span(&list), (struct span){0});
    if (onward && r->outcome != POLICY_RULE_WITHHOLD)
        line(v, "      - ", PHRASE_HOPS, number(r->hops, text), (struct span){0});
    if (r->embargo) line(v, "      - ", PHRASE_EMBARGO, days(r->embargo, text), (struct span){0});
    if (r->expiry) line(v, "      - ", PHRASE_EXPIRY, days(r->expiry, text), (struct span){0});
    if (r->redaction) say_redaction(v, r->redaction);
    if (r->purpose) say_purpose(v, "      - ", r->purpose);
    buf_free(&list);
}

static void say_direction(const struct describing *v, const struct agreement_direction *dir) {
    struct span none = {0};
    buf_add_char(v->out, '\n');
    line(v, "", PHRASE_DIRECTION, dir->from, dir->to);
    line(v, "  ", dir->rules.count ? PHRASE_ORDER : PHRASE_NO_RULES, none, none);
    for (size_t i = 0; i < dir->rules.count; i++) say_rule(v, &dir->rules.at[i], &dir->words, false);
    if (dir->no_tlp_withhold)
        line(v, "  ", PHRASE_NO_TLP_WITHHELD, none, none);
    else
        line(v, "  ", PHRASE_NO_TLP_AS, span_cstr(stix_tlp_label((enum stix_tlp)dir->no_tlp)), none);
    if (dir->onward.count) line(v, "  ", PHRASE_ONWARD, none, none);
    for (size_t i = 0; i < dir->onward.count; i++) say_rule(v, &dir->onward.at[i], &dir->words, true);
    line(v, "  ", dir->sightings_return ? PHRASE_SIGHTINGS : PHRASE_SIGHTINGS_NOT, dir->to, none);
    if (dir->sightings_return)
        line(v, "  ", dir->sightings_name_member ? PHRASE_MEMBER : PHRASE_MEMBER_NOT, none, none);
    if (dir->opinions_return) line(v, "  ", PHRASE_OPINIONS, dir->to, none);
    if (dir->requests_return) line(v, "  ", PHRASE_REQUESTS, dir->to, none);
}

static void say_obligation(const struct describing *v, const struct agreement_obligation *o) {
    char text[NUMBER_SIZE];
    buf_printf(v->out, "  %.*s: %s; ", SPAN_ARG(o->clause),
               phrases[v->language][PHRASE_DUTY_REPORT_SIGHTINGS + o->duty]);
    for (size_t i = 0; i < o->party_count; i++) buf_printf(v->out, "%s%.*s", i ? ", " : "", SPAN_ARG(o->parties[i]));
    if (!o->parties) phrase(v, PHRASE_OWED_BY_ALL, (struct span){0}, (struct span){0});
    if (o->within) {
        buf_add_cstr(v->out, "; ");
        phrase(v, PHRASE_WITHIN, days(o->within, text), (struct span){0});
    }
    if (o->every) {
        buf_add_cstr(v->out, "; ");
        phrase(v, PHRASE_EVERY, days(o->every, text), (struct span){0});
    }
    if (o->text.len) buf_printf(v->out, "\n    %.*s", SPAN_ARG(o->text));
    buf_add_char(v->out, '\n');
}

/* As people write it there; with the time of day (UTC) only where it is not midnight. */
static struct span date(const struct describing *v, time_us t, char out[DATE_SIZE]) {
    static const char *const units[][3] = {{"", "", ""}, {"年", "月", "日"}, {"년 ", "월 ", "일"}};
    const char *const *unit = units[v->language];
    char text[TIME_TEXT_SIZE];
    int year = 0, month = 0, day = 0;
    time_format_us(t, text);
    if (sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3) return span_cstr(strcpy(out, "?"));
    int len = v->language == POLICY_ENGLISH
                  ? snprintf(out, DATE_SIZE, "%04d-%02d-%02d", year, month, day)
                  : snprintf(out, DATE_SIZE, "%d%s%d%s%d%s", year, unit[0], month, unit[1], day, unit[2]);
    if (t % (86400 * TIME_US_PER_S)) snprintf(out + len, DATE_SIZE - (size_t)len, " %.8s UTC", text + DATE_LENGTH + 1);
    return span_cstr(out);
}

/* A day ends with its last moment. */
static time_us last_day(time_us ends) {
    return ends % (86400 * TIME_US_PER_S) ? ends : ends - 86400 * TIME_US_PER_S;
}

void policy_describe(const struct agreement *g, enum policy_language language, struct buf *out) {
    const struct describing v = {g, language, out};
    char from[DATE_SIZE], until[DATE_SIZE];
    struct span none = {0};
    buf_printf(out, "%.*s\n\n", SPAN_ARG(g->title));
    line(&v, "", PHRASE_IN_FORCE, date(&v, g->effective, from), date(&v, last_day(g->ends), until));
    if (g->review != TIME_NONE) line(&v, "", PHRASE_REVIEW, date(&v, g->review, from), none);
    if (g->has_predecessor) line(&v, "", PHRASE_AMENDS, none, none);
    buf_add_char(out, '\n');
    line(&v, "", PHRASE_PARTIES, none, none);
    for (size_t i = 0; i < g->party_count; i++) {
        buf_printf(out, "  %.*s  %.*s\n", SPAN_ARG(g->parties[i].id), SPAN_ARG(g->parties[i].name));
        for (size_t k = 0; k < g->parties[i].member_count; k++)
            buf_printf(out, "    %.*s  %.*s\n", SPAN_ARG(g->parties[i].members[k].id),
                       SPAN_ARG(g->parties[i].members[k].name));
    }
    for (size_t i = 0; i < g->direction_count; i++) say_direction(&v, &g->directions[i]);
    if (g->purpose) {
        buf_add_char(out, '\n');
        line(&v, "", PHRASE_PURPOSES, none, none);
        say_purpose(&v, "  ", g->purpose);
    }
    if (g->obligation_count) {
        buf_add_char(out, '\n');
        line(&v, "", PHRASE_OBLIGATIONS, none, none);
    }
    for (size_t i = 0; i < g->obligation_count; i++) say_obligation(&v, &g->obligations[i]);
}
