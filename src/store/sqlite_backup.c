/* Copying the whole store while others use it: SQLite's own backup from one read transaction, which a writer in WAL
 * mode does not wait for. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/sqlite_driver.h"

enum { PAGES_AT_ONCE = 4096 }; /* 16 MiB between two words on progress */

static enum err target_error(sqlite3 *db, const char *path, struct diag *d) {
    return diag_set(d, ERR_IO, "cannot write the backup %s: %s", path, sqlite3_errmsg(db));
}

static enum err copy_pages(struct connection *c, sqlite3 *to, const char *path,
                           void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                           struct diag *d) {
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", c->db, "main");
    if (!backup) return target_error(to, path, d);
    int code;
    do {
        code = sqlite3_backup_step(backup, PAGES_AT_ONCE);
        uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup);
        if (progress) progress(context, total - (uint64_t)sqlite3_backup_remaining(backup), total);
    } while (code == SQLITE_OK);
    int ended = sqlite3_backup_finish(backup);
    return code == SQLITE_DONE && ended == SQLITE_OK ? ERR_NONE : target_error(to, path, d);
}

/* The copy is the caller's alone: who may read it is decided before there is a byte in it. */
static enum err make_file(const char *path, struct diag *d) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return diag_set(d, errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return ERR_NONE;
}

enum err lite_backup(struct store_reader *r, const char *path,
                     void (*progress)(void *context, uint64_t done, uint64_t total), void *context, struct diag *d) {
    struct connection *c = lite_of(r);
    sqlite3 *to = NULL;
    enum err e = make_file(path, d);
    if (e || (e = lite_enter(c, d))) return e;
    if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_exec(to, "PRAGMA synchronous=FULL", NULL, NULL, NULL) != SQLITE_OK)
        e = target_error(to, path, d);
    if (!e) e = copy_pages(c, to, path, progress, context, d);
    lite_leave(c);
    if (sqlite3_close(to) != SQLITE_OK && !e) e = target_error(to, path, d);
    return e;
}
