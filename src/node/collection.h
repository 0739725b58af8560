/* Ordinary collections: TAXII collections besides the feeds, for this party's own tools, and inboxes into which
 * partners without Renkei write.
 *
 * A collection is a list of entries as a ledger is (store.h), under a number of its own: what was added, in order, each
 * with its date_added. An entry of STIX 2.1 shares its bytes with the holding it became; what is in another format is
 * kept as it came and is no holding. Deleting appends a record, so that a collection's size names what it holds.
 *
 * Whoever speaks for a partner or member may write into a collection and never read from one: what a partner gets, it
 * gets by a decision, through its feed. */
#ifndef RENKEI_NODE_COLLECTION_H
#define RENKEI_NODE_COLLECTION_H

#include "node/caller.h"

#define COLLECTION_KIND "collection" /* documents of the live realm's store, by id */
#define COLLECTION_ROOT "live"       /* the API root of whoever names none */
#define COLLECTION_STIX "application/stix+json;version=2.1"

enum {
    COLLECTION_READ = 1,
    COLLECTION_WRITE = 2,
    COLLECTION_NAME_MAX = 64, /* of an alias or API root: it stands in URLs */
    COLLECTION_TEXT_MAX = 1000,
    COLLECTION_GRANTS_MAX = 256,
    COLLECTION_MEDIA_MAX = 8,
    COLLECTIONS_MAX = 1000 /* listed in one answer, looked through by every request */
};

struct collection_grant {
    struct span who; /* "account:NAME", "party:ID", "member:ID" */
    unsigned rights;
};

struct collection {
    struct span id, alias, title, description, root;
    int64_t number;           /* of its entries */
    const struct span *media; /* what it takes */
    size_t media_count;
    bool quarantine; /* what is written waits until it is accepted */
    struct collection_grant *grants;
    size_t grant_count;
};

/* Makes id and number of a collection whose other members are set, after checking them. ERR_EXISTS: the alias is taken
 * in its API root. */
MUST_CHECK enum err collection_create(struct store_tx *tx, struct arena *a, struct collection *c, time_us now,
                                      struct diag *d);
MUST_CHECK enum err collection_store(struct store_tx *tx, const struct collection *c, time_us now, struct diag *d);
/* All, in the order they were made; spans in `a`. */
MUST_CHECK enum err collection_list(struct store_reader *r, struct arena *a, struct collection **out, size_t *count,
                                    struct diag *d);
/* By id, alias, or ROOT/alias. ERR_NOT_FOUND. */
MUST_CHECK enum err collection_find(struct store_reader *r, struct span name, struct arena *a, struct collection *out,
                                    struct diag *d);
/* What the caller may do with it. */
unsigned collection_rights(const struct collection *c, const struct caller *caller);
/* Whether anything but STIX 2.1 may be in it. */
bool collection_mixed(const struct collection *c);

/* ---- contents ---- */

/* One past its last entry's sequence number. */
MUST_CHECK enum err collection_size(struct store_reader *r, int64_t number, uint64_t *out, struct diag *d);
/* Where a collection ends; kept by whoever adds to it within one transaction. */
struct collection_end {
    int64_t number;
    uint64_t size;
    time_us last; /* TIME_NONE: it is empty */
};
MUST_CHECK enum err collection_end(struct store_tx *tx, int64_t number, struct collection_end *out, struct diag *d);

struct collection_item {
    struct span stix_id;
    time_us version;   /* `modified`, else `created`; TIME_NONE: what is added last is the newest */
    struct span media; /* empty: COLLECTION_STIX */
    int64_t holding;   /* visible; 0: none, and `body` is kept */
    struct span body;
};
/* Reads what a collection wants to know of an object: its id, version, and which of the STIX media types it is in by
 * its looks: 2.1, or 2.0 for what has a creation date and no spec_version. False when it has no identifier. */
bool collection_item_read(struct arena *a, struct span body, struct collection_item *out);
/* The media type under which the collection takes an item of this one; empty: it does not take it. */
struct span collection_takes(const struct collection *c, struct span media);
/* What an entry's `media` is, and its STIX version, "" for other formats. */
struct span collection_media(const struct store_entry *e);
struct span collection_spec_version(struct span media);
/* Adds one at the end, with the next date_added. *added is false when this version is there already: that is no error
 * (TAXII 2.1 §5.5). */
MUST_CHECK enum err collection_add(struct store_tx *tx, struct collection_end *end, const struct collection_item *item,
                                   time_us now, bool *added, struct diag *d);
/* Takes these entries of one object out of what is served. */
MUST_CHECK enum err collection_remove(struct store_tx *tx, struct collection_end *end, struct span stix_id,
                                      const uint64_t *seqs, size_t count, time_us now, struct diag *d);
/* Takes an object that was erased out of every collection. */
MUST_CHECK enum err collection_forget(struct store *store, struct span stix_id, struct arena *a, time_us now,
                                      struct diag *d);
/* Takes everything out, and forgets the collection. What became a holding stays one. */
MUST_CHECK enum err collection_delete(struct store_tx *tx, const struct collection *c, struct diag *d);

#endif
