#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/file.h"
#include "share/intake.h"
#include "share/release.h"
#include "stix/bundle.h"
#include "json/write.h"

enum { ARENA_MAX = 1 << 30 };

const char *const fixture_party[FIXTURE_PARTIES_MAX] = {"JP-MOD", "US-DOD", "KR-MND"};

static void check(enum err e, const struct diag *d, const char *what) {
    if (e) fail_msg("%s: %s %s", what, d->where, d->message);
}

static time_us fixture_now(void *context) {
    return ((struct fixture *)context)->now;
}

void fixture_home(const struct fixture *f, int who, char path[128]) {
    snprintf(path, 128, "%s/%s", f->folder, fixture_party[who]);
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static void take_result(void *context, struct span json) {
    struct fixture *f = context;
    buf_add(&f->result, json);
    buf_add_char(&f->result, '\n');
}

enum err fixture_try(struct fixture *f, int who, const char *name, const char *args, const int *fds, size_t fd_count,
                     struct diag *d) {
    struct arena a;
    struct json_doc doc;
    struct op_listener listener = {.result = take_result, .context = f};
    const struct op *op = op_find(node_operations(), span_cstr(name));
    assert_non_null(op);
    buf_clear(&f->result);
    arena_init(&a, ARENA_MAX);
    enum err e = json_parse(&a, span_cstr(args), &doc, d);
    struct op_call call = {.node = f->nodes[who],
                           .realm = &f->nodes[who]->live,
                           .args = json_root(&doc),
                           .fds = fds,
                           .fd_count = fd_count,
                           .actor = "test",
                           .arena = &a,
                           .listener = &listener};
    if (!e) e = op_run(op, &call, d);
    arena_free(&a);
    return e;
}

void fixture_run(struct fixture *f, int who, const char *name, const char *args) {
    struct diag d = {0};
    check(fixture_try(f, who, name, args, NULL, 0, &d), &d, name);
}

/* A child runs it: opening a node gives up the right to read its keys for good. */
enum err fixture_dispatch(struct fixture *f, int who, const char *name, const char *args, const int *fds,
                          size_t fd_count, struct diag *d) {
    char home[128];
    int results[2], outcome[2];
    fixture_home(f, who, home);
    assert_int_equal(pipe(results) | pipe(outcome), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct op_listener listener = {.result = take_result, .context = f};
        struct diag told = {0};
        close(results[0]);
        close(outcome[0]);
        buf_clear(&f->result);
        told.code = op_dispatch(home, node_operations(), name, span_cstr(args), NULL, fds, fd_count, &listener, &told);
        if (write(outcome[1], &told, sizeof told) != sizeof told) _exit(2);
        (void)!file_write_all(results[1], buf_span(&f->result), &told);
        _exit(0);
    }
    close(results[1]);
    close(outcome[1]);
    buf_clear(&f->result);
    struct diag told = {.code = ERR_INTERNAL};
    ssize_t got = read(outcome[0], &told, sizeof told), n;
    while ((n = read(results[0], buf_reserve(&f->result, 65536), 65536)) > 0) f->result.len += (size_t)n;
    close(results[0]);
    close(outcome[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (got != sizeof told || status != 0) fail_msg("%s ended with status %x", name, status);
    *d = told;
    return told.code;
}

static struct json_value result_line(const struct fixture *f, unsigned index, struct arena *a, struct json_doc *doc) {
    struct span rest = buf_span(&f->result);
    for (unsigned i = 0; rest.len; i++) {
        struct span line = span_cut(&rest, '\n');
        if (i == index && json_parse(a, line, doc, NULL) == ERR_NONE) return json_root(doc);
    }
    return JSON_MISSING;
}

const char *fixture_result(const struct fixture *f, unsigned index, const char *member) {
    static char texts[8][70000];
    static unsigned at;
    struct arena a;
    struct json_doc doc;
    arena_init(&a, ARENA_MAX);
    char *out = texts[at++ % 8];
    struct json_value v = json_get(result_line(f, index, &a, &doc), member);
    struct span text = json_type(v) == JSON_STRING ? json_text(v, &a) : json_exists(v) ? json_raw(v) : SPAN("");
    snprintf(out, sizeof texts[0], "%.*s", SPAN_ARG(text));
    arena_free(&a);
    return out;
}

int fixture_file(struct span content) {
    struct diag d = {0};
    int fd = memfd_create("file", MFD_CLOEXEC);
    assert_true(fd >= 0);
    check(file_write_all(fd, content, &d), &d, "memfd");
    lseek(fd, 0, SEEK_SET);
    return fd;
}

enum err fixture_import(struct fixture *f, int who, struct span text, const char *args, struct diag *d) {
    struct buf all = BUF_EMPTY;
    int fd = fixture_file(text);
    buf_printf(&all, "{\"files\":[\"bundle\"]%s}", args);
    enum err e = fixture_try(f, who, "import.stix", buf_cstr(&all), &fd, 1, d);
    close(fd);
    buf_free(&all);
    return e;
}

/* ---- making the nodes ---------------------------------------------------------------------------------------------
 */

static void trust(struct fixture *f, int who, int whom) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct node_view *v = node_view(f->nodes[whom]);
    json_begin_object(&w);
    json_member(&w, "card", v->own.text);
    json_member_truth(&w, "trust", true);
    json_end_object(&w);
    node_view_release(f->nodes[whom], &v);
    fixture_run(f, who, "party.add", buf_cstr(&args));
    buf_free(&args);
}

/* node_open() for writing, less the sandbox: a process can give up the keys of one node only. */
void fixture_reopen(struct fixture *f, int who) {
    struct diag d = {0};
    char home[128], path[256];
    fixture_home(f, who, home);
    check(node_open(home, NODE_READ, &f->nodes[who], &d), &d, "open");
    struct node *n = f->nodes[who];
    store_close(&n->live.store);
    snprintf(path, sizeof path, "%s/realms/live/store.db", home);
    check(store_open(path, STORE_WRITE, &n->live.store, &d), &d, "store");
    snprintf(path, sizeof path, "%s/keys", home);
    check(signer_start(path, n->view->own.serial, &n->signer, &d), &d, "signer");
    n->live.clock = (struct clock){fixture_now, f};
}

void fixture_shut(struct fixture *f, int who) {
    node_close(&f->nodes[who]);
}

void fixture_open(struct fixture *f, int count) {
    struct diag d = {0};
    char home[128], url[64];
    *f = (struct fixture){.count = count};
    assert_true(time_parse_stix(SPAN("2026-06-01T00:00:00Z"), &f->now));
    snprintf(f->folder, sizeof f->folder, "%s/renkei-nodes-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    assert_non_null(mkdtemp(f->folder));
    for (int i = 0; i < count; i++) {
        fixture_home(f, i, home);
        snprintf(url, sizeof url, "https://127.0.0.1:%d", 18443 + i); /* nobody listens there */
        struct node_init init = {span_cstr(fixture_party[i]), span_cstr(fixture_party[i]), span_cstr(url)};
        check(node_create(home, &init, &d), &d, "init");
        fixture_reopen(f, i);
    }
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++)
            if (i != k) trust(f, i, k);
}

void fixture_close(struct fixture *f) {
    char command[128];
    for (int i = 0; i < f->count; i++) node_close(&f->nodes[i]);
    buf_free(&f->result);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    if (system(command)) print_message("%s is left behind\n", f->folder);
}

/* ---- agreements ---------------------------------------------------------------------------------------------------
 */

static void write_agreement(struct fixture *f, const struct fixture_terms *t, struct buf *out) {
    buf_printf(out, "renkei: agreement/v1\ntitle: Arrangement\neffective: %s\nends: %s\n",
               t->effective ? t->effective : "2026-01-01", t->ends ? t->ends : "2027-12-31");
    if (t->predecessor) buf_printf(out, "predecessor: %s\n", t->predecessor);
    buf_add_cstr(out, "parties:\n");
    for (int i = 0; i < f->count; i++) {
        struct node_view *v = node_view(f->nodes[i]);
        buf_printf(out, "  - {id: %s, name: %s, key: \"ed25519:", fixture_party[i], fixture_party[i]);
        buf_add_base64(out, span_of(v->own.agreement_key, CARD_KEY_SIZE));
        buf_add_cstr(out, "\"}\n");
        node_view_release(f->nodes[i], &v);
    }
    buf_add_cstr(out, t->release);
}

void fixture_sign(struct fixture *f, const struct fixture_terms *t, struct buf *added) {
    struct buf text = BUF_EMPTY, args = BUF_EMPTY;
    write_agreement(f, t, &text);
    struct json_writer w = json_writer(&args), all = json_writer(added);
    json_begin_object(&w);
    json_member(&w, "text", buf_span(&text));
    json_end_object(&w);
    json_begin_object(&all);
    json_member(&all, "text", buf_span(&text));
    json_key(&all, "signatures");
    json_begin_array(&all);
    for (int i = 0; i < f->count; i++) {
        fixture_run(f, i, "agreement.sign", buf_cstr(&args));
        json_cstr(&all, fixture_result(f, 0, "signature"));
    }
    json_end_array(&all);
    json_end_object(&all);
    buf_free(&text);
    buf_free(&args);
}

void fixture_agree(struct fixture *f, const struct fixture_terms *t) {
    struct buf added = BUF_EMPTY;
    fixture_sign(f, t, &added);
    for (int i = 0; i < f->count; i++) fixture_run(f, i, "agreement.add", buf_cstr(&added));
    snprintf(f->agreement, sizeof f->agreement, "%s", fixture_result(f, 0, "hash"));
    buf_free(&added);
}

void fixture_terms_open(struct buf *release, const char *name_member) {
    buf_add_cstr(release, "release:\n");
    for (int i = 0; i < FIXTURE_PARTIES_MAX; i++)
        for (int k = 0; k < FIXTURE_PARTIES_MAX; k++)
            if (i != k && i < KR && k < KR)
                buf_printf(release,
                           "  - from: %s\n    to: %s\n    no_tlp: green\n    rules:\n"
                           "      - clause: %.2s-%.2s\n        outcome: release\n        types: [all]\n"
                           "        tlp: [clear, green]\n    sightings:\n      return: true\n      name_member: %s\n",
                           fixture_party[i], fixture_party[k], fixture_party[i], fixture_party[k], name_member);
}

/* ---- receiving ----------------------------------------------------------------------------------------------------
 */

struct text_source {
    struct span left;
};

static enum err read_text(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct text_source *s = context;
    *got = s->left.len < size ? s->left.len : size;
    memcpy(at, s->left.at, *got);
    s->left = span_from(s->left, *got);
    return ERR_NONE;
}

enum err fixture_receive(struct fixture *f, int who, const char *source, struct span text, struct diag *d) {
    struct share_context c;
    struct intake *in;
    struct intake_totals totals;
    struct release_totals released;
    struct intake_options o = {.source = span_cstr(source), .keep_going = true};
    struct text_source s = {text};
    struct stix_stream stream;
    struct span object;
    uint64_t index, offset;
    struct node_view *v = node_view(f->nodes[who]);
    node_share_context(f->nodes[who], &f->nodes[who]->live, v, &c);
    stix_stream_open(&stream, read_text, &s);
    enum err e = intake_open(&c, &o, &in, d);
    while (!e && !(e = stix_stream_next(&stream, &object, &index, &offset, d)) && object.at)
        e = intake_add(in, object, "object", NULL, d);
    if (e && in) intake_cancel(&in);
    if (!e) e = intake_commit(&in, &totals, d);
    if (!e) e = release_run(&c, NULL, NULL, &released, d);
    buf_clear(&f->result);
    buf_printf(&f->result, "{\"read\":%d,\"added\":%d,\"known\":%d,\"rejected\":%d,\"quarantined\":%d}\n",
               (int)totals.read, (int)totals.added, (int)totals.known, (int)totals.rejected, (int)totals.quarantined);
    stix_stream_close(&stream);
    node_view_release(f->nodes[who], &v);
    return e;
}
