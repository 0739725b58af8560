/* Measures matching: builds the index from a file of indicators (match_generate's, id TAB pattern TAB literal) and
 * scans telemetry with it on one thread and on more.
 *
 *   match INDICATORS TELEMETRY [THREADS…]
 *
 * Prints a line a measurement: what, seconds, rate. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/time.h"
#include "detect/index_file.h"
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

static struct detect_index *build(struct span text) {
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

static bool measure(const struct detect_index *index, const char *path, unsigned threads) {
    uint64_t sum = 0;
    struct diag d;
    struct scan_result result;
    struct scan_options options = {.index = index, .threads = threads, .on_hit = count_hit, .context = &sum};
    int64_t start = clock_monotonic_us();
    double cpu = cpu_seconds();
    if (scan_path(path, &options, &result, &d)) {
        fprintf(stderr, "%s\n", d.message);
        return false;
    }
    double seconds = (double)(clock_monotonic_us() - start) / 1e6;
    cpu = cpu_seconds() - cpu;
    printf("match %2u %8.3f s  %.3f GB/s (%.3f a processor second)  %llu lines, %llu parsed, %llu hits (sum %llu), "
           "%llu unreadable\n",
           threads, seconds, (double)result.bytes / 1e9 / seconds, (double)result.bytes / 1e9 / cpu,
           (unsigned long long)result.lines, (unsigned long long)result.parsed_lines, (unsigned long long)result.hits,
           (unsigned long long)sum, (unsigned long long)result.unreadable);
    return true;
}

int main(int argc, char **argv) {
    struct buf text = BUF_EMPTY;
    struct diag d;
    if (argc < 3) {
        fprintf(stderr, "usage: match INDICATORS TELEMETRY [THREADS...]\n");
        return 2;
    }
    if (file_read(argv[1], (size_t)4 << 30, &text, &d)) {
        fprintf(stderr, "%s\n", d.message);
        return 1;
    }
    struct detect_index *index = build(buf_span(&text));
    buf_free(&text);
    if (index) index = reopen(index);
    bool ok = index != NULL;
    if (argc == 3) ok = ok && measure(index, argv[2], 1);
    for (int i = 3; ok && i < argc; i++) ok = measure(index, argv[2], (unsigned)strtoul(argv[i], NULL, 10));
    printf("memory   %8ld MB at most\n", resident_mb());
    detect_index_free(&index);
    return ok ? 0 : 1;
}
