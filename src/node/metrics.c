#include "node/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "share/hold.h"
#include "json/write.h"

enum {
    METRICS_ARENA_MAX = 64 << 20,
    PEERS_MAX = 256, /* as many as share_context has parties */
    TROUBLE_SIZE = 256,
    KEPT_UP_LATE_S = 900,       /* deciding a million holdings anew takes less */
    DISK_LOW_BYTES = 256 << 20, /* less, and a large import may not fit */
};

struct peer {
    char party[64], trouble[TROUBLE_SIZE];
    time_us tried, succeeded; /* TIME_NONE = never */
    uint64_t syncs, failures, added;
};

struct metrics {
    struct node *node;
    struct http_counts http;
    time_us started;
    pthread_mutex_t lock; /* what follows */
    struct peer peers[PEERS_MAX];
    size_t peer_count;
    time_us kept_up;
    char keeping_trouble[TROUBLE_SIZE];
    uint64_t reloads, reload_failures;
    bool draining;
};

static time_us now(const struct metrics *m) {
    return clock_now(m->node->live.clock);
}

struct metrics *metrics_new(struct node *n) {
    struct metrics *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->node = n;
    m->started = m->kept_up = now(m);
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void metrics_free(struct metrics **m) {
    if (!*m) return;
    pthread_mutex_destroy(&(*m)->lock);
    free(*m);
    *m = NULL;
}

/* ---- what is told to it ---- */

struct http_counts *metrics_http(struct metrics *m) {
    return &m->http;
}

/* Under the lock; NULL when there are too many. */
static struct peer *find_peer(struct metrics *m, const char *party) {
    for (size_t i = 0; i < m->peer_count; i++)
        if (strcmp(m->peers[i].party, party) == 0) return &m->peers[i];
    if (m->peer_count == PEERS_MAX) return NULL;
    struct peer *p = &m->peers[m->peer_count++];
    *p = (struct peer){.tried = TIME_NONE, .succeeded = TIME_NONE};
    snprintf(p->party, sizeof p->party, "%s", party);
    return p;
}

void metrics_sync(struct metrics *m, const char *party, const char *trouble, uint64_t added) {
    pthread_mutex_lock(&m->lock);
    struct peer *p = find_peer(m, party);
    if (p) {
        snprintf(p->trouble, sizeof p->trouble, "%s", trouble);
        p->tried = now(m);
        p->syncs++;
        p->added += added;
        if (trouble[0])
            p->failures++;
        else
            p->succeeded = p->tried;
    }
    pthread_mutex_unlock(&m->lock);
}

void metrics_kept_up(struct metrics *m, const char *trouble) {
    pthread_mutex_lock(&m->lock);
    snprintf(m->keeping_trouble, sizeof m->keeping_trouble, "%s", trouble);
    m->kept_up = now(m);
    pthread_mutex_unlock(&m->lock);
}

void metrics_draining(struct metrics *m) {
    pthread_mutex_lock(&m->lock);
    m->draining = true;
    pthread_mutex_unlock(&m->lock);
}

void metrics_reloaded(struct metrics *m, bool well) {
    pthread_mutex_lock(&m->lock);
    *(well ? &m->reloads : &m->reload_failures) += 1;
    pthread_mutex_unlock(&m->lock);
}

/* ---- Prometheus ---- */

static void family(struct buf *out, const char *name, const char *type, const char *help) {
    buf_printf(out, "# HELP renkei_%s %s\n# TYPE renkei_%s %s\n", name, help, name, type);
}

static void single(struct buf *out, const char *name, const char *type, const char *help, double value) {
    family(out, name, type, help);
    buf_printf(out, "renkei_%s %.17g\n", name, value);
}

/* A label's value: backslash, quote and line feed escaped. */
static void add_label(struct buf *out, const char *name, struct span value) {
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\\' || value.at[i] == '"') buf_add_char(out, '\\');
        if (value.at[i] == '\n')
            buf_add_cstr(out, "\\n");
        else
            buf_add_char(out, value.at[i]);
    }
    buf_add_char(out, '"');
}

static double seconds(time_us t) {
    return t == TIME_NONE ? 0 : (double)t / 1e6;
}

static void write_http(const struct http_counts *c, struct buf *out) {
    single(out, "http_connections_total", "counter", "Connections accepted.", (double)atomic_load(&c->connections));
    single(out, "http_connections_open", "gauge", "Connections open now.", (double)atomic_load(&c->open));
    single(out, "http_connections_timed_out_total", "counter", "Connections ended because they were too slow.",
           (double)atomic_load(&c->timed_out));
    single(out, "http_connections_displaced_total", "counter", "Connections ended because a new one needed the place.",
           (double)atomic_load(&c->displaced));
    family(out, "http_responses_total", "counter", "Responses by the first digit of their status.");
    for (int i = 0; i < 5; i++)
        buf_printf(out, "renkei_http_responses_total{code=\"%dxx\"} %" PRIuFAST64 "\n", i + 1,
                   atomic_load(&c->responses[i]));
    single(out, "http_sent_bytes_total", "counter", "Bytes of response bodies.", (double)atomic_load(&c->sent_bytes));
    single(out, "http_request_seconds_total", "counter", "Time from request lines to responses, all together.",
           (double)atomic_load(&c->busy_us) / 1e6);
}

