/* JSON lines: each tells by its members whose dialect it is. What nobody claims is read by well-known field names and,
 * beyond them, by the shape of its strings. */
#include "detect/fields.h"
#include "detect/reader.h"
#include "detect/stix_lines.h"

static bool has(const struct json_doc *doc, const char *key) {
    return json_exists(json_get(json_root(doc), key));
}

static bool is_eve(const struct json_doc *doc) {
    return has(doc, "event_type") && has(doc, "timestamp") &&
           (has(doc, "src_ip") || has(doc, "flow_id") || has(doc, "stats"));
}

static bool is_zeek(const struct json_doc *doc) {
    return has(doc, "ts") && (has(doc, "uid") || has(doc, "fuid") || has(doc, "_path") || has(doc, "@stream") ||
                              has(doc, "id.orig_h") || has(doc, "id_orig_h") || has(doc, "fingerprint"));
}

const struct detect_event *generic_json_event(const struct json_doc *doc, const struct reader_settings *settings,
                                              struct arena *a) {
    struct event_builder b;
    event_begin(&b, a);
    b.event.log = settings && settings->log ? settings->log : "json";
    if (settings) b.zone_us = settings->zone_us;
    b.host_has_port = true;
    fields_walk(&b, json_root(doc), settings && settings->table ? settings->table : &generic_fields, span_of(NULL, 0));
    return event_end(&b);
}

static enum err read_line(struct span line, const struct reader_header *header, struct arena *a,
                          const struct detect_event **out, struct diag *d) {
    const struct reader_settings *settings = header ? header->settings : NULL;
    struct json_doc *doc = arena_alloc(a, sizeof *doc); /* a STIX event's values are in it */
    *out = NULL;
    if (!doc) return diag_set(d, ERR_NOMEM, "the line is too large for memory");
    if (span_trim(line).len == 0) return ERR_NONE;
    enum err error = json_parse(a, line, doc, d);
    if (error) return error;
    if (json_type(json_root(doc)) != JSON_OBJECT) return diag_set(d, ERR_SYNTAX, "expected a JSON object, one a line");
    if (settings && settings->table)
        *out = generic_json_event(doc, settings, a);
    else if (stix_line_is(doc))
        *out = stix_event(doc, a);
    else if (is_eve(doc))
        *out = eve_event(doc, settings, a);
    else if (is_zeek(doc))
        *out = zeek_json_event(doc, settings, a);
    else
        *out = generic_json_event(doc, settings, a);
    return *out ? ERR_NONE : diag_set(d, ERR_NOMEM, "the line is too large for memory");
}

static int recognise(struct span sample) {
    struct span line = span_trim(span_cut(&sample, '\n'));
    while (line.len == 0 && sample.len > 0) line = span_trim(span_cut(&sample, '\n'));
    return line.len > 1 && line.at[0] == '{' && memchr(line.at, '"', line.len) ? 90 : 0;
}

const struct detect_reader detect_reader_ndjson = {
    .name = "json-lines", .shape = READER_JSON_LINES, .recognise = recognise, .read = read_line};
