/* renkei release queue, approve and refuse: the subcommands of release that cmd_queue.c has. */
#ifndef RENKEI_CLI_QUEUE_H
#define RENKEI_CLI_QUEUE_H

#include "cli/cli.h"

int queue_show(const struct cli *cli, int argc, char **argv);
/* argv[0]: "approve" or "refuse". */
int queue_say(const struct cli *cli, int argc, char **argv);

#endif
