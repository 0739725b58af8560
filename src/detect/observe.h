/* Telemetry in, STIX observed-data out: what `renkei observe` does to one stream. One thread. */
#ifndef RENKEI_DETECT_OBSERVE_H
#define RENKEI_DETECT_OBSERVE_H

#include "base/file.h"
#include "base/hash.h"
#include "base/map.h"
#include "detect/reader.h"
#include "detect/scan.h"

enum { OBSERVE_REMEMBERED = 1 << 20 /* objects written are not written again while so many are remembered */ };

struct observe_options {
    const struct detect_reader *reader;     /* NULL: recognise */
    const struct reader_settings *settings; /* NULL: nothing */
    struct span identity;                   /* created_by_ref; empty: left out */
    time_us otherwise;                      /* for lines that do not tell the time */
    /* Each object, as one line of JSON without its end. False stops. */
    bool (*on_object)(void *context, struct span object);
    void *context;
};
struct observe_result {
    uint64_t lines, observed, objects, unreadable;
    struct scan_unreadable shown[SCAN_UNREADABLE_SHOWN];
    unsigned shown_count;
};

/* `written` holds what was written before, by content: addresses come up again and again. Kept by the caller over
 * streams. *result is filled as far as it came, also on error. */
MUST_CHECK enum err observe_input(struct input *in, const struct observe_options *options, struct map *written,
                                  struct observe_result *result, struct diag *d);

#endif
