/* Indicator lists of any bytes: no crash, every line accounted for, and normal forms are fixed points with patterns and
 * objects that hold what they must. */
#include <stdlib.h>

#include "pattern/pattern.h"
#include "share/list.h"
#include "share/list_object.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) abort();
}

static void pattern_must_parse(struct span pattern) {
    struct arena a;
    const struct pattern *p;
    struct diag d;
    arena_init(&a, 1 << 20);
    must(pattern_parse(&a, pattern, &p, &d) == ERR_NONE);
    arena_free(&a);
}

static void object_must_parse(const struct list_value *v) {
    struct list_object_frame f = {.valid_until = TIME_NONE, .confidence = -1};
    struct buf out = BUF_EMPTY;
    struct arena a;
    struct json_doc doc;
    struct diag d;
    arena_init(&a, 4 << 20);
    list_object_indicator(&out, SPAN("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"), &f, v);
    must(json_parse(&a, buf_span(&out), &doc, &d) == ERR_NONE);
    must(json_is(json_get(json_root(&doc), "name"), v->value));
    arena_free(&a);
    buf_free(&out);
}

static enum err on_value(void *context, const struct list_value *v, struct diag *d) {
    struct buf again = BUF_EMPTY, pattern = BUF_EMPTY;
    must(v->kind > LIST_NONE && v->kind < LIST_KIND_COUNT && v->value.len > 0 && v->line > 0);
    must(v->reference_count <= LIST_REFERENCES_MAX);
    must(list_recognise(v->value, &again, NULL) == v->kind && span_equal(buf_span(&again), v->value));
    list_pattern(&pattern, v->kind, v->value);
    pattern_must_parse(buf_span(&pattern));
    object_must_parse(v);
    ++*(uint64_t *)context;
    buf_free(&again);
    buf_free(&pattern);
    return ERR_NONE;
}

static enum err on_reject(void *context, uint64_t line, struct span text, const char *reason, struct diag *d) {
    must(reason && *reason && line > 0 && text.len <= LIST_VALUE_MAX);
    return ERR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a;
    struct diag d;
    struct list_summary s;
    uint64_t values = 0;
    struct list_events events = {&values, on_value, on_reject};
    arena_init(&a, 16 << 20);
    if (list_read_span(span_of(data, size), SPAN("apt_x_y.txt"), &a, &events, &s, &d) == ERR_NONE) {
        must(s.values == values && s.values + s.rejected <= s.lines);
        for (size_t i = 0; i < s.alias_count; i++) must(s.aliases[i].len > 0);
    }
    arena_free(&a);
    return 0;
}
