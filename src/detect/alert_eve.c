/* Alerts as Suricata's EVE log has them, for whatever reads that already. */
#include <stdio.h>
#include <time.h>

#include "detect/alert.h"
#include "json/write.h"

/* Suricata's spelling: "2020-04-30T00:06:39.824370+0000". */
static void write_time(struct json_writer *w, const char *key, time_us t) {
    char text[TIME_TEXT_SIZE + 8];
    struct span spelt = span_cstr(time_format_us(t, text));
    if (t == TIME_NONE || spelt.len == 0) return;
    snprintf(text + spelt.len - 1, sizeof text - spelt.len + 1, "+0000");
    json_member_cstr(w, key, text);
}

static void write_end(struct json_writer *w, const char *host_key, const char *port_key, struct span host,
                      int32_t port) {
    if (host.len) json_member(w, host_key, host);
    if (host.len && port >= 0) json_member_number(w, port_key, port);
}

/* From the indicator's id: the same in every run. Beside the range of a node's exported rules. */
static int64_t signature_id(struct span id) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < id.len; i++) h = (h ^ (unsigned char)id.at[i]) * 16777619u;
    return 2000000000 + h % 100000000;
}

/* Suricata's severities: 1 is the highest. */
static int severity(const struct alert *a) {
    if (a->validity != VALIDITY_ALERT) return 3;
    return a->confidence == DETECT_CONFIDENCE_NONE || a->confidence >= 70 ? 1 : 2;
}

static void write_signature(struct json_writer *w, const struct alert *a) {
    struct buf text = BUF_EMPTY;
    buf_add_cstr(&text, "Renkei indicator");
    if (a->indicator->names.len) buf_printf(&text, " of %.*s", SPAN_ARG(a->indicator->names));
    buf_printf(&text, ": %.*s", SPAN_ARG(a->hit->value));
    json_key(w, "alert");
    json_begin_object(w);
    json_member_cstr(w, "action", "allowed");
    json_member_number(w, "gid", 1);
    json_member_number(w, "signature_id", signature_id(a->indicator->id));
    json_member_number(w, "rev", 1);
    json_member(w, "signature", buf_span(&text));
    json_member_cstr(w, "category",
                     a->validity == VALIDITY_ALERT ? "A Network Trojan was detected" : "Not Suspicious Traffic");
    json_member_number(w, "severity", severity(a));
    json_end_object(w);
    buf_free(&text);
}

/* What EVE has no name for. */
static void write_own(struct json_writer *w, const struct alert *a) {
    json_key(w, "renkei");
    json_begin_object(w);
    json_member_cstr(w, "verdict", validity_name(a->validity));
    json_member(w, "indicator", a->indicator->id);
    alert_write_places(w, a->hit);
    json_member(w, "value", a->hit->value);
    json_member_cstr(w, "kind", atom_kind_name((enum atom_kind)a->hit->kind));
    if (a->indicator->source.len) json_member(w, "source", a->indicator->source);
    if (a->indicator->names.len) json_member(w, "indicates", a->indicator->names);
    if (a->indicator->title.len) json_member(w, "name", a->indicator->title);
    if (a->indicator->marking.len) json_member(w, "tlp", a->indicator->marking);
    if (a->confidence != DETECT_CONFIDENCE_NONE) json_member_number(w, "confidence", a->confidence);
    if (a->warning.list.len) json_member(w, "warning_list", a->warning.list);
    if (a->member.len) json_member(w, "member", a->member);
    json_member_cstr(w, "file", a->hit->file ? a->hit->file : "");
    json_member_number(w, "line", (int64_t)a->hit->line);
    json_member_cstr(w, "log", a->hit->log ? a->hit->log : "");
    json_end_object(w);
}

void alert_write_eve(struct buf *out, const struct alert *a) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    write_time(&w, "timestamp", a->hit->time == TIME_NONE ? a->now : a->hit->time);
    json_member_cstr(&w, "event_type", "alert");
    write_end(&w, "src_ip", "src_port", a->hit->src, a->hit->src_port);
    write_end(&w, "dest_ip", "dest_port", a->hit->dst, a->hit->dst_port);
    write_signature(&w, a);
    write_own(&w, a);
    json_end_object(&w);
    buf_add_char(out, '\n');
}
