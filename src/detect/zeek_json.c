/* Zeek's logs as JSON lines: the fields as its scripts name them, or with dots written as underscores. */
#include "detect/fields.h"
#include "detect/reader.h"

bool zeek_log_is_known(struct span log) {
    static const char *const plain[] = {"conn",     "weird", "ntp",     "rdp",        "ssh",
                                        "kerberos", "ntlm",  "dce_rpc", "smb_mapping"};
    for (size_t i = 0; i < zeek_fields.count; i++)
        if (zeek_fields.rows[i].log && span_is(log, zeek_fields.rows[i].log)) return true;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (span_is(log, plain[i])) return true;
    return span_is(log, "x509");
}

const struct detect_event *zeek_json_event(const struct json_doc *doc, const struct reader_settings *settings,
                                           struct arena *a) {
    struct event_builder b;
    struct json_value root = json_root(doc), path = json_get(root, "_path");
    if (!json_exists(path)) path = json_get(root, "@stream");
    struct span log = json_text(path, a);
    event_begin(&b, a);
    if (settings) b.zone_us = settings->zone_us;
    if (log.len > 0 && log.len < 64) {
        struct span name = arena_printf(a, "zeek.%.*s", SPAN_ARG(log));
        b.event.log = name.at ? name.at : "zeek";
    } else {
        b.event.log = "zeek";
    }
    struct field_table table = zeek_fields;
    table.by_shape = log.len > 0 && !zeek_log_is_known(log);
    fields_walk(&b, root, &table, log);
    field_log_protocol(&b, log);
    return event_end(&b);
}
