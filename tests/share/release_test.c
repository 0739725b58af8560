/* What goes out, in which order, and what comes back: release_cases.txt, run on real nodes. After every case the
 * ledgers must be sound (fixture_ledger_sound()). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "node/fixture.h"

struct play {
    struct fixture f;
    struct span lines; /* of the case, what is left of it */
    unsigned line;
    const char *name;
};

/* ---- reading the case ---------------------------------------------------------------------------------------------
 */

static bool next_line(struct play *p, struct span *line) {
    while (p->lines.len) {
        *line = span_trim(span_cut(&p->lines, '\n'));
        p->line++;
        if (line->len && line->at[0] != '#') return true;
    }
    return false;
}

/* The lines that follow and begin with `mark`, without it. */
static void gather(struct play *p, char mark, void (*take)(struct play *p, struct buf *out, struct span line, int who),
                   struct buf *out, int who) {
    for (;;) {
        struct play ahead = *p;
        struct span line;
        if (!next_line(&ahead, &line) || line.at[0] != mark) return;
        p->lines = ahead.lines;
        p->line = ahead.line;
        take(p, out, span_from(line, 1), who);
    }
}

static void take_object(struct play *p, struct buf *out, struct span line, int who) {
    line = span_trim(line);
    if (line.at[0] == '{') {
        buf_add(out, line); /* as it stands, right or wrong */
        buf_add_char(out, '\n');
    } else {
        fixture_object(&p->f, who, out, line);
    }
}

static void take_terms(struct play *p, struct buf *out, struct span line, int who) {
    buf_add(out, line.len && line.at[0] == ' ' ? span_from(line, 1) : line);
    buf_add_char(out, '\n');
}

static int party(struct play *p, struct span name) {
    for (int i = 0; i < p->f.count; i++)
        if (span_is(name, fixture_party[i])) return i;
    fail_msg("%s, line %u: no party %.*s", p->name, p->line, SPAN_ARG(name));
    return 0;
}

/* ---- commands: each fails the test, or leaves its error in *d
 * -------------------------------------------------------- */

static const char *word(struct span *rest, char *text, size_t size) {
    struct span w;
    do w = span_cut(rest, ' ');
    while (w.len == 0 && rest->at);
    snprintf(text, size, "%.*s", SPAN_ARG(w));
    return text;
}

/* agree|amend [name-member] [effective D] [ends D], then terms after "|" if not the open ones */
static enum err run_agree(struct play *p, struct span rest, bool amends, struct diag *d) {
    char words[8][80] = {0}, before[65];
    const char *name_member = "false";
    struct fixture_terms t = {0};
    struct buf release = BUF_EMPTY;
    for (int i = 0; rest.at && rest.len && i < 8; i++) {
        word(&rest, words[i], sizeof words[i]);
        if (strcmp(words[i], "name-member") == 0) name_member = "true";
        if (i && strcmp(words[i - 1], "effective") == 0) t.effective = words[i];
        if (i && strcmp(words[i - 1], "ends") == 0) t.ends = words[i];
    }
    snprintf(before, sizeof before, "%s", p->f.agreement);
    if (amends) t.predecessor = before;
    gather(p, '|', take_terms, &release, JP);
    if (release.len == 0) fixture_terms_open(&release, name_member);
    t.release = buf_cstr(&release);
    fixture_agree(&p->f, &t);
    buf_free(&release);
    return ERR_NONE;
}

static enum err run_first_agreement(struct play *p, struct span rest, struct diag *d) {
    return run_agree(p, rest, false, d);
}
static enum err run_amendment(struct play *p, struct span rest, struct diag *d) {
    return run_agree(p, rest, true, d);
}

/* import [further arguments as JSON members], then objects after "+" */
static enum err run_import(struct play *p, struct span rest, struct diag *d) {
    struct buf text = BUF_EMPTY, args = BUF_EMPTY;
    gather(p, '+', take_object, &text, JP);
    if (rest.len) buf_printf(&args, ",%.*s", SPAN_ARG(rest));
    enum err e = fixture_import(&p->f, JP, buf_span(&text), args.len ? buf_cstr(&args) : "", d);
    buf_free(&text);
    buf_free(&args);
    return e;
}

