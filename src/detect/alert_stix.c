/* Alerts as STIX: cyber-observables and the observed-data that names them. */
#include "base/hash.h"
#include "detect/alert.h"
#include "stix/id.h"
#include "stix/object.h"
#include "json/write.h"

enum { REFS_MAX = 4 };

struct observing {
    struct buf *out;
    const struct alert *alert;
    const struct alert_stix *how;
    struct arena arena;
    char refs[REFS_MAX][STIX_ID_SIZE];
    unsigned ref_count;
};

static void separate(struct observing *o) {
    if (!*o->how->first) buf_add_cstr(o->out, ",\n");
    *o->how->first = false;
}

static bool new_in_bundle(struct observing *o, const char *id) {
    bool there = false;
    if (!map_set(o->how->written, span_cstr(id), 1, &there)) o->out->failed = true;
    return !there;
}

/* Completes the object begun in `body` ("{"type":…" without its id) with the id of §2.9 and writes it. An object that
 * stands there already (the address of a flow that is what was seen) is not written twice. */
static enum err put(struct observing *o, const struct buf *body, const char **id, struct diag *d) {
    struct json_doc doc;
    char made[STIX_ID_SIZE];
    enum err e = json_parse(&o->arena, buf_span(body), &doc, d);
    if (!e) e = stix_sco_id(&o->arena, json_root(&doc), made, d);
    if (e) return e;
    for (unsigned i = 0; i < o->ref_count; i++)
        if (strcmp(o->refs[i], made) == 0) {
            *id = o->refs[i];
            return ERR_NONE;
        }
    if (new_in_bundle(o, made)) {
        separate(o);
        buf_printf(o->out, "{\"id\":\"%s\",", made);
        buf_add(o->out, span_from(buf_span(body), 1));
    }
    memcpy(o->refs[o->ref_count], made, sizeof made);
    *id = o->refs[o->ref_count++];
    return ERR_NONE;
}

static struct json_writer begin(struct buf *body, const char *type) {
    struct json_writer w = json_writer(body);
    buf_clear(body);
    json_begin_object(&w);
    json_member_cstr(&w, "type", type);
    json_member_cstr(&w, "spec_version", "2.1");
    return w;
}

static enum err put_value(struct observing *o, const char *type, struct span value, const char **id, struct diag *d) {
    struct buf body = BUF_EMPTY;
    struct json_writer w = begin(&body, type);
    json_member(&w, "value", value);
    json_end_object(&w);
    enum err e = put(o, &body, id, d);
    buf_free(&body);
    return e;
}

static enum err put_host(struct observing *o, struct span host, const char **id, struct diag *d) {
    struct address address;
    const char *type = !address_parse(host, &address) ? "domain-name" : address.v4 ? "ipv4-addr" : "ipv6-addr";
    return put_value(o, type, host, id, d);
}

static enum err put_file(struct observing *o, const char **id, struct diag *d) {
    const struct detect_hit *hit = o->alert->hit;
    struct buf body = BUF_EMPTY;
    struct json_writer w = begin(&body, "file");
    if (hit->kind == ATOM_FILE_NAME) {
        json_member(&w, "name", hit->value);
    } else {
        json_key(&w, "hashes");
        json_begin_object(&w);
        json_member(&w,
                    hit->value.len == 32   ? "MD5"
                    : hit->value.len == 40 ? "SHA-1"
                    : hit->value.len == 64 ? "SHA-256"
                                           : "SHA-512",
                    hit->value);
        json_end_object(&w);
    }
    json_end_object(&w);
    enum err e = put(o, &body, id, d);
    buf_free(&body);
    return e;
}

static enum err put_seen(struct observing *o, struct diag *d) {
    const struct detect_hit *hit = o->alert->hit;
    const char *id;
    switch (hit->kind) {
    case ATOM_ADDRESS:
        return put_host(o, hit->value, &id, d);
    case ATOM_DOMAIN:
        return put_value(o, "domain-name", hit->value, &id, d);
    case ATOM_URL:
        return put_value(o, "url", hit->value, &id, d);
    case ATOM_EMAIL:
        return put_value(o, "email-addr", hit->value, &id, d);
    case ATOM_HASH:
    case ATOM_FILE_NAME:
        return put_file(o, &id, d);
    default:
        return ERR_NONE; /* a request, a port: on the flow */
    }
}

