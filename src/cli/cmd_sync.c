#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cli.h"

enum { INTERVAL_S = 60 };

static void print_result(void *context, struct json_value r, struct arena *a) {
    double seconds = 0;
    if (json_exists(json_get(r, "finding"))) {
        const char *id = cli_text(r, "id", a), *path = cli_text(r, "path", a);
        fprintf(stderr, "%s%s%s%s%s: %s: %s\n", cli_text(r, "place", a), id[0] ? " " : "", id, path[0] ? " " : "", path,
                cli_text(r, "finding", a), cli_text(r, "message", a));
        return;
    }
    (void)!json_double(json_get(r, "seconds"), &seconds);
    printf("%s: %lld objects: %lld new, %lld known, %lld rejected, %lld in quarantine; %lld withdrawn; %.1f MB in %.1f "
           "s\n",
           cli_text(r, "from", a), (long long)cli_number(r, "read"), (long long)cli_number(r, "added"),
           (long long)cli_number(r, "known"), (long long)cli_number(r, "rejected"),
           (long long)cli_number(r, "quarantined"), (long long)cli_number(r, "withdrawn"),
           (double)cli_number(r, "bytes") / 1e6, seconds);
    if (cli_truth(r, "card_received")) puts("  the partner rotated its keys: its successor card was accepted");
    if (cli_number(r, "restored"))
        printf("  %lld of our ledgers can be written again; %lld entries came back\n",
               (long long)cli_number(r, "restored"), (long long)cli_number(r, "recovered"));
    for (struct json_iter it = json_iter(json_get(r, "ledgers")); json_next(&it);) {
        printf("  ledger %s: %lld entries, %s%s%s%s\n", cli_text(it.value, "origin", a),
               (long long)cli_number(it.value, "size"),
               cli_truth(it.value, "verified") ? "records, bodies and tree verified" : "NOT VERIFIED",
               cli_truth(it.value, "cosigned") ? ", cosigned" : "",
               json_exists(json_get(it.value, "trouble")) ? ": " : "", cli_text(it.value, "trouble", a));
    }
}

static int sync_one(const struct cli *cli, const char *from) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member_cstr(&w, "from", from);
    json_end_object(&w);
    int code = cli_do(cli, "sync", buf_span(&args), print_result, NULL);
    buf_free(&args);
    return code;
}

struct partners {
    char ids[256][40];
    size_t count;
};

static void take_partner(void *context, struct json_value r, struct arena *a) {
    struct partners *p = context;
    if (p->count < 256) snprintf(p->ids[p->count++], 40, "%s", cli_text(r, "party", a));
}

static int sync_all(const struct cli *cli) {
    struct partners p = {0};
    struct cli silent = *cli;
    silent.json = false;
    int code = cli_do(&silent, "party.list", SPAN("{}"), take_partner, &p);
    if (code == EXIT_OK && p.count == 0)
        return cli_usage("sync", "no trusted party to sync with (renkei party add CARD)");
    for (size_t i = 0; i < p.count; i++) {
        int one = sync_one(cli, p.ids[i]);
        if (one > code) code = one; /* a partner that cannot be reached does not keep the others from being synced */
    }
    return code;
}

int command_sync(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"follow", 0, 0, 'f'}, {"interval", 1, 0, 'i'}, {0}};
    bool follow = false;
    time_us interval = INTERVAL_S * TIME_US_PER_S;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'f')
            follow = true;
        else if (c != 'i')
            return cli_bad_flag("sync", c, argv);
        else if (!time_parse_duration(span_cstr(optarg), &interval) || interval < TIME_US_PER_S)
            return cli_usage("sync", "--interval is a time span such as 60s");
    }
    if (optind + 1 < argc) return cli_usage("sync", "one party or source, or none for all parties");
    for (;;) {
        int code = optind < argc ? sync_one(cli, argv[optind]) : sync_all(cli);
        if (!follow) return code;
        struct timespec pause = {.tv_sec = interval / TIME_US_PER_S};
        nanosleep(&pause, NULL);
    }
}
