/* renkei match: telemetry in, alerts and sightings out. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/match.h"
#include "cli/telemetry.h"
#include "detect/stix_lines.h"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    interrupted = number;
}

/* Whoever interrupts a long run wants to see what it found: the groups held, and every line whole, are written, and the
 * program ends as the signal would have ended it. */
static void end_interrupted(struct matching *m) {
    int number = interrupted;
    progress_end(&m->progress);
    match_flush(m);
    fflush(stdout);
    fprintf(stderr, "interrupted: %llu alerts so far; no sightings are kept\n", (unsigned long long)m->alerts);
    signal(number, SIG_DFL);
    raise(number);
}

static void on_progress(void *context, uint64_t raw_bytes, uint64_t raw_size) {
    struct matching *m = context;
    (void)raw_size;
    if (m->options.follow) { /* whoever watches sees what was found at once; an interruption ends the file */
        match_flush(m);
        if (fflush(stdout) != 0) m->failed = true;
        if (m->failed) interrupted = SIGTERM; /* a watch whose alerts go nowhere must not seem to watch */
        return;
    }
    if (interrupted) end_interrupted(m);
    progress_update(&m->progress, m->bytes_before + raw_bytes);
}

/* Bytes on the disk; 0 for a pipe. */
static uint64_t file_size(const char *path) {
    struct stat st;
    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static struct scan_options options_of(struct matching *m) {
    return (struct scan_options){.index = m->holdings.index,
                                 .patterns = detect_patterns_hooks(m->patterns),
                                 .reader = m->mapping ? mapping_reader(m->mapping) : NULL,
                                 .settings = m->mapping ? mapping_settings(m->mapping) : &m->settings,
                                 .threads = m->options.threads,
                                 .subdomains = m->options.subdomains,
                                 .on_hit = match_on_hit,
                                 .on_progress = on_progress,
                                 .context = m};
}

void match_count_file(struct matching *m, const char *path, struct scan_result *result) {
    m->lines += result->lines;
    m->bytes += result->bytes;
    m->unreadable += result->unreadable;
    for (unsigned i = 0; i < result->shown_count; i++) {
        cli_clean(result->shown[i].message, strlen(result->shown[i].message));
        fprintf(stderr, "%s:%llu: not read: %s\n", path, (unsigned long long)result->shown[i].line,
                result->shown[i].message);
    }
}

static enum err scan_one(const char *path, const struct scan_options *options, struct scan_result *result,
                         struct diag *d) {
    struct input *in;
    enum err e = stix_lines_input(path, &in, d);
    if (e) return e;
    e = scan_input(in, options, result, d);
    input_close(&in);
    return e;
}

/* All files: one after the other to their ends, or all at once for as long as they grow and nobody interrupts. One that
 * cannot be read to its end is named, and the others are read all the same: a broken file must not hide what is in the
 * rest of the folder. */
static int scan_all(struct matching *m, const struct telemetry_files *files) {
    struct scan_options options = options_of(m);
    struct diag d = {0};
    int code = m->options.follow && match_follow(m, files, &options, &interrupted, &d) ? cli_trouble(&d) : EXIT_OK;
    for (size_t i = 0; !m->options.follow && i < files->count && !m->failed; i++) {
        struct scan_result result = {0};
        enum err e = scan_one(files->paths[i], &options, &result, &d);
        progress_end(&m->progress);
        m->bytes_before += file_size(files->paths[i]);
        match_count_file(m, files->paths[i], &result);
        if (e) code = cli_trouble(&d);
    }
    if (m->failed && !m->trouble.code) diag_set(&m->trouble, ERR_IO, "the alerts cannot be written");
    return m->failed && code == EXIT_OK ? cli_trouble(&m->trouble) : code;
}

/* ---- the command ---- */

static void load_progress(void *context, uint64_t done, uint64_t total) {
    struct progress *p = context;
    p->total = total;
    progress_update(p, done);
}

static enum err prepare(struct matching *m, struct diag *d) {
    char *home = cli_home(m->cli);
    char folder[4096];
    struct winsize size;
    m->now = clock_now(clock_system());
    m->table.counts = m->options.group;
    m->table.width = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
    enum err e = home ? node_open(home, NODE_READ, &m->node, d) : diag_set(d, ERR_NOMEM, "no memory");
    if (!e) e = store_reader_open(m->node->live.store, &m->reader, d);
    progress_start(&m->progress, "loading indicators", "holdings", 0);
    if (!e && snprintf(folder, sizeof folder, "%s/realms/live/index", home) >= (int)sizeof folder)
        e = diag_set(d, ERR_LIMIT, "the node's path is too long");
    if (!e) e = detect_holdings_open(m->reader, folder, load_progress, &m->progress, &m->holdings, d);
    progress_end(&m->progress);
    if (!e && m->holdings.note[0]) fprintf(stderr, "%s\n", m->holdings.note);
    if (!e) e = match_prepare_verdicts(m, d);
    if (!e && m->options.format == MATCH_STIX) match_bundle_begin(m);
    if (!e) e = match_prepare_patterns(m, d);
    free(home);
    return e;
}

/* The second time they end it at once. */
static void listen_for_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static int match(struct matching *m, const struct telemetry_files *files) {
    struct diag d = {0};
    enum err e = m->options.mapping ? mapping_open(m->options.mapping, &m->mapping, &d) : ERR_NONE;
    m->settings.zone_us = m->options.zone_us;
    if (!e) e = prepare(m, &d);
    if (e) return cli_trouble(&d);
    int64_t started = clock_monotonic_us();
    for (size_t i = 0; i < files->count; i++) m->bytes_total += file_size(files->paths[i]);
    if (!m->options.follow) progress_start(&m->progress, "matching", "bytes", m->bytes_total);
    listen_for_interrupts();
    int code = scan_all(m, files);
    int64_t took = clock_monotonic_us() - started;
    match_say_summary(m, took);
    if (m->options.summary && match_write_summary(m, took, &d)) code = cli_trouble(&d);
    if (code == EXIT_OK && (m->failed || ferror(stdout))) {
        diag_set(&d, ERR_IO, "the alerts cannot be written");
        code = cli_trouble(&d);
    }
    match_say_patterns(m);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    match_bundle_free(m);
    verdicts_free(&m->verdicts);
    /* The store is closed for reading before the sightings go in by another way. */
    store_reader_close(&m->reader);
    node_close(&m->node);
    if (m->options.sightings && (m->sums.count || m->aside_count) && match_keep_sightings(m, &d))
        code = cli_trouble(&d);
    return code ? code : m->alerts ? EXIT_OK : EXIT_NONE;
}

int command_match(const struct cli *cli, int argc, char **argv) {
    struct matching m = {.cli = cli};
    struct telemetry_files files;
    struct diag d = {0};
    int code = match_options_read(cli, &m.options, argc, argv);
    if (code) return code;
    /* A wrong name is told before the indicators are loaded and half of the telemetry is read. */
    if (telemetry_files_find(argv + optind, argc - optind, &files, &d)) return cli_trouble(&d);
    sighting_set_init(&m.sums);
    map_init(&m.aside_by);
    alert_groups_init(&m.groups, m.options.group_window);
    code = match(&m, &files);
    telemetry_files_free(&files);
    mapping_free(&m.mapping);
    match_bundle_free(&m);
    verdicts_free(&m.verdicts);
    if (m.reader) store_reader_close(&m.reader);
    node_close(&m.node);
    detect_patterns_free(&m.patterns);
    detect_holdings_free(&m.holdings);
    alert_groups_free(&m.groups);
    sighting_set_free(&m.sums);
    map_free(&m.aside_by);
    free(m.aside);
    arena_free(&m.config);
    for (int i = 0; i < VALIDITY_COUNT; i++) buf_free(&m.apart[i].rows);
    buf_free(&m.out);
    return code;
}
