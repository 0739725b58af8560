#include "pair.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/file.h"
#include "json/write.h"

static const char *const parties[] = {"JP-MOD", "US-DOD"};

static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void check(enum err e, const struct diag *d, const char *what) {
    if (e) fail_msg("%s: %s", what, d->message);
}

/* ---- operations ---- */

static void take_result(void *context, struct span json) {
    struct pair *p = context;
    buf_add(&p->result, json);
    buf_add_char(&p->result, '\n');
}

static enum err run(struct pair *p, int who, const char *name, struct span args, const int *fds, size_t fd_count,
                    struct diag *d) {
    struct arena a;
    struct json_doc doc;
    struct op_listener listener = {.result = take_result, .context = p};
    const struct op *op = op_find(node_operations(), span_cstr(name));
    assert_non_null(op);
    buf_clear(&p->result);
    arena_init(&a, 1 << 30);
    enum err e = json_parse(&a, args, &doc, d);
    struct op_call call = {.node = p->nodes[who],
                           .realm = &p->nodes[who]->live,
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

enum err pair_try(struct pair *p, int who, const char *name, const char *args, struct diag *d) {
    return run(p, who, name, span_cstr(args), NULL, 0, d);
}

void pair_run(struct pair *p, int who, const char *name, const char *args) {
    struct diag d = {0};
    check(pair_try(p, who, name, args, &d), &d, name);
}

void pair_import(struct pair *p, int who, struct span bundle) {
    struct diag d = {0};
    int fd = memfd_create("bundle", 0);
    assert_true(fd >= 0);
    check(file_write_all(fd, bundle, &d), &d, "memfd");
    lseek(fd, 0, SEEK_SET);
    check(run(p, who, "import.stix", SPAN("{\"names\":[\"bundle\"]}"), &fd, 1, &d), &d, "import");
}

/* ---- making them ---- */

static void trust(struct pair *p, int who, int whom) {
    struct buf args = BUF_EMPTY;
    struct json_writer w = json_writer(&args);
    struct node_view *v = node_view(p->nodes[whom]);
    json_begin_object(&w);
    json_member(&w, "card", v->own.text);
    json_member_truth(&w, "trust", true);
    json_end_object(&w);
    node_view_release(p->nodes[whom], &v);
    pair_run(p, who, "party.add", buf_cstr(&args));
    buf_free(&args);
}

static void write_direction(struct buf *out, const char *from, const char *to, const char *clause) {
    buf_printf(out,
               "  - from: %s\n    to: %s\n    no_tlp: green\n    rules:\n      - clause: %s\n        outcome: release\n"
               "        types: [all]\n        tlp: [clear, green]\n    sightings:\n      return: true\n"
               "      name_member: false\n",
               from, to, clause);
}

static void write_agreement(struct pair *p, struct buf *out) {
    buf_add_cstr(out, "renkei: agreement/v1\ntitle: Test\neffective: 2020-01-01\nends: 2099-12-31\nparties:\n");
    for (int i = 0; i < 2; i++) {
        struct node_view *v = node_view(p->nodes[i]);
        buf_printf(out, "  - {id: %s, name: %s, key: \"ed25519:", parties[i], parties[i]);
        buf_add_base64(out, span_of(v->own.agreement_key, CARD_KEY_SIZE));
        buf_add_cstr(out, "\"}\n");
        node_view_release(p->nodes[i], &v);
    }
    buf_add_cstr(out, "release:\n");
    write_direction(out, "JP-MOD", "US-DOD", "JP-1");
    write_direction(out, "US-DOD", "JP-MOD", "US-1");
}

static void agree(struct pair *p) {
    struct buf text = BUF_EMPTY, args = BUF_EMPTY, signatures[2] = {0};
    write_agreement(p, &text);
    struct json_writer w = json_writer(&args);
    json_begin_object(&w);
    json_member(&w, "text", buf_span(&text));
    json_end_object(&w);
    for (int i = 0; i < 2; i++) {
        struct arena a;
        struct json_doc doc;
        arena_init(&a, 1 << 20);
        pair_run(p, i, "agreement.sign", buf_cstr(&args));
        assert_int_equal(json_parse(&a, buf_span(&p->result), &doc, NULL), ERR_NONE);
        buf_add(&signatures[i], json_text(json_get(json_root(&doc), "signature"), &a));
        arena_free(&a);
    }
    buf_clear(&args);
    w = json_writer(&args);
    json_begin_object(&w);
    json_member(&w, "text", buf_span(&text));
    json_key(&w, "signatures");
    json_begin_array(&w);
    for (int i = 0; i < 2; i++) json_string(&w, buf_span(&signatures[i]));
    json_end_array(&w);
    json_end_object(&w);
    for (int i = 0; i < 2; i++) pair_run(p, i, "agreement.add", buf_cstr(&args));
    for (int i = 0; i < 2; i++) buf_free(&signatures[i]);
    buf_free(&text);
    buf_free(&args);
}

/* node_open() for writing, less the sandbox: a process can give up the keys of one node only. */
static void open_unconfined(const char *home, struct node **out) {
    struct diag d = {0};
    char path[256];
    check(node_open(home, NODE_READ, out, &d), &d, "open");
    store_close(&(*out)->live.store);
    snprintf(path, sizeof path, "%s/realms/live/store.db", home);
    check(store_open(path, STORE_WRITE, &(*out)->live.store, &d), &d, "store");
    snprintf(path, sizeof path, "%s/keys", home);
    check(signer_start(path, 1, &(*out)->signer, &d), &d, "signer");
}

void pair_open(struct pair *p) {
    struct diag d = {0};
    char home[128], url[64];
    *p = (struct pair){0};
    snprintf(p->folder, sizeof p->folder, "/tmp/renkei-pair-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    for (int i = 0; i < 2; i++) {
        snprintf(home, sizeof home, "%s/%s", p->folder, parties[i]);
        snprintf(url, sizeof url, "https://127.0.0.1:%u", free_port());
        struct node_init init = {span_cstr(parties[i]), span_cstr(parties[i]), span_cstr(url)};
        check(node_create(home, &init, &d), &d, "init");
        open_unconfined(home, &p->nodes[i]);
    }
    trust(p, JP, US);
    trust(p, US, JP);
    agree(p);
}

void pair_close(struct pair *p) {
    char command[128];
    for (int i = 0; i < 2; i++) node_close(&p->nodes[i]);
    buf_free(&p->result);
    snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    if (system(command)) print_message("%s is left behind\n", p->folder);
}

/* ---- objects ---- */

const char *pair_indicator_id(unsigned number, char text[64]) {
    snprintf(text, 64, "indicator--00000000-0000-4000-8000-%012u", number);
    return text;
}

void pair_indicators(struct buf *out, unsigned first, unsigned count, unsigned version) {
    char id[64];
    buf_add_cstr(out, "{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000000\",\"objects\":[");
    for (unsigned i = first; i < first + count; i++)
        buf_printf(out,
                   "%s{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"%s\","
                   "\"created\":\"2024-01-01T00:00:00.000Z\",\"modified\":\"2024-01-01T00:%02u:%02u.000Z\","
                   "\"name\":\"host %u\",\"pattern\":\"[domain-name:value = 'h%u.example.com']\","
                   "\"pattern_type\":\"stix\",\"valid_from\":\"2024-01-01T00:00:00Z\"}",
                   i > first ? "," : "", pair_indicator_id(i, id), version / 60, version % 60, i, i);
    buf_add_cstr(out, "]}");
}

struct http_client *pair_client(struct pair *p, int as, int to, struct taxii_identity *identity) {
    struct diag d = {0};
    struct http_client *client;
    struct node_view *v = node_view(p->nodes[to]);
    struct http_client_config config = {.pins = &v->own.tls_pin, .pin_count = 1};
    if (as >= 0) {
        check(taxii_identity_take(p->nodes[as], identity, &d), &d, "identity");
        config.identity = &identity->key;
    }
    check(http_client_open(&config, &client, &d), &d, "client");
    node_view_release(p->nodes[to], &v);
    return client;
}
