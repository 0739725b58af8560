/* Alerts in the Elastic Common Schema: threat.indicator.* as its threat fields have it, and the same under
 * threat.enrichments with what matched, as Elastic's own indicator rules write it. */
#include "detect/alert.h"
#include "json/write.h"

/* threat.indicator.type of ECS 8, by what was seen. */
static const char *ecs_type(const struct detect_hit *hit) {
    switch (hit->kind) {
    case ATOM_ADDRESS:
        return memchr(hit->value.at, ':', hit->value.len) ? "ipv6-addr" : "ipv4-addr";
    case ATOM_DOMAIN:
        return "domain-name";
    case ATOM_URL:
    case ATOM_PATH:
        return "url";
    case ATOM_HASH:
    case ATOM_FILE_NAME:
        return "file";
    case ATOM_EMAIL:
        return "email-addr";
    default:
        return "port";
    }
}

static void object(struct json_writer *w, const char *key) {
    json_key(w, key);
    json_begin_object(w);
}

static void member(struct json_writer *w, const char *key, struct span text) {
    if (text.len) json_member(w, key, text);
}

static void write_end(struct json_writer *w, const char *key, struct span host, int32_t port) {
    struct address address;
    if (!host.len) return;
    object(w, key);
    json_member(w, address_parse(host, &address) ? "ip" : "domain", host);
    if (port >= 0) json_member_number(w, "port", port);
    json_end_object(w);
}

/* ECS knows words only: the bands of STIX 2.1 appendix A, "None/Low/Med/High". */
static const char *confidence_name(uint8_t confidence) {
    if (confidence == DETECT_CONFIDENCE_NONE) return "Not Specified";
    return confidence == 0 ? "None" : confidence < 30 ? "Low" : confidence < 70 ? "Medium" : "High";
}

/* A hash tells its algorithm by its length. */
static void write_file(struct json_writer *w, const struct detect_hit *hit) {
    if (hit->kind == ATOM_FILE_NAME) {
        object(w, "file");
        json_member(w, "name", hit->value);
        json_end_object(w);
    }
    if (hit->kind != ATOM_HASH) return;
    const char *algorithm = hit->value.len == 32   ? "md5"
                            : hit->value.len == 40 ? "sha1"
                            : hit->value.len == 64 ? "sha256"
                                                   : "sha512";
    object(w, "file");
    object(w, "hash");
    json_member(w, algorithm, hit->value);
    json_end_object(w);
    json_end_object(w);
}

static void write_url(struct json_writer *w, const struct detect_hit *hit) {
    object(w, "url");
    json_member(w, hit->kind == ATOM_DOMAIN ? "domain" : hit->kind == ATOM_URL ? "full" : "path", hit->value);
    json_end_object(w);
}

static void write_tlp(struct json_writer *w, struct span marking) {
    char level[16];
    if (marking.len == 0 || marking.len > sizeof level) return;
    for (size_t i = 0; i < marking.len; i++)
        level[i] = marking.at[i] >= 'a' && marking.at[i] <= 'z' ? (char)(marking.at[i] - 32) : marking.at[i];
    object(w, "marking");
    json_member(w, "tlp", span_of(level, marking.len));
    json_end_object(w);
}

static void write_indicator(struct json_writer *w, const struct alert *a) {
    const struct detect_hit *hit = a->hit;
    object(w, "indicator");
    json_member_cstr(w, "type", ecs_type(hit));
    json_member(w, "id", a->indicator->id);
    member(w, "name", hit->value);
    if (hit->kind == ATOM_ADDRESS) json_member(w, "ip", hit->value);
    if (hit->kind == ATOM_DOMAIN || hit->kind == ATOM_URL || hit->kind == ATOM_PATH) write_url(w, hit);
    if (hit->kind == ATOM_HASH || hit->kind == ATOM_FILE_NAME) write_file(w, hit);
    if (hit->kind == ATOM_EMAIL) {
        object(w, "email");
        json_member(w, "address", hit->value);
        json_end_object(w);
    }
    if (hit->kind == ATOM_PORT && hit->dst_port >= 0) json_member_number(w, "port", hit->dst_port);
    member(w, "description", a->indicator->names);
    member(w, "provider", a->indicator->source);
    json_member_cstr(w, "confidence", confidence_name(a->confidence));
    write_tlp(w, a->indicator->marking);
    json_end_object(w);
}

