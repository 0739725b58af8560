/* What the commands share: the table of commands, calling an operation, and saying what went wrong. A command is one
 * file: flags in, one operation, print. Adding one: a file cmd_NAME.c and a row in commands.c. */
#ifndef RENKEI_CLI_CLI_H
#define RENKEI_CLI_CLI_H

#include "base/arena.h"
#include "base/buf.h"
#include "node/op.h"
#include "json/json.h"
#include "json/write.h"

/* Exit codes: grep's. */
enum {
    EXIT_OK = 0,
    EXIT_NONE = 1, /* the answer is no: nothing found, nothing matched, not verified, not trusted */
    EXIT_TROUBLE = 2
};

struct cli {
    const char *home; /* of --home; NULL = default */
    bool json;        /* --json */
    bool verbose;
    const char *as;    /* of --as: the account's name; NULL = RENKEI_AS, else nobody */
    bool new_password; /* the command sets one: it is asked for, too */
    bool login_only;   /* by the login and nothing else: the command ends it */
};

struct command {
    const char *name, *summary;
    const char *usage;                                        /* whole help: usage, flags, an example */
    const char *flags;                                        /* for shell completion */
    int (*run)(const struct cli *cli, int argc, char **argv); /* argv[0] is the command's name */
};
extern const struct command commands[];
extern const size_t command_count;

/* The command at work, for usage errors. */
const struct command *cli_command(struct span name);

/* Prints "renkei: …" and returns EXIT_TROUBLE. */
int cli_trouble(const struct diag *d);
/* A mistake in the flags: the message and where help is. Returns EXIT_TROUBLE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for what getopt_long() (whose short options are ":") refused: c is what it returned. Names the flag. */
int cli_bad_flag(const char *command, int c, char *const argv[]);

/* Called for each result. */
typedef void (*cli_result)(void *context, struct json_value result, struct arena *a);

/* Runs an operation, beside a running server or here. With --json results are printed as they come, one a line;
 * otherwise each() prints them. Progress goes to stderr when that is a terminal. */
MUST_CHECK enum err cli_call(const struct cli *cli, const char *operation, struct span args, const int *fds,
                             size_t fd_count, cli_result each, void *context, struct diag *d);
/* The same with the error told: the exit code. */
int cli_do(const struct cli *cli, const char *operation, struct span args, cli_result each, void *context);
/* Operations of all floors. */
struct op_table cli_operations(void);

/* A text as one line for people: NUL-terminated, safe for a terminal; "" if it is none. */
const char *cli_string(struct json_value text, struct arena *a);
/* The same of a member of a result. */
const char *cli_text(struct json_value object, const char *name, struct arena *a);
int64_t cli_number(struct json_value object, const char *name);
bool cli_truth(struct json_value object, const char *name);
/* Makes text from outside safe for a terminal, in place: control characters (C0, C1, DEL) and those that turn the
 * direction of writing become '?'. Line breaks and tabs stay. */
void cli_clean(char *text, size_t len);
/* The whole of a file as a buffer ("-" = stdin). */
MUST_CHECK enum err cli_read(const char *path, struct buf *out, struct diag *d);
/* A node's own path: the folder's name. Owned by the caller. */
char *cli_home(const struct cli *cli);

int command_login(const struct cli *cli, int argc, char **argv);
int command_logout(const struct cli *cli, int argc, char **argv);
int command_token(const struct cli *cli, int argc, char **argv);
int command_account(const struct cli *cli, int argc, char **argv);
int command_policy(const struct cli *cli, int argc, char **argv);
int command_init(const struct cli *cli, int argc, char **argv);
int command_card(const struct cli *cli, int argc, char **argv);
int command_party(const struct cli *cli, int argc, char **argv);
int command_key(const struct cli *cli, int argc, char **argv);
int command_agreement(const struct cli *cli, int argc, char **argv);
int command_import(const struct cli *cli, int argc, char **argv);
int command_search(const struct cli *cli, int argc, char **argv);
int command_show(const struct cli *cli, int argc, char **argv);
int command_why(const struct cli *cli, int argc, char **argv);
int command_release(const struct cli *cli, int argc, char **argv);
int command_withdraw(const struct cli *cli, int argc, char **argv);
int command_ledger(const struct cli *cli, int argc, char **argv);
int command_serve(const struct cli *cli, int argc, char **argv);
int command_sync(const struct cli *cli, int argc, char **argv);
int command_match(const struct cli *cli, int argc, char **argv);
int command_erase(const struct cli *cli, int argc, char **argv);
int command_disclosed(const struct cli *cli, int argc, char **argv);
int command_export(const struct cli *cli, int argc, char **argv);
int command_warninglist(const struct cli *cli, int argc, char **argv);
int command_audit(const struct cli *cli, int argc, char **argv);
int command_index(const struct cli *cli, int argc, char **argv);
int command_store(const struct cli *cli, int argc, char **argv);
int command_suppress(const struct cli *cli, int argc, char **argv);
int command_observe(const struct cli *cli, int argc, char **argv);
int command_pattern(const struct cli *cli, int argc, char **argv);
int command_backup(const struct cli *cli, int argc, char **argv);
int command_doctor(const struct cli *cli, int argc, char **argv);
int command_restore(const struct cli *cli, int argc, char **argv);
int command_collection(const struct cli *cli, int argc, char **argv);
int command_quarantine(const struct cli *cli, int argc, char **argv);
int command_status(const struct cli *cli, int argc, char **argv);
int command_completion(const struct cli *cli, int argc, char **argv);

#endif
