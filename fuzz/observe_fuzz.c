/* A line of any bytes, as each format reads it: what becomes of it as observed-data, folded and not, must be JSON that
 * parses, ids of one kind, and references that lead to what is there. The first byte picks the format. */
#include <stdio.h>
#include <stdlib.h>

#include "detect/mapping.h"
#include "detect/observation.h"
#include "detect/observe.h"

static struct mapping *mapping_of(bool csv) {
    static const char text[] =
        "renkei: mapping-v1\nformat: %s\nothers: shape\ncolumns: [a, b, c]\nfields:\n"
        "  - {field: a, path: 'network-traffic:src_ref.value'}\n"
        "  - {field: b, path: 'process:image_ref.name'}\n"
        "  - {field: c, path: \"network-traffic:extensions.'http-request-ext'.request_header.X\"}\n";
    char yaml[sizeof text + 8];
    struct mapping *m;
    snprintf(yaml, sizeof yaml, text, csv ? "csv" : "json");
    if (mapping_read(span_cstr(yaml), "fuzz", &m, NULL)) abort();
    return m;
}

static void check(const struct pattern_observation *seen) {
    for (uint32_t i = 0; i < seen->object_count; i++) {
        struct arena a;
        struct json_doc doc;
        struct diag d;
        arena_init(&a, 256 << 20);
        if (json_parse(&a, json_raw(seen->objects[i].value), &doc, &d)) abort();
        if (json_count(json_root(&doc)) != json_count(seen->objects[i].value)) abort();
        for (uint32_t k = 0; k < i; k++)
            if (span_equal(seen->objects[k].id, seen->objects[i].id)) abort();
        arena_free(&a);
    }
}

static void one_line(const struct detect_reader *reader, struct reader_header *header, struct span line) {
    const struct detect_event *event = NULL;
    struct pattern_observation seen;
    struct arena a;
    struct diag d;
    struct observed_by by = {.otherwise = 0};
    struct buf out = BUF_EMPTY;
    uint32_t objects;
    arena_init(&a, 256 << 20);
    if (reader->shape == READER_TABLE && line.len && line.at[0] == '#') {
        reader_header_line(header, line);
    } else if (!reader->read(line, header, &a, &event, &d) && event) {
        for (int folded = 0; folded < 2; folded++)
            if (!event_observation(event, folded, &a, &seen, &d) && !event->given) check(&seen);
        if (event_write_observed_data(event, &by, &a, &out, &objects, &d)) abort();
    }
    buf_free(&out);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct mapping *csv, *json;
    struct reader_header header = {0};
    const struct detect_reader *reader;
    if (!csv) {
        csv = mapping_of(true);
        json = mapping_of(false);
    }
    if (size < 1 || size > 1 << 16) return 0;
    reader_header_init(&header);
    switch (data[0] % 5) {
    case 0:
        reader = &detect_reader_zeek_tsv;
        break;
    case 1:
        reader = &detect_reader_csv;
        header.settings = mapping_settings(csv);
        break;
    case 2:
        reader = &detect_reader_ndjson;
        header.settings = mapping_settings(json);
        break;
    case 3:
        reader = &detect_reader_text;
        break;
    default:
        reader = &detect_reader_ndjson;
    }
    struct span rest = span_of(data + 1, size - 1), first = rest;
    if (reader->begin && reader->begin(&header, span_cut(&first, '\n'))) rest = first;
    while (rest.len > 0) one_line(reader, &header, span_cut(&rest, '\n'));
    return 0;
}
