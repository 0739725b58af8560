#include "node/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "node/config.h"
#include "share/hold.h"
#include "json/json.h"
#include "json/write.h"

enum {
    PATH_SIZE = 4096,
    CONFIG_MAX = 4 << 20,
    MANIFEST_MAX = 16 << 20, /* a hundred thousand files */
    MANIFEST_ARENA_MAX = 64 << 20,
    SMALL_FILE_MAX = 1 << 20, /* a key, a certificate, the configuration */
    DEPTH_MAX = 4,            /* keys/SERIAL/FILE */
    FORMAT = 1
};

static const char store_path[] = "realms/live/store.db", manifest_name[] = "backup.json", config_name[] = "renkei.yaml";

struct backing {
    const char *to;
    struct json_writer manifest;
    struct backup_report *report;
};

static void join(char path[PATH_SIZE], const char *folder, const char *name) {
    if (snprintf(path, PATH_SIZE, "%s/%s", folder, name) >= PATH_SIZE) path[0] = 0; /* leads nowhere: open() says so */
}

/* ---- files ---- */

static enum err hash_file(const char *path, uint64_t *size, struct sha256 *out, struct diag *d) {
    struct stat st;
    enum err e = ERR_NONE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        e = diag_set(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return e;
    }
    *size = (uint64_t)st.st_size;
    void *at = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (at == MAP_FAILED)
        e = diag_set(d, ERR_IO, "%s: %s", path, strerror(errno));
    else
        *out = sha256_of(span_of(at, (size_t)st.st_size));
    if (!e && at) munmap(at, (size_t)st.st_size);
    close(fd);
    return e;
}

/* Large files are copied by the kernel. */
static enum err copy_file(const char *from, const char *to, unsigned mode, struct diag *d) {
    struct stat st;
    enum err e = ERR_NONE;
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0 || fstat(in, &st) != 0) e = diag_set(d, ERR_IO, "%s: %s", from, strerror(errno));
    int out = e ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (!e && out < 0) e = diag_set(d, errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s: %s", to, strerror(errno));
    for (off_t left = e ? 0 : st.st_size; left > 0;) {
        ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)left, 0);
        char bytes[65536];
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
            n = read(in, bytes, sizeof bytes);
            if (n > 0 && file_write_all(out, span_of(bytes, (size_t)n), d)) n = -1;
        }
        if (n <= 0) {
            e = diag_set(d, ERR_IO, "copying %s to %s: %s", from, to, n ? strerror(errno) : "it became shorter");
            break;
        }
        left -= n;
    }
    if (!e && fsync(out) != 0) e = diag_set(d, ERR_IO, "%s: %s", to, strerror(errno));
    if (in >= 0) close(in);
    if (out >= 0 && close(out) != 0 && !e) e = diag_set(d, ERR_IO, "%s: %s", to, strerror(errno));
    return e;
}

static enum err sync_folder(const char *path, struct diag *d) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err e = fd < 0 || fsync(fd) != 0 ? diag_set(d, ERR_IO, "%s: %s", path, strerror(errno)) : ERR_NONE;
    if (fd >= 0) close(fd);
    return e;
}

/* ---- making one ---- */

/* What was written, as a line of the manifest. */
static enum err list_file(struct backing *b, const char *name, struct diag *d) {
    char path[PATH_SIZE], hex[2 * SHA256_SIZE + 1];
    struct sha256 hash;
    uint64_t size;
    join(path, b->to, name);
    enum err e = hash_file(path, &size, &hash, d);
    if (e) return e;
    hex_write(span_of(hash.b, SHA256_SIZE), hex);
    json_begin_object(&b->manifest);
    json_member_cstr(&b->manifest, "path", name);
    json_member_number(&b->manifest, "size", (int64_t)size);
    json_member_cstr(&b->manifest, "sha256", hex);
    json_end_object(&b->manifest);
    b->report->files++;
    b->report->bytes += size;
    return ERR_NONE;
}

static enum err take_file(struct backing *b, const char *from, const char *name, struct diag *d) {
    char to[PATH_SIZE];
    join(to, b->to, name);
    enum err e = copy_file(from, to, 0600, d);
    return e ? e : list_file(b, name, d);
}

