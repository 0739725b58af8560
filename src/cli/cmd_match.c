#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/progress.h"
#include "cli/cli.h"
#include "detect/alert.h"
#include "detect/holdings.h"
#include "detect/sighting.h"

enum {
    OUTSIDE_SHOWN = 20,
    UNSUPPORTED_SHOWN = 5,
    THREADS_MAX = 64,
    NAMES_ARENA_MAX = 64 << 20,
    SIGHTINGS_A_CALL = 5000
};

struct matching {
    const struct cli *cli;
    const char *member;
    enum validity_mode mode;
    unsigned threads;
    bool sightings;
    struct node *node;
    struct store_reader *reader;
    struct detect_holdings holdings;
    struct sighting_set sums;
    struct span *names; /* what each indicator that hit indicates; .at is NULL until asked for. Owned */
    struct arena names_arena;
    struct buf out, outside;
    uint64_t alerts, outside_count, revoked, lines, bytes, unreadable;
    unsigned width;
    time_us now;
    struct progress progress;
    bool failed;
    uint64_t kept, kept_new, kept_released; /* sightings */
};

/* ---- hits ---- */

static void write_alert(struct matching *m, struct buf *to, const struct alert *alert) {
    size_t start = to->len;
    if (m->cli->json) {
        alert_write_ecs(to, alert);
        return;
    }
    alert_write_row(to, alert, m->width);
    cli_clean(to->at + start, to->len - start); /* telemetry is the attacker's text, too */
}

/* An indicator that hits once hits often: its names are looked up once. */
static struct span names_of(struct matching *m, uint32_t number, struct span id) {
    struct span *names = &m->names[number];
    struct diag ignored;
    if (!names->at && (detect_holdings_names(m->reader, id, &m->names_arena, names, &ignored) || !names->at))
        *names = SPAN("");
    return *names;
}

static bool on_hit(void *context, const struct detect_hit *hit) {
    struct matching *m = context;
    struct detect_indicator indicator;
    if (m->holdings.superseded[hit->indicator]) return true;
    detect_index_get(m->holdings.index, hit->indicator, &indicator);
    struct alert alert = {
        .hit = hit, .indicator = &indicator, .member = span_cstr(m->member ? m->member : ""), .now = m->now};
    alert.validity = detect_validity(&indicator, hit->time, m->mode, m->now);
    if (alert.validity == VALIDITY_REVOKED) {
        m->revoked++;
        return true;
    }
    indicator.names = names_of(m, hit->indicator, indicator.id);
    if (alert.validity == VALIDITY_OUTSIDE) {
        if (m->outside_count++ < OUTSIDE_SHOWN || m->cli->json)
            write_alert(m, m->cli->json ? &m->out : &m->outside, &alert);
    } else {
        if (m->alerts++ == 0 && !m->cli->json) alert_write_header(&m->out, m->width);
        write_alert(m, &m->out, &alert);
        if (m->sightings && !sighting_set_add(&m->sums, hit->indicator, 0, hit->time, m->now)) m->failed = true;
    }
    if (m->out.len) {
        progress_end(&m->progress);
        m->failed = m->failed || fwrite(m->out.at, 1, m->out.len, stdout) != m->out.len;
        buf_clear(&m->out);
    }
    return !m->failed;
}

static void on_progress(void *context, uint64_t raw_bytes, uint64_t raw_size) {
    struct matching *m = context;
    m->progress.total = raw_size;
    progress_update(&m->progress, raw_bytes);
}

static enum err scan_one(struct matching *m, const char *path, struct diag *d) {
    struct scan_options options = {
        .index = m->holdings.index, .threads = m->threads, .on_hit = on_hit, .on_progress = on_progress, .context = m};
    struct scan_result result = {0};
    progress_start(&m->progress, "matching", "bytes", 0);
    enum err e = scan_path(path, &options, &result, d);
    progress_end(&m->progress);
    m->lines += result.lines;
    m->bytes += result.bytes;
    m->unreadable += result.unreadable;
    for (unsigned i = 0; i < result.shown_count; i++) {
        cli_clean(result.shown[i].message, strlen(result.shown[i].message));
        fprintf(stderr, "%s:%llu: not read: %s\n", path, (unsigned long long)result.shown[i].line,
                result.shown[i].message);
    }
    if (!e && m->failed) e = diag_set(d, ERR_IO, "the alerts cannot be written");
    return e;
}

