/* Readers of telemetry: one file a format, one row each in the table of readers.c. A reader turns a line into an event.
 *
 * Formats are recognised from the first lines of a file; in a file of JSON lines each line tells for itself whether it
 * is Zeek's, Suricata's or something else. A new format is a file with a `struct detect_reader` and a row. */
#ifndef RENKEI_DETECT_READER_H
#define RENKEI_DETECT_READER_H

#include "base/err.h"
#include "detect/event.h"

enum { READER_SAMPLE_SIZE = 64 * 1024, READER_COLUMNS_MAX = 256 };

enum reader_shape { READER_JSON_LINES, READER_TABLE /* fields split by one separator */, READER_TEXT };

/* What the header lines of a table have said so far (Zeek's TSV). Copied with the chunk that needs it. */
struct reader_header {
    char separator, set_separator;
    char path[64]; /* "dns" */
    char empty_field[16], unset_field[16];
    unsigned column_count;
    char names[8192]; /* the columns' names, each ended by NUL */
    uint16_t name_at[READER_COLUMNS_MAX];
};

struct detect_reader {
    const char *name; /* "zeek-tsv" */
    enum reader_shape shape;
    /* How sure the reader is, 0 (no) to 100, that a file starting so is of its format. */
    int (*recognise)(struct span sample);
    /* One line, without its end, to an event in the arena. *out = NULL when the line says nothing (a comment).
     * ERR_SYNTAX and the like: the line is unreadable. header is NULL but for READER_TABLE. */
    enum err (*read)(struct span line, const struct reader_header *header, struct arena *a,
                     const struct detect_event **out, struct diag *d);
};

extern const struct detect_reader *const detect_readers[]; /* ends with NULL */
/* By name; NULL if there is none. */
const struct detect_reader *detect_reader_by_name(const char *name);
/* The surest; never NULL (plain text takes everything). */
const struct detect_reader *detect_reader_for(struct span sample);

/* Feeds a line that starts with '#' to the header. */
void reader_header_init(struct reader_header *h);
void reader_header_line(struct reader_header *h, struct span line);

/* The rows of readers.c; JSON lines of any kind go through detect_reader_ndjson, which picks. */
extern const struct detect_reader detect_reader_ndjson, detect_reader_zeek_tsv, detect_reader_text;

struct json_doc;
/* The events of parsed JSON lines, by dialect. */
const struct detect_event *zeek_json_event(const struct json_doc *doc, struct arena *a);
const struct detect_event *eve_event(const struct json_doc *doc, struct arena *a);
const struct detect_event *generic_json_event(const struct json_doc *doc, struct arena *a);

#endif
