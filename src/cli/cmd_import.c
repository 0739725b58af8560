#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/misp_feed.h"
#include "interchange/losses.h"
#include "interchange/misp_stream.h"
#include "node/socket.h"

enum { LABELS_MAX = 64, SHOWN_FILES = 5, LOOK_SIZE = 4096 };
enum kind { KIND_GUESS, KIND_STIX, KIND_LIST, KIND_MISP, KIND_ARCHIVE };

static const char *const operations[] = {
    [KIND_STIX] = "import.stix", [KIND_LIST] = "import.list", [KIND_MISP] = "import.misp"};

/* Of all files together: what a format had and the other has no place for. */
struct loss_sum {
    char kind[128], example[192]; /* the first one's */
    uint64_t count;
};

struct importing {
    const struct cli *cli;
    enum kind kind;
    const char *tlp, *valid_from, *valid_for;
    long confidence;
    char *labels[LABELS_MAX];
    size_t label_count;
    bool keep_going, warnings, many;
    uint64_t files, read, added, known, rejected, quarantined, warned;
    uint64_t decided, released, withheld, waiting;
    struct loss_sum losses[LOSSES_MAX];
    size_t loss_count;
};

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- results ---- */

/* Of many files the first with a warning speaks for all. */
static void print_warned(struct importing *im, struct json_value r, struct arena *a) {
    struct json_value first = json_get(r, "first");
    long long count = (long long)cli_number(r, "warned");
    im->warned += (uint64_t)count;
    if (im->many && !im->cli->verbose && im->warned > (uint64_t)count) return;
    fprintf(stderr, "%s: %lld indicators are on warning lists and do not alert alone:\n", cli_text(r, "file", a),
            count);
    for (struct json_iter it = json_iter(first); json_next(&it);)
        fprintf(stderr, "  %s is on %s\n", cli_text(it.value, "value", a), cli_text(it.value, "list", a));
    if (count > json_count(first)) fprintf(stderr, "  and %lld more\n", count - json_count(first));
}

static void print_loss(const char *kind, const char *example, uint64_t count) {
    fprintf(stderr, "  %llu %s, such as %s\n", (unsigned long long)count, kind, example);
}

static void add_loss(struct importing *im, const char *kind, const char *example, uint64_t count) {
    struct loss_sum *sum = im->losses;
    while (sum < im->losses + im->loss_count && strcmp(sum->kind, kind) != 0) sum++;
    if (sum == im->losses + LOSSES_MAX) return;
    if (sum == im->losses + im->loss_count) {
        im->loss_count++;
        snprintf(sum->kind, sizeof sum->kind, "%s", kind);
        snprintf(sum->example, sizeof sum->example, "%s", example);
    }
    sum->count += count;
}

/* Of many files all together, at the end. */
static void take_losses(struct importing *im, struct json_value r, struct arena *a) {
    struct json_value losses = json_get(r, "not_carried");
    bool at_once = !im->many || im->cli->verbose;
    if (at_once && json_count(losses)) fprintf(stderr, "%s: not carried over:\n", cli_text(r, "file", a));
    for (struct json_iter it = json_iter(losses); json_next(&it);) {
        const char *kind = cli_text(it.value, "kind", a), *example = cli_text(it.value, "example", a);
        uint64_t count = (uint64_t)cli_number(it.value, "count");
        if (at_once)
            print_loss(kind, example, count);
        else
            add_loss(im, kind, example, count);
    }
}

static void print_result(void *context, struct json_value r, struct arena *a) {
    struct importing *im = context;
    if (json_exists(json_get(r, "finding"))) {
        const char *path = cli_text(r, "path", a), *id = cli_text(r, "id", a);
        fprintf(stderr, "%s: %s%s%s%s%s: %s: %s\n", cli_text(r, "file", a), cli_text(r, "place", a), id[0] ? " " : "",
                id, path[0] ? " " : "", path, cli_text(r, "finding", a), cli_text(r, "message", a));
    } else if (json_exists(json_get(r, "decided"))) {
        im->decided += (uint64_t)cli_number(r, "decided");
        im->released += (uint64_t)cli_number(r, "released");
        im->withheld += (uint64_t)cli_number(r, "withheld");
        im->waiting = (uint64_t)cli_number(r, "waiting");
    } else if (json_exists(json_get(r, "warned"))) {
        print_warned(im, r, a);
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
        take_losses(im, r, a);
    }
}

