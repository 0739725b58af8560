/* Tokens of the patterning language (STIX 2.1 §9). Private to the pattern room. */
#ifndef RENKEI_PATTERN_LEXER_H
#define RENKEI_PATTERN_LEXER_H

#include "pattern/pattern.h"

enum token_kind {
    TOKEN_END = 0,
    TOKEN_IDENTIFIER,        /* letters, digits, _ */
    TOKEN_HYPHEN_IDENTIFIER, /* the same with a hyphen: object types only */
    TOKEN_STRING,
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_HEX,
    TOKEN_BINARY,
    TOKEN_TIMESTAMP,
    TOKEN_OPERATOR, /* = == != <> < <= > >= */
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_COLON,
    TOKEN_DOT,
    TOKEN_COMMA,
    TOKEN_ASTERISK,
    /* keywords, case-sensitive */
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_FOLLOWEDBY,
    TOKEN_LIKE,
    TOKEN_MATCHES,
    TOKEN_ISSUPERSET,
    TOKEN_ISSUBSET,
    TOKEN_EXISTS,
    TOKEN_IN,
    TOKEN_START,
    TOKEN_STOP,
    TOKEN_SECONDS,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_WITHIN,
    TOKEN_REPEATS,
    TOKEN_TIMES,
    TOKEN_WRONG, /* no token: lexer.problem says why */
    TOKEN_KIND_COUNT
};

struct token {
    enum token_kind kind;
    bool escaped;                  /* a string that holds a backslash */
    enum pattern_operator compare; /* TOKEN_OPERATOR */
    struct span text;              /* as spelt; of quoted literals: between the quotes */
    size_t at;                     /* offset of its first byte */
};

struct lexer {
    struct span text;
    size_t at;
    const char *problem; /* static; set with TOKEN_WRONG */
};

struct token lexer_next(struct lexer *lexer);
/* "'='", "a string", "WITHIN": for "expected …". Static. */
const char *token_kind_name(enum token_kind kind);

#endif
