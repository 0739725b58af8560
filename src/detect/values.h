/* The plain values of a pattern: those of which one, seen alone, fulfils it. `[domain-name:value = 'a'] OR
 * [url:value = 'b']` has two; an address with a port is one; anything more than that has none.
 *
 * They are what warning lists are asked about and what sensors can be given. Pure; any thread. */
#ifndef RENKEI_DETECT_VALUES_H
#define RENKEI_DETECT_VALUES_H

#include "detect/event.h"

enum { DETECT_VALUES_MAX = 100000 }; /* of one pattern: more than any feed joins */

struct detect_value {
    enum atom_kind kind;    /* ADDRESS, DOMAIN, URL, HASH, EMAIL, PATH or FILE_NAME */
    bool certificate;       /* a hash: of an X.509 certificate, not of a file */
    int32_t port;           /* of an address or domain; -1 = any */
    struct span value;      /* normalised (normalise.h); an address in canonical spelling, with /prefix if a network */
    struct address address; /* of ATOM_ADDRESS */
};

/* Values of a STIX pattern. *out lives in the arena (as do its spans, or in `pattern`). *complete is false when the
 * pattern can be fulfilled in other ways, too, or cannot be read. Out of memory: no values, not complete. */
void detect_values(struct arena *a, struct span pattern, const struct detect_value **out, size_t *count,
                   bool *complete);
/* One value as a person or a list writes it, recognised by its form: "evil.example", "192.0.2.0/24", "http://…". False
 * when it is none. */
bool detect_value_read(struct arena *a, struct span text, struct detect_value *out);

#endif
