#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "base/time.h"

static enum err get(struct http_client *c, const char *base, const char *path, size_t limit, struct http_reply *reply,
                    struct diag *d) {
    char url[1024];
    snprintf(url, sizeof url, "%s%s", base, path);
    *d = (struct diag){0};
    return http_client_send(c, "GET", url, NULL, 0, (struct span){0}, limit, reply, d);
}

static struct http_client *open_client(struct http_client_config config) {
    struct http_client *c;
    struct diag d = {0};
    if (http_client_open(&config, &c, &d)) fail_msg("%s", d.message);
    return c;
}

/* ---- trust ---- */

static void pins(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d;
    fixture_start(&f, (struct http_server_config){0}, true);
    struct sha256 wrong = sha256_of(SPAN("another key")), both[] = {wrong, f.server_id->pin};

    struct http_client *c = open_client((struct http_client_config){.pins = &wrong, .pin_count = 1});
    assert_int_equal(get(c, f.base, "/echo", 1000, &reply, &d), ERR_VERIFY);
    assert_non_null(strstr(d.message, "127.0.0.1"));
    http_client_close(&c);
    assert_int_equal(atomic_load(&f.handled), 0); /* nothing was asked of a stranger */

    c = open_client((struct http_client_config){.pins = both, .pin_count = 2}); /* a key and its successor */
    assert_int_equal(get(c, f.base, "/echo", 1000, &reply, &d), ERR_NONE);
    http_client_close(&c);

    c = open_client((struct http_client_config){0}); /* self-signed: the system's CAs do not know it */
    assert_int_equal(get(c, f.base, "/echo", 1000, &reply, &d), ERR_VERIFY);
    http_client_close(&c);

    c = open_client((struct http_client_config){.allow_unpinned = true});
    assert_int_equal(get(c, f.base, "/echo", 1000, &reply, &d), ERR_NONE);
    assert_true(reply.has_peer && sha256_equal(&reply.peer_pin, &f.server_id->pin));
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

static void ca_file(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d;
    char path[] = "/tmp/renkei-http-ca-XXXXXX";
    fixture_start(&f, (struct http_server_config){0}, true);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, buf_span(&f.server_id->pair.certificate), &d), ERR_NONE);
    close(fd);
    struct http_client *c = open_client((struct http_client_config){.ca_file = path});
    if (get(c, f.base, "/echo", 1000, &reply, &d)) fail_msg("%s", d.message);
    http_client_close(&c);
    /* the same file and a certificate it does not hold */
    struct fixture other = {0};
    fixture_start(&other, (struct http_server_config){0}, true);
    c = open_client((struct http_client_config){.ca_file = path});
    assert_int_equal(get(c, other.base, "/echo", 1000, &reply, &d), ERR_VERIFY);
    http_client_close(&c);
    fixture_stop(&other);
    unlink(path);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* ---- URLs and headers ---- */

static void urls(void **state) {
    static const struct {
        const char *url;
        enum err err;
    } cases[] = {
        {"http://example.org/", ERR_DENIED},
        {"http://127.0.0.1.example.org/", ERR_DENIED},
        {"http://localhost.example.org/", ERR_DENIED},
        {"http://10.0.0.1/", ERR_DENIED},
        {"http://[2001:db8::1]/", ERR_DENIED},
        {"https://user:secret@127.0.0.1/", ERR_INVALID},
        {"https://user@127.0.0.1/", ERR_INVALID},
        {"ftp://127.0.0.1/", ERR_INVALID},
        {"file:///etc/passwd", ERR_INVALID},
        {"127.0.0.1", ERR_INVALID},
        {"", ERR_INVALID},
        {"https://", ERR_INVALID},
        {"https://a b/", ERR_INVALID},
        {"https://127.0.0.1/\r\nX: y", ERR_INVALID},
        {"http://127.0.0.1:1/secret-free?token=secret", ERR_NETWORK},
        {"http://[::1]:1/", ERR_NETWORK},
        {"http://127.9.9.9:1/", ERR_NETWORK},
    };
    struct http_client *c = open_client((struct http_client_config){.connect_timeout_ms = 2000});
    struct http_reply reply = HTTP_REPLY_EMPTY;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag d = {0};
        enum err err = http_client_send(c, "GET", cases[i].url, NULL, 0, (struct span){0}, 1000, &reply, &d);
        if (err != cases[i].err) fail_msg("%s: %s: %s", cases[i].url, err_name(err), d.message);
        assert_true(d.message[0] && d.code == err);
        assert_null(strstr(d.message, "secret@"));
        assert_null(strstr(d.message, "token"));
        assert_null(strstr(d.message, "user:"));
    }
    http_client_close(&c);
    http_reply_free(&reply);
}

