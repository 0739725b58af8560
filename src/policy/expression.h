/* `when`: a small boolean expression over an object's facts. docs/agreements.md is its definition; in short:
 *
 *     either  = both {"or" both}
 *     both    = single {"and" single}
 *     single  = "not" single | "(" either ")" | "revoked" | test
 *     test    = fact ("=" | "!=" | "<" | "<=" | ">" | ">=") value
 *             | fact ["not"] "in" "(" value {"," value} ")"
 *             | fact "is" ("none" | "present")
 *     value   = bare word of A-Z a-z 0-9 _ . : + / - , or "quoted" (\" and \\ inside)
 *
 * Facts are tlp, pap, confidence, age and the words of POLICY_SPACES. What is absent makes every comparison false, but
 * != true. Of facts with several values, = asks for one that equals. */
#ifndef RENKEI_POLICY_EXPRESSION_H
#define RENKEI_POLICY_EXPRESSION_H

#include "policy/vocabulary.h"

struct policy_expression_fault {
    size_t at; /* bytes from the beginning */
    char message[200];
};

/* Compiles an expression; its words go into `b`. ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM fill *f. The tree lives in b->a. */
MUST_CHECK enum err policy_expression_read(struct policy_words_building *b, struct span text,
                                           const struct policy_node **out, struct policy_expression_fault *f);

/* What is wrong with a word of that space, for it could never be carried; NULL when nothing is. Static. */
const char *policy_word_fault(enum policy_space space, struct span text);
/* "30d", "12h": whole, positive, at most POLICY_SPAN_DAYS_MAX days. */
bool policy_span_read(struct span text, time_us *out);

#endif
