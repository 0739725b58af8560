/* Inside this room: one sync under way, and its parts. */
#ifndef RENKEI_TAXII_SYNC_RUN_H
#define RENKEI_TAXII_SYNC_RUN_H

#include <pthread.h>

#include "ledger/record.h"
#include "share/agreements.h"
#include "share/intake.h"
#include "share/reading.h"
#include "taxii/identity.h"
#include "taxii/link.h"
#include "taxii/sync.h"
#include "taxii/sync_fetch.h"
#include "taxii/sync_state.h"

struct sync {
    struct node *node;
    const struct taxii_sync_options *options; /* never NULL here */
    struct taxii_sync_result *result;
    struct store_reader *reader; /* sees what is committed */
    struct arena arena;          /* lives as long as the sync */
    atomic_uint_fast64_t bytes;
    struct taxii_identity identity;
    struct link_config links;
    struct link link;        /* of this thread */
    pthread_mutex_t telling; /* findings and progress come from two threads */

    /* With a partner's Renkei: */
    struct span party;      /* its id */
    struct node_view *view; /* held while peer is used */
    const struct card *peer;
    struct share_agreement *agreements;
    size_t agreement_count;
};

/* What options->progress is told. */
void sync_progress(struct sync *s, const char *what, const char *unit, uint64_t done, uint64_t total);
/* sync_peer.c: everything with a partner's Renkei. */
MUST_CHECK enum err sync_peer(struct sync *s, struct diag *d);
/* sync_restore.c: own ledgers on hold whose recipient is this partner. ERR_VERIFY when one has to stay so. */
MUST_CHECK enum err sync_restore(struct sync *s, struct diag *d);
/* sync_plain.c: everything with another server. */
MUST_CHECK enum err sync_plain(struct sync *s, const struct config_source *source, struct diag *d);

/* One ledger of a partner (sync_ledger.c). Fills `out`; ERR_VERIFY when something does not hold. */
MUST_CHECK enum err sync_ledger(struct sync *s, struct span origin, struct span lineage, const char *collection,
                                struct taxii_sync_ledger *out, struct diag *d);

/* ---- the head of a ledger: sync_head.c ------------------------------------------------------------------------------
 */

/* A partner's checkpoint, verified to continue what we have seen. */
struct sync_head {
    struct buf note;                     /* as served; owned */
    struct ledger_checkpoint checkpoint; /* points into note */
    struct arena arena;
    uint64_t first;        /* the bundle in which our own size lies; hashes begin with it */
    struct sha256 *hashes; /* roots of the full bundles from `first` on; owned */
    size_t hash_count;
    struct sha256 tail[LEDGER_TILE_WIDTH]; /* leaf hashes of the last, partial bundle */
    unsigned tail_width;
    bool exists; /* false: the ledger has no checkpoint yet */
};
void sync_head_free(struct sync_head *h);
/* Fetches and verifies. ERR_VERIFY with both heads named, and the evidence kept, for a rollback or fork. */
MUST_CHECK enum err sync_head_get(struct sync *s, struct span origin, const char *collection,
                                  const struct sync_state *state, struct sync_head *out, struct diag *d);
/* Whether a bundle's leaves are those of the tree. ERR_VERIFY. */
MUST_CHECK enum err sync_head_check(const struct sync_head *h, uint64_t bundle, const struct sha256 *leaves,
                                    unsigned width, struct diag *d);
/* Takes a bundle apart and hashes its entries. ERR_SYNTAX. */
MUST_CHECK enum err sync_bundle_leaves(const struct fetch_bundle *b, struct span *entries, struct sha256 *leaves,
                                       struct diag *d);

/* ---- what was pulled and waits to be stored: sync_store.c -------------------------------------------------------- */

struct pulled {
    enum ledger_kind kind;
    uint64_t seq, withdraws;
    time_us time;
    struct sha256 leaf;
    struct span record, salt, object_id;
    struct intake_object *object; /* NULL: a record, or withdrawn */
    struct span labels;           /* local handling that comes with it: what it may be used for */
    bool withdrawn;
    int64_t holding; /* while it is being stored */
};
struct sync_range {
    struct arena arena;
    struct pulled *items; /* owned */
    size_t count, room, bytes;
    struct stix_report report; /* of the object being read */
};
void sync_range_free(struct sync_range *r);
void sync_range_clear(struct sync_range *r);
/* A new item; NULL when memory ran out. */
struct pulled *sync_range_add(struct sync_range *r);
/* Copies and reads an object, which may turn out to be none: intake_take() tells. ERR_NOMEM. */
MUST_CHECK enum err sync_range_read(struct sync_range *r, struct pulled *to, struct span body, const char *what,
                                    struct diag *d);
/* An intake that counts and tells into the sync's result and options; closing commits it unless `e` says that something
 * failed, and returns the first error. */
MUST_CHECK enum err sync_intake_open(struct sync *s, struct span source, struct intake **out, struct diag *d);
MUST_CHECK enum err sync_intake_close(struct sync *s, struct intake **in, enum err e, struct diag *d);
/* Takes the range's objects in. */
MUST_CHECK enum err sync_range_take(struct sync_range *r, struct intake *in, struct diag *d);

/* A range is stored by a thread of its own, while the next is pulled and verified. */
struct sync_storing {
    struct sync *sync;
    struct span origin;
    struct sync_state *state; /* that thread's while one is stored */
    struct sync_range range;
    pthread_t thread;
    bool begun;
    enum err error;
    struct diag diag;
};
/* Waits for the range before, takes what is in *r, leaves it empty, and begins to store it: objects, records and the
 * advanced state in one intake. What fails is said by the next call. */
MUST_CHECK enum err sync_storing_begin(struct sync_storing *g, struct sync_range *r, struct diag *d);
/* Waits until all that was given is stored. */
MUST_CHECK enum err sync_storing_wait(struct sync_storing *g, struct diag *d);
void sync_storing_free(struct sync_storing *g);

#endif
