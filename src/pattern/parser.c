#include <stdio.h>

#include "base/encode.h"
#include "pattern/lexer.h"

/* Recursive descent over the grammar of §9, loosest operator first:
 *   FOLLOWEDBY < OR < AND < qualifiers < [ ], and inside [ ]: OR < AND < test.
 * `token` is the one looked at; error is sticky and ends every loop. */
struct parser {
    struct arena *arena;
    struct lexer lexer;
    struct token token;
    struct diag *diag;
    enum err error;
    unsigned depth;
    uint32_t nodes;
};

static void advance(struct parser *p) {
    p->token = lexer_next(&p->lexer);
}

static enum err fail_at(struct parser *p, size_t at, enum err code, const char *message) {
    if (p->error) return p->error;
    p->error = diag_set(p->diag, code, "%s", message);
    diag_at(p->diag, 1, pattern_column(p->lexer.text, at), at);
    return p->error;
}

/* "expected …, found …" at the token looked at. */
static enum err expected(struct parser *p, const char *what) {
    if (p->error) return p->error;
    char message[DIAG_MESSAGE_SIZE];
    if (p->token.kind == TOKEN_WRONG)
        snprintf(message, sizeof message, "%s (expected %s)", p->lexer.problem, what);
    else if (p->token.kind == TOKEN_END)
        snprintf(message, sizeof message, "expected %s, found the end of the pattern", what);
    else
        snprintf(message, sizeof message, "expected %s, found \"%.*s\"", what, SPAN_ARG(span_first(p->token.text, 40)));
    return fail_at(p, p->token.at, ERR_SYNTAX, message);
}

/* Zeroed memory of the tree, counted against PATTERN_NODES_MAX. */
static void *make(struct parser *p, size_t size) {
    if (p->error) return NULL;
    if (++p->nodes > PATTERN_NODES_MAX) {
        fail_at(p, p->token.at, ERR_LIMIT, "the pattern has too many parts");
        return NULL;
    }
    void *at = arena_zalloc(p->arena, 1, size);
    if (!at) fail_at(p, p->token.at, ERR_NOMEM, "out of memory");
    return at;
}

static bool take(struct parser *p, enum token_kind kind) {
    if (p->error || p->token.kind != kind) return false;
    advance(p);
    return true;
}

static void require(struct parser *p, enum token_kind kind) {
    if (!take(p, kind)) expected(p, token_kind_name(kind));
}

static bool enter(struct parser *p) {
    if (++p->depth <= PATTERN_DEPTH_MAX) return true;
    fail_at(p, p->token.at, ERR_LIMIT, "parentheses are nested too deeply");
    return false;
}

static struct pattern_node *node(struct parser *p, enum pattern_kind kind) {
    struct pattern_node *n = make(p, sizeof *n);
    if (!n) return NULL;
    n->kind = kind;
    n->at = (uint32_t)p->token.at;
    return n;
}

/* One operator's chain: parses operands with `operand` while `separator` stands between them. */
static struct pattern_node *chain(struct parser *p, enum pattern_kind kind, enum token_kind separator,
                                  struct pattern_node *(*operand)(struct parser *)) {
    struct pattern_node *first = operand(p);
    if (!first || p->error || p->token.kind != separator) return first;
    struct pattern_node *all = node(p, kind), *last = first;
    if (!all) return NULL;
    all->first = first;
    all->at = first->at;
    while (take(p, separator)) {
        struct pattern_node *next = operand(p);
        if (!next) return NULL;
        last->next = next;
        last = next;
    }
    return all;
}

/* --- literals --- */

static struct span unescape(struct parser *p, const struct token *token) {
    if (!token->escaped) return token->text;
    char *out = arena_alloc(p->arena, token->text.len);
    if (!out) {
        fail_at(p, token->at, ERR_NOMEM, "out of memory");
        return span_of(NULL, 0);
    }
    size_t len = 0;
    for (size_t i = 0; i < token->text.len; i++) {
        if (token->text.at[i] == '\\') i++;
        out[len++] = token->text.at[i];
    }
    return span_of(out, len);
}

static struct span decode_hex(struct parser *p, struct span text) {
    char *out = arena_alloc(p->arena, text.len / 2 + 1);
    if (out && hex_read(text, out, text.len / 2)) return span_of(out, text.len / 2);
    fail_at(p, p->token.at, ERR_NOMEM, "out of memory");
    return span_of(NULL, 0);
}

static unsigned sextet(char c) {
    if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9') return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 0;
}

