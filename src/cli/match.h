/* The parts of `renkei match`: its flags (match_options.c), what becomes of a hit (match_hit.c), the sightings it
 * leaves (match_sightings.c), and the run over the files (cmd_match.c). */
#ifndef RENKEI_CLI_MATCH_H
#define RENKEI_CLI_MATCH_H

#include <signal.h>

#include "base/progress.h"
#include "cli/cli.h"
#include "cli/telemetry.h"
#include "detect/group.h"
#include "detect/holdings.h"
#include "detect/mapping.h"
#include "detect/patterns.h"
#include "detect/sighting.h"
#include "detect/verdict.h"
#include "stix/id.h"

enum { MATCH_THREADS_MAX = 64, MATCH_FOLLOWED_MAX = SCAN_THREADS_MAX /* a thread a file */ };

enum match_format { MATCH_TABLE, MATCH_ECS, MATCH_EVE, MATCH_STIX };

/* What the flags say. A new flag: a field here, its default and its row in match_options.c. */
struct match_options {
    const char *member; /* NULL: not said */
    enum validity_mode mode;
    unsigned threads;
    bool sightings;
    enum match_format format;
    bool group;                 /* the table's rows that say the same are one */
    time_us group_window;       /* of the events' time */
    const char *summary;        /* a file for match_write_summary(); NULL: none */
    const char *mapping;        /* of a log that nobody knows: a YAML file (mapping.h); NULL: none */
    int64_t zone_us;            /* of times without a zone, east of UTC */
    bool follow;                /* goes on when the file's end is reached */
    bool warned;                /* values on a warning list alert all the same */
    bool subdomains;            /* a domain indicator matches the names below it, too */
    enum detect_scope scope;    /* of patterns of several observations */
    time_us window_us, late_us; /* likewise; 0: as pattern/stream.h has it */
};
/* Reads the flags; the files are argv[optind …]. EXIT_OK, or EXIT_TROUBLE with the mistake told. */
int match_options_read(const struct cli *cli, struct match_options *out, int argc, char **argv);

/* The bundle that --format stix writes (match_stix.c). */
struct match_bundle {
    bool first;
    struct map written; /* ids that stand in it */
    struct map refs_of; /* indicator and hour → its newest ref */
    struct match_ref {
        char id[STIX_ID_SIZE]; /* of an observed-data */
        uint64_t next;         /* 0: the last; else index + 1 */
    } * refs;
    size_t ref_count, ref_size;
    struct node_view *view;
    struct share_context context; /* this party's identity and the realm's secret */
    char where[STIX_ID_SIZE];     /* the member's identity */
};

/* What is no alert but is shown apart, the first of them. */
struct match_apart {
    struct buf rows;
    uint64_t count;
};

/* A sum of hits (detect/sighting.h) by its indicator's id. */
struct match_sighting {
    char id[DETECT_ID_SIZE];
    time_us hour, first_seen, last_seen;
    uint64_t count;
};

struct matching {
    const struct cli *cli;
    struct match_options options;
    struct mapping *mapping;
    struct reader_settings settings; /* --timezone alone */
    struct node *node;
    struct store_reader *reader;
    struct detect_holdings holdings;
    struct detect_patterns *patterns; /* NULL: none among the indicators */
    struct verdicts *verdicts;
    struct arena config; /* what the verdicts' settings point to */
    struct alert_groups groups;
    struct sighting_set sums;
    struct match_bundle bundle;
    struct buf out;
    struct match_apart apart[VALIDITY_COUNT];
    bool header_written;
    uint64_t alerts, revoked, suppressed, lines, bytes, unreadable;
    struct alert_table table;
    time_us now;
    struct progress progress;
    uint64_t bytes_before, bytes_total; /* of the files read so far, and of all, as they lie on the disk */
    struct diag trouble;                /* what ended the scan from within */
    bool failed;
    struct match_sighting
        *aside; /* owned; sums of indicators that others have taken the place of, and at the end all */
    size_t aside_count, aside_size;
    struct map aside_by;                    /* id and hour → its number in aside */
    uint64_t kept, kept_new, kept_released; /* sightings */
};

/* What is to take the place of the indicators matched with (match_renew.c). */
struct match_renewal {
    struct sha256 state;         /* of the holdings they were built from */
    struct store_reader *reader; /* of the thread that looks */
    struct detect_holdings holdings;
    struct detect_patterns *patterns;
};
MUST_CHECK enum err match_renewal_open(struct matching *m, struct match_renewal *r, struct diag *d);
void match_renewal_close(struct match_renewal *r);
/* Whether indicators came, went or changed: then the new ones are built, while others match. */
bool match_renewal_look(struct matching *m, struct match_renewal *r);
/* Puts them in place. Nobody else may be matching. */
MUST_CHECK enum err match_renewal_put(struct matching *m, struct match_renewal *r, struct diag *d);

/* Follows all files at once, until *stop is set, which a failure of one does, too. options: as for one file; its
 * functions are called by one thread at a time, and its index and patterns renewed when the store's indicators are. */
MUST_CHECK enum err match_follow(struct matching *m, const struct telemetry_files *files, struct scan_options *options,
                                 volatile sig_atomic_t *stop, struct diag *d);
/* Adds what was read of a file to the sums, and tells of its lines that were not. */
void match_count_file(struct matching *m, const char *path, struct scan_result *result);
/* What alerts are judged by; the store is open. */
MUST_CHECK enum err match_prepare_verdicts(struct matching *m, struct diag *d);
/* Judges a hit, writes it where it belongs and counts it: the on_hit of struct scan_options. */
bool match_on_hit(void *matching, const struct detect_hit *hit);
/* Writes the groups held so far, for whoever cannot wait for the end. */
void match_flush(struct matching *m);
/* What is shown apart from the alerts, after the last file; and the counts, on stderr. */
void match_say_summary(struct matching *m, int64_t took_us);
/* The same counts, and those of the patterns, as JSON into the file of --summary, whole or not at all. */
MUST_CHECK enum err match_write_summary(const struct matching *m, int64_t took_us, struct diag *d);
/* The full patterns among the indicators: compiled before the first file, and what there is to say of them after the
 * last, on stderr. */
MUST_CHECK enum err match_prepare_patterns(struct matching *m, struct diag *d);
MUST_CHECK enum err match_new_patterns(struct matching *m, const struct detect_index *index,
                                       struct detect_patterns **out, struct diag *d);
void match_say_patterns(const struct matching *m);
/* Keeps the sums as sightings of this node. The store must not be open for reading any more. */
MUST_CHECK enum err match_keep_sightings(struct matching *m, struct diag *d);
/* The sums so far, by their indicators' ids, for match_keep_sightings(); the sums begin anew. */
MUST_CHECK enum err match_set_sightings_aside(struct matching *m, struct diag *d);

/* The bundle: its beginning, one alert, the sightings that end it. */
void match_bundle_begin(struct matching *m);
MUST_CHECK enum err match_bundle_add(struct matching *m, const struct alert *alert, struct diag *d);
void match_bundle_end(struct matching *m);
void match_bundle_free(struct matching *m);

#endif