/* The folder `from` becomes b->to/name. */
static enum err take_folder(struct backing *b, const char *from, const char *name, unsigned depth, struct diag *d) {
    char path[PATH_SIZE], below[PATH_SIZE], below_from[PATH_SIZE];
    struct stat st;
    DIR *dir = opendir(from);
    if (!dir) return diag_set(d, ERR_IO, "%s: %s", from, strerror(errno));
    join(path, b->to, name);
    enum err e = depth < DEPTH_MAX ? file_make_folder(path, 0700, d)
                                   : diag_set(d, ERR_LIMIT, "%s: deeper than any folder of a node", path);
    for (struct dirent *entry; !e && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        join(below, name, entry->d_name);
        join(below_from, from, entry->d_name);
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            e = diag_set(d, ERR_IO, "%s/%s: %s", name, entry->d_name, strerror(errno));
        else if (S_ISDIR(st.st_mode))
            e = take_folder(b, below_from, below, depth + 1, d);
        else if (S_ISREG(st.st_mode))
            e = take_file(b, below_from, below, d);
    }
    closedir(dir);
    return e ? e : sync_folder(path, d);
}

static enum err take_store(struct backing *b, struct node *n,
                           void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                           struct diag *d) {
    char path[PATH_SIZE];
    struct store_reader *r = NULL;
    join(path, b->to, "realms/live");
    enum err e = file_make_folder(path, 0700, d);
    if (!e) e = store_reader_open(n->live.store, &r, d);
    join(path, b->to, store_path);
    if (!e) e = store_backup(r, path, progress, context, d);
    store_reader_close(&r);
    return e;
}

/* The store names the keys it needs by its newest card; a rotation may have happened between the copies. */
static enum err check_copy(struct backing *b, bool with_keys, struct diag *d) {
    char path[PATH_SIZE];
    struct arena a;
    struct store *store = NULL;
    struct store_reader *r = NULL;
    struct store_document *cards;
    struct store_ledger *ledgers;
    struct card card;
    size_t count = 0;
    arena_init(&a, MANIFEST_ARENA_MAX);
    join(path, b->to, store_path);
    enum err e = store_open(path, STORE_READ, &store, d);
    if (!e) e = store_reader_open(store, &r, d);
    if (!e) e = store_ledger_list(r, &a, &ledgers, &b->report->ledgers, d);
    if (!e) e = store_document_list(r, "own-card", &a, &cards, &count, d);
    if (!e && count == 0) e = diag_set(d, ERR_INVALID, "%s: the store has no card of its own", path);
    if (!e) e = card_read(&a, cards[count - 1].body, &card, d);
    if (!e) {
        snprintf(b->report->party, sizeof b->report->party, "%.*s", SPAN_ARG(card.party));
        snprintf(path, sizeof path, "%s/keys/%u", b->to, card.serial);
        if (with_keys && access(path, F_OK) != 0)
            e = diag_set(d, ERR_BUSY, "the keys were rotated while the backup was made: make it again");
    }
    store_reader_close(&r);
    store_close(&store);
    arena_free(&a);
    return e;
}

/* A backup's store is a file, wherever the node has its own: restored, it is one on its own, and `renkei store copy`
 * moves it on. */
static enum err take_config(struct backing *b, const struct node *n, struct diag *d) {
    char path[PATH_SIZE];
    struct buf text = BUF_EMPTY, without = BUF_EMPTY;
    join(path, n->home, config_name);
    if (!n->config->store) return take_file(b, path, config_name, d);
    enum err e = file_read(path, CONFIG_MAX, &text, d);
    if (!e) e = config_set_store(buf_span(&text), NULL, &without, d);
    join(path, b->to, config_name);
    if (!e) e = file_write(path, buf_span(&without), 0600, d);
    if (!e) e = list_file(b, config_name, d);
    buf_free(&text);
    buf_free(&without);
    return e;
}

