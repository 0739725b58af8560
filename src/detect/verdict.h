/* The verdict on a hit: does it alert, and if not, why not. In the order of enum validity: revoked, suppressed, outside
 * the indicator's validity, decayed, on a warning list.
 *
 * Warned is a hit whose observed value is on a warning list, or all values of whose indicator are. (Of an indicator
 * with many values, only the hits by those on a list are.)
 *
 * What is found out about an indicator is remembered. For one thread at a time. */
#ifndef RENKEI_DETECT_VERDICT_H
#define RENKEI_DETECT_VERDICT_H

#include "detect/alert.h"
#include "detect/decay.h"
#include "detect/suppress.h"

struct verdict_settings {
    struct span member;
    enum validity_mode mode;
    bool warned_alert; /* values on a warning list alert all the same */
    const struct decay_model *models;
    size_t model_count;
    time_us now;
};

struct verdicts;
/* index and reader are borrowed until verdicts_free(). *out is owned. */
MUST_CHECK enum err verdicts_new(const struct detect_index *index, struct store_reader *r,
                                 const struct verdict_settings *settings, struct verdicts **out, struct diag *d);
void verdicts_free(struct verdicts **v);
/* Judges a hit: fills *indicator (its names too) and *alert, which borrows both. *sighting tells whether the hit counts
 * as one: an alert does, and what a rule suppresses that keeps its sightings. */
MUST_CHECK enum err verdict_of(struct verdicts *v, const struct detect_hit *hit, struct detect_indicator *indicator,
                               struct alert *alert, bool *sighting, struct diag *d);
/* The names alone, for writing a group later: fills names and title of the indicator of this number. */
void verdict_names(struct verdicts *v, uint32_t number, struct detect_indicator *indicator);

#endif
