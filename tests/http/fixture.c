#include "fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encode.h"

#define FROM  (INT64_C(1577836800) * TIME_US_PER_S) /* 2020-01-01 */
#define UNTIL (INT64_C(4102444800) * TIME_US_PER_S) /* 2100-01-01 */

enum { PAGE_SIZE_BYTES = 70000 };

static enum err count_and_sign(void *context, struct span digest, enum http_tls_hash hash, uint8_t *signature,
                               size_t *len) {
    struct identity *id = context;
    atomic_fetch_add(&id->signatures, 1);
    if (atomic_load(&id->broken)) return ERR_DENIED;
    return http_tls_private_sign(id->private, digest, hash, signature, len, NULL);
}

struct identity *identity_new(const char *name) {
    struct identity *id = calloc(1, sizeof *id);
    struct span names[] = {SPAN("127.0.0.1"), SPAN("localhost")};
    assert_int_equal(http_tls_certificate_make(span_cstr(name), names, 2, FROM, UNTIL, &id->pair, NULL), ERR_NONE);
    assert_int_equal(http_tls_private_load(buf_span(&id->pair.private_key), &id->private, NULL), ERR_NONE);
    assert_int_equal(http_tls_pin(buf_span(&id->pair.certificate), &id->pin, NULL), ERR_NONE);
    id->key = (struct http_tls_key){buf_span(&id->pair.certificate), count_and_sign, id};
    return id;
}

void identity_free(struct identity *id) {
    http_tls_private_free(&id->private);
    http_tls_pair_free(&id->pair);
    free(id);
}

/* Says what the request looked like, so that tests can compare text. */
static void echo(struct http_request *req, struct http_response *res) {
    struct buf out = BUF_EMPTY;
    struct span value;
    buf_printf(&out, "%.*s %.*s\n", SPAN_ARG(req->method), SPAN_ARG(req->path));
    for (size_t i = 0; i < req->query.count; i++)
        buf_printf(&out, "?%.*s=%.*s\n", SPAN_ARG(req->query.params[i].name), SPAN_ARG(req->query.params[i].value));
    if (http_request_header(req, "x-test", &value)) buf_printf(&out, "X-Test: %.*s\n", SPAN_ARG(value));
    struct span user, password, token;
    if (http_request_basic(req, &user, &password))
        buf_printf(&out, "basic %.*s %.*s\n", SPAN_ARG(user), SPAN_ARG(password));
    if (http_request_bearer(req, &token)) buf_printf(&out, "bearer %.*s\n", SPAN_ARG(token));
    if (req->has_peer) {
        buf_add_cstr(&out, "peer ");
        buf_add_hex(&out, span_of(req->peer_pin.b, SHA256_SIZE));
        buf_add_char(&out, '\n');
    }
    struct sha256 hash = sha256_of(req->body);
    buf_printf(&out, "body %zu ", req->body.len);
    buf_add_hex(&out, span_of(hash.b, SHA256_SIZE));
    http_response_take(res, 200, "text/plain", &out);
}

static void handler(void *context, struct http_request *req, struct http_response *res) {
    struct fixture *f = context;
    atomic_fetch_add(&f->handled, 1);
    if (span_starts(req->path, SPAN("/echo"))) {
        echo(req, res);
    } else if (span_is(req->path, "/page")) {
        http_response_share(res, 200, "application/taxii+json;version=2.1", f->page);
        http_response_header(res, "X-TAXII-Date-Added-First", SPAN("2020-01-01T00:00:00.000000Z"));
    } else if (span_is(req->path, "/inject")) {
        http_response_text(res, 200, "text/plain", SPAN("ok"));
        http_response_header(res, "X-Value", SPAN("a\r\nSet-Cookie: stolen"));
    } else if (span_is(req->path, "/nothing")) {
        /* the handler forgets to answer */
    } else if (span_is(req->path, "/slow")) {
        usleep(300 * 1000);
        http_response_text(res, 200, "text/plain", SPAN("at last"));
    } else if (span_is(req->path, "/moved")) {
        http_response_empty(res, 307);
        http_response_header(res, "Location", SPAN("/echo/moved"));
    } else if (span_is(req->path, "/elsewhere")) {
        http_response_empty(res, 302);
        http_response_header(res, "Location", SPAN("https://localhost:1/echo"));
    } else if (span_is(req->path, "/round")) {
        http_response_empty(res, 302);
        http_response_header(res, "Location", SPAN("/round"));
    } else if (span_is(req->path, "/encoded")) { /* the body comes back, called gzip or zstd */
        struct span coding;
        http_response_text(res, 200, "application/octet-stream", req->body);
        if (http_query_get(req, "coding", &coding)) http_response_header(res, "Content-Encoding", coding);
    } else {
        http_response_text(res, 404, "text/plain", SPAN("no such thing"));
    }
}

