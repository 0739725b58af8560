/* The server over real sockets: who may see what, pages, headers, errors, the inbox, tiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger/tile.h"
#include "pair.h"
#include "taxii/inbox.h"
#include "taxii/page.h"
#include "taxii/server.h"
#include "json/json.h"

#define TAXII "application/taxii+json;version=2.1"
enum { OBJECTS = 250, WITHDRAWN = 17 };

static struct pair pair;
static struct taxii_server *server;
static struct taxii_identity identity;
static struct http_client *partner, *stranger;
static struct http_reply reply;
static struct arena arena;
static struct json_doc doc;
static struct diag diag;
static char base[64];

/* ---- requests ---- */

static unsigned send(struct http_client *client, const char *method, const char *path, const char *accept,
                     const char *type, struct span body) {
    char url[4096];
    struct http_param headers[2];
    size_t count = 0;
    if (accept) headers[count++] = (struct http_param){SPAN("Accept"), span_cstr(accept)};
    if (type) headers[count++] = (struct http_param){SPAN("Content-Type"), span_cstr(type)};
    snprintf(url, sizeof url, "%s%s", base, path);
    if (http_client_send(client, method, url, headers, count, body, 256 << 20, &reply, &diag))
        fail_msg("%s %s: %s", method, path, diag.message);
    return reply.status;
}

static unsigned get(const char *path) {
    return send(partner, "GET", path, TAXII, NULL, (struct span){0});
}

static struct json_value answer(void) {
    arena_reset(&arena);
    if (json_parse(&arena, buf_span(&reply.body), &doc, &diag)) fail_msg("%s", diag.message);
    return json_root(&doc);
}

static const char *text_of(struct json_value v) {
    const char *text = arena_cstr(&arena, json_text(v, &arena));
    return text ? text : "";
}

static void expect_error(unsigned status, const char *part) {
    struct span type;
    char number[8];
    assert_int_equal(reply.status, status);
    assert_true(http_reply_header(&reply, "Content-Type", &type));
    assert_true(span_is(type, TAXII));
    struct json_value root = answer();
    snprintf(number, sizeof number, "%u", status);
    assert_string_equal(text_of(json_get(root, "http_status")), number); /* a string (§3.6.1) */
    assert_true(json_exists(json_get(root, "title")));
    if (!strstr(text_of(json_get(root, "description")), part))
        fail_msg("\"%s\" is not in \"%s\"", part, text_of(json_get(root, "description")));
}

static size_t object_count(void) {
    return json_count(json_get(answer(), "objects"));
}

/* ---- fixture ---- */

static int set_up(void **state) {
    struct buf bundle = BUF_EMPTY;
    char args[256], id[64];
    pair_open(&pair);
    pair_indicators(&bundle, 0, OBJECTS, 0);
    pair_import(&pair, JP, buf_span(&bundle));
    buf_clear(&bundle);
    pair_indicators(&bundle, 0, 10, 5);
    pair_import(&pair, JP, buf_span(&bundle));
    buf_free(&bundle);
    pair_run(&pair, JP, "release", "{}");
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"from\":\"US-DOD\"}", pair_indicator_id(WITHDRAWN, id));
    pair_run(&pair, JP, "withdraw", args);
    if (taxii_server_start(pair.nodes[JP], &server, &diag)) fail_msg("server: %s", diag.message);
    snprintf(base, sizeof base, "https://127.0.0.1:%u", taxii_server_port(server));
    partner = pair_client(&pair, US, JP, &identity);
    stranger = pair_client(&pair, -1, JP, NULL);
    arena_init(&arena, 64 << 20);
    return 0;
}

static int tear_down(void **state) {
    http_client_close(&partner);
    http_client_close(&stranger);
    http_reply_free(&reply);
    taxii_identity_free(&identity);
    arena_free(&arena);
    taxii_server_stop(&server);
    pair_close(&pair);
    return 0;
}

/* ---- who ---- */