static enum err put_flow(struct observing *o, struct diag *d) {
    const struct detect_hit *hit = o->alert->hit;
    const char *src = NULL, *dst = NULL, *id;
    struct buf body = BUF_EMPTY;
    if (!hit->src.len && !hit->dst.len) return ERR_NONE;
    enum err e = hit->src.len ? put_host(o, hit->src, &src, d) : ERR_NONE;
    if (!e && hit->dst.len) e = put_host(o, hit->dst, &dst, d);
    struct json_writer w = begin(&body, "network-traffic");
    if (src) json_member_cstr(&w, "src_ref", src);
    if (dst) json_member_cstr(&w, "dst_ref", dst);
    if (hit->src_port >= 0) json_member_number(&w, "src_port", hit->src_port);
    if (hit->dst_port >= 0) json_member_number(&w, "dst_port", hit->dst_port);
    json_key(&w, "protocols"); /* required (§6.12); the version of IP is what the addresses tell */
    json_begin_array(&w);
    struct span any = hit->src.len ? hit->src : hit->dst;
    json_cstr(&w, any.len && memchr(any.at, ':', any.len) ? "ipv6" : "ipv4");
    json_end_array(&w);
    json_end_object(&w);
    if (!e) e = put(o, &body, &id, d);
    buf_free(&body);
    return e;
}

static void make_observed_id(struct observing *o) {
    struct buf name = BUF_EMPTY;
    buf_printf(&name, "observed\n%s\n%llu\n", o->alert->hit->file ? o->alert->hit->file : "",
               (unsigned long long)o->alert->hit->line);
    buf_add(&name, o->alert->hit->value);
    buf_add_char(&name, '\n');
    buf_add(&name, o->alert->hit->text);
    struct sha256 mac = hmac_sha256(o->how->secret, buf_span(&name));
    stix_id_from_hmac(&mac, SPAN("observed-data"), o->how->observed_id);
    buf_free(&name);
}

static void put_observed(struct observing *o) {
    const struct alert *a = o->alert;
    time_us seen = a->hit->time == TIME_NONE ? a->now : a->hit->time;
    make_observed_id(o);
    if (!new_in_bundle(o, o->how->observed_id)) return;
    separate(o);
    struct json_writer w = json_writer(o->out);
    json_begin_object(&w);
    json_member_cstr(&w, "type", "observed-data");
    json_member_cstr(&w, "spec_version", "2.1");
    json_member_cstr(&w, "id", o->how->observed_id);
    if (o->how->created_by.len) json_member(&w, "created_by_ref", o->how->created_by);
    json_member_time(&w, "created", seen - seen % 1000);
    json_member_time(&w, "modified", seen - seen % 1000);
    json_member_time(&w, "first_observed", seen);
    json_member_time(&w, "last_observed", seen);
    json_member_number(&w, "number_observed", 1);
    json_key(&w, "object_refs");
    json_begin_array(&w);
    for (unsigned i = 0; i < o->ref_count; i++) json_cstr(&w, o->refs[i]);
    json_end_array(&w);
    json_end_object(&w);
}

enum err alert_write_stix(struct buf *out, const struct alert *alert, const struct alert_stix *how, struct diag *d) {
    struct observing o = {.out = out, .alert = alert, .how = how};
    arena_init(&o.arena, 1 << 20);
    how->observed_id[0] = 0;
    enum err e = put_seen(&o, d);
    if (!e) e = put_flow(&o, d);
    if (!e && o.ref_count) put_observed(&o);
    arena_free(&o.arena);
    if (!e && !buf_ok(out)) e = diag_set(d, ERR_NOMEM, "no memory to write");
    return e;
}
