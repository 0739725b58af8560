#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/agreement_statements.h"
#include "policy/describe.h"
#include "policy/lint.h"

enum { TEMPLATE_YEARS = 2 };

/* ---- without a node ---- */

static int check(const struct cli *cli, int argc, char **argv) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct agreement *g;
    struct diag d = {0};
    int code = EXIT_OK;
    if (argc != 2) return cli_usage("agreement", "agreement check takes one file");
    arena_init(&a, 64 << 20);
    enum err e = cli_read(argv[1], &text, &d);
    if (!e && (e = agreement_read(&a, buf_span(&text), &g, &d))) diag_where(&d, "%s", argv[1]);
    if (e)
        code = cli_trouble(&d);
    else if (cli->json)
        puts("{\"valid\":true}");
    else
        printf("%s: a valid agreement between %zu parties, \"%.*s\"\n", argv[1], g->party_count, SPAN_ARG(g->title));
    buf_free(&text);
    arena_free(&a);
    return code;
}

/* Reads a file and the agreement in it; both are freed by the caller. */
static enum err read_file(const char *path, struct arena *a, struct buf *text, struct agreement **g, struct diag *d) {
    enum err e = cli_read(path, text, d);
    if (!e && (e = agreement_read(a, buf_span(text), g, d))) diag_where(d, "%s", path);
    return e;
}

struct findings {
    const struct cli *cli;
    const char *file;
    unsigned grave; /* rules that never match, contradictions, openings */
};

static void print_finding(void *context, const struct policy_lint_finding *f) {
    struct findings *all = context;
    all->grave += f->kind != POLICY_LINT_STRICT;
    if (!all->cli->json) {
        if (f->line)
            printf("%s:%llu: %s\n", all->file, (unsigned long long)f->line, f->text);
        else
            printf("%s: %s\n", all->file, f->text);
        return;
    }
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "kind", policy_lint_name(f->kind));
    json_member(&w, "clause", f->clause);
    json_member_number(&w, "line", (int64_t)f->line);
    json_member_cstr(&w, "text", f->text);
    json_end_object(&w);
    printf("%.*s\n", SPAN_ARG(buf_span(&out)));
    buf_free(&out);
}

/* Exit code 1 when something is found that is hardly meant. */
static int lint(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"before", 1, 0, 'b'}, {0}};
    struct arena a;
    struct buf text = BUF_EMPTY, old_text = BUF_EMPTY;
    struct agreement *g = NULL, *old = NULL;
    struct diag d = {0};
    const char *before = NULL;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'b') return cli_bad_flag("agreement", c, argv);
        before = optarg;
    }
    if (optind + 1 != argc) return cli_usage("agreement", "agreement lint takes one file");
    struct findings found = {cli, argv[optind], 0};
    arena_init(&a, 128 << 20);
    enum err e = read_file(argv[optind], &a, &text, &g, &d);
    if (!e && before) e = read_file(before, &a, &old_text, &old, &d);
    if (!e) policy_lint(g, old, print_finding, &found);
    buf_free(&text);
    buf_free(&old_text);
    arena_free(&a);
    return e ? cli_trouble(&d) : found.grave ? EXIT_NONE : EXIT_OK;
}

static int explain(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"lang", 1, 0, 'l'}, {0}};
    struct arena a;
    struct buf text = BUF_EMPTY, out = BUF_EMPTY;
    struct agreement *g = NULL;
    struct diag d = {0};
    enum policy_language language = POLICY_ENGLISH;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'l') return cli_bad_flag("agreement", c, argv);
        if (!policy_language_parse(span_cstr(optarg), &language))
            return cli_usage("agreement", "--lang is en, ja or ko, not '%s'", optarg);
    }
    if (optind + 1 != argc) return cli_usage("agreement", "agreement explain takes one file");
    arena_init(&a, 64 << 20);
    enum err e = read_file(argv[optind], &a, &text, &g, &d);
    if (!e) policy_describe(g, language, &out);
    if (!e && cli->json) {
        struct buf line = BUF_EMPTY;
        struct json_writer w = json_writer(&line);
        json_begin_object(&w);
        json_member(&w, "text", buf_span(&out));
        json_end_object(&w);
        printf("%.*s\n", SPAN_ARG(buf_span(&line)));
        buf_free(&line);
    } else if (!e) {
        fwrite(out.at, 1, out.len, stdout);
    }
    buf_free(&text);
    buf_free(&out);
    arena_free(&a);
    return e ? cli_trouble(&d) : EXIT_OK;
}

