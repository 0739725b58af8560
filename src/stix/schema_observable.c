/* Cyber-observable objects (STIX 2.1 §6), their predefined extensions and the types inside them. */
#include "stix/schema_rows.h"

#define ACCOUNT_TYPES    "facebook ldap nis openid radius skype tacacs twitter unix windows-local windows-domain"
#define ADDRESS_FAMILIES "AF_UNSPEC AF_INET AF_IPX AF_APPLETALK AF_NETBIOS AF_INET6 AF_IRDA AF_BTH"
#define SOCKET_TYPES     "SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET"
#define INTEGRITY_LEVELS "low medium high system"
#define REGISTRY_TYPES                                                                                                 \
    "REG_NONE REG_SZ REG_EXPAND_SZ REG_BINARY REG_DWORD REG_DWORD_BIG_ENDIAN REG_DWORD_LITTLE_ENDIAN REG_LINK "        \
    "REG_MULTI_SZ REG_RESOURCE_LIST REG_FULL_RESOURCE_DESCRIPTION REG_RESOURCE_REQUIREMENTS_LIST REG_QWORD "           \
    "REG_INVALID_TYPE"
#define START_TYPES "SERVICE_AUTO_START SERVICE_BOOT_START SERVICE_DEMAND_START SERVICE_DISABLED SERVICE_SYSTEM_ALERT"
#define SERVICE_TYPES                                                                                                  \
    "SERVICE_KERNEL_DRIVER SERVICE_FILE_SYSTEM_DRIVER SERVICE_WIN32_OWN_PROCESS SERVICE_WIN32_SHARE_PROCESS"
#define SERVICE_STATES                                                                                                 \
    "SERVICE_CONTINUE_PENDING SERVICE_PAUSE_PENDING SERVICE_PAUSED SERVICE_RUNNING SERVICE_START_PENDING "             \
    "SERVICE_STOP_PENDING SERVICE_STOPPED"
#define ENDPOINTS "ipv4-addr ipv6-addr mac-addr domain-name"

RULES(some) = {{RULE_SOME, 0, 0}, {0}};

/* ---- extensions of files (§6.7) ---- */

PROPERTIES(archive_ext) = {IDF("contains_refs", REQUIRED | LIST, "file directory"), STR("comment", 0), END};
PROPERTIES(stream) = {STR("name", REQUIRED), HASHES("hashes"), SIZ("size"), END};
static const struct schema stream_type = TYPE("alternate-data-stream-type", STIX_SCO, stream, 0, 0);
PROPERTIES(ntfs_ext) = {STR("sid", 0), OBJ("alternate_data_streams", LIST, &stream_type), END};
PROPERTIES(pdf_ext) = {STR("version", 0), BOO("is_optimized", 0), DIC("document_info_dict", 0),
                       STR("pdfid0", 0),  STR("pdfid1", 0),       END};
PROPERTIES(raster_ext) = {INT("image_height", 0, 0, 0), INT("image_width", 0, 0, 0), INT("bits_per_pixel", 0, 0, 0),
                          DIC("exif_tags", 0), END};
PROPERTIES(pe_header) = {HEX("magic_hex", 0),
                         INT("major_linker_version", 0, 0, 0),
                         INT("minor_linker_version", 0, 0, 0),
                         SIZ("size_of_code"),
                         SIZ("size_of_initialized_data"),
                         SIZ("size_of_uninitialized_data"),
                         INT("address_of_entry_point", 0, 0, 0),
                         INT("base_of_code", 0, 0, 0),
                         INT("base_of_data", 0, 0, 0),
                         INT("image_base", 0, 0, 0),
                         INT("section_alignment", 0, 0, 0),
                         INT("file_alignment", 0, 0, 0),
                         INT("major_os_version", 0, 0, 0),
                         INT("minor_os_version", 0, 0, 0),
                         INT("major_image_version", 0, 0, 0),
                         INT("minor_image_version", 0, 0, 0),
                         INT("major_subsystem_version", 0, 0, 0),
                         INT("minor_subsystem_version", 0, 0, 0),
                         HEX("win32_version_value_hex", 0),
                         SIZ("size_of_image"),
                         SIZ("size_of_headers"),
                         HEX("checksum_hex", 0),
                         HEX("subsystem_hex", 0),
                         HEX("dll_characteristics_hex", 0),
                         SIZ("size_of_stack_reserve"),
                         SIZ("size_of_stack_commit"),
                         SIZ("size_of_heap_reserve"),
                         SIZ("size_of_heap_commit"),
                         HEX("loader_flags_hex", 0),
                         INT("number_of_rva_and_sizes", 0, 0, 0),
                         HASHES("hashes"),
                         END};