static void strangers_get_the_card_and_nothing_else(void **state) {
    static const char *const paths[] = {"/taxii2/", "/api/live/", "/api/live/collections/", "/nothing/",
                                        "/renkei/v1/ledgers/"};
    struct span challenge;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        send(stranger, "GET", paths[i], TAXII, NULL, (struct span){0});
        expect_error(401, "certificate");
        assert_true(http_reply_header(&reply, "WWW-Authenticate", &challenge));
    }
    assert_int_equal(send(stranger, "GET", "/renkei/v1/card", NULL, NULL, (struct span){0}), 200);
    assert_int_equal(json_count(answer()), 1);
    assert_int_equal(send(stranger, "POST", "/renkei/v1/card", NULL, "application/json", SPAN("[]")), 400);
    assert_int_equal(send(stranger, "POST", "/api/live/collections/inbox/objects/", TAXII, TAXII, SPAN("{}")), 401);
}

static void resources_describe_themselves(void **state) {
    struct span type;
    assert_int_equal(get("/taxii2/"), 200);
    assert_true(http_reply_header(&reply, "Content-Type", &type));
    assert_true(span_is(type, TAXII));
    assert_true(span_ends(span_cstr(text_of(json_get(answer(), "default"))), SPAN("/api/live/")));
    assert_int_equal(get("/api/live/"), 200);
    assert_string_equal(text_of(json_at(json_get(answer(), "versions"), 0)), TAXII);
    assert_int_equal(get("/api/live/collections/"), 200);
    struct json_value list = json_get(answer(), "collections");
    assert_int_equal(json_count(list), 2);
    assert_string_equal(text_of(json_get(json_at(list, 0), "alias")), "feed");
    assert_int_equal(json_type(json_get(json_at(list, 0), "can_read")), JSON_TRUE);
    assert_int_equal(json_type(json_get(json_at(list, 0), "can_write")), JSON_FALSE);
    assert_string_equal(text_of(json_get(json_at(list, 1), "alias")), "inbox");
    assert_int_equal(json_type(json_get(json_at(list, 1), "can_write")), JSON_TRUE);
    char path[256];
    snprintf(path, sizeof path, "/api/live/collections/%s/", text_of(json_get(json_at(list, 0), "id")));
    assert_int_equal(get(path), 200);
    assert_string_equal(text_of(json_get(answer(), "alias")), "feed");
    assert_int_equal(get("/api/live/collections/feed/"), 200);
}

static void wrong_requests(void **state) {
    get("/api/live/collections/feed");
    expect_error(308, "slash");
    get("/api/live/collections/other/");
    expect_error(404, "collection");
    get("/api/live/collections/other/objects/");
    expect_error(404, "collection");
    get("/api/live/status/00000000-0000-4000-8000-000000000000/");
    expect_error(404, "status");
    send(partner, "GET", "/taxii2/", "application/json", NULL, (struct span){0});
    expect_error(406, "taxii+json");
    send(partner, "PUT", "/taxii2/", TAXII, NULL, SPAN("x"));
    expect_error(405, "method");
    send(partner, "POST", "/api/live/collections/feed/objects/", TAXII, TAXII, SPAN("{\"objects\":[{}]}"));
    expect_error(403, "written");
    send(partner, "POST", "/api/live/collections/inbox/objects/", TAXII, "application/json", SPAN("{}"));
    expect_error(415, "taxii+json");
    get("/api/live/collections/inbox/objects/");
    expect_error(403, "read");
    send(partner, "DELETE", "/api/live/collections/feed/objects/indicator--00000000-0000-4000-8000-000000000001/",
         TAXII, NULL, (struct span){0});
    expect_error(403, "cannot delete");
    send(partner, "DELETE", "/api/live/collections/other/objects/x/", TAXII, NULL, (struct span){0});
    expect_error(404, "collection");
    get("/api/live/collections/feed/objects/?limit=0");
    expect_error(400, "limit");
    get("/api/live/collections/feed/objects/?next=abc");
    expect_error(400, "next");
    get("/api/live/collections/feed/objects/?added_after=now");
    expect_error(400, "added_after");
}

/* ---- pages ---- */

