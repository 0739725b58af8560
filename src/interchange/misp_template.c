/* MISP's object templates as cyber-observables: which attribute of an object is which property. A new one is a row in
 * `templates` and its rows in `parts`. */
#include <stdio.h>

#include "interchange/misp_parts.h"
#include "stix/schema.h"

enum part_kind {
    PART_TEXT,
    PART_INTEGER,
    PART_TIME,
    PART_TRUTH,
    PART_HASH, /* property: the algorithm */
    PART_REF,  /* an observable of type `of`, named once */
    PART_REFS, /* likewise, in a list */
    PART_HOST, /* a reference to an address or domain name */
    PART_HOSTS,
    PART_WORDS, /* a list of lower-case words */
    PART_VALUE, /* a member of the one registry value */
    PART_LIST   /* a list of texts */
};

struct part {
    const char *relation, *property;
    enum part_kind kind;
    const char *of;
};

#define HASHES                                                                                                         \
    {"md5", "MD5", PART_HASH}, {"sha1", "SHA-1", PART_HASH}, {"sha256", "SHA-256", PART_HASH},                         \
        {"sha512", "SHA-512", PART_HASH}, {"sha224", "SHA-224", PART_HASH}, {"sha384", "SHA-384", PART_HASH},          \
        {"ssdeep", "SSDEEP", PART_HASH}, {"tlsh", "TLSH", PART_HASH}, {"authentihash", "AUTHENTIHASH", PART_HASH}, {   \
        "vhash", "VHASH", PART_HASH                                                                                    \
    }
static const struct part file[] = {HASHES,
                                   {"filename", "name", PART_TEXT},
                                   {"size-in-bytes", "size", PART_INTEGER},
                                   {"mimetype", "mime_type", PART_TEXT},
                                   {"creation-time", "ctime", PART_TIME},
                                   {"modification-time", "mtime", PART_TIME},
                                   {"access-time", "atime", PART_TIME},
                                   {"path", "parent_directory_ref", PART_REF, "directory"},
                                   {0}};
static const struct part domain_ip[] = {
    {"domain", "value", PART_TEXT}, {"hostname", "value", PART_TEXT}, {"ip", "resolves_to_refs", PART_HOSTS}, {0}};
static const struct part traffic[] = {{"ip", "dst_ref", PART_HOST},
                                      {"ip-dst", "dst_ref", PART_HOST},
                                      {"ip-src", "src_ref", PART_HOST},
                                      {"hostname-dst", "dst_ref", PART_HOST},
                                      {"hostname-src", "src_ref", PART_HOST},
                                      {"domain", "dst_ref", PART_HOST},
                                      {"hostname", "dst_ref", PART_HOST},
                                      {"dst-port", "dst_port", PART_INTEGER},
                                      {"src-port", "src_port", PART_INTEGER},
                                      {"layer3-protocol", "protocols", PART_WORDS},
                                      {"layer4-protocol", "protocols", PART_WORDS},
                                      {"layer7-protocol", "protocols", PART_WORDS},
                                      {"protocol", "protocols", PART_WORDS},
                                      {"first-packet-seen", "start", PART_TIME},
                                      {"src-bytes-count", "src_byte_count", PART_INTEGER},
                                      {"dst-bytes-count", "dst_byte_count", PART_INTEGER},
                                      {"src-packets-count", "src_packets", PART_INTEGER},
                                      {"dst-packets-count", "dst_packets", PART_INTEGER},
                                      {0}};
static const struct part email[] = {{"subject", "subject", PART_TEXT},
                                    {"email-body", "body", PART_TEXT},
                                    {"message-id", "message_id", PART_TEXT},
                                    {"send-date", "date", PART_TIME},
                                    {"from", "from_ref", PART_REF, "email-addr"},
                                    {"to", "to_refs", PART_REFS, "email-addr"},
                                    {"cc", "cc_refs", PART_REFS, "email-addr"},
                                    {"bcc", "bcc_refs", PART_REFS, "email-addr"},
                                    {"received-header-hostname", "received_lines", PART_LIST},
                                    {0}};
static const struct part registry[] = {
    {"key", "key", PART_TEXT},    {"last-modified", "modified_time", PART_TIME}, {"name", "name", PART_VALUE},
    {"data", "data", PART_VALUE}, {"data-type", "data_type", PART_VALUE},        {0}};
