/* agreement consent …, agreement terminate …: statements that are signed, sent and added as files. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/agreement_statements.h"

/* ---- the file of a statement ---- */

struct saving {
    const struct cli *cli;
    const char *to; /* NULL: standard output */
    int code;
};

static void save(void *context, struct json_value r, struct arena *a) {
    struct saving *s = context;
    struct span text = json_text(json_get(r, "file"), a);
    struct diag d = {0};
    if (s->to)
        s->code = file_write(s->to, text, 0644, &d) ? cli_trouble(&d) : EXIT_OK;
    else if (fwrite(text.at, 1, text.len, stdout) != text.len)
        s->code = EXIT_TROUBLE;
    if (s->to && s->code == EXIT_OK) fprintf(stderr, "signed: %s\n", s->to);
}

/* Has an operation sign something and writes the file. */
static int sign_to(const struct cli *cli, const char *operation, struct buf *args, const char *to) {
    struct saving s = {cli, to, EXIT_OK};
    struct cli silent = *cli;
    struct diag d = {0};
    silent.json = false;
    enum err e = cli_call(&silent, operation, buf_span(args), NULL, 0, save, &s, &d);
    return e ? cli_trouble(&d) : s.code;
}

static int add_file(const struct cli *cli, const char *operation, const char *path, cli_result print) {
    struct buf text = BUF_EMPTY, args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct diag d = {0};
    enum err e = cli_read(path, &text, &d);
    json_begin_object(&w);
    json_member(&w, "text", buf_span(&text));
    json_end_object(&w);
    int code = e ? cli_trouble(&d) : cli_do(cli, operation, buf_span(&args), print, NULL);
    buf_free(&text);
    buf_free(&args);
    return code;
}

/* ---- consent ---- */

static void print_consent(void *context, struct json_value r, struct arena *a) {
    const char *what = cli_text(r, "consent", a), *holder = cli_text(r, "holder", a);
    printf("%-7s %s  %s%s%s to %s", what, cli_text(r, "object", a), cli_text(r, "originator", a),
           holder[0] ? " by " : "", holder, cli_text(r, "recipient", a));
    if (json_exists(json_get(r, "clause"))) printf("  (clause %s)", cli_text(r, "clause", a));
    if (json_exists(json_get(r, "released"))) printf("  released %lld", (long long)cli_number(r, "released"));
    puts("");
}

static void print_removed(void *context, struct json_value r, struct arena *a) {
    printf("Forgotten; withdrawn: %lld entries\n", (long long)cli_number(r, "withdrawn"));
}

struct consent_flags {
    const char *holder, *recipient, *file;
};

static int consent_flags_read(int argc, char **argv, struct consent_flags *out) {
    static const struct option options[] = {{"holder", 1, 0, 'h'}, {"to", 1, 0, 't'}, {"file", 1, 0, 'f'}, {0}};
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'h')
            out->holder = optarg;
        else if (c == 't')
            out->recipient = optarg;
        else if (c == 'f')
            out->file = optarg;
        else
            return cli_bad_flag("agreement", c, argv);
    }
    return EXIT_OK;
}

static void consent_args(struct buf *args, const char *object, const struct consent_flags *f) {
    struct json_writer w = json_writer(args);
    json_begin_object(&w);
    if (object) json_member_cstr(&w, "object", object);
    if (f->holder) json_member_cstr(&w, "holder", f->holder);
    if (f->recipient) json_member_cstr(&w, "recipient", f->recipient);
    json_end_object(&w);
}

int agreement_consent(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "list";
    struct consent_flags f = {0};
    struct buf args = BUF_EMPTY;
    int code = argc > 1 ? consent_flags_read(argc - 1, argv + 1, &f) : EXIT_OK;
    const char *object = argc > 1 && optind < argc - 1 ? argv[1 + optind] : NULL;
    if (code != EXIT_OK) return code;
    consent_args(&args, object, &f);
    if (strcmp(what, "give") == 0 && object && f.holder && f.recipient)
        code = sign_to(cli, "agreement.consent.give", &args, f.file);
    else if (strcmp(what, "add") == 0 && object)
        code = add_file(cli, "agreement.consent.add", object, print_consent);
    else if (strcmp(what, "remove") == 0 && object && f.recipient)
        code = cli_do(cli, "agreement.consent.remove", buf_span(&args), print_removed, NULL);
    else if (strcmp(what, "wanted") == 0 && !object)
        code = cli_do(cli, "agreement.consent.wanted", buf_span(&args), print_consent, NULL);
    else if (strcmp(what, "list") == 0 && !object)
        code = cli_do(cli, "agreement.consent.list", SPAN("{}"), print_consent, NULL);
    else
        code =
            cli_usage("agreement", "agreement consent: list | wanted [--to PARTY] | give ID --holder PARTY --to PARTY "
                                   "[--file FILE] | add FILE | remove ID --to PARTY");
    buf_free(&args);
    return code;
}

/* ---- leaving ---- */

static void print_left(void *context, struct json_value r, struct arena *a) {
    printf("%s leaves the agreement %.16s: nothing goes to or from it from %s on\n", cli_text(r, "party", a),
           cli_text(r, "agreement", a), cli_text(r, "ends", a));
}

/* terminate HASH [--on TIME] [--file FILE] | terminate --add FILE */
int agreement_terminate(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"on", 1, 0, 'o'}, {"file", 1, 0, 'f'}, {"add", 1, 0, 'a'}, {0}};
    const char *on = NULL, *file = NULL, *added = NULL;
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'o')
            on = optarg;
        else if (c == 'f')
            file = optarg;
        else if (c == 'a')
            added = optarg;
        else
            return cli_bad_flag("agreement", c, argv);
    }
    if (added && optind == argc) return add_file(cli, "agreement.terminated", added, print_left);
    if (added || optind + 1 != argc)
        return cli_usage("agreement", "agreement terminate takes the beginning of a hash (renkei agreement list), or "
                                      "--add and a partner's notice");
    json_begin_object(&w);
    json_member_cstr(&w, "hash", argv[optind]);
    if (on) json_member_cstr(&w, "on", on);
    json_end_object(&w);
    int code = sign_to(cli, "agreement.terminate", &args, file);
    buf_free(&args);
    return code;
}
