#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "node/socket.h"

enum { LABELS_MAX = 64, SHOWN_FILES = 5 };
enum kind { KIND_GUESS, KIND_STIX, KIND_LIST };

struct importing {
    const struct cli *cli;
    enum kind kind;
    const char *tlp, *valid_from, *valid_for;
    long confidence;
    char *labels[LABELS_MAX];
    size_t label_count;
    bool keep_going, warnings, many;
    uint64_t files, read, added, known, rejected, quarantined;
};

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- results
 * ------------------------------------------------------------------------------------------------------------ */

static void print_result(void *context, struct json_value r, struct arena *a) {
    struct importing *im = context;
    if (json_exists(json_get(r, "finding"))) {
        const char *path = cli_text(r, "path", a), *id = cli_text(r, "id", a);
        fprintf(stderr, "%s: %s%s%s%s%s: %s: %s\n", cli_text(r, "file", a), cli_text(r, "place", a), id[0] ? " " : "",
                id, path[0] ? " " : "", path, cli_text(r, "finding", a), cli_text(r, "message", a));
    } else if (json_exists(json_get(r, "decided"))) {
        printf("Decided %lld: released %lld, withheld %lld, waiting for what they name %lld\n",
               (long long)cli_number(r, "decided"), (long long)cli_number(r, "released"),
               (long long)cli_number(r, "withheld"), (long long)cli_number(r, "waiting"));
    } else {
        im->files++;
        im->read += (uint64_t)cli_number(r, "read");
        im->added += (uint64_t)cli_number(r, "added");
        im->known += (uint64_t)cli_number(r, "known");
        im->rejected += (uint64_t)cli_number(r, "rejected");
        im->quarantined += (uint64_t)cli_number(r, "quarantined");
        if (!im->many || im->cli->verbose)
            printf("%s: %lld objects: %lld new, %lld known, %lld rejected, %lld in quarantine\n",
                   cli_text(r, "file", a), (long long)cli_number(r, "read"), (long long)cli_number(r, "added"),
                   (long long)cli_number(r, "known"), (long long)cli_number(r, "rejected"),
                   (long long)cli_number(r, "quarantined"));
    }
}

/* ---- files
 * ---------------------------------------------------------------------------------------------------------------- */

/* STIX begins with '{' or '['; everything else is a list. Pipes cannot be looked into without losing what was read. */
static enum err guess(const char *path, enum kind *out, struct diag *d) {
    struct input *in = NULL;
    char head[4096];
    size_t got = 0;
    *out = KIND_STIX;
    if (strcmp(path, "-") == 0) return ERR_NONE;
    enum err e = input_open(path, &in, d);
    if (!e) e = input_read(in, head, sizeof head, &got, d);
    struct span text = span_of(head, got);
    if (span_starts(text, SPAN("\xef\xbb\xbf"))) text = span_from(text, 3);
    text = span_trim(text);
    if (!e && !(text.len && (text.at[0] == '{' || text.at[0] == '['))) *out = KIND_LIST;
    input_close(&in);
    return e;
}

static void write_args(const struct importing *im, char **names, size_t count, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) json_cstr(&w, strcmp(names[i], "-") == 0 ? "standard input" : names[i]);
    json_end_array(&w);
    if (im->tlp) json_member_cstr(&w, "tlp", im->tlp);
    if (im->confidence >= 0) json_member_number(&w, "confidence", im->confidence);
    if (im->valid_from) json_member_cstr(&w, "valid_from", im->valid_from);
    if (im->valid_for) json_member_cstr(&w, "valid_for", im->valid_for);
    json_key(&w, "labels");
    json_begin_array(&w);
    for (size_t i = 0; i < im->label_count; i++)
        if (i == 0 || strcmp(im->labels[i], im->labels[i - 1]) != 0) json_cstr(&w, im->labels[i]);
    json_end_array(&w);
    json_member_truth(&w, "keep_going", im->keep_going);
    json_member_truth(&w, "warnings", im->warnings);
    json_end_object(&w);
}

