#include "cli/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/progress.h"
#include "cli/credentials.h"

enum { RESULT_ARENA_MAX = 1 << 30, FILE_MAX = 16 << 20 };

int cli_trouble(const struct diag *d) {
    char text[DIAG_MESSAGE_SIZE + DIAG_WHERE_SIZE + 64];
    diag_text(d, text, sizeof text);
    cli_clean(text, strlen(text));
    fprintf(stderr, "renkei: %s\n", text);
    return EXIT_TROUBLE;
}

int cli_usage(const char *command, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("renkei: ", stderr);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nrenkei %s%s--help shows how\n", command, command[0] ? " " : "");
    return EXIT_TROUBLE;
}

int cli_bad_flag(const char *command, int c, char *const argv[]) {
    /* optopt is the character of a short flag, the value of a long one that lacks its argument, 0 of an unknown one. */
    if (c == ':') return cli_usage(command, "%s needs a value", argv[optind - 1]);
    if (optopt > 0x20 && optopt < 0x7f && argv[optind - 1][1] != '-')
        return cli_usage(command, "there is no flag -%c", optopt);
    return cli_usage(command, "there is no flag %s", argv[optind - 1]);
}

/* Bytes of the harmful character that starts here: 0 for a harmless one. */
static size_t harmful(const unsigned char *at, size_t left) {
    if (at[0] == '\n' || at[0] == '\t') return 0;
    if (at[0] < 0x20 || at[0] == 0x7f) return 1;
    if (left >= 2 && at[0] == 0xc2 && at[1] < 0xa0) return 2; /* C1: U+009B starts a terminal's commands */
    if (left >= 2 && at[0] == 0xd8 && at[1] == 0x9c) return 2;
    if (left < 3 || at[0] != 0xe2) return 0;
    bool turns = at[1] == 0x80 ? at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae)
                               : at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
    return turns ? 3 : 0;
}

void cli_clean(char *text, size_t len) {
    for (size_t i = 0; i < len;) {
        size_t bad = harmful((const unsigned char *)text + i, len - i);
        if (bad) memset(text + i, '?', bad);
        i += bad ? bad : 1;
    }
}

const char *cli_string(struct json_value v, struct arena *a) {
    struct span s = json_text(v, a);
    char *text = arena_cstr(a, s);
    if (!text) return "";
    cli_clean(text, s.len);
    for (size_t i = 0; i < s.len; i++)
        if (text[i] == '\n' || text[i] == '\t') text[i] = ' ';
    return text;
}

const char *cli_text(struct json_value object, const char *name, struct arena *a) {
    return cli_string(json_get(object, name), a);
}

bool cli_truth(struct json_value object, const char *name) {
    bool truth = false;
    return json_bool(json_get(object, name), &truth) && truth;
}

int64_t cli_number(struct json_value object, const char *name) {
    int64_t n = 0;
    return json_int(json_get(object, name), &n) ? n : 0;
}

enum err cli_read(const char *path, struct buf *out, struct diag *d) {
    struct input *in = NULL;
    enum err e = input_open(path, &in, d);
    while (!e) {
        size_t got;
        char *at = buf_reserve(out, 64 << 10);
        if (!at) e = diag_set(d, ERR_NOMEM, "no memory to read %s", path);
        if (e || (e = input_read(in, at, 64 << 10, &got, d)) || got == 0) break;
        out->len += got;
        if (out->len > FILE_MAX) e = diag_set(d, ERR_LIMIT, "%s is larger than 16 MiB", path);
    }
    input_close(&in);
    return e;
}

char *cli_home(const struct cli *cli) {
    return node_home(cli->home);
}

/* ---- calling ---- */

struct hearing {
    const struct cli *cli;
    cli_result each;
    void *context;
    struct arena arena;
    struct progress progress;
    char what[64], unit[32];
};

static void hear_result(void *context, struct span json) {
    struct hearing *h = context;
    struct json_doc doc;
    struct diag d;
    progress_end(&h->progress);
    if (h->cli->json) {
        printf("%.*s\n", SPAN_ARG(json));
        return;
    }
    arena_reset(&h->arena);
    if (h->each && !json_parse(&h->arena, json, &doc, &d)) h->each(h->context, json_root(&doc), &h->arena);
}

static void hear_progress(void *context, const char *what, const char *unit, uint64_t done, uint64_t total) {
    struct hearing *h = context;
    if (strcmp(h->what, what) != 0) {
        progress_end(&h->progress);
        snprintf(h->what, sizeof h->what, "%s", what);
        snprintf(h->unit, sizeof h->unit, "%s", unit);
        progress_start(&h->progress, h->what, h->unit, total);
    }
    h->progress.total = total;
    progress_update(&h->progress, done);
}

enum err cli_call(const struct cli *cli, const char *operation, struct span args, const int *fds, size_t fd_count,
                  cli_result each, void *context, struct diag *d) {
    struct hearing h = {.cli = cli, .each = each, .context = context};
    struct op_listener listener = {hear_result, hear_progress, &h};
    struct credentials who;
    char *home = cli_home(cli);
    arena_init(&h.arena, RESULT_ARENA_MAX);
    enum err e = credentials_get(cli, &who, d);
    if (!e)
        e = home ? op_dispatch(home, cli_operations(), operation, args, &who.as, fds, fd_count, &listener, d)
                 : diag_set(d, ERR_NOMEM, "no memory");
    credentials_free(&who);
    progress_end(&h.progress);
    fflush(stdout);
    arena_free(&h.arena);
    free(home);
    return e;
}

int cli_do(const struct cli *cli, const char *operation, struct span args, cli_result each, void *context) {
    struct diag d = {0};
    return cli_call(cli, operation, args, NULL, 0, each, context, &d) ? cli_trouble(&d) : EXIT_OK;
}