struct peer_value {
    const char *name, *type, *help;
    double (*value)(const struct peer *p);
};
static double peer_success(const struct peer *p) {
    return seconds(p->succeeded);
}
static double peer_tried(const struct peer *p) {
    return seconds(p->tried);
}
static double peer_syncs(const struct peer *p) {
    return (double)p->syncs;
}
static double peer_failures(const struct peer *p) {
    return (double)p->failures;
}
static double peer_added(const struct peer *p) {
    return (double)p->added;
}
static const struct peer_value peer_values[] = {
    {"sync_last_success_timestamp_seconds", "gauge", "When a sync with the partner last went well; 0 = never.",
     peer_success},
    {"sync_last_attempt_timestamp_seconds", "gauge", "When a sync with the partner last ended.", peer_tried},
    {"syncs_total", "counter", "Syncs with the partner that ended.", peer_syncs},
    {"sync_failures_total", "counter", "Of these, those that did not go well.", peer_failures},
    {"sync_objects_total", "counter", "New objects that came from the partner.", peer_added},
};

static void write_peers(const struct metrics *m, struct buf *out) {
    for (size_t k = 0; k < sizeof peer_values / sizeof *peer_values; k++) {
        const struct peer_value *v = &peer_values[k];
        if (m->peer_count) family(out, v->name, v->type, v->help);
        for (size_t i = 0; i < m->peer_count; i++) {
            buf_printf(out, "renkei_%s{", v->name);
            add_label(out, "party", span_cstr(m->peers[i].party));
            buf_printf(out, "} %.17g\n", v->value(&m->peers[i]));
        }
    }
}

static void write_process(const struct metrics *m, struct buf *out) {
    char path[4096];
    struct rusage usage;
    struct statvfs disk;
    struct stat st;
    long resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%*s %ld", &resident) != 1) resident = 0;
        fclose(f);
    }
    getrusage(RUSAGE_SELF, &usage);
    single(out, "start_timestamp_seconds", "gauge", "When serve began.", seconds(m->started));
    single(out, "memory_resident_bytes", "gauge", "Memory of the serving process.",
           (double)resident * (double)sysconf(_SC_PAGESIZE));
    single(out, "cpu_seconds_total", "counter", "Processor time of the serving process.",
           (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    snprintf(path, sizeof path, "%s/realms/live", m->node->home);
    if (statvfs(path, &disk) == 0)
        single(out, "disk_free_bytes", "gauge", "What the disk of the store has left.",
               (double)disk.f_bavail * (double)disk.f_frsize);
    snprintf(path, sizeof path, "%s/realms/live/store.db", m->node->home);
    if (stat(path, &st) == 0) single(out, "store_bytes", "gauge", "Size of the store's file.", (double)st.st_size);
}

static void write_ledger_value(const struct store_ledger *l, size_t count, const char *name, const char *help,
                               double (*value)(const struct store_ledger *l), struct buf *out) {
    if (count) family(out, name, "gauge", help);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "renkei_%s{", name);
        add_label(out, "recipient", l[i].recipient);
        buf_add_char(out, ',');
        add_label(out, "origin", l[i].origin);
        buf_printf(out, "} %.17g\n", value(&l[i]));
    }
}
static double ledger_size(const struct store_ledger *l) {
    return (double)l->size;
}
static double ledger_cosigned(const struct store_ledger *l) {
    return (double)l->cosigned_size;
}
static double ledger_cosigned_time(const struct store_ledger *l) {
    return l->cosigned_size ? seconds(l->cosigned_time) : 0;
}

static enum err write_store(const struct metrics *m, struct arena *a, struct buf *out, struct diag *d) {
    struct store_reader *r = NULL;
    struct store_ledger *ledgers;
    struct share_hold *holds;
    size_t count = 0, held = 0;
    int64_t visible = 0;
    enum err e = store_reader_open(m->node->live.store, &r, d);
    if (!e) e = store_holding_visible(r, &visible, d);
    if (!e) e = store_ledger_list(r, a, &ledgers, &count, d);
    if (!e) e = share_hold_list(r, a, &holds, &held, d);
    store_reader_close(&r);
    if (e) return e;
    single(out, "holdings_total", "counter", "Holdings taken in so far, whatever became of them.", (double)visible);
    single(out, "ledgers_on_hold", "gauge", "Ledgers on hold or closed since a restore.", (double)held);
    write_ledger_value(ledgers, count, "ledger_entries", "Entries of a ledger: what was released or taken back.",
                       ledger_size, out);
    write_ledger_value(ledgers, count, "ledger_cosigned_entries", "Entries that the recipient has cosigned.",
                       ledger_cosigned, out);
    write_ledger_value(ledgers, count, "ledger_cosigned_timestamp_seconds", "When it cosigned last; 0 = never.",
                       ledger_cosigned_time, out);
    return ERR_NONE;
}

