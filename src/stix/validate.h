/* What the files of the validator share: findings, and checks of single values. Not for other rooms. */
#ifndef RENKEI_STIX_VALIDATE_H
#define RENKEI_STIX_VALIDATE_H

#include "stix/object.h"
#include "stix/schema.h"

struct validation {
    struct arena *a;
    const struct stix_object *object;
    struct stix_report *report;
};

/* Adds a finding at a value; with a name, at the member of that name that is not there. */
void stix_find(struct validation *x, enum stix_severity severity, struct json_value at, const char *name,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* For messages: at most `most` bytes of a text, not cut inside a character. */
struct span stix_excerpt(struct span text, size_t most);

/* One value (an element, where the property is a list) against its row. */
void stix_check_value(struct validation *x, struct json_value v, const struct property *p);
/* All members of an object against a type's rows and the common ones (may be NULL), with the rules between them. */
void stix_check_members(struct validation *x, struct json_value v, const struct schema *schema,
                        const struct property *common);
/* Nulls and empty lists at any depth, which STIX does not know (§2.12). */
void stix_check_depths(struct validation *x, struct json_value v, enum stix_severity severity);

/* Property names: 3 to 250 of a-z, 0-9 and '_' (§11.1.1). */
bool stix_property_name_valid(struct span name);
/* Type names: 3 to 250 of a-z, 0-9 and single '-' (§11.2.1). */
bool stix_type_name_valid(struct span name);

#endif
