#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/card_print.h"
#include "cli/cli.h"

static int add_call(const struct cli *cli, struct span card, bool trust, bool quiet) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct cli silent = *cli;
    json_begin_object(&w);
    json_member(&w, "card", card);
    json_member_truth(&w, "trust", trust);
    json_end_object(&w);
    if (!trust) silent.json = false;
    int code = cli_do(&silent, "party.add", buf_span(&args), quiet ? NULL : card_print, NULL);
    buf_free(&args);
    return code;
}

static bool confirmed(void) {
    char line[16];
    fputs("Compare the fingerprints with the party by another way. Trust this card? [y/N] ", stderr);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static int add(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"yes", 0, 0, 'y'}, {0}};
    struct buf card = BUF_EMPTY;
    struct diag d = {0};
    bool yes = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'y') return cli_bad_flag("party", c, argv);
        yes = true;
    }
    if (optind + 1 != argc) return cli_usage("party", "party add takes one card");
    if (cli_read(argv[optind], &card, &d)) {
        buf_free(&card);
        return cli_trouble(&d);
    }
    int code = cli->json && yes ? EXIT_OK : add_call(cli, buf_span(&card), false, false);
    if (code == EXIT_OK && !yes && !isatty(STDIN_FILENO)) {
        fputs("renkei: not trusted yet: nobody is here to confirm the fingerprints; --yes says you compared them\n",
              stderr);
        code = EXIT_TROUBLE;
    } else if (code == EXIT_OK && !yes && !confirmed()) {
        fputs("not trusted\n", stderr);
        code = EXIT_NONE;
    } else if (code == EXIT_OK) {
        code = add_call(cli, buf_span(&card), true, true);
        if (code == EXIT_OK && !cli->json) puts("trusted");
    }
    buf_free(&card);
    return code;
}

static int removal(const struct cli *cli, int argc, char **argv) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    if (argc != 2) return cli_usage("party", "party remove takes one party's id");
    json_begin_object(&w);
    json_member_cstr(&w, "party", argv[1]);
    json_end_object(&w);
    int code = cli_do(cli, "party.remove", buf_span(&args), NULL, NULL);
    if (code == EXIT_OK && !cli->json)
        printf("%s is trusted no more. What was released to it stays on the ledger's record.\n", argv[1]);
    buf_free(&args);
    return code;
}

int command_party(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "list";
    if (strcmp(what, "add") == 0) return add(cli, argc - 1, argv + 1);
    if (strcmp(what, "remove") == 0) return removal(cli, argc - 1, argv + 1);
    if (strcmp(what, "list") == 0) return cli_do(cli, "party.list", SPAN("{}"), card_print, NULL);
    return cli_usage("party", "unknown: party %s", what);
}
