/* How the index lies in memory and, the same bytes, in its file. Private to the files index*.c.
 *
 * Everything is an array without pointers; what refers to another array holds an offset or index. An index that was
 * built owns its arrays; one that was opened has them in the mapped file. */
#ifndef RENKEI_DETECT_INDEX_LAYOUT_H
#define RENKEI_DETECT_INDEX_LAYOUT_H

#include "base/buf.h"
#include "detect/index.h"
#include "detect/networks.h"
#include "detect/prefilter.h"

/* An indicator. Read only when it is hit. */
struct indicator_slot {
    uint8_t uuid[16]; /* of an id "indicator--<uuid>"; any other id stands in text */
    time_us valid_from, valid_until;
    uint64_t text; /* offset of a full pattern, then the id << TEXT_LENGTH_BITS | the pattern's length */
    uint32_t plan; /* 0: seeing a value on an object of type `root` suffices; else offset into plans, in words, + 1 */
    uint32_t profile; /* into profiles */
};
enum { TEXT_LENGTH_BITS = 21 };
_Static_assert(PATTERN_LENGTH_MAX < 1 << TEXT_LENGTH_BITS, "a pattern's length must fit");
_Static_assert(sizeof(struct indicator_slot) == 48, "a million of them is the index's largest part");

/* What many indicators have in common. */
struct indicator_profile {
    uint32_t source, names, marking, pattern_type; /* into words */
    uint8_t confidence, revoked, superseded;
    uint8_t root;   /* enum atom_root */
    uint8_t id_len; /* 0: uuid */
    uint8_t spare[3];
};
_Static_assert(sizeof(struct indicator_profile) == 24, "compared as bytes: no padding");

/* A value that indicators name, 16 bytes. The value's bytes are in `values`, normalised. */
struct atom_slot {
    uint32_t tag;   /* upper half of the hash */
    uint32_t value; /* offset */
    uint32_t first; /* 0: the slot is free; with ATOM_SINGLE what stands under it; else a posting */
    uint16_t len;
    uint8_t kind, spare;
};
#define ATOM_SINGLE (UINT32_C(1) << 31)

/* What stands under an atom or network: an indicator, or a watch, which has this bit. */
#define POSTING_WATCH (UINT32_C(1) << 30)
_Static_assert(DETECT_INDICATORS_MAX < 1 << 30 && DETECT_WATCHES_MAX < 1 << 30, "room for the bits above");
struct posting {
    uint32_t number, next; /* next 0 ends the list; posting 0 is not used */
};

struct log_watch {
    uint32_t log, watch; /* log: into words */
};

struct unsupported {
    uint32_t indicator, reason; /* into words */
};

/* A plan: this head, its nodes, its atoms. In words of 4 bytes. */
struct packed_plan {
    uint32_t node_count, atom_count;
};
struct packed_node {
    uint32_t operation, size, atom;
};
struct packed_atom {
    uint8_t kind, root, roles, v4;
    uint16_t port;
    uint8_t prefix, spare;
    uint8_t bytes[16];
    uint32_t value, len; /* in values */
};

/* The arrays, for what treats them all alike: freeing, writing, opening. */
enum index_section {
    INDEX_FILTER, /* struct prefilter itself, its pointers empty */
    INDEX_SLOTS,
    INDEX_PROFILES,
    INDEX_ATOMS,
    INDEX_POSTINGS,
    INDEX_VALUES,
    INDEX_PLANS,
    INDEX_WORD_ENDS,
    INDEX_WORD_TEXT,
    INDEX_UNSUPPORTED,
    INDEX_UNANCHORED,
    INDEX_LOG_WATCHES,
    INDEX_BLOOM,
    INDEX_TAGS,
    INDEX_NETWORKS,
    INDEX_V4_BUCKETS,
    INDEX_V4_STRETCHES,
    INDEX_V6_BUCKETS,
    INDEX_V6_STRETCHES,
    INDEX_TEXT, /* last: full patterns and odd ids; not read when the file is opened */
    INDEX_SECTIONS
};

struct detect_index {
    struct indicator_slot *slots;
    struct indicator_profile *profiles;
    struct atom_slot *atoms; /* open addressing */
    struct posting *postings;
    char *values, *text;
    uint32_t *plans;
    uint32_t *word_ends; /* of the words in word_text, each NUL-terminated; word 0 is empty */
    char *word_text;
    struct unsupported *unsupported;
    uint32_t *unanchored; /* indicators with nothing to look up: evaluated on every event */
    struct log_watch *log_watches;
    struct networks networks;
    struct prefilter prefilter;
    uint32_t count, profile_count, atom_count, atom_capacity, posting_count, word_count, unsupported_count,
        unanchored_count, log_watch_count, atom_watch_count;
    uint64_t spelling_count, values_size, text_size, plans_size, word_text_size;
    void *map; /* the file; NULL when the arrays are owned */
    size_t map_size;
};

static inline struct span index_word(const struct detect_index *x, uint32_t word) {
    uint32_t start = word ? x->word_ends[word - 1] : 0;
    return span_of(x->word_text + start, x->word_ends[word] - start - 1);
}

uint64_t atom_hash(enum atom_kind kind, struct span value);
/* Where the atom with this hash may stand first. */
static inline uint32_t atom_home(const struct detect_index *x, uint64_t hash) {
    return (uint32_t)((hash & UINT32_MAX) * x->atom_capacity >> 32);
}
const struct atom_slot *atom_find(const struct detect_index *index, enum atom_kind kind, struct span value);
struct span atom_address_key(const struct address *a, uint8_t key[18]);
bool indicator_pack_id(struct span id, uint8_t uuid[16]);

/* The plan at `plan` of a slot, in the arena; NULL when memory ran out. */
const struct pattern_plan *index_plan(const struct detect_index *x, uint32_t plan, struct arena *a);
/* Appends a plan to `plans`, its values to `values`. */
bool index_pack_plan(const struct pattern_plan *plan, struct buf *plans, struct buf *values, uint32_t *out);

/* Where an array is, and how many bytes. */
struct index_array {
    void **at;
    uint64_t size;
};
void index_arrays(struct detect_index *x, struct index_array arrays[INDEX_SECTIONS]);

#endif