/* The grammar lets stray bits before the padding pass, which base64_read() does not. */
static struct span decode_base64(struct parser *p, struct span text) {
    char *out = arena_alloc(p->arena, text.len / 4 * 3 + 1);
    if (!out) {
        fail_at(p, p->token.at, ERR_NOMEM, "out of memory");
        return span_of(NULL, 0);
    }
    size_t len = 0;
    for (size_t i = 0; i + 4 <= text.len; i += 4) {
        unsigned bits = 0;
        for (size_t k = 0; k < 4; k++) bits = bits << 6 | sextet(text.at[i + k]);
        out[len++] = (char)(bits >> 16);
        if (text.at[i + 2] != '=') out[len++] = (char)(bits >> 8 & 0xff);
        if (text.at[i + 3] != '=') out[len++] = (char)(bits & 0xff);
    }
    return span_of(out, len);
}

static bool read_integer(struct span text, int64_t *out) {
    bool minus = text.len && text.at[0] == '-';
    uint64_t n;
    if (text.len && (text.at[0] == '-' || text.at[0] == '+')) text = span_from(text, 1);
    if (!span_u64(text, &n) || n > (uint64_t)INT64_MAX) return false;
    *out = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

/* Without strtod(), which reads the locale's decimal point. */
static double read_float(struct span text) {
    long double value = 0, scale = 1;
    bool minus = text.len && text.at[0] == '-', fraction = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '.') fraction = true;
        if (c < '0' || c > '9') continue;
        if (fraction && scale > 1e27L) continue; /* digits that no double tells apart */
        value = value * 10 + (c - '0');
        if (fraction) scale *= 10;
    }
    return (double)(minus ? -value / scale : value / scale);
}

/* What a place in the grammar admits. */
enum admits { ANY_LITERAL, NO_BOOLEAN, ONLY_STRING };

static void fill_literal(struct parser *p, struct pattern_literal *literal) {
    const struct token *t = &p->token;
    literal->text = t->text;
    switch (t->kind) {
    case TOKEN_STRING:
        literal->kind = PATTERN_STRING;
        literal->text = unescape(p, t);
        break;
    case TOKEN_INTEGER:
        literal->kind = PATTERN_INTEGER;
        if (!read_integer(t->text, &literal->integer)) fail_at(p, t->at, ERR_SYNTAX, "a whole number beyond 64 bits");
        break;
    case TOKEN_FLOAT:
        literal->kind = PATTERN_FLOAT;
        literal->real = read_float(t->text);
        break;
    case TOKEN_HEX:
        literal->kind = PATTERN_HEX;
        literal->text = decode_hex(p, t->text);
        break;
    case TOKEN_BINARY:
        literal->kind = PATTERN_BINARY;
        literal->text = decode_base64(p, t->text);
        break;
    case TOKEN_TIMESTAMP:
        literal->kind = PATTERN_TIMESTAMP;
        if (!time_parse_stix(t->text, &literal->time)) literal->time = TIME_NONE;
        break;
    default:
        literal->kind = PATTERN_BOOLEAN;
        literal->truth = t->kind == TOKEN_TRUE;
        break;
    }
}

static struct pattern_literal *literal(struct parser *p, enum admits admits) {
    enum token_kind kind = p->token.kind;
    bool string = kind == TOKEN_STRING, boolean = kind == TOKEN_TRUE || kind == TOKEN_FALSE;
    bool other = kind == TOKEN_INTEGER || kind == TOKEN_FLOAT || kind == TOKEN_HEX || kind == TOKEN_BINARY ||
                 kind == TOKEN_TIMESTAMP;
    if (admits == ONLY_STRING && !string) {
        expected(p, "a string in single quotes");
        return NULL;
    }
    if (!string && !other && !(boolean && admits == ANY_LITERAL)) {
        expected(p, admits == ANY_LITERAL ? "a value ('text', a number, true, false, t'…', h'…' or b'…')"
                                          : "a value that has an order ('text', a number, t'…', h'…' or b'…')");
        return NULL;
    }
    struct pattern_literal *l = make(p, sizeof *l);
    if (!l) return NULL;
    l->at = (uint32_t)p->token.at;
    fill_literal(p, l);
    if (p->error) return NULL;
    advance(p);
    return l;
}

static const struct pattern_literal *literal_set(struct parser *p) {
    const struct pattern_literal *first = NULL;
    struct pattern_literal *last = NULL;
    require(p, TOKEN_LEFT_PAREN);
    if (p->error || take(p, TOKEN_RIGHT_PAREN)) return NULL;
    do {
        struct pattern_literal *l = literal(p, ANY_LITERAL);
        if (!l) return NULL;
        if (last)
            last->next = l;
        else
            first = l;
        last = l;
    } while (take(p, TOKEN_COMMA));
    if (!take(p, TOKEN_RIGHT_PAREN)) expected(p, "',' or ')'");
    return first;
}