struct own_card {
    struct span party, name, key, amended;
    struct arena arena;
};

static void take_card(void *context, struct json_value card, struct arena *a) {
    struct own_card *own = context;
    own->party = arena_copy(&own->arena, json_text(json_get(card, "party"), a));
    own->name = arena_copy(&own->arena, json_text(json_get(card, "name"), a));
    own->key = arena_copy(&own->arena, json_text(json_get(card, "agreement_key"), a));
}

static int write_out(const char *to, struct span text) {
    struct diag d = {0};
    if (!to) return fwrite(text.at, 1, text.len, stdout) == text.len ? EXIT_OK : EXIT_TROUBLE;
    return file_write(to, text, 0644, &d) ? cli_trouble(&d) : EXIT_OK;
}

/* What the parties have worked on may be in a file of that name already: it is not written over. */
static int write_new(const char *to, struct span text) {
    struct diag d = {0};
    if (!to || access(to, F_OK) != 0) return write_out(to, text);
    diag_set(&d, ERR_EXISTS, "%s is there already: name another file or remove it", to);
    return cli_trouble(&d);
}

/* The partner's key as its card spells it. */
static enum err read_partner(struct own_card *own, const char *path, struct agreement_template *t, struct diag *d) {
    struct buf text = BUF_EMPTY;
    struct card card;
    struct json_doc doc;
    enum err e = cli_read(path, &text, d);
    if (!e) e = card_read(&own->arena, buf_span(&text), &card, d);
    if (!e) e = json_parse(&own->arena, card.text, &doc, d);
    if (!e) {
        t->partner_id = card.party;
        t->partner_name = card.name;
        t->partner_key = json_text(json_get(json_get(json_root(&doc), "card"), "agreement_key"), &own->arena);
    } else {
        diag_where(d, "%s", path);
    }
    buf_free(&text);
    return e;
}

static void take_hash(void *context, struct json_value r, struct arena *a) {
    struct own_card *own = context;
    own->amended = arena_copy(&own->arena, json_text(json_get(r, "hash"), a));
}

/* The whole hash of the version to amend, which must be held here. */
static enum err find_amended(const struct cli *silent, const char *hash, struct own_card *own,
                             struct agreement_template *t, struct diag *d) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member_cstr(&w, "hash", hash);
    json_end_object(&w);
    enum err e = cli_call(silent, "agreement.show", buf_span(&args), NULL, 0, take_hash, own, d);
    t->predecessor = own->amended;
    buf_free(&args);
    return e;
}

static int make(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"with", 1, 0, 'w'}, {"to", 1, 0, 't'}, {"amends", 1, 0, 'a'}, {0}};
    struct own_card own = {0};
    struct agreement_template t = {.partner_id = SPAN("THEIR-ID"), .partner_name = SPAN("Their name")};
    struct buf text = BUF_EMPTY;
    struct diag d = {0};
    struct cli silent = *cli;
    const char *with = NULL, *to = NULL, *amends = NULL;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'w')
            with = optarg;
        else if (c == 't')
            to = optarg;
        else if (c == 'a')
            amends = optarg;
        else
            return cli_bad_flag("agreement", c, argv);
    }
    if (optind < argc) return cli_usage("agreement", "unexpected '%s'", argv[optind]);
    arena_init(&own.arena, 16 << 20);
    silent.json = false;
    enum err e = cli_call(&silent, "card", SPAN("{}"), NULL, 0, take_card, &own, &d);
    if (!e && with) e = read_partner(&own, with, &t, &d);
    if (!e && amends) e = find_amended(&silent, amends, &own, &t, &d);
    int code = e ? cli_trouble(&d) : EXIT_OK;
    if (!e) {
        t.own_id = own.party;
        t.own_name = own.name;
        t.own_key = own.key;
        time_us now = clock_now(clock_system());
        t.effective = now - now % (86400 * TIME_US_PER_S);
        t.ends = t.effective + (time_us)TEMPLATE_YEARS * 365 * 86400 * TIME_US_PER_S;
        agreement_template(&t, &text);
        code = write_new(to, buf_span(&text));
    }
    buf_free(&text);
    arena_free(&own.arena);
    return code;
}

