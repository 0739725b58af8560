/* The scanner's mechanics: chunks, threads, order, line numbers, what is unreadable. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"
#include "detect/scan.h"

static struct detect_index *build(const char *const *patterns, size_t count) {
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    for (size_t i = 0; i < count; i++) {
        struct detect_indicator one = {.id = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                                       .pattern = span_cstr(patterns[i]),
                                       .valid_from = TIME_NONE,
                                       .valid_until = TIME_NONE};
        assert_int_equal(detect_builder_add(b, &one, &d), ERR_NONE);
    }
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    return index;
}

/* Hits as text: "line:indicator:value " each. */
struct seen {
    struct buf text;
    uint64_t last_line;
    unsigned stop_after, count;
    bool in_order;
};

static bool on_hit(void *context, const struct detect_hit *hit) {
    struct seen *s = context;
    buf_printf(&s->text, "%llu:%u:%.*s ", (unsigned long long)hit->line, hit->indicator, SPAN_ARG(hit->value));
    s->in_order &= hit->line >= s->last_line;
    s->last_line = hit->line;
    assert_non_null(hit->file);
    return ++s->count != s->stop_after;
}

static enum err scan_bytes(const struct detect_index *index, struct span bytes, unsigned threads, size_t chunk,
                           struct seen *seen, struct scan_result *result) {
    char path[] = "/tmp/renkei-scan-XXXXXX";
    int fd = mkstemp(path);
    struct diag d;
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, bytes, &d), ERR_NONE);
    close(fd);
    struct scan_options options = {
        .index = index, .threads = threads, .chunk_size = chunk, .on_hit = on_hit, .context = seen};
    seen->in_order = true;
    enum err error = scan_path(path, &options, result, &d);
    unlink(path);
    return error;
}

static void expect(const struct detect_index *index, const char *text, const char *hits, uint64_t lines,
                   uint64_t unreadable) {
    static const size_t chunks[] = {0, 1, 7, 64, 100, 1000};
    for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct seen seen = {0};
            struct scan_result result;
            assert_int_equal(scan_bytes(index, span_cstr(text), threads, chunks[c], &seen, &result), ERR_NONE);
            assert_true(seen.in_order);
            assert_string_equal(buf_cstr(&seen.text), hits);
            assert_int_equal(result.lines, lines);
            assert_int_equal(result.unreadable, unreadable);
            assert_int_equal(result.bytes, strlen(text));
            buf_free(&seen.text);
        }
}

static const char *const patterns[] = {"[domain-name:value = 'evil.example']", "[ipv4-addr:value = '198.51.100.0/24']",
                                       "[url:value = 'http://evil.example/a']"};

static void json_lines(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    expect(index, "", "", 0, 0);
    expect(index, "\n\n{\"a\":\"evil.example\"}\n", "3:0:evil.example ", 3, 0);
    expect(index, "{\"a\":\"evil.example\"}", "1:0:evil.example ", 1, 0); /* no line feed at the end */
    expect(index,
           "{\"a\":\"x\"}\r\n{\"a\":\"Evil.Example.\"}\r\n\r\n{\"a\" : [ \"198.51.100.9\" , \"evil.example:80\"]}\r\n",
           "2:0:Evil.Example. 4:1:198.51.100.9 4:0:evil.example ", 4, 0);
    /* keys are no values; values that look like keys are */
    expect(index, "{\"evil.example\":1}\n{\"a\":\"b\",\"c\":\"evil.example\"}\n", "2:0:evil.example ", 2, 0);
    /* escapes, before, in and after the value; at every offset of the vector blocks */
    for (size_t pad = 0; pad < 130; pad++) {
        char line[512], hits[64];
        snprintf(line, sizeof line,
                 "{\"p\":\"%0*d\\\\\\\"\",\"e\":\"\\\\\",\"a\":\"\\u0065vil.e\\u0078ample\",\"z\":\"\\\\\\\\\"}\n",
                 (int)pad, 0);
        snprintf(hits, sizeof hits, "1:0:evil.example ");
        expect(index, line, hits, 1, 0);
    }
    /* broken lines are counted and do not harm their neighbours */
    expect(index,
           "{\"a\":\"evil.example\"}\n{\"a\":\"evil.example\n{\"a\":\"evil.example\"}\n{\"a\":\"evil.example\"\nxyz\n"
           "{\"a\":\"evil.example\",\"a\":1}\n{\"a\":\"evil.example\"}\n",
           "1:0:evil.example 3:0:evil.example 7:0:evil.example ", 7, 4);
    detect_index_free(&index);
}

