/* Many expressions at once: which of thousands may hold on a text, in one pass over it. A sieve: what it names is to be
 * evaluated exactly, what it does not name does not hold.
 *
 * By Hyperscan, in its prefilter mode. Where the processor or the build has none, every expression is named for every
 * text ("blind"): slower, never wrong. Expressions it cannot take are named for every text, too, and so are all for a
 * text that is not ASCII, because case and composed letters are judged by the evaluator alone.
 *
 * A set is immutable; each thread searches with a memory of its own. */
#ifndef RENKEI_DETECT_REGEXES_H
#define RENKEI_DETECT_REGEXES_H

#include "base/err.h"
#include "base/span.h"

enum {
    REGEXES_MAX = 100000,    /* a feed's worth, ten times over: compiling takes milliseconds each */
    REGEX_LENGTH_MAX = 15000 /* bytes; Hyperscan refuses longer ones */
};

enum regex_kind {
    REGEX_WORD,    /* letters and digits, anywhere, in any case */
    REGEX_EQUAL,   /* the whole text, in any case */
    REGEX_LIKE,    /* STIX 2.1 §9.6.1: % and _, the whole text, in any case */
    REGEX_MATCHES, /* PCRE, anywhere */
    REGEX_RAW      /* a MATCHES of our own over raw lines: bytes beyond ASCII mean themselves */
};
struct regex {
    enum regex_kind kind;
    bool caseless; /* REGEX_MATCHES */
    struct span text;
    uint32_t number; /* what it is called when found; may be shared */
};

struct regexes;
/* The texts are copied. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err regexes_new(const struct regex *list, uint32_t count, struct regexes **out, struct diag *d);
void regexes_free(struct regexes **regexes);
/* Whether every text has to be taken for one that holds all: there is no Hyperscan. */
bool regexes_are_blind(const struct regexes *regexes);
/* How many cannot be sieved by, and are named for every text. */
uint32_t regexes_always_count(const struct regexes *regexes);

struct regexes_memory;
MUST_CHECK enum err regexes_memory_new(const struct regexes *regexes, struct regexes_memory **out, struct diag *d);
void regexes_memory_free(struct regexes_memory **memory);

/* Calls found() with the numbers of those that may hold on the text, some perhaps several times; end is where the
 * match ends, text.len for those named without one. REGEX_WORD and REGEX_RAW sets are for raw telemetry: no regard to
 * bytes beyond ASCII. found() returns whether to go on. */
void regexes_find(const struct regexes *regexes, struct regexes_memory *memory, struct span text,
                  bool (*found)(void *context, uint32_t number, size_t end), void *context);

#endif