/* What of the event it was that matched, by its ECS name. */
static const char *matched_field(const struct detect_hit *hit) {
    switch (hit->kind) {
    case ATOM_ADDRESS:
        return hit->roles & ROLE_SRC ? "source.ip" : "destination.ip";
    case ATOM_DOMAIN:
        return hit->roles & ROLE_DST ? "destination.domain" : "dns.question.name";
    case ATOM_URL:
        return "url.full";
    case ATOM_PATH:
        return "url.path";
    case ATOM_HASH:
        return hit->value.len == 32   ? "file.hash.md5"
               : hit->value.len == 40 ? "file.hash.sha1"
               : hit->value.len == 64 ? "file.hash.sha256"
                                      : "file.hash.sha512";
    case ATOM_FILE_NAME:
        return "file.name";
    case ATOM_EMAIL:
        return "email.from.address";
    default:
        return "destination.port";
    }
}

static void write_enrichment(struct json_writer *w, const struct alert *a) {
    json_key(w, "enrichments");
    json_begin_array(w);
    json_begin_object(w);
    write_indicator(w, a);
    object(w, "matched");
    member(w, "atomic", a->hit->value);
    json_member_cstr(w, "field", matched_field(a->hit));
    json_member(w, "id", a->indicator->id);
    if (a->hit->time != TIME_NONE) json_member_time(w, "occurred", a->hit->time);
    json_member_cstr(w, "type", "indicator_match_rule");
    json_end_object(w);
    json_end_object(w);
    json_end_array(w);
}

static void write_threat(struct json_writer *w, const struct alert *a) {
    object(w, "threat");
    object(w, "feed");
    json_member(w, "name", a->indicator->source.len ? a->indicator->source : SPAN("renkei"));
    json_end_object(w);
    write_indicator(w, a);
    write_enrichment(w, a);
    if (a->indicator->names.len) {
        object(w, "software");
        json_member(w, "name", a->indicator->names);
        json_end_object(w);
    }
    json_end_object(w);
}

static void write_rule(struct json_writer *w, const struct alert *a) {
    if (a->indicator->title.len == 0) return;
    object(w, "rule");
    json_member(w, "name", a->indicator->title);
    json_end_object(w);
}

static void write_event(struct json_writer *w, const struct alert *a) {
    object(w, "event");
    json_member_cstr(w, "kind", a->validity == VALIDITY_ALERT ? "alert" : "event");
    json_key(w, "category");
    json_begin_array(w);
    json_cstr(w, "threat");
    json_end_array(w);
    json_key(w, "type");
    json_begin_array(w);
    json_cstr(w, "indicator");
    json_end_array(w);
    json_member_cstr(w, "module", "renkei");
    json_member_cstr(w, "dataset", a->hit->log ? a->hit->log : "");
    json_member_cstr(w, "outcome", "unknown");
    if (a->validity != VALIDITY_ALERT || a->warning.list.len) {
        struct buf reason = BUF_EMPTY;
        buf_add_cstr(&reason, a->warning.list.len ? validity_name(VALIDITY_WARNED) : validity_name(a->validity));
        if (a->warning.list.len) buf_printf(&reason, ": %.*s", SPAN_ARG(a->warning.list));
        json_member(w, "reason", buf_span(&reason));
        buf_free(&reason);
    }
    if (a->confidence != DETECT_CONFIDENCE_NONE) json_member_number(w, "risk_score", a->confidence);
    if (a->now != TIME_NONE) json_member_time(w, "created", a->now);
    json_member(w, "original", a->hit->text);
    json_end_object(w);
}

static void write_tags(struct json_writer *w, const struct alert *a) {
    json_key(w, "tags");
    json_begin_array(w);
    json_cstr(w, "renkei");
    if (a->validity != VALIDITY_ALERT) json_cstr(w, validity_name(a->validity));
    json_end_array(w);
}

void alert_write_ecs(struct buf *out, const struct alert *a) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    if (a->hit->time != TIME_NONE)
        json_member_time(&w, "@timestamp", a->hit->time);
    else
        json_member_time(&w, "@timestamp", a->now);
    object(&w, "ecs");
    json_member_cstr(&w, "version", "8.17.0");
    json_end_object(&w);
    write_event(&w, a);
    write_threat(&w, a);
    write_rule(&w, a);
    write_end(&w, "source", a->hit->src, a->hit->src_port);
    write_end(&w, "destination", a->hit->dst, a->hit->dst_port);
    write_file(&w, a->hit);
    object(&w, "log");
    object(&w, "file");
    json_member_cstr(&w, "path", a->hit->file ? a->hit->file : "");
    json_end_object(&w);
    object(&w, "origin");
    object(&w, "file");
    json_member_number(&w, "line", (int64_t)a->hit->line);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    write_tags(&w, a);
    if (a->hit->place_count) {
        object(&w, "renkei");
        alert_write_places(&w, a->hit);
        json_end_object(&w);
    }
    if (a->member.len) {
        object(&w, "organization");
        json_member(&w, "name", a->member);
        json_end_object(&w);
    }
    json_end_object(&w);
    buf_add_char(out, '\n');
}
