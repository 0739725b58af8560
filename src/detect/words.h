/* The words of a line of plain text: what stands between blanks, quotes, brackets, commas and the like, without the
 * punctuation of a sentence at its end. "dst=198.51.100.7" is the word after the equals sign; in a URL it stays. */
#ifndef RENKEI_DETECT_WORDS_H
#define RENKEI_DETECT_WORDS_H

#include "base/span.h"

/* Cuts the next word off *rest; false at the end. The word is never empty. */
bool words_next(struct span *rest, struct span *word);

#endif
