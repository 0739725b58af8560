/* What the fields of telemetry mean: one table a dialect, one row a field, and the row's target says both which STIX
 * object and property the field becomes (field_targets.c has a row for each target) and, where indicators are looked up
 * by it, as what. Private to the readers and to what turns events into observed-data.
 *
 * Names are compared with '.' written as '_' and nested objects joined with '_', so that "id.orig_h", "id_orig_h" and
 * {"id":{"orig_h":…}} are one row. Rows are sorted by name (a test holds that); a field that means different things in
 * different logs has a row each. */
#ifndef RENKEI_DETECT_FIELDS_H
#define RENKEI_DETECT_FIELDS_H

#include "detect/event.h"
#include "json/json.h"

/* What atoms a value gives. */
enum field_meaning {
    FIELD_NOTHING, /* none: not even by shape */
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
    FIELD_SHAPE /* whatever it looks like */
};

/* Where a field goes; in the order of field_targets. */
enum field_target {
    TO_NOTHING, /* known, and of no use */
    TO_TIME,
    /* a flow: network-traffic */
    TO_SRC,
    TO_DST,
    TO_SRC_SHAPE, /* likewise, of a field that may hold anything */
    TO_DST_SHAPE,
    TO_SRC_PORT,
    TO_DST_PORT,
    TO_PROTOCOL,
    TO_START,
    TO_END,
    TO_DURATION, /* seconds from the event's time to the flow's end */
    TO_SRC_BYTES,
    TO_DST_BYTES,
    TO_SRC_PACKETS,
    TO_DST_PACKETS,
    /* its HTTP request */
    TO_HTTP_HOST,
    TO_URL_PORT,
    TO_REQUEST,
    TO_METHOD,
    TO_VERSION,
    TO_REFERRER,
    TO_HEADER, /* the row's key is the header's name */
    TO_HEADER_NAME,
    TO_HEADER_VALUE, /* of the name just before it */
    TO_BODY_LENGTH,
    /* values */
    TO_HOST,
    TO_NAME,    /* the server's name as the client asked for it */
    TO_QUERY,   /* a name asked for in DNS; answers that follow are its */
    TO_ANSWER,  /* what it resolves to */
    TO_GROUPED, /* likewise, of the first name */
    TO_URL,
    TO_EMAIL,
    TO_MAC,
    TO_SHAPE,
    /* a file */
    TO_FILE_NAME,
    TO_FILE_HASH,
    TO_FILE_SIZE,
    TO_FILE_MIME,
    TO_FILE_CREATED,
    TO_FILE_MODIFIED,
    TO_FILE_ACCESSED,
    TO_SHARE, /* the folder the file's name counts from */
    /* a certificate */
    TO_CERTIFICATE_HASH,
    TO_CHAIN_HASH,        /* the first is the certificate's, the others are certificates of their own */
    TO_OTHER_CERTIFICATE, /* of another certificate, the client's */
    TO_SERIAL,
    TO_SUBJECT,
    TO_ISSUER,
    TO_NOT_BEFORE,
    TO_NOT_AFTER,
    TO_CERTIFICATE_VERSION,
    TO_SIGNATURE_ALGORITHM,
    TO_KEY_ALGORITHM,
    TO_EXPONENT,
    TO_ALTERNATIVE_NAME,
    /* an e-mail message */
    TO_FROM,
    TO_ENVELOPE_FROM,
    TO_RECIPIENT,
    TO_CC,
    TO_BCC,
    TO_ENVELOPE_TO,
    TO_MAIL_SUBJECT,
    TO_MAIL_DATE,
    TO_MESSAGE_ID,
    TO_RECEIVED,
    TO_REPLY_TO,
    TO_MAIL_HEADER, /* the row's key is the header's name */
    /* accounts and software */
    TO_ACCOUNT,   /* the name at login */
    TO_PRINCIPAL, /* Kerberos: name/REALM */
    TO_REALM,
    TO_BANNER, /* SSH's version string */
    TO_SOFTWARE,
    TO_SOFTWARE_VERSION,
    /* any other: the row's key is the path, "process:command_line" */
    TO_PROPERTY,
    FIELD_TARGETS
};

/* Which object of the observation a target is a property of; TARGET_VALUE: an object of its own. */
enum target_object {
    TARGET_NONE,
    TARGET_VALUE,
    TARGET_FLOW,
    TARGET_REQUEST, /* the flow's http-request-ext */
    TARGET_FILE,
    TARGET_CERTIFICATE,
    TARGET_MESSAGE,
    TARGET_ACCOUNT,
    TARGET_SOFTWARE
};
enum target_value { VALUE_TEXT, VALUE_INTEGER, VALUE_TIME };

struct field_target_row {
    const char *path; /* as a pattern names it: what mapping files say (mapping.h) */
    enum field_meaning meaning;
    unsigned roles;
    enum target_object object;
    const char *property;    /* plain properties; NULL: observation.c knows */
    enum target_value value; /* how the property is written */
    bool shape;              /* in dialects read by shape its value counts by shape as well */
};
extern const struct field_target_row field_targets[FIELD_TARGETS];

struct field_row {
    const char *name;
    const char *log; /* the log it is meant for; NULL = any */
    uint8_t target;  /* enum field_target */
    const char *key; /* of TO_HEADER, TO_MAIL_HEADER, TO_PROPERTY */
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
/* A time in any of the spellings logs use: RFC 3339, the same without a zone (which is then `zone_us` east of UTC),
 * Apache's "23/Nov/2026:08:46:15 +0900", RFC 5322's; or Unix seconds, milli-, micro- or nanoseconds. */
bool field_time(struct span text, int64_t zone_us, time_us *out);
/* Whether Zeek's log is one whose fields are all known; those of others are read by shape. */
bool zeek_log_is_known(struct span log);
/* Adds the protocol that a log is about: "dns" for zeek.dns and eve.dns. */
void field_log_protocol(struct event_builder *b, struct span log);
/* Walks a whole JSON object through a table. */
void fields_walk(struct event_builder *b, struct json_value object, const struct field_table *table, struct span log);

#endif
