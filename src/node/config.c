#include "node/config.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"

enum { TEXT_MAX = 512, LIST_MAX = 1000, DECAY_SPEED_MAX = 1000, BASE_SCORE_DEFAULT = 80 /* as MISP's models */ };

#define TEXT(key, type, field) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, struct type, field, 1, TEXT_MAX)
#define TEXT_OPTIONAL(key, type, field)                                                                                \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, field, 1, TEXT_MAX)

static const cyaml_schema_field_t member_fields[] = {
    TEXT("id", config_member, id),
    TEXT("name", config_member, name),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t member_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_member, member_fields)};

static const cyaml_schema_field_t source_fields[] = {
    TEXT("name", config_source, name),
    TEXT_OPTIONAL("url", config_source, url),
    TEXT_OPTIONAL("domain", config_source, domain),
    TEXT_OPTIONAL("collection", config_source, collection),
    TEXT_OPTIONAL("username", config_source, username),
    TEXT_OPTIONAL("password_file", config_source, password_file),
    TEXT_OPTIONAL("token_file", config_source, token_file),
    TEXT_OPTIONAL("ca_file", config_source, ca_file),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t source_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_source, source_fields)};

static const cyaml_schema_field_t decay_fields[] = {
    TEXT_OPTIONAL("source", config_decay, source),
    TEXT_OPTIONAL("kind", config_decay, kind),
    TEXT("lifetime", config_decay, lifetime),
    CYAML_FIELD_UINT("threshold", CYAML_FLAG_DEFAULT, struct config_decay, threshold),
    CYAML_FIELD_UINT("base_score", CYAML_FLAG_OPTIONAL, struct config_decay, base_score),
    CYAML_FIELD_FLOAT("decay_speed", CYAML_FLAG_OPTIONAL, struct config_decay, decay_speed),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t decay_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_decay, decay_fields)};

#define NUMBER_OPTIONAL(key, field) CYAML_FIELD_UINT(key, CYAML_FLAG_OPTIONAL, struct config_limits, field)
static const cyaml_schema_field_t limits_fields[] = {
    NUMBER_OPTIONAL("requests_per_second", requests_per_second),
    NUMBER_OPTIONAL("burst", burst),
    NUMBER_OPTIONAL("failures_per_minute", failures_per_minute),
    NUMBER_OPTIONAL("post_bytes", post_bytes),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t config_fields[] = {
    TEXT("party", config, party),
    TEXT("name", config, name),
    TEXT("url", config, url),
    TEXT_OPTIONAL("listen", config, listen),
    TEXT_OPTIONAL("nameserver", config, nameserver),
    TEXT_OPTIONAL("store", config, store),
    TEXT_OPTIONAL("erasures", config, erasures),
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_OPTIONAL, struct config, limits, limits_fields),
    TEXT_OPTIONAL("monitor", config, monitor),
    CYAML_FIELD_SEQUENCE("members", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config, members, &member_schema, 0,
                         LIST_MAX),
    CYAML_FIELD_SEQUENCE("sources", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config, sources, &source_schema, 0,
                         LIST_MAX),
    CYAML_FIELD_SEQUENCE("decay", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config, decay, &decay_schema, 0,
                         LIST_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, config_fields)};

static enum err wrong(struct yaml_places *places, const char *path, struct diag *d, const char *message) {
    uint64_t line, column;
    yaml_place(places, path, &line, &column);
    diag_set(d, ERR_INVALID, "%s: %s", path, message);
    diag_at(d, line, column, 0);
    return ERR_INVALID;
}

static bool is_kind(const char *name) {
    for (int kind = ATOM_ADDRESS; kind <= ATOM_FILE_NAME; kind++)
        if (strcmp(name, atom_kind_name((enum atom_kind)kind)) == 0) return true;
    return false;
}

