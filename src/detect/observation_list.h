/* Files as lists of observations, whole in memory: for trying a pattern on them (`renkei pattern test`). match does not
 * go this way. */
#ifndef RENKEI_DETECT_OBSERVATION_LIST_H
#define RENKEI_DETECT_OBSERVATION_LIST_H

#include "base/file.h"
#include "detect/reader.h"
#include "detect/scan.h"
#include "pattern/evaluate.h"

enum {
    OBSERVATION_LIST_MAX = 10000000, /* a pattern of several is tried on combinations: more answers nothing in time */
};
#define OBSERVATION_LIST_BYTES_MAX ((size_t)4 << 30) /* of all objects; what a desk's machine can spare */

struct observation_list {
    struct arena arena;
    struct pattern_observation *at; /* owned; count, in the order of the files */
    uint64_t *lines;                /* owned; where each stands: the line, or of STIX its number in the file */
    uint32_t count, size;
    time_us otherwise; /* first_observed of what does not tell the time */
    uint64_t read, unreadable;
    struct scan_unreadable shown[SCAN_UNREADABLE_SHOWN];
    unsigned shown_count;
};

void observation_list_init(struct observation_list *list, time_us otherwise);
void observation_list_free(struct observation_list *list);
/* Adds a stream's observations, values as the lines have them. reader NULL: recognise; settings NULL: nothing. Lines
 * that cannot be read are counted, and the first noted. ERR_LIMIT beyond the limits above; ERR_IO. */
MUST_CHECK enum err observation_list_add(struct observation_list *list, struct input *in,
                                         const struct detect_reader *reader, const struct reader_settings *settings,
                                         struct diag *d);

#endif
