/* The filters of a TAXII request (TAXII 2.1 §3.4): added_after, limit, next, match[id|type|version|spec_version]. They
 * come from outside: whatever is wrong with them is ERR_INVALID (answered 400) and says which.
 *
 * `next` is a cursor of ours: the place in the ledger and a MAC over it, the caller and its filters. The server keeps
 * nothing for it; a cursor used twice gives the same page; one of other filters, of another party or made up is
 * refused. Pure; any thread. */
#ifndef RENKEI_TAXII_FILTER_H
#define RENKEI_TAXII_FILTER_H

#include "base/hash.h"
#include "base/time.h"
#include "http/query.h"

enum {
    TAXII_LIMIT_DEFAULT = 100,
    TAXII_LIMIT_MAX = 1000, /* more is cut to this: a page of a thousand objects has about a megabyte */
    TAXII_MATCH_MAX = 500,  /* values of one match[…]; each may cost a look-up. A target of 16 kB holds fewer ids */
    TAXII_CURSOR_SIZE = 49  /* 8 bytes of place and 16 of MAC in hexadecimal, and a NUL */
};

/* match[version] (§3.4.1): a set of these, and exact versions. */
enum { TAXII_VERSION_LAST = 1, TAXII_VERSION_FIRST = 2, TAXII_VERSION_ALL = 4 };

struct taxii_filter {
    time_us added_after; /* TIME_NONE = not given */
    uint32_t limit;
    uint64_t from; /* the cursor's place: entries from this sequence number on; 0 without a cursor */
    const struct span *ids, *types, *specs;
    size_t id_count, type_count; /* given but nothing valid in it: `nothing` */
    size_t spec_count;           /* match[spec_version], in mixed collections only; 0: the newest held of each object */
    unsigned versions;           /* TAXII_VERSION_LAST when there is no match[version] */
    const time_us *times;
    size_t time_count;
    bool nothing;          /* asks only for what is never there: another spec_version, ids that are none */
    struct sha256 binding; /* over scope and filters, without limit and next */
};

/* What a cursor is bound to besides the filters. Borrowed. */
struct taxii_scope {
    struct span secret;           /* the realm's own */
    struct span party;            /* who asks */
    struct span collection;       /* its UUID, however it was called in the URL */
    struct span resource, object; /* "objects", "manifest", "versions"; the object's id or empty */
    bool mixed;                   /* the collection may hold other things than STIX 2.1 */
};

/* Reads the filters. Lists live in `a`, text in it or in the query. */
MUST_CHECK enum err taxii_filter_read(struct arena *a, const struct http_query *query, const struct taxii_scope *scope,
                                      struct taxii_filter *out, struct diag *d);
/* Writes the cursor for the entries from `from` on. */
void taxii_cursor_write(const struct taxii_scope *scope, const struct sha256 *binding, uint64_t from,
                        char out[TAXII_CURSOR_SIZE]);

#endif