static enum err check_decay(const struct config *c, struct yaml_places *places, struct diag *d) {
    char path[64];
    for (unsigned i = 0; i < c->decay_count; i++) {
        const struct config_decay *m = &c->decay[i];
        time_us lifetime;
        snprintf(path, sizeof path, "decay[%u].lifetime", i);
        if (!time_parse_duration(span_cstr(m->lifetime), &lifetime) || lifetime <= 0)
            return wrong(places, path, d, "must be a time span, such as 120d");
        snprintf(path, sizeof path, "decay[%u].%s", i, m->threshold > 100 ? "threshold" : "base_score");
        if (m->threshold > 100 || m->base_score > 100) return wrong(places, path, d, "must be a number from 0 to 100");
        snprintf(path, sizeof path, "decay[%u].decay_speed", i);
        if (!(m->decay_speed >= 0 && m->decay_speed <= DECAY_SPEED_MAX))
            return wrong(places, path, d, "must be a number above 0 and up to 1000");
        snprintf(path, sizeof path, "decay[%u].kind", i);
        if (m->kind && !is_kind(m->kind))
            return wrong(places, path, d, "must be address, domain, url, hash, email, request or file-name");
    }
    return ERR_NONE;
}

/* Without TLS only what does not leave the machine. */
static bool is_own_machine(const char *url) {
    static const char *const heads[] = {"http://127.0.0.1:", "http://127.0.0.1/", "http://localhost:",
                                        "http://localhost/", "http://[::1]:",     "http://[::1]/"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (strncmp(url, heads[i], strlen(heads[i])) == 0) return true;
    return false;
}

/* Line breaks in quotes, escapes: what goes onto a card and into terminals has none. C0 and C1, DEL, and U+2028 and
 * U+2029, which break lines for YAML, too. */
static bool has_controls(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < ' ' || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) ||
            (at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)))
            return true;
    return false;
}

static enum err check(const struct config *c, struct yaml_places *places, struct diag *d) {
    char path[64], host[256];
    uint16_t port;
    if (has_controls(c->party)) return wrong(places, "party", d, "must not have control characters in it");
    if (has_controls(c->name)) return wrong(places, "name", d, "must not have control characters in it");
    if (has_controls(c->url)) return wrong(places, "url", d, "must not have control characters in it");
    if (strncmp(c->url, "https://", 8) != 0) return wrong(places, "url", d, "must begin with https://");
    if (config_listen(c, host, sizeof host, &port, d))
        return wrong(places, c->listen ? "listen" : "url", d,
                     "needs an address and a port from 0 to 65535, as in 127.0.0.1:8443");
    if (c->store && strncmp(c->store, "postgres://", 11) != 0 && strncmp(c->store, "postgresql://", 13) != 0)
        return wrong(places, "store", d,
                     "must begin with postgresql://; without it the store is a file in this folder");
    if (c->erasures && strcmp(c->erasures, "ask") != 0 && strcmp(c->erasures, "obey") != 0)
        return wrong(places, "erasures", d, "must be ask or obey");
    if (c->monitor && config_monitor(c, host, sizeof host, &port, d))
        return wrong(places, "monitor", d, "needs a loopback address and a port, as in 127.0.0.1:9464");
    for (unsigned i = 0; i < c->sources_count; i++) {
        const struct config_source *s = &c->sources[i];
        snprintf(path, sizeof path, "sources[%u].%s", i, s->url ? "url" : "name");
        if ((s->url != NULL) == (s->domain != NULL) || (s->domain != NULL) != (s->collection != NULL))
            return wrong(places, path, d, "takes the url of a collection, or a domain and a collection");
        if (s->url && strncmp(s->url, "https://", 8) != 0 && !is_own_machine(s->url))
            return wrong(places, path, d, "must be the https:// address of a TAXII collection");
        snprintf(path, sizeof path, "sources[%u].%s", i, s->username ? "username" : "password_file");
        if ((s->username != NULL) != (s->password_file != NULL))
            return wrong(places, path, d, "username and password_file go together");
        snprintf(path, sizeof path, "sources[%u].token_file", i);
        if (s->username && s->token_file)
            return wrong(places, path, d, "a source takes a username or a token_file, not both");
        for (unsigned j = 0; j < i; j++)
            if (strcmp(c->sources[j].name, s->name) == 0) {
                snprintf(path, sizeof path, "sources[%u].name", i);
                return wrong(places, path, d, "this name is taken by another source");
            }
    }
    for (unsigned i = 0; i < c->members_count; i++)
        for (unsigned j = 0; j < i; j++)
            if (strcmp(c->members[j].id, c->members[i].id) == 0) {
                snprintf(path, sizeof path, "members[%u].id", i);
                return wrong(places, path, d, "this id is taken by another member");
            }
    return check_decay(c, places, d);
}

