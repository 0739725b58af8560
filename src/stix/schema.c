#include "stix/schema.h"

#include "stix/schema_rows.h"

/* ---- open vocabularies and enumerations (STIX 2.1 §10, with those the errata of 2025 added) ---- */

#define MOTIVATIONS                                                                                                    \
    "accidental coercion dominance ideology notoriety organizational-gain personal-gain personal-satisfaction "        \
    "revenge unpredictable"
#define RESOURCE_LEVELS "individual club contest team organization government"
#define ACTOR_TYPES                                                                                                    \
    "activist competitor crime-syndicate criminal hacker insider-accidental insider-disgruntled nation-state "         \
    "private-sector "                                                                                                  \
    "sensationalist spy terrorist unknown"
#define ACTOR_ROLES      "agent director independent infrastructure-architect infrastructure-operator malware-author sponsor"
#define SOPHISTICATIONS  "none minimal intermediate advanced expert innovator strategic"
#define IDENTITY_CLASSES "individual group system organization class unknown"
#define INDICATOR_TYPES  "anomalous-activity anonymization benign compromised malicious-activity attribution unknown"
#define PATTERN_TYPES    "stix pcre sigma snort suricata yara"
#define INFRASTRUCTURE_TYPES                                                                                           \
    "amplification anonymization botnet command-and-control control-system exfiltration firewall hosting-malware "     \
    "hosting-target-lists phishing reconnaissance routers-switches staging unknown workstation"
#define MALWARE_TYPES                                                                                                  \
    "adware backdoor bootkit bot ddos downloader dropper exploit-kit keylogger ransomware remote-access-trojan "       \
    "resource-exploitation rogue-security-software rootkit screen-capture spyware trojan unknown virus webshell "      \
    "wiper worm"
#define CAPABILITIES                                                                                                   \
    "accesses-remote-machines anti-debugging anti-disassembly anti-emulation anti-memory-forensics anti-sandbox "      \
    "anti-vm captures-input-peripherals captures-output-peripherals captures-system-state-data "                       \
    "cleans-traces-of-infection commits-fraud communicates-with-c2 compromises-data-availability "                     \
    "compromises-data-integrity compromises-system-availability controls-local-machine degrades-security-software "    \
    "degrades-system-updates determines-c2-server emails-spam escalates-privileges evades-av exfiltrates-data "        \
    "fingerprints-host hides-artifacts hides-executing-code infects-files infects-remote-machines "                    \
    "installs-other-components persists-after-system-reboot prevents-artifact-access prevents-artifact-deletion "      \
    "probes-network-environment self-modifies steals-authentication-credentials violates-system-operational-integrity"
#define ARCHITECTURES "alpha arm ia-64 mips powerpc sparc x86 x86-64"
#define LANGUAGES                                                                                                      \
    "applescript bash c c++ c# go java javascript lua objective-c perl php powershell python ruby rust scala swift "   \
    "typescript visual-basic x86-32 x86-64"
#define AV_RESULTS "malicious suspicious benign unknown"
#define OPINIONS   "strongly-disagree disagree neutral agree strongly-agree"
#define REPORT_TYPES                                                                                                   \
    "attack-pattern campaign identity incident indicator intrusion-set malware observed-data threat-actor "            \
    "threat-report tool "                                                                                              \
    "vulnerability"
#define TOOL_TYPES                                                                                                     \
    "denial-of-service exploitation information-gathering network-capture credential-exploitation remote-access "      \
    "vulnerability-scanning unknown"
#define GROUPING_CONTEXTS "suspicious-activity malware-analysis unspecified"
#define SECTORS                                                                                                        \
    "agriculture aerospace automotive chemical commercial communications construction defense education energy "       \
    "entertainment financial-services government emergency-services government-local government-national "             \
    "government-public-services government-regional healthcare hospitality-leisure infrastructure dams nuclear water " \
    "insurance legal manufacturing mining non-profit pharmaceuticals retail technology telecommunications "            \
    "transportation "                                                                                                  \
    "utilities"
