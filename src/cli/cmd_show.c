#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"

static void print_raw(struct json_value v, struct arena *a) {
    char *text = arena_cstr(a, json_raw(v));
    if (!text) return;
    cli_clean(text, json_raw(v).len);
    fputs(text, stdout);
}

/* Indented, a member a line, so that people can read an object as it is. */
static void print_value(struct json_value v, int depth, struct arena *a) {
    struct json_iter it = json_iter(v);
    bool object = json_type(v) == JSON_OBJECT;
    if ((!object && json_type(v) != JSON_ARRAY) || json_count(v) == 0) {
        print_raw(v, a);
        return;
    }
    puts(object ? "{" : "[");
    while (json_next(&it)) {
        printf("%*s", depth * 2 + 2, "");
        if (object) {
            print_raw(it.key, a);
            fputs(": ", stdout);
        }
        print_value(it.value, depth + 1, a);
        puts(it.left ? "," : "");
    }
    printf("%*s%c", depth * 2, "", object ? '}' : ']');
}

static void print_version(void *context, struct json_value r, struct arena *a) {
    struct json_value handling = json_get(r, "handling");
    printf("%s\n  source    %s\n  state     %s%s\n  version   %s\n  imported  %s\n  handling  TLP %s",
           cli_text(r, "id", a), cli_text(r, "source", a), cli_text(r, "state", a),
           cli_truth(r, "revoked") ? ", revoked" : "", cli_text(r, "version", a), cli_text(r, "imported", a),
           cli_text(handling, "tlp", a));
    if (json_exists(json_get(handling, "confidence")))
        printf(", confidence %lld", (long long)cli_number(handling, "confidence"));
    for (struct json_iter it = json_iter(json_get(handling, "labels")); json_next(&it);)
        printf(", label %s", cli_string(it.value, a));
    puts("");
    for (struct json_iter it = json_iter(json_get(r, "sightings")); json_next(&it);)
        printf("  seen      by %s, %lld times, last %s\n", cli_text(it.value, "source", a),
               (long long)(json_exists(json_get(it.value, "count")) ? cli_number(it.value, "count") : 1),
               cli_text(it.value, "last_seen", a));
    print_value(json_get(r, "object"), 0, a);
    puts("");
}

int command_show(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"history", 0, 0, 'h'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    bool history = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'h') return cli_bad_flag("show", c, argv);
        history = true;
    }
    if (optind + 1 != argc) return cli_usage("show", "show takes one id (renkei search finds it)");
    json_begin_object(&w);
    json_member_cstr(&w, "id", argv[optind]);
    json_member_truth(&w, "history", history);
    json_end_object(&w);
    int code = cli_do(cli, "show", buf_span(&args), print_version, NULL);
    buf_free(&args);
    return code;
}