/* ---- with a node ---- */

struct signing {
    const char *file, *to;
    int code;
};

static void keep_signature(void *context, struct json_value result, struct arena *a) {
    struct signing *s = context;
    char *path = NULL;
    if (!s->to && asprintf(&path, "%s.%s.sig", s->file, cli_text(result, "party", a)) < 0) path = NULL;
    const char *to = s->to ? s->to : path;
    s->code =
        to ? write_out(strcmp(to, "-") == 0 ? NULL : to, json_text(json_get(result, "signature"), a)) : EXIT_TROUBLE;
    if (s->code == EXIT_OK && strcmp(to, "-") != 0) fprintf(stderr, "signed: %s\n", to);
    free(path);
}

static int sign(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"to", 1, 0, 't'}, {0}};
    struct signing s = {0};
    struct buf text = BUF_EMPTY, args = BUF_EMPTY;
    struct diag d = {0};
    struct cli silent = *cli;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 't') return cli_bad_flag("agreement", c, argv);
        s.to = optarg;
    }
    if (optind + 1 != argc) return cli_usage("agreement", "agreement sign takes one file");
    s.file = argv[optind];
    silent.json = false;
    enum err e = cli_read(s.file, &text, &d);
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member(&w, "text", buf_span(&text));
    json_end_object(&w);
    if (!e && (e = cli_call(&silent, "agreement.sign", buf_span(&args), NULL, 0, keep_signature, &s, &d)) && d.line)
        diag_where(&d, "%s", s.file);
    buf_free(&text);
    buf_free(&args);
    return e ? cli_trouble(&d) : s.code;
}

static void print_added(void *context, struct json_value r, struct arena *a) {
    printf("Agreement \"%s\" is complete and kept.\n  hash      %s\n  in force  %.10s to %.10s\n  released  %lld "
           "objects at once\n",
           cli_text(r, "title", a), cli_text(r, "hash", a), cli_text(r, "effective", a), cli_text(r, "ends", a),
           (long long)cli_number(r, "released"));
    if (cli_number(r, "no_longer") > 0)
        printf(
            "  no longer %lld objects are out that it does not release, or not so: `renkei withdraw --no-longer` takes "
            "them back, with --dry-run it lists them\n",
            (long long)cli_number(r, "no_longer"));
}

static int add(const struct cli *cli, int argc, char **argv) {
    struct buf text = BUF_EMPTY, args = BUF_EMPTY;
    struct diag d = {0};
    struct json_writer w = json_writer(&args);
    if (argc < 3) return cli_usage("agreement", "agreement add takes the agreement and the signature of each party");
    enum err e = cli_read(argv[1], &text, &d);
    json_begin_object(&w);
    json_member(&w, "text", buf_span(&text));
    json_key(&w, "signatures");
    json_begin_array(&w);
    for (int i = 2; !e && i < argc; i++) {
        buf_clear(&text);
        e = cli_read(argv[i], &text, &d);
        json_string(&w, buf_span(&text));
    }
    json_end_array(&w);
    json_end_object(&w);
    if (!e && (e = cli_call(cli, "agreement.add", buf_span(&args), NULL, 0, print_added, NULL, &d)) && d.line)
        diag_where(&d, "%s", argv[1]);
    buf_free(&text);
    buf_free(&args);
    return e ? cli_trouble(&d) : EXIT_OK;
}

static void print_change(void *context, struct json_value r, struct arena *a) {
    if (json_exists(json_get(r, "change")))
        printf("%s %s  to %s  (%s)\n", json_is(json_get(r, "change"), SPAN("no-longer")) ? "-" : "+",
               cli_text(r, "id", a), cli_text(r, "to", a), cli_text(r, "clause", a));
    else
        printf("%s: of %lld objects, %lld would newly be released, %lld no longer\n", cli_text(r, "to", a),
               (long long)cli_number(r, "compared"), (long long)cli_number(r, "newly_released"),
               (long long)cli_number(r, "no_longer"));
}

