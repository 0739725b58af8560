/* Measures matching: builds the index from a file of indicators (match_generate's, id TAB pattern TAB literal) and
 * scans telemetry with it on one thread and on more.
 *
 *   match [--runs N] INDICATORS TELEMETRY [THREADS…]   a line a measurement: what, seconds, rate; medians of N runs
 *   match --lines INDICATORS TELEMETRY                 the numbers of the lines that hit
 *   match --networks COUNT                             look-ups a second among so many networks */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/time.h"
#include "detect/index_file.h"
#include "detect/networks.h"
#include "detect/scan.h"

static bool count_hit(void *context, const struct detect_hit *hit) {
    uint64_t *sum = context;
    *sum += hit->indicator + 1;
    return true;
}

static long resident_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct detect_index *build(struct span text, bool tell) {
    struct detect_builder *builder;
    struct detect_index *index = NULL;
    struct diag d;
    int64_t start = clock_monotonic_us();
    double cpu = cpu_seconds();
    if (detect_builder_new(&builder, &d)) return NULL;
    while (text.len > 0) {
        struct span line = span_cut(&text, '\n'), id = span_cut(&line, '\t'), pattern = span_cut(&line, '\t');
        struct detect_indicator indicator = {.id = id,
                                             .source = SPAN("bench"),
                                             .pattern = pattern,
                                             .valid_from = TIME_NONE,
                                             .valid_until = TIME_NONE,
                                             .confidence = DETECT_CONFIDENCE_NONE};
        if (id.len && detect_builder_add(builder, &indicator, &d)) {
            detect_builder_free(&builder);
            return NULL;
        }
    }
    if (detect_builder_finish(&builder, &index, &d)) return NULL;
    double seconds = (double)(clock_monotonic_us() - start) / 1e6;
    struct detect_index_stats s = detect_index_stats(index);
    if (!tell) return index;
    printf("build    %8.3f s (%.3f processor seconds)  %llu indicators, %llu atoms, %llu unsupported, index %.1f MB\n",
           seconds, cpu_seconds() - cpu, (unsigned long long)s.indicators, (unsigned long long)s.atoms,
           (unsigned long long)s.unsupported, (double)s.bytes / 1e6);
    return index;
}

/* Writes the index and opens it again, as a node does. */
static struct detect_index *reopen(struct detect_index *index) {
    struct diag d;
    struct sha256 state = {{0}};
    char path[] = "/tmp/renkei-bench-index-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0) return index;
    close(fd);
    int64_t start = clock_monotonic_us();
    if (detect_index_write(index, path, &state, &d)) {
        fprintf(stderr, "%s\n", d.message);
        return index;
    }
    double wrote = (double)(clock_monotonic_us() - start) / 1e6;
    detect_index_free(&index);
    start = clock_monotonic_us();
    if (detect_index_open(path, &index, &state, &d)) fprintf(stderr, "%s\n", d.message);
    double opened = (double)(clock_monotonic_us() - start) / 1e6;
    unlink(path);
    if (!index) return NULL;
    struct detect_index_stats s = detect_index_stats(index);
    printf("index    %8.3f s to write, %.3f s to open; %.1f MB, %.1f of them in memory\n", wrote, opened,
           (double)s.bytes / 1e6, (double)(s.bytes - s.cold_bytes) / 1e6);
    return index;
}

struct run {
    double seconds, cpu;
};

static int compare_runs(const void *a, const void *b) {
    const struct run *x = a, *y = b;
    return x->cpu < y->cpu ? -1 : x->cpu > y->cpu;
}

enum { RUNS_MAX = 32 };

static bool measure(const struct detect_index *index, const char *path, unsigned threads, unsigned runs) {
    struct run all[RUNS_MAX];
    struct scan_result result;
    uint64_t sum = 0;
    for (unsigned i = 0; i < runs; i++) {
        struct diag d;
        struct scan_options options = {.index = index, .threads = threads, .on_hit = count_hit, .context = &sum};
        int64_t start = clock_monotonic_us();
        double cpu = cpu_seconds();
        sum = 0;
        if (scan_path(path, &options, &result, &d)) {
            fprintf(stderr, "%s\n", d.message);
            return false;
        }
        all[i] = (struct run){(double)(clock_monotonic_us() - start) / 1e6, cpu_seconds() - cpu};
    }
    qsort(all, runs, sizeof *all, compare_runs);
    struct run median = all[runs / 2], best = all[0];
    double gb = (double)result.bytes / 1e9;
    printf("match %2u %8.3f s %8.3f GB/s (%.3f a processor second, %.3f at best)  %llu lines, %llu parsed, %llu hits, "
           "%llu unreadable\n",
           threads, median.seconds, gb / median.seconds, gb / median.cpu, gb / best.cpu,
           (unsigned long long)result.lines, (unsigned long long)result.parsed_lines, (unsigned long long)result.hits,
           (unsigned long long)result.unreadable);
    fflush(stdout);
    return true;
}

