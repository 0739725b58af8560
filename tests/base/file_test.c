/* Files on a real disk, in a folder of their own that is removed afterwards. */
#include "base/file.h"

#include <bzlib.h>
#include <fcntl.h>
#include <ftw.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/hash.h"

static char folder[] = "/tmp/renkei-file-XXXXXX";
static char path_text[256];

static const char *in_folder(const char *name) {
    snprintf(path_text, sizeof path_text, "%s/%s", folder, name);
    return path_text;
}

static int make_folder(void **state) {
    return mkdtemp(folder) ? 0 : -1;
}
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    return remove(path);
}
static int remove_folder(void **state) {
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void writes_and_reads(void **state) {
    struct diag d = {0};
    struct buf b = BUF_EMPTY;
    struct stat st;
    assert_int_equal(file_write(in_folder("a"), SPAN("one"), 0600, &d), ERR_NONE);
    assert_int_equal(file_write(in_folder("a"), SPAN("second"), 0600, &d), ERR_NONE);
    assert_int_equal(stat(path_text, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_read(path_text, 6, &b, &d), ERR_NONE);
    assert_true(span_is(buf_span(&b), "second"));
    assert_int_equal(file_read(path_text, 5, &b, &d), ERR_LIMIT);
    assert_int_equal(file_read(in_folder("missing"), 5, &b, &d), ERR_NOT_FOUND);
    assert_int_equal(file_read(folder, 5, &b, &d), ERR_IO);
    assert_int_equal(file_write(in_folder("missing/a"), SPAN("x"), 0600, &d), ERR_NOT_FOUND);
    assert_int_not_equal(access(in_folder("a.new"), F_OK), 0);
    buf_free(&b);
}

static void makes_folders(void **state) {
    struct diag d = {0};
    assert_int_equal(file_make_folder(in_folder("x/y/z"), 0700, &d), ERR_NONE);
    assert_int_equal(file_make_folder(in_folder("x/y//z/"), 0700, &d), ERR_NONE);
    assert_int_equal(file_write(in_folder("plain"), SPAN(""), 0600, &d), ERR_NONE);
    assert_int_equal(file_make_folder(in_folder("plain"), 0700, &d), ERR_IO);
    assert_int_equal(file_make_folder(in_folder("plain/below"), 0700, &d), ERR_IO);
    assert_int_equal(file_make_folder("", 0700, &d), ERR_INVALID);
}

/* ---- streams ---- */

static struct span sample(void) {
    static char text[600000];
    if (!text[0])
        for (size_t i = 0; i < sizeof text; i++) text[i] = (char)("0123456789abcdef\n"[hash64(span_of(&i, 8), 1) % 17]);
    return span_of(text, sizeof text);
}

static void add_gzip(struct buf *to, struct span data) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data.at, .avail_in = (uInt)data.len};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong bound = deflateBound(&z, data.len);
    z.next_out = (Bytef *)buf_reserve(to, bound);
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->len += bound - z.avail_out;
    deflateEnd(&z);
}

static void add_zstd(struct buf *to, struct span data) {
    size_t bound = ZSTD_compressBound(data.len);
    char *at = buf_reserve(to, bound);
    size_t len = ZSTD_compress(at, bound, data.at, data.len, 3);
    assert_false(ZSTD_isError(len));
    to->len += len;
}

static void add_bzip2(struct buf *to, struct span data) {
    unsigned len = (unsigned)data.len + (unsigned)data.len / 100 + 600;
    char *at = buf_reserve(to, len);
    assert_int_equal(
        BZ2_bzBuffToBuffCompress(at, &len, data.len ? (char *)(uintptr_t)data.at : at, (unsigned)data.len, 9, 0, 0),
        BZ_OK);
    to->len += len;
}

static void add_xz(struct buf *to, struct span data) {
    size_t bound = lzma_stream_buffer_bound(data.len), len = 0;
    uint8_t *at = (uint8_t *)buf_reserve(to, bound);
    assert_int_equal(
        lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)data.at, data.len, at, &len, bound),
        LZMA_OK);
    to->len += len;
}

static void add_plain(struct buf *to, struct span data) {
    buf_add(to, data);
}

static struct input *open_bytes(struct span content) {
    struct diag d = {0};
    struct input *in;
    int fd = open(in_folder("stream"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, content, &d), ERR_NONE);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(input_open_fd(fd, "stream", &in, &d), ERR_NONE);
    return in;
}

static enum err read_all(struct input *in, size_t step, struct buf *out, struct diag *d) {
    for (size_t got = 1; got;) {
        enum err e = input_read(in, buf_reserve(out, step), step, &got, d);
        if (e) return e;
        out->len += got;
    }
    return ERR_NONE;
}

