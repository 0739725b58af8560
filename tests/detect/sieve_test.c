/* The sieve against no sieve: random lines of each shape, scanned, must give the hits that parsing every line gives.
 * The lines are made of what the indicators name, of what looks like it, and of what breaks lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "detect/parents.h"
#include "detect/scan.h"

enum { LINES = 700, ROUNDS = 24, MATCHES = 512 };

static uint64_t state;
static unsigned below(unsigned n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

static const char *const patterns[] = {
    "[domain-name:value = 'evil.example']",
    "[domain-name:value = 'a.long-name-that-crosses-blocks.of-sixty-four-bytes.and-goes-on.example']",
    "[domain-name:value = 'b\xc3\xbc"
    "cher.example']",
    "[domain-name:value = 'localhost']",
    "[ipv4-addr:value = '198.51.100.7']",
    "[ipv6-addr:value = '2001:db8::1']",
    "[url:value = 'http://evil.example/gate.php?x=1&y=2']",
    "[url:value = 'https://evil.example/a.b/c']",
    "[url:value = 'http://evil.example/a/../p']",
    "[url:value = 'http://evil.example/a%2fb']",
    "[url:value = 'http://[2001:db8::1]/x']",
    "[network-traffic:extensions.'http-request-ext'.request_value = '/p']",
    "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
    "[file:hashes.'SHA-256' = '8b64b08097c05ac62a28d278d7627b7f230b78d8da722154d0efb54013623592']",
    /* kinds that cost the sieve something, each in every other set */
    "[email-addr:value = 'u+t@evil.example']",
    "[file:name = 'x']",
    "[file:name = 'a b.exe']",
    "[ipv4-addr:value ISSUBSET '203.0.113.0/24']",
    "[ipv6-addr:value ISSUBSET '2001:db8:1::/48']",
};
enum { PATTERNS = sizeof patterns / sizeof *patterns, PLAIN = 14 };

static const char *const values[] = {
    "evil.example",
    "EVIL.example",
    "www.evil.example",
    "notevil.example",
    "evil.example.",
    "evil.example..",
    "a.long-name-that-crosses-blocks.of-sixty-four-bytes.and-goes-on.example",
    "b\xc3\xbc"
    "cher.example",
    "xn--bcher-kva.example",
    "localhost",
    "localhost.",
    "198.51.100.7",
    "198.51.100.7:80",
    "::ffff:198.51.100.7",
    "203.0.113.9",
    "203.0.113.9:443",
    "2001:db8::1",
    "2001:DB8:0:0:0:0:0:1",
    "[2001:db8::1]:443",
    "[2001:db8::1]",
    "2001:db8:1::5",
    "http://evil.example/gate.php?x=1&y=2",
    "http://evil.example/gate.php?x=1&y=2#f",
    "HTTP://evil.example:80/gate.php?x=1&y=2",
    "https://evil.example/a.b/c",
    "https://u@evil.example/",
    "http://[2001:db8::1]/x",
    "http://198.51.100.7/",
    "/p",
    "/p#f",
    "/./p",
    "/a/../p",
    "/%70",
    "/a%2Fb",
    "/a%2fb",
    "/p.",
    "d41d8cd98f00b204e9800998ecf8427e",
    "D41D8CD98F00B204E9800998ECF8427E",
    "d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e",
    "8b64b08097c05ac62a28d278d7627b7f230b78d8da722154d0efb54013623592",
    "u+t@evil.example",
    "<u+t@EVIL.example>",
    "A B <u+t@evil.example>, c@d.example",
    "x",
    "/tmp/x",
    "C:\\x",
    "a b.exe",
    "/var/a b.exe",
    "-",
    "(empty)",
    "",
    "1588205199.82437",
    "0.5",
    "12",
    "00:0d:3a:65:28:32",
    "2020-05-01T07:02:24.441272+0000",
    "07:02:24",
    "tcp",
    "SF",
    "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101",
    "CAcJiB1hWq9bXkJg7",
    "true",
    "\xff\xfe",
    "k=evil.example",
};
enum { VALUES = sizeof values / sizeof *values };

static const char *value(void) {
    return values[below(VALUES)];
}

/* --- lines --- */

