#include "node/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const __u64 read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

/* Landlock only allows, so everything but one entry of each ancestor folder is allowed by name. */
static void allow_siblings(int ruleset, const char *folder, const char *except) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, except) == 0)
            continue;
        int fd = openat(dirfd(dir), entry->d_name, O_PATH | O_CLOEXEC);
        struct stat st;
        if (fd >= 0 && fstat(fd, &st) == 0) {
            struct landlock_path_beneath_attr rule = {
                .parent_fd = fd, .allowed_access = S_ISDIR(st.st_mode) ? read_rights : LANDLOCK_ACCESS_FS_READ_FILE};
            (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule,
                          0); /* not allowed = stays closed */
        }
        if (fd >= 0) close(fd);
    }
    closedir(dir);
}

enum err sandbox_forbid(const char *folder, struct diag *d) {
    char path[PATH_MAX];
    struct landlock_ruleset_attr attr = {.handled_access_fs = read_rights};
    if (!realpath(folder, path)) return diag_set(d, ERR_IO, "%s: %s", folder, strerror(errno));
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return diag_set(d, ERR_UNSUPPORTED, "this kernel has no landlock: the keys are kept apart by process only");
    for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
        *slash = 0;
        allow_siblings(ruleset, path[0] ? path : "/", slash + 1);
    }
    enum err e = ERR_NONE;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        e = diag_set(d, ERR_UNSUPPORTED, "landlock refuses: %s", strerror(errno));
    close(ruleset);
    return e;
}
