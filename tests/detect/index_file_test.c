/* The index's file: what comes back is what was written, and a file that is not whole is refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "detect/index_file.h"
#include "detect/reader.h"

enum { DOMAINS = 300 };

static struct detect_indicator indicator(const char *id, const char *pattern) {
    return (struct detect_indicator){.id = span_cstr(id),
                                     .source = SPAN("US-DOD"),
                                     .marking = SPAN("green"),
                                     .pattern = span_cstr(pattern),
                                     .valid_from = 5,
                                     .valid_until = 7,
                                     .confidence = 85};
}

static void add(struct detect_builder *b, const char *id, const char *pattern) {
    struct diag d;
    struct detect_indicator one = indicator(id, pattern);
    assert_int_equal(detect_builder_add(b, &one, &d), ERR_NONE);
}

/* Something in every part of the file. */
static struct detect_index *build(void) {
    struct detect_builder *b;
    struct detect_index *index;
    struct diag d;
    struct pattern_atom watched = {.kind = ATOM_DOMAIN, .value = SPAN("d7.example")};
    assert_int_equal(detect_builder_new(&b, &d), ERR_NONE);
    for (int i = 0; i < DOMAINS; i++) {
        char id[64], pattern[80];
        snprintf(id, sizeof id, "indicator--00000000-0000-4000-8000-%012d", i);
        snprintf(pattern, sizeof pattern, "[domain-name:value = 'D%d.example']", i);
        add(b, id, pattern);
    }
    add(b, "odd id", "[domain-name:value = 'd7.example']");
    add(b, "indicator--1", "[ipv4-addr:value ISSUBSET '198.51.100.0/24']");
    add(b, "indicator--2", "[ipv6-addr:value ISSUBSET '2001:db8::/32']");
    add(b, "indicator--3", "[network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:dst_port = 443]");
    add(b, "indicator--4", "[network-traffic:dst_port = 4444]");
    add(b, "indicator--5", "[url:value = 'http://evil.example/gate.php']");
    struct detect_indicator foreign = indicator("indicator--6", "title: x");
    foreign.pattern_type = SPAN("sigma");
    assert_int_equal(detect_builder_add(b, &foreign, &d), ERR_NONE);
    add(b, "indicator--7", "[domain-name:value = 'd8.example']");
    add(b, "indicator--8", "[domain-name:value LIKE 'full%.example']");
    assert_int_equal(detect_builder_supersede(b, 8, &d), ERR_NONE);
    assert_int_equal(detect_builder_watch(b, &watched, 77, &d), ERR_NONE);
    assert_int_equal(detect_builder_watch_log(b, SPAN("zeek.dns"), 78, &d), ERR_NONE);
    assert_int_equal(detect_builder_finish(&b, &index, &d), ERR_NONE);
    return index;
}

/* What a few lines match, as text. */
static void match_all(const struct detect_index *index, char *out, size_t size) {
    static const char *const lines[] = {
        "{\"q\":\"d7.example\"}",
        "{\"q\":\"d8.example\"}",
        "{\"q\":\"d299.example\",\"r\":\"d0.EXAMPLE.\"}",
        "{\"ts\":1,\"uid\":\"C\",\"_path\":\"dns\",\"query\":\"none.example\"}",
        "{\"ts\":1,\"uid\":\"C\",\"_path\":\"conn\",\"id.resp_h\":\"198.51.100.7\",\"id.resp_p\":443}",
        "{\"ts\":1,\"uid\":\"C\",\"_path\":\"conn\",\"id.resp_h\":\"2001:db8::1\",\"id.resp_p\":4444}",
        "{\"u\":\"http://evil.example/gate.php\"}",
    };
    struct arena a;
    struct diag d;
    size_t len = 0;
    arena_init(&a, 16 << 20);
    out[0] = '\0';
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct detect_event *event;
        struct detect_match matches[16];
        uint32_t watches[16];
        assert_int_equal(detect_reader_ndjson.read(span_cstr(lines[i]), NULL, &a, &event, &d), ERR_NONE);
        uint32_t count = detect_index_match(index, event, &a, matches, 16);
        for (uint32_t k = 0; k < count; k++) {
            struct detect_indicator got;
            detect_index_get(index, matches[k].indicator, &got);
            len += (size_t)snprintf(out + len, size - len, "%.*s %.*s %.*s;", SPAN_ARG(got.id), SPAN_ARG(got.pattern),
                                    SPAN_ARG(got.source));
        }
        count = detect_index_watches(index, event, &a, watches, 16);
        for (uint32_t k = 0; k < count; k++) len += (size_t)snprintf(out + len, size - len, "watch %u;", watches[k]);
        len += (size_t)snprintf(out + len, size - len, "|");
    }
    arena_free(&a);
}

