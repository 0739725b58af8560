#include <stdlib.h>
#include <sys/mman.h>

#include "detect/index_layout.h"
#include "detect/normalise.h"

/* --- what was added --- */

uint32_t detect_index_count(const struct detect_index *index) {
    return index->count;
}

/* What a digit is worth, + 1; 0: it is none (upper case too: the spelling must come back as it was). */
static const uint8_t hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static int hex_value(char c) {
    return hex_values[(uint8_t)c] - 1;
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
    const struct indicator_profile *p = &index->profiles[s->profile];
    const char *text = index->text + (s->text >> TEXT_LENGTH_BITS);
    size_t pattern_len = s->text & ((1 << TEXT_LENGTH_BITS) - 1);
    *out = (struct detect_indicator){
        .pattern = span_of(text, pattern_len),
        .source = index_word(index, p->source),
        .names = index_word(index, p->names),
        .marking = index_word(index, p->marking),
        .pattern_type = index_word(index, p->pattern_type),
        .valid_from = s->valid_from,
        .valid_until = s->valid_until,
        .confidence = p->confidence,
        .revoked = p->revoked,
        .superseded = p->superseded,
    };
    size_t len = p->id_len;
    if (len)
        memcpy(out->id_text, text + pattern_len, len);
    else
        len = unpack_id(s->uuid, out->id_text);
    out->id = span_of(out->id_text, len);
}

uint32_t detect_index_unsupported_count(const struct detect_index *index) {
    return index->unsupported_count;
}

uint32_t detect_index_unsupported(const struct detect_index *index, uint32_t n, const char **reason) {
    uint32_t indicator = index->unsupported[n].indicator;
    if (reason) *reason = index_word(index, index->unsupported[n].reason).at;
    return indicator;
}

const struct prefilter *detect_index_prefilter(const struct detect_index *index) {
    return &index->prefilter;
}

/* --- the arrays --- */

void index_arrays(struct detect_index *x, struct index_array arrays[INDEX_SECTIONS]) {
    struct prefilter *f = &x->prefilter;
    struct networks *n = &x->networks;
    const struct index_array all[INDEX_SECTIONS] = {
        [INDEX_FILTER] = {NULL, sizeof *f},
        [INDEX_SLOTS] = {(void **)&x->slots, x->count * sizeof *x->slots},
        [INDEX_PROFILES] = {(void **)&x->profiles, x->profile_count * sizeof *x->profiles},
        [INDEX_ATOMS] = {(void **)&x->atoms, x->atom_capacity * sizeof *x->atoms},
        [INDEX_POSTINGS] = {(void **)&x->postings, x->posting_count * sizeof *x->postings},
        [INDEX_VALUES] = {(void **)&x->values, x->values_size},
        [INDEX_PLANS] = {(void **)&x->plans, x->plans_size},
        [INDEX_WORD_ENDS] = {(void **)&x->word_ends, x->word_count * sizeof *x->word_ends},
        [INDEX_WORD_TEXT] = {(void **)&x->word_text, x->word_text_size},
        [INDEX_UNSUPPORTED] = {(void **)&x->unsupported, x->unsupported_count * sizeof *x->unsupported},
        [INDEX_UNANCHORED] = {(void **)&x->unanchored, x->unanchored_count * sizeof *x->unanchored},
        [INDEX_LOG_WATCHES] = {(void **)&x->log_watches, x->log_watch_count * sizeof *x->log_watches},
        [INDEX_BLOOM] = {(void **)&f->bloom, f->bloom_words * sizeof *f->bloom},
        [INDEX_TAGS] = {(void **)&f->tags, f->tags ? (f->tag_mask + 1) * sizeof *f->tags : 0},
        [INDEX_NETWORKS] = {(void **)&n->slots, n->count * sizeof *n->slots},
        [INDEX_V4_BUCKETS] = {(void **)&n->v4_buckets, n->v4_count ? NETWORKS_BUCKETS * sizeof *n->v4_buckets : 0},
        [INDEX_V4_STRETCHES] = {(void **)&n->v4, n->v4_count * sizeof *n->v4},
        [INDEX_V6_BUCKETS] = {(void **)&n->v6_buckets, n->v6_count ? NETWORKS_BUCKETS * sizeof *n->v6_buckets : 0},
        [INDEX_V6_STRETCHES] = {(void **)&n->v6, n->v6_count * sizeof *n->v6},
        [INDEX_TEXT] = {(void **)&x->text, x->text_size},
    };
    memcpy(arrays, all, sizeof all);
}

