/* sync from a server that is no Renkei: one written here, in which each test says how the server behaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "http/server.h"
#include "pair.h"
#include "taxii/sync.h"

enum { PAGE = 10 };

/* How the server behaves in this test. Object i was added at second i / per_second. */
static struct {
    unsigned objects, per_second;
    bool gives_next, gives_dates, always_more, needs_user, needs_token, breaks_at_second_page;
    unsigned requests;
} way;

static struct pair pair;
static struct http_server *server;

static void date_of(unsigned i, char out[TIME_TEXT_SIZE]) {
    time_format_us((INT64_C(1700000000) + i / way.per_second) * TIME_US_PER_S, out);
}

static unsigned first_after(struct span added_after) {
    time_us after, added;
    char text[TIME_TEXT_SIZE];
    unsigned i = 0;
    if (!time_parse_stix(added_after, &after)) return 0;
    for (; i < way.objects; i++) {
        date_of(i, text);
        if (time_parse_stix(span_cstr(text), &added) && added > after) break;
    }
    return i;
}

static void write_page(struct http_response *res, unsigned from, unsigned to) {
    struct buf body = BUF_EMPTY;
    char date[TIME_TEXT_SIZE], id[64];
    buf_add_cstr(&body, "{\"objects\":[");
    for (unsigned i = from; i < to; i++) {
        buf_add_cstr(&body, i > from ? "," : "");
        if (i == 13)
            buf_add_cstr(&body, "{\"type\":\"indicator\",\"id\":\"not one\"}");
        else
            buf_printf(&body,
                       "{\"type\":\"malware\",\"spec_version\":\"2.1\",\"id\":\"malware%s\",\"created\":"
                       "\"2024-01-01T00:00:00.000Z\",\"modified\":\"2024-01-01T00:00:00.000Z\",\"name\":\"m%u\","
                       "\"is_family\":false}",
                       pair_indicator_id(i, id) + strlen("indicator"), i);
    }
    bool more = to < way.objects || way.always_more;
    buf_printf(&body, "],\"more\":%s", more ? "true" : "false");
    if (more && way.gives_next) buf_printf(&body, ",\"next\":\"%u\"", to);
    buf_add_char(&body, '}');
    if (way.gives_dates && to > from) {
        date_of(from, date);
        http_response_header(res, "X-TAXII-Date-Added-First", span_cstr(date));
        date_of(to - 1, date);
        http_response_header(res, "X-TAXII-Date-Added-Last", span_cstr(date));
    }
    http_response_take(res, 200, "application/taxii+json;version=2.1", &body);
}

static bool admitted(const struct http_request *req) {
    struct span user, password, token;
    if (way.needs_user)
        return http_request_basic(req, &user, &password) && span_is(user, "reader") && span_is(password, "p:w");
    return !way.needs_token || (http_request_bearer(req, &token) && span_is(token, "t0ken"));
}

static void answer(void *context, struct http_request *req, struct http_response *res) {
    struct span value, accept;
    uint64_t from = 0;
    way.requests++;
    if (!admitted(req)) {
        http_response_text(res, 401, "application/taxii+json;version=2.1",
                           SPAN("{\"title\":\"no\",\"description\":\"who are you?\"}"));
        return;
    }
    if (!http_request_header(req, "Accept", &accept) || !span_is(accept, "application/taxii+json;version=2.1") ||
        !span_is(req->path, "/root/collections/1/objects/")) {
        http_response_empty(res, 404);
        return;
    }
    if (http_query_get(req, "added_after", &value)) from = first_after(value);
    if (http_query_get(req, "next", &value)) {
        if (way.breaks_at_second_page) {
            http_response_empty(res, 502);
            return;
        }
        (void)!span_u64(value, &from);
    }
    unsigned to = (unsigned)from + PAGE < way.objects ? (unsigned)from + PAGE : way.objects;
    /* Without `next` a page must end where the date changes, or objects would be lost: what a careful server does. */
    while (!way.gives_next && to < way.objects && to % way.per_second) to++;
    write_page(res, (unsigned)from, to);
}

static int set_up(void **state) {
    struct diag d = {0};
    char path[256], text[1024];
    struct http_server_config config = {.handler = answer};
    if (http_server_start(&config, &server, &d)) fail_msg("server: %s", d.message);
    pair_open(&pair);
    unsigned port = http_server_port(server);
    struct node *n = pair.nodes[US];
    snprintf(text, sizeof text,
             "party: \"US-DOD\"\nname: \"US-DOD\"\nurl: \"%s\"\nsources:\n"
             "  - {name: open, url: \"http://127.0.0.1:%u/root/collections/1/\"}\n"
             "  - {name: user, url: \"http://127.0.0.1:%u/root/collections/1\", username: reader, password_file: pw}\n"
             "  - {name: token, url: \"http://127.0.0.1:%u/root/collections/1/\", token_file: token}\n"
             "  - {name: wrong, url: \"http://127.0.0.1:%u/elsewhere/\"}\n",
             n->config->url, port, port, port, port);
    struct config *settings = n->config;
    config_free(&settings);
    if (config_read(span_cstr(text), &settings, &d)) fail_msg("config: %s", d.message);
    n->config = settings;
    snprintf(path, sizeof path, "%s/pw", n->home);
    assert_int_equal(file_write(path, SPAN("p:w\n"), 0600, &d), ERR_NONE);
    snprintf(path, sizeof path, "%s/token", n->home);
    assert_int_equal(file_write(path, SPAN("t0ken\n"), 0600, &d), ERR_NONE);
    return 0;
}

