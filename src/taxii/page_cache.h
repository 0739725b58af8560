/* Prepared pages: rendered once, sent many times as shared bodies. A ledger only grows, and whatever changes an entry
 * of it (a newer version, a withdrawal) appends a record, so its size is the generation of all its pages: a page is
 * found only under the size it was made at. Bounded; the least recently used go first. Any thread. */
#ifndef RENKEI_TAXII_PAGE_CACHE_H
#define RENKEI_TAXII_PAGE_CACHE_H

#include "base/hash.h"
#include "base/time.h"
#include "http/server.h"

enum {
    PAGE_CACHE_BYTES_MAX = 128 << 20, /* 1,800 pages of 100 indicators */
    PAGE_CACHE_PAGES_MAX = 4096
};

struct page_key {
    int64_t ledger;
    uint64_t size, from;
    uint32_t limit, encoding; /* enum encoding */
    struct sha256 binding;    /* taxii_filter.binding */
};

struct page_cache;
struct page_cache *page_cache_new(void); /* NULL when memory ran out */
void page_cache_free(struct page_cache **c);
/* Forgets all: something in a page must not stay in memory. */
void page_cache_clear(struct page_cache *c);
/* A new reference to the body, or NULL. first and last are the page's dates. */
struct http_body *page_cache_find(struct page_cache *c, const struct page_key *key, time_us *first, time_us *last);
/* Keeps a reference of its own. */
void page_cache_put(struct page_cache *c, const struct page_key *key, struct http_body *body, time_us first,
                    time_us last);

#endif
