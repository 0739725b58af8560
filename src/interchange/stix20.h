/* STIX 2.0 objects made STIX 2.1 ones at import (STIX 2.1 §1.6, and what differs type by type).
 *
 * An observed-data's `objects` become observables of their own, with ids made of their contributing properties (§2.9),
 * marked as the observed-data was: in 2.0 they were parts of it. Properties that were renamed get their new names,
 * vocabularies that 2.0 kept in labels stand in properties of their own (the labels stay as well), patterns follow.
 * Ids, versions and everything else are the creator's and are not touched. What 2.1 has no place for is counted.
 *
 * Any bytes may come in: references in circles, of wrong types or to nothing give observables with other ids, or
 * without the reference; whether what comes out is valid is for the validator to say. Pure; any thread. */
#ifndef RENKEI_INTERCHANGE_STIX20_H
#define RENKEI_INTERCHANGE_STIX20_H

#include "base/arena.h"
#include "interchange/losses.h"
#include "json/json.h"

enum {
    STIX20_OBSERVABLES_MAX = 10000, /* of one observed-data: real ones have some dozens */
    STIX20_CHAIN_MAX = 32 /* observables whose ids hang on one another: a folder's file in an archive in … */
};

/* Whether it is one: a type of 2.0, and no spec_version (STIX 2.1 §3.2 requires one; 2.0 has none). */
bool stix20_is(struct json_value object);
/* The same object as STIX 2.1: texts in `a`, the observables first and the object itself last. `losses` is a struct
 * losses (void, so that this is a reading_convert). *count is 0 when it is no STIX 2.0. ERR_NOMEM; ERR_LIMIT. */
MUST_CHECK enum err stix20_upgrade(void *losses, struct json_value object, struct arena *a, struct span **out,
                                   size_t *count, struct diag *d);

#endif
