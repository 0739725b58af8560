/* An event from a line of STIX. */
#include "detect/fields.h"
#include "detect/normalise.h"
#include "detect/observation.h"
#include "detect/observation_draft.h"
#include "detect/stix_lines.h"
#include "stix/id.h"
#include "stix/schema.h"

bool stix_line_is(const struct json_doc *doc) {
    struct json_value root = json_root(doc), type = json_get(root, "type");
    if (json_type(type) != JSON_STRING) return false;
    if (json_is(type, SPAN("bundle"))) return json_type(json_get(root, "objects")) == JSON_ARRAY;
    struct span spelt = json_spelt(type), id = json_spelt(json_get(root, "id"));
    if (id.len <= spelt.len + 2 || !span_starts(id, spelt) || memcmp(id.at + spelt.len, "--", 2) != 0) return false;
    const struct schema *schema = stix_schema(spelt);
    return schema && (schema->kind == STIX_SCO || span_is(spelt, "observed-data"));
}

struct stix_reading {
    struct event_builder builder;
    struct pattern_object *objects;
    uint32_t count;
    struct event_flow *flows; /* room for as many as there are objects */
};

/* What an observable belongs to is what it stands in: the host of a URL is no domain-name that was observed, nor is the
 * address that a flow refers to. */
static const struct {
    const char *type;
    enum atom_root root;
} roots[] = {
    {"ipv4-addr", ROOT_ADDRESS},     {"ipv6-addr", ROOT_ADDRESS},
    {"domain-name", ROOT_DOMAIN},    {"url", ROOT_URL},
    {"email-addr", ROOT_EMAIL},      {"file", ROOT_FILE},
    {"artifact", ROOT_ARTIFACT},     {"network-traffic", ROOT_FLOW},
    {"email-message", ROOT_MESSAGE}, {"x509-certificate", ROOT_CERTIFICATE},
};

/* What of an object is looked up by the index: a row a property; "hashes" takes each of the dictionary. */
static const struct {
    const char *type, *property;
    enum field_target target;
} rows[] = {
    {"ipv4-addr", "value", TO_HOST},
    {"ipv6-addr", "value", TO_HOST},
    {"domain-name", "value", TO_HOST},
    {"url", "value", TO_URL},
    {"email-addr", "value", TO_EMAIL},
    {"file", "name", TO_FILE_NAME},
    {"file", "hashes", TO_FILE_HASH},
    {"artifact", "hashes", TO_FILE_HASH},
    {"x509-certificate", "hashes", TO_CERTIFICATE_HASH},
    {"network-traffic", "src_port", TO_SRC_PORT},
    {"network-traffic", "dst_port", TO_DST_PORT},
    {"network-traffic", "protocols", TO_PROTOCOL},
    {"network-traffic", "src_ref", TO_SRC},
    {"network-traffic", "dst_ref", TO_DST},
    {"email-message", "from_ref", TO_FROM},
    {"email-message", "sender_ref", TO_FROM},
    {"email-message", "to_refs", TO_RECIPIENT},
    {"email-message", "cc_refs", TO_RECIPIENT},
    {"email-message", "bcc_refs", TO_RECIPIENT},
};

static void add_text(struct stix_reading *r, enum field_target target, struct span text) {
    const struct field_row row = {.name = "", .target = (uint8_t)target};
    field_apply(&r->builder, &row, text);
}

/* A reference stands for the value of what it names. */
static struct span referred_value(const struct stix_reading *r, struct span id) {
    for (uint32_t i = 0; i < r->count; i++)
        if (span_equal(r->objects[i].id, id))
            return json_text(json_get(r->objects[i].value, "value"), r->builder.arena);
    return span_of(NULL, 0);
}

static void add_value(struct stix_reading *r, enum field_target target, struct json_value v, bool reference) {
    struct json_iter it;
    switch (json_type(v)) {
    case JSON_STRING: {
        struct span text = json_text(v, r->builder.arena);
        add_text(r, target, reference ? referred_value(r, text) : text);
        return;
    }
    case JSON_NUMBER:
        add_text(r, target, json_raw(v));
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        it = json_iter(v);
        while (json_next(&it)) {
            enum json_type type = json_type(it.value);
            if (type != JSON_ARRAY && type != JSON_OBJECT) add_value(r, target, it.value, reference);
        }
        return;
    default:
        return;
    }
}

