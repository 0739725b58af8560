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
    SCAN_MATCHES_PER_LINE_MAX = 4096, /* indicators one line can hit */
    SCAN_WATCHES_PER_LINE_MAX = 65536 /* watches one line can set off */
};

/* Where an observation stands. */
struct detect_place {
    const char *file;
    uint64_t line;
    time_us time;
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
    /* Of a pattern of several observations: where each stands, by time, this line among them. Else NULL and 0. */
    const struct detect_place *places;
    uint32_t place_count;
};

struct scan_sink; /* where a thread leaves what it found in its chunk */

/* Something found by patterns beside the index, told again in the order of the lines. */
struct scan_note {
    uint32_t watch;
    uint64_t line; /* from 1 */
    const char *file;
    time_us time;
    struct span data; /* what scan_note() was given */
    struct span text; /* the whole line */
};

/* Full patterns evaluated beside the index. What only one line decides is told as notes; what needs several lines is
 * fed at delivery, where the order is that of the lines whatever the number of threads. */
struct scan_patterns {
    void *context;
    /* Looks for texts in the raw chunk and calls found(sink, offset) for each, in any order: the lines they stand in
     * are parsed whatever their values. May be NULL. Called by several threads, each with its own `thread` number (0 …
     * SCAN_THREADS_MAX-1). */
    void (*find)(void *context, unsigned thread, struct span chunk, void (*found)(void *sink, size_t offset),
                 void *sink);
    /* Each event that was parsed, by the thread that did: watches are detect_index_watches() of it; `found` tells
     * whether find() marked its line. Leaves its results with scan_note(). False: out of memory. */
    bool (*on_event)(void *context, unsigned thread, const struct detect_event *event, struct span line,
                     const uint32_t *watches, uint32_t count, bool found, struct scan_sink *sink);
    /* The notes, by one thread at a time: in the order of the lines, notes of one line in the order they were left,
     * after the line's hits. False stops the scan. */
    bool (*on_note)(void *context, const struct scan_note *note);
};
/* From on_event() only. data is copied. */
MUST_CHECK bool scan_note(struct scan_sink *sink, uint32_t watch, struct span data);

struct scan_options {
    const struct detect_index *index;
    const struct scan_patterns *patterns;   /* NULL: none */
    const struct detect_reader *reader;     /* NULL: recognise */
    const struct reader_settings *settings; /* what the user says of the files; NULL: nothing */
    unsigned threads;                       /* 0 = 1 */
    bool subdomains;                        /* a domain indicator matches names below it as well */
    size_t chunk_size;                      /* 0 = SCAN_CHUNK_SIZE; for tests */
    unsigned processor;                     /* 0 = what there is; 1 = the plainest, 2 = at most AVX2; for tests */
    /* Called for each hit in order, by one thread at a time (not always the same). False stops the scan. */
    bool (*on_hit)(void *context, const struct detect_hit *hit);
    /* After each chunk, likewise; may be NULL. */
    void (*on_progress)(void *context, uint64_t raw_bytes, uint64_t raw_size);
    /* Around each chunk, by the thread that scans it; may be NULL. Between an end and the next beginning `index` and
     * `patterns` may be others. */
    void (*on_chunk)(void *context, bool begins);
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
