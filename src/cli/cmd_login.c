/* renkei login, logout: a token for some hours, in a file of the user's own. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/credentials.h"

#define LOGIN_USUAL "8h" /* a working day */

struct login {
    const struct cli *cli;
    struct diag d;
    enum err e;
};

static void keep(void *context, struct json_value r, struct arena *a) {
    struct login *login = context;
    struct buf path = BUF_EMPTY, line = BUF_EMPTY;
    buf_add(&line, json_text(json_get(r, "token"), a));
    buf_add_char(&line, '\n');
    login->e = login_path(login->cli, true, &path, &login->d);
    if (!login->e && !buf_ok(&line)) login->e = diag_set(&login->d, ERR_NOMEM, "no memory for a token");
    if (!login->e) login->e = file_write(path.at, buf_span(&line), 0600, &login->d);
    if (!login->e) printf("logged in as %s until %s\n", cli_text(r, "account", a), cli_text(r, "expires", a));
    buf_wipe(&line);
    buf_free(&path);
}

int command_login(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"for", 1, 0, 'f'}, {0}};
    struct cli with = *cli;
    struct login login = {.cli = cli, .e = ERR_INTERNAL};
    const char *span = LOGIN_USUAL;
    time_us length;
    struct buf args = BUF_EMPTY;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'f') return cli_bad_flag("login", c, argv);
        span = optarg;
    }
    if (optind + 1 != argc) return cli_usage("login", "login takes one name");
    if (!time_parse_duration(span_cstr(span), &length)) return cli_usage("login", "'%s' is no time like 8h", span);
    with.as = argv[optind];
    with.json = false; /* the token is for the file, not for the terminal */
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member_truth(&w, "session", true);
    json_member_number(&w, "seconds", length / TIME_US_PER_S);
    json_end_object(&w);
    enum err e = cli_call(&with, "token.add", buf_span(&args), NULL, 0, keep, &login, &login.d);
    buf_free(&args);
    return e || login.e ? cli_trouble(&login.d) : EXIT_OK;
}

static void print_nothing(void *context, struct json_value r, struct arena *a) {
    (void)context;
    (void)r;
    (void)a;
}

int command_logout(const struct cli *cli, int argc, char **argv) {
    struct buf path = BUF_EMPTY;
    struct diag d = {0}, gone = {0};
    struct cli with = *cli;
    (void)argv;
    with.as = NULL;
    with.login_only = true;
    if (argc != 1) return cli_usage("logout", "logout takes no arguments");
    enum err e = login_path(cli, false, &path, &d);
    if (!e && access(path.at, F_OK) != 0) e = diag_set(&d, ERR_NOT_FOUND, "you are not logged in to this node");
    if (!e && (e = cli_call(&with, "token.revoke", SPAN("{}"), NULL, 0, print_nothing, NULL, &gone)) == ERR_DENIED)
        e = ERR_NONE; /* it had ended by itself */
    if (e && gone.message[0]) d = gone;
    if (path.len && unlink(path.at) != 0 && errno != ENOENT && !e)
        e = diag_set(&d, ERR_IO, "cannot remove %s: %s", path.at, strerror(errno));
    buf_free(&path);
    return e ? cli_trouble(&d) : EXIT_OK;
}
