#include "cli/telemetry.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void telemetry_files_free(struct telemetry_files *files) {
    for (size_t i = 0; i < files->count; i++) free(files->paths[i]);
    free(files->paths);
    *files = (struct telemetry_files){0};
}

/* Takes over path. */
static enum err add(struct telemetry_files *files, char *path, struct diag *d) {
    if (path && files->count == TELEMETRY_FILES_MAX) {
        free(path);
        return diag_set(d, ERR_LIMIT, "more than %d files", TELEMETRY_FILES_MAX);
    }
    if (path && files->count == files->size) {
        size_t size = files->size ? files->size * 2 : 16;
        char **bigger = realloc(files->paths, size * sizeof *bigger);
        if (!bigger) {
            free(path);
            path = NULL;
        } else {
            files->paths = bigger;
            files->size = size;
        }
    }
    if (!path) return diag_set(d, ERR_NOMEM, "no memory for the files' names");
    files->paths[files->count++] = path;
    return ERR_NONE;
}

/* What a folder of logs holds beside logs. */
static bool is_log_name(const char *name) {
    static const char *const others[] = {".tmp",    ".part", ".swp", ".lock", ".pid",  ".yaml", ".yml", ".pcap",
                                         ".pcapng", ".md",   ".sig", ".idx",  ".conf", ".bak",  "~"};
    size_t len = strlen(name);
    if (name[0] == '.') return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t end = strlen(others[i]);
        if (len >= end && strcmp(name + len - end, others[i]) == 0) return false;
    }
    return true;
}

/* A folder being read, and those it was reached through. */
struct within {
    const struct within *outer;
    dev_t device;
    ino_t inode;
};

/* A link back up: what it leads to is being read already. */
static bool leads_back(const struct within *w, const struct stat *st) {
    for (; w; w = w->outer)
        if (w->device == st->st_dev && w->inode == st->st_ino) return true;
    return false;
}

static enum err add_folder(struct telemetry_files *files, const char *path, const struct stat *self,
                           const struct within *outer, unsigned depth, struct diag *d) {
    struct within here = {outer, self->st_dev, self->st_ino};
    struct dirent **entries;
    enum err e = ERR_NONE;
    if (depth > TELEMETRY_DEPTH_MAX) return diag_set(d, ERR_LIMIT, "%s: folders nest too deep", path);
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) return diag_set(d, ERR_IO, "cannot read the folder %s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        struct stat st;
        char *below = NULL;
        if (!e && is_log_name(entries[i]->d_name) && asprintf(&below, "%s/%s", path, entries[i]->d_name) < 0)
            e = diag_set(d, ERR_NOMEM, "no memory for the files' names");
        if (!e && below && stat(below, &st) == 0) {
            if (S_ISDIR(st.st_mode)) {
                if (!leads_back(&here, &st)) e = add_folder(files, below, &st, &here, depth + 1, d);
            } else if (S_ISREG(st.st_mode)) {
                e = add(files, below, d);
                below = NULL;
            }
        }
        free(below);
        free(entries[i]);
    }
    free(entries);
    return e;
}

static enum err add_name(struct telemetry_files *files, const char *name, struct diag *d) {
    struct stat st;
    if (strcmp(name, "-") == 0) return add(files, strdup(name), d);
    if (stat(name, &st) != 0 || access(name, R_OK) != 0)
        return diag_set(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s", name, strerror(errno));
    return S_ISDIR(st.st_mode) ? add_folder(files, name, &st, NULL, 0, d) : add(files, strdup(name), d);
}

static enum err add_glob(struct telemetry_files *files, const char *pattern, struct diag *d) {
    glob_t found = {0};
    enum err e = ERR_NONE;
    int code = glob(pattern, GLOB_ERR, NULL, &found);
    if (code == GLOB_NOMATCH)
        e = diag_set(d, ERR_NOT_FOUND, "no file is called %s", pattern);
    else if (code)
        e = diag_set(d, ERR_IO, "cannot look for %s", pattern);
    for (size_t i = 0; !e && i < found.gl_pathc; i++) e = add_name(files, found.gl_pathv[i], d);
    globfree(&found);
    return e;
}

enum err telemetry_files_find(char *const *names, int count, struct telemetry_files *out, struct diag *d) {
    enum err e = ERR_NONE;
    struct stat st;
    *out = (struct telemetry_files){0};
    for (int i = 0; i < count && !e; i++) /* a name that exists is no pattern, whatever stands in it */
        e = strpbrk(names[i], "*?[") && stat(names[i], &st) != 0 ? add_glob(out, names[i], d)
                                                                 : add_name(out, names[i], d);
    if (!e && out->count == 0) e = diag_set(d, ERR_NOT_FOUND, "there is no log in %s", names[0]);
    if (e) telemetry_files_free(out);
    return e;
}
