#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "http/connection.h"

enum {
    LISTEN_BACKLOG = 512,
    THREADS_MAX = 64,
    SWEEP_INTERVAL_MS_MAX = 1000, /* how late a deadline may be noticed */
    SWEEP_INTERVAL_MS_MIN = 20,
    STOP_POLL_MS = 5
};

/* ---- deadlines ---- */

static unsigned sweep_interval_ms(const struct http_server_config *config) {
    unsigned shortest = config->handshake_timeout_ms;
    if (config->idle_timeout_ms < shortest) shortest = config->idle_timeout_ms;
    if (config->request_timeout_ms < shortest) shortest = config->request_timeout_ms;
    unsigned interval = shortest / 4;
    if (interval > SWEEP_INTERVAL_MS_MAX) interval = SWEEP_INTERVAL_MS_MAX;
    return interval < SWEEP_INTERVAL_MS_MIN ? SWEEP_INTERVAL_MS_MIN : interval;
}

/* Shuts down the sockets whose deadline has passed; the thread that polls them sees the end and cleans up. Absolute
 * deadlines, because libmicrohttpd's own timeout starts anew with every byte. */
static void sweep(struct http_server *s) {
    int64_t now = clock_monotonic_us();
    for (struct connection *c = s->connections; c; c = c->next) {
        if (atomic_load_explicit(&c->deadline_us, memory_order_relaxed) > now) continue;
        log_debug("%s timed out", c->remote);
        if (s->config.counts) atomic_fetch_add(&s->config.counts->timed_out, 1);
        shutdown(c->fd, SHUT_RDWR);
        atomic_store_explicit(&c->deadline_us, INT64_MAX, memory_order_relaxed);
    }
}

static void *sweeper_main(void *context) {
    struct http_server *s = context;
    unsigned interval = sweep_interval_ms(&s->config);
    pthread_mutex_lock(&s->lock);
    while (!s->sweeper_stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += (long)interval * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&s->wake, &s->lock, &until);
        sweep(s);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- starting ---- */

static void fill_defaults(struct http_server_config *c) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (!c->address) c->address = "127.0.0.1";
    if (!c->threads) c->threads = processors > 0 ? (unsigned)processors : 1;
    if (c->threads > THREADS_MAX) c->threads = THREADS_MAX;
    if (!c->body_limit) c->body_limit = HTTP_BODY_LIMIT_DEFAULT;
    if (!c->bodies_limit && __builtin_mul_overflow(c->body_limit, 4, &c->bodies_limit)) c->bodies_limit = SIZE_MAX;
    if (!c->handshake_timeout_ms) c->handshake_timeout_ms = HTTP_HANDSHAKE_TIMEOUT_MS_DEFAULT;
    if (!c->idle_timeout_ms) c->idle_timeout_ms = HTTP_IDLE_TIMEOUT_MS_DEFAULT;
    if (!c->request_timeout_ms) c->request_timeout_ms = HTTP_REQUEST_TIMEOUT_MS_DEFAULT;
    if (!c->connections) c->connections = HTTP_CONNECTIONS_DEFAULT;
    if (c->connections < c->threads) c->connections = c->threads; /* libmicrohttpd wants one a thread at least */
    if (!c->connections_per_address) c->connections_per_address = HTTP_CONNECTIONS_PER_ADDRESS_DEFAULT;
}

/* A second descriptor of a socket that somebody else opened: libmicrohttpd closes the one it is given. */
static enum err take_socket(const struct http_server_config *config, int *out, uint16_t *port, struct diag *d) {
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    socklen_t len = sizeof address;
    int fd = fcntl(config->listener, F_DUPFD_CLOEXEC, 3);
    /* Listened on again: the server before, when it closed its own descriptor, shut the socket down. */
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &len) || fcntl(fd, F_SETFL, O_NONBLOCK) ||
        listen(fd, LISTEN_BACKLOG)) {
        if (fd >= 0) close(fd);
        return diag_set(d, ERR_IO, "the socket that was passed cannot be listened on: %s", strerror(errno));
    }
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6) {
        close(fd);
        return diag_set(d, ERR_INVALID, "the socket that was passed is no TCP socket");
    }
    *port = ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    *out = fd;
    return ERR_NONE;
}

/* Our own socket rather than libmicrohttpd's, so that the reason for a failure can be told. */
static enum err open_socket(const struct http_server_config *config, int *out, uint16_t *port, struct diag *d) {
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    socklen_t len = sizeof *v4;
    int on = 1, off = 0;

