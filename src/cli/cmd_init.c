#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

int command_init(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {
        {"party", 1, 0, 'p'}, {"name", 1, 0, 'n'}, {"url", 1, 0, 'u'}, {"store", 1, 0, 's'}, {0}};
    struct node_init init = {0};
    struct diag d = {0};
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'p')
            init.party = span_cstr(optarg);
        else if (c == 'n')
            init.name = span_cstr(optarg);
        else if (c == 'u')
            init.url = span_cstr(optarg);
        else if (c == 's')
            init.store = span_cstr(optarg);
        else
            return cli_bad_flag("init", c, argv);
    }
    if (optind < argc) return cli_usage("init", "unexpected '%s'", argv[optind]);
    if (!init.party.at || !init.name.at || !init.url.at)
        return cli_usage("init", "--party, --name and --url are needed");
    char *home = cli_home(cli);
    enum err e = home ? node_create(home, &init, &d) : diag_set(&d, ERR_NOMEM, "no memory");
    if (!e && !cli->json) {
        printf("Made a node for %s in %s\n", init.party.at, home);
        printf("Its keys are in %s/keys, its configuration in %s/renkei.yaml.\nNext: `renkei card > %s.card` and give "
               "the card to your partners.\n",
               home, home, init.party.at);
    }
    free(home);
    if (e) return cli_trouble(&d);
    optind = 0; /* getopt starts anew on the card's arguments */
    return cli->json ? command_card(cli, 1, (char *[]){(char *)(uintptr_t) "card", NULL}) : EXIT_OK;
}