enum err backup_make(struct node *n, const char *folder, bool with_keys,
                     void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                     struct backup_report *out, struct diag *d) {
    char path[PATH_SIZE];
    struct buf text = BUF_EMPTY;
    *out = (struct backup_report){.time = clock_now(n->live.clock), .keys = with_keys};
    struct backing b = {.to = folder, .manifest = json_writer(&text), .report = out};
    if (mkdir(folder, 0700) != 0)
        return diag_set(d, errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s: %s", folder, strerror(errno));
    json_begin_object(&b.manifest);
    json_member_number(&b.manifest, "renkei_backup", FORMAT);
    json_member_time(&b.manifest, "time", out->time);
    json_member_truth(&b.manifest, "keys", with_keys);
    json_key(&b.manifest, "files");
    json_begin_array(&b.manifest);
    enum err e = take_config(&b, n, d);
    if (!e) e = take_store(&b, n, progress, context, d);
    join(path, n->home, "keys");
    if (!e && with_keys) e = take_folder(&b, path, "keys", 1, d);
    if (!e) e = check_copy(&b, with_keys, d);
    if (!e) e = list_file(&b, store_path, d);
    json_end_array(&b.manifest);
    json_member_cstr(&b.manifest, "party", out->party);
    json_end_object(&b.manifest);
    buf_add_char(&text, '\n');
    join(path, folder, manifest_name);
    if (!e && !buf_ok(&text)) e = diag_set(d, ERR_NOMEM, "no memory for a backup's list of files");
    if (!e) e = file_write(path, buf_span(&text), 0600, d);
    buf_free(&text);
    return e;
}

/* ---- taking one back ---- */

/* Without these two it is no backup of a node, whatever else it lists. */
struct needed {
    bool config, store;
};

/* Files a backup may name; nothing it says leads anywhere else. */
static bool is_ours(const char *name) {
    if (strcmp(name, config_name) == 0 || strcmp(name, store_path) == 0) return true;
    return strncmp(name, "keys/", 5) == 0 && !strstr(name, "/.") && !strstr(name, "//");
}

static enum err check_file(const char *folder, struct json_value v, struct arena *a, struct needed *needed,
                           struct backup_report *out, struct diag *d) {
    char path[PATH_SIZE];
    struct sha256 said, hash;
    uint64_t size;
    int64_t size_said = -1;
    const char *name = arena_cstr(a, json_text(json_get(v, "path"), a));
    if (!name || !is_ours(name) || !hex_read(json_text(json_get(v, "sha256"), a), said.b, SHA256_SIZE) ||
        !json_int(json_get(v, "size"), &size_said))
        return diag_set(d, ERR_INVALID, "%s/%s names a file that no backup has", folder, manifest_name);
    join(path, folder, name);
    enum err e = hash_file(path, &size, &hash, d);
    if (!e && (size != (uint64_t)size_said || !sha256_equal(&hash, &said)))
        e = diag_set(d, ERR_VERIFY, "%s is not what was backed up: the backup was altered or damaged", path);
    needed->config |= strcmp(name, config_name) == 0;
    needed->store |= strcmp(name, store_path) == 0;
    out->files++;
    out->bytes += size;
    return e;
}

static enum err restore_file(const char *folder, const char *home, const char *name, struct diag *d) {
    char from[PATH_SIZE], to[PATH_SIZE];
    join(from, folder, name);
    join(to, home, name);
    char *slash = strrchr(to, '/');
    *slash = 0;
    enum err e = file_make_folder(to, 0700, d);
    *slash = '/';
    return e ? e : copy_file(from, to, 0600, d);
}

/* The configuration makes the folder a node: it comes last, and at once. */
static enum err restore_config(const char *folder, const char *home, struct diag *d) {
    char from[PATH_SIZE], new[PATH_SIZE], to[PATH_SIZE];
    join(from, folder, config_name);
    join(new, home, ".renkei.yaml.new");
    join(to, home, config_name);
    enum err e = copy_file(from, new, 0600, d);
    if (!e && rename(new, to) != 0) e = diag_set(d, ERR_IO, "%s: %s", to, strerror(errno));
    return e ? e : sync_folder(home, d);
}

/* A restore into what another one left would mix the two; what is there may be somebody's only keys, so it stays. */
static enum err check_home(const char *home, struct diag *d) {
    static const char *const parts[] = {"keys", "realms"};
    char path[PATH_SIZE];
    join(path, home, config_name);
    if (access(path, F_OK) == 0)
        return diag_set(d, ERR_EXISTS, "%s is a node already: restore into another folder", home);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        join(path, home, parts[i]);
        if (access(path, F_OK) == 0)
            return diag_set(d, ERR_EXISTS,
                            "%s is there already, as if a restore was interrupted: remove %s, and restore again", path,
                            home);
    }
    return ERR_NONE;
}