/* The request of a flow: looked up, but not joined to a URL that nobody observed. */
static void add_request(struct stix_reading *r, struct json_value flow) {
    struct json_value request = json_get(json_get(flow, "extensions"), "http-request-ext");
    struct span target = json_text(json_get(request, "request_value"), r->builder.arena);
    struct json_value hosts = json_get(json_get(request, "request_header"), "Host"); /* a string in STIX 2.0 */
    struct span host = json_text(json_type(hosts) == JSON_ARRAY ? json_at(hosts, 0) : hosts, r->builder.arena);
    if (target.len) event_add(&r->builder, ATOM_PATH, ROOT_FLOW, 0, target);
    if (host.len) event_add_host(&r->builder, ROLE_HOST, host);
}

static int32_t port_of(struct json_value port) {
    int64_t number;
    return json_int(port, &number) && number >= 0 && number <= UINT16_MAX ? (int32_t)number : -1;
}

/* The flow whose observables are those from number `first` on. */
static void add_flow(struct stix_reading *r, struct json_value flow, uint32_t first) {
    struct arena *a = r->builder.arena;
    struct json_value protocols = json_get(flow, "protocols");
    struct span *names = arena_alloc(a, ((size_t)json_count(protocols) + 1) * sizeof *names);
    uint32_t count = 0;
    for (struct json_iter it = json_iter(protocols); names && json_next(&it);)
        if (normalise_value(a, ATOM_PROTOCOL, json_text(it.value, a), &names[count])) count++;
    r->flows[r->builder.event.flow_count++] = (struct event_flow){
        port_of(json_get(flow, "src_port")), port_of(json_get(flow, "dst_port")), names, count, first,
        r->builder.event.count - first};
}

static void add_object(struct stix_reading *r, const struct pattern_object *o) {
    uint32_t first = r->builder.event.count;
    r->builder.file = 0; /* each file is an object of its own */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!span_is(o->type, rows[i].type)) continue;
        size_t len = strlen(rows[i].property);
        bool reference = strcmp(rows[i].property + len - 4, "_ref") == 0 ||
                         (len > 5 && strcmp(rows[i].property + len - 5, "_refs") == 0);
        add_value(r, rows[i].target, json_get(o->value, rows[i].property), reference);
    }
    if (span_is(o->type, "network-traffic")) {
        add_request(r, o->value);
        add_flow(r, o->value, first);
    }
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        if (span_is(o->type, roots[i].type))
            for (uint32_t k = first; k < r->builder.event.count; k++) r->builder.items[k].root = (uint8_t)roots[i].root;
}

static void take_object(struct stix_reading *r, struct span id, struct json_value value, bool root) {
    struct span type = json_text(json_get(value, "type"), r->builder.arena);
    if (type.len)
        r->objects[r->count++] = (struct pattern_object){.id = id, .type = type, .value = value, .root = root};
}

static bool names(struct json_value refs, struct span id) {
    for (struct json_iter it = json_iter(refs); json_next(&it);)
        if (json_is(it.value, id)) return true;
    return false;
}

/* The objects of the line; returns the observed-data, JSON_MISSING for a lone object. */
static struct json_value take_objects(struct stix_reading *r, struct json_value root) {
    struct arena *a = r->builder.arena;
    struct json_value seen = root, inside = json_get(root, "objects");
    bool bundle = json_is(json_get(root, "type"), SPAN("bundle"));
    r->objects = arena_alloc(a, ((size_t)json_count(inside) + 1) * sizeof *r->objects);
    if (!r->objects) return JSON_MISSING;
    if (bundle) {
        seen = JSON_MISSING;
        for (struct json_iter it = json_iter(inside); json_next(&it) && !json_exists(seen);)
            if (json_is(json_get(it.value, "type"), SPAN("observed-data"))) seen = it.value;
    } else if (!json_is(json_get(root, "type"), SPAN("observed-data"))) {
        take_object(r, json_text(json_get(root, "id"), a), root, true);
        return JSON_MISSING;
    }
    for (struct json_iter it = json_iter(inside); json_next(&it);) {
        if (json_type(it.value) != JSON_OBJECT) continue;
        struct span id = bundle ? json_text(json_get(it.value, "id"), a) : json_text(it.key, a);
        struct span type = bundle ? stix_id_type(id) : span_of(NULL, 0);
        const struct schema *schema = stix_schema(type);
        if (bundle && schema && schema->kind != STIX_SCO) continue;
        bool lone = bundle && !json_exists(seen) && r->count == 0; /* the first, and what it refers to */
        take_object(r, id, it.value, !bundle || lone || names(json_get(seen, "object_refs"), id));
    }
    return seen;
}

