/* Versions of one object (STIX 2.1 §3.6): which of two is later, and whether two of the same time are the same. Pure.
 */
#ifndef RENKEI_STIX_VERSION_H
#define RENKEI_STIX_VERSION_H

#include "stix/object.h"

enum stix_version {
    STIX_VERSION_SAME,    /* same id, same `modified`, same content */
    STIX_VERSION_NEWER,   /* the offered one is later */
    STIX_VERSION_OLDER,   /* the offered one is earlier */
    STIX_VERSION_CONFLICT /* same id and `modified`, other content: §3.6 forbids it, so one of them is not its creator's
                           */
};

/* What orders versions: `modified`, or `created` where there is none; TIME_NONE for unversioned observables. */
time_us stix_version_time(const struct stix_object *object);

/* Compares what is offered with what is held; both have the same id. Contents are equal when the canonical forms
 * (RFC 8785) of their properties are; `revoked` and `defanged` that are false count as absent. `a` is for scratch.
 * ERR_NOMEM, ERR_INVALID for numbers that have no canonical form. */
MUST_CHECK enum err stix_version_compare(struct arena *a, const struct stix_object *held,
                                         const struct stix_object *offered, enum stix_version *out, struct diag *d);

#endif
