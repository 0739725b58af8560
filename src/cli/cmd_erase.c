/* renkei erase: destroy objects for a legal reason, ask partners to, and see what they answered. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

struct listed {
    unsigned long long count;
};

static void print_erased(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("%s: %lld versions erased", cli_text(r, "id", a), (long long)cli_number(r, "versions"));
    if (cli_number(r, "asked"))
        printf("; %lld records ask partners to do the same at their next sync", (long long)cli_number(r, "asked"));
    if (cli_number(r, "withdrawn"))
        printf("; what names it was withdrawn: %lld", (long long)cli_number(r, "withdrawn"));
    putchar('\n');
}

static void print_decided(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("%s: %s (%lld requests); the partner learns it at the next sync\n", cli_text(r, "id", a),
           cli_text(r, "answer", a), (long long)cli_number(r, "requests"));
}

static void print_listed(void *context, struct json_value r, struct arena *a) {
    struct listed *listed = context;
    const char *from = cli_text(r, "from", a);
    listed->count++;
    printf("%s  %s by %s%s%s%s\n  %s\n", cli_text(r, "id", a), cli_text(r, "time", a), cli_text(r, "by", a),
           from[0] ? ", what came from " : "", from, cli_truth(r, "lifted") ? "; may come in again" : "",
           cli_text(r, "reason", a));
    for (struct json_iter it = json_iter(json_get(r, "asked")); json_next(&it);) {
        const char *reason = cli_text(it.value, "reason", a);
        printf("  %s, entry %lld: %s%s%s\n", cli_text(it.value, "to", a), (long long)cli_number(it.value, "entry"),
               cli_text(it.value, "answer", a), reason[0] ? ": " : "", reason);
    }
}

static void print_request(void *context, struct json_value r, struct arena *a) {
    struct listed *listed = context;
    const char *answer = cli_text(r, "answer", a), *reason = cli_text(r, "reason", a);
    listed->count++;
    printf("%s  asked by %s on %s\n  %s%s%s%s\n", cli_text(r, "id", a), cli_text(r, "from", a), cli_text(r, "time", a),
           answer, reason[0] ? ": " : "", reason, cli_truth(r, "sent") ? " (sent)" : "");
}

static int lists(const struct cli *cli, const char *operation, cli_result print) {
    struct listed listed = {0};
    struct diag d = {0};
    if (cli_call(cli, operation, SPAN("{}"), NULL, 0, print, &listed, &d)) return cli_trouble(&d);
    return cli->json || listed.count ? EXIT_OK : EXIT_NONE;
}

/* ID... [--from PARTY] --reason TEXT */
static int with_ids(const struct cli *cli, int argc, char **argv, const char *operation, bool of_party,
                    cli_result print) {
    static const struct option options[] = {{"reason", 1, 0, 'r'}, {"from", 1, 0, 'f'}, {0}};
    const char *reason = NULL, *from = NULL;
    struct buf args = BUF_EMPTY;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'r')
            reason = optarg;
        else if (c == 'f' && of_party)
            from = optarg;
        else
            return cli_bad_flag("erase", c, argv);
    }
    if (optind == argc) return cli_usage("erase", "which object? Its id is needed");
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    if (reason) json_member_cstr(&w, "reason", reason);
    if (from) json_member_cstr(&w, "from", from);
    json_key(&w, "ids");
    json_begin_array(&w);
    for (int i = optind; i < argc; i++) json_cstr(&w, argv[i]);
    json_end_array(&w);
    json_end_object(&w);
    int code = cli_do(cli, operation, buf_span(&args), print, NULL);
    buf_free(&args);
    return code;
}

static void print_nothing(void *context, struct json_value r, struct arena *a) {
    (void)context;
    (void)r;
    (void)a;
}

static int lift(const struct cli *cli, const char *id) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member_cstr(&w, "id", id);
    json_end_object(&w);
    int code = cli_do(cli, "erase.lift", buf_span(&args), print_nothing, NULL);
    buf_free(&args);
    return code;
}

int command_erase(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "list") == 0 && argc == 2) return lists(cli, "erase.list", print_listed);
    if (strcmp(what, "requests") == 0 && argc == 2) return lists(cli, "erase.requests", print_request);
    if (strcmp(what, "accept") == 0) return with_ids(cli, argc - 1, argv + 1, "erase.accept", true, print_decided);
    if (strcmp(what, "refuse") == 0) return with_ids(cli, argc - 1, argv + 1, "erase.refuse", true, print_decided);
    if (strcmp(what, "lift") == 0 && argc == 3) return lift(cli, argv[2]);
    if (strcmp(what, "scrub") == 0 && argc == 2) return cli_do(cli, "erase.scrub", SPAN("{}"), print_nothing, NULL);
    return with_ids(cli, argc, argv, "erase", false, print_erased);
}