    if (inet_pton(AF_INET, config->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(config->port);
    } else if (inet_pton(AF_INET6, config->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(config->port);
        len = sizeof *v6;
    } else {
        return diag_set(d, ERR_INVALID, "'%s' is not a numeric IP address to listen on", config->address);
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return diag_set(d, ERR_IO, "no socket to listen on: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, LISTEN_BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&address, &len)) {
        enum err code = errno == EADDRINUSE ? ERR_BUSY : ERR_IO;
        (void)diag_set(d, code, "cannot listen on %s port %u: %s", config->address, config->port, strerror(errno));
        close(fd);
        return code;
    }
    *port = ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    *out = fd;
    return ERR_NONE;
}

static void log_libmicrohttpd(void *context, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void log_libmicrohttpd(void *context, const char *format, va_list args) {
    char line[256];
    vsnprintf(line, sizeof line, format, args);
    log_debug("libmicrohttpd: %s", line);
}

/* libmicrohttpd insists on knowing a certificate; ours are set session by session (connection_notify). Should that
 * have failed, this ends the handshake. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *cas, int ca_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **certificates,
                          unsigned *count, gnutls_privkey_t *key) {
    return -1;
}

/* Targets are decoded by http_path_decode(), not by libmicrohttpd. */
static size_t leave_escaped(void *context, struct MHD_Connection *mhd, char *text) {
    return strlen(text);
}

static enum MHD_Result accept_policy(void *context, const struct sockaddr *address, socklen_t len) {
    const struct http_server *s = context;
    return atomic_load(&s->stopping) ? MHD_NO : MHD_YES;
}

static enum err start_daemon(struct http_server *s, int fd, struct diag *d) {
    const struct http_server_config *c = &s->config;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)no_certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)HTTP_TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (s->tls) flags |= MHD_USE_TLS;
    unsigned longest_ms = c->request_timeout_ms > c->idle_timeout_ms ? c->request_timeout_ms : c->idle_timeout_ms;
    s->daemon = MHD_start_daemon(
        flags, 0, accept_policy, s, connection_handle, s, MHD_OPTION_EXTERNAL_LOGGER, log_libmicrohttpd, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, c->threads, MHD_OPTION_CONNECTION_LIMIT,
        c->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, c->connections_per_address,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADERS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        longest_ms / 1000 + 2, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, connection_target, s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, connection_completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, s, MHD_OPTION_ARRAY, s->tls ? tls : none, MHD_OPTION_END);
    if (!s->daemon) return diag_set(d, ERR_IO, "the HTTP server did not start on %s port %u", c->address, s->port);
    return ERR_NONE;
}

static enum err start_sweeper(struct http_server *s, struct diag *d) {
    if (pthread_create(&s->sweeper, NULL, sweeper_main, s))
        return diag_set(d, ERR_IO, "no thread for the HTTP server's deadlines");
    s->sweeper_started = true;
    return ERR_NONE;
}

static void init_lock(struct http_server *s) {
    pthread_condattr_t monotonic;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

enum err http_server_start(const struct http_server_config *config, struct http_server **out, struct diag *d) {
    *out = NULL;
    struct http_server *s = calloc(1, sizeof *s);
    if (!s) return diag_set(d, ERR_NOMEM, "no memory left for an HTTP server");
    s->config = *config;
    fill_defaults(&s->config);
    init_lock(s);
    int fd = -1;
    enum err err = config->tls ? http_tls_server_new(config->tls, &s->tls, d) : ERR_NONE;
    if (!err)
        err = config->listener ? take_socket(&s->config, &fd, &s->port, d) : open_socket(&s->config, &fd, &s->port, d);
    if (!err) err = start_sweeper(s, d);
    if (!err) {
        err = start_daemon(s, fd, d);
        fd = -1; /* libmicrohttpd's, also when it fails */
    }
    if (err) {
        if (fd >= 0) close(fd);
        http_server_stop(&s, 0);
        return err;
    }
    s->config.address = NULL; /* the caller's; not needed any more */
    *out = s;
    return ERR_NONE;
}

uint16_t http_server_port(const struct http_server *s) {
    return s->port;
}

/* ---- stopping ---- */

void http_server_stop(struct http_server **server, unsigned grace_ms) {
    struct http_server *s = *server;
    if (!s) return;
    *server = NULL;
    /* Not MHD_quiesce_daemon(): with several threads it races with a thread that has reached its connection limit,
     * and then aborts the process. New connections are dropped by accept_policy() instead. */
    atomic_store(&s->stopping, true);
    int64_t until = clock_monotonic_us() + (int64_t)grace_ms * 1000;
    while (s->daemon && atomic_load(&s->requests) && clock_monotonic_us() < until) usleep(STOP_POLL_MS * 1000);
    if (s->daemon) MHD_stop_daemon(s->daemon); /* closes connections and the listening socket, joins the threads */
    if (s->sweeper_started) {
        pthread_mutex_lock(&s->lock);
        s->sweeper_stop = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->sweeper, NULL);
    }
    http_tls_server_free(&s->tls);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
