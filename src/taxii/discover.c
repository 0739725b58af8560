#include "taxii/discover.h"

#include <stdio.h>

#include "http/srv.h"
#include "json/json.h"

static bool without_slash_at_end(struct span *url) {
    while (url->len && url->at[url->len - 1] == '/') url->len--;
    return url->len > 0;
}

bool discover_root_url(struct span server, struct span root, struct arena *a, struct span *out) {
    for (size_t i = 0; i < root.len; i++)
        if (root.at[i] <= ' ' || root.at[i] == '?' || root.at[i] == '#' || root.at[i] == '\\' || root.at[i] > '~')
            return false;
    if (span_starts(root, SPAN("/"))) { /* of this server; "//" would be of another */
        if (span_starts(root, SPAN("//"))) return false;
        *out = arena_printf(a, "%.*s%.*s", SPAN_ARG(server), SPAN_ARG(root));
        return out->at && without_slash_at_end(out);
    }
    /* The port may be left out where it is HTTPS's own. */
    struct span bare = server;
    if (span_ends(server, SPAN(":443"))) bare = span_first(server, server.len - strlen(":443"));
    const struct span servers[] = {server, bare};
    for (size_t i = 0; i < 2; i++) {
        if (!span_starts(root, servers[i]) || root.len <= servers[i].len || root.at[servers[i].len] != '/') continue;
        *out = arena_copy(a, root);
        return out->at && without_slash_at_end(out);
    }
    return false;
}

/* A resource at the links' base + path. */
static enum err get(const struct link_config *links, const char *path, struct arena *a, struct json_doc *out,
                    struct diag *d) {
    struct link link;
    enum err e = link_open(links, &link, d);
    if (!e) e = link_get(&link, path, true, LINK_SMALL_MAX, d);
    if (!e) {
        struct span kept = arena_copy(a, buf_span(&link.reply.body));
        e = kept.at ? json_parse(a, kept, out, d) : diag_set(d, ERR_NOMEM, "no memory left for a sync");
    }
    link_close(&link);
    return e;
}

static struct span id_of(struct json_doc *collections, struct span name, struct arena *a) {
    for (struct json_iter it = json_iter(json_get(json_root(collections), "collections")); json_next(&it);) {
        struct span id = json_text(json_get(it.value, "id"), a);
        if (id.len && (span_equal(id, name) || json_is(json_get(it.value, "alias"), name) ||
                       json_is(json_get(it.value, "title"), name)))
            return id;
    }
    return (struct span){0};
}

/* Whether the root has the collection: then its URL is the links' base. */
static enum err look_in(struct link_config *links, struct span root, struct span name, struct arena *a, bool *found,
                        struct diag *d) {
    struct json_doc collections;
    enum err e = link_base(links, root, d);
    if (!e) e = get(links, "/collections/", a, &collections, d);
    if (e) return e;
    struct span id = id_of(&collections, name, a);
    *found = id.len > 0;
    if (!*found) return ERR_NONE;
    struct span url = arena_printf(a, "%.*s/collections/%.*s", SPAN_ARG(root), SPAN_ARG(id));
    return url.at ? link_base(links, url, d) : diag_set(d, ERR_NOMEM, "no memory left for a sync");
}

static enum err look_through(struct link_config *links, struct span server, struct span name, struct arena *a,
                             struct diag *d) {
    struct json_doc discovery;
    struct span root, first = {0};
    struct diag ignored;
    bool found = false;
    unsigned looked = 0;
    enum err e = link_base(links, server, d);
    if (!e) e = get(links, "/taxii2/", a, &discovery, d);
    if (e) return e;
    struct json_value said = json_root(&discovery);
    if (discover_root_url(server, json_text(json_get(said, "default"), a), a, &first)) {
        looked++;
        if (!look_in(links, first, name, a, &found, &ignored) && found) return ERR_NONE;
    }
    for (struct json_iter it = json_iter(json_get(said, "api_roots")); json_next(&it) && looked < DISCOVER_ROOTS_MAX;) {
        if (!discover_root_url(server, json_text(it.value, a), a, &root) || span_equal(root, first)) continue;
        looked++;
        if (!look_in(links, root, name, a, &found, &ignored) && found) return ERR_NONE;
    }
    return diag_set(d, ERR_NOT_FOUND, "none of the %u API roots of %.*s shows a collection %.*s", looked,
                    SPAN_ARG(server), SPAN_ARG(name));
}

enum err discover_collection(struct link_config *links, const char *nameserver, const char *domain, const char *name,
                             struct arena *a, struct diag *d) {
    struct http_srv servers[HTTP_SRV_MAX];
    size_t count;
    enum err e = http_srv_find(nameserver, "_taxii2._tcp", domain, servers, &count, d);
    for (size_t i = 0; !e && i < count; i++) {
        struct span server = arena_printf(a, "https://%s:%u", servers[i].host, servers[i].port);
        if (!server.at) return diag_set(d, ERR_NOMEM, "no memory left for a sync");
        enum err looked = look_through(links, server, span_cstr(name), a, d);
        if (looked != ERR_NETWORK || i + 1 == count) return looked; /* the next server when this one is not there */
    }
    return e;
}
