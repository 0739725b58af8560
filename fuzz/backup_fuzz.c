/* A backup's list of files, beside the files themselves: whatever it says, a restore ends with a node or a message,
 * writes only below the folder it was given, and takes nothing whose hash the list does not tell. */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "node/backup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char place[] = "/tmp/renkei-fuzz-backup-XXXXXX", folder[64], home[64], manifest[80];

static void must(bool holds) {
    if (!holds) abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    return remove(path);
}

static void remove_all(void) {
    nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_below(const char *name, struct span bytes) {
    char path[128];
    struct diag d;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    *strrchr(path, '/') = 0;
    must(file_make_folder(path, 0700, &d) == ERR_NONE);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    must(file_write(path, bytes, 0600, &d) == ERR_NONE);
}

/* The files whose hashes the seeds know; none of them is what a node could start from. */
static void start(void) {
    must(mkdtemp(place) != NULL);
    must(atexit(remove_all) == 0);
    snprintf(folder, sizeof folder, "%s/backup", place);
    snprintf(home, sizeof home, "%s/home", place);
    snprintf(manifest, sizeof manifest, "%s/backup.json", folder);
    write_below("renkei.yaml", SPAN("party: JP-MOD\n"));
    write_below("realms/live/store.db", SPAN("no store\n"));
    write_below("keys/1/log.key", SPAN("a key\n"));
}

/* Beside the backup there may be the node's folder, and nothing else. */
static void check_place(void) {
    DIR *dir = opendir(place);
    must(dir != NULL);
    for (struct dirent *e; (e = readdir(dir));)
        must(e->d_name[0] == '.' || strcmp(e->d_name, "backup") == 0 || strcmp(e->d_name, "home") == 0);
    closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct backup_report report;
    struct diag d = {0};
    if (!folder[0]) start();
    must(file_write(manifest, span_of(data, size), 0600, &d) == ERR_NONE);
    if (backup_restore(folder, home, NULL, &report, &d))
        must(d.message[0]);
    else
        must(report.files >= 2 && report.keys);
    check_place();
    if (access(home, F_OK) == 0) must(nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
    return 0;
}