#define HTTP(host, uri)                                                                                                \
    "{\"_path\":\"http\",\"ts\":1,\"uid\":\"C\",\"id.resp_p\":80,\"host\":\"" host "\",\"uri\":\"" uri "\"}\n"

static void urls_from_two_fields(void **state) {
    (void)state;
    static const char *const only_url[] = {"[url:value = 'http://evil.example/a']"};
    struct detect_index *index = build(only_url, 1);
    expect(index,
           HTTP("evil.example", "/a") HTTP("evil.example", "/b") HTTP("other.example", "/a")
               HTTP("EVIL.example", "\\/a#f") HTTP("evil.example:80", "/a")
                   HTTP("proxy.example", "http://evil.example/a"),
           "1:0:http://evil.example/a 4:0:http://evil.example/a 5:0:http://evil.example/a 6:0:http://evil.example/a ",
           6, 0);
    detect_index_free(&index);
}

static void zeek_tables(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    expect(index,
           "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
           "#fields\tts\tuid\tquery\tanswers\n"
           "1\tC\tevil.example\t-\n"
           "1\tC\tx.example\t10.0.0.1,198.51.100.3\n"
           "1\tC\tx.example\n"
           "#close\t2024\n"
           "#path\thttp\n#fields\thost\turi\tid.resp_p\n"
           "evil.example\t/a\t80\n"
           "evil.example\t/\\x61\t80\n",
           "7:0:evil.example 8:1:198.51.100.3 13:0:evil.example 13:2:http://evil.example/a "
           "14:0:evil.example 14:2:http://evil.example/a ",
           14, 1);
    detect_index_free(&index);
}

static void plain_text(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    expect(index,
           "Nov 23 a b: (evil.example)\nfrom=198.51.100.4 to=x\nGET http://evil.example/a, ok\nnotevil.example\n",
           "1:0:evil.example 2:1:198.51.100.4 3:2:http://evil.example/a 3:0:evil.example ", 4, 0);
    detect_index_free(&index);
}

static void byte_order_mark(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    struct seen seen = {0};
    struct scan_result result;
    assert_int_equal(scan_bytes(index, SPAN("\xef\xbb\xbf{\"a\":\"evil.example\"}\n"), 1, 0, &seen, &result), ERR_NONE);
    assert_string_equal(buf_cstr(&seen.text), "1:0:evil.example ");
    assert_string_equal(result.reader->name, "json-lines");
    buf_free(&seen.text);
    detect_index_free(&index);
}

/* A line longer than SCAN_LINE_MAX is one unreadable line, not the end of the scan nor of memory. */
static void oversize_line(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    struct buf text = BUF_EMPTY;
    struct seen seen = {0};
    struct scan_result result;
    buf_add_cstr(&text, "{\"a\":\"evil.example\"}\n{\"a\":\"");
    size_t len = SCAN_LINE_MAX + 5000000;
    memset(buf_reserve(&text, len), 'x', len);
    text.len += len;
    buf_add_cstr(&text, "\"}\n{\"a\":\"evil.example\"}\n");
    assert_int_equal(scan_bytes(index, buf_span(&text), 2, 0, &seen, &result), ERR_NONE);
    assert_string_equal(buf_cstr(&seen.text), "1:0:evil.example 3:0:evil.example ");
    assert_int_equal(result.lines, 3);
    assert_int_equal(result.unreadable, 1);
    assert_int_equal(result.shown[0].line, 2);
    buf_free(&seen.text);
    buf_free(&text);
    detect_index_free(&index);
}

