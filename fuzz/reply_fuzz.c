/* What a server answers, as bytes: the client's parser of HTTP, and its unpacking. An error has a message; a reply
 * keeps within the limit, also unpacked. The server is a thread of this process that sends the input, whatever it was
 * asked. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLY_LIMIT = 1 << 20, TIMEOUT_MS = 60000, REQUEST_MAX = 8192 };

/* One input at a time: written before the client connects, read by the thread that accepted it, which counts it then.
 */
static const uint8_t *answer;
static size_t answer_size;
static atomic_uint served;
static int listener = -1;
static char url[64];

static void must(bool holds) {
    if (!holds) abort();
}

static void *serve(void *context) {
    char request[REQUEST_MAX];
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        if (recv(fd, request, sizeof request, 0) > 0)
            for (size_t sent = 0; sent < answer_size;) {
                ssize_t n = send(fd, answer + sent, answer_size - sent, MSG_NOSIGNAL);
                if (n < 0) break;
                sent += (size_t)n;
            }
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof request, 0) > 0) {
        } /* until the client is done with it */
        close(fd);
        atomic_fetch_add(&served, 1);
    }
    return NULL;
}

static void start(void) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    pthread_t thread;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 16) == 0);
    must(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/collections/a/objects/", ntohs(at.sin_port));
    must(pthread_create(&thread, NULL, serve, NULL) == 0);
    pthread_detach(thread);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct http_client_config config = {
        .connect_timeout_ms = TIMEOUT_MS, .stall_timeout_ms = TIMEOUT_MS, .timeout_ms = TIMEOUT_MS};
    struct http_client *client = NULL;
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d = {0};
    unsigned before = atomic_load(&served);
    if (listener < 0) start();
    answer = data;
    answer_size = size;
    must(http_client_open(&config, &client, &d) == ERR_NONE);
    if (http_client_send(client, "GET", url, NULL, 0, (struct span){0}, REPLY_LIMIT, &reply, &d)) {
        must(d.message[0]);
    } else {
        must(reply.status >= 100 && reply.status <= 599 && reply.body.len <= REPLY_LIMIT);
        for (size_t i = 0; i < reply.header_count; i++) must(span_find_char(reply.headers[i].value, '\n') == SIZE_MAX);
    }
    http_client_close(&client);
    http_reply_free(&reply);
    while (atomic_load(&served) == before) usleep(50); /* the input is its reader's until then */
    return 0;
}
