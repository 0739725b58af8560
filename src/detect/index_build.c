#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "detect/index_layout.h"
#include "detect/normalise.h"

/* Growth by doubling would double the peak; these arrays grow by half. */
enum { FIRST_SIZE = 1024, REASONS_MAX = 4096, SCRATCH_CAP = 256 << 20 };

struct detect_builder {
    struct detect_index *index;
    uint32_t slot_size, posting_size, plan_size, unsupported_size, unanchored_size, log_watch_size;
    size_t key_size;
    uint64_t *keys; /* for the prefilter; count in index->spelling_count */
    struct map words, labels;
    uint32_t reasons;
    struct arena scratch; /* of the indicator being added */
};

/* Makes room for one more element of the array whose pointer is at `array`; false when memory ran out. */
static bool reserve(void *array, size_t element, uint32_t count, uint32_t *size) {
    void *memory;
    if (count < *size) return true;
    uint32_t bigger = *size ? *size + *size / 2 : FIRST_SIZE;
    size_t bytes;
    if (bigger < *size || __builtin_mul_overflow(bigger, element, &bytes)) return false;
    memcpy(&memory, array, sizeof memory);
    memory = realloc(memory, bytes);
    if (!memory) return false;
    memcpy(array, &memory, sizeof memory);
    *size = bigger;
    return true;
}

static bool add_key(struct detect_builder *b, uint64_t key) {
    if (b->index->spelling_count == b->key_size) {
        size_t bigger = b->key_size ? b->key_size + b->key_size / 2 : FIRST_SIZE;
        uint64_t *keys = realloc(b->keys, bigger * sizeof *keys);
        if (!keys) return false;
        b->keys = keys;
        b->key_size = bigger;
    }
    b->keys[b->index->spelling_count++] = key;
    return true;
}

static bool add_text(struct detect_builder *b, struct span text) {
    prefilter_note_text(&b->index->prefilter, text);
    return add_key(b, key_of(text));
}

/* The number of a text in a list, which it enters if need be. */
static bool intern(struct detect_builder *b, struct word_list *list, struct map *numbers, struct span word,
                   uint32_t *out) {
    uint64_t at;
    *out = 0;
    if (word.len == 0) return true;
    if (map_get(numbers, word, &at)) {
        *out = (uint32_t)at;
        return true;
    }
    char *copy = arena_cstr(&b->index->arena, word);
    if (!copy || !reserve(&list->at, sizeof *list->at, list->count, &list->size) ||
        !map_set(numbers, word, list->count, NULL))
        return false;
    list->at[list->count] = span_of(copy, word.len);
    *out = list->count++;
    return true;
}

static bool intern_word(struct detect_builder *b, struct span word, uint32_t *out) {
    return intern(b, &b->index->words, &b->words, word, out);
}

/* Labels are numbered with 16 bits: there are a handful. */
static bool intern_label(struct detect_builder *b, struct span label, uint16_t *out) {
    uint32_t number;
    if (!intern(b, &b->index->labels, &b->labels, label, &number) || number > UINT16_MAX) return false;
    *out = (uint16_t)number;
    return true;
}

enum err detect_builder_new(struct detect_builder **out, struct diag *d) {
    struct detect_builder *b = calloc(1, sizeof *b);
    struct detect_index *x = calloc(1, sizeof *x);
    *out = NULL;
    if (!b || !x) {
        free(b);
        free(x);
        return diag_set(d, ERR_NOMEM, "out of memory for the indicators' index");
    }
    b->index = x;
    map_init(&b->words);
    map_init(&b->labels);
    arena_init(&b->scratch, SCRATCH_CAP);
    arena_init(&x->arena, SIZE_MAX);
    *out = b;
    /* text 0 is the empty one, posting 0 the end of lists */
    if (!reserve(&x->words.at, sizeof *x->words.at, 0, &x->words.size) ||
        !reserve(&x->labels.at, sizeof *x->labels.at, 0, &x->labels.size) ||
        !reserve(&x->postings, sizeof *x->postings, 0, &b->posting_size)) {
        detect_builder_free(out);
        return diag_set(d, ERR_NOMEM, "out of memory for the indicators' index");
    }
    x->words.at[x->words.count++] = SPAN("");
    x->labels.at[x->labels.count++] = SPAN("");
    x->postings[x->posting_count++] = (struct posting){0};
    return ERR_NONE;
}

