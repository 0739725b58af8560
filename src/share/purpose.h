/* What the receiver may do with what it was given, as labels of its own local handling: "PAP:AMBER",
 * "IEP:permitted-actions=none", "IEP:affected-party-notifications=may", "IEP:provider-attribution=must-not",
 * "IEP:unmodified-resale=must-not". The clause that released it says so, or else its agreement. */
#ifndef RENKEI_SHARE_PURPOSE_H
#define RENKEI_SHARE_PURPOSE_H

#include "ledger/record.h"
#include "share/agreements.h"

/* The labels of one release by `from` to `to`, as struct store_handling wants them; empty when there is no limit, or
 * the record's agreement is not among these. *out lives in `a` (lost when that overflows). */
void share_purpose_labels(const struct share_agreement *all, size_t count, struct span from, struct span to,
                          const struct ledger_record *record, struct arena *a, struct span *out);

#endif
