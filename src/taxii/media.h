/* Media types of TAXII 2.1 (§1.6.8, §3.3): what a client accepts and what it sent. Pure. */
#ifndef RENKEI_TAXII_MEDIA_H
#define RENKEI_TAXII_MEDIA_H

#include <stdbool.h>

#include "base/span.h"

#define TAXII_MEDIA_TYPE "application/taxii+json;version=2.1"
#define STIX_MEDIA_TYPE  "application/stix+json;version=2.1"

/* Whether an Accept header (RFC 9110 §12.5.1) admits TAXII 2.1: `application/taxii+json` with or without version=2.1,
 * or a wildcard, with a quality above 0. An empty one admits everything. */
bool media_accepts_taxii(struct span accept);
/* Whether a Content-Type is TAXII 2.1, with or without its version. */
bool media_is_taxii(struct span content_type);

#endif