static void write_cards(struct metrics *m, struct buf *out) {
    struct node_view *v = node_view(m->node);
    family(out, "card_ends_timestamp_seconds", "gauge", "When a card ends: the own one's keys, or a partner's.");
    for (size_t i = 0; i <= v->partner_count; i++) {
        const struct card *c = i < v->partner_count ? &v->partners[i] : &v->own;
        buf_add_cstr(out, "renkei_card_ends_timestamp_seconds{");
        add_label(out, "party", c->party);
        buf_printf(out, "} %.17g\n", seconds(c->valid_until));
    }
    node_view_release(m->node, &v);
}

enum err metrics_write(struct metrics *m, struct buf *out, struct diag *d) {
    struct arena a;
    arena_init(&a, METRICS_ARENA_MAX);
    family(out, "build_info", "gauge", "The program.");
    buf_printf(out, "renkei_build_info{version=\"%s\"} 1\n", RENKEI_VERSION);
    write_process(m, out);
    write_http(&m->http, out);
    write_cards(m, out);
    enum err e = write_store(m, &a, out, d);
    pthread_mutex_lock(&m->lock);
    write_peers(m, out);
    single(out, "kept_up_timestamp_seconds", "gauge", "When the work in the background last went round.",
           seconds(m->kept_up));
    single(out, "reloads_total", "counter", "Times the configuration was read anew.", (double)m->reloads);
    single(out, "reload_failures_total", "counter", "Times it could not be.", (double)m->reload_failures);
    single(out, "draining", "gauge", "1 while the last requests are served.", m->draining);
    pthread_mutex_unlock(&m->lock);
    arena_free(&a);
    if (!e && !buf_ok(out)) e = diag_set(d, ERR_NOMEM, "no memory for metrics");
    return e;
}

/* ---- health ---- */

static void add_trouble(struct json_writer *w, size_t *count, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_trouble(struct json_writer *w, size_t *count, const char *format, ...) {
    char text[2 * TROUBLE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_cstr(w, text);
    ++*count;
}

static bool store_answers(const struct metrics *m, struct diag *d) {
    struct store_reader *r = NULL;
    int64_t visible;
    enum err e = store_reader_open(m->node->live.store, &r, d);
    if (!e) e = store_holding_visible(r, &visible, d);
    store_reader_close(&r);
    return e == ERR_NONE;
}

/* Under the lock. */
static void add_troubles(struct metrics *m, struct json_writer *w, size_t *count) {
    char path[4096];
    struct statvfs disk;
    snprintf(path, sizeof path, "%s/realms/live", m->node->home);
    if (statvfs(path, &disk) == 0) {
        uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
        if (disk.f_flag & ST_RDONLY) add_trouble(w, count, "the disk of the store is read-only");
        if (left < DISK_LOW_BYTES) add_trouble(w, count, "the disk of the store has %" PRIu64 " MB left", left >> 20);
    }
    if (m->keeping_trouble[0]) add_trouble(w, count, "deciding releases: %s", m->keeping_trouble);
    if (now(m) - m->kept_up > KEPT_UP_LATE_S * TIME_US_PER_S)
        add_trouble(w, count, "the work in the background has not gone round for %lld s",
                    (long long)((now(m) - m->kept_up) / TIME_US_PER_S));
    for (size_t i = 0; i < m->peer_count; i++)
        if (m->peers[i].trouble[0]) add_trouble(w, count, "sync with %s: %s", m->peers[i].party, m->peers[i].trouble);
}

bool metrics_health(struct metrics *m, struct buf *out) {
    struct json_writer w = json_writer(out);
    struct diag d = {0};
    size_t troubles = 0;
    bool answers = store_answers(m, &d);
    json_begin_object(&w);
    pthread_mutex_lock(&m->lock);
    json_key(&w, "troubles");
    json_begin_array(&w);
    if (!answers) add_trouble(&w, &troubles, "the store does not answer: %s", d.message);
    add_troubles(m, &w, &troubles);
    json_end_array(&w);
    json_member_cstr(&w, "status", m->draining ? "draining" : !answers ? "failing" : troubles ? "degraded" : "ok");
    bool wanted = answers && !m->draining;
    pthread_mutex_unlock(&m->lock);
    json_member_number(&w, "uptime_seconds", (now(m) - m->started) / TIME_US_PER_S);
    json_end_object(&w);
    return wanted;
}
