#include "pattern/lexer.h"

static const struct {
    const char *text;
    enum token_kind kind;
} keywords[] = {
    {"AND", TOKEN_AND},
    {"OR", TOKEN_OR},
    {"NOT", TOKEN_NOT},
    {"FOLLOWEDBY", TOKEN_FOLLOWEDBY},
    {"LIKE", TOKEN_LIKE},
    {"MATCHES", TOKEN_MATCHES},
    {"ISSUPERSET", TOKEN_ISSUPERSET},
    {"ISSUBSET", TOKEN_ISSUBSET},
    {"EXISTS", TOKEN_EXISTS},
    {"IN", TOKEN_IN},
    {"START", TOKEN_START},
    {"STOP", TOKEN_STOP},
    {"SECONDS", TOKEN_SECONDS},
    {"true", TOKEN_TRUE},
    {"false", TOKEN_FALSE},
    {"WITHIN", TOKEN_WITHIN},
    {"REPEATS", TOKEN_REPEATS},
    {"TIMES", TOKEN_TIMES},
};

const char *token_kind_name(enum token_kind kind) {
    static const char *const names[TOKEN_KIND_COUNT] = {
        [TOKEN_END] = "the end of the pattern",
        [TOKEN_IDENTIFIER] = "a name",
        [TOKEN_HYPHEN_IDENTIFIER] = "a name with hyphens",
        [TOKEN_STRING] = "a string in single quotes",
        [TOKEN_INTEGER] = "a whole number",
        [TOKEN_FLOAT] = "a number",
        [TOKEN_HEX] = "h'…'",
        [TOKEN_BINARY] = "b'…'",
        [TOKEN_TIMESTAMP] = "a timestamp t'…Z'",
        [TOKEN_OPERATOR] = "a comparison operator",
        [TOKEN_LEFT_BRACKET] = "'['",
        [TOKEN_RIGHT_BRACKET] = "']'",
        [TOKEN_LEFT_PAREN] = "'('",
        [TOKEN_RIGHT_PAREN] = "')'",
        [TOKEN_COLON] = "':'",
        [TOKEN_DOT] = "'.'",
        [TOKEN_COMMA] = "','",
        [TOKEN_ASTERISK] = "'*'",
        [TOKEN_WRONG] = "no token",
    };
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (keywords[i].kind == kind) return keywords[i].text;
    return names[kind] ? names[kind] : "a token";
}

uint32_t pattern_column(struct span text, size_t offset) {
    uint32_t column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++)
        if (((unsigned char)text.at[i] & 0xc0) != 0x80) column++;
    return column;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool starts_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool continues_name(char c) {
    return starts_name(c) || is_digit(c);
}

/* The character at `at`, NUL past the end: a NUL in the text is no token either way. */
static char peek(const struct lexer *lexer, size_t at) {
    return at < lexer->text.len ? lexer->text.at[at] : '\0';
}

/* Bytes of white space at `at`, as the grammar lists it: ASCII, next line, no-break space, and Unicode's spaces. */
static size_t white_space(struct span text, size_t at) {
    unsigned char c[3] = {0};
    for (size_t i = 0; i < 3 && at + i < text.len; i++) c[i] = (unsigned char)text.at[at + i];
    if (c[0] == ' ' || (c[0] >= '\t' && c[0] <= '\r')) return 1;
    if (c[0] == 0xc2) return c[1] == 0x85 || c[1] == 0xa0 ? 2 : 0;
    if (c[0] == 0xe1) return c[1] == 0x9a && c[2] == 0x80 ? 3 : 0;
    if (c[0] == 0xe3) return c[1] == 0x80 && c[2] == 0x80 ? 3 : 0;
    if (c[0] != 0xe2) return 0;
    bool space = (c[1] == 0x80 && ((c[2] >= 0x80 && c[2] <= 0x8a) || c[2] == 0xa8 || c[2] == 0xa9 || c[2] == 0xaf)) ||
                 (c[1] == 0x81 && c[2] == 0x9f);
    return space ? 3 : 0;
}

