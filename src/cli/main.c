#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/cli.h"

enum { SUGGEST_MAX = 3 }; /* edits between what was typed and what may have been meant */

static void print_help(FILE *to) {
    fputs("renkei: share, detect and account under a cyber-defence agreement\n\nusage: renkei [--home DIR] [--json] "
          "COMMAND [ARGUMENTS]\n\n",
          to);
    for (size_t i = 0; i < command_count; i++) fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fputs(
        "\n  --home DIR   the node's folder (default: RENKEI_HOME, else ~/.local/share/renkei)\n  --json       "
        "results for machines, a JSON object a line\n"
        "  --as NAME    your account on a node that has accounts (default: RENKEI_AS)\n"
        "  --verbose    more on stderr\n  --version    the version\n\nExit codes: 0 done, 1 the answer is no (nothing "
        "found, matched or verified), 2 trouble.\nrenkei COMMAND --help says more of one, with an example.\n",
        to);
}

static size_t edits(const char *a, const char *b) {
    size_t row[64], n = strlen(b);
    if (n >= 64) return SIZE_MAX;
    for (size_t k = 0; k <= n; k++) row[k] = k;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= n; k++) {
            size_t best = corner + (a[i - 1] != b[k - 1]);
            corner = row[k];
            if (row[k] + 1 < best) best = row[k] + 1;
            if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
            row[k] = best;
        }
    }
    return row[n];
}

static int unknown(const char *name) {
    const char *nearest = NULL;
    size_t least = SUGGEST_MAX + 1;
    for (size_t i = 0; i < command_count; i++) {
        size_t distance = edits(name, commands[i].name);
        if (distance >= least) continue;
        least = distance;
        nearest = commands[i].name;
    }
    if (nearest) return cli_usage("", "no command '%s'; did you mean '%s'?", name, nearest);
    return cli_usage("", "no command '%s'", name);
}

/* Takes the flags every command knows out of the arguments, wherever they stand. Returns how many are left; -1 for a
 * mistake. */
static int take_common(struct cli *cli, int argc, char **argv, bool *help, bool *version) {
    int left = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (i < argc) argv[left++] = argv[i++];
        } else if (strcmp(argv[i], "--home") == 0) {
            if (i + 1 == argc) return -1;
            cli->home = argv[++i];
        } else if (strncmp(argv[i], "--home=", 7) == 0) {
            cli->home = argv[i] + 7;
        } else if (strcmp(argv[i], "--as") == 0) {
            if (i + 1 == argc) return -1;
            cli->as = argv[++i];
        } else if (strncmp(argv[i], "--as=", 5) == 0) {
            cli->as = argv[i] + 5;
        } else if (strcmp(argv[i], "--json") == 0) {
            cli->json = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            cli->verbose = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *help = true;
        } else if (strcmp(argv[i], "--version") == 0) {
            *version = true;
        } else {
            argv[left++] = argv[i];
        }
    }
    argv[left] = NULL;
    return left;
}

int main(int argc, char **argv) {
    struct cli cli = {0};
    bool help = false, version = false;
    signal(SIGPIPE, SIG_IGN);
    argc = take_common(&cli, argc, argv, &help, &version);
    if (argc < 0 || (cli.home && !cli.home[0])) return cli_usage("", "--home needs a folder, --as an account's name");
    if (version) {
        puts("renkei " RENKEI_VERSION);
        return EXIT_OK;
    }
    if (cli.verbose) log_set_level(LOG_LEVEL_INFO);
    if (argc < 2 || (help && argc < 2)) {
        print_help(help ? stdout : stderr);
        return help ? EXIT_OK : EXIT_TROUBLE;
    }
    const struct command *command = cli_command(span_cstr(argv[1]));
    if (!command && strcmp(argv[1], "help") == 0) {
        if (argc > 2 && !(command = cli_command(span_cstr(argv[2])))) return unknown(argv[2]);
        if (command)
            fputs(command->usage, stdout);
        else
            print_help(stdout);
        return EXIT_OK;
    }
    if (!command) return unknown(argv[1]);
    if (help) {
        fputs(command->usage, stdout);
        return EXIT_OK;
    }
    opterr = 0;
    int code = command->run(&cli, argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) code = code ? code : EXIT_TROUBLE;
    return code;
}
