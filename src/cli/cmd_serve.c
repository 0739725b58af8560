#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "node/indicators.h"
#include "node/monitor.h"
#include "node/sandbox.h"
#include "node/socket.h"
#include "share/release.h"
#include "share/text.h"
#include "taxii/server.h"
#include "taxii/sync.h"

enum { RELEASE_EVERY_S = 10, TICK_MS = 200, PASSED_FD = 3 /* sd_listen_fds(3) */ };

struct serving {
    struct node *node;
    struct node_indicators *indicators;
    struct taxii_server *taxii;
    struct socket_server *socket;
    struct metrics *metrics;
    struct monitor *monitor;
    const char *port_file;
    pthread_t keeper;
    atomic_bool stop;
    pthread_mutex_t restarting;
    time_us sync_every; /* 0 = never */
};

/* systemd's readiness protocol: one datagram. */
static void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof address.sun_path) return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, len) < 0)
        log_warn("systemd was not told: %s", strerror(errno));
    close(fd);
}

/* As many files as may be: the shell's usual 1024 are fewer than the connections the server takes. */
static void raise_file_limit(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur == files.rlim_max) return;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files)) log_warn("the limit of open files cannot be raised: %s", strerror(errno));
}

/* The listening socket that systemd opened for us, if it did (sd_listen_fds(3), by hand); 0 for none. */
static int passed_socket(void) {
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    uint64_t number = 0;
    bool ours = pid && count && span_u64(span_cstr(pid), &number) && number == (uint64_t)getpid() &&
                span_u64(span_cstr(count), &number) && number > 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (ours && number > 1) log_warn("systemd passed %u sockets; the first is served", (unsigned)number);
    if (ours) fcntl(PASSED_FD, F_SETFD, FD_CLOEXEC);
    return ours ? PASSED_FD : 0;
}

/* ---- what goes on in the background ---- */

static bool stopping(void *context) {
    return atomic_load(&((struct serving *)context)->stop);
}

static void sync_partners(struct serving *s) {
    struct node_view *v = node_view(s->node);
    for (size_t i = 0; i < v->partner_count && !stopping(s); i++) {
        struct taxii_sync_options options = {.stop = stopping, .context = s};
        struct taxii_sync_result *r = calloc(1, sizeof *r);
        char name[64];
        struct diag d = {0};
        snprintf(name, sizeof name, "%.*s", SPAN_ARG(v->partners[i].party));
        enum err e = r ? taxii_sync(s->node, name, &options, r, &d) : diag_set(&d, ERR_NOMEM, "no memory");
        if (e && stopping(s)) e = ERR_NONE; /* it was asked to */
        metrics_sync(s->metrics, name, e ? d.message : "", r ? r->added : 0);
        if (e)
            log_warn("sync with %s: %s", name, d.message);
        else
            log_info("synced with %s: %llu new objects", name, r ? (unsigned long long)r->added : 0);
        free(r);
    }
    node_view_release(s->node, &v);
}

/* What was imported or synced is matched against from now on. */
static void renew_indicators(struct serving *s) {
    bool renewed;
    struct diag d = {0};
    if (node_indicators_renew(s->indicators, &renewed, &d))
        log_warn("compiling the indicators: %s", d.message);
    else if (renewed)
        log_info("the indicators are compiled anew");
}

/* Time alone changes what may go out (an agreement takes effect), and the search index follows what came in. */
static void keep_up(struct serving *s) {
    struct node_view *v = node_view(s->node);
    struct share_context c;
    struct release_totals totals;
    struct diag d = {0};
    uint64_t left = 1;
    node_share_context(s->node, &s->node->live, v, &c);
    enum err e = release_run(&c, NULL, NULL, &totals, &d);
    if (e) log_warn("deciding releases: %s", d.message);
    metrics_kept_up(s->metrics, e ? d.message : "");
    while (left > 0 && !stopping(s)) {
        if (!text_fill(&c, &left, &d)) continue;
        log_warn("indexing text: %s", d.message);
        break;
    }
    node_view_release(s->node, &v);
}

static void *keeper_run(void *context) {
    struct serving *s = context;
    /* Both are due at once. */
    int64_t released = clock_monotonic_us() - RELEASE_EVERY_S * TIME_US_PER_S;
    int64_t synced = clock_monotonic_us() - s->sync_every;
    while (!stopping(s)) {
        int64_t now = clock_monotonic_us();
        if (now - released >= RELEASE_EVERY_S * TIME_US_PER_S) {
            released = now;
            keep_up(s);
            renew_indicators(s);
        }
        if (s->sync_every && now - synced >= s->sync_every) {
            synced = now;
            sync_partners(s);
        }
        usleep(TICK_MS * 1000);
    }
    return NULL;
}

/* The signer has the new TLS key from the moment the operation ends: the server must not present the old certificate
 * any longer. */
static void after_operation(void *context, const struct op *op) {
    struct serving *s = context;
    struct diag d = {0};
    if (strncmp(op->name, "erase", 5) == 0) taxii_server_forget_pages(s->taxii);
    if (strcmp(op->name, "key.rotate") != 0) return;
    pthread_mutex_lock(&s->restarting);
    if (taxii_server_restart(s->taxii, &d)) log_error("TLS does not start with the new key: %s", d.message);
    pthread_mutex_unlock(&s->restarting);
}

/* ---- reloading ---- */