static void fill_limits(struct config_limits *l) {
    if (!l->requests_per_second) l->requests_per_second = CONFIG_REQUESTS_PER_SECOND;
    if (!l->burst && __builtin_mul_overflow(l->requests_per_second, CONFIG_BURST_SECONDS, &l->burst))
        l->burst = UINT_MAX;
    if (!l->failures_per_minute) l->failures_per_minute = CONFIG_FAILURES_PER_MINUTE;
    if (!l->post_bytes || l->post_bytes > CONFIG_POST_BYTES_MAX) l->post_bytes = CONFIG_POST_BYTES_MAX;
}

enum err config_read(struct span text, struct config **out, struct diag *d) {
    struct arena a;
    struct yaml_places *places = NULL;
    void *data = NULL;
    *out = NULL;
    arena_init(&a, 16 << 20);
    enum err e = yaml_check(&a, text, &places, d);
    if (!e) e = yaml_load(text, &config_schema, &data, d);
    if (!e) e = check(data, places, d);
    if (e && data) yaml_unload(&config_schema, data);
    if (!e) fill_limits(&((struct config *)data)->limits);
    if (!e) *out = data;
    arena_free(&a);
    return e;
}

void config_free(struct config **c) {
    if (*c) yaml_unload(&config_schema, *c);
    *c = NULL;
}

/* Double quotes with the two escapes YAML needs; names with control characters are refused before. */
static void add_quoted(struct buf *out, struct span text) {
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') buf_add_char(out, '\\');
        buf_add_char(out, text.at[i]);
    }
    buf_add_char(out, '"');
}

enum err config_set_store(struct span text, const char *store, struct buf *out, struct diag *d) {
    struct config *c;
    for (struct span rest = text; rest.len > 0;) {
        struct span line = span_cut(&rest, '\n');
        if (span_starts(line, SPAN("store:"))) continue;
        buf_add(out, line);
        buf_add_char(out, '\n');
    }
    if (store) {
        buf_add_cstr(out, "store: ");
        add_quoted(out, span_cstr(store));
        buf_add_char(out, '\n');
    }
    if (!buf_ok(out)) return diag_set(d, ERR_NOMEM, "no memory for a configuration");
    enum err e = config_read(buf_span(out), &c, d);
    bool same = !e && (store ? c->store && strcmp(c->store, store) == 0 : !c->store);
    if (!e) config_free(&c);
    return e || same ? e : diag_set(d, ERR_UNSUPPORTED, "renkei.yaml has `store` in a form of its own: give it a line");
}

enum err config_write(struct buf *out, struct span party, struct span name, struct span url, struct span store,
                      struct diag *d) {
    buf_add_cstr(out,
                 "# Configuration of this Renkei node. Keys are in keys/, what it holds is in realms/.\n\nparty: ");
    add_quoted(out, party);
    buf_add_cstr(out, "\nname: ");
    add_quoted(out, name);
    buf_add_cstr(out, "\n# Where partners reach this node; it stands on the card.\nurl: ");
    add_quoted(out, url);
    if (store.len) {
        buf_add_cstr(out, "\n# Where the store is. The password, if any, in ~/.pgpass rather than here.\nstore: ");
        add_quoted(out, store);
    }
    buf_add_cstr(
        out, "\n# Where `renkei serve` listens, if not where the url says.\n# listen: 0.0.0.0:8443\n\n"
             "# Where `renkei serve` answers /health and /metrics, on this machine only.\n# monitor: 127.0.0.1:9464\n\n"
             "# Members whose telemetry this party matches: their sightings carry these names at home.\n"
             "# members:\n#   - id: AGENCY-1\n#     name: \"An agency\"\n\n"
             "# TAXII 2.1 collections of servers that are no Renkei: `renkei sync NAME` pulls them.\n"
             "# sources:\n#   - name: feed\n#     url: https://taxii.example/api1/collections/ID/\n"
             "#     username: reader\n#     password_file: feed.password\n\n"
             "# Confidence that decays with age: below the threshold an indicator alerts no more.\n"
             "# decay:\n#   - kind: address\n#     lifetime: 120d\n#     decay_speed: 2\n"
             "#     base_score: 80\n#     threshold: 30\n");
    return buf_ok(out) ? ERR_NONE : diag_set(d, ERR_NOMEM, "no memory for the configuration");
}