static void walk(const char *filters, unsigned limit, size_t expected) {
    char path[1024], next[128] = "";
    size_t seen = 0, pages = 0;
    bool more = true;
    while (more) {
        struct span first, last;
        snprintf(path, sizeof path, "/api/live/collections/feed/objects/?limit=%u%s&next=%s", limit, filters, next);
        assert_int_equal(get(path), 200);
        seen += object_count();
        assert_true(http_reply_header(&reply, "X-TAXII-Date-Added-First", &first));
        assert_true(http_reply_header(&reply, "X-TAXII-Date-Added-Last", &last));
        assert_int_equal(last.len, strlen("2026-01-01T00:00:00.000000Z"));
        assert_true(span_compare(first, last) <= 0);
        struct json_value root = answer();
        if (!json_bool(json_get(root, "more"), &more)) more = false;
        snprintf(next, sizeof next, "%s", text_of(json_get(root, "next")));
        assert_int_equal(more, next[0] != 0);
        pages++;
    }
    assert_int_equal(seen, expected);
    assert_int_equal(pages, (expected + limit - 1) / limit);
}

static void pages_hold_everything_once(void **state) {
    size_t current = OBJECTS + 1 - 1; /* and the party's identity, less one withdrawn */
    walk("", 100, current);
    walk("", 1, current);
    walk("", 125, current);
    walk("", 1000, current);
    walk("&match[version]=all", 100, current + 10);
    walk("&match[version]=first", 100, current);
    walk("&match[version]=first,last", 60, current + 10);
    walk("&match[type]=identity", 100, 1);
    walk("&match[type]=indicator", 100, current - 1);
    walk("&match[type]=indicator,identity", 30, current);
    walk("&match[version]=2024-01-01T00:00:00.000Z", 100, OBJECTS - 1);
    walk("&match[version]=2024-01-01T00:00:05.000Z", 3, 10);
}

static void pages_without_anything(void **state) {
    static const char *const paths[] = {
        "/api/live/collections/feed/objects/?match[type]=malware",
        "/api/live/collections/feed/objects/?match[spec_version]=2.0",
        "/api/live/collections/feed/objects/?added_after=2100-01-01T00:00:00Z",
        "/api/live/collections/feed/objects/?match[id]=indicator--00000000-0000-4000-8000-000000000017",
        "/api/live/collections/feed/manifest/?match[type]=malware",
    };
    struct span header;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(get(paths[i]), 200);
        assert_true(span_is(buf_span(&reply.body), "{}")); /* no empty lists (§1.6.2) */
        assert_false(http_reply_header(&reply, "X-TAXII-Date-Added-First", &header));
        assert_false(http_reply_header(&reply, "X-TAXII-Date-Added-Last", &header));
    }
}

static void added_after_goes_on_without_loss(void **state) {
    char path[512], after[64] = "2000-01-01T00:00:00Z";
    size_t seen = 0;
    for (size_t got = 1; got;) {
        struct span last;
        snprintf(path, sizeof path, "/api/live/collections/feed/manifest/?limit=7&added_after=%s", after);
        assert_int_equal(get(path), 200);
        seen += got = object_count();
        if (!got) break;
        assert_true(http_reply_header(&reply, "X-TAXII-Date-Added-Last", &last));
        snprintf(after, sizeof after, "%.*s", SPAN_ARG(last));
    }
    assert_int_equal(seen, OBJECTS);
}

