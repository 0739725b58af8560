#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "node/backup.h"

/* ---- backup ---- */

static void print_backup(void *context, struct json_value r, struct arena *a) {
    printf("%s: %lld files, %.1f MB, %lld ledgers, as of %s%s\n", (const char *)context,
           (long long)cli_number(r, "files"), (double)cli_number(r, "bytes") / 1e6, (long long)cli_number(r, "ledgers"),
           cli_text(r, "time", a),
           cli_truth(r, "keys") ? "; whoever has it can speak as this party" : "; without keys");
}

int command_backup(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"without-keys", 0, 0, 'k'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    bool without_keys = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'k') return cli_bad_flag("backup", c, argv);
        without_keys = true;
    }
    if (optind + 1 != argc) return cli_usage("backup", "one folder to make, please");
    json_begin_object(&w);
    json_member_cstr(&w, "to", argv[optind]);
    json_member_truth(&w, "without_keys", without_keys);
    json_end_object(&w);
    int code = cli_do(cli, "backup", buf_span(&args), print_backup, argv[optind]);
    buf_free(&args);
    return code;
}

/* ---- restore ---- */

static void print_hold(void *context, struct json_value r, struct arena *a) {
    size_t *count = context;
    ++*count;
    printf("%s  %lld entries  %s since %s\n", cli_text(r, "origin", a), (long long)cli_number(r, "size"),
           cli_truth(r, "closed") ? "closed" : "on hold", cli_text(r, "since", a));
}

static int restore_status(const struct cli *cli) {
    size_t count = 0;
    int code = cli_do(cli, "restore.status", SPAN("{}"), print_hold, &count);
    if (!code && !cli->json && count == 0) puts("no ledger is on hold");
    return code;
}

static int restore_close(const struct cli *cli, const char *origin) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    size_t count = 0;
    json_begin_object(&w);
    json_member_cstr(&w, "origin", origin);
    json_end_object(&w);
    int code = cli_do(cli, "restore.close", buf_span(&args), print_hold, &count);
    buf_free(&args);
    return code;
}

static void print_restored(const struct cli *cli, const struct backup_report *r, const char *home) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    char made[TIME_TEXT_SIZE];
    if (cli->json) {
        json_begin_object(&w);
        json_member_cstr(&w, "party", r->party);
        json_member_cstr(&w, "home", home);
        json_member_time(&w, "time", r->time);
        json_member_number(&w, "ledgers_on_hold", (int64_t)r->ledgers);
        json_end_object(&w);
        puts(buf_cstr(&out) ? out.at : "");
    } else {
        printf("%s is back in %s, as it was at %s\n", r->party, home, time_format_us(r->time, made));
        if (r->ledgers)
            printf("%zu ledgers are on hold until their recipients have said how far they have seen them.\n"
                   "Next: `renkei sync`, or `renkei serve --sync-every 5m`; then `renkei restore status`.\n",
                   r->ledgers);
    }
    buf_free(&out);
}

static int restore(const struct cli *cli, const char *folder, const char *keys) {
    struct backup_report r;
    struct diag d = {0};
    char *home = cli_home(cli);
    enum err e = home ? backup_restore(folder, home, keys, &r, &d) : diag_set(&d, ERR_NOMEM, "no memory");
    if (!e) print_restored(cli, &r, home);
    free(home);
    return e ? cli_trouble(&d) : EXIT_OK;
}

int command_restore(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"keys", 1, 0, 'k'}, {0}};
    const char *keys = NULL;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'k') return cli_bad_flag("restore", c, argv);
        keys = optarg;
    }
    const char *what = optind < argc ? argv[optind] : "";
    bool closing = strcmp(what, "close") == 0, asking = strcmp(what, "status") == 0;
    if (optind + (closing ? 2 : 1) != argc)
        return cli_usage("restore", closing ? "restore close takes a ledger's origin" : "one backup, please");
    if ((closing || asking) && keys) return cli_usage("restore", "--keys goes with a backup");
    if (asking) return restore_status(cli);
    return closing ? restore_close(cli, argv[optind + 1]) : restore(cli, what, keys);
}
