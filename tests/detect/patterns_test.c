/* Full patterns on telemetry: the cases of patterns_cases.txt, on one thread and on several, and hostile ones. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/patterns.h"

struct collected {
    struct buf text;
    uint64_t hits;
};

static bool on_hit(void *context, const struct detect_hit *hit) {
    struct collected *c = context;
    c->hits++;
    if (c->text.len > 1 << 20) return true;
    buf_printf(&c->text, "%s%u@", c->text.len ? " " : "", hit->indicator);
    if (hit->place_count == 0) buf_printf(&c->text, "%llu", (unsigned long long)hit->line);
    for (uint32_t i = 0; i < hit->place_count; i++)
        buf_printf(&c->text, "%s%llu", i ? "+" : "", (unsigned long long)hit->places[i].line);
    return true;
}

static struct detect_index *build(const struct span *patterns, uint32_t count) {
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    for (uint32_t i = 0; i < count; i++) {
        struct detect_indicator one = {.id = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                                       .pattern = patterns[i],
                                       .valid_from = TIME_NONE,
                                       .valid_until = TIME_NONE};
        assert_int_equal(detect_builder_add(b, &one, &d), ERR_NONE);
    }
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    return index;
}

static void write_file(char *path, struct span bytes) {
    int fd = mkstemp(path);
    struct diag d;
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, bytes, &d), ERR_NONE);
    close(fd);
}

/* Hits of the index and of the patterns, in the order told. */
static struct detect_patterns_summary run(const struct detect_index *index, struct detect_patterns_settings settings,
                                          struct span lines, unsigned threads, size_t chunk, struct collected *out) {
    char path[] = "/tmp/renkei-patterns-XXXXXX";
    struct detect_patterns *set;
    struct scan_result result;
    struct diag d;
    *out = (struct collected){.text = BUF_EMPTY};
    settings.on_hit = on_hit;
    settings.context = out;
    if (detect_patterns_new(index, &settings, &set, &d)) fail_msg("%s", d.message);
    write_file(path, lines);
    struct scan_options options = {.index = index,
                                   .patterns = detect_patterns_hooks(set),
                                   .threads = threads,
                                   .chunk_size = chunk,
                                   .on_hit = on_hit,
                                   .context = out};
    if (scan_path(path, &options, &result, &d)) fail_msg("%s", d.message);
    assert_int_equal(result.unreadable, 0);
    unlink(path);
    struct detect_patterns_summary sum = detect_patterns_summary(set);
    detect_patterns_free(&set);
    return sum;
}

/* --- the cases --- */

enum { PATTERNS_A_CASE = 16 };

struct one_case {
    struct span patterns[PATTERNS_A_CASE];
    uint32_t count, line;
    struct detect_patterns_settings settings;
    struct buf lines;
    struct span expected;
};

static void read_settings(struct one_case *c, struct span text) {
    while (text.len) {
        struct span value = span_cut(&text, ' '), key = span_cut(&value, '=');
        uint64_t n = 0;
        if (span_is(key, "scope"))
            assert_true(detect_scope_parse(value, &c->settings.scope));
        else
            assert_true(span_u64(value, &n));
        if (span_is(key, "window")) c->settings.stream.window_us = (int64_t)n * TIME_US_PER_S;
        if (span_is(key, "late")) c->settings.stream.late_us = (int64_t)n * TIME_US_PER_S;
    }
}

static void check_case(struct one_case *c) {
    struct detect_index *index = build(c->patterns, c->count);
    for (uint32_t i = 0; i < detect_index_unsupported_count(index); i++) {
        const char *reason;
        (void)detect_index_unsupported(index, i, &reason);
        if (reason[0]) fail_msg("line %u: %s", c->line, reason);
    }
    for (unsigned threads = 1; threads <= 3; threads += 2)
        for (size_t chunk = 200; chunk <= 200000; chunk *= 1000) {
            struct collected got;
            (void)run(index, c->settings, buf_span(&c->lines), threads, chunk, &got);
            if (!span_equal(buf_span(&got.text), c->expected))
                fail_msg("line %u, %u threads: expected \"%.*s\", got \"%.*s\"", c->line, threads,
                         SPAN_ARG(c->expected), SPAN_ARG(buf_span(&got.text)));
            buf_free(&got.text);
        }
    detect_index_free(&index);
}

