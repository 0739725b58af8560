#include "store/unsynced_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* A write (or a truncation, data NULL) that was not synced yet. */
struct change {
    struct change *next;
    char *data; /* owned */
    size_t offset, len;
};

struct image {
    struct image *next;
    char *path; /* owned */
    struct buf synced;
    struct change *first, **last;
};

struct shim_file {
    sqlite3_file base;
    struct image *image; /* NULL for files that are not followed */
    sqlite3_file *real;  /* lies behind this structure */
};

static struct {
    pthread_mutex_t lock;
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct image *images;
    void (*at)(void *context);
    void *context;
    unsigned fail_from[UNSYNCED_KINDS], done[UNSYNCED_KINDS];
    int fail_code[UNSYNCED_KINDS];
} shim = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- images ------------------------------------------------------------------------------------------------------ */

static void image_resize(struct buf *b, size_t len) {
    if (len > b->len) {
        char *at = buf_reserve(b, len - b->len);
        if (!at) abort();
        memset(at, 0, len - b->len);
    }
    b->len = len;
}

static void apply(struct buf *b, const struct change *c) {
    if (!c->data) {
        image_resize(b, c->len);
        return;
    }
    if (c->offset + c->len > b->len) image_resize(b, c->offset + c->len);
    memcpy(b->at + c->offset, c->data, c->len);
}

static void drop_changes(struct image *i) {
    while (i->first) {
        struct change *c = i->first;
        i->first = c->next;
        free(c->data);
        free(c);
    }
    i->last = &i->first;
}

static struct image *image_of(const char *path) {
    for (struct image *i = shim.images; i; i = i->next) {
        if (strcmp(i->path, path) == 0) return i;
    }
    struct image *i = calloc(1, sizeof *i);
    if (!i) abort();
    i->path = strdup(path);
    i->last = &i->first;
    i->next = shim.images;
    shim.images = i;
    return i;
}

static void forget(const char *path) {
    for (struct image **at = &shim.images; *at; at = &(*at)->next) {
        struct image *i = *at;
        if (path && strcmp(i->path, path) != 0) continue;
        drop_changes(i);
        buf_clear(&i->synced); /* open files point here: emptied, not freed */
    }
}

static void record(struct image *i, const void *data, size_t offset, size_t len) {
    struct change *c = calloc(1, sizeof *c);
    if (!c) abort();
    *c = (struct change){.offset = offset, .len = len};
    if (data) {
        c->data = malloc(len + 1);
        if (!c->data) abort();
        memcpy(c->data, data, len);
    }
    *i->last = c;
    i->last = &c->next;
}

/* ---- file methods ------------------------------------------------------------------------------------------------ */

static struct shim_file *shim_of(sqlite3_file *f) {
    return (struct shim_file *)(void *)f;
}
static sqlite3_file *real_of(sqlite3_file *f) {
    return shim_of(f)->real;
}

/* Whether this operation is to fail; tells the watcher before. */
static int check(enum unsynced_kind kind) {
    if (kind != UNSYNCED_READ && shim.at) shim.at(shim.context);
    pthread_mutex_lock(&shim.lock);
    unsigned n = ++shim.done[kind];
    int code = shim.fail_from[kind] && n >= shim.fail_from[kind] ? shim.fail_code[kind] : SQLITE_OK;
    pthread_mutex_unlock(&shim.lock);
    return code;
}

static int shim_close(sqlite3_file *f) {
    return real_of(f)->pMethods->xClose(real_of(f));
}
static int shim_read(sqlite3_file *f, void *to, int len, sqlite3_int64 offset) {
    int code = check(UNSYNCED_READ);
    return code ? code : real_of(f)->pMethods->xRead(real_of(f), to, len, offset);
}

static int shim_write(sqlite3_file *f, const void *from, int len, sqlite3_int64 offset) {
    int code = check(UNSYNCED_WRITE);
    if (!code) code = real_of(f)->pMethods->xWrite(real_of(f), from, len, offset);
    if (code || !shim_of(f)->image) return code;
    pthread_mutex_lock(&shim.lock);
    record(shim_of(f)->image, from, (size_t)offset, (size_t)len);
    pthread_mutex_unlock(&shim.lock);
    return SQLITE_OK;
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size) {
    int code = real_of(f)->pMethods->xTruncate(real_of(f), size);
    if (code || !shim_of(f)->image) return code;
    pthread_mutex_lock(&shim.lock);
    record(shim_of(f)->image, NULL, 0, (size_t)size);
    pthread_mutex_unlock(&shim.lock);
    return SQLITE_OK;
}

