#include <stdio.h>

#include "pattern/plan.h"

/* The object paths understood, one row each. `path` joins the steps with dots; "[*]" is any element; "hashes.*" takes
 * any hash algorithm. A new path is a row here and, where the value is of a new kind, a field in the readers' tables.
 */
static const struct path_row {
    const char *type, *path;
    enum atom_kind kind;
    enum atom_root root;
    unsigned roles;
} rows[] = {
    {"ipv4-addr", "value", ATOM_ADDRESS, ROOT_ADDRESS, 0},
    {"ipv6-addr", "value", ATOM_ADDRESS, ROOT_ADDRESS, 0},
    {"domain-name", "value", ATOM_DOMAIN, ROOT_DOMAIN, 0},
    {"url", "value", ATOM_URL, ROOT_URL, 0},
    {"email-addr", "value", ATOM_EMAIL, ROOT_EMAIL, 0},
    {"email-message", "from_ref.value", ATOM_EMAIL, ROOT_MESSAGE, ROLE_SENDER},
    {"email-message", "sender_ref.value", ATOM_EMAIL, ROOT_MESSAGE, ROLE_SENDER},
    {"email-message", "to_refs[*].value", ATOM_EMAIL, ROOT_MESSAGE, ROLE_RECIPIENT},
    {"email-message", "cc_refs[*].value", ATOM_EMAIL, ROOT_MESSAGE, ROLE_RECIPIENT},
    {"email-message", "bcc_refs[*].value", ATOM_EMAIL, ROOT_MESSAGE, ROLE_RECIPIENT},
    {"file", "hashes.*", ATOM_HASH, ROOT_FILE, 0},
    {"file", "name", ATOM_FILE_NAME, ROOT_FILE, 0},
    {"artifact", "hashes.*", ATOM_HASH, ROOT_ARTIFACT, 0},
    {"x509-certificate", "hashes.*", ATOM_HASH, ROOT_CERTIFICATE, 0},
    /* ATOM_ADDRESS stands for address or domain here: the literal tells */
    {"network-traffic", "src_ref.value", ATOM_ADDRESS, ROOT_FLOW, ROLE_SRC},
    {"network-traffic", "dst_ref.value", ATOM_ADDRESS, ROOT_FLOW, ROLE_DST},
    {"network-traffic", "src_ref.type", ATOM_TYPE, ROOT_FLOW, ROLE_SRC},
    {"network-traffic", "dst_ref.type", ATOM_TYPE, ROOT_FLOW, ROLE_DST},
    {"network-traffic", "src_port", ATOM_PORT, ROOT_FLOW, ROLE_SRC},
    {"network-traffic", "dst_port", ATOM_PORT, ROOT_FLOW, ROLE_DST},
    {"network-traffic", "protocols[*]", ATOM_PROTOCOL, ROOT_FLOW, 0},
    {"network-traffic", "extensions.http-request-ext.request_value", ATOM_PATH, ROOT_FLOW, 0},
    {"network-traffic", "extensions.http-request-ext.request_header.Host[*]", ATOM_ADDRESS, ROOT_FLOW, ROLE_HOST},
    {"network-traffic", "extensions.http-request-ext.request_header.Host", ATOM_ADDRESS, ROOT_FLOW, ROLE_HOST},
};

const char *atom_kind_name(enum atom_kind kind) {
    static const char *const names[ATOM_KIND_COUNT] = {
        [ATOM_ADDRESS] = "address",     [ATOM_DOMAIN] = "domain", [ATOM_URL] = "url",
        [ATOM_HASH] = "hash",           [ATOM_EMAIL] = "email",   [ATOM_PATH] = "request",
        [ATOM_FILE_NAME] = "file-name", [ATOM_PORT] = "port",     [ATOM_PROTOCOL] = "protocol",
        [ATOM_TYPE] = "type",
    };
    return kind < ATOM_KIND_COUNT ? names[kind] : "object"; /* found by a pattern that no one value decides */
}

