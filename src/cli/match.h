/* The parts of `renkei match`: its flags (match_options.c), what becomes of a hit (match_hit.c), the sightings it
 * leaves (match_sightings.c), and the run over the files (cmd_match.c). */
#ifndef RENKEI_CLI_MATCH_H
#define RENKEI_CLI_MATCH_H

#include "base/progress.h"
#include "cli/cli.h"
#include "detect/alert.h"
#include "detect/holdings.h"
#include "detect/sighting.h"

enum { MATCH_THREADS_MAX = 64, MATCH_NAMES_ARENA_MAX = 64 << 20 };

/* What the flags say. A new flag: a field here, its default and its row in match_options.c. */
struct match_options {
    const char *member; /* NULL: not said */
    enum validity_mode mode;
    unsigned threads;
    bool sightings;
    bool subdomains; /* a domain indicator matches the names below it, too */
};
/* Reads the flags; the files are argv[optind …]. EXIT_OK, or EXIT_TROUBLE with the mistake told. */
int match_options_read(struct match_options *out, int argc, char **argv);

struct matching {
    const struct cli *cli;
    struct match_options options;
    struct node *node;
    struct store_reader *reader;
    struct detect_holdings holdings;
    struct sighting_set sums;
    struct span *names; /* what each indicator that hit indicates; .at is NULL until asked for. Owned */
    struct arena names_arena;
    struct buf out, outside;
    uint64_t alerts, outside_count, revoked, lines, bytes, unreadable;
    unsigned width;
    time_us now;
    struct progress progress;
    bool failed;
    uint64_t kept, kept_new, kept_released; /* sightings */
};

/* Judges a hit, writes it where it belongs and counts it: the on_hit of struct scan_options. */
bool match_on_hit(void *matching, const struct detect_hit *hit);
/* What is shown apart from the alerts, after the last file; and the counts, on stderr. */
void match_say_summary(struct matching *m, int64_t took_us);
/* Keeps the sums as sightings of this node. The store must not be open for reading any more. */
MUST_CHECK enum err match_keep_sightings(struct matching *m, struct diag *d);

#endif
