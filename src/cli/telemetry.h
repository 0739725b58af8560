/* The telemetry files a command line names: files, "-", folders (with all below them that look like logs; hidden and
 * partial files are left out) and globs that the shell was kept from expanding. */
#ifndef RENKEI_CLI_TELEMETRY_H
#define RENKEI_CLI_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
    TELEMETRY_FILES_MAX = 1000000, /* a year of hourly logs of a hundred sensors */
    TELEMETRY_DEPTH_MAX = 32       /* folders below folders; links that lead back up are not followed */
};

struct telemetry_files {
    char **paths; /* owned; in the order given, what a folder or glob holds by name */
    size_t count, size;
};

/* ERR_NOT_FOUND for a name that is nothing and a glob that matches nothing; ERR_IO for what cannot be read. */
MUST_CHECK enum err telemetry_files_find(char *const *names, int count, struct telemetry_files *out, struct diag *d);
void telemetry_files_free(struct telemetry_files *files);

#endif
