#include "base/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct follow {
    char *path;
    int fd;
    off_t at;                    /* read so far */
    char last;                   /* the byte read last; a line feed when nothing was */
    char head[FOLLOW_HEAD_SIZE]; /* how the file began when it was read */
    size_t head_len;
    const volatile sig_atomic_t *stop;
};

static enum err trouble(struct diag *d, const char *what, const char *path) {
    return diag_set(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

enum err follow_open(const char *path, const volatile sig_atomic_t *stop, struct follow **out, struct diag *d) {
    struct stat st;
    struct follow *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return diag_set(d, ERR_NOMEM, "no memory to follow %s", path);
    }
    f->stop = stop;
    f->last = '\n';
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err e = f->fd < 0 || fstat(f->fd, &st) != 0 ? trouble(d, "open", path) : ERR_NONE;
    if (!e && !S_ISREG(st.st_mode)) e = diag_set(d, ERR_INVALID, "%s is no file: only files are followed", path);
    if (e)
        follow_close(&f);
    else
        *out = f;
    return e;
}

void follow_close(struct follow **f) {
    if (!*f) return;
    if ((*f)->fd >= 0) close((*f)->fd);
    free((*f)->path);
    free(*f);
    *f = NULL;
}

/* Whether the file is not the one that was read: shorter, or beginning otherwise. */
static bool was_truncated(struct follow *f) {
    struct stat st;
    char head[FOLLOW_HEAD_SIZE];
    if (fstat(f->fd, &st) != 0) return false;
    if (st.st_size < f->at) return true;
    ssize_t n = f->head_len ? pread(f->fd, head, f->head_len, 0) : 0;
    return n >= 0 && ((size_t)n < f->head_len || memcmp(head, f->head, f->head_len) != 0);
}

static void begin_again(struct follow *f) {
    f->at = 0;
    f->head_len = 0;
}

/* Another file has the name, and something is in it: its writer has moved on. Takes it once the old one is at its end.
 */
static int other_file(const struct follow *f) {
    struct stat now, own;
    if (stat(f->path, &now) != 0 || fstat(f->fd, &own) != 0 || !S_ISREG(now.st_mode)) return -1;
    if ((now.st_ino == own.st_ino && now.st_dev == own.st_dev) || now.st_size == 0) return -1;
    return open(f->path, O_RDONLY | O_CLOEXEC);
}

/* What there is right now. */
static enum err read_some(struct follow *f, char *at, size_t size, size_t *got, struct diag *d) {
    ssize_t n;
    do n = pread(f->fd, at, size, f->at);
    while (n < 0 && errno == EINTR);
    if (n < 0) return trouble(d, "read", f->path);
    *got = (size_t)n;
    if (n == 0) return ERR_NONE;
    if (f->head_len < FOLLOW_HEAD_SIZE && (size_t)f->at == f->head_len) {
        size_t more = FOLLOW_HEAD_SIZE - f->head_len;
        if (more > *got) more = *got;
        memcpy(f->head + f->head_len, at, more);
        f->head_len += more;
    }
    f->at += n;
    f->last = at[n - 1];
    return ERR_NONE;
}

/* The line under way ends where its file does. */
static bool end_line(struct follow *f, char *at, size_t *got) {
    if (f->last == '\n') return false;
    *at = f->last = '\n';
    *got = 1;
    return true;
}

enum err follow_read(struct follow *f, void *at, size_t size, size_t *got, struct diag *d) {
    int next = -1;
    *got = 0;
    while (!*f->stop) {
        if (was_truncated(f)) {
            begin_again(f);
            if (end_line(f, at, got)) return ERR_NONE;
        }
        enum err e = read_some(f, at, size, got, d);
        if (e || *got) {
            if (next >= 0) close(next); /* found again when the old one is read to its end */
            return e;
        }
        if (next >= 0) { /* at the end, and still so after the other was seen */
            close(f->fd);
            f->fd = next;
            next = -1;
            begin_again(f);
            if (end_line(f, at, got)) return ERR_NONE;
            continue;
        }
        if ((next = other_file(f)) >= 0) continue;
        nanosleep(&(struct timespec){.tv_nsec = FOLLOW_POLL_MS * 1000000L}, NULL);
    }
    if (next >= 0) close(next);
    return ERR_NONE;
}
