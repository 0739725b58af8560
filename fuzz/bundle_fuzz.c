/* The splitter: the same bytes in one piece and in small ones must give the same objects and the same end; and for a
 * well-formed JSON document the objects must be exactly those that a full parse finds. The first byte chooses the size
 * of the pieces. */
#include <stdlib.h>

#include "stix/bundle.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

struct feed {
    struct span rest;
    size_t piece;
};

static enum err give(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct feed *f = context;
    (void)d;
    *got = f->rest.len < f->piece ? f->rest.len : f->piece;
    if (*got > size) *got = size;
    if (*got) memcpy(at, f->rest.at, *got);
    f->rest = span_from(f->rest, *got);
    return ERR_NONE;
}

struct outcome {
    enum err end;
    uint64_t at; /* where it ended, in an error */
    struct buf places;
};

static void split(struct span text, size_t piece, struct outcome *out) {
    struct feed feed = {text, piece};
    struct stix_stream s;
    struct span object;
    struct diag d = {0};
    uint64_t index, offset;
    stix_stream_open(&s, give, &feed);
    *out = (struct outcome){.places = BUF_EMPTY};
    while (!(out->end = stix_stream_next(&s, &object, &index, &offset, &d)) && object.at) {
        must(offset <= text.len && object.len <= text.len - offset && object.len >= 2);
        must(memcmp(text.at + offset, object.at, object.len) == 0 && object.at[0] == '{');
        uint64_t place[2] = {offset, object.len};
        buf_add(&out->places, span_of(place, sizeof place));
    }
    out->at = out->end ? d.offset : 0;
    stix_stream_close(&s);
}

static void compare_with_parse(struct span text, const struct outcome *found) {
    struct arena a;
    struct json_doc doc;
    struct diag d;
    arena_init(&a, 64 << 20);
    if (json_parse(&a, text, &doc, &d) == ERR_NONE && found->end == ERR_NONE && found->places.len) {
        struct json_value root = json_root(&doc), list = root;
        uint64_t first;
        memcpy(&first, found->places.at, sizeof first);
        if (json_type(root) == JSON_OBJECT && json_raw(root).at != text.at + first) list = json_get(root, "objects");
        if (json_type(list) == JSON_ARRAY) {
            must(json_count(list) * 2 * sizeof(uint64_t) == found->places.len);
            const char *at = found->places.at;
            for (struct json_iter it = json_iter(list); json_next(&it); at += 2 * sizeof(uint64_t)) {
                uint64_t place[2];
                memcpy(place, at, sizeof place);
                struct span raw = json_raw(it.value);
                must(raw.at == text.at + place[0] && raw.len == place[1]);
            }
        }
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct outcome whole, pieces;
    if (size == 0) return 0;
    struct span text = span_of(data + 1, size - 1);
    split(text, SIZE_MAX, &whole);
    split(text, (size_t)data[0] % 80 + 1, &pieces);
    must(whole.end == pieces.end && whole.at == pieces.at);
    must(span_equal(buf_span(&whole.places), buf_span(&pieces.places)));
    compare_with_parse(text, &whole);
    buf_free(&whole.places);
    buf_free(&pieces.places);
    return 0;
}
