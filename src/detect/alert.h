/* Hits as people and programs read them: a table; a line of JSON each in the Elastic Common Schema's names, or as
 * Suricata's EVE has alerts; a STIX bundle. */
#ifndef RENKEI_DETECT_ALERT_H
#define RENKEI_DETECT_ALERT_H

#include "base/buf.h"
#include "base/map.h"
#include "detect/scan.h"
#include "detect/validity.h"
#include "detect/warninglist_kept.h"

struct alert {
    const struct detect_hit *hit;
    const struct detect_indicator *indicator;
    enum validity validity;
    struct warning warning; /* VALIDITY_WARNED, or an alert all the same: the list the value is on */
    uint8_t confidence;     /* now, decay counted; DETECT_CONFIDENCE_NONE if none */
    struct span member;     /* whose telemetry it is; may be empty */
    time_us now;            /* when the match was made (event.created) */
    uint64_t count;         /* of a group: how many hits; 0 or 1: one */
    bool ports_vary;        /* of a group: its hits came from several source ports */
};

/* ---- the table: a row an alert: time, how often, what was seen, from where to where, what it indicates, file:line */
struct alert_table {
    unsigned width; /* columns of the terminal; 0 = no limit */
    bool counts;    /* with a column for groups' counts */
};
/* What an alert of another validity than VALIDITY_ALERT is shown under: "Outside their indicators' validity". */
const char *alert_heading(enum validity validity);
void alert_write_header(struct buf *out, const struct alert_table *table);
/* Telemetry is the attacker's text: what steers a terminal, turns the direction of writing or cannot be seen is shown
 * as
 * '?'. What does not fit the terminal is cut; from where to where last. */
void alert_write_row(struct buf *out, const struct alert_table *table, const struct alert *alert);

/* ---- for machines: a document and a newline */
void alert_write_ecs(struct buf *out, const struct alert *alert); /* ECS 8.17 */
void alert_write_eve(struct buf *out, const struct alert *alert); /* event_type "alert" */

/* ---- STIX: what was seen as cyber-observables and an observed-data object (STIX 2.1 §4.14), for a bundle. The ids of
 * the cyber-observables are those of §2.9; the observed-data's is made from `secret` and the line, so that matching
 * again gives the same. `first` tells whether something stands before it in the bundle; it is changed. */
struct alert_stix {
    struct span secret;     /* bytes only this node knows */
    struct span created_by; /* this party's identity; may be empty */
    bool *first;
    struct map *written; /* ids that stand in the bundle: none is written twice */
    char *observed_id;   /* out: STIX_ID_SIZE bytes, of the observed-data; empty when the hit has nothing to show */
};
MUST_CHECK enum err alert_write_stix(struct buf *out, const struct alert *alert, const struct alert_stix *how,
                                     struct diag *d);

/* Where the observations of a pattern of several stand, as members of the object being written: "observations", each
 * with file, line and time, the first ALERT_PLACES_MAX, and "observation_count". Nothing for other hits. */
struct json_writer;
enum { ALERT_PLACES_MAX = 100 };
void alert_write_places(struct json_writer *w, const struct detect_hit *hit);

#endif
