/* The conditions of a rule, from texts to nodes. */
#include <stdio.h>

#include "policy/expression.h"
#include "policy/rule_read.h"
#include "stix/schema.h"

/* ---- types ---- */

/* What STIX 2.1 allows as the name of a type. */
static bool type_valid(struct span type) {
    if (type.len < 3 || type.len > 250 || type.at[0] == '-' || type.at[type.len - 1] == '-') return false;
    for (size_t i = 0; i < type.len; i++) {
        char c = type.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c == '-' && type.at[i - 1] != '-')) return false;
    }
    return true;
}

/* Whether one letter more, less or other makes the one the other. */
static bool one_edit_apart(struct span a, struct span b) {
    size_t head = 0, tail = 0, shorter = a.len < b.len ? a.len : b.len, longer = a.len < b.len ? b.len : a.len;
    while (head < shorter && a.at[head] == b.at[head]) head++;
    while (tail < shorter - head && a.at[a.len - 1 - tail] == b.at[b.len - 1 - tail]) tail++;
    return longer - head - tail == 1;
}

/* The type of the specification that somebody meant who wrote this: "indicators" would be a custom type, and a rule for
 * it would silently match nothing. */
static const char *type_meant(struct span type) {
    const struct schema *known;
    if (stix_schema(type)) return NULL;
    for (size_t i = 0; (known = stix_schema_at(i)); i++)
        if (one_edit_apart(type, span_cstr(known->type))) return known->type;
    return NULL;
}

static enum err type_read(struct reading *r, const struct path *where, const char *raw, struct span *out) {
    struct span type = span_cstr(raw);
    const char *meant = type_meant(type);
    if (meant) return fault(r, where, "\"%.60s\" is no STIX type: write %s", raw, meant);
    if (!type_valid(type))
        return fault(r, where, "\"%.60s\" is no STIX type: lower case, digits and -, for example indicator", raw);
    *out = arena_copy(r->a, type);
    return out->at ? ERR_NONE : reading_no_memory(r);
}

/* ---- conditions ---- */

static struct policy_node *add(struct reading *r, struct policy_rule *out, enum policy_condition condition,
                               enum policy_node_kind kind) {
    struct policy_node *n = arena_zalloc(r->a, 1, sizeof *n);
    struct policy_test *tests = (struct policy_test *)(uintptr_t)out->tests;
    if (!n) return NULL;
    n->kind = kind;
    tests[out->test_count++] = (struct policy_test){condition, n};
    return n;
}

static enum err words_full(struct reading *r, const struct path *where) {
    return fault(r, where, "the rules of one direction name at most %d different words", POLICY_WORDS_MAX);
}

/* A WORDS node of texts already checked. */
static enum err words_node(struct reading *r, const struct path *where, enum policy_space space,
                           const struct span *texts, size_t count, struct policy_node *out) {
    uint16_t *words = arena_alloc(r->a, count * sizeof *words);
    if (!words || !out) return reading_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        int word = policy_words_add(&r->words, space, texts[i]);
        if (word < 0) return words_full(r, where);
        words[i] = (uint16_t)word;
    }
    out->space = space;
    out->words = words;
    out->count = count;
    return ERR_NONE;
}

static enum err types_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                           enum rule_flavour flavour, struct policy_rule *out) {
    struct path top = path_of(where, ".types");
    if (!raw->types_count && flavour != RULE_OF_RELEASE) return ERR_NONE;
    if (!raw->types_count) return fault(r, where, "this rule has no `types`: a list of STIX types, or [all]");
    if (raw->types_count == 1 && strcmp(raw->types[0], "all") == 0) return ERR_NONE;
    struct span *types = arena_zalloc(r->a, raw->types_count, sizeof *types);
    if (!types) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->types_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        if (strcmp(raw->types[i], "all") == 0) return fault(r, &at, "\"all\" stands alone: types: [all]");
        enum err e = type_read(r, &at, raw->types[i], &types[i]);
        if (e) return e;
        for (unsigned j = 0; j < i; j++)
            if (span_equal(types[j], types[i])) return fault(r, &at, "the type %.60s is listed twice", raw->types[i]);
    }
    return words_node(r, &top, POLICY_SPACE_TYPE, types, raw->types_count,
                      add(r, out, POLICY_CONDITION_TYPE, POLICY_NODE_WORDS));
}

