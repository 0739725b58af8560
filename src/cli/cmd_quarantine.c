/* renkei quarantine: what came into an inbox and waits until it is accepted. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_item(void *context, struct json_value r, struct arena *a) {
    size_t *count = context;
    const char *outcome = cli_text(r, "outcome", a);
    ++*count;
    printf("%s  from %s, since %s%s%s\n", cli_text(r, "id", a), cli_text(r, "from", a), cli_text(r, "since", a),
           outcome[0] ? ": " : "", outcome);
}

int command_quarantine(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"from", 1, 0, 'f'}, {0}};
    const char *what = argc > 1 ? argv[1] : "list", *from = NULL;
    bool lists = strcmp(what, "list") == 0, accepts = strcmp(what, "accept") == 0;
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct diag d = {0};
    size_t count = 0;
    if (!lists && !accepts && strcmp(what, "refuse") != 0) return cli_usage("quarantine", "list, accept or refuse");
    for (int c; argc > 1 && (c = getopt_long(argc - 1, argv + 1, ":", options, NULL)) != -1;) {
        if (c != 'f') return cli_bad_flag("quarantine", c, argv + 1);
        from = optarg;
    }
    int first = argc > 1 ? optind + 1 : argc;
    if (lists && first < argc) return cli_usage("quarantine", "quarantine list takes only --from");
    if (!lists && first == argc && !from) return cli_usage("quarantine", "%s which object, or --from whom?", what);
    json_begin_object(&w);
    if (from) json_member_cstr(&w, "from", from);
    json_key(&w, "ids");
    json_begin_array(&w);
    for (int i = first; i < argc; i++) json_cstr(&w, argv[i]);
    json_end_array(&w);
    json_end_object(&w);
    enum err e = cli_call(cli,
                          lists     ? "quarantine.list"
                          : accepts ? "quarantine.accept"
                                    : "quarantine.refuse",
                          buf_span(&args), NULL, 0, print_item, &count, &d);
    buf_free(&args);
    if (e) return cli_trouble(&d);
    return cli->json || count || !lists ? EXIT_OK : EXIT_NONE;
}
