#include "pattern/necessary.h"

#include "pattern/outline.h"

/* --- texts within literals --- */

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The longest run so far. A part of "https" proves nothing: match writes it before URLs whose scheme the log leaves
 * out. */
static void take_longer(struct span *best, struct span run) {
    if (run.len < PATTERN_TEXT_LENGTH_MIN || run.len <= best->len) return;
    for (size_t i = 0; i + run.len <= 5; i++)
        if (span_equal_nocase(run, span_of(&"https"[i], run.len))) return;
    *best = run;
}

static struct span longest_word(struct span text) {
    struct span best = {0};
    for (size_t i = 0, start = 0; i <= text.len; i++) {
        if (i < text.len && is_word(text.at[i])) continue;
        take_longer(&best, span_of(text.at + start, i - start));
        start = i + 1;
    }
    return best;
}

/* Past a character class that starts at i; SIZE_MAX when its end cannot be told for sure. */
static size_t past_class(struct span regex, size_t i) {
    i++;
    if (i < regex.len && regex.at[i] == '^') i++;
    if (i < regex.len && regex.at[i] == ']') i++;
    for (; i < regex.len && regex.at[i] != ']'; i++) {
        if (regex.at[i] == '[') return SIZE_MAX; /* [:alpha:] and the like */
        if (regex.at[i] == '\\') i++;
    }
    return i < regex.len ? i + 1 : SIZE_MAX;
}

/* Of a regular expression only what is plain is understood: letters outside of parentheses that nothing makes optional.
 * All that could give them another meaning ends the search with nothing found. */
static struct span longest_required(struct span regex) {
    struct span best = {0}, nothing = {0};
    size_t start = 0, depth = 0, i = 0;
    if (span_find(regex, SPAN("(?")) != SIZE_MAX || span_find(regex, SPAN("(*")) != SIZE_MAX) return nothing;
    while (i < regex.len) {
        char c = regex.at[i];
        if (is_word(c)) {
            bool optional = i + 1 < regex.len && memchr("?*{", regex.at[i + 1], 3);
            if (depth == 0 && !optional) {
                i++;
                if (i == regex.len) take_longer(&best, span_of(regex.at + start, i - start));
                continue;
            }
        }
        if (depth == 0) take_longer(&best, span_of(regex.at + start, i - start));
        if (c == '\\') {
            /* \d, \w, \b, … stand for themselves; others take what follows with them */
            if (i + 1 < regex.len && is_word(regex.at[i + 1]) && !memchr("dDwWsSbBhHvVnrtA", regex.at[i + 1], 16))
                return nothing;
            i += 2;
        } else if (c == '[') {
            if ((i = past_class(regex, i)) == SIZE_MAX) return nothing;
        } else if (c == '{') {
            size_t end = span_find_char(span_from(regex, i), '}');
            if (end == SIZE_MAX) return nothing;
            i += end + 1;
        } else {
            if (c == '(') depth++;
            if (c == ')' && depth > 0) depth--;
            if (c == '|' && depth == 0) return nothing;
            i++;
        }
        start = i;
    }
    return best;
}

struct span pattern_text_within(enum pattern_operator compare, struct span literal) {
    /* The wildcards of LIKE are neither letter nor digit: they part words as blanks do. */
    return compare == PATTERN_MATCHES ? longest_required(literal) : longest_word(literal);
}

/* Properties whose text stands in the line as it is, letters and digits at least: whatever of a URL is put together
 * from several fields, its words are in them. "*": all that begin so. */
static const struct {
    const char *type, *first_key;
} plain[] = {
    {"domain-name", "value"},
    {"url", "value"},
    {"file", "name"},
    {"file", "parent_directory_ref"},
    {"directory", "path"},
    {"email-addr", "value"},
    {"email-addr", "display_name"},
    {"email-message", "from_ref"},
    {"email-message", "sender_ref"},
    {"email-message", "to_refs"},
    {"email-message", "cc_refs"},
    {"email-message", "bcc_refs"},
    {"network-traffic", "extensions"},
    {"user-account", "user_id"},
    {"user-account", "account_login"},
    {"user-account", "display_name"},
    {"x509-certificate", "subject"},
    {"x509-certificate", "issuer"},
};

