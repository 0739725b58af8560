/* STIX observed-data as telemetry. A line is an observed-data with its objects in it (the deprecated `objects`, §4.14),
 * a bundle of one observed-data and what it refers to, or a lone cyber-observable. Files in other shapes (a bundle of
 * many, an array, objects one a line that refer to each other, pretty-printed JSON) are brought into this one first:
 * stix_lines_open(). References lead to the objects of their own bundle before those of others. In a file without any
 * observed-data every cyber-observable is an observation.
 *
 * An event has one flow and one message: of an observed-data with several, patterns that need a lookup by the index see
 * the ports of the first. */
#ifndef RENKEI_DETECT_STIX_LINES_H
#define RENKEI_DETECT_STIX_LINES_H

#include "base/file.h"
#include "detect/reader.h"

enum {
    STIX_LINES_FILE_MAX = 512 << 20, /* read whole: references may lead anywhere in it */
    STIX_LINES_DEPTH_MAX = 16        /* references followed from an observed-data */
};

/* Whether a file that begins so is of STIX objects and not one observed-data with its objects a line. */
bool stix_lines_wanted(struct span sample);
/* All of `in` as a stream of lines, an observed-data with what it refers to in each: bundles. The number of a line is
 * the number of the observed-data. ERR_LIMIT over STIX_LINES_FILE_MAX; ERR_SYNTAX with the place. `in` stays the
 * caller's. */
MUST_CHECK enum err stix_lines_open(struct input *in, struct input **out, struct diag *d);
/* Opens a telemetry file ("-" is stdin, which is read line by line as it is), through stix_lines_open() where wanted.
 */
MUST_CHECK enum err stix_lines_input(const char *path, struct input **out, struct diag *d);

/* Whether a JSON line is STIX, and its event. NULL: out of memory. */
bool stix_line_is(const struct json_doc *doc);
const struct detect_event *stix_event(const struct json_doc *doc, struct arena *a);

#endif