/* ---- sightings ---- */

static void write_sums(const struct matching *m, size_t from, size_t to, struct buf *args) {
    struct json_writer w = json_writer(args);
    json_begin_object(&w);
    if (m->member) json_member_cstr(&w, "member", m->member);
    json_key(&w, "sightings");
    json_begin_array(&w);
    for (size_t i = from; i < to; i++) {
        const struct sighting_sum *s = &m->sums.sums[i];
        struct detect_indicator indicator;
        detect_index_get(m->holdings.index, s->indicator, &indicator);
        json_begin_object(&w);
        json_member(&w, "indicator", indicator.id);
        json_member_time(&w, "hour", s->hour);
        json_member_time(&w, "first_seen", s->first_seen);
        json_member_time(&w, "last_seen", s->last_seen);
        json_member_number(&w, "count", (int64_t)s->count);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void take_kept(void *context, struct json_value r, struct arena *a) {
    struct matching *m = context;
    m->kept += (uint64_t)cli_number(r, "sightings");
    m->kept_new += (uint64_t)cli_number(r, "added");
    m->kept_released += (uint64_t)cli_number(r, "released");
}

static enum err keep_sightings(struct matching *m, struct diag *d) {
    struct cli silent = *m->cli;
    enum err e = ERR_NONE;
    silent.json = false;
    for (size_t from = 0; !e && from < m->sums.count; from += SIGHTINGS_A_CALL) {
        struct buf args = BUF_EMPTY;
        size_t to = m->sums.count - from > SIGHTINGS_A_CALL ? from + SIGHTINGS_A_CALL : m->sums.count;
        write_sums(m, from, to, &args);
        e = buf_ok(&args) ? cli_call(&silent, "sighting.add", buf_span(&args), NULL, 0, take_kept, m, d)
                          : diag_set(d, ERR_NOMEM, "no memory for the sightings");
        buf_free(&args);
    }
    if (m->kept)
        fprintf(stderr, "%llu sightings kept (%llu new), %llu released to the parties the indicators came from\n",
                (unsigned long long)m->kept, (unsigned long long)m->kept_new, (unsigned long long)m->kept_released);
    if (e) diag_prefix(d, "the alerts above are complete, but not all of their sightings were kept");
    return e;
}

/* ---- the command ---- */

static void load_progress(void *context, uint64_t done, uint64_t total) {
    struct progress *p = context;
    p->total = total;
    progress_update(p, done);
}

/* A wrong name is told before the indicators are loaded and half of the telemetry is read. */
static enum err check_files(char **files, int count, struct diag *d) {
    for (int i = 0; i < count; i++)
        if (strcmp(files[i], "-") != 0 && access(files[i], R_OK) != 0)
            return diag_set(d, ERR_IO, "cannot open %s: %s", files[i], strerror(errno));
    return ERR_NONE;
}

static enum err prepare(struct matching *m, struct diag *d) {
    char *home = cli_home(m->cli);
    struct winsize size;
    m->now = clock_now(clock_system());
    m->width = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    enum err e = home ? node_open(home, NODE_READ, &m->node, d) : diag_set(d, ERR_NOMEM, "no memory");
    if (!e) e = store_reader_open(m->node->live.store, &m->reader, d);
    progress_start(&m->progress, "loading indicators", "holdings", 0);
    if (!e) e = detect_holdings_load(m->reader, load_progress, &m->progress, &m->holdings, d);
    progress_end(&m->progress);
    if (!e && !(m->names = calloc((size_t)detect_index_count(m->holdings.index) + 1, sizeof *m->names)))
        e = diag_set(d, ERR_NOMEM, "no memory for the indicators' names");
    free(home);
    return e;
}

static void say_unsupported(const struct matching *m) {
    uint32_t count = detect_index_unsupported_count(m->holdings.index);
    if (count == 0) return;
    fprintf(stderr, "%u of %u indicators cannot be evaluated yet:\n", count, detect_index_count(m->holdings.index));
    for (uint32_t i = 0; i < count && i < UNSUPPORTED_SHOWN; i++) {
        const char *reason;
        struct detect_indicator indicator;
        detect_index_get(m->holdings.index, detect_index_unsupported(m->holdings.index, i, &reason), &indicator);
        fprintf(stderr, "  %.*s: %s\n", SPAN_ARG(indicator.id), reason);
    }
    if (count > UNSUPPORTED_SHOWN) fprintf(stderr, "  and %u more\n", count - UNSUPPORTED_SHOWN);
}

static void say_summary(struct matching *m, int64_t took_us) {
    if (m->outside_count && !m->cli->json) {
        printf("%sOutside their indicators' validity, not alerts (%llu%s):\n", m->alerts ? "\n" : "",
               (unsigned long long)m->outside_count, m->outside_count > OUTSIDE_SHOWN ? ", the first 20" : "");
        if (m->alerts == 0) {
            alert_write_header(&m->out, m->width);
            fwrite(m->out.at, 1, m->out.len, stdout);
        }
        fwrite(m->outside.at, 1, m->outside.len, stdout);
    }
    fflush(stdout);
    fprintf(
        stderr,
        "%llu lines (%.1f MB) in %.2f s (%.2f GB/s) against %u indicators: %llu alerts, %llu outside validity, %llu "
        "of revoked indicators",
        (unsigned long long)m->lines, (double)m->bytes / 1e6, (double)took_us / 1e6,
        took_us > 0 ? (double)m->bytes / 1e3 / (double)took_us : 0.0, detect_index_count(m->holdings.index),
        (unsigned long long)m->alerts, (unsigned long long)m->outside_count, (unsigned long long)m->revoked);
    if (m->unreadable) fprintf(stderr, ", %llu lines not read", (unsigned long long)m->unreadable);
    fputs("\n", stderr);
}

static int match(struct matching *m, char **files, int count) {
    struct diag d = {0};
    enum err e = check_files(files, count, &d);
    if (!e) e = prepare(m, &d);
    if (e) return cli_trouble(&d);
    int64_t started = clock_monotonic_us();
    int code = EXIT_OK;
    for (int i = 0; i < count && code == EXIT_OK; i++)
        if (scan_one(m, files[i], &d)) code = cli_trouble(&d);
    say_summary(m, clock_monotonic_us() - started);
    say_unsupported(m);
    /* The store is closed for reading before the sightings go in by another way. */
    store_reader_close(&m->reader);
    node_close(&m->node);
    if (m->sightings && m->sums.count && keep_sightings(m, &d)) code = cli_trouble(&d);
    return code ? code : m->alerts ? EXIT_OK : EXIT_NONE;
}

int command_match(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {
        {"member", 1, 0, 'm'}, {"time", 1, 0, 't'}, {"no-sightings", 0, 0, 'n'}, {"threads", 1, 0, 'j'}, {0}};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct matching m = {.cli = cli,
                         .sightings = true,
                         .threads = processors > 0 && processors < THREADS_MAX ? (unsigned)processors : 1};
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        char *end;
        unsigned long n;
        switch (c) {
        case 'm':
            m.member = optarg;
            break;
        case 'n':
            m.sightings = false;
            break;
        case 't':
            if (!validity_mode_parse(span_cstr(optarg), &m.mode))
                return cli_usage("match", "--time is event, now or any");
            break;
        case 'j':
            n = strtoul(optarg, &end, 10);
            if (*end || end == optarg || n < 1 || n > THREADS_MAX)
                return cli_usage("match", "--threads is a number from 1 to %d", THREADS_MAX);
            m.threads = (unsigned)n;
            break;
        default:
            return cli_bad_flag("match", c, argv);
        }
    }
    if (optind == argc) return cli_usage("match", "which file? \"-\" is standard input");
    sighting_set_init(&m.sums);
    arena_init(&m.names_arena, NAMES_ARENA_MAX);
    int code = match(&m, argv + optind, argc - optind);
    if (m.reader) store_reader_close(&m.reader);
    node_close(&m.node);
    detect_holdings_free(&m.holdings);
    sighting_set_free(&m.sums);
    arena_free(&m.names_arena);
    free(m.names);
    buf_free(&m.out);
    buf_free(&m.outside);
    return code;
}
