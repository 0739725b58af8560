#include "stix/schema.h"

#define STR(name, flags)                                                                                               \
    { name, PROPERTY_STRING, flags, 0, 0, 0 }
#define ENM(name, flags, words)                                                                                        \
    { name, PROPERTY_ENUM, flags, " " words " ", 0, 0 }
#define VOC(name, flags, words)                                                                                        \
    { name, PROPERTY_VOCABULARY, flags, " " words " ", 0, 0 }
#define BOO(name, flags)                                                                                               \
    { name, PROPERTY_BOOLEAN, flags, 0, 0, 0 }
#define INT(name, flags, low, high)                                                                                    \
    { name, PROPERTY_INTEGER, flags, 0, low, high }
#define NUM(name, flags, low, high)                                                                                    \
    { name, PROPERTY_NUMBER, flags, 0, low, high }
#define TIM(name, flags)                                                                                               \
    { name, PROPERTY_TIME, flags, 0, 0, 0 }
#define IDF(name, flags, types)                                                                                        \
    { name, PROPERTY_ID, flags, " " types " ", 0, 0 }
#define ANY(name, flags)                                                                                               \
    { name, PROPERTY_ID, flags, 0, 0, 0 }
#define DIC(name, flags)                                                                                               \
    { name, PROPERTY_DICTIONARY, flags, 0, 0, 0 }
#define OBJ(name, flags)                                                                                               \
    { name, PROPERTY_OBJECT, flags, 0, 0, 0 }
#define KIND(name, kind, flags)                                                                                        \
    { name, kind, flags, 0, 0, 0 }
#define KILL_CHAINS KIND("kill_chain_phases", PROPERTY_KILL_CHAIN, LIST)
#define ALIASES     STR("aliases", LIST)
#define END                                                                                                            \
    { 0, PROPERTY_STRING, 0, 0, 0, 0 }

/* ---- open vocabularies and enumerations (STIX 2.1 §10)
 * ------------------------------------------------------------------ */

#define ACCOUNT_TYPES "facebook ldap nis openid radius skype tacacs twitter unix windows-local windows-domain"
#define MOTIVATIONS                                                                                                    \
    "accidental coercion dominance ideology notoriety organizational-gain personal-gain personal-satisfaction "        \
    "revenge unpredictable"
#define RESOURCE_LEVELS "individual club contest team organization government"
#define ACTOR_TYPES                                                                                                    \
    "activist competitor crime-syndicate criminal hacker insider-accidental insider-disgruntled nation-state "         \
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
    "applescript bash c c++ c# go java javascript lua objective-c perl php powershell python ruby scala swift "        \
    "typescript visual-basic x86-32 x86-64"
#define AV_RESULTS "malicious suspicious benign unknown"
#define OPINIONS   "strongly-disagree disagree neutral agree strongly-agree"
#define REPORT_TYPES                                                                                                   \
    "attack-pattern campaign identity indicator intrusion-set malware observed-data threat-actor threat-report tool "  \
    "vulnerability"
#define TOOL_TYPES                                                                                                     \
    "denial-of-service exploitation information-gathering network-capture credential-exploitation remote-access "      \
    "vulnerability-scanning unknown"
#define GROUPING_CONTEXTS "suspicious-activity malware-analysis unspecified"
#define SECTORS                                                                                                        \
    "agriculture aerospace automotive chemical commercial communications construction defense education energy "       \
    "entertainment financial-services government emergency-services government-local government-national "             \
    "government-public-services government-regional healthcare hospitality-leisure infrastructure dams nuclear water " \
    "insurance manufacturing mining non-profit pharmaceuticals retail technology telecommunications transportation "   \
    "utilities"
#define REGIONS                                                                                                        \
    "africa eastern-africa middle-africa northern-africa southern-africa western-africa americas caribbean "           \
    "central-america latin-america-caribbean northern-america south-america asia central-asia eastern-asia "           \
    "southern-asia south-eastern-asia western-asia europe eastern-europe northern-europe southern-europe "             \
    "western-europe oceania antarctica australia-new-zealand melanesia micronesia polynesia"

/* ---- common properties (§3.2)
 * --------------------------------------------------------------------------------------------- */

