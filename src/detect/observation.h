/* An event as STIX observed-data (STIX 2.1 §4.14): the same rows (fields.h) that say which of a line's values
 * indicators are looked up by say which cyber-observable and which of its properties a field becomes.
 *
 * A line is one observation: at most one network-traffic (with src_ref and dst_ref to addresses; to a domain only where
 * the sensor names no address), one file, one e-mail message; a domain-name, url, address, … for each value; of a DNS
 * answer, resolves_to_refs from the name that was asked for. A path is a file's name and its parent_directory_ref.
 *
 * Any thread, one arena each. */
#ifndef RENKEI_DETECT_OBSERVATION_H
#define RENKEI_DETECT_OBSERVATION_H

#include "base/buf.h"
#include "base/err.h"
#include "detect/event.h"
#include "pattern/evaluate.h"

enum {
    OBSERVATION_OBJECTS_MAX = 4096,   /* as many as an event has observables; what is beyond is left out */
    OBSERVATION_PROPERTIES_MAX = 512, /* of one object: request headers, nearly always under 20 */
};

/* The event as objects a pattern can look at: parsed JSON in the arena, borrowing from the event.
 *
 * folded: each value in the one spelling of normalise.h, for patterns whose literals went through the same
 * (observation_fold()); a flow is there once more for each name its client asked for (TLS's SNI, HTTP's Host), with
 * that name as dst_ref; ids are short and mean nothing outside. Else values stand as the line has them and ids are
 * those of §2.9. Times without a value are TIME_NONE. ERR_NOMEM. */
MUST_CHECK enum err event_observation(const struct detect_event *event, bool folded, struct arena *a,
                                      struct pattern_observation *out, struct diag *d);
/* What struct pattern_settings wants for patterns that meet folded observations. */
struct span observation_fold(struct arena *a, struct span type, struct span property, struct span text);
bool observation_caseless(struct span type, struct span property);

/* Who observed, for the observed-data object. */
struct observed_by {
    struct span identity; /* created_by_ref; empty: left out */
    struct span key;      /* makes the object's id with the line: which line of which file. The same key and event give
                             the same id */
    time_us otherwise;    /* first_observed of lines that do not tell the time */
};
/* Appends the SCOs, with the deterministic ids of §2.9, then the observed-data that names them, each as one line of
 * JSON. *out is untouched and *objects 0 when the line holds nothing STIX has an object for, or is STIX already. */
MUST_CHECK enum err event_write_observed_data(const struct detect_event *event, const struct observed_by *by,
                                              struct arena *a, struct buf *out, uint32_t *objects, struct diag *d);

#endif
