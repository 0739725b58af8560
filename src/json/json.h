/* Strict JSON (RFC 8259) over spans: a parse leaves a tape of nodes that point into the source bytes, because
 * hashes, markings and redactions act on the exact bytes received. Refused: duplicate keys, invalid UTF-8, lone
 * surrogates
 * (\ud800), control characters in strings, numbers or nesting beyond the limits, anything after the value.
 *
 * A document is immutable once parsed; any number of threads may read it while its arena and source live. */
#ifndef RENKEI_JSON_JSON_H
#define RENKEI_JSON_JSON_H

#include "base/arena.h"
#include "base/err.h"

enum json_type { JSON_NONE = 0, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum {
    JSON_DEPTH_MAX = 64,        /* deeper than any STIX object; bounds our stack */
    JSON_SIZE_MAX = 0x7fffffff, /* offsets are 32 bits */
    JSON_PATH_SIZE = 192
};

struct json_node {
    uint32_t at, len; /* the value's exact bytes in the source; of a string: between the quotes */
    uint32_t next;    /* index of the node after this value and all it contains */
    uint32_t count;   /* members of an object, elements of an array */
    uint8_t type;     /* enum json_type */
    uint8_t escaped;  /* a string that holds a backslash */
};

struct json_doc {
    struct span source;      /* borrowed */
    struct json_node *nodes; /* in the arena; an object's members are key node, value, key node, value… */
    uint32_t count;
};

/* A value inside a document; type JSON_NONE means "there is no such value", and every accessor accepts it. */
struct json_value {
    const struct json_doc *doc;
    uint32_t index;
};

#define JSON_MISSING ((struct json_value){0})

/* Parses exactly one value. d gets line, column, offset. Nodes are in `a`; source must outlive the document. */
MUST_CHECK enum err json_parse(struct arena *a, struct span source, struct json_doc *out, struct diag *d);

static inline struct json_value json_root(const struct json_doc *doc) {
    return (struct json_value){doc, 0};
}
enum json_type json_type(struct json_value v);
static inline bool json_exists(struct json_value v) {
    return json_type(v) != JSON_NONE;
}
/* The exact bytes of the value in the source, quotes and brackets included. */
struct span json_raw(struct json_value v);
/* Member of an object by (unescaped) key, element of an array: JSON_MISSING if there is none or v is of another type.
 */
struct json_value json_get(struct json_value object, const char *key);
struct json_value json_at(struct json_value array, uint32_t index);
uint32_t json_count(struct json_value v); /* members or elements; 0 for scalars */

/* Iteration: struct json_iter it = json_iter(v); while (json_next(&it)) use it.key (objects), it.value, it.index. */
struct json_iter {
    struct json_value key, value; /* key is a string value; JSON_MISSING in arrays */
    uint32_t index, left, at;
    const struct json_doc *doc;
    bool object;
};
struct json_iter json_iter(struct json_value v);
bool json_next(struct json_iter *it);

/* A string's text. Without escapes it is borrowed from the source, otherwise unescaped into `a`. {NULL,0} for other
 * types and on overflow. Text may contain NUL (from \u0000). */
struct span json_text(struct json_value v, struct arena *a);
/* The string's bytes as spelt, escapes and all, borrowed; {NULL,0} for other types. */
struct span json_spelt(struct json_value v);
/* Whether v is a string that says exactly this text (escapes understood). */
bool json_is(struct json_value v, struct span text);
/* Whole numbers only, within int64: "1", "1.0" and "1e2" are accepted, "1.5" is not. */
bool json_int(struct json_value v, int64_t *out);
bool json_double(struct json_value v, double *out);
bool json_bool(struct json_value v, bool *out);

/* The path of a value from the root, "objects[3].pattern"; "" for the root. Cut to size. Returns text. */
const char *json_path(struct json_value v, char *text, size_t size);

#endif
