/* Inside this room: one request of a known client on its way through the routes. */
#ifndef RENKEI_TAXII_CALL_H
#define RENKEI_TAXII_CALL_H

#include <pthread.h>

#include "http/limit.h"
#include "http/server.h"
#include "node/collection.h"
#include "taxii/identity.h"
#include "taxii/inbox.h"
#include "taxii/page_cache.h"
#include "taxii/server.h"
#include "json/write.h"

enum {
    TAXII_READERS_MAX = 64,             /* kept open between requests: one a thread of the HTTP server */
    TAXII_NAMES_MAX = 3,                /* variable parts of a path, the API root among them */
    TAXII_STRANGER_BODY_MAX = 64 << 10, /* enough to be told 401 rather than 413 */
    TAXII_CARD_BODY_MAX = CARD_SIZE_MAX * CARD_CHAIN_MAX * 2
};

struct taxii_server {
    struct node *node;
    struct taxii_identity identity;
    struct http_server *http;
    struct page_cache *pages;
    struct inbox *inbox;
    struct callers *callers;
    struct http_limit *requests, *failures; /* by caller; by address, of those that did not prove who they are */
    char address[256];
    uint16_t port, port_said; /* listened on; and in the configuration, which may say 0 */
    struct taxii_server_options options;

    pthread_mutex_t lock; /* readers */
    struct store_reader *readers[TAXII_READERS_MAX];
    size_t reader_count;
};

/* Everything lives until the handler returns. */
struct taxii_call {
    struct taxii_server *server;
    const struct http_request *req;
    struct http_response *res;
    struct arena *arena;
    struct node_view *view;
    struct store_reader *reader;
    struct caller caller;               /* who asks; empty on routes open to all */
    struct span root;                   /* the API root in the path; COLLECTION_ROOT elsewhere */
    struct span names[TAXII_NAMES_MAX]; /* what stood in the path's other variable parts */
    struct diag diag;
};

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* A TAXII error object (§3.6.1). A handler may also just return an error: taxii_call_fail() then makes one of it. */
enum err taxii_error(struct taxii_call *c, unsigned status, const char *description);
void taxii_call_fail(struct taxii_call *c, enum err e);
/* 200 with a TAXII resource; takes the buffer over. */
enum err taxii_resource(struct taxii_call *c, unsigned status, struct buf *body);

/* 200 with anything else; takes the buffer over. */
enum err publish_text(struct taxii_call *c, const char *type, struct buf *body);

/* ---- collections ------------------------------------------------------------------------------------------------- */

enum taxii_collection_kind { TAXII_FEED, TAXII_INBOX, TAXII_ORDINARY };
struct taxii_collection {
    enum taxii_collection_kind kind;
    struct span id, alias;
    unsigned rights;            /* COLLECTION_READ, COLLECTION_WRITE: the caller's */
    struct store_ledger ledger; /* of a feed; in the call's arena */
    struct collection ordinary; /* of an ordinary one */
};
/* The caller's collections under the API root it named: its feeds, its inbox, and the ordinary ones it has a right to.
 * *out in the call's arena. ERR_NOT_FOUND: there is no such root for it. */
MUST_CHECK enum err taxii_collections(struct taxii_call *c, struct taxii_collection **out, size_t *count);
/* ERR_NOT_FOUND unless the caller may know of the API root it named. */
MUST_CHECK enum err taxii_root_check(struct taxii_call *c);
/* The one named in the path, by id or alias. ERR_NOT_FOUND says the same for what does not exist and what is another
 * caller's. */
MUST_CHECK enum err taxii_collection_find(struct taxii_call *c, struct span name, struct taxii_collection *out);

/* ---- handlers: resource.c, objects.c, publish.c, received.c ------------------------------------------------------ */

#define TAXII_HANDLER(name) enum err name(struct taxii_call *c)
TAXII_HANDLER(taxii_get_discovery);
TAXII_HANDLER(taxii_get_root);
TAXII_HANDLER(taxii_get_collections);
TAXII_HANDLER(taxii_get_collection);
TAXII_HANDLER(taxii_get_status);
TAXII_HANDLER(taxii_get_manifest);
TAXII_HANDLER(taxii_get_objects);
TAXII_HANDLER(taxii_get_object);
TAXII_HANDLER(taxii_get_versions);
TAXII_HANDLER(taxii_post_objects);
TAXII_HANDLER(taxii_delete_object);
TAXII_HANDLER(publish_get_card);
TAXII_HANDLER(publish_post_card);
TAXII_HANDLER(publish_get_ledgers);
TAXII_HANDLER(publish_get_checkpoint);
TAXII_HANDLER(publish_get_tile);
TAXII_HANDLER(publish_get_salts);
TAXII_HANDLER(publish_post_cosignature);
TAXII_HANDLER(received_get);
TAXII_HANDLER(publish_post_erasure);

/* ---- routes: route.c --------------------------------------------------------------------------------------------- */

http_handler taxii_handle;
void taxii_refused(void *context, unsigned status, const char *reason, struct http_response *res);
size_t taxii_admit(void *context, const struct http_request *req);

#endif