#define REGIONS                                                                                                        \
    "africa eastern-africa middle-africa northern-africa southern-africa western-africa americas caribbean "           \
    "central-america latin-america-caribbean northern-america south-america asia central-asia eastern-asia "           \
    "southern-asia south-eastern-asia western-asia europe eastern-europe northern-europe southern-europe "             \
    "western-europe oceania antarctica australia-new-zealand melanesia micronesia polynesia"

/* ---- types that several objects share (§2) ---- */

PROPERTIES(reference) = {
    STR("source_name", REQUIRED), STR("description", 0), STR("url", 0), HASHES("hashes"), STR("external_id", 0), END};
RULES(reference) = {{RULE_ANY, " description url external_id ", 0}, {0}};
const struct schema stix_schema_reference = TYPE("external-reference", STIX_META, reference, reference_rules, 0);

PROPERTIES(kill_chain) = {STR("kill_chain_name", REQUIRED), STR("phase_name", REQUIRED), END};
const struct schema stix_schema_kill_chain = TYPE("kill-chain-phase", STIX_META, kill_chain, 0, 0);

#define KILL_CHAINS OBJ("kill_chain_phases", LIST, &stix_schema_kill_chain)
#define ALIASES     STR("aliases", LIST)
#define SEEN        TIM("first_seen", 0), TIM("last_seen", 0)

RULES(seen) = {{RULE_ORDER, "first_seen", "last_seen"}, {0}};

/* ---- common properties (§3.2) ---- */

#define COMMON_TAIL                                                                                                    \
    IDF("object_marking_refs", LIST, "marking-definition"), KIND("granular_markings", PROPERTY_GRANULAR, LIST),        \
        KIND("extensions", PROPERTY_EXTENSIONS, 0), KIND("lang", PROPERTY_LANGUAGE, 0), STR("labels", LIST),           \
        INT("confidence", 0, 0, 100), BOO("revoked", 0), OBJ("external_references", LIST, &stix_schema_reference)

PROPERTIES(common_object) = {STR("type", REQUIRED),
                             ENM("spec_version", REQUIRED, "2.1"),
                             ANY("id", REQUIRED),
                             IDF("created_by_ref", 0, "identity"),
                             TIM("created", REQUIRED | PRECISE),
                             TIM("modified", REQUIRED | PRECISE),
                             COMMON_TAIL,
                             END};
/* Observables have no versions of their own, but a producer may give them some (§3.6); and a custom type may be any
 * of the three. */
PROPERTIES(common_observable) = {STR("type", REQUIRED),
                                 ENM("spec_version", 0, "2.1"),
                                 ANY("id", REQUIRED),
                                 IDF("created_by_ref", 0, "identity"),
                                 TIM("created", 0),
                                 TIM("modified", 0),
                                 BOO("defanged", 0),
                                 COMMON_TAIL,
                                 END};
/* Language contents and extension definitions need `modified`: their own tables say so. */
PROPERTIES(common_meta) = {STR("type", REQUIRED),
                           ENM("spec_version", REQUIRED, "2.1"),
                           ANY("id", REQUIRED),
                           IDF("created_by_ref", 0, "identity"),
                           TIM("created", REQUIRED | PRECISE),
                           TIM("modified", PRECISE),
                           COMMON_TAIL,
                           END};

const struct property *stix_common(enum stix_kind kind) {
    switch (kind) {
    case STIX_SDO:
    case STIX_SRO:
        return common_object;
    case STIX_META:
        return common_meta;
    default:
        return common_observable;
    }
}

/* ---- domain objects (§4) ---- */

