/* What strangers write to the server's socket, as bytes: requests, halves of them, several in one. Whatever the handler
 * is given must be what its header promises, and read in one way only; the connection ends in time, and what is
 * answered is HTTP. The server runs in this process, on loopback, without TLS. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/time.h"
#include "http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    BODY_LIMIT = 4096,
    QUIET_MS = 2,           /* an answer takes far less; one that is late is not read */
    END_TIMEOUT_MS = 60000, /* a connection that lives longer hangs; far more than the server's own deadlines */
    SERVER_TIMEOUT_MS = 5000
};

static struct http_server *server; /* one for all inputs, never stopped */
static struct http_counts counts;

static void must(bool holds) {
    if (!holds) abort();
}

static bool has_control(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' && text.at[i] != '\t') return true;
    return false;
}

static size_t count_fields(const struct http_request *req, struct span name) {
    size_t count = 0;
    for (size_t i = 0; i < req->header_count; i++) count += span_equal_nocase(req->headers[i].name, name);
    return count;
}

/* Two readers of the same bytes must agree where the request ends (RFC 9112 §6.3). */
static void check_one_reading(const struct http_request *req) {
    size_t lengths = count_fields(req, SPAN("Content-Length")), codings = count_fields(req, SPAN("Transfer-Encoding"));
    struct span said;
    uint64_t length;
    must(lengths <= 1 && codings <= 1 && lengths + codings <= 1);
    if (lengths && http_request_header(req, "Content-Length", &said))
        must(span_u64(said, &length) && length == req->body.len);
    if (!lengths && !codings) must(req->body.len == 0);
}

static void handle(void *context, struct http_request *req, struct http_response *res) {
    struct span first, second;
    must(req->method.len > 0 && req->path.len > 0 && req->path.at[0] == '/');
    must(utf8_valid(req->path, NULL) && span_find_char(req->path, '\0') == SIZE_MAX);
    must(req->header_count <= HTTP_HEADER_COUNT_MAX && req->body.len <= BODY_LIMIT);
    for (size_t i = 0; i < req->header_count; i++)
        must(!has_control(req->headers[i].name) && !has_control(req->headers[i].value));
    check_one_reading(req);
    if (http_request_basic(req, &first, &second)) must(span_find_char(first, ':') == SIZE_MAX);
    if (http_request_bearer(req, &first)) must(first.len > 0);
    http_response_text(res, 200, "text/plain", req->body);
}

static void start(void) {
    struct http_server_config config = {.threads = 1,
                                        .body_limit = BODY_LIMIT,
                                        .handshake_timeout_ms = SERVER_TIMEOUT_MS,
                                        .idle_timeout_ms = SERVER_TIMEOUT_MS,
                                        .request_timeout_ms = SERVER_TIMEOUT_MS,
                                        .counts = &counts,
                                        .handler = handle};
    struct diag d;
    must(http_server_start(&config, &server, &d) == ERR_NONE);
}

static int connect_to_it(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http_server_port(server))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

/* What is answered until nothing comes for a while; the first bytes, if there are any, are a status line's. */
static void read_answers(int fd, size_t *got) {
    static const char version[] = "HTTP/1.";
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char bytes[65536];
    while (poll(&p, 1, QUIET_MS) == 1) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0) break;
        if (n >= (ssize_t)sizeof version - 1 && *got == 0) must(memcmp(bytes, version, sizeof version - 1) == 0);
        *got += (size_t)n;
    }
}

/* Reset, so that no state of the connection stays anywhere; what the server made of the input ends with it. */
static void disconnect(int fd) {
    struct linger now = {.l_onoff = 1};
    int64_t until = clock_monotonic_us() + END_TIMEOUT_MS * (int64_t)1000;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
    while (atomic_load(&counts.open)) {
        must(clock_monotonic_us() < until);
        usleep(50);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t got = 0;
    if (!server) start();
    int fd = connect_to_it();
    for (size_t sent = 0; sent < size;) {
        ssize_t n = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
        if (n < 0) break; /* it had enough */
        sent += (size_t)n;
    }
    read_answers(fd, &got);
    shutdown(fd, SHUT_WR);
    read_answers(fd, &got);
    disconnect(fd);
    return 0;
}