#define COMMON_TAIL                                                                                                    \
    IDF("object_marking_refs", LIST, "marking-definition"), KIND("granular_markings", PROPERTY_GRANULAR, LIST),        \
        KIND("extensions", PROPERTY_EXTENSIONS, 0)
#define COMMON_OBJECT                                                                                                  \
    STR("type", REQUIRED), ENM("spec_version", REQUIRED, "2.1"), ANY("id", REQUIRED),                                  \
        IDF("created_by_ref", 0, "identity"), TIM("created", REQUIRED), TIM("modified", REQUIRED), BOO("revoked", 0),  \
        STR("labels", LIST), INT("confidence", 0, 0, 100), STR("lang", 0),                                             \
        KIND("external_references", PROPERTY_REFERENCE, LIST), COMMON_TAIL

static const struct property common_object[] = {COMMON_OBJECT, END};
static const struct property common_sco[] = {
    STR("type", REQUIRED), ENM("spec_version", 0, "2.1"), ANY("id", REQUIRED), BOO("defanged", 0), COMMON_TAIL, END};
static const struct property common_marking[] = {STR("type", REQUIRED),
                                                 ENM("spec_version", REQUIRED, "2.1"),
                                                 ANY("id", REQUIRED),
                                                 IDF("created_by_ref", 0, "identity"),
                                                 TIM("created", REQUIRED),
                                                 TIM("modified", 0),
                                                 BOO("revoked", 0),
                                                 STR("labels", LIST),
                                                 INT("confidence", 0, 0, 100),
                                                 STR("lang", 0),
                                                 KIND("external_references", PROPERTY_REFERENCE, LIST),
                                                 COMMON_TAIL,
                                                 END};
static const struct property common_custom[] = {STR("type", REQUIRED),
                                                ENM("spec_version", 0, "2.1"),
                                                ANY("id", REQUIRED),
                                                IDF("created_by_ref", 0, "identity"),
                                                TIM("created", 0),
                                                TIM("modified", 0),
                                                BOO("revoked", 0),
                                                STR("labels", LIST),
                                                INT("confidence", 0, 0, 100),
                                                STR("lang", 0),
                                                KIND("external_references", PROPERTY_REFERENCE, LIST),
                                                COMMON_TAIL,
                                                END};

const struct property *stix_common(enum stix_kind kind) {
    switch (kind) {
    case STIX_SCO:
        return common_sco;
    case STIX_META:
        return common_marking;
    case STIX_CUSTOM:
        return common_custom;
    default:
        return common_object;
    }
}

/* ---- domain objects (§4)
 * ----------------------------------------------------------------------------------------------------- */

static const struct property attack_pattern[] = {STR("name", REQUIRED), STR("description", 0), ALIASES, KILL_CHAINS,
                                                 END};
static const struct property campaign[] = {STR("name", REQUIRED), STR("description", 0), ALIASES, TIM("first_seen", 0),
                                           TIM("last_seen", 0),   STR("objective", 0),   END};
static const struct property course_of_action[] = {STR("name", REQUIRED), STR("description", 0), END};
static const struct property grouping[] = {STR("name", 0), STR("description", 0),
                                           VOC("context", REQUIRED, GROUPING_CONTEXTS),
                                           ANY("object_refs", REQUIRED | LIST), END};
static const struct property identity[] = {STR("name", REQUIRED),
                                           STR("description", 0),
                                           STR("roles", LIST),
                                           VOC("identity_class", 0, IDENTITY_CLASSES),
                                           VOC("sectors", LIST, SECTORS),
                                           STR("contact_information", 0),
                                           END};
static const struct property incident[] = {STR("name", REQUIRED), STR("description", 0), END};
static const struct property indicator[] = {STR("name", 0),
                                            STR("description", 0),
                                            VOC("indicator_types", LIST, INDICATOR_TYPES),
                                            STR("pattern", REQUIRED),
                                            VOC("pattern_type", REQUIRED, PATTERN_TYPES),
                                            STR("pattern_version", 0),
                                            TIM("valid_from", REQUIRED),
                                            TIM("valid_until", 0),
                                            KILL_CHAINS,
                                            END};