/* Everything but the configuration. */
static enum err restore_files(const char *folder, const char *home, struct json_value files, struct arena *a,
                              struct diag *d) {
    enum err e = ERR_NONE;
    for (struct json_iter it = json_iter(files); !e && json_next(&it);) {
        const char *name = arena_cstr(a, json_text(json_get(it.value, "path"), a));
        if (!name) return diag_set(d, ERR_NOMEM, "no memory to restore");
        if (strcmp(name, config_name) != 0) e = restore_file(folder, home, name, d);
    }
    return e;
}

static enum err hold_ledgers(const char *home, struct backup_report *out, struct diag *d) {
    char path[PATH_SIZE], detail[128], actor[32], made[TIME_TEXT_SIZE];
    struct store *store = NULL;
    struct store_tx *tx = NULL;
    time_us now = clock_now(clock_system());
    snprintf(actor, sizeof actor, "uid:%u", (unsigned)getuid());
    snprintf(detail, sizeof detail, "a backup of %s", time_format_us(out->time, made));
    struct store_audit entry = {.time = now,
                                .actor = span_cstr(actor),
                                .operation = SPAN("restore"),
                                .detail = span_cstr(detail),
                                .outcome = SPAN("done")};
    join(path, home, store_path);
    enum err e = store_open(path, STORE_WRITE, &store, d);
    if (!e) e = store_begin(store, &tx, d);
    if (!e) e = share_hold_all(tx, now, &out->ledgers, d);
    if (!e) e = store_audit_add(tx, &entry, d);
    if (!e) e = store_commit(&tx, d);
    if (tx) store_rollback(&tx);
    store_close(&store);
    return e;
}

static enum err read_manifest(const char *folder, struct buf *text, struct arena *a, struct json_doc *doc,
                              struct backup_report *out, struct diag *d) {
    char path[PATH_SIZE];
    struct needed needed = {0};
    int64_t format = 0;
    join(path, folder, manifest_name);
    enum err e =
        access(path, F_OK) != 0
            ? diag_set(d, ERR_NOT_FOUND, "%s is no backup, or an interrupted one: it has no %s", folder, manifest_name)
            : file_read(path, MANIFEST_MAX, text, d);
    if (!e && (e = json_parse(a, buf_span(text), doc, d))) diag_where(d, "%s", path);
    if (e) return e;
    struct json_value root = json_root(doc);
    if (!json_int(json_get(root, "renkei_backup"), &format) || format != FORMAT)
        return diag_set(d, ERR_UNSUPPORTED, "%s: made by another version of Renkei", path);
    struct span party = json_text(json_get(root, "party"), a);
    snprintf(out->party, sizeof out->party, "%.*s", SPAN_ARG(party));
    if (!json_bool(json_get(root, "keys"), &out->keys) ||
        !time_parse_stix(json_text(json_get(root, "time"), a), &out->time))
        return diag_set(d, ERR_INVALID, "%s does not say when it was made, and with what", path);
    for (struct json_iter it = json_iter(json_get(root, "files")); !e && json_next(&it);)
        e = check_file(folder, it.value, a, &needed, out, d);
    if (!e && !(needed.config && needed.store))
        e = diag_set(d, ERR_INVALID, "%s lists no %s: the backup was altered or damaged", path,
                     needed.store ? config_name : store_path);
    return e;
}

enum err backup_restore(const char *folder, const char *home, const char *keys, struct backup_report *out,
                        struct diag *d) {
    char path[PATH_SIZE];
    struct buf text = BUF_EMPTY, unread = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    struct backup_report uncounted = {0};
    struct backing apart = {.to = home, .manifest = json_writer(&unread), .report = &uncounted};
    *out = (struct backup_report){0};
    arena_init(&a, MANIFEST_ARENA_MAX);
    enum err e = check_home(home, d);
    if (!e) e = read_manifest(folder, &text, &a, &doc, out, d);
    if (!e && !out->keys && !keys)
        e = diag_set(d, ERR_NOT_FOUND, "this backup has no keys: --keys FOLDER says where they are kept");
    if (!e) e = file_make_folder(home, 0700, d);
    join(path, home, "run");
    if (!e) e = file_make_folder(path, 0700, d);
    if (!e) e = restore_files(folder, home, json_get(json_root(&doc), "files"), &a, d);
    if (!e && !out->keys) e = take_folder(&apart, keys, "keys", 1, d);
    if (!e) e = hold_ledgers(home, out, d);
    if (!e) e = restore_config(folder, home, d);
    buf_free(&unread);
    buf_free(&text);
    arena_free(&a);
    return e;
}
