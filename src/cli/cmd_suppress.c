#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"

static void print_rule(void *context, struct json_value r, struct arena *a) {
    struct json_value rule = json_get(r, "rule");
    const char *indicator = cli_text(rule, "indicator", a), *value = cli_text(rule, "value", a);
    const char *member = cli_text(rule, "member", a), *until = cli_text(rule, "until", a);
    bool named = context != NULL; /* of a removal there is nothing to say about its being in force */
    printf("%lld  %s%s%s", (long long)cli_number(r, "number"), value, value[0] && indicator[0] ? " of " : "",
           indicator);
    if (member[0]) printf(", member %s", member);
    if (until[0]) printf(", until %s", until);
    if (cli_truth(rule, "keep_sightings")) fputs(", sightings kept", stdout);
    if (named && !cli_truth(r, "in_force")) fputs(" (over)", stdout);
    printf(": %s (%s, %s)\n", cli_text(rule, "reason", a), cli_text(rule, "by", a), cli_text(rule, "made", a));
}

static int add(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"indicator", 1, 0, 'i'},
                                            {"value", 1, 0, 'v'},
                                            {"member", 1, 0, 'm'},
                                            {"until", 1, 0, 'u'},
                                            {"reason", 1, 0, 'r'},
                                            {"keep-sightings", 0, 0, 'k'},
                                            {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    bool reason = false, what = false, keep = false;
    json_begin_object(&w);
    for (int c, at; (c = getopt_long(argc, argv, ":", options, &at)) != -1;) {
        if (c == '?' || c == ':') {
            buf_free(&args);
            return cli_bad_flag("suppress", c, argv);
        }
        reason |= c == 'r';
        what |= c == 'i' || c == 'v';
        if (c == 'k')
            keep = true;
        else
            json_member_cstr(&w, options[at].name, optarg);
    }
    json_member_truth(&w, "keep_sightings", keep);
    json_end_object(&w);
    int code = optind < argc ? cli_usage("suppress", "suppress add takes flags only")
               : !what       ? cli_usage("suppress", "--indicator ID or --value V says what is suppressed")
               : !reason     ? cli_usage("suppress", "--reason says why")
                             : cli_do(cli, "suppress.add", buf_span(&args), print_rule, &args);
    buf_free(&args);
    return code;
}

static int removal(const struct cli *cli, int argc, char **argv) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    uint64_t number;
    if (argc != 2 || !span_u64(span_cstr(argv[1]), &number) || number > INT64_MAX)
        return cli_usage("suppress", "suppress remove takes one rule's number");
    json_begin_object(&w);
    json_member_number(&w, "number", (int64_t)number);
    json_end_object(&w);
    int code = cli_do(cli, "suppress.remove", buf_span(&args), print_rule, NULL);
    if (code == EXIT_OK && !cli->json) puts("removed: it alerts again");
    buf_free(&args);
    return code;
}

int command_suppress(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "list";
    if (strcmp(what, "add") == 0) return add(cli, argc - 1, argv + 1);
    if (strcmp(what, "remove") == 0) return removal(cli, argc - 1, argv + 1);
    if (strcmp(what, "list") == 0) return cli_do(cli, "suppress.list", SPAN("{}"), print_rule, argv);
    return cli_usage("suppress", "unknown: suppress %s", what);
}
