#include "share/list_object.h"

#include "json/write.h"

/* ---- patterns
 * -------------------------------------------------------------------------------------------------------- */

/* A string literal of the patterning language (STIX 2.1 §9.6): ' and \ are escaped by \. */
static void literal(struct buf *out, const char *before, struct span value, const char *after) {
    buf_add_char(out, '\'');
    buf_add_cstr(out, before);
    for (size_t i = 0; i < value.len;) {
        size_t plain = i;
        while (plain < value.len && value.at[plain] != '\'' && value.at[plain] != '\\') plain++;
        buf_add(out, span_of(value.at + i, plain - i));
        if (plain < value.len) {
            buf_add_char(out, '\\');
            buf_add_char(out, value.at[plain++]);
        }
        i = plain;
    }
    buf_add_cstr(out, after);
    buf_add_char(out, '\'');
}

static void compare(struct buf *out, const char *path, struct span value) {
    buf_printf(out, "[%s = ", path);
    literal(out, "", value, "");
    buf_add_char(out, ']');
}

static void range_pattern(struct buf *out, const char *path, struct span value) {
    buf_printf(out, "[%s ISSUBSET ", path);
    literal(out, "", value, "");
    buf_add_char(out, ']');
}

static void port_pattern(struct buf *out, struct span value) {
    size_t colon = value.len;
    while (colon > 0 && value.at[colon - 1] != ':') colon--;
    struct span host = span_first(value, colon ? colon - 1 : 0), port = span_from(value, colon);
    if (host.len >= 2 && host.at[0] == '[') host = span_of(host.at + 1, host.len - 2);
    buf_add_cstr(out, "[network-traffic:dst_ref.value = ");
    literal(out, "", host, "");
    buf_printf(out, " AND network-traffic:dst_port = %.*s]", SPAN_ARG(port));
}

static void url_pattern(struct buf *out, struct span value) {
    size_t scheme = span_find(value, SPAN("://"));
    bool bare = scheme != SIZE_MAX && span_find_char(span_from(value, scheme + 3), '/') == SIZE_MAX;
    if (!bare) {
        compare(out, "url:value", value);
        return;
    }
    buf_add_cstr(out, "[url:value = ");
    literal(out, "", value, "");
    buf_add_cstr(out, " OR url:value = ");
    literal(out, "", value, "/");
    buf_add_char(out, ']');
}

static void host_path_pattern(struct buf *out, struct span value) {
    buf_add_cstr(out, "[url:value = ");
    literal(out, "http://", value, "");
    buf_add_cstr(out, " OR url:value = ");
    literal(out, "https://", value, "");
    buf_add_char(out, ']');
}

void list_pattern(struct buf *out, enum list_kind kind, struct span value) {
    switch (kind) {
    case LIST_IPV4:
        compare(out, "ipv4-addr:value", value);
        break;
    case LIST_IPV6:
        compare(out, "ipv6-addr:value", value);
        break;
    case LIST_IPV4_RANGE:
        range_pattern(out, "ipv4-addr:value", value);
        break;
    case LIST_IPV6_RANGE:
        range_pattern(out, "ipv6-addr:value", value);
        break;
    case LIST_IPV4_PORT:
    case LIST_IPV6_PORT:
    case LIST_DOMAIN_PORT:
        port_pattern(out, value);
        break;
    case LIST_DOMAIN:
        compare(out, "domain-name:value", value);
        break;
    case LIST_URL:
        url_pattern(out, value);
        break;
    case LIST_HOST_PATH:
        host_path_pattern(out, value);
        break;
    case LIST_PATH:
        compare(out, "network-traffic:extensions.'http-request-ext'.request_value", value);
        break;
    case LIST_MD5:
        compare(out, "file:hashes.MD5", value);
        break;
    case LIST_SHA1:
        compare(out, "file:hashes.'SHA-1'", value);
        break;
    case LIST_SHA256:
        compare(out, "file:hashes.'SHA-256'", value);
        break;
    case LIST_SHA512:
        compare(out, "file:hashes.'SHA-512'", value);
        break;
    case LIST_EMAIL:
        compare(out, "email-addr:value", value);
        break;
    case LIST_NONE:
    case LIST_KIND_COUNT:
        break;
    }
}