/* In rules that are not of an agreement's release, an object without TLP is "none". */
static enum err levels_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                            enum rule_flavour flavour, struct policy_rule *out) {
    struct path top = path_of(where, ".tlp");
    if (!raw->tlp_count && flavour == RULE_OF_RELEASE && out->outcome == POLICY_RULE_RELEASE)
        return fault(r, where, "a rule that releases must name its TLP levels, for example tlp: [clear, green]");
    if (!raw->tlp_count) {
        out->tlp = ~0u;
        return ERR_NONE;
    }
    for (unsigned i = 0; i < raw->tlp_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        int level = 0;
        bool none = flavour != RULE_OF_RELEASE && strcmp(raw->tlp[i], "none") == 0;
        enum err e = none ? ERR_NONE : reading_tlp(r, &at, raw->tlp[i], "", &level);
        if (e) return e;
        if (out->tlp & 1u << level) return fault(r, &at, "the level %s is listed twice", raw->tlp[i]);
        out->tlp |= 1u << level;
    }
    struct policy_node *n = add(r, out, POLICY_CONDITION_TLP, POLICY_NODE_TLP);
    if (!n) return reading_no_memory(r);
    n->mask = out->tlp;
    return ERR_NONE;
}

static enum err pap_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                         struct policy_rule *out) {
    struct path top = path_of(where, ".pap");
    if (!raw->pap_count) return ERR_NONE;
    struct policy_node *n = add(r, out, POLICY_CONDITION_PAP, POLICY_NODE_PAP);
    if (!n) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->pap_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        enum stix_pap level;
        if (!stix_pap_parse(span_cstr(raw->pap[i]), &level))
            return fault(r, &at, "\"%.40s\" is no PAP level: none, clear, green, amber or red", raw->pap[i]);
        if (n->mask & 1u << level) return fault(r, &at, "the level %.20s is listed twice", raw->pap[i]);
        n->mask |= 1u << level;
    }
    return ERR_NONE;
}

static enum err sources_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                             enum rule_flavour flavour, struct policy_rule *out) {
    struct path top = path_of(where, ".sources");
    out->names_sources = raw->sources_count > 0 || flavour != RULE_OF_RELEASE;
    if (!raw->sources_count) return ERR_NONE;
    struct span *texts = arena_zalloc(r->a, raw->sources_count, sizeof *texts);
    if (!texts) return reading_no_memory(r);
    for (unsigned i = 0; i < raw->sources_count; i++) {
        struct path at = path_of(&top, "[%u]", i);
        const char *wrong = policy_word_fault(POLICY_SPACE_SOURCE, span_cstr(raw->sources[i]));
        if (wrong) return fault(r, &at, "%s", wrong);
        texts[i] = arena_copy(r->a, span_cstr(raw->sources[i]));
    }
    return words_node(r, &top, POLICY_SPACE_SOURCE, texts, raw->sources_count,
                      add(r, out, POLICY_CONDITION_SOURCE, POLICY_NODE_WORDS));
}

/* A marking may be written by the name that the agreement gives it. */
static struct span marking_id(const struct reading *r, struct span text) {
    for (size_t i = 0; i < r->marking_count; i++)
        if (span_equal_nocase(r->markings[i].name, text)) return r->markings[i].id;
    return text;
}

static enum err word_list_read(struct reading *r, const struct path *where, enum policy_space space, char *const *raw,
                               unsigned count, struct span *out) {
    const char *noun = policy_space_name(space);
    for (unsigned i = 0; i < count; i++) {
        struct path at = path_of(where, "[%u]", i);
        char what[40];
        snprintf(what, sizeof what, "a %s", noun);
        enum err e = reading_text(r, &at, raw[i], what, POLICY_TEXT_MAX, &out[i]);
        if (e) return e;
        if (space == POLICY_SPACE_MARKING) out[i] = marking_id(r, out[i]);
        const char *wrong = policy_word_fault(space, out[i]);
        if (wrong) return fault(r, &at, "%s", wrong);
        for (unsigned j = 0; j < i; j++)
            if (policy_space_cased(space) ? span_equal(out[j], out[i]) : span_equal_nocase(out[j], out[i]))
                return fault(r, &at, "the %s %.60s is listed twice", noun, raw[i]);
    }
    return ERR_NONE;
}

