/* renkei account: who may work on this node, and as what. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_account(void *context, struct json_value r, struct arena *a) {
    (void)context;
    const char *locked = cli_text(r, "locked_until", a);
    const char *whose = cli_text(r, "acts_for", a), *roles = cli_text(r, "roles", a);
    printf("%-16s %s%s%s%s%s\n  %s\n", cli_text(r, "name", a), roles[0] ? roles : "TAXII client of ",
           roles[0]   ? ""
           : whose[0] ? whose
                      : "this party",
           cli_truth(r, "disabled") ? " (disabled)" : "", locked[0] ? " (locked until " : "", locked,
           cli_text(r, "key", a));
}

/* NAME [--role ROLE]… [--for WHOM]: the argument of all that name an account. */
static int named(const struct cli *cli, int argc, char **argv, const char *operation, const char *change) {
    static const struct option options[] = {{"role", 1, 0, 'r'}, {"for", 1, 0, 'f'}, {0}};
    struct cli with = *cli;
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    const char *acts_for = NULL;
    bool roles = false;
    json_begin_object(&w);
    json_key(&w, "roles");
    json_begin_array(&w);
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'f') {
            acts_for = optarg;
            continue;
        }
        if (c != 'r') {
            buf_free(&args);
            return cli_bad_flag("account", c, argv);
        }
        json_cstr(&w, optarg);
        roles = true;
    }
    json_end_array(&w);
    if (optind + 1 != argc || (roles && change && strcmp(change, "role") != 0) || (acts_for && change)) {
        buf_free(&args);
        return cli_usage("account", "account %s takes one name%s", argv[0],
                         acts_for ? " and no --for"
                         : roles  ? " and no --role"
                                  : "");
    }
    if (acts_for) json_member_cstr(&w, "acts_for", acts_for);
    json_member_cstr(&w, "name", argv[optind]);
    if (change && strcmp(change, "reset") == 0) json_member_truth(&w, "reset", true);
    if (change && strstr(change, "able")) json_member_truth(&w, "disabled", strcmp(change, "disable") == 0);
    json_end_object(&w);
    with.new_password = !change || strcmp(change, "reset") == 0;
    int code = cli_do(&with, operation, buf_span(&args), print_account, NULL);
    buf_free(&args);
    return code;
}

int command_account(const struct cli *cli, int argc, char **argv) {
    static const char *const changes[] = {"role", "disable", "enable", "reset"};
    const char *what = argc > 1 ? argv[1] : "list";
    struct cli with = *cli;
    with.new_password = true;
    if (strcmp(what, "list") == 0 && argc <= 2) return cli_do(cli, "account.list", SPAN("{}"), print_account, NULL);
    if (strcmp(what, "add") == 0) return named(cli, argc - 1, argv + 1, "account.add", NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (strcmp(what, changes[i]) == 0) return named(cli, argc - 1, argv + 1, "account.change", changes[i]);
    if (strcmp(what, "password") == 0 && argc == 2)
        return cli_do(&with, "account.password", SPAN("{}"), print_account, NULL);
    return cli_usage("account", "add, list, role, disable, enable, reset or password");
}