/* ---- files ---- */

/* A file given, open. Every file is opened once: the writer at the other end of a named pipe would not survive more. */
struct source {
    const char *name;
    int fd;
    enum kind kind;
};

/* Descriptor for another look at the same bytes, which leaves `fd` where it stands; -1 where there is no such thing. */
static int look(int fd) {
    struct stat st;
    char path[40];
    int ends[2];
    if (fstat(fd, &st) != 0) return -1;
    if (S_ISREG(st.st_mode)) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        return open(path, O_RDONLY | O_CLOEXEC);
    }
    if (!S_ISFIFO(st.st_mode) || pipe2(ends, O_CLOEXEC) != 0) return -1;
    if (tee(fd, ends[1], LOOK_SIZE, 0) < 0) close(ends[0]), ends[0] = -1;
    close(ends[1]);
    return ends[0];
}

/* A tar or zip archive, by its magic number. */
static bool is_archive(struct span head) {
    enum { TAR_MAGIC_AT = 257 };
    return span_starts(head, SPAN("PK\003\004")) ||
           (head.len > TAR_MAGIC_AT && span_starts(span_from(head, TAR_MAGIC_AT), SPAN("ustar")));
}

/* STIX and MISP begin with '{' or '['; everything else is a list. What cannot be looked into is taken for STIX. */
static enum kind guess(int fd, const char *name) {
    struct input *in = NULL;
    char head[LOOK_SIZE];
    size_t got = 0;
    struct diag ignored; /* whatever is wrong with the file, reading it will tell */
    int copy = look(fd);
    if (copy < 0 || input_open_fd(copy, name, &in, &ignored)) return KIND_STIX;
    enum err e = input_read(in, head, sizeof head, &got, &ignored);
    input_close(&in);
    if (e) return KIND_STIX;
    struct span text = span_of(head, got);
    if (is_archive(text)) return KIND_ARCHIVE;
    if (span_starts(text, SPAN("\xef\xbb\xbf"))) text = span_from(text, 3);
    text = span_trim(text);
    if (text.len && text.at[0] != '{' && text.at[0] != '[') return KIND_LIST;
    return misp_looks_like(text) ? KIND_MISP : KIND_STIX;
}

static int open_source(const struct importing *im, const char *name, struct source *out) {
    struct diag d = {0};
    struct stat st;
    bool standard = strcmp(name, "-") == 0;
    *out = (struct source){.name = standard ? "standard input" : name, .kind = im->kind};
    out->fd = standard ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    if (out->fd < 0) {
        diag_set(&d, ERR_IO, "cannot open %s: %s", out->name, strerror(errno));
        return cli_trouble(&d);
    }
    if (fstat(out->fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(out->fd);
        diag_set(&d, ERR_IO, "%s is a folder without a MISP feed's manifest.json: name the files in it, such as %s/*",
                 name, name);
        return cli_trouble(&d);
    }
    if (out->kind == KIND_GUESS) out->kind = guess(out->fd, out->name);
    if (out->kind == KIND_ARCHIVE) {
        close(out->fd);
        diag_set(&d, ERR_UNSUPPORTED, "%s is an archive: unpack it, and import the files in it", out->name);
        return cli_trouble(&d);
    }
    return EXIT_OK;
}

static void write_args(const struct importing *im, const struct source *sources, size_t count, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) json_cstr(&w, sources[i].name);
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

/* One operation for files of one kind; closes them. */
static int import_some(struct importing *im, const struct source *sources, size_t count) {
    struct buf args = BUF_EMPTY;
    struct diag d = {0};
    int fds[SOCKET_FDS_MAX], code = EXIT_OK;
    if (count == 0) return EXIT_OK;
    for (size_t i = 0; i < count; i++) fds[i] = sources[i].fd;
    write_args(im, sources, count, &args);
    if (cli_call(im->cli, operations[sources[0].kind], buf_span(&args), fds, count, print_result, im, &d))
        code = cli_trouble(&d);
    for (size_t i = 0; i < count; i++) close(fds[i]);
    buf_free(&args);
    return code;
}

/* Neighbours of one kind go together. Stops at the first trouble; what came before stays, but a wrong name is told
 * before anything is read. */
static int import_all(struct importing *im, char **names, size_t count) {
    struct source batch[SOCKET_FDS_MAX];
    struct diag d = {0};
    size_t held = 0;
    int code = EXIT_OK, refused = EXIT_OK;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], "-") == 0 || access(names[i], R_OK) == 0) continue;
        diag_set(&d, ERR_IO, "cannot open %s: %s", names[i], strerror(errno));
        return cli_trouble(&d);
    }
    for (size_t i = 0; code == EXIT_OK && refused == EXIT_OK && i < count; i++) {
        struct source next;
        if ((refused = open_source(im, names[i], &next))) break;
        if (held == SOCKET_FDS_MAX || (held && batch[0].kind != next.kind)) {
            code = import_some(im, batch, held);
            held = 0;
        }
        batch[held++] = next;
    }
    if (code == EXIT_OK) return (code = import_some(im, batch, held)) ? code : refused;
    for (size_t i = 0; i < held; i++) close(batch[i].fd);
    return code;
}