const struct detect_event *stix_event(const struct json_doc *doc, struct arena *a) {
    struct stix_reading r = {0};
    time_us last;
    int64_t number;
    event_begin(&r.builder, a);
    r.builder.event.log = "stix";
    struct json_value seen = take_objects(&r, json_root(doc));
    struct pattern_observation *given = arena_zalloc(a, 1, sizeof *given);
    r.flows = arena_alloc(a, ((size_t)r.count + 1) * sizeof *r.flows);
    if (!given || !r.objects || !r.flows) return NULL;
    field_time(json_text(json_get(seen, "first_observed"), a), 0, &r.builder.event.time);
    *given = (struct pattern_observation){.first_observed = r.builder.event.time,
                                          .last_observed = r.builder.event.time,
                                          .number_observed = 1,
                                          .objects = r.objects,
                                          .object_count = r.count};
    if (field_time(json_text(json_get(seen, "last_observed"), a), 0, &last)) given->last_observed = last;
    if (json_int(json_get(seen, "number_observed"), &number) && number > 0 && number < UINT32_MAX)
        given->number_observed = (uint32_t)number;
    for (uint32_t i = 0; i < r.count; i++) /* what only references lead to is no object of its own */
        if (r.objects[i].root) add_object(&r, &r.objects[i]);
    r.builder.event.given = given;
    r.builder.event.flows = r.flows;
    r.builder.event.object_count += r.builder.event.flow_count;
    return event_end(&r.builder);
}

/* ---- folded ---- */

static void fold_value(struct tape *t, struct span type, struct span key, struct json_value v) {
    enum json_type kind = json_type(v);
    if (kind == JSON_STRING) {
        struct span text = json_text(v, t->arena);
        tape_text(t, observation_fold(t->arena, type, key, text));
        return;
    }
    if (kind != JSON_OBJECT && kind != JSON_ARRAY) {
        tape_raw(t, kind, json_raw(v));
        return;
    }
    tape_open(t, kind);
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct span below = it.object ? json_text(it.key, t->arena) : key;
        if (it.object) tape_key(t, below);
        fold_value(t, type, below, it.value);
    }
    tape_close(t);
}

/* ::ffff:192.0.2.1 is an IPv4 address, as it is in logs. */
static struct span folded_type(const struct pattern_object *o, struct arena *a) {
    struct address address;
    if (!span_is(o->type, "ipv6-addr")) return o->type;
    bool v4 = address_parse_network(json_text(json_get(o->value, "value"), a), &address) && address.v4;
    return v4 ? SPAN("ipv4-addr") : o->type;
}

enum err observation_fold_given(const struct pattern_observation *given, struct arena *a,
                                struct pattern_observation *out, struct diag *d) {
    struct pattern_object *objects = arena_alloc(a, (given->object_count + 1) * sizeof *objects);
    struct tape t;
    *out = *given;
    if (!objects || !tape_begin(&t, a, 1024)) return diag_set(d, ERR_NOMEM, "out of memory for observed-data");
    tape_open(&t, JSON_ARRAY);
    for (uint32_t i = 0; i < given->object_count; i++) {
        objects[i] = given->objects[i];
        objects[i].type = folded_type(&given->objects[i], a);
        objects[i].value = (struct json_value){t.doc, t.doc->count};
        fold_value(&t, given->objects[i].type, SPAN(""), given->objects[i].value);
    }
    tape_close(&t);
    out->objects = objects;
    return t.failed || a->overflow ? diag_set(d, ERR_NOMEM, "out of memory for observed-data") : ERR_NONE;
}
