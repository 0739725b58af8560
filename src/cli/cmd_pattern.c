/* renkei pattern: check, explain and try STIX patterns. Needs no node. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/pattern_print.h"
#include "cli/telemetry.h"
#include "detect/mapping.h"
#include "detect/observation_list.h"
#include "detect/stix_lines.h"

enum { PATTERN_ARENA_MAX = 1 << 30 /* the largest pattern, and what trying it needs */ };

struct trying {
    const struct cli *cli;
    enum err (*run)(struct trying *t, struct pattern_answer *answer, struct diag *d);
    bool many; /* "-": patterns from standard input, a line of answer each */
    uint64_t steps;
    struct arena arena; /* of the pattern at hand */
    struct observation_list seen;
    struct telemetry_files files;
    uint32_t *ends; /* of each file: how many observations there are up to its end; owned */
    int code;       /* the worst so far */
};

/* What only pattern_check() refuses has a meaning all the same: test answers it, and says what is odd. */
static enum err compile(struct trying *t, struct pattern_answer *answer, struct diag *d) {
    const struct pattern_settings literal = {0};
    enum err e = pattern_parse(&t->arena, answer->text, &answer->pattern, d);
    if (!e && answer->tested)
        answer->odd = pattern_check(answer->pattern, &answer->oddity);
    else if (!e)
        e = pattern_check(answer->pattern, d);
    if (!e) e = pattern_program_build(&t->arena, answer->pattern, &literal, &answer->program, d);
    answer->bad = e;
    return e;
}

static enum err run_check(struct trying *t, struct pattern_answer *answer, struct diag *d) {
    return compile(t, answer, d);
}

static enum err run_explain(struct trying *t, struct pattern_answer *answer, struct diag *d) {
    const struct stream_settings settings = {STREAM_WINDOW_DEFAULT_US, STREAM_LATE_DEFAULT_US};
    enum err e = compile(t, answer, d);
    if (!e) e = pattern_necessary_find(&t->arena, answer->pattern, &answer->needs, &answer->need_count, d);
    if (e) return e;
    e = stream_plan_build(&t->arena, answer->pattern, &settings, &answer->plan, &answer->no_plan);
    if (e == ERR_LIMIT) return ERR_NONE; /* told beside: on a list of observations it can be answered all the same */
    if (e) *d = answer->no_plan;
    return e;
}

static enum err run_test(struct trying *t, struct pattern_answer *answer, struct diag *d) {
    struct pattern_budget budget = {.steps = t->steps};
    enum err e = compile(t, answer, d);
    if (!e)
        e = pattern_program_match(answer->program, t->seen.at, t->seen.count, &t->arena, &budget, &answer->matched,
                                  &answer->binding, &answer->binding_count, d);
    if (e == ERR_LIMIT && !answer->bad)
        diag_prefix(d, "no answer in %llu steps (--steps gives more)", (unsigned long long)t->steps);
    answer->list = &t->seen;
    answer->files = &t->files;
    answer->ends = t->ends;
    return e;
}

static void run_one(struct trying *t, struct span text) {
    struct pattern_answer answer = {.text = text, .tested = t->run == run_test, .explained = t->run == run_explain};
    struct diag d = {0};
    arena_reset(&t->arena);
    answer.trouble = t->run(t, &answer, &d);
    int code = answer.trouble ? EXIT_TROUBLE : answer.tested && !answer.matched ? EXIT_NONE : EXIT_OK;
    if (t->cli->json)
        pattern_print_json(&answer, &d);
    else if (t->many)
        pattern_print_line(&answer, &d);
    else
        pattern_print(&answer, &d);
    pattern_program_free(&answer.program);
    /* As grep's: 0 when something matched, unless there was trouble. */
    t->code = t->code < 0 || code == EXIT_TROUBLE          ? code
              : t->code != EXIT_TROUBLE && code == EXIT_OK ? EXIT_OK
                                                           : t->code;
}

static int run_many(struct trying *t) {
    char *line = NULL;
    size_t size = 0;
    for (ssize_t len; (len = getline(&line, &size, stdin)) >= 0;) {
        struct span text = span_of(line, (size_t)len);
        if (text.len && text.at[text.len - 1] == '\n') text.len--;
        if (text.len && text.at[text.len - 1] == '\r') text.len--;
        if (span_trim(text).len) run_one(t, text);
    }
    bool failed = ferror(stdin) != 0;
    free(line);
    if (failed) fprintf(stderr, "renkei: standard input cannot be read\n");
    return failed ? EXIT_TROUBLE : t->code < 0 ? EXIT_NONE : t->code;
}

static int run_patterns(struct trying *t, const char *pattern) {
    t->code = -1;
    t->many = strcmp(pattern, "-") == 0;
    arena_init(&t->arena, PATTERN_ARENA_MAX);
    if (t->many)
        t->code = run_many(t);
    else
        run_one(t, span_cstr(pattern));
    arena_free(&t->arena);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "renkei: the answer cannot be written\n");
        return EXIT_TROUBLE;
    }
    return t->code;
}

