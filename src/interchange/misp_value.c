/* Values of attributes: whether they are what their type says, their patterns, their observables. */
#include <stdio.h>

#include "interchange/misp_parts.h"
#include "share/list.h"

/* ---- what a value is ---- */

static bool is_hash(const char *algorithm, struct span value) {
    static const struct {
        const char *name;
        size_t digits; /* 0: not hexadecimal */
    } known[] = {{"MD5", 32},      {"SHA-1", 40},    {"SHA-224", 56},     {"SHA-256", 64},
                 {"SHA-384", 96},  {"SHA-512", 128}, {"SHA-512-224", 56}, {"SHA3-224", 56},
                 {"SHA3-256", 64}, {"SHA3-384", 96}, {"SHA-512-256", 64}, {"SHA3-512", 128}};
    for (size_t i = 0; algorithm && i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, algorithm) != 0) continue;
        if (value.len != known[i].digits) return false;
        for (size_t k = 0; k < value.len; k++)
            if (!strchr("0123456789abcdefABCDEF", value.at[k]) || !value.at[k]) return false;
    }
    return value.len > 0;
}

static bool is_mac(struct span value) {
    if (value.len != 17) return false;
    for (size_t i = 0; i < 17; i++)
        if (i % 3 == 2 ? value.at[i] != ':' : !memchr("0123456789abcdefABCDEF", value.at[i], 22)) return false;
    return true;
}

/* An address in normal form, and the type of its observable. */
static const char *address(struct span value, struct buf *normal) {
    switch (list_recognise(value, normal, NULL)) {
    case LIST_IPV4:
    case LIST_IPV4_RANGE:
        return "ipv4-addr";
    case LIST_IPV6:
    case LIST_IPV6_RANGE:
        return "ipv6-addr";
    default:
        return NULL;
    }
}

static bool is_port(struct span text, uint64_t *port) {
    return span_u64(text, port) && *port <= 65535;
}

/* "a|b"; MISP also writes "a:port" for some. */
static bool halves(struct span value, struct span *first, struct span *second) {
    *second = value;
    *first = span_cut(second, '|');
    return first->len && second->len;
}

static bool as_number(struct span value, uint64_t *out) {
    if (value.len > 2 && span_equal_nocase(span_first(value, 2), SPAN("AS"))) value = span_from(value, 2);
    return span_u64(value, out) && *out <= 0xffffffff;
}

bool misp_value_fits(const struct misp_type *type, struct span value) {
    struct buf normal = BUF_EMPTY;
    struct span first, second;
    uint64_t n;
    bool fits = value.len > 0;
    switch (type->form) {
    case MISP_ADDRESS:
        fits = address(value, &normal) != NULL;
        break;
    case MISP_ADDRESS_PORT:
        fits = halves(value, &first, &second) && address(first, &normal) && is_port(second, &n);
        break;
    case MISP_DOMAIN_IP:
        fits = halves(value, &first, &second) && address(second, &normal);
        break;
    case MISP_DOMAIN_PORT:
        fits = halves(value, &first, &second) && is_port(second, &n);
        break;
    case MISP_HASH:
        fits = is_hash(type->word, value);
        break;
    case MISP_FILE_HASH:
        fits = halves(value, &first, &second) && is_hash(type->word, second);
        break;
    case MISP_KEY_VALUE:
        fits = halves(value, &first, &second);
        break;
    case MISP_MAC:
        fits = is_mac(value);
        break;
    case MISP_NUMBER:
        fits = as_number(value, &n);
        break;
    default:
        break;
    }
    buf_free(&normal);
    return fits;
}

/* ---- patterns ---- */

/* A string literal of the patterning language (STIX 2.1 §9.6). */
static void literal(struct buf *out, struct span value) {
    buf_add_char(out, '\'');
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\'' || value.at[i] == '\\') buf_add_char(out, '\\');
        buf_add_char(out, value.at[i]);
    }
    buf_add_char(out, '\'');
}

static void compare(struct buf *out, const char *path, struct span value) {
    buf_printf(out, "[%s = ", path);
    literal(out, value);
    buf_add_char(out, ']');
}

static void address_pattern(struct buf *out, struct span value) {
    struct buf normal = BUF_EMPTY;
    enum list_kind kind = list_recognise(value, &normal, NULL);
    list_pattern(out, kind, buf_span(&normal));
    buf_free(&normal);
}

/* The host may be written in more than one way; what is compared is its normal form. */
static void endpoint_pattern(struct buf *out, const struct misp_type *type, struct span host, struct span port) {
    struct buf normal = BUF_EMPTY;
    bool known = list_recognise(host, &normal, NULL) != LIST_NONE;
    uint64_t number = 0;
    (void)is_port(port, &number); /* "0443" is a port in MISP and no number in a pattern */
    buf_printf(out, "[%s = ", type->path);
    literal(out, known ? buf_span(&normal) : host);
    buf_printf(out, " AND network-traffic:%s_port = %llu]", type->word, (unsigned long long)number);
    buf_free(&normal);
}

