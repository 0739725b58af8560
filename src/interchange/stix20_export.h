/* STIX 2.1 to 2.0: what a realm holds, the version of each object that counts, as one bundle of STIX 2.0.
 *
 * Observables stand in the observed-data that name them, which take over their markings. Local handling that is
 * stricter than an object's own TLP is written as its marking; TLP 2.0 becomes TLP 1.0, AMBER+STRICT RED. What 2.0 has
 * no place for is counted. */
#ifndef RENKEI_INTERCHANGE_STIX20_EXPORT_H
#define RENKEI_INTERCHANGE_STIX20_EXPORT_H

#include "interchange/losses.h"
#include "stix/marking.h"
#include "store/store.h"

struct stix20_export_options {
    enum stix_tlp tlp;    /* the strictest that goes out */
    struct span identity; /* of this party: the bundle's id is made of it, and of what is held */
};

struct stix20_export_result {
    uint64_t objects;               /* written */
    uint64_t too_strict, not_known; /* left out: marked more strictly than asked for; with what is not known here */
    struct losses losses;
};

/* Writes the bundle to fd as it reads, of one moment. progress may be NULL. */
MUST_CHECK enum err stix20_export(struct store_reader *r, const struct stix20_export_options *o, int fd,
                                  void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                                  struct stix20_export_result *out, struct diag *d);

#endif
