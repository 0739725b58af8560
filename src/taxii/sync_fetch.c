#include "taxii/sync_fetch.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "taxii/filter.h"

enum { ENVELOPE_ARENA_MAX = 64 << 20, PATH_MAX_SIZE = 8192, QUEUE_MAX = 64 };
_Static_assert((int)FETCH_BUNDLES_AHEAD <= (int)QUEUE_MAX && (int)FETCH_PAGES_AHEAD <= (int)QUEUE_MAX, "both fit");

/* What one thread made and the other has not taken yet. */
struct queue {
    void *items[QUEUE_MAX];
    size_t first, count, room;
    bool ended;
    enum err error;
    struct diag diag;
    struct fetch *fetch;
    pthread_t thread;
    bool started;
    struct link link;
};

struct fetch {
    struct fetch_plan plan;
    struct link_config links; /* the plan's, with a stop of ours */
    bool (*caller_stop)(void *context);
    void *caller_stop_context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool stopping;
    struct queue bundles, pages;
};

/* ---- queues --------------------------------------------------------------------------------------------------------
 */

/* Waits for room; false when nobody wants more. */
static bool push(struct queue *q, void *item) {
    struct fetch *f = q->fetch;
    pthread_mutex_lock(&f->lock);
    while (q->count == q->room && !atomic_load(&f->stopping)) pthread_cond_wait(&f->changed, &f->lock);
    bool wanted = !atomic_load(&f->stopping);
    if (wanted) q->items[(q->first + q->count++) % q->room] = item;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return wanted;
}

static void end(struct queue *q, enum err error) {
    pthread_mutex_lock(&q->fetch->lock);
    q->error = error;
    q->ended = true;
    pthread_cond_broadcast(&q->fetch->changed);
    pthread_mutex_unlock(&q->fetch->lock);
}

static enum err pop(struct queue *q, void **out, struct diag *d) {
    struct fetch *f = q->fetch;
    enum err e = ERR_NONE;
    *out = NULL;
    pthread_mutex_lock(&f->lock);
    while (q->count == 0 && !q->ended) pthread_cond_wait(&f->changed, &f->lock);
    if (q->count) {
        *out = q->items[q->first];
        q->first = (q->first + 1) % q->room;
        q->count--;
        pthread_cond_broadcast(&f->changed);
    } else if ((e = q->error) && d) {
        *d = q->diag;
    }
    pthread_mutex_unlock(&f->lock);
    return e;
}

enum err fetch_next_bundle(struct fetch *f, struct fetch_bundle **out, struct diag *d) {
    void *item;
    enum err e = pop(&f->bundles, &item, d);
    *out = item;
    return e;
}

enum err fetch_next_page(struct fetch *f, struct fetch_page **out, struct diag *d) {
    void *item;
    enum err e = pop(&f->pages, &item, d);
    *out = item;
    return e;
}

void fetch_bundle_free(struct fetch_bundle **b) {
    if (!*b) return;
    buf_free(&(*b)->entries);
    buf_free(&(*b)->salts);
    free(*b);
    *b = NULL;
}

void fetch_page_free(struct fetch_page **p) {
    if (!*p) return;
    buf_free(&(*p)->body);
    arena_free(&(*p)->arena);
    free(*p);
    *p = NULL;
}

/* ---- bundles -------------------------------------------------------------------------------------------------------
 */

/* Takes the reply's body over, leaving the link an empty one. */
static struct buf take_body(struct link *l) {
    struct buf body = l->reply.body;
    l->reply.body = BUF_EMPTY;
    return body;
}

enum err fetch_bundle_get(struct link *l, const char *collection, uint64_t index, unsigned width, bool with_salts,
                          struct fetch_bundle **out, struct diag *d) {
    static const char folder[] = "tile/entries/";
    char path[256], tile[LEDGER_TILE_PATH_SIZE];
    struct ledger_tile_ref ref = {.entries = true, .index = index, .width = width};
    *out = NULL;
    struct fetch_bundle *b = calloc(1, sizeof *b);
    if (!b) return diag_set(d, ERR_NOMEM, "no memory left for a sync");
    b->index = index;
    b->width = width;
    ledger_tile_path_write(&ref, tile);
    snprintf(path, sizeof path, "/renkei/v1/ledgers/%s/%s", collection, tile);
    enum err e = link_get(l, path, false, LEDGER_BUNDLE_SIZE_MAX, d);
    if (!e) b->entries = take_body(l);
    if (!e && with_salts) {
        snprintf(path, sizeof path, "/renkei/v1/ledgers/%s/salts/%s", collection, tile + strlen(folder));
        e = link_get(l, path, false, LEDGER_TILE_SIZE, d);
        if (!e) b->salts = take_body(l);
        if (!e && b->salts.len != (size_t)width * SHA256_SIZE)
            e = diag_set(d, ERR_NETWORK, "%s%s answered %zu bytes of salts, not %u", l->config->base, path,
                         b->salts.len, width * SHA256_SIZE);
    }
    if (e)
        fetch_bundle_free(&b);
    else
        *out = b;
    return e;
}