static void test_cases(void **state) {
    const char *source = getenv("RENKEI_SOURCE");
    char path[4096];
    static char text[1 << 18];
    (void)state;
    snprintf(path, sizeof path, "%s/tests/detect/patterns_cases.txt", source ? source : ".");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct span rest = span_of(text, fread(text, 1, sizeof text, file));
    fclose(file);
    struct one_case c = {.lines = BUF_EMPTY};
    unsigned cases = 0;
    for (uint32_t number = 1; rest.len; number++) {
        struct span line = span_cut(&rest, '\n'), what = span_trim(span_from(line, 1));
        switch (line.len ? line.at[0] : '#') {
        case 'P':
            if (c.count == 0) c.line = number;
            assert_true(c.count < PATTERNS_A_CASE);
            c.patterns[c.count++] = what;
            break;
        case 'S':
            read_settings(&c, what);
            break;
        case '>':
            buf_add(&c.lines, what);
            buf_add_char(&c.lines, '\n');
            break;
        case '=':
            c.expected = what;
            check_case(&c);
            buf_free(&c.lines);
            c = (struct one_case){.lines = BUF_EMPTY};
            cases++;
            break;
        default:
            break;
        }
    }
    assert_true(cases >= 13);
}

/* --- hostile --- */

static void add_flow(struct buf *lines, unsigned n, double time, const char *query) {
    buf_printf(
        lines,
        "{\"ts\":%.3f,\"uid\":\"C%u\",\"id.orig_h\":\"10.0.%u.%u\",\"id.orig_p\":4000,\"id.resp_h\":\"198.51.100.%u\","
        "\"id.resp_p\":53,\"proto\":\"udp\",\"query\":\"%s\"}\n",
        time, n, n / 250 % 250, n % 250, n % 200, query);
}

/* A thousand of LIKE and MATCHES: each line is looked at once for all. */
static void test_a_thousand(void **state) {
    enum { COUNT = 1000, LINES = 3000 };
    static char texts[COUNT][96];
    struct span patterns[COUNT];
    struct buf lines = BUF_EMPTY;
    struct collected got;
    char query[64];
    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i],
                 i % 2 ? "[domain-name:value LIKE '%%bad%ux%%']" : "[domain-name:value MATCHES '^[a-z]+%uy\\\\.']", i);
        patterns[i] = span_cstr(texts[i]);
    }
    for (unsigned i = 0; i < LINES; i++) {
        snprintf(query, sizeof query,
                 i % 100 == 0   ? "www.bad%ux.example"
                 : i % 100 == 1 ? "name%uy.example"
                                : "n%u.example",
                 i % 100 == 0 ? i / 100 * 2 + 1 : i / 100 * 2);
        add_flow(&lines, i, 1600000000 + i, query);
    }
    struct detect_index *index = build(patterns, COUNT);
    struct detect_patterns_summary sum = run(index, (struct detect_patterns_settings){0}, buf_span(&lines), 2, 0, &got);
    assert_int_equal(sum.patterns, COUNT);
    assert_int_equal(sum.quarantined, 0);
    assert_int_equal(got.hits, 2 * LINES / 100);
    assert_true(sum.blind || sum.evaluations < LINES / 10);
    buf_free(&got.text);
    buf_free(&lines);
    detect_index_free(&index);
}

/* What everything matches, and what would explode: bounded, and the others are right. */
static void test_everything_and_chains(void **state) {
    char chain[4096];
    size_t len = 0;
    struct buf lines = BUF_EMPTY;
    struct collected got;
    (void)state;
    for (int i = 0; i < 20; i++)
        len += (size_t)snprintf(chain + len, sizeof chain - len,
                                "%s[network-traffic:dst_port = 53 AND network-traffic:src_ref.value LIKE '%%']",
                                i ? " FOLLOWEDBY " : "");
    struct span patterns[] = {SPAN("[domain-name:value LIKE '%']"),
                              SPAN("[network-traffic:dst_port = 53] REPEATS 1000 TIMES"),
                              SPAN("[domain-name:value = 'n7.example'] FOLLOWEDBY [network-traffic:dst_port = 54]"),
                              span_of(chain, len), SPAN("[domain-name:value = 'n2999.example']")};
    for (unsigned i = 0; i < 3000; i++) {
        char query[32];
        snprintf(query, sizeof query, "n%u.example", i);
        add_flow(&lines, i, 1600000000 + i * 0.01, query);
    }
    struct detect_index *index = build(patterns, 5);
    struct detect_patterns_summary sum =
        run(index, (struct detect_patterns_settings){0}, buf_span(&lines), 3, 20000, &got);
    assert_int_equal(sum.quarantined, 0);
    assert_int_equal(got.hits, 3000 + 3 + 2981 + 1);
    assert_int_equal(sum.dropped, 0);
    buf_free(&got.text);
    buf_free(&lines);
    detect_index_free(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_a_thousand),
                                       cmocka_unit_test(test_everything_and_chains)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
