/* What TAXII clients and servers send: a query string, an Accept header, an envelope. The first byte says which; the
 * rest is it. Filters that are accepted must keep what the pages rely on, and a cursor we write must be read back. */
#include <stdlib.h>

#include "taxii/envelope.h"
#include "taxii/filter.h"
#include "taxii/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static const struct taxii_scope scope = {
    .secret = {"secret", 6}, .party = {"US-DOD", 6}, .collection = {"c", 1}, .resource = {"objects", 7}};

static void fuzz_cursor(struct arena *a, struct span text, const struct taxii_filter *f) {
    struct buf again = BUF_EMPTY;
    struct http_query q;
    struct taxii_filter back;
    struct diag d;
    char cursor[TAXII_CURSOR_SIZE];
    struct span next;
    if (http_query_parse(a, text, &q, &d) || http_query_find(&q, "next", &next) || q.count >= HTTP_QUERY_PARAMS_MAX)
        return;
    taxii_cursor_write(&scope, &f->binding, 0x0123456789abcdef, cursor);
    buf_add(&again, text);
    buf_printf(&again, "&next=%s", cursor);
    if (buf_ok(&again) && !http_query_parse(a, buf_span(&again), &q, &d)) {
        must(taxii_filter_read(a, &q, &scope, &back, &d) == ERR_NONE);
        must(back.from == 0x0123456789abcdef && sha256_equal(&back.binding, &f->binding));
    }
    buf_free(&again);
}

static void fuzz_filter(struct arena *a, struct span text) {
    struct http_query q;
    struct taxii_filter f;
    struct diag d = {0};
    if (http_query_parse(a, text, &q, &d)) return;
    if (taxii_filter_read(a, &q, &scope, &f, &d)) {
        must(d.message[0] != 0);
        return;
    }
    must(f.limit > 0 && f.limit <= TAXII_LIMIT_MAX);
    must(f.versions || f.time_count);
    must(f.id_count <= TAXII_MATCH_MAX && f.type_count <= TAXII_MATCH_MAX && f.time_count <= TAXII_MATCH_MAX);
    fuzz_cursor(a, text, &f);
}

static void fuzz_envelope(struct arena *a, struct span text) {
    struct envelope e;
    struct diag d = {0};
    if (envelope_read(a, text, &e, &d)) {
        must(d.message[0] != 0);
        return;
    }
    must(e.count == 0 || e.has_objects);
    for (size_t i = 0; i < e.count; i++) {
        must(e.objects[i].len > 0 && e.objects[i].at >= text.at);
        must(e.objects[i].at + e.objects[i].len <= text.at + text.len);
        must(i == 0 || e.objects[i].at > e.objects[i - 1].at + e.objects[i - 1].len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    if (size == 0) return 0;
    struct span rest = span_of(data + 1, size - 1);
    arena_init(&a, 16 << 20);
    if (data[0] == 'q') fuzz_filter(&a, rest);
    if (data[0] == 'e') fuzz_envelope(&a, rest);
    if (data[0] == 'a' && media_is_taxii(rest))
        must(media_accepts_taxii(rest) || span_find_char(rest, ',') != SIZE_MAX);
    arena_free(&a);
    return 0;
}