const char *atom_root_name(enum atom_root root) {
    static const char *const names[ROOT_COUNT] = {
        [ROOT_ADDRESS] = "ipv4-addr or ipv6-addr",
        [ROOT_DOMAIN] = "domain-name",
        [ROOT_URL] = "url",
        [ROOT_FILE] = "file",
        [ROOT_ARTIFACT] = "artifact",
        [ROOT_CERTIFICATE] = "x509-certificate",
        [ROOT_EMAIL] = "email-addr",
        [ROOT_MESSAGE] = "email-message",
        [ROOT_FLOW] = "network-traffic",
    };
    return root < ROOT_COUNT ? names[root] : "?";
}

struct compiler {
    struct arena *arena;
    struct diag *diag;
    const struct pattern *pattern;
    struct plan_node *nodes;
    struct pattern_atom *atoms;
    uint32_t node_count, atom_count, limit;
};

static enum err refuse(struct compiler *c, uint32_t at, enum err code, const char *message) {
    diag_set(c->diag, code, "%s", message);
    diag_at(c->diag, 1, pattern_column(c->pattern->text, at), at);
    return code;
}

static enum err unsupported(struct compiler *c, uint32_t at, const char *construct) {
    char message[DIAG_MESSAGE_SIZE];
    snprintf(message, sizeof message, "%s is not evaluated yet", construct);
    return refuse(c, at, ERR_UNSUPPORTED, message);
}

/* "hashes.MD5", "protocols[*]": for the table and for messages. */
static const char *path_text(const struct pattern_path *path, char *text, size_t size) {
    size_t len = 0;
    text[0] = '\0';
    for (const struct pattern_step *s = path->steps; s && len < size - 1; s = s->next) {
        int n = s->kind == PATTERN_STEP_ANY ? snprintf(text + len, size - len, "[*]")
                : s->kind == PATTERN_STEP_INDEX
                    ? snprintf(text + len, size - len, "[%lld]", (long long)s->index)
                    : snprintf(text + len, size - len, "%s%.*s", len ? "." : "", SPAN_ARG(span_first(s->key, 128)));
        if (n < 0) break;
        len += (size_t)n;
    }
    return text;
}

/* Keys with dots or brackets in them could be mistaken for steps when joined. */
static bool plain_keys(const struct pattern_path *path) {
    for (const struct pattern_step *s = path->steps; s; s = s->next)
        if (s->kind == PATTERN_STEP_KEY &&
            (span_find_char(s->key, '.') != SIZE_MAX || span_find_char(s->key, '[') != SIZE_MAX))
            return false;
    return true;
}

static const struct path_row *find_row(const struct pattern_path *path, const char *text) {
    bool hashes = span_is(path->steps->key, "hashes") && path->steps->next && !path->steps->next->next &&
                  path->steps->next->kind == PATTERN_STEP_KEY;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!span_is(path->type, rows[i].type)) continue;
        if (strcmp(rows[i].path, "hashes.*") == 0 ? hashes : plain_keys(path) && strcmp(rows[i].path, text) == 0)
            return &rows[i];
    }
    return NULL;
}

static struct plan_node *add_node(struct compiler *c, enum plan_operation operation) {
    if (c->node_count == c->limit) return NULL;
    c->nodes[c->node_count] = (struct plan_node){.operation = operation, .size = 1};
    return &c->nodes[c->node_count++];
}

