/* Rules: what agreements and national policies are made of. A rule is a list of conditions, all of which must hold, and
 * what follows from it. Conditions are compiled when the file is read: every word that the rules of one direction name
 * gets a number, and a condition asks for numbers. An object's words are looked up once for a direction
 * (policy/match.h), whatever the number of rules.
 *
 * Immutable after reading; any number of threads. */
#ifndef RENKEI_POLICY_RULE_H
#define RENKEI_POLICY_RULE_H

#include "base/arena.h"
#include "base/time.h"
#include "stix/marking_meaning.h"

enum {
    POLICY_RULES_MAX = 256,      /* in one list; decisions walk them in order */
    POLICY_ITEMS_MAX = 256,      /* words of one condition */
    POLICY_TEXT_MAX = 256,       /* bytes of a title, a name or a label */
    POLICY_CLAUSE_MAX = 64,      /* bytes of a clause's name: it stands in every record it releases */
    POLICY_WORDS_MAX = 4096,     /* that the rules of one direction name: the set of an object's is on the stack */
    POLICY_WHEN_MAX = 4096,      /* bytes of an expression: people read it */
    POLICY_DEPTH_MAX = 32,       /* of parentheses and nots in an expression; bounds our stack */
    POLICY_MARKS_MAX = 16,       /* granular markings that one redaction applies */
    POLICY_SPAN_DAYS_MAX = 36500 /* of embargo, expiry and age: a century, far from overflowing */
};

/* What a word is of. One row: name in C, name in expressions, whether case counts, key in a rule ("" = none). */
#define POLICY_SPACES(X)                                                                                               \
    X(TYPE, "type", true, "types")                                                                                     \
    X(LABEL, "label", false, "labels")                                                                                 \
    X(MARKING, "marking", false, "markings")                                                                           \
    X(CREATOR, "creator", true, "creators")                                                                            \
    X(SOURCE, "source", true, "sources")                                                                               \
    X(SECTOR, "sector", false, "sectors")                                                                              \
    X(INDICATOR_TYPE, "indicator_type", false, "indicator_types")                                                      \
    X(OBSERVES, "observes", true, "observes")                                                                          \
    X(ATTACK, "attack", false, "attack")                                                                               \
    X(LANGUAGE, "language", false, "languages")

enum policy_space {
#define X(name, word, cased, key) POLICY_SPACE_##name,
    POLICY_SPACES(X)
#undef X
        POLICY_SPACE_COUNT
};

/* The words of one direction. */
struct policy_word {
    struct span text; /* as first spelt */
    uint64_t hash;
    uint16_t next; /* in its bucket, +1; 0 = none */
    uint8_t space;
};
struct policy_vocabulary {
    const struct policy_word *words;
    size_t count;
    const uint16_t *buckets; /* first word, +1 */
    size_t bucket_count;     /* a power of two; 0 when there are no words */
};

enum policy_node_kind {
    POLICY_NODE_ALL,        /* every child holds; none: true */
    POLICY_NODE_ANY,        /* some child holds; none: false */
    POLICY_NODE_NOT,        /* its one child does not */
    POLICY_NODE_WORDS,      /* one of these words is carried */
    POLICY_NODE_HAS,        /* any word of this space is carried, named in a rule or not */
    POLICY_NODE_TLP,        /* the level is in the mask */
    POLICY_NODE_PAP,        /* likewise */
    POLICY_NODE_CONFIDENCE, /* low <= it <= high */
    POLICY_NODE_AGE,        /* in microseconds, likewise */
    POLICY_NODE_REVOKED
};

struct policy_node {
    enum policy_node_kind kind;
    enum policy_space space;                   /* of WORDS and HAS */
    const struct policy_node *const *children; /* of ALL, ANY, NOT */
    const uint16_t *words;                     /* of WORDS: numbers in the vocabulary */
    size_t count;                              /* of either */
    unsigned mask;                             /* of TLP and PAP: 1u << level */
    int64_t low, high;                         /* of CONFIDENCE and AGE */
    bool absent;                               /* and what the absence of either counts as */
};

