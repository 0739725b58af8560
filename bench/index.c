/* Measures the index from a store's rows: beside what reading the same rows costs at least.
 *
 *   index STORE FOLDER [RUNS]    the median of RUNS (3); FOLDER is where the index's file is put */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/time.h"
#include "detect/holdings.h"
#include "detect/indicator_rows.h"

enum { RUNS_MAX = 99, PATH_SIZE = 4096 };

struct cost {
    double seconds, processor;
};

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct cost now(void) {
    return (struct cost){(double)clock_monotonic_us() / 1e6, processor_seconds()};
}

static int by_seconds(const void *a, const void *b) {
    const struct cost *x = a, *y = b;
    return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

struct measured {
    struct store_reader *reader;
    const char *folder;
    uint64_t rows, bytes;
    struct detect_index_stats stats;
};

static bool count_row(void *context, const struct store_holding *h) {
    struct measured *m = context;
    m->rows++;
    m->bytes += h->body.len;
    return true;
}

/* What the store's library needs to show every row once, on one thread: no way of building is below half of it on two.
 */
static enum err read_alone(struct measured *m, struct diag *d) {
    m->rows = m->bytes = 0;
    return store_holding_each(m->reader, 0, INT64_MAX, SPAN("indicator"), true, count_row, m, d);
}

static enum err read_rows(struct measured *m, struct diag *d) {
    struct indicator_rows *rows;
    const struct indicator_row *at;
    size_t count = 1;
    enum err e = indicator_rows_open(m->reader, INDICATOR_WHOLE, &rows, NULL, d);
    while (!e && count > 0) e = indicator_rows_next(rows, &at, &count, d);
    indicator_rows_close(&rows);
    store_reader_release(m->reader);
    return e;
}

static enum err build(struct measured *m, struct diag *d) {
    struct detect_holdings holdings;
    enum err e = detect_holdings_load(m->reader, NULL, NULL, &holdings, d);
    if (e) return e;
    m->stats = detect_index_stats(holdings.index);
    detect_holdings_free(&holdings);
    store_reader_release(m->reader);
    return ERR_NONE;
}

/* Built, written and opened, or opened alone: as `match` does. */
static enum err start_match(struct measured *m, struct diag *d) {
    struct detect_holdings holdings;
    enum err e = detect_holdings_open(m->reader, m->folder, NULL, NULL, &holdings, d);
    if (!e) detect_holdings_free(&holdings);
    return e;
}

static int measure(const char *what, enum err (*run)(struct measured *m, struct diag *d), struct measured *m,
                   int runs) {
    struct cost costs[RUNS_MAX];
    struct diag d = {0};
    for (int i = 0; i < runs; i++) {
        struct cost start = now();
        if (run(m, &d)) {
            fprintf(stderr, "%s: %s\n", what, d.message);
            return 1;
        }
        struct cost end = now();
        costs[i] = (struct cost){end.seconds - start.seconds, end.processor - start.processor};
    }
    qsort(costs, (size_t)runs, sizeof *costs, by_seconds);
    printf("%-12s %8.3f s  (%.3f processor seconds)\n", what, costs[runs / 2].seconds, costs[runs / 2].processor);
    return 0;
}

int main(int argc, char **argv) {
    struct store *store;
    struct measured m = {.folder = argc > 2 ? argv[2] : NULL};
    struct diag d = {0};
    struct rusage usage;
    int runs = argc > 3 ? atoi(argv[3]) : 3;
    if (argc < 3 || runs < 1 || runs > RUNS_MAX) return 2;
    if (store_open(argv[1], STORE_READ, &store, &d) || store_reader_open(store, &m.reader, &d)) {
        fprintf(stderr, "%s\n", d.message);
        return 2;
    }
    int failed = measure("rows alone", read_alone, &m, runs) || measure("members", read_rows, &m, runs) ||
                 measure("build", build, &m, runs);
    getrusage(RUSAGE_SELF, &usage);
    if (!failed)
        printf("             %llu rows, %.1f MB of bodies; index %.1f MB; %.1f MB resident at most, of which up to %ld "
               "are the store's file\n",
               (unsigned long long)m.rows, (double)m.bytes / 1e6, (double)m.stats.bytes / 1e6,
               (double)usage.ru_maxrss / 1e3, 268L * (1 + sysconf(_SC_NPROCESSORS_ONLN)));
    failed = failed || measure("and write", start_match, &m, 1) || measure("open", start_match, &m, runs);
    store_reader_close(&m.reader);
    store_close(&store);
    return failed;
}
