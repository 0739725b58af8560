#include "detect/index_template.h"

/* Cuts "…\'value\']" apart: head up to and with the quote. The value must be plain: printable ASCII, nothing escaped.
 */
static bool take_apart(struct span pattern, struct span *head, struct span *value) {
    if (pattern.len < 4 || pattern.at[pattern.len - 1] != ']' || pattern.at[pattern.len - 2] != '\'') return false;
    size_t end = pattern.len - 2, start = end;
    for (; start > 0 && pattern.at[start - 1] != '\''; start--) {
        unsigned char c = (unsigned char)pattern.at[start - 1];
        if (c <= ' ' || c > '~' || c == '\\') return false;
    }
    *head = span_first(pattern, start);
    *value = span_of(pattern.at + start, end - start);
    return start > 0 && value->len > 0 && start <= INDEX_TEMPLATE_SIZE;
}

/* A head with a comment could hide the value, one with a second [ ] could use it differently. */
static bool is_plain_head(struct span head) {
    for (size_t i = 0; i < head.len; i++)
        if (strchr("/*]\n", head.at[i]) || (i > 0 && head.at[i] == '[') || !head.at[i]) return false;
    return head.len > 0 && head.at[0] == '[';
}

void index_template_learn(struct index_templates *t, struct span pattern, const struct pattern_atom *atom) {
    struct span head, value;
    if (!take_apart(pattern, &head, &value) || !is_plain_head(head)) return;
    bool address = atom->kind == ATOM_ADDRESS;
    if (!address && !span_equal(atom->value, value)) return;
    struct index_template *to = &t->at[t->next];
    *to = (struct index_template){.head_len = (uint32_t)head.len, .kind = atom->kind, .root = atom->root};
    memcpy(to->head, head.at, head.len);
    if (atom->kind == ATOM_HASH) to->value_len = (uint32_t)value.len;
    t->next = (t->next + 1) % INDEX_TEMPLATES;
    if (t->count < INDEX_TEMPLATES) t->count++;
}

static bool fits(const struct index_template *t, struct span head, struct span value) {
    return head.len == t->head_len && memcmp(head.at, t->head, head.len) == 0 &&
           (t->value_len == 0 || t->value_len == value.len);
}

bool index_template_apply(struct index_templates *t, struct span pattern, struct pattern_atom *atom) {
    struct span head, value;
    if (t->count == 0 || !take_apart(pattern, &head, &value)) return false;
    unsigned at = t->last;
    for (unsigned tried = 0; !fits(&t->at[at], head, value); at = at + 1 < t->count ? at + 1 : 0)
        if (++tried == t->count) return false;
    t->last = at;
    *atom = (struct pattern_atom){.kind = t->at[at].kind, .root = t->at[at].root, .value = value};
    if (atom->kind != ATOM_ADDRESS) return true;
    atom->value = span_of(NULL, 0);
    return address_parse_network(value, &atom->address);
}
