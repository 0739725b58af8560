/* How a program lies in memory. Private to program.c (writes programs), holds.c (one [ ] on one observation),
 * compare.c (one value) and combine.c (many observations). */
#ifndef RENKEI_PATTERN_PROGRAM_H
#define RENKEI_PATTERN_PROGRAM_H

#include "pattern/address.h"
#include "pattern/evaluate.h"
#include "pattern/regex.h"

/* A decimal number, exactly as spelt: sign × 0.d₁d₂d₃… × 10^exponent, the digits borrowed from its text, where a point
 * may stand among them. */
struct decimal {
    int sign; /* -1, 0, 1 */
    int64_t exponent;
    struct span digits; /* from the first that is not 0 on; may end in zeros */
};
/* Reads an integer or float of a pattern ("+5", "-.25") or a number of JSON ("1.5e3"). */
struct decimal decimal_read(struct span text);
int decimal_compare(const struct decimal *a, const struct decimal *b);

/* A moment, to any fraction of a second. */
struct instant {
    int64_t second;       /* since 1970 */
    struct span fraction; /* digits after the point, without trailing zeros */
};
/* A timestamp of STIX 2.1 §2.15; false for anything else and for days the calendar does not have. */
bool instant_read(struct span text, struct instant *out);

/* A literal, ready to be compared with. */
struct program_literal {
    enum pattern_literal_kind kind;
    bool truth;
    bool is_time;     /* PATTERN_TIMESTAMP: `when` holds */
    struct span text; /* PATTERN_STRING: folded; PATTERN_HEX, PATTERN_BINARY: the bytes */
    struct decimal number;
    struct instant when;
};

/* How the values of a property are written: by the end of its name (STIX 2.1 §2.2, §2.6). */
enum program_spelling { SPELT_PLAIN, SPELT_HEX /* …_hex */, SPELT_BASE64 /* …_bin */ };

struct program_test {
    struct span type;
    const struct pattern_step *steps; /* the pattern's */
    struct span property;             /* for fold() */
    enum pattern_operator compare;
    bool negated;
    enum program_spelling spelling;
    bool header;      /* a header of an HTTP request, folded: a string or a list of them, with [*] or without */
    bool sorted;      /* literals are strings in order: for binary search */
    bool any_address; /* of ipv4-addr and of ipv6-addr */
    bool caseless;    /* LIKE: its literal is in lower case */
    const struct program_literal *literals;
    uint32_t literal_count;
    struct span like; /* LIKE: in NFC */
    struct span like_bytes;
    bool like_fits_bytes;      /* all characters below U+0100: like_bytes is set */
    struct regex *text_regex;  /* MATCHES; owned */
    struct regex *bytes_regex; /* likewise; NULL when no byte string can match */
    struct address network;    /* ISSUBSET, ISSUPERSET */
    struct program_test *next; /* of those that own regular expressions */
};

struct program_node {
    enum pattern_kind kind; /* PATTERN_ANY, PATTERN_ALL, PATTERN_TEST */
    const struct program_node *first, *next;
    const struct program_test *test;
};

struct pattern_program {
    const struct pattern *pattern;
    struct pattern_settings settings;
    struct program_node **observations; /* by number */
    uint32_t observation_count;
    struct program_test *matches; /* all that own regular expressions */
};

/* One evaluation at work. */
struct evaluation {
    const struct pattern_program *program;
    const struct pattern_observation *observation;
    struct arena *arena; /* scratch */
    struct pattern_budget *budget;
};

/* Takes steps from the budget; false when they do not suffice. */
static inline bool budget_take(struct pattern_budget *budget, uint64_t steps) {
    if (budget->steps < steps || budget->spent_up) {
        budget->spent_up = true;
        return false;
    }
    budget->steps -= steps;
    return true;
}

/* Whether the test holds on a value that its path leads to; EXISTS and NOT included. */
bool compare_holds(const struct evaluation *e, const struct program_test *test, struct json_value value);
/* Text with A to Z in lower case; overflow as the arena says. */
struct span in_lower_case(struct arena *a, struct span text);
/* Characters as bytes (STIX 2.1 §9.6.1: code points below U+0100); {NULL, 0} and false if one is beyond. */
bool text_as_bytes(struct arena *a, struct span text, struct span *out);

/* An address or network. ::ffff:192.0.2.1 is the IPv4 address it stands for only where values are folded. */
bool read_network(const struct pattern_program *program, struct span text, struct address *out);

/* Whether a comparison, or a part of one, holds on some root object; the first such. */
bool node_holds(const struct evaluation *e, const struct program_node *node, uint32_t *object);

/* LIKE: % any characters, _ one, of UTF-8 or (bytes) of bytes; all of the text. */
bool like_matches(struct span pattern, struct span text, bool bytes, struct pattern_budget *budget);

/* Seconds of WITHIN as microseconds, those beyond all calendars as INT64_MAX / 4. */
int64_t within_us(const struct pattern_node *within);

#endif
