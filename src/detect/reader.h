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

struct field_table;

/* What the user says of a file (mapping.h makes one). All of it may be zero. Immutable, borrowed. */
struct reader_settings {
    const struct field_table *table; /* what fields mean; NULL: what the dialect's own table says */
    const char *log;                 /* the log's name; NULL: the format's */
    int64_t zone_us;                 /* of times without a zone, east of UTC */
    char separator;                  /* CSV; 0: a comma */
    const char *const *columns;      /* CSV without a header line; NULL: the first line names them */
    unsigned column_count;
};
/* "UTC", "+09:00", "-0530". */
bool reader_zone_parse(struct span text, int64_t *zone_us);

/* What the header lines of a table have said so far (Zeek's TSV), and the user. Copied with the chunk. */
struct reader_header {
    const struct reader_settings *settings; /* NULL: none */
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
    /* Sees the first line of a file. True: it was a header, no event. NULL: does not care. */
    bool (*begin)(struct reader_header *header, struct span line);
    /* One line, without its end, to an event in the arena. *out = NULL when the line says nothing (a comment).
     * ERR_SYNTAX and the like: the line is unreadable. header may be NULL but for READER_TABLE. */
    enum err (*read)(struct span line, const struct reader_header *header, struct arena *a,
                     const struct detect_event **out, struct diag *d);
    bool parse_all; /* values do not stand in the line as they are looked up: no line is dropped unparsed */
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
extern const struct detect_reader detect_reader_ndjson, detect_reader_zeek_tsv, detect_reader_csv, detect_reader_text;

struct json_doc;
/* The events of parsed JSON lines, by dialect. */
const struct detect_event *zeek_json_event(const struct json_doc *doc, const struct reader_settings *settings,
                                           struct arena *a);
const struct detect_event *eve_event(const struct json_doc *doc, const struct reader_settings *settings,
                                     struct arena *a);
const struct detect_event *generic_json_event(const struct json_doc *doc, const struct reader_settings *settings,
                                              struct arena *a);

#endif