void detect_builder_free(struct detect_builder **builder) {
    struct detect_builder *b = *builder;
    if (!b) return;
    detect_index_free(&b->index);
    map_free(&b->words);
    map_free(&b->labels);
    arena_free(&b->scratch);
    free(b->keys);
    free(b);
    *builder = NULL;
}

/* --- atoms --- */

/* Grows the table when half full. While building, `value` offsets index x->values, which may still move. */
static bool grow_atoms(struct detect_index *x) {
    uint64_t size = x->atoms ? (x->atom_mask + 1) * 2 : 4096;
    struct atom_slot *bigger = calloc(size, sizeof *bigger);
    if (!bigger) return false;
    for (uint64_t i = 0; x->atoms && i <= x->atom_mask; i++) {
        if (!x->atoms[i].first) continue;
        const struct atom_slot *slot = &x->atoms[i];
        uint64_t at = atom_hash(slot->kind, span_of(x->values.at + slot->value, slot->len)) & (size - 1);
        while (bigger[at].first) at = (at + 1) & (size - 1);
        bigger[at] = *slot;
    }
    free(x->atoms);
    x->atoms = bigger;
    x->atom_mask = size - 1;
    return true;
}

/* The slot of a value, made if need be; NULL when memory ran out. */
static struct atom_slot *atom_slot_for(struct detect_index *x, enum atom_kind kind, struct span value) {
    if ((!x->atoms || x->atom_count * UINT64_C(2) > x->atom_mask) && !grow_atoms(x)) return NULL;
    const struct atom_slot *found = atom_find(x, kind, value);
    if (found) return &x->atoms[found - x->atoms];
    if (value.len > UINT16_MAX || x->values.len > UINT32_MAX - value.len) return NULL;
    uint64_t hash = atom_hash(kind, value), at = hash & x->atom_mask;
    while (x->atoms[at].first) at = (at + 1) & x->atom_mask;
    struct atom_slot *slot = &x->atoms[at];
    *slot = (struct atom_slot){.tag = (uint32_t)(hash >> 32),
                               .value = (uint32_t)x->values.len,
                               .len = (uint16_t)value.len,
                               .kind = (uint8_t)kind};
    buf_add(&x->values, value);
    return buf_ok(&x->values) ? slot : NULL;
}

/* The keys a URL leaves in the prefilter: see prefilter.h. */
static bool add_url_keys(struct detect_builder *b, struct span whole) {
    struct url url;
    struct span host;
    int32_t port;
    b->index->prefilter.urls = true;
    if (!normalise_url(&b->scratch, whole, &url)) return false;
    if (!add_text(b, url.whole)) return false;
    if (url.scheme.len && !span_is(url.scheme, "http")) return true; /* a request in the clear is http */
    host = url.host;
    if (host.at[0] == '[') b->index->prefilter.v6_hosts = true;
    split_host_port(host, &host, &port);
    uint64_t path = key_of(url.path);
    prefilter_note_text(&b->index->prefilter, host);
    prefilter_note_text(&b->index->prefilter, url.path);
    return add_key(b, key_of_path(path)) && add_key(b, key_of_request(key_of(host), path));
}

/* The keys an atom leaves in the prefilter, once a distinct atom. */
static bool add_keys(struct detect_builder *b, const struct pattern_atom *atom) {
    struct detect_index *x = b->index;
    char text[ADDRESS_TEXT_SIZE];
    switch (atom->kind) {
    case ATOM_ADDRESS:
        prefilter_note_network(&x->prefilter, &atom->address);
        if (!address_is_single(&atom->address)) x->network_count++;
        if (!add_key(b, key_of_network(&atom->address))) return false;
        return !atom->address.v4 || !address_is_single(&atom->address) ||
               add_text(b, span_cstr(address_format(&atom->address, text)));
    case ATOM_URL:
        return add_url_keys(b, atom->value);
    case ATOM_EMAIL:
        x->prefilter.emails = true;
        break;
    case ATOM_FILE_NAME:
        x->prefilter.file_names = true;
        break;
    default:
        break;
    }
    return add_text(b, atom->value);
}