/* What `none` makes: not one of these. */
static enum err none_node(struct reading *r, const struct path *where, enum policy_space space,
                          const struct span *texts, size_t count, struct policy_node *out) {
    struct policy_node *inner = arena_zalloc(r->a, 1, sizeof *inner);
    const struct policy_node **children = arena_alloc(r->a, sizeof(*children));
    if (!inner || !children || !out) return reading_no_memory(r);
    inner->kind = POLICY_NODE_WORDS;
    children[0] = inner;
    out->children = children;
    out->count = 1;
    return words_node(r, where, space, texts, count, inner);
}

static enum err any_none_read(struct reading *r, const struct path *where, const char *key, enum policy_space space,
                              const struct raw_words *raw, enum policy_condition any, struct policy_rule *out) {
    struct path top = path_of(where, ".%s", key), any_at = path_of(&top, ".any"), none_at = path_of(&top, ".none");
    if (!raw) return ERR_NONE;
    if (!raw->any_count && !raw->none_count) return fault(r, &top, "`%s` needs any: [...], none: [...] or both", key);
    struct span *texts = arena_zalloc(r->a, raw->any_count + raw->none_count, sizeof *texts),
                *none = texts + raw->any_count;
    if (!texts) return reading_no_memory(r);
    enum err e = word_list_read(r, &any_at, space, raw->any, raw->any_count, texts);
    if (!e) e = word_list_read(r, &none_at, space, raw->none, raw->none_count, none);
    for (unsigned i = 0; !e && i < raw->none_count; i++)
        for (unsigned j = 0; !e && j < raw->any_count; j++)
            if (span_equal_nocase(none[i], texts[j])) {
                struct path at = path_of(&none_at, "[%u]", i);
                e = fault(r, &at, "the %s %.60s stands under any and under none", policy_space_name(space),
                          raw->none[i]);
            }
    if (!e && raw->any_count)
        e = words_node(r, &any_at, space, texts, raw->any_count, add(r, out, any, POLICY_NODE_WORDS));
    if (!e && raw->none_count)
        e = none_node(r, &none_at, space, none, raw->none_count,
                      add(r, out, (enum policy_condition)(any + 1), POLICY_NODE_NOT));
    return e;
}

static enum err bound_read(struct reading *r, const struct path *where, const char *key, const char *raw,
                           int64_t *out) {
    struct path at = path_of(where, ".%s", key);
    uint64_t n;
    if (!raw) return ERR_NONE;
    if (!span_u64(span_cstr(raw), &n) || n > 100)
        return fault(r, &at, "`%s` must be a whole number from 0 to 100, not \"%.20s\"", key, raw);
    *out = (int64_t)n;
    return ERR_NONE;
}

static enum err confidence_read(struct reading *r, const struct path *where, const struct raw_confidence *raw,
                                struct policy_rule *out) {
    struct path top = path_of(where, ".confidence"), absent = path_of(&top, ".absent"), max = path_of(&top, ".max");
    if (!raw) return ERR_NONE;
    if (!raw->min && !raw->max) return fault(r, &top, "`confidence` needs min: a number from 0 to 100");
    struct policy_node *n = add(r, out, POLICY_CONDITION_CONFIDENCE, POLICY_NODE_CONFIDENCE);
    if (!n) return reading_no_memory(r);
    n->high = 100;
    enum err e = bound_read(r, &top, "min", raw->min, &n->low);
    if (!e) e = bound_read(r, &top, "max", raw->max, &n->high);
    if (e) return e;
    if (n->low > n->high) return fault(r, &max, "`max` is smaller than `min`: nothing would match");
    n->absent = raw->absent && strcmp(raw->absent, "enough") == 0;
    if (!raw->absent)
        return fault(r, &top,
                     "`confidence` must say what an object without one counts as: absent: enough or absent: too-low");
    if (!n->absent && strcmp(raw->absent, "too-low") != 0)
        return fault(r, &absent, "`absent` must be enough or too-low, not \"%.20s\"", raw->absent);
    return ERR_NONE;
}

