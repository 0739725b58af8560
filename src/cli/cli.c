#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/progress.h"

enum { RESULT_ARENA_MAX = 1 << 30, FILE_MAX = 16 << 20 };

int cli_trouble(const struct diag *d) {
    char text[DIAG_MESSAGE_SIZE + DIAG_WHERE_SIZE + 64];
    diag_text(d, text, sizeof text);
    cli_clean(text);
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

void cli_clean(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f) *c = '?';
}

const char *cli_text(struct json_value object, const char *name, struct arena *a) {
    char *text = arena_cstr(a, json_text(json_get(object, name), a));
    if (!text) return "";
    cli_clean(text);
    return text;
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

/* ---- calling
 * ------------------------------------------------------------------------------------------------------------ */

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
    char *home = cli_home(cli);
    arena_init(&h.arena, RESULT_ARENA_MAX);
    enum err e = home ? op_dispatch(home, cli_operations(), operation, args, fds, fd_count, &listener, d)
                      : diag_set(d, ERR_NOMEM, "no memory");
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
