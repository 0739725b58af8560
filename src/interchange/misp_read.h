/* MISP core format to STIX 2.1: one event becomes a report (a grouping, as long as it was never published), the
 * identity of its creator, and an object for each attribute: an indicator where it is for detection, observed-data of a
 * cyber-observable where it is not, otherwise a vulnerability, a named object or a note. A MISP object becomes a
 * grouping of its attributes, with observed-data of what they say together. docs/interchange.md has the whole mapping.
 *
 * Identifiers are MISP's own UUIDs behind the type; what has none gets one from a hash of what it stands for: reading
 * the same event anywhere, twice, gives the same objects. What MISP says and STIX has no property for stands in an
 * extension of the object, so that it can be written back.
 *
 * Markings only get stricter: an event's TLP and PAP tags are copied to every object, distribution becomes local
 * handling (a sharing group and what is not understood: RED). What is not carried is counted (losses.h).
 *
 * Pure but for the sink; one thread a call. Hostile input is an error or a loss. */
#ifndef RENKEI_INTERCHANGE_MISP_READ_H
#define RENKEI_INTERCHANGE_MISP_READ_H

#include "interchange/losses.h"
#include "stix/id.h"
#include "stix/marking_meaning.h"

/* Key of the extension that carries what only MISP says. */
#define MISP_EXTENSION "extension-definition--8042db51-2e90-42cf-a517-827230854e65"

/* An object that was made. Its text is `head`, then created and modified, then `tail` (misp_made_write()): the times
 * depend on what is held already. Borrowed for the call. */
struct misp_made {
    struct span type, id;
    struct span head, tail;
    bool versioned;            /* has created and modified */
    time_us created, modified; /* modified TIME_NONE: MISP does not say; it changes with the content */
    time_us event_time;        /* of the event: no version it tells of is later */
    struct {
        enum stix_tlp tlp;  /* STIX_TLP_NONE: nothing said */
        struct span labels; /* '\n'-separated, sorted, no duplicates */
    } handling;
};

/* Appends the object's exact bytes. The times are ignored for what is not versioned. */
void misp_made_write(struct buf *out, const struct misp_made *made, time_us created, time_us modified);

struct misp_sink {
    void *context;
    enum err (*put)(void *context, const struct misp_made *made, struct diag *d);
    /* Whether an object is held, whoever made it. May be NULL: nothing is. */
    enum err (*held)(void *context, struct span id, bool *out, struct diag *d);
    /* Revokes an object as of a time, if it is held and counts: another stands for the same thing now. May be NULL. */
    enum err (*revoke)(void *context, struct span id, time_us when, struct diag *d);
};

/* Reads one event, {"Event": …} or the event itself. `offset` is where it begins in the stream. ERR_SYNTAX and
 * ERR_INVALID for what is no event; errors of the sink are passed on. */
MUST_CHECK enum err misp_event_read(struct span event, uint64_t offset, const struct misp_sink *sink,
                                    struct losses *losses, struct diag *d);

#endif
