/* The agreements a realm holds: complete ones only, in lineages; with them, who has left one. */
#ifndef RENKEI_SHARE_AGREEMENTS_H
#define RENKEI_SHARE_AGREEMENTS_H

#include "policy/agreement.h"
#include "store/store.h"

/* One version of an agreement. Everything lives in the arena it was loaded into. */
struct share_agreement {
    struct agreement *agreement;
    struct span hash, lineage; /* hexadecimal: its own hash, and the first version's */
    unsigned version;          /* 1 for the first of its lineage */
    time_us added;
};

/* All versions, by lineage and then version. */
MUST_CHECK enum err share_agreements_load(struct store_reader *r, struct arena *a, struct share_agreement **out,
                                          size_t *count, struct diag *d);
/* The version of a lineage that counts at `now`: the newest that is effective; the first if none is yet. NULL if there
 * is none. */
const struct share_agreement *share_agreement_in_force(const struct share_agreement *all, size_t count,
                                                       struct span lineage, time_us now);
/* Leaves those that had been added at a time, in their order; how many that are. */
size_t share_agreements_known(struct share_agreement *all, size_t count, time_us at);
/* Whether an agreement in force lets `from` give `to` what came from `source`: its direction names that source. */
bool share_agreements_pass_on(const struct share_agreement *all, size_t count, struct span from, struct span to,
                              struct span source, time_us now);
/* By hash in hexadecimal, or its beginning (at least 6 digits, if only one begins so). NULL if none. */
const struct share_agreement *share_agreement_find(const struct share_agreement *all, size_t count, struct span hash);
/* Keeps that a party has left: verified by the caller, who names the statement's file. It has left at the time that the
 * notice names; if that is no later than the notice itself, at `now` at the latest, whatever the signer's clock said. */
struct statement;
MUST_CHECK enum err share_termination_put(struct store_tx *tx, const struct statement *s, struct span file, time_us now,
                                          struct diag *d);
/* Keeps a new version with its signatures, all verified by the caller. */
MUST_CHECK enum err share_agreement_put(struct store_tx *tx, const struct agreement *g,
                                        const struct agreement_signature *signatures, size_t signature_count,
                                        struct span lineage, time_us now, struct diag *d);

#endif
