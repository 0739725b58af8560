/* renkei match: telemetry in, alerts and sightings out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/match.h"

enum { UNSUPPORTED_SHOWN = 5 };

static void on_progress(void *context, uint64_t raw_bytes, uint64_t raw_size) {
    struct matching *m = context;
    m->progress.total = raw_size;
    progress_update(&m->progress, raw_bytes);
}

static enum err scan_one(struct matching *m, const char *path, struct diag *d) {
    struct scan_options options = {.index = m->holdings.index,
                                   .threads = m->options.threads,
                                   .subdomains = m->options.subdomains,
                                   .on_hit = match_on_hit,
                                   .on_progress = on_progress,
                                   .context = m};
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
    char folder[4096];
    struct winsize size;
    m->now = clock_now(clock_system());
    m->width = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    enum err e = home ? node_open(home, NODE_READ, &m->node, d) : diag_set(d, ERR_NOMEM, "no memory");
    if (!e) e = store_reader_open(m->node->live.store, &m->reader, d);
    progress_start(&m->progress, "loading indicators", "holdings", 0);
    if (!e && snprintf(folder, sizeof folder, "%s/realms/live/index", home) >= (int)sizeof folder)
        e = diag_set(d, ERR_LIMIT, "the node's path is too long");
    if (!e) e = detect_holdings_open(m->reader, folder, load_progress, &m->progress, &m->holdings, d);
    progress_end(&m->progress);
    if (!e && m->holdings.note[0]) fprintf(stderr, "%s\n", m->holdings.note);
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

static int match(struct matching *m, char **files, int count) {
    struct diag d = {0};
    enum err e = check_files(files, count, &d);
    if (!e) e = prepare(m, &d);
    if (e) return cli_trouble(&d);
    int64_t started = clock_monotonic_us();
    int code = EXIT_OK;
    for (int i = 0; i < count && code == EXIT_OK; i++)
        if (scan_one(m, files[i], &d)) code = cli_trouble(&d);
    match_say_summary(m, clock_monotonic_us() - started);
    say_unsupported(m);
    /* The store is closed for reading before the sightings go in by another way. */
    store_reader_close(&m->reader);
    node_close(&m->node);
    if (m->options.sightings && m->sums.count && match_keep_sightings(m, &d)) code = cli_trouble(&d);
    return code ? code : m->alerts ? EXIT_OK : EXIT_NONE;
}

int command_match(const struct cli *cli, int argc, char **argv) {
    struct matching m = {.cli = cli};
    int code = match_options_read(&m.options, argc, argv);
    if (code) return code;
    sighting_set_init(&m.sums);
    arena_init(&m.names_arena, MATCH_NAMES_ARENA_MAX);
    code = match(&m, argv + optind, argc - optind);
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