static bool print_line(void *context, const struct detect_hit *hit) {
    uint64_t *last = context;
    if (hit->line != *last) printf("%llu\n", (unsigned long long)hit->line);
    *last = hit->line;
    return true;
}

static bool print_lines(const struct detect_index *index, const char *path) {
    struct scan_result result;
    struct diag d;
    uint64_t last = 0;
    struct scan_options options = {.index = index, .threads = 2, .on_hit = print_line, .context = &last};
    return !scan_path(path, &options, &result, &d);
}

/* Networks as lists have them: mostly small, some wide, nested now and then. */
static bool measure_networks(uint32_t count) {
    enum { LOOKUPS = 1 << 22 };
    struct network_slot *slots = calloc(count + 1, sizeof *slots);
    uint32_t *addresses = malloc(LOOKUPS * sizeof *addresses), made = 0;
    uint64_t x = 88172645463325252u, held = 0, depth = 0;
    if (!slots || !addresses) return false;
    for (uint32_t i = 0; i < count; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        unsigned prefix = i % 64 == 0 ? 12 + (unsigned)(x & 3) : 20 + (unsigned)(x >> 8 & 11);
        uint32_t bits = (uint32_t)(x >> 32) & ~UINT32_C(0) << (32 - prefix);
        slots[made] = (struct network_slot){.prefix = (uint8_t)prefix, .v4 = 1, .first = 1};
        for (int k = 0; k < 4; k++) slots[made].bytes[k] = (uint8_t)(bits >> (24 - 8 * k));
        made++;
    }
    for (uint32_t i = 0; i < LOOKUPS; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        addresses[i] = (uint32_t)(x >> 20);
    }
    struct networks n;
    double cpu = cpu_seconds();
    bool ok = networks_build(&n, slots, made);
    double built = cpu_seconds() - cpu;
    cpu = cpu_seconds();
    for (int round = 0; ok && round < 8; round++)
        for (uint32_t i = 0; i < LOOKUPS; i++) held += networks_find_v4(&n, addresses[i]) != NETWORK_NONE;
    double found = cpu_seconds() - cpu;
    cpu = cpu_seconds();
    for (int round = 0; ok && round < 8; round++)
        for (uint32_t i = 0; i < LOOKUPS; i++)
            for (uint32_t at = networks_find_v4(&n, addresses[i]); at != NETWORK_NONE; at = n.slots[at].wider) depth++;
    double walked = cpu_seconds() - cpu;
    printf("networks %8.1f million look-ups a processor second among %u, %.1f with all that nest told; %.0f %% of the "
           "addresses are in one, %.2f networks each; built in %.3f s\n",
           8.0 * LOOKUPS / 1e6 / found, made, 8.0 * LOOKUPS / 1e6 / walked, 100.0 * (double)held / 8 / LOOKUPS,
           (double)depth / 8 / LOOKUPS, built);
    networks_free(&n);
    free(addresses);
    return ok;
}

int main(int argc, char **argv) {
    struct buf text = BUF_EMPTY;
    struct diag d;
    unsigned runs = 1;
    bool lines = argc > 1 && strcmp(argv[1], "--lines") == 0;
    if (argc == 3 && strcmp(argv[1], "--networks") == 0)
        return measure_networks((uint32_t)strtoul(argv[2], NULL, 10)) ? 0 : 1;
    if (argc > 2 && strcmp(argv[1], "--runs") == 0) {
        runs = (unsigned)strtoul(argv[2], NULL, 10);
        argc -= 2, argv += 2;
    }
    if (lines) argc--, argv++;
    if (argc < 3 || runs < 1 || runs > RUNS_MAX) {
        fprintf(stderr, "usage: match [--runs N] INDICATORS TELEMETRY [THREADS...]\n"
                        "       match --lines INDICATORS TELEMETRY\n"
                        "       match --networks COUNT\n");
        return 2;
    }
    if (file_read(argv[1], (size_t)16 << 30, &text, &d)) {
        fprintf(stderr, "%s\n", d.message);
        return 1;
    }
    struct detect_index *index = build(buf_span(&text), !lines);
    buf_free(&text);
    if (lines) return index && print_lines(index, argv[2]) ? 0 : 1;
    if (index) index = reopen(index);
    bool ok = index != NULL;
    if (argc == 3) ok = ok && measure(index, argv[2], 1, runs);
    for (int i = 3; ok && i < argc; i++) ok = measure(index, argv[2], (unsigned)strtoul(argv[i], NULL, 10), runs);
    printf("memory   %8ld MB at most, building included\n", resident_mb());
    detect_index_free(&index);
    return ok ? 0 : 1;
}
