/* Derived objects: what goes out in place of an object that may not go out as it is. */
#ifndef RENKEI_SHARE_DERIVE_H
#define RENKEI_SHARE_DERIVE_H

#include "base/buf.h"
#include "policy/decide.h"
#include "share/context.h"
#include "stix/object.h"

enum { DERIVE_ID_SIZE = 300 };

/* An object that is named by another id in what goes out. */
struct derive_rename {
    struct span from, to;
};

struct derive_order {
    struct span lineage;                    /* of the agreement it goes out under */
    const struct policy_decision *decision; /* its redactions are applied */
    const struct derive_rename *renames;
    size_t rename_count;
    time_us modified; /* TIME_NONE: that of the original */
};

/* The id under which the object `id` goes out when it is redacted: an HMAC of the original's under the realm's secret
 * and the lineage, spelt as a UUIDv4. The same object has the same id in every release, and nobody else can compute it.
 * ERR_LIMIT when the type is too long. */
MUST_CHECK enum err share_derived_id(const struct share_context *c, struct span lineage, struct span id,
                                     char out[DERIVE_ID_SIZE], struct diag *d);

/* Writes the derived object's bytes: policy's redactions applied, every name of a renamed object replaced wherever it
 * stands. created_by_ref becomes this party. With coarser times, what ends something ends later, not earlier, and
 * `modified` stays, for it orders versions. Granular markings of what goes away go with it. */
MUST_CHECK enum err share_derive(const struct share_context *c, const struct stix_object *object,
                                 const struct derive_order *order, char id[DERIVE_ID_SIZE], struct buf *out,
                                 struct diag *d);

#endif