static enum err run_receive(struct play *p, struct span rest, struct diag *d) {
    struct buf text = BUF_EMPTY;
    int who = party(p, rest);
    gather(p, '+', take_object, &text, who);
    enum err e = fixture_receive(&p->f, JP, fixture_party[who], buf_span(&text), d);
    buf_free(&text);
    return e;
}

static enum err run_withdraw(struct play *p, struct span rest, struct diag *d) {
    char id[80], args[256];
    struct span what = span_cut(&rest, ' ');
    fixture_id(&p->f, JP, what, id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"from\":\"%.*s\"}", id, SPAN_ARG(rest));
    return fixture_try(&p->f, JP, "withdraw", args, NULL, 0, d);
}

static enum err run_clock(struct play *p, struct span rest, struct diag *d) {
    assert_true(time_parse_stix(rest, &p->f.now));
    return ERR_NONE;
}

static enum err run_release(struct play *p, struct span rest, struct diag *d) {
    return fixture_try(&p->f, JP, "release", "{}", NULL, 0, d);
}

/* saw INDICATOR [MEMBER [COUNT]] */
static enum err run_saw(struct play *p, struct span rest, struct diag *d) {
    char id[80], args[512], member[80], count[24];
    fixture_id(&p->f, JP, span_cut(&rest, ' '), id);
    word(&rest, member, sizeof member);
    word(&rest, count, sizeof count);
    snprintf(args, sizeof args,
             "{\"member\":\"%s\",\"sightings\":[{\"indicator\":\"%s\",\"hour\":\"2026-05-31T10:00:00Z\",\"first_seen\":"
             "\"2026-05-31T10:00:00Z\",\"last_seen\":\"2026-05-31T10:30:00Z\",\"count\":%s}]}",
             member, id, count[0] ? count : "1");
    return fixture_try(&p->f, JP, "sighting.add", args, NULL, 0, d);
}

/* PARTY: what is served, as fixture_served() tells it; for `all`, every entry */
static void is_served(struct play *p, struct span rest, bool all) {
    char expected[8192];
    int to = party(p, span_cut(&rest, ':'));
    snprintf(expected, sizeof expected, "%.*s", SPAN_ARG(span_trim(rest)));
    const char *served = fixture_served(&p->f, JP, to, all);
    if (strcmp(served, expected) != 0)
        fail_msg("%s, line %u: to %s\n  expected %s\n  but      %s", p->name, p->line, fixture_party[to], expected,
                 served);
}

static enum err run_served(struct play *p, struct span rest, struct diag *d) {
    is_served(p, rest, false);
    return ERR_NONE;
}
static enum err run_all(struct play *p, struct span rest, struct diag *d) {
    is_served(p, rest, true);
    return ERR_NONE;
}

/* has TEXT: the last operation's results say so; hasnot TEXT */
static enum err run_has(struct play *p, struct span rest, struct diag *d) {
    if (span_find(buf_span(&p->f.result), rest) == SIZE_MAX)
        fail_msg("%s, line %u: not in the result: %.*s\n%.*s", p->name, p->line, SPAN_ARG(rest),
                 SPAN_ARG(buf_span(&p->f.result)));
    return ERR_NONE;
}
static enum err run_has_not(struct play *p, struct span rest, struct diag *d) {
    if (span_find(buf_span(&p->f.result), rest) != SIZE_MAX)
        fail_msg("%s, line %u: in the result: %.*s\n%.*s", p->name, p->line, SPAN_ARG(rest),
                 SPAN_ARG(buf_span(&p->f.result)));
    return ERR_NONE;
}

/* why ID PARTY | show ID [history]: for `has` */
static enum err run_why(struct play *p, struct span rest, struct diag *d) {
    char id[80], args[256];
    fixture_id(&p->f, JP, span_cut(&rest, ' '), id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"to\":\"%.*s\"}", id, SPAN_ARG(rest));
    return fixture_try(&p->f, JP, "why", args, NULL, 0, d);
}
static enum err run_show(struct play *p, struct span rest, struct diag *d) {
    char id[80], args[256];
    fixture_id(&p->f, JP, span_cut(&rest, ' '), id);
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"history\":%s}", id, rest.len ? "true" : "false");
    return fixture_try(&p->f, JP, "show", args, NULL, 0, d);
}

