/* renkei token: what programs prove an account with. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define TOKEN_USUAL "90d"

static void print_token(void *context, struct json_value r, struct arena *a) {
    (void)context;
    const char *note = cli_text(r, "note", a), *text = cli_text(r, "token", a);
    printf("%s  %-16s %s%s\n  %s %s%s%s\n", cli_text(r, "id", a), cli_text(r, "account", a), cli_text(r, "scopes", a),
           cli_truth(r, "session") ? " (login)" : "", cli_truth(r, "ended") ? "ended" : "until",
           cli_text(r, "expires", a), note[0] ? "  " : "", note);
    if (text[0]) printf("\n%s\n\nKeep it now: it is not shown again.\n", text);
}

static int add(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"scope", 1, 0, 's'}, {"for", 1, 0, 'f'}, {"note", 1, 0, 'n'}, {0}};
    const char *span = TOKEN_USUAL, *note = "";
    time_us length;
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_key(&w, "scopes");
    json_begin_array(&w);
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 's')
            json_cstr(&w, optarg);
        else if (c == 'f')
            span = optarg;
        else if (c == 'n')
            note = optarg;
        else {
            buf_free(&args);
            return cli_bad_flag("token", c, argv);
        }
    }
    json_end_array(&w);
    int code = optind != argc                                   ? cli_usage("token", "token add takes flags only")
               : !time_parse_duration(span_cstr(span), &length) ? cli_usage("token", "'%s' is no time like 30d", span)
                                                                : EXIT_OK;
    if (code == EXIT_OK) {
        json_member_number(&w, "seconds", length / TIME_US_PER_S);
        json_member_cstr(&w, "note", note);
        json_end_object(&w);
        code = cli_do(cli, "token.add", buf_span(&args), print_token, NULL);
    }
    buf_free(&args);
    return code;
}

int command_token(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "list";
    if (strcmp(what, "list") == 0 && argc <= 2) return cli_do(cli, "token.list", SPAN("{}"), print_token, NULL);
    if (strcmp(what, "add") == 0) return add(cli, argc - 1, argv + 1);
    if (strcmp(what, "revoke") == 0 && argc == 3) {
        struct buf args = BUF_EMPTY;
        struct json_writer w = json_writer(&args);
        json_begin_object(&w);
        json_member_cstr(&w, "id", argv[2]);
        json_end_object(&w);
        int code = cli_do(cli, "token.revoke", buf_span(&args), print_token, NULL);
        buf_free(&args);
        return code;
    }
    return cli_usage("token", "add, list or revoke ID");
}
