/* A node's backup: a folder with everything that makes the node, copied while it serves, and taken back by a restore.
 *
 *   BACKUP/backup.json           what it is: party, time, each file with its size and SHA-256. Written last: a folder
 *                                without it is no backup
 *   BACKUP/renkei.yaml
 *   BACKUP/keys/…                unless they are kept apart
 *   BACKUP/realms/live/store.db  one commit's state
 *
 * Whoever has a backup with its keys can speak as this party. */
#ifndef RENKEI_NODE_BACKUP_H
#define RENKEI_NODE_BACKUP_H

#include "node/node.h"

struct backup_report {
    char party[64];
    time_us time; /* when the backup was made */
    bool keys;    /* are in it */
    uint64_t bytes;
    size_t files, ledgers;
};

/* Makes `folder`, which must not exist, and the backup in it. The node may be open for reading only; others may write
 * to it meanwhile. progress may be NULL. ERR_EXISTS; ERR_IO. */
MUST_CHECK enum err backup_make(struct node *n, const char *folder, bool with_keys,
                                void (*progress)(void *context, uint64_t done, uint64_t total), void *context,
                                struct backup_report *out, struct diag *d);

/* Makes the node `home`, which must not be one, from a backup whose every file is as it was written. `keys`: the folder
 * of keys, when they were kept apart; else NULL. All its ledgers are on hold then (share/hold.h). ERR_EXISTS;
 * ERR_VERIFY when a file is not what the backup says; ERR_NOT_FOUND without keys. */
MUST_CHECK enum err backup_restore(const char *folder, const char *home, const char *keys, struct backup_report *out,
                                   struct diag *d);

#endif
