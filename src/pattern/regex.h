/* Regular expressions of MATCHES (STIX 2.1 §9.6.1): PCRE2, searched for anywhere in the text, the dot matching line
 * breaks, too; with limits, because partners write them. An expression is immutable: any thread may search. */
#ifndef RENKEI_PATTERN_REGEX_H
#define RENKEI_PATTERN_REGEX_H

#include "base/err.h"
#include "base/span.h"

enum {
    REGEX_LENGTH_MAX = 1 << 16,   /* bytes; longer than any expression written by hand */
    REGEX_STEPS_MAX = 1000000,    /* PCRE2's match limit: some 10 ms for one text */
    REGEX_HEAP_KIB = 16 << 10,    /* of the interpreter, for one search */
    REGEX_JIT_STACK = 256 << 10,  /* bytes, only for a search that needs more than 32 KiB */
    REGEX_GROUPS_DEPTH_MAX = 100, /* nested parentheses: bounds the stack of the compiler */
};

/* What an expression is searched in. */
enum regex_subject {
    REGEX_TEXT, /* UTF-8; \w, \d and case by Unicode */
    REGEX_BYTES /* any bytes; the expression's characters are bytes, too */
};

struct regex;

/* ERR_SYNTAX with PCRE2's message and the place in the expression (diag's offset). `expression` is not kept. */
MUST_CHECK enum err regex_compile(struct span expression, enum regex_subject subject, bool caseless,
                                  struct regex **out, struct diag *d);
void regex_free(struct regex **regex);

enum regex_answer { REGEX_NO, REGEX_YES, REGEX_GAVE_UP /* a limit above, or memory */ };
enum regex_answer regex_search(const struct regex *regex, struct span subject);

#endif
