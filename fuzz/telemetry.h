/* What the telemetry targets share: any bytes are scanned twice, once as always, once with every line parsed. Both must
 * hit the same: the prefilter may let a line through for nothing, never keep one. */
#ifndef RENKEI_FUZZ_TELEMETRY_H
#define RENKEI_FUZZ_TELEMETRY_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "detect/scan.h"

struct fuzz_hits {
    uint64_t sum, count;
    const struct detect_reader *reader; /* what it was taken for */
    uint32_t ignored;                   /* the indicator that is there to have all lines parsed */
};

static inline struct detect_index *fuzz_index(bool parse_everything) {
    static const char *const patterns[] = {
        "[domain-name:value IN ('a.b', 'evil.example', 'xn--bcher-kva.example')]",
        "[ipv4-addr:value = '198.51.100.7']",
        "[ipv4-addr:value ISSUBSET '10.0.0.0/9']",
        "[ipv6-addr:value ISSUBSET '2001:db8::/33']",
        "[ipv6-addr:value = 'fe80::1']",
        "[url:value = 'http://evil.example/a']",
        "[url:value = 'https://a.b/']",
        "[url:value = 'evil.example/b']",
        "[network-traffic:extensions.'http-request-ext'.request_value = '/gate.php']",
        "[network-traffic:dst_ref.value = '198.51.100.8' AND network-traffic:dst_port = 443]",
        "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
        "[x509-certificate:hashes.'SHA-1' = 'a3819badccae799ec8533a917dbd5a8bd7f14bfb']",
        "[file:name = 'x.exe']",
        "[email-addr:value = 'a@evil.example']",
        "[network-traffic:dst_port = 4444]", /* last: nothing to look up */
    };
    size_t count = sizeof patterns / sizeof *patterns;
    struct detect_builder *b;
    struct detect_index *index;
    if (detect_builder_new(&b, NULL)) abort();
    for (size_t i = 0; i < (parse_everything ? count : count - 1); i++) {
        struct detect_indicator one = {.id = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                                       .pattern = span_cstr(patterns[i]),
                                       .valid_from = TIME_NONE,
                                       .valid_until = TIME_NONE};
        if (detect_builder_add(b, &one, NULL)) abort();
    }
    if (detect_builder_finish(&b, &index, NULL) || detect_index_unsupported_count(index)) abort();
    return index;
}

static inline bool fuzz_on_hit(void *context, const struct detect_hit *hit) {
    struct fuzz_hits *h = context;
    if (hit->indicator == h->ignored) return true;
    h->sum += hash64(hit->value, hit->line * 1000 + hit->indicator);
    h->count++;
    return true;
}

static inline struct fuzz_hits fuzz_scan(int fd, const struct detect_index *index, const struct detect_reader *reader,
                                         size_t chunk) {
    struct fuzz_hits hits = {.ignored = 14};
    struct scan_options options = {
        .index = index, .reader = reader, .chunk_size = chunk, .on_hit = fuzz_on_hit, .context = &hits};
    struct scan_result result;
    struct input *in;
    struct diag d;
    int own = dup(fd);
    if (own < 0 || lseek(own, 0, SEEK_SET) != 0) abort();
    if (input_open_fd(own, "fuzz", &in, &d)) { /* UTF-16 */
        hits.count = UINT64_MAX;
        return hits;
    }
    if (scan_input(in, &options, &result, &d)) { /* bytes that pretend to be compressed: how far it got may differ */
        hits.count = UINT64_MAX;
        hits.sum = 0;
    }
    input_close(&in);
    hits.reader = result.reader;
    return hits;
}

static inline void fuzz_telemetry(const uint8_t *data, size_t size, const struct detect_reader *reader) {
    static struct detect_index *sieved, *parsed;
    if (!sieved) {
        sieved = fuzz_index(false);
        parsed = fuzz_index(true);
    }
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    struct fuzz_hits a = fuzz_scan(fd, sieved, reader, 0), b = fuzz_scan(fd, parsed, a.reader, 0),
                     c = fuzz_scan(fd, sieved, a.reader, 50);
    if (a.count != b.count || a.sum != b.sum) abort();
    /* A frame of zstd that lies about its size is an error only where its room is given at once. */
    if (a.count != UINT64_MAX && c.count != UINT64_MAX && (a.count != c.count || a.sum != c.sum)) abort();
    close(fd);
}

#endif