/* --- object paths --- */

static struct pattern_step *key_step(struct parser *p) {
    if (p->token.kind != TOKEN_IDENTIFIER && p->token.kind != TOKEN_STRING) {
        expected(p, "a property name (in single quotes when it holds more than letters, digits and _)");
        return NULL;
    }
    struct pattern_step *s = make(p, sizeof *s);
    if (!s) return NULL;
    s->kind = PATTERN_STEP_KEY;
    s->key = p->token.kind == TOKEN_STRING ? unescape(p, &p->token) : p->token.text;
    if (!p->error) advance(p);
    return s;
}

static struct pattern_step *index_step(struct parser *p) {
    struct pattern_step *s = make(p, sizeof *s);
    if (!s) return NULL;
    if (take(p, TOKEN_ASTERISK)) {
        s->kind = PATTERN_STEP_ANY;
    } else if (p->token.kind == TOKEN_INTEGER && read_integer(p->token.text, &s->index)) {
        s->kind = PATTERN_STEP_INDEX;
        advance(p);
    } else {
        expected(p, "an index or '*'");
        return NULL;
    }
    require(p, TOKEN_RIGHT_BRACKET);
    return s;
}

static void path(struct parser *p, struct pattern_path *out) {
    if (p->token.kind != TOKEN_IDENTIFIER && p->token.kind != TOKEN_HYPHEN_IDENTIFIER) {
        expected(p, "an object path like file:name");
        return;
    }
    out->type = p->token.text;
    advance(p);
    require(p, TOKEN_COLON);
    if (p->error) return;
    struct pattern_step *last = key_step(p);
    out->steps = last;
    while (last && !p->error) {
        struct pattern_step *next = take(p, TOKEN_DOT)            ? key_step(p)
                                    : take(p, TOKEN_LEFT_BRACKET) ? index_step(p)
                                                                  : NULL;
        last->next = next;
        last = next;
    }
}

/* --- inside [ ] --- */

static struct pattern_node *any(struct parser *p);

/* After the path and NOT: the operator and what it compares with. */
static void comparison(struct parser *p, struct pattern_test *test) {
    switch (p->token.kind) {
    case TOKEN_OPERATOR:
        test->compare = p->token.compare;
        advance(p);
        test->literals = literal(p, test->compare <= PATTERN_NOT_EQUAL ? ANY_LITERAL : NO_BOOLEAN);
        return;
    case TOKEN_IN:
        test->compare = PATTERN_IN;
        advance(p);
        test->literals = literal_set(p);
        return;
    case TOKEN_LIKE:
        test->compare = PATTERN_LIKE;
        break;
    case TOKEN_MATCHES:
        test->compare = PATTERN_MATCHES;
        break;
    case TOKEN_ISSUBSET:
        test->compare = PATTERN_ISSUBSET;
        break;
    case TOKEN_ISSUPERSET:
        test->compare = PATTERN_ISSUPERSET;
        break;
    default:
        expected(p, "a comparison operator (=, !=, <, IN, LIKE, MATCHES, ISSUBSET, …)");
        return;
    }
    advance(p);
    test->literals = literal(p, ONLY_STRING);
}

static struct pattern_node *test(struct parser *p) {
    if (p->token.kind == TOKEN_LEFT_PAREN) {
        if (!enter(p)) return NULL;
        advance(p);
        struct pattern_node *inner = any(p);
        if (!inner) return NULL;
        if (!take(p, TOKEN_RIGHT_PAREN)) expected(p, "AND, OR or ')'");
        inner->grouped = true;
        p->depth--;
        return p->error ? NULL : inner;
    }
    struct pattern_node *n = node(p, PATTERN_TEST);
    struct pattern_test *t = make(p, sizeof *t);
    if (!n || !t) return NULL;
    n->test = t;
    t->negated = take(p, TOKEN_NOT);
    if (take(p, TOKEN_EXISTS)) {
        t->compare = PATTERN_EXISTS;
        path(p, &t->path);
    } else if (t->negated) {
        expected(p, "EXISTS (NOT otherwise stands after the object path)");
    } else {
        path(p, &t->path);
        if (!p->error) {
            t->negated = take(p, TOKEN_NOT);
            comparison(p, t);
        }
    }
    return p->error ? NULL : n;
}

static struct pattern_node *all(struct parser *p) {
    return chain(p, PATTERN_ALL, TOKEN_AND, test);
}
static struct pattern_node *any(struct parser *p) {
    return chain(p, PATTERN_ANY, TOKEN_OR, all);
}