static const struct schema pe_header_type = TYPE("windows-pe-optional-header-type", STIX_SCO, pe_header, some_rules, 0);
PROPERTIES(pe_section) = {STR("name", REQUIRED), SIZ("size"), NUM("entropy", 0, 0, 0), HASHES("hashes"), END};
static const struct schema pe_section_type = TYPE("windows-pe-section-type", STIX_SCO, pe_section, 0, 0);
PROPERTIES(pe_ext) = {VOC("pe_type", REQUIRED, "dll exe sys"),
                      STR("imphash", 0),
                      HEX("machine_hex", 0),
                      SIZ("number_of_sections"),
                      TIM("time_date_stamp", 0),
                      HEX("pointer_to_symbol_table_hex", 0),
                      SIZ("number_of_symbols"),
                      SIZ("size_of_optional_header"),
                      HEX("characteristics_hex", 0),
                      HASHES("file_header_hashes"),
                      OBJ("optional_header", 0, &pe_header_type),
                      OBJ("sections", LIST, &pe_section_type),
                      END};

/* ---- extensions of network traffic (§6.12), processes (§6.13), accounts (§6.16) ---- */

PROPERTIES(http_ext) = {STR("request_method", REQUIRED),
                        STR("request_value", REQUIRED),
                        STR("request_version", 0),
                        DIC("request_header", 0),
                        INT("message_body_length", 0, 0, 0),
                        IDF("message_body_data_ref", 0, "artifact"),
                        END};
PROPERTIES(icmp_ext) = {HEX("icmp_type_hex", REQUIRED), HEX("icmp_code_hex", REQUIRED), END};
PROPERTIES(socket_ext) = {ENM("address_family", REQUIRED, ADDRESS_FAMILIES),
                          BOO("is_blocking", 0),
                          BOO("is_listening", 0),
                          DIC("options", 0),
                          ENM("socket_type", 0, SOCKET_TYPES),
                          SIZ("socket_descriptor"),
                          INT("socket_handle", 0, 0, 0),
                          END};
PROPERTIES(tcp_ext) = {HEX("src_flags_hex", 0), HEX("dst_flags_hex", 0), END};
PROPERTIES(windows_process_ext) = {BOO("aslr_enabled", 0),
                                   BOO("dep_enabled", 0),
                                   STR("priority", 0),
                                   STR("owner_sid", 0),
                                   STR("window_title", 0),
                                   STR("windows_title", 0), /* so spelt in §6.13.2; everybody else writes the other */
                                   DIC("startup_info", 0),
                                   ENM("integrity_level", 0, INTEGRITY_LEVELS),
                                   END};
PROPERTIES(windows_service_ext) = {STR("service_name", 0),
                                   STR("descriptions", LIST),
                                   STR("display_name", 0),
                                   STR("group_name", 0),
                                   ENM("start_type", 0, START_TYPES),
                                   IDF("service_dll_refs", LIST, "file"),
                                   ENM("service_type", 0, SERVICE_TYPES),
                                   ENM("service_status", 0, SERVICE_STATES),
                                   END};
PROPERTIES(unix_account_ext) = {INT("gid", 0, 0, 0), STR("groups", LIST), STR("home_dir", 0), STR("shell", 0), END};

static const struct {
    const char *of;
    struct schema schema;
} extensions[] = {
    {"file", TYPE("archive-ext", STIX_SCO, archive_ext, 0, 0)},
    {"file", TYPE("ntfs-ext", STIX_SCO, ntfs_ext, some_rules, 0)},
    {"file", TYPE("pdf-ext", STIX_SCO, pdf_ext, some_rules, 0)},
    {"file", TYPE("raster-image-ext", STIX_SCO, raster_ext, some_rules, 0)},
    {"file", TYPE("windows-pebinary-ext", STIX_SCO, pe_ext, 0, 0)},
    {"network-traffic", TYPE("http-request-ext", STIX_SCO, http_ext, 0, 0)},
    {"network-traffic", TYPE("icmp-ext", STIX_SCO, icmp_ext, 0, 0)},
    {"network-traffic", TYPE("socket-ext", STIX_SCO, socket_ext, 0, 0)},
    {"network-traffic", TYPE("tcp-ext", STIX_SCO, tcp_ext, some_rules, 0)},
    {"process", TYPE("windows-process-ext", STIX_SCO, windows_process_ext, some_rules, 0)},
    {"process", TYPE("windows-service-ext", STIX_SCO, windows_service_ext, some_rules, 0)},
    {"user-account", TYPE("unix-account-ext", STIX_SCO, unix_account_ext, some_rules, 0)},
};

