#include <stdio.h>

#include "cli/card_print.h"
#include "cli/cli.h"

int command_key(const struct cli *cli, int argc, char **argv) {
    if (argc != 2 || strcmp(argv[1], "rotate") != 0) return cli_usage("key", "key rotate is what there is");
    int code = cli_do(cli, "key.rotate", SPAN("{}"), card_print, NULL);
    if (code == EXIT_OK && !cli->json)
        puts("New keys are in use. Partners accept the successor card at their next sync, or this node's.");
    return code;
}
