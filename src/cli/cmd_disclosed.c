/* What a party was given between two times. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"

static void print_totals(const char *title, struct json_value totals, struct arena *a) {
    int64_t n;
    printf("  by %s\n", title);
    for (struct json_iter it = json_iter(totals); json_next(&it);)
        if (json_int(it.value, &n)) printf("    %-40s %lld\n", cli_string(it.key, a), (long long)n);
}

static void print(void *context, struct json_value r, struct arena *a) {
    if (json_exists(json_get(r, "seq"))) {
        printf("%8lld  %s  %-8s  %-12s  %-12s  %s%s%s\n", (long long)cli_number(r, "seq"), cli_text(r, "time", a),
               cli_text(r, "kind", a), cli_text(r, "tlp", a), cli_text(r, "clause", a), cli_text(r, "id", a),
               json_is(json_get(r, "released_as"), json_text(json_get(r, "id"), a)) ? "" : "  redacted",
               cli_truth(r, "confirmed") ? "" : "  not yet seen");
        return;
    }
    printf("Released to %s: %lld, of which %lld are served still; taken back in that time: %lld\n",
           cli_text(r, "to", a), (long long)cli_number(r, "released"), (long long)cli_number(r, "standing"),
           (long long)cli_number(r, "taken_back"));
    print_totals("type", json_get(r, "types"), a);
    print_totals("marking", json_get(r, "markings"), a);
    print_totals("clause", json_get(r, "clauses"), a);
}

int command_disclosed(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {
        {"to", 1, 0, 't'}, {"since", 1, 0, 's'}, {"until", 1, 0, 'u'}, {"list", 0, 0, 'l'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    bool to = false;
    json_begin_object(&w);
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 't')
            json_member_cstr(&w, "to", optarg), to = true;
        else if (c == 's')
            json_member_cstr(&w, "since", optarg);
        else if (c == 'u')
            json_member_cstr(&w, "until", optarg);
        else if (c == 'l')
            json_member_truth(&w, "list", true);
        else {
            buf_free(&args);
            return cli_bad_flag("disclosed", c, argv);
        }
    }
    json_end_object(&w);
    int code = to && optind == argc ? cli_do(cli, "disclosed", buf_span(&args), print, NULL)
                                    : cli_usage("disclosed", "disclosed takes --to PARTY");
    buf_free(&args);
    return code;
}
