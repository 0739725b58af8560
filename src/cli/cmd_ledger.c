#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

struct flags {
    const char *party;
    bool from;
    long first, limit;
    char *id;
};

static void print_ledger(void *context, struct json_value r, struct arena *a) {
    printf("%s -> %s  %s\n  entries   %lld, the last %s\n  cosigned  %lld%s%s\n  feed      collection %s\n",
           cli_text(r, "publisher", a), cli_text(r, "recipient", a), cli_text(r, "origin", a),
           (long long)cli_number(r, "size"), cli_number(r, "size") ? cli_text(r, "last", a) : "not yet",
           (long long)cli_number(r, "cosigned_size"),
           cli_number(r, "cosigned_size") ? ", at " : " (the partner has not synced yet)",
           cli_number(r, "cosigned_size") ? cli_text(r, "cosigned", a) : "", cli_text(r, "collection", a));
}

static void print_entry(void *context, struct json_value r, struct arena *a) {
    struct json_value record = json_get(r, "record");
    printf("%8lld  %s  %-8s  %-10s  %s", (long long)cli_number(r, "seq"), cli_text(r, "time", a),
           cli_text(record, "kind", a), cli_text(r, "state", a), cli_text(r, "id", a));
    for (struct json_iter it = json_iter(json_get(record, "clauses")); json_next(&it);)
        printf("  %s", cli_string(it.value, a));
    puts("");
}

struct verdict {
    bool json;
    uint64_t count;
    int code;
};

static void print_verdict(void *context, struct json_value r, struct arena *a) {
    struct verdict *v = context;
    bool holds = cli_truth(r, "verified");
    v->count++;
    if (!holds) v->code = EXIT_NONE;
    if (v->json) {
        printf("%.*s\n", SPAN_ARG(json_raw(r)));
        return;
    }
    printf("%s: %lld entries: %s%s\n", cli_text(r, "origin", a), (long long)cli_number(r, "size"),
           holds ? "verified" : "DOES NOT VERIFY: ", holds ? "" : cli_text(r, "message", a));
}

static void print_proof(void *context, struct json_value r, struct arena *a) {
    struct span receipt = json_text(json_get(r, "receipt"), a); /* its line breaks are part of the format */
    fwrite(receipt.at, 1, receipt.len, stdout);
}

static int parse(int argc, char **argv, struct flags *f) {
    static const struct option options[] = {
        {"to", 1, 0, 't'}, {"from", 1, 0, 'f'}, {"first", 1, 0, 's'}, {"limit", 1, 0, 'n'}, {0}};
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 't' || c == 'f') {
            f->party = optarg;
            f->from = c == 'f';
        } else if (c == 's' || c == 'n') {
            char *end;
            long n = strtol(optarg, &end, 10);
            if (*end || end == optarg || n < 0) return cli_usage("ledger", "--first and --limit are numbers");
            *(c == 's' ? &f->first : &f->limit) = n;
        } else {
            return cli_bad_flag("ledger", c, argv);
        }
    }
    if (optind < argc) f->id = argv[optind++];
    return optind < argc ? cli_usage("ledger", "unexpected '%s'", argv[optind]) : EXIT_OK;
}

int command_ledger(const struct cli *cli, int argc, char **argv) {
    static const struct {
        const char *name, *operation;
        cli_result print;
    } what[] = {{"show", "ledger.show", print_ledger},
                {"entries", "ledger.entries", print_entry},
                {"verify", "ledger.verify", print_verdict},
                {"prove", "ledger.prove", print_proof}};
    struct flags f = {.limit = 50};
    const char *name = argc > 1 ? argv[1] : "show";
    int code = argc > 1 ? parse(argc - 1, argv + 1, &f) : EXIT_OK;
    struct verdict verdict = {.json = cli->json, .code = EXIT_OK};
    struct cli plain = *cli;
    bool verify = strcmp(name, "verify") == 0;
    if (verify) plain.json = false; /* its results decide the exit code, so they are always heard */
    if (code) return code;
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        if (strcmp(name, what[i].name) != 0) continue;
        if (strcmp(name, "prove") == 0 && (!f.id || !f.party))
            return cli_usage("ledger", "ledger prove takes an id and --to PARTY");
        struct buf args = BUF_EMPTY;
        struct json_writer w = json_writer(&args);
        json_begin_object(&w);
        if (f.party) json_member_cstr(&w, f.from ? "from" : "to", f.party);
        if (f.id) json_member_cstr(&w, "id", f.id);
        if (strcmp(name, "entries") == 0) {
            json_member_number(&w, "from", f.first);
            json_member_number(&w, "limit", f.limit);
        }
        json_end_object(&w);
        code = cli_do(&plain, what[i].operation, buf_span(&args), what[i].print, &verdict);
        buf_free(&args);
        if (verify && code == EXIT_OK && verdict.count == 0)
            fputs("no ledger yet, so nothing to verify: an agreement makes one\n", stderr);
        return code ? code : verdict.code;
    }
    return cli_usage("ledger", "unknown: ledger %s", name);
}
