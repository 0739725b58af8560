/* A pattern made ready to be evaluated: literals read and folded, expressions compiled, paths understood. */
#include <stdlib.h>

#include "pattern/nfc.h"
#include "pattern/program.h"

struct builder {
    struct arena *arena;
    struct pattern_program *program;
    uint32_t number; /* of the next [ ] */
    struct diag *diag;
};

static enum err no_memory(const struct builder *b) {
    return diag_set(b->diag, ERR_NOMEM, "no memory for a pattern");
}

static enum err wrong(const struct builder *b, const struct pattern_literal *l, const char *what) {
    diag_set(b->diag, ERR_INVALID, "%s: '%.*s'", what, SPAN_ARG(l->text));
    diag_at(b->diag, 1, pattern_column(b->program->pattern->text, l->at), l->at);
    return ERR_INVALID;
}

static struct span last_key(const struct pattern_path *path) {
    struct span key = {0};
    for (const struct pattern_step *step = path->steps; step; step = step->next)
        if (step->kind == PATTERN_STEP_KEY) key = step->key;
    return key;
}

struct span in_lower_case(struct arena *a, struct span text) {
    struct span copy = arena_copy(a, text);
    char *at = (char *)(uintptr_t)copy.at; /* just made */
    for (size_t i = 0; i < copy.len; i++)
        if (at[i] >= 'A' && at[i] <= 'Z') at[i] |= 0x20;
    return copy;
}

static bool is_caseless(const struct builder *b, const struct program_test *test) {
    const struct pattern_settings *settings = &b->program->settings;
    return settings->caseless && settings->caseless(test->type, test->property);
}

static bool has_wildcards(struct span text) {
    return span_find_char(text, '%') != SIZE_MAX || span_find_char(text, '_') != SIZE_MAX;
}

/* A string literal as the values it is compared with are spelt. LIKE with wildcards is not, but for its case: "%."
 * without its trailing dot would be anything. */
static struct span fold(const struct builder *b, const struct program_test *test, struct span text) {
    const struct pattern_settings *settings = &b->program->settings;
    if (!settings->fold || test->compare == PATTERN_MATCHES) return text;
    if (test->compare != PATTERN_LIKE || !has_wildcards(text))
        return settings->fold(b->arena, test->type, test->property, text);
    return is_caseless(b, test) ? in_lower_case(b->arena, text) : text;
}

static struct program_literal build_literal(const struct builder *b, const struct program_test *test,
                                            const struct pattern_literal *from) {
    struct program_literal l = {.kind = from->kind, .text = from->text};
    switch (from->kind) {
    case PATTERN_STRING:
        l.text = fold(b, test, from->text);
        break;
    case PATTERN_INTEGER:
    case PATTERN_FLOAT:
        l.number = decimal_read(from->text);
        break;
    case PATTERN_BOOLEAN:
        l.truth = from->truth;
        break;
    case PATTERN_TIMESTAMP:
        l.is_time = instant_read(from->text, &l.when);
        break;
    default:
        break;
    }
    return l;
}

static int by_text(const void *a, const void *b) {
    const struct program_literal *x = a, *y = b;
    return span_compare(x->text, y->text);
}

static enum err build_literals(const struct builder *b, struct program_test *test, const struct pattern_literal *from) {
    uint32_t count = 0;
    bool strings = true;
    for (const struct pattern_literal *l = from; l; l = l->next) count++;
    struct program_literal *literals = arena_zalloc(b->arena, count ? count : 1, sizeof *literals);
    if (!literals) return no_memory(b);
    count = 0;
    for (const struct pattern_literal *l = from; l; l = l->next) {
        literals[count++] = build_literal(b, test, l);
        strings = strings && l->kind == PATTERN_STRING;
    }
    test->sorted = test->compare == PATTERN_IN && strings;
    if (test->sorted) qsort(literals, count, sizeof *literals, by_text);
    test->literals = literals;
    test->literal_count = count;
    return b->arena->overflow ? no_memory(b) : ERR_NONE;
}

static enum err build_like(const struct builder *b, struct program_test *test, const struct pattern_literal *from) {
    test->caseless = is_caseless(b, test) && has_wildcards(from->text);
    test->like = nfc(b->arena, test->literals[0].text);
    test->like_fits_bytes = text_as_bytes(b->arena, test->literals[0].text, &test->like_bytes);
    return ERR_NONE;
}

static enum err build_matches(const struct builder *b, struct program_test *test, const struct pattern_literal *from) {
    bool caseless = is_caseless(b, test);
    struct diag inner = {0};
    struct span bytes;
    enum err e = regex_compile(nfc(b->arena, from->text), REGEX_TEXT, caseless, &test->text_regex, &inner);
    if (e == ERR_NOMEM) return no_memory(b);
    if (e) {
        diag_set(b->diag, ERR_INVALID, "%s", inner.message);
        diag_at(b->diag, 1, pattern_column(b->program->pattern->text, from->at), from->at);
        return ERR_INVALID;
    }
    test->next = b->program->matches;
    b->program->matches = test;
    /* What only makes sense of characters (\p{…}) is found in no bytes. */
    if (text_as_bytes(b->arena, from->text, &bytes))
        e = regex_compile(bytes, REGEX_BYTES, caseless, &test->bytes_regex, NULL);
    return e == ERR_NOMEM ? no_memory(b) : ERR_NONE;
}