/* Puts the indicator under the atom. */
static bool post(struct detect_builder *b, const struct pattern_atom *atom, uint32_t indicator) {
    struct detect_index *x = b->index;
    uint8_t key[18];
    struct span value = atom->kind == ATOM_ADDRESS ? atom_address_key(&atom->address, key) : atom->value;
    struct atom_slot *slot = atom_slot_for(x, atom->kind, value);
    if (!slot || !reserve(&x->postings, sizeof *x->postings, x->posting_count, &b->posting_size)) return false;
    if (slot->first == 0) {
        x->atom_count++;
        if (!add_keys(b, atom)) return false;
    } else if (x->postings[slot->first].indicator == indicator) {
        return true; /* the same value twice in one pattern */
    }
    x->postings[x->posting_count] = (struct posting){indicator, slot->first};
    slot->first = x->posting_count++;
    return true;
}

/* --- plans --- */

/* The atom with its value normalised; false with a reason when the value is none of its kind. */
static bool normalise_atom(struct detect_builder *b, const struct pattern_atom *from, struct pattern_atom *to,
                           const char **reason) {
    static const char *const reasons[ATOM_KIND_COUNT] = {
        [ATOM_DOMAIN] = "its value is no domain name",
        [ATOM_URL] = "its value is no URL",
        [ATOM_HASH] = "its value is no hash of a known length",
        [ATOM_EMAIL] = "its value is no e-mail address",
    };
    *to = *from;
    if (from->kind == ATOM_ADDRESS || from->kind == ATOM_PORT) return true;
    if (from->kind == ATOM_URL && from->value.len && from->value.at[0] == '/') { /* the path of a request, no host */
        to->kind = ATOM_PATH;
        to->root = ROOT_FLOW;
        return true;
    }
    if (from->kind == ATOM_DOMAIN && from->roles & ROLE_HOST) { /* Host: name:port */
        struct span host;
        int32_t port;
        if (split_host_port(from->value, &host, &port)) {
            to->value = host;
            if (address_parse(host, &to->address)) {
                to->kind = ATOM_ADDRESS;
                return true;
            }
        }
    }
    *reason = reasons[from->kind] ? reasons[from->kind] : "one of its values is empty";
    return normalise_value(&b->scratch, from->kind, to->value, &to->value) && to->value.len <= UINT16_MAX;
}

/* A plan that only says "one of these values is seen on an object of this type" needs no evaluation. */
static bool is_simple(const struct pattern_plan *plan, enum atom_root *root) {
    *root = plan->atoms[0].root;
    for (uint32_t i = 0; i < plan->node_count; i++)
        if (plan->nodes[i].operation == PLAN_ALL) return false;
    for (uint32_t i = 0; i < plan->atom_count; i++) {
        const struct pattern_atom *atom = &plan->atoms[i];
        bool flow = atom->root == ROOT_FLOW && atom->kind != ATOM_PATH;
        if (atom->root != *root || atom->roles || flow) return false;
    }
    return true;
}

/* Copies a plan and its values into the index's arena; returns its number + 1, 0 when memory ran out. */
static uint32_t keep_plan(struct detect_builder *b, const struct pattern_plan *plan) {
    struct detect_index *x = b->index;
    if (!reserve(&x->plans, sizeof *x->plans, x->plan_count, &b->plan_size)) return 0;
    struct plan_node *nodes = arena_alloc(&x->arena, plan->node_count * sizeof *nodes);
    struct pattern_atom *atoms = arena_alloc(&x->arena, plan->atom_count * sizeof *atoms);
    if (!nodes || !atoms) return 0;
    memcpy(nodes, plan->nodes, plan->node_count * sizeof *nodes);
    for (uint32_t i = 0; i < plan->atom_count; i++) {
        atoms[i] = plan->atoms[i];
        if (atoms[i].value.len) atoms[i].value = arena_copy(&x->arena, atoms[i].value);
    }
    x->plans[x->plan_count] = (struct pattern_plan){
        .nodes = nodes, .atoms = atoms, .node_count = plan->node_count, .atom_count = plan->atom_count};
    return x->arena.overflow ? 0 : ++x->plan_count;
}

