/* Derived objects: what goes out in place of an object that may not go out as it is. */
#ifndef RENKEI_SHARE_DERIVE_H
#define RENKEI_SHARE_DERIVE_H

#include "base/buf.h"
#include "policy/decide.h"
#include "share/context.h"
#include "stix/object.h"

enum { DERIVE_ID_SIZE = 300 };

/* Applies policy's redactions: writes the derived object's bytes. Its id is an HMAC of the original's under the realm's
 * secret and the lineage, spelt as a UUIDv4: the same object gives the same id in every release, and nobody else can
 * compute it. created_by_ref becomes this party. With coarser times, what ends something ends later, not earlier, and
 * `modified` stays, for it orders versions. Granular markings of what goes away go with it. */
MUST_CHECK enum err share_derive(const struct share_context *c, struct span lineage, const struct stix_object *object,
                                 const struct policy_decision *decision, char id[DERIVE_ID_SIZE], struct buf *out,
                                 struct diag *d);

#endif
