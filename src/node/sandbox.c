#include "node/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
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

/* ---- seccomp ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER
#endif
#endif

#ifdef ARCHITECTURE
/* What a server of documents never does, and whoever takes it over wants first. A list of what is refused, not of what
 * is allowed: the libraries underneath change which of the harmless calls they use. */
static const unsigned refused[] = {
    SYS_execve,
    SYS_execveat,
#ifndef UNDER_SANITIZER /* its search for leaks stops the threads in this way */
    SYS_ptrace,
#endif
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_open_by_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_kexec_load,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_io_uring_setup,
    SYS_reboot,
    SYS_swapon,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_acct,
    SYS_personality,
};
enum { REFUSED = sizeof refused / sizeof *refused, FILTER_MAX = REFUSED + 8 };

enum err sandbox_seal(struct diag *d) {
    struct sock_filter filter[FILTER_MAX];
    unsigned short n = 0;
    /* A call by another architecture's numbers would get around the list. */
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    /* x32's numbers have this bit. */
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, REFUSED + 1, 0);
#endif
    for (unsigned i = 0; i < REFUSED; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i], (uint8_t)(REFUSED - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog program = {.len = n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
        return diag_set(d, ERR_UNSUPPORTED, "seccomp refuses: %s", strerror(errno));
    return ERR_NONE;
}
#else
enum err sandbox_seal(struct diag *d) {
    return diag_set(d, ERR_UNSUPPORTED, "no list of system calls is made for this processor");
}
#endif