static void lower(struct buf *out, struct span text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c | 32) : c);
    }
}

static void compare_lower(struct buf *out, const char *path, struct span value) {
    struct buf text = BUF_EMPTY;
    lower(&text, value);
    compare(out, path, buf_span(&text));
    buf_free(&text);
}

bool misp_pattern(struct buf *out, const struct misp_type *type, struct span value) {
    struct span first, second;
    uint64_t number = 0;
    switch (type->form) {
    case MISP_ADDRESS:
        address_pattern(out, value);
        return true;
    case MISP_DOMAIN:
        compare_lower(out, type->path, value);
        return true;
    case MISP_URL:
        list_pattern(out, LIST_URL, value);
        return true;
    case MISP_ADDRESS_PORT:
    case MISP_DOMAIN_PORT:
        if (!halves(value, &first, &second)) return false;
        endpoint_pattern(out, type, first, second);
        return true;
    case MISP_DOMAIN_IP: /* MISP's own exports to sensors take each half for itself */
        if (!halves(value, &first, &second)) return false;
        compare_lower(out, "domain-name:value", first);
        buf_add_cstr(out, " OR ");
        address_pattern(out, second);
        return true;
    case MISP_FILE_HASH: /* the hash is the file, whatever it is called today */
        if (!halves(value, &first, &second)) return false;
        compare(out, type->path, second);
        return true;
    case MISP_KEY_VALUE:
        if (!halves(value, &first, &second)) return false;
        buf_add_cstr(out, "[windows-registry-key:key = ");
        literal(out, first);
        buf_add_cstr(out, " AND windows-registry-key:values[*].data = ");
        literal(out, second);
        buf_add_char(out, ']');
        return true;
    case MISP_NUMBER:
        if (!as_number(value, &number)) return false;
        buf_printf(out, "[%s = %llu]", type->path, (unsigned long long)number);
        return true;
    case MISP_MAC:
        compare_lower(out, type->path, value);
        return true;
    case MISP_HASH:
    case MISP_PROPERTY:
    case MISP_PATH:
    case MISP_ACCOUNT:
        compare(out, type->path, value);
        return true;
    default:
        return false;
    }
}

/* ---- observables ---- */

struct observing {
    struct misp_reader *r;
    const struct misp_context *c;
    struct span uuid;
    unsigned made; /* observables so far: the first has the attribute's UUID */
};

static void next_id(struct observing *o, const char *type, char id[STIX_ID_SIZE]) {
    char number[16];
    snprintf(number, sizeof number, "%u", o->made);
    misp_id(id, type, o->made++ ? misp_made_uuid(&o->r->passing, "observable", o->uuid, span_cstr(number)) : o->uuid);
}

/* Ends an observable and remembers it: observed-data names all of them. */
static enum err end(struct observing *o, const char *type, const char *id, struct diag *d) {
    if (o->r->observed.len) buf_add_char(&o->r->observed, ',');
    buf_printf(&o->r->observed, "\"%s\"", id);
    return misp_put(o->r, type, id, o->c, (struct misp_times){TIME_NONE, TIME_NONE}, false, false, d);
}

static enum err simple(struct observing *o, const char *type, const char *property, struct span value,
                       char id[STIX_ID_SIZE], struct diag *d) {
    next_id(o, type, id);
    misp_begin(o->r, type, id, false);
    json_member(&o->r->w, property, value);
    return end(o, type, id, d);
}

static enum err host(struct observing *o, struct span value, char id[STIX_ID_SIZE], const char **type, struct diag *d) {
    struct buf normal = BUF_EMPTY;
    *type = address(value, &normal);
    if (!*type) *type = "domain-name";
    enum err e = simple(o, *type, "value", strcmp(*type, "domain-name") == 0 ? value : buf_span(&normal), id, d);
    buf_free(&normal);
    return e;
}

/* MISP does not say which protocol: only what carries it is known. */
static enum err traffic(struct observing *o, const struct misp_type *type, struct span value, char id[STIX_ID_SIZE],
                        struct diag *d) {
    struct span first, second;
    char end_id[STIX_ID_SIZE];
    const char *kind;
    uint64_t port;
    if (!halves(value, &first, &second) || !is_port(second, &port)) return ERR_NONE;
    next_id(o, "network-traffic", id);
    enum err e = host(o, first, end_id, &kind, d);
    if (e) return e;
    misp_begin(o->r, "network-traffic", id, false);
    bool src = strcmp(type->word, "src") == 0;
    json_member_cstr(&o->r->w, src ? "src_ref" : "dst_ref", end_id);
    json_member_number(&o->r->w, src ? "src_port" : "dst_port", (int64_t)port);
    json_key(&o->r->w, "protocols");
    json_begin_array(&o->r->w);
    json_cstr(&o->r->w, strcmp(kind, "ipv4-addr") == 0 ? "ipv4" : strcmp(kind, "ipv6-addr") == 0 ? "ipv6" : "ip");
    json_end_array(&o->r->w);
    return end(o, "network-traffic", id, d);
}

