/* Finding a collection from a domain's name: the SRV record _taxii2._tcp (TAXII 2.1 §3.9), discovery (§4.1), the API
 * roots of that server, their collections. Roots on other hosts are passed over: credentials are for the server that
 * was found. */
#ifndef RENKEI_TAXII_DISCOVER_H
#define RENKEI_TAXII_DISCOVER_H

#include "base/arena.h"
#include "taxii/link.h"

enum { DISCOVER_ROOTS_MAX = 64 /* looked through */ };

/* `name` is the collection's id, alias or title. Leaves its URL as the links' base. `nameserver` as for
 * http_srv_find(). ERR_NOT_FOUND says what was looked through. */
MUST_CHECK enum err discover_collection(struct link_config *links, const char *nameserver, const char *domain,
                                        const char *name, struct arena *a, struct diag *d);
/* Makes an absolute URL of an API root as discovery spells it; false when it is on another host, has a query, or is
 * none. Pure. */
bool discover_root_url(struct span server, struct span root, struct arena *a, struct span *out);

#endif