/* Whether the hash's key is of an algorithm telemetry has, and the text of its length. */
static enum err check_hash_literal(struct compiler *c, const struct pattern_test *test,
                                   const struct pattern_literal *literal) {
    struct span algorithm = test->path.steps->next->key;
    unsigned digits = pattern_hash_digits(algorithm);
    char message[DIAG_MESSAGE_SIZE];
    if (digits != 32 && digits != 40 && digits != 64 && digits != 128) {
        snprintf(message, sizeof message, "the hash algorithm %.*s", SPAN_ARG(span_first(algorithm, 40)));
        return unsupported(c, literal->at, message);
    }
    if (literal->text.len == digits) return ERR_NONE;
    snprintf(message, sizeof message, "a %.*s hash has %u hexadecimal digits", SPAN_ARG(span_first(algorithm, 40)),
             digits);
    return refuse(c, literal->at, ERR_INVALID, message);
}

/* The literal as the atom's value. */
static enum err fill_atom(struct compiler *c, const struct path_row *row, const struct pattern_test *test,
                          const struct pattern_literal *literal, struct pattern_atom *atom) {
    *atom = (struct pattern_atom){.kind = (uint8_t)row->kind, .root = (uint8_t)row->root, .roles = (uint8_t)row->roles};
    if (row->kind == ATOM_PORT) {
        if (literal->kind != PATTERN_INTEGER || literal->integer < 0 || literal->integer > 65535)
            return refuse(c, literal->at, ERR_INVALID, "a port is a whole number up to 65535");
        atom->port = (uint16_t)literal->integer;
        return ERR_NONE;
    }
    if (literal->kind != PATTERN_STRING)
        return refuse(c, literal->at, ERR_INVALID, "this property is text: its value is written in single quotes");
    atom->value = literal->text;
    if (row->kind == ATOM_HASH) return check_hash_literal(c, test, literal);
    if (row->kind != ATOM_ADDRESS) return ERR_NONE;
    if (address_parse_network(literal->text, &atom->address)) {
        atom->value = span_of(NULL, 0);
        return ERR_NONE;
    }
    if (row->root == ROOT_FLOW && test->compare != PATTERN_ISSUBSET) {
        atom->kind = ATOM_DOMAIN;
        return ERR_NONE;
    }
    return refuse(c, literal->at, ERR_INVALID, "this is neither an IP address nor a network in CIDR notation");
}

bool pattern_atom_of(const struct pattern_test *test, const struct pattern_literal *literal, struct pattern_atom *out) {
    struct pattern nowhere = {0};
    struct compiler c = {.pattern = &nowhere}; /* for its diagnoses, which nobody reads */
    char path[256];
    const struct path_row *row = find_row(&test->path, path_text(&test->path, path, sizeof path));
    if (!row || (test->compare == PATTERN_ISSUBSET && row->kind != ATOM_ADDRESS)) return false;
    return fill_atom(&c, row, test, literal, out) == ERR_NONE;
}

static enum err compile_test(struct compiler *c, const struct pattern_node *node) {
    const struct pattern_test *test = node->test;
    char path[256], message[DIAG_MESSAGE_SIZE];
    path_text(&test->path, path, sizeof path);
    const struct path_row *row = find_row(&test->path, path);
    if (!row) {
        snprintf(message, sizeof message, "the object path %.*s:%s", SPAN_ARG(span_first(test->path.type, 64)), path);
        return unsupported(c, node->at, message);
    }
    bool set = test->compare == PATTERN_IN;
    bool supported = !test->negated && (set || test->compare == PATTERN_EQUAL ||
                                        (test->compare == PATTERN_ISSUBSET && row->kind == ATOM_ADDRESS));
    if (!supported) {
        snprintf(message, sizeof message, "%s%s on %.*s:%s", test->negated ? "NOT " : "",
                 pattern_operator_name(test->compare), SPAN_ARG(span_first(test->path.type, 64)), path);
        return unsupported(c, node->at, message);
    }
    if (!test->literals) return refuse(c, node->at, ERR_INVALID, "IN with an empty set can never hold");
    struct plan_node *either = test->literals->next ? add_node(c, PLAN_ANY) : NULL;
    uint32_t start = c->node_count;
    for (const struct pattern_literal *l = test->literals; l; l = l->next) {
        enum err error = fill_atom(c, row, test, l, &c->atoms[c->atom_count]);
        if (error) return error;
        struct plan_node *leaf = add_node(c, PLAN_ATOM);
        if (!leaf) return diag_set(c->diag, ERR_LIMIT, "the pattern has too many parts");
        leaf->atom = c->atom_count++;
    }
    if (either) either->size += c->node_count - start;
    return ERR_NONE;
}

