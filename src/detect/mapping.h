/* A user's mapping: which fields of a log that Renkei does not know mean what in STIX. A YAML file,
 *
 *   renkei: mapping-v1
 *   format: csv                 # or json: one object a line
 *   log: proxy                  # the log's name in alerts; else "csv", "json"
 *   separator: ","              # of CSV; also ";", "|" or "tab"
 *   columns: [time, client]     # of CSV without a header line; else the file's first line names them
 *   timezone: "+09:00"          # of times that do not say; else UTC
 *   others: ignore              # or shape: fields that are not listed count by what they look like
 *   fields:
 *     - field: client
 *       path: network-traffic:src_ref.value
 *     - field: Command Line
 *       path: process:command_line
 *
 * A path is an object path as patterns have it. Fields with a row in field_targets.c are looked up in the index; other
 * paths of STIX objects (object type, property, dictionary key or one reference after another) are properties of
 * observed-data. Field names compare without case, '.' and '-' as '_', nested JSON objects joined with '.'.
 *
 * Immutable; any thread. */
#ifndef RENKEI_DETECT_MAPPING_H
#define RENKEI_DETECT_MAPPING_H

#include "base/err.h"
#include "detect/reader.h"

enum {
    MAPPING_FIELDS_MAX = 1024,      /* a log with more is a data set */
    MAPPING_FILE_SIZE_MAX = 1 << 20 /* written by people */
};

struct mapping;

/* Errors carry line and column in the file; `name` is for messages. */
MUST_CHECK enum err mapping_read(struct span yaml, const char *name, struct mapping **out, struct diag *d);
MUST_CHECK enum err mapping_open(const char *path, struct mapping **out, struct diag *d);
void mapping_free(struct mapping **m);

/* What it changes of how lines are read; borrowed from the mapping. */
const struct reader_settings *mapping_settings(const struct mapping *m);
/* The reader it wants: CSV's or that of JSON lines. */
const struct detect_reader *mapping_reader(const struct mapping *m);

#endif
