/* Inside this room: one post, and how it is taken in. */
#ifndef RENKEI_TAXII_INBOX_POST_H
#define RENKEI_TAXII_INBOX_POST_H

#include "base/buf.h"
#include "node/caller.h"
#include "stix/id.h"
#include "taxii/envelope.h"

/* One object of a post. Texts in the post's arena. */
struct outcome {
    struct span id, media;
    time_us version; /* TIME_NONE: it has none */
    char shown[TIME_TEXT_SIZE];
    int64_t holding; /* what it became; 0: it is kept in the collection alone */
    bool named;      /* its id could be read */
    bool failed;
    struct span message; /* of a failure, or a warning */
};

struct post {
    struct post *next;
    char id[STIX_UUID_LEN + 1];
    struct span owner; /* who may read its status, under which API root */
    struct caller from;
    struct span collection; /* the ordinary collection it goes into; empty: the caller's own inbox */
    struct buf content;
    struct arena arena;
    struct envelope envelope;
    time_us received;
    struct outcome *outcomes;
    uint64_t successes, failures;
    bool done;
    int references; /* the queue's, and that of whoever waits for it */
};

/* Makes holdings of what is STIX 2.1, puts everything into its collection, and fills the outcomes. An error means that
 * nothing can be said of any object. One thread at a time. */
MUST_CHECK enum err inbox_take_in(struct node *n, struct post *p, struct diag *d);

#endif
