#include "policy/expression.h"

#include <stdarg.h>
#include <stdio.h>

enum token { END, WORD, TEXT, EQUAL, UNEQUAL, LESS, AT_MOST, MORE, AT_LEAST, OPEN, CLOSE, COMMA, BAD };

struct reading {
    struct policy_words_building *b;
    struct span text;
    size_t at, token_at; /* behind the token in hand; its beginning */
    enum token token;
    struct span value; /* of WORD and TEXT */
    unsigned depth;
    struct policy_expression_fault *f;
};

static const struct policy_node *fault(struct reading *r, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static const struct policy_node *fault(struct reading *r, size_t at, const char *format, ...) {
    va_list args;
    if (r->f->message[0]) return NULL; /* the first says it */
    va_start(args, format);
    vsnprintf(r->f->message, sizeof r->f->message, format, args);
    va_end(args);
    r->f->at = at;
    return NULL;
}

/* ---- tokens ---- */

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_.:+/-", c));
}

static void quoted(struct reading *r) {
    struct span rest = span_from(r->text, r->at + 1);
    char *out = arena_alloc(r->b->a, rest.len + 1);
    size_t len = 0, i = 0;
    r->token = BAD;
    if (!out) return;
    for (; i < rest.len && rest.at[i] != '"'; i++) {
        if (rest.at[i] == '\\' && (++i >= rest.len || (rest.at[i] != '"' && rest.at[i] != '\\'))) {
            fault(r, r->at + 1 + i, "a backslash stands before \" and \\ only");
            return;
        }
        out[len++] = rest.at[i];
    }
    if (i >= rest.len) {
        fault(r, r->at, "this quotation mark is never closed");
        return;
    }
    r->token = TEXT;
    r->value = span_of(out, len);
    r->at += i + 2;
}

static void next(struct reading *r) {
    static const struct {
        const char *sign;
        enum token token;
    } signs[] = {{"!=", UNEQUAL}, {"<=", AT_MOST}, {">=", AT_LEAST}, {"=", EQUAL}, {"<", LESS},
                 {">", MORE},     {"(", OPEN},     {")", CLOSE},     {",", COMMA}};
    while (r->at < r->text.len && strchr(" \t\r\n", r->text.at[r->at])) r->at++;
    r->token_at = r->at;
    struct span rest = span_from(r->text, r->at);
    r->token = rest.len ? BAD : END;
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (rest.len && span_starts(rest, span_cstr(signs[i].sign))) {
            r->token = signs[i].token;
            r->at += strlen(signs[i].sign);
            return;
        }
    if (rest.len && rest.at[0] == '"') {
        quoted(r);
        return;
    }
    size_t len = 0;
    while (len < rest.len && word_char(rest.at[len])) len++;
    if (len) {
        r->token = WORD;
        r->value = span_of(rest.at, len);
        r->at += len;
    } else if (rest.len) {
        fault(r, r->at, "\"%.1s\" cannot stand here: put other writing in \"quotation marks\"", rest.at);
    }
}

static bool is_word(const struct reading *r, const char *word) {
    return r->token == WORD && span_is(r->value, word);
}

