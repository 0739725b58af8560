#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "cli/cli.h"
#include "node/move.h"

static void show(void *context, uint64_t done) {
    progress_update(context, done);
}

/* The whole record of the new store, as `renkei ledger audit` goes through it. */
static int audit(const struct cli *cli) {
    char command[] = "ledger", what[] = "audit";
    char *argv[] = {command, what, NULL};
    optind = 0; /* another command line */
    return command_ledger(cli, 2, argv);
}

static int copy(const struct cli *cli, const char *home, const char *to) {
    struct move *m;
    struct diag d = {0};
    struct progress progress;
    bool file = strcmp(to, "file") == 0;
    progress_start(&progress, "copying the store", "rows", 0);
    enum err e = move_begin(home, to, show, &progress, &m, &d);
    progress_end(&progress);
    if (e) return cli_trouble(&d);
    int code = audit(cli);
    bool good = code == EXIT_OK;
    if ((e = move_end(&m, good, &d))) return cli_trouble(&d);
    if (!good) {
        fputs("renkei: the copy does not verify: the node goes on with its old store, the copy is left\n", stderr);
        return code;
    }
    if (!cli->json)
        printf("The node's store is in %s now; the old one is put aside, as %s.\n", file ? "a file" : "PostgreSQL",
               file ? "the schema with _moved behind its name" : "realms/live/store.db.moved");
    return EXIT_OK;
}

int command_store(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"to", 1, 0, 't'}, {0}};
    const char *to = NULL;
    struct diag d;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 't') return cli_bad_flag("store", c, argv);
        to = optarg;
    }
    if (optind + 1 != argc || strcmp(argv[optind], "copy") != 0)
        return cli_usage("store", "what to do, please: store copy --to …");
    if (!to) return cli_usage("store", "--to, please: a PostgreSQL URL, or file");
    char *home = cli_home(cli);
    if (!home) return cli_trouble((diag_set(&d, ERR_NOMEM, "no memory"), &d));
    int code = copy(cli, home, to);
    free(home);
    return code;
}
