#include "base/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

enum { FIRST_US = 500000, AGAIN_US = 100000 };

void progress_start(struct progress *p, const char *what, const char *unit, uint64_t total) {
    *p = (struct progress){.what = what,
                           .unit = unit,
                           .total = total,
                           .started_us = clock_monotonic_us(),
                           .enabled = isatty(STDERR_FILENO) == 1};
}

static void draw(const struct progress *p, uint64_t done, int64_t elapsed_us) {
    double rate = elapsed_us > 0 ? (double)done * 1e6 / (double)elapsed_us : 0;
    fprintf(stderr, "\r\033[K%s ", p->what);
    if (strcmp(p->unit, "bytes") == 0)
        fprintf(stderr, "%.0f MB, %.2f GB/s", (double)done / 1e6, rate / 1e9);
    else
        fprintf(stderr, "%llu %s, %.0f/s", (unsigned long long)done, p->unit, rate);
    if (p->total > 0) {
        fprintf(stderr, ", %d %%", (int)((double)done * 100 / (double)p->total));
        if (rate > 0 && done < p->total) fprintf(stderr, ", %.0f s left", (double)(p->total - done) / rate);
    }
    fflush(stderr);
}

void progress_update(struct progress *p, uint64_t done) {
    if (!p->enabled) return;
    int64_t now = clock_monotonic_us();
    if (now - p->started_us < FIRST_US || now - p->drawn_us < AGAIN_US) return;
    p->drawn_us = now;
    p->shown = true;
    draw(p, done, now - p->started_us);
}

void progress_end(struct progress *p) {
    if (p->shown) fputs("\r\033[K", stderr);
    p->shown = false;
}