static void one_object(void **state) {
    char path[512], id[64];
    snprintf(path, sizeof path, "/api/live/collections/feed/objects/%s/", pair_indicator_id(3, id));
    assert_int_equal(get(path), 200);
    struct json_value object = json_at(json_get(answer(), "objects"), 0);
    assert_string_equal(text_of(json_get(object, "modified")), "2024-01-01T00:00:05.000Z");
    snprintf(path, sizeof path, "/api/live/collections/feed/objects/%s/?match[version]=all", id);
    assert_int_equal(get(path), 200);
    assert_int_equal(object_count(), 2);
    snprintf(path, sizeof path, "/api/live/collections/feed/objects/%s/?match[version]=first", id);
    assert_int_equal(get(path), 200);
    object = json_at(json_get(answer(), "objects"), 0);
    assert_string_equal(text_of(json_get(object, "modified")), "2024-01-01T00:00:00.000Z");
    snprintf(path, sizeof path, "/api/live/collections/feed/objects/%s/versions/", id);
    assert_int_equal(get(path), 200);
    struct json_value versions = json_get(answer(), "versions");
    assert_int_equal(json_count(versions), 2);
    assert_string_equal(text_of(json_at(versions, 1)), "2024-01-01T00:00:05.000Z");
    snprintf(path, sizeof path, "/api/live/collections/feed/manifest/?match[id]=%s", id);
    assert_int_equal(get(path), 200);
    struct json_value record = json_at(json_get(answer(), "objects"), 0);
    assert_string_equal(text_of(json_get(record, "id")), id);
    assert_string_equal(text_of(json_get(record, "version")), "2024-01-01T00:00:05.000Z");
    assert_string_equal(text_of(json_get(record, "media_type")), "application/stix+json;version=2.1");
    assert_int_equal(strlen(text_of(json_get(record, "date_added"))), strlen("2026-01-01T00:00:00.000000Z"));
    snprintf(path, sizeof path, "/api/live/collections/feed/objects/%s/", pair_indicator_id(WITHDRAWN, id));
    get(path);
    expect_error(404, "object");
    snprintf(path, sizeof path, "/api/live/collections/feed/objects/%s/versions/", id);
    get(path);
    expect_error(404, "object");
    get("/api/live/collections/feed/objects/nonsense/");
    expect_error(404, "object");
}

static void head_has_headers_and_no_body(void **state) {
    struct span header;
    assert_int_equal(send(partner, "HEAD", "/api/live/collections/feed/objects/", TAXII, NULL, (struct span){0}), 200);
    assert_int_equal(reply.body.len, 0);
    assert_true(http_reply_header(&reply, "X-TAXII-Date-Added-Last", &header));
}

/* A prepared page must not outlive what it shows. */
static void withdrawal_empties_prepared_pages(void **state) {
    char args[256], id[64];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get("/api/live/collections/feed/objects/"), 200);
        assert_true(span_find(buf_span(&reply.body), span_cstr(pair_indicator_id(21, id))) != SIZE_MAX);
    }
    snprintf(args, sizeof args, "{\"id\":\"%s\",\"from\":\"US-DOD\"}", pair_indicator_id(21, id));
    pair_run(&pair, JP, "withdraw", args);
    assert_int_equal(get("/api/live/collections/feed/objects/"), 200);
    assert_true(span_find(buf_span(&reply.body), span_cstr(id)) == SIZE_MAX);
    assert_int_equal(object_count(), 100);
}

/* ---- the inbox ---- */

static void inbox_takes_objects(void **state) {
    struct buf bundle = BUF_EMPTY;
    char path[256], id[64];
    pair_indicators(&bundle, 90000, 3, 0);
    bundle.len -= 2; /* and one that is none */
    buf_add_cstr(&bundle, ",{\"type\":\"indicator\",\"id\":\"indicator--00000000-0000-4000-8000-000000099999\"},17]}");
    assert_int_equal(send(partner, "POST", "/api/live/collections/inbox/objects/", TAXII, TAXII, buf_span(&bundle)),
                     202);
    struct json_value status = answer();
    snprintf(path, sizeof path, "/api/live/status/%s/", text_of(json_get(status, "id")));
    for (int i = 0; i < 100 && strcmp(text_of(json_get(status, "status")), "complete"); i++) {
        usleep(50000);
        assert_int_equal(get(path), 200);
        status = answer();
    }
    assert_int_equal(get(path), 200);
    status = answer();
    int64_t n;
    assert_string_equal(text_of(json_get(status, "status")), "complete");
    assert_true(json_int(json_get(status, "total_count"), &n) && n == 5);
    assert_true(json_int(json_get(status, "success_count"), &n) && n == 3);
    assert_true(json_int(json_get(status, "failure_count"), &n) && n == 2);
    assert_true(json_int(json_get(status, "pending_count"), &n) && n == 0);
    assert_false(json_exists(json_get(status, "pendings")));
    assert_string_equal(text_of(json_get(json_at(json_get(status, "successes"), 0), "id")),
                        pair_indicator_id(90000, id));
    assert_true(json_exists(json_get(json_at(json_get(status, "failures"), 0), "message")));
    /* Exact duplicates are no error. */
    pair_indicators(&bundle, 0, 0, 0);
    buf_clear(&bundle);
    pair_indicators(&bundle, 90000, 3, 0);
    assert_int_equal(send(partner, "POST", "/api/live/collections/inbox/objects/", TAXII, TAXII, buf_span(&bundle)),
                     202);
    buf_free(&bundle);
    send(partner, "POST", "/api/live/collections/inbox/objects/", TAXII, TAXII, SPAN("{}"));
    expect_error(422, "objects");
    send(partner, "POST", "/api/live/collections/inbox/objects/", TAXII, TAXII, SPAN("nonsense"));
    expect_error(400, "envelope");
}

