/* The specification as tables: which properties each type has, of which kind, which are required. Adding a type is a
 * table and a row in stix_schema(). */
#ifndef RENKEI_STIX_SCHEMA_H
#define RENKEI_STIX_SCHEMA_H

#include "stix/object.h"

enum property_kind {
    PROPERTY_STRING,
    PROPERTY_ENUM,       /* words: closed, another word is an error */
    PROPERTY_VOCABULARY, /* words: open, another word is a warning */
    PROPERTY_BOOLEAN,
    PROPERTY_INTEGER, /* low … high */
    PROPERTY_NUMBER,  /* low … high */
    PROPERTY_TIME,
    PROPERTY_ID, /* words: the types it may name, "" = any; "sco" any SCO */
    PROPERTY_HASHES,
    PROPERTY_DICTIONARY,
    PROPERTY_OBJECT,
    PROPERTY_EXTENSIONS,
    PROPERTY_BASE64,
    PROPERTY_HEX,
    PROPERTY_KILL_CHAIN,
    PROPERTY_REFERENCE, /* external reference */
    PROPERTY_GRANULAR
};

enum { REQUIRED = 1, LIST = 2 };

struct property {
    const char *name;
    enum property_kind kind;
    unsigned flags;
    const char *words; /* separated and enclosed by spaces */
    int64_t low, high; /* both 0 = no limits */
};

/* "stop_time" must not be before "start_time"; strictly: must be after. */
struct order {
    const char *earlier, *later;
    bool strictly;
};

struct schema {
    const char *type;
    enum stix_kind kind;
    const struct property *properties; /* ends with a NULL name */
    struct order orders[2];
    const char *contributing; /* of an SCO: properties its id is made of, enclosed by spaces */
    const char *one_of;       /* at least one of these properties must be there */
};

/* The row of a type; NULL for custom types. */
const struct schema *stix_schema(struct span type);
/* The properties every object of the kind has. */
const struct property *stix_common(enum stix_kind kind);

#endif
