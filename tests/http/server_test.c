#include "fixture.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/time.h"

static void expect_text(const struct http_reply *reply, const char *part) {
    if (span_find(buf_span(&reply->body), span_cstr(part)) == SIZE_MAX)
        fail_msg("'%s' is not in '%.*s'", part, SPAN_ARG(buf_span(&reply->body)));
}

/* ---- TLS ---- */

static void mutual_tls(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    char pin[65], line[128];
    fixture_start(&f, (struct http_server_config){0}, true);
    struct http_client *c = fixture_client(&f, true);
    assert_int_equal(fixture_get(&f, c, "/echo", &reply), 200);
    hex_write(span_of(f.client_id->pin.b, SHA256_SIZE), pin);
    snprintf(line, sizeof line, "peer %s", pin);
    expect_text(&reply, line);
    assert_true(reply.has_peer);
    assert_true(sha256_equal(&reply.peer_pin, &f.server_id->pin));
    /* Both keys signed through their callbacks, once each: the second request uses the same connection. */
    assert_int_equal(fixture_get(&f, c, "/echo", &reply), 200);
    expect_text(&reply, line);
    assert_int_equal(atomic_load(&f.server_id->signatures), 1);
    assert_int_equal(atomic_load(&f.client_id->signatures), 1);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

static void without_client_certificate(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    fixture_start(&f, (struct http_server_config){0}, true);
    struct http_client *c = fixture_client(&f, false);
    assert_int_equal(fixture_get(&f, c, "/echo", &reply), 200);
    assert_true(span_find(buf_span(&reply.body), SPAN("peer")) == SIZE_MAX);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* A signer that refuses ends the handshake, and the server lives on. */
static void signer_refuses(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d = {0};
    fixture_start(&f, (struct http_server_config){0}, true);
    atomic_store(&f.server_id->broken, true);
    struct http_client *c = fixture_client(&f, false);
    assert_int_equal(http_client_send(c, "GET", f.base, NULL, 0, (struct span){0}, 1000, &reply, &d), ERR_NETWORK);
    atomic_store(&f.server_id->broken, false);
    assert_int_equal(fixture_get(&f, c, "/echo", &reply), 200);
    http_client_close(&c);
    atomic_store(&f.client_id->broken, true);
    c = fixture_client(&f, true);
    assert_int_equal(http_client_send(c, "GET", f.base, NULL, 0, (struct span){0}, 1000, &reply, &d), ERR_NETWORK);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* Whether a handshake succeeds that offers only this version. */
static bool handshake(struct fixture *f, int version) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0); /* OpenSSL itself would not offer TLS 1.1 */
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    SSL *ssl = SSL_new(context);
    int fd = raw_connect(f);
    SSL_set_fd(ssl, fd);
    bool ok = SSL_connect(ssl) == 1;
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return ok;
}

static void old_tls_is_refused(void **state) {
    struct fixture f = {0};
    fixture_start(&f, (struct http_server_config){0}, true);
    assert_true(handshake(&f, TLS1_3_VERSION));
    assert_true(handshake(&f, TLS1_2_VERSION));
    assert_false(handshake(&f, TLS1_1_VERSION));
    assert_false(handshake(&f, TLS1_VERSION));
    fixture_stop(&f);
}

/* TLS 1.2 with a suite that RFC 7540's appendix A lists: CBC, or without forward secrecy. */
static void weak_ciphers_are_refused(void **state) {
    static const char *const suites[] = {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256"};
    struct fixture f = {0};
    fixture_start(&f, (struct http_server_config){0}, true);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
        assert_int_equal(SSL_CTX_set_cipher_list(context, suites[i]), 1);
        SSL *ssl = SSL_new(context);
        int fd = raw_connect(&f);
        SSL_set_fd(ssl, fd);
        assert_int_not_equal(SSL_connect(ssl), 1);
        SSL_free(ssl);
        SSL_CTX_free(context);
        close(fd);
    }
    fixture_stop(&f);
}

static unsigned early_data; /* the most that any session ticket allowed */
static unsigned tickets;

static int note_ticket(SSL *ssl, SSL_SESSION *session) {
    unsigned allowed = SSL_SESSION_get_max_early_data(session);
    if (allowed > early_data) early_data = allowed;
    tickets++;
    return 0;
}

/* 0-RTT requests can be replayed by whoever saw them (TAXII 2.1 §8.2.2 forbids them). */
static void no_early_data(void **state) {
    struct fixture f = {0};
    char text[1024];
    fixture_start(&f, (struct http_server_config){0}, true);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(context, note_ticket);
    SSL *ssl = SSL_new(context);
    int fd = raw_connect(&f);
    SSL_set_fd(ssl, fd);
    early_data = tickets = 0;
    assert_int_equal(SSL_connect(ssl), 1);
    const char request[] = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(SSL_write(ssl, request, sizeof request - 1), sizeof request - 1);
    assert_true(SSL_read(ssl, text, sizeof text) > 0);
    assert_int_equal(early_data, 0);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    fixture_stop(&f);
}

/* ---- requests ---- */

static void decoding(void **state) {
    struct fixture f = {0};
    char text[4096];
    fixture_start(&f, (struct http_server_config){0}, false);
    int fd = raw_connect(&f);
    raw_send(fd, "GET /echo%20x/%E9%80%A3?match[id]=a%26b&next= HTTP/1.1\r\nHost: x\r\nX-TEST: 1\r\n\r\n");
    assert_int_equal(raw_read_response(fd, text, sizeof text), 200);
    assert_non_null(strstr(text, "GET /echo x/連\n?match[id]=a&b\n?next=\nX-Test: 1\n"));
    /* bad targets are answered, and the connection goes on */
    const char *bad[] = {"/echo/../page", "/echo%00", "/echo/%2e%2e/page", "/echo%2fx", "/echo?a=%zz", "/echo?%ff=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", bad[i]);
        raw_send(fd, request);
        assert_int_equal(raw_read_response(fd, text, sizeof text), 400);
    }
    assert_int_equal(atomic_load(&f.handled), 1);
    close(fd);
    fixture_stop(&f);
}