static int tear_down(void **state) {
    http_server_stop(&server, 100);
    pair_close(&pair);
    return 0;
}

/* Every test begins without a memory of the source. */
static int forget(void **state) {
    struct store_tx *tx;
    struct diag d;
    memset(&way, 0, sizeof way);
    way.objects = 47;
    way.per_second = 3;
    way.gives_next = way.gives_dates = true;
    assert_int_equal(store_begin(pair.nodes[US]->live.store, &tx, &d), ERR_NONE);
    assert_int_equal(store_document_delete(tx, "sync", SPAN("taxii:open"), &d), ERR_NONE);
    return store_commit(&tx, &d);
}

static enum err pull(const char *name, struct taxii_sync_result *r, struct diag *d) {
    *d = (struct diag){0};
    return taxii_sync(pair.nodes[US], name, NULL, r, d);
}

static void pull_well(struct taxii_sync_result *r) {
    struct diag d;
    if (pull("open", r, &d)) fail_msg("%s", d.message);
}

static void follows_next_and_resumes(void **state) {
    struct taxii_sync_result r;
    pull_well(&r);
    assert_int_equal(r.read, 47);
    assert_int_equal(r.added, 46);
    assert_int_equal(r.rejected, 1); /* the one that is no STIX costs itself only */
    assert_false(r.renkei);
    way.requests = 0;
    pull_well(&r);
    assert_int_equal(r.read, 0);
    assert_int_equal(way.requests, 1);
    way.objects = 60;
    pull_well(&r);
    assert_int_equal(r.added, 12); /* 48 to 59: number 47 shares its date with what was the last */
}

static void follows_dates_without_next(void **state) {
    struct taxii_sync_result r;
    way.gives_next = false;
    way.objects = 61;
    pull_well(&r);
    assert_int_equal(r.read, 61);
    pull_well(&r);
    assert_int_equal(r.read, 0);
}

static void reads_all_anew_without_dates(void **state) {
    struct taxii_sync_result r;
    way.gives_dates = false;
    pull_well(&r);
    assert_int_equal(r.read, 47);
    assert_true(r.restarted);
    pull_well(&r);
    assert_int_equal(r.read, 47);
    assert_int_equal(r.added, 0);
}

static void an_interruption_loses_nothing(void **state) {
    struct taxii_sync_result r;
    struct diag d;
    way.breaks_at_second_page = true;
    way.objects = 147;
    assert_int_equal(pull("open", &r, &d), ERR_NETWORK);
    assert_non_null(strstr(d.message, "502"));
    assert_int_equal(r.read, 10);
    way.breaks_at_second_page = false;
    pull_well(&r);
    assert_int_equal(r.read, 147 - 9); /* object 9 had the date of 10 and 11, which the break kept back */
}

static void endless_servers_are_left(void **state) {
    struct taxii_sync_result r;
    struct diag d;
    way.always_more = true;
    assert_int_equal(pull("open", &r, &d), ERR_NETWORK);
    way.gives_next = false;
    forget(state);
    way.always_more = true;
    way.gives_next = way.gives_dates = false;
    assert_int_equal(pull("open", &r, &d), ERR_NETWORK);
    assert_non_null(strstr(d.message, "leads on"));
}

static void secrets_come_from_files(void **state) {
    struct taxii_sync_result r;
    struct diag d;
    way.needs_user = true;
    assert_int_equal(pull("open", &r, &d), ERR_DENIED);
    assert_non_null(strstr(d.message, "who are you?"));
    if (pull("user", &r, &d)) fail_msg("%s", d.message);
    assert_int_equal(r.read, 47);
    way.needs_user = false;
    way.needs_token = true;
    if (pull("token", &r, &d)) fail_msg("%s", d.message);
    assert_int_equal(r.read, 47);
    way.needs_token = false;
    assert_int_equal(pull("wrong", &r, &d), ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(follows_next_and_resumes, forget),
        cmocka_unit_test_setup(follows_dates_without_next, forget),
        cmocka_unit_test_setup(reads_all_anew_without_dates, forget),
        cmocka_unit_test_setup(an_interruption_loses_nothing, forget),
        cmocka_unit_test_setup(endless_servers_are_left, forget),
        cmocka_unit_test_setup(secrets_come_from_files, forget),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
