/* Suricata's EVE: one JSON object a line, the protocol's own under its name. */
#include "detect/fields.h"
#include "detect/reader.h"

const struct detect_event *eve_event(const struct json_doc *doc, const struct reader_settings *settings,
                                     struct arena *a) {
    struct event_builder b;
    struct span type = json_text(json_get(json_root(doc), "event_type"), a);
    event_begin(&b, a);
    if (settings) b.zone_us = settings->zone_us;
    struct span name = arena_printf(a, "eve.%.*s", SPAN_ARG(span_first(type, 64)));
    b.event.log = name.at ? name.at : "eve";
    b.host_has_port = true;                 /* http_port is there only when the Host header named one */
    b.reversed = span_is(type, "fileinfo"); /* from who sent the file, mostly the server */
    fields_walk(&b, json_root(doc), &eve_fields, type);
    field_log_protocol(&b, type);
    return event_end(&b);
}
