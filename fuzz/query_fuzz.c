/* Request targets: path and query as a stranger sends them. What is decoded must satisfy what the header promises. */
#include <stdlib.h>

#include "base/encode.h"
#include "http/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) abort();
}

/* Encoding what was decoded and decoding it again changes nothing. */
static void check_round_trip(struct arena *a, const struct http_query *q) {
    struct buf text = BUF_EMPTY;
    struct http_query again;
    for (size_t i = 0; i < q->count; i++) http_query_add(&text, q->params[i].name, q->params[i].value);
    struct span rest = buf_span(&text);
    span_cut(&rest, '?');
    enum err err = http_query_parse(a, rest, &again, NULL);
    if (!err) {
        check(again.count == q->count);
        for (size_t i = 0; i < q->count; i++)
            check(span_equal(q->params[i].name, again.params[i].name) &&
                  span_equal(q->params[i].value, again.params[i].value));
    } else {
        check(err == ERR_NOMEM);
    }
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct diag d = {0};
    struct http_query query;
    struct span rest = span_of(data, size), path;
    arena_init(&a, 1 << 20);
    struct span raw = span_cut(&rest, '?');
    if (!http_path_decode(&a, raw, &path, &d)) {
        check(path.len > 0 && path.at[0] == '/' && utf8_valid(path, NULL));
        check(span_find(path, SPAN("/../")) == SIZE_MAX && span_find_char(path, '\0') == SIZE_MAX);
    }
    if (!http_query_parse(&a, rest, &query, &d)) {
        check(query.count <= HTTP_QUERY_PARAMS_MAX);
        for (size_t i = 0; i < query.count; i++)
            check(utf8_valid(query.params[i].name, NULL) && utf8_valid(query.params[i].value, NULL));
        check_round_trip(&a, &query);
    }
    arena_free(&a);
    return 0;
}