/* What match itself writes below "extensions" (method names, versions) is short; its texts are the header's. */
static bool is_plain(const struct pattern_path *path) {
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!span_is(path->type, plain[i].type) || !span_is(path->steps->key, plain[i].first_key)) continue;
        if (!span_is(path->steps->key, "extensions")) return true;
        const struct pattern_step *s = path->steps->next;
        if (!s || s->kind != PATTERN_STEP_KEY || !span_is(s->key, "http-request-ext") || !(s = s->next)) return false;
        return s->kind == PATTERN_STEP_KEY && (span_is(s->key, "request_header") || span_is(s->key, "request_value"));
    }
    return false;
}

/* --- needs --- */

struct finder {
    struct arena *arena;
    struct pattern_need *needs; /* of the [ ] under way */
    uint32_t count, size;
    bool overflow;
};

/* What a part of the tree needs: `count` needs from `start` on, the most common of them so common; none: open. */
struct part {
    uint32_t start, count;
    unsigned common;
    const struct pattern_test *open;
};

static bool add(struct finder *f, const struct pattern_need *need) {
    if (f->count == f->size) {
        uint32_t size = f->size ? f->size * 2 : 16;
        struct pattern_need *bigger = arena_zalloc(f->arena, size, sizeof *bigger);
        if (!bigger) {
            f->overflow = true;
            return false;
        }
        if (f->count) memcpy(bigger, f->needs, f->count * sizeof *bigger);
        f->needs = bigger;
        f->size = size;
    }
    f->needs[f->count++] = *need;
    return true;
}

/* How often it is seen by chance, from 1; texts after values, and those that have to be tried on every value last. */
enum { COMMON_TEXT = 20, COMMON_TEST = 40 };

static bool is_textual(const struct pattern_test *test) {
    for (const struct pattern_literal *l = test->literals; l; l = l->next)
        if (l->kind != PATTERN_STRING) return false;
    return test->literals != NULL;
}

/* LIKE without a wildcard asks for the value itself. */
static bool is_equality(const struct pattern_test *test) {
    if (test->compare != PATTERN_LIKE) return true;
    struct span text = test->literals->text;
    return span_find_char(text, '%') == SIZE_MAX && span_find_char(text, '_') == SIZE_MAX;
}

static struct part of_values(struct finder *f, const struct pattern_test *test) {
    struct part part = {.start = f->count, .open = test};
    for (const struct pattern_literal *l = test->literals; l; l = l->next) {
        struct pattern_need need = {.kind = NEED_VALUE, .test = test, .literal = l};
        unsigned common = pattern_atom_of(test, l, &need.atom) ? pattern_atom_commonness(&need.atom) : 0;
        if (common == 0 || !add(f, &need)) {
            part.count = 0;
            f->count = part.start;
            return part;
        }
        if (common > part.common) part.common = common;
        part.count++;
    }
    return part;
}

static struct part of_texts(struct finder *f, const struct pattern_test *test) {
    struct part part = {.start = f->count, .open = test};
    for (const struct pattern_literal *l = test->literals; l; l = l->next) {
        struct pattern_need need = {.kind = NEED_TEST, .test = test, .literal = l};
        if (is_plain(&test->path)) need.text = pattern_text_within(test->compare, l->text);
        if (need.text.len) need.kind = NEED_TEXT;
        unsigned common = need.kind == NEED_TEST ? COMMON_TEST
                          : need.text.len >= 16  ? COMMON_TEXT
                                                 : COMMON_TEXT + 16 - (unsigned)need.text.len;
        if (!add(f, &need)) return (struct part){.open = test};
        if (common > part.common) part.common = common;
        part.count++;
    }
    return part;
}

static struct part of_test(struct finder *f, const struct pattern_test *test) {
    bool positive = !test->negated &&
                    (test->compare == PATTERN_EQUAL || test->compare == PATTERN_IN || test->compare == PATTERN_LIKE ||
                     test->compare == PATTERN_MATCHES || test->compare == PATTERN_ISSUBSET);
    if (!positive || !test->literals) return (struct part){.open = test};
    if (test->compare != PATTERN_MATCHES && is_equality(test)) {
        struct part part = of_values(f, test);
        if (part.count) return part;
    }
    return test->compare != PATTERN_ISSUBSET && is_textual(test) ? of_texts(f, test) : (struct part){.open = test};
}

