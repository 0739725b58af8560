#include "detect/holding_pages.h"

static enum err name_sources(struct store_reader *r, struct holding_page *page, struct diag *d) {
    page->sources = arena_zalloc(&page->arena, page->count + 1, sizeof *page->sources);
    if (!page->sources) return diag_set(d, ERR_NOMEM, "no memory for the indicators");
    for (size_t i = 0; i < page->count; i++) {
        uint32_t source = page->rows[i].source;
        page->sources[i] = SPAN("own");
        if (source == STORE_SOURCE_OWN) continue;
        if (i > 0 && page->rows[i - 1].source == source) {
            page->sources[i] = page->sources[i - 1];
            continue;
        }
        enum err e = store_source_name(r, source, &page->arena, &page->sources[i], d);
        if (e) return e;
    }
    return ERR_NONE;
}

/* Waits until the page is full or empty, as wanted; false when all is to stop. */
static bool wait_for(struct holding_pages *p, const struct holding_page *page, bool full) {
    pthread_mutex_lock(&p->lock);
    while (page->full != full && !p->stop) pthread_cond_wait(&p->changed, &p->lock);
    bool go_on = !p->stop;
    pthread_mutex_unlock(&p->lock);
    return go_on;
}

static void set_full(struct holding_pages *p, struct holding_page *page, bool full) {
    pthread_mutex_lock(&p->lock);
    page->full = full;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void *read_pages(void *context) {
    struct holding_pages *p = context;
    int64_t after = 0;
    for (unsigned i = 0;; i = (i + 1) % PAGES_AHEAD) {
        struct holding_page *page = &p->pages[i];
        if (!wait_for(p, page, false)) return NULL;
        arena_reset(&page->arena);
        page->count = 0;
        page->error = store_holding_scan(p->reader, after, SPAN("indicator"), PAGE_ROWS, &page->arena, &page->rows,
                                         &page->count, &page->diag);
        if (!page->error) page->error = name_sources(p->reader, page, &page->diag);
        bool last = page->error || page->count == 0;
        if (!last) after = page->rows[page->count - 1].id;
        set_full(p, page, true);
        if (last) return NULL;
    }
}

enum err pages_open(struct holding_pages *p, struct store_reader *reader, struct diag *d) {
    *p = (struct holding_pages){.reader = reader, .next = PAGES_AHEAD};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (int i = 0; i < PAGES_AHEAD; i++) arena_init(&p->pages[i].arena, PAGE_ARENA_MAX);
    p->started = pthread_create(&p->thread, NULL, read_pages, p) == 0;
    return p->started ? ERR_NONE : diag_set(d, ERR_BUSY, "no thread can be started to read the indicators");
}

enum err pages_next(struct holding_pages *p, struct holding_page **out, struct diag *d) {
    if (p->next < PAGES_AHEAD) set_full(p, &p->pages[p->next], false);
    p->next = p->next < PAGES_AHEAD ? (p->next + 1) % PAGES_AHEAD : 0;
    struct holding_page *page = *out = &p->pages[p->next];
    wait_for(p, page, true);
    if (page->error && d) *d = page->diag;
    return page->error;
}

void pages_close(struct holding_pages *p) {
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    if (p->started) pthread_join(p->thread, NULL);
    for (int i = 0; i < PAGES_AHEAD; i++) arena_free(&p->pages[i].arena);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
}
