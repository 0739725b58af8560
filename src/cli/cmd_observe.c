/* renkei observe: telemetry in, STIX observed-data out. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/telemetry.h"
#include "detect/mapping.h"
#include "detect/observe.h"
#include "stix/id.h"

struct observing_files {
    struct observe_options options;
    struct mapping *mapping;
    struct map written;
    struct reader_settings settings; /* --timezone alone */
    bool bundle, first;
    char identity[STIX_ID_SIZE];
    uint64_t lines, observed, objects, unreadable;
};

static bool on_object(void *context, struct span object) {
    struct observing_files *o = context;
    if (o->bundle) fputs(o->first ? "\n" : ",\n", stdout);
    o->first = false;
    fwrite(object.at, 1, object.len, stdout);
    if (!o->bundle) putchar('\n');
    return !ferror(stdout);
}

/* A member's identity for created_by_ref: an id as it is, else one made from the name, the same every time. */
static void set_identity(struct observing_files *o, const char *member) {
    if (stix_id_valid(span_cstr(member)) && span_is(stix_id_type(span_cstr(member)), "identity")) {
        snprintf(o->identity, sizeof o->identity, "%s", member);
    } else {
        struct span parts[] = {SPAN("renkei observe --member "), span_cstr(member)};
        struct sha256 hash = sha256_of_parts(parts, 2);
        stix_id_from_hmac(&hash, SPAN("identity"), o->identity);
    }
    o->options.identity = span_cstr(o->identity);
}

/* The identity itself, unless the user named one that exists elsewhere. */
static void tell_identity(struct observing_files *o, const char *member) {
    struct buf text = BUF_EMPTY;
    struct json_writer w = json_writer(&text);
    if (span_is(o->options.identity, member)) return;
    json_begin_object(&w);
    json_member_cstr(&w, "type", "identity");
    json_member_cstr(&w, "spec_version", "2.1");
    json_member_cstr(&w, "id", o->identity);
    json_member_cstr(&w, "created", "2026-01-01T00:00:00.000Z"); /* the same every time, as the id */
    json_member_cstr(&w, "modified", "2026-01-01T00:00:00.000Z");
    json_member_cstr(&w, "name", member);
    json_member_cstr(&w, "identity_class", "organization");
    json_end_object(&w);
    on_object(o, buf_span(&text));
    buf_free(&text);
}

static enum err observe_file(struct observing_files *o, const char *path, struct diag *d) {
    struct input *in;
    struct observe_result result;
    enum err e = input_open(path, &in, d);
    if (e) return e;
    e = observe_input(in, &o->options, &o->written, &result, d);
    input_close(&in);
    o->lines += result.lines;
    o->observed += result.observed;
    o->objects += result.objects;
    o->unreadable += result.unreadable;
    for (unsigned i = 0; i < result.shown_count; i++) {
        cli_clean(result.shown[i].message, strlen(result.shown[i].message));
        fprintf(stderr, "%s:%llu: not read: %s\n", path, (unsigned long long)result.shown[i].line,
                result.shown[i].message);
    }
    return e;
}

static int observe_files(struct observing_files *o, char **paths, int count, const char *member) {
    struct telemetry_files files;
    struct diag d = {0};
    enum err e = telemetry_files_find(paths, count, &files, &d);
    if (e) return cli_trouble(&d);
    map_init(&o->written);
    o->first = true;
    if (o->bundle) {
        uint8_t random[32];
        char id[STIX_ID_SIZE];
        random_bytes(random, sizeof random);
        struct sha256 hash = sha256_of(span_of(random, sizeof random));
        stix_id_from_hmac(&hash, SPAN("bundle"), id);
        printf("{\"type\":\"bundle\",\"id\":\"%s\",\"objects\":[", id);
    }
    if (member) tell_identity(o, member);
    bool broken = false; /* a file that cannot be read to its end is named, and the others are read all the same */
    for (size_t i = 0; i < files.count && !ferror(stdout); i++)
        if (observe_file(o, files.paths[i], &d) && !ferror(stdout)) broken = cli_trouble(&d) != EXIT_OK;
    if (o->bundle) fputs("\n]}\n", stdout);
    if (fflush(stdout) != 0 || ferror(stdout))
        e = diag_set(&d, ERR_IO, "cannot write the observed-data: %s", strerror(errno));
    fprintf(stderr, "%llu lines: %llu observed, %llu objects, %llu not read\n", (unsigned long long)o->lines,
            (unsigned long long)o->observed, (unsigned long long)o->objects, (unsigned long long)o->unreadable);
    map_free(&o->written);
    telemetry_files_free(&files);
    if (e) return cli_trouble(&d);
    return broken ? EXIT_TROUBLE : o->observed ? EXIT_OK : EXIT_NONE;
}

int command_observe(const struct cli *cli, int argc, char **argv) {
    enum { MAPPING = 256, FORMAT, MEMBER, BUNDLE, ZONE };
    static const struct option flags[] = {
        {"mapping", required_argument, NULL, MAPPING}, {"format", required_argument, NULL, FORMAT},
        {"member", required_argument, NULL, MEMBER},   {"bundle", no_argument, NULL, BUNDLE},
        {"timezone", required_argument, NULL, ZONE},   {0}};
    struct observing_files o = {.options = {.on_object = on_object}};
    struct diag d = {0};
    const char *mapping = NULL, *member = NULL;
    (void)cli;
    o.options.context = &o;
    for (int c; (c = getopt_long(argc, argv, ":", flags, NULL)) != -1;) {
        if (c == MAPPING)
            mapping = optarg;
        else if (c == MEMBER)
            member = optarg;
        else if (c == BUNDLE)
            o.bundle = true;
        else if (c == FORMAT && !(o.options.reader = detect_reader_by_name(optarg)))
            return cli_usage("observe", "--format is json-lines, zeek-tsv, csv or text");
        else if (c == ZONE && !reader_zone_parse(span_cstr(optarg), &o.settings.zone_us))
            return cli_usage("observe", "--timezone is UTC or an offset such as +09:00");
        else if (c < MAPPING)
            return cli_bad_flag("observe", c, argv);
    }
    if (optind == argc) return cli_usage("observe", "which file? \"-\" is standard input");
    if (mapping && mapping_open(mapping, &o.mapping, &d)) return cli_trouble(&d);
    o.options.settings = o.mapping ? mapping_settings(o.mapping) : &o.settings;
    if (o.mapping && !o.options.reader) o.options.reader = mapping_reader(o.mapping);
    o.options.otherwise = clock_now(clock_system());
    if (member) set_identity(&o, member);
    int code = observe_files(&o, argv + optind, argc - optind, member);
    mapping_free(&o.mapping);
    return code;
}
