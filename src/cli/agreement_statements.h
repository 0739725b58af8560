/* The parts of `renkei agreement` that are about an agreement in operation: consents, and leaving it. */
#ifndef RENKEI_CLI_AGREEMENT_STATEMENTS_H
#define RENKEI_CLI_AGREEMENT_STATEMENTS_H

#include "cli/cli.h"

/* "consent …" and "terminate …", argv[0] being that word. */
int agreement_consent(const struct cli *cli, int argc, char **argv);
int agreement_terminate(const struct cli *cli, int argc, char **argv);

#endif
