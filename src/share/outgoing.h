/* One candidate against what its ledger has already: whether it is out, in which form it goes, and what has to be taken
 * back because its terms hold no more. An object is served in one form at a time, as itself or as what was derived from
 * it: whichever goes out takes the place of the other, and of what named that. */
#ifndef RENKEI_SHARE_OUTGOING_H
#define RENKEI_SHARE_OUTGOING_H

#include "share/closure.h"

/* Whether this version, or a newer one, is out already, or was and somebody withdrew it. For what goes out derived,
 * outgoing_append() has the last word. */
MUST_CHECK enum err outgoing_is_out(struct closure *cl, const struct share_candidate *c, bool *out, struct diag *d);
/* What somebody withdrew stays withdrawn, in whatever version and form, until somebody releases it by hand. */
MUST_CHECK enum err outgoing_was_withdrawn(struct closure *cl, struct span id, bool *out, struct diag *d);
/* How the recipient has an object; remembered for the rest of the transaction. */
MUST_CHECK enum err outgoing_form(struct closure *cl, struct span id, enum share_form *out, struct diag *d);
/* Appends it, unless exactly that is out: what is derived goes again, with a new `modified`, when its redaction has
 * changed. The renames are those it was derived with. */
MUST_CHECK enum err outgoing_append(struct closure *cl, struct share_candidate *c, const struct derive_rename *renames,
                                    size_t rename_count, struct diag *d);
/* Policy withholds a holding of which something may be out: takes that back when it is this holding's doing, because it
 * is the newest version, or its time is over, or its publisher withdrew it. What that leaves behind is decided again.
 */
MUST_CHECK enum err outgoing_lapse(struct closure *cl, const struct store_holding *h, enum policy_reason reason,
                                   struct diag *d);
/* New terms alone withhold it: counts it when it is out. */
MUST_CHECK enum err outgoing_count(struct closure *cl, const struct store_holding *h, struct diag *d);
/* Has what waits for `id` decided again. */
MUST_CHECK enum err outgoing_unlock(struct closure *cl, struct span id, struct diag *d);

#endif
