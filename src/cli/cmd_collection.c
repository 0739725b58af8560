/* renkei collection: TAXII collections besides the feeds. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static void print_collection(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("%s  %s/%s", cli_text(r, "id", a), cli_text(r, "root", a), cli_text(r, "name", a));
    if (strcmp(cli_text(r, "title", a), cli_text(r, "name", a)) != 0) printf("  %s", cli_text(r, "title", a));
    if (cli_truth(r, "quarantine")) fputs("  (what is written waits in quarantine)", stdout);
    putchar('\n');
    for (struct json_iter it = json_iter(json_get(r, "media_types")); json_next(&it);)
        printf("  takes %s\n", cli_string(it.value, a));
    for (struct json_iter it = json_iter(json_get(r, "grants")); json_next(&it);)
        printf("  %s: %s\n", cli_string(it.key, a), cli_string(it.value, a));
    if (json_exists(json_get(r, "objects"))) printf("  %lld objects\n", (long long)cli_number(r, "objects"));
}

static int create(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"title", 1, 0, 't'},      {"description", 1, 0, 'd'}, {"root", 1, 0, 'r'},
                                            {"media-type", 1, 0, 'm'}, {"quarantine", 0, 0, 'q'},  {0}};
    struct buf args = BUF_EMPTY, types = BUF_EMPTY;
    struct json_writer w = json_writer(&args), list = json_writer(&types);
    int code = EXIT_OK;
    bool quarantine = false;
    json_begin_object(&w);
    json_begin_array(&list);
    for (int c, at; code == EXIT_OK && (c = getopt_long(argc, argv, ":", options, &at)) != -1;) {
        if (c == '?' || c == ':')
            code = cli_bad_flag("collection", c, argv);
        else if (c == 'm')
            json_cstr(&list, optarg);
        else if (c == 'q')
            quarantine = true;
        else
            json_member_cstr(&w, options[at].name, optarg);
    }
    json_end_array(&list);
    if (code == EXIT_OK && optind + 1 != argc) code = cli_usage("collection", "collection create takes one name");
    if (code == EXIT_OK) {
        json_member_cstr(&w, "name", argv[optind]);
        json_member_truth(&w, "quarantine", quarantine);
        json_key(&w, "media_types");
        json_splice(&w, buf_span(&types));
        json_end_object(&w);
        code = cli_do(cli, "collection.create", buf_span(&args), print_collection, NULL);
    }
    buf_free(&types);
    buf_free(&args);
    return code;
}

/* NAME, for grant and revoke with --to WHO, for grant with what. */
static int named(const struct cli *cli, int argc, char **argv, const char *operation) {
    static const struct option options[] = {
        {"to", 1, 0, 't'}, {"from", 1, 0, 't'}, {"read", 0, 0, 'r'}, {"write", 0, 0, 'w'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    const char *who = NULL;
    bool read = false, write = false;
    bool grants = strcmp(operation, "collection.grant") == 0, revokes = strcmp(operation, "collection.revoke") == 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == '?' || c == ':') return cli_bad_flag("collection", c, argv);
        if (c == 't') who = optarg;
        read |= c == 'r';
        write |= c == 'w';
    }
    if (optind + 1 != argc) return cli_usage("collection", "collection %s takes one name", argv[0]);
    if ((grants || revokes) && !who) return cli_usage("collection", "--%s WHO is missing", grants ? "to" : "from");
    if (grants && !read && !write) return cli_usage("collection", "--read, --write or both say what is granted");
    if ((!grants && (read || write)) || (!grants && !revokes && who))
        return cli_usage("collection", "collection %s takes no such flag", argv[0]);
    json_begin_object(&w);
    json_member_cstr(&w, "name", argv[optind]);
    if (who) json_member_cstr(&w, "who", who);
    json_member_truth(&w, "read", read);
    json_member_truth(&w, "write", write);
    json_end_object(&w);
    int code = cli_do(cli, operation, buf_span(&args), print_collection, NULL);
    buf_free(&args);
    return code;
}

int command_collection(const struct cli *cli, int argc, char **argv) {
    static const char *const operations[][2] = {{"show", "collection.show"},
                                                {"grant", "collection.grant"},
                                                {"revoke", "collection.revoke"},
                                                {"delete", "collection.delete"}};
    const char *what = argc > 1 ? argv[1] : "list";
    if (strcmp(what, "list") == 0 && argc <= 2)
        return cli_do(cli, "collection.list", SPAN("{}"), print_collection, NULL);
    if (strcmp(what, "create") == 0) return create(cli, argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (strcmp(what, operations[i][0]) == 0) return named(cli, argc - 1, argv + 1, operations[i][1]);
    return cli_usage("collection", "create, list, show, grant, revoke or delete");
}