const struct schema *stix_schema_extension(struct span key, const char **of) {
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (span_is(key, extensions[i].schema.type)) {
            *of = extensions[i].of;
            return &extensions[i].schema;
        }
    return NULL;
}

/* ---- objects ---- */

PROPERTIES(artifact) = {STR("mime_type", 0),
                        KIND("payload_bin", PROPERTY_BASE64, 0),
                        STR("url", 0),
                        HASHES("hashes"),
                        ENM("encryption_algorithm", 0, "AES-256-GCM ChaCha20-Poly1305 mime-type-indicated"),
                        STR("decryption_key", 0),
                        END};
RULES(artifact) = {{RULE_ANY, " payload_bin url ", 0},
                   {RULE_EXCLUDES, "payload_bin", "url"},
                   {RULE_NEEDS, "url", "hashes"},
                   {RULE_NEEDS, "decryption_key", "encryption_algorithm"},
                   {0}};
PROPERTIES(autonomous_system) = {INT("number", REQUIRED, 0, 4294967295), STR("name", 0), STR("rir", 0), END};
PROPERTIES(directory) = {STR("path", REQUIRED),
                         STR("path_enc", 0),
                         TIM("ctime", 0),
                         TIM("mtime", 0),
                         TIM("atime", 0),
                         IDF("contains_refs", LIST, "file directory"),
                         END};
PROPERTIES(domain_name) = {STR("value", REQUIRED), IDF("resolves_to_refs", LIST, "ipv4-addr ipv6-addr domain-name"),
                           END};
PROPERTIES(email_addr) = {STR("value", REQUIRED), STR("display_name", 0), IDF("belongs_to_ref", 0, "user-account"),
                          END};
PROPERTIES(mime_part) = {STR("body", 0), IDF("body_raw_ref", 0, "artifact file"), STR("content_type", 0),
                         STR("content_disposition", 0), END};
RULES(mime_part) = {{RULE_ANY, " body body_raw_ref ", 0}, {0}};
static const struct schema mime_part_type = TYPE("mime-part-type", STIX_SCO, mime_part, mime_part_rules, 0);
PROPERTIES(email_message) = {BOO("is_multipart", REQUIRED),
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
                             OBJ("body_multipart", LIST, &mime_part_type),
                             IDF("raw_email_ref", 0, "artifact"),
                             END};
RULES(email_message) = {
    {RULE_TRUE_EXCLUDES, "is_multipart", "body"}, {RULE_FALSE_EXCLUDES, "is_multipart", "body_multipart"}, {0}};
PROPERTIES(file) = {HASHES("hashes"),
                    SIZ("size"),
                    STR("name", 0),
                    STR("name_enc", 0),
                    HEX("magic_number_hex", 0),
                    STR("mime_type", 0),
                    TIM("ctime", 0),
                    TIM("mtime", 0),
                    TIM("atime", 0),
                    IDF("parent_directory_ref", 0, "directory"),
                    ANY("contains_refs", LIST),
                    IDF("content_ref", 0, "artifact"),
                    END};
RULES(file) = {{RULE_ANY, " hashes name ", 0}, {0}};
#define ADDRESS_REFS IDF("resolves_to_refs", LIST, "mac-addr"), IDF("belongs_to_refs", LIST, "autonomous-system")
PROPERTIES(ipv4_addr) = {KIND("value", PROPERTY_IPV4, REQUIRED), ADDRESS_REFS, END};
PROPERTIES(ipv6_addr) = {KIND("value", PROPERTY_IPV6, REQUIRED), ADDRESS_REFS, END};
PROPERTIES(mac_addr) = {KIND("value", PROPERTY_MAC, REQUIRED), END};
PROPERTIES(mutex) = {STR("name", REQUIRED), END};
PROPERTIES(network_traffic) = {TIM("start", 0),
                               TIM("end", 0),
                               BOO("is_active", 0),
                               IDF("src_ref", 0, ENDPOINTS),
                               IDF("dst_ref", 0, ENDPOINTS),
                               INT("src_port", 0, 0, 65535),
                               INT("dst_port", 0, 0, 65535),
                               STR("protocols", REQUIRED | LIST),
                               SIZ("src_byte_count"),
                               SIZ("dst_byte_count"),
                               SIZ("src_packets"),
                               SIZ("dst_packets"),
                               DIC("ipfix", 0),
                               IDF("src_payload_ref", 0, "artifact"),
                               IDF("dst_payload_ref", 0, "artifact"),
                               IDF("encapsulates_refs", LIST, "network-traffic"),
                               IDF("encapsulated_by_ref", 0, "network-traffic"),
                               END};
