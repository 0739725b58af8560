#include <stdlib.h>

#include "http/connection.h"

struct http_body {
    atomic_uint references;
    struct buf bytes; /* owned, never changed */
};

struct http_body *http_body_new(struct buf *taken) {
    struct http_body *body = buf_ok(taken) ? malloc(sizeof *body) : NULL;
    if (!body) {
        buf_free(taken);
        return NULL;
    }
    atomic_init(&body->references, 1);
    body->bytes = *taken;
    *taken = BUF_EMPTY;
    return body;
}

struct http_body *http_body_ref(struct http_body *body) {
    atomic_fetch_add_explicit(&body->references, 1, memory_order_relaxed);
    return body;
}

void http_body_unref(struct http_body **body) {
    struct http_body *b = *body;
    *body = NULL;
    if (!b || atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) != 1) return;
    buf_free(&b->bytes);
    free(b);
}

struct span http_body_span(const struct http_body *body) {
    return buf_span(&body->bytes);
}

bool http_response_header(struct http_response *res, const char *name, struct span value) {
    struct span name_span = span_cstr(name);
    if (!http_header_name_valid(name_span) || !http_header_value_valid(value)) goto failed;
    if (res->header_count == res->header_room) {
        size_t room = res->header_room ? res->header_room * 2 : 8;
        struct http_param *more = arena_zalloc(res->arena, room, sizeof *more);
        if (!more) goto failed;
        if (res->header_count) memcpy(more, res->headers, res->header_count * sizeof *more);
        res->headers = more;
        res->header_room = room;
    }
    /* NUL-terminated, for libmicrohttpd. */
    char *name_copy = arena_cstr(res->arena, name_span), *value_copy = arena_cstr(res->arena, value);
    if (!name_copy || !value_copy) goto failed;
    res->headers[res->header_count++] =
        (struct http_param){span_of(name_copy, name_span.len), span_of(value_copy, value.len)};
    return true;
failed:
    res->failed = true;
    return false;
}

/* Sets the status and drops an earlier body with its Content-Type. */
static void begin(struct http_response *res, unsigned status, const char *content_type) {
    buf_free(&res->body);
    http_body_unref(&res->shared);
    res->status = status;
    size_t kept = 0;
    for (size_t i = 0; i < res->header_count; i++)
        if (!span_equal_nocase(res->headers[i].name, SPAN("Content-Type"))) res->headers[kept++] = res->headers[i];
    res->header_count = kept;
    if (content_type) http_response_header(res, "Content-Type", span_cstr(content_type));
}

void http_response_text(struct http_response *res, unsigned status, const char *content_type, struct span text) {
    begin(res, status, content_type);
    buf_add(&res->body, text);
}

void http_response_take(struct http_response *res, unsigned status, const char *content_type, struct buf *body) {
    begin(res, status, content_type);
    res->body = *body;
    *body = BUF_EMPTY;
}

void http_response_share(struct http_response *res, unsigned status, const char *content_type, struct http_body *body) {
    begin(res, status, content_type);
    res->shared = http_body_ref(body);
}

void http_response_empty(struct http_response *res, unsigned status) {
    begin(res, status, NULL);
}

static void body_sent(void *cls) {
    struct http_body *body = cls;
    http_body_unref(&body);
}

struct MHD_Response *response_build(struct http_response *res, bool close) {
    struct http_body *body = res->shared;
    res->shared = NULL;
    if (!body) body = http_body_new(&res->body);
    if (!body) return NULL;
    struct span bytes = http_body_span(body);
    /* The reference goes with the response; a constant one is never written to. */
    struct MHD_Response *made = MHD_create_response_from_buffer_with_free_callback_cls(
        bytes.len, (void *)(uintptr_t)(bytes.at ? bytes.at : ""), body_sent, body);
    if (!made) {
        http_body_unref(&body);
        return NULL;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < res->header_count; i++)
        ok = MHD_add_response_header(made, res->headers[i].name.at, res->headers[i].value.at) == MHD_YES;
    if (ok && close) ok = MHD_add_response_header(made, "Connection", "close") == MHD_YES;
    if (ok) return made;
    MHD_destroy_response(made);
    return NULL;
}
