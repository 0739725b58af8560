/* MISP events of any bytes: no crash, and every object made of them is valid STIX 2.1, with a pattern that parses. */
#include <stdio.h>
#include <stdlib.h>

#include "interchange/misp_read.h"
#include "interchange/misp_stream.h"
#include "pattern/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, struct span text, const char *why) {
    if (holds) return;
    fprintf(stderr, "%s: %.*s\n", why, SPAN_ARG(text));
    abort();
}

/* A rule in another language, and MISP's stix2-pattern, are the author's own words. */
static void pattern_must_parse(struct json_value object, struct arena *a) {
    struct span text = json_text(json_get(object, "pattern"), a);
    struct json_value said = json_get(json_get(json_get(object, "extensions"), MISP_EXTENSION), "attribute");
    const struct pattern *p;
    struct diag d = {0};
    if (!text.at || !json_is(json_get(object, "pattern_type"), SPAN("stix")) ||
        json_is(json_get(said, "type"), SPAN("stix2-pattern")))
        return;
    must(pattern_parse(a, text, &p, &d) == ERR_NONE, text, d.message);
}

static enum err put(void *context, const struct misp_made *made, struct diag *d) {
    struct arena a;
    struct buf text = BUF_EMPTY;
    struct json_doc doc;
    struct stix_object object;
    struct stix_report *report = calloc(1, sizeof *report);
    arena_init(&a, 64 << 20);
    misp_made_write(&text, made, 0, made->modified == TIME_NONE ? 0 : made->modified);
    must(report && json_parse(&a, buf_span(&text), &doc, d) == ERR_NONE, buf_span(&text), d->message);
    if (stix_object_read(&a, json_root(&doc), NULL, &object, report) != ERR_NONE)
        for (size_t i = 0; i < report->count; i++)
            must(report->findings[i].severity != STIX_ERROR, buf_span(&text), report->findings[i].message);
    must(span_equal(object.id, made->id) && span_equal(object.type, made->type), buf_span(&text), "another id");
    pattern_must_parse(json_root(&doc), &a);
    free(report);
    buf_free(&text);
    arena_free(&a);
    return ERR_NONE;
}

struct bytes {
    struct span rest;
};

static enum err give(void *context, void *at, size_t size, size_t *got, struct diag *d) {
    struct bytes *b = context;
    *got = b->rest.len < size ? b->rest.len : size;
    if (*got) memcpy(at, b->rest.at, *got);
    b->rest = span_from(b->rest, *got);
    return ERR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct misp_sink sink = {.put = put};
    struct bytes bytes = {span_of(data, size)};
    struct misp_stream stream;
    struct losses losses = {.count = 0};
    struct span event;
    struct diag d;
    uint64_t index, offset;
    (void)misp_looks_like(bytes.rest);
    misp_stream_open(&stream, give, &bytes);
    while (misp_stream_next(&stream, &event, &index, &offset, &d) == ERR_NONE && event.at)
        (void)!misp_event_read(event, offset, &sink, &losses, &d);
    misp_stream_close(&stream);
    return 0;
}