static const struct property infrastructure[] = {STR("name", REQUIRED),
                                                 STR("description", 0),
                                                 VOC("infrastructure_types", LIST, INFRASTRUCTURE_TYPES),
                                                 ALIASES,
                                                 KILL_CHAINS,
                                                 TIM("first_seen", 0),
                                                 TIM("last_seen", 0),
                                                 END};
static const struct property intrusion_set[] = {STR("name", REQUIRED),
                                                STR("description", 0),
                                                ALIASES,
                                                TIM("first_seen", 0),
                                                TIM("last_seen", 0),
                                                STR("goals", LIST),
                                                VOC("resource_level", 0, RESOURCE_LEVELS),
                                                VOC("primary_motivation", 0, MOTIVATIONS),
                                                VOC("secondary_motivations", LIST, MOTIVATIONS),
                                                END};
static const struct property location[] = {STR("name", 0),
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
static const struct property malware[] = {STR("name", 0),
                                          STR("description", 0),
                                          VOC("malware_types", LIST, MALWARE_TYPES),
                                          BOO("is_family", REQUIRED),
                                          ALIASES,
                                          KILL_CHAINS,
                                          TIM("first_seen", 0),
                                          TIM("last_seen", 0),
                                          IDF("operating_system_refs", LIST, "software"),
                                          VOC("architecture_execution_envs", LIST, ARCHITECTURES),
                                          VOC("implementation_languages", LIST, LANGUAGES),
                                          VOC("capabilities", LIST, CAPABILITIES),
                                          IDF("sample_refs", LIST, "artifact file"),
                                          END};
static const struct property malware_analysis[] = {STR("product", REQUIRED),
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
                                                   IDF("sample_ref", 0, "artifact file network-traffic sco"),
                                                   END};
static const struct property note[] = {STR("abstract", 0), STR("content", REQUIRED), STR("authors", LIST),
                                       ANY("object_refs", REQUIRED | LIST), END};
static const struct property observed_data[] = {TIM("first_observed", REQUIRED),
                                                TIM("last_observed", REQUIRED),
                                                INT("number_observed", REQUIRED, 1, 999999999),
                                                OBJ("objects", 0),
                                                ANY("object_refs", LIST),
                                                END};
static const struct property opinion[] = {STR("explanation", 0), STR("authors", LIST),
                                          ENM("opinion", REQUIRED, OPINIONS), ANY("object_refs", REQUIRED | LIST), END};
static const struct property report[] = {STR("name", REQUIRED),
                                         STR("description", 0),
                                         VOC("report_types", LIST, REPORT_TYPES),
                                         TIM("published", REQUIRED),
                                         ANY("object_refs", REQUIRED | LIST),
                                         END};
static const struct property threat_actor[] = {STR("name", REQUIRED),
                                               STR("description", 0),
                                               VOC("threat_actor_types", LIST, ACTOR_TYPES),
                                               ALIASES,
                                               TIM("first_seen", 0),
                                               TIM("last_seen", 0),
                                               VOC("roles", LIST, ACTOR_ROLES),
                                               STR("goals", LIST),
                                               VOC("sophistication", 0, SOPHISTICATIONS),
                                               VOC("resource_level", 0, RESOURCE_LEVELS),
                                               VOC("primary_motivation", 0, MOTIVATIONS),
                                               VOC("secondary_motivations", LIST, MOTIVATIONS),
                                               VOC("personal_motivations", LIST, MOTIVATIONS),
                                               END};
static const struct property tool[] = {STR("name", REQUIRED),
                                       STR("description", 0),
                                       VOC("tool_types", LIST, TOOL_TYPES),
                                       ALIASES,
                                       KILL_CHAINS,
                                       STR("tool_version", 0),
                                       END};
static const struct property vulnerability[] = {STR("name", REQUIRED), STR("description", 0), END};

/* ---- relationship objects (§5)
 * ------------------------------------------------------------------------------------------------ */

static const struct property relationship[] = {STR("relationship_type", REQUIRED),
                                               STR("description", 0),
                                               ANY("source_ref", REQUIRED),
                                               ANY("target_ref", REQUIRED),
                                               TIM("start_time", 0),
                                               TIM("stop_time", 0),
                                               END};
static const struct property sighting[] = {STR("description", 0),
                                           TIM("first_seen", 0),
                                           TIM("last_seen", 0),
                                           INT("count", 0, 0, 999999999),
                                           ANY("sighting_of_ref", REQUIRED),
                                           IDF("observed_data_refs", LIST, "observed-data"),
                                           IDF("where_sighted_refs", LIST, "identity location"),
                                           BOO("summary", 0),
                                           END};

/* ---- cyber-observable objects (§6)
 * ---------------------------------------------------------------------------------------------- */

static const struct property artifact[] = {
    STR("mime_type", 0),
    KIND("payload_bin", PROPERTY_BASE64, 0),
    STR("url", 0),
    KIND("hashes", PROPERTY_HASHES, 0),
    ENM("encryption_algorithm", 0, "AES-256-GCM ChaCha20-Poly1305 mime-type-indicated"),
    STR("decryption_key", 0),
    END};
static const struct property autonomous_system[] = {INT("number", REQUIRED, 0, 4294967295), STR("name", 0),
                                                    STR("rir", 0), END};
static const struct property directory[] = {STR("path", REQUIRED),
                                            STR("path_enc", 0),
                                            TIM("ctime", 0),
                                            TIM("mtime", 0),
                                            TIM("atime", 0),
                                            IDF("contains_refs", LIST, "file directory"),
                                            END};
static const struct property domain_name[] = {STR("value", REQUIRED),
                                              IDF("resolves_to_refs", LIST, "ipv4-addr ipv6-addr domain-name"), END};
static const struct property email_addr[] = {STR("value", REQUIRED), STR("display_name", 0),
                                             IDF("belongs_to_ref", 0, "user-account"), END};
static const struct property email_message[] = {BOO("is_multipart", REQUIRED),
                                                TIM("date", 0),
                                                STR("content_type", 0),
                                                IDF("from_ref", 0, "email-addr"),
                                                IDF("sender_ref", 0, "email-addr"),
                                                IDF("to_refs", LIST, "email-addr"),
                                                IDF("cc_refs", LIST, "email-addr"),
                                                IDF("bcc_refs", LIST, "email-addr"),
                                                STR("message_id", 0),
                                                STR("subject", 0),
                                                STR("received_lines", LIST),
                                                DIC("additional_header_fields", 0),
                                                STR("body", 0),
                                                OBJ("body_multipart", LIST),
                                                IDF("raw_email_ref", 0, "artifact"),
                                                END};
static const struct property file[] = {KIND("hashes", PROPERTY_HASHES, 0),
                                       INT("size", 0, 0, INT64_MAX),
                                       STR("name", 0),
                                       STR("name_enc", 0),
                                       KIND("magic_number_hex", PROPERTY_HEX, 0),
                                       STR("mime_type", 0),
                                       TIM("ctime", 0),
                                       TIM("mtime", 0),
                                       TIM("atime", 0),
                                       IDF("parent_directory_ref", 0, "directory"),
                                       ANY("contains_refs", LIST),
                                       IDF("content_ref", 0, "artifact"),
                                       END};
static const struct property ip_address[] = {STR("value", REQUIRED), IDF("resolves_to_refs", LIST, "mac-addr"),
                                             IDF("belongs_to_refs", LIST, "autonomous-system"), END};
static const struct property mac_addr[] = {STR("value", REQUIRED), END};
static const struct property mutex[] = {STR("name", REQUIRED), END};
static const struct property network_traffic[] = {TIM("start", 0),
                                                  TIM("end", 0),
                                                  BOO("is_active", 0),
                                                  IDF("src_ref", 0, "ipv4-addr ipv6-addr mac-addr domain-name"),
                                                  IDF("dst_ref", 0, "ipv4-addr ipv6-addr mac-addr domain-name"),
                                                  INT("src_port", 0, 0, 65535),
                                                  INT("dst_port", 0, 0, 65535),
                                                  STR("protocols", REQUIRED | LIST),
                                                  INT("src_byte_count", 0, 0, INT64_MAX),
                                                  INT("dst_byte_count", 0, 0, INT64_MAX),
                                                  INT("src_packets", 0, 0, INT64_MAX),
                                                  INT("dst_packets", 0, 0, INT64_MAX),
                                                  DIC("ipfix", 0),
                                                  IDF("src_payload_ref", 0, "artifact"),
                                                  IDF("dst_payload_ref", 0, "artifact"),
                                                  IDF("encapsulates_refs", LIST, "network-traffic"),
                                                  IDF("encapsulated_by_ref", 0, "network-traffic"),
                                                  END};
static const struct property process[] = {BOO("is_hidden", 0),
                                          INT("pid", 0, 0, INT64_MAX),
                                          TIM("created_time", 0),
                                          STR("cwd", 0),
                                          STR("command_line", 0),
                                          DIC("environment_variables", 0),
                                          IDF("opened_connection_refs", LIST, "network-traffic"),
                                          IDF("creator_user_ref", 0, "user-account"),
                                          IDF("image_ref", 0, "file"),
                                          IDF("parent_ref", 0, "process"),
                                          IDF("child_refs", LIST, "process"),
                                          END};
static const struct property software[] = {STR("name", REQUIRED),
                                           STR("cpe", 0),
                                           STR("swid", 0),
                                           STR("languages", LIST),
                                           STR("vendor", 0),
                                           STR("version", 0),
                                           END};
static const struct property url[] = {STR("value", REQUIRED), END};
static const struct property user_account[] = {STR("user_id", 0),
                                               STR("credential", 0),
                                               STR("account_login", 0),
                                               VOC("account_type", 0, ACCOUNT_TYPES),
                                               STR("display_name", 0),
                                               BOO("is_service_account", 0),
                                               BOO("is_privileged", 0),
                                               BOO("can_escalate_privs", 0),
                                               BOO("is_disabled", 0),
                                               TIM("account_created", 0),
                                               TIM("account_expires", 0),
                                               TIM("credential_last_changed", 0),
                                               TIM("account_first_login", 0),
                                               TIM("account_last_login", 0),
                                               END};
static const struct property windows_registry_key[] = {STR("key", 0),
                                                       OBJ("values", LIST),
                                                       TIM("modified_time", 0),
                                                       IDF("creator_user_ref", 0, "user-account"),
                                                       INT("number_of_subkeys", 0, 0, INT64_MAX),
                                                       END};
static const struct property x509_certificate[] = {BOO("is_self_signed", 0),
                                                   KIND("hashes", PROPERTY_HASHES, 0),
                                                   STR("version", 0),
                                                   STR("serial_number", 0),
                                                   STR("signature_algorithm", 0),
                                                   STR("issuer", 0),
                                                   TIM("validity_not_before", 0),
                                                   TIM("validity_not_after", 0),
                                                   STR("subject", 0),
                                                   STR("subject_public_key_algorithm", 0),
                                                   STR("subject_public_key_modulus", 0),
                                                   INT("subject_public_key_exponent", 0, 0, INT64_MAX),
                                                   OBJ("x509_v3_extensions", 0),
                                                   END};

/* ---- meta objects (§7)
 * -------------------------------------------------------------------------------------------------------------- */

static const struct property marking_definition[] = {STR("name", 0), VOC("definition_type", 0, "statement tlp"),
                                                     OBJ("definition", 0), END};
static const struct property extension_definition[] = {
    STR("name", REQUIRED),
    STR("description", 0),
    STR("schema", REQUIRED),
    STR("version", REQUIRED),
    ENM("extension_types", REQUIRED | LIST, "new-sdo new-sco new-sro property-extension toplevel-property-extension"),
    STR("extension_properties", LIST),
    TIM("modified", REQUIRED),
    END};
static const struct property language_content[] = {ANY("object_ref", REQUIRED), TIM("object_modified", 0),
                                                   DIC("contents", REQUIRED), TIM("modified", REQUIRED), END};

/* ---- the types
 * ------------------------------------------------------------------------------------------------------------------------
 */

static const struct schema schemas[] = {
    {"indicator", STIX_SDO, indicator, {{"valid_from", "valid_until", true}}, 0, 0},
    {"relationship", STIX_SRO, relationship, {{"start_time", "stop_time", true}}, 0, 0},
    {"sighting", STIX_SRO, sighting, {{"first_seen", "last_seen", false}}, 0, 0},
    {"malware", STIX_SDO, malware, {{"first_seen", "last_seen", false}}, 0, 0},
    {"identity", STIX_SDO, identity, {{0}}, 0, 0},
    {"attack-pattern", STIX_SDO, attack_pattern, {{0}}, 0, 0},
    {"campaign", STIX_SDO, campaign, {{"first_seen", "last_seen", false}}, 0, 0},
    {"course-of-action", STIX_SDO, course_of_action, {{0}}, 0, 0},
    {"grouping", STIX_SDO, grouping, {{0}}, 0, 0},
    {"incident", STIX_SDO, incident, {{0}}, 0, 0},
    {"infrastructure", STIX_SDO, infrastructure, {{"first_seen", "last_seen", false}}, 0, 0},
    {"intrusion-set", STIX_SDO, intrusion_set, {{"first_seen", "last_seen", false}}, 0, 0},
    {"location", STIX_SDO, location, {{0}}, 0, " region country latitude "},
    {"malware-analysis",
     STIX_SDO,
     malware_analysis,
     {{"analysis_started", "analysis_ended", false}},
     0,
     " result analysis_sco_refs "},
    {"note", STIX_SDO, note, {{0}}, 0, 0},
    {"observed-data",
     STIX_SDO,
     observed_data,
     {{"first_observed", "last_observed", false}},
     0,
     " objects object_refs "},
    {"opinion", STIX_SDO, opinion, {{0}}, 0, 0},
    {"report", STIX_SDO, report, {{0}}, 0, 0},
    {"threat-actor", STIX_SDO, threat_actor, {{"first_seen", "last_seen", false}}, 0, 0},
    {"tool", STIX_SDO, tool, {{0}}, 0, 0},
    {"vulnerability", STIX_SDO, vulnerability, {{0}}, 0, 0},
    {"artifact", STIX_SCO, artifact, {{0}}, " hashes payload_bin ", " payload_bin url "},
    {"autonomous-system", STIX_SCO, autonomous_system, {{0}}, " number ", 0},
    {"directory", STIX_SCO, directory, {{0}}, " path ", 0},
    {"domain-name", STIX_SCO, domain_name, {{0}}, " value ", 0},
    {"email-addr", STIX_SCO, email_addr, {{0}}, " value ", 0},
    {"email-message", STIX_SCO, email_message, {{0}}, " from_ref subject body ", 0},
    {"file", STIX_SCO, file, {{0}}, " hashes name parent_directory_ref extensions ", " hashes name "},
    {"ipv4-addr", STIX_SCO, ip_address, {{0}}, " value ", 0},
    {"ipv6-addr", STIX_SCO, ip_address, {{0}}, " value ", 0},
    {"mac-addr", STIX_SCO, mac_addr, {{0}}, " value ", 0},
    {"mutex", STIX_SCO, mutex, {{0}}, " name ", 0},
    {"network-traffic",
     STIX_SCO,
     network_traffic,
     {{"start", "end", false}},
     " start end src_ref dst_ref src_port dst_port protocols extensions ",
     " src_ref dst_ref "},
    {"process", STIX_SCO, process, {{0}}, 0, 0},
    {"software", STIX_SCO, software, {{0}}, " name cpe swid vendor version ", 0},
    {"url", STIX_SCO, url, {{0}}, " value ", 0},
    {"user-account", STIX_SCO, user_account, {{0}}, " account_type user_id account_login ", 0},
    {"windows-registry-key", STIX_SCO, windows_registry_key, {{0}}, " key values ", 0},
    {"x509-certificate", STIX_SCO, x509_certificate, {{0}}, " hashes serial_number ", 0},
    {"marking-definition", STIX_META, marking_definition, {{0}}, 0, " definition extensions "},
    {"extension-definition", STIX_META, extension_definition, {{0}}, 0, 0},
    {"language-content", STIX_META, language_content, {{0}}, 0, 0},
};

const struct schema *stix_schema(struct span type) {
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        if (span_is(type, schemas[i].type)) return &schemas[i];
    return NULL;
}