PROPERTIES(attack_pattern) = {STR("name", REQUIRED), STR("description", 0), ALIASES, KILL_CHAINS, END};
PROPERTIES(campaign) = {STR("name", REQUIRED), STR("description", 0), ALIASES, SEEN, STR("objective", 0), END};
PROPERTIES(course_of_action) = {STR("name", REQUIRED), STR("description", 0), END};
PROPERTIES(grouping) = {STR("name", 0), STR("description", 0), VOC("context", REQUIRED, GROUPING_CONTEXTS),
                        ANY("object_refs", REQUIRED | LIST), END};
PROPERTIES(identity) = {STR("name", REQUIRED),
                        STR("description", 0),
                        STR("roles", LIST),
                        VOC("identity_class", 0, IDENTITY_CLASSES),
                        VOC("sectors", LIST, SECTORS),
                        STR("contact_information", 0),
                        END};
PROPERTIES(incident) = {STR("name", REQUIRED), STR("description", 0), END};
PROPERTIES(indicator) = {STR("name", 0),
                         STR("description", 0),
                         VOC("indicator_types", LIST, INDICATOR_TYPES),
                         STR("pattern", REQUIRED),
                         VOC("pattern_type", REQUIRED, PATTERN_TYPES),
                         STR("pattern_version", 0),
                         TIM("valid_from", REQUIRED),
                         TIM("valid_until", 0),
                         KILL_CHAINS,
                         END};
RULES(indicator) = {{RULE_LATER, "valid_from", "valid_until"}, {0}};
PROPERTIES(infrastructure) = {STR("name", REQUIRED),
                              STR("description", 0),
                              VOC("infrastructure_types", LIST, INFRASTRUCTURE_TYPES),
                              ALIASES,
                              KILL_CHAINS,
                              SEEN,
                              END};
PROPERTIES(intrusion_set) = {STR("name", REQUIRED),
                             STR("description", 0),
                             ALIASES,
                             SEEN,
                             STR("goals", LIST),
                             VOC("resource_level", 0, RESOURCE_LEVELS),
                             VOC("primary_motivation", 0, MOTIVATIONS),
                             VOC("secondary_motivations", LIST, MOTIVATIONS),
                             END};
PROPERTIES(location) = {STR("name", 0),
                        STR("description", 0),
                        NUM("latitude", 0, -90, 90),
                        NUM("longitude", 0, -180, 180),
                        NUM("precision", 0, 0, 0),
                        VOC("region", 0, REGIONS),
                        STR("country", 0),
                        STR("administrative_area", 0),
                        STR("city", 0),
                        STR("street_address", 0),
                        STR("postal_code", 0),
                        END};
RULES(location) = {{RULE_ANY, " region country latitude longitude ", 0},
                   {RULE_NEEDS, "latitude", "longitude"},
                   {RULE_NEEDS, "longitude", "latitude"},
                   {RULE_NEEDS, "precision", "latitude"},
                   {0}};
PROPERTIES(malware) = {STR("name", 0),
                       STR("description", 0),
                       VOC("malware_types", LIST, MALWARE_TYPES),
                       BOO("is_family", REQUIRED),
                       ALIASES,
                       KILL_CHAINS,
                       SEEN,
                       IDF("operating_system_refs", LIST, "software"),
                       VOC("architecture_execution_envs", LIST, ARCHITECTURES),
                       VOC("implementation_languages", LIST, LANGUAGES),
                       VOC("capabilities", LIST, CAPABILITIES),
                       IDF("sample_refs", LIST, "artifact file"),
                       END};
RULES(malware) = {{RULE_ORDER, "first_seen", "last_seen"}, {RULE_TRUE_NEEDS, "is_family", "name"}, {0}};
PROPERTIES(malware_analysis) = {STR("product", REQUIRED),
                                STR("version", 0),
                                IDF("host_vm_ref", 0, "software"),
                                IDF("operating_system_ref", 0, "software"),
                                IDF("installed_software_refs", LIST, "software"),
                                STR("configuration_version", 0),
                                STR("modules", LIST),
                                STR("analysis_engine_version", 0),
                                STR("analysis_definition_version", 0),
                                TIM("submitted", 0),
                                TIM("analysis_started", 0),
                                TIM("analysis_ended", 0),
                                STR("result_name", 0),
                                VOC("result", 0, AV_RESULTS),
                                IDF("analysis_sco_refs", LIST, "sco"),
                                IDF("sample_ref", 0, "sco"),
                                END};
