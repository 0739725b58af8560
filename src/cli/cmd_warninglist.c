#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "node/socket.h"

static void print_header(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("%s (%s, %lld entries", cli_text(r, "name", a), cli_text(r, "type", a), (long long)cli_number(r, "entries"));
    if (cli_text(r, "version", a)[0]) printf(", version %s", cli_text(r, "version", a));
    if (cli_number(r, "entries_before")) printf(", had %lld", (long long)cli_number(r, "entries_before"));
    puts(")");
}

static void print_list(void *context, struct json_value r, struct arena *a) {
    uint32_t shown = json_count(json_get(r, "list"));
    print_header(context, r, a);
    if (cli_text(r, "description", a)[0]) printf("%s\n", cli_text(r, "description", a));
    fputs("speaks of:", stdout);
    for (struct json_iter it = json_iter(json_get(r, "matching_attributes")); json_next(&it);)
        printf(" %s", cli_string(it.value, a));
    puts(json_count(json_get(r, "matching_attributes")) ? "" : " everything");
    for (struct json_iter it = json_iter(json_get(r, "list")); json_next(&it);)
        printf("  %s\n", cli_string(it.value, a));
    if (cli_number(r, "entries") > shown)
        printf("  and %lld more: --limit\n", (long long)(cli_number(r, "entries") - shown));
}

struct checking {
    bool json, found;
};

static void print_check(void *context, struct json_value r, struct arena *a) {
    struct checking *c = context;
    c->found |= json_count(json_get(r, "lists")) > 0;
    if (c->json) {
        struct span raw = json_raw(r);
        printf("%.*s\n", SPAN_ARG(raw));
        return;
    }
    for (struct json_iter it = json_iter(json_get(r, "lists")); json_next(&it);) {
        printf("%s is on %s, by %s\n", cli_text(r, "value", a), cli_text(it.value, "name", a),
               cli_text(it.value, "entry", a));
    }
    if (json_count(json_get(r, "lists")) == 0) printf("%s is on no list\n", cli_text(r, "value", a));
}

/* ---- */

static int add_some(const struct cli *cli, char **names, int count) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct diag d = {0};
    int fds[SOCKET_FDS_MAX], opened = 0, code = EXIT_OK;
    json_begin_object(&w);
    json_key(&w, "files");
    json_begin_array(&w);
    for (; opened < count; opened++) {
        bool standard = strcmp(names[opened], "-") == 0;
        fds[opened] = standard ? dup(STDIN_FILENO) : open(names[opened], O_RDONLY | O_CLOEXEC);
        if (fds[opened] < 0) {
            diag_set(&d, ERR_IO, "cannot open %s: %s", names[opened], strerror(errno));
            code = cli_trouble(&d);
            break;
        }
        json_cstr(&w, names[opened]);
    }
    json_end_array(&w);
    json_end_object(&w);
    if (code == EXIT_OK &&
        cli_call(cli, "warninglist.add", buf_span(&args), fds, (size_t)opened, print_header, NULL, &d))
        code = cli_trouble(&d);
    while (opened > 0) close(fds[--opened]);
    buf_free(&args);
    return code;
}

static int add(const struct cli *cli, int argc, char **argv) {
    int code = EXIT_OK;
    if (argc < 2) return cli_usage("warninglist", "warninglist add takes files; \"-\" is standard input");
    for (int i = 1; i < argc && code == EXIT_OK; i += SOCKET_FDS_MAX)
        code = add_some(cli, argv + i, argc - i < SOCKET_FDS_MAX ? argc - i : SOCKET_FDS_MAX);
    return code;
}

static int of_name(const struct cli *cli, const char *operation, const char *name, int64_t limit, cli_result print) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member_cstr(&w, "name", name);
    if (limit >= 0) json_member_number(&w, "limit", limit);
    json_end_object(&w);
    int code = cli_do(cli, operation, buf_span(&args), print, NULL);
    buf_free(&args);
    return code;
}

static int show(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"limit", 1, 0, 'l'}, {0}};
    uint64_t limit = 0;
    bool limited = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'l') return cli_bad_flag("warninglist", c, argv);
        if (!span_u64(span_cstr(optarg), &limit) || limit > INT64_MAX)
            return cli_usage("warninglist", "--limit is a number");
        limited = true;
    }
    if (optind + 1 != argc) return cli_usage("warninglist", "warninglist show takes one list's name, or a part of it");
    return of_name(cli, "warninglist.show", argv[optind], limited ? (int64_t)limit : -1, print_list);
}

static int removal(const struct cli *cli, int argc, char **argv) {
    if (argc != 2) return cli_usage("warninglist", "warninglist remove takes one list's name, or a part of it");
    int code = of_name(cli, "warninglist.remove", argv[1], -1, NULL);
    if (code == EXIT_OK && !cli->json) puts("removed");
    return code;
}

/* The results decide the exit code, so they are always heard. */
static int check(const struct cli *cli, int argc, char **argv) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct checking checking = {.json = cli->json};
    struct cli plain = *cli;
    plain.json = false;
    if (argc < 2) return cli_usage("warninglist", "warninglist check takes values");
    json_begin_object(&w);
    json_key(&w, "values");
    json_begin_array(&w);
    for (int i = 1; i < argc; i++) json_cstr(&w, argv[i]);
    json_end_array(&w);
    json_end_object(&w);
    int code = cli_do(&plain, "warninglist.check", buf_span(&args), print_check, &checking);
    buf_free(&args);
    return code ? code : checking.found ? EXIT_OK : EXIT_NONE;
}

int command_warninglist(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "list";
    if (strcmp(what, "add") == 0) return add(cli, argc - 1, argv + 1);
    if (strcmp(what, "show") == 0) return show(cli, argc - 1, argv + 1);
    if (strcmp(what, "remove") == 0) return removal(cli, argc - 1, argv + 1);
    if (strcmp(what, "check") == 0) return check(cli, argc - 1, argv + 1);
    if (strcmp(what, "list") == 0) return cli_do(cli, "warninglist.list", SPAN("{}"), print_header, NULL);
    return cli_usage("warninglist", "unknown: warninglist %s", what);
}