static const struct part process[] = {{"pid", "pid", PART_INTEGER},
                                      {"command-line", "command_line", PART_TEXT},
                                      {"current-directory", "cwd", PART_TEXT},
                                      {"creation-time", "created_time", PART_TIME},
                                      {"hidden", "is_hidden", PART_TRUTH},
                                      {"image", "image_ref", PART_REF, "file"},
                                      {0}};
static const struct part x509[] = {{"x509-fingerprint-md5", "MD5", PART_HASH},
                                   {"x509-fingerprint-sha1", "SHA-1", PART_HASH},
                                   {"x509-fingerprint-sha256", "SHA-256", PART_HASH},
                                   {"serial-number", "serial_number", PART_TEXT},
                                   {"version", "version", PART_TEXT},
                                   {"issuer", "issuer", PART_TEXT},
                                   {"subject", "subject", PART_TEXT},
                                   {"validity-not-before", "validity_not_before", PART_TIME},
                                   {"validity-not-after", "validity_not_after", PART_TIME},
                                   {"signature_algorithm", "signature_algorithm", PART_TEXT},
                                   {"pubkey-info-algorithm", "subject_public_key_algorithm", PART_TEXT},
                                   {"pubkey-info-modulus", "subject_public_key_modulus", PART_TEXT},
                                   {"pubkey-info-exponent", "subject_public_key_exponent", PART_INTEGER},
                                   {"self_signed", "is_self_signed", PART_TRUTH},
                                   {0}};
static const struct part account[] = {{"username", "account_login", PART_TEXT},
                                      {"user-id", "user_id", PART_TEXT},
                                      {"display-name", "display_name", PART_TEXT},
                                      {"account-type", "account_type", PART_TEXT},
                                      {"is_service_account", "is_service_account", PART_TRUTH},
                                      {"privileged", "is_privileged", PART_TRUTH},
                                      {"disabled", "is_disabled", PART_TRUTH},
                                      {"created", "account_created", PART_TIME},
                                      {"last_login", "account_last_login", PART_TIME},
                                      {0}};
static const struct part url[] = {{"url", "value", PART_TEXT}, {0}};
static const struct part mutex[] = {{"name", "name", PART_TEXT}, {0}};
static const struct part asn[] = {{"asn", "number", PART_INTEGER}, {"description", "name", PART_TEXT}, {0}};
static const struct part software[] = {{"name", "name", PART_TEXT},
                                       {"version", "version", PART_TEXT},
                                       {"vendor", "vendor", PART_TEXT},
                                       {"cpe", "cpe", PART_TEXT},
                                       {0}};

static const struct template {
    const char *object, *type;
    const struct part *parts;
    const char *needed[2]; /* one of these properties; "hashes" stands for any hash */
}
templates[] = {{"file", "file", file, {"name", "hashes"}},
               {"domain-ip", "domain-name", domain_ip, {"value"}},
               {"network-connection", "network-traffic", traffic, {"dst_ref", "src_ref"}},
               {"network-socket", "network-traffic", traffic, {"dst_ref", "src_ref"}},
               {"netflow", "network-traffic", traffic, {"dst_ref", "src_ref"}},
               {"ip-port", "network-traffic", traffic, {"dst_ref", "src_ref"}},
               {"email", "email-message", email, {NULL}},
               {"registry-key", "windows-registry-key", registry, {"key"}},
               {"process", "process", process, {"pid", "command_line"}},
               {"x509", "x509-certificate", x509, {"hashes", "serial_number"}},
               {"user-account", "user-account", account, {"account_login", "user_id"}},
               {"url", "url", url, {"value"}},
               {"mutex", "mutex", mutex, {"name"}},
               {"asn", "autonomous-system", asn, {"number"}},
               {"software", "software", software, {"name"}}};

enum { VALUES_MAX = 64 }; /* attributes of one object that become properties; the rest stay in the extension */

struct value {
    const struct part *part;
    struct span text;
    char id[STIX_ID_SIZE]; /* of a reference */
    bool used;
};

struct composing {
    struct misp_reader *r;
    const struct template *template;
    const struct misp_context *c;
    struct span uuid;
    struct value *values;
    size_t count;
    unsigned made;
};