static void put_json_string(struct buf *out, const char *text) {
    bool fancy = below(4) == 0;
    buf_add_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else if (*text == '/' && below(2))
            buf_add_cstr(out, "\\/");
        else if (fancy && (unsigned char)*text < 0x80 && below(6) == 0)
            buf_printf(out, "\\u00%02x", (unsigned)*text);
        else
            buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

static void make_json(struct buf *out) {
    static const char *const keys[] = {"query",  "host", "uri",      "id.orig_h", "id.resp_h", "md5",
                                       "sha256", "a",    "filename", "mailfrom",  "answers",   "\\\""};
    buf_add_cstr(out, below(3) ? "{\"_path\":\"http\",\"ts\":1.5,\"uid\":\"C\",\"id.resp_p\":80" : "{\"n\":1");
    for (unsigned i = 0, n = below(6); i < n; i++) {
        buf_printf(out, ",%s\"%s\"%s:", below(5) ? "" : " ", keys[below(12)], below(5) ? "" : " ");
        bool list = below(5) == 0;
        if (list) buf_add_char(out, '[');
        put_json_string(out, value());
        if (list) buf_add_char(out, ',');
        if (list) put_json_string(out, value());
        if (list) buf_add_char(out, ']');
    }
    static const char *const ends[] = {"}", "}", "}", "}", "}", "}", "}", "} ", "", "\"}", "\\\"}", ",\"open", "\\"};
    buf_add_cstr(out, ends[below(13)]);
}

static const char table_head[] =
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
    "#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tid.resp_p\thost\turi\tproxied\tmd5\n";

static void put_zeek_field(struct buf *out, const char *text) {
    for (; *text; text++)
        if (*text == '\t' || *text == ',' || (below(40) == 0 && (unsigned char)*text < 0x80))
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*text);
        else
            buf_add_char(out, *text);
}

static void make_table(struct buf *out) {
    unsigned columns = below(20) ? 9 : below(12);
    if (below(60) == 0) {
        buf_add_cstr(out, "#close\t2020");
        return;
    }
    for (unsigned i = 0; i < columns; i++) {
        if (i) buf_add_char(out, '\t');
        put_zeek_field(out, i == 4 ? "80" : value());
        if (below(8) == 0) {
            buf_add_char(out, ',');
            put_zeek_field(out, value());
        }
    }
}

static void make_text(struct buf *out) {
    static const char *const between[] = {" ", " ", " ", ", ", "=",  "\"", "'",  "[",  "]", "(",   ")", "; ",
                                          "|", "<", ">", "\t", ". ", "! ", "? ", ": ", "",  "://", "/", "\x7f"};
    for (unsigned i = 0, n = below(8); i < n; i++) {
        buf_add_cstr(out, value());
        buf_add_cstr(out, between[below(24)]);
    }
}

/* --- both ways --- */

struct found {
    bool hit[LINES + 16][PATTERNS];
};

static bool on_hit(void *context, const struct detect_hit *hit) {
    struct found *f = context;
    assert_true(hit->line >= 1 && hit->line < LINES + 16);
    assert_false(f->hit[hit->line][hit->indicator]);
    f->hit[hit->line][hit->indicator] = true;
    return true;
}

static uint64_t read_all(const struct detect_index *index, const struct detect_reader *reader, struct span text,
                         bool subdomains, struct found *f) {
    struct arena a;
    struct reader_header header = {0};
    uint64_t unreadable = 0;
    arena_init(&a, 64 << 20);
    reader_header_init(&header);
    for (uint64_t number = 1; text.len > 0; number++) {
        struct span line = span_cut(&text, '\n');
        const struct detect_event *event;
        struct detect_match matches[MATCHES];
        struct diag d;
        arena_reset(&a);
        if (line.len > 0 && line.at[line.len - 1] == '\r') line.len--;
        if (line.len == 0) continue;
        if (reader->shape == READER_TABLE && line.at[0] == '#') {
            reader_header_line(&header, line);
            continue;
        }
        if (reader->read(line, &header, &a, &event, &d)) {
            unreadable++;
            continue;
        }
        if (event && subdomains) event = event_with_parents(event, &a);
        if (!event) continue;
        uint32_t count = detect_index_match(index, event, &a, matches, MATCHES);
        for (uint32_t i = 0; i < count; i++) f->hit[number][matches[i].indicator] = true;
    }
    arena_free(&a);
    return unreadable;
}