static enum err run_op(struct play *p, struct span rest, struct diag *d) {
    char name[40], args[1024];
    word(&rest, name, sizeof name);
    snprintf(args, sizeof args, "%.*s", SPAN_ARG(rest));
    return fixture_try(&p->f, JP, name, args[0] ? args : "{}", NULL, 0, d);
}

static const struct {
    const char *name;
    enum err (*run)(struct play *p, struct span rest, struct diag *d);
} commands[] = {
    {"agree", run_first_agreement},
    {"amend", run_amendment},
    {"import", run_import},
    {"from", run_receive},
    {"withdraw", run_withdraw},
    {"clock", run_clock},
    {"release", run_release},
    {"saw", run_saw},
    {"served", run_served},
    {"all", run_all},
    {"has", run_has},
    {"hasnot", run_has_not},
    {"why", run_why},
    {"show", run_show},
    {"op", run_op},
};

/* "! part of the message" after a command says that it must fail. */
static void expect(struct play *p, enum err e, const struct diag *d) {
    struct play ahead = *p;
    struct span line;
    unsigned at = p->line;
    if (!next_line(&ahead, &line) || line.at[0] != '!') {
        if (e) fail_msg("%s, line %u: %s", p->name, at, d->message);
        return;
    }
    p->lines = ahead.lines;
    p->line = ahead.line;
    if (!e || span_find(span_cstr(d->message), span_trim(span_from(line, 1))) == SIZE_MAX)
        fail_msg("%s, line %u: must fail with '%.*s', but: %s", p->name, at, SPAN_ARG(span_trim(span_from(line, 1))),
                 e ? d->message : "did not");
}

static void run_line(struct play *p, struct span line) {
    struct span name = span_cut(&line, ' ');
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct diag d = {0};
        if (!span_is(name, commands[i].name)) continue;
        enum err e = commands[i].run(p, span_trim(line), &d);
        expect(p, e, &d);
        return;
    }
    fail_msg("%s, line %u: no command %.*s", p->name, p->line, SPAN_ARG(name));
}

static void play(const char *name, struct span lines, unsigned line) {
    struct play *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->lines = lines;
    p->line = line;
    p->name = name;
    fixture_open(&p->f, FIXTURE_PARTIES_MAX);
    for (struct span command; next_line(p, &command);) run_line(p, command);
    fixture_ledger_sound(&p->f, JP, US);
    fixture_ledger_sound(&p->f, JP, KR);
    fixture_close(&p->f);
    free(p);
}

/* ---- the cases -----------------------------------------------------------------------------------------------------
 */

struct release_case {
    struct span text; /* name, line feed, lines */
    unsigned line;
    char name[160];
};

static void one_case(void **state) {
    const struct release_case *c = *state;
    struct span rest = c->text;
    (void)span_cut(&rest, '\n');
    play(c->name, rest, c->line);
}

static size_t read_cases(struct span all, const char *only, struct release_case *out, size_t max) {
    size_t count = 0;
    unsigned line = 1;
    while (all.len && count < max) {
        struct span head = span_cut(&all, '\n');
        if (span_starts(head, SPAN("== "))) {
            size_t next = span_find(all, SPAN("\n== "));
            struct release_case *c = &out[count];
            *c = (struct release_case){.text = span_of(head.at, head.len + 1 + (next == SIZE_MAX ? all.len : next + 1)),
                                       .line = line};
            snprintf(c->name, sizeof c->name, "%.*s", SPAN_ARG(span_from(head, 3)));
            if (!only || strstr(c->name, only)) count++;
        }
        line++;
    }
    return count;
}

/* A part of a name as argument runs only the cases with it. */
int main(int argc, char **argv) {
    static struct release_case cases[256];
    static struct CMUnitTest tests[256];
    struct buf file = BUF_EMPTY;
    struct diag d;
    char path[512];
    const char *root = getenv("RENKEI_SOURCE");
    snprintf(path, sizeof path, "%s/tests/share/release_cases.txt", root ? root : ".");
    if (file_read(path, 1 << 20, &file, &d)) {
        fprintf(stderr, "%s\n", d.message);
        return 1;
    }
    size_t count = read_cases(buf_span(&file), argc > 1 ? argv[1] : NULL, cases, 256);
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name, .test_func = one_case, .initial_state = &cases[i]};
    int failed = _cmocka_run_group_tests("release", tests, count, NULL, NULL);
    buf_free(&file);
    return failed || count == 0;
}
