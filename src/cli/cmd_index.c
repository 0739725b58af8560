/* renkei index: the file of all indicators that match reads, built beforehand and looked into. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/progress.h"
#include "cli/cli.h"
#include "detect/holdings.h"
#include "detect/index_file.h"
#include "node/node.h"

enum { PATH_SIZE = 4096, REASONS_SHOWN = 12 };

/* Indicators that cannot be evaluated, for one reason. */
struct left_out {
    const char *reason;
    uint32_t count, first; /* first: an indicator */
};

struct looking {
    struct node *node;
    struct store_reader *reader;
    struct detect_index *index;
    char folder[PATH_SIZE], path[PATH_SIZE + 16];
    bool current;   /* it is of what the store holds now */
    bool built;     /* just now, */
    double seconds; /* in so long */
    struct stat st;
    struct left_out *reasons;
    size_t reason_count;
};

static enum err open_node(const struct cli *cli, struct looking *l, struct diag *d) {
    char *home = cli_home(cli);
    enum err e = home ? node_open(home, NODE_READ, &l->node, d) : diag_set(d, ERR_NOMEM, "no memory");
    if (!e && snprintf(l->folder, sizeof l->folder, "%s/realms/live/index", home) >= (int)sizeof l->folder)
        e = diag_set(d, ERR_LIMIT, "the node's path is too long");
    snprintf(l->path, sizeof l->path, "%s/indicators", l->folder);
    free(home);
    return e ? e : store_reader_open(l->node->live.store, &l->reader, d);
}

static void load_progress(void *context, uint64_t done, uint64_t total) {
    struct progress *p = context;
    p->total = total;
    progress_update(p, done);
}

static enum err build(struct looking *l, bool anew, struct diag *d) {
    struct detect_holdings holdings = {0};
    struct progress progress;
    int64_t start = clock_monotonic_us();
    if (anew) unlink(l->path);
    progress_start(&progress, "building the index", "holdings", 0);
    enum err e = detect_holdings_open(l->reader, l->folder, load_progress, &progress, &holdings, d);
    progress_end(&progress);
    if (e) return e;
    l->index = holdings.index;
    l->built = !holdings.prebuilt;
    l->seconds = (double)(clock_monotonic_us() - start) / 1e6;
    l->current = true;
    /* Here the file is what was wanted: without it the command has failed. */
    return holdings.note[0] && access(l->path, R_OK) != 0 ? diag_set(d, ERR_IO, "%s", holdings.note) : ERR_NONE;
}

static enum err look(struct looking *l, struct diag *d) {
    struct sha256 built_from, now;
    enum err e = detect_index_open(l->path, &l->index, &built_from, d);
    if (!e) e = detect_holdings_state(l->reader, &now, d);
    l->current = !e && sha256_equal(&built_from, &now);
    return e;
}

/* ---- what it leaves out ---- */

static int by_count(const void *a, const void *b) {
    const struct left_out *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->reason, y->reason);
}

/* Reasons are kept once each: the same one is the same pointer. */
static enum err gather_reasons(struct looking *l, struct diag *d) {
    uint32_t count = detect_index_unsupported_count(l->index);
    for (uint32_t n = 0; n < count; n++) {
        const char *reason;
        uint32_t indicator = detect_index_unsupported(l->index, n, &reason);
        size_t i = 0;
        if (!reason[0]) continue; /* evaluated beside the index */
        while (i < l->reason_count && l->reasons[i].reason != reason) i++;
        if (i == l->reason_count) {
            struct left_out *bigger = realloc(l->reasons, (l->reason_count + 1) * sizeof *bigger);
            if (!bigger) return diag_set(d, ERR_NOMEM, "no memory for the reasons");
            l->reasons = bigger;
            l->reasons[l->reason_count++] = (struct left_out){reason, 0, indicator};
        }
        l->reasons[i].count++;
    }
    if (l->reason_count) qsort(l->reasons, l->reason_count, sizeof *l->reasons, by_count);
    return ERR_NONE;
}

/* ---- printing ---- */

static int64_t age_s(const struct looking *l) {
    int64_t age = clock_now(clock_system()) / TIME_US_PER_S - (int64_t)l->st.st_mtime;
    return age > 0 ? age : 0;
}