/* ---- what sync reads ---- */

static void tiles_are_served_as_far_as_the_checkpoint(void **state) {
    struct span entries[LEDGER_TILE_WIDTH];
    int64_t size;
    char path[256];
    assert_int_equal(get("/renkei/v1/ledgers/"), 200);
    assert_true(json_int(json_get(json_at(json_get(answer(), "ledgers"), 0), "size"), &size));
    assert_true(size > 256 && size < 512);
    assert_int_equal(get("/renkei/v1/ledgers/feed/checkpoint"), 200);
    assert_true(span_starts(buf_span(&reply.body), SPAN("renkei/jp-mod/us-dod/live/")));
    assert_int_equal(get("/renkei/v1/ledgers/feed/tile/entries/000"), 200);
    assert_int_equal(ledger_bundle_read(buf_span(&reply.body), entries, LEDGER_TILE_WIDTH, &diag), ERR_NONE);
    assert_int_equal(get("/renkei/v1/ledgers/feed/tile/0/000"), 200);
    assert_int_equal(reply.body.len, LEDGER_TILE_SIZE);
    assert_int_equal(get("/renkei/v1/ledgers/feed/tile/1/000.p/1"), 200);
    assert_int_equal(reply.body.len, SHA256_SIZE);
    assert_int_equal(get("/renkei/v1/ledgers/feed/tile/0/001.p/3"), 200);
    assert_int_equal(reply.body.len, 3 * SHA256_SIZE);
    assert_int_equal(get("/renkei/v1/ledgers/feed/salts/000.p/20"), 200);
    assert_int_equal(reply.body.len, 20 * 32);
    static const char none[32];
    /* Entry 0 is the identity; the withdrawn indicator's salt is gone. */
    assert_memory_equal(reply.body.at + (WITHDRAWN + 1) * 32, none, 32);
    assert_memory_not_equal(reply.body.at + WITHDRAWN * 32, none, 32);
    snprintf(path, sizeof path, "/renkei/v1/ledgers/feed/tile/entries/001.p/%d", (int)(size - 256));
    assert_int_equal(get(path), 200);
    snprintf(path, sizeof path, "/renkei/v1/ledgers/feed/tile/entries/001.p/%d", (int)(size - 255));
    assert_int_equal(get(path), 404);
    static const char *const missing[] = {"tile/0/001", "tile/1/000", "tile/2/000", "tile/0/1",   "tile/entries/002",
                                          "salts/001",  "salts/x",    "tile/",      "tile/63/000"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        snprintf(path, sizeof path, "/renkei/v1/ledgers/feed/%s", missing[i]);
        assert_int_equal(get(path), 404);
    }
    assert_int_equal(get("/renkei/v1/ledgers/inbox/checkpoint"), 404);
    assert_int_equal(send(partner, "POST", "/renkei/v1/ledgers/feed/cosign", NULL, "text/plain", SPAN("x")), 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_get_the_card_and_nothing_else),
        cmocka_unit_test(resources_describe_themselves),
        cmocka_unit_test(wrong_requests),
        cmocka_unit_test(pages_hold_everything_once),
        cmocka_unit_test(pages_without_anything),
        cmocka_unit_test(added_after_goes_on_without_loss),
        cmocka_unit_test(one_object),
        cmocka_unit_test(head_has_headers_and_no_body),
        cmocka_unit_test(tiles_are_served_as_far_as_the_checkpoint),
        cmocka_unit_test(withdrawal_empties_prepared_pages),
        cmocka_unit_test(inbox_takes_objects),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
