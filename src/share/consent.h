/* The originator's consent to passing an object on: kept here once it was verified; and what lacks it. */
#ifndef RENKEI_SHARE_CONSENT_H
#define RENKEI_SHARE_CONSENT_H

#include "policy/statement.h"
#include "share/context.h"
#include "store/store.h"

/* Documents: what an originator consented to, under OBJECT/RECIPIENT; what this party gave, OBJECT/HOLDER/RECIPIENT. */
#define SHARE_CONSENT_KIND       "consent"
#define SHARE_CONSENT_GIVEN_KIND "consent-given"

/* Keeps, or forgets, a consent to this party as the holder, and has the object decided again by the next run.
 * ERR_NOT_FOUND when the object was not received from the originator, or there is no such consent. */
MUST_CHECK enum err share_consent_put(struct store_tx *tx, const struct statement *s, struct span file, time_us now,
                                      struct diag *d);
MUST_CHECK enum err share_consent_remove(struct store_tx *tx, struct span object, struct span recipient,
                                         struct diag *d);

struct share_wanted {
    struct span object, type, originator, recipient, clause;
};
/* Everything held that only lacks its originator's consent, for a recipient (empty: for each). */
MUST_CHECK enum err share_consents_wanted(const struct share_context *c, struct span recipient,
                                          void (*take)(void *context, const struct share_wanted *w), void *context,
                                          struct diag *d);

#endif