void fixture_start(struct fixture *f, struct http_server_config config, bool tls) {
    struct diag d = {0};
    struct buf page = BUF_EMPTY;
    f->server_id = identity_new("SERVER");
    f->client_id = identity_new("CLIENT");
    for (size_t i = 0; i < PAGE_SIZE_BYTES; i++) buf_add_char(&page, (char)('a' + i % 26));
    f->page = http_body_new(&page);
    config.handler = handler;
    config.context = f;
    config.tls = tls ? &f->server_id->key : NULL;
    if (http_server_start(&config, &f->server, &d)) fail_msg("%s", d.message);
    atomic_store(&f->server_id->signatures, 0); /* GnuTLS tried the key once */
    snprintf(f->base, sizeof f->base, "%s://127.0.0.1:%u", tls ? "https" : "http", http_server_port(f->server));
}

void fixture_stop(struct fixture *f) {
    http_server_stop(&f->server, 1000);
    http_body_unref(&f->page);
    identity_free(f->server_id);
    identity_free(f->client_id);
}

struct http_client *fixture_client(struct fixture *f, bool identified) {
    struct http_client_config config = {.pins = &f->server_id->pin,
                                        .pin_count = 1,
                                        .identity = identified ? &f->client_id->key : NULL,
                                        .timeout_ms = 20000};
    struct http_client *c;
    struct diag d = {0};
    if (http_client_open(&config, &c, &d)) fail_msg("%s", d.message);
    return c;
}

unsigned fixture_get(struct fixture *f, struct http_client *c, const char *path, struct http_reply *reply) {
    char url[1024];
    struct diag d = {0};
    snprintf(url, sizeof url, "%s%s", f->base, path);
    if (http_client_send(c, "GET", url, NULL, 0, (struct span){0}, 1 << 20, reply, &d)) fail_msg("%s", d.message);
    return reply->status;
}

int raw_connect(struct fixture *f) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_server_port(f->server))};
    struct timeval patience = {.tv_sec = 20};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void raw_send(int fd, const char *text) {
    size_t len = strlen(text);
    while (len) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the server may have closed; what it said is still to be read */
        text += sent;
        len -= (size_t)sent;
    }
}

size_t raw_read_all(int fd, char *text, size_t size) {
    size_t len = 0;
    while (len < size - 1) {
        ssize_t got = recv(fd, text + len, size - 1 - len, 0);
        if (got <= 0) break;
        len += (size_t)got;
    }
    text[len] = 0;
    return len;
}

unsigned raw_read_response(int fd, char *text, size_t size) {
    size_t len = 0, want = SIZE_MAX;
    while (len < size - 1 && len < want) {
        ssize_t got = recv(fd, text + len, 1, 0);
        if (got <= 0) break;
        text[++len] = 0;
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "Content-Length: ");
        if (end && length && want == SIZE_MAX)
            want = (size_t)(end + 4 - text) + strtoul(length + strlen("Content-Length: "), NULL, 10);
    }
    unsigned status = 0;
    (void)sscanf(text, "HTTP/1.1 %u", &status);
    return status;
}
