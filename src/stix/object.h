/* STIX 2.1 objects: read, validate, find their references. Bytes stay as received; a struct stix_object points into
 * them.
 *
 * Validation is driven by tables (stix/schema.h): one row a type, one a property. Errors break a MUST of the
 * specification and reject the object; warnings are what it only recommends, open vocabularies among them. Pure; any
 * thread. */
#ifndef RENKEI_STIX_OBJECT_H
#define RENKEI_STIX_OBJECT_H

#include "base/time.h"
#include "json/json.h"

enum {
    STIX_FINDINGS_MAX = 64,         /* of one object; the rest is counted. Errors push warnings out */
    STIX_OBJECT_SIZE_MAX = 8 << 20, /* bytes of one object: the largest in use (a collection's index) has under 1 MB */
    STIX_REFS_MAX = 100000          /* ids one object may name */
};

enum stix_kind { STIX_SDO, STIX_SRO, STIX_SCO, STIX_META, STIX_CUSTOM };
enum stix_severity { STIX_WARNING, STIX_ERROR };

struct stix_finding {
    enum stix_severity severity;
    char path[JSON_PATH_SIZE]; /* within the object: "granular_markings[0].selectors[1]"; "" = the object */
    char message[256];         /* both without control characters, fit for a terminal */
};

struct stix_report {
    struct stix_finding findings[STIX_FINDINGS_MAX];
    size_t count;
    size_t errors, warnings; /* those that found no room too */
};

struct stix_object {
    struct json_value json;
    struct span bytes; /* exact */
    struct span type, id;
    enum stix_kind kind;
    bool has_modified, revoked;
    time_us created, modified; /* TIME_NONE if absent */
    struct span modified_text; /* as spelt; empty if absent */
    struct span created_by;    /* empty if absent */
    int confidence;            /* -1 if absent */
};

struct stix_options {
    bool strict; /* warnings reject, too */
};

/* Reads and validates one object. Spans of *out are borrowed from the document or live in `a`. The report is filled
 * from the beginning. ERR_INVALID exactly when it has errors (*out holds what could be read); options may be NULL. */
MUST_CHECK enum err stix_object_read(struct arena *a, struct json_value v, const struct stix_options *options,
                                     struct stix_object *out, struct stix_report *report);
/* Reads without validating: for bytes that were validated when they came in. ERR_INVALID without a type and an id. */
MUST_CHECK enum err stix_object_view(struct arena *a, struct json_value v, struct stix_object *out, struct diag *d);

struct stix_ref {
    struct span target; /* the identifier named */
    bool is_marking;    /* stands only in object_marking_refs and granular markings */
    bool is_created_by; /* stands only in created_by_ref */
};
/* Every reference: every string at any depth, keys and custom properties included, that is exactly an identifier, less
 * the object's own and the extension definitions that are keys of `extensions`; each target once. *out lives in `a`.
 * ERR_NOMEM; ERR_LIMIT over STIX_REFS_MAX. */
MUST_CHECK enum err stix_object_refs(const struct stix_object *object, struct arena *a, struct stix_ref **out,
                                     size_t *count);

/* The deterministic id of an SCO from its contributing properties (§2.9); `out` has room for STIX_ID_SIZE bytes (id.h).
 * ERR_NOT_FOUND when the type or the object has none. */
MUST_CHECK enum err stix_sco_id(struct arena *a, struct json_value object, char *out, struct diag *d);

const char *stix_kind_name(enum stix_kind kind);

#endif
