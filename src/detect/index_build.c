#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "detect/index_layout.h"
#include "detect/index_template.h"
#include "detect/normalise.h"
#include "detect/patterns.h"

/* Growth by doubling would double the peak; these arrays grow by half. */
enum { FIRST_SIZE = 1024, REASONS_MAX = 4096, SCRATCH_CAP = 256 << 20, SCRATCH_KEPT = 1 << 20 };

/* An atom as it is added; the table is made of them at the end, when its size is known. */
struct added_atom {
    uint64_t hash;
    uint32_t value, number;
    uint16_t len;
    uint8_t kind;
};
struct added_network {
    struct address address;
    uint32_t number;
};

struct detect_builder {
    struct detect_index *index;
    uint32_t slot_size, profile_size, word_size, unsupported_size, unanchored_size, log_watch_size, posting_size;
    uint32_t atom_count, atom_size, network_count, network_size, key_size;
    struct added_atom *atoms;
    struct added_network *networks;
    uint64_t *keys; /* for the prefilter; count in index->spelling_count */
    struct map words, profiles;
    struct buf text, values, plans, word_text;
    uint32_t reasons;
    uint32_t watches; /* given out to full patterns */
    struct {
        struct indicator_profile is;
        struct detect_indicator of; /* the spans point into word_text's words */
        uint32_t number;
        bool known;
    } last_profile; /* neighbours are mostly alike */
    struct index_templates templates;
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

static enum err no_memory(struct diag *d) {
    return diag_set(d, ERR_NOMEM, "out of memory for the indicators' index");
}

/* --- words and profiles --- */

/* The number of a text that is kept once. */
static bool intern(struct detect_builder *b, struct span word, uint32_t *out) {
    struct detect_index *x = b->index;
    uint64_t at;
    *out = 0;
    if (word.len == 0 && x->word_count > 0) return true;
    if (map_get(&b->words, word, &at)) {
        *out = (uint32_t)at;
        return true;
    }
    if (b->word_text.len + word.len + 1 > UINT32_MAX ||
        !reserve(&x->word_ends, sizeof *x->word_ends, x->word_count, &b->word_size) ||
        !map_set(&b->words, word, x->word_count, NULL))
        return false;
    buf_add(&b->word_text, word);
    buf_add(&b->word_text, span_of("", 1));
    x->word_ends[x->word_count] = (uint32_t)b->word_text.len;
    *out = x->word_count++;
    return buf_ok(&b->word_text);
}

static bool intern_profile(struct detect_builder *b, const struct indicator_profile *profile, uint32_t *out) {
    struct detect_index *x = b->index;
    uint64_t at;
    struct span bytes = span_of(profile, sizeof *profile);
    if (b->last_profile.known && memcmp(&b->last_profile.is, profile, sizeof *profile) == 0) {
        *out = b->last_profile.number;
        return true;
    }
    if (!map_get(&b->profiles, bytes, &at)) {
        at = x->profile_count;
        if (!reserve(&x->profiles, sizeof *x->profiles, x->profile_count, &b->profile_size) ||
            !map_set(&b->profiles, bytes, at, NULL))
            return false;
        x->profiles[x->profile_count++] = *profile;
    }
    *out = (uint32_t)at;
    b->last_profile.is = *profile;
    b->last_profile.number = *out;
    b->last_profile.known = true;
    return true;
}

/* Whether what the last indicator said of itself, in words, is what this one says. */
static bool same_words(const struct detect_builder *b, const struct detect_indicator *i) {
    const struct indicator_profile *p = &b->last_profile.is;
    struct detect_index x = {.word_ends = b->index->word_ends, .word_text = b->word_text.at};
    return b->last_profile.known && span_equal(index_word(&x, p->source), i->source) &&
           span_equal(index_word(&x, p->names), i->names) && span_equal(index_word(&x, p->marking), i->marking) &&
           span_equal(index_word(&x, p->pattern_type), i->pattern_type);
}

static bool make_profile(struct detect_builder *b, const struct detect_indicator *i, struct indicator_profile *out) {
    *out = (struct indicator_profile){.confidence = i->confidence, .revoked = i->revoked};
    if (same_words(b, i)) {
        out->source = b->last_profile.is.source;
        out->names = b->last_profile.is.names;
        out->marking = b->last_profile.is.marking;
        out->pattern_type = b->last_profile.is.pattern_type;
        return true;
    }
    return intern(b, i->source, &out->source) && intern(b, i->names, &out->names) &&
           intern(b, i->marking, &out->marking) && intern(b, i->pattern_type, &out->pattern_type);
}

/* --- making and freeing --- */

enum err detect_builder_new(struct detect_builder **out, struct diag *d) {
    struct detect_builder *b = calloc(1, sizeof *b);
    struct detect_index *x = calloc(1, sizeof *x);
    uint32_t zero;
    *out = NULL;
    if (!b || !x) {
        free(b);
        free(x);
        return no_memory(d);
    }
    b->index = x;
    map_init(&b->words);
    map_init(&b->profiles);
    arena_init(&b->scratch, SCRATCH_CAP);
    *out = b;
    /* word 0 is the empty one, posting 0 the end of lists */
    if (!intern(b, SPAN(""), &zero) || !reserve(&x->postings, sizeof *x->postings, 0, &b->posting_size)) {
        detect_builder_free(out);
        return no_memory(d);
    }
    x->postings[x->posting_count++] = (struct posting){0};
    return ERR_NONE;
}

void detect_builder_free(struct detect_builder **builder) {
    struct detect_builder *b = *builder;
    if (!b) return;
    detect_index_free(&b->index);
    map_free(&b->words);
    map_free(&b->profiles);
    arena_free(&b->scratch);
    buf_free(&b->text);
    buf_free(&b->values);
    buf_free(&b->plans);
    buf_free(&b->word_text);
    free(b->atoms);
    free(b->networks);
    free(b->keys);
    free(b);
    *builder = NULL;
}

/* --- keys of the prefilter --- */

static bool add_key(struct detect_builder *b, uint64_t key) {
    if (b->index->spelling_count == UINT32_MAX ||
        !reserve(&b->keys, sizeof *b->keys, (uint32_t)b->index->spelling_count, &b->key_size))
        return false;
    b->keys[b->index->spelling_count++] = key;
    return true;
}

static bool add_text(struct detect_builder *b, struct span text) {
    prefilter_note_text(&b->index->prefilter, text);
    return add_key(b, key_of(text));
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

static bool add_address_keys(struct detect_builder *b, const struct address *address) {
    struct prefilter *f = &b->index->prefilter;
    char text[ADDRESS_TEXT_SIZE];
    if (!address_is_single(address)) {
        f->networks_v4 |= address->v4;
        return true;
    }
    if (address->v4) return add_text(b, span_cstr(address_format(address, text)));
    f->addresses_v6 = true;
    return add_key(b, key_of_address(address));
}

/* The keys an atom leaves in the prefilter. */
static bool add_keys(struct detect_builder *b, const struct pattern_atom *atom) {
    switch (atom->kind) {
    case ATOM_ADDRESS:
        return add_address_keys(b, &atom->address);
    case ATOM_URL:
        return add_url_keys(b, atom->value);
    case ATOM_EMAIL:
        b->index->prefilter.emails = true;
        break;
    case ATOM_FILE_NAME:
        b->index->prefilter.file_names = true;
        break;
    default:
        break;
    }
    return add_text(b, atom->value);
}

/* Puts an indicator or watch under the atom. */
static bool post(struct detect_builder *b, const struct pattern_atom *atom, uint32_t number) {
    uint8_t key[18];
    bool address = atom->kind == ATOM_ADDRESS;
    if (!add_keys(b, atom)) return false;
    if (address && !address_is_single(&atom->address)) {
        if (!reserve(&b->networks, sizeof *b->networks, b->network_count, &b->network_size)) return false;
        b->networks[b->network_count++] = (struct added_network){atom->address, number};
        return true;
    }
    struct span value = address ? atom_address_key(&atom->address, key) : atom->value;
    if (value.len > UINT16_MAX || b->values.len > UINT32_MAX - value.len ||
        !reserve(&b->atoms, sizeof *b->atoms, b->atom_count, &b->atom_size))
        return false;
    b->atoms[b->atom_count++] = (struct added_atom){.hash = atom_hash(atom->kind, value),
                                                    .value = (uint32_t)b->values.len,
                                                    .number = number,
                                                    .len = (uint16_t)value.len,
                                                    .kind = atom->kind};
    buf_add(&b->values, value);
    return buf_ok(&b->values);
}

/* --- patterns --- */

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

/* Keeps the indicator out of the tables, and why. Reasons beyond REASONS_MAX different ones share one. */
static enum err refuse(struct detect_builder *b, uint32_t indicator, const char *reason, struct diag *d) {
    struct detect_index *x = b->index;
    uint32_t before = x->word_count, word;
    if (b->reasons >= REASONS_MAX) reason = "its pattern cannot be evaluated";
    if (!intern(b, span_cstr(reason), &word) ||
        !reserve(&x->unsupported, sizeof *x->unsupported, x->unsupported_count, &b->unsupported_size))
        return no_memory(d);
    b->reasons += x->word_count > before;
    x->unsupported[x->unsupported_count++] = (struct unsupported){indicator, word};
    return ERR_NONE;
}

static bool set_root(struct detect_builder *b, uint32_t indicator, enum atom_root root) {
    struct indicator_slot *slot = &b->index->slots[indicator];
    struct indicator_profile profile = b->index->profiles[slot->profile];
    if (profile.root == root) return true;
    profile.root = (uint8_t)root;
    return intern_profile(b, &profile, &slot->profile);
}

/* Puts a compiled pattern under its atoms. */
static enum err enter_plan(struct detect_builder *b, const struct pattern_plan *plan, uint32_t indicator,
                           struct diag *d) {
    struct detect_index *x = b->index;
    enum atom_root root;
    uint32_t *anchors = arena_alloc(&b->scratch, (plan->atom_count + 1) * sizeof *anchors);
    if (!anchors) return no_memory(d);
    uint32_t count = plan_anchors(plan, anchors, plan->atom_count);
    if (count > 0 && is_simple(plan, &root)) {
        if (!set_root(b, indicator, root)) return no_memory(d);
    } else if (!index_pack_plan(plan, &b->plans, &b->values, &x->slots[indicator].plan)) {
        return no_memory(d);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!post(b, &plan->atoms[anchors[i]], indicator)) return no_memory(d);
    if (count > 0) return ERR_NONE;
    if (!reserve(&x->unanchored, sizeof *x->unanchored, x->unanchored_count, &b->unanchored_size)) return no_memory(d);
    x->unanchored[x->unanchored_count++] = indicator;
    x->prefilter.everything = true;
    return ERR_NONE;
}

static enum err refuse_invalid(struct detect_builder *b, uint32_t indicator, const struct diag *problem,
                               struct diag *d) {
    char reason[DIAG_MESSAGE_SIZE + 32];
    if (problem->column == 0) return refuse(b, indicator, problem->message, d);
    snprintf(reason, sizeof reason, "column %llu: %s", (unsigned long long)problem->column, problem->message);
    return refuse(b, indicator, reason, d);
}

/* The texts of all patterns would be a third of the index; only those compiled later are kept, before an odd id. */
static bool keep_pattern(struct detect_builder *b, struct span pattern, uint32_t indicator) {
    struct indicator_slot *slot = &b->index->slots[indicator];
    size_t start = slot->text >> TEXT_LENGTH_BITS, id_len = b->text.len - start;
    char id[DETECT_ID_SIZE];
    if (id_len) memcpy(id, b->text.at + start, id_len); /* an indicator's text is the newest there is */
    b->text.len = start;
    buf_add(&b->text, pattern);
    buf_add(&b->text, span_of(id, id_len));
    slot->text |= pattern.len;
    return buf_ok(&b->text);
}

/* What the index cannot evaluate is evaluated beside it. */
static enum err compile_in_full(struct detect_builder *b, struct span text, uint32_t indicator,
                                const struct diag *why_not_here, struct diag *d) {
    struct diag problem = {0};
    enum err error = detect_patterns_watch(b, text, &b->watches, &problem);
    if (error == ERR_NOMEM) return no_memory(d);
    if (error == ERR_UNSUPPORTED) return refuse(b, indicator, why_not_here->message, d);
    if (!error && !keep_pattern(b, text, indicator)) return no_memory(d);
    return error ? refuse_invalid(b, indicator, &problem, d) : refuse(b, indicator, "", d);
}

/* A value that nothing can have spoils a pattern that has no other; among others it is only never seen. */
static bool has_several_values(const struct pattern_node *node) {
    if (node->kind == PATTERN_TEST) return node->test->literals && node->test->literals->next;
    return node->first->next || has_several_values(node->first);
}

/* Events tell senders from recipients, but From from Sender, and To from Cc, only observations do. */
static bool names_message(const struct pattern_plan *plan) {
    for (uint32_t i = 0; i < plan->atom_count; i++)
        if (plan->atoms[i].root == ROOT_MESSAGE) return true;
    return false;
}

static enum err compile(struct detect_builder *b, struct span text, uint32_t indicator, struct diag *d) {
    const struct pattern *pattern;
    const struct pattern_plan *plan;
    struct diag problem = {0};
    enum err error = pattern_parse(&b->scratch, text, &pattern, &problem);
    if (!error) error = pattern_check(pattern, &problem);
    if (error == ERR_NOMEM) return no_memory(d);
    if (error) return refuse_invalid(b, indicator, &problem, d);
    error = pattern_compile(&b->scratch, pattern, &plan, &problem);
    if (error == ERR_NOMEM) return no_memory(d);
    if (error == ERR_UNSUPPORTED || (error && has_several_values(pattern->root)))
        return compile_in_full(b, text, indicator, &problem, d);
    if (error) return refuse_invalid(b, indicator, &problem, d);
    if (names_message(plan)) return compile_in_full(b, text, indicator, &problem, d);
    struct pattern_atom *atoms = arena_alloc(&b->scratch, plan->atom_count * sizeof *atoms);
    if (!atoms) return no_memory(d);
    for (uint32_t i = 0; i < plan->atom_count; i++) {
        const char *reason = NULL;
        if (normalise_atom(b, &plan->atoms[i], &atoms[i], &reason)) continue;
        if (plan->atom_count == 1) return refuse(b, indicator, reason, d);
        diag_set(&problem, ERR_UNSUPPORTED, "%s", reason);
        return compile_in_full(b, text, indicator, &problem, d);
    }
    struct pattern_plan normalised = *plan;
    enum atom_root root;
    normalised.atoms = atoms;
    if (plan->atom_count == 1 && is_simple(&normalised, &root)) index_template_learn(&b->templates, text, plan->atoms);
    return enter_plan(b, &normalised, indicator, d);
}

/* The common pattern, one value in words already seen; false when it has to be read in full. */
static bool enter_by_template(struct detect_builder *b, struct span text, uint32_t indicator, enum err *error) {
    struct pattern_atom atom, normalised;
    const char *reason;
    if (!index_template_apply(&b->templates, text, &atom) || !normalise_atom(b, &atom, &normalised, &reason) ||
        normalised.kind != atom.kind)
        return false;
    *error = set_root(b, indicator, atom.root) && post(b, &normalised, indicator) ? ERR_NONE : ERR_NOMEM;
    return true;
}

/* --- adding --- */

/* Stores what the indicator says of itself. */
static bool fill_slot(struct detect_builder *b, const struct detect_indicator *from) {
    struct detect_index *x = b->index;
    struct indicator_slot *slot = &x->slots[x->count];
    struct indicator_profile profile;
    *slot = (struct indicator_slot){.valid_from = from->valid_from,
                                    .valid_until = from->valid_until,
                                    .text = (uint64_t)b->text.len << TEXT_LENGTH_BITS};
    if (!make_profile(b, from, &profile)) return false;
    profile.root = b->last_profile.is.root; /* as likely as not; set for good when the pattern has been read */
    if (!indicator_pack_id(from->id, slot->uuid)) {
        profile.id_len = (uint8_t)from->id.len;
        buf_add(&b->text, from->id);
    }
    return intern_profile(b, &profile, &slot->profile) && buf_ok(&b->text);
}

enum err detect_builder_add(struct detect_builder *b, const struct detect_indicator *indicator, struct diag *d) {
    struct detect_index *x = b->index;
    enum err error;
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
    if (enter_by_template(b, indicator->pattern, number, &error)) return error ? no_memory(d) : ERR_NONE;
    return compile(b, indicator->pattern, number, d);
}

enum err detect_builder_supersede(struct detect_builder *b, uint32_t indicator, struct diag *d) {
    struct indicator_slot *slot = &b->index->slots[indicator];
    struct indicator_profile profile = b->index->profiles[slot->profile];
    profile.superseded = 1;
    return intern_profile(b, &profile, &slot->profile) ? ERR_NONE : no_memory(d);
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
    if (!intern(b, log, &word) ||
        !reserve(&x->log_watches, sizeof *x->log_watches, x->log_watch_count, &b->log_watch_size))
        return no_memory(d);
    x->log_watches[x->log_watch_count++] = (struct log_watch){word, watch};
    return ERR_NONE;
}

/* --- the tables --- */

/* Puts a number under what has `first`; the same number twice in a row counts once. */
static bool push_posting(struct detect_builder *b, uint32_t *first, uint32_t number) {
    struct detect_index *x = b->index;
    if (*first == 0) {
        *first = number | ATOM_SINGLE;
        return true;
    }
    bool single = *first & ATOM_SINGLE;
    if ((single ? *first & ~ATOM_SINGLE : x->postings[*first].number) == number) return true;
    if (single) {
        if (!reserve(&x->postings, sizeof *x->postings, x->posting_count, &b->posting_size)) return false;
        x->postings[x->posting_count] = (struct posting){*first & ~ATOM_SINGLE, 0};
        *first = x->posting_count++;
    }
    if (!reserve(&x->postings, sizeof *x->postings, x->posting_count, &b->posting_size)) return false;
    x->postings[x->posting_count] = (struct posting){number, *first};
    *first = x->posting_count++;
    return true;
}

static bool place_atom(struct detect_builder *b, const struct added_atom *a) {
    struct detect_index *x = b->index;
    const char *values = b->values.at;
    for (uint32_t i = atom_home(x, a->hash);; i = i + 1 < x->atom_capacity ? i + 1 : 0) {
        struct atom_slot *slot = &x->atoms[i];
        if (slot->first == 0) {
            *slot =
                (struct atom_slot){.tag = (uint32_t)(a->hash >> 32), .value = a->value, .len = a->len, .kind = a->kind};
            x->atom_count++;
        } else if (slot->tag != (uint32_t)(a->hash >> 32) || slot->kind != a->kind || slot->len != a->len ||
                   memcmp(values + slot->value, values + a->value, a->len) != 0) {
            continue;
        }
        return push_posting(b, &slot->first, a->number);
    }
}

/* The table of atoms, three quarters full. */
static bool build_atoms(struct detect_builder *b) {
    enum { AHEAD = 12 /* places on their way from memory */ };
    struct detect_index *x = b->index;
    uint64_t capacity = (uint64_t)b->atom_count + b->atom_count / 3 + 64;
    if (capacity > UINT32_MAX) return false;
    x->atom_capacity = (uint32_t)capacity;
    x->atoms = prefilter_table(NULL, x->atom_capacity * sizeof *x->atoms);
    if (!x->atoms) return false;
    for (uint32_t i = 0; i < b->atom_count; i++) {
        if (i + AHEAD < b->atom_count) __builtin_prefetch(&x->atoms[atom_home(x, b->atoms[i + AHEAD].hash)], 1);
        if (!place_atom(b, &b->atoms[i])) return false;
    }
    return true;
}

static int compare_networks(const void *a, const void *b) {
    const struct added_network *x = a, *y = b;
    if (x->address.v4 != y->address.v4) return x->address.v4 ? -1 : 1;
    int bytes = memcmp(x->address.bytes, y->address.bytes, sizeof x->address.bytes);
    if (bytes) return bytes;
    if (x->address.prefix != y->address.prefix) return x->address.prefix < y->address.prefix ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool build_networks(struct detect_builder *b) {
    struct network_slot *slots = malloc((b->network_count + 1) * sizeof *slots);
    uint32_t count = 0;
    if (!slots) return false;
    if (b->network_count) qsort(b->networks, b->network_count, sizeof *b->networks, compare_networks);
    for (uint32_t i = 0; i < b->network_count; i++) {
        const struct address *a = &b->networks[i].address;
        struct network_slot *last = count ? &slots[count - 1] : NULL;
        if (!last || last->v4 != a->v4 || last->prefix != a->prefix || memcmp(last->bytes, a->bytes, 16) != 0) {
            last = &slots[count++];
            *last = (struct network_slot){.prefix = a->prefix, .v4 = a->v4};
            memcpy(last->bytes, a->bytes, sizeof last->bytes);
        }
        if (!push_posting(b, &last->first, b->networks[i].number)) {
            free(slots);
            return false;
        }
    }
    return networks_build(&b->index->networks, slots, count);
}

static char *take_text(struct buf *from, uint64_t *size) {
    char *at = from->at;
    *size = from->len;
    *from = (struct buf){0};
    return at;
}

/* The prefilter and the tables have nothing in common but what they are made from: of many indicators they are made
 * side by side. */
struct filtering {
    struct detect_builder *b;
    bool good;
};

static void *build_filter(void *context) {
    struct filtering *f = context;
    f->good = prefilter_build(&f->b->index->prefilter, f->b->keys, f->b->index->spelling_count);
    return NULL;
}

static bool build_all(struct detect_builder *b) {
    enum { BESIDE_MIN = 50000 /* fewer are done before a thread has started */ };
    struct filtering filtering = {.b = b};
    pthread_t thread;
    bool beside =
        b->index->spelling_count >= BESIDE_MIN && pthread_create(&thread, NULL, build_filter, &filtering) == 0;
    bool good = build_atoms(b) && build_networks(b);
    if (beside)
        pthread_join(thread, NULL);
    else
        build_filter(&filtering);
    return good && filtering.good;
}

enum err detect_builder_finish(struct detect_builder **builder, struct detect_index **out, struct diag *d) {
    struct detect_builder *b = *builder;
    struct detect_index *x = b->index;
    enum err error = ERR_NONE;
    uint64_t plans;
    *out = NULL;
    if (!build_all(b)) error = no_memory(d);
    x->prefilter.networks = &x->networks;
    if (!error) {
        x->values = take_text(&b->values, &x->values_size);
        x->text = take_text(&b->text, &x->text_size);
        x->word_text = take_text(&b->word_text, &x->word_text_size);
        x->plans = (void *)take_text(&b->plans, &plans);
        x->plans_size = plans;
        *out = x;
        b->index = NULL;
    }
    detect_builder_free(builder);
    return error;
}
