/* How the index lies in memory. Private to index.c (reads) and index_build.c (writes). */
#ifndef RENKEI_DETECT_INDEX_LAYOUT_H
#define RENKEI_DETECT_INDEX_LAYOUT_H

#include "base/buf.h"
#include "detect/index.h"
#include "detect/prefilter.h"

/* An indicator: 64 bytes, and its pattern in `text`. */
struct indicator_slot {
    uint8_t uuid[16]; /* of an id "indicator--<uuid>"; any other id stands after the pattern */
    time_us valid_from, valid_until;
    uint64_t text; /* offset of the pattern */
    uint32_t pattern_len;
    uint32_t source, names; /* into words */
    uint32_t plan;          /* 0: seeing a value on an object of type `root` suffices; else index into plans + 1 */
    uint16_t marking, pattern_type; /* into labels */
    uint8_t id_len;                 /* 0: uuid */
    uint8_t confidence, revoked;
    uint8_t root; /* enum atom_root */
};

/* A value that indicators name, 16 bytes. The value's bytes are in `values`, normalised. */
struct atom_slot {
    uint32_t tag;   /* upper half of the hash */
    uint32_t value; /* offset */
    uint32_t first; /* posting; 0: the slot is free */
    uint16_t len;
    uint8_t kind, spare;
};

_Static_assert(sizeof(struct indicator_slot) == 64, "a million of them is the index's largest part");

/* What stands under an atom: an indicator, or a watch, which has this bit. */
#define POSTING_WATCH (UINT32_C(1) << 31)
struct posting {
    uint32_t indicator, next; /* 0 ends the list; posting 0 is not used */
};

struct log_watch {
    uint32_t log, watch; /* log: into words */
};

struct unsupported {
    uint32_t indicator, reason; /* into words */
};

/* Texts, each kept once, NUL-terminated, in the arena; number 0 is the empty one. */
struct word_list {
    struct span *at; /* owned */
    uint32_t count, size;
};

struct detect_index {
    struct indicator_slot *slots;
    uint32_t count;
    struct word_list words;  /* sources, names, reasons */
    struct word_list labels; /* markings, pattern types: few */
    struct atom_slot *atoms; /* open addressing */
    uint64_t atom_mask;
    uint32_t atom_count;
    struct posting *postings;
    uint32_t posting_count;
    struct pattern_plan *plans; /* values normalised; all in the arena */
    uint32_t plan_count;
    struct unsupported *unsupported;
    uint32_t unsupported_count;
    uint32_t *unanchored; /* indicators with nothing to look up: evaluated on every event */
    uint32_t unanchored_count;
    struct log_watch *log_watches;
    uint32_t log_watch_count;
    uint32_t atom_watch_count;
    uint64_t spelling_count;
    uint32_t network_count;
    struct buf text, values;
    struct arena arena;
    struct prefilter prefilter;
};

uint64_t atom_hash(enum atom_kind kind, struct span value);
const struct atom_slot *atom_find(const struct detect_index *index, enum atom_kind kind, struct span value);
struct span atom_address_key(const struct address *a, uint8_t key[18]);
bool indicator_pack_id(struct span id, uint8_t uuid[16]);

#endif