/* Skips white space and comments; false for a comment without end. */
static bool skip_blank(struct lexer *lexer) {
    for (;;) {
        size_t blank = white_space(lexer->text, lexer->at);
        if (blank) {
            lexer->at += blank;
        } else if (peek(lexer, lexer->at) == '/' && peek(lexer, lexer->at + 1) == '*') {
            size_t end = span_find(span_from(lexer->text, lexer->at + 2), SPAN("*/"));
            if (end == SIZE_MAX) return false;
            lexer->at += end + 4;
        } else if (peek(lexer, lexer->at) == '/' && peek(lexer, lexer->at + 1) == '/') {
            while (lexer->at < lexer->text.len && lexer->text.at[lexer->at] != '\n' &&
                   lexer->text.at[lexer->at] != '\r')
                lexer->at++;
        } else {
            return true;
        }
    }
}

static struct token wrong(struct lexer *lexer, size_t at, const char *problem) {
    lexer->problem = problem;
    size_t end = at < lexer->text.len ? at + 1 : at;
    return (struct token){.kind = TOKEN_WRONG, .text = span_of(lexer->text.at + at, end - at), .at = at};
}

/* At an opening quote. */
static struct token string(struct lexer *lexer, size_t start) {
    size_t at = lexer->at + 1;
    bool escaped = false;
    for (;; at++) {
        if (at >= lexer->text.len) return wrong(lexer, start, "a string without its closing quote");
        char c = lexer->text.at[at];
        if (c == '\'') break;
        if (c != '\\') continue;
        char next = peek(lexer, at + 1);
        if (next != '\'' && next != '\\')
            return wrong(lexer, at, "a backslash in a string is written \\\\, a quote \\'");
        escaped = true;
        at++;
    }
    struct token token = {.kind = TOKEN_STRING,
                          .escaped = escaped,
                          .text = span_of(lexer->text.at + lexer->at + 1, at - lexer->at - 1),
                          .at = start};
    lexer->at = at + 1;
    return token;
}

/* Two digits of the range at `at`. */
static bool two_digits(struct span text, size_t at, int low, int high) {
    if (at + 2 > text.len || !is_digit(text.at[at]) || !is_digit(text.at[at + 1])) return false;
    int n = (text.at[at] - '0') * 10 + text.at[at + 1] - '0';
    return n >= low && n <= high;
}

/* The grammar's form of a timestamp; the calendar is not asked (the grammar admits February 30th). */
static bool is_timestamp(struct span t) {
    static const char form[] = "0000-00-00T00:00:00";
    size_t len = sizeof form - 1;
    if (t.len < len + 1 || t.at[t.len - 1] != 'Z') return false;
    for (size_t i = 0; i < len; i++)
        if (form[i] == '0' ? !is_digit(t.at[i]) : t.at[i] != form[i]) return false;
    if (!two_digits(t, 5, 1, 12) || !two_digits(t, 8, 1, 31) || !two_digits(t, 11, 0, 23) ||
        !two_digits(t, 14, 0, 59) || !two_digits(t, 17, 0, 60))
        return false;
    if (t.len == len + 1) return true;
    if (t.at[len] != '.' || t.len < len + 3) return false;
    for (size_t i = len + 1; i < t.len - 1; i++)
        if (!is_digit(t.at[i])) return false;
    return true;
}

static bool is_hex_text(struct span t) {
    for (size_t i = 0; i < t.len; i++)
        if (!is_hex(t.at[i])) return false;
    return t.len % 2 == 0;
}

static bool is_base64_text(struct span t) {
    if (t.len % 4 != 0) return false;
    size_t padding = span_ends(t, SPAN("==")) ? 2 : span_ends(t, SPAN("=")) ? 1 : 0;
    for (size_t i = 0; i < t.len - padding; i++) {
        char c = t.at[i];
        if (!is_digit(c) && !(starts_name(c) && c != '_') && c != '+' && c != '/') return false;
    }
    return true;
}

/* t'…', h'…', b'…', the lexer standing at the letter. */
static struct token prefixed(struct lexer *lexer, char prefix) {
    size_t start = lexer->at++;
    struct token token = string(lexer, start);
    if (token.kind == TOKEN_WRONG) return token;
    bool plain = !token.escaped;
    if (prefix == 't') {
        if (!plain || !is_timestamp(token.text))
            return wrong(lexer, start, "a timestamp is written t'2016-05-12T08:17:27Z', in UTC, with a Z at its end");
        token.kind = TOKEN_TIMESTAMP;
    } else if (prefix == 'h') {
        if (!plain || !is_hex_text(token.text))
            return wrong(lexer, start, "h'…' holds an even number of hexadecimal digits");
        token.kind = TOKEN_HEX;
    } else {
        if (!plain || !is_base64_text(token.text)) return wrong(lexer, start, "b'…' holds padded base64");
        token.kind = TOKEN_BINARY;
    }
    return token;
}