struct detect_index_stats detect_index_stats(const struct detect_index *index) {
    struct index_array arrays[INDEX_SECTIONS];
    struct detect_index copy = *index;
    struct detect_index_stats stats = {
        .indicators = index->count,
        .unsupported = index->unsupported_count,
        .atoms = index->atom_count + index->networks.count,
        .spellings = index->spelling_count,
        .networks = index->networks.count,
        .unanchored = index->unanchored_count,
        .mapped = index->map != NULL,
    };
    index_arrays(&copy, arrays);
    for (int i = 0; i < INDEX_SECTIONS; i++) stats.bytes += arrays[i].size;
    for (uint32_t i = 0; i < index->atom_capacity; i++)
        if (index->atoms[i].first) stats.kinds[index->atoms[i].kind]++;
    stats.kinds[ATOM_ADDRESS] += index->networks.count;
    for (uint32_t i = 0; i < index->unsupported_count; i++) stats.full += index->unsupported[i].reason == 0;
    for (uint32_t i = 0; i < index->count; i++) {
        const struct indicator_profile *p = &index->profiles[index->slots[i].profile];
        stats.revoked += p->revoked;
        stats.superseded += p->superseded;
    }
    stats.cold_bytes = arrays[INDEX_TEXT].size;
    return stats;
}

void detect_index_free(struct detect_index **index) {
    struct detect_index *x = *index;
    struct index_array arrays[INDEX_SECTIONS];
    if (!x) return;
    index_arrays(x, arrays);
    for (int i = 0; i < INDEX_SECTIONS; i++)
        if (arrays[i].at && (!x->map || i == INDEX_BLOOM)) free(*arrays[i].at); /* that one is copied on opening */
    if (x->map) munmap(x->map, x->map_size);
    free(x);
    *index = NULL;
}

/* --- matching --- */

/* Kept in files: the same for ever, or the files' version goes up. */
uint64_t atom_hash(enum atom_kind kind, struct span value) {
    uint64_t hash = value.len * KEY_MULTIPLIER_B + (uint64_t)kind, word;
    for (; value.len >= 8; value = span_from(value, 8)) hash = key_mix(hash ^ key_load(value.at), KEY_MULTIPLIER_A);
    word = 0;
    if (value.len) memcpy(&word, value.at, value.len);
    return key_mix(hash ^ word, KEY_MULTIPLIER_B);
}

const struct atom_slot *atom_find(const struct detect_index *index, enum atom_kind kind, struct span value) {
    uint64_t hash = atom_hash(kind, value);
    for (uint32_t i = atom_home(index, hash);; i = i + 1 < index->atom_capacity ? i + 1 : 0) {
        const struct atom_slot *slot = &index->atoms[i];
        if (slot->first == 0) return NULL;
        if (slot->tag == (uint32_t)(hash >> 32) && slot->kind == kind && slot->len == value.len &&
            (value.len == 0 || memcmp(index->values + slot->value, value.at, value.len) == 0))
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
    const struct pattern_plan *p = index_plan(m->index, plan, m->scratch);
    return p && plan_evaluate(p, &facts);
}

static void try_number(struct matching *m, uint32_t number, uint32_t observable) {
    if (m->watches) {
        uint32_t watch = number & ~POSTING_WATCH;
        if (number != watch && first_time(m, watch)) report(m, watch, observable);
        return;
    }
    if (number & POSTING_WATCH) return;
    const struct indicator_slot *slot = &m->index->slots[number];
    const struct indicator_profile *profile = &m->index->profiles[slot->profile];
    if (profile->superseded) return;
    /* Of a plan that is only "the value is seen on an object of this type", the value has just been seen. Another
     * observable may be of the right type when this one is not: it gets its own turn. */
    if (!slot->plan && !observable_may_be(&m->event->observables[observable], profile->root)) return;
    if (first_time(m, number) && (!slot->plan || plan_holds(m, slot->plan))) report(m, number, observable);
}

/* All that stands under one atom or network. */
static void try_all(struct matching *m, uint32_t first, uint32_t observable) {
    if (first & ATOM_SINGLE) {
        try_number(m, first & ~ATOM_SINGLE, observable);
        return;
    }
    for (uint32_t at = first; at; at = m->index->postings[at].next)
        try_number(m, m->index->postings[at].number, observable);
}

static void try_value(struct matching *m, enum atom_kind kind, struct span value, uint32_t observable) {
    const struct atom_slot *atom = atom_find(m->index, kind, value);
    if (atom) try_all(m, atom->first, observable);
}

/* The address, and every network that holds it, the narrowest first. */
static void try_address(struct matching *m, const struct address *address, uint32_t observable) {
    uint8_t key[18];
    const struct networks *n = &m->index->networks;
    try_value(m, ATOM_ADDRESS, atom_address_key(address, key), observable);
    for (uint32_t i = networks_find(n, address); i != NETWORK_NONE; i = n->slots[i].wider)
        try_all(m, n->slots[i].first, observable);
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
        if (!index->profiles[index->slots[index->unanchored[i]].profile].superseded &&
            plan_holds(&m, index->slots[index->unanchored[i]].plan))
            report(&m, index->unanchored[i], UINT32_MAX);
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
        if (is_log(index_word(index, index->log_watches[i].log), log)) return true;
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
        if (is_log(index_word(index, w->log), span_cstr(event->log)) && first_time(&m, w->watch))
            report(&m, w->watch, UINT32_MAX);
    }
    return m.count;
}