/* Many lines on several threads: in order, none lost, none twice; and a callback that says stop is the last. */
static void many_lines(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    struct buf text = BUF_EMPTY, expected = BUF_EMPTY;
    for (int i = 1; i <= 20000; i++) {
        bool hit = i % 97 == 0;
        buf_printf(&text, "{\"n\":%d,\"d\":\"%s\"}\n", i, hit ? "evil.example" : "good.example");
        if (hit) buf_printf(&expected, "%d:0:evil.example ", i);
    }
    for (unsigned threads = 1; threads <= 8; threads *= 2) {
        struct seen seen = {0};
        struct scan_result result;
        assert_int_equal(scan_bytes(index, buf_span(&text), threads, 1000, &seen, &result), ERR_NONE);
        assert_string_equal(buf_cstr(&seen.text), buf_cstr(&expected));
        assert_int_equal(result.lines, 20000);
        assert_int_equal(result.hits, 20000 / 97);
        assert_int_equal(result.parsed_lines, 20000 / 97);
        buf_free(&seen.text);
        seen = (struct seen){.stop_after = 3};
        assert_int_equal(scan_bytes(index, buf_span(&text), threads, 1000, &seen, &result), ERR_NONE);
        assert_true(result.stopped);
        assert_int_equal(seen.count, 3);
        buf_free(&seen.text);
    }
    buf_free(&text);
    buf_free(&expected);
    detect_index_free(&index);
}

/* A truncated gzip file: what was readable is scanned, then the error is told. */
static void truncated_input(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    unsigned char packed[4096];
    char text[8192];
    size_t len = 0;
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "{\"n\":%d,\"a\":\"evil.example\"}\n", i);
    z_stream z = {
        .next_in = (unsigned char *)text, .avail_in = (unsigned)len, .next_out = packed, .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t packed_len = sizeof packed - z.avail_out;
    deflateEnd(&z);
    struct seen seen = {0};
    struct scan_result result;
    assert_int_equal(scan_bytes(index, span_of(packed, packed_len), 2, 0, &seen, &result), ERR_NONE);
    assert_int_equal(result.hits, 200);
    assert_int_not_equal(scan_bytes(index, span_of(packed, packed_len / 2), 2, 0, &seen, &result), ERR_NONE);
    buf_free(&seen.text);
    detect_index_free(&index);
}

/* Through a pipe, slowly: a line is reported while the writer still has the pipe open. */
static bool on_first(void *context, const struct detect_hit *hit) {
    int *writer = context;
    assert_int_equal(hit->line, 1);
    close(*writer); /* only now does the stream end */
    *writer = -1;
    return true;
}
static void slow_pipe(void **state) {
    (void)state;
    struct detect_index *index = build(patterns, 3);
    int ends[2];
    struct input *in;
    struct diag d;
    struct scan_result result;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(file_write_all(ends[1], SPAN("{\"a\":\"evil.example\"}\n{\"a\":"), &d), ERR_NONE);
    assert_int_equal(input_open_fd(ends[0], "pipe", &in, &d), ERR_NONE);
    struct scan_options options = {.index = index, .threads = 2, .on_hit = on_first, .context = &ends[1]};
    assert_int_equal(scan_input(in, &options, &result, &d), ERR_NONE);
    assert_int_equal(ends[1], -1);
    assert_int_equal(result.lines, 2);
    assert_int_equal(result.unreadable, 1); /* what the writer never finished */
    input_close(&in);
    detect_index_free(&index);
}

/* Patterns beside the index: what they watch is parsed and told, in the order of the lines. */
struct told {
    struct buf text;
    uint64_t last_line;
};

static void find_word(void *context, unsigned thread, struct span chunk, void (*found)(void *sink, size_t offset),
                      void *sink) {
    (void)context;
    assert_true(thread < SCAN_THREADS_MAX);
    struct span word = SPAN("needle");
    for (size_t at = 0, next; (next = span_find(span_from(chunk, at), word)) != SIZE_MAX; at += next + word.len)
        found(sink, at + next);
}

