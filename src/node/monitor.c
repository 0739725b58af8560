#include "node/monitor.h"

#include <stdlib.h>

#include "base/log.h"

enum {
    CONNECTIONS = 32, /* a scraper or two, and somebody's curl */
    TIMEOUT_MS = 10000,
    BODY_MAX = 1024, /* nothing here takes one */
    STOP_GRACE_MS = 1000
};

struct monitor {
    struct metrics *metrics;
    struct http_server *http;
};

static void send_metrics(struct monitor *m, struct http_response *res) {
    struct buf body = BUF_EMPTY;
    struct diag d;
    if (metrics_write(m->metrics, &body, &d)) {
        log_error("metrics: %s", d.message);
        buf_free(&body);
        http_response_text(res, 500, "text/plain; charset=utf-8", SPAN("the log tells more\n"));
        return;
    }
    http_response_take(res, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static void send_health(struct monitor *m, struct http_response *res) {
    struct buf body = BUF_EMPTY;
    bool wanted = metrics_health(m->metrics, &body);
    buf_add_char(&body, '\n');
    http_response_take(res, wanted ? 200 : 503, "application/json", &body);
}

/* A browser that was led here by some page shall not read it: a name that is not ours in Host is refused. */
static bool is_local(const struct http_request *req) {
    struct span host;
    if (!http_request_header(req, "Host", &host)) return true;
    return span_starts(host, SPAN("127.")) || span_starts(host, SPAN("localhost")) || span_starts(host, SPAN("[::1]"));
}

static void handle(void *context, struct http_request *req, struct http_response *res) {
    struct monitor *m = context;
    if (!is_local(req))
        http_response_text(res, 421, "text/plain; charset=utf-8", SPAN("ask by a loopback address\n"));
    else if (!span_is(req->method, "GET"))
        http_response_text(res, 405, "text/plain; charset=utf-8", SPAN("GET only\n"));
    else if (span_is(req->path, "/metrics"))
        send_metrics(m, res);
    else if (span_is(req->path, "/health"))
        send_health(m, res);
    else
        http_response_text(res, 404, "text/plain; charset=utf-8", SPAN("/health and /metrics are what there is\n"));
}

enum err monitor_start(struct node *n, struct metrics *metrics, struct monitor **out, struct diag *d) {
    const struct config *config = n->config;
    char host[256];
    uint16_t port;
    *out = NULL;
    if (!config->monitor) return ERR_NONE;
    enum err e = config_monitor(config, host, sizeof host, &port, d);
    struct monitor *m = e ? NULL : calloc(1, sizeof *m);
    if (e) return e;
    if (!m) return diag_set(d, ERR_NOMEM, "no memory for the monitor");
    m->metrics = metrics;
    struct http_server_config http = {.address = host,
                                      .port = port,
                                      .threads = 1,
                                      .body_limit = BODY_MAX,
                                      .handshake_timeout_ms = TIMEOUT_MS,
                                      .idle_timeout_ms = TIMEOUT_MS,
                                      .request_timeout_ms = TIMEOUT_MS,
                                      .connections = CONNECTIONS,
                                      .connections_per_address = CONNECTIONS,
                                      .handler = handle,
                                      .context = m};
    e = http_server_start(&http, &m->http, d);
    if (e) monitor_stop(&m);
    *out = m;
    return e;
}

void monitor_stop(struct monitor **m) {
    if (!*m) return;
    http_server_stop(&(*m)->http, STOP_GRACE_MS);
    free(*m);
    *m = NULL;
}

uint16_t monitor_port(const struct monitor *m) {
    return m ? http_server_port(m->http) : 0;
}
