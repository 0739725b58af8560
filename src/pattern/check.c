#include "pattern/pattern.h"

const char *pattern_operator_name(enum pattern_operator compare) {
    static const char *const names[PATTERN_OPERATOR_COUNT] = {
        [PATTERN_EQUAL] = "=",
        [PATTERN_NOT_EQUAL] = "!=",
        [PATTERN_LESS] = "<",
        [PATTERN_LESS_EQUAL] = "<=",
        [PATTERN_GREATER] = ">",
        [PATTERN_GREATER_EQUAL] = ">=",
        [PATTERN_IN] = "IN",
        [PATTERN_LIKE] = "LIKE",
        [PATTERN_MATCHES] = "MATCHES",
        [PATTERN_ISSUBSET] = "ISSUBSET",
        [PATTERN_ISSUPERSET] = "ISSUPERSET",
        [PATTERN_EXISTS] = "EXISTS",
    };
    return compare < PATTERN_OPERATOR_COUNT ? names[compare] : "?";
}

unsigned pattern_hash_digits(struct span algorithm) {
    static const struct {
        const char *name; /* without hyphens and underscores, lower case */
        unsigned digits;
    } algorithms[] = {
        {"md5", 32},     {"sha1", 40},    {"sha224", 56},  {"sha256", 64},   {"sha384", 96},    {"sha512", 128},
        {"sha3224", 56}, {"sha3256", 64}, {"sha3384", 96}, {"sha3512", 128}, {"ripemd160", 40}, {"whirlpool", 128},
    };
    char name[16];
    size_t len = 0;
    for (size_t i = 0; i < algorithm.len; i++) {
        char c = algorithm.at[i];
        if (c == '-' || c == '_') continue;
        if (len == sizeof name) return 0;
        name[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (span_is(span_of(name, len), algorithms[i].name)) return algorithms[i].digits;
    return 0;
}

static bool is_hexadecimal(struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return false;
    }
    return true;
}

/* file:hashes.MD5 = '…': a text of another length can be no such hash. */
static enum err check_hash(const struct pattern *pattern, const struct pattern_test *test, struct diag *d) {
    const struct pattern_step *key = test->path.steps->next;
    if (!span_is(test->path.steps->key, "hashes") || !key || key->kind != PATTERN_STEP_KEY) return ERR_NONE;
    unsigned digits = pattern_hash_digits(key->key);
    bool compares = test->compare == PATTERN_EQUAL || test->compare == PATTERN_NOT_EQUAL || test->compare == PATTERN_IN;
    for (const struct pattern_literal *l = test->literals; digits && compares && l; l = l->next) {
        if (l->kind != PATTERN_STRING || (l->text.len == digits && is_hexadecimal(l->text))) continue;
        diag_set(d, ERR_INVALID, "a %.*s hash has %u hexadecimal digits (hash-algorithm-ov)", SPAN_ARG(key->key),
                 digits);
        diag_at(d, 1, pattern_column(pattern->text, l->at), l->at);
        return ERR_INVALID;
    }
    return ERR_NONE;
}

enum err pattern_check_amount(const struct pattern *pattern, const struct pattern_node *node, struct diag *d) {
    enum err error = ERR_NONE;
    if (node->kind == PATTERN_WITHIN && !(node->within_s > 0))
        error = diag_set(d, ERR_INVALID, "WITHIN needs more than 0 seconds (STIX 2.1 §9.5.1)");
    else if (node->kind == PATTERN_REPEATS && node->times < 1)
        error = diag_set(d, ERR_INVALID, "REPEATS needs at least 1 (STIX 2.1 §9.5.1)");
    if (error) diag_at(d, 1, pattern_column(pattern->text, node->at), node->at);
    return error;
}

/* The qualifiers stacked on one [ ]: each kind once. On parentheses they may repeat: each looks at another whole. */
static enum err check_qualifier(const struct pattern *pattern, const struct pattern_node *node, struct diag *d) {
    enum err error = pattern_check_amount(pattern, node, d);
    const struct pattern_node *below = node->first;
    bool repeated = false;
    while (below->kind == PATTERN_WITHIN || below->kind == PATTERN_REPEATS || below->kind == PATTERN_START_STOP) {
        if (below->grouped) break;
        repeated |= below->kind == node->kind;
        below = below->first;
    }
    if (error) return error;
    if (repeated && below->kind == PATTERN_OBSERVATION && !below->grouped)
        error = diag_set(d, ERR_INVALID, "the same qualifier twice on one observation (use parentheses)");
    else if (node->kind == PATTERN_START_STOP && node->window.from->time != TIME_NONE &&
             node->window.until->time != TIME_NONE && node->window.from->time >= node->window.until->time)
        error = diag_set(d, ERR_INVALID, "STOP must be later than START (STIX 2.1 §9.5.1)");
    if (error) diag_at(d, 1, pattern_column(pattern->text, node->at), node->at);
    return error;
}

/* Depth is bounded by PATTERN_DEPTH_MAX but for stacked qualifiers, which are walked in a loop. */
static enum err check_node(const struct pattern *pattern, const struct pattern_node *node, struct diag *d) {
    enum err error = ERR_NONE;
    while (node->kind == PATTERN_WITHIN || node->kind == PATTERN_REPEATS || node->kind == PATTERN_START_STOP) {
        if ((error = check_qualifier(pattern, node, d))) return error;
        node = node->first;
    }
    if (node->kind == PATTERN_TEST) return check_hash(pattern, node->test, d);
    for (const struct pattern_node *child = node->first; child && !error; child = child->next)
        error = check_node(pattern, child, d);
    return error;
}

enum err pattern_check(const struct pattern *pattern, struct diag *d) {
    return check_node(pattern, pattern->root, d);
}