static enum err read_file(struct trying *t, const char *path, const struct detect_reader *reader,
                          const struct reader_settings *settings, struct diag *d) {
    struct input *in;
    uint64_t unreadable = t->seen.unreadable;
    unsigned shown = t->seen.shown_count;
    enum err e = stix_lines_input(path, &in, d);
    if (e) return e;
    e = observation_list_add(&t->seen, in, reader, settings, d);
    input_close(&in);
    for (; shown < t->seen.shown_count; shown++) {
        struct scan_unreadable *u = &t->seen.shown[shown];
        cli_clean(u->message, strlen(u->message));
        fprintf(stderr, "%s:%llu: not read: %s\n", path, (unsigned long long)u->line, u->message);
    }
    if (t->seen.unreadable > unreadable)
        fprintf(stderr, "%s: %llu lines not read\n", path, (unsigned long long)(t->seen.unreadable - unreadable));
    return e;
}

static int test(struct trying *t, char **argv, int count, const char *mapping_path, const struct detect_reader *reader,
                const struct reader_settings *zone) {
    struct mapping *mapping = NULL;
    struct diag d = {0};
    enum err e = telemetry_files_find(argv + 1, count - 1, &t->files, &d);
    if (e) return cli_trouble(&d);
    observation_list_init(&t->seen, clock_now(clock_system()));
    t->ends = calloc(t->files.count + 1, sizeof *t->ends);
    if (!t->ends) e = diag_set(&d, ERR_NOMEM, "no memory");
    if (!e && mapping_path) e = mapping_open(mapping_path, &mapping, &d);
    if (mapping && !reader) reader = mapping_reader(mapping);
    for (size_t i = 0; i < t->files.count && !e; i++) {
        e = read_file(t, t->files.paths[i], reader, mapping ? mapping_settings(mapping) : zone, &d);
        t->ends[i] = t->seen.count;
    }
    int code = e ? cli_trouble(&d) : run_patterns(t, argv[0]);
    mapping_free(&mapping);
    observation_list_free(&t->seen);
    telemetry_files_free(&t->files);
    free(t->ends);
    return code;
}

int command_pattern(const struct cli *cli, int argc, char **argv) {
    enum { MAPPING = 256, FORMAT, ZONE, STEPS };
    static const struct option flags[] = {{"mapping", required_argument, NULL, MAPPING},
                                          {"format", required_argument, NULL, FORMAT},
                                          {"timezone", required_argument, NULL, ZONE},
                                          {"steps", required_argument, NULL, STEPS},
                                          {0}};
    struct trying t = {.cli = cli, .steps = PATTERN_STEPS_DEFAULT};
    struct reader_settings zone = {0};
    const struct detect_reader *reader = NULL;
    const char *mapping = NULL;
    for (int c; (c = getopt_long(argc, argv, ":", flags, NULL)) != -1;) {
        char *end = NULL;
        if (c == MAPPING)
            mapping = optarg;
        else if (c == FORMAT && !(reader = detect_reader_by_name(optarg)))
            return cli_usage("pattern", "--format is json-lines, zeek-tsv, csv or text");
        else if (c == ZONE && !reader_zone_parse(span_cstr(optarg), &zone.zone_us))
            return cli_usage("pattern", "--timezone is UTC or an offset such as +09:00");
        else if (c == STEPS && ((t.steps = strtoull(optarg, &end, 10)) == 0 || *end || optarg[0] == '-'))
            return cli_usage("pattern", "--steps is a number of at least 1");
        else if (c < MAPPING)
            return cli_bad_flag("pattern", c, argv);
    }
    argv += optind;
    argc -= optind;
    if (argc == 0) return cli_usage("pattern", "check, explain or test?");
    const char *action = argv[0];
    if (strcmp(action, "check") == 0)
        t.run = run_check;
    else if (strcmp(action, "explain") == 0)
        t.run = run_explain;
    else if (strcmp(action, "test") == 0)
        t.run = run_test;
    else
        return cli_usage("pattern", "check, explain or test, not %s", action);
    if (argc == 1) return cli_usage("pattern", "%s which pattern? \"-\" reads them from standard input", action);
    if (t.run != run_test) {
        if (argc > 2) return cli_usage("pattern", "%s takes one pattern: quote it", action);
        return run_patterns(&t, argv[1]);
    }
    if (argc == 2) return cli_usage("pattern", "test the pattern on which file?");
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "-") == 0 && strcmp(argv[1], "-") == 0)
            return cli_usage("pattern", "standard input cannot be both the patterns and the file");
    return test(&t, argv + 1, argc - 1, mapping, reader, &zone);
}