RULES(malware_analysis) = {
    {RULE_ANY, " result analysis_sco_refs ", 0}, {RULE_ORDER_SHOULD, "analysis_started", "analysis_ended"}, {0}};
PROPERTIES(note) = {STR("abstract", 0), STR("content", REQUIRED), STR("authors", LIST),
                    ANY("object_refs", REQUIRED | LIST), END};
PROPERTIES(observed_data) = {TIM("first_observed", REQUIRED),
                             TIM("last_observed", REQUIRED),
                             INT("number_observed", REQUIRED, 1, 999999999),
                             KIND("objects", PROPERTY_CONTAINER, 0),
                             IDF("object_refs", LIST, "sco sro"),
                             END};
RULES(observed_data) = {{RULE_ORDER, "first_observed", "last_observed"},
                        {RULE_ANY, " object_refs objects ", 0},
                        {RULE_EXCLUDES, "objects", "object_refs"},
                        {0}};
PROPERTIES(opinion) = {STR("explanation", 0), STR("authors", LIST), ENM("opinion", REQUIRED, OPINIONS),
                       ANY("object_refs", REQUIRED | LIST), END};
PROPERTIES(report) = {STR("name", REQUIRED),
                      STR("description", 0),
                      VOC("report_types", LIST, REPORT_TYPES),
                      TIM("published", REQUIRED),
                      ANY("object_refs", REQUIRED | LIST),
                      END};
PROPERTIES(threat_actor) = {STR("name", REQUIRED),
                            STR("description", 0),
                            VOC("threat_actor_types", LIST, ACTOR_TYPES),
                            ALIASES,
                            SEEN,
                            VOC("roles", LIST, ACTOR_ROLES),
                            STR("goals", LIST),
                            VOC("sophistication", 0, SOPHISTICATIONS),
                            VOC("resource_level", 0, RESOURCE_LEVELS),
                            VOC("primary_motivation", 0, MOTIVATIONS),
                            VOC("secondary_motivations", LIST, MOTIVATIONS),
                            VOC("personal_motivations", LIST, MOTIVATIONS),
                            END};
PROPERTIES(tool) = {STR("name", REQUIRED),
                    STR("description", 0),
                    VOC("tool_types", LIST, TOOL_TYPES),
                    ALIASES,
                    STR("tool_version", 0),
                    KILL_CHAINS,
                    END};
PROPERTIES(vulnerability) = {STR("name", REQUIRED), STR("description", 0), END};

/* ---- relationship objects (§5) ---- */

PROPERTIES(relationship) = {KIND("relationship_type", PROPERTY_WORD, REQUIRED),
                            STR("description", 0),
                            IDF("source_ref", REQUIRED, "sdo sco"),
                            IDF("target_ref", REQUIRED, "sdo sco"),
                            TIM("start_time", 0),
                            TIM("stop_time", 0),
                            END};
RULES(relationship) = {{RULE_LATER, "start_time", "stop_time"}, {0}};
PROPERTIES(sighting) = {STR("description", 0),
                        SEEN,
                        INT("count", 0, 0, 999999999),
                        IDF("sighting_of_ref", REQUIRED, "sdo"),
                        IDF("observed_data_refs", LIST, "observed-data"),
                        IDF("where_sighted_refs", LIST, "identity location"),
                        BOO("summary", 0),
                        END};

/* ---- meta objects (§7) ---- */

PROPERTIES(marking_definition) = {STR("name", 0), VOC("definition_type", 0, "statement tlp"), OBJ("definition", 0, 0),
                                  END};