static void head(void **state) {
    struct fixture f = {0};
    char text[4096];
    fixture_start(&f, (struct http_server_config){0}, false);
    int fd = raw_connect(&f);
    raw_send(fd, "HEAD /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    size_t len = raw_read_all(fd, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 200 "));
    assert_non_null(strstr(text, "Content-Length: 70000\r\n"));
    assert_string_equal(text + len - 4, "\r\n\r\n");
    close(fd);
    fixture_stop(&f);
}

/* Two ways of saying where a body ends, or one said twice, never reach the handler. */
static void smuggling(void **state) {
    const char *const heads[] = {
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: 99999999999999999999999\r\n",
    };
    struct fixture f = {0};
    fixture_start(&f, (struct http_server_config){.request_timeout_ms = 500}, false);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char request[512], text[2048];
        int fd = raw_connect(&f);
        snprintf(request, sizeof request, "POST /echo HTTP/1.1\r\nHost: x\r\n%s\r\n0\r\n\r\n", heads[i]);
        raw_send(fd, request);
        raw_send(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        raw_read_all(fd, text, sizeof text); /* until the server closes */
        if (strstr(text, "HTTP/1.1 200")) fail_msg("accepted: %s", heads[i]);
        close(fd);
    }
    assert_int_equal(atomic_load(&f.handled), 0);
    fixture_stop(&f);
}

