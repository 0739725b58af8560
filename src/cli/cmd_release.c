/* why, release, withdraw, status: what goes out, and what does not. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/queue.h"

/* ---- why ---- */

static void print_agreement(struct json_value g, struct arena *a) {
    struct json_value decision = json_get(g, "decision"), released = json_get(g, "released");
    printf("  Under \"%s\" (%.16s):\n", cli_text(g, "title", a), cli_text(g, "agreement", a));
    if (json_exists(json_get(g, "quarantined"))) printf("    In quarantine: %s.\n", cli_text(g, "quarantined", a));
    if (json_exists(decision)) printf("    %s\n", cli_text(decision, "text", a));
    if (json_type(released) == JSON_OBJECT)
        printf("    Entry %lld of the ledger, %s since %s%s%s.\n", (long long)cli_number(released, "seq"),
               cli_text(released, "state", a), cli_text(released, "released", a),
               json_exists(json_get(decision, "redacted")) ? ", redacted as " : "",
               json_exists(json_get(decision, "redacted")) ? cli_text(released, "id", a) : "");
    for (struct json_iter it = json_iter(json_get(g, "waits_for")); json_next(&it);)
        printf("    Waits for %s, which it names and the party does not have.\n", cli_string(it.value, a));
}

static void print_why(void *context, struct json_value r, struct arena *a) {
    printf("%s to %s\n", cli_text(r, "id", a), cli_text(r, "to", a));
    for (struct json_iter it = json_iter(json_get(r, "agreements")); json_next(&it);) print_agreement(it.value, a);
    if (json_exists(json_get(r, "text"))) printf("  %s\n", cli_text(r, "text", a));
}

static void print_came(void *context, struct json_value r, struct arena *a) {
    printf("%s from %s\n", cli_text(r, "id", a), cli_text(r, "from", a));
    for (struct json_iter it = json_iter(json_get(r, "records")); json_next(&it);) {
        struct json_value e = it.value;
        printf("  Under \"%s\" (%.16s)", cli_text(e, "title", a), cli_text(e, "agreement", a));
        for (struct json_iter c = json_iter(json_get(e, "clauses")); json_next(&c);)
            printf(", clause %s", cli_string(c.value, a));
        printf(": version %s, released %s.\n    Entry %lld of %s, %s.\n", cli_text(e, "version", a),
               cli_text(e, "released", a), (long long)cli_number(e, "entry"), cli_text(e, "ledger", a),
               cli_text(e, "state", a));
    }
}

/* "ID --FLAG PARTY" of why and withdraw. */
static int with_party(const struct cli *cli, int argc, char **argv, const char *flag, const char *operation,
                      cli_result print) {
    const struct option options[] = {{flag, 1, 0, 'p'}, {"at", 1, 0, 'a'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    const char *party = NULL, *at = NULL;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'p')
            party = optarg;
        else if (c == 'a' && strcmp(operation, "why") == 0)
            at = optarg;
        else
            return cli_bad_flag(operation, c, argv);
    }
    if (optind + 1 != argc || !party) return cli_usage(operation, "%s takes an id and --%s PARTY", operation, flag);
    json_begin_object(&w);
    json_member_cstr(&w, "id", argv[optind]);
    json_member_cstr(&w, flag, party);
    if (at) json_member_cstr(&w, "at", at);
    json_end_object(&w);
    int code = cli_do(cli, operation, buf_span(&args), print, NULL);
    buf_free(&args);
    return code;
}

int command_why(const struct cli *cli, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--from", 6) == 0) return with_party(cli, argc, argv, "from", "why", print_came);
    return with_party(cli, argc, argv, "to", "why", print_why);
}

/* ---- release and withdraw ---- */

static void print_withdrawn(void *context, struct json_value r, struct arena *a) {
    printf("Withdrawn: %lld entries. The partner learns it at its next sync; `renkei disclosed --to PARTY "
           "--list` shows whether it has.\n",
           (long long)cli_number(r, "withdrawn"));
}

static void print_no_longer(void *context, struct json_value r, struct arena *a) {
    if (json_exists(json_get(r, "id")))
        printf("%s  to %s  (%s%s%s)\n", cli_text(r, "id", a), cli_text(r, "to", a), cli_text(r, "reason", a),
               json_exists(json_get(r, "clause")) ? ", clause " : "", cli_text(r, "clause", a));
    else
        printf("%lld objects are out that the terms would not release any more; withdrawn: %lld entries, released in "
               "another form: %lld\n",
               (long long)cli_number(r, "no_longer"), (long long)cli_number(r, "withdrawn"),
               (long long)cli_number(r, "released"));
}

/* --no-longer [--from PARTY] [--dry-run] */
static int withdraw_no_longer(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"no-longer", 0, 0, 'l'}, {"from", 1, 0, 'f'}, {"dry-run", 0, 0, 'd'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'f')
            json_member_cstr(&w, "from", optarg);
        else if (c == 'd')
            json_member_truth(&w, "dry", true);
        else if (c != 'l') {
            buf_free(&args);
            return cli_bad_flag("withdraw", c, argv);
        }
    }
    json_end_object(&w);
    int code = optind == argc ? cli_do(cli, "withdraw.no_longer", buf_span(&args), print_no_longer, NULL)
                              : cli_usage("withdraw", "withdraw --no-longer takes no id");
    buf_free(&args);
    return code;
}

int command_withdraw(const struct cli *cli, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--no-longer") == 0) return withdraw_no_longer(cli, argc, argv);
    return with_party(cli, argc, argv, "from", "withdraw", print_withdrawn);
}

static void print_totals(void *context, struct json_value r, struct arena *a) {
    printf("Decided %lld: released %lld, withheld %lld, waiting for what they name %lld\n",
           (long long)cli_number(r, "decided"), (long long)cli_number(r, "released"),
           (long long)cli_number(r, "withheld"), (long long)cli_number(r, "waiting"));
}

int command_release(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "queue") == 0) return queue_show(cli, argc - 1, argv + 1);
    if (strcmp(what, "approve") == 0 || strcmp(what, "refuse") == 0) return queue_say(cli, argc - 1, argv + 1);
    if (argc > 1) return cli_usage("release", "release takes queue, approve or refuse, or nothing: policy decides");
    return cli_do(cli, "release", SPAN("{}"), print_totals, NULL);
}

/* ---- status ---- */

static void print_status(void *context, struct json_value r, struct arena *a) {
    int64_t total = 0, n;
    printf("%s, realm %s, in %s\n  partners  %lld\n", cli_text(r, "party", a), cli_text(r, "realm", a),
           cli_text(r, "home", a), (long long)cli_number(r, "partners"));
    for (struct json_iter it = json_iter(json_get(r, "holdings")); json_next(&it);)
        if (json_int(it.value, &n)) total += n;
    printf("  holdings  %lld\n", (long long)total);
    for (struct json_iter it = json_iter(json_get(r, "holdings")); json_next(&it);)
        if (json_int(it.value, &n)) printf("    %-28s %lld\n", cli_string(it.key, a), (long long)n);
}

int command_status(const struct cli *cli, int argc, char **argv) {
    if (argc > 1) return cli_usage("status", "status takes no arguments");
    return cli_do(cli, "status", SPAN("{}"), print_status, NULL);
}
