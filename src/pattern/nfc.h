/* Unicode normalisation form C, in which LIKE and MATCHES compare (STIX 2.1 §9.6.1). */
#ifndef RENKEI_PATTERN_NFC_H
#define RENKEI_PATTERN_NFC_H

#include "base/arena.h"

/* The text in NFC: itself where it is ASCII or normal already, else in the arena. What is not UTF-8 comes back as it
 * is; {NULL, 0} when memory ran out. */
struct span nfc(struct arena *a, struct span text);

#endif
