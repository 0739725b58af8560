/* DNS SRV records (RFC 2782): where a service of a domain is. DNS answers are not authenticated: who follows them must
 * still check the server's certificate. */
#ifndef RENKEI_HTTP_SRV_H
#define RENKEI_HTTP_SRV_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

enum { HTTP_SRV_MAX = 16 /* servers of one service that are tried */, HTTP_SRV_HOST_SIZE = 256 };

struct http_srv {
    char host[HTTP_SRV_HOST_SIZE]; /* without a dot at its end */
    uint16_t port, priority, weight;
};

/* Takes a DNS answer apart: the SRV records in it, in the order they are to be tried: by priority, and within one at
 * random by weight, for which `random` is the seed. ERR_SYNTAX: no DNS message; ERR_NOT_FOUND: no such service (or a
 * target of "."). Pure; any thread. */
MUST_CHECK enum err http_srv_read(struct span answer, uint64_t random, struct http_srv out[HTTP_SRV_MAX], size_t *count,
                                  struct diag *d);

/* Asks for SERVICE.DOMAIN ("_taxii2._tcp"). `nameserver` is "ADDRESS:PORT" (IPv4), or NULL for the system's. Waits
 * some seconds. ERR_NETWORK: nobody answered. Any thread. */
MUST_CHECK enum err http_srv_find(const char *nameserver, const char *service, const char *domain,
                                  struct http_srv out[HTTP_SRV_MAX], size_t *count, struct diag *d);

#endif