/* ---- objects
 * ----------------------------------------------------------------------------------------------------------- */

static struct json_writer object_begin(struct buf *out, const char *type, struct span id,
                                       const struct list_object_frame *f) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_member_cstr(&w, "type", type);
    json_member_cstr(&w, "spec_version", "2.1");
    json_member(&w, "id", id);
    if (f->created_by.len) json_member(&w, "created_by_ref", f->created_by);
    json_member_time(&w, "created", f->created);
    json_member_time(&w, "modified", f->modified);
    return w;
}

static void object_end(struct json_writer *w, const struct list_object_frame *f,
                       const struct list_reference *references, size_t count) {
    if (f->label_count) {
        json_key(w, "labels");
        json_begin_array(w);
        for (size_t i = 0; i < f->label_count; i++) json_string(w, f->labels[i]);
        json_end_array(w);
    }
    if (f->confidence >= 0) json_member_number(w, "confidence", f->confidence);
    if (count) {
        json_key(w, "external_references");
        json_begin_array(w);
        for (size_t i = 0; i < count; i++) {
            json_begin_object(w);
            json_member(w, "source_name", references[i].source);
            if (references[i].url.len) json_member(w, "url", references[i].url);
            if (references[i].id.len) json_member(w, "external_id", references[i].id);
            json_end_object(w);
        }
        json_end_array(w);
    }
    if (f->tlp != STIX_TLP_NONE) {
        json_key(w, "object_marking_refs");
        json_begin_array(w);
        json_string(w, stix_tlp_id(f->tlp));
        json_end_array(w);
    }
    json_end_object(w);
}

void list_object_indicator(struct buf *out, struct span id, const struct list_object_frame *f,
                           const struct list_value *value) {
    struct json_writer w = object_begin(out, "indicator", id, f);
    struct buf pattern = BUF_EMPTY;
    list_pattern(&pattern, value->kind, value->value);
    if (!buf_ok(&pattern)) out->failed = true;
    json_member(&w, "name", value->value);
    if (f->description.len) json_member(&w, "description", f->description);
    json_key(&w, "indicator_types");
    json_begin_array(&w);
    json_cstr(&w, "malicious-activity");
    json_end_array(&w);
    json_member(&w, "pattern", buf_span(&pattern));
    json_member_cstr(&w, "pattern_type", "stix");
    json_member_time(&w, "valid_from", f->valid_from);
    if (f->valid_until != TIME_NONE) json_member_time(&w, "valid_until", f->valid_until);
    object_end(&w, f, value->references, value->reference_count);
    buf_free(&pattern);
}

void list_object_subject(struct buf *out, struct span id, const struct list_object_frame *f,
                         const struct list_summary *summary) {
    bool malware = summary->subject != LIST_SUBJECT_INTRUSION_SET;
    struct json_writer w = object_begin(out, malware ? "malware" : "intrusion-set", id, f);
    json_member(&w, "name", summary->name);
    if (malware) json_member_truth(&w, "is_family", true);
    if (summary->alias_count) {
        json_key(&w, "aliases");
        json_begin_array(&w);
        for (size_t i = 0; i < summary->alias_count; i++) json_string(&w, summary->aliases[i]);
        json_end_array(&w);
    }
    object_end(&w, f, summary->references, summary->reference_count);
}

void list_object_indicates(struct buf *out, struct span id, const struct list_object_frame *f, struct span indicator,
                           struct span subject) {
    struct json_writer w = object_begin(out, "relationship", id, f);
    json_member_cstr(&w, "relationship_type", "indicates");
    json_member(&w, "source_ref", indicator);
    json_member(&w, "target_ref", subject);
    object_end(&w, f, NULL, 0);
}
