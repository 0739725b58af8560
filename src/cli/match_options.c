/* The flags of `renkei match`: a row each. */
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/match.h"

/* Each sets its field from the text behind the flag (NULL for a flag that takes none). Returns what is wrong with it,
 * NULL for nothing. */
typedef const char *(*set_option)(struct match_options *o, const char *text);

static const char *set_member(struct match_options *o, const char *text) {
    o->member = text;
    return NULL;
}
static const char *set_time(struct match_options *o, const char *text) {
    return validity_mode_parse(span_cstr(text), &o->mode) ? NULL : "--time is event, now or any";
}
static const char *set_threads(struct match_options *o, const char *text) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    o->threads = (unsigned)n;
    return *end || end == text || n < 1 || n > MATCH_THREADS_MAX ? "--threads is a number from 1 to 64" : NULL;
}
static const char *set_no_sightings(struct match_options *o, const char *text) {
    (void)text;
    o->sightings = false;
    return NULL;
}
static const char *set_subdomains(struct match_options *o, const char *text) {
    (void)text;
    o->subdomains = true;
    return NULL;
}

/* Alerts come in the order of the lines whatever the number of threads: scripts may say that they count on it. */
static const char *set_ordered(struct match_options *o, const char *text) {
    (void)text;
    (void)o;
    return NULL;
}

static const char *set_format(struct match_options *o, const char *text) {
    static const char *const names[] = {
        [MATCH_TABLE] = "table", [MATCH_ECS] = "ecs", [MATCH_EVE] = "eve", [MATCH_STIX] = "stix"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        o->format = (enum match_format)i;
        return NULL;
    }
    return "--format is table, ecs, eve or stix";
}
static const char *set_no_group(struct match_options *o, const char *text) {
    (void)text;
    o->group = false;
    return NULL;
}
static const char *set_group_window(struct match_options *o, const char *text) {
    return time_parse_duration(span_cstr(text), &o->group_window) && o->group_window > 0
               ? NULL
               : "--group-window is a time span, such as 1h";
}
static const char *set_warned(struct match_options *o, const char *text) {
    (void)text;
    o->warned = true;
    return NULL;
}

static const char *set_summary(struct match_options *o, const char *text) {
    o->summary = text;
    return NULL;
}
static const char *set_mapping(struct match_options *o, const char *text) {
    o->mapping = text;
    return NULL;
}
static const char *set_timezone(struct match_options *o, const char *text) {
    return reader_zone_parse(span_cstr(text), &o->zone_us) ? NULL : "--timezone is UTC or an offset such as +09:00";
}
static const char *set_follow(struct match_options *o, const char *text) {
    (void)text;
    o->follow = true;
    return NULL;
}
static const char *set_scope(struct match_options *o, const char *text) {
    return detect_scope_parse(span_cstr(text), &o->scope) ? NULL : "--scope is member, sensor or host";
}
static const char *set_window(struct match_options *o, const char *text) {
    bool good = time_parse_duration(span_cstr(text), &o->window_us) && o->window_us > 0;
    return good ? NULL : "--window is a time span such as 1h";
}
static const char *set_late(struct match_options *o, const char *text) {
    bool good = time_parse_duration(span_cstr(text), &o->late_us) && o->late_us > 0;
    return good ? NULL : "--late is a time span such as 5m";
}

static const struct {
    const char *name;
    bool takes_value;
    set_option set;
} rows[] = {
    {"member", true, set_member},
    {"time", true, set_time},
    {"threads", true, set_threads},
    {"no-sightings", false, set_no_sightings},
    {"subdomains", false, set_subdomains},
    {"ordered", false, set_ordered},
    {"format", true, set_format},
    {"no-group", false, set_no_group},
    {"group-window", true, set_group_window},
    {"warned", false, set_warned},
    {"scope", true, set_scope},
    {"window", true, set_window},
    {"late", true, set_late},
    {"summary", true, set_summary},
    {"mapping", true, set_mapping},
    {"timezone", true, set_timezone},
    {"follow", false, set_follow},
};
enum { ROWS = sizeof rows / sizeof *rows, FIRST = 256 /* above any character getopt_long() returns by itself */ };

int match_options_read(const struct cli *cli, struct match_options *out, int argc, char **argv) {
    struct option flags[ROWS + 1] = {0};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *out =
        (struct match_options){.sightings = true,
                               .group = true,
                               .group_window = GROUP_WINDOW_DEFAULT_US,
                               .format = cli->json ? MATCH_ECS : MATCH_TABLE,
                               .threads = processors > 0 && processors < MATCH_THREADS_MAX ? (unsigned)processors : 1};
    for (int i = 0; i < ROWS; i++)
        flags[i] =
            (struct option){rows[i].name, rows[i].takes_value ? required_argument : no_argument, NULL, FIRST + i};
    for (int c; (c = getopt_long(argc, argv, ":", flags, NULL)) != -1;) {
        if (c < FIRST) return cli_bad_flag("match", c, argv);
        const char *wrong = rows[c - FIRST].set(out, optarg);
        if (wrong) return cli_usage("match", "%s", wrong);
    }
    if (optind == argc) return cli_usage("match", "which file? \"-\" is standard input");
    for (int i = optind; out->follow && i < argc; i++)
        if (strcmp(argv[i], "-") == 0) return cli_usage("match", "--follow goes with files; \"-\" is read to its end");
    return EXIT_OK;
}