static void headers(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d = {0};
    char url[128];
    fixture_start(&f, (struct http_server_config){0}, false);
    struct http_client *c = open_client((struct http_client_config){0});
    snprintf(url, sizeof url, "%s/echo", f.base);
    struct http_param good = {SPAN("X-Test"), SPAN("one")}, empty = {SPAN("X-Test"), SPAN("")},
                      bad[] = {
                          {SPAN("X-Test"), SPAN("a\r\nX-More: b")}, {SPAN("X:Y"), SPAN("a")}, {SPAN(""), SPAN("a")}};
    assert_int_equal(http_client_send(c, "GET", url, &good, 1, (struct span){0}, 1000, &reply, &d), ERR_NONE);
    assert_true(span_find(buf_span(&reply.body), SPAN("X-Test: one\n")) != SIZE_MAX);
    assert_int_equal(http_client_send(c, "GET", url, &empty, 1, (struct span){0}, 1000, &reply, &d), ERR_NONE);
    assert_true(span_find(buf_span(&reply.body), SPAN("X-Test: \n")) != SIZE_MAX);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(http_client_send(c, "GET", url, &bad[i], 1, (struct span){0}, 1000, &reply, &d), ERR_INVALID);
    assert_int_equal(http_client_send(c, "GE T", url, NULL, 0, (struct span){0}, 1000, &reply, &d), ERR_INVALID);
    assert_int_equal(atomic_load(&f.handled), 2);
    /* methods */
    assert_int_equal(http_client_send(c, "DELETE", url, NULL, 0, (struct span){0}, 1000, &reply, &d), ERR_NONE);
    assert_true(span_starts(buf_span(&reply.body), SPAN("DELETE /echo\n")));
    assert_int_equal(http_client_send(c, "PUT", url, NULL, 0, SPAN("abc"), 1000, &reply, &d), ERR_NONE);
    assert_true(span_starts(buf_span(&reply.body), SPAN("PUT /echo\n")));
    assert_true(span_find(buf_span(&reply.body), SPAN("body 3 ")) != SIZE_MAX);
    assert_int_equal(http_client_send(c, "HEAD", url, NULL, 0, (struct span){0}, 1000, &reply, &d), ERR_NONE);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body.len, 0);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

