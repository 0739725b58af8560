/* Objects in the making: cyber-observables whose properties come in any order, then written as one JSON document with
 * ids and references. Private to observed-data. Lives in an arena; what fails leaves arena->overflow set. */
#ifndef RENKEI_DETECT_OBSERVATION_DRAFT_H
#define RENKEI_DETECT_OBSERVATION_DRAFT_H

#include "base/time.h"
#include "pattern/evaluate.h"

enum { DRAFT_DEPTH_MAX = 5 /* extensions.'http-request-ext'.request_header.'User-Agent' has 3 keys */ };

enum draft_kind { DRAFT_TEXT, DRAFT_RAW /* a number, true or false, as spelt */, DRAFT_REF };

struct draft_property {
    struct draft_property *next;
    struct span keys[DRAFT_DEPTH_MAX];
    uint8_t depth; /* keys used */
    uint8_t kind;  /* enum draft_kind */
    bool list;     /* one of several under these keys */
    bool written;
    struct span text;
    struct draft_object *ref;
};

struct draft_object {
    struct draft_object *next, *same_bucket;
    const char *type;
    struct span value; /* of value objects: the only property that makes the id */
    struct draft_property *first, *last;
    uint32_t properties;
    uint8_t rank;   /* the higher is written later: references go first */
    bool left_out;  /* holds nothing of worth */
    struct span id; /* once written */
};

struct draft {
    struct arena *arena;
    bool folded; /* short ids */
    struct draft_object *first, *last;
    struct draft_object **buckets; /* of value objects */
    uint32_t bucket_count, count;
};

/* values: about how many value objects there will be. */
void draft_begin(struct draft *d, struct arena *a, bool folded, uint32_t values);
/* A new object; NULL when OBSERVATION_OBJECTS_MAX or memory is reached. type is static or in the arena. */
struct draft_object *draft_object(struct draft *d, const char *type, uint8_t rank);
/* The object of that type and value: there is one of each. */
struct draft_object *draft_value(struct draft *d, const char *type, struct span value);

/* Sets a property; the first value stays unless it is a list. Do nothing when the object is NULL or text empty. */
void draft_text(struct draft *d, struct draft_object *o, const char *key, struct span text);
void draft_raw(struct draft *d, struct draft_object *o, const char *key, struct span text);
void draft_time(struct draft *d, struct draft_object *o, const char *key, time_us time);
void draft_ref(struct draft *d, struct draft_object *o, const char *key, struct draft_object *to, bool list);
void draft_set(struct draft *d, struct draft_object *o, const struct span *keys, unsigned depth, enum draft_kind kind,
               bool list, struct span text);
/* A text that is required and may be empty. */
void draft_required(struct draft *d, struct draft_object *o, const struct span *keys, unsigned depth, struct span text);
bool draft_has(const struct draft_object *o, const char *key);

/* Writes all objects that are not left out. */
bool draft_write(struct draft *d, struct pattern_object **objects, uint32_t *count);

/* The same observation, every text in the one spelling. */
MUST_CHECK enum err observation_fold_given(const struct pattern_observation *given, struct arena *a,
                                           struct pattern_observation *out, struct diag *d);

/* What draft_write() writes with: JSON text and its parsed nodes at once. */
struct tape {
    struct arena *arena;
    struct json_doc *doc;
    char *text;
    size_t len, size;
    uint32_t node_size, depth;
    uint32_t open[JSON_DEPTH_MAX];
    bool failed;
};
bool tape_begin(struct tape *t, struct arena *a, size_t size);
void tape_open(struct tape *t, enum json_type type);
void tape_close(struct tape *t);
void tape_key(struct tape *t, struct span key);
void tape_text(struct tape *t, struct span text);
void tape_raw(struct tape *t, enum json_type type, struct span raw);

#endif
