/* What the fields of telemetry mean: one table a dialect, one row a field. Private to the readers.
 *
 * Names are compared with '.' written as '_' and nested objects joined with '_', so that "id.orig_h", "id_orig_h" and
 * {"id":{"orig_h":…}} are one row. Rows are sorted by name (a test holds that); a field that means different things in
 * different logs has a row each. */
#ifndef RENKEI_DETECT_FIELDS_H
#define RENKEI_DETECT_FIELDS_H

#include "detect/event.h"
#include "json/json.h"

enum field_meaning {
    FIELD_TIME,
    FIELD_HOST, /* an address or a domain */
    FIELD_URL,
    FIELD_HTTP_HOST,
    FIELD_REQUEST, /* what the client asked the HTTP server for */
    FIELD_URL_PORT,
    FIELD_FILE_HASH,
    FIELD_CERTIFICATE_HASH,
    FIELD_FILE_NAME,
    FIELD_EMAIL,
    FIELD_SRC_PORT,
    FIELD_DST_PORT,
    FIELD_PROTOCOL,
    FIELD_SHAPE,  /* whatever it looks like */
    FIELD_NOTHING /* known, and of no use: not even by shape */
};

struct field_row {
    const char *name;
    const char *log; /* the log it is meant for; NULL = any */
    enum field_meaning meaning;
    unsigned roles;
};
struct field_table {
    const struct field_row *rows;
    size_t count;
    bool fold;     /* names compare without case */
    bool by_shape; /* strings of unlisted fields count by shape */
};
extern const struct field_table zeek_fields, eve_fields, generic_fields;

enum { FIELD_NAME_MAX = 256 };

/* The row of a field, its name spelt as the tables do; NULL if there is none. log may be empty: not known, any will do.
 */
const struct field_row *field_find(const struct field_table *table, const char *name, struct span log);
/* Adds what a field says. `text` is a string, or a number as spelt. */
void field_apply(struct event_builder *b, const struct field_row *row, struct span text);
/* A time in any of the spellings logs use: RFC 3339, or Unix seconds, milli-, micro- or nanoseconds. */
bool field_time(struct span text, time_us *out);
/* Whether Zeek's log is one whose fields are all known; those of others are read by shape. */
bool zeek_log_is_known(struct span log);
/* Walks a whole JSON object through a table. */
void fields_walk(struct event_builder *b, struct json_value object, const struct field_table *table, struct span log);

#endif
