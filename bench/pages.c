/* Reads a TAXII feed over mutual TLS, page by page with its `next` cursors, on several connections at once, for some
 * seconds, and prints pages a second. With `once` it ends with the last page. With `same`, the same target again and
 * again, and how long answers took; at RATE requests a second in all, counted from when each was due, so that a server
 * that stalls is charged for those that had to wait. It trusts the server blindly: it measures, nothing else.
 *
 *   pages HOST PORT PATH CERTIFICATE KEY CONNECTIONS SECONDS [once | same [RATE]]
 */
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, BODY_MAX = 16 << 20, TIMES_MAX = 4 << 20, BODY_SAME_MAX = 1 << 20 };

static struct {
    const char *host, *port, *path;
    SSL_CTX *tls;
    double started, until, rate;
    bool once; /* each connection ends with the feed's last page */
    int connections;
    atomic_int dialled;
    atomic_ullong pages, bytes, failures, timed;
    float *times; /* of `same`, seconds */
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
static size_t answer(SSL *ssl, char *at, size_t room, char **body) {
    size_t len = 0, want = 0;
    *body = NULL;
    while (!*body || len < want) {
        int got = SSL_read(ssl, at + len, (int)(room - len - 1));
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
        size_t got = SSL_write(ssl, request, len) == len ? answer(ssl, text, BODY_MAX, &body) : 0;
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
        if (!mark && run.once) break;
    }
    if (!ssl) atomic_fetch_add(&run.failures, 1);
    free(text);
    return NULL;
}

/* The same target until the time is over. */
static void *repeat(void *unused) {
    char *text = malloc(BODY_SAME_MAX), request[1024], *body;
    SSL *ssl = dial();
    int number = atomic_fetch_add(&run.dialled, 1);
    if (now() < run.started) usleep((useconds_t)((run.started - now()) * 1e6));
    double interval = run.rate > 0 ? run.connections / run.rate : 0;
    double due = run.started + interval * number / run.connections;
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/taxii+json;version=2.1\r\n\r\n", run.path,
                       run.host);
    (void)unused;
    while (text && ssl && now() < run.until) {
        if (interval > 0 && due > now()) usleep((useconds_t)((due - now()) * 1e6));
        double from = interval > 0 ? due : now();
        due += interval;
        size_t got = SSL_write(ssl, request, len) == len ? answer(ssl, text, BODY_SAME_MAX, &body) : 0;
        if (got == 0) {
            atomic_fetch_add(&run.failures, 1);
            break;
        }
        atomic_fetch_add(&run.pages, 1);
        atomic_fetch_add(&run.bytes, got);
        unsigned long long at = atomic_fetch_add(&run.timed, 1);
        if (at < TIMES_MAX) run.times[at] = (float)(now() - from);
    }
    if (!ssl) atomic_fetch_add(&run.failures, 1);
    free(text);
    return NULL;
}

static int by_time(const void *left, const void *right) {
    const float *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void print_times(void) {
    size_t count = run.timed < TIMES_MAX ? (size_t)run.timed : TIMES_MAX;
    if (count == 0) return;
    qsort(run.times, count, sizeof *run.times, by_time);
    printf("; half within %.2f ms, 99 %% within %.2f ms", run.times[count / 2] * 1e3,
           run.times[count * 99 / 100] * 1e3);
}

int main(int argc, char **argv) {
    pthread_t threads[CONNECTIONS_MAX];
    run.connections = argc >= 8 ? atoi(argv[6]) : 0;
    double seconds = argc >= 8 ? atof(argv[7]) : 0;
    bool same = argc >= 9 && strcmp(argv[8], "same") == 0;
    run.once = argc >= 9 && strcmp(argv[8], "once") == 0;
    run.rate = argc == 10 ? atof(argv[9]) : 0;
    if (run.connections < 1 || run.connections > CONNECTIONS_MAX || seconds <= 0 || argc > 10 ||
        (argc >= 9 && !same && !run.once)) {
        fputs("usage: pages HOST PORT PATH CERTIFICATE KEY CONNECTIONS SECONDS [once | same [RATE]]\n", stderr);
        return 2;
    }
    run.host = argv[1];
    run.port = argv[2];
    run.path = argv[3];
    run.times = same ? malloc(TIMES_MAX * sizeof *run.times) : NULL;
    run.tls = SSL_CTX_new(TLS_client_method());
    if (!run.tls || (same && !run.times) || SSL_CTX_use_certificate_file(run.tls, argv[4], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(run.tls, argv[5], SSL_FILETYPE_PEM) != 1) {
        fputs("the certificate or key cannot be read\n", stderr);
        return 2;
    }
    run.started = now() + (same ? 0.5 : 0); /* handshakes are over by then */
    run.until = run.started + seconds;
    for (int i = 0; i < run.connections; i++) pthread_create(&threads[i], NULL, same ? repeat : walk, NULL);
    for (int i = 0; i < run.connections; i++) pthread_join(threads[i], NULL);
    double took = now() - run.started;
    printf("%.0f pages/s, %.1f kB a page, %.2f GB/s, %llu pages in %.1f s on %d connections, %llu failures",
           (double)run.pages / took, run.pages ? (double)run.bytes / (double)run.pages / 1e3 : 0,
           (double)run.bytes / took / 1e9, (unsigned long long)run.pages, took, run.connections,
           (unsigned long long)run.failures);
    if (same) print_times();
    putchar('\n');
    return run.pages && !run.failures ? 0 : 1;
}