static bool on_event(void *context, unsigned thread, const struct detect_event *event, struct span line,
                     const uint32_t *watches, uint32_t count, bool found, struct scan_sink *sink) {
    (void)context;
    (void)thread;
    (void)line;
    uint32_t sum = found ? 1000 : 0;
    for (uint32_t i = 0; i < count; i++) sum += watches[i];
    return scan_note(sink, sum, span_cstr(event->log)) && (!found || scan_note(sink, 1, SPAN("twice")));
}

static bool on_note(void *context, const struct scan_note *note) {
    struct told *t = context;
    assert_true(note->line >= t->last_line);
    t->last_line = note->line;
    assert_true(note->text.len > 0);
    buf_printf(&t->text, "%llu:%u:%.*s ", (unsigned long long)note->line, note->watch, SPAN_ARG(note->data));
    return true;
}

static void patterns_beside(void **state) {
    (void)state;
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    struct pattern_atom domain = {.kind = ATOM_DOMAIN, .root = ROOT_DOMAIN, .value = SPAN("Watched.Example.")};
    struct pattern_atom hash = {.kind = ATOM_HASH, .value = SPAN("not a hash")};
    struct pattern_atom port = {.kind = ATOM_PORT, .port = 80};
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    assert_int_equal(detect_builder_watch(b, &domain, 7, &d), ERR_NONE);
    assert_int_equal(detect_builder_watch(b, &domain, 20, &d), ERR_NONE);
    assert_int_equal(detect_builder_watch(b, &hash, 7, &d), ERR_INVALID);
    assert_int_equal(detect_builder_watch(b, &port, 7, &d), ERR_INVALID);
    assert_int_equal(detect_builder_watch_log(b, SPAN("eve.*"), 300, &d), ERR_NONE);
    assert_int_equal(detect_builder_watch_log(b, SPAN(""), 300, &d), ERR_INVALID);
    struct detect_indicator one = {.id = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                                   .pattern = SPAN("[domain-name:value = 'watched.example']"),
                                   .valid_from = TIME_NONE,
                                   .valid_until = TIME_NONE};
    assert_int_equal(detect_builder_add(b, &one, &d), ERR_NONE);
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    assert_true(detect_index_has_watches(index));
    struct told told = {.text = BUF_EMPTY};
    struct scan_patterns patterns_hook = {
        .context = &told, .find = find_word, .on_event = on_event, .on_note = on_note};
    static const char text[] = "{\"q\":\"watched.example\"}\n"
                               "{\"q\":\"other.example\"}\n"
                               "{\"q\":\"a needle in a stack with a needle\"}\n"
                               "{\"timestamp\":\"2020-05-01T07:02:24Z\",\"event_type\":\"dns\",\"flow_id\":1}\n"
                               "{\"q\":\"needle\",\"r\":\"WATCHED.example\"}";
    for (size_t chunk = 16; chunk <= sizeof text; chunk += 40) {
        struct seen seen = {0};
        struct scan_result result;
        char path[] = "/tmp/renkei-scan-XXXXXX";
        int fd = mkstemp(path);
        assert_int_equal(file_write_all(fd, span_cstr(text), &d), ERR_NONE);
        close(fd);
        struct scan_options options = {.index = index,
                                       .patterns = &patterns_hook,
                                       .threads = 2,
                                       .chunk_size = chunk,
                                       .on_hit = on_hit,
                                       .context = &seen};
        buf_clear(&told.text);
        told.last_line = 0;
        assert_int_equal(scan_path(path, &options, &result, &d), ERR_NONE);
        unlink(path);
        assert_string_equal(buf_cstr(&told.text),
                            "1:27:json 3:1000:json 3:1:twice 4:300:eve.dns 5:1027:json 5:1:twice ");
        assert_string_equal(buf_cstr(&seen.text), "1:0:watched.example 5:0:WATCHED.example ");
        buf_free(&seen.text);
    }
    buf_free(&told.text);
    detect_index_free(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_beside), cmocka_unit_test(json_lines), cmocka_unit_test(urls_from_two_fields),
        cmocka_unit_test(zeek_tables),     cmocka_unit_test(plain_text), cmocka_unit_test(byte_order_mark),
        cmocka_unit_test(oversize_line),   cmocka_unit_test(many_lines), cmocka_unit_test(truncated_input),
        cmocka_unit_test(slow_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
