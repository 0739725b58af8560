#include "detect/values.h"

#include "detect/normalise.h"

/* What a test says whose path is `type:path`; '*' stands for the hash's algorithm. */
enum role { ROLE_VALUE, ROLE_HOST_OF_FLOW /* an address or a domain, by its form */, ROLE_PORT_OF_FLOW };
static const struct known_path {
    const char *type, *path;
    enum role role;
    enum atom_kind kind;
    bool certificate;
} paths[] = {
    {"ipv4-addr", "value", ROLE_VALUE, ATOM_ADDRESS, false},
    {"ipv6-addr", "value", ROLE_VALUE, ATOM_ADDRESS, false},
    {"domain-name", "value", ROLE_VALUE, ATOM_DOMAIN, false},
    {"url", "value", ROLE_VALUE, ATOM_URL, false},
    {"email-addr", "value", ROLE_VALUE, ATOM_EMAIL, false},
    {"file", "hashes.*", ROLE_VALUE, ATOM_HASH, false},
    {"artifact", "hashes.*", ROLE_VALUE, ATOM_HASH, false},
    {"x509-certificate", "hashes.*", ROLE_VALUE, ATOM_HASH, true},
    {"file", "name", ROLE_VALUE, ATOM_FILE_NAME, false},
    {"email-message", "from_ref.value", ROLE_VALUE, ATOM_EMAIL, false},
    {"email-message", "sender_ref.value", ROLE_VALUE, ATOM_EMAIL, false},
    {"network-traffic", "extensions.http-request-ext.request_value", ROLE_VALUE, ATOM_PATH, false},
    {"network-traffic", "dst_ref.value", ROLE_HOST_OF_FLOW, ATOM_ADDRESS, false},
    {"network-traffic", "src_ref.value", ROLE_HOST_OF_FLOW, ATOM_ADDRESS, false},
    {"network-traffic", "dst_port", ROLE_PORT_OF_FLOW, ATOM_PORT, false},
};

struct gathering {
    struct arena *arena;
    struct detect_value *values;
    size_t count, size;
    bool complete;
};

static bool path_is(const struct pattern_path *path, const struct known_path *known) {
    struct span rest = span_cstr(known->path);
    if (!span_is(path->type, known->type)) return false;
    for (const struct pattern_step *s = path->steps; s; s = s->next) {
        struct span part = span_cut(&rest, '.');
        if (s->kind != PATTERN_STEP_KEY || !(span_is(part, "*") || span_equal(part, s->key))) return false;
    }
    return rest.at == NULL; /* all of it was there */
}

static const struct known_path *known(const struct pattern_test *test) {
    if (test->negated) return NULL;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (path_is(&test->path, &paths[i])) return &paths[i];
    return NULL;
}

static void add(struct gathering *g, const struct detect_value *value) {
    if (g->count == g->size) {
        size_t size = g->size ? g->size * 2 : 4;
        struct detect_value *bigger =
            g->count < DETECT_VALUES_MAX ? arena_alloc(g->arena, size * sizeof *bigger) : NULL;
        if (!bigger) {
            g->complete = false;
            return;
        }
        if (g->count) memcpy(bigger, g->values, g->count * sizeof *bigger);
        g->values = bigger;
        g->size = size;
    }
    g->values[g->count++] = *value;
}

/* Addresses keep host bits out: '198.51.100.5/24' is the network. */
static bool set_address(struct arena *a, struct span text, struct detect_value *out) {
    char canonical[ADDRESS_TEXT_SIZE];
    if (!address_parse_network(text, &out->address)) return false;
    out->kind = ATOM_ADDRESS;
    out->value = arena_copy(a, span_cstr(address_format(&out->address, canonical)));
    return out->value.len > 0;
}

static bool set_value(struct arena *a, const struct known_path *path, struct span text, struct detect_value *out) {
    *out = (struct detect_value){.kind = path->kind, .certificate = path->certificate, .port = -1};
    if (path->kind == ATOM_ADDRESS && set_address(a, text, out)) return true;
    if (path->role == ROLE_HOST_OF_FLOW) out->kind = ATOM_DOMAIN;
    return out->kind != ATOM_ADDRESS && normalise_value(a, out->kind, text, &out->value) && out->value.len > 0;
}

