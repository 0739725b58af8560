/* The inbox: what a caller posts to us (TAXII 2.1 §5.5), into a partner's own inbox or an ordinary collection. What is
 * STIX 2.1 becomes holdings of whoever the caller speaks for, in quarantine where national policy or the collection
 * says so. One thread takes the posts in, in their order, so that a large one, or an import that holds the store, does
 * not hold up the server's threads; a post waits for it a moment and is answered with the final status when that was
 * enough. What was posted and not yet taken in is lost with the process: its status is then unknown and the client
 * posts again, which changes nothing the second time. */
#ifndef RENKEI_TAXII_INBOX_H
#define RENKEI_TAXII_INBOX_H

#include "base/buf.h"
#include "node/caller.h"

enum {
    INBOX_CONTENT_MAX = CONFIG_POST_BYTES_MAX,
    INBOX_QUEUE_MAX = 16, /* posts that wait; 503 beyond */
    INBOX_QUEUE_BYTES_MAX = 200 << 20,
    INBOX_WAIT_MS = 1000,      /* how long a post waits for its final status */
    INBOX_DETAILS_MAX = 20000, /* objects listed one by one in a status; the lists are optional (§4.3.1) */
    INBOX_STATUS_HOURS = 72    /* how long statuses are kept; 24 at least (§4.3) */
};

struct inbox;
MUST_CHECK enum err inbox_open(struct node *n, struct inbox **out, struct diag *d);
/* Finishes what waits. */
void inbox_close(struct inbox **in);

/* The id of a party's inbox collection: nobody else can compute it. In `a`. */
struct span inbox_collection(const uint8_t secret[SHARE_SECRET_SIZE], struct span party, struct arena *a);

/* Takes an envelope or a bundle; `collection` is the id of an ordinary one, or empty. `status` gets the status
 * resource. ERR_SYNTAX when it is neither, ERR_INVALID when there is no object in it, ERR_BUSY when too many wait. Any
 * thread. */
MUST_CHECK enum err inbox_post(struct inbox *in, const struct caller *from, struct span root, struct span collection,
                               struct span content, struct buf *status, struct diag *d);
/* The status of a post of this caller under this API root: ERR_NOT_FOUND for others'. Any thread with its own reader.
 */
MUST_CHECK enum err inbox_status(struct inbox *in, struct store_reader *r, const struct caller *from, struct span root,
                                 struct span id, struct arena *a, struct buf *status, struct diag *d);

#endif
