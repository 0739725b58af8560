#include "taxii/link.h"

#include <stdio.h>

#include "taxii/media.h"
#include "json/json.h"

enum { SAID_MAX = 200, SAID_ARENA_MAX = 1 << 20 };

enum err link_base(struct link_config *c, struct span url, struct diag *d) {
    while (url.len && url.at[url.len - 1] == '/') url.len--;
    if (url.len >= sizeof c->base - 512) return diag_set(d, ERR_LIMIT, "the server's URL is too long");
    memcpy(c->base, url.at, url.len);
    c->base[url.len] = 0;
    return ERR_NONE;
}

enum err link_open(const struct link_config *c, struct link *out, struct diag *d) {
    *out = (struct link){.config = c, .reply = HTTP_REPLY_EMPTY};
    return http_client_open(&c->client, &out->client, d);
}

void link_close(struct link *l) {
    http_client_close(&l->client);
    http_reply_free(&l->reply);
}

/* The description in a TAXII error object, or nothing. Not to be trusted: printable ASCII only, cut. */
static void what_it_says(struct span body, char out[SAID_MAX]) {
    struct arena a;
    struct json_doc doc;
    size_t len = 0;
    arena_init(&a, SAID_ARENA_MAX);
    if (!json_parse(&a, body, &doc, NULL)) {
        struct span text = json_text(json_get(json_root(&doc), "description"), &a);
        if (!text.len) text = json_text(json_get(json_root(&doc), "title"), &a);
        for (size_t i = 0; i < text.len && len + 1 < SAID_MAX; i++)
            out[len++] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
    }
    out[len] = 0;
    arena_free(&a);
}

static enum err judge(const struct link *l, const char *path, struct diag *d) {
    unsigned status = l->reply.status;
    char said[SAID_MAX];
    if (status / 100 == 2) return ERR_NONE;
    what_it_says(buf_span(&l->reply.body), said);
    enum err code = status == 401 || status == 403   ? ERR_DENIED
                    : status == 404                  ? ERR_NOT_FOUND
                    : status == 503 || status == 429 ? ERR_BUSY
                                                     : ERR_NETWORK;
    size_t shown = strcspn(path, "?");
    return diag_set(d, code, "%s%.*s answered %u%s%s", l->config->base, (int)shown, path, status, *said ? ": " : "",
                    said);
}

static enum err exchange(struct link *l, const char *method, const char *path, const struct http_param *headers,
                         size_t header_count, struct span body, size_t limit, struct diag *d) {
    char url[LINK_URL_MAX + 8192];
    int len = snprintf(url, sizeof url, "%s%s", l->config->base, path);
    if (len < 0 || (size_t)len >= sizeof url) return diag_set(d, ERR_LIMIT, "a URL is too long");
    enum err e = http_client_send(l->client, method, url, headers, header_count, body, limit, &l->reply, d);
    if (!e) atomic_fetch_add(l->config->bytes, l->reply.body.len);
    return e ? e : judge(l, path, d);
}

enum err link_get(struct link *l, const char *path, bool taxii, size_t limit, struct diag *d) {
    struct http_param accept = {SPAN("Accept"), SPAN(TAXII_MEDIA_TYPE)};
    return exchange(l, "GET", path, &accept, taxii ? 1 : 0, (struct span){0}, limit, d);
}

enum err link_post(struct link *l, const char *path, const char *type, struct span body, struct diag *d) {
    struct http_param header = {SPAN("Content-Type"), span_cstr(type)};
    return exchange(l, "POST", path, &header, 1, body, LINK_SMALL_MAX, d);
}
