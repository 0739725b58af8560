/* The scanner: telemetry in, hits out, in the order of the lines, on as many threads as asked.
 *
 * Chunks of whole lines are handed to the threads in turn; a thread that finishes early waits for its turn to deliver,
 * so there is never more than one chunk a thread in memory. What comes through a pipe is scanned as it comes. Lines
 * that cannot be read are counted and the first few shown; they never stop the scan. */
#ifndef RENKEI_DETECT_SCAN_H
#define RENKEI_DETECT_SCAN_H

#include "base/file.h"
#include "detect/index.h"
#include "detect/reader.h"

enum {
    SCAN_THREADS_MAX = 64,
    SCAN_CHUNK_SIZE = 512 * 1024,     /* bytes; fits the second-level cache beside the Bloom filter */
    SCAN_LINE_MAX = 16 * 1024 * 1024, /* longer lines are unreadable */
    SCAN_UNREADABLE_SHOWN = 5,
    SCAN_MATCHES_PER_LINE_MAX = 4096 /* indicators one line can hit */
};

/* One indicator matched by one line. Spans are valid during the callback. */
struct detect_hit {
    uint32_t indicator; /* into the index */
    time_us time;       /* the event's; TIME_NONE if the line has none */
    uint64_t line;      /* from 1 */
    const char *file;
    const char *log;            /* "zeek.dns" */
    uint8_t kind;               /* enum atom_kind */
    uint8_t roles;              /* enum atom_role */
    struct span value;          /* what was observed, as the line has it */
    struct span src, dst;       /* the flow's addresses as text; empty if not known */
    int32_t src_port, dst_port; /* -1 = not known */
    struct span text;           /* the whole line */
};

struct scan_options {
    const struct detect_index *index;
    const struct detect_reader *reader; /* NULL: recognise */
    unsigned threads;                   /* 0 = 1 */
    size_t chunk_size;                  /* 0 = SCAN_CHUNK_SIZE; for tests */
    /* Called for each hit in order, by one thread at a time (not always the same). False stops the scan. */
    bool (*on_hit)(void *context, const struct detect_hit *hit);
    /* After each chunk, likewise; may be NULL. */
    void (*on_progress)(void *context, uint64_t raw_bytes, uint64_t raw_size);
    void *context;
};

struct scan_unreadable {
    uint64_t line;
    char message[DIAG_MESSAGE_SIZE];
};
struct scan_result {
    uint64_t lines, bytes; /* bytes after decompression */
    uint64_t hits;
    uint64_t parsed_lines; /* how many lines the prefilter let through */
    uint64_t unreadable;
    struct scan_unreadable shown[SCAN_UNREADABLE_SHOWN];
    unsigned shown_count;
    const struct detect_reader *reader; /* what the file was taken for; NULL for an empty one */
    bool stopped;                       /* on_hit said so */
};

/* Scans to the end of the stream. *result is filled as far as the scan came, also on error. */
MUST_CHECK enum err scan_input(struct input *in, const struct scan_options *options, struct scan_result *result,
                               struct diag *d);
/* Opens `path` ("-" is stdin) and scans it. */
MUST_CHECK enum err scan_path(const char *path, const struct scan_options *options, struct scan_result *result,
                              struct diag *d);

#endif