static void reads_every_format(void **state) {
    static void (*const add[])(struct buf *, struct span) = {add_plain, add_gzip, add_zstd, add_bzip2, add_xz};
    static const size_t steps[] = {1, 13, 4096, 1 << 20};
    for (size_t f = 0; f < sizeof add / sizeof *add; f++)
        for (size_t s = 0; s < 4; s++) {
            struct span all = span_first(sample(), steps[s] == 1 ? 20000 : sample().len);
            struct buf packed = BUF_EMPTY, out = BUF_EMPTY;
            struct diag d = {0};
            add[f](&packed, span_first(all, 1000)); /* members, frames: one after the other, one of them empty */
            add[f](&packed, (struct span){0});
            add[f](&packed, span_from(all, 1000));
            struct input *in = open_bytes(buf_span(&packed));
            assert_int_equal(input_is_compressed(in), f > 0);
            assert_int_equal(input_raw_size(in), packed.len);
            assert_int_equal(read_all(in, steps[s], &out, &d), ERR_NONE);
            assert_true(span_equal(buf_span(&out), all));
            assert_int_equal(input_raw_bytes(in), packed.len);
            input_close(&in);
            assert_null(in);
            buf_free(&packed);
            buf_free(&out);
        }
}

/* Long runs: all that is packed has been read long before all is unpacked. */
static void reads_runs(void **state) {
    static void (*const add[])(struct buf *, struct span) = {add_gzip, add_zstd, add_bzip2, add_xz};
    struct buf all = BUF_EMPTY;
    for (int i = 0; i < 300000; i++) buf_add_char(&all, 'a');
    for (size_t f = 0; f < sizeof add / sizeof *add; f++)
        for (size_t step = 7; step < 200000; step *= 11) {
            struct buf packed = BUF_EMPTY, out = BUF_EMPTY;
            struct diag d = {0};
            add[f](&packed, buf_span(&all));
            struct input *in = open_bytes(buf_span(&packed));
            assert_int_equal(read_all(in, step, &out, &d), ERR_NONE);
            assert_true(span_equal(buf_span(&out), buf_span(&all)));
            input_close(&in);
            buf_free(&packed);
            buf_free(&out);
        }
    buf_free(&all);
}

/* A file that was cut, wherever, is an error and never a shorter file; nor is one with rubbish behind it. */
static void refuses_damage(void **state) {
    static void (*const add[])(struct buf *, struct span) = {add_gzip, add_zstd, add_bzip2, add_xz};
    for (size_t f = 0; f < sizeof add / sizeof *add; f++) {
        struct buf packed = BUF_EMPTY, out = BUF_EMPTY;
        struct diag d = {0};
        add[f](&packed, span_first(sample(), 2000));
        for (size_t len = 4; len < packed.len; len++) {
            struct input *in = open_bytes(span_first(buf_span(&packed), len));
            buf_clear(&out);
            assert_int_equal(read_all(in, 100, &out, &d), ERR_SYNTAX);
            assert_non_null(strstr(d.message, "stream"));
            input_close(&in);
        }
        buf_add_cstr(&packed, "rubbish behind the end");
        struct input *in = open_bytes(buf_span(&packed));
        buf_clear(&out);
        assert_int_equal(read_all(in, 100, &out, &d), ERR_SYNTAX);
        input_close(&in);
        buf_free(&packed);
        buf_free(&out);
    }
}

static void reads_slow_pipes(void **state) {
    struct buf packed = BUF_EMPTY, out = BUF_EMPTY;
    struct diag d = {0};
    int ends[2];
    add_gzip(&packed, SPAN("from a pipe"));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < packed.len; i++) {
            (void)!write(ends[1], packed.at + i, 1);
            usleep(100);
        }
        _exit(0);
    }
    close(ends[1]);
    struct input *in;
    assert_int_equal(input_open_fd(ends[0], "pipe", &in, &d), ERR_NONE);
    assert_int_equal(input_raw_size(in), 0);
    assert_int_equal(read_all(in, 5, &out, &d), ERR_NONE);
    assert_true(span_is(buf_span(&out), "from a pipe"));
    input_close(&in);
    buf_free(&packed);
    buf_free(&out);
}

static void opens_or_says_why(void **state) {
    struct diag d = {0};
    struct input *in;
    assert_int_equal(input_open(in_folder("nowhere"), &in, &d), ERR_NOT_FOUND);
    assert_null(in);
    assert_int_equal(input_open(folder, &in, &d), ERR_IO);
    assert_null(in);
    for (size_t len = 0; len < 4; len++) { /* shorter than any magic number */
        struct buf out = BUF_EMPTY;
        in = open_bytes(span_first(SPAN("ab\n"), len));
        assert_false(input_is_compressed(in));
        assert_int_equal(read_all(in, 10, &out, &d), ERR_NONE);
        assert_int_equal(out.len, len < 3 ? len : 3);
        size_t got;
        assert_int_equal(input_read(in, &got, 0, &got, &d), ERR_INTERNAL);
        assert_string_equal(input_name(in), "stream");
        input_close(&in);
        buf_free(&out);
    }
    input_close(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads),  cmocka_unit_test(makes_folders),  cmocka_unit_test(reads_every_format),
        cmocka_unit_test(reads_runs),        cmocka_unit_test(refuses_damage), cmocka_unit_test(reads_slow_pipes),
        cmocka_unit_test(opens_or_says_why),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
