/* A TAXII envelope (§3.7) or a STIX bundle taken apart: where each of its objects begins and ends, and what it says
 * about further pages. Only the outermost level is read: each object is parsed on its own afterwards, so that one bad
 * object costs itself and no other. Pure; any thread. */
#ifndef RENKEI_TAXII_ENVELOPE_H
#define RENKEI_TAXII_ENVELOPE_H

#include "base/arena.h"
#include "base/err.h"

enum { ENVELOPE_NEXT_MAX = 4096 /* bytes of a cursor we are willing to carry in a URL */ };

struct envelope {
    struct span *objects; /* in the arena; the spans are borrowed from the text */
    size_t count;
    bool has_objects; /* there was an "objects" list, perhaps an empty one */
    bool more;
    struct span next; /* unescaped; empty if there is none */
};

/* ERR_SYNTAX, with the offset, for what is no JSON object of this kind; ERR_LIMIT; ERR_NOMEM. What stands inside
 * objects, and in members other than objects, more and next, is only checked for brackets and strings that match. */
MUST_CHECK enum err envelope_read(struct arena *a, struct span text, struct envelope *out, struct diag *d);

#endif
