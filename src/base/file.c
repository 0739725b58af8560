#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static enum err trouble(struct diag *d, const char *what, const char *path) {
    int code = errno;
    return diag_set(d, code == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s %s: %s", what, path, strerror(code));
}

enum err file_read(const char *path, size_t limit, struct buf *out, struct diag *d) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return trouble(d, "cannot open", path);
    size_t start = out->len;
    enum err e = ERR_NONE;
    for (;;) {
        char *at = buf_reserve(out, 64 << 10);
        ssize_t got = at ? read(fd, at, 64 << 10) : 0;
        if (!at) e = diag_set(d, ERR_NOMEM, "no memory to read %s", path);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) e = trouble(d, "cannot read", path);
        if (e || got == 0) break;
        out->len += (size_t)got;
        if (out->len - start > limit) {
            e = diag_set(d, ERR_LIMIT, "%s is larger than %zu bytes", path, limit);
            break;
        }
    }
    close(fd);
    return e;
}

enum err file_write_all(int fd, struct span data, struct diag *d) {
    while (data.len) {
        ssize_t n = write(fd, data.at, data.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return diag_set(d, ERR_IO, "cannot write: %s", strerror(errno));
        data = span_from(data, (size_t)n);
    }
    return ERR_NONE;
}

static enum err folder_sync(const char *path, struct diag *d) {
    struct span folder = span_cstr(path);
    while (folder.len && folder.at[folder.len - 1] != '/') folder.len--;
    char *name = folder.len ? strndup(folder.at, folder.len) : strdup(".");
    int fd = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum err e = fd < 0 || fsync(fd) != 0 ? trouble(d, "cannot sync the folder of", path) : ERR_NONE;
    if (fd >= 0) close(fd);
    free(name);
    return e;
}

enum err file_write(const char *path, struct span content, unsigned mode, struct diag *d) {
    char *beside = NULL;
    if (asprintf(&beside, "%s.new", path) < 0) return diag_set(d, ERR_NOMEM, "no memory");
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    enum err e = fd < 0 ? trouble(d, "cannot create", beside) : file_write_all(fd, content, d);
    if (!e && fsync(fd) != 0) e = trouble(d, "cannot sync", beside);
    if (fd >= 0 && close(fd) != 0 && !e) e = trouble(d, "cannot close", beside);
    if (!e && rename(beside, path) != 0) e = trouble(d, "cannot replace", path);
    if (!e) e = folder_sync(path, d);
    if (e && fd >= 0) unlink(beside);
    free(beside);
    return e;
}

enum err file_make_folder(const char *path, unsigned mode, struct diag *d) {
    struct stat st;
    if (!*path) return diag_set(d, ERR_INVALID, "a folder needs a name");
    char *copy = strdup(path);
    if (!copy) return diag_set(d, ERR_NOMEM, "no memory");
    enum err e = ERR_NONE;
    for (char *slash = copy + 1; !e; slash++) {
        if (*slash != '/' && *slash != 0) continue;
        char was = *slash;
        *slash = 0;
        if (mkdir(copy, mode) != 0 && !(errno == EEXIST && stat(copy, &st) == 0 && S_ISDIR(st.st_mode)))
            e = trouble(d, "cannot make the folder", copy);
        *slash = was;
        if (!was) break;
    }
    free(copy);
    return e;
}

/* ---- input streams ---- */

enum { INPUT_CHUNK = 256 << 10 };
enum input_kind { INPUT_FOLLOW, INPUT_PLAIN, INPUT_GZIP, INPUT_ZSTD };

struct input {
    int fd;
    char *name;
    enum input_kind kind;
    uint8_t *chunk; /* raw bytes read ahead */
    size_t at, len;
    bool raw_end;
    bool frame_open; /* compressed: in the middle of a member or frame */
    uint64_t raw_bytes, raw_size;
    z_stream gzip;
    ZSTD_DStream *zstd;
    struct follow *follow;
};

static enum err fill(struct input *in, struct diag *d) {
    while (in->at == in->len && !in->raw_end) {
        ssize_t got = read(in->fd, in->chunk, INPUT_CHUNK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return trouble(d, "cannot read", in->name);
        in->at = 0;
        in->len = (size_t)got;
        in->raw_bytes += (uint64_t)got;
        in->raw_end = got == 0;
    }
    return ERR_NONE;
}

/* Enough of the beginning to know the format, even when a pipe gives a byte at a time. */
static enum err recognise(struct input *in, struct diag *d) {
    while (in->len < 4 && !in->raw_end) {
        ssize_t got = read(in->fd, in->chunk + in->len, INPUT_CHUNK - in->len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return trouble(d, "cannot read", in->name);
        in->len += (size_t)got;
        in->raw_bytes += (uint64_t)got;
        in->raw_end = got == 0;
    }
    if (in->len >= 2 && in->chunk[0] == 0x1f && in->chunk[1] == 0x8b) {
        in->kind = INPUT_GZIP;
        if (inflateInit2(&in->gzip, 15 + 16) != Z_OK)
            return diag_set(d, ERR_NOMEM, "no memory to decompress %s", in->name);
    } else if (in->len >= 4 && memcmp(in->chunk, "\x28\xb5\x2f\xfd", 4) == 0) {
        in->kind = INPUT_ZSTD;
        in->zstd = ZSTD_createDStream();
        if (!in->zstd) return diag_set(d, ERR_NOMEM, "no memory to decompress %s", in->name);
        ZSTD_initDStream(in->zstd);
    }
    return ERR_NONE;
}

enum err input_open_fd(int fd, const char *name, struct input **out, struct diag *d) {
    struct stat st;
    struct input *in = calloc(1, sizeof *in);
    *out = NULL;
    if (in) {
        in->kind = INPUT_PLAIN;
        in->fd = fd;
        in->name = strdup(name);
        in->chunk = malloc(INPUT_CHUNK);
    }
    enum err e = in && in->name && in->chunk ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory to read %s", name);
    if (!e && fstat(fd, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            e = diag_set(d, ERR_IO, "%s is a folder", name);
        else if (S_ISREG(st.st_mode))
            in->raw_size = (uint64_t)st.st_size;
    }
    if (!e) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        e = recognise(in, d);
    }
    if (e && in)
        input_close(&in);
    else if (e)
        close(fd);
    *out = in;
    return e;
}

enum err input_open(const char *path, struct input **out, struct diag *d) {
    *out = NULL;
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return trouble(d, "cannot open", path);
    return input_open_fd(fd, standard ? "standard input" : path, out, d);
}

enum err input_open_follow(const char *path, const volatile sig_atomic_t *stop, struct input **out, struct diag *d) {
    struct input *in = calloc(1, sizeof *in);
    *out = NULL;
    if (in) in->name = strdup(path);
    enum err e = in && in->name ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory to follow %s", path);
    if (in) in->fd = -1;
    if (!e) e = follow_open(path, stop, &in->follow, d);
    if (e && in)
        input_close(&in);
    else
        *out = in;
    return e;
}

static enum err read_plain(struct input *in, void *at, size_t size, size_t *got, struct diag *d) {
    if (in->at < in->len) {
        *got = in->len - in->at < size ? in->len - in->at : size;
        memcpy(at, in->chunk + in->at, *got);
        in->at += *got;
        return ERR_NONE;
    }
    ssize_t n; /* past what was read to recognise the format: straight into the caller's memory */
    do n = in->raw_end ? 0 : read(in->fd, at, size);
    while (n < 0 && errno == EINTR);
    if (n < 0) return trouble(d, "cannot read", in->name);
    in->raw_bytes += (uint64_t)n;
    in->raw_end = n == 0;
    *got = (size_t)n;
    return ERR_NONE;
}

static enum err read_gzip(struct input *in, void *at, size_t size, size_t *got, struct diag *d) {
    unsigned want = size > INT32_MAX ? INT32_MAX : (unsigned)size;
    in->gzip.next_out = at;
    in->gzip.avail_out = want;
    while (in->gzip.avail_out == want) {
        enum err e = fill(in, d);
        if (e) return e;
        bool ended = in->at == in->len;
        if (ended && !in->frame_open) break;
        if (!in->frame_open && inflateReset(&in->gzip) != Z_OK) return diag_set(d, ERR_INTERNAL, "zlib does not start");
        in->frame_open = true;
        in->gzip.next_in = in->chunk + in->at;
        in->gzip.avail_in = (unsigned)(in->len - in->at);
        int code = inflate(&in->gzip, Z_NO_FLUSH);
        in->at = in->len - in->gzip.avail_in;
        if (code == Z_STREAM_END)
            in->frame_open = false;
        else if (ended && in->gzip.avail_out == want) /* nor did zlib hold back anything for want of room */
            return diag_set(d, ERR_SYNTAX, "%s: the gzip data ends in the middle", in->name);
        else if (code != Z_OK && code != Z_BUF_ERROR)
            return diag_set(d, ERR_SYNTAX, "%s: corrupt gzip data near byte %llu (%s)", in->name,
                            (unsigned long long)(in->raw_bytes - (in->len - in->at)),
                            in->gzip.msg ? in->gzip.msg : "inflate");
    }
    *got = want - in->gzip.avail_out;
    return ERR_NONE;
}

static enum err read_zstd(struct input *in, void *at, size_t size, size_t *got, struct diag *d) {
    ZSTD_outBuffer to = {at, size, 0};
    while (to.pos == 0) {
        enum err e = fill(in, d);
        if (e) return e;
        bool ended = in->at == in->len;
        if (ended && !in->frame_open) break;
        ZSTD_inBuffer from = {in->chunk, in->len, in->at};
        size_t left = ZSTD_decompressStream(in->zstd, &to, &from);
        if (ZSTD_isError(left))
            return diag_set(d, ERR_SYNTAX, "%s: corrupt zstd data near byte %llu (%s)", in->name,
                            (unsigned long long)(in->raw_bytes - (in->len - from.pos)), ZSTD_getErrorName(left));
        if (ended && to.pos == 0) /* nor did the decoder hold back anything for want of room */
            return diag_set(d, ERR_SYNTAX, "%s: the zstd data ends in the middle", in->name);
        in->at = from.pos;
        in->frame_open = left != 0;
    }
    *got = to.pos;
    return ERR_NONE;
}

enum err input_read(struct input *in, void *at, size_t size, size_t *got, struct diag *d) {
    *got = 0;
    if (size == 0) return diag_set(d, ERR_INTERNAL, "nowhere to read %s to", in->name);
    switch (in->kind) {
    case INPUT_GZIP:
        return read_gzip(in, at, size, got, d);
    case INPUT_ZSTD:
        return read_zstd(in, at, size, got, d);
    case INPUT_FOLLOW: {
        enum err e = follow_read(in->follow, at, size, got, d);
        in->raw_bytes += *got;
        return e;
    }
    case INPUT_PLAIN:
        break;
    }
    return read_plain(in, at, size, got, d);
}

uint64_t input_raw_bytes(const struct input *in) {
    return in->raw_bytes;
}
uint64_t input_raw_size(const struct input *in) {
    return in->raw_size;
}
bool input_is_compressed(const struct input *in) {
    return in->kind == INPUT_GZIP || in->kind == INPUT_ZSTD;
}
const char *input_name(const struct input *in) {
    return in->name;
}

void input_close(struct input **in) {
    if (!*in) return;
    if ((*in)->kind == INPUT_GZIP) inflateEnd(&(*in)->gzip);
    ZSTD_freeDStream((*in)->zstd);
    if ((*in)->fd >= 0) close((*in)->fd);
    follow_close(&(*in)->follow);
    free((*in)->name);
    free((*in)->chunk);
    free(*in);
    *in = NULL;
}