static void take_literals(struct gathering *g, const struct pattern_test *test, int32_t port) {
    const struct known_path *path = known(test);
    bool subset = test->compare == PATTERN_ISSUBSET && path && path->kind == ATOM_ADDRESS;
    if (!path || path->role == ROLE_PORT_OF_FLOW ||
        !(test->compare == PATTERN_EQUAL || test->compare == PATTERN_IN || subset)) {
        g->complete = false;
        return;
    }
    for (const struct pattern_literal *l = test->literals; l; l = l->next) {
        struct detect_value value;
        if (l->kind != PATTERN_STRING || !set_value(g->arena, path, l->text, &value)) {
            g->complete = false;
            continue;
        }
        value.port = port;
        add(g, &value);
    }
}

/* Whether the test says which port: dst_port = n. */
static bool port_of(const struct pattern_test *test, int32_t *port) {
    const struct known_path *path = known(test);
    if (!path || path->role != ROLE_PORT_OF_FLOW || test->compare != PATTERN_EQUAL ||
        test->literals->kind != PATTERN_INTEGER || test->literals->integer < 0 || test->literals->integer > 65535)
        return false;
    *port = (int32_t)test->literals->integer;
    return true;
}

/* dst_ref.value = 'a' AND dst_port = n, in either order, is one value. */
static bool take_host_and_port(struct gathering *g, const struct pattern_node *all) {
    const struct pattern_node *one = all->first, *other = one ? one->next : NULL;
    const struct known_path *path;
    int32_t port;
    if (!other || other->next || one->kind != PATTERN_TEST || other->kind != PATTERN_TEST) return false;
    if (port_of(one->test, &port)) {
        const struct pattern_node *swap = one;
        one = other;
        other = swap;
    }
    if (!port_of(other->test, &port) || !(path = known(one->test)) || path->role != ROLE_HOST_OF_FLOW ||
        !span_is(span_cstr(path->path), "dst_ref.value"))
        return false;
    take_literals(g, one->test, port);
    return true;
}

/* Depth is the parser's, which is bounded. */
static void gather(struct gathering *g, const struct pattern_node *n) {
    switch (n->kind) {
    case PATTERN_EITHER:
    case PATTERN_ANY:
    case PATTERN_OBSERVATION:
        for (const struct pattern_node *child = n->first; child; child = child->next) gather(g, child);
        break;
    case PATTERN_TEST:
        take_literals(g, n->test, -1);
        break;
    case PATTERN_ALL:
        if (!take_host_and_port(g, n)) g->complete = false;
        break;
    default:
        g->complete = false;
    }
}

/* "[TYPE:value = 'text']" with nothing to unescape, as nearly all of a feed are: what the parser would find. */
static bool take_plain(struct gathering *g, struct span text) {
    struct detect_value value;
    struct span rest = text;
    if (!span_starts(text, SPAN("[")) || !span_ends(text, SPAN("']"))) return false;
    struct span type = span_cut(&rest, ':');
    if (!span_starts(rest, SPAN("value = '"))) return false;
    rest = span_from(span_first(rest, rest.len - 2), 9);
    for (size_t i = 0; i < rest.len; i++)
        if (rest.at[i] < ' ' || rest.at[i] > '~' || rest.at[i] == '\'' || rest.at[i] == '\\') return false;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!span_is(span_from(type, 1), paths[i].type) || strcmp(paths[i].path, "value") != 0) continue;
        if (!set_value(g->arena, &paths[i], rest, &value)) return false;
        add(g, &value);
        return true;
    }
    return false;
}

void detect_values(struct arena *a, struct span text, const struct detect_value **out, size_t *count, bool *complete) {
    struct gathering g = {.arena = a, .complete = true};
    const struct pattern *pattern;
    struct diag ignored;
    if (!take_plain(&g, text) && pattern_parse(a, text, &pattern, &ignored))
        g.complete = false;
    else if (g.count == 0)
        gather(&g, pattern->root);
    if (a->overflow) g = (struct gathering){0};
    *out = g.values;
    *count = g.count;
    *complete = g.complete && g.count > 0;
}

bool detect_value_read(struct arena *a, struct span text, struct detect_value *out) {
    struct span host;
    *out = (struct detect_value){.port = -1};
    text = span_trim(text);
    if (set_address(a, text, out)) return true;
    if (split_host_port(text, &host, &out->port) && set_address(a, host, out)) return true;
    out->port = -1;
    out->kind = looks_like_hash(text)                   ? ATOM_HASH
                : url_scheme_end(text) != SIZE_MAX      ? ATOM_URL
                : text.len > 1 && text.at[0] == '/'     ? ATOM_PATH
                : span_find_char(text, '@') != SIZE_MAX ? ATOM_EMAIL
                : span_find_char(text, '/') != SIZE_MAX ? ATOM_URL
                                                        : ATOM_DOMAIN;
    return text.len > 0 && normalise_value(a, out->kind, text, &out->value) && out->value.len > 0;
}
