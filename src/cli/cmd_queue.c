/* renkei release queue | approve | refuse: what national policy refers to releasing officers. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/queue.h"

struct listed {
    unsigned long long count;
};

static void print_item(void *context, struct json_value r, struct arena *a) {
    struct listed *listed = context;
    listed->count++;
    printf("%s  to %s\n", cli_text(r, "id", a), cli_text(r, "to", a));
    printf("  under \"%s\", clause %s; referred by %s: %lld of %lld approvals\n", cli_text(r, "agreement", a),
           cli_text(r, "clause", a), cli_text(r, "national_clause", a), (long long)cli_number(r, "approved"),
           (long long)cli_number(r, "needed"));
    if (cli_truth(r, "expired"))
        puts("  its time is over: it stays withheld");
    else
        printf("  until %s\n", cli_text(r, "deadline", a));
    for (struct json_iter it = json_iter(json_get(r, "said")); json_next(&it);)
        printf("  %s %s%s%s (%s)\n", cli_text(it.value, "officer", a),
               cli_truth(it.value, "refuses") ? "refused" : "approved", cli_text(it.value, "reason", a)[0] ? ": " : "",
               cli_text(it.value, "reason", a), cli_text(it.value, "time", a));
}

static void print_said(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("%s: %s, %lld decisions; released %lld objects\n", cli_text(r, "id", a), cli_text(r, "said", a),
           (long long)cli_number(r, "decisions"), (long long)cli_number(r, "released"));
}

int queue_show(const struct cli *cli, int argc, char **argv) {
    struct listed listed = {0};
    struct diag d = {0};
    (void)argv;
    if (argc > 1) return cli_usage("release", "release queue takes no arguments");
    if (cli_call(cli, "queue.list", SPAN("{}"), NULL, 0, print_item, &listed, &d)) return cli_trouble(&d);
    return cli->json || listed.count ? EXIT_OK : EXIT_NONE;
}

int queue_say(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"to", 1, 0, 't'}, {"reason", 1, 0, 'r'}, {0}};
    const char *operation = strcmp(argv[0], "approve") == 0 ? "queue.approve" : "queue.refuse", *to = NULL;
    const char *reason = NULL;
    int code = EXIT_OK;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 't')
            to = optarg;
        else if (c == 'r')
            reason = optarg;
        else
            return cli_bad_flag("release", c, argv);
    }
    if (optind == argc) return cli_usage("release", "%s which object?", argv[0]);
    for (int i = optind; i < argc && code == EXIT_OK; i++) {
        struct buf args = BUF_EMPTY;
        struct json_writer w = json_writer(&args);
        json_begin_object(&w);
        json_member_cstr(&w, "id", argv[i]);
        if (to) json_member_cstr(&w, "to", to);
        if (reason) json_member_cstr(&w, "reason", reason);
        json_end_object(&w);
        code = cli_do(cli, operation, buf_span(&args), print_said, NULL);
        buf_free(&args);
    }
    return code;
}