static enum err age_read(struct reading *r, const struct path *where, const struct raw_age *raw,
                         struct policy_rule *out) {
    struct path top = path_of(where, ".age"), min = path_of(&top, ".min"), max = path_of(&top, ".max");
    time_us most = 0;
    if (!raw) return ERR_NONE;
    if (!raw->min && !raw->max) return fault(r, &top, "`age` needs min, max or both: spans such as 30d");
    struct policy_node *n = add(r, out, POLICY_CONDITION_AGE, POLICY_NODE_AGE);
    if (!n) return reading_no_memory(r);
    enum err e = reading_span(r, &min, raw->min, "min", &n->low);
    if (!e) e = reading_span(r, &max, raw->max, "max", &most);
    n->high = raw->max ? most : INT64_MAX;
    if (!e && n->low > n->high) e = fault(r, &max, "`max` is shorter than `min`: nothing would match");
    return e;
}

static enum err when_read(struct reading *r, const struct path *where, const char *raw, struct policy_rule *out) {
    struct path at = path_of(where, ".when");
    struct policy_expression_fault f;
    struct policy_test *tests = (struct policy_test *)(uintptr_t)out->tests;
    const struct policy_node *n;
    if (!raw) return ERR_NONE;
    out->when = arena_copy(r->a, span_cstr(raw));
    enum err e = policy_expression_read(&r->words, out->when, &n, &f);
    if (e == ERR_NOMEM) return reading_no_memory(r);
    if (e) return fault(r, &at, "`when`, character %zu: %s", f.at + 1, f.message);
    tests[out->test_count++] = (struct policy_test){POLICY_CONDITION_WHEN, n};
    return ERR_NONE;
}

enum err rule_conditions_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                              enum rule_flavour flavour, struct policy_rule *out) {
    const struct {
        const char *key;
        enum policy_space space;
        const struct raw_words *words;
        enum policy_condition any;
    } lists[] = {
        {"markings", POLICY_SPACE_MARKING, raw->markings, POLICY_CONDITION_MARKING_ANY},
        {"creators", POLICY_SPACE_CREATOR, raw->creators, POLICY_CONDITION_CREATOR_ANY},
        {"sectors", POLICY_SPACE_SECTOR, raw->sectors, POLICY_CONDITION_SECTOR_ANY},
        {"indicator_types", POLICY_SPACE_INDICATOR_TYPE, raw->indicator_types, POLICY_CONDITION_INDICATOR_TYPE_ANY},
        {"observes", POLICY_SPACE_OBSERVES, raw->observes, POLICY_CONDITION_OBSERVES_ANY},
        {"attack", POLICY_SPACE_ATTACK, raw->attack, POLICY_CONDITION_ATTACK_ANY},
        {"languages", POLICY_SPACE_LANGUAGE, raw->languages, POLICY_CONDITION_LANGUAGE_ANY},
    };
    out->tests = arena_zalloc(r->a, POLICY_CONDITION_COUNT, sizeof *out->tests);
    if (!out->tests) return reading_no_memory(r);
    enum err e = types_read(r, where, raw, flavour, out);
    if (!e) e = levels_read(r, where, raw, flavour, out);
    if (!e) e = any_none_read(r, where, "labels", POLICY_SPACE_LABEL, raw->labels, POLICY_CONDITION_LABEL_ANY, out);
    if (!e) e = confidence_read(r, where, raw->confidence, out);
    if (!e) e = pap_read(r, where, raw, out);
    if (!e) e = sources_read(r, where, raw, flavour, out);
    for (size_t i = 0; !e && i < sizeof lists / sizeof *lists; i++)
        e = any_none_read(r, where, lists[i].key, lists[i].space, lists[i].words, lists[i].any, out);
    if (!e) e = age_read(r, where, raw->age, out);
    return e ? e : when_read(r, where, raw->when, out);
}