RULES(network_traffic) = {
    {RULE_ANY, " src_ref dst_ref ", 0}, {RULE_ORDER, "start", "end"}, {RULE_TRUE_EXCLUDES, "is_active", "end"}, {0}};
PROPERTIES(process) = {BOO("is_hidden", 0),
                       INT("pid", 0, 0, 0),
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
PROPERTIES(software) = {STR("name", REQUIRED),
                        STR("cpe", 0),
                        STR("swid", 0),
                        KIND("languages", PROPERTY_LANGUAGE, LIST),
                        STR("vendor", 0),
                        STR("version", 0),
                        END};
PROPERTIES(url) = {STR("value", REQUIRED), END};
PROPERTIES(user_account) = {STR("user_id", 0),
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
PROPERTIES(registry_value) = {STR("name", 0), STR("data", 0), ENM("data_type", 0, REGISTRY_TYPES), END};
static const struct schema registry_value_type =
    TYPE("windows-registry-value-type", STIX_SCO, registry_value, some_rules, 0);
PROPERTIES(windows_registry_key) = {STR("key", 0),
                                    OBJ("values", LIST, &registry_value_type),
                                    TIM("modified_time", 0),
                                    IDF("creator_user_ref", 0, "user-account"),
                                    INT("number_of_subkeys", 0, 0, 0),
                                    END};
PROPERTIES(x509_v3) = {STR("basic_constraints", 0),
                       STR("name_constraints", 0),
                       STR("policy_constraints", 0),
                       STR("key_usage", 0),
                       STR("extended_key_usage", 0),
                       STR("subject_key_identifier", 0),
                       STR("authority_key_identifier", 0),
                       STR("subject_alternative_name", 0),
                       STR("issuer_alternative_name", 0),
                       STR("subject_directory_attributes", 0),
                       STR("crl_distribution_points", 0),
                       STR("inhibit_any_policy", 0),
                       TIM("private_key_usage_period_not_before", 0),
                       TIM("private_key_usage_period_not_after", 0),
                       STR("certificate_policies", 0),
                       STR("policy_mappings", 0),
                       END};
static const struct schema x509_v3_type = TYPE("x509-v3-extensions-type", STIX_SCO, x509_v3, some_rules, 0);
PROPERTIES(x509_certificate) = {BOO("is_self_signed", 0),
                                HASHES("hashes"),
                                STR("version", 0),
                                STR("serial_number", 0),
                                STR("signature_algorithm", 0),
                                STR("issuer", 0),
                                TIM("validity_not_before", 0),
                                TIM("validity_not_after", 0),
                                STR("subject", 0),
                                STR("subject_public_key_algorithm", 0),
                                STR("subject_public_key_modulus", 0),
                                INT("subject_public_key_exponent", 0, 0, 0),
                                OBJ("x509_v3_extensions", 0, &x509_v3_type),
                                END};

const struct schema stix_observables[] = {
    TYPE("artifact", STIX_SCO, artifact, artifact_rules, " hashes payload_bin "),
    TYPE("autonomous-system", STIX_SCO, autonomous_system, 0, " number "),
    TYPE("directory", STIX_SCO, directory, 0, " path "),
    TYPE("domain-name", STIX_SCO, domain_name, 0, " value "),
    TYPE("email-addr", STIX_SCO, email_addr, 0, " value "),
    TYPE("email-message", STIX_SCO, email_message, email_message_rules, " from_ref subject body "),
    TYPE("file", STIX_SCO, file, file_rules, " hashes name extensions parent_directory_ref "),
    TYPE("ipv4-addr", STIX_SCO, ipv4_addr, 0, " value "),
    TYPE("ipv6-addr", STIX_SCO, ipv6_addr, 0, " value "),
    TYPE("mac-addr", STIX_SCO, mac_addr, 0, " value "),
    TYPE("mutex", STIX_SCO, mutex, 0, " name "),
    TYPE("network-traffic", STIX_SCO, network_traffic, network_traffic_rules,
         " start end src_ref dst_ref src_port dst_port protocols extensions "),
    TYPE("process", STIX_SCO, process, some_rules, 0),
    TYPE("software", STIX_SCO, software, 0, " name cpe swid vendor version "),
    TYPE("url", STIX_SCO, url, 0, " value "),
    TYPE("user-account", STIX_SCO, user_account, some_rules, " account_type user_id account_login "),
    TYPE("windows-registry-key", STIX_SCO, windows_registry_key, some_rules, " key values "),
    TYPE("x509-certificate", STIX_SCO, x509_certificate, some_rules, " hashes serial_number "),
};
const size_t stix_observables_count = sizeof stix_observables / sizeof *stix_observables;