static enum err no_memory(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "out of memory for the indicators' index");
}

/* Keeps the indicator out of the tables, and why. Reasons beyond REASONS_MAX different ones share one. */
static enum err refuse(struct detect_builder *b, uint32_t indicator, const char *reason, struct diag *d) {
    struct detect_index *x = b->index;
    uint32_t before = x->words.count, word;
    if (b->reasons >= REASONS_MAX) reason = "its pattern cannot be evaluated";
    if (!intern_word(b, span_cstr(reason), &word) ||
        !reserve(&x->unsupported, sizeof *x->unsupported, x->unsupported_count, &b->unsupported_size))
        return no_memory(d);
    b->reasons += x->words.count > before;
    x->unsupported[x->unsupported_count++] = (struct unsupported){indicator, word};
    return ERR_NONE;
}

/* Puts a compiled pattern under its atoms. */
static enum err enter_plan(struct detect_builder *b, const struct pattern_plan *plan, uint32_t indicator,
                           struct diag *d) {
    struct detect_index *x = b->index;
    struct indicator_slot *slot = &x->slots[indicator];
    enum atom_root root;
    uint32_t *anchors = arena_alloc(&b->scratch, (plan->atom_count + 1) * sizeof *anchors);
    if (!anchors) return no_memory(d);
    uint32_t count = plan_anchors(plan, anchors, plan->atom_count);
    bool simple = count > 0 && is_simple(plan, &root);
    if (simple)
        slot->root = (uint8_t)root;
    else if (!(slot->plan = keep_plan(b, plan)))
        return no_memory(d);
    for (uint32_t i = 0; i < count; i++)
        if (!post(b, &plan->atoms[anchors[i]], indicator)) return no_memory(d);
    if (count > 0) return ERR_NONE;
    if (!reserve(&x->unanchored, sizeof *x->unanchored, x->unanchored_count, &b->unanchored_size)) return no_memory(d);
    x->unanchored[x->unanchored_count++] = indicator;
    x->prefilter.everything = true;
    return ERR_NONE;
}

static enum err compile(struct detect_builder *b, struct span text, uint32_t indicator, struct diag *d) {
    const struct pattern *pattern;
    const struct pattern_plan *plan;
    struct diag problem = {0};
    enum err error = pattern_parse(&b->scratch, text, &pattern, &problem);
    if (!error) error = pattern_check(pattern, &problem);
    if (!error) error = pattern_compile(&b->scratch, pattern, &plan, &problem);
    if (error == ERR_NOMEM) return no_memory(d);
    if (error) {
        char reason[DIAG_MESSAGE_SIZE + 32];
        if (error == ERR_UNSUPPORTED) return refuse(b, indicator, problem.message, d);
        snprintf(reason, sizeof reason, "column %llu: %s", (unsigned long long)problem.column, problem.message);
        return refuse(b, indicator, reason, d);
    }
    struct pattern_atom *atoms = arena_alloc(&b->scratch, plan->atom_count * sizeof *atoms);
    if (!atoms) return no_memory(d);
    for (uint32_t i = 0; i < plan->atom_count; i++) {
        const char *reason = NULL;
        if (!normalise_atom(b, &plan->atoms[i], &atoms[i], &reason)) return refuse(b, indicator, reason, d);
    }
    struct pattern_plan normalised = *plan;
    normalised.atoms = atoms;
    return enter_plan(b, &normalised, indicator, d);
}