static bool is_reserved(struct span word) {
    static const char *const reserved[] = {"and", "or", "not", "in", "is"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (span_is(word, reserved[i])) return true;
    return false;
}

static bool is_value(const struct reading *r) {
    return r->token == TEXT || (r->token == WORD && !is_reserved(r->value));
}

/* ---- nodes ---- */

static struct policy_node *node(struct reading *r, enum policy_node_kind kind) {
    struct policy_node *n = arena_zalloc(r->b->a, 1, sizeof *n);
    if (!n)
        fault(r, r->token_at, "no memory for this expression");
    else
        n->kind = kind;
    return n;
}

static const struct policy_node *not_node(struct reading *r, const struct policy_node *child) {
    struct policy_node *n = child ? node(r, POLICY_NODE_NOT) : NULL;
    const struct policy_node **children = n ? arena_alloc(r->b->a, sizeof(*children)) : NULL;
    if (!children) return NULL;
    children[0] = child;
    n->children = children;
    n->count = 1;
    return n;
}

/* ---- words that can never be carried ---- */

static bool lower_name(struct span s) {
    for (size_t i = 0; i < s.len; i++)
        if (!(s.at[i] >= 'a' && s.at[i] <= 'z') && !(s.at[i] >= '0' && s.at[i] <= '9') && s.at[i] != '-') return false;
    return s.len >= 3;
}

static bool identifier_of(struct span s, struct span type) {
    return span_starts(s, type) && s.len == type.len + 36;
}

static bool attack_id(struct span s) {
    size_t letters = 0;
    while (letters < s.len && ((s.at[letters] | 0x20) >= 'a' && (s.at[letters] | 0x20) <= 'z')) letters++;
    for (size_t i = letters; i < s.len; i++)
        if (!(s.at[i] >= '0' && s.at[i] <= '9') && s.at[i] != '.') return false;
    return letters >= 1 && letters <= 3 && s.len > letters;
}

static bool party_or_own(struct span s) {
    for (size_t i = 0; i < s.len; i++)
        if (!(s.at[i] >= 'A' && s.at[i] <= 'Z') && !(s.at[i] >= '0' && s.at[i] <= '9') && s.at[i] != '-')
            return span_is(s, "own");
    return s.len >= 2;
}

const char *policy_word_fault(enum policy_space space, struct span text) {
    if (text.len == 0 || text.len > POLICY_TEXT_MAX) return "a word is 1 to 256 bytes long";
    switch (space) {
    case POLICY_SPACE_TYPE:
    case POLICY_SPACE_OBSERVES:
        return lower_name(text) ? NULL : "a STIX type is lower case, digits and -, for example ipv4-addr";
    case POLICY_SPACE_CREATOR:
        return identifier_of(text, SPAN("identity--")) ? NULL : "a creator is the id of an identity: identity--UUID";
    case POLICY_SPACE_MARKING:
        return identifier_of(text, SPAN("marking-definition--"))
                   ? NULL
                   : "a marking is named by its id, marking-definition--UUID, or by the name under `markings`";
    case POLICY_SPACE_SOURCE:
        return party_or_own(text) ? NULL : "a source is own, or a party's id";
    case POLICY_SPACE_ATTACK:
        return attack_id(text) ? NULL : "an ATT&CK id is letters and digits, for example T1059.001 or G0016";
    default:
        return NULL;
    }
}

bool policy_span_read(struct span text, time_us *out) {
    return time_parse_duration(text, out) && *out > 0 && *out <= (time_us)POLICY_SPAN_DAYS_MAX * 86400 * TIME_US_PER_S;
}

/* ---- tests of each kind of fact ---- */

struct fact {
    struct span name;
    size_t at;
    enum token compare; /* EQUAL … AT_LEAST */
};

static bool word_space(struct span name, enum policy_space *out) {
    for (int s = 0; s < POLICY_SPACE_COUNT; s++)
        if (span_is(name, policy_space_name((enum policy_space)s))) {
            *out = (enum policy_space)s;
            return true;
        }
    return false;
}

/* low and high of numbers that compare so with n. */
static void range_of(enum token compare, int64_t n, struct policy_node *out) {
    out->low = compare == EQUAL || compare == AT_LEAST ? n : compare == MORE ? n + 1 : 0;
    out->high = compare == EQUAL || compare == AT_MOST ? n : compare == LESS ? n - 1 : INT64_MAX;
}

static unsigned mask_of(enum token compare, int level, int count) {
    unsigned mask = 0;
    for (int l = 1; l < count; l++)
        if ((compare == EQUAL && l == level) || (compare == LESS && l < level) || (compare == AT_MOST && l <= level) ||
            (compare == MORE && l > level) || (compare == AT_LEAST && l >= level))
            mask |= 1u << l;
    return mask;
}

/* One value of a fact, as a positive test: != is the opposite of =. */
static const struct policy_node *value_test(struct reading *r, const struct fact *fact) {
    enum token compare = fact->compare == UNEQUAL ? EQUAL : fact->compare;
    struct policy_node *n = NULL;
    enum policy_space space;
    if (!is_value(r)) return fault(r, r->token_at, "a value must stand here");
    if (span_is(fact->name, "tlp")) {
        enum stix_tlp level;
        if (!stix_tlp_parse(r->value, &level) || level == STIX_TLP_NONE)
            return fault(r, r->token_at, "a TLP level is clear, green, amber, amber+strict or red");
        if ((n = node(r, POLICY_NODE_TLP))) n->mask = mask_of(compare, (int)level, STIX_TLP_COUNT);
    } else if (span_is(fact->name, "pap")) {
        enum stix_pap level;
        if (!stix_pap_parse(r->value, &level) || level == STIX_PAP_NONE)
            return fault(r, r->token_at, "a PAP level is clear, green, amber or red");
        if ((n = node(r, POLICY_NODE_PAP))) n->mask = mask_of(compare, (int)level, STIX_PAP_COUNT);
    } else if (span_is(fact->name, "confidence")) {
        uint64_t number;
        if (!span_u64(r->value, &number) || number > 100)
            return fault(r, r->token_at, "a confidence is a whole number from 0 to 100");
        if ((n = node(r, POLICY_NODE_CONFIDENCE))) range_of(compare, (int64_t)number, n);
    } else if (span_is(fact->name, "age")) {
        time_us age;
        if (!policy_span_read(r->value, &age)) return fault(r, r->token_at, "an age is a span such as 12h, 30d or 1y");
        if ((n = node(r, POLICY_NODE_AGE))) range_of(compare, age, n);
    } else if (word_space(fact->name, &space)) {
        const char *wrong = policy_word_fault(space, r->value);
        struct span kept = arena_copy(r->b->a, r->value);
        uint16_t *words = arena_alloc(r->b->a, sizeof *words);
        if (wrong) return fault(r, r->token_at, "%s", wrong);
        if (compare != EQUAL) return fault(r, fact->at, "%.*s is compared with = and != only", SPAN_ARG(fact->name));
        int word = words && kept.at ? policy_words_add(r->b, space, kept) : -1;
        if (word < 0)
            return fault(r, r->token_at, "the rules of one direction name at most %d words", POLICY_WORDS_MAX);
        if ((n = node(r, POLICY_NODE_WORDS))) {
            words[0] = (uint16_t)word;
            n->space = space;
            n->words = words;
            n->count = 1;
        }
    }
    next(r);
    return n;
}

static const struct policy_node *absence_test(struct reading *r, const struct fact *fact) {
    struct policy_node *n;
    enum policy_space space;
    bool none = is_word(r, "none");
    if (!none && !is_word(r, "present")) return fault(r, r->token_at, "after `is` stands none or present");
    if (span_is(fact->name, "tlp")) {
        if ((n = node(r, POLICY_NODE_TLP))) n->mask = ~1u;
    } else if (span_is(fact->name, "pap")) {
        if ((n = node(r, POLICY_NODE_PAP))) n->mask = ~1u;
    } else if (span_is(fact->name, "confidence") || span_is(fact->name, "age")) {
        n = node(r, span_is(fact->name, "age") ? POLICY_NODE_AGE : POLICY_NODE_CONFIDENCE);
        if (n) n->high = INT64_MAX;
    } else {
        n = word_space(fact->name, &space) ? node(r, POLICY_NODE_HAS) : NULL;
        if (n) n->space = space;
    }
    next(r);
    return none ? not_node(r, n) : n;
}

static const struct policy_node *list_test(struct reading *r, struct fact *fact) {
    const struct policy_node **children = arena_alloc(r->b->a, POLICY_ITEMS_MAX * sizeof(*children));
    struct policy_node *any = node(r, POLICY_NODE_ANY);
    fact->compare = EQUAL;
    if (!children || !any) return NULL;
    if (r->token != OPEN) return fault(r, r->token_at, "after `in` stands a list: (one, two)");
    do {
        next(r);
        if (any->count == POLICY_ITEMS_MAX)
            return fault(r, r->token_at, "a list has at most %d values", POLICY_ITEMS_MAX);
        if (!(children[any->count++] = value_test(r, fact))) return NULL;
    } while (r->token == COMMA);
    if (r->token != CLOSE) return fault(r, r->token_at, "a comma or ) must stand here");
    any->children = children;
    next(r);
    return any;
}

static bool known_fact(struct span name) {
    enum policy_space space;
    return span_is(name, "tlp") || span_is(name, "pap") || span_is(name, "confidence") || span_is(name, "age") ||
           word_space(name, &space);
}

static const struct policy_node *test(struct reading *r) {
    struct fact fact = {.name = r->value, .at = r->token_at};
    if (r->token != WORD || is_reserved(r->value))
        return fault(r, r->token_at, "a fact must stand here, such as label = apt");
    if (is_word(r, "revoked")) {
        next(r);
        return node(r, POLICY_NODE_REVOKED);
    }
    if (!known_fact(fact.name))
        return fault(r, r->token_at,
                     "\"%.30s\" is no fact: tlp, pap, confidence, age, revoked, type, label, marking, creator, source, "
                     "sector, indicator_type, observes, attack, language",
                     arena_cstr(r->b->a, fact.name));
    next(r);
    if (is_word(r, "is")) {
        next(r);
        return absence_test(r, &fact);
    }
    bool opposite = is_word(r, "not");
    if (opposite) next(r);
    if (is_word(r, "in")) {
        next(r);
        const struct policy_node *in = list_test(r, &fact);
        return opposite ? not_node(r, in) : in;
    }
    if (opposite || r->token < EQUAL || r->token > AT_LEAST)
        return fault(r, r->token_at, "after a fact stands =, !=, <, <=, >, >=, in, not in or is");
    fact.compare = r->token;
    next(r);
    const struct policy_node *n = value_test(r, &fact);
    return fact.compare == UNEQUAL ? not_node(r, n) : n;
}

/* ---- and, or, not ---- */

static const struct policy_node *either(struct reading *r);

static const struct policy_node *single(struct reading *r) {
    const struct policy_node *n;
    if (r->depth == POLICY_DEPTH_MAX) return fault(r, r->token_at, "nested more than %d deep", POLICY_DEPTH_MAX);
    r->depth++;
    if (is_word(r, "not")) {
        next(r);
        n = not_node(r, single(r));
    } else if (r->token == OPEN) {
        next(r);
        n = either(r);
        if (n && r->token != CLOSE) n = fault(r, r->token_at, "a ) is missing here");
        if (n) next(r);
    } else {
        n = test(r);
    }
    r->depth--;
    return n;
}

static const struct policy_node *chain(struct reading *r, const char *word, enum policy_node_kind kind,
                                       const struct policy_node *(*part)(struct reading *r)) {
    const struct policy_node *first = part(r);
    if (!first || !is_word(r, word)) return first;
    struct policy_node *n = node(r, kind);
    const struct policy_node **children = arena_alloc(r->b->a, POLICY_ITEMS_MAX * sizeof(*children));
    if (!n || !children) return NULL;
    children[n->count++] = first;
    while (is_word(r, word)) {
        next(r);
        if (n->count == POLICY_ITEMS_MAX) return fault(r, r->token_at, "more than %d parts", POLICY_ITEMS_MAX);
        if (!(children[n->count++] = part(r))) return NULL;
    }
    n->children = children;
    return n;
}

static const struct policy_node *both(struct reading *r) {
    return chain(r, "and", POLICY_NODE_ALL, single);
}

static const struct policy_node *either(struct reading *r) {
    return chain(r, "or", POLICY_NODE_ANY, both);
}

enum err policy_expression_read(struct policy_words_building *b, struct span text, const struct policy_node **out,
                                struct policy_expression_fault *f) {
    struct reading r = {.b = b, .text = text, .f = f};
    *f = (struct policy_expression_fault){0};
    *out = NULL;
    if (text.len > POLICY_WHEN_MAX) {
        fault(&r, 0, "an expression is at most %d bytes long", POLICY_WHEN_MAX);
        return ERR_LIMIT;
    }
    next(&r);
    const struct policy_node *n = either(&r);
    if (n && r.token != END) fault(&r, r.token_at, "\"and\", \"or\" or the end must stand here");
    if (!n && !f->message[0]) fault(&r, r.token_at, "no memory for this expression");
    if (b->a->overflow) return ERR_NOMEM;
    if (f->message[0]) return ERR_SYNTAX;
    *out = n;
    return ERR_NONE;
}
