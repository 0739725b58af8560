#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

enum { LIMIT = 50 };

struct found {
    bool json;
    uint64_t count;
};

static void print_found(void *context, struct json_value r, struct arena *a) {
    struct found *f = context;
    const char *name = cli_text(r, "name", a), *tlp = cli_text(r, "tlp", a);
    f->count++;
    if (f->json)
        printf("%.*s\n", SPAN_ARG(json_raw(r)));
    else
        printf("%-57s %-10s %.19s%s%s%s%s%s\n", cli_text(r, "id", a), cli_text(r, "source", a),
               cli_text(r, "version", a), name[0] ? "  " : "", name,
               strcmp(tlp, "none") == 0 ? "" : "  TLP:", strcmp(tlp, "none") == 0 ? "" : tlp,
               cli_truth(r, "revoked") ? "  (revoked)" : "");
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
    struct found found = {.json = cli->json};
    struct cli plain = *cli;
    uint64_t limit = LIMIT;
    plain.json = false; /* the results decide the exit code, so they are always heard */
    json_begin_object(&w);
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
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
            limit = (uint64_t)n;
            break;
        default:
            buf_free(&args);
            return cli_bad_flag("search", c, argv);
        }
    }
    for (int i = optind; i < argc; i++) add_word(&words, argv[i]);
    json_member_number(&w, "limit", (int64_t)limit);
    json_member(&w, "words", buf_span(&words));
    json_end_object(&w);
    int code = cli_do(&plain, "search", buf_span(&args), print_found, &found);
    if (code == EXIT_OK && found.count == 0) {
        fputs("nothing found\n", stderr);
        code = EXIT_NONE;
    } else if (code == EXIT_OK && found.count == limit) {
        fprintf(stderr, "the newest %llu; --limit N shows more\n", (unsigned long long)limit);
    }
    buf_free(&args);
    buf_free(&words);
    return code;
}
