#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"

static void print_entry(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("%lld  %s  %s  %s  %s: %s\n", (long long)cli_number(r, "number"), cli_text(r, "time", a),
           cli_text(r, "actor", a), cli_text(r, "operation", a), cli_text(r, "detail", a), cli_text(r, "outcome", a));
}

static void print_report(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("the audit holds: %lld entries, signed up to %lld\nhead %lld:%s\n", (long long)cli_number(r, "entries"),
           (long long)cli_number(r, "signed"), (long long)cli_number(r, "entries"), cli_text(r, "hash", a));
}

int command_audit(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"after", 1, 0, 'a'}, {"head", 1, 0, 'h'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct span head = {0}, after = {0};
    uint64_t number = 0;
    const char *what = argc > 1 ? argv[1] : "list";
    bool verify = strcmp(what, "verify") == 0;
    if (!verify && strcmp(what, "list") != 0) return cli_usage("audit", "unknown: audit %s", what);
    if (argc > 1) argc--, argv++;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == '?' || c == ':') return cli_bad_flag("audit", c, argv);
        *(c == 'h' ? &head : &after) = span_cstr(optarg);
    }
    if (optind < argc) return cli_usage("audit", "audit %s takes flags only", what);
    if (verify ? after.at != NULL : head.at != NULL)
        return cli_usage("audit", "--head is of audit verify, --after of audit list");
    const char *colon = head.at ? memchr(head.at, ':', head.len) : NULL;
    struct span digits = head.at ? span_first(head, colon ? (size_t)(colon - head.at) : 0) : after;
    if ((head.at || after.at) && (!span_u64(digits, &number) || number > INT64_MAX || (head.at && number == 0)))
        return cli_usage("audit", head.at ? "--head is NUMBER:HASH" : "--after is an entry's number");
    json_begin_object(&w);
    json_member_number(&w, verify ? "number" : "after", (int64_t)number);
    if (colon) json_member_cstr(&w, "hash", colon + 1);
    json_end_object(&w);
    int code =
        cli_do(cli, verify ? "audit.verify" : "audit.list", buf_span(&args), verify ? print_report : print_entry, NULL);
    buf_free(&args);
    return code;
}