static const struct part *part_of(const struct template *t, struct span relation) {
    for (const struct part *p = t->parts; p->relation; p++)
        if (span_is(relation, p->relation)) return p;
    return NULL;
}

static bool same_property(const struct part *a, const struct part *b) {
    return strcmp(a->property, b->property) == 0;
}

static bool listed(enum part_kind kind) {
    return kind == PART_REFS || kind == PART_HOSTS || kind == PART_WORDS || kind == PART_LIST;
}

static const char registry_types[] =
    " REG_NONE REG_SZ REG_EXPAND_SZ REG_BINARY REG_DWORD REG_DWORD_BIG_ENDIAN REG_DWORD_LITTLE_ENDIAN REG_LINK "
    "REG_MULTI_SZ REG_RESOURCE_LIST REG_FULL_RESOURCE_DESCRIPTION REG_RESOURCE_REQUIREMENTS_LIST REG_QWORD "
    "REG_INVALID_TYPE ";

static bool readable(const struct part *p, struct span text) {
    uint64_t n;
    time_us t;
    struct misp_type hash = {.form = MISP_HASH, .word = p->property};
    switch (p->kind) {
    case PART_INTEGER:
        return span_u64(text, &n) && n <= (strstr(p->property, "_port") ? 65535 : INT64_C(9007199254740991));
    case PART_TIME:
        return time_parse_rfc3339(text, &t);
    case PART_TRUTH:
        return span_is(text, "1") || span_is(text, "0") || span_equal_nocase(text, SPAN("true")) ||
               span_equal_nocase(text, SPAN("false"));
    case PART_HASH:
        return misp_value_fits(&hash, text);
    case PART_VALUE:
        return strcmp(p->property, "data_type") != 0 || stix_words_have(registry_types, text);
    default:
        return text.len > 0;
    }
}

/* Which attributes are properties: of several for one, the first. */
static void gather(struct composing *x, struct json_value attributes) {
    for (struct json_iter it = json_iter(attributes); json_next(&it) && x->count < VALUES_MAX;) {
        const struct part *p = part_of(x->template, json_text(json_get(it.value, "object_relation"), &x->r->passing));
        struct span text = json_text(json_get(it.value, "value"), &x->r->passing);
        bool taken = !p || misp_true(json_get(it.value, "deleted")) || !readable(p, text);
        for (size_t i = 0; i < x->count && !taken; i++)
            taken = same_property(x->values[i].part, p) && (!listed(p->kind) || span_equal(x->values[i].text, text));
        if (!taken) x->values[x->count++] = (struct value){.part = p, .text = text};
    }
}

static bool enough(const struct composing *x) {
    const struct template *t = x->template;
    if (!t->needed[0]) return x->count > 0;
    for (size_t i = 0; i < x->count; i++)
        for (int k = 0; k < 2 && t->needed[k]; k++)
            if (strcmp(x->values[i].part->kind == PART_HASH ? "hashes" : x->values[i].part->property, t->needed[k]) ==
                0)
                return true;
    return false;
}

static void observed(struct composing *x, const char *id) {
    if (x->r->observed.len) buf_add_char(&x->r->observed, ',');
    buf_printf(&x->r->observed, "\"%s\"", id);
}

/* The observables that are named come first. */
static enum err put_referents(struct composing *x, struct diag *d) {
    static const struct misp_times none = {TIME_NONE, TIME_NONE};
    struct buf earlier = BUF_EMPTY;
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && i < x->count; i++) {
        struct value *v = &x->values[i];
        enum part_kind kind = v->part->kind;
        char number[24];
        snprintf(number, sizeof number, "%u", ++x->made);
        struct span uuid = misp_made_uuid(&x->r->passing, "object observable", x->uuid, span_cstr(number));
        if (kind == PART_HOST || kind == PART_HOSTS) {
            static const struct misp_type ip = {.form = MISP_ADDRESS},
                                          name = {.form = MISP_DOMAIN, .path = "domain-name:value"};
            e = misp_observable(x->r, misp_value_fits(&ip, v->text) ? &ip : &name, uuid, v->text, x->c, v->id, d);
        } else if (kind == PART_REF || kind == PART_REFS) {
            const char *property = strcmp(v->part->of, "directory") == 0 ? "path"
                                   : strcmp(v->part->of, "file") == 0    ? "name"
                                                                         : "value";
            misp_id(v->id, v->part->of, uuid);
            misp_begin(x->r, v->part->of, v->id, false);
            json_member(&x->r->w, property, v->text);
            e = misp_put(x->r, v->part->of, v->id, x->c, none, false, false, d);
        } else {
            continue;
        }
        if (earlier.len) buf_add_char(&earlier, ',');
        buf_printf(&earlier, "\"%s\"", v->id);
    }
    buf_clear(&x->r->observed);
    buf_add(&x->r->observed, buf_span(&earlier));
    if (!e && !buf_ok(&earlier)) e = diag_set(d, ERR_NOMEM, "no memory for an object");
    buf_free(&earlier);
    return e;
}