static void temporary(char *path) {
    strcpy(path, "/tmp/renkei-index-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void comes_back(void **unused) {
    (void)unused;
    char path[64], before[4096], after[4096];
    struct detect_index *index = build(), *opened;
    struct sha256 state = sha256_of(SPAN("a state")), read;
    struct diag d;
    struct stat st;
    temporary(path);
    match_all(index, before, sizeof before);
    assert_non_null(strstr(before, "odd id"));
    assert_non_null(strstr(before, "watch 77"));
    assert_non_null(strstr(before, "watch 78"));
    assert_non_null(strstr(before, "indicator--1 "));
    assert_non_null(strstr(before, "indicator--3 "));
    assert_non_null(strstr(before, "indicator--4 "));
    assert_null(strstr(before, "000000000008 ")); /* superseded */
    assert_non_null(strstr(before, "indicator--7 "));
    assert_int_equal(detect_index_write(index, path, &state, &d), ERR_NONE);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(detect_index_open(path, &opened, &read, &d), ERR_NONE);
    assert_true(sha256_equal(&state, &read));
    unlink(path); /* what is open stays */
    match_all(opened, after, sizeof after);
    assert_string_equal(before, after);
    assert_int_equal(detect_index_count(opened), detect_index_count(index));
    assert_int_equal(detect_index_unsupported_count(opened), 2);
    const char *reason;
    struct detect_indicator full;
    detect_index_get(opened, detect_index_unsupported(opened, 1, &reason), &full);
    assert_true(span_is(full.id, "indicator--8") && span_is(full.pattern, "[domain-name:value LIKE 'full%.example']"));
    assert_string_equal(reason, "");
    assert_int_equal(detect_index_unsupported(opened, 0, &reason), DOMAINS + 6);
    assert_non_null(strstr(reason, "sigma"));
    assert_true(detect_index_stats(opened).mapped);
    assert_int_equal(detect_index_stats(opened).bytes, detect_index_stats(index).bytes);
    detect_index_free(&index);
    detect_index_free(&opened);
}

static void write_file(const char *path, struct span bytes) {
    struct diag d;
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, bytes, &d), ERR_NONE);
    close(fd);
}

/* Every byte that matters is guarded: one that is changed makes the file refused, or was padding or a pattern's text,
 * and then everything matches as before. */
static void damage(void **unused) {
    (void)unused;
    char path[64], before[4096], after[4096];
    struct detect_index *index = build(), *opened;
    struct sha256 state = {{9}}, read;
    struct buf bytes = BUF_EMPTY;
    struct diag d;
    unsigned refused = 0, lengths = 0;
    temporary(path);
    assert_int_equal(detect_index_write(index, path, &state, &d), ERR_NONE);
    match_all(index, before, sizeof before);
    assert_int_equal(file_read(path, 64 << 20, &bytes, &d), ERR_NONE);
    for (size_t len = 0; len < bytes.len; len += len < 2000 ? 97 : 5003, lengths++) { /* cut short */
        write_file(path, span_first(buf_span(&bytes), len));
        enum err e = detect_index_open(path, &opened, &read, &d);
        assert_true(e == ERR_VERIFY);
        assert_non_null(strstr(d.message, path));
        assert_null(opened);
    }
    assert_true(lengths > 20);
    for (size_t at = 0; at < bytes.len; at += at < 700 ? 3 : 1511) {
        bytes.at[at] = (char)(bytes.at[at] ^ 0x41);
        write_file(path, buf_span(&bytes));
        if (detect_index_open(path, &opened, &read, &d)) {
            refused++;
        } else {
            assert_true(at > 600); /* never in the header */
            match_all(opened, after, sizeof after);
            for (char *c = after, *b = before; *b; b++, c++) assert_int_equal(!*b, !*c);
            detect_index_free(&opened);
        }
        bytes.at[at] = (char)(bytes.at[at] ^ 0x41);
    }
    assert_true(refused > 200);
    write_file(path, SPAN("not an index"));
    assert_int_equal(detect_index_open(path, &opened, &read, &d), ERR_VERIFY);
    memset(bytes.at, 0, bytes.len);
    write_file(path, buf_span(&bytes));
    assert_int_equal(detect_index_open(path, &opened, &read, &d), ERR_VERIFY);
    unlink(path);
    assert_int_equal(detect_index_open(path, &opened, &read, &d), ERR_NOT_FOUND);
    assert_int_equal(detect_index_open("/tmp", &opened, &read, &d), ERR_VERIFY);
    assert_int_not_equal(detect_index_write(index, "/nowhere/at/all", &state, &d), ERR_NONE);
    buf_free(&bytes);
    detect_index_free(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(comes_back), cmocka_unit_test(damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
