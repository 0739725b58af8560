/* A VFS for SQLite that knows what was synced: it passes everything to the usual one, remembers what was written and
 * not synced yet, and can lay out the files as they would be found after a power cut. It can also fail at will.
 *
 * One VFS, one set of files, for the whole program; calls from several threads are fine. */
#ifndef RENKEI_TESTS_STORE_UNSYNCED_VFS_H
#define RENKEI_TESTS_STORE_UNSYNCED_VFS_H

#include <stdbool.h>
#include <stdint.h>

/* Registers it (once) and forgets all files, failures and watchers. */
void unsynced_vfs_reset(const char *name);

/* Writes the files into `folder` under their own names: what was synced, and of each write since, with a chance of
 * `percent`, that too, in random order of survival. 0 = only what was synced. */
void unsynced_vfs_copy(const char *folder, unsigned percent, uint64_t seed);

/* Calls at() before every write and every sync. */
void unsynced_vfs_watch(void (*at)(void *context), void *context);

/* What fails: from the n-th (1 = the next) operation of that kind on, with this SQLite code; n = 0: nothing. */
enum unsynced_kind { UNSYNCED_READ, UNSYNCED_WRITE, UNSYNCED_SYNC, UNSYNCED_KINDS };
void unsynced_vfs_fail(enum unsynced_kind kind, unsigned n, int code);

#endif
