/* The indicators a store holds, read by several threads and given out in the order of their rows: what the index, an
 * export and the like go through from end to end. Of each body only the members wanted here are read. */
#ifndef RENKEI_DETECT_INDICATOR_ROWS_H
#define RENKEI_DETECT_INDICATOR_ROWS_H

#include "base/hash.h"
#include "stix/object.h"
#include "store/store.h"

/* A version of an indicator that is not in quarantine. */
struct indicator_row {
    int64_t holding;
    struct span id;
    time_us modified;
    /* The others are empty when only versions were asked for. */
    struct span name, pattern, pattern_type;
    time_us valid_from, valid_until; /* TIME_NONE: not given */
    struct span source;              /* the name of where it came from; "own" for this node's */
    int confidence;                  /* local handling's, else its own; -1: none */
    bool revoked;
    int handling_tlp; /* enum stix_tlp */
    struct span handling_labels;
    struct span created_by, description; /* only of INDICATOR_DESCRIBED */
    /* As its body has them, JSON; empty: none. What its marking follows from (indicator_markings()). */
    struct span marking_refs, granular_markings, labels;
};

enum indicator_what {
    INDICATOR_VERSIONS, /* id and modified alone: several times faster */
    INDICATOR_WHOLE,
    INDICATOR_DESCRIBED /* with what only people read */
};

struct indicator_rows;

/* Starts reading. `r` stays the caller's; its snapshot is taken anew, and all rows are of that moment. *state (may be
 * NULL): its fingerprint. ERR_BUSY when the store changes faster than it can be looked at. */
MUST_CHECK enum err indicator_rows_open(struct store_reader *r, enum indicator_what what, struct indicator_rows **out,
                                        struct sha256 *state, struct diag *d);
/* The next rows, valid until the call after; *count 0 at the end. */
MUST_CHECK enum err indicator_rows_next(struct indicator_rows *rows, const struct indicator_row **at, size_t *count,
                                        struct diag *d);
/* How far it is: holdings gone through, and all. */
void indicator_rows_progress(const struct indicator_rows *rows, uint64_t *done, uint64_t *total);
void indicator_rows_close(struct indicator_rows **rows);

/* An object that carries the row's markings and labels and nothing else, for whoever judges those. In `a`. */
MUST_CHECK enum err indicator_markings(const struct indicator_row *row, struct arena *a, struct stix_object *out,
                                       struct diag *d);

/* A fingerprint of what the rows follow from: another one whenever an indicator came, went or changed. */
MUST_CHECK enum err indicator_rows_state(struct store_reader *r, struct sha256 *out, struct diag *d);

#endif
