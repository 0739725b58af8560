/* Reads a TAXII feed over mutual TLS, page by page with its `next` cursors, on several connections at once, for some
 * seconds, and prints pages a second. It trusts the server blindly: it measures, nothing else.
 *
 *   pages HOST PORT PATH CERTIFICATE KEY CONNECTIONS SECONDS
 */
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, BODY_MAX = 16 << 20 };

static struct {
    const char *host, *port, *path;
    SSL_CTX *tls;
    double until;
    atomic_ullong pages, bytes, failures;
} run;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static SSL *dial(void) {
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(run.host, run.port, &hints, &found) != 0) return NULL;
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    int bad = connect(fd, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    SSL *ssl = bad ? NULL : SSL_new(run.tls);
    if (ssl) SSL_set_fd(ssl, fd);
    if (ssl && SSL_connect(ssl) == 1) return ssl;
    close(fd);
    return NULL;
}

/* One answer into `at`, NUL-terminated; returns its length, 0 on failure. *body is where the body begins. */
static size_t answer(SSL *ssl, char *at, char **body) {
    size_t len = 0, want = 0;
    *body = NULL;
    while (!*body || len < want) {
        int got = SSL_read(ssl, at + len, (int)(BODY_MAX - len - 1));
        if (got <= 0) return 0;
        len += (size_t)got;
        at[len] = 0;
        if (*body || !(*body = strstr(at, "\r\n\r\n"))) continue;
        *body += 4;
        char *header = strcasestr(at, "content-length:");
        if (!header || strncmp(at + 9, "200", 3) != 0) return 0;
        want = (size_t)(*body - at) + strtoull(header + 15, NULL, 10);
    }
    return len;
}

static void *walk(void *unused) {
    char *text = malloc(BODY_MAX), next[512] = "", request[1024], *body;
    SSL *ssl = dial();
    (void)unused;
    while (text && ssl && now() < run.until) {
        int len =
            snprintf(request, sizeof request,
                     "GET %s?limit=100%s%s HTTP/1.1\r\nHost: %s\r\nAccept: application/taxii+json;version=2.1\r\n\r\n",
                     run.path, next[0] ? "&next=" : "", next, run.host);
        size_t got = SSL_write(ssl, request, len) == len ? answer(ssl, text, &body) : 0;
        if (got == 0) {
            atomic_fetch_add(&run.failures, 1);
            break;
        }
        atomic_fetch_add(&run.pages, 1);
        atomic_fetch_add(&run.bytes, got);
        /* `next` stands before the objects or behind them; a page without one is the last */
        char *mark = strstr(body, "\"next\":\"");
        next[0] = 0;
        if (mark) snprintf(next, sizeof next, "%.*s", (int)strcspn(mark + 8, "\""), mark + 8);
    }
    if (!ssl) atomic_fetch_add(&run.failures, 1);
    free(text);
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[CONNECTIONS_MAX];
    int connections = argc == 8 ? atoi(argv[6]) : 0;
    double seconds = argc == 8 ? atof(argv[7]) : 0;
    if (connections < 1 || connections > CONNECTIONS_MAX || seconds <= 0) {
        fputs("usage: pages HOST PORT PATH CERTIFICATE KEY CONNECTIONS SECONDS\n", stderr);
        return 2;
    }
    run.host = argv[1];
    run.port = argv[2];
    run.path = argv[3];
    run.tls = SSL_CTX_new(TLS_client_method());
    if (!run.tls || SSL_CTX_use_certificate_file(run.tls, argv[4], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(run.tls, argv[5], SSL_FILETYPE_PEM) != 1) {
        fputs("the certificate or key cannot be read\n", stderr);
        return 2;
    }
    double started = now();
    run.until = started + seconds;
    for (int i = 0; i < connections; i++) pthread_create(&threads[i], NULL, walk, NULL);
    for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
    double took = now() - started;
    printf("%.0f pages/s, %.1f kB a page, %.2f GB/s, %llu pages in %.1f s on %d connections, %llu failures\n",
           (double)run.pages / took, run.pages ? (double)run.bytes / (double)run.pages / 1e3 : 0,
           (double)run.bytes / took / 1e9, (unsigned long long)run.pages, took, connections,
           (unsigned long long)run.failures);
    return run.pages && !run.failures ? 0 : 1;
}