static struct detect_index *build(unsigned round) {
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    for (size_t i = 0; i < PATTERNS; i++) {
        bool there = round % 3 == 0 || i == round % PATTERNS || (i < PLAIN && round % 3 == 1);
        struct detect_indicator one = {.id = SPAN("indicator--0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
                                       .pattern = there ? span_cstr(patterns[i])
                                                        : SPAN("[domain-name:value = 'never-there.example']"),
                                       .valid_from = TIME_NONE,
                                       .valid_until = TIME_NONE};
        assert_int_equal(detect_builder_add(b, &one, &d), ERR_NONE);
    }
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    assert_int_equal(detect_index_unsupported_count(index), 0);
    return index;
}

static void compare(const struct found *expected, const struct found *got, struct span text, const char *what) {
    int wrong = 0;
    for (unsigned line = 1; text.len > 0; line++) {
        struct span one = span_cut(&text, '\n');
        for (unsigned i = 0; i < PATTERNS; i++)
            if (expected->hit[line][i] != got->hit[line][i] && wrong++ < 5)
                print_error("%s, %s: %s\n  %.*s\n", what, expected->hit[line][i] ? "missed" : "wrongly hit",
                            patterns[i], SPAN_ARG(one));
    }
    assert_int_equal(wrong, 0);
}

static unsigned hits_in(const struct found *f) {
    unsigned hits = 0;
    for (unsigned line = 0; line < LINES + 16; line++)
        for (unsigned i = 0; i < PATTERNS; i++) hits += f->hit[line][i];
    return hits;
}

static unsigned one_shape(const struct detect_reader *reader, void (*make)(struct buf *out), const char *head) {
    unsigned hits = 0;
    struct found *expected = malloc(sizeof *expected), *got = malloc(sizeof *got);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct buf text = BUF_EMPTY;
        struct diag d;
        char path[] = "/tmp/renkei-sieve-XXXXXX";
        state = (round + 1) * UINT64_C(0x9e3779b97f4a7c15);
        buf_add_cstr(&text, head);
        for (int i = 0; i < LINES; i++) {
            make(&text);
            buf_add_cstr(&text, below(10) ? "\n" : "\r\n");
        }
        if (round % 2) text.len--; /* no line feed at the end */
        struct detect_index *index = build(round);
        int fd = mkstemp(path);
        assert_int_equal(file_write_all(fd, buf_span(&text), &d), ERR_NONE);
        close(fd);
        for (unsigned way = 0; way < 6; way++) {
            bool subdomains = way >= 3;
            struct scan_result result;
            struct scan_options options = {.index = index,
                                           .reader = reader,
                                           .threads = 1 + way % 2,
                                           .chunk_size = way == 1   ? 300
                                                         : way == 4 ? 5000
                                                                    : 0,
                                           .subdomains = subdomains,
                                           .processor = way % 3,
                                           .on_hit = on_hit,
                                           .context = got};
            memset(expected, 0, sizeof *expected);
            memset(got, 0, sizeof *got);
            uint64_t unreadable = read_all(index, reader, buf_span(&text), subdomains, expected);
            assert_int_equal(scan_path(path, &options, &result, &d), ERR_NONE);
            char what[64];
            snprintf(what, sizeof what, "%s, round %u, way %u", reader->name, round, way);
            compare(expected, got, buf_span(&text), what);
            assert_true(result.unreadable <= unreadable);
            hits += hits_in(got);
        }
        unlink(path);
        detect_index_free(&index);
        buf_free(&text);
    }
    free(expected);
    free(got);
    return hits;
}

static void json_lines(void **unused) {
    (void)unused;
    assert_true(one_shape(&detect_reader_ndjson, make_json, "") > 1000); /* or the test tests nothing */
}
static void tables(void **unused) {
    (void)unused;
    assert_true(one_shape(&detect_reader_zeek_tsv, make_table, table_head) > 1000);
}
static void plain_text(void **unused) {
    (void)unused;
    assert_true(one_shape(&detect_reader_text, make_text, "") > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(json_lines), cmocka_unit_test(tables),
                                       cmocka_unit_test(plain_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