/* Beside and renamed, so that nobody reads half of it. Not synced: it is of use only while this process lives. */
static enum err write_port(const char *path, uint16_t port, struct diag *d) {
    char *beside = NULL;
    if (!path) return ERR_NONE;
    if (asprintf(&beside, "%s.new", path) < 0) return diag_set(d, ERR_NOMEM, "no memory");
    FILE *f = fopen(beside, "w");
    bool written = f && fprintf(f, "%u\n", port) > 0;
    if (f && fclose(f) != 0) written = false;
    if (!written || rename(beside, path) != 0) {
        diag_set(d, ERR_IO, "cannot write %s: %s", path, strerror(errno));
        written = false;
    }
    free(beside);
    return written ? ERR_NONE : ERR_IO;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Partners' connections are closed only when the certificate or the address is another one. */
static void restart_if_needed(struct serving *s, const struct config *before, const struct config *now) {
    struct diag d = {0};
    if (!same_text(before->listen, now->listen) || (!now->listen && !same_text(before->url, now->url)) ||
        !taxii_server_is_current(s->taxii)) {
        if (taxii_server_restart(s->taxii, &d)) log_error("TLS does not start again: %s", d.message);
        struct diag ignored;
        if (write_port(s->port_file, taxii_server_port(s->taxii), &ignored)) log_warn("%s", ignored.message);
    }
    if (same_text(before->monitor, now->monitor)) return;
    monitor_stop(&s->monitor);
    if (monitor_start(s->node, s->metrics, &s->monitor, &d)) log_error("the monitor: %s", d.message);
}

/* SIGHUP: renkei.yaml and the certificate anew; with a mistake in them all stays as it was. */
static void reload(struct serving *s) {
    const struct config *before = s->node->config;
    struct diag d = {0};
    char text[1024], since[64];
    snprintf(since, sizeof since, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic_us());
    notify(since);
    pthread_mutex_lock(&s->restarting);
    enum err e = node_reload(s->node, &d);
    if (!e) taxii_server_reload_limits(s->taxii);
    if (!e) restart_if_needed(s, before, s->node->config);
    pthread_mutex_unlock(&s->restarting);
    metrics_reloaded(s->metrics, !e);
    if (e)
        log_error("not reloaded: %s", diag_text(&d, text, sizeof text));
    else
        log_warn("reloaded renkei.yaml and the certificate");
    notify("READY=1");
}

/* ---- the command ---- */

static void wait_for_end(struct serving *s, const sigset_t *signals) {
    for (;;) {
        int got = sigwaitinfo(signals, NULL);
        if (got == SIGINT || got == SIGTERM) return;
        if (got == SIGHUP) reload(s);
    }
}

static int serve(const struct cli *cli, struct serving *s, const sigset_t *signals) {
    struct diag d = {0};
    char *home = cli_home(cli);
    struct taxii_server_options taxii = {.listener = passed_socket()};
    enum err e = home ? node_open(home, NODE_WRITE, &s->node, &d) : diag_set(&d, ERR_NOMEM, "no memory");
    if (!e && !(s->metrics = metrics_new(s->node))) e = diag_set(&d, ERR_NOMEM, "no memory");
    if (!e) e = node_indicators_new(s->node, &s->indicators, &d);
    if (!e) taxii.counts = metrics_http(s->metrics);
    if (!e) e = taxii_server_start_with(s->node, &taxii, &s->taxii, &d);
    if (!e) e = monitor_start(s->node, s->metrics, &s->monitor, &d);
    if (!e) e = socket_server_start(s->node, cli_operations(), after_operation, s, &s->socket, &d);
    bool keeping = !e && pthread_create(&s->keeper, NULL, keeper_run, s) == 0;
    if (!e && !keeping) e = diag_set(&d, ERR_BUSY, "no thread for the work in the background");
    if (!e && sandbox_seal(&d)) log_warn("%s", d.message);
    if (!e && monitor_port(s->monitor))
        fprintf(stderr, "renkei: /health and /metrics on port %u of this machine\n", monitor_port(s->monitor));
    if (!e)
        fprintf(stderr, "renkei: serving %s on port %u; commands in %s go through this process\n",
                s->node->config->party, taxii_server_port(s->taxii), home);
    if (!e) e = write_port(s->port_file, taxii_server_port(s->taxii), &d); /* last: who waits for it finds all there */
    int code = e ? cli_trouble(&d) : EXIT_OK;
    if (!e) {
        notify("READY=1");
        wait_for_end(s, signals);
        notify("STOPPING=1");
        metrics_draining(s->metrics);
    }
    atomic_store(&s->stop, true);
    if (keeping) pthread_join(s->keeper, NULL);
    socket_server_stop(&s->socket);
    taxii_server_stop(&s->taxii);
    monitor_stop(&s->monitor);
    metrics_free(&s->metrics);
    node_indicators_free(&s->indicators);
    node_close(&s->node);
    free(home);
    return code;
}

int command_serve(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"sync-every", 1, 0, 's'}, {"port-file", 1, 0, 'p'}, {0}};
    struct serving s = {.restarting = PTHREAD_MUTEX_INITIALIZER};
    sigset_t signals;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'p')
            s.port_file = optarg;
        else if (c != 's')
            return cli_bad_flag("serve", c, argv);
        else if (!time_parse_duration(span_cstr(optarg), &s.sync_every) || s.sync_every < TIME_US_PER_S)
            return cli_usage("serve", "--sync-every is a time span such as 5m");
    }
    if (optind < argc) return cli_usage("serve", "unexpected '%s'", argv[optind]);
    /* Blocked before any thread is made, so that only wait_for_end() takes them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    raise_file_limit();
    return serve(cli, &s, &signals);
}
