/* Reading rules, for agreements and national policies alike. Private to this room. */
#ifndef RENKEI_POLICY_RULE_READ_H
#define RENKEI_POLICY_RULE_READ_H

#include "policy/reading.h"

/* What a list of rules is for: which outcomes and keys it may have. */
enum rule_flavour { RULE_OF_RELEASE, RULE_ONWARD, RULE_NATIONAL };

/* As they stand in the file: texts. */
struct raw_words {
    char **any, **none;
    unsigned any_count, none_count;
};
struct raw_confidence {
    char *min, *max, *absent;
};
struct raw_age {
    char *min, *max;
};
struct raw_mark {
    char **properties, *tlp;
    unsigned properties_count;
};
struct raw_redaction {
    char *creator, *external_references, *descriptions, *times, **properties;
    struct raw_mark *mark;
    unsigned properties_count, mark_count;
};
struct raw_purpose {
    char *pap, *permitted_actions, *affected_party_notifications, *provider_attribution, *unmodified_resale;
};
struct raw_rule {
    char *clause, *outcome, *when, *embargo, *expiry, *hops, *approvals;
    char **types, **tlp, **pap, **sources, **to;
    unsigned types_count, tlp_count, pap_count, sources_count, to_count;
    struct raw_words *labels, *markings, *creators, *sectors, *indicator_types, *observes, *attack, *languages;
    struct raw_confidence *confidence;
    struct raw_age *age;
    struct raw_redaction *redact;
    struct raw_purpose *purpose;
};

extern const cyaml_schema_value_t rule_schema;
extern const cyaml_schema_field_t purpose_fields[];

/* Conditions of a rule, with its words put into r->words. */
MUST_CHECK enum err rule_conditions_read(struct reading *r, const struct path *where, const struct raw_rule *raw,
                                         enum rule_flavour flavour, struct policy_rule *out);
/* A list of rules. */
MUST_CHECK enum err rules_read(struct reading *r, const struct path *where, const struct raw_rule *raw, unsigned count,
                               enum rule_flavour flavour, struct policy_rules *out);
MUST_CHECK enum err purpose_read(struct reading *r, const struct path *where, const struct raw_purpose *raw,
                                 const struct policy_purpose **out);

#endif