static int diff(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"before", 1, 0, 'b'}, {0}};
    struct buf text = BUF_EMPTY, args = BUF_EMPTY;
    struct diag d = {0};
    const char *before = NULL;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'b') return cli_bad_flag("agreement", c, argv);
        before = optarg;
    }
    if (optind + 1 != argc) return cli_usage("agreement", "agreement diff takes the file of the new version");
    enum err e = cli_read(argv[optind], &text, &d);
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member(&w, "text", buf_span(&text));
    if (before) json_member_cstr(&w, "before", before);
    json_end_object(&w);
    if (!e && (e = cli_call(cli, "agreement.diff", buf_span(&args), NULL, 0, print_change, NULL, &d)) && d.line)
        diag_where(&d, "%s", argv[optind]);
    buf_free(&text);
    buf_free(&args);
    return e ? cli_trouble(&d) : EXIT_OK;
}

static void print_one(void *context, struct json_value r, struct arena *a) {
    printf("%.16s  v%lld  %.10s to %.10s  %-12s ", cli_text(r, "hash", a), (long long)cli_number(r, "version"),
           cli_text(r, "effective", a), cli_text(r, "ends", a), cli_truth(r, "in_force") ? "in force" : "not in force");
    for (struct json_iter it = json_iter(json_get(r, "parties")); json_next(&it);)
        printf("%s%s", it.index ? ", " : "", cli_string(it.value, a));
    printf("  %s\n", cli_text(r, "title", a));
    for (struct json_iter it = json_iter(json_get(r, "left")); json_next(&it);)
        printf("  %s leaves it: %s\n", cli_text(it.value, "party", a), cli_text(it.value, "ends", a));
    struct json_value text = json_get(r, "text");
    char *shown = json_exists(text) ? arena_cstr(a, json_text(text, a)) : NULL;
    if (!shown) return;
    cli_clean(shown, strlen(shown));
    printf("\n%s", shown);
}

/* The exact bytes that were signed. */
static void print_text(void *context, struct json_value r, struct arena *a) {
    struct span text = json_text(json_get(r, "text"), a);
    fwrite(text.at, 1, text.len, stdout);
}

static int show(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"text", 0, 0, 't'}, {0}};
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    bool only_text = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 't') return cli_bad_flag("agreement", c, argv);
        only_text = true;
    }
    if (optind + 1 != argc)
        return cli_usage("agreement", "agreement show takes the beginning of a hash (renkei agreement list)");
    json_begin_object(&w);
    json_member_cstr(&w, "hash", argv[optind]);
    json_member_truth(&w, "text", true);
    json_end_object(&w);
    int code = cli_do(cli, "agreement.show", buf_span(&args), only_text ? print_text : print_one, NULL);
    buf_free(&args);
    return code;
}

int command_agreement(const struct cli *cli, int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "list";
    if (strcmp(what, "new") == 0) return make(cli, argc - 1, argv + 1);
    if (strcmp(what, "check") == 0) return check(cli, argc - 1, argv + 1);
    if (strcmp(what, "lint") == 0) return lint(cli, argc - 1, argv + 1);
    if (strcmp(what, "explain") == 0) return explain(cli, argc - 1, argv + 1);
    if (strcmp(what, "diff") == 0) return diff(cli, argc - 1, argv + 1);
    if (strcmp(what, "sign") == 0) return sign(cli, argc - 1, argv + 1);
    if (strcmp(what, "add") == 0) return add(cli, argc - 1, argv + 1);
    if (strcmp(what, "show") == 0) return show(cli, argc - 1, argv + 1);
    if (strcmp(what, "list") == 0) return cli_do(cli, "agreement.list", SPAN("{}"), print_one, NULL);
    if (strcmp(what, "consent") == 0) return agreement_consent(cli, argc - 1, argv + 1);
    if (strcmp(what, "terminate") == 0) return agreement_terminate(cli, argc - 1, argv + 1);
    return cli_usage("agreement", "unknown: agreement %s", what);
}