static enum err read_address(struct span text, char *host, size_t host_size, uint16_t *port, struct diag *d) {
    uint64_t number = 443;
    size_t bracket = span_find_char(text, ']');
    struct span rest = text.len && text.at[0] == '[' && bracket != SIZE_MAX ? span_from(text, bracket + 1) : text;
    struct span name =
        rest.at != text.at ? span_of(text.at + 1, bracket - 1) : span_first(text, span_find_char(text, ':'));
    size_t colon = span_find_char(rest, ':');
    if (colon != SIZE_MAX && (!span_u64(span_from(rest, colon + 1), &number) || number > 65535))
        return diag_set(d, ERR_INVALID, "'%.*s' has no port from 0 to 65535", SPAN_ARG(text));
    if (rest.at != text.at && rest.len > 0 && rest.at[0] != ':')
        return diag_set(d, ERR_INVALID, "'%.*s' has something else than a port behind the address", SPAN_ARG(text));
    if (name.len == 0 || name.len >= host_size) return diag_set(d, ERR_INVALID, "'%.*s' names no host", SPAN_ARG(text));
    memcpy(host, name.at, name.len);
    host[name.len] = 0;
    *port = (uint16_t)number;
    return ERR_NONE;
}

enum err config_listen(const struct config *c, char *host, size_t host_size, uint16_t *port, struct diag *d) {
    struct span text = span_cstr(c->listen ? c->listen : c->url);
    if (!c->listen) {
        text = span_from(text, strlen("https://"));
        text = span_first(text, span_find_char(text, '/'));
    }
    return read_address(text, host, host_size, port, d);
}

enum err config_monitor(const struct config *c, char *host, size_t host_size, uint16_t *port, struct diag *d) {
    enum err e = read_address(span_cstr(c->monitor), host, host_size, port, d);
    if (!e && strcmp(host, "localhost") == 0) snprintf(host, host_size, "127.0.0.1");
    if (!e && strncmp(host, "127.", 4) != 0 && strcmp(host, "::1") != 0)
        e = diag_set(d, ERR_INVALID, "'%s' is no loopback address", host);
    return e;
}

enum err config_decay_models(const struct config *c, struct arena *a, struct decay_model **out, size_t *count,
                             struct diag *d) {
    *count = c->decay_count;
    *out = arena_zalloc(a, c->decay_count + (size_t)1, sizeof **out);
    if (!*out) return diag_set(d, ERR_NOMEM, "no memory for the decay models");
    for (unsigned i = 0; i < c->decay_count; i++) {
        const struct config_decay *from = &c->decay[i];
        struct decay_model *m = &(*out)[i];
        *m = (struct decay_model){.source = span_cstr(from->source),
                                  .kind = span_cstr(from->kind),
                                  .threshold = from->threshold,
                                  .base_score = from->base_score ? from->base_score : BASE_SCORE_DEFAULT,
                                  .decay_speed = from->decay_speed > 0 ? from->decay_speed : 1};
        if (!time_parse_duration(span_cstr(from->lifetime), &m->lifetime)) m->lifetime = INT64_MAX; /* was checked */
    }
    return ERR_NONE;
}
