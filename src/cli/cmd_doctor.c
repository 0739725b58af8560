#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "node/doctor.h"

static const char *const levels[] = {[DOCTOR_OK] = "ok", [DOCTOR_WARNING] = "warning", [DOCTOR_ERROR] = "error"};

static void print_json(void *context, const struct doctor_finding *f) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "check", f->check);
    json_member_cstr(&w, "level", levels[f->level]);
    json_member_cstr(&w, "message", f->message);
    if (f->advice[0]) json_member_cstr(&w, "advice", f->advice);
    json_end_object(&w);
    if (buf_cstr(&out)) puts(out.at);
    buf_free(&out);
}

static void print_line(void *context, const struct doctor_finding *f) {
    char message[1024];
    snprintf(message, sizeof message, "%s", f->message);
    cli_clean(message, strlen(message));
    printf("%-8s%-14s%s\n", levels[f->level], f->check, message);
    if (f->advice[0]) printf("%22s→ %s\n", "", f->advice);
}

int command_doctor(const struct cli *cli, int argc, char **argv) {
    static const struct option flags[] = {{"partners", 0, 0, 'p'}, {0}};
    struct doctor_options options = {.found = cli->json ? print_json : print_line};
    struct diag d;
    for (int c; (c = getopt_long(argc, argv, ":", flags, NULL)) != -1;) {
        if (c != 'p') return cli_bad_flag("doctor", c, argv);
        options.partners = true;
    }
    if (optind < argc) return cli_usage("doctor", "unexpected '%s'", argv[optind]);
    char *home = cli_home(cli);
    if (!home) return diag_set(&d, ERR_NOMEM, "no memory"), cli_trouble(&d);
    enum doctor_level worst = doctor_run(home, &options);
    free(home);
    return worst == DOCTOR_OK ? EXIT_OK : worst == DOCTOR_WARNING ? EXIT_NONE : EXIT_TROUBLE;
}
