/* Pages of indicators, read ahead: a thread fetches the next rows of the store while the caller works on those before.
 * Private to holdings.c. */
#ifndef RENKEI_DETECT_HOLDING_PAGES_H
#define RENKEI_DETECT_HOLDING_PAGES_H

#include <pthread.h>

#include "store/store.h"

enum { PAGE_ROWS = 2000, PAGES_AHEAD = 2, PAGE_ARENA_MAX = 1 << 30 };

struct holding_page {
    struct arena arena;
    struct store_holding *rows;
    struct span *sources; /* the name of each row's source; "own" for this node's */
    size_t count;
    enum err error;
    struct diag diag;
    bool full; /* read and not given back yet */
};

struct holding_pages {
    struct store_reader *reader; /* the thread's, until pages_close() */
    pthread_t thread;
    bool started, stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct holding_page pages[PAGES_AHEAD];
    unsigned next; /* the caller's */
};

/* From the first row on. The reader must not be used before pages_close(). */
MUST_CHECK enum err pages_open(struct holding_pages *p, struct store_reader *reader, struct diag *d);
/* The next page, valid until the call after; count 0 at the end. */
MUST_CHECK enum err pages_next(struct holding_pages *p, struct holding_page **out, struct diag *d);
void pages_close(struct holding_pages *p);

#endif
