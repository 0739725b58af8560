/* Exports: the indicators in force as files for sensors that are in place already.
 *
 * What goes out: the newest version of each indicator, if it is neither revoked, expired, not yet valid, decayed,
 * suppressed nor on a warning list, if its pattern is plain values (values.h) of kinds the format carries, and if its
 * markings permit it. Each thing left out is counted under its first reason.
 *
 * TLP: up to a level, by default AMBER+STRICT. PAP: what a format makes of a value is passive (a sensor watches and
 * writes a log, which nobody outside can tell) or blocking (traffic stops, which the attacker sees). PAP:RED permits
 * "only passive actions on logs", PAP:AMBER adds online checks; neither permits blocking. A blocking format, and a
 * plain list whose use nobody knows, therefore carry PAP:GREEN, PAP:CLEAR and what states no PAP. No flag changes that.
 *
 * A new format: its functions and a row in export_formats.c. */
#ifndef RENKEI_DETECT_EXPORT_H
#define RENKEI_DETECT_EXPORT_H

#include "detect/decay.h"
#include "detect/export_marking.h"
#include "detect/suppress.h"
#include "detect/warninglist_kept.h"

/* Why something is left out: X(NAME, text). In the order they are asked. */
#define EXPORT_REASONS(X)                                                                                              \
    X(REVOKED, "revoked")                                                                                              \
    X(EXPIRED, "expired")                                                                                              \
    X(EARLY, "not valid yet")                                                                                          \
    X(UNKNOWN_MARKING, "marked with what is not known here")                                                           \
    X(TLP, "TLP too strict")                                                                                           \
    X(PAP, "PAP permits no blocking")                                                                                  \
    X(PATTERN, "not a plain value")                                                                                    \
    X(KIND, "of a kind that was not asked for or that the format has no place for")                                    \
    X(UNWRITABLE, "cannot be written in the format")                                                                   \
    X(DECAYED, "confidence decayed")                                                                                   \
    X(SUPPRESSED, "suppressed")                                                                                        \
    X(WARNED, "on a warning list")                                                                                     \
    X(AGAIN, "the same value again")
enum export_reason {
#define X(name, text) EXPORT_##name,
    EXPORT_REASONS(X)
#undef X
        EXPORT_REASON_COUNT
};
const char *export_reason_text(enum export_reason reason);

/* One value to write. */
struct export_item {
    const struct detect_value *value;
    struct span id, source, name;        /* of the indicator */
    struct span pattern, labels;         /* likewise; labels as JSON, empty: none */
    struct span created_by, description; /* only of formats that are `described` */
    struct export_marking marking;
    uint8_t confidence; /* now; DETECT_CONFIDENCE_NONE if none */
    time_us valid_from, valid_until;
    uint32_t
        number; /* of a numbered format: one no other value of this export has, nearly always the same in the next */
};

struct export_options {
    const struct export_format *format;
    uint32_t kinds;       /* bits of enum atom_kind; 0 = all the format carries */
    unsigned hash_digits; /* only hashes of this length; 0 = any */
    enum stix_tlp tlp;    /* the strictest that goes out */
    bool drop;            /* rules that drop instead of alert */
    bool subdomains;      /* what stands below a domain, too, where the format can say so */
    struct span zone;     /* RPZ: the zone's name; empty = "rpz.renkei" */
    time_us now;
    const struct decay_model *models;
    size_t model_count;
};

/* A range of Suricata's signature ids nobody hands out. */
enum { EXPORT_NUMBER_FIRST = 1000000000, EXPORT_NUMBERS = 1000000000 };

struct export_format {
    const char *name, *what; /* what it is, for --help and messages */
    bool blocking;           /* or with `drop` */
    bool can_drop;
    uint32_t kinds;       /* it carries */
    bool described;       /* writes what people read */
    bool numbered;        /* each value needs a number of its own, from EXPORT_NUMBER_FIRST on */
    bool ports, networks; /* whether addresses with ports, and networks, are among them */
    void (*begin)(struct buf *out, const struct export_options *o);
    /* Appends the value; false when the format cannot say it. */
    bool (*write)(struct buf *out, const struct export_options *o, const struct export_item *item);
};
extern const struct export_format export_formats[];
extern const size_t export_format_count;
const struct export_format *export_format_named(struct span name); /* NULL: there is none */
static inline bool export_blocks(const struct export_options *o) {
    return o->format->blocking || o->drop;
}

struct export_result {
    uint64_t indicators, written; /* read; values written */
    uint64_t left_out[EXPORT_REASON_COUNT];
};

/* Writes to fd as it reads. progress may be NULL. */
MUST_CHECK enum err export_run(struct store_reader *r, const struct export_options *o, int fd,
                               void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                               struct export_result *out, struct diag *d);

#endif
