/* What readers of policy files share: where in the file something stands, how a mistake is told, and the simple values.
 * Private to this room. */
#ifndef RENKEI_POLICY_READING_H
#define RENKEI_POLICY_READING_H

#include "base/map.h"
#include "base/yaml.h"
#include "policy/vocabulary.h"

enum { READING_PATH_SIZE = 128 };

struct reading {
    struct arena *a;
    const struct yaml_places *places;
    struct map clauses; /* clause → 1 */
    struct policy_words_building words;
    const struct span *parties; /* ids that `to` and `sources` may name; NULL: any */
    size_t party_count;
    const struct policy_named_marking *markings; /* names for marking ids */
    size_t marking_count;
    struct diag *d;
};

/* Where in the file: grown and cut back as the checks walk down. */
struct path {
    char text[READING_PATH_SIZE];
};

struct path path_of(const struct path *above, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* ERR_INVALID with the line and column of `where`. */
enum err fault(struct reading *r, const struct path *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum err reading_no_memory(struct reading *r);

/* A text that can be shown: no control characters, none that turn the direction of writing. */
MUST_CHECK enum err reading_text(struct reading *r, const struct path *where, const char *raw, const char *what,
                                 size_t max, struct span *out);
MUST_CHECK enum err reading_truth(struct reading *r, const struct path *where, const char *raw, const char *what,
                                  bool *out);
MUST_CHECK enum err reading_tlp(struct reading *r, const struct path *where, const char *raw, const char *also,
                                int *out);
/* A plain date that ends something ends with its last moment. */
MUST_CHECK enum err reading_time(struct reading *r, const struct path *where, const char *raw, const char *what,
                                 bool end, time_us *out);
/* "30d"; 0 when raw is NULL. */
MUST_CHECK enum err reading_span(struct reading *r, const struct path *where, const char *raw, const char *what,
                                 time_us *out);
MUST_CHECK enum err reading_key(struct reading *r, const struct path *where, const char *raw, uint8_t out[32]);
MUST_CHECK enum err reading_clause(struct reading *r, const struct path *where, const char *raw, struct span *out);
/* Ids of parties, or [all], which gives NULL. */
MUST_CHECK enum err reading_parties(struct reading *r, const struct path *where, char *const *raw, unsigned count,
                                    const struct span **out, size_t *out_count);
/* YAML can spell a NUL ("\0"), C texts end there: what people read and what is checked would differ. */
MUST_CHECK enum err reading_nul_refused(struct span text, struct diag *d);

/* A field of a schema: everything is text, for then every mistake in a value is found here and can be told with its
 * line and with what would be right. */
#define TEXT(key, type, member)                                                                                        \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, CYAML_UNLIMITED)
/* An empty list of conditions would read as "no condition" although it says "nothing": at least one item. */
#define LIST(key, type, member, entry, max)                                                                            \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, entry, 1, max)
/* Of rules, however: an empty list releases nothing, and says so. */
#define LIST_OR_NONE(key, type, member, entry, max)                                                                    \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, entry, 0, max)
#define PART(key, type, member, fields)                                                                                \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, fields)

extern const cyaml_schema_value_t reading_text_schema;

#endif
