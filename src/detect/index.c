#include <stdlib.h>

#include "base/hash.h"
#include "detect/index_layout.h"
#include "detect/normalise.h"

/* --- what was added --- */

uint32_t detect_index_count(const struct detect_index *index) {
    return index->count;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool indicator_pack_id(struct span id, uint8_t uuid[16]) {
    static const char head[] = "indicator--";
    size_t head_len = sizeof head - 1, n = 0;
    if (id.len != head_len + 36 || !span_starts(id, SPAN("indicator--"))) return false;
    for (size_t i = head_len; i < id.len;) {
        size_t at = i - head_len;
        if (at == 8 || at == 13 || at == 18 || at == 23) {
            if (id.at[i++] != '-') return false;
            continue;
        }
        int high = hex_value(id.at[i]), low = hex_value(id.at[i + 1]);
        if (high < 0 || low < 0) return false;
        uuid[n++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return true;
}

static size_t unpack_id(const uint8_t uuid[16], char *out) {
    static const char digits[] = "0123456789abcdef";
    size_t len = sizeof "indicator--" - 1;
    memcpy(out, "indicator--", len);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out[len++] = '-';
        out[len++] = digits[uuid[i] >> 4];
        out[len++] = digits[uuid[i] & 15];
    }
    return len;
}

void detect_index_get(const struct detect_index *index, uint32_t indicator, struct detect_indicator *out) {
    const struct indicator_slot *s = &index->slots[indicator];
    const char *text = index->text.at + s->text;
    *out = (struct detect_indicator){
        .pattern = span_of(text, s->pattern_len),
        .source = index->words.at[s->source],
        .names = index->words.at[s->names],
        .marking = index->labels.at[s->marking],
        .pattern_type = index->labels.at[s->pattern_type],
        .valid_from = s->valid_from,
        .valid_until = s->valid_until,
        .confidence = s->confidence,
        .revoked = s->revoked,
    };
    size_t len = s->id_len;
    if (len)
        memcpy(out->id_text, text + s->pattern_len, len);
    else
        len = unpack_id(s->uuid, out->id_text);
    out->id = span_of(out->id_text, len);
}

uint32_t detect_index_unsupported_count(const struct detect_index *index) {
    return index->unsupported_count;
}

uint32_t detect_index_unsupported(const struct detect_index *index, uint32_t n, const char **reason) {
    uint32_t indicator = index->unsupported[n].indicator;
    if (reason) *reason = index->words.at[index->unsupported[n].reason].at;
    return indicator;
}

struct detect_index_stats detect_index_stats(const struct detect_index *index) {
    return (struct detect_index_stats){
        .indicators = index->count,
        .unsupported = index->unsupported_count,
        .atoms = index->atom_count,
        .spellings = index->spelling_count,
        .networks = index->network_count,
        .unanchored = index->unanchored_count,
        .bytes = index->text.len + index->values.len + index->arena.used + prefilter_bytes(&index->prefilter) +
                 index->count * sizeof *index->slots + (index->atom_mask + 1) * sizeof *index->atoms +
                 index->posting_count * sizeof *index->postings + index->unsupported_count * sizeof *index->unsupported,
    };
}

const struct prefilter *detect_index_prefilter(const struct detect_index *index) {
    return &index->prefilter;
}

void detect_index_free(struct detect_index **index) {
    struct detect_index *x = *index;
    if (!x) return;
    free(x->slots);
    free(x->words.at);
    free(x->labels.at);
    free(x->atoms);
    free(x->postings);
    free(x->unsupported);
    free(x->unanchored);
    free(x->log_watches);
    free(x->plans);
    buf_free(&x->text);
    buf_free(&x->values);
    arena_free(&x->arena);
    prefilter_free(&x->prefilter);
    free(x);
    *index = NULL;
}

/* --- matching --- */

uint64_t atom_hash(enum atom_kind kind, struct span value) {
    return hash64(value, (uint64_t)kind + 1);
}

const struct atom_slot *atom_find(const struct detect_index *index, enum atom_kind kind, struct span value) {
    uint64_t hash = atom_hash(kind, value);
    for (uint64_t i = hash & index->atom_mask;; i = (i + 1) & index->atom_mask) {
        const struct atom_slot *slot = &index->atoms[i];
        if (slot->first == 0) return NULL;
        if (slot->tag == (uint32_t)(hash >> 32) && slot->kind == kind && slot->len == value.len &&
            memcmp(index->values.at + slot->value, value.at, value.len) == 0)
            return slot;
    }
}

/* The bytes an address or network stands in the table under: family, prefix length, address. */
struct span atom_address_key(const struct address *a, uint8_t key[18]) {
    key[0] = a->v4 ? 4 : 6;
    key[1] = a->prefix;
    memcpy(key + 2, a->bytes, a->v4 ? 4 : 16);
    return span_of(key, a->v4 ? 6 : 18);
}

struct matching {
    const struct detect_index *index;
    const struct detect_event *event;
    struct detect_match *matches;
    uint32_t *watches; /* watches are looked for instead of indicators */
    uint32_t size, count;
    uint32_t seen_count; /* of the indicators looked at, so that each is looked at once */
    uint32_t *seen;      /* open addressing, indicator + 1 */
    uint32_t seen_mask;
    struct arena *scratch;
};

static bool grow_seen(struct matching *m) {
    uint32_t size = m->seen ? (m->seen_mask + 1) * 2 : 64;
    uint32_t *bigger = arena_zalloc(m->scratch, size, sizeof *bigger);
    if (!bigger) return false;
    for (uint32_t i = 0; m->seen && i <= m->seen_mask; i++) {
        if (!m->seen[i]) continue;
        uint32_t at = m->seen[i] * UINT32_C(2654435761) & (size - 1);
        while (bigger[at]) at = (at + 1) & (size - 1);
        bigger[at] = m->seen[i];
    }
    m->seen = bigger;
    m->seen_mask = size - 1;
    return true;
}

/* Whether the indicator is looked at for the first time. */
static bool first_time(struct matching *m, uint32_t indicator) {
    if ((!m->seen || m->seen_count * 2 > m->seen_mask) && !grow_seen(m)) return false;
    uint32_t at = (indicator + 1) * UINT32_C(2654435761) & m->seen_mask;
    for (; m->seen[at]; at = (at + 1) & m->seen_mask)
        if (m->seen[at] == indicator + 1) return false;
    m->seen[at] = indicator + 1;
    m->seen_count++;
    return true;
}

static void report(struct matching *m, uint32_t indicator, uint32_t observable) {
    if (m->count < m->size && m->watches) m->watches[m->count] = indicator;
    if (m->count < m->size && !m->watches) m->matches[m->count] = (struct detect_match){indicator, observable};
    m->count++;
}

static bool plan_holds(const struct matching *m, uint32_t plan) {
    struct plan_facts facts = {m->event->object_count, event_holds, m->event};
    return plan_evaluate(&m->index->plans[plan - 1], &facts);
}

/* All indicators that stand under one atom. */
static void try_atom(struct matching *m, const struct atom_slot *atom, uint32_t observable) {
    const struct observable *o = &m->event->observables[observable];
    for (uint32_t at = atom->first; at; at = m->index->postings[at].next) {
        uint32_t indicator = m->index->postings[at].indicator;
        if (m->watches) {
            if (indicator & POSTING_WATCH && first_time(m, indicator & ~POSTING_WATCH))
                report(m, indicator & ~POSTING_WATCH, observable);
            continue;
        }
        if (indicator & POSTING_WATCH) continue;
        const struct indicator_slot *slot = &m->index->slots[indicator];
        /* Of a plan that is only "the value is seen on an object of this type", the value has just been seen. Another
         * observable may be of the right type when this one is not: it gets its own turn. */
        if (!slot->plan && !observable_may_be(o, slot->root)) continue;
        if (first_time(m, indicator) && (!slot->plan || plan_holds(m, slot->plan))) report(m, indicator, observable);
    }
}

static void try_value(struct matching *m, enum atom_kind kind, struct span value, uint32_t observable) {
    const struct atom_slot *atom = atom_find(m->index, kind, value);
    if (atom) try_atom(m, atom, observable);
}

/* Every network that holds the address, the widest first. */
static void try_address(struct matching *m, const struct address *address, uint32_t observable) {
    uint8_t key[18];
    const struct detect_index *x = m->index;
    if (address->v4) {
        uint64_t lengths = x->prefilter.v4_lengths | UINT64_C(1) << 32;
        for (; lengths; lengths &= lengths - 1) {
            struct address network = address_masked(address, (unsigned)__builtin_ctzll(lengths));
            try_value(m, ATOM_ADDRESS, atom_address_key(&network, key), observable);
        }
        return;
    }
    for (unsigned word = 0; word < 3; word++)
        for (uint64_t lengths = x->prefilter.v6_lengths[word]; lengths; lengths &= lengths - 1) {
            struct address network = address_masked(address, word * 64 + (unsigned)__builtin_ctzll(lengths));
            try_value(m, ATOM_ADDRESS, atom_address_key(&network, key), observable);
        }
}

static void try_observables(struct matching *m) {
    const struct detect_event *event = m->event;
    for (uint32_t i = 0; i < event->count; i++) {
        const struct observable *o = &event->observables[i];
        if (o->kind == ATOM_ADDRESS) {
            try_address(m, &o->address, i);
            continue;
        }
        try_value(m, o->kind, o->key, i);
        size_t colon = o->kind == ATOM_URL ? span_find_char(o->key, ':') : SIZE_MAX;
        if (colon != SIZE_MAX) try_value(m, ATOM_URL, span_from(o->key, colon + 1), i);
    }
}

uint32_t detect_index_match(const struct detect_index *index, const struct detect_event *event, struct arena *scratch,
                            struct detect_match *matches, uint32_t size) {
    struct matching m = {.index = index, .event = event, .matches = matches, .size = size, .scratch = scratch};
    try_observables(&m);
    for (uint32_t i = 0; i < index->unanchored_count; i++)
        if (plan_holds(&m, index->slots[index->unanchored[i]].plan)) report(&m, index->unanchored[i], UINT32_MAX);
    return m.count;
}

/* --- watches --- */

static bool is_log(struct span pattern, struct span log) {
    size_t star = pattern.len - 1; /* builders refuse empty ones */
    return pattern.at[star] == '*' ? span_starts(log, span_first(pattern, star)) : span_equal(pattern, log);
}

bool detect_index_watches_log(const struct detect_index *index, struct span log) {
    if (log.len == 0) return index->log_watch_count > 0;
    for (uint32_t i = 0; i < index->log_watch_count; i++)
        if (is_log(index->words.at[index->log_watches[i].log], log)) return true;
    return false;
}

bool detect_index_has_watches(const struct detect_index *index) {
    return index->atom_watch_count > 0 || index->log_watch_count > 0;
}

uint32_t detect_index_watches(const struct detect_index *index, const struct detect_event *event, struct arena *scratch,
                              uint32_t *watches, uint32_t size) {
    struct matching m = {.index = index, .event = event, .watches = watches, .size = size, .scratch = scratch};
    if (index->atom_watch_count > 0) try_observables(&m);
    for (uint32_t i = 0; i < index->log_watch_count; i++) {
        const struct log_watch *w = &index->log_watches[i];
        if (is_log(index->words.at[w->log], span_cstr(event->log)) && first_time(&m, w->watch))
            report(&m, w->watch, UINT32_MAX);
    }
    return m.count;
}