/* A MISP feed's folder among the names stands for its files. */
static int import_names(struct importing *im, char **names, size_t count) {
    int code = EXIT_OK;
    for (size_t i = 0, from = 0; code == EXIT_OK && i < count; i++) {
        struct misp_feed feed = {0};
        struct diag d = {0};
        bool is_feed = misp_feed_is(names[i]);
        if (!is_feed && i + 1 < count) continue;
        if ((code = import_all(im, names + from, i - from + !is_feed))) break;
        from = i + 1;
        if (!is_feed) break;
        if (misp_feed_open(names[i], &feed, &d)) return cli_trouble(&d);
        im->many = im->many || feed.count > SHOWN_FILES;
        code = import_all(im, feed.files, feed.count);
        misp_feed_close(&feed);
    }
    return code;
}

/* What all calls together did, said once. */
static void say_totals(const struct importing *im) {
    if (im->many)
        printf("%llu files, %llu objects: %llu new, %llu known, %llu rejected, %llu in quarantine\n",
               (unsigned long long)im->files, (unsigned long long)im->read, (unsigned long long)im->added,
               (unsigned long long)im->known, (unsigned long long)im->rejected, (unsigned long long)im->quarantined);
    if (im->many && im->warned)
        fprintf(stderr, "%llu indicators are on warning lists\n", (unsigned long long)im->warned);
    if (im->loss_count) fprintf(stderr, "Not carried over:\n");
    for (size_t i = 0; i < im->loss_count; i++)
        print_loss(im->losses[i].kind, im->losses[i].example, im->losses[i].count);
    if (im->decided)
        printf("Decided %llu: released %llu, withheld %llu, waiting for what they name %llu\n",
               (unsigned long long)im->decided, (unsigned long long)im->released, (unsigned long long)im->withheld,
               (unsigned long long)im->waiting);
}

int command_import(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"list", 0, 0, 'L'},
                                            {"stix", 0, 0, 'S'},
                                            {"misp", 0, 0, 'M'},
                                            {"tlp", 1, 0, 't'},
                                            {"label", 1, 0, 'l'},
                                            {"confidence", 1, 0, 'c'},
                                            {"valid-from", 1, 0, 'f'},
                                            {"valid-for", 1, 0, 'F'},
                                            {"keep-going", 0, 0, 'k'},
                                            {"warnings", 0, 0, 'w'},
                                            {0}};
    struct importing im = {.cli = cli, .confidence = -1};
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        char *end;
        switch (c) {
        case 'L':
            im.kind = KIND_LIST;
            break;
        case 'S':
            im.kind = KIND_STIX;
            break;
        case 'M':
            im.kind = KIND_MISP;
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
            return cli_bad_flag("import", c, argv);
        }
    }
    if (optind == argc) return cli_usage("import", "which file? \"-\" is standard input");
    qsort(im.labels, im.label_count, sizeof *im.labels, by_text);
    im.many = argc - optind > SHOWN_FILES;
    int code = import_names(&im, argv + optind, (size_t)(argc - optind));
    if (!cli->json) say_totals(&im);
    return code;
}
