/* MISP's attribute types (core format §2.4.2.3), and what each is in STIX 2.1. One row a type; a type without a row is
 * kept as a note. */
#ifndef RENKEI_INTERCHANGE_MISP_TYPE_H
#define RENKEI_INTERCHANGE_MISP_TYPE_H

#include "base/span.h"

enum misp_form {
    MISP_NOTE,         /* text: nothing that could be observed */
    MISP_ADDRESS,      /* an IP address or a network */
    MISP_ADDRESS_PORT, /* "address|port" */
    MISP_DOMAIN,
    MISP_DOMAIN_IP,   /* "domain|address" */
    MISP_DOMAIN_PORT, /* "host|port" */
    MISP_URL,
    MISP_HASH,      /* path names it; word is the algorithm in `hashes` */
    MISP_FILE_HASH, /* "name|hash" */
    MISP_MAC,
    MISP_NUMBER,        /* "AS1234" */
    MISP_PROPERTY,      /* path is a text property of an observable */
    MISP_PATH,          /* path can be compared in a pattern, but no observable is made of the value alone */
    MISP_KEY_VALUE,     /* "registry key|value" */
    MISP_ACCOUNT,       /* login; word is the account's type */
    MISP_RULE,          /* the text of an indicator; word is its pattern_type */
    MISP_VULNERABILITY, /* a CVE or another name of one */
    MISP_NAME           /* the name of an object of type word */
};

struct misp_type {
    const char *name, *category; /* category: MISP's default */
    enum misp_form form;
    const char *path, *word;
};

/* NULL: no row. */
const struct misp_type *misp_type_named(struct span name);
/* Whether its values are two, "a|b". */
bool misp_type_is_composite(const struct misp_type *type);
/* The row for a plain value at a pattern's path ("domain-name:value"), for writing MISP; NULL: none. */
const struct misp_type *misp_type_of_path(struct span path);

#endif
