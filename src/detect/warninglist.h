/* Warning lists: values that are on many a log without meaning harm (public resolvers, large sites, private ranges), in
 * the format of MISP's warning lists. An indicator whose value is on one does not alert alone.
 *
 * How a list is read, by its type:
 *
 *  string     the value is the entry; an entry with a leading dot is a host name, as no value begins with one
 *  hostname   the value, or the host of a URL, is the entry or stands below it
 *  substring  the entry stands somewhere in the value
 *  cidr       the address, or all of the network, lies in the entry
 *  regex      PCRE2, searched for in the value; /…/i, as PHP writes them, or bare
 *
 * Values are compared in the spelling of normalise.h with ASCII letters folded. matching_attributes, MISP's names of
 * kinds of values, says what a list speaks of; without it, of everything.
 *
 * Here a list is bytes and a compiled set; warninglist_kept.h keeps lists in the store. A compiled list is immutable;
 * any number of threads may ask it. */
#ifndef RENKEI_DETECT_WARNINGLIST_H
#define RENKEI_DETECT_WARNINGLIST_H

#include "base/buf.h"
#include "base/err.h"
#include "detect/event.h"
#include "json/json.h"

enum {
    WARNINGLIST_SIZE_MAX = 256 << 20,    /* bytes of a file: ten times a list of a million names */
    WARNINGLIST_ENTRIES_MAX = 10000000,  /* of one list: bounds the table's memory */
    WARNINGLIST_EXPRESSIONS_MAX = 10000, /* of a regex list: each is tried on every value */
    WARNINGLIST_ENTRY_LENGTH_MAX = 8192, /* bytes: no URL in use is longer */
    WARNINGLIST_NAME_LENGTH_MAX = 256    /* bytes */
};

enum warninglist_type {
    WARNINGLIST_STRING,
    WARNINGLIST_SUBSTRING,
    WARNINGLIST_HOSTNAME,
    WARNINGLIST_CIDR,
    WARNINGLIST_REGEX
};
const char *warninglist_type_name(enum warninglist_type type); /* MISP's word; static */

struct warninglist_header {
    struct span name, description, version; /* version as text; empty if none */
    enum warninglist_type type;
    uint32_t kinds;                /* bit 1 << enum atom_kind: what it speaks of */
    const struct span *attributes; /* matching_attributes as given */
    size_t attribute_count;
    size_t entry_count; /* different ones */
};

/* Reads a list. The header's spans live in the arena or in `json`; entries gets one entry a line, sorted, each once, in
 * the spelling they are compared in. ERR_SYNTAX, ERR_INVALID with the place of the mistake, ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK enum err warninglist_read(struct arena *a, struct span json, struct warninglist_header *header,
                                     struct buf *entries, struct diag *d);

struct warninglist;
/* Compiles what warninglist_read() left. `entries` is borrowed for the list's life. *out is owned. */
MUST_CHECK enum err warninglist_compile(enum warninglist_type type, struct span entries, struct warninglist **out,
                                        struct diag *d);
void warninglist_free(struct warninglist **list);
size_t warninglist_bytes(const struct warninglist *list); /* memory beside the entries */
/* Whether the value (normalised) is on the list; *entry (may be NULL) gets the line that says so, borrowed. An
 * expression that goes over its budget of steps does not match. */
bool warninglist_holds(const struct warninglist *list, enum atom_kind kind, struct span value, struct span *entry);

#endif