static void print_json(const struct looking *l, const struct detect_index_stats *s) {
    struct buf out = BUF_EMPTY;
    struct json_writer w = json_writer(&out);
    json_begin_object(&w);
    json_member_cstr(&w, "path", l->path);
    json_member_truth(&w, "current", l->current);
    json_member_truth(&w, "built", l->built);
    json_member_number(&w, "age_s", age_s(l));
    json_member_number(&w, "bytes", (int64_t)s->bytes);
    json_member_number(&w, "indicators", (int64_t)s->indicators);
    json_member_number(&w, "revoked", (int64_t)s->revoked);
    json_member_number(&w, "superseded", (int64_t)s->superseded);
    json_key(&w, "values");
    json_begin_object(&w);
    for (int kind = 0; kind < ATOM_KIND_COUNT; kind++)
        if (s->kinds[kind]) json_member_number(&w, atom_kind_name((enum atom_kind)kind), (int64_t)s->kinds[kind]);
    json_end_object(&w);
    json_member_number(&w, "networks", (int64_t)s->networks);
    json_member_number(&w, "every_event", (int64_t)s->unanchored);
    json_member_number(&w, "full_patterns", (int64_t)s->full);
    json_key(&w, "left_out");
    json_begin_array(&w);
    for (size_t i = 0; i < l->reason_count; i++) {
        struct detect_indicator first;
        detect_index_get(l->index, l->reasons[i].first, &first);
        json_begin_object(&w);
        json_member_cstr(&w, "reason", l->reasons[i].reason);
        json_member_number(&w, "count", l->reasons[i].count);
        json_member(&w, "first", first.id);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    if (buf_ok(&out)) printf("%.*s\n", (int)out.len, out.at);
    buf_free(&out);
}

static void print_left_out(const struct looking *l, uint64_t all) {
    if (all == 0) return;
    printf("left out    %llu indicators, which match cannot evaluate:\n", (unsigned long long)all);
    for (size_t i = 0; i < l->reason_count && i < REASONS_SHOWN; i++) {
        struct detect_indicator first;
        char reason[DIAG_MESSAGE_SIZE + 64];
        detect_index_get(l->index, l->reasons[i].first, &first);
        snprintf(reason, sizeof reason, "%s", l->reasons[i].reason);
        cli_clean(reason, strlen(reason));
        printf("  %10u  %s (%.*s%s)\n", l->reasons[i].count, reason, SPAN_ARG(first.id),
               l->reasons[i].count > 1 ? ", …" : "");
    }
    if (l->reason_count > REASONS_SHOWN) printf("  and %zu more reasons\n", l->reason_count - REASONS_SHOWN);
}

static void print_text(const struct looking *l, const struct detect_index_stats *s) {
    printf("index       %s, %.1f MB, %lld s old%s\n", l->path, (double)s->bytes / 1e6, (long long)age_s(l),
           l->current ? "" : "; the holdings have changed since: the next match builds it anew");
    if (l->built) printf("built in    %.2f s\n", l->seconds);
    printf("indicators  %llu (%llu superseded versions, %llu revoked)\n", (unsigned long long)s->indicators,
           (unsigned long long)s->superseded, (unsigned long long)s->revoked);
    printf("values     ");
    for (int kind = 0, some = 0; kind < ATOM_KIND_COUNT; kind++)
        if (s->kinds[kind])
            printf("%s %llu %s", some++ ? "," : "", (unsigned long long)s->kinds[kind],
                   atom_kind_name((enum atom_kind)kind));
    printf("%s\n", s->atoms ? "" : " none");
    if (s->networks) printf("networks    %llu of the addresses\n", (unsigned long long)s->networks);
    if (s->full) printf("patterns    %llu are evaluated in full, beside it\n", (unsigned long long)s->full);
    if (s->unanchored)
        printf("no value    %llu indicators name none and are tried on every event\n",
               (unsigned long long)s->unanchored);
    print_left_out(l, s->unsupported - s->full);
}

static int show(const struct cli *cli, struct looking *l, struct diag *d) {
    if (gather_reasons(l, d) || (stat(l->path, &l->st) != 0 && diag_set(d, ERR_IO, "cannot look at %s", l->path)))
        return cli_trouble(d);
    struct detect_index_stats stats = detect_index_stats(l->index);
    if (cli->json)
        print_json(l, &stats);
    else
        print_text(l, &stats);
    return l->current ? EXIT_OK : EXIT_NONE;
}

int command_index(const struct cli *cli, int argc, char **argv) {
    static const struct option options[] = {{"anew", 0, 0, 'a'}, {0}};
    struct looking l = {0};
    struct diag d = {0};
    bool anew = false;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c != 'a') return cli_bad_flag("index", c, argv);
        anew = true;
    }
    const char *what = optind + 1 == argc ? argv[optind] : "";
    bool building = strcmp(what, "build") == 0;
    if (!building && (strcmp(what, "show") != 0 || anew))
        return cli_usage("index", "it is: index build [--anew], or index show");
    enum err e = open_node(cli, &l, &d);
    if (!e) e = building ? build(&l, anew, &d) : look(&l, &d);
    int code = EXIT_OK;
    if (!building && e == ERR_NOT_FOUND && l.reader) {
        fprintf(stderr, "there is no index yet; `renkei index build` makes it\n");
        code = EXIT_NONE;
    } else {
        code = e ? cli_trouble(&d) : show(cli, &l, &d);
    }
    free(l.reasons);
    detect_index_free(&l.index);
    if (l.reader) store_reader_close(&l.reader);
    node_close(&l.node);
    return code;
}
