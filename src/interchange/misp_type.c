#include "interchange/misp_type.h"

#define NETWORK      "Network activity"
#define DELIVERY     "Payload delivery"
#define ARTIFACTS    "Artifacts dropped"
#define INSTALLATION "Payload installation"
#define EXTERNAL     "External analysis"
#define ATTRIBUTION  "Attribution"
#define SOCIAL       "Social network"
#define PERSISTENCE  "Persistence mechanism"
#define TARGETING    "Targeting data"
#define OTHER        "Other"

/* Where several types have one path, the first is the one that is written. */
static const struct misp_type types[] = {
    {"domain", NETWORK, MISP_DOMAIN, "domain-name:value", NULL},
    {"hostname", NETWORK, MISP_DOMAIN, "domain-name:value", NULL},
    {"ip-dst", NETWORK, MISP_ADDRESS, "ipv4-addr:value", NULL},
    {"ip-src", NETWORK, MISP_ADDRESS, "ipv4-addr:value", NULL},
    {"ip-dst|port", NETWORK, MISP_ADDRESS_PORT, "network-traffic:dst_ref.value", "dst"},
    {"ip-src|port", NETWORK, MISP_ADDRESS_PORT, "network-traffic:src_ref.value", "src"},
    {"hostname|port", NETWORK, MISP_DOMAIN_PORT, "network-traffic:dst_ref.value", "dst"},
    {"domain|ip", NETWORK, MISP_DOMAIN_IP, NULL, NULL},
    {"url", NETWORK, MISP_URL, "url:value", NULL},
    {"uri", NETWORK, MISP_URL, "url:value", NULL},
    {"link", EXTERNAL, MISP_NOTE, NULL, NULL},
    {"onion-address", NETWORK, MISP_DOMAIN, "domain-name:value", NULL},
    {"email", SOCIAL, MISP_PROPERTY, "email-addr:value", NULL},
    {"email-src", DELIVERY, MISP_PROPERTY, "email-addr:value", NULL},
    {"email-dst", NETWORK, MISP_PROPERTY, "email-addr:value", NULL},
    {"email-reply-to", DELIVERY, MISP_PROPERTY, "email-addr:value", NULL},
    {"target-email", TARGETING, MISP_PROPERTY, "email-addr:value", NULL},
    {"whois-registrant-email", ATTRIBUTION, MISP_PROPERTY, "email-addr:value", NULL},
    {"dns-soa-email", ATTRIBUTION, MISP_PROPERTY, "email-addr:value", NULL},
    {"email-subject", DELIVERY, MISP_PATH, "email-message:subject", NULL},
    {"email-body", DELIVERY, MISP_PATH, "email-message:body", NULL},
    {"email-message-id", DELIVERY, MISP_PATH, "email-message:message_id", NULL},
    {"email-src-display-name", DELIVERY, MISP_PATH, "email-message:from_ref.display_name", NULL},
    {"email-dst-display-name", DELIVERY, MISP_PATH, "email-message:to_refs[*].display_name", NULL},
    {"email-x-mailer", DELIVERY, MISP_PATH, "email-message:additional_header_fields.'X-Mailer'", NULL},
    {"email-thread-index", DELIVERY, MISP_PATH, "email-message:additional_header_fields.'Thread-Index'", NULL},
    {"email-attachment", DELIVERY, MISP_PROPERTY, "file:name", NULL},
    {"filename", DELIVERY, MISP_PROPERTY, "file:name", NULL},
    {"attachment", EXTERNAL, MISP_PROPERTY, "file:name", NULL},
    {"md5", DELIVERY, MISP_HASH, "file:hashes.MD5", "MD5"},
    {"filename|md5", DELIVERY, MISP_FILE_HASH, "file:hashes.MD5", "MD5"},
    {"sha1", DELIVERY, MISP_HASH, "file:hashes.'SHA-1'", "SHA-1"},
    {"filename|sha1", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA-1'", "SHA-1"},
    {"sha224", DELIVERY, MISP_HASH, "file:hashes.'SHA-224'", "SHA-224"},
    {"filename|sha224", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA-224'", "SHA-224"},
    {"sha256", DELIVERY, MISP_HASH, "file:hashes.'SHA-256'", "SHA-256"},
    {"filename|sha256", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA-256'", "SHA-256"},
    {"sha384", DELIVERY, MISP_HASH, "file:hashes.'SHA-384'", "SHA-384"},
    {"filename|sha384", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA-384'", "SHA-384"},
    {"sha512", DELIVERY, MISP_HASH, "file:hashes.'SHA-512'", "SHA-512"},
    {"filename|sha512", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA-512'", "SHA-512"},
    {"sha512/224", DELIVERY, MISP_HASH, "file:hashes.'SHA-512-224'", "SHA-512-224"},
    {"filename|sha512/224", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA-512-224'", "SHA-512-224"},
    {"sha512/256", DELIVERY, MISP_HASH, "file:hashes.'SHA-512-256'", "SHA-512-256"},
    {"filename|sha512/256", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA-512-256'", "SHA-512-256"},
    {"sha3-224", DELIVERY, MISP_HASH, "file:hashes.'SHA3-224'", "SHA3-224"},
    {"filename|sha3-224", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA3-224'", "SHA3-224"},
    {"sha3-256", DELIVERY, MISP_HASH, "file:hashes.'SHA3-256'", "SHA3-256"},
    {"filename|sha3-256", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA3-256'", "SHA3-256"},
    {"sha3-384", DELIVERY, MISP_HASH, "file:hashes.'SHA3-384'", "SHA3-384"},
    {"filename|sha3-384", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA3-384'", "SHA3-384"},
    {"sha3-512", DELIVERY, MISP_HASH, "file:hashes.'SHA3-512'", "SHA3-512"},
    {"filename|sha3-512", DELIVERY, MISP_FILE_HASH, "file:hashes.'SHA3-512'", "SHA3-512"},
    {"ssdeep", DELIVERY, MISP_HASH, "file:hashes.SSDEEP", "SSDEEP"},
    {"filename|ssdeep", DELIVERY, MISP_FILE_HASH, "file:hashes.SSDEEP", "SSDEEP"},
    {"tlsh", DELIVERY, MISP_HASH, "file:hashes.TLSH", "TLSH"},
    {"filename|tlsh", DELIVERY, MISP_FILE_HASH, "file:hashes.TLSH", "TLSH"},
    {"authentihash", DELIVERY, MISP_HASH, "file:hashes.AUTHENTIHASH", "AUTHENTIHASH"},
    {"filename|authentihash", DELIVERY, MISP_FILE_HASH, "file:hashes.AUTHENTIHASH", "AUTHENTIHASH"},
    {"vhash", DELIVERY, MISP_HASH, "file:hashes.VHASH", "VHASH"},
    {"filename|vhash", DELIVERY, MISP_FILE_HASH, "file:hashes.VHASH", "VHASH"},
    {"pehash", DELIVERY, MISP_HASH, "file:hashes.PEHASH", "PEHASH"},
    {"filename|pehash", DELIVERY, MISP_FILE_HASH, "file:hashes.PEHASH", "PEHASH"},
    {"impfuzzy", DELIVERY, MISP_HASH, "file:hashes.IMPFUZZY", "IMPFUZZY"},
    {"filename|impfuzzy", DELIVERY, MISP_FILE_HASH, "file:hashes.IMPFUZZY", "IMPFUZZY"},
    {"telfhash", DELIVERY, MISP_HASH, "file:hashes.TELFHASH", "TELFHASH"},
    {"cdhash", DELIVERY, MISP_HASH, "file:hashes.CDHASH", "CDHASH"},
    {"malware-sample", DELIVERY, MISP_FILE_HASH, "file:hashes.MD5", "MD5"},
    {"imphash", DELIVERY, MISP_HASH, "file:extensions.'windows-pebinary-ext'.imphash", "IMPHASH"},
    {"filename|imphash", DELIVERY, MISP_FILE_HASH, "file:extensions.'windows-pebinary-ext'.imphash", "IMPHASH"},
    {"x509-fingerprint-sha1", NETWORK, MISP_HASH, "x509-certificate:hashes.'SHA-1'", "SHA-1"},
    {"x509-fingerprint-md5", NETWORK, MISP_HASH, "x509-certificate:hashes.MD5", "MD5"},
    {"x509-fingerprint-sha256", NETWORK, MISP_HASH, "x509-certificate:hashes.'SHA-256'", "SHA-256"},
    {"mutex", ARTIFACTS, MISP_PROPERTY, "mutex:name", NULL},
    {"mac-address", NETWORK, MISP_MAC, "mac-addr:value", NULL},
    {"AS", NETWORK, MISP_NUMBER, "autonomous-system:number", NULL},
    {"regkey", PERSISTENCE, MISP_PROPERTY, "windows-registry-key:key", NULL},
    {"regkey|value", PERSISTENCE, MISP_KEY_VALUE, "windows-registry-key:key", NULL},
    {"windows-service-name", ARTIFACTS, MISP_PATH, "process:extensions.'windows-service-ext'.service_name", NULL},
    {"windows-service-displayname", ARTIFACTS, MISP_PATH, "process:extensions.'windows-service-ext'.display_name",
     NULL},
    {"pdb", ARTIFACTS, MISP_NOTE, NULL, NULL},
    {"mime-type", ARTIFACTS, MISP_PATH, "file:mime_type", NULL},
    {"user-agent", NETWORK, MISP_PATH, "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
     NULL},
    {"http-method", NETWORK, MISP_PATH, "network-traffic:extensions.'http-request-ext'.request_method", NULL},
    {"github-username", SOCIAL, MISP_ACCOUNT, "user-account:account_login", "github"},
    {"twitter-id", SOCIAL, MISP_ACCOUNT, "user-account:account_login", "twitter"},
    {"jabber-id", SOCIAL, MISP_ACCOUNT, "user-account:account_login", "jabber"},
    {"target-user", TARGETING, MISP_ACCOUNT, "user-account:account_login", NULL},
    {"cpe", EXTERNAL, MISP_NOTE, NULL, NULL},
    {"yara", INSTALLATION, MISP_RULE, NULL, "yara"},
    {"sigma", INSTALLATION, MISP_RULE, NULL, "sigma"},
    {"snort", NETWORK, MISP_RULE, NULL, "snort"},
    {"suricata", NETWORK, MISP_RULE, NULL, "suricata"},
    {"zeek", NETWORK, MISP_RULE, NULL, "zeek"},
    {"bro", NETWORK, MISP_RULE, NULL, "zeek"},
    {"stix2-pattern", INSTALLATION, MISP_RULE, NULL, "stix"},
    {"vulnerability", EXTERNAL, MISP_VULNERABILITY, NULL, NULL},
    {"threat-actor", ATTRIBUTION, MISP_NAME, NULL, "threat-actor"},
    {"campaign-name", ATTRIBUTION, MISP_NAME, NULL, "campaign"},
    {"text", OTHER, MISP_NOTE, NULL, NULL},
    {"comment", OTHER, MISP_NOTE, NULL, NULL},
    {"other", OTHER, MISP_NOTE, NULL, NULL},
};
enum { TYPES = sizeof types / sizeof *types };

const struct misp_type *misp_type_named(struct span name) {
    for (int i = 0; i < TYPES; i++)
        if (span_is(name, types[i].name)) return &types[i];
    return NULL;
}

bool misp_type_is_composite(const struct misp_type *type) {
    return strchr(type->name, '|') || type->form == MISP_FILE_HASH; /* malware-sample, too */
}

const struct misp_type *misp_type_of_path(struct span path) {
    if (span_is(path, "ipv6-addr:value")) path = SPAN("ipv4-addr:value");
    for (int i = 0; i < TYPES; i++)
        if (types[i].path && span_is(path, types[i].path)) return &types[i];
    return NULL;
}
