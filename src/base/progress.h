/* A progress line on stderr for work that takes more than a moment: only when stderr is a terminal and the
 * work has lasted over half a second; redrawn at most ten times a second. One thread at a time. */
#ifndef RENKEI_BASE_PROGRESS_H
#define RENKEI_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "importing", static */
    const char *unit; /* "objects", "bytes": bytes are shown as MB and GB/s */
    uint64_t total;   /* 0 = not known: no percentage, no time left */
    int64_t started_us, drawn_us;
    bool shown, enabled;
};

void progress_start(struct progress *p, const char *what, const char *unit, uint64_t total);
void progress_update(struct progress *p, uint64_t done);
void progress_end(struct progress *p); /* clears the line */

#endif
