#include "taxii/sync.h"

#include "taxii/sync_run.h"

enum { SYNC_ARENA_MAX = 256 << 20 };

static bool is_partner(struct node *n, struct span name) {
    struct node_view *v = node_view(n);
    bool found = false;
    for (size_t i = 0; i < v->partner_count; i++) found |= span_equal(v->partners[i].party, name);
    node_view_release(n, &v);
    return found;
}

static const struct config_source *find_source(const struct node *n, const char *name) {
    for (unsigned i = 0; i < n->config->sources_count; i++)
        if (strcmp(n->config->sources[i].name, name) == 0) return &n->config->sources[i];
    return NULL;
}

enum err taxii_sync(struct node *n, const char *name, const struct taxii_sync_options *options,
                    struct taxii_sync_result *result, struct diag *d) {
    static const struct taxii_sync_options none;
    int64_t started = clock_monotonic_us();
    struct sync s = {.node = n, .options = options ? options : &none, .result = result};
    *result = (struct taxii_sync_result){0};
    arena_init(&s.arena, SYNC_ARENA_MAX);
    s.links.bytes = &s.bytes;
    s.links.client.stop = s.options->stop;
    s.links.client.stop_context = s.options->context;
    s.party = arena_copy(&s.arena, span_cstr(name));
    const struct config_source *source = find_source(n, name);
    enum err e = store_reader_open(n->live.store, &s.reader, d);
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
    result->bytes = atomic_load(&s.bytes);
    result->seconds = (double)(clock_monotonic_us() - started) / 1e6;
    return e;
}