static void large_headers(void **state) {
    struct fixture f = {0};
    char text[4096];
    fixture_start(&f, (struct http_server_config){0}, false);
    struct buf request = BUF_EMPTY;
    buf_add_cstr(&request, "GET /echo HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < HTTP_HEADER_COUNT_MAX; i++) buf_printf(&request, "X-%d: y\r\n", i);
    buf_add_cstr(&request, "\r\n");
    int fd = raw_connect(&f);
    raw_send(fd, buf_cstr(&request));
    assert_int_equal(raw_read_response(fd, text, sizeof text), 431);
    close(fd);
    buf_clear(&request);
    buf_add_cstr(&request, "GET /echo?x=");
    for (int i = 0; i < HTTP_TARGET_MAX; i++) buf_add_char(&request, 'x');
    buf_add_cstr(&request, " HTTP/1.1\r\nHost: x\r\n\r\n");
    fd = raw_connect(&f);
    raw_send(fd, buf_cstr(&request));
    assert_int_equal(raw_read_response(fd, text, sizeof text), 414);
    close(fd);
    assert_int_equal(atomic_load(&f.handled), 0);
    buf_free(&request);
    fixture_stop(&f);
}

/* ---- bodies ---- */

static struct buf body_of(size_t len) {
    struct buf b = BUF_EMPTY;
    char *at = buf_reserve(&b, len);
    assert_non_null(at);
    for (size_t i = 0; i < len; i++) at[i] = (char)(i * 31 + i / 251);
    b.len = len;
    return b;
}

static unsigned post(struct fixture *f, struct http_client *c, const char *path, struct span body,
                     const struct http_param *headers, size_t count, struct http_reply *reply) {
    char url[256];
    struct diag d = {0};
    snprintf(url, sizeof url, "%s%s", f->base, path);
    if (http_client_send(c, "POST", url, headers, count, body, 64 << 20, reply, &d)) fail_msg("%s", d.message);
    return reply->status;
}

static void expect_body(const struct http_reply *reply, struct span body) {
    char hex[65], line[128];
    struct sha256 hash = sha256_of(body);
    hex_write(span_of(hash.b, SHA256_SIZE), hex);
    snprintf(line, sizeof line, "body %zu %s", body.len, hex);
    expect_text(reply, line);
}

static void bodies(void **state) {
    const size_t sizes[] = {0, 1, 70000, 1 << 20, 3 << 20};
    const struct http_param chunked = {SPAN("Transfer-Encoding"), SPAN("chunked")};
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    fixture_start(&f, (struct http_server_config){.body_limit = 3 << 20}, true);
    struct http_client *c = fixture_client(&f, true);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf body = body_of(sizes[i]);
        assert_int_equal(post(&f, c, "/echo", buf_span(&body), NULL, 0, &reply), 200);
        expect_body(&reply, buf_span(&body));
        assert_int_equal(post(&f, c, "/echo", buf_span(&body), &chunked, 1, &reply), 200);
        expect_body(&reply, buf_span(&body));
        buf_free(&body);
    }
    /* a byte more than the limit, announced and chunked; then the connection still serves */
    struct buf body = body_of((3 << 20) + 1);
    assert_int_equal(post(&f, c, "/echo", buf_span(&body), NULL, 0, &reply), 413);
    assert_int_equal(post(&f, c, "/echo", buf_span(&body), &chunked, 1, &reply), 413);
    assert_int_equal(fixture_get(&f, c, "/echo", &reply), 200);
    buf_free(&body);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* A client that writes its whole body before it reads, as many do, sees the 413 and not a reset connection. */
static void refusal_of_a_large_body_arrives(void **state) {
    struct fixture f = {0};
    char text[4096];
    fixture_start(&f, (struct http_server_config){.body_limit = 1000}, false);
    struct buf body = body_of(4 << 20);
    memset(body.at, 'x', body.len);
    int fd = raw_connect(&f);
    raw_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n");
    raw_send(fd, buf_cstr(&body));
    assert_int_equal(raw_read_response(fd, text, sizeof text), 413);
    raw_send(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_response(fd, text, sizeof text), 200);
    close(fd);
    /* one that waits for our consent gets the refusal instead, at once */
    fd = raw_connect(&f);
    raw_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(raw_read_response(fd, text, sizeof text), 413);
    close(fd);
    /* one that is too large even to drop */
    fd = raw_connect(&f);
    raw_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n");
    assert_int_equal(raw_read_response(fd, text, sizeof text), 413);
    close(fd);
    assert_int_equal(atomic_load(&f.handled), 1);
    buf_free(&body);
    fixture_stop(&f);
}

static size_t admit_small(void *context, const struct http_request *req) {
    return span_is(req->path, "/echo/small") ? 10 : span_is(req->path, "/echo/none") ? 0 : SIZE_MAX;
}

static void admission(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    fixture_start(&f, (struct http_server_config){.body_limit = 1000, .admit = admit_small}, false);
    struct http_client *c = fixture_client(&f, false);
    assert_int_equal(post(&f, c, "/echo/small", SPAN("0123456789"), NULL, 0, &reply), 200);
    assert_int_equal(post(&f, c, "/echo/small", SPAN("0123456789a"), NULL, 0, &reply), 413);
    assert_int_equal(post(&f, c, "/echo/none", SPAN("0"), NULL, 0, &reply), 413);
    assert_int_equal(post(&f, c, "/echo/none", SPAN(""), NULL, 0, &reply), 200);
    assert_int_equal(post(&f, c, "/echo", SPAN("0123456789a"), NULL, 0, &reply), 200);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* Many bodies at once may not together take more than the server allows; what was counted is given back. */
static void bodies_together(void **state) {
    struct fixture f = {0};
    char text[2048];
    fixture_start(&f, (struct http_server_config){.body_limit = 1000, .bodies_limit = 1200}, false);
    int first = raw_connect(&f), second = raw_connect(&f);
    raw_send(first, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 99; i++) raw_send(first, "0123456789");
    usleep(100 * 1000);
    raw_send(second, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n");
    for (int i = 0; i < 50; i++) raw_send(second, "0123456789");
    assert_int_equal(raw_read_response(second, text, sizeof text), 503);
    assert_non_null(strstr(text, "Retry-After"));
    raw_send(first, "0123456789");
    assert_int_equal(raw_read_response(first, text, sizeof text), 200);
    raw_send(second, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n");
    for (int i = 0; i < 50; i++) raw_send(second, "0123456789");
    assert_int_equal(raw_read_response(second, text, sizeof text), 200);
    close(first);
    close(second);
    fixture_stop(&f);
}

/* ---- responses ---- */

static void header_injection(void **state) {
    struct fixture f = {0};
    char text[2048];
    fixture_start(&f, (struct http_server_config){0}, false);
    int fd = raw_connect(&f);
    raw_send(fd, "GET /inject HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_response(fd, text, sizeof text), 500);
    assert_null(strstr(text, "stolen"));
    raw_send(fd, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_response(fd, text, sizeof text), 500);
    close(fd);
    fixture_stop(&f);
}

static void shared_body(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct span value;
    fixture_start(&f, (struct http_server_config){0}, true);
    struct http_client *c = fixture_client(&f, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_get(&f, c, "/page", &reply), 200);
        assert_true(span_equal(buf_span(&reply.body), http_body_span(f.page)));
        assert_true(http_reply_header(&reply, "x-taxii-date-added-first", &value));
        assert_true(span_is(value, "2020-01-01T00:00:00.000000Z"));
        assert_true(http_reply_header(&reply, "Content-Type", &value));
        assert_true(span_is(value, "application/taxii+json;version=2.1"));
    }
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* ---- time and number ---- */

static void expect_closed_within(int fd, int64_t from_ms, int64_t until_ms) {
    char text[2048];
    int64_t started = clock_monotonic_us();
    raw_read_all(fd, text, sizeof text);
    int64_t took_ms = (clock_monotonic_us() - started) / 1000;
    if (took_ms < from_ms || took_ms > until_ms) fail_msg("closed after %d ms", (int)took_ms);
    close(fd);
}

static void *trickle(void *context) {
    int fd = *(int *)context;
    for (int i = 0; i < 200; i++) {
        if (send(fd, "x", 1, MSG_NOSIGNAL) != 1) break;
        usleep(20 * 1000);
    }
    return NULL;
}

static void slow_clients(void **state) {
    struct fixture f = {0};
    fixture_start(
        &f, (struct http_server_config){.handshake_timeout_ms = 300, .idle_timeout_ms = 300, .request_timeout_ms = 600},
        false);
    char text[2048];
    expect_closed_within(raw_connect(&f), 100, 5000); /* says nothing */
    int fd = raw_connect(&f);                         /* says one thing and then nothing */
    raw_send(fd, "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_response(fd, text, sizeof text), 200);
    expect_closed_within(fd, 100, 5000);
    fd = raw_connect(&f); /* a byte now and then, for ever: in the headers, and in a body */
    pthread_t thread;
    pthread_create(&thread, NULL, trickle, &fd);
    int64_t started = clock_monotonic_us();
    pthread_join(thread, NULL);
    assert_true(clock_monotonic_us() - started < 3500000);
    close(fd);
    fd = raw_connect(&f);
    raw_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    pthread_create(&thread, NULL, trickle, &fd);
    started = clock_monotonic_us();
    pthread_join(thread, NULL);
    assert_true(clock_monotonic_us() - started < 3500000);
    close(fd);
    fixture_stop(&f);
}

static void connections_per_address(void **state) {
    struct fixture f = {0};
    char text[2048];
    fixture_start(&f, (struct http_server_config){.connections_per_address = 2}, false);
    int fds[3];
    for (int i = 0; i < 2; i++) {
        fds[i] = raw_connect(&f);
        raw_send(fds[i], "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(raw_read_response(fds[i], text, sizeof text), 200);
    }
    fds[2] = raw_connect(&f);
    raw_send(fds[2], "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(raw_read_all(fds[2], text, sizeof text), 0);
    for (int i = 0; i < 3; i++) close(fds[i]);
    fixture_stop(&f);
}

struct caller {
    pthread_t thread;
    struct fixture *f;
    unsigned ok;
};

static void *call_often(void *context) {
    struct caller *caller = context;
    struct http_client_config config = {
        .pins = &caller->f->server_id->pin, .pin_count = 1, .identity = &caller->f->client_id->key};
    struct http_client *c = NULL;
    struct http_reply reply = HTTP_REPLY_EMPTY;
    char url[128];
    if (http_client_open(&config, &c, NULL)) return NULL;
    for (int i = 0; i < 50; i++) {
        bool page = i % 2;
        snprintf(url, sizeof url, "%s%s", caller->f->base, page ? "/page" : "/echo");
        struct span body = page ? (struct span){0} : SPAN("body");
        if (http_client_send(c, page ? "GET" : "POST", url, NULL, 0, body, 1 << 20, &reply, NULL)) break;
        if (reply.status == 200 && (!page || span_equal(buf_span(&reply.body), http_body_span(caller->f->page))))
            caller->ok++;
    }
    http_reply_free(&reply);
    http_client_close(&c);
    return NULL;
}

static void many_at_once(void **state) {
    struct fixture f = {0};
    struct caller callers[8] = {0};
    fixture_start(&f, (struct http_server_config){.threads = 3}, true);
    for (size_t i = 0; i < 8; i++) {
        callers[i].f = &f;
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) pthread_join(callers[i].thread, NULL);
    for (size_t i = 0; i < 8; i++) assert_int_equal(callers[i].ok, 50);
    assert_int_equal(atomic_load(&f.server_id->signatures), 8); /* kept alive: one handshake each */
    fixture_stop(&f);
}

/* ---- starting and stopping ---- */

static void *get_slow(void *context) {
    struct caller *caller = context;
    struct http_client *c = fixture_client(caller->f, false);
    struct http_reply reply = HTTP_REPLY_EMPTY;
    char url[128];
    snprintf(url, sizeof url, "%s/slow", caller->f->base);
    if (!http_client_send(c, "GET", url, NULL, 0, (struct span){0}, 1000, &reply, NULL)) caller->ok = reply.status;
    http_reply_free(&reply);
    http_client_close(&c);
    return NULL;
}

/* A request under way when the server stops still gets its answer, and is told not to come back. */
static void graceful_stop(void **state) {
    struct fixture f = {0};
    struct caller caller = {.f = &f};
    fixture_start(&f, (struct http_server_config){0}, true);
    assert_int_equal(pthread_create(&caller.thread, NULL, get_slow, &caller), 0);
    while (!atomic_load(&f.handled)) usleep(1000);
    http_server_stop(&f.server, 5000);
    assert_null(f.server);
    pthread_join(caller.thread, NULL);
    assert_int_equal(caller.ok, 200);
    fixture_stop(&f);
}

static void bad_configurations(void **state) {
    struct fixture f = {0};
    struct http_server *other;
    struct diag d = {0};
    fixture_start(&f, (struct http_server_config){0}, false);
    struct http_server_config config = {.address = "127.0.0.1", .port = http_server_port(f.server)};
    assert_int_equal(http_server_start(&config, &other, &d), ERR_BUSY);
    assert_null(other);
    config = (struct http_server_config){.address = "not an address"};
    assert_int_equal(http_server_start(&config, &other, &d), ERR_INVALID);
    struct http_tls_key key = {.certificate = SPAN("not a certificate")};
    config = (struct http_server_config){.tls = &key};
    assert_int_equal(http_server_start(&config, &other, &d), ERR_SYNTAX);
    /* a certificate and somebody else's key */
    key = f.client_id->key;
    key.certificate = f.server_id->key.certificate;
    assert_int_equal(http_server_start(&config, &other, &d), ERR_INVALID);
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutual_tls),
        cmocka_unit_test(without_client_certificate),
        cmocka_unit_test(signer_refuses),
        cmocka_unit_test(old_tls_is_refused),
        cmocka_unit_test(weak_ciphers_are_refused),
        cmocka_unit_test(no_early_data),
        cmocka_unit_test(decoding),
        cmocka_unit_test(head),
        cmocka_unit_test(smuggling),
        cmocka_unit_test(large_headers),
        cmocka_unit_test(bodies),
        cmocka_unit_test(refusal_of_a_large_body_arrives),
        cmocka_unit_test(admission),
        cmocka_unit_test(bodies_together),
        cmocka_unit_test(header_injection),
        cmocka_unit_test(shared_body),
        cmocka_unit_test(slow_clients),
        cmocka_unit_test(connections_per_address),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(graceful_stop),
        cmocka_unit_test(bad_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