/* A definition is given by one of the two, or by an extension. */
RULES(marking_definition) = {{RULE_ANY, " definition extensions ", 0},
                             {RULE_NEEDS, "definition", "definition_type"},
                             {RULE_NEEDS, "definition_type", "definition"},
                             {0}};
PROPERTIES(extension_definition) = {
    IDF("created_by_ref", REQUIRED, "identity"),
    TIM("modified", REQUIRED | PRECISE),
    STR("name", REQUIRED),
    STR("description", 0),
    STR("schema", REQUIRED),
    STR("version", REQUIRED),
    ENM("extension_types", REQUIRED | LIST, "new-sdo new-sco new-sro property-extension toplevel-property-extension"),
    STR("extension_properties", LIST),
    END};
PROPERTIES(language_content) = {TIM("modified", REQUIRED | PRECISE), ANY("object_ref", REQUIRED),
                                TIM("object_modified", 0), KIND("contents", PROPERTY_TRANSLATIONS, REQUIRED), END};

/* ---- the types ---- */

/* The ones that come most often stand first. */
static const struct schema schemas[] = {
    TYPE("indicator", STIX_SDO, indicator, indicator_rules, 0),
    TYPE("relationship", STIX_SRO, relationship, relationship_rules, 0),
    TYPE("sighting", STIX_SRO, sighting, seen_rules, 0),
    TYPE("malware", STIX_SDO, malware, malware_rules, 0),
    TYPE("identity", STIX_SDO, identity, 0, 0),
    TYPE("attack-pattern", STIX_SDO, attack_pattern, 0, 0),
    TYPE("campaign", STIX_SDO, campaign, seen_rules, 0),
    TYPE("course-of-action", STIX_SDO, course_of_action, 0, 0),
    TYPE("grouping", STIX_SDO, grouping, 0, 0),
    TYPE("incident", STIX_SDO, incident, 0, 0),
    TYPE("infrastructure", STIX_SDO, infrastructure, seen_rules, 0),
    TYPE("intrusion-set", STIX_SDO, intrusion_set, seen_rules, 0),
    TYPE("location", STIX_SDO, location, location_rules, 0),
    TYPE("malware-analysis", STIX_SDO, malware_analysis, malware_analysis_rules, 0),
    TYPE("note", STIX_SDO, note, 0, 0),
    TYPE("observed-data", STIX_SDO, observed_data, observed_data_rules, 0),
    TYPE("opinion", STIX_SDO, opinion, 0, 0),
    TYPE("report", STIX_SDO, report, 0, 0),
    TYPE("threat-actor", STIX_SDO, threat_actor, seen_rules, 0),
    TYPE("tool", STIX_SDO, tool, 0, 0),
    TYPE("vulnerability", STIX_SDO, vulnerability, 0, 0),
    TYPE("marking-definition", STIX_META, marking_definition, marking_definition_rules, 0),
    TYPE("extension-definition", STIX_META, extension_definition, 0, 0),
    TYPE("language-content", STIX_META, language_content, 0, 0),
};
enum { SCHEMAS = sizeof schemas / sizeof *schemas };

const struct schema *stix_schema_at(size_t index) {
    if (index < SCHEMAS) return &schemas[index];
    return index - SCHEMAS < stix_observables_count ? &stix_observables[index - SCHEMAS] : NULL;
}

const struct schema *stix_schema(struct span type) {
    const struct schema *s;
    for (size_t i = 0; (s = stix_schema_at(i)); i++)
        if (s->type_len == type.len && memcmp(s->type, type.at, type.len) == 0) return s;
    return NULL;
}

bool stix_words_have(const char *words, struct span word) {
    if (!words || word.len == 0 || memchr(word.at, ' ', word.len) || memchr(word.at, 0, word.len)) return false;
    for (const char *at = words + 1; *at;) { /* behind a space: a word begins */
        const char *end = strchr(at, ' ');
        if ((size_t)(end - at) == word.len && memcmp(at, word.at, word.len) == 0) return true;
        at = end + 1;
    }
    return false;
}