static enum err domain_ip(struct observing *o, struct span value, char id[STIX_ID_SIZE], struct diag *d) {
    struct span first, second;
    char ip[STIX_ID_SIZE];
    const char *kind;
    if (!halves(value, &first, &second)) return ERR_NONE;
    next_id(o, "domain-name", id);
    enum err e = host(o, second, ip, &kind, d);
    if (e) return e;
    misp_begin(o->r, "domain-name", id, false);
    json_member(&o->r->w, "value", first);
    json_key(&o->r->w, "resolves_to_refs");
    json_begin_array(&o->r->w);
    json_cstr(&o->r->w, ip);
    json_end_array(&o->r->w);
    return end(o, "domain-name", id, d);
}

static enum err hashed(struct observing *o, const struct misp_type *type, struct span name, struct span hash,
                       char id[STIX_ID_SIZE], struct diag *d) {
    const char *kind = strncmp(type->path, "file:", 5) == 0 ? "file" : "x509-certificate";
    struct json_writer *w = &o->r->w;
    next_id(o, kind, id);
    misp_begin(o->r, kind, id, false);
    json_key(w, "hashes");
    json_begin_object(w);
    json_member(w, type->word, hash);
    json_end_object(w);
    if (name.len) json_member(w, "name", name);
    return end(o, kind, id, d);
}

static enum err key_value(struct observing *o, struct span value, char id[STIX_ID_SIZE], struct diag *d) {
    struct span key, data;
    if (!halves(value, &key, &data)) return ERR_NONE;
    next_id(o, "windows-registry-key", id);
    misp_begin(o->r, "windows-registry-key", id, false);
    json_member(&o->r->w, "key", key);
    json_key(&o->r->w, "values");
    json_begin_array(&o->r->w);
    json_begin_object(&o->r->w);
    json_member(&o->r->w, "data", data);
    json_end_object(&o->r->w);
    json_end_array(&o->r->w);
    return end(o, "windows-registry-key", id, d);
}

static enum err property(struct observing *o, const struct misp_type *type, struct span value, char id[STIX_ID_SIZE],
                         struct diag *d) {
    struct span name = span_cstr(type->path), kind = span_cut(&name, ':');
    char kind_text[64];
    if (kind.len >= sizeof kind_text) return ERR_NONE;
    memcpy(kind_text, kind.at, kind.len);
    kind_text[kind.len] = 0;
    return simple(o, kind_text, name.at, value, id, d);
}

static enum err account(struct observing *o, const struct misp_type *type, struct span value, char id[STIX_ID_SIZE],
                        struct diag *d) {
    next_id(o, "user-account", id);
    misp_begin(o->r, "user-account", id, false);
    json_member(&o->r->w, "account_login", value);
    if (type->word) json_member_cstr(&o->r->w, "account_type", type->word);
    return end(o, "user-account", id, d);
}

enum err misp_observable(struct misp_reader *r, const struct misp_type *type, struct span uuid, struct span value,
                         const struct misp_context *c, char id[STIX_ID_SIZE], struct diag *d) {
    struct observing o = {.r = r, .c = c, .uuid = uuid};
    struct span first, second;
    const char *kind;
    uint64_t number;
    id[0] = 0;
    buf_clear(&r->observed);
    switch (type->form) {
    case MISP_ADDRESS:
        return host(&o, value, id, &kind, d);
    case MISP_DOMAIN:
    case MISP_URL:
    case MISP_PROPERTY:
        return property(&o, type, value, id, d);
    case MISP_MAC: {
        struct buf text = BUF_EMPTY;
        lower(&text, value);
        enum err e = property(&o, type, buf_span(&text), id, d);
        buf_free(&text);
        return e;
    }
    case MISP_ADDRESS_PORT:
    case MISP_DOMAIN_PORT:
        return traffic(&o, type, value, id, d);
    case MISP_DOMAIN_IP:
        return domain_ip(&o, value, id, d);
    case MISP_HASH:
        return hashed(&o, type, (struct span){0}, value, id, d);
    case MISP_FILE_HASH:
        return halves(value, &first, &second) ? hashed(&o, type, first, second, id, d) : ERR_NONE;
    case MISP_KEY_VALUE:
        return key_value(&o, value, id, d);
    case MISP_ACCOUNT:
        return account(&o, type, value, id, d);
    case MISP_NUMBER:
        if (!as_number(value, &number)) return ERR_NONE;
        next_id(&o, "autonomous-system", id);
        misp_begin(r, "autonomous-system", id, false);
        json_member_number(&r->w, "number", (int64_t)number);
        return end(&o, "autonomous-system", id, d);
    default:
        return ERR_NONE;
    }
}