/* Stores what the indicator says of itself. */
static bool fill_slot(struct detect_builder *b, const struct detect_indicator *from) {
    struct detect_index *x = b->index;
    struct indicator_slot *slot = &x->slots[x->count];
    *slot = (struct indicator_slot){.valid_from = from->valid_from,
                                    .valid_until = from->valid_until,
                                    .text = x->text.len,
                                    .pattern_len = (uint32_t)from->pattern.len,
                                    .confidence = from->confidence,
                                    .revoked = from->revoked};
    if (!intern_word(b, from->source, &slot->source) || !intern_word(b, from->names, &slot->names) ||
        !intern_label(b, from->marking, &slot->marking) || !intern_label(b, from->pattern_type, &slot->pattern_type))
        return false;
    buf_add(&x->text, from->pattern);
    if (!indicator_pack_id(from->id, slot->uuid)) {
        slot->id_len = (uint8_t)from->id.len;
        buf_add(&x->text, from->id);
    }
    return buf_ok(&x->text);
}

enum err detect_builder_add(struct detect_builder *b, const struct detect_indicator *indicator, struct diag *d) {
    struct detect_index *x = b->index;
    if (x->count == DETECT_INDICATORS_MAX)
        return diag_set(d, ERR_LIMIT, "more than %d indicators", DETECT_INDICATORS_MAX);
    if (indicator->id.len == 0 || indicator->id.len > DETECT_ID_SIZE)
        return diag_set(d, ERR_LIMIT, "an indicator's id is 1 to %d bytes long", DETECT_ID_SIZE);
    if (indicator->pattern.len > PATTERN_LENGTH_MAX)
        return diag_set(d, ERR_LIMIT, "the pattern is longer than %d bytes", PATTERN_LENGTH_MAX);
    if (!reserve(&x->slots, sizeof *x->slots, x->count, &b->slot_size) || !fill_slot(b, indicator)) return no_memory(d);
    arena_reset(&b->scratch);
    uint32_t number = x->count++;
    if (indicator->pattern_type.len && !span_is(indicator->pattern_type, "stix")) {
        char reason[128];
        snprintf(reason, sizeof reason, "its pattern is of type %.*s, not stix",
                 SPAN_ARG(span_first(indicator->pattern_type, 64)));
        return refuse(b, number, reason, d);
    }
    return compile(b, indicator->pattern, number, d);
}

enum err detect_builder_watch(struct detect_builder *b, const struct pattern_atom *atom, uint32_t watch,
                              struct diag *d) {
    struct pattern_atom normalised;
    const char *reason = NULL;
    if (watch >= DETECT_WATCHES_MAX) return diag_set(d, ERR_LIMIT, "watch numbers are below %d", DETECT_WATCHES_MAX);
    if (atom->kind == ATOM_PORT || atom->kind == ATOM_PROTOCOL || atom->kind == ATOM_TYPE)
        return diag_set(d, ERR_INVALID, "a %s cannot be looked up", atom_kind_name(atom->kind));
    arena_reset(&b->scratch);
    if (!normalise_atom(b, atom, &normalised, &reason)) return diag_set(d, ERR_INVALID, "%s", reason);
    b->index->atom_watch_count++;
    return post(b, &normalised, watch | POSTING_WATCH) ? ERR_NONE : no_memory(d);
}

enum err detect_builder_watch_log(struct detect_builder *b, struct span log, uint32_t watch, struct diag *d) {
    struct detect_index *x = b->index;
    uint32_t word;
    if (watch >= DETECT_WATCHES_MAX) return diag_set(d, ERR_LIMIT, "watch numbers are below %d", DETECT_WATCHES_MAX);
    if (log.len == 0) return diag_set(d, ERR_INVALID, "a log's name is not empty; \"*\" is all logs");
    if (!intern_word(b, log, &word) ||
        !reserve(&x->log_watches, sizeof *x->log_watches, x->log_watch_count, &b->log_watch_size))
        return no_memory(d);
    x->log_watches[x->log_watch_count++] = (struct log_watch){word, watch};
    return ERR_NONE;
}

enum err detect_builder_finish(struct detect_builder **builder, struct detect_index **out, struct diag *d) {
    struct detect_builder *b = *builder;
    struct detect_index *x = b->index;
    enum err error = ERR_NONE;
    *out = NULL;
    if ((!x->atoms && !grow_atoms(x)) || !prefilter_build(&x->prefilter, b->keys, x->spelling_count))
        error = no_memory(d);
    if (!error) {
        *out = x;
        b->index = NULL;
    }
    detect_builder_free(builder);
    return error;
}
