#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"

enum { TYPES_MAX = 16 };

struct exporting {
    bool json;
    int64_t written;
};

/* The file may be standard output: what is said of it goes to stderr. */
static void print_result(void *context, struct json_value r, struct arena *a) {
    struct exporting *x = context;
    x->written = cli_number(r, "written");
    if (x->json) {
        struct span raw = json_raw(r);
        fprintf(stderr, "%.*s\n", SPAN_ARG(raw));
        return;
    }
    if (json_exists(json_get(r, "events")))
        fprintf(stderr, "%lld objects in %lld events written\n", (long long)x->written,
                (long long)cli_number(r, "events"));
    else if (json_exists(json_get(r, "objects")))
        fprintf(stderr, "%lld objects written\n", (long long)x->written);
    else
        fprintf(stderr, "%lld values of %lld indicators written\n", (long long)x->written,
                (long long)cli_number(r, "indicators"));
    for (struct json_iter it = json_iter(json_get(r, "left_out")); json_next(&it);)
        fprintf(stderr, "  left out, %s: %lld\n", cli_text(it.value, "reason", a),
                (long long)cli_number(it.value, "count"));
    for (struct json_iter it = json_iter(json_get(r, "not_carried")); json_next(&it);)
        fprintf(stderr, "  not carried: %lld %s, such as %s\n", (long long)cli_number(it.value, "count"),
                cli_text(it.value, "kind", a), cli_text(it.value, "example", a));
}

/* Written beside and renamed, so that no sensor ever loads half of it. */
static int open_beside(const char *path, char *beside, size_t size, struct diag *d) {
    if (snprintf(beside, size, "%s.XXXXXX", path) >= (int)size) {
        diag_set(d, ERR_LIMIT, "%s is too long a name", path);
        return -1;
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0640) < 0) {
        diag_set(d, ERR_IO, "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    return fd;
}

static int open_stream(const char *path, struct diag *d) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) diag_set(d, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return fd;
}

static enum err put_in_place(int fd, const char *beside, const char *path, struct diag *d) {
    if (fsync(fd) < 0 || rename(beside, path) < 0)
        return diag_set(d, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return ERR_NONE;
}

static int run(const struct cli *cli, struct span args, const char *path) {
    struct exporting x = {.json = cli->json};
    struct cli plain = *cli;
    struct diag d = {0};
    char beside[4096];
    bool aside = path && !file_is_stream(path);
    int fd = aside ? open_beside(path, beside, sizeof beside, &d) : path ? open_stream(path, &d) : dup(STDOUT_FILENO);
    if (fd < 0) return path ? cli_trouble(&d) : EXIT_TROUBLE;
    plain.json = false; /* results never go to standard output, where the file may be */
    enum err e = cli_call(&plain, "export", args, &fd, 1, print_result, &x, &d);
    if (aside && !e) e = put_in_place(fd, beside, path, &d);
    if (aside && e) unlink(beside);
    close(fd);
    return e ? cli_trouble(&d) : x.written ? EXIT_OK : EXIT_NONE;
}

int command_export(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {
        {"format", 1, 0, 'f'},     {"type", 1, 0, 't'}, {"marking", 1, 0, 'm'}, {"action", 1, 0, 'a'},
        {"subdomains", 0, 0, 's'}, {"zone", 1, 0, 'z'}, {"to", 1, 0, 'o'},      {0}};
    const char *types[TYPES_MAX], *path = NULL, *texts[128] = {0};
    size_t type_count = 0;
    bool subdomains = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == '?' || c == ':') return cli_bad_flag("export", c, argv);
        if (c == 't' && type_count == TYPES_MAX) return cli_usage("export", "more than %d types", TYPES_MAX);
        if (c == 't')
            types[type_count++] = optarg;
        else if (c == 'o')
            path = optarg;
        else if (c == 's')
            subdomains = true;
        else
            texts[c] = optarg;
    }
    if (optind < argc) return cli_usage("export", "export takes flags only; --to FILE says where to");
    if (!texts['f'])
        return cli_usage("export", "--format says which: zeek-intel, suricata-rules, suricata-dataset, "
                                   "rpz, list, csv, misp or stix20");
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member_cstr(&w, "format", texts['f']);
    if (texts['m']) json_member_cstr(&w, "tlp", texts['m']);
    if (texts['a']) json_member_cstr(&w, "action", texts['a']);
    if (texts['z']) json_member_cstr(&w, "zone", texts['z']);
    json_member_truth(&w, "subdomains", subdomains);
    json_key(&w, "types");
    json_begin_array(&w);
    for (size_t i = 0; i < type_count; i++) json_cstr(&w, types[i]);
    json_end_array(&w);
    json_end_object(&w);
    int code = run(cli, buf_span(&args), path);
    buf_free(&args);
    return code;
}
