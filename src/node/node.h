/* A node: one party's Renkei in one folder.
 *
 *   HOME/renkei.yaml          configuration (node/config.h)
 *   HOME/keys/                private keys, for the signer process alone (node/signer.h)
 *   HOME/realms/live/store.db the live realm
 *   HOME/run/renkei.sock      where a running `serve` takes commands (node/socket.h)
 *
 * One process writes a realm at a time. Whoever opens a node for writing forks its signer first and then gives up the
 * right to read HOME/keys (landlock), before a byte from the network is parsed. */
#ifndef RENKEI_NODE_NODE_H
#define RENKEI_NODE_NODE_H

#include <pthread.h>

#include "base/arena.h"
#include "base/err.h"
#include "node/card.h"
#include "node/config.h"
#include "node/signer.h"
#include "share/context.h"
#include "store/store.h"

enum node_mode { NODE_READ, NODE_WRITE };

/* A realm: its own store and clock. No query, feed or signature crosses from one to another. */
struct realm {
    char name[32];
    struct clock clock;
    struct store *store;
};

struct node {
    char *home;
    _Atomic(struct config *) config;
    struct config *configs_before; /* replaced by node_reload(), but perhaps still read: kept until the end */
    struct signer *signer;         /* NULL in NODE_READ */
    struct realm live;
    /* What follows changes when a card is added or rotated: node_refresh() builds it anew, node_view() hands out the
     * current one. */
    pthread_mutex_t lock;
    struct node_view *view;
};

/* An immutable picture of who is trusted. Reference-counted: take with node_view(), give back with node_view_release().
 */
struct node_view {
    struct arena arena;
    struct card own;
    struct card *partners; /* newest accepted card of each trusted party */
    size_t partner_count;
    struct share_party *parties;
    uint8_t secret[SHARE_SECRET_SIZE];
    int references;
};

/* The folder: `explicit_home` if not NULL, else RENKEI_HOME, else ~/.local/share/renkei. Returned string is owned by
 * the caller. */
char *node_home(const char *explicit_home);
/* Makes a new node folder with keys, configuration, card and store. ERR_EXISTS if there is one. */
struct node_init {
    struct span party, name, url;
    struct span store; /* postgresql://…; empty: a file in HOME */
};
MUST_CHECK enum err node_create(const char *home, const struct node_init *init, struct diag *d);
/* ERR_NOT_FOUND when there is no node; ERR_BUSY when another process writes (NODE_WRITE). */
MUST_CHECK enum err node_open(const char *home, enum node_mode mode, struct node **out, struct diag *d);
void node_close(struct node **n);

struct node_view *node_view(struct node *n);
void node_view_release(struct node *n, struct node_view **v);
MUST_CHECK enum err node_refresh(struct node *n, struct diag *d);
/* Reads renkei.yaml anew, and from the signer the TLS certificate. On error, and when it would become another party,
 * all stays as it was. One thread at a time. Whoever reads n->config in more than one step takes the pointer once. */
MUST_CHECK enum err node_reload(struct node *n, struct diag *d);

/* The trusted party whose newest card has this TLS pin (or a party that rotated and whose previous card is still within
 * its grace); ERR_DENIED if none. id in `a`. */
MUST_CHECK enum err node_party_of_pin(struct node *n, const struct sha256 *pin, struct arena *a, struct span *party,
                                      struct diag *d);
/* A share context over a realm and a view; valid while the view is held. */
void node_share_context(struct node *n, struct realm *realm, struct node_view *v, struct share_context *out);

/* Keeps a card as a document of `kind` ("own-card", "card") under PARTY/SERIAL. */
MUST_CHECK enum err node_card_store(struct store_tx *tx, const char *kind, const struct card *card, time_us now,
                                    struct diag *d);

/* Whether a card that would be trusted claims nothing that belongs to another party, this one among them: a TLS key, an
 * identity, an agreement key. ERR_DENIED names whose. */
MUST_CHECK enum err node_card_unclaimed(const struct node_view *v, const struct card *card, struct diag *d);

/* Documents of what a partner's ledger was caught at, by ORIGIN/HASH:
 * {"origin","time","why","seen_before","served_now"}, the latter two the signed heads. */
#define NODE_CONFLICT_KIND "sync-conflict"

/* Peer-facing operations, each audited with the peer's party as actor. */
/* Own cards, oldest first, as a JSON array (the whole succession). */
MUST_CHECK enum err node_card_chain(struct node *n, struct buf *out, struct diag *d);
/* A succession received: cards signed by their predecessors, leading from the card we trust to a newer one. Accepts and
 * refreshes. ERR_DENIED if the party is not trusted; ERR_VERIFY if the chain does not hold; *changed false when nothing
 * is new. */
MUST_CHECK enum err node_card_receive(struct node *n, struct span chain, bool *changed, struct diag *d);
/* A partner's cosignature line for our ledger's checkpoint of `size`; verified, kept with its time. */
MUST_CHECK enum err node_cosign_receive(struct node *n, struct span party, int64_t ledger, struct span note,
                                        struct diag *d);

#endif
