#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

static void print_found(void *context, struct json_value r, struct arena *a) {
    bool revoked = false;
    ++*(uint64_t *)context;
    (void)!json_bool(json_get(r, "revoked"), &revoked);
    printf("%-58s %-10s %.20s  %s%s\n", cli_text(r, "id", a), cli_text(r, "source", a), cli_text(r, "version", a),
           cli_text(r, "name", a), revoked ? "  (revoked)" : "");
}

static void add_word(struct buf *words, const char *word) {
    if (words->len) buf_add_char(words, ' ');
    buf_add_cstr(words, word);
}

int command_search(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"type", 1, 0, 'y'},   {"label", 1, 0, 'l'}, {"tlp", 1, 0, 't'},
                                            {"source", 1, 0, 's'}, {"limit", 1, 0, 'n'}, {0}};
    struct buf args = BUF_EMPTY, words = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    uint64_t found = 0;
    json_begin_object(&w);
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end;
        long n;
        switch (c) {
        case 'y':
            json_member_cstr(&w, "type", optarg);
            break;
        case 'l':
            json_member_cstr(&w, "label", optarg);
            break;
        case 't':
            json_member_cstr(&w, "tlp", optarg);
            break;
        case 's':
            json_member_cstr(&w, "source", optarg);
            break;
        case 'n':
            n = strtol(optarg, &end, 10);
            if (*end || end == optarg || n < 1) {
                buf_free(&args);
                return cli_usage("search", "--limit is a number from 1");
            }
            json_member_number(&w, "limit", n);
            break;
        default:
            buf_free(&args);
            return cli_usage("search", "unknown flag");
        }
    }
    for (int i = optind; i < argc; i++) add_word(&words, argv[i]);
    json_member(&w, "words", buf_span(&words));
    json_end_object(&w);
    int code = cli_do(cli, "search", buf_span(&args), print_found, &found);
    if (code == EXIT_OK && !cli->json && found == 0) {
        fputs("nothing found\n", stderr);
        code = EXIT_NONE;
    }
    buf_free(&args);
    buf_free(&words);
    return code;
}