static enum err build_network(const struct builder *b, struct program_test *test, const struct pattern_literal *from) {
    if (read_network(b->program, from->text, &test->network)) return ERR_NONE;
    return wrong(b, from,
                 "ISSUBSET and ISSUPERSET compare IP addresses and networks in CIDR notation, which this is not");
}

/* What an operator needs beyond its literals. */
static enum err (*const extras[PATTERN_OPERATOR_COUNT])(const struct builder *, struct program_test *,
                                                        const struct pattern_literal *) = {
    [PATTERN_LIKE] = build_like,
    [PATTERN_MATCHES] = build_matches,
    [PATTERN_ISSUBSET] = build_network,
    [PATTERN_ISSUPERSET] = build_network,
};

/* network-traffic:extensions.'http-request-ext'.request_header.KEY, with [*] or without. STIX 2.1 makes the values
 * lists of strings, 2.0 made them strings, and patterns of both are about. */
static bool is_header(const struct pattern_path *path) {
    static const struct span keys[] = {SPAN("extensions"), SPAN("http-request-ext"), SPAN("request_header")};
    const struct pattern_step *step = path->steps;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++, step = step->next)
        if (!step || step->kind != PATTERN_STEP_KEY || !span_equal(step->key, keys[i])) return false;
    if (!step || step->kind != PATTERN_STEP_KEY) return false;
    return !step->next || (step->next->kind == PATTERN_STEP_ANY && !step->next->next);
}

/* ::ffff:192.0.2.1 is the IPv4 address it stands for where values are folded: what is asked of addresses, and not said
 * of what they are not, is asked of both types. */
static bool asks_any_address(const struct builder *b, const struct program_test *test) {
    bool address = span_is(test->type, "ipv4-addr") || span_is(test->type, "ipv6-addr");
    bool asks = test->compare == PATTERN_EQUAL || test->compare == PATTERN_IN || test->compare == PATTERN_ISSUBSET ||
                test->compare == PATTERN_ISSUPERSET;
    return b->program->settings.fold && address && asks && !test->negated && span_is(test->steps->key, "value");
}

static enum err build_test(const struct builder *b, const struct pattern_test *from, const struct program_test **out) {
    struct program_test *test = arena_zalloc(b->arena, 1, sizeof *test);
    if (!test) return no_memory(b);
    test->type = from->path.type;
    test->steps = from->path.steps;
    test->property = last_key(&from->path);
    test->compare = from->compare;
    test->negated = from->negated;
    test->header = b->program->settings.fold && is_header(&from->path);
    test->any_address = asks_any_address(b, test);
    test->spelling = span_ends(test->property, SPAN("_hex"))   ? SPELT_HEX
                     : span_ends(test->property, SPAN("_bin")) ? SPELT_BASE64
                                                               : SPELT_PLAIN;
    enum err e = build_literals(b, test, from->literals);
    if (!e && extras[test->compare]) e = extras[test->compare](b, test, from->literals);
    *out = test;
    return e;
}

/* As deep as PATTERN_DEPTH_MAX. */
static enum err build_node(const struct builder *b, const struct pattern_node *from, struct program_node **out) {
    struct program_node *node = arena_zalloc(b->arena, 1, sizeof *node), *last = NULL;
    if (!node) return no_memory(b);
    node->kind = from->kind;
    *out = node;
    if (from->kind == PATTERN_TEST) return build_test(b, from->test, &node->test);
    for (const struct pattern_node *child = from->first; child; child = child->next) {
        struct program_node *made = NULL;
        enum err e = build_node(b, child, &made);
        if (e) return e;
        if (last)
            last->next = made;
        else
            node->first = made;
        last = made;
    }
    return ERR_NONE;
}

static uint32_t count_observations(const struct pattern_node *node) {
    if (node->kind == PATTERN_OBSERVATION) return 1;
    uint32_t count = 0;
    for (const struct pattern_node *child = node->first; child; child = child->next) count += count_observations(child);
    return count;
}

static enum err build_observations(struct builder *b, const struct pattern_node *node) {
    if (node->kind == PATTERN_OBSERVATION) return build_node(b, node->first, &b->program->observations[b->number++]);
    enum err e = pattern_check_amount(b->program->pattern, node, b->diag);
    for (const struct pattern_node *child = node->first; child && !e; child = child->next)
        e = build_observations(b, child);
    return e;
}

enum err pattern_program_build(struct arena *a, const struct pattern *pattern, const struct pattern_settings *settings,
                               struct pattern_program **out, struct diag *d) {
    struct pattern_program *program = arena_zalloc(a, 1, sizeof *program);
    struct builder b = {.arena = a, .program = program, .diag = d};
    *out = NULL;
    if (!program) return no_memory(&b);
    program->pattern = pattern;
    if (settings) program->settings = *settings;
    program->observation_count = count_observations(pattern->root);
    program->observations = arena_zalloc(a, program->observation_count, sizeof(struct program_node *));
    enum err e = program->observations ? build_observations(&b, pattern->root) : no_memory(&b);
    if (e)
        pattern_program_free(&program);
    else
        *out = program;
    return e;
}

void pattern_program_free(struct pattern_program **program) {
    if (!*program) return;
    for (struct program_test *test = (*program)->matches; test; test = test->next) {
        regex_free(&test->text_regex);
        regex_free(&test->bytes_regex);
    }
    *program = NULL;
}

uint32_t pattern_program_observation_count(const struct pattern_program *program) {
    return program->observation_count;
}
