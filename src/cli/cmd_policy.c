/* renkei policy: this party's own policy, private to its node. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_policy(void *context, struct json_value r, struct arena *a) {
    (void)context;
    if (json_exists(json_get(r, "text"))) {
        fputs(cli_text(r, "text", a), stdout);
        return;
    }
    printf("National policy of %s, version %lld, is in force: %lld rules\n  hash  %s\n", cli_text(r, "party", a),
           (long long)cli_number(r, "version"), (long long)cli_number(r, "rules"), cli_text(r, "hash", a));
    printf("  Decided again: %lld, released %lld, withheld or referred %lld\n", (long long)cli_number(r, "decided"),
           (long long)cli_number(r, "released"), (long long)cli_number(r, "withheld"));
    if (cli_number(r, "no_longer") > 0)
        printf("  %lld objects are out that it withholds: `renkei withdraw --no-longer` takes them back, with "
               "--dry-run it "
               "lists them\n",
               (long long)cli_number(r, "no_longer"));
    puts("  What is out stays out: `renkei withdraw --no-longer` shows and takes back what it would not let go.");
}

static int install(const struct cli *cli, const char *path) {
    struct buf text = BUF_EMPTY, args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct diag d = {0};
    int code;
    if (cli_read(path, &text, &d)) {
        code = cli_trouble(&d);
    } else {
        json_begin_object(&w);
        json_member(&w, "text", buf_span(&text));
        json_end_object(&w);
        code = cli_do(cli, "policy.install", buf_span(&args), print_policy, NULL);
    }
    buf_free(&args);
    buf_free(&text);
    return code;
}

int command_policy(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "show";
    if (strcmp(what, "show") == 0 && argc <= 2) return cli_do(cli, "policy.show", SPAN("{}"), print_policy, NULL);
    if (strcmp(what, "install") == 0 && argc == 3) return install(cli, argv[2]);
    return cli_usage("policy", "policy install FILE, or policy show");
}
