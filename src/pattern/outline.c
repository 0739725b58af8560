#include "pattern/outline.h"

#include "base/encode.h"

/* A key stands bare when it is letters, digits and underscores. */
static bool bare(struct span key) {
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return key.len > 0;
}

static void write_quoted(struct buf *out, struct span text) {
    buf_add_char(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\'' || text.at[i] == '\\') buf_add_char(out, '\\');
        buf_add_char(out, text.at[i]);
    }
    buf_add_char(out, '\'');
}

void pattern_write_path(struct buf *out, const struct pattern_path *path) {
    buf_printf(out, "%.*s:", SPAN_ARG(path->type));
    for (const struct pattern_step *s = path->steps; s; s = s->next) {
        if (s->kind == PATTERN_STEP_KEY && s != path->steps) buf_add_char(out, '.');
        if (s->kind == PATTERN_STEP_ANY)
            buf_add_cstr(out, "[*]");
        else if (s->kind == PATTERN_STEP_INDEX)
            buf_printf(out, "[%lld]", (long long)s->index);
        else if (bare(s->key))
            buf_add(out, s->key);
        else
            write_quoted(out, s->key);
    }
}

static void write_literal(struct buf *out, const struct pattern_literal *l) {
    switch (l->kind) {
    case PATTERN_STRING:
        write_quoted(out, l->text);
        return;
    case PATTERN_HEX:
        buf_add_cstr(out, "h'");
        buf_add_hex(out, l->text);
        buf_add_char(out, '\'');
        return;
    case PATTERN_BINARY:
        buf_add_cstr(out, "b'");
        buf_add_base64(out, l->text);
        buf_add_char(out, '\'');
        return;
    case PATTERN_TIMESTAMP:
        buf_printf(out, "t'%.*s'", SPAN_ARG(l->text));
        return;
    case PATTERN_BOOLEAN:
        buf_add_cstr(out, l->truth ? "true" : "false");
        return;
    case PATTERN_INTEGER:
    case PATTERN_FLOAT:
        buf_add(out, l->text);
        return;
    }
}

void pattern_write_test(struct buf *out, const struct pattern_test *test) {
    const char *compare = pattern_operator_name(test->compare);
    if (test->compare == PATTERN_EXISTS) {
        buf_printf(out, "%sEXISTS ", test->negated ? "NOT " : "");
        pattern_write_path(out, &test->path);
        return;
    }
    pattern_write_path(out, &test->path);
    buf_printf(out, "%s %s ", test->negated ? " NOT" : "", compare);
    if (test->compare == PATTERN_IN) buf_add_char(out, '(');
    for (const struct pattern_literal *l = test->literals; l; l = l->next) {
        if (l != test->literals) buf_add_cstr(out, ", ");
        write_literal(out, l);
    }
    if (test->compare == PATTERN_IN) buf_add_char(out, ')');
}

struct outline {
    struct buf *out;
    uint32_t observations; /* numbered so far */
};

static void write_node(struct outline *o, const struct pattern_node *node, unsigned depth);

static void write_children(struct outline *o, const struct pattern_node *node, unsigned depth) {
    for (const struct pattern_node *child = node->first; child; child = child->next) write_node(o, child, depth);
}

/* The heading of what has parts. */
static void write_heading(struct outline *o, const struct pattern_node *node) {
    switch (node->kind) {
    case PATTERN_FOLLOWED_BY:
        buf_add_cstr(o->out, "FOLLOWEDBY: each after the one before it");
        return;
    case PATTERN_BOTH:
        buf_add_cstr(o->out, "AND: each of these, on different observations");
        return;
    case PATTERN_EITHER:
        buf_add_cstr(o->out, "OR: one of these");
        return;
    case PATTERN_WITHIN:
        buf_printf(o->out, "WITHIN %g seconds%s", node->within_s,
                   node->first->kind == PATTERN_OBSERVATION && !node->first->grouped
                       ? " (of this observation alone, which always is: parentheses would take in what stands before)"
                       : "");
        return;
    case PATTERN_REPEATS:
        buf_printf(o->out, "REPEATS %lld times, on different observations", (long long)node->times);
        return;
    case PATTERN_START_STOP:
        buf_printf(o->out, "START %.*s, STOP before %.*s", SPAN_ARG(node->window.from->text),
                   SPAN_ARG(node->window.until->text));
        return;
    case PATTERN_OBSERVATION:
        buf_printf(o->out, "[%u] one observation with", ++o->observations);
        return;
    case PATTERN_ANY:
        buf_add_cstr(o->out, "any of");
        return;
    case PATTERN_ALL:
        buf_add_cstr(o->out, "all of, on the same object");
        return;
    case PATTERN_TEST:
        pattern_write_test(o->out, node->test);
        return;
    }
}

static void write_node(struct outline *o, const struct pattern_node *node, unsigned depth) {
    for (unsigned i = 0; i < depth; i++) buf_add_cstr(o->out, "  ");
    write_heading(o, node);
    buf_add_char(o->out, '\n');
    if (node->kind != PATTERN_TEST) write_children(o, node, depth + 1);
}

void pattern_write_outline(struct buf *out, const struct pattern *pattern) {
    struct outline o = {.out = out};
    write_node(&o, pattern->root, 0);
}