static void *bundles_main(void *context) {
    struct queue *q = context;
    const struct fetch_plan *plan = &q->fetch->plan;
    enum err e = ERR_NONE;
    for (uint64_t i = plan->from / LEDGER_TILE_WIDTH; !e && i * LEDGER_TILE_WIDTH < plan->to; i++) {
        struct fetch_bundle *b;
        e = fetch_bundle_get(&q->link, plan->collection, i, ledger_tile_width(plan->to, 0, i), true, &b, &q->diag);
        if (e || push(q, b)) continue;
        fetch_bundle_free(&b);
        break;
    }
    end(q, e);
    return NULL;
}

/* ---- pages ---------------------------------------------------------------------------------------------------------
 */

static bool page_path(const struct fetch_plan *plan, struct span next, char path[PATH_MAX_SIZE]) {
    struct buf text = BUF_EMPTY;
    char time[TIME_TEXT_SIZE];
    buf_printf(&text, "/api/live/collections/%s/objects/", plan->collection);
    http_query_add(&text, SPAN("match[version]"), SPAN("all"));
    buf_printf(&text, "&limit=%d", TAXII_LIMIT_MAX);
    if (plan->added_after != TIME_NONE)
        http_query_add(&text, SPAN("added_after"), span_cstr(time_format_us(plan->added_after, time)));
    if (next.len) http_query_add(&text, SPAN("next"), next);
    bool ok = buf_ok(&text) && text.len < PATH_MAX_SIZE;
    if (ok) memcpy(path, text.at, text.len);
    if (ok) path[text.len] = 0;
    buf_free(&text);
    return ok;
}

static enum err get_page(struct queue *q, const char *path, struct fetch_page **out) {
    *out = NULL;
    struct fetch_page *p = calloc(1, sizeof *p);
    if (!p) return diag_set(&q->diag, ERR_NOMEM, "no memory left for a sync");
    arena_init(&p->arena, ENVELOPE_ARENA_MAX);
    enum err e = link_get(&q->link, path, true, LINK_PAGE_MAX, &q->diag);
    if (!e) {
        p->body = take_body(&q->link);
        e = envelope_read(&p->arena, buf_span(&p->body), &p->envelope, &q->diag);
    }
    if (!e && p->envelope.more && !p->envelope.next.len)
        e = diag_set(&q->diag, ERR_NETWORK, "%s says there is more and not where", q->link.config->base);
    if (e)
        fetch_page_free(&p);
    else
        *out = p;
    return e;
}

static void *pages_main(void *context) {
    struct queue *q = context;
    char path[PATH_MAX_SIZE];
    enum err e = ERR_NONE;
    bool more = page_path(&q->fetch->plan, (struct span){0}, path);
    while (!e && more) {
        struct fetch_page *p;
        if ((e = get_page(q, path, &p))) break;
        more = p->envelope.more;
        if (more && !page_path(&q->fetch->plan, p->envelope.next, path))
            e = diag_set(&q->diag, ERR_NETWORK, "%s gives a cursor that is too long", q->link.config->base);
        if (!push(q, p)) {
            fetch_page_free(&p);
            break;
        }
    }
    end(q, e);
    return NULL;
}

/* ---- starting and stopping --------------------------------------------------------------------------------------- */

static bool asked_to_stop(void *context) {
    struct fetch *f = context;
    return atomic_load(&f->stopping) || (f->caller_stop && f->caller_stop(f->caller_stop_context));
}

static enum err queue_start(struct fetch *f, struct queue *q, size_t room, void *(*main)(void *), struct diag *d) {
    q->fetch = f;
    q->room = room;
    enum err e = link_open(&f->links, &q->link, d);
    if (e) return e;
    q->started = pthread_create(&q->thread, NULL, main, q) == 0;
    return q->started ? ERR_NONE : diag_set(d, ERR_IO, "no thread for a sync");
}

enum err fetch_start(const struct fetch_plan *plan, struct fetch **out, struct diag *d) {
    *out = NULL;
    struct fetch *f = calloc(1, sizeof *f);
    if (!f) return diag_set(d, ERR_NOMEM, "no memory left for a sync");
    f->plan = *plan;
    f->links = *plan->links;
    f->caller_stop = f->links.client.stop;
    f->caller_stop_context = f->links.client.stop_context;
    f->links.client.stop = asked_to_stop;
    f->links.client.stop_context = f;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    enum err e = queue_start(f, &f->bundles, FETCH_BUNDLES_AHEAD, bundles_main, d);
    if (!e) e = queue_start(f, &f->pages, FETCH_PAGES_AHEAD, pages_main, d);
    if (e)
        fetch_stop(&f);
    else
        *out = f;
    return e;
}

static void queue_stop(struct queue *q, bool pages) {
    if (q->started) pthread_join(q->thread, NULL);
    for (; q->count; q->count--, q->first = (q->first + 1) % q->room) {
        struct fetch_bundle *b = pages ? NULL : q->items[q->first];
        struct fetch_page *p = pages ? q->items[q->first] : NULL;
        fetch_bundle_free(&b);
        fetch_page_free(&p);
    }
    link_close(&q->link);
}

void fetch_stop(struct fetch **fetch) {
    struct fetch *f = *fetch;
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->stopping, true);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    queue_stop(&f->bundles, false);
    queue_stop(&f->pages, true);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
    *fetch = NULL;
}