static enum err compile_node(struct compiler *c, const struct pattern_node *node) {
    static const char *const constructs[] = {
        [PATTERN_FOLLOWED_BY] = "FOLLOWEDBY", [PATTERN_BOTH] = "AND between observations", [PATTERN_WITHIN] = "WITHIN",
        [PATTERN_REPEATS] = "REPEATS",        [PATTERN_START_STOP] = "START … STOP",
    };
    enum plan_operation operation;
    switch (node->kind) {
    case PATTERN_TEST:
        return compile_test(c, node);
    case PATTERN_EITHER:
    case PATTERN_ANY:
        operation = PLAN_ANY;
        break;
    case PATTERN_ALL:
        operation = PLAN_ALL;
        break;
    case PATTERN_OBSERVATION:
        operation = PLAN_OBSERVATION;
        break;
    default:
        return unsupported(c, node->at, constructs[node->kind]);
    }
    uint32_t at = c->node_count;
    if (!add_node(c, operation)) return diag_set(c->diag, ERR_LIMIT, "the pattern has too many parts");
    for (const struct pattern_node *child = node->first; child; child = child->next) {
        enum err error = compile_node(c, child);
        if (error) return error;
    }
    c->nodes[at].size = c->node_count - at;
    return ERR_NONE;
}

/* Which root objects could satisfy the subtree: a bit each. None for an AND whose sides want different objects. */
static unsigned possible_roots(const struct compiler *c, uint32_t at) {
    const struct plan_node *node = &c->nodes[at];
    if (node->operation == PLAN_ATOM) return 1u << c->atoms[node->atom].root;
    unsigned roots = node->operation == PLAN_ALL ? ~0u : 0;
    for (uint32_t child = at + 1; child < at + node->size; child += c->nodes[child].size) {
        unsigned below = possible_roots(c, child);
        roots = node->operation == PLAN_ALL ? roots & below : roots | below;
    }
    return roots;
}

/* §9.6: no single object can be of two types, so such an AND would stay silent for ever. Better to say so. */
static enum err check_roots(struct compiler *c) {
    for (uint32_t i = 0; i < c->node_count; i++)
        if (c->nodes[i].operation == PLAN_OBSERVATION && possible_roots(c, i) == 0)
            return diag_set(c->diag, ERR_UNSUPPORTED,
                            "AND inside [ ] joins properties of different objects, which no single object has "
                            "(STIX 2.1 §9.6)");
    return ERR_NONE;
}

enum err pattern_compile(struct arena *a, const struct pattern *pattern, const struct pattern_plan **out,
                         struct diag *d) {
    *out = NULL;
    /* A test becomes at most one node a literal and one for the set: never more nodes than the tree has. */
    struct compiler c = {.arena = a, .diag = d, .pattern = pattern, .limit = pattern->node_count + 1};
    struct pattern_plan *plan = arena_alloc(a, sizeof *plan);
    c.nodes = arena_zalloc(a, c.limit, sizeof *c.nodes);
    c.atoms = arena_zalloc(a, c.limit, sizeof *c.atoms);
    if (!plan || !c.nodes || !c.atoms) return diag_set(d, ERR_NOMEM, "out of memory compiling a pattern");
    enum err error = compile_node(&c, pattern->root);
    if (!error) error = check_roots(&c);
    if (error) return error;
    *plan = (struct pattern_plan){
        .nodes = c.nodes, .atoms = c.atoms, .node_count = c.node_count, .atom_count = c.atom_count};
    *out = plan;
    return ERR_NONE;
}
