/* The index: all indicators compiled into one immutable structure that says, for any event, which of them it matches.
 *
 *   value in a line ──> fold and hash ──> blocked Bloom filter ──> table of spellings      (every value, no parsing)
 *                                                                      │ hit: now parse the line
 *   event ──> normalised observables ──> table of atoms, exact ──> candidate indicators ──> plan, exact ──> hits
 *
 * The upper row only decides which lines are worth parsing; it never misses a line the lower row would report, and
 * what it lets through is judged exactly. Build with a builder on one thread; then any number of threads may read.
 *
 * Memory: about 110 bytes an indicator. */
#ifndef RENKEI_DETECT_INDEX_H
#define RENKEI_DETECT_INDEX_H

#include "base/err.h"
#include "base/time.h"
#include "detect/event.h"

enum {
    DETECT_INDICATORS_MAX = 100000000, /* indices are 32 bits with room to spare */
    DETECT_WATCHES_MAX = 100000000,    /* likewise; watch numbers are below */
    DETECT_CONFIDENCE_NONE = 255,      /* the indicator gives no confidence */
    DETECT_ID_SIZE = 128               /* bytes of an indicator's id; a STIX id has 47 */
};

/* An indicator, as given to the builder and as given back. Spans given in are copied; spans given back live as long as
 * the index (id: as long as the struct). */
struct detect_indicator {
    struct span id;                  /* "indicator--…" */
    struct span source;              /* the party or feed it came from */
    struct span names;               /* what it indicates: "Emotet", "TA505, Locky"; may be empty */
    struct span title;               /* its own name; may be empty. Not kept by the index: verdict_names() finds it */
    struct span marking;             /* its effective TLP in lower case ("amber+strict"); may be empty */
    struct span pattern;             /* on the way out empty, but for full patterns (detect_index_unsupported()) */
    struct span pattern_type;        /* "stix", or empty for it; others are counted as unsupported */
    time_us valid_from, valid_until; /* TIME_NONE: no limit. valid_until is exclusive (STIX 2.1 §4.7) */
    uint8_t confidence;              /* 0-100 or DETECT_CONFIDENCE_NONE */
    bool revoked;
    bool superseded;              /* a newer version is held: it counts no more; not read on the way in */
    char id_text[DETECT_ID_SIZE]; /* where id points on the way out; not read on the way in */
};

struct detect_builder;
struct detect_index;

/* *out is owned; freed by detect_builder_finish() or detect_builder_free(). */
MUST_CHECK enum err detect_builder_new(struct detect_builder **out, struct diag *d);
/* Takes one indicator. A pattern that cannot be evaluated is no error: it is kept, counted and named by
 * detect_index_unsupported(). Errors: ERR_NOMEM, ERR_LIMIT. */
MUST_CHECK enum err detect_builder_add(struct detect_builder *b, const struct detect_indicator *indicator,
                                       struct diag *d);
/* An indicator given before (by its number, in the order of adding) counts no more: a newer version of it is held. */
MUST_CHECK enum err detect_builder_supersede(struct detect_builder *b, uint32_t indicator, struct diag *d);

/* Watches: what is evaluated beside the index (full patterns, by whoever registers them) says which lines it must see.
 * A watch is any number below DETECT_WATCHES_MAX; one number may be registered many times. Watches are kept with the
 * index, in its file too.
 *
 * Lines that name this value are parsed, and `watch` is among detect_index_watches() of their events. The value is as
 * the pattern has it, normalised here; roles and root do not matter (a necessary condition, no more). Ports, protocols
 * and types cannot be looked up: watch a log. ERR_INVALID with the reason when the value can be nothing of its kind. */
MUST_CHECK enum err detect_builder_watch(struct detect_builder *b, const struct pattern_atom *atom, uint32_t watch,
                                         struct diag *d);
/* All lines of a log are parsed: "zeek.conn", "eve.dns", "text"; "zeek.*" for all of a dialect, "*" for every line. */
MUST_CHECK enum err detect_builder_watch_log(struct detect_builder *b, struct span log, uint32_t watch, struct diag *d);

/* Builds the index and frees the builder (also on failure). */
MUST_CHECK enum err detect_builder_finish(struct detect_builder **b, struct detect_index **out, struct diag *d);
void detect_builder_free(struct detect_builder **b);
void detect_index_free(struct detect_index **index);

uint32_t detect_index_count(const struct detect_index *index); /* all that were added, in the order of adding */
void detect_index_get(const struct detect_index *index, uint32_t indicator, struct detect_indicator *out);

/* Indicators that the index does not evaluate: how many, and the n-th with the reason (static as the index). An empty
 * reason: it is a full pattern, evaluated beside the index (detect/patterns.h). */
uint32_t detect_index_unsupported_count(const struct detect_index *index);
uint32_t detect_index_unsupported(const struct detect_index *index, uint32_t n, const char **reason);

struct detect_index_stats {
    uint64_t indicators, unsupported, atoms, spellings, networks, unanchored;
    uint64_t kinds[ATOM_KIND_COUNT]; /* the atoms by kind */
    uint64_t full;                   /* of the unsupported: full patterns, evaluated beside the index */
    uint64_t revoked, superseded;    /* of the indicators */
    uint64_t bytes, cold_bytes;      /* of all; of those, texts that are read only for what is hit */
    bool mapped;                     /* it was opened: what is not read is not in memory */
};
/* Goes through all of it. */
struct detect_index_stats detect_index_stats(const struct detect_index *index);

/* Which indicators an event matches, each once, with the observable that led to it. */
struct detect_match {
    uint32_t indicator;
    uint32_t observable; /* index into the event's, UINT32_MAX when the indicator names none (ports only) */
};
/* Appends to matches[0 … size-1]; returns how many there are (perhaps more than size). Scratch from the arena. */
uint32_t detect_index_match(const struct detect_index *index, const struct detect_event *event, struct arena *scratch,
                            struct detect_match *matches, uint32_t size);

/* Which watches an event sets off, each once, in no order: those of its values and of its log. Writes at most `size` to
 * watches[]; returns how many there are. Scratch from the arena. */
uint32_t detect_index_watches(const struct detect_index *index, const struct detect_event *event, struct arena *scratch,
                              uint32_t *watches, uint32_t size);
bool detect_index_has_watches(const struct detect_index *index);

#endif
