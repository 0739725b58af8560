/* A connection to the server a sync pulls from: relative paths, statuses judged, bytes counted. One thread a link. */
#ifndef RENKEI_TAXII_LINK_H
#define RENKEI_TAXII_LINK_H

#include <stdatomic.h>

#include "http/client.h"

enum {
    LINK_URL_MAX = 2048,
    LINK_SMALL_MAX = 4 << 20,  /* cards, lists, checkpoints, tiles */
    LINK_PAGE_MAX = 128 << 20, /* a page: a thousand objects, or few very large ones */
};

/* What the links of one sync share. */
struct link_config {
    char base[LINK_URL_MAX];          /* without a slash at its end */
    struct http_client_config client; /* all it points to outlives the links */
    atomic_uint_fast64_t *bytes;      /* received, counted here */
};

struct link {
    const struct link_config *config;
    struct http_client *client;
    struct http_reply reply;
};

/* Takes a URL as the base. ERR_LIMIT when it is too long. */
MUST_CHECK enum err link_base(struct link_config *c, struct span url, struct diag *d);
MUST_CHECK enum err link_open(const struct link_config *c, struct link *out, struct diag *d);
void link_close(struct link *l);
/* GET base + path; the reply is in l->reply. Other statuses than 200 are errors: 401 and 403 ERR_DENIED, 404
 * ERR_NOT_FOUND, else ERR_NETWORK, with what the server says. `taxii`: asks for TAXII's media type. */
MUST_CHECK enum err link_get(struct link *l, const char *path, bool taxii, size_t limit, struct diag *d);
/* POST; any 2xx is fine. */
MUST_CHECK enum err link_post(struct link *l, const char *path, const char *type, struct span body, struct diag *d);

#endif