static bool is_better(const struct part *x, const struct part *y) {
    if (!y->count || !x->count) return x->count > 0;
    return x->common < y->common || (x->common == y->common && x->count < y->count);
}

static struct part of_node(struct finder *f, const struct pattern_node *node) {
    if (node->kind == PATTERN_TEST) return of_test(f, node->test);
    struct part total = {.start = f->count};
    for (const struct pattern_node *child = node->first; child; child = child->next) {
        struct part one = of_node(f, child);
        if (node->kind == PATTERN_ANY) { /* each side may be the one that holds */
            if (!one.count) {
                f->count = total.start;
                return (struct part){.open = one.open};
            }
            total.count += one.count;
            if (one.common > total.common) total.common = one.common;
            continue;
        }
        if (is_better(&one, &total)) {
            memmove(f->needs + total.start, f->needs + one.start, one.count * sizeof *f->needs);
            one.start = total.start;
            total = one;
        } else if (!total.count && !total.open) {
            total.open = one.open;
        }
        f->count = total.start + total.count;
    }
    return total;
}

static uint32_t count_observations(const struct pattern_node *node) {
    if (node->kind == PATTERN_OBSERVATION) return 1;
    uint32_t count = 0;
    for (const struct pattern_node *child = node->first; child; child = child->next) count += count_observations(child);
    return count;
}

static void find_all(struct finder *f, const struct pattern_node *node, struct pattern_necessary *list,
                     uint32_t *count) {
    if (node->kind != PATTERN_OBSERVATION) {
        for (const struct pattern_node *child = node->first; child; child = child->next)
            find_all(f, child, list, count);
        return;
    }
    f->needs = NULL;
    f->count = f->size = 0;
    struct part part = of_node(f, node->first);
    list[(*count)++] = (struct pattern_necessary){
        .needs = f->needs ? f->needs + part.start : NULL, .count = part.count, .open = part.count ? NULL : part.open};
}

enum err pattern_necessary_find(struct arena *a, const struct pattern *pattern, const struct pattern_necessary **out,
                                uint32_t *count, struct diag *d) {
    struct finder f = {.arena = a};
    struct pattern_necessary *list = arena_zalloc(a, count_observations(pattern->root), sizeof *list);
    *out = list;
    *count = 0;
    if (list) find_all(&f, pattern->root, list, count);
    return list && !f.overflow ? ERR_NONE : diag_set(d, ERR_NOMEM, "out of memory for what a pattern needs");
}

/* --- in words --- */

enum { NEEDS_SHOWN = 5 };

static void write_need(struct buf *out, const struct pattern_need *need) {
    if (need->kind == NEED_VALUE) {
        buf_printf(out, "the %s %.*s", atom_kind_name(need->atom.kind), SPAN_ARG(need->literal->text));
    } else if (need->kind == NEED_TEXT) {
        buf_printf(out, "the text \"%.*s\"", SPAN_ARG(need->text));
    } else {
        pattern_write_path(out, &need->test->path);
        buf_printf(out, " %s '%.*s' tried on every value", pattern_operator_name(need->test->compare),
                   SPAN_ARG(need->literal->text));
    }
}

void pattern_necessary_explain(struct buf *out, const struct pattern_necessary *list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct pattern_necessary *n = &list[i];
        buf_printf(out, "[ ] %u: ", i + 1);
        if (n->count == 0) {
            buf_add_cstr(out, "nothing to look for first");
            if (n->open) {
                buf_add_cstr(out, " (");
                pattern_write_path(out, &n->open->path);
                buf_printf(out, " %s%s)", n->open->negated ? "NOT " : "", pattern_operator_name(n->open->compare));
            }
            buf_add_cstr(out, ": evaluated on every line that can have such an object\n");
            continue;
        }
        buf_add_cstr(out, n->count > 1 ? "only lines with one of: " : "only lines with ");
        for (uint32_t k = 0; k < n->count && k < NEEDS_SHOWN; k++) {
            if (k) buf_add_cstr(out, ", ");
            write_need(out, &n->needs[k]);
        }
        if (n->count > NEEDS_SHOWN) buf_printf(out, " and %u more", n->count - NEEDS_SHOWN);
        buf_add_char(out, '\n');
    }
}