static void authentication(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d;
    fixture_start(&f, (struct http_server_config){0}, true);
    struct http_client_config config = {.pins = &f.server_id->pin, .pin_count = 1, .user = "reader", .password = "a:b"};
    struct http_client *c = open_client(config);
    assert_int_equal(get(c, f.base, "/echo", 1000, &reply, &d), ERR_NONE);
    assert_true(span_find(buf_span(&reply.body), SPAN("basic reader a:b\n")) != SIZE_MAX);
    http_client_close(&c);
    config.user = config.password = NULL;
    config.bearer = "abc.def";
    c = open_client(config);
    assert_int_equal(get(c, f.base, "/echo", 1000, &reply, &d), ERR_NONE);
    assert_true(span_find(buf_span(&reply.body), SPAN("bearer abc.def\n")) != SIZE_MAX);
    http_client_close(&c);
    config.bearer = "abc\r\nX: y";
    assert_int_equal(http_client_open(&config, &c, &d), ERR_INVALID);
    assert_null(c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

static void redirects(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d = {0};
    char url[128];
    fixture_start(&f, (struct http_server_config){0}, true);
    struct http_client_config config = {.pins = &f.server_id->pin, .pin_count = 1};
    struct http_client *c = open_client(config);
    assert_int_equal(get(c, f.base, "/moved", 1000, &reply, &d), ERR_NONE);
    assert_int_equal(reply.status, 307);
    http_client_close(&c);
    config.redirects = 3;
    c = open_client(config);
    assert_int_equal(get(c, f.base, "/moved", 1000, &reply, &d), ERR_NONE);
    assert_int_equal(reply.status, 200);
    assert_true(span_starts(buf_span(&reply.body), SPAN("GET /echo/moved\n")));
    assert_int_equal(get(c, f.base, "/elsewhere", 1000, &reply, &d), ERR_NONE); /* another origin */
    assert_int_equal(reply.status, 302);
    unsigned before = atomic_load(&f.handled);
    assert_int_equal(get(c, f.base, "/round", 1000, &reply, &d), ERR_NONE);
    assert_int_equal(reply.status, 302);
    assert_int_equal(atomic_load(&f.handled) - before, 4); /* the first and three more */
    snprintf(url, sizeof url, "%s/moved", f.base);
    assert_int_equal(http_client_send(c, "POST", url, NULL, 0, SPAN("x"), 1000, &reply, &d), ERR_NONE);
    assert_int_equal(reply.status, 307);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* ---- sizes and times ---- */

static void response_limit(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d;
    fixture_start(&f, (struct http_server_config){0}, true);
    struct http_client *c = fixture_client(&f, true);
    assert_int_equal(get(c, f.base, "/page", 70000, &reply, &d), ERR_NONE);
    assert_int_equal(reply.body.len, 70000);
    assert_int_equal(get(c, f.base, "/page", 69999, &reply, &d), ERR_LIMIT);
    assert_non_null(strstr(d.message, "/page"));
    assert_int_equal(get(c, f.base, "/page", 70000, &reply, &d), ERR_NONE); /* the client goes on */
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

/* 50 MB of zeros, compressed to almost nothing. */
enum { BOMB_SIZE = 50 << 20 };

static struct buf bomb(bool gzip) {
    struct buf zeros = BUF_EMPTY, out = BUF_EMPTY;
    memset(buf_reserve(&zeros, BOMB_SIZE), 0, BOMB_SIZE);
    zeros.len = BOMB_SIZE;
    if (gzip) {
        z_stream z = {.next_in = (Bytef *)zeros.at, .avail_in = BOMB_SIZE};
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        size_t room = deflateBound(&z, BOMB_SIZE);
        z.next_out = (Bytef *)buf_reserve(&out, room);
        z.avail_out = (uInt)room;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        out.len = z.total_out;
        deflateEnd(&z);
    } else {
        size_t room = ZSTD_compressBound(BOMB_SIZE);
        char *at = buf_reserve(&out, room);
        out.len = ZSTD_compress(at, room, zeros.at, BOMB_SIZE, 3);
        assert_false(ZSTD_isError(out.len));
    }
    buf_free(&zeros);
    return out;
}

static void decompression(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d = {0};
    fixture_start(&f, (struct http_server_config){0}, false);
    struct http_client *c = open_client((struct http_client_config){0});
    for (int gzip = 0; gzip < 2; gzip++) {
        char url[128];
        struct buf body = bomb(gzip);
        snprintf(url, sizeof url, "%s/encoded?coding=%s", f.base, gzip ? "gzip" : "zstd");
        assert_int_equal(http_client_send(c, "POST", url, NULL, 0, buf_span(&body), 1 << 20, &reply, &d), ERR_LIMIT);
        assert_true(reply.body.size <= 4 << 20);
        if (http_client_send(c, "POST", url, NULL, 0, buf_span(&body), BOMB_SIZE, &reply, &d))
            fail_msg("%s", d.message);
        assert_int_equal(reply.body.len, BOMB_SIZE);
        assert_int_equal(http_client_send(c, "POST", url, NULL, 0, SPAN("not compressed at all"), 1000, &reply, &d),
                         ERR_NETWORK);
        buf_free(&body);
        http_reply_free(&reply);
    }
    http_client_close(&c);
    fixture_stop(&f);
}

static bool stop_at_once(void *context) {
    return true;
}

static void waiting(void **state) {
    struct fixture f = {0};
    struct http_reply reply = HTTP_REPLY_EMPTY;
    struct diag d;
    fixture_start(&f, (struct http_server_config){0}, false);
    struct http_client *c = open_client((struct http_client_config){.timeout_ms = 100});
    int64_t started = clock_monotonic_us();
    assert_int_equal(get(c, f.base, "/slow", 1000, &reply, &d), ERR_NETWORK);
    assert_non_null(strstr(d.message, "timed out"));
    assert_true(clock_monotonic_us() - started < 5 * TIME_US_PER_S);
    http_client_close(&c);
    c = open_client((struct http_client_config){.stop = stop_at_once});
    assert_int_equal(get(c, f.base, "/slow", 1000, &reply, &d), ERR_BUSY);
    http_client_close(&c);
    http_reply_free(&reply);
    fixture_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins),           cmocka_unit_test(ca_file),        cmocka_unit_test(urls),
        cmocka_unit_test(headers),        cmocka_unit_test(authentication), cmocka_unit_test(redirects),
        cmocka_unit_test(response_limit), cmocka_unit_test(decompression),  cmocka_unit_test(waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