/* --- between observations --- */

static struct pattern_node *followed_by(struct parser *p);

static struct pattern_node *primary(struct parser *p) {
    if (p->token.kind == TOKEN_LEFT_PAREN) {
        if (!enter(p)) return NULL;
        advance(p);
        struct pattern_node *inner = followed_by(p);
        if (!inner) return NULL;
        if (!take(p, TOKEN_RIGHT_PAREN)) expected(p, "AND, OR, FOLLOWEDBY, a qualifier or ')'");
        inner->grouped = true;
        p->depth--;
        return p->error ? NULL : inner;
    }
    struct pattern_node *n = node(p, PATTERN_OBSERVATION);
    if (!n) return NULL;
    if (!take(p, TOKEN_LEFT_BRACKET)) {
        expected(p, "'[' or '('");
        return NULL;
    }
    n->first = any(p);
    if (!p->error && !take(p, TOKEN_RIGHT_BRACKET)) expected(p, "AND, OR or ']'");
    return p->error ? NULL : n;
}

static const struct pattern_literal *timestamp(struct parser *p) {
    if (p->token.kind == TOKEN_TIMESTAMP) return literal(p, NO_BOOLEAN);
    expected(p, "a timestamp t'…Z'");
    return NULL;
}

static void fill_qualifier(struct parser *p, struct pattern_node *q) {
    if (take(p, TOKEN_WITHIN)) {
        q->kind = PATTERN_WITHIN;
        if ((p->token.kind != TOKEN_INTEGER && p->token.kind != TOKEN_FLOAT) || p->token.text.at[0] == '-') {
            expected(p, "a positive number");
            return;
        }
        q->within_s = read_float(p->token.text);
        advance(p);
        require(p, TOKEN_SECONDS);
    } else if (take(p, TOKEN_REPEATS)) {
        q->kind = PATTERN_REPEATS;
        if (p->token.kind != TOKEN_INTEGER || !read_integer(p->token.text, &q->times) || q->times < 0) {
            expected(p, "a positive whole number");
            return;
        }
        advance(p);
        require(p, TOKEN_TIMES);
    } else if (take(p, TOKEN_START)) {
        q->kind = PATTERN_START_STOP;
        q->window.from = timestamp(p);
        require(p, TOKEN_STOP);
        if (!p->error) q->window.until = timestamp(p);
    }
}

static struct pattern_node *qualified(struct parser *p) {
    struct pattern_node *n = primary(p);
    for (unsigned count = 0;
         n && !p->error &&
         (p->token.kind == TOKEN_WITHIN || p->token.kind == TOKEN_REPEATS || p->token.kind == TOKEN_START);
         count++) {
        if (count == PATTERN_QUALIFIERS_MAX) {
            fail_at(p, p->token.at, ERR_LIMIT, "too many qualifiers on one observation");
            return NULL;
        }
        struct pattern_node *q = node(p, PATTERN_WITHIN);
        if (!q) return NULL;
        q->first = n;
        fill_qualifier(p, q);
        n = q;
    }
    return p->error ? NULL : n;
}

static struct pattern_node *both(struct parser *p) {
    return chain(p, PATTERN_BOTH, TOKEN_AND, qualified);
}
static struct pattern_node *either(struct parser *p) {
    return chain(p, PATTERN_EITHER, TOKEN_OR, both);
}
static struct pattern_node *followed_by(struct parser *p) {
    return chain(p, PATTERN_FOLLOWED_BY, TOKEN_FOLLOWEDBY, either);
}

enum err pattern_parse(struct arena *a, struct span text, const struct pattern **out, struct diag *d) {
    *out = NULL;
    if (text.len > PATTERN_LENGTH_MAX)
        return diag_set(d, ERR_LIMIT, "the pattern is longer than %d bytes", PATTERN_LENGTH_MAX);
    size_t bad;
    if (!utf8_valid(text, &bad)) {
        diag_set(d, ERR_SYNTAX, "a byte here is no UTF-8");
        diag_at(d, 1, pattern_column(text, bad), bad);
        return ERR_SYNTAX;
    }
    struct parser p = {.arena = a, .lexer = {.text = text}, .diag = d};
    struct pattern *pattern = make(&p, sizeof *pattern);
    if (!pattern) return p.error;
    advance(&p);
    struct pattern_node *root = followed_by(&p);
    if (!p.error && p.token.kind != TOKEN_END)
        expected(&p, "AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or the end of the pattern (keywords are upper-case)");
    if (p.error) return p.error;
    *pattern = (struct pattern){.text = text, .root = root, .node_count = p.nodes};
    *out = pattern;
    return ERR_NONE;
}
