/* STIX 2.1 to MISP core format: what a realm holds, as events that MISP and its tools read.
 *
 * Each report, and each grouping that is no MISP object, is an event of what it names; of what nothing names, each
 * creator's is an event. Indicators, observed-data, vulnerabilities and notes become attributes, observables with more
 * than one property MISP objects, other domain objects galaxy clusters, sightings sightings. What was read from MISP is
 * written as it was (the extension of misp_read.h), unless what STIX says of it now differs.
 *
 * Distribution is what MISP once said, otherwise the own organisation only; TLP and PAP become tags. What MISP has no
 * place for is counted. */
#ifndef RENKEI_INTERCHANGE_MISP_EXPORT_H
#define RENKEI_INTERCHANGE_MISP_EXPORT_H

#include "interchange/losses.h"
#include "stix/marking.h"
#include "store/store.h"

enum {
    MISP_EVENT_ATTRIBUTES_MAX =
        10000 /* of an event made for a creator: MISP gets slow with more; then another begins */
};

struct misp_export_options {
    enum stix_tlp tlp;        /* the strictest that goes out */
    struct span organisation; /* name and identity of who creates what names no creator */
    struct span identity;
};

struct misp_export_result {
    uint64_t events, objects;       /* written; STIX objects in them */
    uint64_t too_strict, not_known; /* left out: marked more strictly than asked for; with what is not known here */
    struct losses losses;
};

/* Writes {"response": [{"Event": …}…]} to fd as it reads, of one moment. progress may be NULL. */
MUST_CHECK enum err misp_export(struct store_reader *r, const struct misp_export_options *o, int fd,
                                void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                                struct misp_export_result *out, struct diag *d);

#endif
