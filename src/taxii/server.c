#include "taxii/server.h"

#include <stdlib.h>

#include "taxii/call.h"

enum { STOP_GRACE_MS = 15000 }; /* for a page to a slow partner; well within what systemd waits */

static enum err listen_now(struct taxii_server *s, struct diag *d) {
    enum err e = taxii_identity_take(s->node, &s->identity, d);
    if (e) return e;
    struct http_server_config config = {.address = s->address,
                                        .port = s->port,
                                        .listener = s->options.listener,
                                        .counts = s->options.counts,
                                        .tls = &s->identity.key,
                                        .body_limit = INBOX_CONTENT_MAX,
                                        .admit = taxii_admit,
                                        .handler = taxii_handle,
                                        .refused = taxii_refused,
                                        .context = s};
    e = http_server_start(&config, &s->http, d);
    if (e)
        taxii_identity_free(&s->identity);
    else
        s->port = http_server_port(s->http);
    return e;
}

static void listen_no_more(struct taxii_server *s) {
    http_server_stop(&s->http, STOP_GRACE_MS);
    taxii_identity_free(&s->identity);
}

/* renkei.yaml may name the machine as its card's URL does; a server needs an address. */
static void numeric_address(char *host, size_t size) {
    if (strcmp(host, "localhost") == 0) strncpy(host, "127.0.0.1", size);
}

static enum err make_limits(struct taxii_server *s, struct diag *d) {
    const struct config_limits *l = &s->node->config->limits;
    s->requests = http_limit_new(l->requests_per_second, l->burst);
    s->failures = http_limit_new(l->failures_per_minute / 60.0, l->failures_per_minute);
    return s->requests && s->failures ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory left for a server");
}

void taxii_server_reload_limits(struct taxii_server *s) {
    const struct config_limits *l = &((const struct config *)s->node->config)->limits;
    http_limit_set(s->requests, l->requests_per_second, l->burst);
    http_limit_set(s->failures, l->failures_per_minute / 60.0, l->failures_per_minute);
}

/* What the configuration says now. The port found for "any" is kept. */
static enum err take_address(struct taxii_server *s, struct diag *d) {
    char address[sizeof s->address];
    uint16_t port = 0;
    enum err e = config_listen(s->node->config, address, sizeof address, &port, d);
    if (e) return e;
    numeric_address(address, sizeof address);
    memcpy(s->address, address, sizeof address);
    if (port != s->port_said) s->port = port;
    s->port_said = port;
    return ERR_NONE;
}

enum err taxii_server_start(struct node *n, struct taxii_server **out, struct diag *d) {
    static const struct taxii_server_options none;
    return taxii_server_start_with(n, &none, out, d);
}

enum err taxii_server_start_with(struct node *n, const struct taxii_server_options *options, struct taxii_server **out,
                                 struct diag *d) {
    *out = NULL;
    struct taxii_server *s = calloc(1, sizeof *s);
    if (!s) return diag_set(d, ERR_NOMEM, "no memory left for a server");
    s->node = n;
    pthread_mutex_init(&s->lock, NULL);
    s->options = *options;
    enum err e = take_address(s, d);
    if (!e && !(s->pages = page_cache_new())) e = diag_set(d, ERR_NOMEM, "no memory left for pages");
    if (!e) e = make_limits(s, d);
    if (!e) e = callers_new(&s->callers, d);
    if (!e) e = inbox_open(n, &s->inbox, d);
    if (!e) e = listen_now(s, d);
    if (e) taxii_server_stop(&s);
    *out = s;
    return e;
}

void taxii_server_stop(struct taxii_server **server) {
    struct taxii_server *s = *server;
    if (!s) return;
    listen_no_more(s);
    inbox_close(&s->inbox);
    http_limit_free(&s->requests);
    http_limit_free(&s->failures);
    callers_free(&s->callers);
    page_cache_free(&s->pages);
    while (s->reader_count) store_reader_close(&s->readers[--s->reader_count]);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *server = NULL;
}

uint16_t taxii_server_port(const struct taxii_server *s) {
    return s->port;
}

bool taxii_server_is_current(const struct taxii_server *s) {
    return span_equal(buf_span(&s->identity.certificate), signer_tls_certificate(s->node->signer));
}

enum err taxii_server_restart(struct taxii_server *s, struct diag *d) {
    listen_no_more(s);
    enum err e = take_address(s, d);
    return e ? e : listen_now(s, d);
}

void taxii_server_forget_pages(struct taxii_server *s) {
    page_cache_clear(s->pages);
}
