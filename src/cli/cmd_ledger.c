#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/cli.h"

struct flags {
    const char *party;
    bool from;
    long first, limit, entry;
    const char *open; /* a file: of prove, where to; of verify-receipt, from */
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

static void print_audited(void *context, struct json_value r, struct arena *a) {
    struct verdict *v = context;
    bool holds = cli_truth(r, "verified");
    v->count++;
    if (!holds) v->code = EXIT_NONE;
    if (v->json) {
        printf("%.*s\n", SPAN_ARG(json_raw(r)));
        return;
    }
    printf("%s, %s: %lld entries", cli_text(r, "origin", a), cli_text(r, "role", a), (long long)cli_number(r, "size"));
    if (cli_number(r, "releases"))
        printf(", %lld releases (%lld opened, %lld withdrawn, %lld erased)", (long long)cli_number(r, "releases"),
               (long long)cli_number(r, "opened"), (long long)cli_number(r, "withdrawn"),
               (long long)cli_number(r, "erased"));
    printf(": %s%s\n", holds ? "no finding" : "FINDING: ", holds ? "" : cli_text(r, "message", a));
}

static void print_alarm(void *context, struct json_value r, struct arena *a) {
    struct verdict *v = context;
    struct span before = json_text(json_get(r, "seen_before"), a), now = json_text(json_get(r, "served_now"), a);
    v->count++;
    printf("%s  %s %s\n\nseen before:\n%.*s\nserved then:\n%.*s\n", cli_text(r, "time", a), cli_text(r, "origin", a),
           cli_text(r, "why", a), SPAN_ARG(before), SPAN_ARG(now)); /* signed notes: printable, and exact */
}

static int alarms(const struct cli *cli) {
    struct verdict verdict = {.code = EXIT_OK};
    struct diag d = {0};
    if (cli_call(cli, "ledger.alarms", SPAN("{}"), NULL, 0, print_alarm, &verdict, &d)) return cli_trouble(&d);
    return cli->json || verdict.count ? EXIT_OK : EXIT_NONE;
}

/* ---- receipts ---- */

/* A receipt is for standard output; its opening, in which the object is, only goes where it was asked to. */
struct proof {
    const char *opening;
    struct diag d;
    enum err e;
};

static void print_proof(void *context, struct json_value r, struct arena *a) {
    struct proof *p = context;
    struct span receipt = json_text(json_get(r, "receipt"), a); /* its line breaks are part of the format */
    struct json_value opening = json_get(r, "opening");
    fwrite(receipt.at, 1, receipt.len, stdout);
    if (!p->opening) return;
    p->e = json_exists(opening) ? file_write(p->opening, json_raw(opening), 0600, &p->d)
                                : diag_set(&p->d, ERR_NOT_FOUND, "it was taken back: there is nothing to open");
}

static int prove(const struct cli *cli, const struct flags *f) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct proof proof = {.opening = f->open};
    if ((!f->id && f->entry < 0) || !f->party)
        return cli_usage("ledger", "ledger prove takes an id, or --entry N, and --to PARTY");
    json_begin_object(&w);
    json_member_cstr(&w, "to", f->party);
    if (f->id) json_member_cstr(&w, "id", f->id);
    if (f->entry >= 0) json_member_number(&w, "entry", f->entry);
    if (f->open) json_member_truth(&w, "open", true);
    json_end_object(&w);
    int code = cli_do(cli, "ledger.prove", buf_span(&args), print_proof, &proof);
    buf_free(&args);
    return proof.e ? cli_trouble(&proof.d) : code;
}

static void print_receipt(void *context, struct json_value r, struct arena *a) {
    (void)context;
    printf("%s signed that entry %lld of %lld in %s is:\n  %s of %s", cli_text(r, "publisher", a),
           (long long)cli_number(r, "entry"), (long long)cli_number(r, "size"), cli_text(r, "origin", a),
           cli_text(r, "kind", a), cli_text(r, "object", a));
    if (json_exists(json_get(r, "version"))) printf(", version %s", cli_text(r, "version", a));
    printf("\n  at %s under agreement %.12s…", cli_text(r, "time", a), cli_text(r, "agreement", a));
    for (struct json_iter it = json_iter(json_get(r, "clauses")); json_next(&it);)
        printf(", clause %s", cli_string(it.value, a));
    puts(cli_truth(r, "opened") ? "\n  and the object of the opening is what was released" : "");
}

/* RECEIPT [--opening FILE] */
static int verify_receipt(const struct cli *cli, const struct flags *f) {
    struct buf args = BUF_EMPTY, receipt = BUF_EMPTY, opening = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct diag d = {0};
    if (!f->id) return cli_usage("ledger", "ledger verify-receipt takes a file");
    enum err e = cli_read(f->id, &receipt, &d);
    if (!e && f->open) e = cli_read(f->open, &opening, &d);
    json_begin_object(&w);
    json_member(&w, "receipt", buf_span(&receipt));
    if (f->open) json_member(&w, "opening", buf_span(&opening));
    json_end_object(&w);
    if (!e) e = cli_call(cli, "ledger.check_receipt", buf_span(&args), NULL, 0, print_receipt, NULL, &d);
    buf_free(&args);
    buf_free(&receipt);
    buf_free(&opening);
    if (e) (void)cli_trouble(&d);
    return e == ERR_VERIFY ? EXIT_NONE : e ? EXIT_TROUBLE : EXIT_OK;
}

static int parse(int argc, char **argv, struct flags *f) {
    static const struct option options[] = {{"to", 1, 0, 't'},
                                            {"from", 1, 0, 'f'},
                                            {"first", 1, 0, 's'},
                                            {"limit", 1, 0, 'n'},
                                            {"entry", 1, 0, 'e'},
                                            {"opening", 1, 0, 'o'},
                                            {0}};
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 't' || c == 'f') {
            f->party = optarg;
            f->from = c == 'f';
        } else if (c == 'o') {
            f->open = optarg;
        } else if (c == 's' || c == 'n' || c == 'e') {
            char *end;
            long n = strtol(optarg, &end, 10);
            if (*end || end == optarg || n < 0) return cli_usage("ledger", "--first, --limit and --entry are numbers");
            *(c == 's' ? &f->first : c == 'n' ? &f->limit : &f->entry) = n;
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
                {"audit", "ledger.audit", print_audited}};
    struct flags f = {.limit = 50, .entry = -1};
    const char *name = argc > 1 ? argv[1] : "show";
    int code = argc > 1 ? parse(argc - 1, argv + 1, &f) : EXIT_OK;
    struct verdict verdict = {.json = cli->json, .code = EXIT_OK};
    struct cli plain = *cli;
    bool verify = strcmp(name, "verify") == 0 || strcmp(name, "audit") == 0;
    if (verify) plain.json = false; /* its results decide the exit code, so they are always heard */
    if (code) return code;
    if (strcmp(name, "alarms") == 0) return alarms(cli);
    if (strcmp(name, "prove") == 0) return prove(cli, &f);
    if (strcmp(name, "verify-receipt") == 0) return verify_receipt(cli, &f);
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        if (strcmp(name, what[i].name) != 0) continue;
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
