#include "taxii/sync.h"

#include <pthread.h>

#include "taxii/sync_run.h"

enum { SYNC_ARENA_MAX = 256 << 20, AT_ONCE_MAX = 64 };

/* The syncs under way in this process: two of one ledger would store the same range twice and set each other back. */
static pthread_mutex_t under_way_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const struct node *node;
    const char *name; /* the caller's, who waits for the sync */
} under_way[AT_ONCE_MAX];

static enum err begin(const struct node *n, const char *name, struct diag *d) {
    size_t room = AT_ONCE_MAX;
    enum err e = ERR_NONE;
    pthread_mutex_lock(&under_way_lock);
    for (size_t i = 0; i < AT_ONCE_MAX; i++) {
        if (!under_way[i].name)
            room = i;
        else if (under_way[i].node == n && strcmp(under_way[i].name, name) == 0)
            e = diag_set(d, ERR_BUSY, "a sync with %s is under way", name);
    }
    if (!e && room == AT_ONCE_MAX) e = diag_set(d, ERR_BUSY, "%d syncs are under way", AT_ONCE_MAX);
    if (!e) {
        under_way[room].node = n;
        under_way[room].name = name;
    }
    pthread_mutex_unlock(&under_way_lock);
    return e;
}

static void end(const char *name) {
    pthread_mutex_lock(&under_way_lock);
    for (size_t i = 0; i < AT_ONCE_MAX; i++)
        if (under_way[i].name == name) under_way[i].name = NULL;
    pthread_mutex_unlock(&under_way_lock);
}

static bool is_partner(struct node *n, struct span name) {
    struct node_view *v = node_view(n);
    bool found = false;
    for (size_t i = 0; i < v->partner_count; i++) found |= span_equal(v->partners[i].party, name);
    node_view_release(n, &v);
    return found;
}

static const struct config_source *find_source(const struct node *n, const char *name) {
    const struct config *c = n->config;
    for (unsigned i = 0; i < c->sources_count; i++)
        if (strcmp(c->sources[i].name, name) == 0) return &c->sources[i];
    return NULL;
}

enum err taxii_sync(struct node *n, const char *name, const struct taxii_sync_options *options,
                    struct taxii_sync_result *result, struct diag *d) {
    static const struct taxii_sync_options none;
    int64_t started = clock_monotonic_us();
    struct sync s = {.node = n, .options = options ? options : &none, .result = result};
    *result = (struct taxii_sync_result){0};
    enum err e = begin(n, name, d);
    if (e) return e;
    pthread_mutex_init(&s.telling, NULL);
    arena_init(&s.arena, SYNC_ARENA_MAX);
    s.links.bytes = &s.bytes;
    s.links.client.stop = s.options->stop;
    s.links.client.stop_context = s.options->context;
    s.party = arena_copy(&s.arena, span_cstr(name));
    const struct config_source *source = find_source(n, name);
    e = store_reader_open(n->live.store, &s.reader, d);
    if (!e) {
        if (is_partner(n, span_cstr(name)))
            e = sync_peer(&s, d);
        else if (source)
            e = sync_plain(&s, source, d);
        else
            e = diag_set(d, ERR_NOT_FOUND, "%s is neither a trusted party nor a source in renkei.yaml", name);
    }
    store_reader_close(&s.reader);
    taxii_identity_free(&s.identity);
    arena_free(&s.arena);
    pthread_mutex_destroy(&s.telling);
    end(name);
    result->bytes = atomic_load(&s.bytes);
    result->seconds = (double)(clock_monotonic_us() - started) / 1e6;
    return e;
}