static int import_some(struct importing *im, enum kind kind, char **names, size_t count) {
    struct buf args = BUF_EMPTY;
    struct diag d = {0};
    int fds[SOCKET_FDS_MAX], code = EXIT_OK;
    size_t opened = 0;
    for (; opened < count; opened++) {
        fds[opened] = strcmp(names[opened], "-") == 0 ? dup(STDIN_FILENO) : open(names[opened], O_RDONLY | O_CLOEXEC);
        if (fds[opened] >= 0) continue;
        diag_set(&d, ERR_IO, "cannot open %s: %s", names[opened], strerror(errno));
        code = cli_trouble(&d);
        break;
    }
    write_args(im, names, count, &args);
    if (code == EXIT_OK && cli_call(im->cli, kind == KIND_LIST ? "import.list" : "import.stix", buf_span(&args), fds,
                                    opened, print_result, im, &d))
        code = cli_trouble(&d);
    for (size_t i = 0; i < opened; i++) close(fds[i]);
    buf_free(&args);
    return code;
}

static int import_all(struct importing *im, char **names, size_t count) {
    int code = EXIT_OK;
    for (size_t i = 0; code == EXIT_OK && i < count;) {
        enum kind kind = im->kind, next = im->kind;
        struct diag d = {0};
        size_t same = 1;
        if (kind == KIND_GUESS && guess(names[i], &kind, &d)) return cli_trouble(&d);
        for (; i + same < count && same < SOCKET_FDS_MAX; same++) {
            if (im->kind == KIND_GUESS && guess(names[i + same], &next, &d)) return cli_trouble(&d);
            if (im->kind == KIND_GUESS && next != kind) break;
        }
        code = import_some(im, kind, names + i, same);
        i += same;
    }
    return code;
}

int command_import(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"list", 0, 0, 'L'},       {"stix", 0, 0, 'S'},
                                            {"tlp", 1, 0, 't'},        {"label", 1, 0, 'l'},
                                            {"confidence", 1, 0, 'c'}, {"valid-from", 1, 0, 'f'},
                                            {"valid-for", 1, 0, 'F'},  {"keep-going", 0, 0, 'k'},
                                            {"warnings", 0, 0, 'w'},   {0}};
    struct importing im = {.cli = cli, .confidence = -1};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end;
        switch (c) {
        case 'L':
            im.kind = KIND_LIST;
            break;
        case 'S':
            im.kind = KIND_STIX;
            break;
        case 't':
            im.tlp = optarg;
            break;
        case 'l':
            if (im.label_count == LABELS_MAX) return cli_usage("import", "more than %d labels", LABELS_MAX);
            im.labels[im.label_count++] = optarg;
            break;
        case 'c':
            im.confidence = strtol(optarg, &end, 10);
            if (*end || end == optarg || im.confidence < 0 || im.confidence > 100)
                return cli_usage("import", "--confidence is a number from 0 to 100");
            break;
        case 'f':
            im.valid_from = optarg;
            break;
        case 'F':
            im.valid_for = optarg;
            break;
        case 'k':
            im.keep_going = true;
            break;
        case 'w':
            im.warnings = true;
            break;
        default:
            return cli_usage("import", "unknown flag");
        }
    }
    if (optind == argc) return cli_usage("import", "which file? \"-\" is standard input");
    qsort(im.labels, im.label_count, sizeof *im.labels, by_text);
    im.many = argc - optind > SHOWN_FILES;
    int code = import_all(&im, argv + optind, (size_t)(argc - optind));
    if (im.many && !cli->json)
        printf("%llu files, %llu objects: %llu new, %llu known, %llu rejected, %llu in quarantine\n",
               (unsigned long long)im.files, (unsigned long long)im.read, (unsigned long long)im.added,
               (unsigned long long)im.known, (unsigned long long)im.rejected, (unsigned long long)im.quarantined);
    return code;
}
