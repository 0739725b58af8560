/* Goes through the members of one object without making a document: for bytes that json_parse() has accepted before and
 * of which only a few members are wanted now. It does not validate. Any bytes are safe; of those that are no JSON it
 * finds something or nothing. Pure; any thread. */
#ifndef RENKEI_JSON_SKIM_H
#define RENKEI_JSON_SKIM_H

#include "json/json.h"

struct json_skim {
    const char *at, *end;
};

/* At the first member of the object; at the end if it is none. */
struct json_skim json_skim(struct span object);
/* The next member: its key as spelt between the quotes, escapes and all, and the exact bytes of its value. False at the
 * end. Both are borrowed. */
bool json_skim_next(struct json_skim *s, struct span *key, struct span *value);

/* What a value's bytes say, as json_text() has it: borrowed without escapes, else in `a`; {NULL,0} for what is no
 * string. */
struct span json_skim_text(struct span value, struct arena *a);

#endif