static void write_one(struct json_writer *w, const struct value *v) {
    uint64_t n = 0;
    time_us t = 0;
    switch (v->part->kind) {
    case PART_INTEGER:
        (void)span_u64(v->text, &n);
        json_number(w, (int64_t)n);
        break;
    case PART_TIME:
        (void)time_parse_rfc3339(v->text, &t);
        json_time(w, t);
        break;
    case PART_TRUTH:
        json_truth(w, span_is(v->text, "1") || span_equal_nocase(v->text, SPAN("true")));
        break;
    case PART_REF:
    case PART_REFS:
    case PART_HOST:
    case PART_HOSTS:
        json_cstr(w, v->id);
        break;
    case PART_WORDS: {
        char word[64];
        size_t len = v->text.len < sizeof word ? v->text.len : sizeof word;
        for (size_t i = 0; i < len; i++) {
            char c = v->text.at[i];
            word[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
        }
        json_string(w, span_of(word, len));
        break;
    }
    default:
        json_string(w, v->text);
        break;
    }
}

/* All values of the property that begins at `first`, under one key. */
static void write_property(struct composing *x, size_t first) {
    struct json_writer *w = &x->r->w;
    const struct part *p = x->values[first].part;
    bool hashes = p->kind == PART_HASH, value = p->kind == PART_VALUE, list = listed(p->kind);
    json_key(w, hashes ? "hashes" : value ? "values" : p->property);
    if (list || value) json_begin_array(w);
    if (hashes || value) json_begin_object(w);
    for (size_t i = first; i < x->count; i++) {
        struct value *v = &x->values[i];
        bool same = hashes || value ? v->part->kind == p->kind : same_property(v->part, p);
        if (v->used || !same) continue;
        if (hashes || value) json_key(w, v->part->property);
        write_one(w, v);
        v->used = true;
    }
    if (hashes || value) json_end_object(w);
    if (list || value) json_end_array(w);
}

/* What the type requires and MISP need not say. */
static void write_required(struct composing *x) {
    bool protocols = false;
    for (size_t i = 0; i < x->count; i++) protocols = protocols || x->values[i].part->kind == PART_WORDS;
    if (strcmp(x->template->type, "email-message") == 0) json_member_truth(&x->r->w, "is_multipart", false);
    if (strcmp(x->template->type, "network-traffic") != 0 || protocols) return;
    json_key(&x->r->w, "protocols");
    json_begin_array(&x->r->w);
    json_cstr(&x->r->w, "ip");
    json_end_array(&x->r->w);
}

enum err misp_compose(struct misp_reader *r, struct span name, struct span uuid, struct json_value attributes,
                      const struct misp_context *c, char id[STIX_ID_SIZE], struct diag *d) {
    struct composing x = {.r = r, .c = c, .uuid = uuid};
    id[0] = 0;
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        if (span_is(name, templates[i].object)) x.template = &templates[i];
    if (!x.template) return ERR_NONE;
    x.values = arena_zalloc(&r->passing, VALUES_MAX, sizeof *x.values);
    if (!x.values) return diag_set(d, ERR_NOMEM, "no memory for an object");
    gather(&x, attributes);
    if (!enough(&x)) return ERR_NONE;
    enum err e = put_referents(&x, d);
    if (e) return e;
    misp_id(id, x.template->type, uuid);
    misp_begin(r, x.template->type, id, false);
    write_required(&x);
    for (size_t i = 0; i < x.count; i++)
        if (!x.values[i].used) write_property(&x, i);
    observed(&x, id);
    return misp_put(r, x.template->type, id, c, (struct misp_times){TIME_NONE, TIME_NONE}, false, false, d);
}

/* ---- the other way ---- */

static const char *attribute_type(const struct part *p, struct span value) {
    static const struct {
        const char *relation, *type;
    } known[] = {{"ip", "ip-dst"},
                 {"hostname-dst", "hostname"},
                 {"hostname-src", "hostname"},
                 {"mimetype", "mime-type"},
                 {"dst-port", "port"},
                 {"src-port", "port"},
                 {"subject", "email-subject"},
                 {"message-id", "email-message-id"},
                 {"from", "email-src"},
                 {"to", "email-dst"},
                 {"cc", "email-dst"},
                 {"bcc", "email-dst"},
                 {"key", "regkey"},
                 {"asn", "AS"},
                 {"size-in-bytes", "size-in-bytes"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(p->relation, known[i].relation) == 0) return known[i].type;
    const struct misp_type *same = misp_type_named(span_cstr(p->relation));
    if (same) return same->name;
    return p->kind == PART_TIME ? "datetime" : p->kind == PART_TRUTH ? "boolean" : "text";
}

static void write_attribute(struct buf *list, const struct part *p, struct span value) {
    if (!value.len) return;
    if (list->len) buf_add_char(list, ',');
    struct json_writer w = json_writer(list);
    json_begin_object(&w);
    json_member_cstr(&w, "type", attribute_type(p, value));
    json_member_cstr(&w, "object_relation", p->relation);
    json_member(&w, "value", value);
    json_end_object(&w);
}

/* Addresses are one relation, names another. */
static bool host_fits(const struct part *p, struct span id) {
    bool name = span_starts(id, SPAN("domain-name--"));
    bool wants_name = strstr(p->relation, "host") || strstr(p->relation, "domain");
    return (p->kind != PART_HOST && p->kind != PART_HOSTS) || name == wants_name;
}

static void write_part(struct buf *list, const struct part *p, struct json_value v, struct arena *a,
                       struct span (*value_of)(void *context, struct span id), void *context) {
    switch (p->kind) {
    case PART_REF:
    case PART_HOST:
        if (host_fits(p, json_text(v, a))) write_attribute(list, p, value_of(context, json_text(v, a)));
        break;
    case PART_REFS:
    case PART_HOSTS:
        for (struct json_iter it = json_iter(v); json_next(&it);)
            if (host_fits(p, json_text(it.value, a)))
                write_attribute(list, p, value_of(context, json_text(it.value, a)));
        break;
    case PART_WORDS:
    case PART_LIST:
        for (struct json_iter it = json_iter(v); json_next(&it);) write_attribute(list, p, json_text(it.value, a));
        break;
    default:
        write_attribute(list, p, json_type(v) == JSON_STRING ? json_text(v, a) : json_raw(v));
        break;
    }
}

/* Of several relations of one property the first that fits is written. */
static bool written_before(const struct part *first, const struct part *p, struct json_value v, struct arena *a) {
    for (const struct part *q = first; q != p; q++) {
        bool host = q->kind == PART_HOST || q->kind == PART_HOSTS;
        if (q->kind == p->kind && same_property(q, p) && (!host || host_fits(q, json_text(v, a)))) return true;
    }
    return false;
}

bool misp_decompose(struct buf *list, struct json_value observable, struct span type, struct arena *a,
                    struct span (*value_of)(void *context, struct span id), void *context, const char **name) {
    const struct template *t = NULL;
    for (size_t i = 0; i < sizeof templates / sizeof *templates && !t; i++)
        if (span_is(type, templates[i].type)) t = &templates[i];
    if (!t) return false;
    *name = t->object;
    for (const struct part *p = t->parts; p->relation; p++) {
        struct json_value v = p->kind == PART_HASH ? json_get(json_get(observable, "hashes"), p->property)
                              : p->kind == PART_VALUE
                                  ? json_get(json_at(json_get(observable, "values"), 0), p->property)
                                  : json_get(observable, p->property);
        if (json_exists(v) && !written_before(t->parts, p, v, a)) write_part(list, p, v, a, value_of, context);
    }
    return list->len > 0;
}
