/* A page of a ledger as TAXII shows it: the entries that a request's filters let through, rendered as an envelope
 * (§3.7), a manifest (§5.6) or a list of versions (§5.8). The ledger is read in its own order, bodies are spliced
 * between commas and never parsed. Withdrawn entries are not there for anybody. Reads the store; one thread a reader.
 */
#ifndef RENKEI_TAXII_PAGE_H
#define RENKEI_TAXII_PAGE_H

#include "base/buf.h"
#include "node/collection.h"
#include "taxii/filter.h"

enum {
    TAXII_PAGE_BYTES_MAX = 4 << 20, /* a page ends before the object that would exceed it; one object always fits */
    TAXII_PAGE_SCAN_MAX = 200000    /* entries one request goes through at most before it answers with what it has */
};

enum taxii_page_kind { TAXII_PAGE_OBJECTS, TAXII_PAGE_MANIFEST, TAXII_PAGE_VERSIONS };

struct taxii_page_request {
    enum taxii_page_kind kind;
    int64_t ledger;
    uint64_t size;      /* of the ledger: what was committed when its row was read */
    bool ordinary;      /* an ordinary collection's: versions may come in any order, other media types among them */
    struct span object; /* the one object asked for; empty = any */
    const struct taxii_filter *filter;
    const struct taxii_scope *scope; /* for the cursor */
};

struct taxii_page {
    struct buf body; /* owned; free with taxii_page_free() */
    size_t count;
    time_us first, last; /* date_added of the first and last entry; TIME_NONE when empty */
    bool more;
};
#define TAXII_PAGE_EMPTY ((struct taxii_page){.first = TIME_NONE, .last = TIME_NONE})

MUST_CHECK enum err taxii_page_build(struct store_reader *r, const struct taxii_page_request *q, struct arena *a,
                                     struct taxii_page *out, struct diag *d);
void taxii_page_free(struct taxii_page *page);
/* Whether the page depends on nothing but the ledger's size, place, limit and binding, and is worth keeping. */
bool taxii_page_cacheable(const struct taxii_page_request *q);
/* Which entries of its one object an ordinary collection's request means, whatever its limit: *out in `a`. */
MUST_CHECK enum err taxii_page_entries(struct store_reader *r, const struct taxii_page_request *q, struct arena *a,
                                       uint64_t **out, size_t *count, struct diag *d);
/* ERR_NOT_FOUND unless some version of the object is released and not withdrawn. */
MUST_CHECK enum err taxii_page_object_exists(struct store_reader *r, int64_t ledger, struct span object,
                                             struct diag *d);

#endif
