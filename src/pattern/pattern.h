/* The STIX patterning language (STIX 2.1 §9): text to a syntax tree, all of the grammar.
 *
 * pattern_parse() accepts exactly the grammar of §9 and says, for anything else, the column and what was expected.
 * pattern_check() adds what the grammar cannot say (hash lengths, repeated qualifiers, empty windows).
 * Neither evaluates anything: plan.h compiles the tree to what can be evaluated.
 *
 * Pure: no I/O, no clock, no globals; any thread may call. A tree lives as long as its arena and never changes. */
#ifndef RENKEI_PATTERN_PATTERN_H
#define RENKEI_PATTERN_PATTERN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"

enum {
    PATTERN_LENGTH_MAX = 1 << 20, /* bytes; feeds join ten thousand values with OR in one pattern */
    PATTERN_DEPTH_MAX = 64,       /* nested parentheses; bounds our stack */
    PATTERN_NODES_MAX = 1 << 17,  /* nodes, literals and path steps together */
    PATTERN_QUALIFIERS_MAX = 16,  /* on one observation; more than §9.5.1 gives a meaning to */
};

/* §9.6.1. NOT is a flag beside, not an operator of its own. */
enum pattern_operator {
    PATTERN_EQUAL,     /* = and == */
    PATTERN_NOT_EQUAL, /* != and <> */
    PATTERN_LESS,
    PATTERN_LESS_EQUAL,
    PATTERN_GREATER,
    PATTERN_GREATER_EQUAL,
    PATTERN_IN,
    PATTERN_LIKE,
    PATTERN_MATCHES,
    PATTERN_ISSUBSET,
    PATTERN_ISSUPERSET,
    PATTERN_EXISTS,
    PATTERN_OPERATOR_COUNT
};
/* As written in patterns: "=", "ISSUBSET", … Static. */
const char *pattern_operator_name(enum pattern_operator compare);

enum pattern_literal_kind {
    PATTERN_STRING, /* text, escapes undone */
    PATTERN_INTEGER,
    PATTERN_FLOAT,
    PATTERN_BOOLEAN,
    PATTERN_HEX,      /* text holds the decoded bytes */
    PATTERN_BINARY,   /* likewise, from base64 */
    PATTERN_TIMESTAMP /* time; text is its spelling, which may be finer than a microsecond or no real date */
};
struct pattern_literal {
    enum pattern_literal_kind kind;
    struct span text; /* borrowed from the pattern, or in the arena where something had to be decoded */
    union {
        int64_t integer;
        double real;
        bool truth;
        time_us time; /* TIME_NONE when the calendar has no such day (the grammar admits February 30th) */
    };
    const struct pattern_literal *next; /* in a set */
    uint32_t at;                        /* offset in the pattern */
};

enum pattern_step_kind { PATTERN_STEP_KEY, PATTERN_STEP_INDEX, PATTERN_STEP_ANY /* [*] */ };
struct pattern_step {
    enum pattern_step_kind kind;
    struct span key;
    int64_t index;
    const struct pattern_step *next;
};
struct pattern_path {
    struct span type;                 /* "file" */
    const struct pattern_step *steps; /* at least one; the first is a key */
};

/* objectPath [NOT] operator literal. EXISTS has no literal, IN any number, the others one. */
struct pattern_test {
    struct pattern_path path;
    enum pattern_operator compare;
    bool negated;
    const struct pattern_literal *literals;
};

enum pattern_kind {
    /* between observations (§9.5.2) */
    PATTERN_FOLLOWED_BY,
    PATTERN_EITHER, /* OR */
    PATTERN_BOTH,   /* AND */
    PATTERN_WITHIN, /* qualifiers (§9.5.1): one child */
    PATTERN_REPEATS,
    PATTERN_START_STOP,
    PATTERN_OBSERVATION, /* [ … ]: one child, a comparison */
    /* inside [ ] (§9.6) */
    PATTERN_ANY, /* OR */
    PATTERN_ALL, /* AND */
    PATTERN_TEST
};
struct pattern_node {
    enum pattern_kind kind;
    bool grouped;                     /* stood in parentheses of its own */
    uint32_t at;                      /* offset of its first token in the pattern */
    const struct pattern_node *first; /* children; a chain of one operator is one node with many */
    const struct pattern_node *next;  /* sibling */
    union {
        double within_s;
        int64_t times;
        struct {
            const struct pattern_literal *from, *until; /* START inclusive, STOP exclusive */
        } window;
        const struct pattern_test *test;
    };
};

/* A parsed pattern. */
struct pattern {
    struct span text; /* borrowed from the caller */
    const struct pattern_node *root;
    uint32_t node_count;
};

/* Parses all of `text`. *out and what hangs on it live in the arena and borrow from `text`: both must outlive it.
 * ERR_SYNTAX with column (characters, from 1) and offset (bytes), ERR_LIMIT past a limit above, ERR_NOMEM. */
MUST_CHECK enum err pattern_parse(struct arena *a, struct span text, const struct pattern **out, struct diag *d);

/* What a pattern that parses can still get wrong: a hash of a length its algorithm does not have, the same qualifier
 * twice on one observation, WITHIN 0, REPEATS 0, a window that ends before it starts. ERR_INVALID with column. */
MUST_CHECK enum err pattern_check(const struct pattern *pattern, struct diag *d);

/* The one of these that leaves a pattern without any meaning: WITHIN 0, REPEATS 0; of one node. Evaluating refuses it,
 * too. */
MUST_CHECK enum err pattern_check_amount(const struct pattern *pattern, const struct pattern_node *node,
                                         struct diag *d);

/* Hexadecimal digits of a hash algorithm of the open vocabulary (hash-algorithm-ov), spelt "SHA-256", "SHA256" or
 * "sha256"; 0 for one that is not hexadecimal or not known. */
unsigned pattern_hash_digits(struct span algorithm);

/* The column (characters, from 1) of a byte offset of the pattern. */
uint32_t pattern_column(struct span text, size_t offset);

#endif
