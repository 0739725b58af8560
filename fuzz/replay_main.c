/* Runs a fuzz target over stored inputs, in the ordinary test run: every file of the folders and every file named. A
 * target that finds something wrong aborts. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16 << 20, PATH_MAX_SIZE = 4096 };

static int replayed;

static bool replay_file(const char *path) {
    struct buf bytes = BUF_EMPTY;
    struct diag d;
    uint8_t *exact = NULL; /* memory of exactly its size, so that a read past the end is seen */
    bool ok = file_read(path, INPUT_MAX, &bytes, &d) == ERR_NONE;
    if (!ok) {
        fprintf(stderr, "%s: %s\n", path, d.message);
        goto out;
    }
    ok = (exact = malloc(bytes.len ? bytes.len : 1)) != NULL;
    if (!ok) goto out;
    if (bytes.len) memcpy(exact, bytes.at, bytes.len);
    fprintf(stderr, "%s\n", path); /* before it runs: after a crash the last line says which */
    (void)LLVMFuzzerTestOneInput(exact, bytes.len);
    replayed++;
out:
    free(exact);
    buf_free(&bytes);
    return ok;
}

static bool replay_folder(const char *path) {
    struct dirent **names;
    bool ok = true;
    int count = scandir(path, &names, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return false;
    }
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX_SIZE];
        int len = snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.') ok = len < PATH_MAX_SIZE && replay_file(file) && ok;
        free(names[i]);
    }
    free(names);
    return ok;
}

int main(int argc, char **argv) {
    bool ok = true;
    struct stat st;
    for (int i = 1; i < argc; i++)
        ok = (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i])) && ok;
    if (replayed == 0) fprintf(stderr, "usage: %s FILE-OR-FOLDER...\n", argv[0]);
    return ok && replayed > 0 ? 0 : 1;
}
