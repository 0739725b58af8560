#include "policy/match.h"

#include "policy/vocabulary.h"

/* ---- the view ---- */

static void carry(struct policy_view *out, const struct policy_vocabulary *v, enum policy_space space,
                  struct span text) {
    if (text.len == 0) return;
    out->spaces |= 1u << space;
    int word = policy_word_find(v, space, text);
    if (word >= 0) out->words[word / 64] |= UINT64_C(1) << (word % 64);
}

static void carry_all(struct policy_view *out, const struct policy_vocabulary *v, enum policy_space space,
                      const struct stix_words *words) {
    for (size_t i = 0; i < words->count; i++) carry(out, v, space, words->at[i]);
}

/* A label may also say a sector ("sector:energy") or a PAP colour ("PAP:RED"), as tags do elsewhere. */
static void carry_label(struct policy_view *out, const struct policy_vocabulary *v, struct span label) {
    enum stix_pap pap = STIX_PAP_NONE;
    carry(out, v, POLICY_SPACE_LABEL, label);
    if (span_equal_nocase(span_first(label, 7), SPAN("sector:")))
        carry(out, v, POLICY_SPACE_SECTOR, span_from(label, 7));
    if (stix_pap_of_label(label, &pap) && pap > out->pap) out->pap = pap;
}

/* T1059.001 is T1059 as well. */
static void carry_attack(struct policy_view *out, const struct policy_vocabulary *v, struct span id) {
    size_t dot = span_find_char(id, '.');
    carry(out, v, POLICY_SPACE_ATTACK, id);
    if (dot != SIZE_MAX) carry(out, v, POLICY_SPACE_ATTACK, span_first(id, dot));
}

void policy_view_make(const struct policy_vocabulary *v, const struct policy_subject *s, enum stix_tlp tlp, time_us now,
                      struct policy_view *out) {
    memset(out->words, 0, (v->count + 63) / 64 * sizeof *out->words);
    out->spaces = 0;
    out->tlp = tlp;
    out->pap = s->pap;
    out->confidence = s->handling_confidence >= 0 ? s->handling_confidence : s->confidence;
    out->age = s->version_time == TIME_NONE ? -1 : now > s->version_time ? now - s->version_time : 0;
    out->revoked = s->revoked;
    out->own = s->source_party.len == 0;
    carry(out, v, POLICY_SPACE_TYPE, s->type);
    for (size_t i = 0; i < s->label_count; i++) carry_label(out, v, s->labels[i]);
    for (struct span rest = s->handling_labels; rest.len;) carry_label(out, v, span_cut(&rest, '\n'));
    carry_all(out, v, POLICY_SPACE_MARKING, &s->markings);
    carry(out, v, POLICY_SPACE_CREATOR, s->creator);
    carry(out, v, POLICY_SPACE_SOURCE, out->own ? SPAN("own") : s->source_party);
    carry_all(out, v, POLICY_SPACE_SECTOR, &s->sectors);
    carry_all(out, v, POLICY_SPACE_INDICATOR_TYPE, &s->indicator_types);
    carry_all(out, v, POLICY_SPACE_OBSERVES, &s->observes);
    for (size_t i = 0; i < s->attack.count; i++) carry_attack(out, v, s->attack.at[i]);
    carry(out, v, POLICY_SPACE_LANGUAGE, s->language);
}

/* ---- conditions ---- */

static bool one_carried(const struct policy_node *n, const struct policy_view *v) {
    for (size_t i = 0; i < n->count; i++)
        if (v->words[n->words[i] / 64] >> (n->words[i] % 64) & 1) return true;
    return false;
}

static bool within(const struct policy_node *n, int64_t value) {
    return value < 0 ? n->absent : value >= n->low && value <= n->high;
}

bool policy_node_holds(const struct policy_node *n, const struct policy_view *v) {
    switch (n->kind) {
    case POLICY_NODE_ALL:
        for (size_t i = 0; i < n->count; i++)
            if (!policy_node_holds(n->children[i], v)) return false;
        return true;
    case POLICY_NODE_ANY:
        for (size_t i = 0; i < n->count; i++)
            if (policy_node_holds(n->children[i], v)) return true;
        return false;
    case POLICY_NODE_NOT:
        return !policy_node_holds(n->children[0], v);
    case POLICY_NODE_WORDS:
        return one_carried(n, v);
    case POLICY_NODE_HAS:
        return v->spaces >> n->space & 1;
    case POLICY_NODE_TLP:
        return n->mask >> v->tlp & 1;
    case POLICY_NODE_PAP:
        return n->mask >> v->pap & 1;
    case POLICY_NODE_CONFIDENCE:
        return within(n, v->confidence);
    case POLICY_NODE_AGE:
        return within(n, v->age);
    case POLICY_NODE_REVOKED:
        return v->revoked;
    }
    return false;
}

enum policy_condition policy_rule_fails(const struct policy_rule *r, const struct policy_view *v) {
    if (!r->names_sources && !v->own) return POLICY_CONDITION_SOURCE;
    for (size_t i = 0; i < r->test_count; i++)
        if (!policy_node_holds(r->tests[i].node, v)) return r->tests[i].condition;
    return POLICY_CONDITION_NONE;
}

bool policy_rule_for(const struct policy_rule *r, struct span party) {
    if (!r->to) return true;
    for (size_t i = 0; i < r->to_count; i++)
        if (span_equal(r->to[i], party)) return true;
    return false;
}

/* ---- names ---- */

const char *policy_space_name(enum policy_space s) {
    static const char *const names[] = {
#define X(name, word, cased, key) word,
        POLICY_SPACES(X)
#undef X
    };
    return (unsigned)s < POLICY_SPACE_COUNT ? names[s] : "";
}

bool policy_space_cased(enum policy_space s) {
    static const bool cased_spaces[] = {
#define X(name, word, cased, key) cased,
        POLICY_SPACES(X)
#undef X
    };
    return (unsigned)s < POLICY_SPACE_COUNT && cased_spaces[s];
}

const char *policy_condition_name(enum policy_condition c) {
    static const char *const names[] = {"",
#define X(name, key) key,
                                        POLICY_CONDITIONS(X)
#undef X
    };
    return (unsigned)c < POLICY_CONDITION_COUNT ? names[c] : "";
}

const struct policy_node *policy_rule_test(const struct policy_rule *r, enum policy_condition c) {
    for (size_t i = 0; i < r->test_count; i++)
        if (r->tests[i].condition == c) return r->tests[i].node;
    return NULL;
}
