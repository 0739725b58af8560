/* The words that the rules of one direction name, while they are being read; and finding them. */
#ifndef RENKEI_POLICY_VOCABULARY_H
#define RENKEI_POLICY_VOCABULARY_H

#include "policy/rule.h"

/* Grows while rules are read. Zeroed before the first use; one serves for many directions, one after the other. */
struct policy_words_building {
    struct arena *a;
    struct policy_word *words; /* room for POLICY_WORDS_MAX */
    uint16_t *buckets;
    size_t count;
};

bool policy_words_begin(struct policy_words_building *b, struct arena *a);
/* The word's number; the same again for the same word. text must outlive the vocabulary. -1 when there are too many. */
int policy_words_add(struct policy_words_building *b, enum policy_space space, struct span text);
/* What was gathered, in memory of its own. False when the arena is full. */
bool policy_words_end(const struct policy_words_building *b, struct policy_vocabulary *out);

/* The word's number; -1 when no rule names it. */
int policy_word_find(const struct policy_vocabulary *v, enum policy_space space, struct span text);

#endif