/* What a rule can fail on, in the order they are looked at. One row: name in C, key in the file. */
#define POLICY_CONDITIONS(X)                                                                                           \
    X(TYPE, "types")                                                                                                   \
    X(TLP, "tlp")                                                                                                      \
    X(LABEL_ANY, "labels.any")                                                                                         \
    X(LABEL_NONE, "labels.none")                                                                                       \
    X(CONFIDENCE, "confidence")                                                                                        \
    X(PAP, "pap")                                                                                                      \
    X(SOURCE, "sources")                                                                                               \
    X(MARKING_ANY, "markings.any")                                                                                     \
    X(MARKING_NONE, "markings.none")                                                                                   \
    X(CREATOR_ANY, "creators.any")                                                                                     \
    X(CREATOR_NONE, "creators.none")                                                                                   \
    X(SECTOR_ANY, "sectors.any")                                                                                       \
    X(SECTOR_NONE, "sectors.none")                                                                                     \
    X(INDICATOR_TYPE_ANY, "indicator_types.any")                                                                       \
    X(INDICATOR_TYPE_NONE, "indicator_types.none")                                                                     \
    X(OBSERVES_ANY, "observes.any")                                                                                    \
    X(OBSERVES_NONE, "observes.none")                                                                                  \
    X(ATTACK_ANY, "attack.any")                                                                                        \
    X(ATTACK_NONE, "attack.none")                                                                                      \
    X(LANGUAGE_ANY, "languages.any")                                                                                   \
    X(LANGUAGE_NONE, "languages.none")                                                                                 \
    X(AGE, "age")                                                                                                      \
    X(WHEN, "when")

enum policy_condition {
    POLICY_CONDITION_NONE = 0,
#define X(name, key) POLICY_CONDITION_##name,
    POLICY_CONDITIONS(X)
#undef X
        POLICY_CONDITION_COUNT
};

struct policy_test {
    enum policy_condition condition;
    const struct policy_node *node;
};

/* Which parts of an object a release leaves out or makes coarser. */
enum {
    POLICY_REDACT_MEMBER = 1u << 0,       /* a sighting's where_sighted_refs may name the party, no member of it */
    POLICY_REDACT_CREATOR = 1u << 1,      /* created_by_ref becomes the releasing party */
    POLICY_REDACT_REFERENCES = 1u << 2,   /* external_references go */
    POLICY_REDACT_DESCRIPTIONS = 1u << 3, /* description, abstract, content, explanation, opinion texts go */
    POLICY_REDACT_PROPERTIES = 1u << 4,   /* the named ones go */
    POLICY_REDACT_TIMES = 1u << 5,        /* timestamps are cut down */
    POLICY_REDACT_MARKS = 1u << 6         /* granular markings are added */
};

struct policy_mark {
    const struct span *selectors; /* property names */
    size_t count;
    enum stix_tlp tlp;
};

struct policy_redaction {
    unsigned flags;
    const struct span *properties; /* top-level names; never id, type, spec_version, created, modified and the like */
    size_t property_count;
    time_us times; /* every timestamp is cut down to a multiple of this */
    const struct policy_mark *marks;
    size_t mark_count;
};

/* What the receiver may do with what a clause releases: kept and shown, and binding by signature. */
struct policy_purpose {
    enum stix_pap pap;                                       /* STIX_PAP_NONE: not limited */
    struct span actions, notifications, attribution, resale; /* IEP 2.0's words; empty: not stated */
};

/* A marking of another kind that an agreement recognises, under a name of its own. */
struct policy_named_marking {
    struct span id, name;
};

enum policy_rule_outcome {
    POLICY_RULE_WITHHOLD = 0, /* onward: forbid */
    POLICY_RULE_RELEASE,      /* onward: permit */
    POLICY_RULE_CONSENT,      /* onward: with the originator's consent */
    POLICY_RULE_REFER         /* national: to releasing officers */
};

struct policy_rule {
    struct span clause;
    enum policy_rule_outcome outcome;
    const struct policy_test *tests; /* in the order of enum policy_condition */
    size_t test_count;
    unsigned tlp;            /* levels it covers, 1u << level; all bits when it states none */
    bool names_sources;      /* it says which sources it covers; otherwise only what is the party's own */
    unsigned approvals;      /* of REFER: 1 or 2 */
    unsigned hops;           /* of PERMIT and CONSENT: how often it may be passed on in all */
    time_us embargo, expiry; /* of RELEASE, after the version's time; 0 = none */
    const struct policy_redaction *redaction; /* NULL = none */
    const struct policy_purpose *purpose;     /* NULL = not limited */
    const struct span *to;                    /* of onward and national rules: parties; NULL = all */
    size_t to_count;
    struct span when;      /* the expression as written; empty = none */
    uint64_t line, column; /* in the file */
};

struct policy_rules {
    const struct policy_rule *at;
    size_t count;
};

/* "type", "label", …: as expressions spell it. */
const char *policy_space_name(enum policy_space s);
bool policy_space_cased(enum policy_space s);
/* "types", "labels.any", …; "" for NONE. */
const char *policy_condition_name(enum policy_condition c);
/* The rule's test of that condition; NULL when it states none. */
const struct policy_node *policy_rule_test(const struct policy_rule *r, enum policy_condition c);

#endif
