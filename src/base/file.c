#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unpack.h"

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

enum err file_sync_folder(const char *path, struct diag *d) {
    struct span folder = span_cstr(path);
    while (folder.len && folder.at[folder.len - 1] != '/') folder.len--;
    char *name = folder.len ? strndup(folder.at, folder.len) : strdup(".");
    int fd = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum err e = fd < 0 || fsync(fd) != 0 ? trouble(d, "cannot sync the folder of", path) : ERR_NONE;
    if (fd >= 0) close(fd);
    free(name);
    return e;
}

static enum err stream_write(const char *path, struct span content, struct diag *d) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    enum err e = fd < 0 ? trouble(d, "cannot write", path) : file_write_all(fd, content, d);
    if (fd >= 0 && close(fd) != 0 && !e) e = trouble(d, "cannot close", path);
    return e;
}

bool file_is_stream(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

enum err file_write(const char *path, struct span content, unsigned mode, struct diag *d) {
    char *beside = NULL;
    if (file_is_stream(path)) return stream_write(path, content, d);
    if (asprintf(&beside, "%s.new", path) < 0) return diag_set(d, ERR_NOMEM, "no memory");
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    enum err e = fd < 0 ? trouble(d, "cannot create", beside) : file_write_all(fd, content, d);
    if (!e && fsync(fd) != 0) e = trouble(d, "cannot sync", beside);
    if (fd >= 0 && close(fd) != 0 && !e) e = trouble(d, "cannot close", beside);
    if (!e && rename(beside, path) != 0) e = trouble(d, "cannot replace", path);
    if (!e) e = file_sync_folder(path, d);
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

struct input {
    int fd;
    char *name;
    uint8_t *chunk; /* raw bytes read ahead */
    size_t at, len;
    bool raw_end;
    uint64_t raw_bytes, raw_size;
    struct unpack *unpack; /* of a compressed one */
    const char *format;    /* its name; NULL: plain */
    struct follow *follow; /* of one that is followed */
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
    while (in->len < UNPACK_MAGIC_SIZE && !in->raw_end) {
        ssize_t got = read(in->fd, in->chunk + in->len, INPUT_CHUNK - in->len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return trouble(d, "cannot read", in->name);
        in->len += (size_t)got;
        in->raw_bytes += (uint64_t)got;
        in->raw_end = got == 0;
    }
    struct span head = span_of(in->chunk, in->len);
    if (head.len >= 2 && (memcmp(head.at, "\xff\xfe", 2) == 0 || memcmp(head.at, "\xfe\xff", 2) == 0))
        return diag_set(d, ERR_SYNTAX,
                        "%s is UTF-16, where nothing would be found: convert it (iconv -f UTF-16 -t UTF-8)", in->name);
    in->format = unpack_format(head);
    if (!in->format) return ERR_NONE;
    in->unpack = unpack_new(head);
    return in->unpack ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory to decompress %s", in->name);
}

enum err input_open_fd(int fd, const char *name, struct input **out, struct diag *d) {
    struct stat st;
    struct input *in = calloc(1, sizeof *in);
    *out = NULL;
    if (in) {
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

static enum err read_packed(struct input *in, void *at, size_t size, size_t *got, struct diag *d) {
    while (*got == 0) {
        const char *why = "";
        size_t used;
        enum err e = fill(in, d);
        if (e) return e;
        bool ended = in->at == in->len;
        enum unpack_state state =
            unpack_step(in->unpack, in->chunk + in->at, in->len - in->at, &used, at, size, got, &why);
        in->at += used;
        if (ended && *got == 0 && state == UNPACK_ENDED) break;
        if (ended && *got == 0) /* nor was anything held back for want of room */
            return diag_set(d, ERR_SYNTAX, "%s: the %s data ends in the middle", in->name, in->format);
        if (state == UNPACK_CORRUPT || (!ended && used == 0 && *got == 0)) /* or it turns in place */
            return diag_set(d, ERR_SYNTAX, "%s: corrupt %s data near byte %llu (%s)", in->name, in->format,
                            (unsigned long long)(in->raw_bytes - (in->len - in->at)), why);
    }
    return ERR_NONE;
}

enum err input_read(struct input *in, void *at, size_t size, size_t *got, struct diag *d) {
    *got = 0;
    if (size == 0) return diag_set(d, ERR_INTERNAL, "nowhere to read %s to", in->name);
    if (in->unpack) return read_packed(in, at, size, got, d);
    if (!in->follow) return read_plain(in, at, size, got, d);
    enum err e = follow_read(in->follow, at, size, got, d);
    in->raw_bytes += *got;
    return e;
}

uint64_t input_raw_bytes(const struct input *in) {
    return in->raw_bytes;
}
uint64_t input_raw_size(const struct input *in) {
    return in->raw_size;
}
bool input_is_compressed(const struct input *in) {
    return in->unpack != NULL;
}
const char *input_name(const struct input *in) {
    return in->name;
}

void input_close(struct input **in) {
    if (!*in) return;
    unpack_free(&(*in)->unpack);
    if ((*in)->fd >= 0) close((*in)->fd);
    follow_close(&(*in)->follow);
    free((*in)->name);
    free((*in)->chunk);
    free(*in);
    *in = NULL;
}