static int shim_sync(sqlite3_file *f, int flags) {
    int code = check(UNSYNCED_SYNC);
    if (!code) code = real_of(f)->pMethods->xSync(real_of(f), flags);
    struct image *i = shim_of(f)->image;
    if (code || !i) return code;
    pthread_mutex_lock(&shim.lock);
    for (const struct change *c = i->first; c; c = c->next) apply(&i->synced, c);
    drop_changes(i);
    pthread_mutex_unlock(&shim.lock);
    return SQLITE_OK;
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *size) {
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int shim_lock(sqlite3_file *f, int how) {
    return real_of(f)->pMethods->xLock(real_of(f), how);
}
static int shim_unlock(sqlite3_file *f, int how) {
    return real_of(f)->pMethods->xUnlock(real_of(f), how);
}
static int shim_reserved(sqlite3_file *f, int *out) {
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int shim_control(sqlite3_file *f, int what, void *argument) {
    return real_of(f)->pMethods->xFileControl(real_of(f), what, argument);
}
static int shim_sector(sqlite3_file *f) {
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
/* No promises of the disk: neither order nor whole sectors, nor that writes leave their neighbours alone. */
static int shim_traits(sqlite3_file *f) {
    return 0;
}
static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}
static int shim_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}
static void shim_shm_barrier(sqlite3_file *f) {
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int shim_shm_unmap(sqlite3_file *f, int delete) {
    return real_of(f)->pMethods->xShmUnmap(real_of(f), delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* no memory map: every read is seen */
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

/* ---- the VFS ----------------------------------------------------------------------------------------------------- */

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags) {
    struct shim_file *s = shim_of(f);
    *s = (struct shim_file){.real = (sqlite3_file *)(void *)(s + 1)};
    int code = shim.real->xOpen(shim.real, name, s->real, flags, out_flags);
    if (code) return code;
    f->pMethods = &methods;
    if (name && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) {
        pthread_mutex_lock(&shim.lock);
        s->image = image_of(name);
        pthread_mutex_unlock(&shim.lock);
    }
    return SQLITE_OK;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    int code = shim.real->xDelete(shim.real, name, sync);
    pthread_mutex_lock(&shim.lock);
    forget(name);
    pthread_mutex_unlock(&shim.lock);
    return code;
}

void unsynced_vfs_reset(const char *name) {
    if (!shim.real) {
        shim.real = sqlite3_vfs_find(NULL);
        shim.vfs = *shim.real;
        shim.vfs.pNext = NULL;
        shim.vfs.zName = name;
        shim.vfs.szOsFile = (int)sizeof(struct shim_file) + shim.real->szOsFile;
        shim.vfs.xOpen = shim_open;
        shim.vfs.xDelete = shim_delete;
        sqlite3_vfs_register(&shim.vfs, 0);
    }
    pthread_mutex_lock(&shim.lock);
    forget(NULL);
    while (shim.images) {
        struct image *i = shim.images;
        shim.images = i->next;
        buf_free(&i->synced);
        free(i->path);
        free(i);
    }
    shim.at = NULL;
    memset(shim.fail_from, 0, sizeof shim.fail_from);
    pthread_mutex_unlock(&shim.lock);
}

void unsynced_vfs_watch(void (*at)(void *context), void *context) {
    shim.at = at, shim.context = context;
}

void unsynced_vfs_fail(enum unsynced_kind kind, unsigned n, int code) {
    pthread_mutex_lock(&shim.lock);
    shim.fail_from[kind] = n ? shim.done[kind] + n : 0;
    shim.fail_code[kind] = code;
    pthread_mutex_unlock(&shim.lock);
}

/* ---- after the power cut ------------------------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void write_image(const struct image *i, const char *folder, unsigned percent, uint64_t *seed) {
    struct buf content = BUF_EMPTY;
    char path[1024];
    buf_add(&content, buf_span(&i->synced));
    for (const struct change *c = i->first; c; c = c->next) {
        if (next_random(seed) % 100 < percent) apply(&content, c);
    }
    snprintf(path, sizeof path, "%s/%s", folder, strrchr(i->path, '/') + 1);
    FILE *to = fopen(path, "wb");
    if (!to || fwrite(content.at ? content.at : "", 1, content.len, to) != content.len || fclose(to)) abort();
    buf_free(&content);
}

void unsynced_vfs_copy(const char *folder, unsigned percent, uint64_t seed) {
    pthread_mutex_lock(&shim.lock);
    seed = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (const struct image *i = shim.images; i; i = i->next) {
        /* A file of which nothing ever reached the disk is not there. */
        if (i->synced.len || i->first) write_image(i, folder, percent, &seed);
    }
    pthread_mutex_unlock(&shim.lock);
}