static struct token name(struct lexer *lexer) {
    size_t start = lexer->at, at = start;
    bool hyphen = false;
    for (; continues_name(peek(lexer, at)) || peek(lexer, at) == '-'; at++) hyphen |= peek(lexer, at) == '-';
    char first = lexer->text.at[start];
    if (at == start + 1 && peek(lexer, at) == '\'' && (first == 't' || first == 'h' || first == 'b'))
        return prefixed(lexer, first);
    struct token token = {.kind = hyphen ? TOKEN_HYPHEN_IDENTIFIER : TOKEN_IDENTIFIER,
                          .text = span_of(lexer->text.at + start, at - start),
                          .at = start};
    for (size_t i = 0; !hyphen && i < sizeof keywords / sizeof *keywords; i++)
        if (span_is(token.text, keywords[i].text)) token.kind = keywords[i].kind;
    lexer->at = at;
    return token;
}

/* [+-]? (0 | [1-9][0-9]*), or [+-]? [0-9]* '.' [0-9]+. */
static struct token number(struct lexer *lexer) {
    size_t start = lexer->at, at = start;
    if (peek(lexer, at) == '+' || peek(lexer, at) == '-') at++;
    size_t digits = at;
    while (is_digit(peek(lexer, at))) at++;
    bool fraction = peek(lexer, at) == '.' && is_digit(peek(lexer, at + 1));
    if (!fraction && at == digits) return wrong(lexer, start, "a sign needs a number after it");
    if (!fraction && at - digits > 1 && lexer->text.at[digits] == '0')
        return wrong(lexer, start, "a whole number has no leading zeros");
    if (fraction)
        for (at++; is_digit(peek(lexer, at));) at++;
    lexer->at = at;
    return (struct token){.kind = fraction ? TOKEN_FLOAT : TOKEN_INTEGER,
                          .text = span_of(lexer->text.at + start, at - start),
                          .at = start};
}

static struct token symbol(struct lexer *lexer) {
    static const struct {
        const char *text;
        enum token_kind kind;
        enum pattern_operator compare;
    } symbols[] = {
        /* longer ones first */
        {"==", TOKEN_OPERATOR, PATTERN_EQUAL},
        {"!=", TOKEN_OPERATOR, PATTERN_NOT_EQUAL},
        {"<>", TOKEN_OPERATOR, PATTERN_NOT_EQUAL},
        {"<=", TOKEN_OPERATOR, PATTERN_LESS_EQUAL},
        {">=", TOKEN_OPERATOR, PATTERN_GREATER_EQUAL},
        {"=", TOKEN_OPERATOR, PATTERN_EQUAL},
        {"<", TOKEN_OPERATOR, PATTERN_LESS},
        {">", TOKEN_OPERATOR, PATTERN_GREATER},
        {"[", TOKEN_LEFT_BRACKET, 0},
        {"]", TOKEN_RIGHT_BRACKET, 0},
        {"(", TOKEN_LEFT_PAREN, 0},
        {")", TOKEN_RIGHT_PAREN, 0},
        {":", TOKEN_COLON, 0},
        {".", TOKEN_DOT, 0},
        {",", TOKEN_COMMA, 0},
        {"*", TOKEN_ASTERISK, 0},
    };
    struct span rest = span_from(lexer->text, lexer->at);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        struct span text = span_cstr(symbols[i].text);
        if (!span_starts(rest, text)) continue;
        struct token token = {.kind = symbols[i].kind,
                              .compare = symbols[i].compare,
                              .text = span_first(rest, text.len),
                              .at = lexer->at};
        lexer->at += text.len;
        return token;
    }
    return wrong(lexer, lexer->at, "this character has no meaning here");
}

struct token lexer_next(struct lexer *lexer) {
    size_t start = lexer->at;
    if (!skip_blank(lexer)) return wrong(lexer, start, "a comment without its closing */");
    if (lexer->at >= lexer->text.len) return (struct token){.kind = TOKEN_END, .at = lexer->at};
    char c = lexer->text.at[lexer->at];
    if (c == '\'') return string(lexer, lexer->at);
    if (starts_name(c)) return name(lexer);
    if (is_digit(c) || c == '+' || c == '-' || (c == '.' && is_digit(peek(lexer, lexer->at + 1)))) return number(lexer);
    return symbol(lexer);
}
