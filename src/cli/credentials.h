/* Who the caller says he is, and his password: of a file, or asked for on the terminal; or a token: of a file, or of
 * the login before. Never an argument: those are seen by everybody on the machine. */
#ifndef RENKEI_CLI_CREDENTIALS_H
#define RENKEI_CLI_CREDENTIALS_H

#include "cli/cli.h"

struct credentials {
    struct op_credentials as;
    struct buf name, password, token, new_password; /* owned; wiped by credentials_free() */
};

/* By --as or RENKEI_AS, the password by RENKEI_PASSWORD_FILE or the terminal; a new one (cli->new_password) by
 * RENKEI_NEW_PASSWORD_FILE or, twice, the terminal. Without a name: the token in the file RENKEI_TOKEN_FILE names, or
 * the login's. Without any of them and without a new password nothing is asked. */
MUST_CHECK enum err credentials_get(const struct cli *cli, struct credentials *out, struct diag *d);
void credentials_free(struct credentials *c);

/* Where this person's login to the node of this folder is kept: a file in the user's runtime folder, which ends with
 * the machine, else in ~/.local/state. Folders are made when `make` says so. Appended to *out. */
MUST_CHECK enum err login_path(const struct cli *cli, bool make, struct buf *out, struct diag *d);

#endif
