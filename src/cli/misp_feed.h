/* A MISP feed as a folder: manifest.json names its events by UUID, each in a file UUID.json beside it. */
#ifndef RENKEI_CLI_MISP_FEED_H
#define RENKEI_CLI_MISP_FEED_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct misp_feed {
    char **files; /* owned: paths of the events' files, sorted */
    size_t count;
};

/* Whether the folder has a manifest.json. */
bool misp_feed_is(const char *folder);
/* Reads the manifest. Names other than UUIDs are refused: nothing outside the folder is ever read. */
MUST_CHECK enum err misp_feed_open(const char *folder, struct misp_feed *out, struct diag *d);
void misp_feed_close(struct misp_feed *feed);

#endif
