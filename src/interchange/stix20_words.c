#include "interchange/stix20_words.h"

const struct stix20_type stix20_types[] = {
    {"attack-pattern", NULL, " name description kill_chain_phases ", false},
    {"campaign", NULL, " name description aliases first_seen last_seen objective ", false},
    {"course-of-action", NULL, " name description ", false},
    {"identity", "roles", " name description identity_class sectors contact_information ", false},
    {"indicator", "indicator_types", " name description pattern valid_from valid_until kill_chain_phases ", true},
    {"intrusion-set", NULL,
     " name description aliases first_seen last_seen goals resource_level primary_motivation secondary_motivations ",
     false},
    {"malware", "malware_types", " name description kill_chain_phases ", true},
    {"marking-definition", NULL, " definition_type definition ", false},
    {"observed-data", NULL, " first_observed last_observed number_observed ", false},
    {"relationship", NULL, " relationship_type description source_ref target_ref ", false},
    {"report", "report_types", " name description published object_refs ", true},
    {"sighting", NULL, " first_seen last_seen count sighting_of_ref observed_data_refs where_sighted_refs summary ",
     false},
    {"threat-actor", "threat_actor_types",
     " name description aliases roles goals sophistication resource_level primary_motivation secondary_motivations "
     "personal_motivations ",
     true},
    {"tool", "tool_types", " name description kill_chain_phases tool_version ", true},
    {"vulnerability", NULL, " name description ", false},
};
const size_t stix20_type_count = sizeof stix20_types / sizeof *stix20_types;

const struct stix20_type *stix20_type_named(struct span name) {
    for (size_t i = 0; i < stix20_type_count; i++)
        if (span_is(name, stix20_types[i].name)) return &stix20_types[i];
    return NULL;
}

/* One row a property that has another name in 2.1, or stands in one of the two only. Type: of the observable, or the
 * key of its extension. */
static const struct {
    const char *type, *old, *now;
} changes[] = {
    {"artifact", NULL, "encryption_algorithm"},
    {"artifact", NULL, "decryption_key"},
    {"directory", "created", "ctime"},
    {"directory", "modified", "mtime"},
    {"directory", "accessed", "atime"},
    {"email-message", NULL, "message_id"},
    {"file", "created", "ctime"},
    {"file", "modified", "mtime"},
    {"file", "accessed", "atime"},
    {"file", "is_encrypted", NULL},
    {"file", "encryption_algorithm", NULL},
    {"file", "decryption_key", NULL},
    {"archive-ext", "version", NULL},
    {"raster-image-ext", "image_compression_algorithm", NULL},
    {"socket-ext", "protocol_family", NULL},
    {"process", "name", NULL},
    {"process", "arguments", NULL},
    {"process", "created", "created_time"},
    {"process", "binary_ref", "image_ref"},
    {"windows-process-ext", NULL, "integrity_level"},
    {"software", NULL, "swid"},
    {"user-account", "password_last_changed", "credential_last_changed"},
    {"user-account", NULL, "credential"},
    {"windows-registry-key", "modified", "modified_time"},
};
enum { CHANGES = sizeof changes / sizeof *changes };

bool stix20_renamed(struct span type, struct span old, const char **now) {
    for (int i = 0; i < CHANGES; i++)
        if (changes[i].old && span_is(type, changes[i].type) && span_is(old, changes[i].old)) {
            *now = changes[i].now;
            return true;
        }
    return false;
}

bool stix20_renamed_back(struct span type, struct span now, const char **old) {
    for (int i = 0; i < CHANGES; i++)
        if (changes[i].now && span_is(type, changes[i].type) && span_is(now, changes[i].now)) {
            *old = changes[i].old;
            return true;
        }
    return false;
}

bool stix20_is_header(struct span property) {
    return span_is(property, "request_header") || span_is(property, "additional_header_fields");
}
