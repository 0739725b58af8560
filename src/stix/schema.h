/* The specification as tables: which properties each type has, of which kind, which are required, and the rules
 * between them. Adding a type is a table of properties and a row in stix_schema()'s list (schema.c). All static and
 * constant. */
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
    PROPERTY_ID, /* words: the types it may name; NULL = any. "sdo", "sco" and "sro" stand for all of the kind */
    PROPERTY_HASHES,
    PROPERTY_DICTIONARY,
    PROPERTY_OBJECT,    /* inner: its type; NULL = any members */
    PROPERTY_CONTAINER, /* observed-data's deprecated dictionary of observables (§2.13) */
    PROPERTY_EXTENSIONS,
    PROPERTY_BASE64,
    PROPERTY_HEX,
    PROPERTY_LANGUAGE,     /* RFC 5646 */
    PROPERTY_TRANSLATIONS, /* language-content's `contents`: a dictionary by language */
    PROPERTY_IPV4,
    PROPERTY_IPV6,
    PROPERTY_MAC,
    PROPERTY_WORD, /* a relationship's name: a-z, 0-9 and '-' */
    PROPERTY_GRANULAR
};

enum { PROPERTY_REQUIRED = 1, PROPERTY_LIST = 2, PROPERTY_PRECISE = 4 /* a time that needs milliseconds */ };

struct schema;

struct property {
    const char *name;
    uint8_t name_len;
    uint8_t kind;      /* enum property_kind */
    uint8_t flags;     /* PROPERTY_REQUIRED | … */
    const char *words; /* separated and enclosed by single spaces */
    int64_t low, high; /* both 0 = no limits but the type's own */
    const struct schema *inner;
};

/* What properties of one object owe each other. */
enum rule_kind {
    RULE_END = 0,
    RULE_ORDER,          /* the time b must not be before a */
    RULE_ORDER_SHOULD,   /* likewise, a warning */
    RULE_LATER,          /* b must be after a */
    RULE_ANY,            /* at least one of the words a */
    RULE_EXCLUDES,       /* where a stands, b must not */
    RULE_NEEDS,          /* where a stands, b must too */
    RULE_TRUE_EXCLUDES,  /* where a is true, b must not stand */
    RULE_FALSE_EXCLUDES, /* where a is false, b must not stand */
    RULE_TRUE_NEEDS,     /* where a is true, b must stand */
    RULE_SOME            /* at least one property of its own */
};

struct rule {
    enum rule_kind kind;
    const char *a, *b;
};

struct schema {
    const char *type;
    uint8_t type_len;
    enum stix_kind kind;
    const struct property *properties; /* ends with a NULL name; at most SCHEMA_PROPERTIES_MAX */
    const struct rule *rules;          /* ends with RULE_END; NULL = none */
    const char *contributing;          /* of an SCO: properties its id is made of (§2.9), enclosed by spaces */
};

enum { SCHEMA_PROPERTIES_MAX = 64 /* seen ones are bits of a word */ };

/* The row of a type; NULL for custom types. */
const struct schema *stix_schema(struct span type);
/* The row's number, for walking through all of them; NULL behind the last. */
const struct schema *stix_schema_at(size_t index);
/* The properties every object of the kind has (§3.2). */
const struct property *stix_common(enum stix_kind kind);
/* The predefined extension of an observable by its key ("ntfs-ext"); NULL for others. *of is the type it is for. */
const struct schema *stix_schema_extension(struct span key, const char **of);
/* external-reference (§2.5) and kill-chain-phase (§2.11). */
extern const struct schema stix_schema_reference, stix_schema_kill_chain;

/* The rows of §6, and of its extensions, for stix_schema(). */
extern const struct schema stix_observables[];
extern const size_t stix_observables_count;

/* Whether `word` is one of the words, which are separated and enclosed by single spaces. NULL has none. */
bool stix_words_have(const char *words, struct span word);

#endif
