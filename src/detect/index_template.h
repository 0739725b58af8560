/* Templates: the patterns of a feed are the same words around other values. Once one has been read in full, others of
 * its kind need only their value cut out. Private to the index's builder. */
#ifndef RENKEI_DETECT_INDEX_TEMPLATE_H
#define RENKEI_DETECT_INDEX_TEMPLATE_H

#include "pattern/plan.h"

enum { INDEX_TEMPLATES = 16, INDEX_TEMPLATE_SIZE = 96 };

struct index_templates {
    struct index_template {
        char head[INDEX_TEMPLATE_SIZE]; /* up to and with the quote before the value; what follows it is "\']" */
        uint32_t head_len, value_len;   /* value_len: of hashes, whose length is checked; else 0 */
        uint8_t kind, root;
    } at[INDEX_TEMPLATES];
    unsigned count, next;
    unsigned last; /* the one that fitted last */
};

/* From a pattern and the one atom it was compiled to, which needs no plan. Takes it only if the value alone can vary.
 */
void index_template_learn(struct index_templates *t, struct span pattern, const struct pattern_atom *atom);
/* The atom that pattern_compile() would make, its value as written. False: this pattern must be read in full. */
bool index_template_apply(struct index_templates *t, struct span pattern, struct pattern_atom *atom);

#endif
